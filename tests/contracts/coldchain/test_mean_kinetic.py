"""The weight of every temperature that can be, against 60 digits.

given a temperature, in hundredths of a degree
    when it is weighed                          it is ⌊2³² · e^(10,000/278.15 − 10,000/T)⌋, for each of 42,316
"""

from decimal import Context, Decimal

import pytest

COLDEST, HOTTEST = -27_315, 15_000
PART = 2_000


@pytest.fixture(scope="module")
def exact():
    """The weights by temperature."""
    sixty = Context(prec=60)  # of its own: a compiler among the dependencies forbids to change the common one
    at_five = sixty.divide(Decimal(10_000), Decimal("278.15"))
    found = {COLDEST: 0}
    for kelvin in range(1, HOTTEST - COLDEST + 1):
        exponent = sixty.subtract(at_five, sixty.divide(Decimal(1_000_000), Decimal(kelvin)))
        found[COLDEST + kelvin] = int(sixty.multiply(Decimal(2**32), sixty.exp(exponent)))
    return found


@pytest.fixture(scope="module")
def judge(deployed_contracts, salus_project, people):
    return salus_project.ReadingsJudge.deploy({"from": people.deployer})


def test_TT4_every_weight_is_exact(judge, exact):
    for first in range(COLDEST, HOTTEST + 1, PART):
        count = min(PART, HOTTEST + 1 - first)
        assert list(judge.weights(first, count)) == [exact[first + i] for i in range(count)]


def test_the_weights_of_the_field(exact):
    """Relative to 5 °C, which weighs 2³²."""
    assert exact[500] == 2**32
    for celsius, relative in ((2, 0.6757), (8, 1.4676), (15, 3.4822), (25, 11.1525), (37, 40.8277)):
        assert round(exact[100 * celsius] / 2**32, 4) == relative
