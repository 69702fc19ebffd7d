"""An outbox at a glance, as its file was written last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from salus.outbox._delivery import result_of
from salus.outbox._foreign import Gap
from salus.outbox._items import Result, State
from salus.outbox._store import Store

__all__ = ["Status", "read_status", "status_of"]


@dataclass(frozen=True)
class Status:
    """An outbox at a glance.

    Attributes:
        path: Its file.
        account: Who signs.
        chain_id: On which chain.
        counts: How many items stand where.
        foreign: Ranges of nonces that were used from outside this outbox, both ends included.
        gap: Nonces that no transaction has, below what is signed, as last seen; None where there are none.
        gone: The final block, as number and hash, that the node does not have any more; None where there is none.
        contradictions: What did not fit in the answers of nodes, the last of each, by the node's name.
    """

    path: Path
    account: str
    chain_id: int
    counts: Mapping[State, int]
    foreign: tuple[tuple[int, int], ...]
    gap: Gap | None = None
    gone: tuple[int, str] | None = None
    contradictions: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> int:
        """How many items something is still to happen with."""
        return sum(count for state, count in self.counts.items() if state.open)


def read_status(path: str | os.PathLike[str]) -> tuple[Status, list[Result]]:
    """What is in an outbox's file, as it was written last; no node is asked and nothing is sent.

    Args:
        path: The file.

    Returns:
        The outbox at a glance, and each of its items.

    Raises:
        BadInput: No such file, or none that can be trusted.
    """
    store = Store(path, make=False)
    try:
        rows = store.rows()
        attempts = store.attempts(rows)
        return status_of(store), [result_of(row, attempts[row.id], earlier=True) for row in rows]
    finally:
        store.close()


def status_of(store: Store) -> Status:
    """The outbox at a glance.

    Args:
        store: Its file.
    """
    chain, account = store.fact("chain") or "0", store.fact("account") or ""
    gap = store.gap()
    return Status(
        store.path,
        account,
        int(chain),
        store.counts(),
        tuple(store.foreign()),
        None if gap is None else Gap(*gap),
        store.gone(),
        store.contradictions(),
    )
