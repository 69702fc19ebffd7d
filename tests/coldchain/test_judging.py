"""Every reading is judged: limits to the hundredth of a degree, runs and sums across batches, gaps, silence.

given readings
    when one is at a rule's threshold, it hits the rule; a hundredth short, it does not
    when one is beyond the labelled range, its time is above or below; at the range's end, it is neither
    when they are negative, missing, or packed over any base, they are what the device read
    when a rule is hit for its minutes, at a stretch or in all, it is breached, wherever the batches are cut
given time without readings
    when it is shorter than a step, nothing can be missing
    when it is a step or longer, all of it is unknown
    when it lasts until now and longer than the profile allows, it is unknown as well
"""

import pytest
from brownie import chain

from tests.coldchain.build import (
    ABOVE,
    BELOW,
    CUMULATIVE,
    EXCURSION,
    EXPIRED,
    HOUR,
    INTACT,
    NO_HIGHEST,
    NO_LOWEST,
    QUARANTINED,
    SINGLE,
    UNKNOWN,
    Batch,
    Profile,
    lot_number,
)
from tests.errors import error
from tests.institutions import edge
from tests.institutions.edge import PASSED, at


@pytest.fixture(scope="module")
def with_profile(coldchain, regulator, manufacturer, lot_terms, open_trip):
    """Opens a shipment of a lot that has a profile of its own."""
    count = 0

    def open_one(terms, ago=10 * HOUR):
        nonlocal count
        count += 1
        registered = coldchain.registerProfile(terms, {"from": regulator}).events["ProfileRegistered"]["profile"]
        terms = lot_terms._replace(profile=str(registered), number=lot_number(f"P-{count}"))
        lot = coldchain.registerLot(terms, {"from": manufacturer}).events["LotRegistered"]["lot"]
        return open_trip(ago=ago, lot_id=lot, ref=f"P-{count}")

    return open_one


# ---- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "above", "below"), [(801, 1, 0), (800, 0, 0), (200, 0, 0), (199, 0, 1), (-1, 0, 1)])
def test_TT3_the_range_includes_its_ends(trip, value, above, below):
    trip.log(value)
    assert (trip.judgement.above, trip.judgement.below) == (above * 600, below * 600)


@pytest.mark.parametrize("prelude", [(), (100, 900)], ids=["at once", "after extremes"])
@pytest.mark.parametrize(
    ("rule", "value", "hit"),
    [
        ((ABOVE, SINGLE, 600, 10), 599, False),
        ((ABOVE, SINGLE, 600, 10), 600, True),
        ((ABOVE, CUMULATIVE, 600, 10), 600, True),
        ((BELOW, SINGLE, 300, 10), 301, False),
        ((BELOW, SINGLE, 300, 10), 300, True),
        ((BELOW, CUMULATIVE, -50, 10), -49, False),
        ((BELOW, CUMULATIVE, -50, 10), -50, True),
        ((ABOVE, SINGLE, 801, 10), 800, False),
        ((ABOVE, SINGLE, 801, 10), 801, True),
        ((ABOVE, SINGLE, -1_500, 10), -1_501, False),
        ((ABOVE, SINGLE, -1_500, 10), -1_500, True),
        ((BELOW, SINGLE, 4_500, 10), 4_500, True),
    ],
)
def test_TT3_a_rule_is_hit_at_its_threshold(with_profile, rule, value, hit, prelude):
    """Inside the range as well, and also where the word would pass as a whole."""
    far = (ABOVE if rule[0] == BELOW else BELOW, SINGLE, 14_000 if rule[0] == BELOW else -27_000, 1)
    trip = with_profile(Profile(rules=(far, rule)))
    if prelude:
        trip.log(*[reading for reading in prelude], step=1)  # too short to breach anything
    trip.log(*[value] * 16, step=60 if hit else 600)
    assert trip.judgement.breached == (2 if hit else 0)


@pytest.mark.parametrize("lane", range(16))
def test_TT3_one_bad_reading_is_seen_in_any_lane(with_profile, lane):
    trip = with_profile(Profile(rules=((ABOVE, SINGLE, 801, 10),)))
    trip.log(200, 800)
    values = [500] * 48
    values[16 + lane] = 801
    start = trip.judgement.until
    trip.log(*values)
    assert (trip.judgement.above, trip.judgement.highest, trip.judgement.breached) == (600, 801, 1)
    assert trip.shipment.breached_at == start + (16 + lane) * 600


