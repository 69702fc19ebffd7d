"""Looking again at what is in a block: a reorganisation may have moved it, taken it away, or given its nonce to
another.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.outbox._items import State
from salus.outbox._store import Attempt, Row, Store
from salus.outbox._tracking import Tracker

__all__ = ["Change", "recheck"]

# A node that is behind, or busy, is no reorganisation: what is not found is looked for twice.
_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Change:
    """An item that stands somewhere else now, its attempts, and its receipt where one was read."""

    row: Row
    attempts: Sequence[Attempt] = ()
    raw: Mapping[str, Any] | None = None


def recheck(store: Store, tracker: Tracker, rows: Sequence[Row]) -> list[Change]:
    """Look again at items that are in a block, or lost to a transaction that is in one.

    Args:
        rows: Their states are changed, here and in the file. Of what counted as final only that is looked at whose
            block is gone.

    Returns:
        What moved to another block, is final now, or was un-mined; the latter is ``SENT`` again.
    """
    if not (rows := _shaken(tracker, rows)):
        return []
    _, head = tracker.now()
    attempts = store.attempts(rows)
    found = tracker.receipts(hash_ for row in rows for hash_ in _hashes(row, attempts[row.id]))
    absent = [row for row in rows if not any(hash_ in found for hash_ in _hashes(row, attempts[row.id]))]
    if absent:
        time.sleep(_PAUSE)
        found |= tracker.receipts(hash_ for row in absent for hash_ in _hashes(row, attempts[row.id]))
    final = tracker.last_final(head)
    changes: dict[int, Change] = {}
    deep: list[Row] = []
    for row in rows:
        mined = next((found[a.hash] for a in attempts[row.id] if a.hash in found), None)
        if mined is None and row.state is State.LOST and row.mined in found:
            mined = found[row.mined]  # the other one's
            row.block, row.block_hash = mined.block, mined.block_hash
        elif mined is None:
            row.state, row.error = State.SENT, None
            row.block = row.block_hash = row.mined = row.gas_used = None
            changes[row.id] = Change(row, attempts[row.id])
            continue
        elif (mined.block_hash, mined.hash) != (row.block_hash, row.mined):
            tracker.record(row, attempts[row.id], mined)
            changes[row.id] = Change(row, attempts[row.id], mined.raw)
        if mined.block <= final:
            deep.append(row)
    standing = tracker.stand([(row.block or 0, row.block_hash or "") for row in deep])
    for row in deep:
        if (row.block, row.block_hash) in standing:
            row.deep = True
            if row.state is State.INCLUDED:
                row.state = State.FINAL
            raw = next((found[a.hash].raw for a in attempts[row.id] if a.hash in found), None)
            changes.setdefault(row.id, Change(row, attempts[row.id], raw))
    store.settle(rows)
    return list(changes.values())


def _shaken(tracker: Tracker, rows: Sequence[Row]) -> list[Row]:
    """Those that are not final, or not any more. Where a block stands all in it does: one question for it, not one an
    item.
    """
    final = [(row.block or 0, row.block_hash or "") for row in rows if row.deep]
    standing = tracker.stand(final) if final else set()
    for row in rows:
        row.deep = row.deep and (row.block, row.block_hash) in standing
    return [row for row in rows if not row.deep]


def _hashes(row: Row, attempts: Sequence[Attempt]) -> list[str]:
    """Under which hashes an item may be in a block, or what took its nonce."""
    return [a.hash for a in attempts] + ([row.mined] if row.state is State.LOST and row.mined else [])
