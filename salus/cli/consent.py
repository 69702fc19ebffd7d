"""``salus consent``: grant, deny, revoke, relay; with ``list``, ``show`` and ``explain`` of :mod:`.consent_views`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .common import Context, command, moment, parse_moment
from .consent_views import TO, check_out, noun

if TYPE_CHECKING:
    from ..client import Salus
    from ..consent import Directive, DirectiveDraft, Order


__all__ = ["noun"]

_RELATION = "The wallet's account to use [default: the one for that institution]."


def _scope_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--to", "grantee", help=TO),
            click.option("--purpose", "purposes", multiple=True, help="TREAT, ETREAT, HPAYMT, COVERAGE, HOPERAT, HRESCH …"),
            click.option(
                "--category",
                "categories",
                multiple=True,
                help="A FHIR resource type (Observation …), a sensitivity label (PSY …), or all"
                " [default: all, which leaves the labels out].",
            ),
            click.option("--from", "start", help="When it begins: 2027-01-01 or +1d [default: now]."),
            click.option("--until", "end", help="When it ends: 2028-01-01 or +90d [default: +1y]."),
            click.option("--index", type=click.IntRange(0, 3), help="Its place among the four of that grantee."),
        )
    ):
        function = option(function)
    return function


def _route_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--relation", help=_RELATION),
            click.option("--out", type=click.Path(), help="Only sign, and write the order to this file."),
            click.option("--relay-as", type=click.Path(), help="Submit it with this keystore: the patient needs no ether."),
            click.option("--relay-password-file", type=click.Path(), help="File with the password of --relay-as."),
        )
    ):
        function = option(function)
    return function


@command(noun, "grant")
@_scope_options
@click.option("--from-fhir", type=click.Path(), help="Take the directives from a FHIR R4 Consent.")
@click.option("--actor", "actors", multiple=True, help="Who is meant in that file, e.g. Organization/1=city-hospital.")
@_route_options
def grant(context: Context, from_fhir: str | None, actors: tuple[str, ...], **options: Any) -> None:
    """Permit an institution to use data for a purpose.

    \b
    Example:
      salus consent grant --to city-hospital --purpose TREAT --until +90d --relay-as hospital.json
      salus consent grant --from-fhir consent.json --out order.json
    """
    from ..consent import Effect

    _direct(context, Effect.PERMIT, from_fhir, actors, options)


@command(noun, "deny")
@_scope_options
@_route_options
def deny(context: Context, **options: Any) -> None:
    """Forbid an institution, or a role, to use data for a purpose. A deny goes before a permit.

    \b
    Example:
      salus consent deny --to city-hospital --purpose TREAT --category PSY --relay-as hospital.json
    """
    from ..consent import Effect

    _direct(context, Effect.DENY, None, (), options)


def _direct(
    context: Context, effect: Any, from_fhir: str | None, actors: tuple[str, ...], options: dict[str, Any]
) -> None:
    from ..consent import DirectiveDraft
    from ..errors import BadInput

    index = options["index"]
    salus = context.connect()
    check_out(options["out"])
    if actors and not from_fhir:
        raise BadInput("--actor", "", "says who is meant in the file of --from-fhir, which is missing")
    if from_fhir:
        if options["grantee"] or options["purposes"] or options["categories"] or options["start"] or options["end"]:
            raise BadInput("--from-fhir", "", "has all of the scope in its file; leave out --to, --purpose and the like")
        drafts = _from_fhir(from_fhir, actors)
    else:
        if not options["grantee"] or not options["purposes"]:
            missing = "--to" if not options["grantee"] else "--purpose"
            raise BadInput(missing, "", "is missing; say to whom and what for, or use --from-fhir")
        start = parse_moment(options["start"], salus.now, "--from") if options["start"] else 0
        end = parse_moment(options["end"] or "+1y", salus.now)
        categories = frozenset(options["categories"] or ("all",))
        drafts = [DirectiveDraft(options["grantee"], effect, frozenset(options["purposes"]), categories, start, end)]
    if index is not None and len(drafts) > 1:
        raise BadInput("--index", "", f"can name one place only, and there are {len(drafts)} directives")

    steps: list[tuple[Salus, Directive]] = []
    taken: set[tuple[str, str, int]] = set()
    for draft in drafts:
        patient = salus.with_signer(_patient(context, salus, draft.grantee, options["relation"]))
        who = patient.need_signer().address
        directive = patient.consent.directive(who, draft, index=index, taken=taken)
        taken.add((who, directive.grantee, directive.index))
        steps.append((patient, directive))
    facts = [fact for patient, directive in steps for fact in [*_facts(patient, directive), ("", "")]]
    context.confirm([*facts, *_route_facts(context, salus, options)], "Sign this?")
    _carry_out(context, steps, options)


def _from_fhir(file: str, actors: tuple[str, ...]) -> list[DirectiveDraft]:
    from ..errors import BadInput
    from ..fhir.consent import read_consent

    grantees = {}
    for actor in actors:
        reference, _, name = actor.rpartition("=")
        if not reference or not name:
            raise BadInput("--actor", "", f"is {actor!r}; write what the file calls it, =, and the institution's name")
        grantees[reference] = name
    return [draft for consent in read_consent(file, grantee=grantees.get) for draft in consent.directives]


@command(noun, "revoke")
@click.option("--from", "grantee", help=TO)
@click.option("--everything", is_flag=True, help="Revoke all that this account ever granted, to anybody.")
@click.option("--index", type=click.IntRange(0, 3), help="Only this place of the four [default: all of the grantee's].")
@_route_options
def revoke(context: Context, grantee: str | None, everything: bool, index: int | None, **options: Any) -> None:
    """Take back what was granted, as easily as it was given.

    \b
    Example:
      salus consent revoke --from city-hospital --relay-as hospital.json
    """
    from ..consent import ALL_PLACES, Directive, Effect
    from ..errors import BadInput
    from ..institutions import ZERO

    if bool(grantee) == everything or (everything and index is not None):
        raise BadInput("--from", "", "say from whom, or --everything (then without --index)")
    salus = context.connect()
    check_out(options["out"])
    patient = salus.with_signer(_patient(context, salus, grantee or "", options["relation"]))
    target = patient.consent.resolve(grantee) if grantee else ZERO
    directive = Directive(target, ALL_PLACES if index is None else index, Effect.NONE)
    facts = [*_facts(patient, directive), ("", ""), *_route_facts(context, salus, options)]
    context.confirm(facts, "Sign this?")
    _carry_out(context, [(patient, directive)], options)


# ------------------------------------------------------------------------------------------------- the way of an order


def _patient(context: Context, salus: Salus, grantee: str, relation: str | None) -> Any:
    """The patient's signer: in a wallet the account for the grantee, which is made when it is new."""
    from ..errors import BadInput

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


