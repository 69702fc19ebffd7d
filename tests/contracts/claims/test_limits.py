"""Who bears how much of several lines and claims, asked of the plan itself

judge, award
├── the member's deductible and maximum run through lines, claims and versions of a benefit year
├── the family's bounds: the smaller room counts, and each that the plan has grows by what its members bear
├── categories: rate in and out of network, deductible or none, copay once a line, a limit of their own
├── annual, lifetime and category limits: what exceeds them stays with the patient
├── out of network: other rates, without the provider's own list
├── another payer first: relieves the patient, then the plan
└── charge = denied + written off + deductible + copay + coinsurance + limited + prior + paid, to the unit
"""

import datetime
import random

import pytest

from tests.support import claim_builders
from tests.support.claim_builders import (
    COPAY_COUNTS,
    COPAY_FIRST,
    EPOCH,
    LAST_DAY,
    LISTED,
    NETWORK,
    NOT_COORDINATED,
    OUTSIDE,
    PASSED,
    Category,
    LineResult,
    Price,
    a_claim,
    accumulators,
    award,
    enroll,
    judge,
    line,
    permit,
    this_year,
    today,
    word,
)


@pytest.fixture
def family(plans, consents, insurer, neighbour):
    """Enrol the patient and the neighbour in one family."""
    permit(consents, neighbour, insurer)

    def join(plan, *members, number=77):
        enroll(plans, plan, insurer, *members, family=number)

    return join


@pytest.fixture
def shares(plans, hospital, ledger):
    """Let the ledger use a claim up; (deductible, copay, coinsurance, limited, paid) of each line."""

    def use(plan, member, *lines, **kwargs):
        verdict, _ = award(plans, a_claim(plan, member, hospital, *lines, **kwargs), ledger)
        assert verdict.refusal == PASSED
        return [(r.deductible, r.copay, r.coinsurance, r.limited, r.paid) for r in verdict.lines]

    return use


# ---- the member's and the family's year --------------------------------------------------------------------------


def test_the_deductible_then_the_maximum(plans, draw_plan, shares, patient, ledger):
    plan = draw_plan(coinsurance=20_00, deductible=100_00, out_of_pocket_maximum=150_00)
    assert shares(plan, patient, line(charge=60_00)) == [(60_00, 0, 0, 0, 0)]
    assert shares(plan, patient, line(charge=90_00), line("x-ray", charge=80_00)) == [
        (40_00, 0, 10_00, 0, 40_00),
        (0, 0, 16_00, 0, 64_00),
    ]
    assert shares(plan, patient, line("cast", charge=333_33)) == [(0, 0, 24_00, 0, 309_33)]
    assert shares(plan, patient, line(charge=150_00)) == [(0, 0, 0, 0, 150_00)]
    assert accumulators(plans, ledger, plan, patient) == (100_00, 150_00, 40_00 + 64_00 + 309_33 + 150_00)


def test_two_calendar_years(plans, draw_plan, shares, patient, ledger):
    """December 31 and January 1, each with a deductible of its own."""
    january = (datetime.date(this_year(), 1, 1) - EPOCH).days
    plan = draw_plan(deductible=100_00, valid_from=january - 1, valid_until=LAST_DAY)
    for day, year in ((january - 1, this_year() - 1), (january, this_year())):
        assert shares(plan, patient, line(charge=150_00), day=day)[0][0] == 100_00
        assert accumulators(plans, ledger, plan, patient, year) == (100_00, 100_00, 50_00)


def test_members_series_and_desks_are_apart(plans, draw_plan, shares, patient, neighbour, family, ledger, desk):
    plan, other = (draw_plan(deductible=100_00) for _ in range(2))
    family(plan, patient, neighbour, number=0)
    for which, who in ((plan, patient), (other, patient), (plan, neighbour)):
        assert shares(which, who, line(charge=150_00))[0][0] == 100_00
        assert accumulators(plans, ledger, which, who) == (100_00, 100_00, 50_00)
        assert accumulators(plans, desk, which, who) == (0, 0, 0)


