"""How a claim is judged: the reference for ``interfaces/claims/IAdjudication.sol`` and
``interfaces/claims/IPlans.sol``.

Nothing is counted up here. What a member, a family, a limit or a pre-authorisation has used is, at every question, the
sum over the judged lines that stand; what was reversed stands no more, as if it had never been.

Amounts are integers in the token's smallest unit, service dates are days since 1970-01-01, times are Unix seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import IntEnum, IntFlag
from functools import cache

__all__ = [
    "CARC",
    "LARGEST_AMOUNT",
    "MOST_LINES",
    "Accumulators",
    "Authorization",
    "Category",
    "Claim",
    "Contract",
    "Flag",
    "Line",
    "LineResult",
    "Membership",
    "Plans",
    "Price",
    "Referral",
    "Refusal",
    "Rule",
    "Series",
    "Terms",
    "Used",
    "Verdict",
    "Version",
    "benefit_year",
    "judge_line",
    "malformed",
    "window",
]

LARGEST_AMOUNT = 2**80 - 1
MOST_LINES = 100
BASIS_POINTS = 10_000
DAY = 86_400
AGES, SEXES = 0x0FFF, 0xF000


class Refusal(IntEnum):
    """The gates in their order; numbered as in ``IPlans``."""

    NONE = 0
    MALFORMED = 1
    DUPLICATE = 2
    NOT_ATTESTED = 3
    NOT_LICENSED = 4
    UNKNOWN_PLAN = 5
    FUTURE_SERVICE = 6
    OUTSIDE_PLAN = 7
    NOT_ENROLLED = 8
    OUTSIDE_COVER = 9
    WAITING = 10
    FILED_LATE = 11
    OUT_OF_NETWORK = 12
    NOT_COORDINATED = 13
    NO_CONSENT = 14


BEFORE_COVER, AFTER_COVER = 26, 27

# Of a gate that has one code; the two about periods have one for each side.
CARC = {
    Refusal.NONE: 0,
    Refusal.MALFORMED: 16,
    Refusal.DUPLICATE: 18,
    Refusal.NOT_ATTESTED: 16,
    Refusal.NOT_LICENSED: 185,
    Refusal.UNKNOWN_PLAN: 31,
    Refusal.FUTURE_SERVICE: 110,
    Refusal.NOT_ENROLLED: 31,
    Refusal.WAITING: 179,
    Refusal.FILED_LATE: 29,
    Refusal.OUT_OF_NETWORK: 242,
    Refusal.NOT_COORDINATED: 22,
    Refusal.NO_CONSENT: 227,
}

# Of a line.
NOT_LISTED, NOT_COVERED, REPEATED, WRONG_AGE, WRONG_SEX, NO_REFERRAL = 204, 96, 18, 6, 7, 288
NOT_AUTHORIZED, AUTHORIZATION_EXCEEDED, LIMIT_REACHED, LIFETIME_REACHED = 197, 198, 119, 35


class Rule(IntFlag):
    """Of a plan."""

    COPAY_FIRST = 1
    COPAY_COUNTS = 2
    NETWORK = 4
    OUTSIDE_TOO = 8


class Flag(IntFlag):
    """Of a price."""

    LISTED = 1
    EXCLUDED = 2
    AUTHORIZE = 4
    REFER = 8


@dataclass(frozen=True)
class Terms:
    """A version's terms, as in ``IPlans`` and in its order (without ``document``, which decides nothing)."""

    insurer: str
    valid_from: int
    valid_until: int
    token: str
    coinsurance: int = 0
    coinsurance_out: int = 0
    deductible: int = 0
    out_of_pocket_maximum: int = LARGEST_AMOUNT
    family_deductible: int = 0
    family_out_of_pocket_maximum: int = 0
    annual_limit: int = 0
    lifetime_limit: int = 0
    waiting_days: int = 0
    filing_days: int = 0
    review_threshold: int = 0
    review_days: int = 0
    appeal_days: int = 0
    rules: int = 0


@dataclass(frozen=True)
class Category:
    coinsurance: int = 0
    coinsurance_out: int = 0
    deductible: bool = False
    copay: int = 0
    limit: int = 0


@dataclass(frozen=True)
class Price:
    allowed: int
    category: int = 0
    flags: int = Flag.LISTED
    groups: int = 0
    limit: int = 0
    period: int = 0


