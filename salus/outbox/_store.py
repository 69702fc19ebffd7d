"""The outbox on disk: one SQLite file for one account on one chain, written ahead of everything that is sent.

An item is a row; each signed transaction that stands for it is an attempt. Nonce, raw bytes and hash are written in one
SQLite transaction, and are on the disk (``synchronous=FULL``) before the first byte leaves. What follows can be found
out again from the chain, and is written without waiting for the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.chain.nonces import Giver
from salus.chain.proof import Proof
from salus.errors import BadInput, SalusError, Unreachable, one_line
from salus.outbox._files import expect_in_place, open_private, place_of
from salus.outbox._items import Item, State
from salus.outbox._reasons import from_row, to_row
from salus.outbox._schema import prepare

__all__ = ["FILL", "Attempt", "Foreign", "Row", "Store"]

#: The name of items that fill a gap of nonces with a transfer of nothing to the account itself.
FILL = "filling a gap of nonces"

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
        cancels: Whether it only uses up the nonce, by a transfer of nothing to the account itself.
    """

    hash: str
    raw: bytes
    gas: int
    most: int
    tip: int | None
    number: int = 0
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """A transaction of the account that this outbox did not send.

    Attributes:
        block: The number of its block; None where it was seen to wait for one.
        digest: What it does; see :meth:`Item.digest`.
        target: Its receiver, 20 bytes; empty where it made a contract.
        attempt: The transaction itself; without bytes where its type is unknown.
    """

    nonce: int
    block: int | None
    digest: bytes
    target: bytes
    attempt: Attempt


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
        """A fact about the outbox: ``chain``, ``account`` or ``genesis``; None where it is not written yet."""
        with self._readable():
            row = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str | None) -> None:
        """Write a fact in place of what is there; None forgets it."""
        with self._transaction(durable=True):
            self._db.execute("DELETE FROM about WHERE name = ?", (name,))
            if value is not None:
                self._db.execute("INSERT INTO about VALUES (?, ?)", (name, value))

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
        """Write nonces and first attempts, all or nothing, and wait for the disk.

        Raises:
            BadInput: The file was deleted or replaced since it was opened.
        """
        expect_in_place(self.path, self._place)
        now = time.time()
        with self._transaction(durable=True):
            self._db.executemany(
                "UPDATE items SET state = 'stored', nonce = ?, at = ? WHERE id = ?",
                [(nonce, now, row.id) for row, nonce, _ in signed],
            )
            self._insert((row.id, attempt) for row, _, attempt in signed)

    def bump(self, bumped: Iterable[tuple[int, Attempt]]) -> None:
        """Write further attempts of items (by id), and wait for the disk.

        Raises:
            BadInput: The file was deleted or replaced since it was opened.
        """
        expect_in_place(self.path, self._place)
        with self._transaction(durable=True):
            self._insert(bumped)

    def fill(self, signed: Sequence[tuple[Item, int, Attempt]]) -> list[Row]:
        """Write new items with their nonces and first attempts, all or nothing, and wait for the disk.

        Raises:
            BadInput: The file was deleted or replaced since it was opened.
        """
        expect_in_place(self.path, self._place)
        items = [item for item, _, _ in signed]
        with self._transaction(durable=True):
            self._add(items, [item.digest() for item in items])
            rows = self.rows(keys=[item.key for item in items])
            for row, (_, nonce, attempt) in zip(rows, signed, strict=True):
                self._db.execute("UPDATE items SET state = 'stored', nonce = ? WHERE id = ?", (nonce, row.id))
                self._insert([(row.id, attempt)])
                row.state, row.nonce = State.STORED, nonce
        return rows

    def _insert(self, attempts: Iterable[tuple[int, Attempt]]) -> None:
        now, attempts = time.time(), list(attempts)
        self._db.executemany(
            "INSERT INTO attempts (hash, item, number, raw, gas, most, tip, at) VALUES (?,?,?,?,?,?,?,?)",
            [
                (a.hash, item, a.number, a.raw, a.gas, str(a.most), None if a.tip is None else str(a.tip), now)
                for item, a in attempts
            ],
        )
        self._db.executemany("INSERT INTO cancels VALUES (?)", [(a.hash,) for _, a in attempts if a.cancels])

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

    def read_foreign(self) -> set[int]:
        """The nonces whose transactions from elsewhere were read from a block."""
        with self._readable():
            return {nonce for (nonce,) in self._db.execute("SELECT nonce FROM foreign_sent WHERE block IS NOT NULL")}

    def note_foreign(self, found: Iterable[Foreign]) -> None:
        """Write what was sent from elsewhere, in place of what was known of the same nonces."""
        values = [
            (f.nonce, f.attempt.hash, f.block, f.digest, f.target, *_foreign_attempt(f.attempt), f.attempt.hash)
            for f in found
        ]
        with self._transaction():
            # Whose item it is stays where it is the same transaction.
            self._db.executemany(
                "INSERT INTO foreign_sent VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,NULL) ON CONFLICT (nonce) DO UPDATE SET"
                " item = CASE WHEN hash = ?10 THEN item END, hash = ?2, block = ?3, digest = ?4, target = ?5, raw = ?6,"
                " gas = ?7, most = ?8, tip = ?9",
                values,
            )

    def unclaimed(self) -> list[Foreign]:
        """What was sent from elsewhere and is no item's, by nonce."""
        asked = "SELECT nonce, block, digest, target, hash, raw, gas, most, tip FROM foreign_sent WHERE item IS NULL"
        with self._readable():
            rows = list(self._db.execute(f"{asked} ORDER BY nonce"))
        return [
            Foreign(n, block, digest, target, Attempt(hash_, raw, gas, int(most), None if tip is None else int(tip)))
            for n, block, digest, target, hash_, raw, gas, most, tip in rows
        ]

    def accept_foreign(self) -> None:
        """Note that what was sent from elsewhere, and is no item's, will be none's."""
        with self._transaction(durable=True):
            self._db.execute("UPDATE foreign_sent SET item = 0 WHERE item IS NULL")

    def claim(self) -> list[Row]:
        """Give what was sent from elsewhere to the queued items that are to do the same; those items, which are sent
        then.
        """
        open_: dict[bytes, list[Foreign]] = {}
        for foreign in self.unclaimed():
            if foreign.attempt.raw:
                open_.setdefault(foreign.digest, []).append(foreign)
        if not open_:
            return []
        claimed: list[int] = []
        with self._transaction(durable=True):
            queued = list(self._db.execute("SELECT id, digest FROM items WHERE state = 'queued' ORDER BY id"))
            for id_, digest in queued:
                if not open_.get(digest):
                    continue
                foreign = open_[digest].pop(0)
                self._db.execute("UPDATE items SET state = 'sent', nonce = ? WHERE id = ?", (foreign.nonce, id_))
                self._db.execute("UPDATE foreign_sent SET item = ? WHERE nonce = ?", (id_, foreign.nonce))
                self._insert([(id_, foreign.attempt)])
                claimed.append(id_)
            return [_row(columns) for columns in self._by("id", claimed, _COLUMNS)]

    def newest_final(self) -> tuple[int, str] | None:
        """The newest block that counts as final, as number and hash; None where there is none."""
        asked = "SELECT block, block_hash FROM items WHERE deep AND nonce IS NOT NULL ORDER BY nonce DESC LIMIT 1"
        with self._readable():
            found = self._db.execute(asked).fetchone()
        return None if found is None or None in found else (int(found[0]), str(found[1]))

    def final_blocks(self) -> list[tuple[int, str]]:
        """The blocks that count as final and hold items, as numbers and hashes, oldest first."""
        asked = "SELECT DISTINCT block, block_hash FROM items WHERE deep AND block IS NOT NULL ORDER BY block"
        with self._readable():
            return [(int(block), str(hash_)) for block, hash_ in self._db.execute(asked)]

    def question(self, since: int, gone: tuple[int, str]) -> None:
        """Note that a final block is gone: what is in blocks from one on is not final any more."""
        with self._transaction(durable=True):
            self._db.execute(
                "UPDATE items SET deep = 0, state = CASE state WHEN 'final' THEN 'included' ELSE state END"
                " WHERE deep AND block >= ?",
                (since,),
            )
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('gone', ?)", (f"{gone[0]} {gone[1]}",))

    def gone(self) -> tuple[int, str] | None:
        """The final block, as number and hash, that was seen to be gone; None where there is none."""
        if (known := self.fact("gone")) is None:
            return None
        block, hash_ = known.split()
        return int(block), hash_

    def write_gap(self, first: int, last: int) -> None:
        """Write that nothing has these nonces, below what is signed."""
        self.set_fact("gap", f"{first} {last}")

    def gap(self) -> tuple[int, int, str | None] | None:
        """Nonces that nothing has, below what is signed, as last seen, and the hash of a transaction from elsewhere
        that had the first of them; None where there are none.
        """
        known = self.fact("gap")
        if known is None:
            return None
        first, last = map(int, known.split())
        with self._readable():
            lowest = self._db.execute("SELECT min(nonce) FROM items WHERE state IN ('stored', 'sent')").fetchone()[0]
            if lowest is None or lowest <= last:
                return None
            by = self._db.execute("SELECT hash FROM foreign_sent WHERE nonce = ?", (first,)).fetchone()
        return first, last, None if by is None else str(by[0])

    def targets(self) -> frozenset[bytes]:
        """The contracts that items call."""
        with self._readable():
            found = self._db.execute("SELECT DISTINCT target FROM items WHERE name <> ?", (FILL,))
            return frozenset(bytes.fromhex(target[2:]) for (target,) in found)

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
            if row.nonce is not None:
                # What used its nonce is known, and is no other item's.
                self._db.execute(
                    "INSERT OR IGNORE INTO foreign_sent VALUES (?, ?, ?, x'', x'', x'', 0, '0', NULL, 0)",
                    (row.nonce, row.mined or "", row.block or 0),
                )

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
            cancels = {hash_ for (hash_,) in self._db.execute("SELECT hash FROM cancels")}
        for n, id_, hash_, raw, gas, most, tip in sorted(there, key=lambda one: one[0]):
            tip = None if tip is None else int(tip)
            found[id_].append(Attempt(hash_, raw, gas, int(most), tip, n, hash_ in cancels))
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


def _foreign_attempt(attempt: Attempt) -> tuple[Any, ...]:
    return attempt.raw, attempt.gas, str(attempt.most), None if attempt.tip is None else str(attempt.tip)


def _row(found: Sequence[Any]) -> Row:
    id_, key, name, target, data, value, gas, size, spare, state, *rest = found
    nonce, block, block_hash, mined, gas_used, deep, error, proof = rest
    item = Item(key, target, data, name, gas, int(value), size, spare)
    trouble = None if error is None else from_row(json.loads(error))
    reason = None if proof is None else Proof(proof)
    return Row(id_, item, State(state), nonce, block, block_hash, mined, gas_used, bool(deep), trouble, reason)
