"""Readings packed as the contracts take them: 16 bits each, big-endian, 16 in a word (see ITemperatureRules)."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salus.loggers.export import Reading

__all__ = ["MAX_READINGS", "ReadingBatch", "pack", "unpack"]

#: Readings in a batch unless told otherwise: 30 days at 10 minutes. The contract takes up to 5,000.
MAX_READINGS = 4_320

_NONE = 0x7FFF  # "no reading", and what fills the last word
_LANES = 16  # readings in a word
_LONGEST_STEP = 2**16 - 1  # seconds


@dataclass(frozen=True)
class ReadingBatch:
    """Readings at equal distances.

    Args:
        start: Time of the first reading, Unix seconds.
        step: Seconds for which each reading stands, and to the next one.
        count: Readings, missing ones included.
        base: What is added to each 16-bit number, 0.01 °C.
        data: ⌈count ÷ 16⌉ words of 32 bytes.
    """

    start: int
    step: int
    count: int
    base: int
    data: bytes

    @property
    def end(self) -> int:
        """End of the last reading's step, Unix seconds."""
        return self.start + self.step * self.count


def pack(readings: Sequence[Reading], *, step: int | None = None, most: int = MAX_READINGS) -> list[ReadingBatch]:
    """Pack readings into batches.

    A reading stands for the step that follows it, or for less when the next one comes sooner, so that no two overlap.
    Where the distance changes, a new batch begins: a gap stays a gap. The base is the batch's lowest temperature: small
    numbers have more zero bytes, and those are cheap.

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
    distances = [later.time - earlier.time for earlier, later in zip(readings, readings[1:], strict=False)]
    if any(distance <= 0 for distance in distances):
        raise ValueError("readings are not in order of time, each time once")
    if step is None:
        frequency = Counter(distances)
        step = min(frequency, key=lambda s: (-frequency[s], s)) if frequency else 0
    if not 1 <= step <= _LONGEST_STEP:
        raise ValueError(f"a step of {step} s; give 1 to {_LONGEST_STEP} s")
    # For the last reading nothing shortens the step.
    steps = [min(step, distance) for distance in distances] + [step]
    batches, group = [], [0]
    low, high = _range(readings[0].centi, None, None)
    for n in range(1, len(readings)):
        wider = _range(readings[n].centi, low, high)
        follows = distances[n - 1] == steps[n - 1] == steps[n] and len(group) < most
        if follows and (wider[0] is None or wider[1] - wider[0] < _NONE):
            group.append(n)
            low, high = wider
        else:
            batches.append(_batch([readings[i] for i in group], steps[group[0]], low))
            group = [n]
            low, high = _range(readings[n].centi, None, None)
    batches.append(_batch([readings[i] for i in group], steps[group[0]], low))
    return batches


def unpack(batches: Sequence[ReadingBatch]) -> list[Reading]:
    """The readings of batches, in their order.

    Raises:
        ValueError: Data of another length than the count demands, padding that is not "no reading", or a number above
            it.
    """
    from salus.loggers.export import Reading

    readings = []
    for batch in batches:
        words = -(-batch.count // _LANES)
        if batch.count < 1 or len(batch.data) != words * 32:
            raise ValueError(f"{len(batch.data)} bytes of data for {batch.count} readings; {words * 32} are due")
        lanes = struct.unpack(f">{words * _LANES}H", batch.data)
        if any(lane > _NONE for lane in lanes) or any(lane != _NONE for lane in lanes[batch.count :]):
            raise ValueError("data that is not packed as the contracts take it")
        readings += [
            Reading(batch.start + n * batch.step, None if lane == _NONE else batch.base + lane)
            for n, lane in enumerate(lanes[: batch.count])
        ]
    return readings


def _range(centi: int | None, low: int | None, high: int | None) -> tuple[int, int] | tuple[None, None]:
    if centi is None:
        return (None, None) if low is None or high is None else (low, high)
    if not -(2**15) <= centi < 2**15:
        raise ValueError(f"a temperature of {centi / 100} °C does not fit 16 bits")
    return (centi, centi) if low is None or high is None else (min(low, centi), max(high, centi))


def _batch(group: list[Reading], step: int, low: int | None) -> ReadingBatch:
    base = 0 if low is None else low
    lanes = [_NONE if reading.centi is None else reading.centi - base for reading in group]
    lanes += [_NONE] * (-len(lanes) % _LANES)
    return ReadingBatch(group[0].time, step, len(group), base, struct.pack(f">{len(lanes)}H", *lanes))