@dataclass(frozen=True)
class Membership:
    start: int
    until: int
    family: int = 0
    groups: int = 0
    next_groups: int = 0
    next_from: int = 0
    secondary: bool = False

    def groups_on(self, day: int) -> int:
        return self.next_groups if self.next_groups and day >= self.next_from else self.groups


@dataclass(frozen=True)
class Contract:
    start: int
    until: int
    schedule: int = 0


@dataclass(frozen=True)
class Authorization:
    start: int
    until: int
    units: int
    serial: int


@dataclass(frozen=True)
class Referral:
    by: str
    start: int
    until: int


@dataclass
class Series:
    """What versions share. Members by account, contracts by provider, authorizations by (member, code), referrals by
    (member, provider or ``None`` for whomever the member chooses)."""

    members: dict[str, Membership] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    authorizations: dict[tuple[str, bytes], Authorization] = field(default_factory=dict)
    referrals: dict[tuple[str, str | None], Referral] = field(default_factory=dict)

    def authorize(self, member: str, code: bytes, units: int, start: int, until: int) -> None:
        before = self.authorizations.get((member, code))
        serial = before.serial + 1 if before else 1
        self.authorizations[member, code] = Authorization(start, until, units, serial)


@dataclass
class Version:
    """A version of a series; categories are numbered from 1, and ``in_force_at`` is ``None`` while it is not
    published.
    """

    series: Series
    terms: Terms
    prices: dict[bytes, Price] = field(default_factory=dict)
    categories: list[Category] = field(default_factory=list)
    schedules: dict[tuple[int, bytes], int] = field(default_factory=dict)
    in_force_at: int | None = None

    def category(self, number: int) -> Category:
        if number == 0:
            return Category(self.terms.coinsurance, self.terms.coinsurance_out, True)
        return self.categories[number - 1]


@dataclass(frozen=True)
class Line:
    code: bytes
    units: int
    charge: int
    prior: int = 0


@dataclass(frozen=True)
class Claim:
    """``primary``: whether the claim says what the payer before this one answered, as the words that commit to it."""

    plan: bytes
    patient: str
    provider: str
    number: bytes
    service_day: int
    primary: bytes
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class LineResult:
    """In the order of ``IAdjudication.LineResult``."""

    units: int = 0
    charge: int = 0
    denied: int = 0
    carc: int = 0
    allowed: int = 0
    deductible: int = 0
    copay: int = 0
    counted: int = 0
    coinsurance: int = 0
    limited: int = 0
    limit_carc: int = 0
    authorization: int = 0
    prior: int = 0
    paid: int = 0

    @property
    def written_off(self) -> int:
        return self.charge - self.denied - self.allowed

    @property
    def patient(self) -> int:
        """What counts to the out-of-pocket maximum."""
        return self.deductible + self.copay + self.coinsurance


@dataclass(frozen=True)
class Verdict:
    refusal: Refusal
    carc: int
    pended: bool = False
    out_of_network: bool = False
    family: int = 0
    paid: int = 0
    lines: tuple[LineResult, ...] = ()


@dataclass(frozen=True)
class Accumulators:
    deductible: int = 0
    out_of_pocket: int = 0
    paid: int = 0


@cache
def benefit_year(day: int) -> int:
    """The calendar year (UTC) of a day since 1970-01-01.

    Raises:
        OverflowError: A day after the year 9999.
    """
    return (date(1970, 1, 1) + timedelta(days=day)).year


def window(price: Price, day: int) -> tuple[int, int]:
    """The period of a price's quantity limit in which a day lies: its first day, and the first one after it."""
    if price.period:
        start = day - day % price.period
        return start, start + price.period
    year = benefit_year(day)
    return (date(year, 1, 1) - date(1970, 1, 1)).days, (date(year + 1, 1, 1) - date(1970, 1, 1)).days


# ---- what is used up -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Judged:
    """A line that stands. ``price`` is the version's, ``serial`` that of the pre-authorisation that it used up, or
    0.
    """

    version: Version
    patient: str
    family: int
    day: int
    code: bytes
    price: Price | None
    serial: int
    result: LineResult


