"""How a claim is judged and paid: the reference for ``interfaces/IClaimDesk.sol`` and ``interfaces/IAdjudication.sol``.

Amounts are integers in the token's smallest unit, service dates are days since 1970-01-01, times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import IntEnum

__all__ = [
    "Accumulators",
    "Claim",
    "Desk",
    "Line",
    "LineResult",
    "Membership",
    "Plan",
    "PoolShort",
    "NotOwed",
    "Record",
    "Refusal",
    "Result",
    "State",
    "Terms",
    "benefit_year",
    "judge_line",
]

LARGEST_AMOUNT = 2**96 - 1
BASIS_POINTS = 10_000
DAY = 86_400

NOT_COVERED = 204


class State(IntEnum):
    """What a claim is; numbered as in ``IClaimDesk``."""

    NONE = 0
    SETTLED = 1
    OWED = 2


class Refusal(IntEnum):
    """The gates in their order; numbered as in ``IClaimDesk``."""

    NONE = 0
    MALFORMED = 1
    DUPLICATE = 2
    UNKNOWN_PLAN = 3
    FUTURE_SERVICE = 4
    OUTSIDE_PLAN = 5
    NOT_ENROLLED = 6
    OUTSIDE_COVER = 7
    FILED_LATE = 8
    NO_CONSENT = 9


BEFORE_COVER = 26
AFTER_COVER = 27

# Of a gate that has one code; the two about periods have one for each side.
CARC = {
    Refusal.MALFORMED: 16,
    Refusal.DUPLICATE: 18,
    Refusal.UNKNOWN_PLAN: 31,
    Refusal.FUTURE_SERVICE: 110,
    Refusal.NOT_ENROLLED: 31,
    Refusal.FILED_LATE: 29,
    Refusal.NO_CONSENT: 227,
}


class NotOwed(Exception):
    """The claim waits for no money."""


class PoolShort(Exception):
    """The pool holds less than the claim's due."""


@dataclass(frozen=True)
class Terms:
    """A plan's terms, as in ``IPlans`` (without ``document``, which decides nothing)."""

    insurer: str
    valid_from: int
    valid_until: int
    coinsurance: int
    token: str
    deductible: int
    out_of_pocket_maximum: int
    filing_days: int


@dataclass(frozen=True)
class Membership:
    """From the first day covered to the first day no longer covered."""

    start: int
    until: int


@dataclass
class Plan:
    """A plan version: what one unit of a listed code is allowed, and who is covered when."""

    terms: Terms
    prices: dict[bytes, int] = field(default_factory=dict)
    members: dict[str, Membership] = field(default_factory=dict)
    published: bool = True


@dataclass(frozen=True)
class Line:
    code: bytes
    units: int
    charge: int


@dataclass(frozen=True)
class LineResult:
    charge: int
    allowed: int
    deductible: int
    coinsurance: int
    paid: int
    carc: int


@dataclass(frozen=True)
class Accumulators:
    """What a member has paid in a benefit year: towards the deductible, and altogether."""

    deductible: int = 0
    out_of_pocket: int = 0


@dataclass(frozen=True)
class Claim:
    plan: bytes
    patient: str
    provider: str
    number: bytes
    service_day: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Result:
    """One answer of the desk; ``lines`` is empty unless the claim passed the gates."""

    refusal: Refusal
    carc: int
    state: State
    paid: int
    lines: tuple[LineResult, ...]


@dataclass(frozen=True)
class Record:
    """What is kept of a claim that is final."""

    state: State
    paid: int
    insurer: str
    token: str
    payee: str


def benefit_year(day: int) -> int:
    """The calendar year (UTC) of a day since 1970-01-01.

    Raises:
        OverflowError: A day after the year 9999.
    """
    return (date(1970, 1, 1) + timedelta(days=day)).year


def judge_line(line: Line, price: int | None, terms: Terms, so_far: Accumulators) -> tuple[LineResult, Accumulators]:
    """Judge one line.

    Args:
        price: What one unit is allowed, ``None`` when the code is not in the price list.
        so_far: What the member has paid in the year before this line.

    Returns:
        The line's amounts, and what the member has paid after it.
    """
    if price is None:
        return LineResult(line.charge, 0, 0, 0, 0, NOT_COVERED), so_far

    allowed = min(line.charge, price * line.units)
    deductible = min(allowed, terms.deductible - so_far.deductible)

    # Rounded up: whatever is left of a whole unit is the patient's.
    whole, rest = divmod((allowed - deductible) * terms.coinsurance, BASIS_POINTS)
    coinsurance = whole + (1 if rest else 0)

    too_much = max(0, deductible + coinsurance - (terms.out_of_pocket_maximum - so_far.out_of_pocket))
    off_coinsurance = min(too_much, coinsurance)
    coinsurance -= off_coinsurance
    deductible -= too_much - off_coinsurance

    paid = allowed - deductible - coinsurance
    return (
        LineResult(line.charge, allowed, deductible, coinsurance, paid, 0),
        Accumulators(so_far.deductible + deductible, so_far.out_of_pocket + deductible + coinsurance),
    )


