"""``salus claim``: the group, and what its commands share."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click

from salus.cli.common import group

if TYPE_CHECKING:
    from salus.claims.input import ClaimInput
    from salus.claims.model import ClaimAnswer
    from salus.claims.plans.model import Plan
    from salus.cli.common import Context
    from salus.client import Salus
    from salus.errors import BadInput

F = TypeVar("F", bound=Callable[..., Any])

PLAN = "The insurer's plan file, see examples/plan.json."


@group("claim")
def noun() -> None:
    """Submit claims and see how they were judged.

    An insurer installs a plan, enrols members and funds its pool; a provider submits claims (FHIR, X12 837 or CSV),
    each of which is judged and paid in the transaction that submits it.
    """


# ------------------------------------------------------------------------------------------------------- which claim


def which_claim(function: F) -> F:
    """The argument CLAIM, and the options by which a provider's own number is found."""
    for option in (
        click.option("--number-system", default="", help="System of the claim's number, as in its file."),
        click.option("--provider", help="Whose number it is: name or account."),
        click.option("--plan", "plan_file", type=click.Path(), help=PLAN),
        click.argument("claim", metavar="CLAIM"),
    ):
        function = option(function)
    return function


def identifier(text: str, option: str) -> bytes:
    """The 32 bytes of an id that was typed.

    Raises:
        BadInput: Not 0x and 64 hex digits.
    """
    from salus.errors import BadInput, one_line

    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise BadInput(option, "", f"is {one_line(text, 80)!r}; give 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def claim_of(salus: Salus, claim: str, plan_file: str | None, provider: str | None, number_system: str) -> bytes:
    """The id of a claim: 0x and 64 hex digits, or the provider's own number with --plan and --provider.

    Raises:
        BadInput: Neither.
    """
    from salus.claims.plans.file import load_plan
    from salus.errors import BadInput, one_line

    if re.fullmatch(r"0x[0-9a-fA-F]{64}", claim):
        return bytes.fromhex(claim[2:])
    if not plan_file or not provider:
        raise BadInput(
            "CLAIM",
            "",
            f"is {one_line(claim, 80)!r}; give its id, 0x and 64 hex digits, or its number with --plan and --provider",
        )
    return salus.claims.id_of(load_plan(plan_file), provider, claim, system=number_system)


# ------------------------------------------------------------------------------------------------------- values


def where(context: Context, salus: Salus) -> list[tuple[str, object]]:
    """Who signs, and on which chain, for a confirmation."""
    return [("signer", salus.need_signer().address), ("chain", f"{salus.chain_id} at {context.rpc}")]


def amount_of(text: str, decimals: int, option: str) -> int:
    """An amount that was typed, in the token's smallest units.

    Raises:
        BadInput: No plain amount.
    """
    from salus.errors import BadInput, one_line
    from salus.formats.json_file import smallest_units

    if not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", text):
        raise BadInput(option, "", f"is {one_line(text, 40)!r}; give an amount, e.g. 25000.00")
    return smallest_units(Decimal(text), decimals, source=option, field="")


def pool_of(salus: Salus, plan: Plan) -> tuple[str, str, int]:
    """The insurer, the token and its decimals of a plan on this chain.

    Raises:
        BadInput: It is not registered here.
    """
    from salus.errors import BadInput

    terms = salus.call(salus.contract("Plans").functions.terms(salus.plans.id_of(plan)))
    if int(terms.insurer, 16) == 0:
        raise BadInput(plan.source, "", "is not registered on this chain; register it with `salus claim plan register`")
    return terms.insurer, terms.token, salus.treasury.decimals(terms.token)


def patients_of(given: Sequence[str], file: str | None, claims: Sequence[ClaimInput]) -> dict[str, str]:
    """The account of each patient, by what the claims call the patient.

    Raises:
        BadInput: One is named twice, or it is not clear whose an account is.
    """
    from salus.errors import BadInput

    named = _patients_in(file) if file else {}
    refs = {claim.patient_ref for claim in claims}
    for text in given:
        # The account is what follows the last "=": a reference may hold one as well.
        ref, _, account = text.rpartition("=")
        if not ref:
            if len(refs) > 1:
                raise BadInput(
                    "--patient", "", f"names no patient, and the claims name {len(refs)}; write REFERENCE=0x…"
                )
            ref = next(iter(refs), "")
        if ref in named:
            raise BadInput("--patient", ref, "is given twice; give each patient one account")
        named[ref] = account
    if not named:
        raise BadInput("--patient", "", "is missing; give each patient's account for this insurer")
    return named


def _patients_in(file: str) -> dict[str, str]:
    from salus.errors import BadInput
    from salus.formats.json_file import read_text

    named: dict[str, str] = {}
    for n, row in enumerate(csv.reader(io.StringIO(read_text(file), newline="")), 1):
        if not row or (n == 1 and row == ["patient", "account"]):
            continue
        if len(row) != 2 or row[0] in named:
            raise BadInput(file, f"line {n}", "must be a patient, not yet named, and an account: Patient/1,0x…")
        named[row[0]] = row[1].strip()
    return named


# ------------------------------------------------------------------------------------------------------- answers

COLUMNS = (
    "claim",
    "outcome",
    "billed",
    "allowed",
    "deductible",
    "copay",
    "coinsurance",
    "paid",
    "patient",
    "codes",
    "id",
)


def tell_problems(context: Context, problems: Sequence[BadInput]) -> None:
    """What was left out and why, a line each, on stderr."""
    import json

    for problem in problems:
        if context.json:
            document = {"error": "BadInput", "file": problem.file, "field": problem.field, "message": str(problem)}
            click.echo(json.dumps(document), err=True)
        else:
            context.note(f"left out: {problem}")


def tell_answers(context: Context, answers: Sequence[ClaimAnswer], plan_name: str, currency: str) -> None:
    """The answers as a table, or with ``--json`` as FHIR ClaimResponses; refusals on stderr."""
    import json

    if context.json:
        from salus.claims.files.fhir_response import claim_response
        from salus.formats.json_file import dump_json

        # Through the exact writer, then plain: amounts stay as they are written.
        click.echo(dump_json([claim_response(answer, insurer=plan_name) for answer in answers]), nl=False)
    else:
        context.table(f"claims, in {currency}", COLUMNS, [_row(answer) for answer in answers])
    for answer in answers:
        if answer.refusal and context.json:
            document = {
                "error": answer.refusal.name,
                "message": answer.refusal.words,
                "arguments": {"carc": answer.carc},
            }
            click.echo(json.dumps({**document, "claim": answer.id}), err=True)
        elif answer.refusal:
            context.note(f"refused: claim {answer.input.number}: {answer.refusal.words} (CARC {answer.carc})")


def outcome_of(answer: ClaimAnswer) -> str:
    """The outcome in a cell of a table."""
    if answer.refusal:
        return f"refused ({answer.carc})"
    word = answer.outcome if answer.transaction else f"would be {answer.outcome}"
    return f"{word} (earlier)" if answer.earlier else word


def _row(answer: ClaimAnswer) -> list[object]:
    head = [answer.input.number, outcome_of(answer)]
    if not answer.lines:
        return [*head, answer.input.total, *[""] * (len(COLUMNS) - 4), answer.id]
    units = [answer.charge, answer.allowed, *map(answer.total, ("deductible", "copay", "coinsurance"))]
    units += [answer.paid, answer.patient_share]
    codes = dict.fromkeys(f"{a.group}-{a.carc}" for line in answer.lines for a in line.adjustments)
    return [*head, *map(answer.money, units), " ".join(codes), answer.id]


def by_file(mapping_file: str | None, claims: Sequence[ClaimInput], problems: list[BadInput]) -> list[ClaimInput]:
    """The claims with the plan's codes, where a mapping file says what they are."""
    from salus.claims.code_map import apply, load_mapping

    return apply(claims, load_mapping(mapping_file), problems=problems) if mapping_file else list(claims)


def plain_facts(facts: Mapping[str, object]) -> str:
    """Facts for people, one a line."""
    width = max(len(name) for name in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts.items())
