"""The third part of a run, where nothing moves: what a node may have lost is sent again, what is stuck is paid more."""

from __future__ import annotations

import time

from salus.chain.rpc import number
from salus.errors import BadInput, NodeRefused, NotMined
from salus.outbox._dispatch import Flight
from salus.outbox._envelope import Fees
from salus.outbox._foreign import Gap, waiting
from salus.outbox._items import State
from salus.outbox._nodes import BATCH
from salus.outbox._rechecking import Change
from salus.outbox._rows import Attempt, Row
from salus.outbox._run import Run

__all__ = ["Repairer"]

_UNCONFIRMED = 0.1  # seconds after which something is sent again that a node did not confirm
_LONGEST_RESEND = 15.0
_BUMPED_AT_ONCE = 16


class Repairer:
    """Sends again, and raises fees.

    Args:
        run: What it shares with the other parts.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._bumped_at = 0.0
        self._gap_at = 0.0  # when a gap was last looked at
        self._unparked = -1  # the last nonce that was signed again because a node kept it aside

    def repair(self, left: int) -> list[Change]:
        """Nothing moved: send what a node may have lost again, and pay more for what is stuck.

        Args:
            left: How many items wait to be signed.

        Returns:
            What was in a block, be it called final, and is in none any more: it stood in the way.

        Raises:
            NotMined: Nothing has moved for longer than the patience.
            NodeRefused: Too little ether.
        """
        run, progress = self._run, self._run.progress
        lowest, now = min(run.flights), time.monotonic()
        self._expect_ether(left)
        if now - progress.moved_at > run.settings.patience:
            raise NotMined(run.flights[lowest].attempts[-1].hash, run.settings.patience)
        due = now - progress.resent_at > progress.resend_after
        # Where the chain counts fewer transactions than it did, something that was settled is not mined any more.
        if due and lowest > progress.count and (changes := self._recheck_below(lowest)):
            return changes
        if lowest > progress.count and now - max(progress.moved_at, self._gap_at) > run.settings.bump_seconds:
            self._gap_at = now
            if self._fill(lowest):
                return []
        if lowest >= progress.count and (self._is_stuck(now) or (run.out.fee_too_low and due)):
            run.out.fee_too_low = False
            self.bump()
        elif due or (run.out.unconfirmed and now - progress.resent_at > _UNCONFIRMED):
            self._resend(lowest)
        return []

    def _recheck_below(self, nonce: int) -> list[Change]:
        """Look again at what was settled with nonces from the chain's count on, below another one."""
        run = self._run
        return run.recheck(run.store.settled_from(run.progress.count, nonce, BATCH))

    def _fill(self, lowest: int) -> bool:
        """Fill the nonces between the chain's count and what is signed by transfers of nothing to the account itself;
        whether it was done.

        Not while a transaction from elsewhere waits there: it may still go into a block. Whose gap it is stays written
        down for :class:`Status`.

        Raises:
            NodeRefused: The fee is above the ceiling.
        """
        run, count = self._run, self._run.progress.count
        with run.lock() as given:
            survey = run.nodes.survey(run.account, run.store.next_nonce())
            count = max(count, survey.count)
            # Another process of the outbox may have signed there, or filled it.
            ours = {nonce for _, nonce, _, _ in run.store.waiting_from(count, BATCH)}
            ours |= {row.nonce for row in run.store.settled_from(count, lowest, BATCH) if row.nonce is not None}
            missing = [nonce for nonce in range(count, min(lowest, count + BATCH)) if nonce not in ours]
            if not missing:
                return False
            self._note_gap(Gap(missing[0], missing[-1]))
            if survey.pending > count:
                return False
            run.fill(missing, survey.fees, given)
        run.out.send_missing(run.store.waiting_from(count, BATCH))
        run.progress.resent_at = time.monotonic()
        return True

    def _note_gap(self, gap: Gap) -> None:
        """Write down a gap, with who made it as far as a node tells or told."""
        store = self._run.store
        found = waiting(self._run, [gap.first])
        store.note_foreign(found.values())
        store.write_gap(gap.first, gap.last)

    def cancel(self, row: Row) -> None:
        """Sign a transfer of nothing to the account itself in an item's place, with its nonce and a higher fee, and
        write it down. It is sent with the next look at what is missing.

        Args:
            row: The item.

        Raises:
            NodeRefused: The ceiling leaves no room for a higher fee.
            BadInput: Another process has settled the item meanwhile.
        """
        run = self._run
        with run.lock():
            survey = run.nodes.survey(run.account, run.store.next_nonce())
            (now,) = run.store.rows(keys=[row.item.key])
            if now.state not in (State.STORED, State.SENT) or now.nonce is None:
                raise BadInput(
                    run.store.path, f"key {row.item.key}", f"is {now.state.value}; there is nothing to cancel"
                )
            last = run.store.attempts([now])[now.id][-1]
            if last.cancels:
                return
            fees = Fees(last.most, last.tip).raised(survey.fees, run.settings.ceiling)
            if fees is None:
                raise NodeRefused(
                    f"to cancel {row.item.key} takes more than {last.most / 1e9:,.1f} gwei a unit of gas, above the"
                    " ceiling; raise the client's fee_ceiling",
                    name="FeeTooHigh",
                )
            attempt = run.attempt(now, now.nonce, run.transfer_gas(), fees, order=last.number + 1, cancels=True)
            run.store.bump([(now.id, attempt)])
            run.settings.hook("after_cancel")

    def _expect_ether(self, left: int) -> None:
        """Raise where the next transaction is one that a node refused for want of ether."""
        run = self._run
        nonce = run.out.insufficient_funds_from
        if nonce is None or run.progress.count < nonce:
            return
        run.out.insufficient_funds_from = None
        attempt = run.flights[nonce].attempts[-1] if nonce in run.flights else None
        raise run.out_of_ether(left + len(run.flights), attempt.gas * attempt.most if attempt is not None else 0)

    def _is_stuck(self, now: float) -> bool:
        """Whether so many blocks, and so many seconds, passed without a transaction of ours."""
        # Seconds as well: anvil mines some hundred empty blocks a second when it is busy.
        progress, settings = self._run.progress, self._run.settings
        return (
            progress.earlier_head - progress.moved_head >= settings.bump_blocks
            and now - self._bumped_at > settings.bump_seconds
            and now - progress.moved_at > settings.bump_seconds
        )

    def _resend(self, lowest: int) -> None:
        run, progress = self._run, self._run.progress
        if not run.out.unconfirmed:
            progress.resend_after = min(progress.resend_after * 2, _LONGEST_RESEND)
        run.out.unconfirmed = False
        # Whoever signed them: a nonce that is missing stops all that follow.
        missing = run.out.send_missing(run.store.waiting_from(progress.count, BATCH))
        progress.resent_at = time.monotonic()
        if not missing and lowest == progress.count != self._unparked and self._is_parked():
            self._unparked = lowest
            self.bump(1)

    def _is_parked(self) -> bool:
        """Whether the node has the next one and will not take it into a block, for it does not count it among those
        that wait.

        anvil puts what arrives just as it takes the one before into a block among those whose predecessor is missing,
        for good; it makes room for a new attempt. A far node that was never seen to count what waits is given the time
        for a block, and no nonce is signed again for this more than once.
        """
        run, progress = self._run, self._run.progress
        waited = time.monotonic() - progress.moved_at > run.settings.bump_seconds
        if not (run.foresees or run.nodes.near or (waited and progress.head == progress.moved_head)):
            return False
        (pending,) = run.nodes.ask([("eth_getTransactionCount", [run.account, "pending"])])
        return number(pending, "the nonce", most=1 << 64) <= progress.count

    def bump(self, most: int = _BUMPED_AT_ONCE) -> None:
        """Sign the lowest ones again with their own nonces, for more; whichever attempt is mined, it is one effect.

        Args:
            most: How many, at most.
        """
        run, progress = self._run, self._run.progress
        progress.moved_head = progress.head
        self._bumped_at = progress.resent_at = time.monotonic()
        with run.lock():
            survey = run.nodes.survey(run.account, run.store.next_nonce())
            lowest = {nonce: run.flights[nonce] for nonce in sorted(run.flights)[:most]}
            # Another process may have bumped them.
            known = run.store.attempts(flight.row for flight in lowest.values())
            bumped: list[tuple[Flight, Attempt]] = []
            for nonce, flight in lowest.items():
                flight.attempts = known[flight.row.id]
                if (attempt := self._raised(nonce, flight, survey.fees)) is not None:
                    bumped.append((flight, attempt))
            if bumped:
                run.store.bump((flight.row.id, attempt) for flight, attempt in bumped)
                for flight, attempt in bumped:
                    flight.attempts.append(attempt)
                run.settings.hook("after_bump")
        run.out.send_missing(run.store.waiting_from(progress.count, BATCH))

    def _raised(self, nonce: int, flight: Flight, market: Fees) -> Attempt | None:
        """A further attempt at higher fees; None where the ceiling leaves no room."""
        last = flight.attempts[-1]
        fees = Fees(last.most, last.tip).raised(market, self._run.settings.ceiling)
        if fees is None:
            return None
        return self._run.attempt(flight.row, nonce, last.gas, fees, order=last.number + 1, cancels=last.cancels)