class Used:
    """What the claims of one desk used up."""

    def __init__(self) -> None:
        self._of_member: dict[tuple[int, str], list[Judged]] = defaultdict(list)
        self._of_family: dict[tuple[int, int], list[Judged]] = defaultdict(list)

    def _places(self, judged: Judged) -> Iterable[list[Judged]]:
        series = id(judged.version.series)
        yield self._of_member[series, judged.patient]
        if judged.family:
            yield self._of_family[series, judged.family]

    def add(self, judged: Judged) -> None:
        for place in self._places(judged):
            place.append(judged)

    def remove(self, judged: Judged) -> None:
        for place in self._places(judged):
            place.remove(judged)

    def member(self, series: Series, patient: str, year: int) -> Accumulators:
        lines = [each for each in self._of_member[id(series), patient] if benefit_year(each.day) == year]
        return Accumulators(
            sum(each.result.deductible + each.result.counted for each in lines),
            sum(each.result.patient for each in lines),
            sum(each.result.paid for each in lines),
        )

    def family(self, series: Series, number: int, year: int) -> Accumulators:
        """Each sum only over the versions that set the family this bound."""
        lines = [each for each in self._of_family[id(series), number] if benefit_year(each.day) == year]
        return Accumulators(
            sum(each.result.deductible + each.result.counted for each in lines if each.version.terms.family_deductible),
            sum(each.result.patient for each in lines if each.version.terms.family_out_of_pocket_maximum),
        )

    def lifetime(self, series: Series, patient: str) -> int:
        """What was ever paid under versions with such a limit."""
        lines = self._of_member[id(series), patient]
        return sum(each.result.paid for each in lines if each.version.terms.lifetime_limit)

    def category(self, series: Series, patient: str, year: int, number: int) -> int:
        """What was paid for a category of that number in versions in which it has a limit."""
        return sum(
            each.result.paid
            for each in self._of_member[id(series), patient]
            if each.price
            and each.price.category == number
            and each.version.category(number).limit
            and benefit_year(each.day) == year
        )

    def units(self, series: Series, patient: str, code: bytes, period: tuple[int, int]) -> int:
        """Units of a code in a period, as far as they fell under a limit."""
        first, end = period
        lines = [each for each in self._of_member[id(series), patient] if each.code == code and each.price]
        return sum(each.result.units for each in lines if each.price.limit and first <= each.day < end)

    def authorized(self, series: Series, patient: str, code: bytes, serial: int) -> int:
        lines = self._of_member[id(series), patient]
        return sum(each.result.units for each in lines if each.code == code and each.serial == serial)


# ---- a line ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    """In which a line is judged."""

    version: Version
    patient: str
    provider: str
    day: int
    membership: Membership
    out_of_network: bool
    schedule: int


def denial(line: Line, earlier: Sequence[Line], price: Price | None, at: Situation) -> int:
    """The CARC with which the whole line is denied before anything is counted, 0 when it is not."""
    if price is None:
        return NOT_LISTED
    if price.flags & Flag.EXCLUDED:
        return NOT_COVERED
    if (line.code, line.units, line.charge) in {(each.code, each.units, each.charge) for each in earlier}:
        return REPEATED
    groups = at.membership.groups_on(at.day)
    for part, carc in ((AGES, WRONG_AGE), (SEXES, WRONG_SEX)):
        if price.groups & part and not price.groups & part & groups:
            return carc
    if price.flags & Flag.REFER and not referred(at):
        return NO_REFERRAL
    if price.flags & Flag.AUTHORIZE and authorization(line.code, at) is None:
        return NOT_AUTHORIZED
    return 0


def referred(at: Situation) -> bool:
    """Whether somebody else referred the member to this provider, or to whomever it likes, for this day."""
    referrals = at.version.series.referrals
    found = [referrals.get((at.patient, to)) for to in (at.provider, None)]
    return any(each and each.by != at.provider and each.start <= at.day < each.until for each in found)


def authorization(code: bytes, at: Situation) -> Authorization | None:
    """The member's pre-authorisation of a code, when it covers the day."""
    found = at.version.series.authorizations.get((at.patient, code))
    return found if found and found.start <= at.day < found.until else None


def accepted_units(line: Line, price: Price, at: Situation, used: Used) -> tuple[int, int]:
    """How many units are left for the line, and the CARC of the last one who trimmed them, 0 for nobody."""
    series = at.version.series
    bounds = []
    if price.flags & Flag.AUTHORIZE:
        granted = authorization(line.code, at)
        left = granted.units - used.authorized(series, at.patient, line.code, granted.serial)
        bounds.append((left, AUTHORIZATION_EXCEEDED))
    if price.limit:
        taken = used.units(series, at.patient, line.code, window(price, at.day))
        bounds.append((price.limit - taken, LIMIT_REACHED))
    units, carc = line.units, 0
    for left, code in bounds:
        if max(0, left) < units:
            units, carc = max(0, left), code
    return units, carc


