"""Readings as CSV: a header ``time,celsius``, then one reading a line.

::

    time,celsius
    2026-01-05T06:00:00Z,4.85
    2026-01-05T06:10:00Z,

Times are ISO 8601 with seconds at most and an offset or ``Z``; a time without one is refused unless the offset is
given. An empty temperature is a missing reading; others have at most two decimals, for what is finer the chain could
not judge as it was measured.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from decimal import Decimal
from pathlib import Path

from salus.errors import BadInput, one_line
from salus.jsonfile import read_text
from salus.loggers.export import LoggerExport, Reading, common_step, expect_possible

__all__ = ["parse_offset", "read_csv"]

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:\.0+)?(Z|[+-]\d{2}:?\d{2})?\Z")
_CELSIUS = re.compile(r"[+-]?\d{1,4}(\.\d{1,2}0*)?\Z")
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})\Z")


def read_csv(path: str | Path, *, serial: str = "", utc_offset: str | None = None) -> LoggerExport:
    """Read a CSV file of readings.

    Args:
        path: The file, UTF-8.
        serial: The device's serial number, which the file cannot say.
        utc_offset: What times without an offset are in, e.g. ``+05:30`` or ``Z``.

    Raises:
        BadInput: Not such a file, cut short, times out of order or twice, an impossible temperature, fewer than two
            readings; names the line.
    """
    source, text = str(path), read_text(path)
    local = None if utc_offset is None else parse_offset(utc_offset)
    if text and not text.endswith(("\n", "\r")):
        raise BadInput(source, "last line", "has no line end, so the file may be cut short; export it again")
    rows = csv.reader(io.StringIO(text), strict=True)
    readings: list[Reading] = []
    try:
        header = next(rows, [])
        if [name.strip().lower() for name in header] != ["time", "celsius"]:
            raise BadInput(source, "line 1", f"is {one_line(','.join(header), 60)!r}; give the header time,celsius")
        for row in rows:
            where = f"line {rows.line_num}"
            if not row:
                continue
            if len(row) != 2:
                raise BadInput(source, where, f"has {len(row)} fields; give time,celsius")
            time = _time(row[0].strip(), source, f"{where}: time", local)
            if readings and time <= readings[-1].time:
                same = time == readings[-1].time
                raise BadInput(
                    source,
                    f"{where}: time",
                    "comes twice; keep one reading" if same else "is before the line above; sort the readings by time",
                )
            readings.append(Reading(time, _celsius(row[1].strip(), source, f"{where}: celsius")))
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


def _time(text: str, source: str, field: str, local: int | None) -> int:
    match = _TIME.match(text)
    if not match:
        raise BadInput(source, field, f"is {one_line(text, 40)!r}; give ISO 8601, e.g. 2026-01-05T06:00:00Z")
    if match[4] is None and local is None:
        raise BadInput(source, field, f"is {text!r}, without an offset; write Z or ±hh:mm, or give --utc-offset")
    try:
        naive = dt.datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ':00'}")
        offset = parse_offset(match[4]) if match[4] else local
    except (ValueError, BadInput):
        raise BadInput(source, field, f"is {text!r}, which is no time; give one of the calendar") from None
    assert offset is not None
    time = int(naive.replace(tzinfo=dt.UTC).timestamp()) - offset
    if time < 0:
        raise BadInput(source, field, f"is {text!r}; give a time from 1970 on")
    return time


def _celsius(text: str, source: str, field: str) -> int | None:
    if not text:
        return None
    if not _CELSIUS.match(text):
        raise BadInput(
            source, field, f"is {one_line(text, 40)!r}; give °C with at most two decimals, or leave it empty"
        )
    return expect_possible(int(Decimal(text) * 100), source, field)
