"""What is shipped and who has it: lots, shipments, signed batches of readings. Times are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from .loggers.packing import ReadingBatch

__all__ = ["Disposition", "Lot", "Shipment", "SignedBatch", "Verdict"]


class Disposition(IntEnum):
    """What was done with a shipment."""

    NONE = 0
    ACTIVE = 1
    QUARANTINED = 2
    DESTROYED = 3


class Verdict(IntEnum):
    """What a shipment is now, by facts and the clock; only what is intact moves."""

    NONE = 0
    INTACT = 1
    EXCURSION = 2
    UNKNOWN = 3
    EXPIRED = 4
    DESTROYED = 5

    @property
    def words(self) -> str:
        """In words for people."""
        return (
            "there is no such shipment",
            "intact",
            "a temperature rule was breached and no laboratory has released it since",
            "too much time without readings",
            "the lot has expired",
            "destroyed",
        )[self]


@dataclass(frozen=True)
class Lot:
    """A vaccine lot.

    Args:
        id: 0x-hex.
        manufacturer: Its account.
        gtin: 14 digits.
        number: The lot number.
        made_at: Unix seconds.
        expires_at: First second at which it may no longer be given.
        units: How many were made.
        units_left: How many are in no shipment yet.
        profile: Id of the profile, 0x-hex.
    """

    id: str
    manufacturer: str
    gtin: str
    number: str
    made_at: int
    expires_at: int
    units: int
    units_left: int
    profile: str


@dataclass(frozen=True)
class Shipment:
    """A shipment.

    Args:
        id: 0x-hex.
        lot: Id of the lot, 0x-hex.
        holder: Who has it.
        offered_to: Who may accept it, None while it is offered to nobody.
        logger: The institution whose device key signs its readings.
        units: How many of the lot.
        monitored_from: Unix seconds.
        breached_at: Start of the reading that breached a rule, None while none has.
        disposition: What was done with it.
        verdict: What it is now.
        chain: Rolling hash over its batches, 0x-hex.
    """

    id: str
    lot: str
    holder: str
    offered_to: str | None
    logger: str
    units: int
    monitored_from: int
    breached_at: int | None
    disposition: Disposition
    verdict: Verdict
    chain: str


@dataclass(frozen=True)
class SignedBatch:
    """A batch as the device signed it; anyone may relay it.

    Args:
        shipment: 32 bytes.
        sequence: Number of the batch in the shipment, from 0.
        batch: The readings.
        signature: 65 bytes.
        chain: The shipment's rolling hash after it, 32 bytes.
    """

    shipment: bytes
    sequence: int
    batch: ReadingBatch
    signature: bytes
    chain: bytes

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IColdChain.Batch``."""
        b = self.batch
        return self.shipment, self.sequence, b.start, b.step, b.count, b.base, b.data
