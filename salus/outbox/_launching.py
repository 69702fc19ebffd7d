"""The first part of a run: calls are tried, signed, written down and sent, as many as there is room for."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from salus.chain.nonces import Given, settled_next
from salus.errors import SalusError
from salus.outbox._dispatch import Flight
from salus.outbox._dryrun import DryRun, Trial
from salus.outbox._envelope import Fees
from salus.outbox._foreign import examine, expect_explained
from salus.outbox._items import State
from salus.outbox._nodes import BATCH
from salus.outbox._rechecking import Change
from salus.outbox._rows import Row
from salus.outbox._run import Run
from salus.outbox._survey import Survey

__all__ = ["Launcher"]

_STALE = 15.0  # seconds after which a dry run is repeated, before what was tried is signed


class Launcher:
    """Tries, signs and sends what is queued.

    While the window is full the next calls are tried already, so that the node does that beside making its blocks. Not
    in a window of one: there each needs the effect of the one before.

    Args:
        run: What it shares with the other parts.

    Attributes:
        queue: What is to be sent, in order.
        dry_run: What tries it.
        stalled_at: The account's count of transactions at which the balance, or the ceiling, let nothing more be
            signed; None where that is not so.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.queue: deque[Row] = deque()
        self.dry_run = DryRun(run.nodes, run.account)
        self.stalled_at: int | None = None
        self._batch = min(BATCH, run.settings.window)
        self._trial: Trial | None = None
        self._tried: deque[tuple[Row, int]] = deque()  # with their gas; they are signed before anything else
        self._tried_at = 0.0

    @property
    def left(self) -> int:
        """How many wait to be signed."""
        return len(self.queue) + len(self._tried) + (len(self._trial.rows) if self._trial else 0)

    @property
    def waiting(self) -> int:
        """How many transactions wait for a block."""
        return len(self._waiting())

    def launch(self) -> list[Change]:
        """Try, sign, write down and send the next calls, where there is room for them.

        Returns:
            What the dry run refused, and what another process has settled.

        Raises:
            NodeRefused: Too little ether, or too high a fee, and nothing is in flight that one could wait for.
            Unreachable: Another process holds the key's lock, or no endpoint answers.
        """
        self._begin_trial()
        changes = self._end_trial()
        count = self._room()
        if count and time.monotonic() - self._tried_at > _STALE:
            self.queue.extendleft(row for row, _ in reversed(self._tried))
            self._tried.clear()
        elif count:
            changes += self._sign_next(count)
        return changes

    def forget(self, ids: Set[int]) -> None:
        """Leave items that wait to be signed; what is being tried at the moment may still be.

        Args:
            ids: The items'.
        """
        self.queue = deque(row for row in self.queue if row.id not in ids)
        self._tried = deque((row, gas) for row, gas in self._tried if row.id not in ids)

    # ------------------------------------------------------------------------------------------------------- trying

    def _begin_trial(self) -> None:
        """Begin the dry run of the next calls, unless there is enough that was tried, or is being tried."""
        run = self._run
        if not self.queue or self._trial or len(self._tried) >= self._batch or (self._batch == 1 and run.flights):
            return
        if not run.gas_limit:
            with run.lock() as given:
                self._look_around(given)
                if self._is_filling() or not self.queue:
                    return
        rows = [self.queue.popleft() for _ in range(min(self._batch, len(self.queue)))]
        flying, trying = bool(run.flights), run.settings.trying
        self._trial = self.dry_run.begin(rows, run.gas_limit, flying=flying, trying=trying)
        self._tried_at = time.monotonic()

    def _end_trial(self) -> list[Change]:
        """Take what came of a dry run, if it is done or there is room that waits for it; report what it refused."""
        trial = self._trial
        if trial is None or not (trial.is_done() or (not self._tried and self._free() * 2 >= self._batch)):
            return []
        allowed, refused = self.dry_run.finish(trial)
        self._trial = None
        self._tried.extend(allowed)
        return self._refuse(refused) if refused else []

    def _refuse(self, refused: Sequence[tuple[Row, SalusError]]) -> list[Change]:
        # Another process may have signed them meanwhile, and its effect is why they are refused now.
        queued = {row.id for row in self._run.store.still_queued([row for row, _ in refused])}
        own = [(row, error) for row, error in refused if row.id in queued]
        self._run.store.refuse(own)
        for row, error in own:
            row.state, row.error = State.REFUSED, error
        return [Change(row) for row, _ in own] + self._follow([row for row, _ in refused if row.id not in queued])

    def _follow(self, rows: Sequence[Row]) -> list[Change]:
        """Another process was faster: what it signed is followed like our own, what it settled is reported."""
        if not rows:
            return []
        changes: list[Change] = []
        run = self._run
        for row, attempts in run.with_attempts(run.store.rows(keys=[row.item.key for row in rows])):
            if row.state in (State.STORED, State.SENT):
                assert row.nonce is not None
                run.flights[row.nonce] = Flight(row, attempts)
            elif row.state is State.QUEUED:
                self.queue.append(row)
            else:
                changes.append(Change(row, attempts))
        return changes

    # --------------------------------------------------------------------------------------------------------- room

    def _waiting(self) -> list[Flight]:
        """What waits for a block. What is counted already is in one, though its receipt may not have been asked for."""
        count = self._run.progress.count
        return [flight for nonce, flight in self._run.flights.items() if nonce >= count]

    def _free(self) -> int:
        """How many more may be in flight."""
        return self._run.window - len(self._waiting())

    def _room(self) -> int:
        """How many of those that were tried go out now; 0 while it is worth waiting for more room.

        No more are in flight than one block can hold: they would only wait, and where nothing else comes in anvil
        leaves what did not fit into a block for ever.
        """
        waiting = self._waiting()
        gas = self._run.gas_limit - sum(flight.attempts[-1].gas for flight in waiting)
        now = _fitting(self._tried, min(self._run.window - len(waiting), self._batch), gas)
        whole = _fitting(self._tried, self._batch, self._run.gas_limit)
        if not waiting:
            return max(now, min(len(self._tried), 1))
        return now if now * 2 >= max(whole, 1) else 0

    # ------------------------------------------------------------------------------------------------------ signing

    def _look_around(self, given: Given) -> tuple[Survey, int]:
        """The account as the node sees it, and its next nonce, under the key's lock.

        What the key sent and the file does not know is read, and given to the queued items that it carried out. Where
        the file has forgotten what no node shows, its nonces are filled.
        """
        run = self._run
        own = run.store.next_nonce()
        survey, first = self._survey(own, given)
        run.gas_limit = survey.gas_limit
        hidden = examine(run, own, survey, first, given)
        claimed = self._claim()
        if own:
            for start, end in _ranges(set(range(own, first)) - claimed - hidden):
                run.store.used_elsewhere(start, end)
        if hidden:
            run.fill(hidden, survey.fees, given)
            run.out.send_missing(run.store.waiting_from(min(hidden), len(hidden)))
        return survey, max([first, *(nonce + 1 for nonce in hidden)])

    def _claim(self) -> set[int]:
        """Take over what was done for queued items already, by a transaction that the file had forgotten; the nonces.

        It is followed like what was sent now.
        """
        run = self._run
        rows = run.store.claim()
        for row, attempts in run.with_attempts(rows):
            assert row.nonce is not None
            run.flights[row.nonce] = Flight(row, attempts)
        if rows:
            self.forget({row.id for row in rows})
        return {row.nonce for row in rows if row.nonce is not None}

    def _sign_next(self, count: int) -> list[Change]:
        allowed = [self._tried.popleft() for _ in range(count)]
        run = self._run
        with run.lock() as given:
            survey, first = self._look_around(given)
            if self._is_filling([row for row, _ in allowed]):
                return []
            queued = {row.id for row in run.store.still_queued([row for row, _ in allowed])}
            if queued:
                expect_explained(run, run.nodes.contracts)
            self._sign_and_send([(row, gas) for row, gas in allowed if row.id in queued], survey, first, given)
        self._begin_trial()
        return self._follow([row for row, _ in allowed if row.id not in queued and not self._flies(row)])

    def _is_filling(self, rows: Sequence[Row] = ()) -> bool:
        """Whether a gap is being filled; then that is followed, whichever process began it.

        What waits above the gap may be what the file has forgotten: it must be read before anything more is tried or
        signed.

        Args:
            rows: Items that go back into the queue then, with all that were tried.
        """
        run = self._run
        filling = run.store.filling()
        if filling:
            back = [*rows, *(row for row, _ in self._tried), *(self._trial.rows if self._trial else ())]
            self.queue.extendleft(reversed(back))
            self._tried.clear()
            self._trial, run.gas_limit = None, 0  # so that the account is looked at before the next dry run
            run.adopt(filling)
            self.stalled_at = run.progress.count
        return bool(filling)

    def _flies(self, row: Row) -> bool:
        """Whether an item is in flight already, by another object of the same row."""
        return any(flight.row.id == row.id for flight in self._run.flights.values())

    def _sign_and_send(self, calls: Sequence[tuple[Row, int]], survey: Survey, first: int, given: Given) -> None:
        if not calls:
            return
        run = self._run
        affordable = self._affordable(calls, survey.fees, survey.balance - run.store.reserved())
        # What cannot be paid for is not signed: its nonces stay free, and no gap is left.
        self._tried.extendleft(reversed(calls[affordable:]))
        if not affordable:
            self.stalled_at = run.progress.count
            return
        signed = [
            (row, nonce, run.attempt(row, nonce, gas, survey.fees))
            for nonce, (row, gas) in enumerate(calls[:affordable], first)
        ]
        run.settings.hook("after_sign")
        run.store.sign(signed)
        for row, nonce, attempt in signed:
            row.nonce, row.state = nonce, State.STORED
            run.flights[nonce] = Flight(row, [attempt])
        run.settings.hook("after_store")
        given.give(first, len(signed), run.store.giver)
        given.note(first + len(signed), signed[-1][2].hash)
        run.out.send([(row.id, nonce, attempt.hash, attempt.raw) for row, nonce, attempt in signed])
        run.progress.reset_waits()

    def _survey(self, own: int, given: Given) -> tuple[Survey, int]:
        """What the signature depends on, and the next nonce. A node that counts less than the key's holders have given
        out is waited for, as long as it may be late.
        """
        run = self._run
        survey: Survey

        def counted() -> int:
            nonlocal survey
            survey = run.nodes.survey(run.account, own)
            run.foresees = run.foresees or survey.pending > survey.count
            return max(own, survey.pending)

        def knows(hash_: str) -> bool:
            return isinstance(run.nodes.ask([("eth_getTransactionByHash", [hash_])])[0], Mapping)

        first = settled_next(given, counted, knows, near=run.nodes.near)
        return survey, first

    def _affordable(self, calls: Sequence[tuple[Row, int]], fees: Fees, balance: int) -> int:
        """How many of the calls the balance pays for in any case; none also where the fee is beyond the ceiling.

        Raises:
            NodeRefused: None, and nothing is in flight that one could wait for.
        """
        flying = bool(self._run.flights)
        if flying and fees.most > self._run.settings.ceiling:
            return 0
        self._run.expect_fee(fees)
        for n, (row, gas) in enumerate(calls):
            cost = gas * fees.most + row.item.value
            if cost > balance:
                if n == 0 and not flying:
                    raise self._run.out_of_ether(self.left + len(calls), cost)
                return n
            balance -= cost
        return len(calls)


def _ranges(nonces: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Nonces as ranges, both ends included."""
    start = end = -1
    for nonce in sorted(nonces):
        if nonce != end + 1 and start >= 0:
            yield start, end
            start = nonce
        start, end = (nonce if start < 0 else start), nonce
    if start >= 0:
        yield start, end


def _fitting(calls: Iterable[tuple[Row, int]], most: int, gas: int) -> int:
    """How many of the first calls are no more than so many, and take no more gas."""
    count = 0
    for _, needed in calls:
        gas -= needed
        if count >= most or gas < 0:
            break
        count += 1
    return count