def test_the_familys_deductible(plans, draw_plan, shares, family, patient, neighbour, ledger):
    """150.00 for the family, 100.00 for each of it."""
    plan = draw_plan(deductible=100_00, family_deductible=150_00)
    family(plan, patient, neighbour)
    assert shares(plan, patient, line(charge=140_00)) == [(100_00, 0, 0, 0, 40_00)]
    assert shares(plan, neighbour, line(charge=40_00)) == [(40_00, 0, 0, 0, 0)]
    assert shares(plan, neighbour, line(charge=40_00)) == [(10_00, 0, 0, 0, 30_00)]
    assert accumulators(plans, ledger, plan, neighbour) == (50_00, 50_00, 30_00)
    assert accumulators(plans, ledger, plan, 77) == (150_00, 0, 0)  # there is no maximum of the family's


def test_the_familys_maximum(plans, draw_plan, shares, family, patient, neighbour, ledger):
    plan = draw_plan(coinsurance=50_00, out_of_pocket_maximum=60_00, family_out_of_pocket_maximum=80_00)
    family(plan, patient, neighbour)
    assert shares(plan, patient, line(charge=150_00)) == [(0, 0, 60_00, 0, 90_00)]
    assert shares(plan, neighbour, line(charge=150_00)) == [(0, 0, 20_00, 0, 130_00)]
    assert accumulators(plans, ledger, plan, 77) == (0, 80_00, 0)


@pytest.mark.parametrize("number, deductible", [(0, 100_00), (1, 1), (2**64 - 1, 1)])
def test_only_a_member_of_a_family_has_a_familys_bound(
    plans, draw_plan, shares, family, patient, ledger, number, deductible
):
    plan = draw_plan(deductible=100_00, family_deductible=1, family_out_of_pocket_maximum=1)
    family(plan, patient, number=number)
    assert shares(plan, patient, line(charge=150_00)) == [(deductible, 0, 0, 0, 150_00 - deductible)]
    assert accumulators(plans, ledger, plan, number) == ((1, 1, 0) if number else (0, 0, 0))


def test_two_families_are_apart(plans, draw_plan, shares, family, patient, neighbour, ledger):
    plan = draw_plan(deductible=100_00, family_deductible=100_00)
    family(plan, patient, number=1)
    family(plan, neighbour, number=2)
    for member in (patient, neighbour):
        assert shares(plan, member, line(charge=150_00)) == [(100_00, 0, 0, 0, 50_00)]
    assert accumulators(plans, ledger, plan, 1) == accumulators(plans, ledger, plan, 2) == (100_00, 0, 0)


def test_a_familys_bound_begins_with_the_version_that_has_it(plans, bare, shares, family, patient, neighbour, consent):
    day = today()
    old = bare._replace(document=word("family"), valid_until=day, deductible=100_00)
    first = claim_builders.publish(plans, old, {"visit": 150_00})
    family(first, patient, neighbour)
    second = claim_builders.publish(
        plans,
        old._replace(valid_from=day, valid_until=LAST_DAY, family_deductible=50_00),
        {"visit": 150_00},
        series=first,
    )
    shares(first, patient, line(charge=70_00), day=day - 1)
    assert shares(second, neighbour, line(charge=70_00), day=day) == [(50_00, 0, 0, 0, 20_00)]


# ---- categories --------------------------------------------------------------------------------------------------


VISIT = {"visit": Price(100_00, 1)}
MIXED = {"visit": Price(100_00, 1), "drug": Price(40_00, 2), "bed": Price(500_00)}


def test_each_category_has_its_own_rule(draw_plan, shares, patient):
    plan = draw_plan(
        MIXED,
        categories=[Category(10_00, 0, False, 15_00), Category(0, 0, True, 0)],
        coinsurance=20_00,
        deductible=70_00,
    )
    lines = [
        line(charge=100_00),
        line("drug", 1, 40_00),
        line(charge=99_00),
        line("bed", 1, 500_00),
        line("drug", 1, 39_00),
    ]
    assert shares(plan, patient, *lines) == [
        (0, 15_00, 8_50, 0, 76_50),  # no deductible, copay, 10 % of 85
        (40_00, 0, 0, 0, 0),  # the deductible
        (0, 15_00, 8_40, 0, 75_60),  # a copay once more
        (30_00, 0, 94_00, 0, 376_00),  # the rest of the deductible, 20 % of 470
        (0, 0, 0, 0, 39_00),
    ]


