"""How temperatures are judged: the reference for ``ITemperatureRules`` and ``IColdChain`` in ``interfaces/``.

Temperatures are integers in 0.01 °C, times are Unix seconds, durations seconds where not said otherwise. The whole
series is judged anew on each call, reading by reading: where it was cut into batches cannot matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "Bound",
    "Judgement",
    "LANES",
    "NO_READING",
    "Profile",
    "Reading",
    "Rule",
    "Span",
    "Verdict",
    "judge",
    "pack",
    "unpack",
    "verdict",
]

LANES = 16
NO_READING = 0x7FFF

NO_LOWEST = 32_767
NO_HIGHEST = -32_768


class Bound(IntEnum):
    ABOVE = 0
    BELOW = 1


class Span(IntEnum):
    SINGLE = 0
    CUMULATIVE = 1


class Verdict(IntEnum):
    """Numbered as in ``IColdChain``."""

    NONE = 0
    INTACT = 1
    EXCURSION = 2
    UNKNOWN = 3
    EXPIRED = 4
    DESTROYED = 5


@dataclass(frozen=True)
class Rule:
    bound: Bound
    span: Span
    threshold: int
    after_minutes: int

    def hit(self, value: int) -> bool:
        """At the threshold or beyond it."""
        return value >= self.threshold if self.bound is Bound.ABOVE else value <= self.threshold


@dataclass(frozen=True)
class Profile:
    """As in ``ITemperatureRules``; at most eight rules."""

    low: int
    high: int
    silence: int
    unknown: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class Reading:
    """One reading: it stands for [time, time + step). ``value`` is ``None`` where the logger has none."""

    time: int
    step: int
    value: int | None


@dataclass(frozen=True)
class Judgement:
    """The outcome; ``breached`` has bit i for rule i, ``breached_at`` is 0 while no rule is breached."""

    until: int
    readings: int
    lowest: int
    highest: int
    above: int
    below: int
    unknown: int
    breached: int
    breached_at: int


def judge(
    profile: Profile, start: int, readings: Iterable[Reading], *, releases: Sequence[int] = (), now: int | None = None
) -> Judgement:
    """Judge a shipment's whole series.

    Args:
        start: Start of monitoring.
        readings: In order of time, without overlap.
        releases: When a laboratory released the shipment: what was breached and unknown until then is excused, so that
            time counts as judged until then.
        now: When one asks, not before the last reading's end or release: a silence longer than the profile's is then
            unknown time. ``None`` leaves the silence out.
    """
    until = start
    count = above = below = unknown = breached = breached_at = 0
    lowest, highest = NO_LOWEST, NO_HIGHEST
    sums = [0] * len(profile.rules)
    open_releases = sorted(releases)

    def excuse(before: int) -> None:
        """Start the rules anew for each release that came before a reading."""
        nonlocal until, unknown, breached, breached_at, sums
        while open_releases and open_releases[0] <= before:
            until = max(until, open_releases.pop(0))
            unknown = breached = breached_at = 0
            sums = [0] * len(profile.rules)

    for reading in readings:
        excuse(reading.time)
        gap = reading.time - until
        # In less than a step no reading can be missing. From a whole step on one is, and all of the gap is unknown.
        if gap >= reading.step:
            unknown += gap
        until = reading.time + reading.step
        count += 1
        if reading.value is None:
            unknown += reading.step
            continue
        lowest, highest = min(lowest, reading.value), max(highest, reading.value)
        if reading.value > profile.high:
            above += reading.step
        if reading.value < profile.low:
            below += reading.step
        for i, rule in enumerate(profile.rules):
            if rule.hit(reading.value):
                sums[i] += reading.step
            elif rule.span is Span.SINGLE:
                sums[i] = 0
            if sums[i] >= rule.after_minutes * 60:
                breached_at = breached_at or reading.time
                breached |= 1 << i

    excuse(max(releases, default=start))
    if now is not None and now - until > profile.silence:
        unknown += now - until
    return Judgement(until, count, lowest, highest, above, below, unknown, breached, breached_at)


def verdict(profile: Profile, judgement: Judgement, *, expires_at: int, now: int, destroyed: bool = False) -> Verdict:
    """The verdict on a shipment, from a judgement that was made at ``now``; the most lasting reason goes first."""
    if destroyed:
        return Verdict.DESTROYED
    if now >= expires_at:
        return Verdict.EXPIRED
    if judgement.breached:
        return Verdict.EXCURSION
    if judgement.unknown > profile.unknown:
        return Verdict.UNKNOWN
    return Verdict.INTACT


def pack(values: Sequence[int | None], base: int) -> bytes:
    """Pack readings as a device does: 16 bits each, big-endian, over ``base``, up to a whole number of 32-byte words.

    Args:
        values: In 0.01 °C, ``None`` for a missing one.

    Raises:
        ValueError: A value lies below ``base``, or more than 32,766 above it.
    """
    lanes = []
    for value in values:
        lane = NO_READING if value is None else value - base
        if value is not None and not 0 <= lane < NO_READING:
            raise ValueError(f"{value} cannot be written over base {base}")
        lanes.append(lane)
    lanes += [NO_READING] * (-len(lanes) % LANES)
    return b"".join(lane.to_bytes(2, "big") for lane in lanes)


def unpack(data: bytes, count: int, base: int) -> list[int | None]:
    """The first ``count`` readings of packed data."""
    lanes = [int.from_bytes(data[2 * i : 2 * i + 2], "big") for i in range(count)]
    return [None if lane == NO_READING else base + lane for lane in lanes]
