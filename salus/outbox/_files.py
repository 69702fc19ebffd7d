"""The outbox's files: readable by their owner alone, never through a link."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from salus.chain.nonces import outbox_folder
from salus.errors import BadInput
from salus.keys.keystores import private_folder
from salus.keys.private_file import distrust

__all__ = ["default_file", "expect_in_place", "open_private", "place_of"]


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


def place_of(path: Path) -> tuple[int, int] | None:
    """Which file a path names now, by device and inode; None where there is none."""
    try:
        status = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def expect_in_place(path: Path, opened: tuple[int, int] | None) -> None:
    """Check that a path still names the file that was opened.

    Raises:
        BadInput: The file was deleted, or another one is in its place.
    """
    if place_of(path) != opened:
        raise BadInput(
            path,
            "",
            "was deleted or replaced while it was open; nothing more is signed. Put the file back, or open the outbox"
            " again: what its key has sent meanwhile is read from the chain",
        )
