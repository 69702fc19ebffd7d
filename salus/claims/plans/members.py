"""The members of a plan from a CSV file, UTF-8, comma-separated, with these columns::

member       the account that the patient uses for this insurer, 0x…
from         first service day covered, YYYY-MM-DD
until        first service day no longer covered
family       optional: number that the insurer gave the family, from 1
groups       optional: names of the plan's groups, separated by semicolons
nextGroups   optional: groups from nextFrom on, e.g. after a birthday; with nextFrom
nextFrom     optional: first service day of nextGroups
secondary    optional: yes when another payer goes first
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from salus.claims.input import noting
from salus.claims.plans.file import AGES, SEXES, day_number
from salus.claims.plans.model import Plan
from salus.claims.plans.records import Membership
from salus.errors import BadInput, one_line
from salus.formats.comma_separated import expect_commas
from salus.formats.json_file import read_text
from salus.keys.addresses import address

__all__ = ["read_members", "ungrouped"]

_REQUIRED = ("member", "from", "until")
_OPTIONAL = ("family", "groups", "nextGroups", "nextFrom", "secondary")
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False, "": False}


def read_members(path: str | Path, plan: Plan, *, problems: list[BadInput] | None = None) -> list[Membership]:
    """Read the members of a CSV file.

    Args:
        path: The file.
        plan: Its groups are the names that the file may use.
        problems: Takes what is wrong with a row, which is then left out; without it the first problem is raised.

    Raises:
        BadInput: Not such a file, or (without `problems`) a bad row; names line and column.
    """
    source, members = str(path), []
    seen: dict[str, int] = {}
    for line, row in _rows(source, read_text(path)):
        with noting(problems):
            member = _Row(source, line, row).membership(plan)
            if (first := seen.setdefault(member.member, line)) != line:
                raise BadInput(source, f"line {line}: member", f"is on line {first} already; give each member one row")
            members.append(member)
    if not seen and not problems:
        raise BadInput(source, "file", "holds no members; give at least one row")
    return members


def ungrouped(plan: Plan, members: Iterable[Membership]) -> dict[str, list[Membership]]:
    """Members without an age group (``"age"``) or sex group (``"sex"``) where the plan has prices that ask for one."""
    asked = 0
    for price in plan.prices:
        asked |= plan.bits(price.groups)
    kinds = {"age": AGES, "sex": SEXES}
    found = {name: [m for m in members if not m.groups & bits] for name, bits in kinds.items() if asked & bits}
    return {name: lacking for name, lacking in found.items() if lacking}


def _rows(source: str, text: str) -> Iterator[tuple[int, Mapping[str, str] | None]]:
    """The rows with their lines; None stands for one that does not fit the header."""
    reader = csv.reader(io.StringIO(expect_commas(source, text), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _expect_columns(source, header)
        for row in reader:
            if row:
                fits = len(row) == len(header)
                yield reader.line_num, dict(zip(header, map(str.strip, row), strict=True)) if fits else None
    except csv.Error as trouble:
        raise BadInput(source, f"line {reader.line_num}", f"is not CSV ({trouble}); quote cells with commas") from None


def _expect_columns(source: str, header: Sequence[str]) -> None:
    known = _REQUIRED + _OPTIONAL
    for name in header:
        if name not in known:
            raise BadInput(source, "header", f"has the column {one_line(name, 40)!r}; known are {', '.join(known)}")
        if header.count(name) > 1:
            raise BadInput(source, "header", f"has the column {name!r} twice; keep one")
    if missing := [name for name in _REQUIRED if name not in header]:
        raise BadInput(
            source, "header", f"has no column {', '.join(missing)}; these are needed: {', '.join(_REQUIRED)}"
        )


class _Row:
    """One row; every problem names its line and column."""

    def __init__(self, source: str, line: int, cells: Mapping[str, str] | None) -> None:
        self._source, self._line = source, line
        if cells is None:
            raise BadInput(source, f"line {line}", "has more or fewer cells than the header; correct it")
        self._cells = cells

    def membership(self, plan: Plan) -> Membership:
        account = address(self._cells["member"], f"line {self._line}: member", self._source)
        if int(account, 16) < 1 << 64:
            raise self._bad("member", "accounts of so small a number stand for families; give the patient's")
        start, end = self._day("from"), self._day("until")
        if end <= start:
            raise self._bad("until", "give a day after from")
        after, next_from = self._groups("nextGroups", plan), 0
        if bool(self._get("nextGroups")) != bool(self._get("nextFrom")):
            raise self._bad("nextFrom", "give nextGroups and nextFrom, or neither")
        if after:
            next_from = self._day("nextFrom")
        secondary = _YES.get(self._get("secondary").lower())
        if secondary is None:
            raise self._bad("secondary", "give yes or no")
        groups = self._groups("groups", plan)
        return Membership(account, start, end, self._family(), groups, after, next_from, secondary)

    def _get(self, name: str) -> str:
        return self._cells.get(name, "")

    def _bad(self, name: str, fix: str) -> BadInput:
        return BadInput(self._source, f"line {self._line}: {name}", f"is {one_line(self._get(name), 60)!r}; {fix}")

    def _day(self, name: str) -> int:
        return day_number(self._get(name), source=self._source, field=f"line {self._line}: {name}")

    def _family(self) -> int:
        text = self._get("family")
        if not text:
            return 0
        if not re.fullmatch(r"[0-9]{1,20}", text) or not 1 <= int(text) < 1 << 64:
            raise self._bad("family", "give the family's number, 1 to 2^64 - 1")
        return int(text)

    def _groups(self, name: str, plan: Plan) -> int:
        names = [part.strip() for part in self._get(name).split(";") if part.strip()]
        for group in names:
            if group not in plan.groups:
                known = ", ".join(plan.groups) or "none"
                raise self._bad(name, f"{one_line(group, 40)!r} is no group of the plan; it has {one_line(known, 300)}")
        return plan.bits(names)
