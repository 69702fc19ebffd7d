"""Every reading is judged: limits to the hundredth of a degree, runs and sums across batches, budget, window, gaps,
silence.

given readings
    when one is at a rule's threshold, it hits the rule; a hundredth short, it does not
    when one is beyond the labelled range, its time is above or below; at the range's end, it is neither
    when they are negative, missing, or packed over any base, width and resolution, they are what the device read
    when a rule is hit for its minutes, at a stretch or in all, it is breached, wherever the batches are cut
    when they lie outside the range for longer than the budget, it is breached
    when one is above the MKT limit, a window opens and weighs what follows; cold is never excused by it
given time without readings
    when it is shorter than a step, nothing can be missing
    when it is a step or longer, all of it is unknown
    when it lasts until now and longer than the profile allows, it is unknown as well
"""

import pytest
from brownie import chain

from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.shipment_builders import (
    ABOVE,
    BELOW,
    BUDGET,
    CUMULATIVE,
    DAY,
    DESTROYED,
    EXCURSION,
    EXPIRED,
    HOUR,
    INTACT,
    MKT,
    NO_HIGHEST,
    NO_LOWEST,
    QUARANTINED,
    RECALLED,
    SINGLE,
    UNKNOWN,
    Profile,
)

HOT_30, HOT_60_ALL, COLD_20, COLD_40_ALL = 1, 2, 4, 8


# ---- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "above", "below"), [(801, 1, 0), (800, 0, 0), (200, 0, 0), (199, 0, 1), (-1, 0, 1)])
def test_TT3_the_range_includes_its_ends(trip, value, above, below):
    trip.log(value)
    assert (trip.judged.above, trip.judged.below) == (above * 600, below * 600)


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
def test_TT3_a_rule_is_hit_at_its_threshold(with_profile, rule, value, hit):
    """Inside the range as well, at once and where the word would pass as a whole."""
    far = (ABOVE if rule[0] == BELOW else BELOW, SINGLE, 14_000 if rule[0] == BELOW else -27_000, 1)
    trip = with_profile(Profile(rules=(far, rule)))
    trip.log(100, 900, step=1)  # too short to breach anything; from here on extremes are settled for most of the values
    trip.log(*[value] * 16, step=60 if hit else 600)
    assert trip.judged.breached == (2 if hit else 0)


@pytest.mark.parametrize(("width", "lane"), [(16, 0), (16, 1), (16, 7), (16, 15), (8, 0), (8, 13), (8, 31)])
def test_TT3_one_bad_reading_is_seen_in_any_lane(with_profile, width, lane):
    trip = with_profile(Profile(rules=((ABOVE, SINGLE, 801, 10),)), ago=60 * HOUR)
    trip.log(200, 805, step=60)
    per, start = 256 // width, trip.judgement.until
    values = [500] * 6 * per
    values[per + lane] = 805
    trip.log(*values, base=200, width=width, resolution=1 if width == 16 else 5, step=300)
    assert (trip.judged.above, trip.judged.highest, trip.judged.breached) == (360, 805, 0)
    trip.log(*values, base=200, width=width, resolution=1 if width == 16 else 5, step=600)
    assert trip.judged.breached == 1
    assert trip.report.breached_at == start + 6 * per * 300 + (per + lane) * 600


# ---- encoding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [-27_315, -4_000, -1_850, -32_768])
def test_TT3_a_freeze_is_a_freeze_over_any_base(with_profile, base):
    """-18.50 °C must neither read as +637 °C nor be lost."""
    trip = with_profile(Profile(rules=((BELOW, SINGLE, -50, 60),)))
    trip.log(*[-1_850] * 6, base=base)
    assert trip.judged[3:] == (-1_850, -1_850, 0, HOUR, 0, 1)


@pytest.mark.parametrize("values", [(-27_315,), (15_000,), (-27_315, 5_451), (-17_766, 15_000), (0,), (-1, 0, 1)])
def test_TT3_every_temperature_that_can_be_is_kept(trip, values):
    trip.log(*values, base=min(values))
    assert (trip.judged.lowest, trip.judged.highest) == (min(values), max(values))


def test_TT3_no_reading_is_no_temperature(trip):
    trip.log(None, None)
    assert trip.judged[2:] == (2, NO_LOWEST, NO_HIGHEST, 0, 0, 1_200, 0)