@pytest.mark.parametrize(
    "rules, first, second, third, year",
    [
        # visits of 20.00 with a copay of 15.00 under a deductible of 30.00
        (0, (20_00, 0), (10_00, 10_00), (0, 15_00), 30_00),
        (COPAY_FIRST, (5_00, 15_00), (5_00, 15_00), (5_00, 15_00), 15_00),
        (COPAY_COUNTS, (20_00, 0), (10_00, 10_00), (0, 15_00), 30_00),
        (COPAY_FIRST | COPAY_COUNTS, (5_00, 15_00), (5_00, 15_00), (0, 15_00), 30_00),
    ],
)
def test_the_copay_first_or_last_and_counted(
    plans, draw_plan, shares, patient, ledger, rules, first, second, third, year
):
    plan = draw_plan(VISIT, categories=[Category(0, 0, True, 15_00)], deductible=30_00, rules=rules)
    visits = [shares(plan, patient, line(charge=20_00))[0][:2] for _ in range(3)]
    assert visits == [first, second, third]
    assert accumulators(plans, ledger, plan, patient).deductible == year


def test_a_copay_of_a_line_that_is_denied(draw_plan, shares, patient):
    plan = draw_plan(VISIT, categories=[Category(copay=15_00)])
    assert shares(plan, patient, line(charge=9), line(charge=9), line(charge=0)) == [
        (0, 9, 0, 0, 0), (0, 0, 0, 0, 0), (0, 0, 0, 0, 0),
    ]  # fmt: skip


# ---- limits ------------------------------------------------------------------------------------------------------


def test_the_annual_limit(plans, draw_plan, shares, patient, ledger):
    january = (datetime.date(this_year(), 1, 1) - EPOCH).days
    plan = draw_plan(coinsurance=20_00, annual_limit=200_00, valid_from=january - 1, valid_until=LAST_DAY)
    assert shares(plan, patient, line(charge=150_00), line("x-ray", charge=80_00)) == [
        (0, 0, 30_00, 0, 120_00),
        (0, 0, 16_00, 0, 64_00),
    ]
    (answer,) = judge(plans, a_claim(plan, patient, ledger, line(charge=100_00)), ledger).lines
    assert (answer.coinsurance, answer.limited, answer.limit_carc, answer.paid) == (20_00, 64_00, 119, 16_00)
    shares(plan, patient, line(charge=100_00))
    # Beyond a limit nothing counts to the out-of-pocket maximum.
    assert accumulators(plans, ledger, plan, patient) == (0, 66_00, 200_00)
    assert shares(plan, patient, line(charge=100_00), day=january - 1) == [(0, 0, 20_00, 0, 80_00)]


def test_the_lifetime_limit(plans, draw_plan, shares, patient, ledger):
    january = (datetime.date(this_year(), 1, 1) - EPOCH).days
    plan = draw_plan(lifetime_limit=200_00, valid_from=january - 1, valid_until=LAST_DAY)
    assert shares(plan, patient, line(charge=150_00), day=january - 1) == [(0, 0, 0, 0, 150_00)]
    (answer,) = judge(plans, a_claim(plan, patient, ledger, line(charge=60_00), day=january), ledger).lines
    assert (answer.limited, answer.limit_carc, answer.paid) == (10_00, 35, 50_00)
    shares(plan, patient, line(charge=60_00), day=january)
    assert accumulators(plans, ledger, plan, patient, 0) == (0, 0, 200_00)
    assert shares(plan, patient, line(charge=1), day=january) == [(0, 0, 0, 1, 0)]


