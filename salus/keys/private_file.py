"""Files that are trusted: of this user, written by nobody else, and regular files.

Keystores, password files, outboxes and indexes are all judged by :func:`distrust`, each caller with its own exception.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["READ", "WRITE", "distrust", "no_core_dumps"]

#: What others must not be able to do with a file: write to it, or read it too.
WRITE, READ = 0o022, 0o077


def distrust(path: Path, status: os.stat_result, *, others: int = READ) -> str:
    """Why a file is not trusted, with what to do; "" where it is.

    Args:
        path: The file, for the message.
        status: Its status: of the opened file where it is opened once, so that it cannot be exchanged in between.
        others: The bits of its mode that must not be set, :data:`READ` or :data:`WRITE`.
    """
    if not stat.S_ISREG(status.st_mode):
        return "is no regular file"
    if status.st_uid != os.geteuid():
        return "belongs to another user"
    mode = stat.S_IMODE(status.st_mode) & others
    if mode & WRITE:
        return f"can be written by others; run: chmod 600 {path}"
    return f"can be read by others; run: chmod 600 {path}" if mode else ""


def no_core_dumps() -> None:
    """Keep the memory of this process off the disk should it crash, from the moment on in which it holds a key."""
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
