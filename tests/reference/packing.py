"""Batches of readings as devices send them: the reference for the packing of ``ITemperatureRules``.

Temperatures are in 0.01 °C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["WIDTHS", "Header", "no_reading", "pack", "span", "unpack"]

#: Bits a reading may take.
WIDTHS = (16, 8)
_WORD = 256


def no_reading(width: int) -> int:
    """The code that stands for none: all bits but the topmost."""
    return (1 << (width - 1)) - 1


def span(width: int, resolution: int) -> int:
    """How far over its base a batch can reach."""
    return (no_reading(width) - 1) * resolution


def pack(values: Sequence[int | None], base: int, *, width: int = 16, resolution: int = 1) -> bytes:
    """Pack readings as a device does: over ``base`` in steps of ``resolution``, up to a whole number of words.

    Args:
        values: In 0.01 °C, ``None`` for a missing one.

    Raises:
        ValueError: A value lies below ``base``, too far above it, or between two steps.
    """
    codes = []
    for value in values:
        code, rest = (no_reading(width), 0) if value is None else divmod(value - base, resolution)
        if rest or (value is not None and not 0 <= code < no_reading(width)):
            raise ValueError(f"{value} cannot be written over base {base} in {width} bits of {resolution}")
        codes.append(code)
    codes += [no_reading(width)] * (-len(codes) % (_WORD // width))
    return b"".join(code.to_bytes(width // 8, "big") for code in codes)


def unpack(data: bytes, count: int, base: int, *, width: int = 16, resolution: int = 1) -> list[int | None]:
    """The first ``count`` readings of packed data."""
    size = width // 8
    codes = [int.from_bytes(data[size * i : size * (i + 1)], "big") for i in range(count)]
    return [None if code == no_reading(width) else base + code * resolution for code in codes]


class Header(NamedTuple):
    """What a batch says of its data, in the order in which the device signs it; see ``IColdChain.Batch``."""

    sequence: int
    start: int
    step: int
    count: int
    base: int
    width: int
    resolution: int

    def word(self) -> int:
        """All of it as one number."""
        word = shift = 0
        for field, bits in zip(self, (24, 40, 16, 16, 16, 8, 8), strict=True):
            word |= (field % (1 << bits)) << shift  # a base below zero is its two's complement
            shift += bits
        return word
