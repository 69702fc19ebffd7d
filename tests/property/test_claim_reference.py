"""The references of claims themselves, on what can be counted by hand; no chain.

Given terms, prices and what a member used before
when a line is judged
it is denied, trimmed and shared as on paper, and every unit of its charge is somewhere.
"""

import random
from dataclasses import astuple, replace

import pytest

from tests.reference.adjudicator import (
    Category,
    Claim,
    Contract,
    Flag,
    Line,
    LineResult,
    Membership,
    Plans,
    Price,
    Referral,
    Refusal,
    Rule,
    Series,
    Terms,
    Used,
    Version,
    benefit_year,
    window,
)
from tests.reference.desk import Desk, Party, State
from tests.reference.treasury import Broken, Treasury
from tests.support.effort import seed
from tests.support.random_claims import RandomClaims

DAY = 86_400
TODAY = 20_500  # in 2026

# 20 % after a deductible of 100.00, at most 500.00 a year.
TERMS = Terms(
    "insurer", 20_000, 21_000, "token", coinsurance=20_00, coinsurance_out=40_00, deductible=100_00,
    out_of_pocket_maximum=500_00, filing_days=90, review_days=10, appeal_days=30,
)  # fmt: skip
COPAY = Category(coinsurance=10_00, coinsurance_out=10_00, deductible=True, copay=30_00)


class Practice:
    """A plan of one version, a member and a desk of which the pool has plenty."""

    def __init__(self, *, prices=None, categories=(), cover=None, **changes):
        self.plans = Plans(lambda patient, insurer, now: patient != "silent")
        self.version = Version(Series(), replace(TERMS, **changes), in_force_at=0, categories=list(categories))
        self.version.prices.update({b"visit": Price(150_00)} | (prices or {}))
        self.series.members.update({who: Membership(20_100, 20_900) for who in ("patient", "silent")} | (cover or {}))
        self.plans.versions[b"plan"] = self.version
        self.treasury = Treasury(0, 1)
        self.treasury.fund("insurer", "token", 10**9)
        self.desk = Desk(self.plans, self.treasury, lambda *key: key, lambda provider: provider != "suspended")
        self.numbers = 0

    @property
    def series(self):
        return self.version.series

    def claim(self, *lines, **changes):
        self.numbers += 1
        number = str(self.numbers).encode()
        return replace(Claim(b"plan", "patient", "clinic", number, TODAY, bytes(32), lines), **changes)

    def submit(self, *lines, now=TODAY * DAY, **changes):
        (result,) = self.desk.submit([self.claim(*lines, **changes)], now)
        return result

    def line(self, *lines, **changes):
        """The last line's result."""
        result = self.submit(*lines, **changes)
        assert not result.refusal
        return result.lines[-1]

    def spent(self, member="patient"):
        return astuple(self.desk.used.member(self.series, member, 2026))


def visit(charge=200_00, units=1, prior=0, code=b"visit"):
    return Line(code, units, charge, prior)


# ---- days ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "year"), [(0, 1970), (364, 1970), (365, 1971), (789, 1972), (19_722, 2023), (19_723, 2024)]
)
def test_the_year_of_a_day(day, year):
    assert benefit_year(day) == year


@pytest.mark.parametrize(
    ("period", "day", "first", "end"), [(0, 20_500, 20_454, 20_819), (30, 20_500, 20_490, 20_520), (1, 7, 7, 8)]
)
def test_the_period_of_a_day(period, day, first, end):
    assert window(Price(1, period=period), day) == (first, end)


# ---- the shares ------------------------------------------------------------------------------------------------------


def test_a_visit_by_hand():
    # Of 200.00, 150.00 are allowed: 100.00 deductible, 20 % of the other 50.00, the plan 40.00.
    line = Practice().line(visit())
    assert line == LineResult(1, 200_00, 0, 0, 150_00, deductible=100_00, coinsurance=10_00, paid=40_00)
    assert line.written_off == 50_00


