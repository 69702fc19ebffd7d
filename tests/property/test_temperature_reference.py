"""The reference of the cold chain's judgement itself, on what can be counted by hand.

Given rules, a stability budget, windows of the mean kinetic temperature, gaps, silence, releases, mergers
when short series are judged by the reference
it says what the prose says, in numbers that anybody can check with a pencil.
"""

import random
from dataclasses import replace

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from tests.reference.judge import (
    BUDGET,
    BY_HAND,
    MKT,
    Bound,
    Judgement,
    Profile,
    Rule,
    Series,
    Span,
    Verdict,
    judge,
    report,
    verdict,
    weight,
)
from tests.reference.packing import Header, pack, unpack
from tests.reference.typed import ACCEPTANCE, OFFER, READINGS, Domain, digest
from tests.support.random_series import DAY, START, series

MINUTE, HOUR = 60, 3_600
ADDRESS, OTHER = "0x" + "11" * 20, "0x" + "22" * 20

# What mSupply ships with: hot from 8 °C, cold to 2 °C, each in one run and summed.
USUAL = Profile(
    low=200,
    high=800,
    silence=3_600,
    unknown=7_200,
    rules=(
        Rule(Bound.ABOVE, Span.SINGLE, 800, 30),
        Rule(Bound.ABOVE, Span.CUMULATIVE, 800, 60),
        Rule(Bound.BELOW, Span.SINGLE, 200, 20),
        Rule(Bound.BELOW, Span.CUMULATIVE, 200, 40),
    ),
)
#: A day's mean of at most 8 °C, and nothing else.
MEAN = Profile(low=200, high=800, silence=DAY, unknown=90 * DAY, mkt_limit=800, mkt_hours=24)


def hours(*parts):
    """Hourly readings from (how many, temperature)."""
    return series(*[value for count, value in parts for _ in range(count)], step=HOUR)


def test_one_excursion_of_640_minutes():
    """30 days at 10 minutes with 64 warm readings, from the 1,000th on."""
    readings = series(*[500] * 1_000, *[900] * 64, *[500] * 3_256)
    outcome = judge(USUAL, START, readings)
    assert outcome.judgement() == Judgement(
        until=START + 30 * DAY,
        readings=4_320,
        lowest=500,
        highest=900,
        above=640 * MINUTE,
        below=0,
        unknown=0,
        breached=0b0011,
    )
    # Two warm readings are 20 minutes; the third completes the 30.
    assert outcome.breached_at == START + 1_000 * 600 + 2 * 600
    # The run that breached the first rule stays to be seen.
    assert outcome.runs == [640 * MINUTE, 640 * MINUTE, 0, 0]


@pytest.mark.parametrize(
    ("values", "breached", "breached_after", "above", "below"),
    [
        ([800, 800, 800], 0b0001, 2, 0, 0),  # at the threshold counts for the rule, not for the range
        ([799, 799, 799, 799, 799, 799, 799], 0, None, 0, 0),
        ([801, 801, 500, 801, 801, 500, 801], 0, None, 5, 0),  # back in range: the run starts anew; 50 minutes in all
        ([801, 801, 500, 801, 801, 500, 801, 801], 0b0010, 7, 6, 0),  # the sum reaches 60 minutes
        ([801, 801, None, 801], 0b0001, 3, 3, 0),  # a missing reading ends no run
        ([None, None, None, None], 0, None, 0, 0),
        ([200, 200], 0b0100, 1, 0, 0),
        ([201, 201, 199, 201, 199, 201, 199, 201, 199], 0b1000, 8, 0, 4),
        ([-4_000, 8_500, -4_000, 8_500, -4_000, 8_500], 0, None, 3, 3),
    ],
)
def test_runs_and_sums(values, breached, breached_after, above, below):
    outcome = judge(USUAL, START, series(*values))
    assert outcome.breached == breached
    assert outcome.breached_at == (0 if breached_after is None else START + breached_after * 600)
    assert (outcome.above, outcome.below) == (above * 600, below * 600)
    assert outcome.unknown == 600 * values.count(None)


