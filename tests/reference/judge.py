"""How temperatures are judged: the reference for ``ITemperatureRules``, and for the verdict of ``IColdChain``.

Temperatures are integers in 0.01 °C, times are Unix seconds, durations seconds where not said otherwise. A series is
judged reading by reading: where it was cut into batches cannot matter to it, for it does not know.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from mpmath import mp, mpf

__all__ = [
    "ABSOLUTE_ZERO",
    "BUDGET",
    "BY_HAND",
    "FORK",
    "MKT",
    "Bound",
    "Judgement",
    "Profile",
    "Reading",
    "Report",
    "Rule",
    "Series",
    "Span",
    "Verdict",
    "judge",
    "report",
    "verdict",
    "weight",
]

HOUR = 3_600
NO_LOWEST = 32_767
NO_HIGHEST = -32_768
ABSOLUTE_ZERO = -27_315

#: Bits of what is breached, after those of the rules.
MKT, BUDGET, FORK, BY_HAND = 8, 9, 10, 11


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
    OVERDUE = 4
    EXPIRED = 5
    RECALLED = 6
    CLOSED = 7
    DESTROYED = 8


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
    rules: tuple[Rule, ...] = ()
    budget: int = 0
    mkt_limit: int = 0
    mkt_hours: int = 0
    storage_class: int = 0
    vvm: int = 0

    def terms(self) -> tuple:
        """As the struct of the interface has it."""
        rules = [(rule.bound, rule.span, rule.threshold, rule.after_minutes) for rule in self.rules]
        head = (self.storage_class, self.vvm, self.low, self.high, self.silence, self.unknown, self.budget)
        return (*head, self.mkt_limit, self.mkt_hours, rules)


@dataclass(frozen=True)
class Reading:
    """One reading: it stands for [time, time + step). ``value`` is ``None`` where the logger has none."""

    time: int
    step: int
    value: int | None


@dataclass(frozen=True)
class Judgement:
    """As in ``ITemperatureRules``, without the number of batches."""

    until: int
    readings: int
    lowest: int
    highest: int
    above: int
    below: int
    unknown: int
    breached: int

    def facts(self, batches: int) -> tuple[int, ...]:
        """As the struct of the interface has it."""
        head = (self.until, batches, self.readings, self.lowest, self.highest)
        return (*head, self.above, self.below, self.unknown, self.breached)


@dataclass(frozen=True)
class Report:
    """As in ``IColdChain``; one run a rule."""

    verdict: Verdict
    breached: int
    breached_at: int
    runs: tuple[int, ...]
    silence: int
    intact_until: int
    recall: int
    judgement: Judgement

    def facts(self, batches: int) -> tuple:
        """As the struct of the interface has it."""
        runs = self.runs + (0,) * (8 - len(self.runs))
        head = (self.verdict, self.breached, self.breached_at, runs, self.silence, self.intact_until, self.recall)
        return (*head, self.judgement.facts(batches))


@cache
def weight(temperature: int) -> int:
    """k(T) = ⌊2³² · e^(10,000/278.15 - 10,000/T)⌋, nothing at absolute zero.

    Sixty digits: no whole number lies so near to one of these values that it would need more.
    """
    if temperature == ABSOLUTE_ZERO:
        return 0
    with mp.workdps(60):
        exponent = mpf(1_000_000) / 27_815 - mpf(1_000_000) / (temperature - ABSOLUTE_ZERO)
        return int(mp.floor(2**32 * mp.exp(exponent)))


class Series:
    """All that is judged of a shipment, from its opening on.

    Args:
        opened: When the shipment was opened. Until it is monitored, all time since then is unknown.
    """

    def __init__(self, profile: Profile, opened: int) -> None:
        self.profile = profile
        self.until = opened
        #: Whether anything is known of it: paired once, or vouched for by a laboratory.
        self.monitored = False
        self.readings = 0
        self.lowest, self.highest = NO_LOWEST, NO_HIGHEST
        self.above = self.below = self.unknown = self.breached = self.breached_at = 0
        self.runs = [0] * len(profile.rules)
        #: Single rules whose breaching run has ended: what comes later does not lengthen it.
        self._over: set[int] = set()
        #: Start and sum of the open window of the mean kinetic temperature.
        self.window: tuple[int, int] | None = None

    # ---- what happens ------------------------------------------------------------------------------------------------

    def pair(self, start: int) -> None:
        """A logger is paired with the shipment. The first time, monitoring starts: what was before is unknown time.

        What lies between two pairings is a gap like any other.
        """
        if not self.monitored:
            self.unknown += max(0, start - self.until)
            self.until = start
            self.monitored = True

    def read(self, reading: Reading) -> None:
        """Judge the next reading, which is not before ``until``."""
        if reading.time < self.until:
            raise ValueError(f"{reading} is older than what is judged")
        # In less than a step no reading can be missing. From a whole step on one is, and all of the gap is unknown.
        if reading.time - self.until >= reading.step:
            self._miss(self.until, reading.time, reading.time)
        self.until = reading.time + reading.step
        self.readings += 1
        if self.window and reading.time >= self._window_end():
            self.window = None
        if reading.value is None:
            # A window takes each reading that starts in it for its whole step; here none was made.
            self.unknown += reading.step
            self._weigh(self.profile.mkt_limit, reading.step, reading.time)
            return
        self._judge(reading.time, reading.step, reading.value)

    def release(self, now: int) -> None:
        """A laboratory answers for all that was until now."""
        if self.breached >> BUDGET & 1:
            raise ValueError("no release refills a stability budget")
        self.until, self.monitored = max(self.until, now), True
        self.unknown = self.breached = self.breached_at = 0
        self.runs = [0] * len(self.profile.rules)
        self._over.clear()
        self.window = None

    def mark(self, bit: int) -> None:
        """Something other than a reading quarantines the shipment: `FORK` or `BY_HAND`."""
        self.breached |= 1 << bit

    def split(self) -> Series:
        """The part: it inherits all that was judged."""
        return copy.deepcopy(self)

    def merge(self, other: Series, now: int) -> None:
        """Take in another shipment: of all that was judged of the two, the worse stays."""
        for each in (self, other):
            if each.until >= now:  # its last step still runs
                continue
            each._miss(each.until, now, now)
            each.until = now
            if each.window and now >= each._window_end():
                each.window = None
        self.lowest, self.highest = min(self.lowest, other.lowest), max(self.highest, other.highest)
        self.above, self.below = max(self.above, other.above), max(self.below, other.below)
        self.unknown = max(self.unknown, other.unknown)
        self.runs = [max(pair) for pair in zip(self.runs, other.runs, strict=True)]
        windows = [window for window in (self.window, other.window) if window]
        # What closes later takes more: the later start, though it be the other one's, and the larger sum.
        self.window = tuple(map(max, zip(*windows, strict=True))) if windows else None
        self.breached |= other.breached
        self.breached_at = self.breached_at or other.breached_at
        self._spend(now)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def silence(self, now: int) -> int:
        """None while the last reading's step still runs."""
        return max(0, now - self.until)

    def unknown_at(self, now: int) -> int:
        """Unknown time, with the silence until now where that is longer than the profile allows."""
        quiet = self.silence(now)
        return self.unknown + (quiet if quiet > self.profile.silence or not self.monitored else 0)

    def lost_at(self, now: int) -> bool:
        """Whether too much of its time is unknown."""
        return not self.monitored or self.unknown_at(now) > self.profile.unknown

    def intact_until(self, now: int) -> int:
        """First second at which silence alone makes it unknown, 0 when it is so already."""
        if self.lost_at(now):
            return 0
        return self.until + max(self.profile.silence, self.profile.unknown - self.unknown) + 1

    def judgement(self, now: int | None = None) -> Judgement:
        """As of now; ``None`` leaves the silence out."""
        unknown = self.unknown if now is None else self.unknown_at(now)
        head = (self.until, self.readings, self.lowest, self.highest)
        return Judgement(*head, self.above, self.below, unknown, self.breached)

    # ---- how it is judged --------------------------------------------------------------------------------------------

    def _judge(self, time: int, step: int, value: int) -> None:
        self.lowest, self.highest = min(self.lowest, value), max(self.highest, value)
        if value > self.profile.high:
            self.above += step
        if value < self.profile.low:
            self.below += step
        for i, rule in enumerate(self.profile.rules):
            single, breached = rule.span is Span.SINGLE, self.breached >> i & 1
            if rule.hit(value):
                self.runs[i] += step * (i not in self._over)
            elif single and breached:
                self._over.add(i)
            elif single:
                self.runs[i] = 0
            if self.runs[i] >= rule.after_minutes * 60:
                self._breach(i, time)
        if self.profile.mkt_hours and not self.window and value > self.profile.mkt_limit:
            self.window = (time, 0)
        self._weigh(value, step, time)
        self._spend(time)

    def _miss(self, start: int, end: int, at: int) -> None:
        """Unknown time; of a window it takes what lies inside, and no more."""
        self.unknown += end - start
        if self.window:
            self._weigh(self.profile.mkt_limit, max(0, min(end, self._window_end()) - start), at)

    def _window_end(self) -> int:
        return self.window[0] + self.profile.mkt_hours * HOUR

    def _weigh(self, temperature: int, duration: int, at: int) -> None:
        if self.window is None:
            return
        start, total = self.window
        self.window = (start, total + duration * weight(temperature))
        if self.window[1] > self.profile.mkt_hours * HOUR * weight(self.profile.mkt_limit):
            self._breach(MKT, at)

    def _spend(self, at: int) -> None:
        if self.profile.budget and self.above + self.below > self.profile.budget:
            self._breach(BUDGET, at)

    def _breach(self, bit: int, at: int) -> None:
        # The first reading that breaches anything counts, be a quarantine by hand older or not.
        if not self.breached & 0x3FF:
            self.breached_at = at
        self.breached |= 1 << bit


