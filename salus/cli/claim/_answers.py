"""Answers to claims as a table, or as FHIR ClaimResponses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from salus.claims.model import ClaimAnswer
    from salus.cli.output import Output

__all__ = ["any_refused", "show_answers"]

_COLUMNS = (
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


def show_answers(output: Output, answers: Sequence[ClaimAnswer], insurer: str, currency: str) -> None:
    """The answers as a table, or with ``--json`` as FHIR ClaimResponses; refusals on stderr."""
    if output.json:
        from salus.claims.files.fhir_response import claim_response
        from salus.formats.json_file import dump_json

        # Through the exact writer, then plain: amounts stay as they are written.
        click.echo(dump_json([claim_response(answer, insurer=insurer) for answer in answers]), nl=False)
    else:
        output.table(f"claims, in {currency}", _COLUMNS, [_row(answer) for answer in answers])
    for answer in answers:
        if answer.refusal and output.json:
            document = {
                "error": answer.refusal.name,
                "message": answer.refusal.words,
                "arguments": {"carc": answer.carc},
                "claim": answer.id,
            }
            click.echo(json.dumps(document), err=True)
        elif answer.refusal:
            output.note(f"refused: claim {answer.input.number}: {answer.refusal.words} (CARC {answer.carc})")


def any_refused(answers: Sequence[ClaimAnswer]) -> bool:
    """Whether the rules refused any of the claims."""
    return any(answer.refusal for answer in answers)


def _outcome(answer: ClaimAnswer) -> str:
    if answer.refusal:
        return f"refused ({answer.carc})"
    word = answer.outcome if answer.transaction else f"would be {answer.outcome}"
    return f"{word} (earlier)" if answer.earlier else word


def _row(answer: ClaimAnswer) -> list[object]:
    head = [answer.input.number, _outcome(answer)]
    if not answer.lines:
        return [*head, answer.input.total, *[""] * (len(_COLUMNS) - 4), answer.id]
    units = [answer.charge, answer.allowed, *map(answer.total, ("deductible", "copay", "coinsurance"))]
    units += [answer.paid, answer.patient_share]
    codes = dict.fromkeys(f"{a.group}-{a.carc}" for line in answer.lines for a in line.adjustments)
    return [*head, *map(answer.money, units), " ".join(codes), answer.id]
