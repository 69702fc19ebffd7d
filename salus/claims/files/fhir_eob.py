"""FHIR R4 ExplanationOfBenefits out: what a patient is told of a claim; the codes and units of its lines beside the
amounts.

Amounts, reasons and outcomes are those of the ClaimResponse (:mod:`salus.claims.files.fhir_response`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from salus.claims.carc import carc_words
from salus.claims.files import fhir_response as shared
from salus.formats.days import day_text

if TYPE_CHECKING:
    from salus.claims.input import LineInput
    from salus.claims.model import ClaimAnswer, LineAnswer

__all__ = ["explanation_of_benefit"]

_PAYEE = "http://terminology.hl7.org/CodeSystem/payeetype"
_CARIN_UNITS = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudicationDiscriminator"
_NETWORK = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBPayerAdjudicationStatus"


def explanation_of_benefit(answer: ClaimAnswer, *, insurer: str) -> dict[str, Any]:
    """The ExplanationOfBenefit for an answer.

    Args:
        answer: From ``salus.claims``.
        insurer: The insurer's handle.

    Returns:
        The resource as JSON values with exact :class:`~decimal.Decimal` amounts;
        :func:`salus.formats.json_file.dump_json` writes it.
    """
    claim, money = answer.input, shared.money_of(answer)
    lines = {line.sequence: line for line in answer.lines}
    made: dict[str, Any] = {
        "resourceType": "ExplanationOfBenefit",
        **shared.head(answer, insurer=insurer),
        "provider": shared.reference(claim.provider_ref),
        "payee": {
            "type": {"coding": [{"system": _PAYEE, "code": "provider"}]},
            "party": shared.reference(claim.provider_ref),
        },
        "claim": shared.claim_reference(answer),
        "claimResponse": {"type": "ClaimResponse", "identifier": {"system": "urn:salus:claim", "value": answer.id}},
        "outcome": shared.outcome(answer),
        "disposition": shared.disposition(answer),
        "insurance": [
            {"focal": True, "coverage": {"identifier": {"system": "urn:salus:plan", "value": answer.plan}}},
        ],
        "item": [_item(line, lines.get(line.sequence), claim.service_day, money) for line in claim.lines],
    }
    if answer.lines:
        made["total"] = shared.totals(answer, money)
        made["adjudication"] = [_network(answer.out_of_network)]
        made |= shared.payment(answer, money)
    if answer.refusal or answer.state.name == "DENIED":
        carc = answer.carc or answer.lines[0].carc
        made["processNote"] = [{"number": 1, "type": "display", "text": f"CARC {carc}: {carc_words(carc)}"}]
    return made


def _item(line: LineInput, judged: LineAnswer | None, day: int, money: shared.Money) -> dict[str, Any]:
    coding = ({"system": line.system} if line.system else {}) | {"code": line.code}
    item: dict[str, Any] = {
        "sequence": line.sequence,
        "productOrService": {"coding": [coding]} | ({"text": line.text} if line.text else {}),
        "servicedDate": day_text(day),
        "quantity": {"value": line.quantity},
    }
    if judged is not None:
        item |= {"net": money(judged.charge), "adjudication": shared.adjudication(judged, money)}
        if judged.units != line.quantity:
            item["adjudication"].append(
                {"category": {"coding": [{"system": _CARIN_UNITS, "code": "allowedunits"}]}, "value": judged.units}
            )
    return item


def _network(out_of_network: bool) -> dict[str, Any]:
    code = "outofnetwork" if out_of_network else "innetwork"
    return {"category": {"coding": [{"system": _NETWORK, "code": code}]}}
