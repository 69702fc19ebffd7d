"""``salus consent``: grant, deny, renew, revoke, relay.

Looking is in :mod:`.show` and :mod:`.inbox`, delegates and recovery in :mod:`.guardians`, what
institutions and the regulator do in :mod:`.access`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from salus.cli.consent._parcels import act_of, all_used, apart, drafted, ends_apart, is_wide, standing_for
from salus.cli.consent._person import settled_journal
from salus.cli.consent._shared import TO, noun
from salus.cli.consent.orders import Parcel, Route, carry_out, confirm, directive_facts
from salus.cli.context import Context
from salus.cli.moments import moment, parse_end, parse_moment
from salus.cli.options import command, option, takes
from salus.cli.output import abbreviate

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.consent.model import DirectiveDraft, Effect, Order
    from salus.consent.relay import Relayed

__all__ = ["deny", "grant", "relay", "renew", "revoke"]

_SHOWN_WHOLE = 20  # orders to relay; of more nobody reads every field


@dataclass(frozen=True)
class Scope:
    """What is granted or denied, to whom, and for how long."""

    grantee: str | None = option("--to", help=TO)
    purposes: tuple[str, ...] = option(
        "--purpose", multiple=True, help="TREAT, ETREAT, HPAYMT, COVERAGE, HOPERAT, HRESCH …"
    )
    categories: tuple[str, ...] = option(
        "--category",
        multiple=True,
        help="A FHIR resource type (Observation …), a sensitivity label (PSY …), or all"
        " [default: all, which leaves the labels out].",
    )
    start: str | None = option("--from", help="When it begins: 2027-01-01 or +1d [default: now].")
    end: str | None = option("--until", help="When it ends: 2028-01-01 or +90d [default: +1y].")
    index: int | None = option("--index", type=click.IntRange(0, 3), help="Its place among the four of that grantee.")

    @property
    def given(self) -> bool:
        """Whether any of it was given, but for the place."""
        return bool(self.grantee or self.purposes or self.categories or self.start or self.end)

    def draft(self, salus: Salus, effect: Effect) -> DirectiveDraft:
        """The directive that it says.

        Raises:
            BadInput: The grantee or the purpose is missing, or a moment cannot be.
        """
        from salus.consent.model import DirectiveDraft
        from salus.errors import BadInput

        if not self.grantee or not self.purposes:
            missing = "--to" if not self.grantee else "--purpose"
            raise BadInput(missing, "", "is missing; say to whom and what for, or use --from-fhir")
        start = parse_moment(self.start, salus.now, "--from") if self.start else 0
        end = parse_end(self.end or "+1y", salus.now, start=start)
        categories = frozenset(self.categories or ("all",))
        return DirectiveDraft(self.grantee, effect, frozenset(self.purposes), categories, start, end)


@dataclass(frozen=True)
class FhirFile:
    """A FHIR Consent that says what is granted, and who is meant in it."""

    file: str | None = option(
        "--from-fhir", type=click.Path(), help="Take the directives from a FHIR Consent, R4 or R5."
    )
    actors: tuple[str, ...] = option(
        "--actor", multiple=True, help="Who is meant in that file, e.g. Organization/1=city-hospital."
    )

    def drafts(self, context: Context, route: Route) -> list[DirectiveDraft]:
        """The directives of the file. What was not kept, and who gave the consent, is told.

        Raises:
            BadInput: It cannot be read, an actor is not named, or somebody else than the signer gave the consent.
        """
        from salus.consent.files.fhir_read import read_consent
        from salus.errors import BadInput

        grantees = {}
        for actor in self.actors:
            reference, _, name = actor.rpartition("=")
            if not reference or not name:
                raise BadInput(
                    "--actor", "", f"is {actor!r}; write what the file calls it, =, and the institution's name"
                )
            grantees[reference] = name
        consents = read_consent(self.file or "", grantee=grantees.get, by_delegate=bool(route.patient))
        for consent in consents:
            for note in consent.notes:
                context.note(note)
        return [draft for consent in consents for draft in consent.directives]


@command(noun, "grant")
@takes(scope=Scope, fhir=FhirFile, route=Route)
def grant(context: Context, scope: Scope, fhir: FhirFile, route: Route) -> None:
    """Permit an institution to use data for a purpose.

    \b
    Example:
      salus consent grant --to city-hospital --purpose TREAT --until +90d --relay-as hospital.json
      salus consent grant --from-fhir consent.json --out order.json
    """
    from salus.consent.model import Effect
    from salus.errors import BadInput

    salus = context.connect()
    route.check()
    if fhir.actors and not fhir.file:
        raise BadInput("--actor", "", "says who is meant in the file of --from-fhir, which is missing")
    if fhir.file and scope.given:
        raise BadInput("--from-fhir", "", "has all of the scope in its file; leave out --to, --purpose and the like")
    drafts = fhir.drafts(context, route) if fhir.file else [scope.draft(salus, Effect.PERMIT)]
    if scope.index is not None and len(drafts) > 1:
        raise BadInput("--index", "", f"can name one place only, and there are {len(drafts)} directives")
    _direct(context, salus, drafts, fhir.file or "", scope.index, route)


@command(noun, "deny")
@takes(scope=Scope, route=Route)
def deny(context: Context, scope: Scope, route: Route) -> None:
    """Forbid an institution, or a role, to use data for a purpose. A deny goes before a permit.

    \b
    Example:
      salus consent deny --to city-hospital --purpose TREAT --category PSY --relay-as hospital.json
    """
    from salus.consent.model import Effect

    salus = context.connect()
    route.check()
    _direct(context, salus, [scope.draft(salus, Effect.DENY)], "", scope.index, route)


def _direct(
    context: Context, salus: Salus, drafts: Sequence[DirectiveDraft], file: str, index: int | None, route: Route
) -> None:
    """Check the drafts before anybody is asked for a password; find accounts and places, show them, send them."""
    from salus.consent.acts import check_draft

    for draft in drafts:
        check_draft(salus.consent, salus.institutions, draft, salus.now(), file)
    journal = settled_journal(context, salus)
    plan = drafted(context, salus, drafts, index, route, journal)
    confirm(context, salus, plan.parcels, route)
    plan.remember(journal)
    carry_out(context, salus, plan.parcels, route, journal)


@command(noun, "revoke")
@click.option("--from", "grantee", help=TO)
@click.option("--everything", is_flag=True, help="Revoke all that you ever granted, to anybody, with every account.")
@click.option("--index", type=click.IntRange(0, 3), help="Only this place of the four [default: all of the grantee's].")
@takes(route=Route)
def revoke(context: Context, grantee: str | None, everything: bool, index: int | None, route: Route) -> None:
    """Take back what was granted, as easily as it was given. It is told what holds afterwards.

    Of several accounts each has its own order and its own turn, 45 to 150 minutes apart, so that they are not tied to
    each other; with --now all at once.

    \b
    Example:
      salus consent revoke --from city-hospital --relay-as hospital.json
      salus consent revoke --everything --now --relay-as hospital.json
    """
    from salus.consent.model import Directive, Effect
    from salus.consent.registry import ALL_PLACES
    from salus.errors import BadInput
    from salus.institutions.registry import ZERO

    if bool(grantee) == everything or (everything and index is not None):
        raise BadInput("--from", "", "say from whom, or --everything (then without --index)")
    salus = context.connect()
    route.check()
    target = salus.consent.resolve(grantee) if grantee else ZERO
    directive = Directive(target, ALL_PLACES if index is None else index, Effect.NONE)
    journal = settled_journal(context, salus)
    if grantee:
        who = standing_for(context, salus, grantee, route, journal)
    else:
        who = all_used(context, salus, route, journal)
    parcels = apart(salus, [Parcel(one, (act_of(one, directive),)) for one in who], route)
    confirm(context, salus, parcels, route)
    carry_out(context, salus, parcels, route, journal)
    if not route.patient and not route.relation and (everything or is_wide(grantee or "", route)):
        gone = journal.no_longer_stand(None if everything else salus.consent.name(target))
        if gone:
            context.note(f"new accounts no longer begin with {gone} directives that stood for everybody")


@command(noun, "renew")
@click.option("--to", "grantee", required=True, help=TO)
@click.option("--until", "end", help="The new end: 2028-01-01 or +90d [default: +1y].")
@click.option("--index", type=click.IntRange(0, 3), help="Its place [default: the only one in force].")
@takes(route=Route)
def renew(context: Context, grantee: str, end: str | None, index: int | None, route: Route) -> None:
    """Give a directive a new end; its scope stays as it is.

    \b
    Example:
      salus consent renew --to city-hospital --until +1y --relay-as hospital.json
    """
    salus = context.connect()
    route.check()
    until = parse_end(end or "+1y", salus.now)
    salus.consent.resolve(grantee)
    journal = settled_journal(context, salus)
    who = standing_for(context, salus, grantee, route, journal)
    parcels = []
    for one, its_end in zip(who, ends_apart(salus, until, who, route, journal), strict=True):
        directive = one.client.consent.renewal(
            one.patient, grantee, its_end, index=index, delegate=one.delegate or None
        )
        parcels.append(Parcel(one, (act_of(one, directive),)))
    parcels = apart(salus, parcels, route)
    confirm(context, salus, parcels, route)
    if is_wide(grantee, route) and index is None:
        name = salus.consent.name(salus.consent.resolve(grantee))
        journal.change_standing(name, lambda draft: replace(draft, end=until))
    carry_out(context, salus, parcels, route, journal)


# --------------------------------------------------------------------------------------------------------------- relay


@command(noun, "relay")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option(
    "--batch",
    type=click.IntRange(1, 500),
    default=100,
    show_default=True,
    help="Orders in a transaction.",
)
def relay(context: Context, files: tuple[str, ...], batch: int) -> None:
    """Submit orders that patients signed. The signer pays the fee, and needs no other right.

    What was carried out before is not sent again: after a break, submit the same files once more. An order that cannot
    be carried out (superseded, expired, badly signed) is skipped and told, and stops no other; the command then exits
    with 1. A - stands for standard input: an order's file, or what was scanned from its QR code (then add --yes).

    \b
    Example:
      salus consent relay order.json --keystore hospital.json
      salus consent relay orders/*.json --keystore hospital.json --yes
      zbarimg --raw -q photo.png | salus consent relay - --keystore hospital.json --yes
    """
    from salus.consent.files import orders as documents

    orders: list[Order] = []
    for file in files:
        orders += documents.parse(_stdin(), "standard input") if file == "-" else documents.load(file)
    salus = context.connect_signing()
    facts = [
        *_order_facts(salus, orders),
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.nodes}"),
        ("submitted by", salus.need_signer().address),
    ]
    context.confirm(facts, "Submit this?")
    with context.outbox(salus) as outbox, context.progress("orders", len(orders)) as bar:
        found: list[Relayed] = []
        for part in salus.consent.relay_all(orders, batch=batch, outbox=outbox):
            found.append(part)
            bar.update(len(part.orders) + len(part.skipped))
    _relayed(context, found)


def _relayed(context: Context, found: Sequence[Relayed]) -> None:
    """Say what was done, what had been done, and what was not and why."""
    sent = [(len(part.orders), part.receipt) for part in found if part.receipt]
    orders = sum(count for count, _ in sent)
    earlier = sum(len(part.orders) for part in found if not part.receipt)
    skipped = [each for part in found for each in part.skipped]
    words = f"{orders} done" + (f", {earlier} earlier" if earlier else "")
    words += f", {len(skipped)} skipped" if skipped else ""
    if sent:
        blocks = ", ".join(str(block) for block in sorted({receipt.block for _, receipt in sent}))
        words += f" (block {blocks}, {sum(receipt.gas_used for _, receipt in sent):,} gas)"
    for each in skipped:
        context.note(f"skipped: an order of {each.order.patient}: {each.reason}")
    document = {
        "orders": orders,
        "earlier": earlier,
        "skipped": [
            {"patient": each.order.patient, "grantee": each.order.directive.grantee, "reason": each.reason.name}
            for each in skipped
        ],
        "transactions": [{"orders": n, "transaction": r.hash, "block": r.block, "gas": r.gas_used} for n, r in sent],
    }
    context.answer(document, words)
    if skipped:
        sys.exit(1)


def _order_facts(salus: Salus, orders: Sequence[Order]) -> list[tuple[str, object]]:
    """Every field of each order; of very many how many there are of each kind."""
    from salus.consent.model import Effect

    grantees = sorted({order.directive.grantee for order in orders if int(order.directive.grantee, 16)})
    names = salus.consent.names(grantees)
    facts: list[tuple[str, object]] = []
    if len(orders) <= _SHOWN_WHOLE:
        for order in orders:
            facts += directive_facts(order.directive, names.get(order.directive.grantee, ""))
            facts.append(("patient", order.patient))
            if order.signer:
                facts.append(("signed by", f"the delegate {order.signer}"))
            facts += [("signed", moment(order.issued_at)), ("", "")]
        return facts
    kinds = Counter(order.directive.effect for order in orders)
    words = {Effect.PERMIT: "permits", Effect.DENY: "denials", Effect.NONE: "revocations"}
    facts += [(words[effect], f"{count:,}") for effect, count in sorted(kinds.items(), reverse=True)]
    facts.append(("patients", f"{len({order.patient for order in orders}):,}"))
    return [*facts, ("institutions", abbreviate(list(names.values())))]


def _stdin() -> str:
    from salus.errors import BadInput
    from salus.formats.json_file import MAX_BYTES

    raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    try:
        if len(raw) <= MAX_BYTES:
            return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    raise BadInput("standard input", "", "is no text, or too long; give an order's file or what its QR code holds")