def judge(profile: Profile, start: int, readings: Iterable[Reading], *, releases: Sequence[int] = ()) -> Series:
    """Judge a whole series: monitored without an end from ``start`` on, released now and then."""
    series = Series(profile, start)
    series.pair(start)
    waiting = sorted(releases)
    for reading in readings:
        while waiting and waiting[0] <= reading.time:
            series.release(waiting.pop(0))
        series.read(reading)
    for release in waiting:
        series.release(release)
    return series


def verdict(
    series: Series,
    now: int,
    *,
    expires_at: int,
    late: bool = False,
    recall: int = 0,
    closed: bool = False,
    destroyed: bool = False,
) -> Verdict:
    """The verdict on a shipment; the most lasting reason goes first.

    Args:
        expires_at: First second at which the lot may no longer be given.
        late: The time in which it must be handed on is over.
        recall: Code of the lot's recall, 0 without one.
    """
    reasons = {
        Verdict.DESTROYED: destroyed,
        Verdict.CLOSED: closed,
        Verdict.RECALLED: recall,
        Verdict.EXPIRED: now >= expires_at,
        Verdict.EXCURSION: series.breached,
        Verdict.UNKNOWN: series.lost_at(now),
        Verdict.OVERDUE: late,
    }
    return next((reason for reason, applies in reasons.items() if applies), Verdict.INTACT)


def report(series: Series, now: int, *, recall: int = 0, **terms: int) -> Report:
    """The verdict with all that it rests on; ``terms`` as for `verdict`."""
    return Report(
        verdict(series, now, recall=recall, **terms),
        series.breached,
        series.breached_at,
        tuple(series.runs),
        series.silence(now),
        series.intact_until(now),
        recall,
        series.judgement(now),
    )
