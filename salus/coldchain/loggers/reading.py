"""One temperature reading, as every kind of file and message gives it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """One reading.

    Args:
        time: Unix seconds.
        centi: 0.01 °C, or None when the logger had no reading.
    """

    time: int
    centi: int | None
