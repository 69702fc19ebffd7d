"""What the regulator and the manufacturers register before anything moves (interfaces/coldchain/ILots.sol).

given a temperature profile
    when its range, monitor, MKT, rules, a threshold or a duration is impossible    it is refused: InvalidProfile(field)
    when it is registered already                                           it is refused: ProfileExists
    when it is sound                                                        it is kept word for word, under a content
    hash,
                                                                            and packed as ILots.Packed says
given a GS1 prefix
    when it has fewer than 4 or more than 12 digits, or too large a number  it is refused: InvalidPrefix
    when it is assigned                                                     its holder, and nobody else, registers GTINs
    that begin so
given a lot
    when the caller is no manufacturer, or not the one it names             it is refused: NotLicensed, NotManufacturer
    when no prefix of the manufacturer begins its GTIN                      it is refused: ForeignGtin
    when GTIN and number are registered already                             it is refused: LotExists
    when its profile is not registered                                      it is refused: UnknownProfile
    when GTIN, number, dates or units are impossible                        it is refused: InvalidLot(field)
    when it is sound                                                        it is kept, under an id that the box tells
given EPCIS events about a lot
    when the caller is no institution, or they are too many                 it is refused: NotLicensed, TooMany
    when they are anchored                                                  the log says who vouched for which, and
    nothing else
"""

import brownie
import pytest

from tests.conftest import MANUFACTURER
from tests.support import lot_builders
from tests.support.boundary_time import PASSED, at, now, refusal
from tests.support.errors import error
from tests.support.lot_builders import (
    ABOVE,
    BELOW,
    CUMULATIVE,
    DAY,
    DIGITS,
    GTIN,
    PREFIX,
    SINGLE,
    Lot,
    Profile,
    lot_id,
    lot_number,
)

RULE = (ABOVE, SINGLE, 801, 30)
OUT_OF_ROLE = 2
NOBODY = "0x" + "00" * 20
END_OF_2105 = 4_291_747_199


@pytest.fixture(scope="module")
def began(deployed_contracts):
    return now()


@pytest.fixture(scope="module")
def profile(lots, regulator):
    return str(lots.registerProfile(Profile(), {"from": regulator}).events["ProfileRegistered"]["profile"])


@pytest.fixture(scope="module")
def assigned(lots, manufacturer, regulator):
    """The manufacturer's GS1 company prefix, 9506000."""
    return lots.assignPrefix(PREFIX, DIGITS, manufacturer, {"from": regulator})


@pytest.fixture(scope="module")
def terms(manufacturer, profile, assigned, began):
    """A lot of 1,000 doses, made 100 days ago, good for another 100."""
    return Lot(manufacturer.address, GTIN, lot_number("LOT-1"), began - 100 * DAY, began + 100 * DAY, 1_000, profile)


@pytest.fixture(scope="module")
def lot(lots, terms, manufacturer):
    return str(lots.registerLot(terms, DIGITS, {"from": manufacturer}).events["LotRegistered"]["lot"])


@pytest.fixture
def new_lot(terms):
    """A lot that is not registered yet."""
    return terms._replace(number=lot_number("LOT-NEW"))


@pytest.fixture
def profile_refused(lots, regulator):
    return lambda profile: refusal(lots.registerProfile, profile, sender=regulator)


@pytest.fixture
def lot_refused(lots, manufacturer):
    return lambda lot, digits=DIGITS, by=manufacturer: refusal(lots.registerLot, lot, digits, sender=by)


# ---- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "sound"), [(800, 800, False), (801, 800, False), (799, 800, True), (-2, -1, True)]
)
def test_the_range_has_a_lower_and_an_upper_end(profile_refused, low, high, sound):
    assert profile_refused(Profile(low=low, high=high)) == (PASSED if sound else error("InvalidProfile", "low"))


@pytest.mark.parametrize(("silence", "sound"), [(0, False), (1, True), (2**32 - 1, True)])
def test_TT2_a_profile_allows_some_silence(profile_refused, silence, sound):
    """Every logger is silent between two readings."""
    assert profile_refused(Profile(silence=silence)) == (PASSED if sound else error("InvalidProfile", "silence"))