def test_a_category_limit(plans, draw_plan, shares, patient, ledger):
    plan = draw_plan(MIXED, categories=[Category(10_00, 0, False, 0, 250_00), Category()])
    lines = [line(charge=100_00), line("bed", 1, 70_00), line(charge=99_00), line("drug", 1, 40_00), line(charge=90_00)]
    assert shares(plan, patient, *lines) == [
        (0, 0, 10_00, 0, 90_00),
        (0, 0, 0, 0, 70_00),
        (0, 0, 9_90, 0, 89_10),
        (0, 0, 0, 0, 40_00),
        (0, 0, 9_00, 10_10, 70_90),
    ]
    assert [plans.categoryPaid(ledger, plan, patient, this_year(), number) for number in (1, 2)] == [250_00, 0]
    assert shares(plan, patient, line(charge=100_00), line("drug", 1, 1)) == [(0, 0, 10_00, 90_00, 0), (0, 0, 0, 0, 1)]


@pytest.mark.parametrize(
    "annual, lifetime, category, paid, carc",
    [
        (70, 80, 90, 70, 119),
        (80, 70, 90, 70, 35),
        (90, 80, 70, 70, 119),
        (70, 70, 90, 70, 119),
        (0, 70, 70, 70, 119),
        (0, 70, 0, 70, 35),
    ],
)
def test_the_least_limit_is_told(plans, draw_plan, patient, ledger, annual, lifetime, category, paid, carc):
    plan = draw_plan(VISIT, categories=[Category(limit=category)], annual_limit=annual, lifetime_limit=lifetime)
    (answer,) = judge(plans, a_claim(plan, patient, ledger, line(charge=100)), ledger).lines
    assert (answer.paid, answer.limited, answer.limit_carc) == (paid, 100 - paid, carc)


# ---- in and out of network ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ago, outside", [(21, True), (20, False), (11, False), (10, True)])
def test_out_of_network(plans, draw_plan, patient, hospital, insurer, ledger, ago, outside):
    plan = draw_plan(
        {**VISIT, "bed": 500_00},
        categories=[Category(10_00, 40_00)],
        coinsurance=20_00,
        coinsurance_out=50_00,
        rules=NETWORK | OUTSIDE,
    )
    plans.contractProvider(plan, hospital, (today() - 20, today() - 10, 0), {"from": insurer})
    claim = a_claim(plan, patient, hospital, line(charge=100_00), line("bed", 1, 100_00), day=today() - ago)
    answer = judge(plans, claim, ledger)
    assert answer.out_of_network is outside
    assert [each.coinsurance for each in answer.lines] == ([40_00, 50_00] if outside else [10_00, 20_00])


def test_a_plan_without_network_has_one_rate(plans, draw_plan, patient, hospital, ledger):
    plan = draw_plan(coinsurance=20_00, coinsurance_out=50_00, rules=OUTSIDE)
    answer = judge(plans, a_claim(plan, patient, hospital), ledger)
    assert (answer.out_of_network, answer.lines[0].coinsurance) == (False, 20_00)


# ---- another payer first -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prior, coinsurance, paid, told",
    [
        (0, 30_00, 120_00, 0),
        (10_00, 20_00, 120_00, 10_00),  # less than the patient's share
        (30_00, 0, 120_00, 30_00),  # all of it
        (50_00, 0, 100_00, 50_00),  # more: the rest relieves the plan
        (150_00, 0, 0, 150_00),  # all that is allowed
        (180_00, 0, 0, 150_00),  # more than is allowed
    ],
)
def test_what_another_payer_paid(plans, draw_plan, patient, hospital, insurer, ledger, prior, coinsurance, paid, told):
    plan = draw_plan(coinsurance=20_00)
    enroll(plans, plan, insurer, patient, secondary=True)
    claim = a_claim(plan, patient, hospital, line(charge=180_00, prior=prior), primary=word("answer"))
    answer, _ = award(plans, claim, ledger)
    expected = LineResult(1, 180_00, allowed=150_00, coinsurance=coinsurance, prior=told, paid=paid)
    assert answer.lines == (expected,)
    assert accumulators(plans, ledger, plan, patient) == (0, coinsurance, paid)


