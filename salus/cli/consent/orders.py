"""The way of an order on the command line: who acts for whom, what is shown, and how it reaches the chain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import Context, moment
from salus.cli.consent.show import check_out

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.registry import Directive, Order

__all__ = ["Step", "acting", "carry_out", "check_way", "confirm", "facts_of", "route_options"]

_RELATION = "The wallet's account to use [default: the one for that institution]."


@dataclass(frozen=True)
class Step:
    """One directive on its way.

    Attributes:
        client: Whose signer signs.
        patient: For whom.
        delegate: The signer's account where it signs as a delegate, else "".
        directive: What.
    """

    client: Salus
    patient: str
    delegate: str
    directive: Directive


def route_options(function: Any) -> Any:
    """Options of every command that signs an order."""
    for option in reversed(
        (
            click.option("--relation", help=_RELATION),
            click.option(
                "--as-delegate-of",
                "patient",
                help="Act for this patient, whose delegate you are (or whose account was moved to yours).",
            ),
            click.option("--out", type=click.Path(), help="Only sign, and write the order to this file."),
            click.option("--qr", is_flag=True, help="Only sign, and draw the order as a QR code."),
            click.option(
                "--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."
            ),
            click.option("--relay-password-file", type=click.Path(), help="File with the password of --relay-as."),
        )
    ):
        function = option(function)
    return function


def check_way(options: dict[str, Any]) -> None:
    """Before anybody is asked for a password: where an order goes is said once, and no file that is there is
    overwritten.
    """
    from salus.errors import BadInput

    if (options["out"] or options["qr"]) and options["relay_as"]:
        raise BadInput("--out", "", "and --qr exclude --relay-as: write the order, or submit it")
    check_out(options["out"])


def acting(context: Context, salus: Salus, grantee: str, options: dict[str, Any]) -> tuple[Salus, str, str]:
    """The client that signs, the patient's account, and the delegate's where one signs."""
    from salus.keys.addresses import address

    if options["patient"]:
        patient = address(options["patient"], "--as-delegate-of")
        client = salus.with_signer(context.signer(options["relation"]))
        own = client.need_signer().address
        return client, patient, "" if own == salus.guardians.controller_of(patient) else own
    client = salus.with_signer(_patient(context, salus, grantee, options["relation"]))
    return client, client.need_signer().address, ""


def _patient(context: Context, salus: Salus, grantee: str, relation: str | None) -> Any:
    """The patient's signer: in a wallet the account for the grantee, which is made when it is new."""
    from salus.errors import BadInput

    if not context.has_wallet:
        if relation:
            raise BadInput("--relation", "", "names an account of a wallet, and --keystore is a single key")
        return context.signer()
    name = relation or _relation(salus, grantee)
    known = name is None or name in context.wallet().relations()
    signer = context.signer(name)
    if not known:
        context.note(f"new account for {name}: {signer.address}")
    return signer


def _relation(salus: Salus, grantee: str) -> str | None:
    """An institution's public name, be it given by its account; None for a role or for everybody."""
    if not grantee or grantee.casefold().startswith("role:"):
        return None
    account = salus.consent.resolve(grantee)
    name = salus.consent.name(account)
    return None if name.startswith("role:") else name.lower()


def facts_of(step: Step) -> list[tuple[str, object]]:
    """Every field of a directive in words."""
    from salus.consent.codes import WORDS, category_names, purpose_names
    from salus.consent.registry import ALL_PLACES, Effect
    from salus.institutions.registry import ZERO

    d = step.directive

    def words(names: frozenset[str]) -> str:
        return ", ".join(f"{name} ({WORDS[name]})" if name in WORDS else name for name in sorted(names))

    who = "everybody" if d.grantee == ZERO else step.client.consent.name(d.grantee)
    action = {Effect.PERMIT: "PERMIT", Effect.DENY: "DENY", Effect.NONE: "REVOKE"}[d.effect]
    facts: list[tuple[str, object]] = [("action", action)]
    facts.append(("institution", who if who in (d.grantee, "everybody") else f"{who} ({d.grantee})"))
    if d.effect is not Effect.NONE:
        denied = d.effect is Effect.DENY
        facts += [
            ("may not, for" if denied else "may use data for", words(purpose_names(d.purposes, deny=denied))),
            ("data", words(category_names(d.categories))),
            ("from", moment(d.start) if d.start else "now"),
            ("until", moment(d.end)),
        ]
        if any(d.document):
            facts.append(("document", "0x" + d.document.hex()))
    facts.append(("place", "all" if d.index == ALL_PLACES else d.index))
    facts.append(("patient", step.patient))
    return [*facts, ("signed by", f"the delegate {step.delegate}")] if step.delegate else facts