def test_a_vial_monitor_is_of_a_type_that_is_made(profile_refused):
    answers = {vvm: profile_refused(Profile(vvm=vvm)) for vvm in range(256)}
    assert [vvm for vvm, answer in answers.items() if answer is PASSED] == [0, 2, 7, 11, 14, 30]
    assert set(answers.values()) == {PASSED, error("InvalidProfile", "vvm")}


@pytest.mark.parametrize(
    ("limit", "hours", "sound"),
    [
        (800, 24, True),
        (0, 24, True),  # 0 °C is a limit like any other
        (0, 0, True),
        (800, 0, False),
        (-1, 0, False),
        (800, 1, True),
        (800, 1_023, True),
        (800, 1_024, False),
        (800, 2**16 - 1, False),
        (-10_000, 24, True),
        (-10_001, 24, False),
        (10_000, 24, True),
        (10_001, 24, False),
    ],
)
def test_TT4_a_mean_kinetic_temperature_has_a_limit_and_a_window(profile_refused, limit, hours, sound):
    assert profile_refused(Profile(mkt_limit=limit, mkt_hours=hours)) == (
        PASSED if sound else error("InvalidProfile", "mkt")
    )


@pytest.mark.parametrize(("count", "sound"), [(0, False), (1, True), (8, True), (9, False)])
def test_a_profile_has_at_most_eight_rules(profile_refused, count, sound):
    assert profile_refused(Profile(rules=(RULE,) * count)) == (PASSED if sound else error("InvalidProfile", "rules"))


@pytest.mark.parametrize("judged", [{"budget": 1}, {"mkt_limit": 2_500, "mkt_hours": 720}])
def test_without_rules_something_else_is_judged(profile_refused, judged):
    assert profile_refused(Profile(rules=(), **judged)) is PASSED


@pytest.mark.parametrize(
    ("minutes", "sound"), [(0, False), (1, True), (16_383, True), (16_384, False), (65_535, False)]
)
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


