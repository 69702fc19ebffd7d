"""Moments and days as they are typed and shown: ``2027-01-01``, ``2027-01-01T12:00:00Z``, ``+90d``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from salus.cli.output import escape_control_chars

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["duration", "moment", "parse_day", "parse_duration", "parse_end", "parse_moment"]


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}


def parse_moment(text: str, now: Callable[[], int], option: str = "--until") -> int:
    """A moment as Unix seconds: ``2027-01-01``, ``2027-01-01T12:00:00Z`` (UTC unless it says otherwise), or ``+90d``.

    Args:
        text: What was typed.
        now: Gives the chain's clock, for what is relative to it (``s``, ``m``, ``h``, ``d``, ``w``, ``y`` of 365 days).
        option: Its name in the message.

    Raises:
        BadInput: Neither of these.
    """
    import datetime as dt

    from salus.errors import BadInput

    wrong = BadInput(
        option, "", f"{escape_control_chars(text)!r} is no moment; write 2027-01-01, 2027-01-01T12:00:00Z or +90d"
    )
    if match := re.fullmatch(r"\+(\d{1,9})([smhdwy])", text.strip()):
        seconds = now() + int(match[1]) * _UNITS[match[2]]
    else:
        try:
            point = dt.datetime.fromisoformat(text.strip())
        except ValueError:
            raise wrong from None
        if point.tzinfo is None:
            point = point.replace(tzinfo=dt.UTC)
        seconds = int(point.timestamp())
    if not 0 < seconds < 1 << 40:
        raise wrong
    return seconds


def parse_end(text: str, now: Callable[[], int], *, start: int = 0) -> int:
    """The moment of ``--until``, which must lie ahead, and after ``start``.

    Args:
        text: What was typed.
        now: Gives the chain's clock.
        start: Unix seconds of ``--from``, 0 without one.

    Raises:
        BadInput: No moment, or one that is past: the chain would refuse it, after a password was typed and an order
            signed.
    """
    from salus.errors import BadInput

    end = parse_moment(text, now)
    if end <= now():
        raise BadInput("--until", "", f"{moment(end)} is past; the chain's clock says {moment(now())}")
    if end <= start:
        raise BadInput("--until", "", f"{moment(end)} is not after --from, {moment(start)}")
    return end


def parse_day(text: str, option: str) -> dt.date:
    """A day as it is typed: ``2027-01-31``.

    Raises:
        BadInput: No such day.
    """
    import datetime as dt

    from salus.errors import BadInput, one_line

    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadInput(option, "", f"is {one_line(text, 20)!r}; write 2025-01-31") from None


def parse_duration(text: str) -> int:
    """A time as seconds: ``90d``, ``12h``, ``30m``, ``45s``, ``2w`` or ``1y`` of 365 days.

    Args:
        text: What was typed.

    Raises:
        BadInput: No such time, or none at all.
    """
    from salus.errors import BadInput, one_line

    if (match := re.fullmatch(r"\+?(\d{1,9})([smhdwy])", text.strip())) and 0 < (
        seconds := int(match[1]) * _UNITS[match[2]]
    ) < 1 << 32:
        return seconds
    raise BadInput("duration", "", f"is {one_line(text, 20)!r}; write 90d, 12h, 30m, 45s, 2w or 1y")


def duration(seconds: int) -> str:
    """Seconds for people, in the largest unit that they fill: ``2 days``; 0 is ``at once``.

    Args:
        seconds: How many.
    """
    for name, unit in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds and seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "at once"


def moment(seconds: int) -> str:
    """Unix seconds for people, UTC."""
    from salus.errors.explanations import moment as words

    return words(seconds)
