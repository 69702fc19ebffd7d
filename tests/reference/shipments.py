"""What the books of custody are about: the records of ``IColdChain``, and how an act is refused.

Accounts, lots and shipments are whatever names the test has for them; times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from tests.reference.judge import Profile, Series

__all__ = [
    "Account",
    "Checks",
    "Device",
    "Disposition",
    "Handover",
    "Id",
    "Lot",
    "Pairing",
    "Refused",
    "Shipment",
    "Signed",
]

Account = Any
Id = Any


class Disposition(IntEnum):
    NONE = 0
    ACTIVE = 1
    QUARANTINED = 2
    CLOSED = 3
    DESTROYED = 4


class Refused(Exception):
    """An act that may not be; ``reasons`` are errors as (name, arguments), ``None`` where the prose leaves those
    open.
    """

    def __init__(self, reasons: Sequence[tuple[str, tuple[Any, ...] | None]]) -> None:
        super().__init__(reasons)
        self.reasons = list(reasons)

    def allows(self, name: str, arguments: tuple[Any, ...]) -> bool:
        """Whether an error is one of the reasons."""
        return any(name == reason and args in (None, arguments) for reason, args in self.reasons)


class Checks:
    """Gathers what speaks against an act."""

    def __init__(self) -> None:
        self._reasons: list[tuple[str, tuple[Any, ...] | None]] = []

    def refuse(self, broken: Any, name: str, *arguments: Any) -> None:
        if broken:
            self._reasons.append((name, None if arguments == (...,) else arguments))

    def done(self) -> None:
        if self._reasons:
            raise Refused(self._reasons)


@dataclass(frozen=True)
class Lot:
    manufacturer: Account
    made_at: int
    expires_at: int
    units: int
    profile: Profile


@dataclass
class Device:
    """A logger, which is its own account; ``calibrated_until`` is the first second at which it no longer is."""

    owner: Account
    calibrated_until: int
    in_service: bool = True


@dataclass(frozen=True)
class Handover:
    """As in ``IColdChain``, without the seal."""

    shipment: Id
    to: Account
    deadline: int
    hours_allowed: int = 0
    vvm: int = 0
    shake: int = 0

    def offer(self) -> Handover:
        """What the giver signs of it."""
        return replace(self, vvm=0, shake=0)


@dataclass(frozen=True)
class Signed:
    """A signature over a handover, made while the holder ``giver`` held it since ``since``."""

    by: Account
    giver: Account
    since: int
    handover: Handover


@dataclass
class Pairing:
    """``stretch`` is [from, to), as the series has it."""

    stretch: list[int]
    model: int = 0


@dataclass
class Shipment:
    lot: Id
    holder: Account
    units: int
    since: int
    due: int
    series: Series
    disposition: Disposition = Disposition.ACTIVE
    batches: int = 0
    #: First half of the digest of the last batch.
    chain: bytes = bytes(16)
    #: By device.
    pairings: dict[Account, Pairing] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        return self.disposition in (Disposition.CLOSED, Disposition.DESTROYED)

    def late(self, now: int) -> bool:
        """Whether the time in which it must be handed on is over."""
        return bool(self.due) and now >= self.due

    def facts(self) -> tuple[Any, ...]:
        """As the struct of the interface has it."""
        return (self.lot, self.holder, self.units, self.since, self.due, self.disposition, self.chain)
