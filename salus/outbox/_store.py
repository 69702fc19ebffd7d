"""The outbox on disk: one SQLite file for one account on one chain, written ahead of everything that is sent.

An item is a row; each signed transaction that stands for it is an attempt. Nonce, raw bytes and hash are written in one
SQLite transaction, and are on the disk (``synchronous=FULL``) before the first byte leaves. What follows can be found
out again from the chain, and is written without waiting for the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.chain.proof import Proof
from salus.errors import BadInput, SalusError, one_line
from salus.outbox._files import open_private
from salus.outbox._items import Item, State
from salus.outbox._reasons import from_row, to_row
from salus.outbox._schema import prepare

__all__ = ["Attempt", "Row", "Store"]

_AT_ONCE = 500  # values in one question; SQLite takes 999 everywhere

_COLUMNS = (
    "id, key, name, target, data, value, gas, size, spare,"  # the item
    " state, nonce, block, block_hash, mined, gas_used, deep, error, proof"  # where it stands
)
# Of each item in no block the newest attempt.
_WAITING = (
    "FROM items i JOIN attempts a ON a.item = i.id WHERE i.state IN ('stored', 'sent')"
    " AND a.number = (SELECT max(number) FROM attempts b WHERE b.item = i.id)"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of an item.

    Attributes:
        hash: 0x-hex.
        raw: As it is sent.
        gas: Its limit.
        most, tip: See :class:`Fees`.
        number: 0 for the first.
    """

    hash: str
    raw: bytes
    gas: int
    most: int
    tip: int | None
    number: int = 0


@dataclass(slots=True)
class Row:
    """An item as the file has it; see :class:`Result` for the fields' meaning."""

    id: int
    item: Item
    state: State
    nonce: int | None = None
    block: int | None = None
    block_hash: str | None = None
    mined: str | None = None
    gas_used: int | None = None
    deep: bool = False
    error: SalusError | None = None
    proof: Proof | None = None