def _facts(salus: Salus, d: Directive) -> list[tuple[str, object]]:
    from ..codes import WORDS, category_names, purpose_names
    from ..consent import ALL_PLACES, Effect
    from ..institutions import ZERO

    def words(names: frozenset[str]) -> str:
        return ", ".join(f"{name} ({WORDS[name]})" if name in WORDS else name for name in sorted(names))

    who = "everybody" if d.grantee == ZERO else salus.consent.name(d.grantee)
    action = {Effect.PERMIT: "PERMIT", Effect.DENY: "DENY", Effect.NONE: "REVOKE"}[d.effect]
    facts: list[tuple[str, object]] = [("action", action)]
    facts.append(("institution", who if who in (d.grantee, "everybody") else f"{who} ({d.grantee})"))
    if d.effect is not Effect.NONE:
        facts += [
            ("may use data for" if d.effect is Effect.PERMIT else "may not, for", words(purpose_names(d.purposes))),
            ("data", words(category_names(d.categories))),
            ("from", moment(d.start) if d.start else "now"),
            ("until", moment(d.end)),
        ]
        if any(d.document):
            facts.append(("document", "0x" + d.document.hex()))
    facts.append(("place", "all" if d.index == ALL_PLACES else d.index))
    return [*facts, ("patient", salus.need_signer().address)]


