"""The way of an order on the command line: who acts for whom, what is shown, and how it reaches the chain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.consent._shared import check_out, single_signer
from salus.cli.moments import moment
from salus.cli.options import option

if TYPE_CHECKING:
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.consent.acts import Act
    from salus.consent.model import Directive
    from salus.keys.signers import Signer

__all__ = ["Acting", "Route", "acting", "carry_out", "confirm", "directive_facts"]


@dataclass(frozen=True)
class Route:
    """Who signs an order, and where it goes."""

    relation: str | None = option(
        "--relation", help="The wallet's account to use [default: the one for that institution]."
    )
    patient: str | None = option(
        "--as-delegate-of", help="Act for this patient, whose delegate you are (or whose account was moved to yours)."
    )
    out: str | None = option("--out", type=click.Path(), help="Only sign, and write the order to this file.")
    qr: bool = option("--qr", is_flag=True, help="Only sign, and draw the order as a QR code.")
    relay_as: str | None = option(
        "--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."
    )
    relay_password_file: str | None = option(
        "--relay-password-file", type=click.Path(), help="File with the password of --relay-as."
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


# -------------------------------------------------------------------------------------------------------- who acts


@dataclass(frozen=True)
class Acting:
    """Who signs, and for whom.

    Attributes:
        client: Whose signer signs.
        patient: The patient's account.
        delegate: The signer's account where it signs as a delegate, else "".
    """

    client: Salus
    patient: str
    delegate: str

    def act(self, directive: Directive, *, renewal: bool = False) -> Act:
        """A directive on its way."""
        from salus.consent.acts import Act

        signer = self.client.need_signer().address
        return Act(self.client.consent, signer, self.patient, self.delegate, directive, renewal)


def acting(context: Context, salus: Salus, grantee: str, route: Route) -> Acting:
    """The client that signs, the patient's account, and the delegate's where one signs."""
    from salus.keys.addresses import address

    if route.patient:
        patient = address(route.patient, "--as-delegate-of")
        client = salus.with_signer(context.signer(route.relation))
        own = client.need_signer().address
        return Acting(client, patient, "" if own == salus.guardians.controller_of(patient) else own)
    client = salus.with_signer(_patient(context, salus, grantee, route.relation))
    return Acting(client, client.need_signer().address, "")


def _patient(context: Context, salus: Salus, grantee: str, relation: str | None) -> Signer:
    """The patient's signer: in a wallet the account for the grantee, which is made when it is new."""
    if not context.has_wallet:
        return single_signer(context, relation)
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
    name = salus.consent.name(salus.consent.resolve(grantee))
    return None if name.startswith("role:") else name.lower()


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

    def words(names: frozenset[str]) -> str:
        return ", ".join(f"{name} ({WORDS[name]})" if name in WORDS else name for name in sorted(names))

    action = {Effect.PERMIT: "PERMIT", Effect.DENY: "DENY", Effect.NONE: "REVOKE"}[directive.effect]
    who = name or "everybody"
    facts: list[tuple[str, object]] = [("action", action)]
    facts.append(("institution", who if who in (directive.grantee, "everybody") else f"{who} ({directive.grantee})"))
    if directive.effect is not Effect.NONE:
        denied = directive.effect is Effect.DENY
        facts += [
            ("may not, for" if denied else "may use data for", words(purpose_names(directive.purposes, deny=denied))),
            ("data", words(category_names(directive.categories))),
            ("from", moment(directive.start) if directive.start else "now"),
            ("until", moment(directive.end)),
        ]
        if any(directive.document):
            facts.append(("document", "0x" + directive.document.hex()))
    return [*facts, ("place", "all" if directive.index == ALL_PLACES else directive.index)]


def _facts(act: Act) -> list[tuple[str, object]]:
    facts = [*directive_facts(act.directive, act.grantee), ("patient", act.patient)]
    return [*facts, ("signed by", f"the delegate {act.delegate}")] if act.delegate else facts


def confirm(context: Context, salus: Salus, acts: Sequence[Act], route: Route) -> None:
    """Show what will be signed, where, and how it travels; ask. A grant to no institution is allowed, with a
    warning.
    """
    for grantee in dict.fromkeys(act.directive.grantee for act in acts if act.directive.effect):
        if int(grantee, 16) >> 32 and salus.institutions.get(grantee) is None:
            context.note(
                f"warning: {grantee} is no accredited institution: until it is one, this directive serves nobody"
            )
    facts = [fact for act in acts for fact in [*_facts(act), ("", "")]]
    facts += [
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
        ("way", route.words),
    ]
    if route.out or route.qr or route.relay_as:
        from salus.consent.registry import WEEK

        now = salus.now()
        facts += [("issued", moment(now)), ("submit until", moment(now + WEEK))]
    context.compare_clocks(salus)
    context.confirm(facts, "Sign this?")


# -------------------------------------------------------------------------------------------------------- on its way


def carry_out(context: Context, salus: Salus, acts: Sequence[Act], route: Route) -> None:
    """Sign into a file or a QR code, or sign and submit, or submit directly; and answer."""
    from salus.consent.acts import summary

    if route.out or route.qr:
        _keep(context, acts, route)
        return
    if route.relay_as:
        orders = [act.order() for act in acts]
        relayer = context.open_keystore(route.relay_as, route.relay_password_file)
        receipt = salus.with_signer(relayer).consent.relay(orders)
        context.sent(receipt, f"done: {summary(acts)}", patients=[order.patient for order in orders])
        return
    receipts = [act.send() for act in acts]
    context.answer(
        [{"transaction": r.hash, "block": r.block, "gas": r.gas_used} for r in receipts],
        f"done: {summary(acts)} (block {receipts[-1].block}, {sum(r.gas_used for r in receipts):,} gas)",
    )


def _keep(context: Context, acts: Sequence[Act], route: Route) -> None:
    """Sign into a file, a QR code, or both."""
    from salus.consent.files import orders as files

    orders = [act.order() for act in acts]
    if route.out:
        files.save(orders, route.out)
    documents = [files.order_to_json(order) for order in orders]
    if route.qr:
        for order, document in zip(orders, documents, strict=True):
            document["packed"] = files.pack(order)
            if not context.json:
                _draw(document["packed"])
    text = f"signed into {route.out}; " if route.out else "signed; scan it, and "
    context.answer(documents, f"{text}submit it with: salus consent relay {route.out or '-'} --keystore FILE")


def _draw(packed: str) -> None:
    """A QR code of half blocks: two rows of it in one line of the terminal."""
    import segno

    segno.make_qr(packed, error="l", boost_error=False).terminal(out=sys.stdout, border=2, compact=True)
