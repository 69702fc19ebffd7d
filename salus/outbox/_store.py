"""The outbox on disk: one SQLite file for one account on one chain, written ahead of everything that is sent.

An item is a row; each signed transaction that stands for it is an attempt. Nonce, raw bytes and hash are written in one
SQLite transaction, and are on the disk (``synchronous=FULL``) before the first byte leaves. What follows can be found
out again from the chain, and is written without waiting for the disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from salus.errors import BadInput, SalusError
from salus.outbox._files import expect_in_place
from salus.outbox._items import Item, State
from salus.outbox._notes import Notes
from salus.outbox._reasons import to_row
from salus.outbox._rows import COLUMNS, Attempt, Foreign, Row, row_of

__all__ = ["FILL", "Store"]

#: The name of items that fill a gap of nonces with a transfer of nothing to the account itself.
FILL = "filling a gap of nonces"

_AT_ONCE = 500  # values in one question; SQLite takes 999 everywhere

# Of each item in no block the newest attempt.
_WAITING = (
    "FROM items i JOIN attempts a ON a.item = i.id WHERE i.state IN ('stored', 'sent')"
    " AND a.number = (SELECT max(number) FROM attempts b WHERE b.item = i.id)"
)


class Store(Notes):
    """The file. Any number of threads may use it, and any number of processes may have it open."""

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
            there = self._by("key", [item.key for item in items], f"key, digest, {COLUMNS}")
            known = {key: digest for key, digest, *_ in there}
            by_key = {key: row_of(columns) for key, _, *columns in there}
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
        """The dry run said no to items that are queued.

        Args:
            refusals: The items, with the reasons.
        """
        values = [(State.REFUSED.value, to_row(error), time.time(), row.id) for row, error in refusals]
        with self._transaction():
            self._db.executemany("UPDATE items SET state=?, error=?, at=? WHERE id=? AND state='queued'", values)

    def still_queued(self, rows: Sequence[Row]) -> list[Row]:
        """Those that no other process has signed meanwhile.

        Args:
            rows: The items.
        """
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

        Args:
            nonce: The nonce.
            head: The latest block's number.
        """
        asked = ("max(block) FROM items WHERE deep AND nonce <", "min(block) FROM items WHERE deep AND nonce >")
        with self._readable():
            before, after = (self._db.execute(f"SELECT {words} ?", (nonce,)).fetchone()[0] for words in asked)
        return int(before or 0), head if after is None else min(head, int(after))

    def sign(self, signed: Sequence[tuple[Row, int, Attempt]]) -> None:
        """Write nonces and first attempts, all or nothing, and wait for the disk.

        Args:
            signed: Items with their nonces and first attempts.

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

        Args:
            bumped: The items' ids, with the attempts.

        Raises:
            BadInput: The file was deleted or replaced since it was opened.
        """
        expect_in_place(self.path, self._place)
        with self._transaction(durable=True):
            self._insert(bumped)

    def adopt_attempt(self, id_: int, attempt: Attempt) -> None:
        """Write a further attempt of an item, which the file has forgotten, unless it is there: another process may
        have found it too.

        Args:
            id_: The item's id.
            attempt: The attempt; its number follows on those that are there.
        """
        with self._transaction(durable=True):
            there = list(self._db.execute("SELECT hash, number FROM attempts WHERE item = ?", (id_,)))
            if attempt.hash not in {hash_ for hash_, _ in there}:
                number = max((number for _, number in there), default=-1) + 1
                self._insert([(id_, replace(attempt, number=number))])

    def fill(self, signed: Sequence[tuple[Item, int, Attempt]]) -> list[Row]:
        """Write new items with their nonces and first attempts, all or nothing, and wait for the disk.

        Args:
            signed: The items with their nonces and first attempts.

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

    def filling(self) -> list[Row]:
        """The transfers of nothing into a gap that are in no block."""
        return [row for row in self.rows(State.STORED, State.SENT) if row.item.name == FILL]

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
        """A node has them.

        Args:
            ids: The items' ids.
        """
        with self._transaction():
            self._db.executemany("UPDATE items SET state='sent' WHERE id=? AND state='stored'", [(i,) for i in ids])

    # ----------------------------------------------------------------------------------------------------- outcomes

    def settle(self, rows: Iterable[Row]) -> None:
        """Write where items stand now: state, block, and what it says.

        Args:
            rows: The items, as they are to be written.
        """
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
            return [row_of(columns) for columns in self._by("id", claimed, COLUMNS)]

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
        """Note that a final block is gone: what is in blocks from one on is not final any more.

        Args:
            since: The number of the first block.
        """
        with self._transaction(durable=True):
            self._db.execute(
                "UPDATE items SET deep = 0, state = CASE state WHEN 'final' THEN 'included' ELSE state END"
                " WHERE deep AND block >= ?",
                (since,),
            )
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('gone', ?)", (f"{gone[0]} {gone[1]}",))

    def targets(self) -> frozenset[bytes]:
        """The contracts that items call."""
        with self._readable():
            found = self._db.execute("SELECT DISTINCT target FROM items WHERE name <> ?", (FILL,))
            return frozenset(bytes.fromhex(target[2:]) for (target,) in found)

    def drop(self, row: Row) -> None:
        """Forget an item, and its attempts; its key is free.

        Args:
            row: The item.
        """
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

        Args:
            states: Which states; none for all.
            deep: Only those whose block will stay, or will not; None for all.
            keys: Which keys, whatever else is asked for; None for all.
        """
        with self._readable():
            if keys is not None:
                by_key = {row.item.key: row for row in map(row_of, self._by("key", keys, COLUMNS))}
                return [by_key[key] for key in keys if key in by_key]
            where: list[str] = []
            values: list[Any] = []
            if states:
                where.append(f"state IN ({','.join('?' * len(states))})")
                values += [state.value for state in states]
            if deep is not None:
                where.append("deep = ?")
                values.append(int(deep))
            asked = f"SELECT {COLUMNS} FROM items {'WHERE ' if where else ''}{' AND '.join(where)} ORDER BY nonce, id"
            return [row_of(found) for found in self._db.execute(asked, values)]

    def settled_from(self, nonce: int, below: int, most: int) -> list[Row]:
        """What is in a block, or lost to what is in one, with nonces from one on and below another, by nonce; at most
        so many.

        Args:
            nonce: The first nonce.
            below: The nonce after the last.
            most: How many, at most.
        """
        asked = (
            f"SELECT {COLUMNS} FROM items WHERE nonce >= ? AND nonce < ? AND state NOT IN ('stored', 'sent')"
            " ORDER BY nonce LIMIT ?"
        )
        with self._readable():
            return [row_of(found) for found in self._db.execute(asked, (nonce, below, most))]

    def attempts(self, rows: Iterable[Row]) -> dict[int, list[Attempt]]:
        """Items' attempts by the item's id, oldest first.

        Args:
            rows: The items.
        """
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

        Args:
            nonce: The first nonce.
            most: How many, at most.

        Returns:
            Item's id, nonce, hash and raw bytes, by nonce.
        """
        asked = f"SELECT i.id, i.nonce, a.hash, a.raw {_WAITING} AND i.nonce >= ? ORDER BY i.nonce LIMIT ?"
        with self._readable():
            return list(self._db.execute(asked, (nonce, most)))
