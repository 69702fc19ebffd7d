"""One writer of an index at a time; the system frees the place when the writer ends, however it does."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from salus.errors import IndexTrouble

if TYPE_CHECKING:
    from sqlalchemy import TextClause

    from salus.index._store import Store

__all__ = ["writer"]

# PostgreSQL's advisory locks are pairs of numbers: this one is of "salu" in ASCII, and of the schema that the tables
# are in.
_NUMBER = int.from_bytes(b"salu")


def _statement(function: str) -> TextClause:
    return text(f"SELECT {function}(:number, hashtext(current_schema()))").bindparams(number=_NUMBER)


@contextlib.contextmanager
def writer(store: Store) -> Iterator[None]:
    """Be the only one who writes an index.

    Raises:
        IndexTrouble: Somebody else is.
    """
    taken = IndexTrouble(
        f"the index {store.display_name} is being written by another program (perhaps `salus index sync --follow`);"
        " one is enough, or name another --events"
    )
    file = store.file
    if file is None:
        # An advisory lock is its session's: it goes with the connection, should this program die.
        with store.session() as connection:
            if not connection.execute(_statement("pg_try_advisory_lock")).scalar_one():
                raise taken
            connection.commit()
            try:
                yield
            finally:
                with contextlib.suppress(DBAPIError):  # where the connection is gone, so is the lock
                    connection.execute(_statement("pg_advisory_unlock"))
                    connection.commit()
        return
    # Beside the file and never removed: who removes a lock file may remove the one that another has just taken.
    path = f"{file}.lock"
    try:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as trouble:
        raise IndexTrouble(f"{path} cannot be written ({trouble.strerror}); name another --events") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise taken from None
        yield
    finally:
        os.close(handle)
