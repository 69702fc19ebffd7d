"""Schedules of doses, and the birthdays that a clinic keeps beside them. Lengths of time are in days."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from salus.abi.hashing import keccak
from salus.errors import BadInput, one_line
from salus.keys.addresses import address as checked_address

__all__ = ["GRACE", "Schedule", "Step", "read_births", "ready_schedules"]

#: Days by which a dose may be early and still count: ``IDoses.GRACE``.
GRACE = 4


@dataclass(frozen=True)
class Step:
    """One dose of a schedule.

    Args:
        min_age: Youngest age; the chain does not judge it.
        min_interval: Fewest days since the dose before it, 0 for the first.
        due: Days since the dose before it (for the first: since birth) when it is due.
        overdue: Days since the dose before it (or birth) from which it is overdue, 0: never.
    """

    min_age: int
    min_interval: int
    due: int
    overdue: int

    def struct(self) -> tuple[int, int, int, int]:
        """The struct ``IDoses.Step``."""
        return self.min_age, self.min_interval, self.due, self.overdue

    def from_birth(self, birth: dt.date) -> dt.date:
        """First day of the least age, the grace included; never before birth."""
        return birth + dt.timedelta(days=max(self.min_age - GRACE, 0))

    def after(self, day: dt.date) -> dt.date:
        """First day that counts after a dose on a day, the grace included; never before that dose."""
        return day + dt.timedelta(days=max(self.min_interval - GRACE, 0))


@dataclass(frozen=True)
class Schedule:
    """A schedule of doses of one vaccine.

    Args:
        vaccine: CVX code.
        steps: One to sixteen.
    """

    vaccine: int
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, vaccine: int, steps: Sequence[Any]) -> Schedule:
        """From what a view or an event gives."""
        return cls(vaccine, tuple(Step(s.minAge, s.minInterval, s.due, s.overdue) for s in steps))

    @property
    def id(self) -> bytes:
        """The schedule's id on any chain: a hash of its content."""
        from eth_abi.abi import encode

        steps = [step.struct() for step in self.steps]
        content = keccak(encode(["uint16", "(uint16,uint16,uint16,uint16)[]"], [self.vaccine, steps]))
        return keccak(encode(["bytes32", "bytes32"], [keccak(text="salus.schedule"), content]))

    @property
    def words(self) -> tuple[str, ...]:
        """Each dose in words."""
        return tuple(_words(number, step) for number, step in enumerate(self.steps))


def _words(number: int, step: Step) -> str:
    since = "the dose before" if number else "birth"
    least = [f"from {_time(step.min_age)} of age"] if step.min_age else []
    if step.min_interval:
        least.append(f"{_time(step.min_interval)} after the dose before")
    late = f", overdue at {_time(step.overdue)}" if step.overdue else ""
    allowed = " and ".join(least) or "any time"
    return f"dose {number + 1}: {allowed}; due {_time(step.due)} after {since}{late}"


def _time(days: int) -> str:
    return f"{days // 7} weeks" if days and days % 7 == 0 and days < 365 else f"{days} days"


def ready_schedules() -> dict[str, Schedule]:
    """The schedules that come with Salus, by name; ``salus/doses/schedules.json`` names their sources."""
    content = json.loads(files("salus.doses").joinpath("schedules.json").read_text(encoding="utf-8"))
    return {
        name: Schedule(
            entry["cvx"],
            tuple(Step(s["minAge"], s["minInterval"], s["due"], s["overdue"]) for s in entry["steps"]),
        )
        for name, entry in content.items()
    }


def read_births(path: str | Path) -> dict[str, dt.date]:
    """Birthdays by pseudonym, from a clinic's own CSV with the columns ``patient`` and ``birth`` (YYYY-MM-DD).

    Raises:
        BadInput: Not such a file; names the line, the column and the fix.
    """
    from salus.formats.comma_separated import expect_commas
    from salus.formats.json_file import read_text

    source = str(path)
    reader = csv.DictReader(io.StringIO(expect_commas(source, read_text(path)), newline=""), strict=True)
    found: dict[str, dt.date] = {}
    try:
        for name in ("patient", "birth"):
            if name not in (reader.fieldnames or ()):
                raise BadInput(source, name, "is no column of the first line; give patient,birth")
        for row in reader:
            place = f"line {reader.line_num}"
            if None in row or None in row.values():
                raise BadInput(source, place, "has more or fewer cells than the header; correct it")
            patient = checked_address(row["patient"].strip(), f"{place}: patient", source)
            try:
                birth = dt.date.fromisoformat(row["birth"].strip())
            except ValueError:
                shown = one_line(row["birth"], 20)
                raise BadInput(source, f"{place}: birth", f"is {shown!r}; give YYYY-MM-DD") from None
            if found.setdefault(patient, birth) != birth:
                raise BadInput(source, f"{place}: patient", "has another birthday above; keep one line")
    except csv.Error as trouble:
        raise BadInput(source, f"line {reader.line_num}", f"is not CSV ({trouble}); correct it") from None
    return found