# ---- encoding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [-27_315, -4_000, -1_850, -32_768])
def test_TT3_a_freeze_is_a_freeze_over_any_base(with_profile, base):
    """-18.50 °C must neither read as +637 °C nor be lost."""
    trip = with_profile(Profile(rules=((BELOW, SINGLE, -50, 60),)))
    trip.log(*[-1_850] * 6, base=base)
    assert (trip.judgement.lowest, trip.judgement.highest) == (-1_850, -1_850)
    assert (trip.judgement.below, trip.judgement.above, trip.judgement.breached) == (HOUR, 0, 1)


@pytest.mark.parametrize("values", [(-27_315,), (15_000,), (-27_315, 5_451), (-17_766, 15_000), (0,), (-1, 0, 1)])
def test_TT3_every_temperature_that_can_be_is_kept(trip, values):
    trip.log(*values, base=min(values))
    assert (trip.judgement.lowest, trip.judgement.highest) == (min(values), max(values))


def test_TT3_the_code_just_below_no_reading_is_a_temperature(trip):
    trip.send(Batch(trip.id, 0, trip.start, 600, 1, -17_766, b"\x7f\xfe" + b"\x7f\xff" * 15))
    assert (trip.judged.highest, trip.judged.unknown) == (15_000, 0)


def test_TT3_no_reading_is_no_temperature(trip):
    trip.log(None, None)
    assert trip.judged[3:] == (NO_LOWEST, NO_HIGHEST, 0, 0, 1_200, 0)
    assert trip.judgement.readings == 2


def test_TT3_a_missing_reading_in_a_calm_word_is_unknown(trip):
    trip.log(400, 600)
    trip.log(*[500] * 7, None, *[500] * 8)
    assert trip.judged[3:8] == (400, 600, 0, 0, 600)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 33])
def test_TT3_every_filling_is_judged_to_its_last_reading(trip, count):
    trip.log(*[500] * (count - 1), 850)
    assert (trip.judgement.readings, trip.judgement.highest, trip.judgement.above) == (count, 850, 600)
    assert trip.judgement.until == trip.start + count * 600


def test_the_extremes_are_never_averaged_away(trip):
    trip.log(*[500] * 20, step=60)
    trip.log(810, step=60)
    trip.log(*[500] * 20, step=60)
    trip.log(-10, step=60)
    trip.log(*[500] * 20, step=60)
    assert (trip.judgement.lowest, trip.judgement.highest) == (-10, 810)


def test_TT3_a_second_is_a_second_and_65535_are_too(with_profile):
    trip = with_profile(Profile(silence=65_535))
    trip.log(900, step=1)
    trip.log(900, step=7)
    assert trip.judgement.above == 8
    at(trip.start + 200_000)
    trip.log(900, step=65_535)
    assert trip.judgement.above == 65_543


# ---- runs and sums ---------------------------------------------------------------------------------------------------

HOT_30, HOT_60_ALL, COLD_20, COLD_40_ALL = 1, 2, 4, 8

SERIES = {
    "20 minutes hot": ([900] * 2, 0, None),
    "30 minutes hot": ([900] * 3, HOT_30, 2),
    "30 minutes hot, in pieces": ([900, 900, 500, 900, 900], 0, None),
    "60 minutes hot, in pieces": ([900, 900, 500] * 3, HOT_60_ALL, 7),
    "a missing reading ends no run": ([900, 900, None, 900], HOT_30, 3),
    "nor does it count": ([900, None, 900], 0, None),
    "20 minutes cold": ([100] * 2, COLD_20, 1),
    "40 minutes cold, in pieces": ([100, 500] * 4, COLD_40_ALL, 6),
    "hot and cold in turn": ([900, 100] * 4, COLD_40_ALL, 7),
    "long calm between": ([900, 900, *[500] * 40, 900, 900], 0, None),
    "calm ends a run, not a sum": ([900] * 2 + [500] * 35 + [900] * 2 + [500] * 35 + [900] * 2, HOT_60_ALL, 75),
    "a word of calm ends the run at the end of the word before": ([500] * 14 + [900] * 2 + [500] * 16 + [900] * 2, 0, None),
    "and does not end a sum": ([500] * 14 + [900] * 2 + [500] * 16 + [900] * 2 + [500] * 30 + [900] * 2, HOT_60_ALL, 65),
    "hot after a long calm": ([500] * 50 + [900] * 3, HOT_30, 52),
}


