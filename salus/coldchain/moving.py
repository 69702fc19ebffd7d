"""Whether a shipment may move now: asked before anybody signs for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from salus.coldchain.model import Verdict
from salus.errors import refusals
from salus.errors.explanations import explain

if TYPE_CHECKING:
    from salus.coldchain.handover import Handover
    from salus.coldchain.lots import Lots
    from salus.coldchain.shipments import ColdChain
    from salus.institutions.registry import Institutions

__all__ = ["check_handover"]

#: Goes nowhere, not even back.
_GONE = (Verdict.NONE, Verdict.CLOSED, Verdict.DESTROYED)


def check_handover(coldchain: ColdChain, lots: Lots, institutions: Institutions, handover: Handover) -> None:
    """Refuse a handover that the contract would refuse for what the shipment is now.

    Only what is intact is handed on; but a laboratory and the lot's manufacturer take everything back that is not
    destroyed and has units.

    Args:
        coldchain: Knows the shipment.
        lots: Knows the lot's manufacturer.
        institutions: Knows what the receiver is.
        handover: What is to be signed.

    Raises:
        Refused: ``NotIntact``, as the contract says it.
    """
    verdict = coldchain.verdict(handover.shipment)
    if verdict is Verdict.INTACT:
        return
    if verdict not in _GONE:
        receiver = institutions.standing(handover.to)
        lot = lots.lot(bytes.fromhex(coldchain.shipment(handover.shipment).lot[2:]))
        if "LABORATORY" in receiver.roles or receiver.institution == lot.manufacturer:
            return
    arguments = {"shipment": handover.shipment, "verdict": int(verdict)}
    raise refusals()["NotIntact"](explain("NotIntact", arguments), arguments=arguments)
