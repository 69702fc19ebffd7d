"""FHIR R4 ClaimResponses out: how a claim was judged, line by line.

Each line has the amounts of HL7's adjudication categories: ``submitted``, ``eligible`` (what the price list allows),
``deductible``, ``copay`` (HL7 has no code of its own for coinsurance; the text says it) and ``benefit`` (what the plan
pays). Where an amount takes something away, its reason is the CARC with its group code: 45 CO above the price list, 204
PR not covered, 1 PR deductible, 2 PR coinsurance. The outcome is ``complete``, ``queued`` (owed: payable, the pool is
short) or ``error`` (refused, with the CARC).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.errors import BadInput
from salus.jsonfile import dump_json

if TYPE_CHECKING:
    from salus.answers import ClaimAnswer, LineAnswer

__all__ = ["CARC", "claim_response", "write_claim_responses"]

#: Code system of the claim adjustment reason codes.
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"

_GROUPS = "https://x12.org/codes/claim-adjustment-group-codes"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
_CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
_PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/ex-paymenttype"

_REASONS = {
    1: ("PR", "Deductible amount"),
    2: ("PR", "Coinsurance amount"),
    45: ("CO", "Charge exceeds fee schedule"),
    204: ("PR", "Not covered under the patient's plan"),
}


def claim_response(answer: ClaimAnswer, *, insurer: str) -> dict[str, Any]:
    """The ClaimResponse for an answer.

    Args:
        answer: From ``salus.claims``.
        insurer: The insurer's handle.

    Returns:
        The resource as JSON values with exact :class:`~decimal.Decimal` amounts; :func:`salus.jsonfile.dump_json`
        writes it.
    """
    claim = answer.input
    system, code = claim.type
    number = {"value": claim.number} | ({"system": claim.number_system} if claim.number_system else {})
    moment = dt.datetime.fromtimestamp(answer.decided_at, dt.UTC)
    settled = answer.state.name == "SETTLED"
    response: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        # The 0x is left out: an id has at most 64 characters.
        "id": answer.id.removeprefix("0x"),
        "identifier": [{"system": "urn:salus:claim", "value": answer.id}],
        "status": "active",
        "type": {"coding": [({"system": system} if system else {}) | {"code": code}]}
        if code
        else {"coding": [{"system": _CLAIM_TYPE, "code": "professional"}]},
        "use": "claim" if answer.transaction else "predetermination",
        "patient": _reference(claim.patient_ref),
        "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "insurer": {"identifier": {"system": "urn:salus:institution", "value": insurer}},
        "requestor": _reference(claim.provider_ref),
        "request": {"type": "Claim", "identifier": number} | ({"reference": f"Claim/{claim.id}"} if claim.id else {}),
        "outcome": "error" if answer.refusal else "queued" if answer.state.name == "OWED" else "complete",
        "disposition": _disposition(answer),
    }
    if answer.refusal:
        response["error"] = [
            {"code": {"coding": [{"system": CARC, "code": str(answer.carc)}], "text": answer.refusal.words}}
        ]
        return response

    def money(units: int) -> dict[str, Any]:
        return {"value": answer.money(units), "currency": claim.currency}

    response["item"] = [
        {"itemSequence": line.sequence, "adjudication": _adjudication(line, money)} for line in answer.lines
    ]
    totals = (
        ("submitted", answer.charge),
        ("eligible", answer.allowed),
        ("deductible", answer.deductible),
        ("copay", answer.coinsurance),
        ("benefit", answer.paid),
    )
    response["total"] = [{"category": _category(name), "amount": money(units)} for name, units in totals]
    if settled:
        response["payment"] = {
            "type": {"coding": [{"system": _PAYMENT_TYPE, "code": "complete"}]},
            "date": moment.strftime("%Y-%m-%d"),
            "amount": money(answer.paid),
            "identifier": {"system": "urn:salus:transaction", "value": answer.transaction},
        }
    return response


def write_claim_responses(answers: Sequence[ClaimAnswer], folder: str | Path, *, insurer: str) -> list[Path]:
    """Write a FHIR ClaimResponse to each answer into a folder; none replaces an older one.

    Raises:
        BadInput: The folder cannot be written to.
    """
    paths = []
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for answer in answers:
            text = dump_json(claim_response(answer, insurer=insurer))
            for number in range(1, 10_000):
                suffix = "" if number == 1 else f"-{number}"
                path = Path(folder) / f"ClaimResponse-{answer.id[2:18]}{suffix}.json"
                try:
                    with path.open("x", encoding="ascii") as file:
                        file.write(text)
                except FileExistsError:
                    continue
                paths.append(path)
                break
    except OSError as trouble:
        raise BadInput(
            str(folder), "", f"cannot be written to ({trouble.strerror}); name another folder. What is on chain stays: `salus claim show`"
        ) from None
    return paths


def _reference(key: str) -> dict[str, Any]:
    """What a claim called somebody, the other way: ``system|value`` is an identifier, anything else a reference."""
    system, bar, value = key.rpartition("|")
    if not bar:
        return {"reference": key}
    return {"identifier": ({"system": system} if system else {}) | {"value": value}}


def _disposition(answer: ClaimAnswer) -> str:
    if answer.refusal:
        return f"Refused: {answer.refusal.words}."
    if answer.state.name == "OWED":
        return "Payable; the insurer's pool is short, the amount is paid as soon as it is funded."
    if not answer.transaction:
        return "Estimate; nothing was submitted."
    return "Settled; the provider may collect the amount." if answer.held else "Settled and paid."


def _category(name: str) -> dict[str, Any]:
    category: dict[str, Any] = {"coding": [{"system": _ADJUDICATION, "code": name}]}
    return category | ({"text": "coinsurance"} if name == "copay" else {})


def _adjudication(line: LineAnswer, money: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
    def entry(name: str, units: int, carc: int = 0) -> dict[str, Any]:
        made: dict[str, Any] = {"category": _category(name), "amount": money(units)}
        if carc:
            group, words = _REASONS[carc]
            made["reason"] = {
                "coding": [{"system": CARC, "code": str(carc)}, {"system": _GROUPS, "code": group}],
                "text": words,
            }
        return made

    return [
        entry("submitted", line.charge),
        entry("eligible", line.allowed, 204 if line.carc else 45 if line.written_off else 0),
        entry("deductible", line.deductible, 1 if line.deductible else 0),
        entry("copay", line.coinsurance, 2 if line.coinsurance else 0),
        entry("benefit", line.paid),
    ]
