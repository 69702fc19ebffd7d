"""Directives, explanations and actions in words and as JSON, for ``salus consent``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from salus.cli.moments import moment
from salus.cli.output import abbreviate

if TYPE_CHECKING:
    from salus.consent.history import Action
    from salus.consent.model import Explanation, Record

__all__ = [
    "action_document",
    "action_row",
    "explanation_document",
    "explanation_row",
    "record_document",
    "record_row",
    "record_sentence",
]


def named(names: frozenset[str]) -> str:
    """Names in one order."""
    return ", ".join(sorted(names))


# ----------------------------------------------------------------------------------------------------------- directives


def record_row(name: str, record: Record) -> tuple[object, ...]:
    """A directive as a row: grantee, place, effect, purposes, data, until, now."""
    return (
        name,
        record.index,
        record.effect.name.lower() if record.effect else "",
        named(record.purpose_names),
        named(record.category_names),
        moment(record.end) if record.end else "",
        record.status.name.lower().replace("_", " "),
    )


def record_document(name: str, patient: str, record: Record) -> dict[str, Any]:
    """A directive as JSON."""
    return {
        "patient": patient,
        "grantee": record.grantee,
        "name": name,
        "index": record.index,
        "effect": record.effect.name,
        "purposes": sorted(record.purpose_names),
        "categories": sorted(record.category_names),
        "start": record.start,
        "end": record.end,
        "issuedAt": record.issued_at,
        "status": record.status.name,
    }


def record_sentence(name: str, record: Record) -> str:
    """A directive as a sentence."""
    verb = "may use" if record.effect == 1 else "may not use"
    begins = f"from {moment(record.start)} " if record.start else ""
    scope = f"{named(record.category_names)} for {named(record.purpose_names)}"
    return f"{name} {verb} {scope} {begins}until {moment(record.end)} (place {record.index})"


# --------------------------------------------------------------------------------------------------------- explanations


def explanation_row(names: Mapping[str, str], found: Explanation) -> tuple[object, ...]:
    """An answer as a row: institution, answer, purposes, data, why."""
    answer = {0: "no answer", 1: "may", 2: "may not"}[found.answer]
    why = found.reason.words
    if found.emergency:
        why = f"an emergency was declared, until {moment(found.until)}"
    elif int(found.grantee, 16):
        why += f" ({names[found.grantee]}, place {found.index})"
    return found.name, answer, abbreviate(found.purposes), abbreviate(found.categories), why


def explanation_document(patient: str, found: Explanation) -> dict[str, Any]:
    """An answer as JSON."""
    decisive = int(found.grantee, 16) != 0
    return {
        "patient": patient,
        "institution": found.institution,
        "name": found.name,
        "answer": found.answer.name,
        "reason": found.reason.name,
        "why": found.reason.words,
        "purposes": sorted(found.purposes),
        "categories": sorted(found.categories),
        "grantee": found.grantee if decisive else None,
        "index": found.index if decisive else None,
        "others": list(found.others),
        "emergency": found.emergency or None,
        "until": found.until or None,
    }


# -------------------------------------------------------------------------------------------------------------- actions


def action_row(patient: str, action: Action, names: Mapping[str, str]) -> tuple[object, ...]:
    """An action as a row: when, what, signed by, block."""
    if not action.signer:
        by = "guardians"
    elif action.delegate:
        by = f"delegate {action.signer}"
    elif action.signer != patient:
        by = f"patient, by {action.signer}"
    else:
        by = "patient"
    event = action.event
    return moment(action.at), _ACTIONS[event.name](event.args, names), by, event.block


def action_document(patient: str, action: Action) -> dict[str, Any]:
    """An action as JSON."""
    event = action.event
    return {
        "patient": patient,
        "action": event.name,
        "at": action.at,
        "signer": action.signer or None,
        "by": "guardians" if not action.signer else "delegate" if action.delegate else "patient",
        **{key: value for key, value in event.args.items() if key not in _left_out(event.name)},
        "block": event.block,
        "transaction": event.transaction,
    }


def _left_out(name: str) -> tuple[str, ...]:
    """What of an event is told elsewhere, or is empty in all of its kind."""
    told = ("patient", "issuedAt", "deadline")
    return (*told, "effect", "purposes", "categories", "start", "end") if name == "ConsentRevoked" else told


def _scope(a: Mapping[str, Any]) -> str:
    from salus.consent.codes import category_names, purpose_names

    return (
        f"{named(category_names(a['categories']))} for {named(purpose_names(a['purposes'], deny=a.get('effect') == 2))}"
    )


def _granted(a: Mapping[str, Any], names: Mapping[str, str]) -> str:
    verb = "denied" if a["effect"] == 2 else "permitted"
    return f"{verb} {names[a['grantee']]} {_scope(a)} until {moment(a['end'])} (place {a['index']})"


def _revoked(a: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if a["grantee"] not in names:
        return "revoked everything"
    return f"revoked {names[a['grantee']]}" + ("" if a["index"] == 255 else f" (place {a['index']})")


def _delegate(a: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if not a["until"]:
        return f"removed the delegate {a['delegate']}"
    return f"named {a['delegate']} a delegate: {_scope(a)} until {moment(a['until'])}"


def _guardians(a: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if not a["guardians"]:
        return "removed the guardians"
    return f"named guardians, {a['threshold']} of {len(a['guardians'])}: {', '.join(a['guardians'])}"


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], str]] = {
    "ConsentGranted": _granted,
    "ConsentRevoked": _revoked,
    "DelegateSet": _delegate,
    "GuardiansSet": _guardians,
    "RecoveryStarted": lambda a, _: f"began to move the account to {a['successor']}, from {moment(a['readyAt'])}",
    "RecoveryVetoed": lambda a, _: f"stopped the move to {a['successor']}",
    "PatientMoved": lambda a, _: f"moved the account to {a['successor']}",
    "ControllerFollowed": lambda a, _: f"consents follow {a['controller']}",
}
