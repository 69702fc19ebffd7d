"""Readings packed as the contracts take them: words of 16-bit or 8-bit codes (see ITemperatureRules)."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salus.coldchain.loggers.reading import Reading

__all__ = ["MAX_READINGS", "ReadingBatch", "pack", "unpack"]

#: Readings in a batch unless told otherwise: 30 days at 10 minutes. The contract takes up to 5,000.
MAX_READINGS = 4_320

_LONGEST_STEP = 2**16 - 1  # seconds
_FINEST, _COARSEST = 1, 255  # 0.01 °C
# A last word that is not full costs some 7,000 gas, 8 bits instead of 16 save 5 gas a reading
# (benchmarks/results.json): below so many readings whole words are worth more.
_DENSE = 1_400
_FORMATS = {8: "B", 16: "H"}
# Where the fields of a header word begin; the base is two's complement.
_STEP, _COUNT, _BASE, _WIDTH, _RESOLUTION, _START = 64, 80, 96, 112, 120, 24


def _none(width: int) -> int:
    """The code that says "no reading", and fills the last word: all bits but the topmost."""
    return (1 << (width - 1)) - 1


@dataclass(frozen=True)
class ReadingBatch:
    """Readings at equal distances.

    Args:
        start: Time of the first reading, Unix seconds.
        step: Seconds for which each reading stands, and to the next one.
        count: Readings, missing ones included.
        base: The temperature of code 0, 0.01 °C.
        data: Whole words of 32 bytes.
        width: Bits of a code, 8 or 16.
        resolution: What one code is above the one before it, 0.01 °C, 1 to 255.
    """

    start: int
    step: int
    count: int
    base: int
    data: bytes
    width: int = 16
    resolution: int = 1

    @property
    def end(self) -> int:
        """End of the last reading's step, Unix seconds."""
        return self.start + self.step * self.count

    def header(self, sequence: int) -> int:
        """The word ``IColdChain.Batch.header`` with the batch's number in the shipment."""
        return (
            sequence
            | self.start << _START
            | self.step << _STEP
            | self.count << _COUNT
            | (self.base & 0xFFFF) << _BASE
            | self.width << _WIDTH
            | self.resolution << _RESOLUTION
        )

    @classmethod
    def of_header(cls, header: int, data: bytes) -> tuple[int, ReadingBatch]:
        """A header's sequence and its batch."""

        def field(at: int, bits: int) -> int:
            return header >> at & (1 << bits) - 1

        base = field(_BASE, 16)
        return field(0, 24), cls(
            start=field(_START, 40),
            step=field(_STEP, 16),
            count=field(_COUNT, 16),
            base=base - (base >> 15 << 16),
            data=data,
            width=field(_WIDTH, 8),
            resolution=field(_RESOLUTION, 8),
        )


