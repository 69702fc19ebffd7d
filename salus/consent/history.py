"""The history of a patient: every action that the chain has, in order, and who signed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.consent.guardians import Guardians

__all__ = ["Action", "actions"]

_CONSENT = ("ConsentGranted", "ConsentRevoked", "SignedByDelegate", "ControllerFollowed")
# Who started a recovery or made its last step is no one account: enough guardians signed, and anybody submitted.
_BY_GUARDIANS = ("RecoveryStarted", "PatientMoved", "ControllerFollowed")


@dataclass(frozen=True)
class Action:
    """One action on a patient's account.

    Attributes:
        event: What the chain says of it.
        at: When it was issued; of a step of a recovery when it was carried out. Unix seconds.
        signer: Who signed or sent it; "" for the steps of a recovery, which the guardians signed.
        delegate: Whether that was a delegate.
    """

    event: Event
    at: int
    signer: str
    delegate: bool


def actions(ledger: Ledger, guardians: Guardians, patient: str) -> tuple[Action, ...]:
    """Grants, revocations, delegates, guardians and recoveries of a patient, oldest first."""
    who = address(patient, "patient")
    events = [event for name in _CONSENT for event in ledger.logs("ConsentRegistry", name, {"patient": who})]
    events += guardians.history(who)
    found = []
    # Each contract has its own word on who controls the account: the registry follows later.
    controllers = {"ConsentRegistry": who, "Guardians": who}
    signed: dict[tuple[int, int], str] = {}
    for event in sorted(events, key=lambda event: (event.block, event.index)):
        if event.name == "SignedByDelegate":
            signed[event.block, event.index + 1] = event.args["delegate"]
            continue
        if event.name == "ControllerFollowed":
            controllers["ConsentRegistry"] = event.args["controller"]
        elif event.name == "PatientMoved":
            controllers["Guardians"] = event.args["successor"]
        delegate = signed.get((event.block, event.index))
        signer = "" if event.name in _BY_GUARDIANS else delegate or controllers[event.contract]
        at = event.args["issuedAt"] if "issuedAt" in event.args else ledger.block_time(event.block)
        found.append(Action(event, at, signer, delegate is not None))
    return tuple(found)
