"""What the regulator and the manufacturers register before anything moves.

given a temperature profile
    when its range, its rules, a threshold or a duration is impossible      it is refused: InvalidProfile(field)
    when it is registered already                                           it is refused: ProfileExists
    when it is sound                                                        it is kept word for word, under a content hash
given a lot
    when the caller is no manufacturer, or not the one it names             it is refused: NotLicensed, NotManufacturer
    when the manufacturer has registered its number before                  it is refused: LotExists
    when its profile is not registered                                      it is refused: UnknownProfile
    when GTIN, number, dates or units are impossible                        it is refused: InvalidLot(field)
    when it is sound                                                        it is kept, and all its units are left
"""

import brownie
import pytest
from brownie import web3
from eth_abi import encode

from tests.coldchain.build import ABOVE, BELOW, CUMULATIVE, DAY, GTIN, SINGLE, Lot, Profile, lot_number
from tests.errors import error
from tests.institutions.edge import PASSED, at, refusal

RULE = (ABOVE, SINGLE, 801, 30)
OUT_OF_ROLE = 2


@pytest.fixture
def profile_refused(coldchain, regulator):
    return lambda terms: refusal(coldchain.registerProfile, terms, sender=regulator)


@pytest.fixture
def lot_refused(coldchain, manufacturer):
    return lambda terms: refusal(coldchain.registerLot, terms, sender=manufacturer)


@pytest.fixture
def new_lot(lot_terms):
    """A lot that is not registered yet."""
    return lot_terms._replace(number=lot_number("LOT-NEW"))


# ---- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high", "sound"), [(800, 800, False), (801, 800, False), (799, 800, True), (-2, -1, True)])
def test_the_range_has_a_lower_and_an_upper_end(profile_refused, low, high, sound):
    terms = Profile(low=low, high=high)
    assert profile_refused(terms) == (PASSED if sound else error("InvalidProfile", "low"))


@pytest.mark.parametrize(("silence", "sound"), [(0, False), (1, True)])
def test_TT2_a_profile_allows_some_silence(profile_refused, silence, sound):
    """Every logger is silent between two readings."""
    assert profile_refused(Profile(silence=silence)) == (PASSED if sound else error("InvalidProfile", "silence"))


@pytest.mark.parametrize(("count", "sound"), [(0, False), (1, True), (8, True), (9, False)])
def test_a_profile_has_one_to_eight_rules(profile_refused, count, sound):
    terms = Profile(rules=(RULE,) * count)
    assert profile_refused(terms) == (PASSED if sound else error("InvalidProfile", "rules"))


@pytest.mark.parametrize(("minutes", "sound"), [(0, False), (1, True), (16_383, True), (16_384, False), (65_535, False)])
def test_a_rule_is_breached_after_1_to_16383_minutes(profile_refused, minutes, sound):
    terms = Profile(rules=(RULE, (ABOVE, SINGLE, 801, minutes)))
    assert profile_refused(terms) == (PASSED if sound else error("InvalidProfile", "afterMinutes"))


@pytest.mark.parametrize(
    ("threshold", "sound"),
    [(-32_768, False), (-27_315, False), (-27_314, True), (14_999, True), (15_000, False), (32_767, False)],
)
def test_a_threshold_is_a_temperature_that_can_be(profile_refused, threshold, sound):
    terms = Profile(rules=(RULE, (BELOW, SINGLE, threshold, 1)))
    assert profile_refused(terms) == (PASSED if sound else error("InvalidProfile", "threshold"))


def test_a_profile_is_registered_once(coldchain, profile, regulator):
    with brownie.reverts(error("ProfileExists", profile)):
        coldchain.registerProfile(Profile(), {"from": regulator})


EVERY_RULE = (
    (ABOVE, SINGLE, 14_999, 1),
    (BELOW, CUMULATIVE, -27_314, 16_383),
    (ABOVE, CUMULATIVE, -1, 2),
    (BELOW, SINGLE, 0, 1_440),
    (BELOW, SINGLE, 1, 3),
    (ABOVE, SINGLE, 800, 30),
    (ABOVE, CUMULATIVE, 255, 256),
    (BELOW, CUMULATIVE, -256, 255),
)


