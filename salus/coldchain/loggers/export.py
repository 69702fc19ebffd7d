"""What an export of a temperature logger says, whatever format it came in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from salus.coldchain.loggers.packing import MAX_READINGS, ReadingBatch, pack
from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput

__all__ = [
    "HIGHEST",
    "LOWEST",
    "Alarm",
    "Day",
    "DeviceReport",
    "LoggerExport",
    "common_step",
    "expect_possible",
    "mean_kinetic",
]

#: Lowest temperature that there is, 0.01 °C.
LOWEST = -27315

#: Highest temperature that a logger for medicines can mean, 0.01 °C.
HIGHEST = 15000

# The gas constant, J/(mol K), and the activation energy, J/mol, as in USP <1079.2>: their quotient is 10,000 K exactly.
_GAS = 8.3144
_ENERGY = 83_144


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
class DeviceReport:
    """What the device itself worked out, from more samples than it logs.

    Args:
        lowest: 0.01 °C, None when it says nothing.
        highest: 0.01 °C, None when it says nothing.
        energy: Activation energy of its mean kinetic temperature, J/mol; None when it computes none.
        minutes: Minutes beyond the threshold of each alarm, summed over the whole file, in the order of the alarms;
            None where it says nothing.
    """

    lowest: int | None
    highest: int | None
    energy: int | None
    minutes: tuple[int | None, ...]


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
        report: What the device itself worked out; None for formats that carry readings alone.
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
    report: DeviceReport | None = None

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
        return mean_kinetic([reading.centi for reading in self.readings if reading.centi is not None])

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


def mean_kinetic(centi: Sequence[int], *, energy: int = _ENERGY) -> float | None:
    """Mean kinetic temperature of readings at equal distances, °C; None for none.

    Args:
        centi: 0.01 °C.
        energy: Activation energy, J/mol; by default the one of USP <1079.2>.
    """
    if not centi:
        return None
    kelvin = energy / _GAS
    mean = math.fsum(math.exp(-kelvin / (value / 100 + 273.15)) for value in centi) / len(centi)
    # Near absolute zero every weight is 0; the mean is then the temperature itself.
    return kelvin / -math.log(mean) - 273.15 if mean > 0 else min(centi) / 100


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
    steps = Counter(later - earlier for earlier, later in pairwise(times))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else 0
