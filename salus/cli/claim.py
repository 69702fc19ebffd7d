"""``salus claim``: plans, members, money, claims."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

from .common import Context, command, group, moment

if TYPE_CHECKING:
    from ..answers import ClaimAnswer
    from ..client import Salus
    from ..fhir.claim import ClaimInput
    from ..planfile import Plan

_PLAN = "The insurer's plan file, see examples/plan.json."
_PATIENT = (
    "What the claims call a patient, and the account that the patient uses for this insurer: Patient/1=0x…; may be"
    " repeated. An account alone stands for the one patient that all claims name."
)


@group("claim")
def noun() -> None:
    """Submit claims and see how they were judged.

    An insurer installs a plan, enrols members and funds its pool; a provider submits FHIR claims, each of which is
    judged and paid in the transaction that submits it.
    """


# --------------------------------------------------------------------------------------------------------- the insurer


@command(noun, "plan")
@click.argument("file", type=click.Path(), required=False)
@click.option("--token", help="Address of the ERC-20 in which the plan is counted and paid.")
@click.option("--new-salt", is_flag=True, help="Print a salt for a new plan file, and do nothing else.")
def plan(context: Context, file: str | None, token: str | None, new_salt: bool) -> None:
    """Register a plan, add its prices, publish it. The signer acts for the insurer.

    What broke off is taken up again where it was.

    \b
    Example:
      salus claim plan --new-salt
      salus claim plan plan.json --token 0x9A676e781A523b5d0C0e43731313A708CB607508 --keystore insurer.json
    """
    from ..errors import BadInput
    from ..planfile import day_text, load_plan
    from ..planfile import new_salt as make

    if new_salt:
        salt = make()
        context.answer({"salt": salt}, salt)
        return
    if not file or not token:
        raise BadInput(
            "FILE" if not file else "--token", "", "is missing; give the plan file and the token that it is counted in"
        )
    terms = load_plan(file)
    salus = context.connect_signing()
    context.confirm(
        [
            ("plan of", terms.insurer),
            ("service days", f"{day_text(terms.valid_from)} until {day_text(terms.valid_until)}"),
            ("deductible", f"{terms.deductible} {terms.currency}"),
            ("coinsurance", f"{Decimal(terms.coinsurance) / 100:f} %"),
            ("out of pocket", f"at most {terms.out_of_pocket_maximum} {terms.currency}"),
            ("prices", len(terms.prices)),
            ("token", token),
            *_where(context, salus),
        ],
        "Publish it? Terms and prices never change again.",
    )
    with context.progress("prices", len(terms.prices)) as bar:
        plan_id = salus.plans.install(terms, token=token, progress=lambda done, of: bar.update(done - bar.pos))
    context.answer(
        {"plan": plan_id, "insurer": terms.insurer, "prices": len(terms.prices)},
        f"plan 0x{plan_id.hex()} of {terms.insurer} is published with {len(terms.prices)} prices",
    )


@command(noun, "enroll")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.argument("members", metavar="MEMBER...", nargs=-1, required=True)
@click.option("--from", "start", help="First service day covered [default: the plan's].")
@click.option("--until", "end", help="First service day no longer covered [default: the plan's].")
def enroll(context: Context, plan_file: str, members: tuple[str, ...], start: str | None, end: str | None) -> None:
    """Enrol members, or change until when they are covered. The signer acts for the insurer.

    A member is the account that the patient uses for this insurer.

    \b
    Example:
      salus claim enroll plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --until 2027-01-01 --keystore insurer.json
    """
    from ..planfile import day_number, day_text, load_plan

    terms = load_plan(plan_file)
    first = day_number(start, source="--from", field="") if start else terms.valid_from
    last = day_number(end, source="--until", field="") if end else terms.valid_until
    salus = context.connect_signing()
    covered = f"{day_text(first)} until {day_text(last)}"
    context.confirm(
        [("enrol", f"{len(members)} members"), ("covered", covered), *_where(context, salus)], "Enrol them?"
    )
    with context.progress("members", len(members)) as bar:
        salus.plans.enroll(
            salus.plans.id_of(terms),
            members,
            from_day=first,
            until_day=last,
            progress=lambda done, of: bar.update(done - bar.pos),
        )
    context.answer(
        {"members": list(members), "from": day_text(first), "until": day_text(last)},
        f"{len(members)} members are covered from {covered}",
    )


@command(noun, "fund")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.argument("amount")
def fund(context: Context, plan_file: str, amount: str) -> None:
    """Add to the pool from which a plan's claims are paid, from the signer's tokens.

    Only the claim desk can spend the money; its insurer leaves by an announced exit.

    \b
    Example:
      salus claim fund plan.json 25000.00 --keystore insurer.json
    """
    from ..jsonfile import smallest_units
    from ..planfile import load_plan

    terms = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, decimals = _pool_of(salus, terms)
    units = smallest_units(_decimal(amount), decimals, source="AMOUNT", field="")
    context.confirm(
        [
            ("pool of", terms.insurer),
            ("amount", f"{amount} {terms.currency}"),
            ("token", token),
            *_where(context, salus),
        ],
        "Fund it?",
    )
    receipt = salus.treasury.fund(insurer, token, units)
    pool = salus.treasury.pool(insurer, token)
    held, owed = _shown(pool.balance, decimals), _shown(pool.owed, decimals)
    text = f"the pool of {terms.insurer} holds {held} {terms.currency}"
    if pool.owed:
        text += f" and owes {owed}; pay with `salus claim settle`"
    context.sent(receipt, text, insurer=insurer, token=token, balance=held, owed=owed)


# -------------------------------------------------------------------------------------------------------- the provider


@command(noun, "submit")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--plan", "plan_file", required=True, type=click.Path(), help=_PLAN)
@click.option("--patient", "patients", multiple=True, required=True, help=_PATIENT)
@click.option(
    "--provider-ref", "provider_refs", multiple=True, help="What the claims call the provider, if not all the same."
)
@click.option("--batch", type=click.IntRange(1, 500), default=50, show_default=True, help="Claims in one transaction.")
@click.option("--out", type=click.Path(), help="Folder for a FHIR ClaimResponse to each claim.")
def submit(
    context: Context,
    files: tuple[str, ...],
    plan_file: str,
    patients: tuple[str, ...],
    provider_refs: tuple[str, ...],
    batch: int,
    out: str | None,
) -> None:
    """Submit FHIR claims; each is judged and paid at once. The signer acts for the provider.

    Files are FHIR R4 Claims, NDJSON of them, or Bundles. All are checked before the first is submitted. The exit code
    is 1 when the rules refused any.

    \b
    Example:
      salus claim submit claim.json --plan plan.json --out answers --keystore hospital.json \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from ..fhir.response import write_claim_responses
    from ..planfile import load_plan

    terms = load_plan(plan_file)
    claims = _read(files, "claim")
    salus = context.connect_signing()
    prepared = salus.claims.prepare(claims, terms, _patients(patients, claims), provider_refs=provider_refs or None)
    total = sum(claim.total for claim in claims)
    context.confirm(
        [
            ("claims", len(claims)),
            ("billed", f"{total} {terms.currency}"),
            ("insurer", terms.insurer),
            *_where(context, salus),
        ],
        "Submit them?",
    )
    if out:
        write_claim_responses(
            [], out, insurer=terms.insurer
        )  # a folder that cannot be made is told before anything is sent
    answers: list[ClaimAnswer] = []
    with context.progress("claims", len(prepared)) as bar:
        for part in salus.claims.submit_prepared(prepared, batch=batch):
            answers += part
            if out:
                write_claim_responses(part, out, insurer=terms.insurer)
            bar.update(len(part))
    _report(context, answers, terms)


