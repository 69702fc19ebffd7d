"""The nonces of an account on this host: one lock for all that sign with it, and what they tell each other.

Every transaction is signed under its key's lock: those of :meth:`salus.Salus.send`, of every outbox, thread and
process of this user. The lock is a file below ``$SALUS_HOME/outbox``, one for each chain and account. The file also
holds the last nonce that was given out, because a node may count it some moments late, and a journal of who was given
which nonce, so that an outbox can tell what was sent beside it from what its own file has forgotten.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from salus.errors import BadInput, Unreachable
from salus.keys.keystores import private_folder
from salus.keys.wallet import default_home

__all__ = ["PLAIN", "Given", "Giver", "key_lock", "outbox_folder", "settled_next"]

_FRESH = 30  # seconds; above the time for what is on its way when the lock is given on
_HEAD = 128  # bytes of the last nonce; the journal follows
_LATELY = 1_000  # entries of the journal: nonces only rise, and those that are not in a block yet are the last
_ENTRY = struct.Struct("<QQ8s8s")  # first nonce, how many, and who was given them
# Seconds within which a node, or one of several behind one address, knows what it was sent; on this machine fewer.
_LATE, _LATE_NEAR = 5.0, 0.1
_SENDING, _SENDING_NEAR = 30.0, 5.0  # the same for what may still be on its way to the node
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Giver:
    """Who is given nonces.

    Attributes:
        file: 8 bytes that tell one outbox's file from another by its place; zeros for what no outbox sends.
        mark: 8 bytes that were drawn when the file was made; zeros likewise.
    """

    file: bytes = bytes(8)
    mark: bytes = bytes(8)

    def may_be(self, other: Giver) -> bool:
        """Whether both may be one outbox: a copy of its file elsewhere, or another file in its place.

        Args:
            other: Another outbox.
        """
        return self != PLAIN and other != PLAIN and (self.file == other.file or self.mark == other.mark)


#: What is sent without an outbox.
PLAIN = Giver()


def outbox_folder() -> Path:
    """Where outboxes lie unless told otherwise: ``$SALUS_HOME/outbox``, one for each chain and account.

    A chain is told by its id and its first block: a local chain that was started again is another one.
    """
    return default_home() / "outbox"


class Given:
    """What the holders of a key's lock tell each other.

    Args:
        handle: Of the lock's file.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._head = os.pread(handle, _HEAD, 0).decode("ascii", "replace").split()

    @property
    def next(self) -> int:
        """The next nonce as the last holder of the lock left it; 0 where none was left in the last half minute: a node
        that still counts less will not by waiting.
        """
        if len(self._head) < 2:
            return 0
        nonce, at = self._head[:2]
        fresh = at.isdigit() and 0 <= time.time() - int(at) < _FRESH
        return int(nonce) if fresh and nonce.isdigit() else 0

    @property
    def last(self) -> str:
        """The hash of the transaction with the nonce before; empty where it was not left."""
        return self._head[2] if len(self._head) > 2 else ""

    @property
    def sending(self) -> bool:
        """Whether the holder before let the lock go while that transaction was on its way to a node."""
        return len(self._head) < 4 or self._head[3] != "sent"

    def note(self, nonce: int, last: str = "", *, sent: bool = False) -> None:
        """Leave the next nonce, the hash of the transaction with the one before, and whether a node has it.

        Args:
            nonce: The next nonce.
            last: The hash of the transaction with the one before.
            sent: Whether a node may have that.
        """
        self._head = [
            str(nonce),
            str(int(time.time())),
            *([last] if last else []),
            *(["sent"] if last and sent else []),
        ]
        os.pwrite(self._handle, " ".join(self._head).ljust(_HEAD).encode(), 0)

    def give(self, first: int, count: int, giver: Giver) -> None:
        """Write into the journal that nonces were given out.

        Args:
            first: The first nonce.
            count: How many.
            giver: Which outbox gave them.
        """
        end = max(os.fstat(self._handle).st_size, _HEAD)
        # What a crash may have left of the entry before is written over.
        end -= (end - _HEAD) % _ENTRY.size
        os.pwrite(self._handle, _ENTRY.pack(first, count, giver.file, giver.mark), end)

    def givers(self, first: int, end: int) -> dict[int, Giver]:
        """Who was given the nonces from one on and below another last, as far as the journal tells.

        Args:
            first: The first nonce.
            end: The nonce after the last.
        """
        found: dict[int, Giver] = {}
        for start, count, giver in self._journal() if first < end else ():
            found |= dict.fromkeys(range(max(start, first), min(start + count, end)), giver)
        return found

    def end_for(self, giver: Giver) -> int:
        """The nonce after the highest that was given to an outbox lately, by the journal; 0 where none was.

        Args:
            giver: The outbox.
        """
        return max((start + count for start, count, who in self._journal(_LATELY) if who.may_be(giver)), default=0)

    def is_given_elsewhere(self, nonce: int, giver: Giver) -> bool:
        """Whether the journal tells of anyone else who was given a nonce.

        Args:
            nonce: The nonce.
            giver: The outbox.
        """
        return any(start <= nonce < start + n and not who.may_be(giver) for start, n, who in self._journal())

    def _journal(self, last: int | None = None) -> Iterator[tuple[int, int, Giver]]:
        """The entries, oldest first, as first nonce, how many, and who was given them; the last so many, None for
        all.
        """
        entries = max(os.fstat(self._handle).st_size - _HEAD, 0) // _ENTRY.size
        skipped = 0 if last is None else max(entries - last, 0)
        journal = os.pread(self._handle, (entries - skipped) * _ENTRY.size, _HEAD + skipped * _ENTRY.size)
        for start, count, file, mark in _ENTRY.iter_unpack(journal):
            yield start, count, Giver(file, mark)


