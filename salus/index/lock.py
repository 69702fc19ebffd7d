"""One writer of an index at a time; the system frees the place when the writer ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import text

from ..errors import IndexTrouble

if TYPE_CHECKING:
    from .store import Store

__all__ = ["writer"]

# PostgreSQL's advisory locks are numbers: this one is "salus" in ASCII.
_NUMBER = int.from_bytes(b"salus")


@contextlib.contextmanager
def writer(store: Store) -> Iterator[None]:
    """Be the only one who writes an index.

    Raises:
        IndexTrouble: Somebody else is.
    """
    taken = IndexTrouble(
        f"the index {store.shown} is being written by another program (perhaps `salus index sync --follow`);"
        " one is enough, or name another --index"
    )
    file = store.file
    if file is None:
        with store.reading() as connection:
            # Held by this connection until it is closed; other schemas of one database do not mind each other.
            key = text("SELECT pg_try_advisory_lock(:n, hashtext(current_schema()))").bindparams(n=_NUMBER & 0x7FFFFFFF)
            if not connection.execute(key).scalar_one():
                raise taken
            connection.commit()
            yield
            connection.invalidate()  # ends the session, and with it the lock
        return
    # Beside the file and never removed: who removes a lock file may remove the one that another has just taken.
    path = f"{file}.lock"
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise IndexTrouble(f"{path} cannot be written ({trouble.strerror}); name another --index") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise taken from None
        yield
    finally:
        os.close(handle)
