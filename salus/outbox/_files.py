"""The outbox's files: readable by their owner alone, never through a link; and the lock of a key."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from salus.errors import BadInput, Unreachable
from salus.keys.keystores import private_folder
from salus.keys.private_file import distrust
from salus.keys.wallet import default_home

__all__ = ["default_file", "key_lock", "open_private", "outbox_folder"]

_FRESH = 30  # seconds; above the time for what is on its way when the lock is given on


def outbox_folder() -> Path:
    """Where outboxes lie unless told otherwise: ``$SALUS_HOME/outbox``, one for each chain and account.

    A chain is told by its id and its first block: a local chain that was started anew is another one.
    """
    return default_home() / "outbox"


def default_file(chain_id: int, genesis: str, account: str) -> Path:
    """The outbox of an account on a chain; its folder is made."""
    return private_folder(outbox_folder()) / f"{chain_id}-{genesis[2:10]}-{account.lower()}.sqlite"


def open_private(path: Path) -> None:
    """Make a file that only its owner can read, or see that the one there is such a file.

    Raises:
        BadInput: A link, no file, readable by others, or it cannot be made; what is there is left as it is.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        # The mode holds whatever the umask is: it can only take away.
        handle = os.open(path, flags, 0o600)
    except OSError as trouble:
        if trouble.errno == errno.ELOOP:
            raise BadInput(path, "", "is a link; name the file itself") from None
        raise BadInput(path, "", f"cannot be opened: {trouble.strerror}; name another --outbox") from None
    try:
        _expect_own(path, os.fstat(handle))
    finally:
        os.close(handle)
    # SQLite gives its two companions the mode of the file; ones that were prepared by somebody else it would use.
    for companion in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with contextlib.suppress(FileNotFoundError):
            _expect_own(companion, companion.lstat())


def _expect_own(path: Path, status: os.stat_result) -> None:
    if why := distrust(path, status):
        raise BadInput(path, "", why if "chmod" in why else f"{why}; name another --outbox")


class Given:
    """The next nonce as the last holder of the lock left it: a hint, for what a node counts some moments late.

    Args:
        handle: Of the lock's file.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @property
    def next(self) -> int:
        """The hint; 0 where there is none of the last half minute: a node that still counts less will not by
        waiting.
        """
        nonce, _, at = os.pread(self._handle, 64, 0).decode("ascii", "replace").strip().partition(" ")
        fresh = at.isdigit() and 0 <= time.time() - int(at) < _FRESH
        return int(nonce) if fresh and nonce.isdigit() else 0

    def note(self, nonce: int) -> None:
        """Leave a hint."""
        os.pwrite(self._handle, f"{nonce} {int(time.time())}".ljust(64).encode(), 0)


@contextlib.contextmanager
def key_lock(chain_id: int, genesis: str, account: str, patience: float) -> Iterator[Given]:
    """Hold an account's nonces on a chain for this process; whoever else wants to give one away waits.

    The lock goes with the process, however it ends.

    Args:
        patience: Seconds to wait for another process.

    Returns:
        What the lock's holders tell each other.

    Raises:
        Unreachable: Another process holds it for longer.
    """
    path = private_folder(outbox_folder()) / f"{chain_id}-{genesis[2:10]}-{account.lower()}.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise BadInput(path, "", f"cannot be opened: {trouble.strerror}") from None
    try:
        end, pause = time.monotonic() + patience, 0.001
        while True:
            try:
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
