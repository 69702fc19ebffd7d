"""Adjudication, the pure rule of a line: steps 2 to 6 of IAdjudication

share
├── deductible, copay, coinsurance, in this order or copay first; each at most what is left; coinsurance rounded up
├── a category that bears no deductible pays none
├── the copay counts to the deductible, when the plan says so, as far as that has room
├── out-of-pocket maximum: cuts the last step first
├── another payer's payment: relieves the last step first, then the plan; never more than is allowed
├── the least of the limits: the rest stays with the patient, 119, or 35 when the lifetime's alone is the least
└── always: allowed = deductible + copay + coinsurance + limited + prior + paid, and the tally moves by what was shared
yearOf: the calendar's year of every day
"""

import datetime
from typing import NamedTuple

import pytest
from brownie.test import given, strategy

from tests.support.claim_builders import LARGEST, LineResult, unpack, word

EPOCH = datetime.date(1970, 1, 1)
LAST_YEAR = 9999  # the last that Python's calendar knows
NO_LIMIT = 2**128 - 1


class Tally(NamedTuple):
    deductible: int = 100
    out_of_pocket: int = 500
    annual: int = NO_LIMIT
    lifetime: int = NO_LIMIT
    used_deductible: int = 0
    used_out_of_pocket: int = 0
    paid: int = 0


class Rule(NamedTuple):
    rate: int = 20_00
    copay: int = 0
    limit: int = NO_LIMIT
    bears: bool = True
    copay_first: bool = False
    counts: bool = False


class Judged(NamedTuple):
    line: LineResult
    tally: Tally
    rule: Rule


FREE = Tally(deductible=0, out_of_pocket=LARGEST)


@pytest.fixture(scope="module")
def judge(module_isolation, salus_project, deployer):
    contract = salus_project.Judge.deploy({"from": deployer})

    def share(allowed, tally=Tally(), rule=Rule(), prior=0):
        shares, payment, counted, after, left = contract.share(tally, rule, allowed, prior)
        return Judged(unpack((word("code"), counted << 16, shares, payment)), Tally(*after), Rule(*left))

    share.contract = contract
    return share


def steps(line):
    return line.deductible, line.copay, line.coinsurance, line.paid


# ---- deductible, copay, coinsurance ------------------------------------------------------------------------------


@pytest.mark.parametrize("left, deductible", [(100, 60), (61, 60), (60, 60), (59, 59), (1, 1), (0, 0)])
def test_deductible(judge, left, deductible):
    line, after, _ = judge(60, Tally(deductible=left), Rule(rate=0))
    assert steps(line) == (deductible, 0, 0, 60 - deductible)
    assert after[:2] == (left - deductible, 500 - deductible)
    assert (after.used_deductible, after.used_out_of_pocket, after.paid) == (deductible, deductible, 60 - deductible)


def test_a_category_that_bears_no_deductible(judge):
    line, after, _ = judge(60, rule=Rule(bears=False))
    assert steps(line) == (0, 0, 12, 48)
    assert after == Tally(100, 488, NO_LIMIT - 48, NO_LIMIT - 48, 0, 12, 48)


