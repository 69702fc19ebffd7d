"""``salus consent inbox``: what happened to a patient's data since the last look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._person import journal_of, person_of
from salus.cli.consent._shared import Look, noun
from salus.cli.consent._words import action_document, action_row
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, takes

if TYPE_CHECKING:
    from salus.chain.receipts import Event
    from salus.client import Salus
    from salus.consent.access_log import Emergency, Use
    from salus.consent.history import Action
    from salus.consent.inbox import Inbox
    from salus.consent.model import Record

    Names = Mapping[str, str]

__all__ = ["inbox"]


@command(noun, "inbox")
@takes(look=Look)
@click.option("--all", "everything", is_flag=True, help="From the beginning, not from the last look.")
@click.option("--keep", is_flag=True, help="Do not remember this look: the next one shows the same again.")
def inbox(context: Context, look: Look, everything: bool, keep: bool) -> None:
    """Show what happened since the last look, with every account of yours: emergencies first, then recoveries, what
    others changed, uses, and what ends within 30 days.

    What this wallet itself signed or sent is left out. Of accounts whose guardian you are, recoveries are shown.

    The last look is remembered in the wallet's folder, by block, for the whole wallet; a look at --patient or
    --relation alone, and one without a wallet, starts from the beginning and is not remembered.

    \b
    Example:
      salus consent inbox
    """
    from salus.consent.inbox import Inboxes, LastLook

    salus = context.connect()
    inboxes = Inboxes(salus, salus.consent, salus.accesses, salus.guardians, journal_of(context, salus).is_own)
    accounts = look.accounts(context, salus)
    whole = context.has_wallet and not look.patient and not look.relation
    last = LastLook(context.wallet_path() / "inbox.json" if whole else None, salus)
    since = 0 if everything else last.next_block(inboxes.until)

    found = [(name or who, inboxes.of(who, since)) for name, who in accounts.items()]
    if not look.patient and not look.relation:
        found += [(name, inboxes.guarded(who, since)) for name, who in _guarded(context, salus).items()]
    boxes = [box for _, box in found]
    names = _names(salus, boxes)
    data: dict[str, Any] = {"since": since, "until": inboxes.until}
    for part in _PARTS:
        data[part.name] = [part.document(item, box, names) for box in boxes for item in getattr(box, part.name)]
    context.answer(data, lambda: _show(context, found, names))
    if not keep:
        last.keep(inboxes.until)


def _names(salus: Salus, boxes: Sequence[Inbox]) -> dict[str, str]:
    """What the institutions and roles in these are called."""
    institutions = [emergency.institution for box in boxes for emergency in box.emergencies]
    institutions += [use.institution for box in boxes for use in box.uses]
    grantees = [record.grantee for box in boxes for record in box.expiring]
    changed = (action.event.args.get("grantee", "0x0") for box in boxes for action in box.changes)
    grantees += [grantee for grantee in changed if int(grantee, 16)]
    return {**salus.institutions.names(institutions), **salus.consent.names(grantees)}


def _guarded(context: Context, salus: Salus) -> dict[str, str]:
    """The accounts of other people whose guardian the person is."""
    from salus.consent.person import Kind

    accounts = person_of(context, salus).accounts(guarded=True)
    return {account.name: account.patient for account in accounts if account.kind is Kind.GUARDIAN}


def _show(context: Context, found: Sequence[tuple[str, Inbox]], names: Names) -> None:
    shown = False
    for part in _PARTS:
        if rows := [part.row(item, account, names) for account, box in found for item in getattr(box, part.name)]:
            shown = True
            click.echo(f"{part.title}:")
            context.table(part.title, part.columns, rows)
    if not shown:
        click.echo("nothing new")


# --------------------------------------------------------------------------------------------------- one part each


def _scope(bits: int) -> list[str]:
    from salus.consent.codes import category_names

    return sorted(category_names(bits))


def _emergency_document(e: Emergency, _: Inbox, names: Names) -> dict[str, Any]:
    return {
        "emergency": e.id,
        "patient": e.patient,
        "institution": e.institution,
        "name": names[e.institution],
        "clinician": e.clinician,
        "cause": e.cause.name,
        "categories": _scope(e.categories),
        "declaredAt": e.declared_at,
        "until": e.until,
        "outcome": e.outcome.name,
        "block": e.block,
    }


def _emergency_row(e: Emergency, account: str, names: Names) -> tuple[object, ...]:
    data = ", ".join(_scope(e.categories))
    times = moment(e.declared_at), moment(e.until)
    return account, names[e.institution], e.clinician, e.cause.words, data, *times, e.outcome.words


def _recovery_document(event: Event, _: Inbox, __: Names) -> dict[str, Any]:
    return {"step": event.name, **event.args, "block": event.block, "transaction": event.transaction}


def _recovery_row(event: Event, account: str, _: Names) -> tuple[object, ...]:
    successor = event.args["successor"]
    if event.name == "RecoveryStarted":
        ready = moment(event.args["readyAt"])
        what = f"guardians move the account to {successor}, from {ready}; stop it with `recover veto`"
    elif event.name == "RecoveryVetoed":
        what = f"the move to {successor} was stopped"
    else:
        what = f"the account was moved to {successor}"
    return account, what, event.block


def _change_document(action: Action, box: Inbox, _: Names) -> dict[str, Any]:
    return action_document(box.patient, action)


def _change_row(action: Action, account: str, names: Names) -> tuple[object, ...]:
    return account, *action_row(action.event.args["patient"], action, names)


def _use_document(use: Use, _: Inbox, names: Names) -> dict[str, Any]:
    return {
        "patient": use.patient,
        "institution": use.institution,
        "name": names[use.institution],
        "actor": use.actor,
        "purposes": sorted(use.purpose_names),
        "categories": _scope(use.categories),
        "record": use.record,
        "emergency": use.emergency or None,
        "block": use.block,
        "transaction": use.transaction,
    }


def _use_row(use: Use, account: str, names: Names) -> tuple[object, ...]:
    why = "an emergency" if use.emergency else "consent"
    scope = ", ".join(sorted(use.purpose_names)), ", ".join(_scope(use.categories))
    return account, names[use.institution], use.actor, *scope, why, use.block


def _expiring_document(record: Record, box: Inbox, names: Names) -> dict[str, Any]:
    return {
        "patient": box.patient,
        "grantee": record.grantee,
        "name": names[record.grantee],
        "index": record.index,
        "effect": record.effect.name,
        "end": record.end,
    }


def _expiring_row(record: Record, _: str, names: Names) -> tuple[object, ...]:
    scope = ", ".join(sorted(record.purpose_names))
    return names[record.grantee], record.effect.name.lower(), scope, moment(record.end)


@dataclass(frozen=True)
class _Part:
    """A part of an inbox: its name there and in the JSON, and how it is shown."""

    name: str
    title: str
    columns: tuple[str, ...]
    document: Callable[[Any, Inbox, Names], dict[str, Any]]
    row: Callable[[Any, str, Names], tuple[object, ...]]


_PARTS = (
    _Part(
        "emergencies",
        "The glass was broken",
        ("account", "institution", "by", "why", "data", "at", "until", "review"),
        _emergency_document,
        _emergency_row,
    ),
    _Part("recoveries", "Moves of an account", ("account", "what", "block"), _recovery_document, _recovery_row),
    _Part(
        "changes",
        "Changed by others, not by this wallet",
        ("account", "when", "what", "signed by", "block"),
        _change_document,
        _change_row,
    ),
    _Part(
        "uses",
        "Uses of your data",
        ("account", "institution", "by", "purposes", "data", "opened by", "block"),
        _use_document,
        _use_row,
    ),
    _Part(
        "expiring",
        "Ending within 30 days",
        ("grantee", "effect", "purposes", "until"),
        _expiring_document,
        _expiring_row,
    ),
)