def test_the_patient_bears_the_fraction_of_a_unit():
    line = Practice(deductible=0).line(visit(charge=33))
    assert (line.coinsurance, line.paid) == (7, 26)


def test_the_second_line_sees_what_the_first_used():
    practice = Practice()
    line = practice.line(visit(), visit(charge=150_00))
    assert (line.deductible, line.coinsurance, line.paid) == (0, 30_00, 120_00)
    assert practice.spent() == (100_00, 140_00, 160_00)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # 150.00: 100.00 deductible, 30.00 copay, 10 % of the 20.00 that are left.
        (0, {"deductible": 100_00, "copay": 30_00, "coinsurance": 2_00, "counted": 0}),
        # The same amounts in another order, as nothing runs out.
        (Rule.COPAY_FIRST, {"deductible": 100_00, "copay": 30_00, "coinsurance": 2_00, "counted": 0}),
        # The deductible is used up by its own share: nothing of the copay counts to it.
        (Rule.COPAY_COUNTS, {"deductible": 100_00, "copay": 30_00, "coinsurance": 2_00, "counted": 0}),
    ],
)
def test_copay(rules, expected):
    practice = Practice(prices={b"visit": Price(150_00, 1)}, categories=[COPAY], rules=rules)
    line = practice.line(visit())
    assert {name: getattr(line, name) for name in expected} == expected


def test_copay_first_leaves_less_for_the_deductible():
    shares = {}
    for rules in (0, Rule.COPAY_FIRST):
        practice = Practice(prices={b"visit": Price(110_00, 1)}, categories=[COPAY], rules=rules)
        line = practice.line(visit())
        shares[rules] = line.deductible, line.copay, line.paid
    assert shares == {0: (100_00, 10_00, 0), Rule.COPAY_FIRST: (80_00, 30_00, 0)}


def test_a_copay_that_counts_fills_the_rest_of_the_deductible():
    practice = Practice(
        prices={b"small": Price(20_00, 1)}, categories=[replace(COPAY, deductible=False)], rules=Rule.COPAY_COUNTS
    )
    line = practice.line(visit(20_00, code=b"small"))
    assert (line.deductible, line.copay, line.counted) == (0, 20_00, 20_00)
    # 80.00 of the deductible are left for the visit.
    assert practice.line(visit()).deductible == 80_00
    assert practice.spent()[0] == 100_00


@pytest.mark.parametrize(
    ("maximum", "rules", "shares"),
    [
        # 100.00 deductible, 30.00 copay, 2.00 coinsurance: the maximum cuts from the end.
        (131_00, 0, (100_00, 30_00, 1_00)),
        (125_00, 0, (100_00, 25_00, 0)),
        (100_00, 0, (100_00, 0, 0)),
        # With the copay first it is the deductible that goes before it.
        (120_00, Rule.COPAY_FIRST, (90_00, 30_00, 0)),
    ],
)
def test_the_maximum_cuts_the_last_step_first(maximum, rules, shares):
    prices = {b"visit": Price(150_00, 1)}
    practice = Practice(prices=prices, categories=[COPAY], rules=rules, out_of_pocket_maximum=maximum)
    line = practice.line(visit())
    assert (line.deductible, line.copay, line.coinsurance) == shares
    assert line.paid == 150_00 - sum(shares)


@pytest.mark.parametrize(
    ("prior", "deductible", "coinsurance", "paid"),
    [
        (0, 100_00, 10_00, 40_00),
        (4_00, 100_00, 6_00, 40_00),
        (50_00, 60_00, 0, 40_00),
        (120_00, 0, 0, 30_00),
        (999_00, 0, 0, 0),
    ],
)
def test_another_payer_relieves_the_patient_first(prior, deductible, coinsurance, paid):
    practice = Practice()
    line = practice.line(visit(prior=prior))
    assert (line.deductible, line.coinsurance, line.paid, line.prior) == (
        deductible,
        coinsurance,
        paid,
        min(prior, 150_00),
    )
    assert practice.spent() == (deductible, deductible + coinsurance, paid)