@pytest.mark.parametrize(("width", "resolution"), [(16, 1), (16, 7), (16, 255), (8, 5), (8, 20), (8, 255)])
@pytest.mark.parametrize("count", [1, 31, 32, 33, 64])
def test_TT3_every_packing_says_the_same(trip, width, resolution, count):
    """A band is rounded to the codes inside it: nothing at the edge is lost."""
    base = 199 - 3 * resolution
    values = [base + resolution * (code % 5) for code in range(count)]
    for _ in range(2):
        trip.log(*values, base=base, width=width, resolution=resolution, step=60)
    assert trip.judged.below == 2 * 60 * sum(value < 200 for value in values)
    assert trip.judged.above == 2 * 60 * sum(value > 800 for value in values)
    assert (trip.judged.lowest, trip.judged.highest) == (min(values), max(values))


@pytest.mark.parametrize("width", [16, 8])
def test_TT3_a_missing_reading_in_a_calm_word_is_unknown(trip, width):
    trip.log(400, 600)
    trip.log(*[500] * 7, None, *[500] * 24, base=450, width=width)
    assert trip.judged[3:8] == (400, 600, 0, 0, 600)


def test_the_extremes_are_never_averaged_away(trip):
    for value in (500, 810, 500, -10, 500):
        trip.log(*[value] * 16, step=10)
    assert (trip.judged.lowest, trip.judged.highest) == (-10, 810)


# ---- runs and sums ---------------------------------------------------------------------------------------------------

SERIES = {
    "20 minutes hot": ([900] * 2, 0, None),
    "30 minutes hot": ([900] * 3, HOT_30, 2),
    "30 minutes hot, in pieces": ([900, 900, 500, 900, 900], 0, None),
    "60 minutes hot, in pieces": ([900, 900, 500] * 3, HOT_60_ALL, 7),
    "a missing reading ends no run": ([900, 900, None, 900], HOT_30, 3),
    "nor does it count": ([900, None, 900], 0, None),
    "40 minutes cold, in pieces": ([100, 500] * 4, COLD_40_ALL, 6),
    "hot and cold in turn": ([900, 100] * 4, COLD_40_ALL, 7),
    "calm ends a run, not a sum": ([900] * 2 + [500] * 35 + [900] * 2 + [500] * 35 + [900] * 2, HOT_60_ALL, 75),
    "a word of calm ends the run of the word before": ([500] * 14 + [900] * 2 + [500] * 16 + [900] * 2, 0, None),
    "hot after a long calm": ([500] * 50 + [900] * 3, HOT_30, 52),
}


