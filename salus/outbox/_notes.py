"""What an outbox's file notes beside its items: nonces used elsewhere, a gap, a final block that is gone, and answers
of nodes that did not fit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from salus.outbox._database import Database
from salus.outbox._rows import Attempt, Foreign

__all__ = ["Notes"]


class Notes(Database):
    """The notes of an outbox's file; see :class:`Database`."""

    def used_elsewhere(self, first: int, last: int) -> None:
        """Note nonces that were used outside this outbox.

        Args:
            first: The first of them.
            last: The last of them.
        """
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO foreign_use VALUES (?, ?, ?)", (first, last, time.time()))

    def foreign(self) -> list[tuple[int, int]]:
        """Ranges of nonces that were used outside this outbox, both ends included."""
        with self._readable():
            return list(self._db.execute("SELECT first, last FROM foreign_use ORDER BY first"))

    def read_foreign(self) -> set[int]:
        """The nonces whose transactions from elsewhere were read from a block."""
        with self._readable():
            return {nonce for (nonce,) in self._db.execute("SELECT nonce FROM foreign_sent WHERE block IS NOT NULL")}

    def note_foreign(self, found: Iterable[Foreign]) -> None:
        """Write what was sent from elsewhere, in place of what was known of the same nonces.

        Args:
            found: The transactions.
        """
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
        # What lost its nonce to an item of ours after all is nobody's.
        asked = (
            "SELECT nonce, block, digest, target, hash, raw, gas, most, tip FROM foreign_sent WHERE item IS NULL"
            " AND nonce NOT IN (SELECT nonce FROM items WHERE nonce IS NOT NULL AND state <> 'lost')"
        )
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

    def gone(self) -> tuple[int, str] | None:
        """The final block, as number and hash, that was seen to be gone; None where there is none."""
        if (known := self.fact("gone")) is None:
            return None
        block, hash_ = known.split()
        return int(block), hash_

    def write_gap(self, first: int, last: int) -> None:
        """Write that nothing has these nonces, below what is signed.

        Args:
            first: The first of them.
            last: The last of them.
        """
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

    def note_contradictions(self, said: Mapping[str, str]) -> None:
        """What did not fit in the answers of nodes, by the node's name; the last of each is kept.

        Args:
            said: The words, by the node's name.
        """
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


def _foreign_attempt(attempt: Attempt) -> tuple[Any, ...]:
    return attempt.raw, attempt.gas, str(attempt.most), None if attempt.tip is None else str(attempt.tip)