def test_a_profile_is_registered_once(lots, profile, regulator):
    with brownie.reverts(error("ProfileExists", profile)):
        lots.registerProfile(Profile(), {"from": regulator})


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
SOUND = {
    "usual": Profile(unknown=1),
    "every field at its largest": Profile(
        5, 30, 32_766, 32_767, 2**32 - 1, 2**32 - 1, 2**32 - 1, 10_000, 1_023, EVERY_RULE
    ),
    "every field at its smallest": Profile(0, 0, -32_768, -32_767, 1, 0, 0, -10_000, 1, ()),
    "as wide as can be": Profile(0, 2, -32_768, 32_767, 1, 0, 1, 0, 0, ()),
    "frozen": Profile(2, 7, -2_500, -1_000, 5, 2**32 - 1, 0, 0, 0, EVERY_RULE[::-1]),
    "MKT inside the range": Profile(5, 0, 1_500, 3_000, 5, 0, 0, 2_500, 720, ((ABOVE, SINGLE, 4_000, 60),)),
    "MKT above the range": Profile(3, 11, 200, 800, 5, 0, 86_400, 900, 24, ((BELOW, SINGLE, -50, 60),)),
    "a limit of 0 °C": Profile(2, 14, -2_500, 800, 5, 0, 0, 0, 24, ()),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_profile_is_kept_word_for_word(lots, regulator, case):
    terms = SOUND[case]
    tx = lots.registerProfile(terms, {"from": regulator})
    assert len(tx.events) == 1
    event = tx.events["ProfileRegistered"]
    assert str(event["profile"]) == lot_builders.profile_id(terms)
    assert lot_builders.plain(event["terms"]) == terms
    assert lot_builders.plain(lots.profile(event["profile"])) == terms


@pytest.mark.parametrize("case", SOUND)
def test_who_judges_gets_the_profile_in_two_words(lots, terms, manufacturer, regulator, case):
    profile = SOUND[case]
    id_ = lots.registerProfile(profile, {"from": regulator}).events["ProfileRegistered"]["profile"]
    lot = terms._replace(profile=str(id_), number=lot_number("PACKED"))
    lots.registerLot(lot, DIGITS, {"from": manufacturer})
    who, made_at, expires_at, units, packed = lots.terms(lot_id(lot.gtin, lot.number))
    assert (who, made_at, expires_at, units) == (manufacturer, lot.made_at, lot.expires_at, lot.units)

    found = lot_builders.limits_of(packed[0])
    low, high = lot_builders.band(profile)
    floor, ceiling = found.pop("floor"), found.pop("ceiling")
    assert floor > ceiling if low > high else (floor, ceiling) == (low, high)
    assert found == {
        "low": profile.low,
        "high": profile.high,
        "mkt_limit": profile.mkt_limit,
        "mkt_hours": profile.mkt_hours,
        "count": len(profile.rules),
        "silence": profile.silence,
        "unknown": profile.unknown,
        "budget": profile.budget,
        "storage_class": profile.storage_class,
        "vvm": profile.vvm,
    }
    rules = sum(
        (bound << 31 | span << 30 | minutes << 16 | threshold & 0xFFFF) << 32 * n
        for n, (bound, span, threshold, minutes) in enumerate(profile.rules)
    )
    assert packed[1] == rules


def test_the_order_of_rules_is_part_of_it(profile_refused, profile):
    assert profile_refused(Profile(rules=Profile().rules[::-1])) is PASSED


def test_an_unknown_profile_is_empty(lots):
    assert lot_builders.plain(lots.profile(b"\1" * 32)) == Profile(0, 0, 0, 0, 0, 0, 0, 0, 0, ())


# ---- prefixes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "digits", "sound"),
    [
        (9_506, 4, True),
        (950, 3, False),
        (0, 4, True),
        (0, 0, False),
        (9_999, 4, True),
        (10_000, 4, False),
        (999_999_999_999, 12, True),
        (1_000_000_000_000, 12, False),
        (1, 13, False),
        (2**64 - 1, 255, False),
    ],
)
def test_TT7_a_prefix_has_4_to_12_digits(lots, regulator, manufacturer, prefix, digits, sound):
    expected = PASSED if sound else error("InvalidPrefix", prefix, digits)
    assert refusal(lots.assignPrefix, prefix, digits, manufacturer, sender=regulator) == expected


def test_TT7_a_prefix_is_told_and_kept(lots, regulator, manufacturer):
    tx = lots.assignPrefix(614_141, 7, manufacturer, {"from": regulator})
    assert [dict(event) for event in tx.events] == [{"prefix": 614_141, "digits": 7, "manufacturer": manufacturer}]
    assert (lots.prefixHolder(614_141, 7), lots.prefixHolder(614_141, 6)) == (manufacturer, NOBODY)


def test_TT7_a_lot_needs_a_prefix_of_its_manufacturer(lot_refused, terms, manufacturer):
    """Of 0 to 255 digits only the seven that were assigned."""
    answers = {digits: lot_refused(terms, digits) for digits in range(256)}
    assert [digits for digits, answer in answers.items() if answer is PASSED] == [DIGITS]
    assert set(answers.values()) == {PASSED, error("ForeignGtin", GTIN, manufacturer)}


# GTIN, the prefix that it has with so many digits; indicator digit, then the prefix.
PREFIXES = [
    (10_614_141_007_346, 614_141, 7),  # 1 0614141 00734 6: the zero in front counts
    (10_614_141_007_346, 614, 4),
    (10_614_141_007_346, 61_414_100_734, 12),
    (614_141_007_349, 614_141, 7),  # the same company's GTIN-12
    (4_006_381_333_931, 4_006_381, 7),  # GTIN-13
    (4_006_381_333_931, 400_638_133, 9),
    (96_385_074, 9_638_507, 12),  # a GTIN-8 has no company prefix; its seven digits are assigned one by one
    (99_999_999_999_997, 999_999_999_999, 12),
]


@pytest.mark.parametrize(("gtin", "prefix", "digits"), PREFIXES)
def test_TT7_the_prefix_follows_the_indicator_digit(
    lots, lot_refused, new_lot, regulator, manufacturer, gtin, prefix, digits
):
    terms = new_lot._replace(gtin=gtin)
    assert lot_refused(terms, digits) == error("ForeignGtin", gtin, manufacturer)
    lots.assignPrefix(prefix, digits, manufacturer, {"from": regulator})
    assert lot_refused(terms, digits) is PASSED


