"""Backups of the senders' outboxes in a soak, and their restoring: P4.

A backup is made while no process has the file open, as docs/bulk.md wants it. Once one is restored, the workers give
all items that were given since, in one list.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from salus.outbox._store import FILL
from tests.support.soak_workload import Setting

KEPT = 3  # backups of a sender: the one that is restored is not always the newest


@dataclass(frozen=True)
class Backup:
    """A copy of an outbox; all items of the chunks before ``first`` are in it."""

    file: Path
    first: int


class Backups:
    """The backups of one sender.

    fills    hashes of what outboxes sent of their own accord and have forgotten: transfers of nothing into a gap
    final    what a file said of items that were final, by key: their block and transaction
    """

    def __init__(self, setting: Setting, sender: str, slots: list[str]):
        self.setting, self.sender, self.slots = setting, sender, slots
        self.file = setting.file(f"{sender}.outbox")
        self.fills: set[str] = set()
        self.final: dict[str, tuple[int, str]] = {}
        self._kept: list[Backup] = []
        self._made = self._restored = 0

    @property
    def is_due(self) -> bool:
        """Whether it is time for a backup: they are made and restored in turn."""
        return self._made <= self._restored

    def make(self) -> None:
        """Copy the file; none of the sender's processes is alive."""
        with closing(sqlite3.connect(self.file)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what a killed process left in the file's companion
        self._made += 1
        copy = self.setting.file(f"{self.sender}.backup.{self._made}")
        shutil.copyfile(self.file, copy)
        self._kept.append(Backup(copy, self._first()))
        for old in self._kept[:-KEPT]:
            old.file.unlink()
        self._kept = self._kept[-KEPT:]

    def restore(self, which: float) -> None:
        """Put a backup in the file's place; none of the sender's processes is alive.

        Args:
            which: 0 for the oldest that is kept, just below 1 for the newest.
        """
        self._restored += 1
        at = int(which * len(self._kept))
        backup, last = self._kept[at], max(self._chunks())
        self.remember()
        for path in (self.file, *(self.file.with_name(self.file.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
        shutil.copyfile(backup.file, self.file)
        self.file.chmod(0o600)
        write_since(self.setting, self.sender, backup.first, last)
        # What is newer than the file in use holds items that this one does not.
        for newer in self._kept[at + 1 :]:
            newer.file.unlink()
        del self._kept[at + 1 :]

    def remember(self) -> None:
        """Note what the file says that holds for ever, whatever becomes of the file."""
        with closing(sqlite3.connect(self.file)) as db:
            final = db.execute("SELECT key, block, mined FROM items WHERE state = 'final' AND name <> ?", (FILL,))
            self.final |= {key: (block, mined) for key, block, mined in final}
            filled = "SELECT a.hash FROM attempts a JOIN items i ON i.id = a.item WHERE i.name = ?"
            self.fills |= {hash_ for (hash_,) in db.execute(filled, (FILL,))}

    def _chunks(self) -> list[int]:
        """The chunk at which each of the sender's processes is."""
        hints = {slot: self.setting.file(f"{slot}.chunk") for slot in self.slots}
        return [int(hint.read_text()) if hint.exists() else int(slot[-1]) for slot, hint in hints.items()]

    def _first(self) -> int:
        since = read_since(self.setting, self.sender)
        return min([*self._chunks(), *since])


def write_since(setting: Setting, sender: str, first: int, last: int) -> None:
    """Tell the workers which chunks are to be given again, both included."""
    setting.file(f"{sender}.since").write_text(json.dumps([first, last]))


def read_since(setting: Setting, sender: str) -> list[int]:
    """The first and the last chunk that are to be given again; nothing where none are."""
    file = setting.file(f"{sender}.since")
    return json.loads(file.read_text()) if file.exists() else []
