"""The adjudication of one line in the client, against the contracts: the library with any bounds, a plan with any
claim.
"""

import random
from dataclasses import replace

import pytest
from eth_abi import decode, encode
from eth_utils import keccak

from salus.chain.node import Node
from salus.claims.adjudication import (
    Asked,
    Category,
    Left,
    Member,
    Order,
    Price,
    accepted,
    judge_line,
    pack_price,
    unpack_price,
)
from salus.claims.model import unpack_line

NONE = 2**128 - 1  # what the library takes for no limit
_80 = 2**80 - 1

# ------------------------------------------------------------------------------------------------------- by hand

SHARE = Category(coinsurance=2000, coinsurance_out=5000)
YEAR = Left(deductible=100_00, out_of_pocket=500_00)
BEYOND = {"coinsurance": 20_00, "limited": 30_00, "paid": 50_00}


@pytest.mark.parametrize(
    "asked, price, category, left, changes",
    [
        # A visit of 200.00, of which 150.00 are allowed: 100.00 deductible, 20 % of the other 50.00.
        (Asked(1, 200_00), 150_00, SHARE, YEAR, {"deductible": 100_00, "coinsurance": 10_00, "paid": 40_00}),
        # 33 units at 20 % are 6.6: the patient's share is 7.
        (Asked(1, 33), 100, SHARE, replace(YEAR, deductible=0), {"coinsurance": 7, "paid": 26}),
        # 5.00 are left of the year's maximum: the coinsurance is cut first, then the deductible.
        (Asked(1, 100_00), 100_00, SHARE, Left(0, 5_00), {"coinsurance": 5_00, "paid": 95_00}),
        (Asked(1, 100_00), 100_00, SHARE, Left(60_00, 5_00), {"deductible": 5_00, "paid": 95_00}),
        # Another payer paid 30.00: the patient's coinsurance goes first, then the plan's part.
        (Asked(1, 100_00, 30_00), 100_00, SHARE, Left(0, 500_00), {"prior": 30_00, "paid": 70_00}),
        # Two limits: what exceeds the least stays with the patient.
        (Asked(1, 100_00), 100_00, SHARE, Left(0, 500_00, 50_00, 60_00), {**BEYOND, "limit_carc": 119}),
        (Asked(1, 100_00), 100_00, SHARE, Left(0, 500_00, 60_00, 50_00), {**BEYOND, "limit_carc": 35}),
        (Asked(1, 100_00), 100_00, SHARE, Left(0, 500_00, 50_00, 50_00), {**BEYOND, "limit_carc": 119}),
    ],
)
def test_by_hand(asked, price, category, left, changes):
    line, _ = judge_line(asked, Price(price), category, left)
    names = ("deductible", "copay", "coinsurance", "prior", "limited", "limit_carc", "paid")
    assert {name: getattr(line, name) for name in names} == {**dict.fromkeys(names, 0), **changes}
    assert line.charge == line.denied + line.written_off + line.allowed


def test_the_copay_first_or_second_and_counted():
    visit = Category(2000, copay=20_00)
    asked, price, left = Asked(1, 110_00), Price(110_00), Left(100_00, 500_00)
    line, after = judge_line(asked, price, visit, left)
    assert (line.deductible, line.copay, line.coinsurance, after.deductible) == (100_00, 10_00, 0, 0)
    line, after = judge_line(asked, price, visit, left, order=Order(copay_first=True))
    assert (line.deductible, line.copay, line.coinsurance, after.deductible) == (90_00, 20_00, 0, 10_00)
    line, after = judge_line(asked, price, visit, left, order=Order(copay_first=True, copay_counts=True))
    assert (line.counted, after.deductible, after.out_of_pocket) == (10_00, 0, 390_00)