def judge_line(line: Line, earlier: Sequence[Line], at: Situation, used: Used) -> Judged:
    """Judge one line after those before it, which ``used`` knows already."""
    version = at.version
    price = version.prices.get(line.code)

    def judged(result: LineResult, serial: int = 0) -> Judged:
        return Judged(version, at.patient, at.membership.family, at.day, line.code, price, serial, result)

    carc = denial(line, earlier, price, at)
    if carc:
        return judged(LineResult(charge=line.charge, denied=line.charge, carc=carc))
    units, carc = accepted_units(line, price, at, used)
    if units == 0:
        return judged(LineResult(charge=line.charge, denied=line.charge, carc=carc))

    denied = line.charge - line.charge * units // line.units
    each = version.schedules.get((at.schedule, line.code), price.allowed) if at.schedule else price.allowed
    allowed = min(line.charge - denied, each * units)
    serial = authorization(line.code, at).serial if price.flags & Flag.AUTHORIZE else 0
    shares = share(allowed, line.prior, price, at, used)
    head = {"units": units, "charge": line.charge, "denied": denied, "carc": carc, "allowed": allowed}
    return judged(LineResult(**head, authorization=serial % 256, **shares), serial)


def share(allowed: int, prior: int, price: Price, at: Situation, used: Used) -> dict[str, int]:
    """Who bears the allowed amount."""
    terms, category = at.version.terms, at.version.category(price.category)
    deductible_left, patient_left = patient_room(at, used)

    names = ["deductible", "copay", "coinsurance"]
    if terms.rules & Rule.COPAY_FIRST:
        names = ["copay", "deductible", "coinsurance"]
    rate = category.coinsurance_out if at.out_of_network else category.coinsurance
    left = allowed
    shares = {}
    for name in names:
        wanted = {
            "deductible": deductible_left if category.deductible else 0,
            "copay": category.copay,
            # Rounded up: the patient bears what is left of a whole unit.
            "coinsurance": -(-left * rate // BASIS_POINTS),
        }
        shares[name] = min(left, wanted[name])
        left -= shares[name]

    left += relieve(shares, names, sum(shares.values()) - patient_left)
    prior = min(prior, allowed)
    # What the other payer paid beyond the patient's share relieves the plan.
    left -= prior - relieve(shares, names, prior)

    limited, limit_carc = beyond_limits(left, price.category, at, used)
    counted = 0
    if terms.rules & Rule.COPAY_COUNTS:
        counted = min(shares["copay"], deductible_left - shares["deductible"])
    rest = {"counted": counted, "limited": limited, "limit_carc": limit_carc, "prior": prior, "paid": left - limited}
    return shares | rest


def relieve(shares: dict[str, int], names: Sequence[str], amount: int) -> int:
    """Take an amount off the steps, the last first; returns how much of it they bore."""
    taken = 0
    for name in reversed(names):
        off = min(shares[name], max(0, amount - taken))
        shares[name] -= off
        taken += off
    return taken


def patient_room(at: Situation, used: Used) -> tuple[int, int]:
    """What is left of the deductible, and of the out-of-pocket maximum: the member's and the family's, whichever is
    less.
    """
    terms, series, year = at.version.terms, at.version.series, benefit_year(at.day)
    own = used.member(series, at.patient, year)
    deductible = [terms.deductible - own.deductible]
    out_of_pocket = [terms.out_of_pocket_maximum - own.out_of_pocket]
    if at.membership.family:
        shared = used.family(series, at.membership.family, year)
        if terms.family_deductible:
            deductible.append(terms.family_deductible - shared.deductible)
        if terms.family_out_of_pocket_maximum:
            out_of_pocket.append(terms.family_out_of_pocket_maximum - shared.out_of_pocket)
    return max(0, min(deductible)), max(0, min(out_of_pocket))


def beyond_limits(due: int, category: int, at: Situation, used: Used) -> tuple[int, int]:
    """What of an amount exceeds the least of the limits, with its CARC."""
    terms, series, year = at.version.terms, at.version.series, benefit_year(at.day)
    yearly, lifetime = [], []
    if terms.annual_limit:
        yearly.append(terms.annual_limit - used.member(series, at.patient, year).paid)
    if limit := at.version.category(category).limit:
        yearly.append(limit - used.category(series, at.patient, year, category))
    if terms.lifetime_limit:
        lifetime.append(terms.lifetime_limit - used.lifetime(series, at.patient))
    limited = max([0, *(due - max(0, left) for left in (*yearly, *lifetime))])
    if not limited:
        return 0, 0
    lifetime_alone = bool(lifetime) and all(max(0, lifetime[0]) < max(0, left) for left in yearly)
    return limited, LIFETIME_REACHED if lifetime_alone else LIMIT_REACHED


# ---- a claim ---------------------------------------------------------------------------------------------------------


class Plans:
    """All versions by id.

    Args:
        consents: Whether a patient permits an insurer HPAYMT on CLAIM at this second.
    """

    def __init__(self, consents: Callable[[str, str, int], bool]) -> None:
        self.versions: dict[bytes, Version] = {}
        self._consents = consents

    def gate(self, claim: Claim, now: int, *, reviewed: bool = False) -> tuple[Refusal, int]:
        """The first of a plan's gates that stays shut, with its CARC; ``(Refusal.NONE, 0)`` when all are open."""
        refusal, carc = self._gate(claim, now, reviewed)
        return refusal, carc or CARC[refusal]

    def _gate(self, claim: Claim, now: int, reviewed: bool) -> tuple[Refusal, int]:
        version = self.versions.get(claim.plan)
        if version is None or version.in_force_at is None or now < version.in_force_at:
            return Refusal.UNKNOWN_PLAN, 0
        day, terms, series = claim.service_day, version.terms, version.series
        if day > now // DAY:
            return Refusal.FUTURE_SERVICE, 0
        if side := _side(day, terms.valid_from, terms.valid_until):
            return Refusal.OUTSIDE_PLAN, side
        member = series.members.get(claim.patient)
        if member is None:
            return Refusal.NOT_ENROLLED, 0
        if side := _side(day, member.start, member.until):
            return Refusal.OUTSIDE_COVER, side
        if day < member.start + terms.waiting_days:
            return Refusal.WAITING, 0
        # It is submitting that the limit is about: what waited for its review was submitted in time.
        if terms.filing_days and now // DAY > day + terms.filing_days and not reviewed:
            return Refusal.FILED_LATE, 0
        if outside(version, claim.provider, day) and not terms.rules & Rule.OUTSIDE_TOO:
            return Refusal.OUT_OF_NETWORK, 0
        if member.secondary and not any(claim.primary):
            return Refusal.NOT_COORDINATED, 0
        if not self._consents(claim.patient, terms.insurer, now):
            return Refusal.NO_CONSENT, 0
        return Refusal.NONE, 0

    def judge(self, claim: Claim, used: Used, now: int, *, reviewed: bool = False) -> tuple[Verdict, list[Judged]]:
        """Judge a claim; ``used`` is left as it was.

        Args:
            reviewed: The claim passed its review, or its time is over.

        Returns:
            The verdict, and what the claim uses up when it becomes final.
        """
        refusal, carc = self.gate(claim, now, reviewed=reviewed)
        if refusal:
            return Verdict(refusal, carc), []
        version = self.versions[claim.plan]
        member = version.series.members[claim.patient]
        contract = in_force(version, claim.provider, claim.service_day)
        at = Situation(
            version,
            claim.patient,
            claim.provider,
            claim.service_day,
            member,
            outside(version, claim.provider, claim.service_day),
            contract.schedule if contract else 0,
        )
        lines: list[Judged] = []
        for number, line in enumerate(claim.lines):
            lines.append(judge_line(line, claim.lines[:number], at, used))
            used.add(lines[-1])
        for each in lines:
            used.remove(each)
        paid = sum(each.result.paid for each in lines)
        pended = 0 < version.terms.review_threshold < paid and not reviewed
        results = tuple(each.result for each in lines)
        return Verdict(refusal, 0, pended, at.out_of_network, member.family, paid, results), lines


def malformed(claim: Claim) -> bool:
    return not 1 <= len(claim.lines) <= MOST_LINES or any(line.units == 0 for line in claim.lines)


def in_force(version: Version, provider: str, day: int) -> Contract | None:
    """The provider's contract on a day; in a plan without a network there is none that counts."""
    found = version.series.contracts.get(provider)
    if not version.terms.rules & Rule.NETWORK or found is None:
        return None
    return found if found.start <= day < found.until else None


def outside(version: Version, provider: str, day: int) -> bool:
    """Whether the provider is out of the plan's network; nobody is where there is none."""
    return bool(version.terms.rules & Rule.NETWORK) and in_force(version, provider, day) is None


def _side(day: int, start: int, until: int) -> int:
    """The CARC of a day outside a period, 0 within."""
    return BEFORE_COVER if day < start else AFTER_COVER if day >= until else 0
