"""The way of orders on the command line: what is shown, what is signed for each account, and how it reaches the chain.

What one account signs is a **parcel**: one file, one transaction. Parcels of several accounts of one person are kept
apart in time, unless ``--now`` is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.consent._shared import check_out
from salus.cli.moments import moment
from salus.cli.options import option

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.cli.consent._person import Speaker
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.consent.acts import Act
    from salus.consent.effects import Outcome
    from salus.consent.journal import Journal
    from salus.consent.model import Directive, Order
    from salus.keys.signers import Signer

__all__ = ["Parcel", "Route", "Sent", "carry_out", "confirm", "directive_facts", "file_names", "look_up", "tell"]

_SOON = 5  # seconds; so far ahead a relay waits for the chain's clock


@dataclass(frozen=True)
class Route:
    """Who signs an order, and where it goes."""

    relation: str | None = option(
        "--relation", help="The wallet's account to use [default: the one for that institution]."
    )
    patient: str | None = option("--as-delegate-of", help="Act for this patient, whose delegate you are.")
    out: str | None = option(
        "--out",
        type=click.Path(),
        help="Only sign, and write the order to this file; of several accounts one file each.",
    )
    qr: bool = option("--qr", is_flag=True, help="Only sign, and draw the order as a QR code.")
    relay_as: str | None = option(
        "--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."
    )
    relay_password_file: str | None = option(
        "--relay-password-file", type=click.Path(), help="File with the password of --relay-as."
    )
    now: bool = option(
        "--now", is_flag=True, help="Of several accounts: all at once. It shows that they are one person's."
    )

    def check(self) -> None:
        """Before anybody is asked for a password: where an order goes is said once, and no file that is there is
        overwritten.

        Raises:
            BadInput: Neither.
        """
        from salus.errors import BadInput

        if (self.out or self.qr) and self.relay_as:
            raise BadInput("--out", "", "and --qr exclude --relay-as: write the order, or submit it")
        check_out(self.out)

    @property
    def words(self) -> str:
        """The way in words."""
        if self.out:
            return f"signed into {self.out}, for anybody to submit within 7 days"
        if self.qr:
            return "signed into a QR code, for anybody to submit within 7 days"
        if self.relay_as:
            return f"signed, and submitted with {self.relay_as}"
        return "submitted by the signer, who pays the fee"


@dataclass(frozen=True)
class Parcel:
    """What one account says.

    Attributes:
        speaker: Who signs.
        acts: What, in order.
        due: First second at which it may reach the chain; 0: now.
        signed: It is signed also where the account itself sends it.
    """

    speaker: Speaker
    acts: tuple[Act, ...]
    due: int = 0
    signed: bool = False

    def sign(self, journal: Journal) -> list[Order]:
        """The orders, of one second, which is later than that of what the journal has for the same place; what counts
        only after this parcel's turn is met by another one, see :func:`_in_turn`.
        """
        turn = max(self.due, self.speaker.client.now()) + _SOON
        known = [order for order in journal.orders(self.speaker.patient) if order.issued_at <= turn]
        # In one second, so that a denial and its exceptions keep their meaning.
        latest = max(act.prepare(known, self.due).issued_at for act in self.acts)
        return [act.order(known, latest) for act in self.acts]


@dataclass(frozen=True)
class Sent:
    """What became of a parcel.

    Attributes:
        parcel: It.
        receipts: Its transactions; none while it waits.
        outcomes: What holds now.
    """

    parcel: Parcel
    receipts: tuple[Receipt, ...]
    outcomes: tuple[Outcome, ...]


# ------------------------------------------------------------------------------------------------------- what is shown


def directive_facts(directive: Directive, name: str) -> list[tuple[str, object]]:
    """Every field of a directive in words.

    Args:
        directive: What is granted or revoked.
        name: The grantee for people; "" for everybody.
    """
    from salus.consent.codes import WORDS, category_names, purpose_names
    from salus.consent.model import Effect
    from salus.consent.registry import ALL_PLACES

    denied = directive.effect is Effect.DENY

    def words(names: frozenset[str]) -> str:
        if denied and names == {"all"}:
            return "all data, whatever its label"
        return ", ".join(f"{name} ({WORDS[name]})" if name in WORDS else name for name in sorted(names))

    action = {Effect.PERMIT: "PERMIT", Effect.DENY: "DENY", Effect.NONE: "REVOKE"}[directive.effect]
    who = name or "everybody"
    facts: list[tuple[str, object]] = [("action", action)]
    facts.append(("institution", who if who in (directive.grantee, "everybody") else f"{who} ({directive.grantee})"))
    if directive.effect is not Effect.NONE:
        facts += [
            ("may not, for" if denied else "may use data for", words(purpose_names(directive.purposes, deny=denied))),
            ("data", words(category_names(directive.categories, deny=denied))),
            ("from", moment(directive.start) if directive.start else "now"),
            ("until", moment(directive.end)),
        ]
        if any(directive.document):
            facts.append(("document", "0x" + directive.document.hex()))
    return [*facts, ("place", "all" if directive.index == ALL_PLACES else directive.index)]


def _facts(act: Act) -> list[tuple[str, object]]:
    facts = [*directive_facts(act.directive, act.grantee), ("patient", act.patient)]
    return [*facts, ("signed by", f"the delegate {act.delegate}")] if act.delegate else facts


def confirm(context: Context, salus: Salus, parcels: Sequence[Parcel], route: Route) -> None:
    """Show what will be signed, where, and how it travels; ask. A grant to no institution is allowed, with a
    warning.
    """
    acts = [act for parcel in parcels for act in parcel.acts]
    for grantee in dict.fromkeys(act.directive.grantee for act in acts if act.directive.effect):
        if int(grantee, 16) >> 32 and salus.institutions.get(grantee) is None:
            context.note(
                f"warning: {grantee} is no accredited institution: until it is one, this directive serves nobody"
            )
    _warn_of_links(context, parcels, route)
    facts: list[tuple[str, object]] = []
    for parcel in parcels:
        for act in parcel.acts:
            facts += _facts(act)
            if parcel.due:
                facts.append(("not before", moment(parcel.due)))
            facts.append(("", ""))
    facts += [("accounts", len(parcels))] if len(parcels) > 1 else []
    facts += [
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
        ("way", route.words),
    ]
    if route.out or route.qr or route.relay_as:
        from salus.consent.registry import WEEK

        now = salus.now()
        latest = max(now, *(parcel.due for parcel in parcels)) if parcels else now
        facts += [("issued", moment(now)), ("submit until", moment(latest + WEEK))]
    context.compare_clocks(salus)
    context.confirm(facts, "Sign this?")


def _warn_of_links(context: Context, parcels: Sequence[Parcel], route: Route) -> None:
    """What would show that several accounts are one person's."""
    if len(parcels) < 2:
        return
    if route.now:
        context.note(
            "warning: --now: these accounts act in one moment; whoever looks at the chain can tell that they are one"
            " person's"
        )
    if route.relay_as:
        context.note(
            "warning: one payer submits for several of your accounts, and so could tie them to each other; --out writes"
            " a file for each, to be handed to its own institution"
        )