@pytest.mark.parametrize(
    "price, member, expected",
    [
        (Price(1, listed=False), Member(), (0, 204)),
        (Price(1, covered=False), Member(repeated=True), (0, 96)),
        (Price(1), Member(repeated=True), (0, 18)),
        (Price(1, groups=1 << 1), Member(groups=1 << 2 | 1 << 12), (0, 6)),
        (Price(1, groups=1 << 12), Member(groups=1 << 2 | 1 << 13), (0, 7)),
        (Price(1, groups=1 << 1 | 1 << 12), Member(groups=1 << 1 | 1 << 12), (5, 0)),
        (Price(1, referral=True), Member(), (0, 288)),
        (Price(1, preauthorization=True), Member(), (0, 197)),
        (Price(1, preauthorization=True), Member(authorized=3), (3, 198)),
        (Price(1, preauthorization=True), Member(authorized=5), (5, 0)),
        (Price(1, preauthorization=True, limit=4), Member(authorized=3), (3, 198)),
        (Price(1, preauthorization=True, limit=4), Member(authorized=3, period=2), (2, 119)),
        (Price(1, preauthorization=True, limit=4), Member(authorized=0, period=0), (0, 198)),
        (Price(1, limit=4), Member(), (4, 119)),
        (Price(1, limit=5), Member(), (5, 0)),
    ],
)
def test_how_many_units(price, member, expected):
    assert accepted(price, 5, member) == expected


def test_trimmed_units_take_their_share_of_the_charge():
    line, _ = judge_line(Asked(3, 100), Price(50, limit=2), Category(0), Left(0, 0))
    assert (line.units, line.denied, line.carc, line.allowed) == (2, 34, 119, 66)


def test_prices_in_a_word():
    price = Price(
        2**80 - 1, 255, covered=False, preauthorization=True, referral=True, groups=0xF001, limit=3, period=365
    )
    assert unpack_price(pack_price(price)) == price
    assert pack_price(Price(1)) == 1 << 176 | 1 << 160
    assert not unpack_price(0).listed
    for wrong in (Price(2**80), Price(-1), Price(1, category=256), Price(1, groups=1 << 16), Price(1, limit=65536)):
        with pytest.raises(ValueError, match="does not fit"):
            pack_price(wrong)


# ------------------------------------------------------------------------------------------------------- the library


def amount(rng):
    """Amounts of every size, often equal ones, often at the edges."""
    return rng.choice(
        [0, 1, rng.randrange(100), rng.randrange(50_000), rng.randrange(50_000), rng.randrange(2**79), 2**79]
    )


def some_case(rng):
    limits = [rng.choice([None, amount(rng)]) for _ in range(3)]
    deductible = amount(rng)
    left = Left(deductible, rng.choice([amount(rng), deductible, 2**80 - 1]), *limits)
    rate, copay = rng.choice([0, 1, 3333, rng.randrange(10_001), 10_000]), rng.choice([0, amount(rng)])
    category = Category(rate, 0, rng.random() < 0.7, copay)
    order = Order(rng.random() < 0.5, rng.random() < 0.5)
    return amount(rng), amount(rng), category, left, order


def test_the_same_as_the_library_for_thousands_of_lines(deployed_chain):
    """One line each, with what is left of every bound drawn at random: shares, payment, and what is left after it."""
    judge, rng = deployed_chain.deploy("Judge"), random.Random(20_251)
    cases = [some_case(rng) for _ in range(3000)]
    tally, rule = (
        "(uint256,uint256,uint256,uint256,uint256,uint256,uint256)",
        "(uint256,uint256,uint256,bool,bool,bool)",
    )
    head = keccak(text=f"share({tally},{rule},uint256,uint256)")[:4]

    def wide(value):
        return NONE if value is None else value

    calls = []
    for allowed, prior, category, left, order in cases:
        t = (left.deductible, left.out_of_pocket, wide(left.annual), wide(left.lifetime), 0, 0, 0)
        r = (category.coinsurance, category.copay, wide(left.category), category.deductible, *vars(order).values())
        data = head + encode([tally, rule, "uint256", "uint256"], [t, r, allowed, prior])
        calls.append({"to": judge, "data": "0x" + data.hex()})
    asked = [("eth_call", [call, "latest"]) for call in calls]
    answers = map(bytes.fromhex, (answer[2:] for answer in Node(deployed_chain.node.url).results(asked)))
    for (allowed, prior, category, left, order), raw in zip(cases, answers, strict=True):
        shares, payment, counted, t, r = decode(["uint256", "uint256", "uint256", tally, rule], raw)
        line, after = judge_line(Asked(1, allowed, prior), Price(allowed), category, left, order=order)
        theirs = unpack_line((b"", allowed << 176 | counted << 16, shares, payment | 1), 1)
        assert replace(line, code="0x") == theirs, (allowed, prior, category, left, order)
        bounds = (left.annual, left.lifetime, left.category)
        now = [None if bound is None else value for bound, value in zip(bounds, (t[2], t[3], r[2]), strict=True)]
        assert after == Left(t[0], t[1], *now)