def test_a_secondary_plan_wants_the_answer_of_the_first(plans, draw_plan, patient, hospital, insurer, ledger):
    plan = draw_plan()
    enroll(plans, plan, insurer, patient, secondary=True)
    claim = a_claim(plan, patient, hospital, line(prior=50_00))
    assert judge(plans, claim, ledger)[:2] == (NOT_COORDINATED, 22)
    assert judge(plans, claim._replace(primary=word("answer")), ledger).refusal == PASSED


def test_the_payment_of_another_counts_where_this_plan_goes_first(plans, draw_plan, patient, hospital, ledger):
    """An honest provider tells it, whoever should have gone first."""
    plan = draw_plan()
    (answer,) = judge(plans, a_claim(plan, patient, hospital, line(charge=100_00, prior=60_00)), ledger).lines
    assert (answer.prior, answer.paid) == (60_00, 40_00)


def test_a_denied_line_has_no_other_payer(plans, draw_plan, patient, hospital, ledger):
    (answer,) = judge(plans, a_claim(draw_plan(), patient, hospital, line("wig", 1, 100, 60)), ledger).lines
    assert answer == LineResult(charge=100, denied=100, carc=204)


# ---- the law -----------------------------------------------------------------------------------------------------


def test_TP5_nothing_is_lost_between_lines_and_claims(
    plans, draw_plan, family, patient, neighbour, hospital, insurer, ledger
):
    """Many random claims under a plan with everything: each line balances, and the year is the sum of its lines."""
    dice = random.Random(18)
    plan = draw_plan(
        {
            **MIXED,
            "mri": Price(70_07, 2, LISTED | claim_builders.AUTHORIZE),
            "step": Price(3_33, 1, limit=11, period=5),
        },
        categories=[Category(13_37, 0, True, 7_77, 400_00), Category(0, 0, False, 9_99, 0)],
        coinsurance=33_33,
        deductible=111_11,
        out_of_pocket_maximum=333_33,
        family_deductible=150_00,
        family_out_of_pocket_maximum=500_00,
        annual_limit=2000_00,
        lifetime_limit=1999_99,
        rules=COPAY_COUNTS,
    )
    family(plan, patient, neighbour)
    plans.authorize(plan, patient, word("mri"), 5, 0, LAST_DAY, {"from": insurer})
    totals = {str(member): [0, 0, 0] for member in (patient, neighbour)}
    for _ in range(12):
        member = dice.choice((patient, neighbour))
        lines = [
            line(dice.choice(["visit", "drug", "bed", "mri", "step", "wig"]), dice.randint(1, 9),
                 dice.randint(0, 400_00), dice.choice([0, 0, dice.randint(0, 500_00)]))
            for _ in range(dice.randint(1, 9))
        ]  # fmt: skip
        verdict, _ = award(plans, a_claim(plan, member, hospital, *lines), ledger)
        for said, r in zip(lines, verdict.lines):
            shares = r.deductible + r.copay + r.coinsurance
            written_off = r.charge - r.denied - r.allowed
            assert written_off >= 0 and said.charge == r.charge
            assert r.charge == r.denied + written_off + shares + r.limited + r.prior + r.paid
            for i, part in enumerate((r.deductible + r.counted, shares, r.paid)):
                totals[str(member)][i] += part
        assert verdict.paid == sum(r.paid for r in verdict.lines)
    assert all(any(used) for used in totals.values())
    for member, used in totals.items():
        assert accumulators(plans, ledger, plan, member) == tuple(used)
        assert used[0] <= 111_11 and used[1] <= 333_33 and used[2] <= 1999_99
        assert accumulators(plans, ledger, plan, member, 0) == (0, 0, used[2])
    together = [sum(used[i] for used in totals.values()) for i in (0, 1)]
    assert accumulators(plans, ledger, plan, 77) == (*together, 0)
    assert together[0] <= 150_00 and together[1] <= 500_00
