"""Adjudication, the pure rule

judge
├── a code that is not listed → the charge is denied, CARC 204, nothing else moves
├── allowed: the smaller of the charge and price × units, however large the product
├── deductible: what is left of it in the year
├── coinsurance: of the rest, rounded up
├── out-of-pocket maximum: cuts the coinsurance first, then the deductible
└── always: charge = write-off + deductible + coinsurance + paid, and the year grows by what the patient pays
yearOf: the calendar's year of every day
"""

import datetime

import pytest
from brownie.test import given, strategy

from tests.claims.build import LARGEST, NOBODY, Accumulators, LineResult, word

EPOCH = datetime.date(1970, 1, 1)
LAST_YEAR = 9999  # the last that Python's calendar knows


@pytest.fixture(scope="module")
def judge(module_isolation, salus_project, deployer):
    return salus_project.Judge.deploy({"from": deployer})


def terms(deductible=100, coinsurance=20_00, maximum=500):
    return (NOBODY, 0, 0, coinsurance, NOBODY, deductible, maximum, 0, word("any"))


def judged(judge, charge, units=1, price=LARGEST, *, listed=True, year=(0, 0), **kwargs):
    line, after = judge.judge(terms(**kwargs), (price, listed), (word("code"), units, charge), year)
    return LineResult(*line), Accumulators(*after)


def test_a_code_that_is_not_listed(judge):
    line, year = judged(judge, 70, listed=False, price=0, year=(30, 40))
    assert line == LineResult(charge=70, allowed=0, deductible=0, coinsurance=0, paid=0, carc=204)
    assert year == (30, 40)


@pytest.mark.parametrize(
    "charge, units, price, allowed",
    [
        (99, 1, 100, 99),
        (100, 1, 100, 100),
        (101, 1, 100, 100),
        (301, 3, 100, 300),
        (5, 1, 0, 0),
        (0, 1, 100, 0),
        (LARGEST, 2**32 - 1, LARGEST, LARGEST),
        (LARGEST, 2**32 - 1, 2**64, 2**96 - 2**64),
        (LARGEST, 2, 2**95, LARGEST),
    ],
)
def test_allowed(judge, charge, units, price, allowed):
    line, _ = judged(judge, charge, units, price, deductible=0, coinsurance=0)
    assert line == LineResult(charge, allowed, 0, 0, allowed, 0)


@pytest.mark.parametrize("before, deductible", [(0, 60), (40, 60), (41, 59), (99, 1), (100, 0), (101, 0)])
def test_deductible(judge, before, deductible):
    line, year = judged(judge, 60, year=(before, before), coinsurance=0)
    assert (line.deductible, line.paid) == (deductible, 60 - deductible)
    assert year == (before + deductible, before + deductible)


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
        (LARGEST, 100_00, LARGEST),
        (LARGEST, 99_99, LARGEST - LARGEST // 10_000),
    ],
)
def test_TP5_coinsurance_is_rounded_against_the_patient(judge, rest, basis, coinsurance):
    line, year = judged(judge, rest, deductible=0, coinsurance=basis, maximum=LARGEST)
    assert (line.coinsurance, line.paid) == (coinsurance, rest - coinsurance)
    assert year == (0, coinsurance)


def test_coinsurance_is_of_what_the_deductible_leaves(judge):
    line, year = judged(judge, 160, year=(50, 50))
    assert line == LineResult(160, 160, deductible=50, coinsurance=22, paid=88, carc=0)
    assert year == (100, 122)


@pytest.mark.parametrize(
    "spent, deductible, coinsurance, paid",
    [
        (370, 100, 30, 170),  # just room for 130
        (371, 100, 29, 171),
        (400, 100, 0, 200),
        (401, 99, 0, 201),
        (499, 1, 0, 299),
        (500, 0, 0, 300),
        (501, 0, 0, 300),
    ],
)
def test_the_maximum_cuts_the_coinsurance_then_the_deductible(judge, spent, deductible, coinsurance, paid):
    line, year = judged(judge, 300, year=(0, spent), coinsurance=15_00)
    assert (line.deductible, line.coinsurance, line.paid) == (deductible, coinsurance, paid)
    assert year == (deductible, spent + deductible + coinsurance)


amount = strategy("uint96")


@given(
    charge=amount,
    price=amount,
    units=strategy("uint32", min_value=1),
    amounts=strategy("uint96[2]"),
    basis=strategy("uint16", max_value=10_000),
    spent=strategy("uint96[2]"),
)
def test_TP5_the_balance_law(judge, charge, price, units, amounts, basis, spent):
    deductible, maximum = sorted(amounts)
    year = (min(spent), max(spent))
    if year[1] > LARGEST - maximum:
        year = (0, 0)
    line, after = judged(
        judge, charge, units, price, year=year, deductible=deductible, coinsurance=basis, maximum=maximum
    )
    patient = line.deductible + line.coinsurance
    assert line.charge == (line.charge - line.allowed) + patient + line.paid
    assert line.allowed == min(charge, price * units)
    assert after == (year[0] + line.deductible, year[1] + patient)
    assert patient == 0 or after.out_of_pocket <= maximum
    assert line.deductible == 0 or after.deductible <= deductible
    # Never more than one unit from the exact share, and never in favour of the patient.
    rest = line.allowed - line.deductible
    assert 0 <= line.coinsurance * 10_000 - rest * basis < 10_000 or after.out_of_pocket == max(maximum, year[1])


def test_the_year_of_every_first_and_last_day(judge):
    for year in [*range(1970, 2110), 2399, 2400, 2401, 3999, 4000, LAST_YEAR]:
        first = (datetime.date(year, 1, 1) - EPOCH).days
        last = (datetime.date(year, 12, 31) - EPOCH).days
        assert (judge.yearOf(first), judge.yearOf(last)) == (year, year)


@given(day=strategy("uint24", max_value=(datetime.date(LAST_YEAR, 12, 31) - EPOCH).days))
def test_the_year_of_any_day(judge, day):
    assert judge.yearOf(day) == (EPOCH + datetime.timedelta(days=day)).year


def test_the_year_of_the_last_day_there_is(judge):
    # 400 years have 146,097 days, so the remainder of 24 bits is a day that Python's calendar knows.
    cycles, day = divmod(2**24 - 1, 146_097)
    assert judge.yearOf(2**24 - 1) == 400 * cycles + (EPOCH + datetime.timedelta(days=day)).year
