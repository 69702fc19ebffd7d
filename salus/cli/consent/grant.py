"""``salus consent``: grant, deny, renew, revoke, relay.

Looking is in :mod:`.show` and :mod:`.inbox`, delegates and recovery in :mod:`.guardians`, what
institutions and the regulator do in :mod:`.access`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from salus.cli.common import Context, command, few, moment, parse_end, parse_moment
from salus.cli.consent.orders import Step, acting, carry_out, check_way, confirm, facts_of, route_options
from salus.cli.consent.show import TO, noun

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.client import Salus
    from salus.consent.registry import DirectiveDraft, Order

__all__: list[str] = []

_SHOWN_WHOLE = 20  # orders to relay; of more nobody reads every field


def _scope_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--to", "grantee", help=TO),
            click.option(
                "--purpose", "purposes", multiple=True, help="TREAT, ETREAT, HPAYMT, COVERAGE, HOPERAT, HRESCH …"
            ),
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


@command(noun, "grant")
@_scope_options
@click.option("--from-fhir", type=click.Path(), help="Take the directives from a FHIR Consent, R4 or R5.")
@click.option("--actor", "actors", multiple=True, help="Who is meant in that file, e.g. Organization/1=city-hospital.")
@route_options
def grant(context: Context, from_fhir: str | None, actors: tuple[str, ...], **options: Any) -> None:
    """Permit an institution to use data for a purpose.

    \b
    Example:
      salus consent grant --to city-hospital --purpose TREAT --until +90d --relay-as hospital.json
      salus consent grant --from-fhir consent.json --out order.json
    """
    from salus.consent.registry import Effect

    _direct(context, Effect.PERMIT, from_fhir, actors, options)


@command(noun, "deny")
@_scope_options
@route_options
def deny(context: Context, **options: Any) -> None:
    """Forbid an institution, or a role, to use data for a purpose. A deny goes before a permit.

    \b
    Example:
      salus consent deny --to city-hospital --purpose TREAT --category PSY --relay-as hospital.json
    """
    from salus.consent.registry import Effect

    _direct(context, Effect.DENY, None, (), options)


def _direct(
    context: Context, effect: Any, from_fhir: str | None, actors: tuple[str, ...], options: dict[str, Any]
) -> None:
    from salus.consent.registry import DirectiveDraft
    from salus.errors import BadInput

    index = options["index"]
    salus = context.connect()
    check_way(options)
    if actors and not from_fhir:
        raise BadInput("--actor", "", "says who is meant in the file of --from-fhir, which is missing")
    if from_fhir:
        if options["grantee"] or options["purposes"] or options["categories"] or options["start"] or options["end"]:
            raise BadInput(
                "--from-fhir", "", "has all of the scope in its file; leave out --to, --purpose and the like"
            )
        drafts = _from_fhir(from_fhir, actors)
    else:
        if not options["grantee"] or not options["purposes"]:
            missing = "--to" if not options["grantee"] else "--purpose"
            raise BadInput(missing, "", "is missing; say to whom and what for, or use --from-fhir")
        start = parse_moment(options["start"], salus.now, "--from") if options["start"] else 0
        end = parse_end(options["end"] or "+1y", salus.now, start=start)
        categories = frozenset(options["categories"] or ("all",))
        drafts = [DirectiveDraft(options["grantee"], effect, frozenset(options["purposes"]), categories, start, end)]
    if index is not None and len(drafts) > 1:
        raise BadInput("--index", "", f"can name one place only, and there are {len(drafts)} directives")

    for draft in drafts:
        _check(salus, draft, from_fhir or "")

    steps: list[Step] = []
    taken: set[tuple[str, str, int]] = set()
    for draft in drafts:
        client, who, delegate = acting(context, salus, draft.grantee, options)
        directive = client.consent.directive(who, draft, index=index, taken=taken)
        taken.add((who, directive.grantee, directive.index))
        steps.append(Step(client, who, delegate, directive))
    confirm(context, salus, steps, options)
    carry_out(context, steps, options)


def _check(salus: Salus, draft: DirectiveDraft, file: str) -> None:
    """Before anybody is asked for a password: whatever can be found wrong without one."""
    from salus.consent.codes import category_bits, purpose_bits
    from salus.consent.registry import Effect
    from salus.errors import BadInput

    salus.consent.resolve(draft.grantee, file=file)
    purpose_bits(draft.purposes, deny=draft.effect is Effect.DENY, file=file)
    category_bits(draft.categories, file=file)
    if draft.end <= salus.now():
        raise BadInput(file, "period", f"has ended: {moment(draft.end)} is past")


def _from_fhir(file: str, actors: tuple[str, ...]) -> list[DirectiveDraft]:
    from salus.consent.files.fhir_read import read_consent
    from salus.errors import BadInput

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
@route_options
def revoke(context: Context, grantee: str | None, everything: bool, index: int | None, **options: Any) -> None:
    """Take back what was granted, as easily as it was given.

    \b
    Example:
      salus consent revoke --from city-hospital --relay-as hospital.json
    """
    from salus.consent.registry import ALL_PLACES, Directive, Effect
    from salus.errors import BadInput
    from salus.institutions.registry import ZERO

    if bool(grantee) == everything or (everything and index is not None):
        raise BadInput("--from", "", "say from whom, or --everything (then without --index)")
    salus = context.connect()
    check_way(options)
    target = salus.consent.resolve(grantee) if grantee else ZERO
    client, who, delegate = acting(context, salus, grantee or "", options)
    directive = Directive(target, ALL_PLACES if index is None else index, Effect.NONE)
    steps = [Step(client, who, delegate, directive)]
    confirm(context, salus, steps, options)
    carry_out(context, steps, options)


@command(noun, "renew")
@click.option("--to", "grantee", required=True, help=TO)
@click.option("--until", "end", help="The new end: 2028-01-01 or +90d [default: +1y].")
@click.option("--index", type=click.IntRange(0, 3), help="Its place [default: the only one in force].")
@route_options
def renew(context: Context, grantee: str, end: str | None, index: int | None, **options: Any) -> None:
    """Give a directive a new end; its scope stays as it is.

    \b
    Example:
      salus consent renew --to city-hospital --until +1y --relay-as hospital.json
    """
    salus = context.connect()
    check_way(options)
    until = parse_end(end or "+1y", salus.now)
    salus.consent.resolve(grantee)
    client, who, delegate = acting(context, salus, grantee, options)
    directive = client.consent.renewal(who, grantee, until, index=index)
    steps = [Step(client, who, delegate, directive)]
    confirm(context, salus, steps, options)
    carry_out(context, steps, options)


@command(noun, "relay")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option(
    "--batch",
    type=click.IntRange(1, 500),
    default=100,
    show_default=True,
    help="Orders in a transaction, which is all or none.",
)
def relay(context: Context, files: tuple[str, ...], batch: int) -> None:
    """Submit orders that patients signed. The signer pays the fee, and needs no other right.

    What was carried out before is not sent again: after a break, submit the same files once more. A - stands for
    standard
    input: an order's file, or what was scanned from its QR code (then add --yes).

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
        ("chain", f"{salus.chain_id} at {context.rpc}"),
        ("submitted by", salus.need_signer().address),
    ]
    context.confirm(facts, "Submit this?")
    done: list[tuple[int, Receipt]] = []
    earlier = 0
    with context.outbox(salus) as outbox, context.progress("orders", len(orders)) as bar:
        for part, receipt in salus.consent.relay_all(orders, batch=batch, outbox=outbox):
            if receipt is None:
                earlier += len(part)
            else:
                done.append((len(part), receipt))
            bar.update(len(part))
    count = sum(each for each, _ in done)
    gas = sum(receipt.gas_used for _, receipt in done)
    words = f"{count} done" + (f", {earlier} earlier" if earlier else "")
    if done:
        blocks = ", ".join(str(block) for block in sorted({receipt.block for _, receipt in done}))
        words += f" (block {blocks}, {gas:,} gas)"
    context.answer(
        {
            "orders": count,
            "earlier": earlier,
            "transactions": [
                {"orders": each, "transaction": r.hash, "block": r.block, "gas": r.gas_used} for each, r in done
            ],
        },
        words,
    )


def _order_facts(salus: Salus, orders: Sequence[Order]) -> list[tuple[str, object]]:
    """Every field of each order; of very many how many there are of each kind."""
    from salus.consent.registry import Effect

    facts: list[tuple[str, object]] = []
    if len(orders) <= _SHOWN_WHOLE:
        for order in orders:
            facts += facts_of(Step(salus, order.patient, order.signer, order.directive))
            facts += [("signed", moment(order.issued_at)), ("", "")]
        return facts
    kinds = Counter(order.directive.effect for order in orders)
    words = {Effect.PERMIT: "permits", Effect.DENY: "denials", Effect.NONE: "revocations"}
    facts += [(words[effect], f"{count:,}") for effect, count in sorted(kinds.items(), reverse=True)]
    facts.append(("patients", f"{len({order.patient for order in orders}):,}"))
    grantees = sorted({order.directive.grantee for order in orders if int(order.directive.grantee, 16)})
    return [*facts, ("institutions", few(list(salus.consent.names(grantees).values())))]


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