def pack(readings: Sequence[Reading], *, step: int | None = None, most: int = MAX_READINGS) -> list[ReadingBatch]:
    """Pack readings into batches, without loss.

    A reading stands for the step that follows it, or for less when the next one comes sooner, so that no two overlap.
    Where the distance changes, a new batch begins: a gap stays a gap. The base is the batch's lowest temperature and
    the resolution what all its temperatures share: a logger that measures tenths of a degree fits 8 bits over 12.6 °C,
    and of 16 bits the upper half is then mostly zero, and zeros are cheap.

    Args:
        readings: In order of time, each time once; temperatures within 16 bits of 0.01 °C.
        step: Seconds that a reading stands for; by default the most frequent distance.
        most: Readings in a batch, at most.

    Returns:
        Batches in order of time; none for no readings. :func:`unpack` gives the same readings back.

    Raises:
        ValueError: Times out of order, a temperature beyond 16 bits, `most` below 1, or a step that is unknown (a
            single reading) or not from 1 to 65,535 s.
    """
    if most < 1:
        raise ValueError(f"most is {most}; give at least 1")
    if not readings:
        return []
    distances = [later.time - earlier.time for earlier, later in pairwise(readings)]
    if any(distance <= 0 for distance in distances):
        raise ValueError("readings are not in order of time, each time once")
    if step is None:
        frequency = Counter(distances)
        step = min(frequency, key=lambda s: (-frequency[s], s)) if frequency else 0
    if not 1 <= step <= _LONGEST_STEP:
        raise ValueError(f"a step of {step} s; give 1 to {_LONGEST_STEP} s")
    # For the last reading nothing shortens the step.
    steps = [min(step, distance) for distance in distances] + [step]
    batches, group = [], [readings[0]]
    low, high = _range(readings[0].centi, None, None)
    for n in range(1, len(readings)):
        wider = _range(readings[n].centi, low, high)
        follows = distances[n - 1] == steps[n - 1] == steps[n] and len(group) < most
        if follows and (wider[0] is None or wider[1] - wider[0] < _none(16)):
            group.append(readings[n])
            low, high = wider
        else:
            batches.append(_batch(group, steps[n - 1]))
            group = [readings[n]]
            low, high = _range(readings[n].centi, None, None)
    batches.append(_batch(group, steps[-1]))
    return batches


def unpack(batches: Sequence[ReadingBatch]) -> list[Reading]:
    """The readings of batches, in their order.

    Raises:
        ValueError: Data of another length than the count demands, padding that is not "no reading", a code above
            it, or a width or resolution that does not exist.
    """
    return [reading for batch in batches for reading in _readings(batch)]


def _readings(batch: ReadingBatch) -> Iterator[Reading]:
    from salus.coldchain.loggers.reading import Reading

    if batch.width not in _FORMATS or not _FINEST <= batch.resolution <= _COARSEST:
        raise ValueError(f"codes of {batch.width} bits in steps of {batch.resolution}; the contracts take 8 or 16 bits")
    lanes, none = 256 // batch.width, _none(batch.width)
    words = -(-batch.count // lanes)
    if batch.count < 1 or len(batch.data) != words * 32:
        raise ValueError(f"{len(batch.data)} bytes of data for {batch.count} readings; {words * 32} are due")
    codes = struct.unpack(f">{words * lanes}{_FORMATS[batch.width]}", batch.data)
    if any(code > none for code in codes) or any(code != none for code in codes[batch.count :]):
        raise ValueError("data that is not packed as the contracts take it")
    for n, code in enumerate(codes[: batch.count]):
        yield Reading(batch.start + n * batch.step, None if code == none else batch.base + code * batch.resolution)


def _range(centi: int | None, low: int | None, high: int | None) -> tuple[int, int] | tuple[None, None]:
    if centi is None:
        return (None, None) if low is None or high is None else (low, high)
    if not -(2**15) <= centi < 2**15:
        raise ValueError(f"a temperature of {centi / 100} °C does not fit 16 bits")
    return (centi, centi) if low is None or high is None else (min(low, centi), max(high, centi))


def _batch(group: Sequence[Reading], step: int) -> ReadingBatch:
    known = [reading.centi for reading in group if reading.centi is not None]
    base = min(known, default=0)
    shared = math.gcd(*(centi - base for centi in known)) or _FINEST
    # The largest step of the code that loses nothing.
    resolution = max(n for n in range(_FINEST, _COARSEST + 1) if shared % n == 0)
    narrow = all((centi - base) // resolution < _none(8) for centi in known)
    width = 8 if narrow and not (len(group) % 32 == 16 and len(group) < _DENSE) else 16
    lanes, none = 256 // width, _none(width)
    codes = [none if reading.centi is None else (reading.centi - base) // resolution for reading in group]
    codes += [none] * (-len(codes) % lanes)
    data = struct.pack(f">{len(codes)}{_FORMATS[width]}", *codes)
    return ReadingBatch(group[0].time, step, len(group), base, data, width, resolution)
