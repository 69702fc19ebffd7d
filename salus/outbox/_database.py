"""An outbox's file as a database: how it is opened, its transactions, and the facts about the outbox."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from salus.chain.nonces import Giver
from salus.errors import BadInput, Unreachable, one_line
from salus.outbox._files import open_private, place_of
from salus.outbox._schema import prepare

__all__ = ["Database"]


class Database:
    """The file. Any number of threads may use it, and any number of processes may have it open.

    Args:
        path: The file; made when it is not there.
        make: False to open only what is there.
        patience: Seconds to wait while another process writes to it.

    Attributes:
        giver: How this outbox is named in its key's journal.

    Raises:
        BadInput: Readable by others, a link, damaged, of a later version, or it cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], *, make: bool = True, patience: float = 30) -> None:
        self.path, self._patience = Path(path), patience
        self._threads = threading.RLock()
        if not make and not self.path.exists():
            raise BadInput(path, "", "is not there; nothing was sent through it")
        open_private(self.path)
        self._place = place_of(self.path)
        with self._readable():
            self._db = sqlite3.connect(self.path, timeout=patience, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise
        if self.fact("mark") is None:
            self.write_facts(mark=secrets.token_hex(8))
        place = hashlib.blake2b(os.fsencode(self.path.resolve()), digest_size=8).digest()
        self.giver = Giver(place, bytes.fromhex(self.fact("mark") or ""))

    def _prepare(self) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000)}")
        self._write_ahead()
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA synchronous = NORMAL")
        with self._transaction():
            prepare(self._db, self.path)
        found = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise BadInput(self.path, "", "is damaged; restore it from a backup before anything is sent with its key")

    def _write_ahead(self) -> None:
        """Set the journal's mode: the one statement for which SQLite does not wait while another process has the
        file.
        """
        end = time.monotonic() + self._patience
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as trouble:
                if "locked" not in str(trouble) or time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """SQLite's errors as ours; one thread at a time."""
        try:
            with self._threads:
                yield
        except sqlite3.DatabaseError as trouble:
            said = str(trouble)
            if "not a database" in said or "malformed" in said:
                fix = "is no outbox, or was damaged; restore it from a backup, or name another file"
                raise BadInput(self.path, "", fix) from None
            if "locked" in said:
                raise Unreachable(
                    f"another process has been writing to {self.path} for {self._patience:g} s; let it end, or end it"
                ) from None
            raise BadInput(self.path, "", f"cannot be used: {one_line(said)}") from None

    @contextlib.contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[None]:
        """All or nothing; with ``durable`` it is on the disk afterwards, as is all from before."""
        with self._readable():
            if durable:
                self._db.execute("PRAGMA synchronous = FULL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            finally:
                if durable:
                    self._db.execute("PRAGMA synchronous = NORMAL")

    # -------------------------------------------------------------------------------------------------- what it is

    def fact(self, name: str) -> str | None:
        """A fact about the outbox: ``chain``, ``account`` or ``genesis``; None where it is not written yet.

        Args:
            name: Its name.
        """
        with self._readable():
            row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str | None) -> None:
        """Write a fact in place of what is there; None forgets it.

        Args:
            name: Its name.
            value: What is written.
        """
        with self._transaction(durable=True):
            self._db.execute("DELETE FROM about WHERE name = ?", (name,))
            if value is not None:
                self._db.execute("INSERT INTO about VALUES (?, ?)", (name, value))

    def write_facts(self, **facts: object) -> None:
        """Write facts that are not there yet."""
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", [(n, str(v)) for n, v in facts.items()])
