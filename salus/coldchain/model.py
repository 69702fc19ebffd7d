"""Who has a shipment, and what it is: shipments, verdicts, reports, pairings, signed batches. Times are Unix
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from salus.coldchain.loggers.packing import ReadingBatch
from salus.coldchain.temperature import Judgement

__all__ = ["Disposition", "Pairing", "Report", "Shipment", "SignedBatch", "Verdict"]


class Disposition(IntEnum):
    """What was done with a shipment."""

    NONE = 0
    ACTIVE = 1
    QUARANTINED = 2
    CLOSED = 3
    DESTROYED = 4


class Verdict(IntEnum):
    """What a shipment is now, by facts and the clock; only what is intact moves and is given."""

    NONE = 0
    INTACT = 1
    EXCURSION = 2
    UNKNOWN = 3
    OVERDUE = 4
    EXPIRED = 5
    RECALLED = 6
    CLOSED = 7
    DESTROYED = 8

    @property
    def words(self) -> str:
        """In words for people."""
        return (
            "there is no such shipment",
            "intact",
            "a limit was breached and no laboratory has released it since",
            "too much time without readings",
            "not handed on in the time allowed",
            "the lot has expired",
            "the lot is recalled",
            "its units are in another shipment",
            "destroyed",
        )[self]


@dataclass(frozen=True)
class Shipment:
    """A shipment.

    Args:
        id: 0x-hex.
        lot: Id of the lot, 0x-hex.
        holder: Who has it.
        units: How many are still in it.
        since: When the holder took it, Unix seconds, to the minute.
        due: When it must have been handed on, None while no time is set.
        disposition: What was done with it.
        verdict: What it is now.
        chain: First half of its last batch's digest, 0x-hex.
    """

    id: str
    lot: str
    holder: str
    units: int
    since: int
    due: int | None
    disposition: Disposition
    verdict: Verdict
    chain: str


@dataclass(frozen=True)
class Report:
    """Why a verdict is what it is.

    Args:
        verdict: What the shipment is.
        breached: Bits of what was breached, see :class:`salus.coldchain.temperature.Judgement`.
        breached_at: Start of the reading that breached first since the last release, None while none has.
        runs: For each rule, how long it has been hit, seconds.
        silence: Seconds since the end of the last reading.
        intact_until: First second at which silence alone turns it unknown, None when it is so already.
        recall: Code of the lot's recall, 0 while there is none.
        judgement: What its readings amount to, silence until now included.
    """

    verdict: Verdict
    breached: tuple[int, ...]
    breached_at: int | None
    runs: tuple[int, ...]
    silence: int
    intact_until: int | None
    recall: int
    judgement: Judgement


@dataclass(frozen=True)
class Pairing:
    """A device's time with a shipment.

    Args:
        logger: The device.
        start: Readings that start before are not taken.
        end: Readings that start at or after it are not taken.
        model: When not 0, only batches of files that this model's key signed are taken.
    """

    logger: str
    start: int
    end: int
    model: int


@dataclass(frozen=True)
class SignedBatch:
    """A batch as the device signed it; anyone may relay it.

    Args:
        shipment: 32 bytes.
        sequence: Number of the batch in the shipment, from 0.
        batch: The readings.
        file: Digest of the export they are from, 32 bytes; zeros without one.
        signature: 65 bytes.
        chain: The shipment's chain after it, 16 bytes.
    """

    shipment: bytes
    sequence: int
    batch: ReadingBatch
    file: bytes
    signature: bytes
    chain: bytes

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IColdChain.Batch``."""
        return self.shipment, self.batch.header(self.sequence), self.file, self.batch.data
