"""The loop that sends: a window of signed transactions in flight, filled from a queue and emptied by receipts.

Whatever is asked here may be asked again after a crash at any point: the file says what was signed, the chain says what
was mined, and nothing else is believed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from salus.chain.rpc import number
from salus.errors import NodeRefused, NotMined
from salus.outbox._dispatch import Dispatch, Flight
from salus.outbox._dryrun import DryRun, Trial
from salus.outbox._envelope import Fees, Unsigned, signing
from salus.outbox._files import Given, key_lock
from salus.outbox._items import State
from salus.outbox._nodes import BATCH, Nodes, Survey
from salus.outbox._rechecking import Change, recheck
from salus.outbox._settings import Settings
from salus.outbox._store import Attempt, Row, Store
from salus.outbox._tracking import NonceTaken, Tracker

if TYPE_CHECKING:
    from salus.keys.signers import Signer

__all__ = ["Change", "Pipeline"]

# A node counts a transaction a moment before it hands out the receipt; after these seconds it is asked who took the
# nonce.
_MISSING = 2.0
_DOUBT, _FIRST_RESEND, _LONGEST_RESEND = 0.1, 1.0, 15.0
_FIRST_NEAR = 0.4  # for a node on this machine
_SHORTEST_LOOK, _LONGEST_LOOK = 0.01, 0.25
_GATHERING = 0.05  # seconds at most for which receipts are left to come together, many being cheaper at once
_STALE = 15.0  # seconds after which a dry run is made anew, before what was tried is signed
_BUMPED_AT_ONCE = 16


class Pipeline:
    """One run of an outbox.

    Args:
        settings: How.
    """

    def __init__(self, store: Store, nodes: Nodes, signer: Signer, chain_id: int, settings: Settings) -> None:
        self._store, self._nodes, self._settings = store, nodes, settings
        self._chain_id, self._account = chain_id, signer.address
        self._sign = signing(signer, chain_id)
        self._dry = DryRun(nodes, signer.address)
        self.tracker = Tracker(nodes, signer.address, settings.confirmations)
        self._batch = min(BATCH, settings.window)
        self.queue: deque[Row] = deque()
        self._trial: Trial | None = None
        self._tried: deque[tuple[Row, int]] = deque()  # with their gas; first of all they are signed
        self._tried_at = self._gathering = 0.0
        self._flights: dict[int, Flight] = {}
        self._out = Dispatch(store, nodes, self._flights, settings.hook)
        self._gas_limit = 0
        self._count = self._head = self._before = -1
        self._read = -1  # up to which block receipts were asked for
        self._moved, self._moved_head = time.monotonic(), -1
        self._first_resend = _FIRST_NEAR if nodes.near else _FIRST_RESEND
        self._resend, self._resent, self._bumped = self._first_resend, 0.0, 0.0
        self._look = _SHORTEST_LOOK
        self._unparked = -1  # the last nonce that was given anew because a node kept it aside
        self._foresees = False  # whether the node was seen to count what waits for a block
        self._short: int | None = None  # the count at which the balance, or the ceiling, let nothing more be signed

    # ------------------------------------------------------------------------------------------------------- the loop

    @property
    def busy(self) -> bool:
        """Whether anything is queued, under way or in flight."""
        return bool(self.pending or self._out.under_way)

    @property
    def left(self) -> int:
        """How many wait to be signed."""
        return len(self.queue) + len(self._tried) + (len(self._trial.rows) if self._trial else 0)

    @property
    def pending(self) -> int:
        """How many wait to be signed or are in flight."""
        return self.left + len(self._flights)

    def flying(self, row: Row) -> bool:
        """Whether an item is in flight."""
        return row.nonce in self._flights

    def adopt(self, rows: Iterable[Row]) -> None:
        """Take over what was signed, by an earlier run or by another process, and send the same bytes again."""
        taken = [row for row in rows if row.nonce not in self._flights]
        last = []
        for row, attempts in self._with_attempts(taken):
            assert row.nonce is not None
            self._flights[row.nonce] = Flight(row, attempts)
            last.append((row.id, row.nonce, attempts[-1].hash, attempts[-1].raw))
        for first in range(0, len(last), BATCH):
            self._out.send_missing(last[first : first + BATCH])
        if taken:
            self._stir()

    def _with_attempts(self, rows: Sequence[Row]) -> list[tuple[Row, list[Attempt]]]:
        found = self._store.attempts(rows)
        return [(row, found[row.id]) for row in rows]

    def step(self) -> list[Change]:
        """Fill the window, look for receipts, repair; a short rest where nothing happened."""
        changes: list[Change] = []
        self._out.process_replies()
        if not self._flights:
            self._short = self._out.insufficient_funds_from = None  # there is nothing left to wait for
        if self.left and self._out.insufficient_funds_from is None and self._short != self._count:
            before = len(self._flights)
            changes += self._launch()
            if self.left and len(self._flights) > before:
                return changes  # there may be room for more, before anything is asked
        changes += self._collect()
        if changes:
            self._look = _SHORTEST_LOOK
        elif self._out.under_way:
            # By the time the node has taken them, those before are in a block; each look in between would hold it up.
            self._out.wait(_GATHERING)
        elif self._flights:
            changes = self._repair()
            time.sleep(self._look)
            self._look = min(self._look * 1.3, _LONGEST_LOOK)
        return changes

    def close(self) -> None:
        """Wait until nothing is under way, so that the next run does not send what this one is sending."""
        self._out.wait(None)

    def _stir(self) -> None:
        """Something moved: patience, and the waiting before a repair, begin anew."""
        self._moved, self._resent, self._resend = time.monotonic(), time.monotonic(), self._first_resend
        self._moved_head = self._head

    # ------------------------------------------------------------------------------------------------------ launching

    def _launch(self) -> list[Change]:
        """Try, sign, write down and send the next ones, where there is room for them.

        While the window is full the next ones are tried already, so that the node does that beside making its blocks.
        Not in a window of one: there each needs the effect of the one before.
        """
        changes: list[Change] = []
        self._try()
        if self._trial and (self._trial.is_done() or (not self._tried and self._free() * 2 >= self._batch)):
            changes += self._tell(self._trial)
        if self._tried and time.monotonic() - self._tried_at > _STALE and self._room():
            self.queue.extendleft(row for row, _ in reversed(self._tried))
            self._tried.clear()
            return changes
        many = self._room()
        if not many:
            return changes
        allowed = [self._tried.popleft() for _ in range(many)]
        with key_lock(self._chain_id, self._nodes.genesis, self._account, self._settings.patience) as given:
            mine = {row.id for row in self._store.still_queued([row for row, _ in allowed])}
            others = [row for row, _ in allowed if row.id not in mine]
            self._sign_and_send([(row, gas) for row, gas in allowed if row.id in mine], given)
        self._try()
        if others:
            changes += self._signed_elsewhere(others)
        return changes

    def _try(self) -> None:
        """Begin the dry run of the next ones, unless there is enough that was tried, or is being tried."""
        if not self.queue or self._trial or len(self._tried) >= self._batch or (self._batch == 1 and self._flights):
            return
        if not self._gas_limit:
            self._gas_limit = self._nodes.survey(self._account, self._store.next_nonce()).gas_limit
        rows = [self.queue.popleft() for _ in range(min(self._batch, len(self.queue)))]
        flying, trying = bool(self._flights), self._settings.trying
        self._trial = self._dry.begin(rows, self._gas_limit, flying=flying, trying=trying)
        self._tried_at = time.monotonic()

    def _tell(self, trial: Trial) -> list[Change]:
        """What came of a dry run, waited for; what it refused is told."""
        allowed, refused = self._dry.finish(trial)
        self._trial = None
        self._tried.extend(allowed)
        if not refused:
            return []
        # Another process may have signed them meanwhile, and its effect is why they are refused now.
        mine = {row.id for row in self._store.still_queued([row for row, _ in refused])}
        own = [(row, error) for row, error in refused if row.id in mine]
        self._store.refuse(own)
        for row, error in own:
            row.state, row.error = State.REFUSED, error
        others = [row for row, _ in refused if row.id not in mine]
        return [Change(row) for row, _ in own] + (self._signed_elsewhere(others) if others else [])

    def _flying(self) -> list[Flight]:
        """What waits for a block. What is counted already is in one, though its receipt may not have been asked for."""
        return [flight for nonce, flight in self._flights.items() if nonce >= self._count]

    def _free(self) -> int:
        """How many more may be in flight."""
        return self._settings.window - len(self._flying())

    def _room(self) -> int:
        """How many of those that were tried go out now; 0 while it is worth waiting for more room.

        No more are in flight than one block can hold: they would only wait, and where nothing else comes in anvil
        leaves what did not fit into a block for ever.
        """
        flying = self._flying()
        gas = self._gas_limit - sum(flight.attempts[-1].gas for flight in flying)
        now = _fitting(self._tried, min(self._settings.window - len(flying), self._batch), gas)
        whole = _fitting(self._tried, self._batch, self._gas_limit)
        if not flying:
            return max(now, min(len(self._tried), 1))
        return now if now * 2 >= max(whole, 1) else 0

    def _signed_elsewhere(self, rows: Sequence[Row]) -> list[Change]:
        """Another process was faster: what it signed is followed like our own."""
        changes: list[Change] = []
        for row, attempts in self._with_attempts(self._store.rows(keys=[row.item.key for row in rows])):
            if row.state in (State.STORED, State.SENT):
                assert row.nonce is not None
                self._flights[row.nonce] = Flight(row, attempts)
            elif row.state is State.QUEUED:
                self.queue.append(row)
            else:
                changes.append(Change(row, attempts))
        return changes

    def _sign_and_send(self, calls: Sequence[tuple[Row, int]], given: Given) -> None:
        if not calls:
            return
        own = self._store.next_nonce()
        survey = self._survey(own, given)
        self._gas_limit = survey.gas_limit
        if survey.pending > own and own:
            self._store.used_elsewhere(own, survey.pending - 1)
        first = max(own, survey.pending)
        affordable = self._affordable(calls, survey.fees, survey.balance - self._store.reserved())
        signed: list[tuple[Row, int, Attempt]] = []
        for nonce, (row, gas) in enumerate(calls[:affordable], first):
            item = row.item
            raw, hash_ = self._sign(Unsigned(nonce, item.target, item.data, gas, survey.fees, item.value))
            signed.append((row, nonce, Attempt("0x" + hash_.hex(), raw, gas, survey.fees.most, survey.fees.tip)))
        # What cannot be paid for is not signed: its nonces stay free, and no gap is left.
        self._tried.extendleft(reversed(calls[affordable:]))
        if not signed:
            self._short = self._count
            return
        hook = self._settings.hook
        hook("after_sign")
        self._store.sign(signed)
        for row, nonce, attempt in signed:
            row.nonce, row.state = nonce, State.STORED
            self._flights[nonce] = Flight(row, [attempt])
        hook("after_store")
        given.note(first + len(signed))
        self._out.send([(row.id, nonce, attempt.hash, attempt.raw) for row, nonce, attempt in signed])
        self._stir()

    def _survey(self, own: int, given: Given) -> Survey:
        """What the signature depends on. A node that counts less than another outbox of the key has just sent is waited
        for.
        """
        while True:
            survey = self._nodes.survey(self._account, own)
            self._foresees = self._foresees or survey.pending > survey.count
            if max(own, survey.pending) >= given.next:
                return survey
            time.sleep(_LONGEST_LOOK)

    def _affordable(self, calls: Sequence[tuple[Row, int]], fees: Fees, balance: int) -> int:
        """How many of the calls the balance pays for, come what may; none also where the fee is beyond the ceiling.

        Raises:
            NodeRefused: None, and nothing is in flight that one could wait for.
        """
        if fees.most > self._settings.ceiling:
            if self._flights:
                return 0
            raise NodeRefused(
                f"the node asks {fees.most / 1e9:,.1f} gwei a unit of gas, above the ceiling of"
                f" {self._settings.ceiling / 1e9:,.1f}; wait, or raise the client's fee_ceiling",
                name="FeeTooHigh",
            )
        for n, (row, gas) in enumerate(calls):
            cost = gas * fees.most + row.item.value
            if cost > balance:
                if n == 0 and not self._flights:
                    raise self._out_of_ether(self.left + len(calls), cost)
                return n
            balance -= cost
        return len(calls)

    def _out_of_ether(self, left: int, cost: int) -> NodeRefused:
        return NodeRefused(
            f"{self._account} has too little ether for the next of {left} items ({cost / 1e18:.6f} may be needed); nothing is"
            " lost: give it ether, then `salus outbox resume`",
            name="InsufficientFunds",
        )

    # ------------------------------------------------------------------------------------------------------ collecting

    def _collect(self) -> list[Change]:
        """Take from the window what is in a block."""
        if not self._flights:
            return []
        count, head = self.tracker.now()
        # A node may answer the second question later than the first: only the head of the look before is from before
        # this count.
        self._before = self._head
        moved = count > self._count or self._count < 0
        self._count, self._head = count, head
        if moved:
            self._stir()
        gone = [flight for nonce, flight in self._flights.items() if nonce < count]
        if gone and moved and not self._gathered(len(gone)):
            return []
        blocks = range(self._read + 1, head + 1) if self._read >= 0 else range(0, 1 << 62)
        self._read, self._gathering = head, 0.0
        if not gone:
            return []
        found = self.tracker.receipts((a.hash for flight in gone for a in flight.attempts), blocks)
        self._settings.hook("after_receipt")
        changes: list[Change] = []
        for flight in gone:
            mined = next((found[a.hash] for a in flight.attempts if a.hash in found), None)
            if mined is not None:
                self.tracker.record(flight.row, flight.attempts, mined)
                changes.append(Change(flight.row, flight.attempts, mined.raw))
            elif self._lost(flight):
                changes.append(Change(flight.row, flight.attempts))
        if changes:
            self._store.settle(change.row for change in changes)
        for change in changes:
            del self._flights[change.row.nonce or 0]
        return changes

    def _gathered(self, gone: int) -> bool:
        """Whether the receipts of so many that left the window are asked for now, or with those that follow in a
        moment.
        """
        now = time.monotonic()
        self._gathering = self._gathering or now
        if gone * 4 >= len(self._flights) or now - self._gathering > _GATHERING:
            return True
        self._look = _SHORTEST_LOOK
        return False

    def _lost(self, flight: Flight) -> bool:
        """Whether another transaction has the nonce; only said when that one is found."""
        now = time.monotonic()
        if flight.missing is None:
            flight.missing = now
        if now - flight.missing < _MISSING:
            return False
        flight.missing = now  # the next look is as far away
        row = flight.row
        assert row.nonce is not None
        culprit = self.tracker.find_replacement_tx(row.nonce, *self._store.around(row.nonce, self._head))
        if culprit is None or culprit[0] in {attempt.hash for attempt in flight.attempts}:
            return False
        row.state, row.mined, row.block, row.deep = State.LOST, culprit[0], culprit[1], False
        row.block_hash = row.gas_used = None
        row.error = NonceTaken(row.nonce, *culprit)
        self._store.used_elsewhere(row.nonce, row.nonce)
        return True

    # ------------------------------------------------------------------------------------------------------- repairing

    def _repair(self) -> list[Change]:
        """Nothing moved: send what a node may have lost again, and pay more for what is stuck.

        Returns:
            What was in a block, be it called final, and is in none any more: it stood in the way.

        Raises:
            NotMined: For longer than the patience.
            NodeRefused: For want of ether.
        """
        now = time.monotonic()
        lowest = min(self._flights)
        if self._out.insufficient_funds_from is not None and self._count >= self._out.insufficient_funds_from:
            nonce, self._out.insufficient_funds_from = self._out.insufficient_funds_from, None
            attempt = self._flights[nonce].attempts[-1] if nonce in self._flights else None
            raise self._out_of_ether(
                self.left + len(self._flights), attempt.gas * attempt.most if attempt is not None else 0
            )
        if now - self._moved > self._settings.patience:
            raise NotMined(self._flights[lowest].attempts[-1].hash, self._settings.patience)
        if lowest > self._count and now - self._resent > self._resend:
            # The chain counts fewer transactions than it did.
            if changes := self.recheck(self._store.settled_from(self._count, lowest, BATCH)):
                return changes
        # Seconds as well: anvil mines some hundred empty blocks a second when it is busy.
        stuck = (
            self._before - self._moved_head >= self._settings.bump_blocks
            and now - self._bumped > self._settings.bump_seconds
            and now - self._moved > self._settings.bump_seconds
        )
        if lowest >= self._count and (stuck or (self._out.fee_too_low and now - self._resent > self._resend)):
            self._out.fee_too_low = False
            self._bump()
        elif (self._out.unconfirmed and now - self._resent > _DOUBT) or now - self._resent > self._resend:
            if not self._out.unconfirmed:
                self._resend = min(self._resend * 2, _LONGEST_RESEND)
            self._out.unconfirmed = False
            # Whoever signed them: a nonce that is missing stops all that follow.
            missing = self._out.send_missing(self._store.waiting_from(self._count, BATCH))
            self._resent = time.monotonic()
            if not missing and lowest == self._count != self._unparked and self._parked():
                self._unparked = lowest
                self._bump(1)
        return []

    def _parked(self) -> bool:
        """Whether the node has the next one and will not take it into a block, for it does not count it among those
        that wait.

        anvil puts what arrives just as it takes the one before into a block among those whose predecessor is missing,
        for good; it makes room for a new attempt. A far node that was never seen to count what waits is given the time
        for a block, and no nonce is given anew for this more than once.
        """
        waited = time.monotonic() - self._moved > self._settings.bump_seconds and self._head == self._moved_head
        if not (self._foresees or self._nodes.near or waited):
            return False
        (pending,) = self._nodes.ask([("eth_getTransactionCount", [self._account, "pending"])])
        return number(pending, "the nonce", most=1 << 64) <= self._count

    def _bump(self, most: int = _BUMPED_AT_ONCE) -> None:
        """Sign the lowest ones anew with their own nonces, for more; whichever attempt is mined, it is one effect."""
        self._moved_head, self._resent = self._head, time.monotonic()
        self._bumped = self._resent
        with key_lock(self._chain_id, self._nodes.genesis, self._account, self._settings.patience):
            survey = self._nodes.survey(self._account, self._store.next_nonce())
            bumped: list[tuple[Flight, Attempt]] = []
            lowest = {nonce: self._flights[nonce] for nonce in sorted(self._flights)[:most]}
            # Another process may have bumped them.
            known = self._store.attempts(flight.row for flight in lowest.values())
            for nonce, flight in lowest.items():
                flight.attempts = known[flight.row.id]
                last, item = flight.attempts[-1], flight.row.item
                fees = Fees(last.most, last.tip).raised(survey.fees, self._settings.ceiling)
                if fees is None:
                    continue
                raw, hash_ = self._sign(Unsigned(nonce, item.target, item.data, last.gas, fees, item.value))
                attempt = Attempt("0x" + hash_.hex(), raw, last.gas, fees.most, fees.tip, last.number + 1)
                bumped.append((flight, attempt))
            if bumped:
                self._store.bump((flight.row.id, attempt) for flight, attempt in bumped)
                for flight, attempt in bumped:
                    flight.attempts.append(attempt)
                self._settings.hook("after_bump")
        self._out.send_missing(self._store.waiting_from(self._count, BATCH))

    # ---------------------------------------------------------------------------------------------------
    # reorganisations

    def recheck(self, rows: Sequence[Row]) -> list[Change]:
        """Look again at what is in a block that may still go away; see :func:`salus.outbox._rechecking.recheck`.

        What was un-mined is in flight again, by the same bytes.
        """
        changes = recheck(self._store, self.tracker, rows)
        self.adopt([change.row for change in changes if change.row.state is State.SENT])
        return changes


def _fitting(calls: Iterable[tuple[Row, int]], most: int, gas: int) -> int:
    """How many of the first calls are no more than so many, and take no more gas."""
    count = 0
    for _, needed in calls:
        gas -= needed
        if count >= most or gas < 0:
            break
        count += 1
    return count
