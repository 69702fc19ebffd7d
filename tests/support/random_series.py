"""Random shipments for the cold chain: profiles, moods of readings, and how a device would cut and pack them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.reference.judge import ABSOLUTE_ZERO, Bound, Profile, Reading, Rule, Span
from tests.reference.packing import Header, no_reading, pack, span

__all__ = [
    "START",
    "Load",
    "random_loads",
    "random_packing",
    "random_profile",
    "random_values",
    "rules_of",
    "series",
]

DAY = 86_400
START = 1_700_000_000
#: What no logger measures lies beyond these, in 0.01 °C.
LOWEST, HIGHEST = ABSOLUTE_ZERO, 15_000


def series(*values: int | None, step: int = 600, start: int = START) -> list[Reading]:
    """Readings one step after the other."""
    return [Reading(start + i * step, step, value) for i, value in enumerate(values)]


@dataclass(frozen=True)
class Load:
    """One batch as a device makes it; ``start`` may be counted from anywhere until it is `moved`."""

    start: int
    step: int
    values: tuple[int | None, ...]
    base: int = -4_000
    width: int = 16
    resolution: int = 1

    @property
    def end(self) -> int:
        return self.start + self.step * len(self.values)

    def moved(self, by: int) -> Load:
        return replace(self, start=self.start + by)

    def header(self, sequence: int) -> Header:
        return Header(sequence, self.start, self.step, len(self.values), self.base, self.width, self.resolution)

    def data(self) -> bytes:
        return pack(self.values, self.base, width=self.width, resolution=self.resolution)

    def readings(self) -> list[Reading]:
        return series(*self.values, step=self.step, start=self.start)

    def cut(self, at: int) -> list[Load]:
        """The same readings as two batches, the first with ``at`` of them."""
        first, second = self.values[:at], self.values[at:]
        return [replace(self, values=first), replace(self, start=self.start + at * self.step, values=second)]


# ---- profiles --------------------------------------------------------------------------------------------------------


def rules_of(dice: Random, low: int, high: int, most: int = 8) -> tuple[Rule, ...]:
    rules = []
    for _ in range(dice.randint(1, most)):
        bound = dice.choice(list(Bound))
        edge = high if bound is Bound.ABOVE else low
        # Inside the range as well: a rule is about its threshold, not about the label.
        threshold = edge + dice.choice((-100, -1, 0, 0, 1, dice.randint(-2_000, 2_000)))
        minutes = dice.choice((1, 2, 10, 30, 60, 240, dice.randint(1, 3_000), 16_383))
        rules.append(Rule(bound, dice.choice(list(Span)), max(LOWEST, min(HIGHEST, threshold)), minutes))
    return tuple(rules)


def random_profile(dice: Random) -> Profile:
    """A profile of up to eight rules, with or without a budget and a mean kinetic temperature."""
    low = dice.choice((-4_000, -2_500, 200, 200, 200, 2_000, dice.randint(-4_000, 6_000)))
    high = low + dice.choice((1, 600, 600, 1_500, dice.randint(1, 2_000)))
    rules = rules_of(dice, low, high)
    budget = dice.choice((0, 0, 1, 3_600, dice.randint(1, 2 * DAY)))
    limit = hours = 0
    if dice.random() < 0.6:
        # An hour or two is crossed by a few readings, so that a window's end is met often.
        hours = dice.choice((1, 1, 2, 3, 24, 24, 720, 1_023))
        limit = dice.choice((high, high, high, 0, 2_500, dice.randint(-2_000, 4_000)))
        limit = max(-10_000, min(10_000, limit))
        if dice.random() < 0.3:
            rules = ()
    elif budget and dice.random() < 0.3:
        rules = ()
    return Profile(
        low,
        high,
        silence=dice.choice((60, 600, 3_600, DAY, 31 * DAY, 45 * DAY, 400 * DAY)),
        unknown=dice.choice((0, 1, 600, 7_200, DAY, 30 * DAY, 400 * DAY)),
        rules=rules,
        budget=budget,
        mkt_limit=limit,
        mkt_hours=hours,
        storage_class=dice.randrange(6),
        vvm=dice.choice((0, 2, 7, 11, 14, 30)),
    )


def _limits(profile: Profile) -> list[int]:
    limits = [profile.low, profile.high, *(rule.threshold for rule in profile.rules)]
    return limits + [profile.mkt_limit] * 2 * bool(profile.mkt_hours)


# ---- readings --------------------------------------------------------------------------------------------------------


def random_values(dice: Random, profile: Profile, count: int) -> list[int | None]:
    """Readings of one mood: calm, wandering, wild, sitting on the limits, or hot for a while and cool again."""
    limits = _limits(profile)
    mood = dice.choice(("calm", "limits", "limits", "wild", "walk", "runs", "peaks", "peaks"))
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
        elif mood == "runs" and dice.random() < 0.1:
            at = dice.choice(limits) + dice.choice((-1, 0, 1))
        elif mood == "peaks" and dice.random() < 0.2:
            # Near the limit of the mean, so that it is met only towards the end of a window.
            edge = profile.mkt_limit if profile.mkt_hours else profile.high
            at = edge + dice.choice((1, 1, 30, 700, dice.randint(1, 3_000), -1, -30, -100, -dice.randint(1, 1_500)))
        values.append(None if dice.random() < missing else max(-4_000, min(8_500, at)))
    return values


def random_packing(dice: Random, profile: Profile, load: Load) -> Load:
    """The same batch in 16 or 8 bits; where the packing is too coarse or too narrow, its readings become what it holds.

    The base is the lowest reading itself, the farthest possible, what every device uses, or a step beside a limit.
    """
    width = dice.choice((16, 16, 8))
    resolution = dice.choice((1, 1, 1, 10, 50, 255) if width == 16 else (1, 5, 20, 20, 50, 255))
    known = [value for value in load.values if value is not None] or [0]
    reach = span(width, resolution)
    near = dice.choice(_limits(profile)) + dice.choice((-1, 0, 1)) - resolution * dice.randrange(no_reading(width))
    farthest = max(-32_768, max(known) - reach)
    base = max(LOWEST, min(HIGHEST, dice.choice((min(known), farthest, near, near, -4_000))))
    top = min(reach, HIGHEST - base) // resolution
    values = tuple(
        None if value is None else base + max(0, min(top, (value - base) // resolution)) * resolution
        for value in load.values
    )
    return replace(load, values=values, base=base, width=width, resolution=resolution)


def random_step(dice: Random, profile: Profile) -> int:
    """Seconds for which a reading stands: never longer than the silence that the profile allows."""
    return dice.choice([step for step in (1, 7, 60, 300, 600, 600, 600, 3_600, 65_535) if step <= profile.silence])


def random_loads(dice: Random, profile: Profile) -> list[Load]:
    """One to five batches from second 0 on, with gaps around one step and around a window's end between them."""
    loads: list[Load] = []
    clock = 0
    step = random_step(dice, profile)
    for _ in range(dice.choice((1, 1, 2, 3, 4, 5))):
        if dice.random() < 0.3:
            step = random_step(dice, profile)
        wide = dice.choice((20 * step, profile.mkt_hours * 3_600 + 2 * step, 2 * profile.silence))
        clock += dice.choice((0, 0, 0, step - 1, step, step + 1, dice.randrange(min(wide, 40 * DAY))))
        # Every filling of the last word, of either width.
        count = dice.choice((1, 15, 16, 17, 31, 32, 33, dice.randint(1, 33), dice.randint(1, 80)))
        load = Load(clock, step, tuple(random_values(dice, profile, count)))
        loads.append(random_packing(dice, profile, load))
        clock = loads[-1].end
    return loads
