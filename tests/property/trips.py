"""Random shipments for the cold chain: profiles, moods of readings, and how a device would cut and pack them."""

from __future__ import annotations

from random import Random

from tests.reference.judge import NO_READING, Bound, Judgement, Profile, Reading, Rule, Span, judge

__all__ = ["START", "Trip", "random_base", "random_batches", "random_profile", "random_values", "series"]

DAY = 86_400
START = 1_700_000_000


def series(*values: int | None, step: int = 600, start: int = START) -> list[Reading]:
    """Readings one step after the other."""
    return [Reading(start + i * step, step, value) for i, value in enumerate(values)]


class Trip:
    """One shipment: the batches that the device will log, as (offset, step, values), and what it has logged."""

    def __init__(
        self, profile: Profile, batches: list[tuple[int, int, list[int | None]]], *, ends_at: int, expires_at: int
    ) -> None:
        self.profile = profile
        self.batches = batches
        self.expires_at = expires_at
        offset, step, values = batches[-1]
        self.start = ends_at - offset - step * len(values)
        #: Set by whoever opens the shipment.
        self.id = self.lot = self.chain = b""
        self.sent = 0
        self.logged: list[Reading] = []
        self.releases: list[int] = []

    def __repr__(self) -> str:
        return f"Trip(start={self.start}, profile={self.profile}, batches={self.batches}, releases={self.releases})"

    def readings_of(self, number: int) -> list[Reading]:
        offset, step, values = self.batches[number]
        return series(*values, step=step, start=self.start + offset)

    def judged(self, now: int | None = None) -> Judgement:
        return judge(self.profile, self.start, self.logged, releases=self.releases, now=now)


def random_step(dice: Random, profile: Profile) -> int:
    """Seconds for which a reading stands: never longer than the silence that the profile allows."""
    return dice.choice([step for step in (1, 7, 60, 300, 600, 600, 600, 3_600, 65_535) if step <= profile.silence])


def random_batches(dice: Random, profile: Profile) -> list[tuple[int, int, list[int | None]]]:
    """One to four batches as (offset from the start, step, values), with gaps around one step between them."""
    batches = []
    clock = 0
    for _ in range(dice.choice((1, 1, 2, 3, 4))):
        step = random_step(dice, profile)
        clock += dice.choice((0, 0, 0, step - 1, step, step + 1, dice.randrange(20 * step)))
        count = dice.choice((1, 15, 16, 17, 31, 32, 33, dice.randint(1, 80)))
        batches.append((clock, step, random_values(dice, profile, count)))
        clock += step * count
    return batches


def random_profile(dice: Random) -> Profile:
    """A profile of one to eight rules; its silence is left to the caller."""
    low = dice.choice((-4_000, -2_500, 200, 200, 200, 2_000, dice.randint(-4_000, 6_000)))
    high = low + dice.choice((1, 600, 600, 1_500, dice.randint(1, 2_000)))
    rules = []
    for _ in range(dice.randint(1, 8)):
        bound = dice.choice(list(Bound))
        edge = high if bound is Bound.ABOVE else low
        # Inside the range as well: a rule is about its threshold, not about the label.
        threshold = edge + dice.choice((-100, -1, 0, 0, 1, dice.randint(-2_000, 2_000)))
        minutes = dice.choice((1, 2, 10, 30, 60, 240, dice.randint(1, 3_000), 16_383))
        rules.append(Rule(bound, dice.choice(list(Span)), threshold, minutes))
    return Profile(low, high, 0, dice.choice((0, 1, 600, 7_200, DAY, 30 * DAY, 400 * DAY)), tuple(rules))


def random_values(dice: Random, profile: Profile, count: int) -> list[int | None]:
    """Readings of one mood: calm, wandering, wild, or sitting on the limits."""
    limits = [profile.low, profile.high, *(rule.threshold for rule in profile.rules)]
    mood = dice.choice(("calm", "limits", "limits", "wild", "walk", "runs"))
    missing = dice.choice((0, 0, 0.05, 0.5))
    at = dice.choice(limits)
    values = []
    for _ in range(count):
        if mood == "calm":
            at = dice.randint(profile.low, profile.high)
        elif mood == "limits":
            at = dice.choice(limits) + dice.choice((-1, 0, 1))
        elif mood == "wild":
            at = dice.randint(-4_000, 8_500)
        elif mood == "walk":
            at += dice.randint(-40, 40)
        elif dice.random() < 0.1:
            at = dice.choice(limits) + dice.choice((-1, 0, 1))
        values.append(None if dice.random() < missing else max(-4_000, min(8_500, at)))
    return values


def random_base(dice: Random, values: list[int | None]) -> int:
    """A base that fits: the lowest reading itself, the farthest possible, or the one that every device uses."""
    known = [value for value in values if value is not None]
    lowest, highest = min(known, default=0), max(known, default=0)
    return dice.choice((lowest, max(-32_768, highest - NO_READING + 1), -4_000))
