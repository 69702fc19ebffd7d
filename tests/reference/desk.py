"""The life of a claim, from submission to appeal: the reference for ``interfaces/claims/IClaimDesk.sol``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tests.reference.adjudicator import CARC, Claim, Judged, LineResult, Plans, Refusal, Used, Verdict, malformed
from tests.reference.treasury import Broken, Treasury

__all__ = ["Decided", "Desk", "Party", "Record", "Result", "State"]

DAY = 86_400
OUT_OF_NETWORK, DENIED_BY_REVIEW = 1, 2


class State(IntEnum):
    """What a claim is; numbered as in ``IClaimDesk``."""

    NONE = 0
    SETTLED = 1
    OWED = 2
    PENDED = 3
    DENIED = 4
    WITHDRAWN = 5
    REVERSED = 6
    ARBITRATED = 7


class Party(IntEnum):
    """As whom somebody acts."""

    PROVIDER = 0
    INSURER = 1
    PATIENT = 2
    STRANGER = 3


@dataclass(frozen=True)
class Decided:
    """What was decided of a claim; ``flags``: 1 judged out of network, 2 denied by review."""

    claim: Claim
    family: int
    flags: int
    lines: tuple[LineResult, ...]

    @property
    def circumstances(self) -> int:
        return self.claim.service_day << 72 | self.family << 8 | self.flags

    @property
    def paid(self) -> int:
        return sum(line.paid for line in self.lines)


@dataclass(frozen=True)
class Result:
    """As ``IClaimDesk.Result``, without the id; ``debt`` is the position of what is owed, ``reserved`` what was put
    aside.
    """

    refusal: Refusal
    carc: int
    state: State
    circumstances: int
    paid: int
    lines: tuple[LineResult, ...]
    debt: int | None = None
    reserved: bool = False


@dataclass
class Record:
    """A claim, and everything that ever happened to it.

    ``claim``: what is or was pended; ``decided``: what is final; ``judged``: what stands as used; ``withdrawn``: what
    must not come again. A claim that was refused when it was to be decided is withdrawn as well, but may come again.
    """

    state: State = State.NONE
    at: int = 0
    review_by: int = 0
    appealed: bool = False
    appeals: int = 0
    claim: Claim | None = None
    reserved: int = 0
    decided: Decided | None = None
    judged: list[Judged] = field(default_factory=list)
    debts: list[int] = field(default_factory=list)
    withdrawn: list[Claim] = field(default_factory=list)


class Desk:
    """The claim desk with its plans and the pools that name it; its errors name a claim's state as it is kept, ``OWED``
    when it was owed.

    Args:
        identify: The id of a claim by provider and number, as errors name it.
        licensed: Whether a provider's institution may bill at the moment of asking.
    """

    def __init__(
        self, plans: Plans, treasury: Treasury, identify: Callable[[str, bytes], Any], licensed: Callable[[str], bool]
    ) -> None:
        self.plans, self.treasury = plans, treasury
        self.used = Used()
        self.records: dict[tuple[str, bytes], Record] = {}
        self._identify, self._licensed = identify, licensed

    # ---- asking ------------------------------------------------------------------------------------------------------

    def state(self, record: Record) -> State:
        """``OWED`` until the debt is paid."""
        if record.state is State.OWED and not self._debt(record).left:
            return State.SETTLED
        return record.state

    def facts(self, provider: str, number: bytes) -> tuple[int, ...]:
        """As ``IClaimDesk.Record``."""
        record = self.records.get((provider, number), Record())
        return self.state(record), record.at, record.review_by, record.appealed

    def _debt(self, record: Record) -> Any:
        return self.treasury.pool(*self._pool(record.decided.claim)).debts[record.debts[0]]

    def _pool(self, claim: Claim) -> tuple[str, str]:
        terms = self.plans.versions[claim.plan].terms
        return terms.insurer, terms.token

    def _terms(self, claim: Claim) -> Any:
        return self.plans.versions[claim.plan].terms

    def gate(self, claim: Claim, attested: bool) -> Refusal:
        """The desk's own gates."""
        if malformed(claim):
            return Refusal.MALFORMED
        record = self.records.get((claim.provider, claim.number), Record())
        taken = record.state not in (State.NONE, State.WITHDRAWN)
        if taken or (record.state is State.WITHDRAWN and claim in record.withdrawn):
            return Refusal.DUPLICATE
        if not attested:
            return Refusal.NOT_ATTESTED
        return Refusal.NONE if self._licensed(claim.provider) else Refusal.NOT_LICENSED

    def _judge(self, claim: Claim, now: int, attested: bool) -> tuple[Verdict, list[Judged]]:
        refusal = self.gate(claim, attested)
        if refusal:
            return Verdict(refusal, CARC[refusal]), []
        return self.plans.judge(claim, self.used, now)

    def estimate(self, claim: Claim, now: int) -> Result:
        """What ``submit`` would answer to whoever may act for the provider; no pool is asked."""
        verdict, _ = self._judge(claim, now, attested=True)
        if verdict.refusal:
            return self._refused(verdict)
        return self._result(claim, verdict, State.PENDED if verdict.pended else State.SETTLED)

    @staticmethod
    def _refused(verdict: Verdict) -> Result:
        return Result(verdict.refusal, verdict.carc, State.NONE, 0, 0, ())

    def _result(self, claim: Claim, verdict: Verdict, state: State, **more: Any) -> Result:
        decided = self._decided(claim, verdict)
        return Result(verdict.refusal, 0, state, decided.circumstances, verdict.paid, verdict.lines, **more)

    @staticmethod
    def _decided(claim: Claim, verdict: Verdict) -> Decided:
        return Decided(claim, verdict.family, OUT_OF_NETWORK if verdict.out_of_network else 0, verdict.lines)

    # ---- submitting --------------------------------------------------------------------------------------------------

    def submit(
        self, claims: Sequence[Claim], now: int, *, attested: Callable[[Claim], bool] = lambda _: True
    ) -> list[Result]:
        """Claims one after the other; each is refused, pended, or final and paid or owed."""
        return [self._submit(claim, now, attested(claim)) for claim in claims]

    def _submit(self, claim: Claim, now: int, attested: bool) -> Result:
        verdict, judged = self._judge(claim, now, attested)
        if verdict.refusal:
            return self._refused(verdict)
        record = self.records.setdefault((claim.provider, claim.number), Record())
        if not verdict.pended:
            return self._final(record, claim, verdict, judged, now)
        record.state, record.at, record.claim = State.PENDED, now, claim
        record.review_by = now + self._terms(claim).review_days * DAY
        reserved = self.treasury.reserve(*self._pool(claim), verdict.paid)
        record.reserved = verdict.paid if reserved else 0
        return self._result(claim, verdict, State.PENDED, reserved=reserved)

    def _final(self, record: Record, claim: Claim, verdict: Verdict, judged: list[Judged], now: int) -> Result:
        for line in judged:
            self.used.add(line)
        record.judged = judged
        record.decided = self._decided(claim, verdict)
        money = claim.provider, verdict.paid
        paid = self.treasury.release(*self._pool(claim), record.reserved, *money)
        record.reserved = 0
        debt = None if paid else self.treasury.owe(*self._pool(claim), *money, self._id(claim))
        record.debts = [] if debt is None else [debt]
        self._close(record, State.SETTLED if paid else State.OWED, now)
        return self._result(claim, verdict, record.state, debt=debt)

    @staticmethod
    def _close(record: Record, state: State, now: int) -> None:
        record.state, record.at, record.review_by = state, now, 0

    # ---- a pended claim ----------------------------------------------------------------------------------------------

    def decide(self, claim: Claim, now: int) -> Result:
        """By anyone, when nobody reviewed it in time."""
        record, errors = self._pended(claim)
        if not errors and now <= record.review_by:
            errors["ReviewOpen"] = (self._id(claim), record.review_by)
        if errors:
            raise Broken(**errors)
        return self._by_the_rules(record, claim, now)

    def review(self, claim: Claim, carc: int, party: Party, account: str, now: int) -> Result:
        """``carc`` 0: by the rules."""
        record, errors = self._pended(claim)
        if not errors and now > record.review_by:
            errors["ReviewOver"] = (self._id(claim), record.review_by)
        if party is not Party.INSURER:
            errors["NotParty"] = (self._id(claim), account)
        if errors:
            raise Broken(**errors)
        if not carc:
            return self._by_the_rules(record, claim, now)
        self._release(record)
        lines = tuple(LineResult(charge=line.charge, denied=line.charge, carc=carc) for line in claim.lines)
        record.decided = Decided(claim, 0, DENIED_BY_REVIEW, lines)
        record.judged, record.debts = [], []
        self._close(record, State.DENIED, now)
        return Result(Refusal.NONE, 0, State.DENIED, record.decided.circumstances, 0, lines)

    def _by_the_rules(self, record: Record, claim: Claim, now: int) -> Result:
        """Judged by what holds now."""
        verdict, judged = self.plans.judge(claim, self.used, now, reviewed=True)
        if not verdict.refusal:
            return self._final(record, claim, verdict, judged, now)
        self._release(record)
        self._close(record, State.WITHDRAWN, now)
        return Result(verdict.refusal, verdict.carc, State.WITHDRAWN, 0, 0, ())

    def withdraw(self, claim: Claim, party: Party, account: str, now: int) -> None:
        record, errors = self._pended(claim)
        if party is not Party.PROVIDER:
            errors["NotParty"] = (self._id(claim), account)
        if errors:
            raise Broken(**errors)
        self._release(record)
        record.withdrawn.append(claim)
        self._close(record, State.WITHDRAWN, now)

    def _release(self, record: Record) -> None:
        self.treasury.release(*self._pool(record.claim), record.reserved)
        record.reserved = 0

    def _pended(self, claim: Claim) -> tuple[Record, dict[str, Any]]:
        """The record, and what is wrong with acting on it as pended."""
        record = self.records.get((claim.provider, claim.number), Record())
        if record.state is not State.PENDED:
            return record, {"WrongState": (self._id(claim), record.state)}
        return record, {} if record.claim == claim else {"OtherContent": (self._id(claim),)}

    def _id(self, claim: Claim) -> Any:
        return self._identify(claim.provider, claim.number)

    # ---- a final claim -----------------------------------------------------------------------------------------------

    def reverse(self, decided: Decided, party: Party, account: str, now: int) -> int:
        """Returns how much went back."""
        record, errors = self._decided_as(decided, State.SETTLED, State.OWED)
        closes = record.at + self._terms(decided.claim).appeal_days * DAY
        if party is Party.INSURER and now > closes:
            errors["WindowClosed"] = (self._id(decided.claim), closes)
        if party not in (Party.PROVIDER, Party.INSURER):
            errors["NotParty"] = (self._id(decided.claim), account)
        if errors:
            raise Broken(**errors)
        pool = self._pool(decided.claim)
        waited = record.debts and self.treasury.cancel(*pool, record.debts[0])
        if decided.paid and not waited:
            self.treasury.give_back(*pool, decided.claim.provider, decided.paid)
        for line in record.judged:
            self.used.remove(line)
        record.judged = []
        record.state, record.at = State.REVERSED, now
        return decided.paid

    def appeal(self, decided: Decided, party: Party, account: str, now: int) -> None:
        record, errors = self._decided_as(decided, State.SETTLED, State.OWED, State.DENIED, State.REVERSED)
        closes = record.at + self._terms(decided.claim).appeal_days * DAY
        if now > closes:
            errors["WindowClosed"] = (self._id(decided.claim), closes)
        if record.appeals:
            errors["WrongState"] = (self._id(decided.claim), record.state)
        if party not in (Party.PROVIDER, Party.PATIENT):
            errors["NotParty"] = (self._id(decided.claim), account)
        if errors:
            raise Broken(**errors)
        record.appealed, record.appeals = True, 1

    def arbitrate(self, decided: Decided, award: int, now: int) -> int | None:
        """Returns the position of the debt where the award is owed."""
        record = self.records.get((decided.claim.provider, decided.claim.number), Record())
        errors: dict[str, Any] = {}
        if not record.appealed:
            errors["NotAppealed"] = (self._id(decided.claim),)
        if record.decided != decided:
            errors["OtherContent"] = (self._id(decided.claim),)
        charged = sum(line.charge for line in decided.claim.lines)
        paid = 0 if record.state is State.REVERSED else decided.paid
        most = charged - paid - sum(line.prior for line in decided.lines)
        if award > most:
            errors["AwardTooHigh"] = (award, most)
        if errors:
            raise Broken(**errors)
        money = (*self._pool(decided.claim), decided.claim.provider, award)
        record.state, record.at, record.appealed = State.ARBITRATED, now, False
        if self.treasury.pay(*money):
            return None
        return self.treasury.owe(*money, self._id(decided.claim))

    def _decided_as(self, decided: Decided, *states: State) -> tuple[Record, dict[str, Any]]:
        record = self.records.get((decided.claim.provider, decided.claim.number), Record())
        errors: dict[str, Any] = {}
        if record.state not in states:
            errors["WrongState"] = (self._id(decided.claim), record.state)
        if record.decided != decided:
            errors["OtherContent"] = (self._id(decided.claim),)
        return record, errors
