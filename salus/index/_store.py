"""The database of an index: reading it, and the two ways in which it changes: blocks are added, or taken back.

Each change is one transaction with the cursor in it, so that a program killed at any moment leaves the index as it was
before the change or as it is after it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from salus.errors import IndexTrouble, IndexUnreachable, one_line
from salus.index import _tables as t
from salus.index._address import IndexAddress

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.engine import Connection

    from salus.chain.book import Book

__all__ = ["Cursor", "Header", "Store", "subjects"]

#: How many blocks back a change of the chain is followed, unless an index is made with another number.
WINDOW = 256


@dataclass(frozen=True, slots=True)
class Header:
    """A block as far as the index keeps it.

    Attributes:
        number: Its number.
        hash: 32 bytes.
        parent: The hash of the block before.
        time: Unix seconds.
    """

    number: int
    hash: bytes
    parent: bytes
    time: int


@dataclass(frozen=True)
class Cursor:
    """Up to which block an index holds the chain.

    Attributes:
        chain_id: The chain.
        window: How many headers are kept.
        block: The last block that is in the index.
        hash: Its hash.
    """

    chain_id: int
    window: int
    block: int
    hash: bytes


@cache
def _abi_hash(name: str) -> bytes:
    from salus.abi.decoding import load_abi
    from salus.chain.book import abi_hash

    return bytes.fromhex(abi_hash(load_abi(name))[2:])


def subjects(book: Book) -> list[dict[str, Any]]:
    """The contracts of a book that an index covers: those that this client has an ABI for.

    Returns:
        For each, sorted by name, its row of the table ``contracts``.
    """
    from salus.abi.decoding import abi_names

    known = abi_names()
    return [
        {
            "name": entry.name,
            "address": bytes.fromhex(entry.address[2:]),
            "first_block": entry.block,
            "abi_hash": _abi_hash(entry.name),
        }
        for entry in sorted(book.contracts.values(), key=lambda entry: entry.name)
        if entry.name in known
    ]


class Store:
    """An index's database.

    Args:
        where: A file for SQLite, or the URL of a PostgreSQL database.
        writer: It is to be written: make the file where it is not there, and keep the connection.

    Raises:
        BadInput, IndexTrouble: It cannot be opened.
    """

    def __init__(self, where: str | os.PathLike[str], *, writer: bool = False) -> None:
        self.where = IndexAddress(where)
        self._engine = t.open_engine(self.where, writer=writer)
        self._writing = self._engine.execution_options(writes=True)

    @property
    def display_name(self) -> str:
        """Where it is, for messages: the file, or the URL without a password."""
        return str(self.where)

    @property
    def file(self) -> Path | None:
        """Its file; None where it is on a server."""
        return self.where.file

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, whatever a writer does meanwhile.

        Raises:
            IndexTrouble: The database cannot be read, within the block too.
        """
        with self._gate(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection of its own, for what lasts longer than a transaction.

        Raises:
            IndexTrouble: The database cannot be used, within the block too.
        """
        with self._gate(), self._engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _change(self) -> Iterator[Connection]:
        with self._gate(), self._writing.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _gate(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as trouble:
            words = one_line(trouble.orig)
            if self.file is None and (why := _server_trouble(trouble, words, self.where)):
                raise why from None
            if "no such table" in words or "does not exist" in words:
                words = "it was never filled; run `salus index sync`"
            elif "disk" in words or "full" in words:
                words += "; make room, then run `salus index sync` again: nothing that was in it is lost"
            elif "malformed" in words or "not a database" in words:
                words += "; build it anew with `salus index rebuild`"
            raise IndexTrouble(f"the index {self.display_name}: {words}") from None
        except (SQLAlchemyError, OSError) as trouble:
            raise IndexTrouble(f"the index {self.display_name}: {one_line(trouble)}") from None

    # ----------------------------------------------------------------------------------------------------------- life

    def begin(self, book: Book, base: Header, window: int) -> None:
        """Fill an empty database with what an index starts from.

        Args:
            book: The contracts that it will cover.
            base: The block before the first that is read.
            window: How many headers to keep.

        Raises:
            IndexTrouble: The database cannot be written.
        """
        with self._gate():
            t.create(self._engine)
        with self._change() as connection:
            connection.execute(insert(t.contracts), subjects(book))
            connection.execute(insert(t.blocks), [_row(base)])
            first = {"id": 1, "version": t.SCHEMA, "chain_id": book.chain_id, "keeps": window}
            connection.execute(insert(t.cursor), {**first, "block": base.number, "hash": base.hash})

    def clear(self) -> None:
        """Remove everything, for an index that is rebuilt; a file that is damaged is replaced.

        Raises:
            IndexTrouble: The database cannot be written.
        """
        try:
            with self._gate():
                t.drop(self._engine)
        except IndexTrouble:
            if self.file is None:
                raise
            # A file that is damaged, or no database at all.
            self._engine.dispose()
            with self._gate():
                for path in (f"{self.file}-wal", f"{self.file}-shm", self.file):
                    Path(path).unlink(missing_ok=True)
            t.secure(self.file, True)

    def cursor(self, connection: Connection | None = None) -> Cursor | None:
        """Up to which block the index holds the chain; None where it was never filled.

        Args:
            connection: What is read through; None for a connection of its own.

        Raises:
            IndexTrouble: It cannot be read, or is of another version of this program.
        """
        if connection is None:
            with self.reading() as own:
                return self.cursor(own)
        # Asked by name: a database that another program made must not be taken for an index.
        dialect = connection.dialect
        if not dialect.has_table(connection, "cursor"):
            return None
        row = connection.execute(select(t.cursor)).one_or_none()
        if row is None:
            return None
        if row.version != t.SCHEMA:
            raise IndexTrouble(
                f"the index {self.display_name} is of another version of this program;"
                " build it anew with `salus index rebuild`"
            )
        return Cursor(row.chain_id, row.keeps, row.block, bytes(row.hash))

    def misfit(self, book: Book, connection: Connection | None = None) -> str:
        """Why the index is not one of a book; "" when it is.

        Args:
            book: The book.
            connection: What is read through; None for a connection of its own.

        Raises:
            IndexTrouble: The index cannot be read.
        """
        if connection is None:
            with self.reading() as own:
                return self.misfit(book, own)
        found = self.cursor(connection)
        if found is None:
            return "it was never filled"
        if found.chain_id != book.chain_id:
            return f"it is of chain {found.chain_id}, the book of {book.chain_id}"
        there = {row["name"]: _plain(row) for row in connection.execute(select(t.contracts)).mappings()}
        wanted = {row["name"]: row for row in subjects(book)}
        for name in sorted(there.keys() | wanted.keys()):
            if name not in there:
                return f"{name} is not in it"
            if name not in wanted:
                return f"{name} is in it and not in the book"
            if there[name] != wanted[name]:
                return f"{name} was another one when it was begun"
        return ""

    # --------------------------------------------------------------------------------------------------------- reading

    def headers(self, connection: Connection, above: int) -> list[Header]:
        """The kept headers with a number above ``above``, the newest first."""
        query = select(t.blocks).where(t.blocks.c.number > above).order_by(t.blocks.c.number.desc())
        return [Header(r.number, bytes(r.hash), bytes(r.parent), r.time) for r in connection.execute(query)]

    def find(
        self,
        connection: Connection,
        contract: str,
        topics: Sequence[bytes | None],
        since: int,
        *,
        after: tuple[int, int] | None = None,
        most: int | None = None,
    ) -> list[Any]:
        """Logs of a contract by their topics, oldest first.

        Args:
            connection: What is read through.
            contract: The contract's name.
            topics: What the topics must be, None for any; the first is the event.
            since: The number of the first block.
            after: Only those behind this place, a block's number and a place in it.
            most: Only so many.

        Returns:
            Rows of ``events``: block, log_index, tx, topic0 to topic3, data.
        """
        c = t.events.c
        wanted = [c.contract == contract, c.block >= since]
        wanted += [
            column == topic
            for column, topic in zip((c.topic0, c.topic1, c.topic2, c.topic3), topics, strict=False)
            if topic is not None
        ]
        if after is not None:
            wanted.append(or_(c.block > after[0], and_(c.block == after[0], c.log_index > after[1])))
        columns = (c.block, c.log_index, c.tx, c.topic0, c.topic1, c.topic2, c.topic3, c.data)
        query = select(*columns).where(and_(*wanted)).order_by(c.block, c.log_index)
        return list(connection.execute(query if most is None else query.limit(most)))

    def counts(self, connection: Connection) -> dict[str, int]:
        """How many rows each table has, by its name."""
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (*t.SHARED, t.diary)
        }

    # --------------------------------------------------------------------------------------------------------- changes

    def add(self, at: Cursor, headers: Sequence[Header], events: Sequence[Any], quarantine: Sequence[Any]) -> Cursor:
        """Add blocks that follow on the cursor, with their logs, in one transaction.

        Args:
            at: The cursor that they follow on.
            headers: All of them, in order.
            events: Rows of ``events``.
            quarantine: Rows of ``quarantine``.

        Returns:
            The new cursor.

        Raises:
            IndexTrouble: Another program moved the cursor; nothing was changed.
        """
        last = headers[-1]
        oldest = last.number - at.window
        busy = {row[2] for row in events} | {row[2] for row in quarantine}
        with self._change() as connection:
            self._move(connection, at, last)
            kept = [(h.hash, h.number, h.parent, h.time) for h in headers if h.number > oldest or h.number in busy]
            self._insert(connection, t.blocks, kept)
            self._insert(connection, t.events, events)
            self._insert(connection, t.quarantine, quarantine)
            self._prune(connection, at.block - at.window, oldest)
        return Cursor(at.chain_id, at.window, last.number, last.hash)

    def take_back(self, at: Cursor, ancestor: Header, older: Sequence[Header]) -> tuple[Cursor, int]:
        """Take back every block above an ancestor, in one transaction.

        Args:
            at: The cursor.
            ancestor: The last block that stays.
            older: Headers that the window has again, now that it ends earlier.

        Returns:
            The new cursor, and how many events were taken back.

        Raises:
            IndexTrouble: Another program moved the cursor; nothing was changed.
        """
        with self._change() as connection:
            self._move(connection, at, ancestor)
            gone = 0
            for table in (t.events, t.quarantine):
                gone += connection.execute(delete(table).where(table.c.block > ancestor.number)).rowcount
            connection.execute(delete(t.blocks).where(t.blocks.c.number > ancestor.number))
            there = set(connection.execute(select(t.blocks.c.number)).scalars()) if older else set()
            if fresh := [_row(h) for h in older if h.number not in there]:
                connection.execute(insert(t.blocks), fresh)
            entry = {"what": "reorg", "ancestor": ancestor.number, "blocks": at.block - ancestor.number, "events": gone}
            connection.execute(insert(t.diary), [entry])
        return Cursor(at.chain_id, at.window, ancestor.number, ancestor.hash), gone

    def _insert(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows in the order of the table's columns; past SQLAlchemy's look at every value, which costs more than
        all the rest."""
        if not rows:
            return
        made = insert(table).compile(dialect=connection.dialect, column_keys=table.columns.keys())
        if made.positional:
            connection.exec_driver_sql(str(made), [tuple(row) for row in rows])
        else:
            names = table.columns.keys()
            connection.exec_driver_sql(str(made), [dict(zip(names, row, strict=True)) for row in rows])

    def _move(self, connection: Connection, at: Cursor, to: Header) -> None:
        c = t.cursor.c
        moved = connection.execute(
            update(t.cursor).where(c.block == at.block, c.hash == at.hash).values(block=to.number, hash=to.hash)
        )
        if moved.rowcount != 1:
            raise IndexTrouble(
                f"the index {self.display_name} was changed by another program meanwhile; run this again"
            )

    def _prune(self, connection: Connection, above: int, upto: int) -> None:
        """Forget the headers that fall out of the window, but for those of blocks with a row."""
        c = t.blocks.c
        used = or_(
            exists(select(t.events.c.log_index).where(t.events.c.block_hash == c.hash)),
            exists(select(t.quarantine.c.log_index).where(t.quarantine.c.block_hash == c.hash)),
        )
        gone: ColumnElement[bool] = and_(c.number > above, c.number <= upto, ~used)
        connection.execute(delete(t.blocks).where(gone))

    # -------------------------------------------------------------------------------------------------------- comparing

    def check(self) -> str:
        """What the database itself finds wrong with its file; "" when nothing.

        On a server always "": a server checks itself.

        Raises:
            IndexTrouble: It cannot be read.
        """
        if self.file is None:
            return ""
        with self.reading() as connection:
            said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        return "" if said == ["ok"] and not broken else one_line(said if said != ["ok"] else broken)

    def rows(self, connection: Connection, table: Any) -> Iterator[tuple[Any, ...]]:
        """All rows of a table as tuples in the order of its key; read a few at a time."""
        key = list(table.primary_key.columns)
        stream = connection.execution_options(yield_per=1000).execute(select(table).order_by(*key))
        for row in stream:
            yield tuple(bytes(v) if isinstance(v, (bytes, memoryview)) else v for v in row)


def _server_trouble(trouble: DBAPIError, words: str, where: IndexAddress) -> IndexTrouble | None:
    """What is wrong with a server or with the connection to it; None where the trouble is about what was asked."""
    said = words.lower()
    if "does not exist" in said and "relation" not in said:
        if "role" in said:
            return IndexTrouble(f"the index {where}: {words}; name a user that the server knows, or make that one")
        if "database" in said:
            make = f"`createdb {where.database}`" if where.database.isidentifier() else "createdb"
            return IndexTrouble(
                f"the index {where}: the server has no database of that name; make it with {make}, or name another"
                " --events"
            )
    # Wrong words of the user do not pass by waiting.
    if any(sign in said for sign in ("authentication failed", "no password supplied", "pg_hba.conf", "permission")):
        return None
    if trouble.connection_invalidated or isinstance(trouble, OperationalError | InterfaceError):
        code = getattr(trouble.orig, "sqlstate", None) or ""
        # 08: the connection; 57P: the server is stopped, is starting, or ends the connection. Without a code it was
        # not reached.
        if trouble.connection_invalidated or not code or code.startswith(("08", "57P")):
            return IndexUnreachable(f"the index {where}: the server does not answer ({words}); is it running?")
    return None


def _row(header: Header) -> Mapping[str, Any]:
    return {"hash": header.hash, "number": header.number, "parent": header.parent, "time": header.time}


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(k): bytes(v) if isinstance(v, (bytes, memoryview)) else v for k, v in row.items()}
