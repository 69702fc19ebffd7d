"""What an export of a temperature logger says, whatever format it came in."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from salus.errors import BadInput
from salus.loggers.packing import MAX_READINGS, ReadingBatch, pack

__all__ = ["HIGHEST", "LOWEST", "Alarm", "Day", "LoggerExport", "Reading", "common_step", "expect_possible"]

#: Lowest temperature that there is, 0.01 °C.
LOWEST = -27315

#: Highest temperature that a logger for medicines can mean, 0.01 °C.
HIGHEST = 15000

# Activation energy over the gas constant, kelvin: 83.144 kJ/mol over 8.3144 J/(mol K), as in USP <1079.2>.
_KELVIN = 10_000.0


@dataclass(frozen=True)
class Reading:
    """One reading.

    Args:
        time: Unix seconds.
        centi: 0.01 °C, or None when the logger had no reading.
    """

    time: int
    centi: int | None


@dataclass(frozen=True)
class Alarm:
    """A rule that the logger itself watches.

    Args:
        bound: Which side is bad.
        span: Whether its time is in one run or summed.
        threshold: 0.01 °C.
        minutes: Time after which it is raised.
        raised: Whether it was.
    """

    bound: Literal["above", "below"]
    span: Literal["single", "cumulative"]
    threshold: int
    minutes: int
    raised: bool


@dataclass(frozen=True)
class Day:
    """A day of a logger's own history.

    Args:
        date: The logger's local date, ISO.
        lowest: 0.01 °C, None when nothing was measured.
        highest: 0.01 °C, None when nothing was measured.
        alarm_minutes: Minutes beyond each alarm's threshold, in the order of the alarms.
    """

    date: str
    lowest: int | None
    highest: int | None
    alarm_minutes: tuple[int, ...]


@dataclass(frozen=True)
class LoggerExport:
    """A logger's export.

    Args:
        source: The file.
        device: The device's model, e.g. ``Q-tag CLm doc LR``.
        serial: Its serial number, perhaps empty.
        interval_s: Seconds between readings; 0 when the export has none.
        readings: In order of time, each time once; empty for a logger that keeps daily history only.
        alarms: The logger's own.
        device_mkt: Mean kinetic temperature as the device computed it, 0.01 °C, None when it did not.
        signature: ``verified`` or ``absent``; an export whose signature does not verify is refused.
        days: Daily history, as in the file; empty when there is none.
    """

    source: str
    device: str
    serial: str
    interval_s: int
    readings: tuple[Reading, ...]
    alarms: tuple[Alarm, ...]
    device_mkt: int | None
    signature: Literal["verified", "absent"]
    days: tuple[Day, ...] = ()

    @property
    def lowest(self) -> int | None:
        """Lowest temperature of the readings, else of the history, 0.01 °C."""
        return min(self._extremes("lowest"), default=None)

    @property
    def highest(self) -> int | None:
        """Highest temperature of the readings, else of the history, 0.01 °C."""
        return max(self._extremes("highest"), default=None)

    @property
    def missing(self) -> int:
        """How many readings the logger could not take."""
        return sum(reading.centi is None for reading in self.readings)

    @property
    def mkt(self) -> float | None:
        """Mean kinetic temperature of the readings, °C; None without readings."""
        known = [reading.centi for reading in self.readings if reading.centi is not None]
        if not known:
            return None
        mean = math.fsum(math.exp(-_KELVIN / (centi / 100 + 273.15)) for centi in known) / len(known)
        # Near absolute zero every weight is 0; the mean is then the temperature itself.
        return _KELVIN / -math.log(mean) - 273.15 if mean > 0 else min(known) / 100

    def batches(self, *, most: int = MAX_READINGS) -> list[ReadingBatch]:
        """The readings packed for the chain.

        Raises:
            BadInput: The export has no readings.
        """
        if not self.readings:
            raise BadInput(
                self.source,
                "Data",
                f"is missing: this {self.device or 'logger'} keeps a daily history only, from which no reading can be"
                " judged; give an export with readings",
            )
        return pack(self.readings, step=self.interval_s, most=most)

    def _extremes(self, name: str) -> list[int]:
        if self.readings:
            return [reading.centi for reading in self.readings if reading.centi is not None]
        return [value for day in self.days if (value := getattr(day, name)) is not None]


def expect_possible(centi: int, source: str, field: str) -> int:
    """The temperature itself.

    Raises:
        BadInput: No logger for medicines can mean it.
    """
    if not LOWEST <= centi <= HIGHEST:
        raise BadInput(source, field, f"is {centi / 100:.2f} °C, which is impossible; give −273.15 to 150 °C")
    return centi


def common_step(times: list[int]) -> int:
    """The most frequent distance between neighbours, the shorter one of two; 0 for fewer than two times."""
    steps = Counter(later - earlier for earlier, later in zip(times, times[1:], strict=False))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else 0
