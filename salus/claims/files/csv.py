"""Claims as CSV: a row a line, the rows of one claim together by its number.

Columns, in any order, named in the first row:

============  ====================================================================================
``claim``     the provider's own number of the claim
``provider``  what to call the provider, e.g. a name or an NPI; the same in all rows of a claim
``patient``   what to call the patient; ``--patient`` gives the account for it
``day``       service day, YYYY-MM-DD (a time after it is passed over)
``code``      of the product or service
``charge``    for all units together, e.g. 120.00
``system``    optional: the code system's URI
``units``     optional: a whole number, 1 unless given
``currency``  optional: ISO 4217, USD unless given
``prior``     optional: what the payers that go first paid for the line
``primary``   optional: the number of the answer of the payer that goes first
``text``      optional: what to call the line
============  ====================================================================================

Synthea's ``claims_transactions.csv`` is read as it is: its rows of type CHARGE are the lines, PLACEOFSERVICE (the
organisation) is the provider. Synthea names no code systems; a mapping file (:mod:`salus.claims.code_map`) does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from salus.claims.input import MAX_UNITS, ClaimInput, LineInput, noting, refuse_duplicates
from salus.claims.plans.file import day_number
from salus.errors import BadInput, one_line
from salus.formats.comma_separated import expect_commas
from salus.formats.json_file import read_text

__all__ = ["read_csv"]

_REQUIRED = ("claim", "provider", "patient", "day", "code", "charge")
_OPTIONAL = ("system", "units", "currency", "prior", "primary", "text")
_LONGEST = 1000  # characters of a cell

# Which column of Synthea's file is which of ours.
_SYNTHEA = {
    "claim": "CLAIMID",
    "provider": "PLACEOFSERVICE",
    "patient": "PATIENTID",
    "day": "FROMDATE",
    "code": "PROCEDURECODE",
    "charge": "AMOUNT",
    "units": "UNITS",
    "text": "NOTES",
}
# What it must have, to be that file and no other.
_SYNTHEA_MARKS = {*_SYNTHEA.values(), "TYPE", "CHARGEID"}


def read_csv(path: str | Path, *, problems: list[BadInput] | None = None) -> list[ClaimInput]:
    """Read the claims of a CSV file.

    Args:
        path: The file, UTF-8, comma-separated.
        problems: Takes what is wrong with a claim, which is then left out; without it the first problem is raised.

    Returns:
        The claims in the order in which they begin.

    Raises:
        BadInput: Not such a file, or (without `problems`) a claim that cannot be read exactly; names line and column.
    """
    source = str(path)
    claims = []
    for number, rows in _grouped(source, read_text(path)).items():
        with noting(problems):
            claims.append(_claim(source, number, rows))
    return refuse_duplicates(claims, problems)


def _grouped(source: str, text: str) -> dict[str, list[tuple[int, dict[str, str]]]]:
    """The rows of each claim with their line in the file, in our columns."""
    found: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for line, row in _rows(source, text):
        found.setdefault(row["claim"], []).append((line, row))
    if not found:
        raise BadInput(source, "file", "holds no claims; give at least one row")
    return found


def _rows(source: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(expect_commas(source, text), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        columns, charges_only = _columns(source, header)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise BadInput(source, f"line {reader.line_num}", f"has {len(row)} cells, the header {len(header)}")
            cells = dict(zip(header, row, strict=True))
            if not charges_only or cells["TYPE"] == "CHARGE":
                yield reader.line_num, {ours: cells[theirs].strip() for ours, theirs in columns.items()}
    except csv.Error as trouble:
        raise BadInput(source, f"line {reader.line_num}", f"is not CSV ({trouble}); quote cells with commas") from None


def _columns(source: str, header: Sequence[str]) -> tuple[Mapping[str, str], bool]:
    """Our columns by the file's, and whether only rows of type CHARGE are lines."""
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise BadInput(source, "header", f"has the column {one_line(twice, 40)!r} twice; keep one")
    if set(header) >= _SYNTHEA_MARKS:
        return _SYNTHEA, True
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise BadInput(
            source, "header", f"has no column {', '.join(missing)}; these are needed: {', '.join(_REQUIRED)}"
        )
    unknown = [name for name in header if name not in _REQUIRED + _OPTIONAL]
    if unknown:
        raise BadInput(
            source,
            "header",
            f"has the column {one_line(unknown[0], 40)!r}; known are {', '.join(_REQUIRED + _OPTIONAL)}",
        )
    return {name: name for name in header}, False


def _claim(source: str, number: str, rows: Sequence[tuple[int, dict[str, str]]]) -> ClaimInput:
    first_line, first = rows[0]
    if not number:
        raise BadInput(source, f"line {first_line}: claim", "is empty; give the claim its number")
    for line, row in rows:
        for name, value in row.items():
            if len(value) > _LONGEST:
                raise BadInput(source, f"line {line}: {name}", f"has {len(value)} characters; give at most {_LONGEST}")
        for name in ("provider", "patient", "day", "currency", "primary"):
            # Only the day of a time counts.
            mine, others = (r.get(name, "")[: 10 if name == "day" else None] for r in (row, first))
            if mine != others:
                fix = "split the claim by day" if name == "day" else "give each claim one"
                raise BadInput(source, f"line {line}: {name}", f"is another than on line {first_line}; {fix}")
    for name in ("provider", "patient"):
        if not first[name]:
            raise BadInput(source, f"line {first_line}: {name}", "is empty; name one")
    currency = first.get("currency") or "USD"
    if not re.fullmatch("[A-Z]{3}", currency):
        raise BadInput(source, f"line {first_line}: currency", f"is {one_line(currency, 20)!r}; give an ISO 4217 code")
    return ClaimInput(
        source=f"{source} (line {first_line})",
        id="",
        number=number,
        number_system="",
        provider_ref=first["provider"],
        patient_ref=first["patient"],
        insurer_ref=None,
        service_day=day_number(first["day"][:10], source=source, field=f"line {first_line}: day"),
        currency=currency,
        lines=tuple(_line(source, n, line, row) for n, (line, row) in enumerate(rows, 1)),
        primary=first.get("primary", ""),
    )


def _line(source: str, sequence: int, line: int, row: Mapping[str, str]) -> LineInput:
    def refuse(name: str, fix: str) -> BadInput:
        return BadInput(source, f"line {line}: {name}", f"is {one_line(row.get(name, ''), 40)!r}; {fix}")

    def amount(name: str) -> Decimal:
        if not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", row[name]):
            raise refuse(name, "give an amount of 0 or more, e.g. 120.00")
        return Decimal(row[name])

    units = row.get("units") or "1"
    if not re.fullmatch(r"\d{1,5}", units) or not 1 <= int(units) <= MAX_UNITS:
        raise refuse("units", f"give a whole number from 1 to {MAX_UNITS}")
    if not row["code"]:
        raise refuse("code", "give the code that the plan prices")
    charge, prior = amount("charge"), amount("prior") if row.get("prior") else Decimal(0)
    if prior > charge:
        raise refuse("prior", "another payer paid more than the charge; correct one of them")
    if prior and not row.get("primary"):
        raise refuse("primary", "give the number of the answer of the payer that paid first")
    return LineInput(sequence, row.get("system", ""), row["code"], int(units), charge, row.get("text", ""), prior)
