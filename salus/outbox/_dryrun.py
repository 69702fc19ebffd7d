"""The dry run: every call is tried before it is signed, a hundred in one message, with the very gas that it will be
given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from salus.chain.rpc import Call, Trouble, number
from salus.chain.transactions import MOST_GAS
from salus.errors import NodeRefused, SalusError, one_line
from salus.outbox._items import Item
from salus.outbox._nodes import Nodes, UnderWay
from salus.outbox._store import Row

__all__ = ["DryRun", "Trial"]

# Between the dry run and the block the state may change.
_MARGIN = 1.25
_LEAST_GAS = 21_000  # of any transaction


@dataclass
class Trial:
    """Calls that are being tried.

    Attributes:
        rows: What will be sent.
        gas_limit: Gas in a block.
        trying: False where only the gas is wanted.
        gas: What each is given, by its id.
        refused: What is refused, by its id.
        first: The first look, beside everything else; None where there is none.
    """

    rows: Sequence[Row]
    gas_limit: int
    trying: bool
    gas: dict[int, int] = field(default_factory=dict)
    refused: dict[int, SalusError] = field(default_factory=dict)
    first: UnderWay | None = None

    def left(self) -> list[Row]:
        """What is not refused."""
        return [row for row in self.rows if row.id not in self.refused]

    def is_done(self) -> bool:
        """Whether the first look is answered."""
        return self.first is None or self.first.is_done()


class DryRun:
    """Tries calls, and learns what each kind of call takes.

    Args:
        account: Who will sign.
    """

    def __init__(self, nodes: Nodes, account: str) -> None:
        self._nodes, self._account = nodes, account
        self._gas: dict[bytes, tuple[int, int]] = {}  # by kind: the largest size that was estimated, and what it takes

    def begin(self, rows: Sequence[Row], gas_limit: int, *, flying: bool = False, trying: bool = True) -> Trial:
        """Begin to try calls as they would go in the next block.

        Args:
            rows: What will be sent.
            gas_limit: Gas in a block.
            flying: Whether something of ours waits for a block. Then the latest block is asked first, beside everything
                else, and the pending one only for what that refuses: anvil runs all that waits anew for each question
                about the pending block.
            trying: False only finds the gas of those that name none, from one of each kind.
        """
        trial = Trial(rows, gas_limit, trying)
        self._learn(rows, gas_limit, trial.refused)
        for row in trial.left():
            trial.gas[row.id] = row.item.gas or self._reckoned(row.item, gas_limit, mended=trying)
        if not trying:
            # Nothing would show that a receiver is a contract, which takes more than the others.
            transfers = [row for row in trial.left() if not row.item.data and row.item.gas is None]
            trial.gas |= self._estimate(transfers, gas_limit, trial.refused) if transfers else {}
        if trying and flying:
            trial.first = self._nodes.begin("try", self._calls(trial.left(), trial.gas, "latest"))
        return trial

    def finish(self, trial: Trial) -> tuple[list[tuple[Row, int]], list[tuple[Row, SalusError]]]:
        """Wait for a trial, and look again at what it cannot tell.

        Returns:
            What may be sent, with its gas, in order; and what was refused, with the reason.
        """
        if trial.trying:
            doubtful = trial.left()
            if trial.first is not None:
                # Perhaps it is only refused because what goes before it is in no block yet.
                answers = trial.first.answers()
                doubtful = [row for row, said in zip(doubtful, answers, strict=True) if isinstance(said, Trouble)]
            if doubtful := self._try_pending(doubtful, trial.gas, trial.refused):
                trial.gas |= self._estimate(doubtful, trial.gas_limit, trial.refused)
        allowed = [(row, trial.gas[row.id]) for row in trial.left()]
        return allowed, [(row, trial.refused[row.id]) for row in trial.rows if row.id in trial.refused]

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
        """The gas of calls one by one, with a margin; the kind's is that of the largest."""
        asked: list[Call] = [("eth_estimateGas", [self._call(row)]) for row in rows]
        found = {}
        for row, answer in zip(rows, self._nodes.ask(asked), strict=True):
            if isinstance(answer, Trouble):
                refused[row.id] = _refusal(answer, f"estimating the gas of {row.item.name or row.item.key}")
                continue
            needs, most = number(answer, "an estimate of gas"), min(gas_limit, MOST_GAS)
            if needs > most:
                refused[row.id] = NodeRefused(
                    f"{row.item.name or row.item.key} takes {needs:,} gas, a transaction may take {most:,};"
                    " send less at once"
                )
                continue
            # What takes no more than every transaction runs no code: that does not change.
            with_margin = needs if needs == _LEAST_GAS else int(needs * _MARGIN)
            found[row.id] = min(with_margin + row.item.spare, most)
            self._gas[row.item.kind] = max((row.item.size, with_margin), self._gas.get(row.item.kind, (0, 0)))
        return found

    def _reckoned(self, item: Item, gas_limit: int, *, mended: bool) -> int:
        """The gas of a call by its size and what another of its kind takes.

        Args:
            mended: Whether the dry run will show that it is too little, as for a small one that takes what every
                transaction takes.
        """
        size, needs = self._gas[item.kind]
        share = -(-needs * item.size // size)
        return min((share if mended else max(share, needs)) + item.spare, gas_limit, MOST_GAS)

    def _try_pending(self, rows: Sequence[Row], gas: dict[int, int], refused: dict[int, SalusError]) -> list[Row]:
        """Try calls on what waits for a block. Takes note of those that are refused; gives those of which it cannot
        tell.
        """
        doubtful = []
        for row, answer in zip(rows, self._nodes.ask(self._calls(rows, gas, "pending")), strict=True):
            if not isinstance(answer, Trouble):
                continue
            # Perhaps only the gas of its kind was too little for it; some contracts say that in words of their own.
            if row.item.gas is None:
                doubtful.append(row)
            else:
                refused[row.id] = answer.error(f"trying {row.item.name or row.item.key}")
        return doubtful

    def _calls(self, rows: Sequence[Row], gas: dict[int, int], block: str) -> list[Call]:
        return [("eth_call", [{**self._call(row), "gas": hex(gas[row.id])}, block]) for row in rows]

    def _call(self, row: Row) -> dict[str, Any]:
        item = row.item
        call = {"from": self._account, "to": item.to, "data": "0x" + item.data.hex()}
        return {**call, "value": hex(item.value)} if item.value else call


def _refusal(answer: Trouble, doing: str) -> SalusError:
    """Why a call cannot be sent: by its rules, or for want of gas in a block."""
    said = answer.message.lower()
    if answer.revert is None and any(words in said for words in ("out of gas", "gas required exceeds", "gas limit")):
        return NodeRefused(
            f"a block has too little gas for it ({one_line(answer.message)}, while {doing}); send less at once"
        )
    return answer.error(doing)