def test_ten_hours_of_thirty_degrees_in_pieces():
    """A shipment indicator: ≥ 30 °C for 10 h in all, ≤ -0.5 °C for one hour at a time."""
    rules = (Rule(Bound.ABOVE, Span.CUMULATIVE, 3_000, 600), Rule(Bound.BELOW, Span.SINGLE, -50, 60))
    indicator = replace(USUAL, rules=rules)
    pieces = [3_000, 500] * 59
    assert judge(indicator, START, series(*pieces)).breached == 0
    assert judge(indicator, START, series(*pieces, 3_000)).breached == 0b01
    assert judge(indicator, START, series(*[-50] * 5, -49, *[-50] * 5)).breached == 0
    assert judge(indicator, START, series(*[-50] * 6)).breached == 0b10


def test_budget_is_exceeded_not_met():
    profile = replace(USUAL, rules=(), budget=1_800)
    assert judge(profile, START, series(801, 199, 801, 800, 200)).breached == 0
    outcome = judge(profile, START, series(801, 199, 801, 500, 199))
    assert (outcome.breached, outcome.breached_at) == (1 << BUDGET, START + 4 * 600)
    with pytest.raises(ValueError, match="budget"):
        outcome.release(START + DAY)


# ---- the mean kinetic temperature ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("celsius", "ratio"),
    [(2, 0.6757), (5, 1), (8, 1.4676), (10, 1.8867), (15, 3.4822), (25, 11.1525), (30, 19.3919), (37, 40.8277)],
)
def test_weights(celsius, ratio):
    assert weight(celsius * 100) / weight(500) == pytest.approx(ratio, abs=5e-5)


def test_weights_are_whole_numbers_that_never_fall():
    assert weight(500) == 2**32
    assert weight(-27_315) == weight(-27_314) == 0
    weights = [weight(temperature) for temperature in range(-27_315, 15_001, 35)]
    assert weights == sorted(weights)


@pytest.mark.parametrize(
    ("parts", "breached"),
    [
        ([(24, 500)], False),
        ([(1, 2_500), (23, 500)], False),  # 7.756
        ([(2, 1_500), (22, 500)], False),  # 6.462
        ([(6, 1_400), (18, 500)], True),  # 8.285
        ([(12, 800), (12, 500)], False),  # 6.635
        ([(3, 2_500)], False),
        ([(4, 2_500)], True),  # four hours are more than a whole day at the limit, whatever follows
        ([(1, 2_500), (30, 800)], True),  # nothing makes up for the one hour
    ],
)
def test_vectors_of_the_mean(parts, breached):
    assert judge(MEAN, START, hours(*parts)).breached == breached << MKT


def test_a_window_takes_what_starts_in_it():
    """A day at 2 °C bears one hour of 25 °C, not two; when the window is shut its sum is forgotten."""
    assert judge(MEAN, START, hours((1, 2_500), (23, 200), (1, 2_500), (23, 200))).breached == 0
    assert judge(MEAN, START, hours((1, 2_500), (21, 200), (1, 2_500), (1, 200))).breached == 1 << MKT
    # It starts in the window's last second, and counts for all of its two hours.
    day = hours((1, 2_500), (21, 200))
    assert judge(MEAN, START, day + series(2_500, step=2 * HOUR, start=START + 24 * HOUR - 1)).breached == 1 << MKT
    assert judge(MEAN, START, day + series(2_500, step=2 * HOUR, start=START + 24 * HOUR)).breached == 0