@pytest.mark.parametrize("cut", ["whole", "every reading", "every third", "at 16", "odd"])
@pytest.mark.parametrize("name", SERIES)
def test_runs_and_sums_are_carried_across_batches(open_trip, name, cut):
    values, breached, at_reading = SERIES[name]
    trip = open_trip(ago=20 * HOUR, ref=name)
    size = {"whole": len(values), "every reading": 1, "every third": 3, "at 16": 16, "odd": 7}[cut]
    if size == 1 and len(values) > 20:
        size = 5
    for first in range(0, len(values), size):
        trip.log(*values[first : first + size])
    judged = trip.judged
    assert judged.breached == breached
    assert judged.above == 600 * values.count(900) and judged.below == 600 * values.count(100)
    assert judged.unknown == 600 * values.count(None)
    assert judged.until == trip.start + 600 * len(values)
    assert trip.shipment.breached_at == (0 if at_reading is None else trip.start + 600 * at_reading)


@pytest.mark.parametrize(("step", "count", "breached"), [(1_799, 1, 0), (1_800, 1, 1), (60, 29, 0), (60, 30, 1), (7, 257, 0), (7, 258, 1)])
def test_a_rule_is_breached_after_its_minutes_to_the_second(open_trip, step, count, breached):
    trip = open_trip(ref="second")
    trip.log(*[900] * count, step=step)
    assert trip.judgement.breached == breached