def test_TT7_nobody_registers_what_bears_anothers_prefix(lots, lot_refused, institutions, new_lot, people):
    institutions.renew(people.carrier, MANUFACTURER, 2**40 - 1, {"from": people.regulator})
    terms = new_lot._replace(manufacturer=people.carrier.address)
    assert lot_refused(terms, by=people.carrier) == error("ForeignGtin", GTIN, people.carrier)
    # A prefix of its own is no help for another's GTIN.
    lots.assignPrefix(4_006_381, 7, people.carrier, {"from": people.regulator})
    assert lot_refused(terms, by=people.carrier) == error("ForeignGtin", GTIN, people.carrier)
    assert lot_refused(terms._replace(gtin=4_006_381_333_931), by=people.carrier) is PASSED


def test_TT7_a_prefix_that_was_taken_back_makes_no_more_lots(lots, lot_refused, lot, new_lot, regulator, manufacturer):
    lots.assignPrefix(PREFIX, DIGITS, NOBODY, {"from": regulator})
    assert lot_refused(new_lot) == error("ForeignGtin", GTIN, manufacturer)
    assert lots.lot(lot)[0] == manufacturer  # those that exist stay


# ---- lots: who -------------------------------------------------------------------------------------------------------


def test_TT7_a_lot_is_registered_by_the_manufacturer_that_it_names(institutions, people, lot_refused, new_lot):
    """A second manufacturer cannot register in another's name."""
    institutions.renew(people.carrier, MANUFACTURER, 2**40 - 1, {"from": people.regulator})
    id_ = lot_id(new_lot.gtin, new_lot.number)
    assert lot_refused(new_lot, by=people.carrier) == error("NotManufacturer", id_, people.carrier)


def test_TT7_a_carrier_makes_no_vaccine(lot_refused, new_lot, carrier):
    terms = new_lot._replace(manufacturer=carrier.address)
    assert lot_refused(terms, by=carrier) == error("NotLicensed", carrier, MANUFACTURER, OUT_OF_ROLE)


def test_an_operator_registers_for_its_manufacturer(institutions, manufacturer, stranger, lot_refused, new_lot):
    institutions.setOperator(stranger, MANUFACTURER, 2**40 - 1, {"from": manufacturer})
    assert lot_refused(new_lot, by=stranger) is PASSED


# ---- lots: what ------------------------------------------------------------------------------------------------------


def test_TT6_a_lot_is_registered_once(lot_refused, terms, lot):
    assert lot_refused(terms._replace(units=5)) == error("LotExists", lot)


def test_TT6_what_is_on_the_box_is_one_lot_whoever_says_so(lots, lot_refused, institutions, terms, lot, people):
    """A prefix that passes to another company takes no lot of the first with it."""
    institutions.renew(people.carrier, MANUFACTURER, 2**40 - 1, {"from": people.regulator})
    lots.assignPrefix(PREFIX, DIGITS, people.carrier, {"from": people.regulator})
    assert lot_refused(terms._replace(manufacturer=people.carrier.address), by=people.carrier) == error(
        "LotExists", lot
    )


def test_the_same_number_for_another_product_is_another_lot(lot_refused, terms, lot):
    assert lot_refused(terms._replace(gtin=9_506_000_134_369)) is PASSED


def test_a_lots_profile_must_be_registered(lot_refused, new_lot):
    nowhere = "0x" + "ab" * 32
    assert lot_refused(new_lot._replace(profile=nowhere)) == error("UnknownProfile", nowhere)