def test_unknown_time_weighs_as_the_limit_inside_a_window():
    """An hour over the limit, and nothing known of the rest: the mean of that day is over the limit."""
    start = START + HOUR
    for gap, breached in ((22, False), (23, True), (24, True), (60, True)):
        outcome = judge(MEAN, START, series(801, step=HOUR) + series(-2_000, step=1, start=start + gap * HOUR))
        assert (outcome.breached == 1 << MKT) is breached, gap
        assert outcome.breached_at == (start + gap * HOUR if breached else 0)
    assert judge(MEAN, START, hours((1, 801), (22, None))).breached == 0
    assert judge(MEAN, START, hours((1, 801), (23, None))).breached == 1 << MKT
    # Where no window is open, unknown time weighs nothing.
    assert judge(MEAN, START, hours((1, 800), (60, None))).breached == 0


@pytest.mark.parametrize(("values", "breached"), [((801, 200, None), True), ((801, 200), False)])
def test_a_missing_reading_weighs_for_its_whole_step(values, breached):
    """It starts in the window's last ten minutes, and is one of those that the window takes."""
    hour = replace(MEAN, mkt_hours=1)
    assert judge(hour, START, series(*values, step=1_500)).breached == breached << MKT
    # A gap of the same time weighs only as far as it lies inside.
    late = series(801, 200, step=1_500) + series(200, start=START + 4_500)
    assert judge(hour, START, late).breached == 0


def test_a_breach_comes_with_the_reading_that_exceeds():
    allowed = 24 * HOUR * weight(800)
    count = allowed // (HOUR * weight(2_500))
    readings = hours((count + 1, 2_500))
    assert judge(MEAN, START, readings[:-1]).breached == 0
    assert judge(MEAN, START, readings).breached_at == readings[-1].time


def test_tt4_no_mean_excuses_freezing():
    """TT4: however cold the rest, a freeze is a freeze, and an excursion of a rule is one."""
    freeze = replace(MEAN, rules=(Rule(Bound.BELOW, Span.SINGLE, -50, 60), Rule(Bound.ABOVE, Span.SINGLE, 1_000, 60)))
    assert judge(freeze, START, hours((12, 500), (1, -50), (11, 500))).breached == 0b01
    assert judge(freeze, START, hours((1, 1_000), (23, 200))).breached == 0b10


# ---- gaps, silence, pairings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "unknown"), [(0, 0), (599, 0), (600, 600), (601, 601)])
def test_gaps(gap, unknown):
    readings = series(500, 500) + series(500, start=START + 1_200 + gap)
    assert judge(USUAL, START, readings).unknown == unknown
    assert judge(USUAL, START, series(500, start=START + gap)).unknown == unknown


@pytest.mark.parametrize(("silence", "unknown"), [(0, 0), (3_600, 0), (3_601, 3_601), (7_200, 7_200), (7_201, 7_201)])
def test_tt2_silence_is_unknown_time(silence, unknown):
    """TT2: what is not sent never reads as in range."""
    now = START + 600 + silence
    outcome = judge(USUAL, START, series(500))
    told = report(outcome, now, expires_at=now + 1)
    assert (told.silence, told.judgement.unknown) == (silence, unknown)
    assert told.verdict is (Verdict.UNKNOWN if unknown > 7_200 else Verdict.INTACT)
    assert told.intact_until == (0 if unknown > 7_200 else START + 600 + 7_201)
    assert verdict(outcome, now, expires_at=now) is Verdict.EXPIRED


def test_silence_turns_it_unknown_at_the_second_that_is_foretold():
    outcome = judge(USUAL, START, series(500, None, None, None))
    turns = outcome.intact_until(START + 2_400)
    assert turns == START + 2_400 + 5_401
    assert not outcome.lost_at(turns - 1)
    assert outcome.lost_at(turns)
    # The silence that is allowed ends later than what may be unknown.
    strict = judge(replace(USUAL, unknown=0), START, series(500))
    turns = strict.intact_until(START + 600)
    assert turns == START + 600 + 3_601
    assert not strict.lost_at(turns - 1)
    assert strict.lost_at(turns)


