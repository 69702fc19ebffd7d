"""``salus consent``: the noun, and what looks without signing: list, show, explain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import Context, command, group, moment

if TYPE_CHECKING:
    from ..client import Salus
    from ..consent import Explanation, Record

__all__ = ["TO", "check_out", "noun"]

TO = "An institution's name or account, or role:PROVIDER for all with a role."


@group("consent")
def noun() -> None:
    """Grant, revoke, relay and explain consent.

    A patient who has no ether signs an order (--out FILE), and anybody submits it (salus consent relay FILE), or both in one
    step (--relay-as KEYSTORE).
    """


def check_out(out: str | None) -> None:
    """Before anybody is asked for a password: a file that is there is not overwritten."""
    from ..errors import BadInput

    if out and Path(out).exists():
        raise BadInput(out, "", "is there already; name another file")


def _patients(context: Context, patient: str | None, relation: str | None) -> dict[str, str]:
    """Accounts by what they are called: the one that is named, or all of the wallet."""
    from ..signing import address

    if patient:
        return {"": address(patient, "--patient")}
    if not context.has_wallet:
        return {"": context.signer().address}
    wallet = context.wallet()
    names = [relation] if relation else list(wallet.relations())
    return {name: wallet.address(name) for name in names}


def _look_options(function: Any) -> Any:
    function = click.option("--relation", help="Only this account of the wallet [default: all of them].")(function)
    return click.option("--patient", help="Whose: an account [default: the wallet's].")(function)


@command(noun, "list")
@_look_options
def list_(context: Context, patient: str | None, relation: str | None) -> None:
    """List every directive that was ever granted, and what it is now.

    \b
    Example:
      salus consent list
      salus consent list --patient 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json
    """
    salus = context.connect()
    found = [(who, r) for who in _patients(context, patient, relation).values() for r in salus.consent.list(who)]
    rows = [
        (
            salus.consent.name(r.grantee),
            r.index,
            r.effect.name.lower() if r.effect else "",
            ", ".join(sorted(r.purpose_names)),
            ", ".join(sorted(r.category_names)),
            moment(r.end) if r.end else "",
            r.status.name.lower().replace("_", " "),
        )
        for _, r in found
    ]
    columns = ("grantee", "place", "effect", "purposes", "data", "until", "now")
    context.answer(
        [_document(salus, who, record) for who, record in found],
        (lambda: context.table("Directives", columns, rows)) if rows else "nothing was ever granted",
    )


def _document(salus: Salus, patient: str, r: Record) -> dict[str, Any]:
    return {
        "patient": patient,
        "grantee": r.grantee,
        "name": salus.consent.name(r.grantee),
        "index": r.index,
        "effect": r.effect.name,
        "purposes": sorted(r.purpose_names),
        "categories": sorted(r.category_names),
        "start": r.start,
        "end": r.end,
        "issuedAt": r.issued_at,
        "status": r.status.name,
    }


@command(noun, "show")
@_look_options
@click.option("--to", "grantee", help="Only what concerns this grantee. " + TO)
@click.option("--fhir", is_flag=True, help="Write FHIR R4: a Consent for each directive, in a Bundle when there are several.")
@click.option("--out", type=click.Path(), help="Write to this file [default: the terminal].")
def show(
    context: Context, patient: str | None, relation: str | None, grantee: str | None, fhir: bool, out: str | None
) -> None:
    """Show the directives in force, also as FHIR Consent.

    \b
    Example:
      salus consent show --to city-hospital
      salus consent show --fhir --out consent.json
    """
    from ..consent import Status

    salus = context.connect()
    check_out(out)
    only = salus.consent.resolve(grantee) if grantee else None
    found = [
        (who, record)
        for who in _patients(context, patient, relation).values()
        for record in salus.consent.list(who)
        if record.status in (Status.ACTIVE, Status.NOT_YET) and only in (None, record.grantee)
    ]
    if fhir:
        document: Any = _fhir(context, salus, found)
    else:
        document = [_document(salus, who, record) for who, record in found]
    if out:
        _write(out, document)
        context.answer({"file": out, "directives": len(found)}, f"{len(found)} directives in {out}")
    elif fhir or context.json:
        Context(json=True).answer(document, "")
    else:
        lines = [_sentence(salus, record) for _, record in found]
        context.answer(document, "\n".join(lines) or "nothing is granted")


def _fhir(context: Context, salus: Salus, found: list[tuple[str, Record]]) -> dict[str, Any]:
    from ..errors import BadInput
    from ..fhir.consent import consent_resource, consents_bundle

    said: list[tuple[str, Record]] = []
    resources: list[dict[str, Any]] = []
    for patient, record in found:
        draft = record.draft(salus.consent.name(record.grantee))
        try:
            resources += consent_resource(draft, patient=patient, issued_at=record.issued_at)
            said.append((patient, record))
        except BadInput as trouble:
            context.note(f"left out, for FHIR cannot say it: place {record.index} of {draft.grantee}: {trouble}")
    return resources[0] if len(resources) == 1 else consents_bundle(said, name=salus.consent.name)


def _write(out: str, document: Any) -> None:
    from ..errors import BadInput

    try:
        with Path(out).open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(document, indent=2) + "\n")
    except OSError as trouble:
        raise BadInput(out, "", f"cannot be written: {trouble.strerror}") from None


def _sentence(salus: Salus, r: Record) -> str:
    verb = "may use" if r.effect == 1 else "may not use"
    begins = f"from {moment(r.start)} " if r.start else ""
    return (
        f"{salus.consent.name(r.grantee)} {verb} {', '.join(sorted(r.category_names))} for"
        f" {', '.join(sorted(r.purpose_names))} {begins}until {moment(r.end)} (place {r.index})"
    )


@command(noun, "explain")
@_look_options
def explain(context: Context, patient: str | None, relation: str | None) -> None:
    """Say who may see what, and why, as the contract answers right now.

    \b
    Example:
      salus consent explain --relation city-hospital
    """
    salus = context.connect()
    found = [(who, e) for who in _patients(context, patient, relation).values() for e in salus.consent.explain(who)]
    data = [
        {
            "patient": who,
            "institution": e.institution,
            "name": e.name,
            "answer": e.answer.name,
            "reason": e.reason.name,
            "why": e.reason.words,
            "purposes": sorted(e.purposes),
            "categories": sorted(e.categories),
            "grantee": e.grantee if int(e.grantee, 16) else None,
            "index": e.index if int(e.grantee, 16) else None,
        }
        for who, e in found
    ]
    rows = [_row(salus, e) for _, e in found]
    columns = ("institution", "answer", "purposes", "data", "why")
    nothing = "nobody was granted anything"
    context.answer(data, (lambda: context.table("Who may see what", columns, rows)) if rows else nothing)


def _row(salus: Salus, e: Explanation) -> tuple[str, ...]:
    answer = {0: "no answer", 1: "may", 2: "may not"}[e.answer]
    why = e.reason.words
    if int(e.grantee, 16):
        why += f" ({salus.consent.name(e.grantee)}, place {e.index})"
    return e.name, answer, _few(e.purposes), _few(e.categories), why


def _few(names: frozenset[str]) -> str:
    """Names in a cell; of many, how many: ``--json`` has them all."""
    return ", ".join(sorted(names)) if len(names) <= 3 else f"{len(names)} of them"
