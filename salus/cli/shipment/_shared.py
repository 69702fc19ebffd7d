"""``salus shipment``: the group, and what its commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from salus.cli.common import group

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.coldchain.handover import Handover, Shake

__all__ = ["OFFSET", "REASON", "SHIPMENT", "commitment", "handover_facts", "noun", "seen_options", "shake_of"]

SHIPMENT = "SHIPMENT"
OFFSET = click.option("--utc-offset", help="For CSV whose times name no offset: Z or +05:30.")
REASON = click.option(
    "--reason", type=click.IntRange(1, 65535), required=True, help="Your own code for it; no free text goes on chain."
)


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


def seen_options(function):  # type: ignore[no-untyped-def]
    """What the receiver saw."""
    for option in (
        click.option(
            "--shake", type=click.Choice(["passed", "failed"]), help="Shake test of freeze-sensitive vaccine."
        ),
        click.option("--vvm", type=click.IntRange(1, 4), help="Stage of the vial monitor: 1 or 2 may be used."),
    ):
        function = option(function)
    return function


def shake_of(word: str | None) -> Shake:
    from salus.coldchain.handover import Shake

    return Shake[word.upper()] if word else Shake.NOT_DONE


def handover_facts(salus: Salus, handover: Handover) -> list[tuple[str, object]]:
    """Every field that is signed, in words."""
    from salus.cli.common import moment

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