class Store:
    """The file. Used by one thread; any number of processes may have it open.

    Args:
        path: The file; made when it is not there.
        make: False to open only what is there.

    Raises:
        BadInput: Readable by others, a link, damaged, of a later version, or it cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], *, make: bool = True) -> None:
        self.path = Path(path)
        if not make and not self.path.exists():
            raise BadInput(path, "", "is not there; nothing was sent through it")
        open_private(self.path)
        with self._readable():
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 30000")
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
        end = time.monotonic() + 30
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
        """SQLite's errors as ours."""
        try:
            yield
        except sqlite3.DatabaseError as trouble:
            said = str(trouble)
            if "not a database" in said or "malformed" in said:
                fix = "is no outbox, or was damaged; restore it from a backup, or name another file"
                raise BadInput(self.path, "", fix) from None
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
        """A fact about the outbox: ``chain``, ``account`` or ``genesis``; None where it is not written yet."""
        with self._readable():
            row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def write_facts(self, **facts: object) -> None:
        """Write facts that are not there yet."""
        with self._transaction():
            self._db.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", [(n, str(v)) for n, v in facts.items()])

    # ------------------------------------------------------------------------------------------------------ queueing

    def queue(self, items: Sequence[Item]) -> list[Row]:
        """Add what is not there; what was refused is queued again.

        Args:
            items: Each with a key of its own.

        Returns:
            The rows of all, in order.

        Raises:
            BadInput: A key is there, or given, with another call; nothing is added then.
        """
        digests = [item.digest() for item in items]
        with self._transaction(durable=True):
            self._add(items, digests)
            there = self._by("key", [item.key for item in items], f"key, digest, {_COLUMNS}")
            known = {key: digest for key, digest, *_ in there}
            by_key = {key: _row(columns) for key, _, *columns in there}
            for item, digest in zip(items, digests, strict=True):
                if known[item.key] != digest:
                    fix = "stands for another call already; give each call a key of its own"
                    raise BadInput(self.path, f"key {item.key}", fix)
            found = [by_key[item.key] for item in items]
            refused = [row for row in found if row.state is State.REFUSED]
            self._db.executemany(
                "UPDATE items SET state = ?, error = NULL WHERE id = ?",
                [(State.QUEUED.value, row.id) for row in refused],
            )
        for row in refused:
            row.state, row.error = State.QUEUED, None
        return found

    def _add(self, items: Sequence[Item], digests: Sequence[bytes]) -> None:
        """Add the items whose keys are not there."""
        now = time.time()
        self._db.executemany(
            "INSERT INTO items (key, digest, name, target, data, value, gas, size, spare, state, at)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?)"
            " ON CONFLICT (key) DO NOTHING",
            [
                (i.key, digest, i.name, i.to, i.data, str(i.value), i.gas, i.size, i.spare, State.QUEUED.value, now)
                for i, digest in zip(items, digests, strict=True)
            ],
        )

    def refuse(self, refusals: Iterable[tuple[Row, SalusError]]) -> None:
        """The dry run said no to items that are queued."""
        values = [(State.REFUSED.value, to_row(error), time.time(), row.id) for row, error in refusals]
        with self._transaction():
            self._db.executemany("UPDATE items SET state=?, error=?, at=? WHERE id=? AND state='queued'", values)

    def still_queued(self, rows: Sequence[Row]) -> list[Row]:
        """Those that no other process has signed meanwhile."""
        with self._readable():
            there = {id_ for id_, state in self._by("id", [row.id for row in rows], "id, state") if state == "queued"}
        return [row for row in rows if row.id in there]

    def _by(self, column: str, values: Sequence[Any], columns: str, table: str = "items") -> list[tuple[Any, ...]]:
        """Columns of the rows that have one of some values, in any order."""
        found: list[tuple[Any, ...]] = []
        for first in range(0, len(values), _AT_ONCE):
            some = values[first : first + _AT_ONCE]
            found += self._db.execute(
                f"SELECT {columns} FROM {table} WHERE {column} IN ({','.join('?' * len(some))})", some
            )
        return found

    # ------------------------------------------------------------------------------------------------------- signing

    def next_nonce(self) -> int:
        """One above the highest that was given away; 0 when none was."""
        with self._readable():
            found = self._db.execute("SELECT max(nonce) FROM items").fetchone()[0]
        return 0 if found is None else int(found) + 1

    def around(self, nonce: int, head: int) -> tuple[int, int]:
        """Between which blocks a nonce was used, by the final blocks of those before and after it; 0 and the head at
        most.
        """
        asked = ("max(block) FROM items WHERE deep AND nonce <", "min(block) FROM items WHERE deep AND nonce >")
        with self._readable():
            before, after = (self._db.execute(f"SELECT {words} ?", (nonce,)).fetchone()[0] for words in asked)
        return int(before or 0), head if after is None else min(head, int(after))

    def sign(self, signed: Sequence[tuple[Row, int, Attempt]]) -> None:
        """Write nonces and first attempts, all or nothing, and wait for the disk."""
        now = time.time()
        with self._transaction(durable=True):
            self._db.executemany(
                "UPDATE items SET state = 'stored', nonce = ?, at = ? WHERE id = ?",
                [(nonce, now, row.id) for row, nonce, _ in signed],
            )
            self._insert((row.id, attempt) for row, _, attempt in signed)

    def bump(self, bumped: Iterable[tuple[int, Attempt]]) -> None:
        """Write further attempts of items (by id), and wait for the disk."""
        with self._transaction(durable=True):
            self._insert(bumped)

    def _insert(self, attempts: Iterable[tuple[int, Attempt]]) -> None:
        now = time.time()
        self._db.executemany(
            "INSERT INTO attempts (hash, item, number, raw, gas, most, tip, at) VALUES (?,?,?,?,?,?,?,?)",
            [
                (a.hash, item, a.number, a.raw, a.gas, str(a.most), None if a.tip is None else str(a.tip), now)
                for item, a in attempts
            ],
        )

    def sent(self, ids: Iterable[int]) -> None:
        """A node has them."""
        with self._transaction():
            self._db.executemany("UPDATE items SET state='sent' WHERE id=? AND state='stored'", [(i,) for i in ids])

    # ----------------------------------------------------------------------------------------------------- outcomes

    def settle(self, rows: Iterable[Row]) -> None:
        """Write where items stand now: state, block, and what it says."""
        now = time.time()
        values = [
            (
                r.state.value,
                r.block,
                r.block_hash,
                r.mined,
                r.gas_used,
                int(r.deep),
                None if r.error is None else to_row(r.error),
                None if r.proof is None else r.proof.value,
                now,
                r.id,
            )
            for r in rows
        ]
        with self._transaction():
            self._db.executemany(
                "UPDATE items SET state=?, block=?, block_hash=?, mined=?, gas_used=?, deep=?, error=?, proof=?,"
                " at=? WHERE id=?",
                values,
            )

    def used_elsewhere(self, first: int, last: int) -> None:
        """Nonces that were used by who is not this outbox."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO foreign_use VALUES (?, ?, ?)", (first, last, time.time()))

    def foreign(self) -> list[tuple[int, int]]:
        """Ranges of nonces that were used by who is not this outbox, both ends included."""
        with self._readable():
            return list(self._db.execute("SELECT first, last FROM foreign_use ORDER BY first"))

    def note_contradictions(self, said: Mapping[str, str]) -> None:
        """What did not fit in the answers of nodes, by the node's name; the last of each is kept."""
        if said:
            with self._transaction():
                self._db.executemany(
                    "INSERT OR REPLACE INTO contradictions VALUES (?, ?, ?)",
                    [(node, words, time.time()) for node, words in said.items()],
                )

    def contradictions(self) -> dict[str, str]:
        """What did not fit in the answers of nodes, by the node's name."""
        with self._readable():
            return dict(self._db.execute("SELECT node, said FROM contradictions ORDER BY node"))

    def drop(self, row: Row) -> None:
        """Forget an item, and its attempts; its key is free."""
        with self._transaction(durable=True):
            self._db.execute("DELETE FROM items WHERE id = ?", (row.id,))

    # ------------------------------------------------------------------------------------------------------- looking

    def rows(self, *states: State, deep: bool | None = None, keys: Sequence[str] | None = None) -> list[Row]:
        """Items by state, by nonce and then in the order in which they were queued; or those of some keys, in their
        order.
        """
        with self._readable():
            if keys is not None:
                by_key = {row.item.key: row for row in map(_row, self._by("key", keys, _COLUMNS))}
                return [by_key[key] for key in keys if key in by_key]
            where: list[str] = []
            values: list[Any] = []
            if states:
                where.append(f"state IN ({','.join('?' * len(states))})")
                values += [state.value for state in states]
            if deep is not None:
                where.append("deep = ?")
                values.append(int(deep))
            asked = f"SELECT {_COLUMNS} FROM items {'WHERE ' if where else ''}{' AND '.join(where)} ORDER BY nonce, id"
            return [_row(found) for found in self._db.execute(asked, values)]

    def settled_from(self, nonce: int, below: int, most: int) -> list[Row]:
        """What is in a block, or lost to what is in one, with nonces from one on and below another, by nonce; at most
        so many.
        """
        asked = (
            f"SELECT {_COLUMNS} FROM items WHERE nonce >= ? AND nonce < ? AND state NOT IN ('stored', 'sent')"
            " ORDER BY nonce LIMIT ?"
        )
        with self._readable():
            return [_row(found) for found in self._db.execute(asked, (nonce, below, most))]

    def attempts(self, rows: Iterable[Row]) -> dict[int, list[Attempt]]:
        """Items' attempts by the item's id, oldest first."""
        ids = [row.id for row in rows]
        found: dict[int, list[Attempt]] = {id_: [] for id_ in ids}
        with self._readable():
            there = self._by("item", ids, "number, item, hash, raw, gas, most, tip", "attempts")
        for n, id_, hash_, raw, gas, most, tip in sorted(there, key=lambda one: one[0]):
            found[id_].append(Attempt(hash_, raw, gas, int(most), None if tip is None else int(tip), n))
        return found

    def reserved(self) -> int:
        """Wei that what is signed and in no block may cost at most."""
        asked = f"SELECT a.gas, a.most, i.value {_WAITING}"
        with self._readable():
            return sum(gas * int(most) + int(value) for gas, most, value in self._db.execute(asked))

    def counts(self) -> dict[State, int]:
        """How many items stand where."""
        with self._readable():
            found = dict(self._db.execute("SELECT state, count(*) FROM items GROUP BY state"))
        return {state: int(found.get(state.value, 0)) for state in State}

    def waiting_from(self, nonce: int, most: int) -> list[tuple[int, int, str, bytes]]:
        """The newest attempts of what waits for a block, from a nonce on, whichever process signed it; at most so many.

        Returns:
            Item's id, nonce, hash and raw bytes, by nonce.
        """
        asked = f"SELECT i.id, i.nonce, a.hash, a.raw {_WAITING} AND i.nonce >= ? ORDER BY i.nonce LIMIT ?"
        with self._readable():
            return list(self._db.execute(asked, (nonce, most)))


def _row(found: Sequence[Any]) -> Row:
    id_, key, name, target, data, value, gas, size, spare, state, *rest = found
    nonce, block, block_hash, mined, gas_used, deep, error, proof = rest
    item = Item(key, target, data, name, gas, int(value), size, spare)
    trouble = None if error is None else from_row(json.loads(error))
    reason = None if proof is None else Proof(proof)
    return Row(id_, item, State(state), nonce, block, block_hash, mined, gas_used, bool(deep), trouble, reason)