def test_a_familys_bounds_hold_for_all_of_it():
    family = {who: Membership(20_100, 20_900, family=7) for who in ("mother", "child")}
    practice = Practice(cover=family, family_deductible=120_00, family_out_of_pocket_maximum=115_00)
    assert practice.line(visit(), patient="mother").deductible == 100_00
    # 20.00 of the deductible are left to the family, and 5.00 of the maximum.
    line = practice.line(visit(), patient="child")
    assert (line.deductible, line.coinsurance, line.paid) == (5_00, 0, 145_00)
    assert astuple(practice.desk.used.family(practice.series, 7, 2026)) == (105_00, 115_00, 0)


@pytest.mark.parametrize(
    ("limits", "limited", "carc"),
    [
        ({}, 0, 0),
        ({"annual_limit": 130_00}, 20_00, 119),
        ({"lifetime_limit": 130_00}, 20_00, 35),
        ({"annual_limit": 130_00, "lifetime_limit": 130_00}, 20_00, 119),
        ({"annual_limit": 131_00, "lifetime_limit": 130_00}, 20_00, 35),
    ],
)
def test_limits(limits, limited, carc):
    practice = Practice(deductible=0, coinsurance=0, **limits)
    line = practice.line(visit(150_00))
    assert (line.limited, line.limit_carc, line.paid) == (limited, carc, 150_00 - limited)
    # It stays with the patient, but is none of what the maximum counts.
    assert practice.spent() == (0, 0, line.paid)


def test_a_categorys_limit_is_its_own():
    prices = {b"glasses": Price(500_00, 1)}
    practice = Practice(prices=prices, categories=[Category(limit=200_00)])
    assert practice.line(visit(150_00, code=b"glasses")).limited == 0
    assert practice.line(visit(150_00, code=b"glasses")).limited == 100_00
    assert practice.line(visit()).limited == 0


# ---- denials and units -----------------------------------------------------------------------------------------------

PICKY = {
    b"excluded": Price(1, flags=Flag.LISTED | Flag.EXCLUDED),
    b"young": Price(1, groups=0b1),
    b"women": Price(1, groups=0x1001),
    b"referred": Price(1, flags=Flag.LISTED | Flag.REFER),
    b"agreed": Price(1_00, flags=Flag.LISTED | Flag.AUTHORIZE),
    b"twice": Price(1_00, limit=2, period=30),
}


@pytest.mark.parametrize(
    ("lines", "carc"),
    [
        ([visit(code=b"unknown")], 204),
        ([visit(code=b"excluded")], 96),
        ([visit(), visit(prior=5)], 18),
        ([visit(), visit(charge=1)], 0),
        ([visit(code=b"young")], 6),
        ([visit(code=b"women")], 6),
        ([visit(code=b"referred")], 288),
        ([visit(code=b"agreed")], 197),
    ],
)
def test_denied_whole(lines, carc):
    line = Practice(prices=PICKY, cover={"patient": Membership(20_100, 20_900, groups=0b10)}).line(*lines)
    assert line.carc == carc
    if carc:
        assert line == LineResult(charge=lines[-1].charge, denied=lines[-1].charge, carc=carc)


def test_groups_change_on_a_birthday():
    cover = {"patient": Membership(20_100, 20_900, groups=0x2001, next_groups=0x1001, next_from=TODAY)}
    practice = Practice(prices=PICKY, cover=cover)
    assert practice.line(visit(code=b"women"), service_day=TODAY - 1).carc == 7
    assert practice.line(visit(code=b"women")).carc == 0


