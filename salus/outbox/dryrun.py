"""The dry run: every call is tried before it is signed, a hundred in one message, with the very gas that it will be given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import NodeRefused, SalusError
from .nodes import Nodes
from .store import Row
from .wire import Call, Trouble, number

__all__ = ["DryRun"]

# Between the dry run and the block the state may change.
_MARGIN = 1.25
# No transaction may be given more gas than this (EIP-7825).
_MOST_GAS = 1 << 24


class DryRun:
    """Tries calls, and learns what each kind of call takes.

    Args:
        account: Who will sign.
    """

    def __init__(self, nodes: Nodes, account: str) -> None:
        self._nodes, self._account = nodes, account
        self._gas: dict[bytes, int] = {}  # by kind

    def check(
        self, rows: Sequence[Row], gas_limit: int, *, flying: bool = False, trying: bool = True
    ) -> tuple[list[tuple[Row, int]], list[tuple[Row, SalusError]]]:
        """Try calls as they would go in the next block.

        Args:
            rows: What will be sent.
            gas_limit: Gas in a block.
            flying: Whether something of ours waits for a block. Then the latest block is asked first, and the pending one
                only for what that refuses: anvil runs all that waits anew for each question about the pending block.
            trying: False only finds the gas of those that name none, from one of each kind.

        Returns:
            What may be sent, with its gas, in order; and what was refused, with the reason.
        """
        refused: dict[int, SalusError] = {}
        gas: dict[int, int] = {}
        self._learn(rows, gas_limit, refused)
        left = [row for row in rows if row.id not in refused]
        for row in left:
            gas[row.id] = row.item.gas or self._gas[row.item.kind]
        if trying:
            doubtful = self._try(left, gas, "latest") if flying else left
            doubtful = self._try(doubtful, gas, "pending", refused)
            if doubtful:
                gas |= self._estimate(doubtful, gas_limit, refused)
        allowed = [(row, gas[row.id]) for row in rows if row.id not in refused]
        return allowed, [(row, refused[row.id]) for row in rows if row.id in refused]

    def _learn(self, rows: Sequence[Row], gas_limit: int, refused: dict[int, SalusError]) -> None:
        """Find the gas of kinds that are not known yet: of one call, and where that is refused of all."""
        kinds: dict[bytes, list[Row]] = {}
        for row in rows:
            if row.item.gas is None and row.item.kind not in self._gas:
                kinds.setdefault(row.item.kind, []).append(row)
        for kind, some in kinds.items():
            for part in (some[:1], some[1:]):
                if kind not in self._gas and part:
                    self._estimate(part, gas_limit, refused)

    def _estimate(self, rows: Sequence[Row], gas_limit: int, refused: dict[int, SalusError]) -> dict[int, int]:
        """The gas of calls one by one, with a margin; the kind's grows with the largest."""
        asked: list[Call] = [("eth_estimateGas", [self._call(row)]) for row in rows]
        found = {}
        for row, answer in zip(rows, self._nodes.ask(asked), strict=True):
            if isinstance(answer, Trouble):
                refused[row.id] = answer.error(f"estimating the gas of {row.item.name or row.item.key}")
                continue
            needs, most = number(answer, "an estimate of gas"), min(gas_limit, _MOST_GAS)
            if needs > most:
                refused[row.id] = NodeRefused(
                    f"{row.item.name or row.item.key} takes {needs:,} gas, a transaction may take {most:,}; send less at once"
                )
                continue
            found[row.id] = min(int(needs * _MARGIN), most)
            self._gas[row.item.kind] = max(found[row.id], self._gas.get(row.item.kind, 0))
        return found

    def _try(
        self, rows: Sequence[Row], gas: dict[int, int], block: str, refused: dict[int, SalusError] | None = None
    ) -> list[Row]:
        """Try calls on a block. Takes note of those that are refused; gives those of which it cannot tell."""
        asked: list[Call] = [("eth_call", [{**self._call(row), "gas": hex(gas[row.id])}, block]) for row in rows]
        doubtful = []
        for row, answer in zip(rows, self._nodes.ask(asked), strict=True):
            if not isinstance(answer, Trouble):
                continue
            # Perhaps only the gas of its kind was too little for it; some contracts say that in words of their own.
            if refused is None or row.item.gas is None:
                doubtful.append(row)
            else:
                refused[row.id] = answer.error(f"trying {row.item.name or row.item.key}")
        return doubtful

    def _call(self, row: Row) -> dict[str, Any]:
        item = row.item
        call = {"from": self._account, "to": item.to, "data": "0x" + item.data.hex()}
        return {**call, "value": hex(item.value)} if item.value else call
