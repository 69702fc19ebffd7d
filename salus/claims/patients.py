"""Which account each patient of a file of claims uses: from words like ``Patient/1=0x…``, or from a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salus.errors import BadInput
from salus.formats.comma_separated import expect_commas
from salus.formats.json_file import read_text

if TYPE_CHECKING:
    from salus.claims.input import ClaimInput

__all__ = ["patient_accounts", "read_patients"]


def patient_accounts(
    given: Sequence[str], claims: Iterable[ClaimInput], file: str | Path | None = None
) -> dict[str, str]:
    """The account of each patient, by what the claims call the patient.

    Args:
        given: ``REFERENCE=ACCOUNT``; an account alone stands for the one patient that all claims name.
        claims: Whose patients they are.
        file: A CSV file of further patients, see :func:`read_patients`.

    Raises:
        BadInput: No patient is named, one is named twice, or it is not clear whose an account is.
    """
    named = read_patients(file) if file else {}
    references = {claim.patient_ref for claim in claims}
    for text in given:
        # The account is what follows the last "=": a reference may hold one as well.
        reference, _, account = text.rpartition("=")
        if not reference:
            if len(references) > 1:
                raise BadInput(
                    "--patient", "", f"names no patient, and the claims name {len(references)}; write REFERENCE=0x…"
                )
            reference = next(iter(references), "")
        if reference in named:
            raise BadInput("--patient", reference, "is given twice; give each patient one account")
        named[reference] = account
    if not named:
        raise BadInput("--patient", "", "is missing; give each patient's account for this insurer")
    return named


def read_patients(file: str | Path) -> dict[str, str]:
    """The patients of a CSV file with the columns patient and account; a header is allowed.

    Raises:
        BadInput: Not such a file; names the line.
    """
    named: dict[str, str] = {}
    for line, row in enumerate(csv.reader(io.StringIO(expect_commas(str(file), read_text(file)), newline="")), 1):
        if not row or (line == 1 and row == ["patient", "account"]):
            continue
        if len(row) != 2 or row[0] in named:
            raise BadInput(str(file), f"line {line}", "must be a patient, not yet named, and an account: Patient/1,0x…")
        named[row[0]] = row[1].strip()
    return named
