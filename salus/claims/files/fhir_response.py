"""FHIR R4 ClaimResponses out: how a claim was judged, line by line.

Each line has the amounts of HL7's adjudication categories ``submitted``, ``eligible`` (what the plan allows),
``deductible``, ``copay`` and ``benefit`` (what the plan pays), and of CARIN Blue Button's where HL7 has none:
``coinsurance``, ``noncovered`` (denied, or beyond a limit), ``discount`` (written off), ``priorpayerpaid``. The reason
of each amount that is taken away is its CARC with its group code; see :mod:`salus.claims.carc`. These and ``benefit``
sum to ``submitted``. The outcome is

- ``complete``: settled, denied by review, reversed, decided on appeal;
- ``partial``: settled, and a part was denied by the rules;
- ``queued``: pended (the insurer reviews) or owed (payable, the pool is short);
- ``error``: refused, with the CARC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.claims.carc import Adjustment, carc_words
from salus.errors import BadInput
from salus.formats.json_file import create_new, dump_json

if TYPE_CHECKING:
    from salus.claims.model import ClaimAnswer, LineAnswer

__all__ = ["CARC", "claim_response", "write_claim_responses"]

#: Code system of the claim adjustment reason codes.
CARC = "https://x12.org/codes/claim-adjustment-reason-codes"

_GROUPS = "https://x12.org/codes/claim-adjustment-group-codes"
_ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
_CARIN = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBAdjudication"
_CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
_PAYMENT_TYPE = "http://terminology.hl7.org/CodeSystem/ex-paymenttype"

_HL7 = ("submitted", "eligible", "deductible", "copay", "benefit")
# In the order in which they are told.
_CATEGORIES = (
    "submitted",
    "noncovered",
    "discount",
    "eligible",
    "deductible",
    "copay",
    "coinsurance",
    "priorpayerpaid",
    "benefit",
)

#: Makes an amount of FHIR of the token's smallest units.
Money = Callable[[int], dict[str, Any]]


def claim_response(answer: ClaimAnswer, *, insurer: str) -> dict[str, Any]:
    """The ClaimResponse for an answer.

    Args:
        answer: From ``salus.claims``.
        insurer: The insurer's handle.

    Returns:
        The resource as JSON values with exact :class:`~decimal.Decimal` amounts;
        :func:`salus.formats.json_file.dump_json` writes it.
    """
    claim = answer.input
    response: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        **head(answer, insurer=insurer),
        "requestor": reference(claim.provider_ref),
        "request": claim_reference(answer),
        "outcome": outcome(answer),
        "disposition": disposition(answer),
    }
    if answer.refusal:
        response["error"] = [
            {"code": {"coding": [{"system": CARC, "code": str(answer.carc)}], "text": answer.refusal.words}}
        ]
    if answer.lines:
        money = money_of(answer)
        response["item"] = [
            {"itemSequence": line.sequence, "adjudication": adjudication(line, money)} for line in answer.lines
        ]
        response["total"] = totals(answer, money)
        response |= payment(answer, money)
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
                    with create_new(path) as file:
                        file.write(text)
                except FileExistsError:
                    continue
                paths.append(path)
                break
    except OSError as trouble:
        fix = (
            f"cannot be written to ({trouble.strerror}); name another folder."
            " What is on chain stays: `salus claim status`"
        )
        raise BadInput(str(folder), "", fix) from None
    return paths


# ------------------------------------------------------------------------------- shared with the explanation of benefit


def head(answer: ClaimAnswer, *, insurer: str) -> dict[str, Any]:
    """What a ClaimResponse and an ExplanationOfBenefit begin with."""
    system, code = answer.input.type
    coding = ({"system": system} if system else {}) | {"code": code}
    return {
        # The 0x is left out: an id has at most 64 characters.
        "id": answer.id.removeprefix("0x"),
        "identifier": [{"system": "urn:salus:claim", "value": answer.id}],
        "status": "cancelled" if answer.state.name in ("REVERSED", "WITHDRAWN") else "active",
        "type": {"coding": [coding if code else {"system": _CLAIM_TYPE, "code": "professional"}]},
        "use": "claim" if answer.transaction else "predetermination",
        "patient": reference(answer.input.patient_ref),
        "created": moment(answer).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "insurer": {"identifier": {"system": "urn:salus:institution", "value": insurer}},
    }


def moment(answer: ClaimAnswer) -> dt.datetime:
    """When the claim was answered."""
    return dt.datetime.fromtimestamp(answer.decided_at, dt.UTC)


def claim_reference(answer: ClaimAnswer) -> dict[str, Any]:
    """The claim that is answered, by its number."""
    claim = answer.input
    number = {"value": claim.number} | ({"system": claim.number_system} if claim.number_system else {})
    return {"type": "Claim", "identifier": number} | ({"reference": f"Claim/{claim.id}"} if claim.id else {})


def outcome(answer: ClaimAnswer) -> str:
    """FHIR's word for what became of the claim."""
    if answer.refusal:
        return "error"
    if answer.state.name in ("PENDED", "OWED"):
        return "queued"
    return "partial" if answer.outcome == "partly paid" and answer.total("denied") else "complete"


