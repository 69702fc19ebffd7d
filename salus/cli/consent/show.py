"""``salus consent``: what looks without signing: list, show, explain, scope, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent import _words as words
from salus.cli.consent._shared import TO, Look, check_out, noun
from salus.cli.context import Context
from salus.cli.options import command, takes

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.model import Explanation, Record

__all__ = ["explain", "history", "list_", "scope", "show"]


@command(noun, "list")
@takes(look=Look)
def list_(context: Context, look: Look) -> None:
    """List every directive that was ever granted, and what it is now.

    \b
    Example:
      salus consent list
      salus consent list --patient 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json
    """
    salus = context.connect()
    found = [(who, record) for who in look.accounts(context, salus).values() for record in salus.consent.all(who)]
    names = salus.consent.names(record.grantee for _, record in found)
    if context.json:
        context.document([words.record_document(names[record.grantee], who, record) for who, record in found])
    elif found:
        columns = ("grantee", "place", "effect", "purposes", "data", "until", "now")
        rows = (words.record_row(names[record.grantee], record) for _, record in found)
        context.table("Directives", columns, rows)
    else:
        context.lines("nothing was ever granted")


@command(noun, "show")
@takes(look=Look)
@click.option("--to", "grantee", help="Only what concerns this grantee. " + TO)
@click.option(
    "--fhir", is_flag=True, help="Write FHIR: a Consent for each directive, in a Bundle when there are several."
)
@click.option("--fhir-version", type=click.Choice(["R4", "R5"]), default="R4", show_default=True, help="With --fhir.")
@click.option("--out", type=click.Path(), help="Write to this file [default: the terminal].")
def show(context: Context, look: Look, grantee: str | None, fhir: bool, fhir_version: str, out: str | None) -> None:
    """Show the directives in force, also as FHIR Consent.

    \b
    Example:
      salus consent show --to city-hospital
      salus consent show --fhir --out consent.json
    """
    from salus.formats.json_file import dump_json, write_new

    salus = context.connect()
    check_out(out)
    found = _in_force(context, salus, look, grantee)
    names = salus.consent.names(record.grantee for _, record in found)
    document: Any = [words.record_document(names[record.grantee], who, record) for who, record in found]
    if fhir:
        document = _fhir(context, salus, found, fhir_version)
    if out:
        write_new(out, dump_json(document))
        context.answer({"file": out, "directives": len(found)}, f"{len(found)} directives in {out}")
    elif fhir:
        context.document(document)
    else:
        lines = [words.record_sentence(names[record.grantee], record) for _, record in found]
        context.answer(document, "\n".join(lines) or "nothing is granted")


def _in_force(context: Context, salus: Salus, look: Look, grantee: str | None) -> list[tuple[str, Record]]:
    from salus.consent.model import Status

    only = salus.consent.resolve(grantee) if grantee else None
    return [
        (who, record)
        for who in look.accounts(context, salus).values()
        for record in salus.consent.all(who)
        if record.status in (Status.ACTIVE, Status.NOT_YET) and only in (None, record.grantee)
    ]


def _fhir(context: Context, salus: Salus, found: list[tuple[str, Record]], version: str) -> dict[str, Any]:
    from salus.consent.files.fhir_write import consents_of

    document, left_out = consents_of(found, name=salus.consent.name, version=version)
    for record, trouble in left_out:
        who = salus.consent.name(record.grantee)
        context.note(f"left out, for FHIR cannot say it: place {record.index} of {who}: {trouble}")
    return document


@command(noun, "explain")
@takes(look=Look)
def explain(context: Context, look: Look) -> None:
    """Say who may see what, and why, as the contract answers right now.

    Also what running emergencies open, and whom the deployment's policy lets in though you never said anything.

    \b
    Example:
      salus consent explain --relation city-hospital
    """
    salus = context.connect()
    found = [(who, line) for who in look.accounts(context, salus).values() for line in _explained(salus, who)]
    names = salus.consent.names(e.grantee for _, e in found if int(e.grantee, 16))
    rows = [words.explanation_row(names, e) for _, e in found]
    columns = ("institution", "answer", "purposes", "data", "why")
    nothing = "nobody may see anything: nothing was granted"
    context.answer(
        [words.explanation_document(who, e) for who, e in found],
        (lambda: context.table("Who may see what", columns, rows)) if rows else nothing,
    )


def _explained(salus: Salus, patient: str) -> list[Explanation]:
    """Emergencies first, then directives, then the policy."""
    from salus.consent.explain import emergencies, implied

    running = emergencies(salus.accesses, salus.institutions, patient, salus.now())
    return [*running, *salus.consent.explain(patient), *implied(salus.consent, salus.institutions, patient)]


@command(noun, "scope")
@click.argument("patient")
@click.option("--actor", required=True, help="An institution, or an operator of one: its name or address.")
@click.option("--purpose", "purposes", multiple=True, required=True, help="TREAT, HPAYMT …; several: all of them.")
def scope(context: Context, patient: str, actor: str, purposes: tuple[str, ...]) -> None:
    """Say which data of a patient an institution may use for a purpose right now, and which it may not.

    Each category by itself: one consent must hold all categories of a record.

    \b
    Example:
      salus consent scope 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --actor city-hospital --purpose TREAT
    """
    salus = context.connect()
    found = salus.consent.scope(patient, actor, purposes)
    permitted, denied = words.named(found.permitted_names), words.named(found.denied_names)
    context.answer(
        {"permitted": sorted(found.permitted_names), "denied": sorted(found.denied_names)},
        f"permitted: {permitted or 'nothing'}\ndenied: {denied or 'nothing'}",
    )


@command(noun, "history")
@takes(look=Look)
def history(context: Context, look: Look) -> None:
    """List every action on an account in the order of the chain, and who signed it. Nothing is ever erased.

    \b
    Example:
      salus consent history --relation city-hospital
    """
    salus = context.connect()
    found = [(who, action) for who in look.accounts(context, salus).values() for action in salus.consent.actions(who)]
    grantees = (action.event.args.get("grantee", "0x0") for _, action in found)
    names = salus.consent.names(grantee for grantee in grantees if int(grantee, 16))
    rows = [words.action_row(who, action, names) for who, action in found]
    columns = ("when", "what", "signed by", "block")
    context.answer(
        [words.action_document(who, action) for who, action in found],
        (lambda: context.table("History", columns, rows)) if rows else "nothing was ever done",
    )