def settled_next(given: Given, counted: Callable[[], int], knows: Callable[[str], bool], *, near: bool) -> int:
    """The next nonce: what a node counts, or the next after the last one given out where the node counts that late.

    Where the node does not know the last transaction within some seconds, the node has lost it, or was set back to an
    earlier block: then what it counts holds.

    Args:
        given: What the lock's holders tell each other.
        counted: Asks how many transactions the account has, with those that wait for a block.
        knows: Asks whether a node knows a transaction, by its hash.
        near: Whether the node is on this machine, where it is behind for moments only.
    """
    longest, longest_near = (_SENDING, _SENDING_NEAR) if given.sending else (_LATE, _LATE_NEAR)
    end = time.monotonic() + (longest_near if near else longest)
    while (count := counted()) < given.next:
        if given.last and knows(given.last):
            return given.next
        if time.monotonic() > end:
            return count
        time.sleep(_PAUSE)
    return count


@contextlib.contextmanager
def key_lock(chain_id: int, genesis: str, account: str, patience: float) -> Iterator[Given]:
    """Hold an account's nonces on a chain; any other thread or process of this user that wants to sign waits.

    The lock goes with the process, however it ends.

    Args:
        chain_id: The chain's id.
        genesis: The hash of its first block, 0x-hex.
        account: The account.
        patience: Seconds to wait for another holder.

    Returns:
        What the lock's holders tell each other.

    Raises:
        Unreachable: Another process or thread holds it for longer.
        BadInput: The file cannot be opened.
    """
    path = private_folder(outbox_folder()) / f"{chain_id}-{genesis[2:10]}-{account.lower()}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        fix = "is a link; remove it" if trouble.errno == errno.ELOOP else f"cannot be opened: {trouble.strerror}"
        raise BadInput(path, "", fix) from None
    try:
        end, pause = time.monotonic() + patience, 0.001
        while True:
            try:
                # A lock of this opening of the file: threads of one process exclude each other too.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Unreachable(
                        f"another process has been sending with {account} for {patience:g} s; let it end, or end it"
                    ) from None
                time.sleep(pause)
                pause = min(pause * 1.5, 0.05)
        yield Given(handle)
    finally:
        os.close(handle)