@pytest.mark.parametrize("wrong", [digit for digit in range(10) if digit != 2])
def test_TT8_every_other_check_digit_is_refused(lot_refused, new_lot, wrong):
    assert lot_refused(new_lot._replace(gtin=GTIN // 10 * 10 + wrong)) == error("InvalidLot", "gtin")


@pytest.mark.parametrize("place", range(13))
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
def test_a_lot_is_not_made_in_the_future(lot_refused, new_lot, later):
    second = now() + 1_000
    at(second)
    terms = new_lot._replace(made_at=second + later)
    assert lot_refused(terms) == (error("InvalidLot", "madeAt") if later == 1 else PASSED)


@pytest.mark.parametrize("left", [-1, 0, 1])
def test_a_lot_has_not_expired(lot_refused, new_lot, left):
    second = now() + 1_000
    at(second)
    terms = new_lot._replace(expires_at=second + left)
    assert lot_refused(terms) == (PASSED if left == 1 else error("InvalidLot", "expiresAt"))


def test_a_lot_expires_after_it_is_made(lot_refused, new_lot):
    assert lot_refused(new_lot._replace(made_at=now(), expires_at=now())) == error("InvalidLot", "expiresAt")


@pytest.mark.parametrize(("end", "sound"), [(END_OF_2105, True), (END_OF_2105 + 1, False), (2**40 - 1, False)])
def test_TC8_a_lot_expires_before_the_year_2106(lot_refused, new_lot, end, sound):
    assert lot_refused(new_lot._replace(expires_at=end)) == (PASSED if sound else error("InvalidLot", "expiresAt"))


def test_a_lot_has_units(lot_refused, new_lot):
    assert lot_refused(new_lot._replace(units=0)) == error("InvalidLot", "units")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"materials": b"\xa5" * 32},
        {"made_at": 1, "expires_at": END_OF_2105, "units": 2**32 - 1, "number": b"~" * 20 + bytes(12)},
        {"made_at": 0},
    ],
)
def test_a_lot_is_kept_word_for_word(lots, new_lot, manufacturer, changes):
    terms = new_lot._replace(**changes)
    tx = lots.registerLot(terms, DIGITS, {"from": manufacturer})
    assert len(tx.events) == 1
    event = tx.events["LotRegistered"]
    assert (str(event["lot"]), event["manufacturer"]) == (lot_id(terms.gtin, terms.number), manufacturer)
    for found in (event["terms"], lots.lot(event["lot"])):
        kept = Lot(*found)
        assert (
            kept._replace(number=bytes(kept.number), profile=str(kept.profile), materials=bytes(kept.materials))
            == terms
        )


def test_an_unknown_lot_is_empty_and_has_no_terms(lots):
    nowhere = "0x" + "ab" * 32
    assert lots.lot(nowhere)[0] == NOBODY
    with brownie.reverts(error("UnknownLot", nowhere)):
        lots.terms(nowhere)


def test_what_a_lot_costs(lots, new_lot, manufacturer):
    """Two slots, and a third for a commitment to raw materials."""
    bare = lots.registerLot(new_lot, DIGITS, {"from": manufacturer}).gas_used
    other = new_lot._replace(number=lot_number("LOT-B"), materials=b"\1" * 32)
    whole = lots.registerLot(other, DIGITS, {"from": manufacturer}).gas_used
    assert bare < 125_000
    assert 19_000 < whole - bare < 22_000


# ---- EPCIS events ----------------------------------------------------------------------------------------------------


def test_only_an_institution_vouches_for_events(lots, lot, stranger):
    with brownie.reverts(error("NotLicensed", stranger, 511, 0)):
        lots.anchor(lot, [b"\1" * 32], {"from": stranger})


def test_too_many_events_are_refused(lots, lot, carrier):
    with brownie.reverts(error("TooMany", 501, 500)):
        lots.anchor(lot, [b"\1" * 32] * 501, {"from": carrier})


def test_anchored_events_are_in_the_log_with_who_vouched(lots, lot, carrier):
    made = lots.anchor(lot, [b"\1" * 32, b"\2" * 32], {"from": carrier})
    assert [(str(e["subject"]), e["institution"], bytes(e["epcisEvent"])) for e in made.events["EventAnchored"]] == [
        (lot, carrier, b"\1" * 32),
        (lot, carrier, b"\2" * 32),
    ]
    assert lots.anchor(lot, [b"\1" * 32] * 500, {"from": carrier}).gas_used < 16_777_216