@command(noun, "estimate")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@click.option("--plan", "plan_file", required=True, type=click.Path(), help=_PLAN)
@click.option("--patient", "patients", multiple=True, required=True, help=_PATIENT)
@click.option("--provider", required=True, help="Name or account of the institution that would submit them.")
@click.option(
    "--provider-ref", "provider_refs", multiple=True, help="What the claims call the provider, if not all the same."
)
@click.option(
    "--use", type=click.Choice(["claim", "predetermination"]), default="claim", show_default=True, help="Claim.use."
)
def estimate(
    context: Context,
    files: tuple[str, ...],
    plan_file: str,
    patients: tuple[str, ...],
    provider: str,
    provider_refs: tuple[str, ...],
    use: str,
) -> None:
    """Tell how each claim would be judged now, by itself; nothing is signed or written.

    \b
    Example:
      salus claim estimate claim.json --plan plan.json --provider city-hospital \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from ..planfile import load_plan

    terms = load_plan(plan_file)
    claims = _read(files, use)
    salus = context.connect()
    prepared = salus.claims.prepare(
        claims, terms, _patients(patients, claims), provider_refs=provider_refs or None, provider=provider
    )
    _report(context, salus.claims.estimate(prepared), terms)


@command(noun, "show")
@click.argument("claim_id", metavar="CLAIM")
def show(context: Context, claim_id: str) -> None:
    """Show what the chain keeps of a claim.

    \b
    Example:
      salus claim show 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f
    """
    from ..answers import State

    salus = context.connect()
    record = salus.claims.get(identifier(claim_id, "CLAIM"))
    if record.state is State.NONE:
        context.answer({"claim": record.id, "state": "none"}, "never submitted, or refused: it may be submitted")
        return
    amount = _shown(record.paid, salus.treasury.decimals(record.token))
    names = [salus.institutions.name(account) for account in (record.insurer, record.payee)]
    words = "paid" if record.state is State.SETTLED else "owed"
    context.answer(
        {
            "claim": record.id,
            "state": record.state.name.lower(),
            "decidedAt": record.decided_at,
            "amount": amount,
            "token": record.token,
            "insurer": record.insurer,
            "payee": record.payee,
        },
        f"decided {moment(record.decided_at)}: {amount} {words} by {names[0]} to {names[1]}",
    )


@command(noun, "settle")
@click.argument("claim_id", metavar="CLAIM")
def settle(context: Context, claim_id: str) -> None:
    """Pay a claim that is owed, once the pool suffices. Anyone may.

    \b
    Example:
      salus claim settle 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore anyone.json
    """
    salus = context.connect_signing()
    wanted = identifier(claim_id, "CLAIM")
    context.confirm([("settle", claim_id), *_where(context, salus)], "Pay it?")
    context.sent(salus.claims.settle(wanted), "paid", claim=claim_id)


# -------------------------------------------------------------------------------------------------------------- shared


def identifier(text: str, option: str) -> bytes:
    """The 32 bytes of an id that was typed.

    Raises:
        BadInput: Not 0x and 64 hex digits.
    """
    from ..errors import BadInput, one_line

    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise BadInput(option, "", f"is {one_line(text, 80)!r}; give 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def _where(context: Context, salus: Salus) -> list[tuple[str, object]]:
    return [("signer", salus.need_signer().address), ("chain", f"{salus.chain_id} at {context.rpc}")]


def _read(files: Sequence[str], use: str) -> list[ClaimInput]:
    from ..fhir.claim import read_claims

    return [claim for file in files for claim in read_claims(file, use=use)]


def _patients(given: Sequence[str], claims: Sequence[ClaimInput]) -> dict[str, str]:
    from ..errors import BadInput

    named: dict[str, str] = {}
    refs = {claim.patient_ref for claim in claims}
    for text in given:
        # The account is what follows the last "=": a reference may hold one as well.
        ref, _, account = text.rpartition("=")
        if not ref:
            if len(refs) > 1:
                raise BadInput(
                    "--patient", "", f"names no patient, and the claims name {len(refs)}; write REFERENCE=0x…"
                )
            ref = next(iter(refs))
        if ref in named:
            raise BadInput("--patient", ref, "is given twice; give each patient one account")
        named[ref] = account
    return named


def _pool_of(salus: Salus, plan: Plan) -> tuple[str, str, int]:
    from ..errors import BadInput

    terms = salus.plans.terms(salus.plans.id_of(plan))
    if int(terms.insurer, 16) == 0:
        raise BadInput(plan.source, "", "is not registered on this chain; register it with `salus claim plan`")
    return terms.insurer, terms.token, salus.treasury.decimals(terms.token)


def _decimal(text: str) -> Decimal:
    from ..errors import BadInput, one_line

    try:
        if not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", text):
            raise InvalidOperation
        return Decimal(text)
    except InvalidOperation:
        raise BadInput("AMOUNT", "", f"is {one_line(text, 40)!r}; give an amount, e.g. 25000.00") from None


def _shown(units: int, decimals: int) -> str:
    whole, fraction = divmod(units, 10**decimals)
    places = f"{fraction:0{decimals}}".rstrip("0") if decimals else ""
    return f"{whole}.{places.ljust(2, '0')}"


def _report(context: Context, answers: Sequence[ClaimAnswer], plan: Plan) -> None:
    if context.json:
        from ..fhir.response import claim_response
        from ..jsonfile import dump_json

        # Through the exact writer, then plain: amounts stay as they are written.
        click.echo(dump_json([claim_response(answer, insurer=plan.insurer) for answer in answers]), nl=False)
    else:
        context.table(f"claims, in {plan.currency}", _COLUMNS, [_row(answer) for answer in answers])
    refused = [answer for answer in answers if answer.refusal]
    for answer in refused:
        if context.json:
            document = {
                "error": answer.refusal.name,
                "message": answer.refusal.words,
                "arguments": {"carc": answer.carc},
            }
            click.echo(json.dumps({**document, "claim": answer.id}), err=True)
        else:
            context.note(f"refused: claim {answer.input.number}: {answer.refusal.words} (CARC {answer.carc})")
    if refused:
        sys.exit(1)


_COLUMNS = ("claim", "state", "billed", "allowed", "deductible", "coinsurance", "paid", "patient", "id")


def _row(answer: ClaimAnswer) -> list[object]:
    if answer.refusal:
        return [answer.input.number, f"refused ({answer.carc})", answer.input.total, "", "", "", "", "", answer.id]
    state = answer.state.name.lower() if answer.transaction else "estimate"
    amounts = (answer.charge, answer.allowed, answer.deductible, answer.coinsurance, answer.paid, answer.patient_share)
    return [answer.input.number, state, *(answer.money(units) for units in amounts), answer.id]
