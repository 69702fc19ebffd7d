"""``salus consent inbox``: what happened to a patient's data since the last look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from salus.chain.rpc import number
from salus.cli.common import Context, command, moment
from salus.cli.consent.show import look_options, noun, patients

if TYPE_CHECKING:
    from pathlib import Path

    from salus.chain.receipts import Event
    from salus.client import Salus
    from salus.consent.access_log import Emergency, Use
    from salus.consent.registry import Record

__all__ = ["inbox"]

_SOON = 30 * 24 * 3600


@command(noun, "inbox")
@look_options
@click.option("--all", "everything", is_flag=True, help="From the beginning, not from the last look.")
@click.option("--keep", is_flag=True, help="Do not remember this look: the next one shows the same again.")
def inbox(context: Context, patient: str | None, relation: str | None, everything: bool, keep: bool) -> None:
    """Show what happened since the last look: emergencies first, then recoveries, uses, and what ends within 30 days.

    The last look is remembered in the wallet's folder, by block, for the whole wallet; a look at --patient or
    --relation alone, and one without a wallet, starts from the beginning and is not remembered.

    \b
    Example:
      salus consent inbox
    """
    salus = context.connect()
    until = number(salus.node.block().get("number"), "the latest block", most=1 << 64)
    accounts = patients(context, patient, relation)
    remembered = context.wallet_path() / "inbox.json" if context.has_wallet and not patient and not relation else None
    place = f"{salus.chain_id} {salus.book['AccessLog'].address}"
    seen = _read(remembered) if remembered else {}
    last = 0 if everything else seen.get(place, -1) + 1
    if last > until + 1:
        last = 0  # the chain was started anew

    found = [_Box(salus, who, last, until) for who in accounts.values()]
    those = [e.institution for box in found for e in box.emergencies]
    those += [use.institution for box in found for use in box.uses]
    names = salus.institutions.names(those)
    names |= salus.consent.names(record.grantee for box in found for record in box.expiring)
    data: dict[str, Any] = {
        "since": last,
        "until": until,
        "emergencies": [],
        "recoveries": [],
        "uses": [],
        "expiring": [],
    }
    rows: dict[str, list[tuple[object, ...]]] = {"emergencies": [], "recoveries": [], "uses": [], "expiring": []}
    for name, box in zip(accounts, found, strict=True):
        for emergency in box.emergencies:
            data["emergencies"].append(_emergency_document(emergency, names))
            rows["emergencies"].append(_emergency_row(emergency, names, name or box.patient))
        for event in box.recoveries:
            data["recoveries"].append(_recovery_document(event))
            rows["recoveries"].append((name or box.patient, _RECOVERIES[event.name](event.args), event.block))
        for use in box.uses:
            data["uses"].append(_use_document(use, names))
            rows["uses"].append(_use_row(use, names, name or box.patient))
        for record in box.expiring:
            line = {"patient": box.patient, "grantee": record.grantee, "name": names[record.grantee]}
            data["expiring"].append({**line, "index": record.index, "effect": record.effect.name, "end": record.end})
            scope = ", ".join(sorted(record.purpose_names))
            rows["expiring"].append((names[record.grantee], record.effect.name.lower(), scope, moment(record.end)))
    context.answer(data, lambda: _show(context, rows))
    if remembered and not keep:
        _write(remembered, {**seen, place: until})


class _Box:
    """What concerns one account, from one block to another."""

    def __init__(self, salus: Salus, patient: str, since: int, until: int) -> None:
        from salus.consent.registry import Status

        self.patient = patient
        self.emergencies = [e for e in salus.accesses.emergencies(patient, since=since) if e.block <= until]
        steps = salus.guardians.history(patient, since=since)
        self.recoveries = [e for e in steps if e.name in _RECOVERIES and e.block <= until]
        self.uses = [use for use in salus.accesses.all(patient, since=since) if use.block <= until]
        soon = salus.now() + _SOON
        records = salus.consent.all(patient)
        self.expiring: list[Record] = [r for r in records if r.status is Status.ACTIVE and r.end <= soon]


_RECOVERIES = {
    "RecoveryStarted": lambda a: (
        f"guardians move the account to {a['successor']}, from {moment(a['readyAt'])}; stop it with `recover veto`"
    ),
    "RecoveryVetoed": lambda a: f"the move to {a['successor']} was stopped",
    "PatientMoved": lambda a: f"the account was moved to {a['successor']}",
}


def _scope(bits: int) -> list[str]:
    from salus.consent.codes import category_names

    return sorted(category_names(bits))


def _emergency_document(e: Emergency, names: dict[str, str]) -> dict[str, Any]:
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


def _emergency_row(e: Emergency, names: dict[str, str], account: str) -> tuple[object, ...]:
    data = ", ".join(_scope(e.categories))
    times = moment(e.declared_at), moment(e.until)
    return account, names[e.institution], e.clinician, e.cause.words, data, *times, e.outcome.words


def _recovery_document(event: Event) -> dict[str, Any]:
    return {"step": event.name, **event.args, "block": event.block, "transaction": event.transaction}


def _use_document(use: Use, names: dict[str, str]) -> dict[str, Any]:
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


def _use_row(use: Use, names: dict[str, str], account: str) -> tuple[object, ...]:
    why = "an emergency" if use.emergency else "consent"
    scope = ", ".join(sorted(use.purpose_names)), ", ".join(_scope(use.categories))
    return account, names[use.institution], use.actor, *scope, why, use.block


_TABLES = {
    "emergencies": ("The glass was broken", ("account", "institution", "by", "why", "data", "at", "until", "review")),
    "recoveries": ("Moves of an account", ("account", "what", "block")),
    "uses": ("Uses of your data", ("account", "institution", "by", "purposes", "data", "opened by", "block")),
    "expiring": ("Ending within 30 days", ("grantee", "effect", "purposes", "until")),
}


def _show(context: Context, rows: dict[str, list[tuple[object, ...]]]) -> None:
    if not any(rows.values()):
        click.echo("nothing new")
    for kind, (title, columns) in _TABLES.items():
        if rows[kind]:
            click.echo(f"{title}:")
            context.table(title, columns, rows[kind])


# ------------------------------------------------------------------------------------------------------- the last look


def _read(path: Path) -> dict[str, int]:
    """The last block that was looked at, by chain and contract."""
    from salus.errors import BadInput, WalletError
    from salus.formats.json_file import parse_json
    from salus.keys.keystores import read_private

    if not path.exists():
        return {}
    try:
        seen = parse_json(read_private(path, "inbox"), str(path))
    except BadInput:
        seen = None
    if not isinstance(seen, dict) or not all(isinstance(block, int) for block in seen.values()):
        raise WalletError(f"{path} is damaged; remove it, and the next look starts from the beginning")
    return seen


def _write(path: Path, seen: dict[str, int]) -> None:
    from salus.keys.keystores import write_private

    write_private(path, json.dumps(seen, indent=1) + "\n", replace=True)