def _route_facts(context: Context, salus: Salus, options: dict[str, Any]) -> list[tuple[str, object]]:
    if options["out"]:
        way = f"signed into {options['out']}, for anybody to submit within 7 days"
    elif options["relay_as"]:
        way = f"signed, and submitted with {options['relay_as']}"
    else:
        way = "submitted by the patient, who pays the fee"
    return [
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("way", way),
    ]


def _carry_out(context: Context, steps: Sequence[tuple[Salus, Directive]], options: dict[str, Any]) -> None:
    from .. import orders as files
    from ..consent import Effect
    from ..errors import BadInput
    from ..institutions import ZERO

    if options["out"] and options["relay_as"]:
        raise BadInput("--out", "", "and --relay-as exclude each other: write the order, or submit it")
    if options["out"] or options["relay_as"]:
        orders: list[Order] = []
        for patient, directive in steps:
            if directive.effect is Effect.NONE:
                grantee = None if directive.grantee == ZERO else directive.grantee
                order = patient.consent.prepare_revoke(grantee, index=directive.index)
            else:
                order = patient.consent.prepare_grant(directive)
            orders.append(patient.consent.sign(order))
        if options["out"]:
            files.save(orders, options["out"])
            text = f"signed into {options['out']}; submit it with: salus consent relay {options['out']} --keystore FILE"
            context.answer([files.order_to_json(order) for order in orders], text)
            return
        relayer = context.open_keystore(options["relay_as"], options["relay_password_file"])
        receipt = steps[0][0].with_signer(relayer).consent.relay(orders)
        context.sent(receipt, f"done: {_summary(steps)}", patients=[order.patient for order in orders])
        return
    receipts = []
    for patient, directive in steps:
        if directive.effect is Effect.NONE:
            grantee = None if directive.grantee == ZERO else directive.grantee
            receipts.append(patient.consent.revoke(grantee, index=directive.index))
        else:
            receipts.append(patient.consent.grant(directive))
    context.answer(
        [{"transaction": r.hash, "block": r.block, "gas": r.gas_used} for r in receipts],
        f"done: {_summary(steps)} (block {receipts[-1].block}, {sum(r.gas_used for r in receipts):,} gas)",
    )


def _summary(steps: Sequence[tuple[Salus, Directive]]) -> str:
    done = {0: "revoked", 1: "permitted", 2: "denied"}
    named = [(d.effect, s.consent.name(d.grantee) if int(d.grantee, 16) else "everything") for s, d in steps]
    return ", ".join(f"{done[effect]} {name}" for effect, name in named)


@command(noun, "relay")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def relay(context: Context, files: tuple[str, ...]) -> None:
    """Submit orders that patients signed, all or none. The signer pays the fee, and needs no other right.

    \b
    Example:
      salus consent relay order.json --keystore hospital.json
    """
    from .. import orders as documents

    orders = [order for file in files for order in documents.load(file)]
    salus = context.connect_signing()
    facts: list[tuple[str, object]] = []
    for order in orders:
        patient = salus.with_signer(_Named(order.patient))
        facts += [*_facts(patient, order.directive), ("signed", moment(order.issued_at)), ("", "")]
    facts += [
        ("contract", f"ConsentRegistry at {salus.book['ConsentRegistry'].address}"),
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("submitted by", salus.need_signer().address),
    ]
    context.confirm(facts, "Submit this?")
    context.sent(salus.consent.relay(orders), f"{len(orders)} done", orders=len(orders))


class _Named:
    """Somebody with an address who signs nothing here."""

    def __init__(self, address: str) -> None:
        self.address = address

    def sign_transaction(self, transaction: Any) -> bytes:
        raise AssertionError("signs nothing")

    def sign_typed(self, typed: Any) -> bytes:
        raise AssertionError("signs nothing")
