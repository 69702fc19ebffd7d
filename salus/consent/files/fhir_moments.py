"""Periods of a Consent as the registry has them: the first second, and the first second after the last one."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from salus.formats.fhir import Resource

__all__ = ["bounds"]

_MOMENT = re.compile(
    r"(?P<year>\d{4})(?P<month>-\d{2})?(?P<day>-\d{2})?"
    r"(?P<time>T\d{2}:\d{2}:\d{2})?(?P<part>\.\d+)?(?P<zone>Z|[+-]\d{2}:\d{2})?\Z"
)


def bounds(at: Resource, period: Mapping[str, Any], path: str, outer: tuple[int, int]) -> tuple[int, int]:
    """The first second of a period, and the first second after it.

    A block's time is a whole second: a start within a second begins with the next one, and an end within a second
    includes that second.

    Args:
        at: The resource, for messages.
        period: FHIR's Period; its end is included.
        path: Where it stands.
        outer: What holds where it has no start, or no end.

    Raises:
        BadInput: No time of the calendar, or the end is not after the start.
    """
    start = _moment(at, period["start"], f"{path}.start")[0] if "start" in period else outer[0]
    end = _moment(at, period["end"], f"{path}.end")[1] if "end" in period else outer[1]
    if end <= start:
        raise at.refuse(path, "ends before it starts, or before 1970; give a period")
    return start, end


def _moment(at: Resource, text: object, path: str) -> tuple[int, int]:
    """First second of a moment as precise as it is written, and the first second after it."""
    # The validation lets a number pass for a time.
    match = _MOMENT.match(text) if isinstance(text, str) else None
    if not match or not _is_whole(match):
        raise at.refuse(path, f"is {text!r}; give a date, or a time with seconds and an offset")
    try:
        start, after = _second(match) if match["time"] else _days(match)
    except (ValueError, OverflowError):
        raise at.refuse(path, f"is {text!r}, which is no time; give one of the calendar") from None
    # The registry's clock begins in 1970: what held before has held since then.
    return max(start, 0), max(after, 0)


def _is_whole(match: re.Match[str]) -> bool:
    """Whether a time has a day and an offset, and a date has neither offset nor fraction."""
    if match["time"]:
        return bool(match["day"] and match["zone"])
    return not match["part"] and not match["zone"] and bool(match["month"] or not match["day"])


def _second(match: re.Match[str]) -> tuple[int, int]:
    whole = "".join(match[name] for name in ("year", "month", "day", "time", "zone"))
    moment = int(dt.datetime.fromisoformat(whole).timestamp()) + Fraction("0" + (match["part"] or ".0"))
    return math.ceil(moment), math.floor(moment) + 1


def _days(match: re.Match[str]) -> tuple[int, int]:
    month, day = match["month"], match["day"]
    first = last = dt.date(int(match["year"]), int((month or "-01")[1:]), int((day or "-01")[1:]))
    if not month:
        last = first.replace(month=12, day=31)
    elif not day:
        last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return _midnight(first), _midnight(last) + 86_400


def _midnight(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())
