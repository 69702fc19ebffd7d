"""Readings as CSV: a header with a time and a temperature, then one reading a line.

::

    time,celsius
    2026-01-05T06:00:00Z,4.85
    2026-01-05T06:10:00Z,

Times are ISO 8601 with seconds at most and an offset or ``Z``, or Unix seconds in a column ``unix``; a time without an
offset is refused unless the offset, or the zone with its daylight saving, is given. An empty temperature is a missing
reading, and so are ``--.-``, ``NaN`` and ``null``; others have at most two decimals, for what is finer the chain could
not judge as it was measured (degrees Fahrenheit go to the nearest 0.01 °C).

The temperature's column says its unit: ``celsius``, ``fahrenheit``, ``kelvin``, ``celsius_x10`` or ``celsius_x100``
(whole tenths or hundredths). No unit is guessed from the numbers. Fields are separated by commas, semicolons or tabs;
with the latter two the decimal sign may be a comma. Other columns are left alone.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from salus.coldchain.loggers.export import LoggerExport, common_step, expect_possible
from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line
from salus.formats.json_file import read_text

__all__ = ["is_csv", "parse_offset", "read_csv"]

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:\.0+)?(Z|[+-]\d{2}:?\d{2})?\Z")
_UNIX = re.compile(r"\d{1,11}\Z")
_NUMBER = re.compile(r"[+-]?\d{1,6}(\.\d{1,9})?\Z")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z")
_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z0-9_+\-]+){1,2}\Z")

_MISSING = frozenset({"", "--.-", "nan", "null", "n/a"})
_TIMES = ("time", "timestamp", "datetime", "unix")
_SEPARATORS = ",;\t"

# What 16-bit or careless firmware writes for "no reading", in hundredths or as it is.
_SENTINELS = frozenset(
    Decimal(text) for text in ("-32768 32767 -999 -9999 9999 999.9 -327.68 327.67 -3276.8 3276.7").split()
)


@dataclass(frozen=True)
class _Unit:
    centi: Callable[[Decimal], Decimal]
    rounded: bool = False


_UNITS = {
    "celsius": _Unit(lambda value: value * 100),
    "celsius_x10": _Unit(lambda value: value * 10),
    "celsius_x100": _Unit(lambda value: value),
    "fahrenheit": _Unit(lambda value: (value - 32) * 500 / 9, rounded=True),
    "kelvin": _Unit(lambda value: (value - Decimal("273.15")) * 100),
}


def is_csv(content: bytes) -> bool:
    """Whether a file begins like CSV with a header."""
    first = content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].lower()
    return b"," in first or any(name.encode() in first for name in _TIMES)


def read_csv(path: str | Path, *, serial: str = "", utc_offset: str | None = None) -> LoggerExport:
    """Read a CSV file of readings.

    Args:
        path: The file, UTF-8.
        serial: The device's serial number, which the file cannot say.
        utc_offset: What times without an offset are in: ``Z``, ``+05:30``, or a zone of the tz database such as
            ``Europe/Zurich``, whose daylight saving then counts.

    Raises:
        BadInput: Not such a file, cut short, times out of order or twice, an impossible temperature, fewer than two
            readings; names the line.
    """
    source, text = str(path), read_text(path)
    clock = _Clock(source, utc_offset)
    if text and not text.endswith(("\n", "\r")):
        raise BadInput(source, "last line", "has no line end, so the file may be cut short; export it again")
    separator = _separator(text)
    rows = csv.reader(io.StringIO(text), strict=True, delimiter=separator)
    readings: list[Reading] = []
    try:
        header = next(rows, [])
        columns = _Columns(source, header, comma=separator != ",")
        for row in rows:
            where = f"line {rows.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                raise BadInput(source, where, f"has {len(row)} fields; give {separator.join(_named(header))}")
            last = readings[-1].time if readings else None
            time = columns.time_of(row, clock, where, last)
            if last is not None and time <= last:
                raise BadInput(
                    source,
                    f"{where}: time",
                    "comes twice; keep one reading"
                    if time == last
                    else "is before the line above; sort the readings by time, or give the files from before and after"
                    " the clock was set one by one",
                )
            readings.append(Reading(time, columns.centi_of(row, where)))
    except csv.Error as trouble:
        raise BadInput(source, f"line {rows.line_num}", f"is not CSV ({trouble}); give time,celsius") from None
    if len(readings) < 2:
        raise BadInput(
            source, "file", f"holds {len(readings)} readings; give at least two, so that their distance is known"
        )
    step = common_step([reading.time for reading in readings])
    if step > 65_535:
        raise BadInput(source, "time", f"steps by {step} s; give readings at most 18 hours apart")
    return LoggerExport(source, "CSV", serial, step, tuple(readings), (), None, "absent")


def parse_offset(text: str) -> int:
    """Seconds east of UTC of ``Z`` or ``±hh:mm``.

    Raises:
        BadInput: Another text, or beyond 14 hours.
    """
    if text == "Z":
        return 0
    match = _OFFSET.match(text)
    if not match or int(match[3]) > 59 or int(match[2]) * 60 + int(match[3]) > 14 * 60:
        raise BadInput("", "offset", f"is {one_line(text, 20)!r}; give Z or ±hh:mm, e.g. +05:30")
    return (1 if match[1] == "+" else -1) * (int(match[2]) * 3600 + int(match[3]) * 60)


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    # The one that the header has most of; a comma where it has none.
    return max(_SEPARATORS, key=lambda sign: (first.count(sign), sign == ","))


def _named(header: Sequence[str]) -> list[str]:
    return [one_line(name.strip().lower(), 20) for name in header]


class _Columns:
    """Where time and temperature stand, and in what unit."""

    def __init__(self, source: str, header: Sequence[str], *, comma: bool) -> None:
        self.source, self.comma = source, comma
        names = [name.strip().lower() for name in header]
        times = [n for n, name in enumerate(names) if name in _TIMES]
        units = [n for n, name in enumerate(names) if name in _UNITS]
        if len(times) != 1 or len(units) != 1:
            shown = one_line(",".join(header), 60)
            raise BadInput(source, "line 1", f"is {shown!r}; give the header time,celsius")
        self.time, self.centi = times[0], units[0]
        self.unix = names[self.time] == "unix"
        self.name, self.unit = names[self.centi], _UNITS[names[self.centi]]

    def time_of(self, row: Sequence[str], clock: _Clock, where: str, last: int | None) -> int:
        text = row[self.time].strip()
        if not self.unix:
            return clock.seconds(text, f"{where}: time", last)
        if not _UNIX.match(text):
            raise BadInput(self.source, f"{where}: time", f"is {one_line(text, 40)!r}; give Unix seconds")
        return int(text)

    def centi_of(self, row: Sequence[str], where: str) -> int | None:
        text = row[self.centi].strip()
        if text.lower() in _MISSING:
            return None
        where = f"{where}: {self.name}"
        plain = text.replace(",", ".") if self.comma else text
        if not _NUMBER.match(plain):
            raise self._no_number(where, text)
        value = Decimal(plain)
        if value in _SENTINELS and not -27315 <= self.unit.centi(value) <= 15000:
            raise BadInput(
                self.source, where, f"is {text}, which loggers write for no reading; leave it empty where that is meant"
            )
        centi = self.unit.centi(value)
        if self.unit.rounded:
            centi = centi.to_integral_value(rounding=ROUND_HALF_EVEN)
        if centi != centi.to_integral_value():
            raise self._no_number(where, text)
        return expect_possible(int(centi), self.source, where)

    def _no_number(self, where: str, text: str) -> BadInput:
        what = {"celsius_x10": "whole tenths of °C", "celsius_x100": "whole hundredths of °C"}.get(
            self.name,
            {"fahrenheit": "°F", "kelvin": "K", "celsius": "°C"}.get(self.name, "") + " with at most two decimals",
        )
        return BadInput(self.source, where, f"is {one_line(text, 40)!r}; give {what}, or leave it empty")


class _Clock:
    """What times without an offset are in."""

    def __init__(self, source: str, offset: str | None) -> None:
        self.source = source
        self.zone: ZoneInfo | None = None
        self.offset: int | None = None
        if offset is not None and _ZONE.match(offset):
            try:
                self.zone = ZoneInfo(offset)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise BadInput("", "offset", f"is {one_line(offset, 40)!r}, no known zone; give ±hh:mm") from None
        elif offset is not None:
            self.offset = parse_offset(offset)

    def seconds(self, text: str, field: str, last: int | None) -> int:
        match = _TIME.match(text)
        if not match:
            raise BadInput(self.source, field, f"is {one_line(text, 40)!r}; give ISO 8601, e.g. 2026-01-05T06:00:00Z")
        try:
            naive = dt.datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ':00'}")
            offset = parse_offset(match[4]) if match[4] else self.offset
        except (ValueError, BadInput):
            raise BadInput(self.source, field, f"is {text!r}, which is no time; give one of the calendar") from None
        if offset is not None:
            time = int(naive.replace(tzinfo=dt.UTC).timestamp()) - offset
        elif self.zone is not None:
            time = self._local(naive, text, field, last)
        else:
            raise BadInput(
                self.source, field, f"is {text!r}, without an offset; write Z or ±hh:mm, or give --utc-offset"
            )
        if time < 0:
            raise BadInput(self.source, field, f"is {text!r}; give a time from 1970 on")
        return time

    def _local(self, naive: dt.datetime, text: str, field: str, last: int | None) -> int:
        """A local time in UTC. In the hour that comes twice in autumn the order of the readings says which it is."""
        zone = str(self.zone)
        first, second = (int(naive.replace(tzinfo=self.zone, fold=fold).timestamp()) for fold in (0, 1))
        if first > second:  # fold means the opposite in the hour that is skipped
            raise BadInput(self.source, field, f"is {text!r}, a time that {zone} skips; export with offsets")
        if first != second and last is None:
            raise BadInput(
                self.source, field, f"is {text!r}, an hour that {zone} has twice; begin earlier, or export with offsets"
            )
        return first if last is None or first > last else second
