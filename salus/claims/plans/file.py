"""The plan file of an insurer, and the hashes that go on chain for it.

A plan file is JSON; ``salus/claims/plans/plan.schema.json`` says all of it (JSON Schema, draft 2020-12), ``examples/``
has two. The least::

    {"name": "Basic 2026", "version": 1,      for people; a later version names the "series" that it continues
     "insurer": "north-mutual",               handle of the insurer
     "currency": "USD",                       ISO 4217; claims in another currency are refused
     "deductible": "500.00",                  amounts as strings, or as JSON numbers
     "coinsurance": "0.2",                    the patient's share after the deductible, 0 to 1, at most four decimals
     "outOfPocketMaximum": "3000.00",         deductible included
     "validFrom": "2026-01-01",               first service day that is judged
     "validUntil": "2027-01-01",              first service day that no longer is
     "salt": "0x…",                           32 bytes in hex, known to the plan's parties only
     "prices": [{"system": "http://snomed.info/sct", "code": "185349003", "allowed": "95.00",
                 "display": "optional"}]}     at least one; each system and code once

The file stays with the plan's parties. On the chain are the terms, amounts, and hashes salted by ``salt``: of each
code, of the claims' numbers, and of the file itself. The amounts' decimals come from the token, so that the same file
serves any chain.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from salus.claims.plans.model import (
    AGES,
    NOTHING,
    SEXES,
    Plan,
    PlanCategory,
    PlanPrice,
    Quantity,
    Schedule,
    new_salt,
    number_commitment,
    salted_code,
)
from salus.claims.plans.schema import differences
from salus.errors import BadInput, one_line
from salus.formats.days import number_of
from salus.formats.json_file import parse_json, read_text

__all__ = [
    "AGES",
    "SEXES",
    "Plan",
    "PlanCategory",
    "PlanPrice",
    "Quantity",
    "Schedule",
    "day_number",
    "load_plan",
    "new_salt",
    "number_commitment",
    "read_plan",
    "salted_code",
]


def day_number(text: object, *, source: str, field: str) -> int:
    """Days since 1970-01-01 of a date ``YYYY-MM-DD``.

    Raises:
        BadInput: Another text, or before 1970.
    """
    try:
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        day = number_of(dt.date.fromisoformat(text))
        if day < 0:
            raise ValueError
    except ValueError:
        raise BadInput(source, field, f"is {one_line(repr(text), 40)}; give a date from 1970 on, YYYY-MM-DD") from None
    return day


# ------------------------------------------------------------------------------------------------------- the plan file


def load_plan(path: str | Path) -> Plan:
    """Read a plan file.

    Raises:
        BadInput: Not such a file; names the field and the fix of the first problem.
    """
    plan, problems = read_plan(path)
    if plan is None:
        raise problems[0]
    return plan


def read_plan(path: str | Path) -> tuple[Plan | None, list[BadInput]]:
    """Read a plan file; the plan, or None and everything that is wrong with the file.

    Raises:
        BadInput: It cannot be read, or is no JSON.
    """
    source = str(path)
    document = parse_json(read_text(path), source)
    problems = differences(document, source)
    if problems:
        return None, problems
    reader = _Reader(document, source)
    plan = reader.plan()
    return (None, reader.problems) if reader.problems else (plan, [])


class _Reader:
    """Reads a document that is as the schema says, and notes what the schema cannot say."""

    def __init__(self, document: Mapping[str, Any], source: str) -> None:
        self._json, self._source = document, source
        self.problems: list[BadInput] = []

    def plan(self) -> Plan:
        j = self._json
        network = j.get("network", {})
        self._salt()
        self._groups()
        plan = Plan(
            source=self._source,
            name=j["name"],
            version=j["version"],
            series=bytes.fromhex(j.get("series", "0x")[2:]),
            insurer=j["insurer"],
            currency=j["currency"],
            **self._period("validFrom", "validUntil", "judged"),
            deductible=Decimal(j["deductible"]),
            out_of_pocket_maximum=Decimal(j["outOfPocketMaximum"]),
            family_deductible=self._bound("familyDeductible"),
            family_out_of_pocket_maximum=self._bound("familyOutOfPocketMaximum"),
            coinsurance=self._rate(j["coinsurance"], "coinsurance"),
            coinsurance_out=self._rate(j.get("coinsuranceOutOfNetwork", j["coinsurance"]), "coinsuranceOutOfNetwork"),
            annual_limit=self._bound("annualLimit"),
            lifetime_limit=self._bound("lifetimeLimit"),
            waiting_days=j.get("waitingDays", 0),
            filing_days=j.get("filingDays", 0),
            review_threshold=self._bound("reviewThreshold"),
            review_days=j.get("reviewDays", 0),
            appeal_days=j.get("appealDays", 0),
            copay_first=j.get("order", ["deductible"])[0] == "copay",
            copay_counts=j.get("copayCountsToDeductible", False),
            network=network.get("has", False),
            covers_outside=network.get("coversOutside", False),
            categories=tuple(self._category(n, entry) for n, entry in enumerate(j.get("categories", []))),
            groups=MappingProxyType(dict(j.get("groups", {}))),
            salt=bytes.fromhex(j["salt"][2:]),
            prices=self._prices(j["prices"], "prices"),
            capped=j.get("providerCaps", False),
            schedules=tuple(self._schedule(n, entry) for n, entry in enumerate(j.get("schedules", []))),
        )
        self._agree(plan)
        return plan

    def _note(self, place: str, fix: str) -> None:
        self.problems.append(BadInput(self._source, place, fix))

    def _salt(self) -> None:
        if len(set(bytes.fromhex(self._json["salt"][2:]))) < 8:
            # A salt that can be guessed opens every code: the code systems are public and small.
            self._note("salt", "is not random; make one with `salus claim plan salt`")

    def _groups(self) -> None:
        named: dict[int, str] = {}
        for name, bit in self._json.get("groups", {}).items():
            if bit in named:
                self._note(f"groups.{name}", f"has the bit {bit}, as {named[bit]!r} has; give each its own")
            named[bit] = name

    def _period(
        self, first: str, last: str, what: str, entry: Mapping[str, Any] | None = None, prefix: str = ""
    ) -> Any:
        entry, days = entry or self._json, []
        for name in (first, last):
            try:
                days.append(day_number(entry[name], source=self._source, field=prefix + name))
            except BadInput as problem:
                self.problems.append(problem)
        if len(days) == 2 and days[1] <= days[0]:
            self._note(prefix + last, f"is not after {first}; give the first day that is no longer {what}")
        return dict(zip(("valid_from", "valid_until"), [*days, 0, 0], strict=False))

    def _bound(self, name: str, entry: Mapping[str, Any] | None = None, prefix: str = "") -> Decimal:
        """An amount that may be absent; 0 stands for that on chain, so it cannot be said."""
        entry = self._json if entry is None else entry
        if name not in entry:
            return NOTHING
        amount = Decimal(entry[name])
        if not amount:
            self._note(prefix + name, "is 0; leave it out where there is none")
        return amount

    def _rate(self, value: Any, place: str) -> int:
        points = Decimal(value) * 10_000
        if points != points.to_integral_value():
            self._note(place, f"is {value}; give a fraction from 0 to 1 with at most four decimals")
        return int(points)

    def _category(self, n: int, entry: Mapping[str, Any]) -> PlanCategory:
        prefix = f"categories[{n}]."
        if any(entry["name"] == other["name"] for other in self._json["categories"][:n]):
            self._note(f"{prefix}name", f"is {one_line(entry['name'], 40)!r} a second time; give each name once")
        out = entry.get("coinsuranceOutOfNetwork", entry["coinsurance"])
        return PlanCategory(
            name=entry["name"],
            coinsurance=self._rate(entry["coinsurance"], f"{prefix}coinsurance"),
            coinsurance_out=self._rate(out, f"{prefix}coinsuranceOutOfNetwork"),
            deductible=entry.get("deductibleApplies", True),
            copay=Decimal(entry.get("copay", 0)),
            annual_limit=self._bound("annualLimit", entry, prefix),
        )

    def _prices(self, entries: list[Mapping[str, Any]], prefix: str) -> tuple[PlanPrice, ...]:
        categories = {"", *(entry["name"] for entry in self._json.get("categories", []))}
        seen: dict[tuple[str, str], int] = {}
        prices = []
        for n, entry in enumerate(entries):
            price = _price(entry)
            if (first := seen.setdefault((price.system, price.code), n)) != n:
                shown = one_line(price.code, 40)
                self._note(
                    f"{prefix}[{n}].code", f"is {shown!r} a second time, after {prefix}[{first}]; give each code once"
                )
            if price.category not in categories:
                known = (
                    f"one of {', '.join(sorted(categories - {''}))}" if len(categories) > 1 else "add it to categories"
                )
                self._note(f"{prefix}[{n}].category", f"is {price.category!r}, which is no category; {known}")
            for name in price.groups:
                if name not in self._json.get("groups", {}):
                    self._note(f"{prefix}[{n}].groups", f"names {name!r}, which is no group; add it to groups")
            prices.append(price)
        return tuple(prices)

    def _schedule(self, n: int, entry: Mapping[str, Any]) -> Schedule:
        prefix, before = f"schedules[{n}].", self._json["schedules"][:n]
        for name in ("number", "provider"):
            if any(entry[name] == other[name] for other in before):
                self._note(prefix + name, f"is {entry[name]} a second time; give each schedule its own")
        prices = self._prices(entry["prices"], f"{prefix}prices")
        period = self._period("from", "until", "of the contract", entry, prefix)
        return Schedule(entry["number"], entry["provider"], **period, prices=prices)

    def _agree(self, plan: Plan) -> None:
        """What of the terms must fit each other; the contract refuses it too."""
        if plan.out_of_pocket_maximum < plan.deductible:
            fix = f"is {plan.out_of_pocket_maximum}, below the deductible; give at least {plan.deductible}"
            self._note("outOfPocketMaximum", fix)
        if plan.family_out_of_pocket_maximum and plan.family_out_of_pocket_maximum < plan.family_deductible:
            fix = f"is {plan.family_out_of_pocket_maximum}, below the family's deductible; give at least"
            self._note("familyOutOfPocketMaximum", f"{fix} {plan.family_deductible}")
        if (plan.version > 1) != bool(plan.series):
            fix = (
                "is missing; give the id of the version before"
                if plan.version > 1
                else "is given for version 1; leave it out"
            )
            self._note("series", fix)
        if plan.capped and not plan.review_days:
            self._note("reviewDays", "is missing; what a provider's cap holds back is reviewed, give at least 1")
        if plan.covers_outside and not plan.network:
            self._note("network.coversOutside", "is true where there is no network; leave it out")


def _price(entry: Mapping[str, Any]) -> PlanPrice:
    limit = entry.get("limit")
    days = 0 if limit is None or limit["days"] == "benefit-year" else limit["days"]
    return PlanPrice(
        system=entry["system"],
        code=entry["code"],
        allowed=Decimal(entry["allowed"]),
        display=entry.get("display", ""),
        category=entry.get("category", ""),
        covered=entry.get("covered", True),
        preauthorization=entry.get("preauthorization", False),
        referral=entry.get("referral", False),
        groups=tuple(entry.get("groups", ())),
        limit=None if limit is None else Quantity(limit["units"], days),
    )
