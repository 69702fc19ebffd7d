"""The tables of the index, the same in SQLite and in PostgreSQL, and how they are opened.

What a log holds is kept as the node gave it, as bytes: a ``uint256`` is a word of 32 bytes in it, so no number
overflows a column and no text has to be valid. It is decoded where it is read.

==============  ======================================================================================================
``contracts``   what is indexed: name, address, first block, hash of its ABI
``blocks``      the headers of the last blocks (as many as the window says), and of every block that has a row below
``events``      the logs that fit the ABI; key (block_hash, log_index)
``quarantine``  the logs that do not, with the reason; the same key
``cursor``      one row: the chain, the window, and the block up to which all the others speak
``diary``       what happened to the index itself (blocks taken back); no part of what two indexes of one chain share
==============  ======================================================================================================
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, QueuePool

from salus.errors import BadInput, IndexTrouble
from salus.errors.extras import needs
from salus.keys.private_file import WRITE, distrust

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Engine

    from salus.index._address import IndexAddress

__all__ = [
    "SCHEMA",
    "SHARED",
    "blocks",
    "contracts",
    "create",
    "cursor",
    "diary",
    "drop",
    "events",
    "open_engine",
    "quarantine",
    "secure",
]

#: Version of the tables; an index of another version is built anew.
SCHEMA = 1

_metadata = MetaData()

contracts = Table(
    "contracts",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("address", LargeBinary(20), nullable=False),
    Column("first_block", BigInteger, nullable=False),
    Column("abi_hash", LargeBinary(32), nullable=False),
)

blocks = Table(
    "blocks",
    _metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("parent", LargeBinary(32), nullable=False),
    Column("time", BigInteger, nullable=False),
)


def _log_columns() -> list[Any]:
    return [
        Column("block_hash", LargeBinary(32), nullable=False),
        Column("log_index", Integer, nullable=False),
        Column("block", BigInteger, nullable=False),
        Column("tx", LargeBinary(32), nullable=False),
        Column("contract", String(64), nullable=False),
        # Topics are columns so that a search can use an index; more than four a log cannot have.
        Column("topic0", LargeBinary(32)),
        Column("topic1", LargeBinary(32)),
        Column("topic2", LargeBinary(32)),
        Column("topic3", LargeBinary(32)),
        Column("data", LargeBinary, nullable=False),
    ]


events = Table(
    "events",
    _metadata,
    *_log_columns(),
    PrimaryKeyConstraint("block_hash", "log_index"),
    ForeignKeyConstraint(["block_hash"], ["blocks.hash"]),
    Index("events_place", "block", "log_index"),
    Index("events_topic1", "topic0", "topic1"),
    Index("events_topic2", "topic0", "topic2"),
    Index("events_topic3", "topic0", "topic3"),
)

quarantine = Table(
    "quarantine",
    _metadata,
    *_log_columns(),
    Column("reason", String(200), nullable=False),
    PrimaryKeyConstraint("block_hash", "log_index"),
    ForeignKeyConstraint(["block_hash"], ["blocks.hash"]),
    Index("quarantine_place", "block", "log_index"),
)

cursor = Table(
    "cursor",
    _metadata,
    # Always 1, so that there is never a second row.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("keeps", Integer, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
)

diary = Table(
    "diary",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("what", String(32), nullable=False),
    Column("ancestor", BigInteger, nullable=False),
    Column("blocks", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
)

#: The tables that are equal in any two indexes of one chain at one block, in the order in which rows may be put in.
SHARED = (contracts, blocks, events, quarantine, cursor)


def create(engine: Engine) -> None:
    """Make the tables that are not there."""
    _metadata.create_all(engine)


def drop(engine: Engine) -> None:
    """Remove the tables and what is in them."""
    _metadata.drop_all(engine)


# ------------------------------------------------------------------------------------------------------------ opening


def open_engine(where: IndexAddress, *, writer: bool = False) -> Engine:
    """Open the database of an index.

    Args:
        where: A file, for SQLite; or a PostgreSQL database, ``postgresql://user@host/name``.
        writer: Make the file where it is not there, readable by its owner alone; and keep the connection, which a
            reader gives back at once.

    Raises:
        BadInput: Neither.
        IndexTrouble: The file is not there, or is none that this program may trust.
    """
    if (path := where.file) is None:
        pool = {} if writer else {"poolclass": NullPool}
        # Statements go into errors without their values.
        return create_engine(_postgres(where), isolation_level="REPEATABLE READ", hide_parameters=True, **pool)
    secure(path, writer)
    # Absolute, and as a path of the system: SQLAlchemy would take a `?` in a name for the start of options.
    kind = QueuePool if writer else NullPool
    engine = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=kind)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres(where: IndexAddress) -> URL:
    try:
        url = make_url(where.secret)
        if url.get_backend_name() != "postgresql":
            raise BadInput("--events", str(where), "must be a file, or postgresql://user@host/name")
        url = url.set(drivername="postgresql+psycopg")
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise BadInput(
            "--events", str(where), "is no URL; write a file's name, or postgresql://user@host/name"
        ) from None
    except ImportError:
        raise BadInput("--events", str(where), needs("psycopg", "postgres")) from None
    return url


def secure(path: Path, create_file: bool) -> None:
    """Make sure of a file that it is this user's and nobody else writes to it; others may not read it from then on.

    SQLite gives its companions the same rights, and would use ones that another user has prepared.

    Raises:
        IndexTrouble: It is not to be trusted, or not there.
    """
    try:
        if create_file:
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
            except FileExistsError:
                pass
        found = os.lstat(path)
        _expect_trusted(path, found)
        if stat.S_IMODE(found.st_mode) != 0o600:
            os.chmod(path, 0o600)
        for companion in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            with contextlib.suppress(FileNotFoundError):
                _expect_trusted(companion, os.lstat(companion))
    except OSError as trouble:
        hint = "make it with `salus index sync`" if isinstance(trouble, FileNotFoundError) else "name another file"
        raise IndexTrouble(f"the index {path} cannot be used ({trouble.strerror}); {hint}") from None


def _expect_trusted(path: Path, found: os.stat_result) -> None:
    """What another user has written is no index: it could tell that nothing was ever revoked."""
    if why := distrust(path, found, others=WRITE):
        hint = "" if "chmod" in why else "; name another one for the index"
        raise IndexTrouble(
            f"{path} {why}{hint}" + ("; what was written to it is found by `salus index audit`" if not hint else "")
        )


def _connect(path: Path) -> Any:
    import sqlite3

    secure(path, False)  # each time: a reader opens it for every question
    connection = sqlite3.connect(path.absolute(), timeout=10, isolation_level=None, check_same_thread=False)
    for pragma in (
        "busy_timeout=10000",
        "foreign_keys=ON",
        "journal_mode=WAL",
        # A killed program loses nothing with this; a power cut may lose the last blocks, and the next sync reads them
        # again.
        "synchronous=NORMAL",
        "cache_size=-16384",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _begin(connection: Any) -> None:
    # Python's driver would begin only at the first change: then two reads of one answer could see two states.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
