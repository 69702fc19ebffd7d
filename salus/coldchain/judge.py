"""The judge once more, in whole numbers: what a shipment's readings amount to, from the readings alone.

The contract judges every reading when it comes (``ITemperatureRules``); this says the same of a whole journey, so that
anybody can check a verdict against what the chain keeps in its transactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import cache

from salus.coldchain.temperature import BUDGET, MKT, Bound, Judgement, Profile, Span

__all__ = ["Judge", "kinetic_weight"]

_ZERO_KELVIN = -27315  # 0.01 °C


@cache
def kinetic_weight(centi: int) -> int:
    """What a reading weighs in a mean kinetic temperature: ⌊2³² · e^(10,000/278.15 − 10,000/T)⌋, T in kelvin.

    Args:
        centi: 0.01 °C.
    """
    kelvin = centi - _ZERO_KELVIN  # 0.01 K
    if kelvin <= 0:
        return 0
    with localcontext(prec=60):
        exponent = 1_000_000 / Decimal(27815) - 1_000_000 / Decimal(kelvin)
        return int((Decimal(2**32) * exponent.exp()).to_integral_value("ROUND_FLOOR"))


@dataclass
class Judge:
    """Judges one shipment; times are Unix seconds, temperatures 0.01 °C, durations seconds.

    Attributes:
        until: Time is judged until here.
        runs: For each rule, how long it has been hit.
        breached: Bit i: rule i; then :data:`salus.coldchain.temperature.MKT` and
            :data:`~salus.coldchain.temperature.BUDGET`.
        breached_at: Start of the reading that breached first since the last release, 0 while none has.
        window: When the open MKT window opened and its sum of weight times seconds; None while none is open.
    """

    profile: Profile
    until: int
    batches: int = 0
    readings: int = 0
    lowest: int | None = None
    highest: int | None = None
    above: int = 0
    below: int = 0
    unknown: int = 0
    breached: int = 0
    breached_at: int = 0
    runs: list[int] = field(default_factory=lambda: [0] * 8)
    window: tuple[int, int] | None = None

    def judge(self, start: int, step: int, values: Sequence[int | None]) -> None:
        """Judge a batch: readings from `start`, each for `step` seconds; None is a missing one."""
        # Within a gap shorter than a step no reading can be missing.
        if start - self.until >= step:
            self._gap(self.until, start)
        for number, centi in enumerate(values):
            time = start + number * step
            if centi is None:
                self._missing(time, step)
            else:
                self._known(time, step, centi)
        self.until = start + step * len(values)
        self.batches += 1
        self.readings += len(values)

    def release(self, now: int) -> None:
        """A laboratory answers for what was; the stability budget stays used."""
        self.unknown, self.breached, self.breached_at = 0, self.breached & 1 << BUDGET, 0
        self.runs, self.window = [0] * 8, None
        self.until = max(self.until, now)

    def wait(self, until: int) -> None:
        """Nobody knows anything from what is judged to a time."""
        if until > self.until:
            self._gap(self.until, until)
            self.until = until

    def worse(self, other: Judge, now: int) -> None:
        """Goods judged by another join these: of each sum, run, window and extreme the worse of the two stays.

        Args:
            other: Judged until now, as this one is. It was intact before: only the wait until now can have breached.
            now: When they join.
        """
        self.unknown, self.above, self.below = (
            max(self.unknown, other.unknown),
            max(self.above, other.above),
            max(self.below, other.below),
        )
        self.runs = [max(pair) for pair in zip(self.runs, other.runs, strict=True)]
        self.lowest = min((v for v in (self.lowest, other.lowest) if v is not None), default=None)
        self.highest = max((v for v in (self.highest, other.highest) if v is not None), default=None)
        if other.window is not None:
            opened, total = self.window or (0, 0)
            self.window = max(opened, other.window[0]), max(total, other.window[1])
        self.breached |= other.breached
        self.breached_at = min((at for at in (self.breached_at, other.breached_at) if at), default=0)
        if self.profile.budget and self.above + self.below > self.profile.budget:
            self._breach(BUDGET, now)

    def judgement(self) -> Judgement:
        """What it amounts to so far."""
        return Judgement(
            until=self.until,
            batches=self.batches,
            readings=self.readings,
            lowest=self.lowest,
            highest=self.highest,
            above=self.above,
            below=self.below,
            unknown=self.unknown,
            breached=tuple(bit for bit in range(16) if self.breached >> bit & 1),
        )

    def _known(self, time: int, step: int, centi: int) -> None:
        profile = self.profile
        self.lowest = centi if self.lowest is None else min(self.lowest, centi)
        self.highest = centi if self.highest is None else max(self.highest, centi)
        if centi > profile.high:
            self.above += step
        elif centi < profile.low:
            self.below += step
        for number, rule in enumerate(profile.rules):
            hit = centi >= rule.threshold if rule.bound is Bound.ABOVE else centi <= rule.threshold
            if hit:
                self.runs[number] += step
                if self.runs[number] >= rule.minutes * 60:
                    self._breach(number, time)
            elif rule.span is Span.SINGLE and not self.breached >> number & 1:
                self.runs[number] = 0  # one that is breached keeps the run that breached it
        if profile.budget and self.above + self.below > profile.budget:
            self._breach(BUDGET, time)
        if profile.mkt_hours:
            self._close_window(time)
            if self.window is None and centi > profile.mkt_limit:
                self.window = (time, 0)
            if self.window is not None:
                self._weigh(time, kinetic_weight(centi) * step)

    def _missing(self, time: int, step: int) -> None:
        """A reading that is missing: of a window it takes what a reading would, at the limit itself."""
        self.unknown += step
        self._close_window(time)
        if self.window is not None:
            self._weigh(time, kinetic_weight(self.profile.mkt_limit) * step)

    def _gap(self, start: int, end: int) -> None:
        """Time without readings: of a window it takes what lies inside, at the limit itself."""
        self.unknown += end - start
        if self.window is not None:
            inside = min(end, self.window[0] + self.profile.mkt_hours * 3600) - start
            if inside > 0:
                self._weigh(end, kinetic_weight(self.profile.mkt_limit) * inside)
            self._close_window(end)

    def _close_window(self, time: int) -> None:
        if self.window is not None and time >= self.window[0] + self.profile.mkt_hours * 3600:
            self.window = None

    def _weigh(self, time: int, weight: int) -> None:
        assert self.window is not None
        self.window = (self.window[0], self.window[1] + weight)
        if self.window[1] > self.profile.mkt_hours * 3600 * kinetic_weight(self.profile.mkt_limit):
            self._breach(MKT, time)

    def _breach(self, bit: int, time: int) -> None:
        if not self.breached >> bit & 1:
            self.breached |= 1 << bit
            self.breached_at = self.breached_at or time