def test_what_was_never_monitored_is_unknown():
    outcome = Series(USUAL, START)
    assert verdict(outcome, START, expires_at=START + DAY) is Verdict.UNKNOWN
    assert outcome.intact_until(START) == 0
    outcome.pair(START + 500)
    assert (outcome.unknown, outcome.until) == (500, START + 500)
    assert verdict(outcome, START + 600, expires_at=START + DAY) is Verdict.INTACT


def test_monitored_before_it_was_opened():
    outcome = Series(USUAL, START)
    outcome.pair(START - HOUR)
    assert (outcome.unknown, outcome.until) == (0, START - HOUR)


@pytest.mark.parametrize(("again", "unknown"), [(600, 0), (601, 0), (1_199, 0), (1_200, 600), (1_300, 700)])
def test_time_between_two_pairings_is_a_gap_like_any_other(again, unknown):
    outcome = Series(USUAL, START)
    outcome.pair(START)
    outcome.read(series(500)[0])
    outcome.pair(START + again)
    assert outcome.until == START + 600
    outcome.read(series(500, start=START + again)[0])
    assert outcome.unknown == unknown


# ---- a laboratory, a split, a merger ---------------------------------------------------------------------------------


def test_release_excuses_and_keeps_extremes():
    readings = series(900, 900, 900, 900, None)
    released = START + 10_000
    after = judge(USUAL, START, readings, releases=[released])
    assert (after.breached, after.breached_at, after.unknown, after.runs) == (0, 0, 0, [0] * 4)
    assert (after.highest, after.above) == (900, 2_400)
    more = readings + series(900, 900, start=released + 700)
    again = judge(USUAL, START, more, releases=[released])
    assert (again.breached, again.unknown, again.above) == (0, 700, 3_600)
    mean = judge(MEAN, START, hours((3, 2_500), (1, 200)), releases=[START + 4 * HOUR])
    assert mean.window is None


def test_a_merger_keeps_the_worse():
    one = judge(USUAL, START, series(801, 801, 199))
    other = judge(USUAL, START, series(500, 300, None, 900))
    other.merge(one, START + 3_000)
    # 1,200 s of silence and none before; 600 s and one reading missing.
    assert other.judgement() == Judgement(START + 3_000, 4, 199, 900, 1_200, 600, 1_200, 0)
    assert other.runs == [600, 1_200, 600, 600]


def test_a_merger_takes_up_the_budget_of_both():
    profile = replace(USUAL, rules=(), budget=1_800)
    hot, cold = judge(profile, START, series(801, 801)), judge(profile, START, series(199, 199))
    hot.merge(cold, START + 1_200)
    assert (hot.above, hot.below, hot.breached) == (1_200, 1_200, 1 << BUDGET)


def test_a_merger_keeps_the_later_window_and_the_larger_sum():
    long_ago, lately = judge(MEAN, START, hours((3, 1_000))), judge(MEAN, START, hours((2, 500), (1, 801)))
    long_ago.merge(lately, START + 3 * HOUR)
    assert long_ago.window == (START + 2 * HOUR, 3 * HOUR * weight(1_000))


def test_a_step_that_still_runs_is_no_silence():
    outcome, other = judge(USUAL, START, series(500)), judge(USUAL, START, series(500))
    assert outcome.silence(START + 599) == 0
    other.merge(outcome, START + 599)
    other.release(START + 599)
    assert (other.until, other.unknown) == (START + 600, 0)