def test_the_longest_rule_counts_right(with_profile):
    """16,383 minutes: more than 11 days of a sum that fills its bits."""
    trip = with_profile(Profile(rules=((ABOVE, CUMULATIVE, 0, 16_383), (ABOVE, SINGLE, 0, 16_383))), ago=12 * 86_400)
    trip.log(*[500] * 4_999, step=180)
    assert trip.judgement.breached == 0
    trip.log(*[500] * 462, step=180)
    assert trip.judgement.breached == 3
    assert trip.shipment.breached_at == trip.start + 180 * (16_383 * 60 // 180 - 1)


def test_eight_rules_do_not_touch_each_other(with_profile):
    rules = tuple((ABOVE if i % 2 else BELOW, i // 2 % 2, 700 if i % 2 else 300, 10 * (i + 1)) for i in range(8))
    trip = with_profile(Profile(rules=rules))
    trip.log(*[750] * 5)  # 50 minutes above: rules 1 and 3, of 20 and 40 minutes
    assert trip.judgement.breached == 0b00001010
    trip.log(*[250] * 3)  # 30 minutes below: rules 0 and 2, of 10 and 30
    assert trip.judgement.breached == 0b00001111
    trip.log(*[750] * 3)  # 80 minutes above in all, 30 at a stretch: rule 7 is cumulative, rule 5 is not
    assert trip.judgement.breached == 0b10001111


def test_what_is_breached_stays_breached(trip):
    trip.log(*[900] * 3)
    trip.log(*[500] * 40)
    assert trip.judgement.breached == HOT_30
    assert trip.verdict == EXCURSION


def test_a_breach_quarantines_once_and_is_told(trip):
    tx = trip.log(500, *[900] * 3)
    assert dict(tx.events["ShipmentQuarantined"]) == {
        "shipment": trip.id,
        "breached": HOT_30,
        "breachedAt": trip.start + 1_800,
    }
    assert trip.shipment.disposition == QUARANTINED
    again = trip.log(*[100] * 3)
    assert "ShipmentQuarantined" not in again.events
    assert trip.judgement.breached == HOT_30 | COLD_20
    assert trip.shipment.breached_at == trip.start + 1_800


def test_the_first_of_several_breaches_in_a_batch_is_named(trip):
    tx = trip.log(*[100] * 2, 500, *[900] * 4)
    event = tx.events["ShipmentQuarantined"]
    assert (event["breached"], event["breachedAt"]) == (HOT_30 | COLD_20, trip.start + 600)


# ---- gaps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "unknown"), [(0, 0), (1, 0), (599, 0), (600, 600), (601, 601), (7_200, 7_200)])
@pytest.mark.parametrize("first", [True, False], ids=["at the start", "between batches"])
def test_TT2_a_gap_of_a_step_is_unknown_as_a_whole(trip, gap, unknown, first):
    if not first:
        trip.log(*[500] * 3)
    trip.log(*[500] * 3, start=trip.judgement.until + gap)
    assert trip.judged.unknown == unknown


def test_TT2_a_gap_neither_hits_nor_clears_a_rule(trip):
    trip.log(900, 900)
    trip.log(900, start=trip.judgement.until + 3_000)
    assert trip.judgement.breached == HOT_30


def test_TT2_the_budget_of_unknown_time_is_used_up_to_the_second(open_trip):
    for over in (0, 1):
        trip = open_trip(ago=6 * HOUR, ref=f"budget {over}")
        trip.log(*[500] * 12, start=trip.start + HOUR)
        trip.log(*[500] * 9, start=trip.judgement.until + HOUR + over)
        assert trip.judged.unknown == 2 * HOUR + over
        assert trip.verdict == (UNKNOWN if over else INTACT)


def test_TT2_missing_readings_use_up_the_budget_too(trip):
    trip.log(*[None] * 12, *[500] * 47)
    assert (trip.judged.unknown, trip.verdict) == (2 * HOUR, INTACT)
    trip.log(None, start=trip.judgement.until)
    assert trip.verdict == UNKNOWN


# ---- silence ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def short(with_profile):
    """An hour of silence is nothing; one second more is an hour and a second unknown, of which 10 minutes may be."""
    return with_profile(Profile(unknown=600), ago=60)


@pytest.mark.parametrize(("quiet", "unknown", "verdict"), [(HOUR - 1, 0, INTACT), (HOUR, 0, INTACT), (HOUR + 1, HOUR + 1, UNKNOWN)])
@pytest.mark.parametrize("first", [True, False], ids=["from the start", "after readings"])
def test_TT2_silence_never_reads_as_in_range(short, quiet, unknown, verdict, first):
    if not first:
        short.log(500)
    at(short.judgement.until + quiet)
    assert (short.judgement.unknown, short.verdict) == (unknown, verdict)


def test_TT2_silence_ends_with_the_readings_that_fill_it(short):
    at(short.start + 3 * HOUR)
    assert short.verdict == UNKNOWN
    short.log(*[500] * 18)
    assert (short.judgement.unknown, short.verdict) == (0, INTACT)


def test_TT2_silence_that_readings_do_not_fill_stays_unknown(short):
    at(short.start + 3 * HOUR)
    short.log(500, start=short.start + 3 * HOUR - 600)
    assert (short.judgement.unknown, short.verdict) == (3 * HOUR - 600, UNKNOWN)


def test_the_running_step_is_no_silence(short, now):
    at(now + 600)
    short.log(*[500] * 2, start=short.start)
    assert short.judgement.until > now
    assert short.verdict == INTACT


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_the_more_lasting_reason_goes_first(coldchain, trip, lot_terms, people):
    trip.log(*[900] * 3)
    assert trip.verdict == EXCURSION
    at(chain.time() + 30 * 86_400)
    assert trip.verdict == EXCURSION  # though half of a month is unknown
    at(lot_terms.expires_at - 1)
    assert trip.verdict == EXCURSION
    at(lot_terms.expires_at)
    assert trip.verdict == EXPIRED
    coldchain.destroy(trip.id, 1, {"from": people.laboratory})
    assert trip.verdict == 5


def test_readings_of_an_expired_lot_are_still_judged(trip, lot_terms, refused):
    at(lot_terms.expires_at + 1)
    assert refused(trip.batch(500)) is PASSED


# ---- findings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "code"), [(-32_768, 0), (-32_768, 5_452), (15_001, 0), (32_767, 0)])
def test_TT3_no_profile_is_so_wide_that_any_temperature_can_be(with_profile, stranger, base, code):
    """-300 °C is no reading, also where the range, and with it the band in which nothing happens, has no limits."""
    trip = with_profile(Profile(-32_768, 32_767, rules=((ABOVE, SINGLE, 14_999, 30),)))
    batch = Batch(trip.id, 0, trip.start, 600, 1, base, code.to_bytes(2, "big") + b"\x7f\xff" * 15)
    message = edge.refusal(trip.coldchain.log, batch, trip.sign(batch), sender=stranger)
    assert message == error("MalformedReadings", "temperature")


@pytest.mark.parametrize(("step", "message"), [(HOUR, PASSED), (HOUR + 1, error("MalformedReadings", "step"))])
def test_TT2_a_long_step_hides_no_silence_and_excuses_no_gap(short, stranger, step, message):
    """No reading stands for longer than the silence that the profile allows, and so no gap is excused that is longer."""
    at(short.start + 20 * HOUR)
    batch = short.batch(500, step=step)
    assert edge.refusal(short.coldchain.log, batch, short.sign(batch), sender=stranger) == message