def confirm(context: Context, salus: Salus, steps: Sequence[Step], options: dict[str, Any]) -> None:
    """Show what will be signed, where, and how it travels; ask. A grant to no institution is allowed, with a
    warning.
    """
    for grantee in dict.fromkeys(step.directive.grantee for step in steps if step.directive.effect):
        if int(grantee, 16) >> 32 and salus.institutions.get(grantee) is None:
            context.note(
                f"warning: {grantee} is no accredited institution: until it is one, this directive serves nobody"
            )
    facts = [fact for step in steps for fact in [*facts_of(step), ("", "")]]
    context.confirm([*facts, *_route_facts(context, salus, options)], "Sign this?")


def _route_facts(context: Context, salus: Salus, options: dict[str, Any]) -> list[tuple[str, object]]:
    if options["out"]:
        way = f"signed into {options['out']}, for anybody to submit within 7 days"
    elif options["qr"]:
        way = "signed into a QR code, for anybody to submit within 7 days"
    elif options["relay_as"]:
        way = f"signed, and submitted with {options['relay_as']}"
    else:
        way = "submitted by the signer, who pays the fee"
    return [
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("way", way),
    ]


def _order(step: Step) -> Order:
    from salus.consent.registry import Effect
    from salus.institutions.registry import ZERO

    consent, d, delegate = step.client.consent, step.directive, step.delegate or None
    if d.effect is not Effect.NONE:
        order = consent.prepare_grant(d, patient=step.patient, delegate=delegate)
    else:
        grantee = None if d.grantee == ZERO else d.grantee
        order = consent.prepare_revoke(grantee, patient=step.patient, delegate=delegate, index=d.index)
    return consent.sign(order)


def carry_out(context: Context, steps: Sequence[Step], options: dict[str, Any]) -> None:
    """Sign into a file or a QR code, or sign and submit, or submit directly; and answer."""
    from salus.consent.files import orders as files

    if options["out"] or options["qr"]:
        orders = [_order(step) for step in steps]
        if options["out"]:
            files.save(orders, options["out"])
        documents = [files.order_to_json(order) for order in orders]
        if options["qr"]:
            for order, document in zip(orders, documents, strict=True):
                document["packed"] = files.pack(order)
                if not context.json:
                    _draw(document["packed"])
        way = options["out"] or "-"
        text = f"signed into {options['out']}; " if options["out"] else "signed; scan it, and "
        context.answer(documents, f"{text}submit it with: salus consent relay {way} --keystore FILE")
        return
    if options["relay_as"]:
        orders = [_order(step) for step in steps]
        relayer = context.open_keystore(options["relay_as"], options["relay_password_file"])
        receipt = steps[0].client.with_signer(relayer).consent.relay(orders)
        context.sent(receipt, f"done: {_summary(steps)}", patients=[order.patient for order in orders])
        return
    receipts = [_directly(step) for step in steps]
    context.answer(
        [{"transaction": r.hash, "block": r.block, "gas": r.gas_used} for r in receipts],
        f"done: {_summary(steps)} (block {receipts[-1].block}, {sum(r.gas_used for r in receipts):,} gas)",
    )


def _directly(step: Step) -> Any:
    """The signer sends it itself; where it signs for another account, as an order that it relays itself."""
    from salus.consent.registry import Effect
    from salus.institutions.registry import ZERO

    consent, d = step.client.consent, step.directive
    if step.patient != step.client.need_signer().address:
        return consent.relay([_order(step)])
    if d.effect is not Effect.NONE:
        return consent.grant(d)
    return consent.revoke(None if d.grantee == ZERO else d.grantee, index=d.index)


def _draw(packed: str) -> None:
    """A QR code of half blocks: two rows of it in one line of the terminal."""
    import segno

    segno.make_qr(packed, error="l", boost_error=False).terminal(out=sys.stdout, border=2, compact=True)


def _summary(steps: Sequence[Step]) -> str:
    done = {0: "revoked", 1: "permitted", 2: "denied"}
    named = [(s.directive.effect, s.client.consent, s.directive.grantee) for s in steps]
    return ", ".join(
        f"{done[effect]} {consent.name(who) if int(who, 16) else 'everything'}" for effect, consent, who in named
    )
