"""``salus consent orders``: what was signed and is not on the chain yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._parcels import act_of
from salus.cli.consent._person import Speaker, journal_of, settled_journal
from salus.cli.consent._shared import noun
from salus.cli.consent.orders import Parcel, Route, carry_out, confirm, look_up
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, group, takes

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.client import Salus
    from salus.consent.effects import Outcome
    from salus.consent.journal import Entry, Journal
    from salus.consent.model import Directive, Order
    from salus.keys.signers import Signer

__all__ = ["orders"]


@group("orders")
def orders() -> None:
    """What was signed here and is not on the chain yet: orders that wait for their turn, and those handed out."""


noun.add_command(orders)


# ------------------------------------------------------------------------------------------------------------- looking


@command(orders, "list")
def list_(context: Context) -> None:
    """List what was signed and is not on the chain yet. What is there, or too late, leaves the list.

    \b
    Example:
      salus consent orders list --json
    """
    salus = context.connect()
    journal = journal_of(context, salus)
    found = journal.settle(salus.consent, salus.guardians)
    now = salus.now()
    rows = [
        (
            entry.number,
            entry.relation or entry.signed.patient,
            _what(salus, entry),
            "handed out" if entry.handed_out else f"from {moment(entry.due)} on" if entry.due > now else "now",
            moment(entry.signed.deadline),
            fate.value,
        )
        for entry, fate in found
    ]
    data = [
        {**_document(entry), "what": row[2], "state": fate.name} for row, (entry, fate) in zip(rows, found, strict=True)
    ]
    columns = ("number", "account", "what", "turn", "submit until", "state")
    context.answer(data, (lambda: context.table("Orders", columns, rows)) if rows else "nothing is on its way")


def _document(entry: Entry) -> dict[str, Any]:
    signed = entry.signed
    return {
        "number": entry.number,
        "patient": signed.patient,
        "relation": entry.relation or None,
        "due": entry.due,
        "deadline": signed.deadline,
        "issuedAt": signed.issued_at,
        "handedOut": entry.handed_out,
    }


def _what(salus: Salus, entry: Entry) -> str:
    """What was signed, in a few words."""
    from salus.consent.model import Effect, Order
    from salus.institutions.registry import ZERO

    signed = entry.signed
    if not isinstance(signed, Order):
        return signed.action
    verb = {Effect.PERMIT: "permit", Effect.DENY: "deny", Effect.NONE: "revoke"}[signed.directive.effect]
    grantee = signed.directive.grantee
    return f"{verb} {'everything' if grantee == ZERO else salus.consent.name(grantee)}"


# ---------------------------------------------------------------------------------------------------------- submitting


@command(orders, "submit")
@click.option("--relay-as", type=click.Path(), help="Submit with this keystore [default: each account pays itself].")
@click.option("--relay-password-file", type=click.Path(), help="File with the password of --relay-as.")
@click.option("--now", "at_once", is_flag=True, help="Also what waits for enough blocks after another account.")
def submit(context: Context, relay_as: str | None, relay_password_file: str | None, at_once: bool) -> None:
    """Submit what waits and has its turn now, an account in a transaction; it is told what holds afterwards.

    Between two accounts of one person lie some blocks, so that nobody can tell that they are one person's. Run it again
    for what waits still; files that were handed out are their holders' to submit.

    \b
    Example:
      salus consent orders submit --relay-as hospital.json
    """
    from salus.errors import Refused, one_line

    salus = context.connect()
    journal = settled_journal(context, salus)
    waiting = _by_account([entry for entry in journal.entries() if not entry.handed_out])
    now = salus.now()
    ready = [entries for entries in waiting if max(entry.due for entry in entries) <= now]
    facts: list[tuple[str, object]] = [("account", _name(entries)) for entries in ready]
    context.confirm([*facts, ("accounts that have their turn", len(ready)), *_chain(context, salus)], "Submit this?")
    payer = context.open_keystore(relay_as, relay_password_file) if relay_as and ready else None
    sent: list[tuple[list[Entry], Receipt, tuple[Outcome, ...]]] = []
    out: set[int] = set()
    for entries in ready:
        if not at_once and not _is_apart(salus, journal, entries[0].signed.patient):
            continue
        try:
            sent.append((entries, *_send(context, salus, journal, entries, payer)))
        except Refused as refused:
            # The others go on. It never left this machine, and would be refused again.
            journal.remove({entry.number for entry in entries})
            context.note(f"{_name(entries)}: refused, and taken out: {one_line(refused, 200)}")
            out |= {entry.number for entry in entries}
    done = out | {entry.number for entries, _, _ in sent for entry in entries}
    _tell(context, sent, [entries for entries in waiting if entries[0].number not in done])


def _chain(context: Context, salus: Salus) -> list[tuple[str, object]]:
    return [("chain", f"{salus.chain_id} at {context.nodes}")]


def _by_account(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries by account, in the order of their turns."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.due):
        found.setdefault(entry.signed.patient, []).append(entry)
    return list(found.values())


def _name(entries: Sequence[Entry]) -> str:
    return entries[0].relation or entries[0].signed.patient


def _is_apart(salus: Salus, journal: Journal, patient: str) -> bool:
    """Whether enough blocks lie behind the last submission for another account."""
    from salus.chain.rpc import number
    from salus.consent.apart import BLOCKS

    newest = number(salus.node.block().get("number"), "the latest block", most=1 << 64)
    last = journal.last_block(patient)
    return last < 0 or newest + 1 - last >= BLOCKS


def _send(
    context: Context, salus: Salus, journal: Journal, entries: Sequence[Entry], payer: Signer | None
) -> tuple[Receipt, tuple[Outcome, ...]]:
    """Submit what one account has signed; requests to guardians each for itself."""
    from salus.consent.model import Order

    client = salus.with_signer(payer or context.signer(entries[0].relation or None))
    told = [entry.signed for entry in entries]
    given = [signed for signed in told if isinstance(signed, Order)]
    receipts = [client.guardians.submit(signed) for signed in told if not isinstance(signed, Order)]
    if given:
        receipts.append(client.consent.relay(given))
    journal.remove({entry.number for entry in entries})
    journal.submitted(told[0].patient, receipts[-1].block)
    return receipts[-1], look_up(salus, told[0].patient, [order.directive for order in given])


def _tell(
    context: Context,
    sent: Sequence[tuple[list[Entry], Receipt, tuple[Outcome, ...]]],
    waiting: Sequence[list[Entry]],
) -> None:
    lines = []
    for entries, receipt, outcomes in sent:
        what = "; ".join(outcome.text for outcome in outcomes) or ", ".join(_action(entry) for entry in entries)
        lines.append(f"{_name(entries)}: {what} (block {receipt.block}, {receipt.gas_used:,} gas)")
    for entries in waiting:
        due = max(entry.due for entry in entries)
        lines.append(
            f"{_name(entries)}: waits; its turn is from {moment(due)} on" if due else f"{_name(entries)}: waits"
        )
    data = {
        "transactions": [
            {
                "patient": entries[0].signed.patient,
                "transaction": receipt.hash,
                "block": receipt.block,
                "gas": receipt.gas_used,
                "effects": [{"text": outcome.text, "holds": outcome.holds} for outcome in outcomes],
            }
            for entries, receipt, outcomes in sent
        ],
        "waiting": [
            {"patient": entries[0].signed.patient, "due": max(entry.due for entry in entries)} for entries in waiting
        ],
    }
    context.answer(data, "\n".join(lines) or "nothing waits here")


def _action(entry: Entry) -> str:
    from salus.consent.model import Order

    return "order" if isinstance(entry.signed, Order) else f"{entry.signed.action} is set"


# --------------------------------------------------------------------------------------------------------- withdrawing


@command(orders, "withdraw")
@click.argument("number", type=click.IntRange(1))
@takes(route=Route)
def withdraw(context: Context, number: int, route: Route) -> None:
    """Withdraw an order that is not on the chain yet.

    What never left this machine is simply forgotten. What was handed out can still be submitted by whoever has it:
    against that a later order for the same place is signed, which makes it void. What stands at that place stays.

    \b
    Example:
      salus consent orders withdraw 3 --relay-as hospital.json
    """
    from salus.consent.model import ALL_PLACES, Effect, Order
    from salus.errors import BadInput

    salus = context.connect()
    route.check()
    journal = settled_journal(context, salus)
    entry = next((entry for entry in journal.entries() if entry.number == number), None)
    if entry is None:
        raise BadInput("NUMBER", "", f"there is no order {number} on its way; see `salus consent orders list`")
    if not entry.handed_out:
        journal.remove({number})
        context.answer({"withdrawn": number, "transactions": []}, f"order {number} is forgotten; nobody else had it")
        return
    order = entry.signed
    if not isinstance(order, Order) or order.directive.index == ALL_PLACES or order.directive.effect is Effect.NONE:
        raise BadInput(
            "NUMBER",
            "",
            f"order {number} was handed out and takes something back; grant again, or name it again, later",
        )
    client = salus.with_signer(context.signer(entry.relation or None))
    who = Speaker(client, order.patient, order.signer, entry.relation, entry.relation or order.patient)
    # Signed even where the account pays itself: a direct revocation would also end other orders.
    parcels = [Parcel(who, (act_of(who, _instead(client, order)),), signed=True)]
    confirm(context, salus, parcels, route)
    carry_out(context, salus, parcels, route, journal)
    journal.remove({number})


def _instead(client: Salus, order: Order) -> Directive:
    """What makes an order void: a revocation of its place, or again what stands there."""
    from salus.consent.model import Directive, Effect, Status

    place = order.directive.grantee, order.directive.index
    record = client.consent.record(order.patient, *place)
    if record.status in (Status.ACTIVE, Status.NOT_YET):
        return client.consent.renewal(order.patient, client.consent.name(place[0]), record.end, index=place[1])
    return Directive(*place, Effect.NONE)
