"""Days as the contracts number them: whole days of UTC since 1970-01-01.

>>> day_of(20089)
datetime.date(2025, 1, 1)
>>> number_of(day_of(20089)), day_text(20089)
(20089, '2025-01-01')
"""

from __future__ import annotations

import datetime as dt

__all__ = ["day_of", "day_text", "number_of"]

_EPOCH = dt.date(1970, 1, 1)


def day_of(number: int) -> dt.date:
    """The day of a number of days since 1970-01-01.

    Args:
        number: Within the calendar of this machine, which ends with the year 9999.
    """
    return _EPOCH + dt.timedelta(days=number)


def number_of(day: dt.date) -> int:
    """Days since 1970-01-01; below 0 before it.

    Args:
        day: Any.
    """
    return (day - _EPOCH).days


def day_text(number: int) -> str:
    """The date ``YYYY-MM-DD`` of a day number; the number where the calendar of this machine ends before it.

    Args:
        number: Days since 1970-01-01.
    """
    try:
        return day_of(number).isoformat()
    except OverflowError:
        return f"day {number}"