class Desk:
    """The claim desk with its plans and the pools that name it.

    Args:
        consents: Whether a patient permits an insurer HPAYMT on CLAIM at the moment of asking.
        most_lines: The desk's ``MAX_LINES``.
    """

    def __init__(self, consents: Callable[[str, str], bool], most_lines: int) -> None:
        self.plans: dict[bytes, Plan] = {}
        self.pools: dict[tuple[str, str], int] = {}
        self.records: dict[tuple[str, bytes], Record] = {}
        self._consents = consents
        self.most_lines = most_lines
        self._accumulators: dict[tuple[bytes, str, int], Accumulators] = {}

    # ---- asking ------------------------------------------------------------------------------------------------------

    def accumulators(self, plan: bytes, member: str, year: int) -> Accumulators:
        return self._accumulators.get((plan, member, year), Accumulators())

    def gate(self, claim: Claim, now: int) -> tuple[Refusal, int]:
        """The first gate that stays shut, with its CARC; ``(Refusal.NONE, 0)`` when all are open."""
        charges = [line.charge for line in claim.lines]
        if (
            not 1 <= len(claim.lines) <= self.most_lines
            or any(line.units == 0 for line in claim.lines)
            or any(charge > LARGEST_AMOUNT for charge in [*charges, sum(charges)])
        ):
            return Refusal.MALFORMED, CARC[Refusal.MALFORMED]
        if (claim.provider, claim.number) in self.records:
            return Refusal.DUPLICATE, CARC[Refusal.DUPLICATE]
        plan = self.plans.get(claim.plan)
        if plan is None or not plan.published:
            return Refusal.UNKNOWN_PLAN, CARC[Refusal.UNKNOWN_PLAN]

        today, day, terms = now // DAY, claim.service_day, plan.terms
        if day > today:
            return Refusal.FUTURE_SERVICE, CARC[Refusal.FUTURE_SERVICE]
        if day < terms.valid_from:
            return Refusal.OUTSIDE_PLAN, BEFORE_COVER
        if day >= terms.valid_until:
            return Refusal.OUTSIDE_PLAN, AFTER_COVER
        membership = plan.members.get(claim.patient)
        if membership is None:
            return Refusal.NOT_ENROLLED, CARC[Refusal.NOT_ENROLLED]
        if day < membership.start:
            return Refusal.OUTSIDE_COVER, BEFORE_COVER
        if day >= membership.until:
            return Refusal.OUTSIDE_COVER, AFTER_COVER
        if terms.filing_days and today > day + terms.filing_days:
            return Refusal.FILED_LATE, CARC[Refusal.FILED_LATE]
        if not self._consents(claim.patient, terms.insurer):
            return Refusal.NO_CONSENT, CARC[Refusal.NO_CONSENT]
        return Refusal.NONE, 0

    def estimate(self, claim: Claim, now: int) -> Result:
        """What ``submit`` would answer; nothing changes, and no pool is asked."""
        result, _ = self._judge(claim, now)
        return result

    def _judge(self, claim: Claim, now: int) -> tuple[Result, Accumulators]:
        refusal, carc = self.gate(claim, now)
        if refusal:
            return Result(refusal, carc, State.NONE, 0, ()), Accumulators()
        plan = self.plans[claim.plan]
        so_far = self.accumulators(claim.plan, claim.patient, benefit_year(claim.service_day))
        lines = []
        for line in claim.lines:
            result, so_far = judge_line(line, plan.prices.get(line.code), plan.terms, so_far)
            lines.append(result)
        return Result(refusal, carc, State.NONE, sum(line.paid for line in lines), tuple(lines)), so_far

    # ---- acting ------------------------------------------------------------------------------------------------------

    def submit(self, claims: Sequence[Claim], now: int) -> list[Result]:
        """Judge claims one after the other; each is refused, or final and paid or owed."""
        return [self._submit(claim, now) for claim in claims]

    def _submit(self, claim: Claim, now: int) -> Result:
        result, so_far = self._judge(claim, now)
        if result.refusal:
            known = self.records.get((claim.provider, claim.number))
            return replace(result, state=known.state) if known else result

        terms = self.plans[claim.plan].terms
        self._accumulators[claim.plan, claim.patient, benefit_year(claim.service_day)] = so_far
        record = Record(State.OWED, result.paid, terms.insurer, terms.token, claim.provider)
        self.records[claim.provider, claim.number] = self._paid(record) or record
        return replace(result, state=self.records[claim.provider, claim.number].state)

    def settle(self, provider: str, number: bytes) -> None:
        """Pay a claim that is owed.

        Raises:
            NotOwed: It is unknown, or already paid.
            PoolShort: The pool still holds less than what is due.
        """
        record = self.records.get((provider, number))
        if record is None or record.state != State.OWED:
            raise NotOwed(provider, number)
        paid = self._paid(record)
        if paid is None:
            raise PoolShort(provider, number)
        self.records[provider, number] = paid

    def _paid(self, record: Record) -> Record | None:
        pool = record.insurer, record.token
        if self.pools.get(pool, 0) < record.paid:
            return None
        if record.paid:
            self.pools[pool] -= record.paid
        return replace(record, state=State.SETTLED)
