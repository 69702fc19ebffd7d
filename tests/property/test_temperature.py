"""The cold chain's judgement against the reference: series of readings, cut into batches anywhere, judged by both.

Given temperatures from -40 to 85 °C and beyond, limits met to the hundredth of a degree, missing readings, gaps around
one
    step and around the end of a window, every filling of the last word, both widths, several resolutions
when the device's batches are logged
it is judged as the prose says: after each batch, with the silence until then.

What a story comes to is asked in one call for each: nothing is written, and all of it happens in one second.
"""

import random
from collections import Counter
from dataclasses import replace

import pytest
from eth_utils import keccak

from tests.reference.judge import BUDGET, MKT, Bound, Profile, Rule, Series, Span, report, weight
from tests.support.coldchain_driver import ColdChainDriver
from tests.support.effort import cases, seed
from tests.support.plain_accounts import DAY
from tests.support.random_series import LOWEST, Load, random_loads, random_profile

ACTIVE, QUARANTINED = 1, 2
HOUR = 3_600


@pytest.fixture(scope="module")
def driver(deployed_contracts, people, salus_project):
    return ColdChainDriver(deployed_contracts, people, salus_project)


class Trip:
    """One shipment from its opening to the last batch, as the story of one second.

    Args:
        loads: Batches from second 0 on.
        ends: When the last of them ends.
    """

    def __init__(self, profile, lot, number, loads, ends, expires_at):
        self.profile, self.lot, self.expires_at = profile, lot, expires_at
        self.ref = keccak(number.to_bytes(32, "big"))
        self.start = ends - loads[-1].end
        self.loads = [load.moved(self.start) for load in loads]

    def __repr__(self):
        return f"Trip({self.profile}, start={self.start}, loads={self.loads})"

    def story(self, driver, shipment):
        """It is opened and paired; then, after each batch, somebody asks how it stands."""
        lines = [driver.opening(self.lot, self.ref), driver.pairing(shipment, self.start)]
        self.chains = [bytes(16)]
        for sequence, load in enumerate(self.loads):
            line, chain = driver.logging(shipment, load, sequence, self.chains[-1])
            self.chains.append(chain)
            lines += [line, driver.line("report", shipment)]
        return [*lines, driver.line("shipment", shipment)]

    def check(self, at, heard):
        """Compare all of it with the reference, and return its reports."""
        series = Series(self.profile, at // 60 * 60)  # opened in this minute
        series.pair(self.start)
        *lines, (_, shipment) = heard
        told = []
        assert all(passed for passed, _ in heard), (self, heard)
        for number, (load, (_, answer)) in enumerate(zip(self.loads, lines[3::2], strict=True)):
            for reading in load.readings():
                series.read(reading)
            told.append(report(series, at, expires_at=self.expires_at))
            assert answer == told[-1].facts(number + 1), (number, self)
        assert shipment[-2:] == (QUARANTINED if series.breached else ACTIVE, self.chains[-1]), self
        return told


def tell(driver, trips):
    """What the contract and the reference make of each trip: reports, when both agree."""
    ids = driver.ids([(trip.lot, trip.ref) for trip in trips])
    stories = [trip.story(driver, shipment) for trip, shipment in zip(trips, ids, strict=True)]
    for trip, (at, heard) in zip(trips, driver.ask(stories), strict=True):
        yield trip.check(at, heard)


def lot_of(driver, profile):
    return driver.lot(profile, expires_at=driver.began + 900 * DAY)


def trip_of(driver, profile, lot, loads, number=0, quiet=0):
    return Trip(profile, lot, number, loads, driver.began - quiet, driver.began + 900 * DAY)


def test_random_series(driver):
    """Requirement 26: on every batch the contract comes to what the reference comes to (TT2, TT3, TT4)."""
    dice = random.Random(seed())
    count = cases()
    seen = Counter()
    group = 12
    for first in range(0, count, group):
        profile = random_profile(dice)
        lot = lot_of(driver, profile)
        trips = []
        for number in range(first, min(first + group, count)):
            quiet = max(0, profile.silence + dice.choice((-1, 0, 1)))
            quiet = dice.choice((0, quiet, dice.randrange(2 * profile.silence), dice.randrange(80 * DAY)))
            trips.append(trip_of(driver, profile, lot, random_loads(dice, profile), number, quiet))
        for told in tell(driver, trips):
            seen[told[-1].verdict] += 1
            seen["mean"] += told[-1].breached >> MKT & 1
            seen["budget"] += told[-1].breached >> BUDGET & 1
    if count >= 500:
        # A test that met only healthy shipments would have shown nothing.
        assert min(seen[verdict] for verdict in ("mean", "budget", 1, 2, 3)) >= count // 50, seen


# ---- cut anywhere ----------------------------------------------------------------------------------------------------

STRICT = Profile(
    low=200,
    high=800,
    silence=DAY,
    unknown=2 * HOUR,
    rules=(
        Rule(Bound.ABOVE, Span.SINGLE, 801, 30),
        Rule(Bound.ABOVE, Span.CUMULATIVE, 801, 90),
        Rule(Bound.BELOW, Span.SINGLE, 199, 20),
        Rule(Bound.BELOW, Span.CUMULATIVE, 199, 40),
    ),
    budget=2 * HOUR,
    mkt_limit=800,
    mkt_hours=3,
)


@pytest.mark.parametrize("packing", [{}, {"width": 8, "resolution": 100, "base": -900}])
def test_where_it_is_cut_does_not_matter(driver, packing):
    """CC1: one series, cut into two at every place, and into batches of one."""
    cycle = (500, 900, 900, None, 900, 100, 100, 300, 1_100, 500, 100, None, 2_900, 900, 700, 600, 900, 100)
    whole = Load(0, 600, cycle * 2, **packing)
    lot = lot_of(driver, STRICT)
    ways = [whole.cut(at) for at in range(1, len(whole.values))]
    singles = [whole]
    while len(singles[-1].values) > 1:
        singles[-1:] = singles[-1].cut(1)
    ways += [[whole], singles]
    told = list(tell(driver, [trip_of(driver, STRICT, lot, loads, number) for number, loads in enumerate(ways)]))
    assert len({reports[-1] for reports in told}) == 1
    # All six of what can be breached is.
    assert told[0][-1].breached == 0b11_0000_1111


@pytest.mark.parametrize(("width", "lanes"), [(16, 16), (8, 32)])
def test_tt3_every_filling_of_the_last_word(driver, width, lanes):
    """TT3: the last reading counts, and what pads the word does not."""
    lot = lot_of(driver, STRICT)
    loads = []
    for count in range(1, 2 * lanes + 2):
        for last in (100, 900, None):
            values = (500,) * (count - 1) + (last,)
            loads.append([Load(0, 60, values, base=100, width=width, resolution=1 if width == 16 else 100)])
    told = tell(driver, [trip_of(driver, STRICT, lot, load, number) for number, load in enumerate(loads)])
    for load, (reported,) in zip(loads, told, strict=True):
        *before, last = load[0].values
        extremes = [value for value in (*before, last) if value is not None]
        lowest, highest = min(extremes, default=32_767), max(extremes, default=-32_768)
        judged = reported.judgement
        assert (judged.lowest, judged.highest) == (lowest, highest)
        assert (judged.below, judged.above, judged.unknown) == tuple(60 * (last == v) for v in (100, 900, None))


# ---- the mean kinetic temperature, to the last unit ------------------------------------------------------------------

MEAN = Profile(low=200, high=800, silence=DAY, unknown=900 * DAY, mkt_limit=800, mkt_hours=24)


@pytest.mark.parametrize(
    ("parts", "breached"),
    [
        ([(24, 500)], False),
        ([(1, 2_500), (23, 500)], False),  # 7.756
        ([(2, 1_500), (22, 500)], False),  # 6.462
        ([(6, 1_400), (18, 500)], True),  # 8.285
        ([(12, 800), (12, 500)], False),  # 6.635
        ([(1, 801), (22, None)], False),
        ([(1, 801), (23, None)], True),
    ],
)
def test_vectors_of_the_mean(driver, parts, breached):
    values = tuple(value for count, value in parts for _ in range(count))
    (told,) = tell(driver, [trip_of(driver, MEAN, lot_of(driver, MEAN), [Load(0, HOUR, values)])])
    assert told[-1].breached == breached << MKT


@pytest.mark.parametrize(("missing", "breached"), [(True, True), (False, False)])
def test_unknown_time_across_the_end_of_a_window(driver, missing, breached):
    """Ten of 25 minutes lie inside: a missing reading weighs as one that was made, a gap as far as it lies inside."""
    hour = replace(MEAN, mkt_hours=1)
    loads = [Load(0, 1_500, (801, 200) + (None,) * missing), Load(4_500, 600, (200,))]
    (told,) = tell(driver, [trip_of(driver, hour, lot_of(driver, hour), loads)])
    assert told[-1].breached == breached << MKT


def test_tt4_no_mean_excuses_freezing(driver):
    """TT4: one hour of frost in a month of the best mean."""
    rules = (Rule(Bound.BELOW, Span.SINGLE, -50, 60),)
    freeze = Profile(200, 800, DAY, DAY, rules, mkt_limit=800, mkt_hours=720)
    loads = [Load(0, HOUR, (900,) + (300,) * 400 + (-50,) + (300,) * 300)]
    (told,) = tell(driver, [trip_of(driver, freeze, lot_of(driver, freeze), loads)])
    assert told[-1].breached == 0b1


def _hair(dice, profile, above):
    """Two batches whose sum lies nearer to the limit of the window than one unit of either's weight can move it.

    A weight that is one too high breaches where ``above`` is false, one that is one too low does not where it is true.
    """
    window = profile.mkt_hours * HOUR
    allowed = window * weight(profile.mkt_limit)
    while True:
        hot = weight(warm := profile.mkt_limit + dice.randint(1, 4_500))
        # So cold that it makes up for heat in a short while: then the sum comes near soon.
        cold = weight(cool := dice.randint(-6_000, -4_500))
        for _ in range(1_000):
            first = dice.randint(max(1, (allowed - window * cold) // hot), allowed // hot)
            lasts = (allowed - first * hot) // cold + above
            over = first * hot + lasts * cold - allowed
            least = min(first, lasts)
            near = 0 < over <= least if above else -least < over <= 0
            if near and first + lasts <= window and _steps(first) and _steps(lasts):
                (step, count), (other, more) = _steps(first), _steps(lasts)
                return [Load(0, step, (warm,) * count, base=-8_000), Load(first, other, (cool,) * more, base=-8_000)]


def _steps(total):
    """A step and a number of readings that last so long."""
    for count in range(1, 400):
        if total % count == 0 and total // count <= 60_000:
            return total // count, count
    return None


def test_weights_are_exact(driver):
    """Every weight is the whole number of the prose, neither more nor less by one."""
    dice = random.Random(seed())
    trips, expected = [], []
    for limit in (-3_000, -1_500, 100, 800, 2_500, 4_000):
        profile = Profile(-9_000, 9_000, DAY, 900 * DAY, mkt_limit=limit, mkt_hours=720)
        lot = lot_of(driver, profile)
        for number in range(cases() // 50):
            for above in (False, True):
                loads = _hair(dice, profile, above)
                trips.append(trip_of(driver, profile, lot, loads, 2 * number + above))
                expected.append(above)
    breached = [bool(told[-1].breached) for told in tell(driver, trips)]
    assert breached == expected


@pytest.mark.parametrize("value", [LOWEST, -4_000, 8_500, 15_000])
def test_the_ends_of_what_is_read(driver, value):
    """Absolute zero has no mean that a division would survive."""
    profile = Profile(-5_000, 8_000, DAY, DAY, mkt_limit=-6_000, mkt_hours=24)
    # What opens a window comes first.
    loads = [Load(0, 60, (-5_999,), base=LOWEST), Load(60, 60, (value,), base=min(0, value))]
    (told,) = tell(driver, [trip_of(driver, profile, lot_of(driver, profile), loads)])
    assert value in (told[-1].judgement.lowest, told[-1].judgement.highest)