def test_nobody_refers_to_itself():
    practice = Practice(prices=PICKY)
    practice.series.referrals["patient", None] = Referral("clinic", 20_000, 21_000)
    assert practice.line(visit(code=b"referred")).carc == 288
    practice.series.referrals["patient", "clinic"] = Referral("hospital", 20_000, TODAY)
    assert practice.line(visit(code=b"referred")).carc == 288
    practice.series.referrals["patient", "clinic"] = Referral("hospital", 20_000, TODAY + 1)
    assert practice.line(visit(code=b"referred")).carc == 0


def test_units_are_trimmed_and_run_out():
    practice = Practice(prices=PICKY, deductible=0, coinsurance=0)
    practice.series.authorize("patient", b"agreed", 5, 20_000, 21_000)
    line = practice.line(visit(10_00, 3, code=b"agreed"))
    assert (line.units, line.denied, line.carc, line.authorization, line.paid) == (3, 0, 0, 1, 3_00)
    # 2 of 3 units are left: 10.00 × 2/3 = 6.66 are considered, the rest is denied.
    line = practice.line(visit(10_00, 3, code=b"agreed"))
    assert (line.units, line.denied, line.carc, line.authorization, line.paid) == (2, 3_34, 198, 1, 2_00)
    line = practice.line(visit(10_00, 3, code=b"agreed"))
    assert line == LineResult(charge=10_00, denied=10_00, carc=198)
    # Another pre-authorisation begins anew.
    practice.series.authorize("patient", b"agreed", 1, 20_000, 21_000)
    assert practice.line(visit(10_00, 1, code=b"agreed")).authorization == 2


def test_a_period_ends():
    practice = Practice(prices=PICKY)
    assert practice.line(visit(units=3, code=b"twice"), service_day=20_489).units == 2
    assert practice.line(visit(code=b"twice"), service_day=20_489).carc == 119
    assert practice.line(visit(code=b"twice"), service_day=20_490).units == 1


def test_a_provider_has_its_own_prices_only_in_its_network():
    for rules, outside, allowed in ((0, False, 150_00), (Rule.NETWORK, False, 120_00)):
        practice = Practice(rules=rules)
        practice.series.contracts["clinic"] = Contract(20_000, 21_000, 4)
        practice.version.schedules[4, b"visit"] = 120_00
        result = practice.submit(visit())
        assert (result.circumstances & 1, result.lines[0].allowed) == (outside, allowed)
    practice = Practice(rules=Rule.NETWORK | Rule.OUTSIDE_TOO)
    result = practice.submit(visit())
    assert (result.circumstances & 1, result.lines[0].coinsurance) == (1, 20_00)


# ---- gates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "today", "refusal", "carc"),
    [
        ({"lines": ()}, TODAY, Refusal.MALFORMED, 16),
        ({"lines": (visit(),) * 101}, TODAY, Refusal.MALFORMED, 16),
        ({"lines": (visit(units=0),)}, TODAY, Refusal.MALFORMED, 16),
        ({"number": b"1"}, TODAY, Refusal.DUPLICATE, 18),
        ({"provider": "suspended"}, TODAY, Refusal.NOT_LICENSED, 185),
        ({"plan": b"none"}, TODAY, Refusal.UNKNOWN_PLAN, 31),
        ({"service_day": TODAY + 1}, TODAY, Refusal.FUTURE_SERVICE, 110),
        ({"service_day": 19_999}, TODAY, Refusal.OUTSIDE_PLAN, 26),
        ({"service_day": 21_000}, 21_000, Refusal.OUTSIDE_PLAN, 27),
        ({"patient": "stranger"}, TODAY, Refusal.NOT_ENROLLED, 31),
        ({"service_day": 20_099}, TODAY, Refusal.OUTSIDE_COVER, 26),
        ({"service_day": 20_900}, 20_900, Refusal.OUTSIDE_COVER, 27),
        ({"service_day": 20_104}, 20_110, Refusal.WAITING, 179),
        ({"service_day": 20_105}, 20_110, Refusal.NONE, 0),
        ({}, TODAY + 90, Refusal.NONE, 0),
        ({}, TODAY + 91, Refusal.FILED_LATE, 29),
        ({"patient": "silent"}, TODAY, Refusal.NO_CONSENT, 227),
    ],
)
def test_gates(changes, today, refusal, carc):
    practice = Practice(waiting_days=5)
    practice.submit(visit())
    result = practice.submit(*changes.pop("lines", [visit()]), now=today * DAY, **changes)
    assert (result.refusal, result.carc) == (refusal, carc)