# -------------------------------------------------------------------------------------------------------- on its way


def carry_out(context: Context, salus: Salus, parcels: Sequence[Parcel], route: Route, journal: Journal) -> None:
    """Sign into files or QR codes, or sign and submit, or submit directly; look up what holds; and answer."""
    for parcel in parcels:
        journal.keep_ends(parcel.speaker.patient, (act.directive.end for act in parcel.acts if act.directive.end))
    if route.out or route.qr:
        _keep(context, parcels, route, journal)
        return
    relayer = context.open_keystore(route.relay_as, route.relay_password_file) if route.relay_as else None
    turns = [turn for parcel in parcels for turn in _in_turn(context, parcel, journal)]
    tell(context, [_submit(salus, parcel, relayer, journal) for parcel in turns])


def _in_turn(context: Context, parcel: Parcel, journal: Journal) -> list[Parcel]:
    """A parcel with regard to what was signed before, and counts only later.

    What waits here and is said anew is forgotten. What others have already, and what counts from a later second on, a
    grant must come after; a revocation comes at once, and once more then.
    """
    from salus.consent.model import Effect

    directives = [act.directive for act in parcel.acts]
    if gone := journal.forget_waiting(parcel.speaker.patient, directives):
        context.note(f"{parcel.speaker.name}: {gone} orders that waited for their turn are forgotten")
    later = journal.latest_issue(parcel.speaker.patient, directives)
    if later <= max(parcel.due, parcel.speaker.client.now()) + _SOON:
        return [parcel]
    after = replace(parcel, due=later, signed=True)
    revoked = all(directive.effect is Effect.NONE for directive in directives)
    return [parcel, after] if revoked else [after]


def _submit(salus: Salus, parcel: Parcel, relayer: Signer | None, journal: Journal) -> Sent:
    """Submit one parcel, or keep it until its turn."""
    from salus.errors import Refused

    who = parcel.speaker
    own = relayer is None and not who.delegate and who.client.need_signer().address == who.patient
    if own and not parcel.due and not parcel.signed:
        receipts = tuple(act.send() for act in parcel.acts)
        for receipt in receipts:
            journal.sent(receipt.hash)
    else:
        orders = parcel.sign(journal)
        numbers = journal.add(orders, relation=who.relation, due=parcel.due, handed_out=False)
        if parcel.due:
            return Sent(parcel, (), ())
        payer = salus.with_signer(relayer) if relayer else who.client
        try:
            receipts = (payer.consent.relay(orders),)
        except Refused:
            journal.remove(numbers)  # it never left this machine
            raise
        journal.remove(numbers)
    journal.submitted(who.patient, receipts[-1].block)
    return Sent(parcel, receipts, look_up(salus, who.patient, [act.directive for act in parcel.acts]))