@pytest.mark.parametrize(
    "rest, basis, coinsurance",
    [
        (1, 20_00, 1),
        (4, 20_00, 1),
        (5, 20_00, 1),
        (6, 20_00, 2),
        (9_999, 1, 1),
        (10_000, 1, 1),
        (10_001, 1, 2),
        (3, 33_33, 1),
        (7, 0, 0),
        (7, 100_00, 7),
        (7, 99_99, 7),
        (0, 100_00, 0),
        (LARGEST, 100_00, LARGEST),
        (LARGEST, 99_99, LARGEST - LARGEST // 10_000),
    ],
)
def test_TP5_coinsurance_is_rounded_against_the_patient(judge, rest, basis, coinsurance):
    line, after, _ = judge(rest, FREE, Rule(rate=basis))
    assert (line.coinsurance, line.paid) == (coinsurance, rest - coinsurance)
    assert (after.used_deductible, after.used_out_of_pocket, after.paid) == (0, coinsurance, rest - coinsurance)


@pytest.mark.parametrize(
    "allowed, first, then",
    [
        # allowed, (deductible, copay, coinsurance, paid) with the deductible first, then with the copay first
        (300, (100, 30, 34, 136), (100, 30, 34, 136)),
        (130, (100, 30, 0, 0), (100, 30, 0, 0)),
        (120, (100, 20, 0, 0), (90, 30, 0, 0)),
        (100, (100, 0, 0, 0), (70, 30, 0, 0)),
        (30, (30, 0, 0, 0), (0, 30, 0, 0)),
        (20, (20, 0, 0, 0), (0, 20, 0, 0)),
        (0, (0, 0, 0, 0), (0, 0, 0, 0)),
    ],
)
def test_the_order_of_deductible_and_copay(judge, allowed, first, then):
    assert steps(judge(allowed, rule=Rule(copay=30)).line) == first
    assert steps(judge(allowed, rule=Rule(copay=30, copay_first=True)).line) == then


@pytest.mark.parametrize(
    "left, copay_first, bears, counted",
    [
        (100, False, True, 0),  # the deductible has used up its room before
        (100, True, True, 0),  # 30 + 170 of 200: what the copay leaves fills it
        (190, True, True, 20),  # 170 of it filled, 20 left
        (300, True, True, 30),
        (100, False, False, 30),  # no deductible of its own, but the copay counts
        (29, False, False, 29),
        (0, False, False, 0),
    ],
)
def test_a_copay_that_counts_to_the_deductible(judge, left, copay_first, bears, counted):
    tally = Tally(deductible=left)
    rule = Rule(copay=30, bears=bears, copay_first=copay_first, counts=True)
    line, after, _ = judge(200, tally, rule)
    plain = judge(200, tally, rule._replace(counts=False))
    assert (line.copay, line.counted, plain.line.counted) == (30, counted, 0)
    assert line._replace(counted=0) == plain.line
    assert after.used_deductible == line.deductible + counted == left - after.deductible
    assert plain.tally.used_deductible == line.deductible
    assert after.used_out_of_pocket == plain.tally.used_out_of_pocket


# ---- maximum, prior payer, limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "room, first, then",
    [
        # (deductible, copay, coinsurance, paid): the sum of the shares is at most the room
        (165, (100, 30, 34, 136), (100, 30, 34, 136)),
        (164, (100, 30, 34, 136), (100, 30, 34, 136)),
        (163, (100, 30, 33, 137), (100, 30, 33, 137)),
        (130, (100, 30, 0, 170), (100, 30, 0, 170)),
        (129, (100, 29, 0, 171), (99, 30, 0, 171)),
        (100, (100, 0, 0, 200), (70, 30, 0, 200)),
        (99, (99, 0, 0, 201), (69, 30, 0, 201)),
        (30, (30, 0, 0, 270), (0, 30, 0, 270)),
        (29, (29, 0, 0, 271), (0, 29, 0, 271)),
        (0, (0, 0, 0, 300), (0, 0, 0, 300)),
    ],
)
def test_the_maximum_cuts_the_last_step_first(judge, room, first, then):
    for copay_first, expected in ((False, first), (True, then)):
        line, after, _ = judge(300, Tally(out_of_pocket=room), Rule(copay=30, copay_first=copay_first))
        assert steps(line) == expected
        assert after.used_out_of_pocket == sum(expected[:3]) == room - after.out_of_pocket


@pytest.mark.parametrize(
    "prior, first, then",
    [
        # the patient's share without the other payer is 100 + 30 + 34, the plan's 136
        (1, (100, 30, 33, 136), (100, 30, 33, 136)),
        (34, (100, 30, 0, 136), (100, 30, 0, 136)),
        (35, (100, 29, 0, 136), (99, 30, 0, 136)),
        (134, (30, 0, 0, 136), (0, 30, 0, 136)),
        (164, (0, 0, 0, 136), (0, 0, 0, 136)),
        (165, (0, 0, 0, 135), (0, 0, 0, 135)),
        (299, (0, 0, 0, 1), (0, 0, 0, 1)),
        (300, (0, 0, 0, 0), (0, 0, 0, 0)),
        (301, (0, 0, 0, 0), (0, 0, 0, 0)),
        (LARGEST, (0, 0, 0, 0), (0, 0, 0, 0)),
    ],
)
def test_another_payer_relieves_the_patient_then_the_plan(judge, prior, first, then):
    for copay_first, expected in ((False, first), (True, then)):
        line, after, _ = judge(300, rule=Rule(copay=30, copay_first=copay_first), prior=prior)
        assert steps(line) == expected
        assert (line.prior, line.allowed) == (min(prior, 300), 300)
        assert after.used_out_of_pocket == sum(expected[:3])