def test_another_payer_goes_first():
    practice = Practice(cover={"patient": Membership(20_100, 20_900, secondary=True)})
    assert practice.submit(visit()).refusal is Refusal.NOT_COORDINATED
    assert practice.submit(visit(), primary=b"\1" * 32).refusal is Refusal.NONE


def test_out_of_the_network():
    practice = Practice(rules=Rule.NETWORK)
    assert practice.submit(visit()).carc == 242


# ---- the life of a claim ---------------------------------------------------------------------------------------------


def test_a_reversal_gives_all_back():
    practice = Practice()
    first = practice.claim(visit())
    practice.desk.submit([first], 0 + TODAY * DAY)
    before = practice.spent()
    record = practice.desk.records["clinic", first.number]
    again = practice.line(visit())
    practice.desk.reverse(record.decided, Party.PROVIDER, "clinic", TODAY * DAY)
    # The first is gone, what the second bore of it not: it was judged after the first.
    assert practice.spent() == (0, again.patient, again.paid)
    assert before == (100_00, 110_00, 40_00)
    # What was paid for it is taken off the next payment.
    assert practice.treasury.pool("insurer", "token").set_off["clinic"] == 40_00
    received = practice.treasury.received["clinic", "token"]
    next_ = practice.line(visit(prior=1))
    assert practice.treasury.received["clinic", "token"] == received + next_.paid - 40_00


def test_who_waits_longest_is_paid_first():
    practice = Practice(deductible=0, coinsurance=0)
    pool = practice.treasury.pool("insurer", "token")
    pool.balance = 150_00 - 1
    assert practice.submit(visit()).state is State.OWED
    assert practice.submit(visit(charge=1)).state is State.OWED
    with pytest.raises(Broken) as short:
        practice.treasury.settle("desk", "insurer", "token", 9)
    assert short.value.errors == {"PoolShort": (150_00, 149_99)}
    practice.treasury.fund("insurer", "token", 1)
    assert practice.treasury.settle("desk", "insurer", "token", 9) == 1
    assert (pool.balance, pool.owed, pool.waiting) == (0, 1, 1)


def test_what_is_put_aside_is_paid_before_older_debts():
    practice = Practice(deductible=0, coinsurance=0, review_threshold=100_00)
    pool = practice.treasury.pool("insurer", "token")
    pool.balance = 150_00
    large = practice.claim(visit())
    (result,) = practice.desk.submit([large], TODAY * DAY)
    assert (result.state, result.reserved, pool.balance, pool.reserved) == (State.PENDED, True, 0, 150_00)
    assert practice.spent() == (0, 0, 0)
    assert practice.submit(visit(charge=50_00)).state is State.OWED
    with pytest.raises(Broken, match="ReviewOpen"):
        practice.desk.decide(large, (TODAY + 10) * DAY)
    result = practice.desk.decide(large, (TODAY + 10) * DAY + 1)
    assert (result.state, pool.reserved, pool.owed) == (State.SETTLED, 0, 50_00)


