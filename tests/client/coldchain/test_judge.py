"""The client's judge says of every journey what the reference says: two implementations of one prose.

given random profiles and readings, with gaps, missing readings and releases
    when both judge them                 they agree after every batch: sums, extremes, what is breached and since when
    when two journeys join               they agree on what is left
given two journeys, neither of which has breached anything
    when they join                       what the wait for that moment breached, and the budget of both, count
given what the reference cannot say
    when a temperature is asked for at absolute zero or below     it weighs nothing
"""

import random

import pytest

from salus.coldchain.judge import Judge, kinetic_weight
from salus.coldchain.temperature import BUDGET, MKT, Bound, Profile, Rule, Span
from tests.reference import judge as reference
from tests.support.random_series import random_loads, random_profile

OPENED = 1_700_000_000


def as_the_clients(profile):
    """The same profile in the client's words."""
    rules = [Rule(Bound(r.bound), Span(r.span), r.threshold, r.after_minutes) for r in profile.rules]
    limits = {name: getattr(profile, name) for name in ("low", "high", "silence", "unknown", "budget")}
    return Profile(**limits, rules=tuple(rules), mkt_limit=profile.mkt_limit, mkt_hours=profile.mkt_hours)


class Pair:
    """One journey, judged twice."""

    def __init__(self, profile):
        self.ours = Judge(as_the_clients(profile), OPENED)
        self.reference = reference.Series(profile, OPENED)
        self.reference.pair(OPENED)
        self.batches = 0

    def read(self, load):
        self.ours.judge(load.start, load.step, load.values)
        for reading in load.readings():
            self.reference.read(reading)
        self.batches += 1
        self.agree()

    def agree(self):
        ours, expected = self.ours.judgement(), self.reference.judgement()
        lowest = None if expected.lowest == reference.NO_LOWEST else expected.lowest
        highest = None if expected.highest == reference.NO_HIGHEST else expected.highest
        breached = tuple(bit for bit in range(16) if expected.breached >> bit & 1)
        sums = expected.above, expected.below, expected.unknown
        assert (ours.until, ours.readings, ours.lowest, ours.highest) == (
            expected.until,
            expected.readings,
            lowest,
            highest,
        )
        assert (ours.above, ours.below, ours.unknown) == sums
        assert ours.breached == breached
        assert self.ours.breached_at == self.reference.breached_at
        assert ours.batches == self.batches
        assert self.ours.window == self.reference.window


@pytest.mark.parametrize("seed", range(8))
def test_every_journey_is_judged_alike(seed):
    dice = random.Random(seed)
    for _ in range(40):
        profile = random_profile(dice)
        pair = Pair(profile)
        for load in random_loads(dice, profile):
            pair.read(load.moved(OPENED))
            if dice.random() < 0.1 and not pair.reference.breached >> BUDGET & 1:
                now = pair.ours.until + dice.choice((-1, 0, 1, 3_600))
                pair.ours.release(now)
                pair.reference.release(now)
                pair.agree()
                break  # what comes next might be older than the release


@pytest.mark.parametrize("seed", range(8))
def test_two_journeys_that_join_are_judged_alike(seed):
    dice = random.Random(1_000 + seed)
    joined = 0
    for _ in range(60):
        profile = random_profile(dice)
        pairs = Pair(profile), Pair(profile)
        for pair in pairs:
            for load in random_loads(dice, profile)[:2]:
                pair.read(load.moved(OPENED))
        if any(pair.reference.breached for pair in pairs):
            continue  # what is quarantined may not move
        into, other = pairs
        # Every second of either window's end, and beyond.
        now = max(pair.ours.until for pair in pairs) + dice.choice((0, 1, 3_600, 3_600 * profile.mkt_hours))
        for pair in pairs:
            pair.ours.wait(now)
        into.ours.worse(other.ours, now)
        into.reference.merge(other.reference, now)
        into.agree()
        joined += 1
    assert joined >= 10


def test_a_window_that_only_the_other_journey_fills_by_waiting_breaches_what_they_become():
    """At the limit itself two hours fill a window of two hours; one reading just above it is then too much."""
    profile = Profile(low=200, high=800, silence=86_400, unknown=86_400, rules=(), mkt_limit=500, mkt_hours=2)
    into, other = Judge(profile, OPENED), Judge(profile, OPENED)
    into.judge(OPENED, 600, [500])
    other.judge(OPENED, 600, [501])
    for judge in (into, other):
        judge.wait(OPENED + 2 * 3_600)
    assert (into.breached, other.breached) == (0, 1 << MKT)
    into.worse(other, OPENED + 2 * 3_600)
    assert into.judgement().breached == (MKT,)
    assert into.breached_at == OPENED + 2 * 3_600


def test_goods_that_were_too_warm_and_goods_that_were_too_cold_use_the_budget_together():
    profile = Profile(low=200, high=800, silence=86_400, unknown=86_400, rules=(), budget=1_000)
    into, other = Judge(profile, OPENED), Judge(profile, OPENED)
    into.judge(OPENED, 600, [900])
    other.judge(OPENED, 600, [100])
    assert (into.breached, other.breached) == (0, 0)
    into.worse(other, OPENED + 600)
    assert into.judgement().breached == (BUDGET,)
    assert into.breached_at == OPENED + 600


@pytest.mark.parametrize("centi", [-27_315, -27_316, -30_000])
def test_at_absolute_zero_nothing_weighs(centi):
    assert kinetic_weight(centi) == 0


def test_just_above_it_a_reading_weighs_nothing_that_can_be_counted():
    assert kinetic_weight(-27_314) == reference.weight(-27_314) == 0
