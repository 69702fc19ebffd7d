"""``salus consent``: the noun, and what looks without signing: list, show, explain, history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import Context, command, few, group, moment

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.registry import Explanation, Record

__all__ = ["TO", "check_out", "look_options", "noun", "patients"]

TO = "An institution's name or account, or role:PROVIDER for all with a role."


@group("consent")
def noun() -> None:
    """Grant, revoke, relay and explain consent.

    A patient who has no ether signs an order (--out FILE), and anybody submits it (salus consent relay FILE), or both
    in one step (--relay-as KEYSTORE).
    """


def check_out(out: str | None) -> None:
    """Before anybody is asked for a password: a file that is there is not overwritten."""
    from salus.errors import BadInput

    if out and Path(out).exists():
        raise BadInput(out, "", "is there already; name another file")


def patients(context: Context, patient: str | None, relation: str | None) -> dict[str, str]:
    """Whose consents are looked at: accounts by what they are called: the one that is named, or all of the wallet."""
    from salus.keys.addresses import address

    if patient:
        return {"": address(patient, "--patient")}
    if not context.has_wallet:
        return {"": context.signer().address}
    wallet = context.wallet()
    names = [relation] if relation else list(wallet.relations())
    return {name: wallet.address(name) for name in names}


def look_options(function: Any) -> Any:
    """Options of every command that looks at a patient's account."""
    function = click.option("--relation", help="Only this account of the wallet [default: all of them].")(function)
    return click.option("--patient", help="Whose: an account [default: the wallet's].")(function)