def test_another_payer_comes_after_the_maximum(judge):
    """Of a share of 164 the maximum leaves 50, of which the other payer takes 20: room for 30 is used, not for 50."""
    line, after, _ = judge(300, Tally(out_of_pocket=50), Rule(copay=30), prior=20)
    assert steps(line) == (30, 0, 0, 250)
    assert after.out_of_pocket == 20


@pytest.mark.parametrize(
    "annual, lifetime, category, paid, carc",
    [
        (81, 81, 81, 80, 0),
        (80, 80, 80, 80, 0),
        (79, 80, 80, 79, 119),
        (80, 79, 80, 79, 35),
        (80, 80, 79, 79, 119),
        (79, 79, 80, 79, 119),  # the lifetime's is not alone
        (80, 79, 79, 79, 119),
        (78, 79, 80, 78, 119),
        (80, 0, 1, 0, 35),
        (0, 0, 0, 0, 119),
        (NO_LIMIT, 79, NO_LIMIT, 79, 35),
    ],
)
def test_the_least_of_the_limits(judge, annual, lifetime, category, paid, carc):
    """80 of 100 would be paid; what a limit cuts stays with the patient and is no part of the out-of-pocket maximum."""
    line, after, left = judge(100, FREE._replace(annual=annual, lifetime=lifetime), Rule(limit=category))
    assert (line.paid, line.limited, line.limit_carc) == (paid, 80 - paid, carc)
    assert (after.used_out_of_pocket, after.paid) == (20, paid)
    assert (after.annual, after.lifetime, left.limit) == (annual - paid, lifetime - paid, category - paid)


# ---- the law -----------------------------------------------------------------------------------------------------

amount = strategy("uint80")


@given(
    allowed=amount,
    prior=amount,
    copay=amount,
    left=strategy("uint80[2]"),
    limits=strategy("uint96[3]"),
    basis=strategy("uint16", max_value=10_000),
    flags=strategy("uint8", max_value=7),
)
def test_TP5_the_balance_law(judge, allowed, prior, copay, left, limits, basis, flags):
    before = Tally(*left, *limits[:2])
    rule = Rule(basis, copay, limits[2], *(bool(flags & bit) for bit in (1, 2, 4)))
    line, after, bound = judge(allowed, before, rule, prior)
    patient = line.deductible + line.copay + line.coinsurance
    assert allowed == line.allowed == patient + line.limited + line.prior + line.paid
    assert line.prior == min(prior, allowed)
    assert line.deductible <= (left[0] if rule.bears else 0) and line.copay <= copay and patient <= left[1]
    assert line.counted <= line.copay and (rule.counts or line.counted == 0)
    used = (line.deductible + line.counted, patient, line.paid)
    assert (after.used_deductible, after.used_out_of_pocket, after.paid) == used
    assert (before.deductible - after.deductible, before.out_of_pocket - after.out_of_pocket) == used[:2]
    assert {before.annual - after.annual, before.lifetime - after.lifetime, rule.limit - bound.limit} == {line.paid}
    assert line.paid <= min(limits) and bool(line.limited) == bool(line.limit_carc)


@given(allowed=amount, left=amount, basis=strategy("uint16", max_value=10_000))
def test_TP5_a_share_is_never_a_unit_from_the_exact_one(judge, allowed, left, basis):
    line, *_ = judge(allowed, FREE._replace(deductible=left), Rule(rate=basis))
    rest = allowed - line.deductible
    assert 0 <= line.coinsurance * 10_000 - rest * basis < 10_000


# ---- the calendar ------------------------------------------------------------------------------------------------


def test_the_year_of_every_first_and_last_day(judge):
    for year in [*range(1970, 2110), 2399, 2400, 2401, 3999, 4000, LAST_YEAR]:
        first = (datetime.date(year, 1, 1) - EPOCH).days
        last = (datetime.date(year, 12, 31) - EPOCH).days
        assert (judge.contract.yearOf(first), judge.contract.yearOf(last)) == (year, year)


def test_the_year_of_days_in_between(judge):
    for day in range(
        0, (datetime.date(LAST_YEAR, 12, 31) - EPOCH).days, 9973
    ):  # a prime: no day of the year twice in a row
        assert judge.contract.yearOf(day) == (EPOCH + datetime.timedelta(days=day)).year


def test_the_year_of_the_last_day_there_is(judge):
    # 400 years have 146,097 days, so the remainder of 24 bits is a day that Python's calendar knows.
    cycles, day = divmod(2**24 - 1, 146_097)
    assert judge.contract.yearOf(2**24 - 1) == 400 * cycles + (EPOCH + datetime.timedelta(days=day)).year
