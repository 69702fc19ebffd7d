"""``salus consent``: grant, revoke, relay, explain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import Context, command, group, moment, parse_moment

if TYPE_CHECKING:
    from ..client import Salus
    from ..consent import Directive, DirectiveDraft, Explanation, Order, Record

_TO = "An institution's name or account, or role:PROVIDER for all with a role."
_RELATION = "The wallet's account to use [default: the one for that institution]."


@group("consent")
def noun() -> None:
    """Grant, revoke, relay and explain consent.

    A patient who has no ether signs an order (--out FILE), and anybody submits it (salus consent relay FILE), or both in one
    step (--relay-as KEYSTORE).
    """


def _scope_options(function: Any) -> Any:
    for option in reversed(
        (
            click.option("--to", "grantee", help=_TO),
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
@_route_options
def grant(context: Context, from_fhir: str | None, **options: Any) -> None:
    """Permit an institution to use data for a purpose.

    \b
    Example:
      salus consent grant --to city-hospital --purpose TREAT --until +90d --relay-as hospital.json
      salus consent grant --from-fhir consent.json --out order.json
    """
    from ..consent import Effect

    _direct(context, Effect.PERMIT, from_fhir, options)


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

    _direct(context, Effect.DENY, None, options)


def _direct(context: Context, effect: Any, from_fhir: str | None, options: dict[str, Any]) -> None:
    from ..consent import DirectiveDraft
    from ..errors import BadInput

    index = options["index"]
    salus = context.connect()
    _check_out(options["out"])
    if from_fhir:
        if options["grantee"] or options["purposes"] or options["categories"] or options["start"] or options["end"]:
            raise BadInput("--from-fhir", "", "has all of the scope in its file; leave out --to, --purpose and the like")
        drafts = _from_fhir(salus, from_fhir)
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


def _from_fhir(salus: Salus, file: str) -> list[DirectiveDraft]:
    from ..errors import BadInput
    from ..fhir.consent import read_consent

    def known(name: str) -> str | None:
        try:
            return salus.consent.resolve(name.rpartition("/")[2].rpartition("|")[2], file=file)
        except BadInput:
            return None

    return [draft for consent in read_consent(file, grantee=known) for draft in consent.directives]


@command(noun, "revoke")
@click.option("--from", "grantee", help=_TO)
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
    _check_out(options["out"])
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


def _check_out(out: str | None) -> None:
    """Before anybody is asked for a password: a file that is there is not overwritten."""
    from ..errors import BadInput

    if out and Path(out).exists():
        raise BadInput(out, "", "is there already; name another file")


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
    return ", ".join(f"{done[d.effect]} {s.consent.name(d.grantee) if int(d.grantee, 16) else 'everything'}" for s, d in steps)


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


# ---------------------------------------------------------------------------------------------------------- looking


def _patients(context: Context, patient: str | None, relation: str | None) -> dict[str, str]:
    """Accounts by what they are called: the one that is named, or all of the wallet."""
    from ..signing import address

    if patient:
        return {"": address(patient, "--patient")}
    if not context.has_wallet:
        return {"": context.signer().address}
    wallet = context.wallet()
    names = [relation] if relation else list(wallet.relations())
    return {name: wallet.address(name) for name in names}


def _look_options(function: Any) -> Any:
    function = click.option("--relation", help="Only this account of the wallet [default: all of them].")(function)
    return click.option("--patient", help="Whose: an account [default: the wallet's].")(function)


@command(noun, "list")
@_look_options
def list_(context: Context, patient: str | None, relation: str | None) -> None:
    """List every directive that was ever granted, and what it is now.

    \b
    Example:
      salus consent list
      salus consent list --patient 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json
    """
    salus = context.connect()
    found = [(who, r) for who in _patients(context, patient, relation).values() for r in salus.consent.list(who)]
    rows = [
        (
            salus.consent.name(r.grantee),
            r.index,
            r.effect.name.lower() if r.effect else "",
            ", ".join(sorted(r.purpose_names)),
            ", ".join(sorted(r.category_names)),
            moment(r.end) if r.end else "",
            r.status.name.lower().replace("_", " "),
        )
        for _, r in found
    ]
    columns = ("grantee", "place", "effect", "purposes", "data", "until", "now")
    context.answer(
        [_document(salus, who, record) for who, record in found],
        (lambda: context.table("Directives", columns, rows)) if rows else "nothing was ever granted",
    )


def _document(salus: Salus, patient: str, r: Record) -> dict[str, Any]:
    return {
        "patient": patient,
        "grantee": r.grantee,
        "name": salus.consent.name(r.grantee),
        "index": r.index,
        "effect": r.effect.name,
        "purposes": sorted(r.purpose_names),
        "categories": sorted(r.category_names),
        "start": r.start,
        "end": r.end,
        "issuedAt": r.issued_at,
        "status": r.status.name,
    }


@command(noun, "show")
@_look_options
@click.option("--to", "grantee", help="Only what concerns this grantee. " + _TO)
@click.option("--fhir", is_flag=True, help="Write FHIR R4: a Bundle with one Consent for each directive in force.")
@click.option("--out", type=click.Path(), help="Write to this file [default: the terminal].")
def show(
    context: Context, patient: str | None, relation: str | None, grantee: str | None, fhir: bool, out: str | None
) -> None:
    """Show the directives in force, also as FHIR Consent.

    \b
    Example:
      salus consent show --to city-hospital
      salus consent show --fhir --out consent.json
    """
    from ..consent import Status

    salus = context.connect()
    _check_out(out)
    only = salus.consent.resolve(grantee) if grantee else None
    found = [
        (who, record)
        for who in _patients(context, patient, relation).values()
        for record in salus.consent.list(who)
        if record.status in (Status.ACTIVE, Status.NOT_YET) and only in (None, record.grantee)
    ]
    if fhir:
        from ..fhir.consent import consents_bundle

        document: Any = consents_bundle(found, name=salus.consent.name)
    else:
        document = [_document(salus, who, record) for who, record in found]
    if out:
        _write(out, document)
        context.answer({"file": out, "directives": len(found)}, f"{len(found)} directives in {out}")
    elif fhir or context.json:
        Context(json=True).answer(document, "")
    else:
        lines = [_sentence(salus, record) for _, record in found]
        context.answer(document, "\n".join(lines) or "nothing is granted")


def _write(out: str, document: Any) -> None:
    import json

    from ..errors import BadInput

    try:
        with Path(out).open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(document, indent=2) + "\n")
    except OSError as trouble:
        raise BadInput(out, "", f"cannot be written: {trouble.strerror}") from None


def _sentence(salus: Salus, r: Record) -> str:
    verb = "may use" if r.effect == 1 else "may not use"
    begins = f"from {moment(r.start)} " if r.start else ""
    return (
        f"{salus.consent.name(r.grantee)} {verb} {', '.join(sorted(r.category_names))} for"
        f" {', '.join(sorted(r.purpose_names))} {begins}until {moment(r.end)} (place {r.index})"
    )


@command(noun, "explain")
@_look_options
def explain(context: Context, patient: str | None, relation: str | None) -> None:
    """Say who may see what, and why, as the contract answers right now.

    \b
    Example:
      salus consent explain --relation city-hospital
    """
    salus = context.connect()
    found = [(who, e) for who in _patients(context, patient, relation).values() for e in salus.consent.explain(who)]
    data = [
        {
            "patient": who,
            "institution": e.institution,
            "name": e.name,
            "answer": e.answer.name,
            "reason": e.reason.name,
            "why": e.reason.words,
            "purposes": sorted(e.purposes),
            "categories": sorted(e.categories),
            "grantee": e.grantee if int(e.grantee, 16) else None,
            "index": e.index if int(e.grantee, 16) else None,
        }
        for who, e in found
    ]
    rows = [_row(salus, e) for _, e in found]
    columns = ("institution", "answer", "purposes", "data", "why")
    context.answer(data, (lambda: context.table("Who may see what", columns, rows)) if rows else "nobody was granted anything")


def _row(salus: Salus, e: Explanation) -> tuple[str, ...]:
    answer = {0: "no answer", 1: "may", 2: "may not"}[e.answer]
    why = e.reason.words
    if int(e.grantee, 16):
        why += f" ({salus.consent.name(e.grantee)}, place {e.index})"
    return e.name, answer, ", ".join(sorted(e.purposes)), ", ".join(sorted(e.categories)), why
