"""The second part of a run: what is in a block leaves the window, by its receipt."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from salus.chain.proof import Contradiction
from salus.outbox._dispatch import Flight
from salus.outbox._foreign import claims_nonce
from salus.outbox._items import State
from salus.outbox._outcomes import Mined, NonceTaken
from salus.outbox._rechecking import Change
from salus.outbox._run import SHORTEST_POLL, Run

__all__ = ["GATHERING", "Collector"]

#: Seconds at most for which receipts are left to come together, many being cheaper at once.
GATHERING = 0.05

# A node counts a transaction a moment before it hands out the receipt; after these seconds it is asked which
# transaction has the nonce.
_MISSING = 2.0


class Collector:
    """Takes from the window what is in a block.

    Args:
        run: What it shares with the other parts.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read = -1  # up to which block receipts were asked for
        self._gathering = 0.0  # since when receipts are left to come together; 0 where they are not

    def collect(self) -> list[Change]:
        """Look at the chain once; the items that are in a block now, or lost.

        Raises:
            Unreachable: No endpoint answers.
        """
        run = self._run
        if not run.flights:
            return []
        moved = self._look()
        gone = [flight for nonce, flight in run.flights.items() if nonce < run.progress.count]
        if gone and moved and not self._gathered(len(gone)):
            return []
        blocks = self._unread_blocks()
        changes = self._outcomes(gone, blocks) if gone else []
        self._expect_no_doubt(len(gone) - len(changes))
        if changes:
            run.store.settle(change.row for change in changes)
        for change in changes:
            del run.flights[change.row.nonce or 0]
        return changes

    def _look(self) -> bool:
        """Ask how far the chain is; whether more of our transactions are in blocks than before."""
        progress = self._run.progress
        count, head = self._run.tracker.now()
        moved = count > progress.count or progress.count < 0
        progress.count, progress.earlier_head, progress.head = count, progress.head, head
        if moved:
            progress.reset_waits()
        return moved

    def _gathered(self, gone: int) -> bool:
        """Whether the receipts of so many that left the window are asked for now, or with those that follow in a
        moment.
        """
        now = time.monotonic()
        self._gathering = self._gathering or now
        if gone * 4 >= len(self._run.flights) or now - self._gathering > GATHERING:
            return True
        self._run.progress.poll_interval = SHORTEST_POLL
        return False

    def _unread_blocks(self) -> range:
        """The blocks whose receipts were not asked for yet; from now on they count as read."""
        first, head = self._read, self._run.progress.head
        self._read, self._gathering = head, 0.0
        return range(first + 1, head + 1) if first >= 0 else range(0, 1 << 62)

    def _outcomes(self, gone: Sequence[Flight], blocks: range) -> list[Change]:
        """What became of items whose nonces are used, as far as it is known."""
        wanted: dict[str, bytes | None] = {a.hash: a.raw for flight in gone for a in flight.attempts}
        # What one endpoint counts and does not have, another one may have.
        missing = any(flight.missing is not None for flight in gone)
        found = self._run.tracker.receipts(wanted, blocks, everywhere=missing)
        self._run.settings.hook("after_receipt")
        outcomes = (self._outcome(flight, found) for flight in gone)
        return [change for change in outcomes if change is not None]

    def _expect_no_doubt(self, left: int) -> None:
        """Write down which endpoints contradicted themselves.

        Args:
            left: Of how many items with used nonces it is not known what became of them.

        Raises:
            Contradiction: For so long as the patience nothing has moved, and what is said of them does not fit.
        """
        run = self._run
        run.note_contradictions()
        doubt = run.tracker.doubt
        if left and doubt is not None and time.monotonic() - run.progress.moved_at > run.settings.patience:
            raise Contradiction(
                f"{doubt}. {left} items stay open and are not signed again: name another node with --rpc, then `salus"
                " outbox resume`"
            )

    def _outcome(self, flight: Flight, found: Mapping[str, Mined]) -> Change | None:
        """What became of an item whose nonce is used; None where that is not known yet."""
        mined = next((found[a.hash] for a in flight.attempts if a.hash in found), None)
        if mined is not None:
            taken = self._run.tracker.record(flight.row, flight.attempts, mined)
            return Change(flight.row, flight.attempts, mined.raw) if taken else None
        return Change(flight.row, flight.attempts) if self._is_lost(flight) else None

    def _is_lost(self, flight: Flight) -> bool:
        """Whether another transaction has the nonce; only said when that one is found."""
        now = time.monotonic()
        if flight.missing is None:
            flight.missing = now
        if now - flight.missing < _MISSING:
            return False
        flight.missing = now  # the next look is as far away
        run, row = self._run, flight.row
        assert row.nonce is not None
        known = run.store.attempts([row])[row.id]
        if len(known) > len(flight.attempts):
            flight.attempts = known  # another thread or process paid more, or cancelled
            return False
        other = run.tracker.find_replacement_tx(row.nonce, *run.store.around(row.nonce, run.progress.head))
        if other is None or other[0] in {attempt.hash for attempt in flight.attempts}:
            return False
        if claims_nonce(run, flight, *other):
            return False  # it did happen; its receipt is found at the next look
        row.state, row.mined, row.block, row.deep = State.LOST, other[0], other[1], False
        row.block_hash = row.gas_used = row.proof = None
        row.error = NonceTaken(row.nonce, *other)
        run.store.used_elsewhere(row.nonce, row.nonce)
        return True