def test_a_part_goes_its_own_way():
    whole = judge(USUAL, START, series(801, 801))
    part = whole.split()
    whole.read(series(801, start=START + 1_200)[0])
    assert (whole.breached, part.breached, part.runs[0]) == (1, 0, 1_200)
    # Nobody measured it before it had a logger of its own.
    part.pair(START + 1_800)
    part.read(series(500, start=START + 1_800)[0])
    assert part.unknown == 600


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, Verdict.INTACT),
        ({"late": True}, Verdict.OVERDUE),
        ({"lost": True, "late": True}, Verdict.UNKNOWN),
        ({"held": True, "lost": True}, Verdict.EXCURSION),
        ({"expires_at": START + 600, "held": True}, Verdict.EXPIRED),
        ({"recall": 1, "expires_at": START}, Verdict.RECALLED),
        ({"closed": True, "recall": 1}, Verdict.CLOSED),
        ({"destroyed": True, "closed": True, "recall": 1, "expires_at": START}, Verdict.DESTROYED),
    ],
)
def test_the_most_lasting_reason_goes_first(terms, expected):
    terms = {"expires_at": START + DAY, **terms}
    outcome = judge(USUAL, START, series(500))
    if terms.pop("lost", False):
        outcome.unknown = 7_201
    if terms.pop("held", False):
        outcome.mark(BY_HAND)
    assert verdict(outcome, START + 600, **terms) is expected
    assert outcome.breached_at == 0


# ---- the wire --------------------------------------------------------------------------------------------------------


def test_packing():
    packed = pack([500, -50, None], -100)
    assert packed.hex() == "0258" + "0032" + "7fff" * 14
    assert unpack(packed, 3, -100) == [500, -50, None]
    assert pack([-32_768, -2], -32_768).hex() == "0000" + "7ffe" + "7fff" * 14
    assert pack([-500, 2_020, None], -500, width=8, resolution=20).hex() == "00" + "7e" + "7f" * 30
    for values, terms in (([-1], {}), ([-32_769], {}), ([-32_758], {"resolution": 20}), ([0], {"width": 8})):
        with pytest.raises(ValueError, match="base"):
            pack(values, -32_768, **terms)


def test_packing_is_undone():
    dice = random.Random(20260727)
    for count in range(70):
        for width, resolution in ((16, 1), (16, 3), (8, 20), (8, 255)):
            top = (1 << (width - 1)) - 2
            known = range(-4_000, min(8_500, -4_000 + top * resolution) + 1, resolution)
            values = [dice.choice((None, dice.choice(known))) for _ in range(count)]
            packed = pack(values, -4_000, width=width, resolution=resolution)
            lanes = 256 // width
            assert len(packed) == (count + lanes - 1) // lanes * 32
            assert unpack(packed, count, -4_000, width=width, resolution=resolution) == values


def test_header():
    assert Header(1, 2, 3, 4, -1, 16, 1).word() == int("0110ffff000400030000000002000001", 16)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (READINGS, (b"\1" * 32, 3, START, 600, 2, -4_000, 8, 20, b"\2" * 16, b"\3" * 32, b"\4" * 32)),
        (OFFER, (b"\1" * 32, ADDRESS, OTHER, 7, START, 8_760, b"\5" * 32)),
        (ACCEPTANCE, (b"\1" * 32, ADDRESS, OTHER, 7, START, 8_760, b"\5" * 32, 2, 1)),
    ],
)
def test_what_is_signed_is_what_a_wallet_signs(kind, values):
    """EIP-712, against another implementation."""
    name, fields = kind.rstrip(")").split("(")
    types = {name: [dict(zip(("type", "name"), field.split(), strict=True)) for field in fields.split(",")]}
    message = {field["name"]: value for field, value in zip(types[name], values, strict=True)}
    domain = {"name": "Any", "version": "1", "chainId": 31_337, "verifyingContract": OTHER}
    made = encode_typed_data(domain, types, message)
    ours = Domain((b"\x0f", "Any", "1", 31_337, OTHER, bytes(32), []))
    assert digest(ours, kind, values) == keccak(b"\x19" + made.version + made.header + made.body)


def test_what_is_signed():
    """The types as the prose writes them."""
    assert READINGS == (
        "Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,uint8 width,"
        "uint8 resolution,bytes16 previous,bytes32 file,bytes data)"
    )
    fields = "bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal"
    assert f"Offer({fields})" == OFFER
    assert f"Acceptance({fields},uint8 vvm,uint8 shake)" == ACCEPTANCE
