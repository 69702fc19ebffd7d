"""Looking again at what is in a block: a reorganisation may have moved it, taken it away, or given its nonce to
another transaction.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.proof import Proof
from salus.outbox._items import State
from salus.outbox._store import Attempt, Row, Store
from salus.outbox._tracking import Mined, Tracker

__all__ = ["Change", "recheck"]

# A node that is behind, or busy, is no reorganisation: what is not found is looked for twice.
_PAUSE = 0.3

# What was shown once for a block is so for as long as the block stands.
_LASTING = (Proof.PROVEN, Proof.COMPARED)

_Attempts = Mapping[int, Sequence[Attempt]]


@dataclass(frozen=True, slots=True)
class Change:
    """An item that stands somewhere else now.

    Attributes:
        row: The item.
        attempts: Its attempts, oldest first; empty where nothing was signed.
        raw: Its receipt, where one was read.
    """

    row: Row
    attempts: Sequence[Attempt] = ()
    raw: Mapping[str, Any] | None = None


def recheck(store: Store, tracker: Tracker, rows: Sequence[Row]) -> list[Change]:
    """Look again at items that are in a block, or lost to a transaction that is in one.

    Args:
        store: The file.
        tracker: What looks for them.
        rows: Their states are changed, here and in the file. Of what counted as final only that is looked at whose
            block is gone.

    Returns:
        What moved to another block, is final now, or was un-mined; the latter is ``SENT`` again.

    Raises:
        Unreachable: No endpoint answers.
    """
    if not (rows := _not_final(tracker, rows)):
        return []
    _, head = tracker.now()
    attempts = store.attempts(rows)
    final = tracker.last_final(head)
    standing = {row.id for row in _on_chain(tracker, [row for row in rows if row.proof in _LASTING])}
    found = _find(tracker, [row for row in rows if row.id not in standing], attempts)
    changes: dict[int, Change] = {}
    deep: list[Row] = []
    for row in rows:
        block = row.block
        if row.id not in standing:
            mined, change = _place(tracker, row, attempts[row.id], found)
            block = None if mined is None else mined.block
            if change is not None:
                changes[row.id] = change
        if block is not None and block <= final:
            deep.append(row)
    stays = {row.id for row in _on_chain(tracker, [row for row in deep if row.id not in standing])} | standing
    for row in deep:
        if row.id not in stays:
            continue
        row.deep = True
        if row.state is State.INCLUDED:
            row.state = State.FINAL
        raw = next((found[a.hash].raw for a in attempts[row.id] if a.hash in found), None)
        changes.setdefault(row.id, Change(row, attempts[row.id], raw))
    store.settle(rows)
    return list(changes.values())


def _not_final(tracker: Tracker, rows: Sequence[Row]) -> list[Row]:
    """Those that are not final, or not any more. Where a block is on the chain all in it is: one question for it, not
    one an item.
    """
    final = [row for row in rows if row.deep]
    on_chain = {row.id for row in _on_chain(tracker, final)} if final else set()
    for row in rows:
        # Who gives again what was taken on trust would have it done twice where that was a lie.
        trusted = row.state in (State.FAILED, State.LOST) and row.proof not in _LASTING
        row.deep = row.deep and row.id in on_chain and not trusted
    return [row for row in rows if not row.deep]


def _on_chain(tracker: Tracker, rows: Sequence[Row]) -> list[Row]:
    """Those whose block is on the chain of all nodes that have it."""
    blocks = tracker.on_chain([(row.block or 0, row.block_hash or "") for row in rows])
    return [row for row in rows if (row.block or 0, row.block_hash or "") in blocks]


def _find(tracker: Tracker, rows: Sequence[Row], attempts: _Attempts) -> dict[str, Mined]:
    """The transactions of items that are in a block, by hash; of lost ones also what took their nonces."""
    if not rows:
        return {}
    hashes = {row.id: _hashes(row, attempts[row.id]) for row in rows}
    found = tracker.receipts({hash_: raw for row in rows for hash_, raw in hashes[row.id].items()})
    absent = [row for row in rows if not any(hash_ in found for hash_ in hashes[row.id])]
    if absent:
        time.sleep(_PAUSE)
        wanted = {hash_: raw for row in absent for hash_, raw in hashes[row.id].items()}
        found |= tracker.receipts(wanted, everywhere=True)
    return found


def _hashes(row: Row, attempts: Sequence[Attempt]) -> dict[str, bytes | None]:
    """Under which hashes an item may be in a block, or what took its nonce; with the signed bytes that are ours."""
    found: dict[str, bytes | None] = {a.hash: a.raw for a in attempts}
    if row.state is State.LOST and row.mined:
        found.setdefault(row.mined, None)
    return found


def _place(
    tracker: Tracker, row: Row, attempts: Sequence[Attempt], found: Mapping[str, Mined]
) -> tuple[Mined | None, Change | None]:
    """Note in which block an item is now; the transaction in that block, and the change where there is one."""
    mined = next((found[a.hash] for a in attempts if a.hash in found), None)
    if mined is None and row.state is State.LOST and row.mined is not None and row.mined in found:
        mined = found[row.mined]  # the other transaction
        row.block, row.block_hash, row.proof = mined.block, mined.block_hash, mined.proof
        return mined, None
    same = mined is not None and (mined.block_hash, mined.hash) == (row.block_hash, row.mined)
    if mined is not None and same and mined.proof is row.proof and mined.succeeded == (row.state is not State.FAILED):
        return mined, None
    before = row.state
    if mined is None or not tracker.record(row, attempts, mined):
        row.state, row.error = State.SENT, None
        row.block = row.block_hash = row.mined = row.gas_used = row.proof = None
        return None, Change(row, attempts)
    if same and row.state is before:
        return mined, None  # what an earlier version noted is proven now
    return mined, Change(row, attempts, mined.raw)