@pytest.mark.parametrize("cut", [1, 3, 7, 16, 100])
@pytest.mark.parametrize("name", SERIES)
def test_runs_and_sums_are_carried_across_batches(open_trip, name, cut):
    values, breached, at_reading = SERIES[name]
    trip = open_trip(ago=20 * HOUR)
    size = max(cut, len(values) // 12)
    for first in range(0, len(values), size):
        trip.log(*values[first : first + size])
    judged = trip.judged
    assert judged.breached == breached
    assert judged.above == 600 * values.count(900) and judged.below == 600 * values.count(100)
    assert judged.unknown == 600 * values.count(None)
    assert judged.until == trip.start + 600 * len(values)
    assert trip.report.breached_at == (0 if at_reading is None else trip.start + 600 * at_reading)


@pytest.mark.parametrize(
    ("step", "count", "breached"), [(1_799, 1, 0), (1_800, 1, 1), (60, 29, 0), (60, 30, 1), (7, 257, 0), (7, 258, 1)]
)
def test_a_rule_is_breached_after_its_minutes_to_the_second(trip, step, count, breached):
    trip.log(*[900] * count, step=step)
    assert trip.judged.breached == breached


def test_the_longest_rule_counts_right(with_profile):
    """16,383 minutes: more than 11 days of a sum."""
    trip = with_profile(Profile(rules=((ABOVE, CUMULATIVE, 0, 16_383), (ABOVE, SINGLE, 0, 16_383))), ago=12 * DAY)
    trip.log(*[500] * 4_999, step=180)
    assert trip.judged.breached == 0
    trip.log(*[500] * 462, step=180)
    assert trip.judged.breached == 3
    assert trip.report.breached_at == trip.start + 180 * (16_383 * 60 // 180 - 1)


def test_eight_rules_do_not_touch_each_other(with_profile):
    rules = tuple((ABOVE if i % 2 else BELOW, i // 2 % 2, 700 if i % 2 else 300, 10 * (i + 1)) for i in range(8))
    trip = with_profile(Profile(rules=rules))
    for values, breached in (([750] * 5, 0b1010), ([250] * 3, 0b1111), ([750] * 3, 0b10001111)):
        trip.log(*values)
        assert trip.judged.breached == breached


def test_a_single_rule_keeps_the_run_that_breached_it(trip):
    """The present run, while none did; from then on that one alone, however it goes on."""
    trip.log(900, 900)
    assert trip.report.runs[:2] == (1_200, 1_200)
    trip.log(500)
    assert trip.report.runs[:2] == (0, 1_200)
    trip.log(*[900] * 4)
    assert trip.report.runs[:2] == (2_400, 3_600)
    trip.log(*[500] * 16, 900)
    assert trip.report.runs[:2] == (2_400, 4_200)
    trip.log(500, 900)
    assert trip.report.runs[:2] == (2_400, 4_800)


def test_a_breach_quarantines_once_and_is_told(trip):
    tx = trip.log(500, *[900] * 3)
    assert dict(tx.events["ShipmentQuarantined"]) == {
        "shipment": trip.id,
        "breached": HOT_30,
        "breachedAt": trip.start + 2_400 - 600,
        "by": "0x" + "00" * 20,
        "reason": 0,
    }
    assert trip.shipment.disposition == QUARANTINED
    again = trip.log(*[100] * 3)
    assert "ShipmentQuarantined" not in again.events
    assert (trip.judged.breached, trip.report.breached_at) == (HOT_30 | COLD_20, trip.start + 1_800)


def test_the_first_of_several_breaches_in_a_batch_is_named(trip):
    event = trip.log(*[100] * 2, 500, *[900] * 4).events["ShipmentQuarantined"]
    assert (event["breached"], event["breachedAt"]) == (HOT_30 | COLD_20, trip.start + 600)


# ---- budget and mean kinetic temperature -----------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 16])
def test_a_budget_bears_as_much_as_it_says(with_profile, cut):
    """An hour outside, above and below together; the second after it is too much."""
    trip = with_profile(Profile(budget=HOUR, rules=()))
    values = [900, 900, 500, 100, 900, 500, 100, 100, 850]
    for first in range(0, len(values), cut):
        trip.log(*values[first : first + cut])
    assert (trip.judged.breached, trip.report.breached_at) == (BUDGET, trip.start + 8 * 600)


FAR = ((ABOVE, SINGLE, 10_000, 16_383),)
# Hours at °C, and whether 24 hours with a limit of 8 °C bear them: the vectors of the pharmacopoeia's mean, at a limit.
DAYS = {
    "23 at 5, 1 at 25": ([(1, 2_500), (23, 500)], False),
    "22 at 5, 2 at 15": ([(2, 1_500), (22, 500)], False),
    "18 at 5, 6 at 14": ([(6, 1_400), (18, 500)], True),
    "24 at 8.01": ([(24, 801)], True),
    "24 at 8": ([(24, 800)], False),
    "5 for a day, then the same heat": ([(24, 500), (6, 1_400), (18, 500)], True),
    "heat in two windows": ([(3, 1_400), (22, 500), (3, 1_400), (21, 500)], False),
}


@pytest.mark.parametrize("name", DAYS)
def test_TT4_a_window_bears_its_mean(with_profile, name):
    hours, breached = DAYS[name]
    trip = with_profile(Profile(unknown=DAY, mkt_limit=800, mkt_hours=24, rules=FAR), ago=60 * HOUR)
    trip.log(*[value for count, value in hours for _ in range(6 * count)])
    assert trip.judged.breached == (MKT if breached else 0)


def test_TT4_a_mean_excuses_no_freeze(with_profile):
    trip = with_profile(Profile(mkt_limit=800, mkt_hours=24, rules=((BELOW, SINGLE, -50, 60),)))
    trip.log(*[-60] * 6)
    assert trip.judged.breached == 1


@pytest.mark.parametrize("lost", ["missing", "gap"])
def test_TT4_unknown_time_in_a_window_weighs_as_much_as_the_limit(with_profile, lost):
    """A window of two hours: half of it at 8.01 °C and half unknown is too warm; at 7.99 °C it would not be."""
    trip = with_profile(Profile(unknown=DAY, mkt_limit=800, mkt_hours=2, rules=FAR))
    trip.log(*[801] * 6)
    if lost == "missing":
        trip.log(*[None] * 6)
        expected = trip.start + 11 * 600
    else:
        trip.log(500, start=trip.judgement.until + HOUR)
        expected = trip.start + 12 * 600
    assert (trip.judged.breached, trip.report.breached_at) == (MKT, expected)


# ---- gaps and silence ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "unknown"), [(0, 0), (1, 0), (599, 0), (600, 600), (601, 601), (7_200, 7_200)])
@pytest.mark.parametrize("first", [True, False], ids=["at the start", "between batches"])
def test_TT2_a_gap_of_a_step_is_unknown_as_a_whole(trip, gap, unknown, first):
    if not first:
        trip.log(*[500] * 16)
    trip.log(*[500] * 16, start=trip.judgement.until + gap)
    assert trip.judged.unknown == unknown


def test_TT2_a_gap_neither_hits_nor_clears_a_rule(trip):
    trip.log(900, 900)
    trip.log(900, start=trip.judgement.until + 3_000)
    assert trip.judged.breached == HOT_30


def test_TT2_the_budget_of_unknown_time_is_used_up_to_the_second(open_trip):
    for over in (0, 1):
        trip = open_trip(ago=6 * HOUR)
        trip.log(*[500] * 12, start=trip.start + HOUR)
        trip.log(*[500] * 9, start=trip.judgement.until + HOUR + over)
        assert trip.judged.unknown == 2 * HOUR + over
        assert trip.verdict == (UNKNOWN if over else INTACT)


@pytest.mark.parametrize(
    ("quiet", "unknown", "verdict"), [(HOUR - 1, 0, INTACT), (HOUR, 0, INTACT), (HOUR + 1, HOUR + 1, UNKNOWN)]
)
@pytest.mark.parametrize("first", [True, False], ids=["from the start", "after readings"])
def test_TT2_silence_never_reads_as_in_range(with_profile, quiet, unknown, verdict, first):
    short = with_profile(Profile(unknown=600), ago=60)
    if not first:
        short.log(500)
    until = short.judgement.until
    at(until + quiet)
    report = short.report
    assert (report.judgement.unknown, report.verdict, report.silence) == (unknown, verdict, quiet)
    assert report.intact_until == (0 if verdict == UNKNOWN else until + HOUR + 1)
    short.log(*[500] * 6, start=until)
    assert (short.judgement.unknown, short.verdict) == (0, INTACT)  # readings that come late make known what was not


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_the_more_lasting_reason_goes_first(coldchain, trip, began, people):
    trip.log(*[900] * 3)
    at(chain.time() + 30 * DAY)
    assert trip.verdict == EXCURSION  # though half of a month is unknown
    at(began + 100 * DAY - 1)
    assert trip.verdict == EXCURSION
    at(began + 100 * DAY)
    assert trip.verdict == EXPIRED
    coldchain.recall(trip.shipment.lot, 1, {"from": people.manufacturer})
    assert trip.verdict == RECALLED
    coldchain.destroy(trip.id, 1, {"from": people.laboratory})
    assert trip.verdict == DESTROYED


@pytest.mark.parametrize(("base", "code"), [(-32_768, 0), (-32_768, 5_452), (15_001, 0), (32_767, 0)])
def test_TT3_no_profile_is_so_wide_that_any_temperature_can_be(with_profile, coldchain, stranger, base, code):
    trip = with_profile(Profile(low=-32_768, high=32_767, rules=((ABOVE, SINGLE, 14_999, 30),)))
    batch = trip.raw(1, code, base=base)
    assert refusal(coldchain.log, batch, trip.sign(batch), sender=stranger) == error("MalformedReadings", "temperature")
    sound = trip.raw(1, 0, base=500)
    assert refusal(coldchain.log, sound, trip.sign(sound), sender=stranger) is PASSED