def test_a_withdrawn_number_is_free_for_another_content():
    practice = Practice(review_threshold=1)
    claim = practice.claim(visit())
    practice.desk.submit([claim], TODAY * DAY)
    with pytest.raises(Broken, match="NotParty"):
        practice.desk.withdraw(claim, Party.INSURER, "insurer", TODAY * DAY)
    practice.desk.withdraw(claim, Party.PROVIDER, "clinic", TODAY * DAY)
    assert practice.treasury.pool("insurer", "token").reserved == 0
    (again,) = practice.desk.submit([claim], TODAY * DAY)
    assert again.refusal is Refusal.DUPLICATE
    (other,) = practice.desk.submit([replace(claim, lines=(visit(1_00),))], TODAY * DAY)
    assert other.refusal is Refusal.NONE


def test_an_award_is_at_most_what_nobody_paid_yet():
    practice = Practice()
    claim = practice.claim(visit(prior=5_00))
    practice.desk.submit([claim], TODAY * DAY)
    decided = practice.desk.records["clinic", claim.number].decided
    practice.desk.appeal(decided, Party.PATIENT, "patient", (TODAY + 30) * DAY)
    with pytest.raises(Broken) as high:
        practice.desk.arbitrate(decided, 155_01, (TODAY + 31) * DAY)
    assert high.value.errors == {"AwardTooHigh": (155_01, 155_00)}
    practice.desk.arbitrate(decided, 155_00, (TODAY + 31) * DAY)
    assert practice.desk.records["clinic", claim.number].state is State.ARBITRATED
    assert practice.treasury.received["clinic", "token"] == 195_00


# ---- what always holds -----------------------------------------------------------------------------------------------


def test_every_unit_of_a_charge_is_somewhere_TP5():
    """Whatever the dice say: nothing is negative, nothing is lost, and no bound is broken."""
    random_claims = RandomClaims(
        random.Random(seed()), TODAY, ["insurer"], ["token"], ["clinic", "hospital"], list("abcdefgh")
    )
    plans = Plans(lambda *_: True)
    versions = {bytes([number]): random_claims.alone(number) for number in range(30)}
    plans.versions.update(versions)
    desk = Desk(plans, Treasury(0, 1), lambda *key: key, lambda _: True)
    judged = 0
    for _ in range(600):
        plan = random_claims.dice.choice(list(versions))
        claim = random_claims.claim(plan, versions[plan])
        (result,) = desk.submit([claim], TODAY * DAY)
        for line, asked in zip(result.lines, claim.lines, strict=False):
            judged += 1
            bounds = line.deductible + line.copay + line.coinsurance + line.limited + line.prior + line.paid
            assert min(astuple(line)) >= 0 and line.written_off >= 0
            assert line.allowed == bounds and line.charge == asked.charge == line.denied + line.written_off + bounds
            assert line.units <= asked.units and (line.units or line.denied == line.charge)
            assert line.prior <= asked.prior and line.counted <= line.copay
        version = versions[plan]
        if result.lines:
            spent = desk.used.member(version.series, claim.patient, benefit_year(claim.service_day))
            assert spent.deductible <= version.terms.deductible
            assert spent.out_of_pocket <= version.terms.out_of_pocket_maximum
            assert not version.terms.annual_limit or spent.paid <= version.terms.annual_limit
    assert judged > 500


def test_what_was_reversed_has_never_been_TP5():
    """A history with reversals ends where the same history without the reversed claims' use would be counted."""
    random_claims = RandomClaims(
        random.Random(seed() + 1), TODAY, ["insurer"], ["token"], ["clinic", "hospital"], list("abcd")
    )
    plans, used = Plans(lambda *_: True), Used()
    plans.versions[b"p"] = random_claims.alone(1)
    series = plans.versions[b"p"].series
    years = (2024, 2025, 2026)
    for _ in range(100):
        before = [used.member(series, who, year) for who in "abcd" for year in years]
        _, lines = plans.judge(random_claims.claim(b"p", plans.versions[b"p"]), used, TODAY * DAY)
        for line in lines:
            used.add(line)
        for line in lines:
            used.remove(line)
        assert [used.member(series, who, year) for who in "abcd" for year in years] == before
        for line in lines:
            used.add(line)
