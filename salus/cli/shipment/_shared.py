"""``salus shipment``: the group, and what its commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.moments import moment
from salus.cli.options import group, option

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.coldchain.handover import Handover, Shake
    from salus.coldchain.lots import Lot
    from salus.coldchain.model import Shipment
    from salus.coldchain.temperature import Profile

__all__ = [
    "DEVICE",
    "DEVICE_PASSWORD",
    "OFFSET",
    "SHIPMENT",
    "Seen",
    "commitment",
    "handover_facts",
    "noun",
    "parts_of",
]

SHIPMENT = "SHIPMENT"
OFFSET = click.option("--utc-offset", help="For CSV whose times name no offset: Z or +05:30.")
DEVICE = click.option(
    "--device", required=True, help="The logger's key: a keystore file, or node:0 for an account of the node."
)
DEVICE_PASSWORD = click.option("--device-password-file", type=click.Path(), help="File with its password.")


@group("shipment")
def noun() -> None:
    """Ship vaccines, log temperatures, see the verdict.

    A manufacturer opens shipments of its lots (`salus lot`), and pairs a logger (`salus logger`) with each. Its
    readings are judged on chain, one by one; only while it is intact it is handed on, by both parties' signatures.
    """


def commitment(text: str | None) -> tuple[bytes, str | None]:
    """A salted commitment to a place, and its salt as 0x-hex; zeros and None without one."""
    from salus.coldchain.handover import seal_of

    if not text:
        return bytes(32), None
    made, salt = seal_of(text)
    return made, "0x" + salt.hex()


@dataclass(frozen=True)
class Seen:
    """What the receiver saw."""

    vvm: int | None = option("--vvm", type=click.IntRange(1, 4), help="Stage of the vial monitor: 1 or 2 may be used.")
    shake: str | None = option(
        "--shake", type=click.Choice(["passed", "failed"]), help="Shake test of freeze-sensitive vaccine."
    )

    @property
    def test(self) -> Shake:
        """The shake test."""
        from salus.coldchain.handover import Shake

        return Shake[self.shake.upper()] if self.shake else Shake.NOT_DONE

    @property
    def facts(self) -> list[tuple[str, object]]:
        """For a confirmation."""
        facts: list[tuple[str, object]] = [("vial monitor", f"stage {self.vvm}")] if self.vvm else []
        return [*facts, ("shake test", self.shake)] if self.shake else facts


def parts_of(salus: Salus, shipment: bytes) -> tuple[Shipment, Lot, Profile]:
    """A shipment, its lot and its profile."""
    found = salus.coldchain.shipment(shipment)
    lot = salus.lots.lot(bytes.fromhex(found.lot[2:]))
    return found, lot, salus.lots.profile(bytes.fromhex(lot.profile[2:]))


def handover_facts(salus: Salus, handover: Handover) -> list[tuple[str, object]]:
    """Every field that is signed, in words."""
    rows: list[tuple[str, object]] = [
        ("shipment", "0x" + handover.shipment.hex()),
        ("from", salus.institutions.name(handover.giver)),
        ("to", salus.institutions.name(handover.to)),
        ("hand on within", f"{handover.hours_allowed} h" if handover.hours_allowed else "it stays there"),
        ("signature ends", moment(handover.deadline)),
    ]
    if any(handover.seal):
        rows.append(("seal", handover.seal_number or f"commitment 0x{handover.seal.hex()}"))
    if handover.vvm:
        rows.append(("vial monitor", f"stage {handover.vvm}"))
    if handover.shake:
        rows.append(("shake test", handover.shake.name.lower()))
    return rows