def disposition(answer: ClaimAnswer) -> str:
    """The same in a sentence."""
    if answer.refusal:
        return f"Refused: {answer.refusal.words}."
    if not answer.transaction:
        more = " The insurer would review it first." if answer.state.name == "PENDED" else ""
        return f"Estimate; nothing was submitted.{more}"
    if answer.state.name == "SETTLED":
        return "Settled; the provider may collect the amount." if answer.held else "Settled and paid."
    return {
        "OWED": "Payable; the insurer's pool is short, the amount is paid as soon as it is funded.",
        "PENDED": "Waits for the insurer's review; after it the rules decide.",
        "DENIED": "Denied by the insurer's review.",
        "WITHDRAWN": "Withdrawn by the provider.",
        "REVERSED": "Reversed; what was paid goes back.",
        "ARBITRATED": "Decided on appeal; the lines are as they were judged before it.",
    }[answer.state.name]


def money_of(answer: ClaimAnswer) -> Money:
    """Amounts in the claim's currency."""
    return lambda units: {"value": answer.money(units), "currency": answer.input.currency}


def payment(answer: ClaimAnswer, money: Money) -> dict[str, Any]:
    """The payment of a settled claim; an estimate and a claim that waits have none."""
    if answer.state.name != "SETTLED" or not answer.transaction:
        return {}
    return {
        "payment": {
            "type": {"coding": [{"system": _PAYMENT_TYPE, "code": "complete"}]},
            "date": moment(answer).strftime("%Y-%m-%d"),
            "amount": money(answer.paid),
            "identifier": {"system": "urn:salus:transaction", "value": answer.transaction},
        }
    }


def totals(answer: ClaimAnswer, money: Money) -> list[dict[str, Any]]:
    """The sums of the categories; those that are 0 are left out, but for what every claim has."""
    sums: dict[str, int] = {
        "submitted": answer.charge,
        "eligible": answer.allowed,
        "deductible": 0,
        "benefit": answer.paid,
    }
    for line in answer.lines:
        for adjustment in line.adjustments:
            name = _category_of(adjustment, line)
            sums[name] = sums.get(name, 0) + adjustment.amount
    return [{"category": category(name), "amount": money(sums[name])} for name in _CATEGORIES if name in sums]


def adjudication(line: LineAnswer, money: Money) -> list[dict[str, Any]]:
    """The amounts of one line, with the reason of each that takes something away."""
    rows: list[tuple[str, int, Adjustment | None]] = [
        ("submitted", line.charge, None),
        ("eligible", line.allowed, None),
    ]
    rows += [(_category_of(adjustment, line), adjustment.amount, adjustment) for adjustment in line.adjustments]
    if not line.deductible:
        rows.append(("deductible", 0, None))
    rows.append(("benefit", line.paid, None))
    rows.sort(key=lambda row: _CATEGORIES.index(row[0]))
    return [
        {"category": category(name), "amount": money(units)} | ({} if adjustment is None else _reason(adjustment))
        for name, units, adjustment in rows
    ]


def _category_of(adjustment: Adjustment, line: LineAnswer) -> str:
    known = {1: "deductible", 2: "coinsurance", 3: "copay", 23: "priorpayerpaid", 45: "discount"}
    # A reviewer may deny with any of these codes as well.
    denied = adjustment.amount == line.denied and adjustment.carc == line.carc
    return "noncovered" if denied else known.get(adjustment.carc, "noncovered")


def _reason(adjustment: Adjustment) -> dict[str, Any]:
    coding = [{"system": CARC, "code": str(adjustment.carc)}, {"system": _GROUPS, "code": adjustment.group}]
    return {"reason": {"coding": coding, "text": carc_words(adjustment.carc)}}


def category(name: str) -> dict[str, Any]:
    """An adjudication category, by its code."""
    return {"coding": [{"system": _ADJUDICATION if name in _HL7 else _CARIN, "code": name}]}


def reference(key: str) -> dict[str, Any]:
    """What a claim called somebody, the other way: ``system|value`` is an identifier, anything else a reference."""
    system, bar, value = key.rpartition("|")
    if not bar:
        return {"reference": key}
    return {"identifier": ({"system": system} if system else {}) | {"value": value}}
