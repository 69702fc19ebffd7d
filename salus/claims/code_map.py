"""The mapping file: which code of a plan a provider's code is.

JSON, or CSV with the same names as columns::

    [{"fromSystem": "", "fromCode": "185345009",        the claim's; no system stands for a claim that names none
      "system": "http://snomed.info/sct", "code": "185345009",      the plan's
      "units": 2}]                                      optional: units of the plan in one of the claim, 1 unless given

A code without an entry stays as it is. Charges are never changed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from salus.claims.input import MAX_UNITS, ClaimInput, LineInput, noting
from salus.errors import BadInput, one_line
from salus.formats.comma_separated import expect_commas
from salus.formats.json_file import parse_json, read_text

__all__ = ["Code", "Mapped", "Unmapped", "apply", "load_mapping", "unmapped"]

#: A code system's URI, perhaps empty, and a code of it.
Code = tuple[str, str]

_FIELDS = ("fromSystem", "fromCode", "system", "code")


@dataclass(frozen=True)
class Mapped:
    """What a code becomes: a code of the plan, and how many of its units one of the claim's is."""

    code: Code
    units: int = 1


@dataclass(frozen=True)
class Unmapped:
    """A line whose code, mapped or not, is not in the plan's price list.

    Attributes:
        source: The claim's file and place.
        claim: The claim's number.
        sequence: The line's number.
        code: As the claim has it, or as it was mapped.
        text: What the claim calls it.
    """

    source: str
    claim: str
    sequence: int
    code: Code
    text: str


def load_mapping(path: str | Path) -> dict[Code, Mapped]:
    """Read a mapping file.

    Raises:
        BadInput: Not such a file; names the entry, the field and the fix.
    """
    source = str(path)
    text = read_text(path)
    is_json = text.lstrip()[:1] in ("[", "{")
    entries = _json_entries(text, source) if is_json else _csv_entries(text, source)
    found: dict[Code, Mapped] = {}
    for place, entry in entries:
        before, after = _entry(entry, source, place)
        if before in found:
            raise BadInput(source, place, f"maps {one_line(before[1], 40)!r} a second time; keep one entry")
        found[before] = after
    return found


def _json_entries(text: str, source: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    document = parse_json(text, source)
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise BadInput(source, "file", "is no list of objects; give fromSystem, fromCode, system and code in each")
    return [(f"[{n}]", entry) for n, entry in enumerate(document)]


def _csv_entries(text: str, source: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(expect_commas(source, text), newline=""), strict=True)
    try:
        rows = [(f"line {reader.line_num}", row) for row in reader]
    except csv.Error as trouble:
        raise BadInput(source, f"line {reader.line_num}", f"is not CSV ({trouble}); correct it") from None
    for place, row in rows:
        if None in row or None in row.values():
            raise BadInput(source, place, "has more or fewer cells than the header; correct it")
    return [(place, {k: v for k, v in row.items() if k != "units" or v}) for place, row in rows]


def _entry(entry: Mapping[str, Any], source: str, place: str) -> tuple[Code, Mapped]:
    for name in entry:
        if name not in (*_FIELDS, "units"):
            raise BadInput(
                source, f"{place}: {one_line(name, 40)}", f"is unknown; known are {', '.join(_FIELDS)}, units"
            )
    for name in _FIELDS:
        value = entry.get(name)
        if not isinstance(value, str) or (not value.strip() and "ystem" not in name):
            raise BadInput(source, f"{place}: {name}", "is missing or no text; give it")
    units = entry.get("units", 1)
    if isinstance(units, str) and units.isdecimal() and len(units) < 6:
        units = int(units)
    if isinstance(units, bool) or not isinstance(units, int) or not 1 <= units <= MAX_UNITS:
        raise BadInput(source, f"{place}: units", f"is {one_line(repr(units), 20)}; give a whole number from 1")
    old_system, old_code, system, code = (entry[name].strip() for name in _FIELDS)
    return (old_system, old_code), Mapped((system, code), units)


def apply(
    claims: Sequence[ClaimInput], mapping: Mapping[Code, Mapped], *, problems: list[BadInput] | None = None
) -> list[ClaimInput]:
    """The claims with the plan's codes and units.

    Raises:
        BadInput: More units than a line may have, unless there are `problems` to note it in.
    """

    def mapped(claim: ClaimInput, line: LineInput) -> LineInput:
        to = mapping.get((line.system, line.code))
        if to is None:
            return line
        if line.quantity * to.units > MAX_UNITS:
            raise BadInput(
                claim.source, f"line {line.sequence}: units", f"become more than {MAX_UNITS}; split the line"
            )
        return replace(line, system=to.code[0], code=to.code[1], quantity=line.quantity * to.units)

    found = []
    for claim in claims:
        with noting(problems):
            found.append(replace(claim, lines=tuple(mapped(claim, line) for line in claim.lines)))
    return found


def unmapped(claims: Iterable[ClaimInput], known: Collection[Code]) -> list[Unmapped]:
    """The lines whose code is none of the plan's; each would be denied (CARC 204)."""
    return [
        Unmapped(claim.source, claim.number, line.sequence, (line.system, line.code), line.text)
        for claim in claims
        for line in claim.lines
        if (line.system, line.code) not in known
    ]