@pytest.mark.parametrize(
    "terms",
    [
        Profile(),
        Profile(-32_768, 32_767, 2**32 - 1, 0, EVERY_RULE),
        Profile(-2_500, -1_000, 0, 2**32 - 1, EVERY_RULE[::-1]),
        Profile(rules=((BELOW, SINGLE, -50, 60),)),
    ],
    ids=["usual", "extremes", "frozen", "one rule"],
)
def test_a_profile_is_kept_word_for_word(coldchain, regulator, terms):
    tx = coldchain.registerProfile(terms._replace(silence=terms.silence ^ 5), {"from": regulator})
    kept = coldchain.profile(tx.events["ProfileRegistered"]["profile"])
    assert (*kept[:4], tuple(tuple(rule) for rule in kept[4])) == terms._replace(silence=terms.silence ^ 5)


def test_a_profiles_id_is_a_hash_of_its_content(coldchain, profile):
    inner = encode(
        ["(int16,int16,uint32,uint32,(uint8,uint8,int16,uint16)[])"], [(*Profile()[:4], list(Profile().rules))]
    )
    kind = web3.keccak(text="salus.profile")
    assert profile == web3.keccak(encode(["bytes32", "bytes32"], [kind, web3.keccak(inner)])).to_0x_hex()


def test_the_order_of_rules_is_part_of_it(coldchain, profile, profile_refused):
    assert profile_refused(Profile(rules=Profile().rules[::-1])) is PASSED


def test_an_unknown_profile_is_empty(coldchain):
    assert tuple(coldchain.profile(b"\1" * 32)) == (0, 0, 0, 0, ())


# ---- lots: who -------------------------------------------------------------------------------------------------------


def test_TT7_a_lot_is_registered_by_the_manufacturer_that_it_names(coldchain, institutions, people, lot_terms, lot):
    """A second manufacturer cannot register in another's name."""
    institutions.renew(people.carrier, 8, 2**40 - 1, {"from": people.regulator})
    another = lot_terms._replace(number=lot_number("LOT-2"))
    id_ = lot_id(another)
    assert refusal(coldchain.registerLot, another, sender=people.carrier) == error("NotManufacturer", id_, people.carrier)


def test_TT7_a_carrier_makes_no_vaccine(coldchain, lot_terms, carrier):
    terms = lot_terms._replace(manufacturer=carrier.address)
    assert refusal(coldchain.registerLot, terms, sender=carrier) == error("NotLicensed", carrier, 8, OUT_OF_ROLE)


def test_an_operator_registers_for_its_manufacturer(coldchain, institutions, manufacturer, stranger, new_lot):
    institutions.setOperator(stranger, 8, 2**40 - 1, {"from": manufacturer})
    assert refusal(coldchain.registerLot, new_lot, sender=stranger) is PASSED


# ---- lots: what ------------------------------------------------------------------------------------------------------


def test_TT6_a_lot_is_registered_once(lot_refused, lot_terms, lot):
    assert lot_refused(lot_terms._replace(units=5)) == error("LotExists", lot)


def test_the_same_number_for_another_product_is_another_lot(lot_refused, lot_terms, lot):
    assert lot_refused(lot_terms._replace(gtin=96_385_074)) is PASSED


def test_a_lots_profile_must_be_registered(lot_refused, new_lot):
    nowhere = "0x" + "ab" * 32
    assert lot_refused(new_lot._replace(profile=nowhere)) == error("UnknownProfile", nowhere)


@pytest.mark.parametrize(
    "gtin",
    [
        4_006_381_333_931,  # GTIN-13
        96_385_074,  # GTIN-8
        614_141_007_349,  # GTIN-12
        10_614_141_007_346,  # GTIN-14, case of the one above
        99_999_999_999_997,  # the largest
    ],
)
def test_TT8_a_gtin_with_its_check_digit_passes(lot_refused, new_lot, gtin):
    assert lot_refused(new_lot._replace(gtin=gtin)) is PASSED