@command(noun, "list")
@look_options
def list_(context: Context, patient: str | None, relation: str | None) -> None:
    """List every directive that was ever granted, and what it is now.

    \b
    Example:
      salus consent list
      salus consent list --patient 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json
    """
    salus = context.connect()
    found = [(who, r) for who in patients(context, patient, relation).values() for r in salus.consent.all(who)]
    names = salus.consent.names(record.grantee for _, record in found)
    rows = [
        (
            names[r.grantee],
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
        [_document(names[record.grantee], who, record) for who, record in found],
        (lambda: context.table("Directives", columns, rows)) if rows else "nothing was ever granted",
    )


def _document(name: str, patient: str, r: Record) -> dict[str, Any]:
    return {
        "patient": patient,
        "grantee": r.grantee,
        "name": name,
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
@look_options
@click.option("--to", "grantee", help="Only what concerns this grantee. " + TO)
@click.option(
    "--fhir", is_flag=True, help="Write FHIR: a Consent for each directive, in a Bundle when there are several."
)
@click.option("--fhir-version", type=click.Choice(["R4", "R5"]), default="R4", show_default=True, help="With --fhir.")
@click.option("--out", type=click.Path(), help="Write to this file [default: the terminal].")
def show(
    context: Context,
    patient: str | None,
    relation: str | None,
    grantee: str | None,
    fhir: bool,
    fhir_version: str,
    out: str | None,
) -> None:
    """Show the directives in force, also as FHIR Consent.

    \b
    Example:
      salus consent show --to city-hospital
      salus consent show --fhir --out consent.json
    """
    from salus.consent.registry import Status
    from salus.formats.json_file import dump_json, write_new

    salus = context.connect()
    check_out(out)
    only = salus.consent.resolve(grantee) if grantee else None
    found = [
        (who, record)
        for who in patients(context, patient, relation).values()
        for record in salus.consent.all(who)
        if record.status in (Status.ACTIVE, Status.NOT_YET) and only in (None, record.grantee)
    ]
    if fhir:
        document: Any = _fhir(context, salus, found, fhir_version)
    else:
        names = salus.consent.names(record.grantee for _, record in found)
        document = [_document(names[record.grantee], who, record) for who, record in found]
    if out:
        write_new(out, dump_json(document))
        context.answer({"file": out, "directives": len(found)}, f"{len(found)} directives in {out}")
    elif fhir or context.json:
        Context(json=True).answer(document, "")
    else:
        lines = [_sentence(names[record.grantee], record) for _, record in found]
        context.answer(document, "\n".join(lines) or "nothing is granted")


def _fhir(context: Context, salus: Salus, found: list[tuple[str, Record]], version: str) -> dict[str, Any]:
    from salus.consent.files.fhir_read import consent_resource, consents_bundle
    from salus.errors import BadInput

    said: list[tuple[str, Record]] = []
    resources: list[dict[str, Any]] = []
    for patient, record in found:
        draft = record.draft(salus.consent.name(record.grantee))
        try:
            resources += consent_resource(draft, patient=patient, issued_at=record.issued_at, version=version)
            said.append((patient, record))
        except BadInput as trouble:
            context.note(f"left out, for FHIR cannot say it: place {record.index} of {draft.grantee}: {trouble}")
    return resources[0] if len(resources) == 1 else consents_bundle(said, name=salus.consent.name, version=version)


def _sentence(name: str, r: Record) -> str:
    verb = "may use" if r.effect == 1 else "may not use"
    begins = f"from {moment(r.start)} " if r.start else ""
    return (
        f"{name} {verb} {', '.join(sorted(r.category_names))} for"
        f" {', '.join(sorted(r.purpose_names))} {begins}until {moment(r.end)} (place {r.index})"
    )


@command(noun, "explain")
@look_options
def explain(context: Context, patient: str | None, relation: str | None) -> None:
    """Say who may see what, and why, as the contract answers right now.

    \b
    Example:
      salus consent explain --relation city-hospital
    """
    salus = context.connect()
    found = [(who, e) for who in patients(context, patient, relation).values() for e in salus.consent.explain(who)]
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
    names = salus.consent.names(e.grantee for _, e in found if int(e.grantee, 16))
    rows = [_row(names, e) for _, e in found]
    columns = ("institution", "answer", "purposes", "data", "why")
    nothing = "nobody was granted anything"
    context.answer(data, (lambda: context.table("Who may see what", columns, rows)) if rows else nothing)


def _row(names: Mapping[str, str], e: Explanation) -> tuple[str, ...]:
    answer = {0: "no answer", 1: "may", 2: "may not"}[e.answer]
    why = e.reason.words
    if int(e.grantee, 16):
        why += f" ({names[e.grantee]}, place {e.index})"
    return e.name, answer, few(e.purposes), few(e.categories), why


@command(noun, "history")
@look_options
def history(context: Context, patient: str | None, relation: str | None) -> None:
    """List every action on an account in the order of the chain, and who signed it. Nothing is ever erased.

    \b
    Example:
      salus consent history --relation city-hospital
    """

    salus = context.connect()
    found = [(who, a) for who in patients(context, patient, relation).values() for a in salus.consent.actions(who)]
    names = salus.consent.names(
        a.event.args["grantee"] for _, a in found if int(a.event.args.get("grantee", "0x0"), 16)
    )
    data = [
        {
            "patient": who,
            "action": a.event.name,
            "at": a.at,
            "signer": a.signer or None,
            "by": "guardians" if not a.signer else "delegate" if a.delegate else "patient",
            **{key: value for key, value in a.event.args.items() if key not in ("patient", "issuedAt", "deadline")},
            "block": a.event.block,
            "transaction": a.event.transaction,
        }
        for who, a in found
    ]
    rows = []
    for who, a in found:
        by = f"delegate {a.signer}" if a.delegate else "guardians" if not a.signer else "patient"
        if a.signer not in ("", who) and not a.delegate:
            by = f"patient, by {a.signer}"
        rows.append((moment(a.at), _ACTIONS[a.event.name](a.event.args, names), by, a.event.block))
    columns = ("when", "what", "signed by", "block")
    context.answer(data, (lambda: context.table("History", columns, rows)) if rows else "nothing was ever done")


def _scope(a: Mapping[str, Any]) -> str:
    from salus.consent.codes import category_names, purpose_names

    purposes, data = purpose_names(a["purposes"], deny=a.get("effect") == 2), category_names(a["categories"])
    return f"{', '.join(sorted(data))} for {', '.join(sorted(purposes))}"


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