def look_up(salus: Salus, patient: str, directives: Sequence[Directive]) -> tuple[Outcome, ...]:
    """What holds after directives reached the chain."""
    from salus.consent.effects import Effects

    effects = Effects(salus.consent, salus.institutions, salus.accesses, salus.now())
    return tuple(effects.of(patient, directive) for directive in directives)


def tell(context: Context, sent: Sequence[Sent]) -> None:
    """Answer: what holds now for each account, and which wait for their turn."""
    several = len(sent) > 1
    lines = []
    for one in sent:
        prefix = f"{one.parcel.speaker.name}: " if several else ""
        for outcome in one.outcomes:
            lines.append(f"{prefix}{outcome.text}")
            if not outcome.holds:
                context.note(f"warning: this is not what you asked for: {outcome.text}")
        if one.receipts:
            cost = f" (block {one.receipts[-1].block}, {sum(r.gas_used for r in one.receipts):,} gas)"
            lines[-1] += cost
    waiting = [one.parcel for one in sent if not one.receipts]
    for parcel in sorted(waiting, key=lambda parcel: parcel.due):
        lines.append(f"{parcel.speaker.name}: signed, NOT SUBMITTED yet; its turn is from {moment(parcel.due)} on")
    if waiting:
        lines.append("submit what waits with: salus consent orders submit")
    transactions = [
        {
            "transaction": receipt.hash,
            "block": receipt.block,
            "gas": receipt.gas_used,
            "patient": one.parcel.speaker.patient,
        }
        for one in sent
        for receipt in one.receipts
    ]
    data: dict[str, Any] = {
        "patients": [one.parcel.speaker.patient for one in sent],
        "transactions": transactions,
        "effects": [
            {"patient": outcome.patient, "text": outcome.text, "holds": outcome.holds}
            for one in sent
            for outcome in one.outcomes
        ],
        "waiting": [{"patient": parcel.speaker.patient, "due": parcel.due} for parcel in waiting],
    }
    context.answer(data, "\n".join(lines))


# ------------------------------------------------------------------------------------------------------ files and codes


def file_names(out: str, count: int) -> list[str]:
    """The files of so many accounts: the one that was named, or ``order-1.json``, ``order-2.json`` …

    Raises:
        BadInput: One is there already.
    """
    path = Path(out)
    names = [out] if count == 1 else [str(path.with_name(f"{path.stem}-{n}{path.suffix}")) for n in range(1, count + 1)]
    for name in names:
        check_out(name)
    return names


def _keep(context: Context, parcels: Sequence[Parcel], route: Route, journal: Journal) -> None:
    """Sign into files, QR codes, or both; the journal has it first."""
    from salus.consent.files import orders as files

    names = file_names(route.out, len(parcels)) if route.out else [""] * len(parcels)
    documents: list[dict[str, Any]] = []
    lines: list[str] = []
    for parcel, name in zip(parcels, names, strict=True):
        first, *after = _in_turn(context, parcel, journal)
        orders = first.sign(journal)
        journal.add(orders, relation=parcel.speaker.relation, due=first.due, handed_out=True)
        for again in after:
            journal.add(again.sign(journal), relation=parcel.speaker.relation, due=again.due, handed_out=False)
            context.note(f"once more from {moment(again.due)} on, with: salus consent orders submit")
        if name:
            files.save(orders, name)
        told = [files.order_to_json(order) for order in orders]
        if route.qr:
            for order, document in zip(orders, told, strict=True):
                document["packed"] = files.pack(order)
                if not context.json:
                    _draw(document["packed"])
        documents += told
        text = f"signed into {name}; " if name else "signed; scan it, and "
        account = f"{parcel.speaker.name}: " if len(parcels) > 1 else ""
        turn = f" (not before {moment(first.due)})" if first.due else ""
        lines.append(f"{account}{text}submit it with: salus consent relay {name or '-'} --keystore FILE{turn}")
    context.answer(documents, "\n".join(lines))


def _draw(packed: str) -> None:
    """A QR code of half blocks: two rows of it in one line of the terminal."""
    import segno

    segno.make_qr(packed, error="l", boost_error=False).terminal(out=sys.stdout, border=2, compact=True)