@pytest.mark.parametrize("wrong", [digit for digit in range(10) if digit != 1])
def test_TT8_every_other_check_digit_is_refused(lot_refused, new_lot, wrong):
    assert lot_refused(new_lot._replace(gtin=GTIN // 10 * 10 + wrong)) == error("InvalidLot", "gtin")


@pytest.mark.parametrize("place", range(12))
def test_TT8_a_slip_in_any_digit_of_a_gtin_is_refused(lot_refused, new_lot, place):
    slipped = GTIN + 10**place if GTIN // 10**place % 10 < 9 else GTIN - 10**place
    assert lot_refused(new_lot._replace(gtin=slipped)) == error("InvalidLot", "gtin")


@pytest.mark.parametrize("gtin", [0, 10**14, 106_141_410_073_466, 2**64 - 1])
def test_TT8_a_gtin_has_at_most_14_digits(lot_refused, new_lot, gtin):
    assert lot_refused(new_lot._replace(gtin=gtin)) == error("InvalidLot", "gtin")


NUMBERS = {
    "one character": (b"A", True),
    "twenty": (b"A" * 20, True),
    "every visible kind": (b"!aZ09-~", True),
    "empty": (b"", False),
    "twenty-one": (b"A" * 21, False),
    "thirty-two": (b"A" * 32, False),
    "a space": (b"A B", False),
    "a line break": (b"A\n", False),
    "an escape": (b"A\x1b[2J", False),
    "delete": (b"A\x7f", False),
    "not ASCII": ("Ä".encode(), False),
    "broken UTF-8": (b"A\xff", False),
    "not left-aligned": (b"\0A", False),
    "rubbish after the end": (b"A\0A", False),
    "rubbish in the last byte": (b"A" + bytes(30) + b"A", False),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_TT8_a_lot_number_is_1_to_20_visible_characters(lot_refused, new_lot, case):
    number, sound = NUMBERS[case]
    terms = new_lot._replace(number=number.ljust(32, b"\0"))
    assert lot_refused(terms) == (PASSED if sound else error("InvalidLot", "number"))


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_a_lot_is_not_made_in_the_future(lot_refused, new_lot, now, later):
    at(now + 1_000)
    terms = new_lot._replace(made_at=now + 1_000 + later)
    assert lot_refused(terms) == (error("InvalidLot", "madeAt") if later == 1 else PASSED)


@pytest.mark.parametrize("left", [-1, 0, 1])
def test_a_lot_has_not_expired(lot_refused, new_lot, now, left):
    at(now + 1_000)
    terms = new_lot._replace(expires_at=now + 1_000 + left)
    assert lot_refused(terms) == (PASSED if left == 1 else error("InvalidLot", "expiresAt"))


def test_a_lot_expires_after_it_is_made(lot_refused, new_lot, now):
    assert lot_refused(new_lot._replace(made_at=now, expires_at=now)) == error("InvalidLot", "expiresAt")


def test_a_lot_has_units(lot_refused, new_lot):
    assert lot_refused(new_lot._replace(units=0)) == error("InvalidLot", "units")


def test_a_lot_is_kept_word_for_word(coldchain, lot, lot_terms):
    kept = coldchain.lot(lot)
    assert Lot(*kept)._replace(number=bytes(kept[2]), profile=str(kept[6])) == lot_terms


def test_all_units_of_a_new_lot_are_left(coldchain, lot):
    assert coldchain.unitsLeft(lot) == 1_000


def test_a_lot_is_told_in_one_event(coldchain, lot_terms, manufacturer):
    terms = lot_terms._replace(number=lot_number("LOT-2"), expires_at=lot_terms.expires_at + DAY)
    tx = coldchain.registerLot(terms, {"from": manufacturer})
    assert len(tx.events) == 1
    event = tx.events["LotRegistered"]
    assert (str(event["lot"]), event["manufacturer"]) == (lot_id(terms), manufacturer)
    assert tuple(event["terms"])[3:6] == (terms.made_at, terms.expires_at, terms.units)


def lot_id(terms):
    kind = web3.keccak(text="salus.lot")
    fields = encode(
        ["bytes32", "address", "uint64", "bytes32"], [kind, terms.manufacturer, terms.gtin, bytes(terms.number)]
    )
    return web3.keccak(fields).to_0x_hex()
