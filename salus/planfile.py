"""The plan file of an insurer, and the hashes that go on chain for it.

A plan file is JSON; every field is required unless it says otherwise, others are refused::

    {"insurer": "north-mutual",               handle of the insurer
     "currency": "USD",                       ISO 4217; claims in another currency are refused
     "deductible": "500.00",                  amounts as strings, or as JSON numbers
     "coinsurance": "0.2",                    the patient's share after the deductible, 0 to 1, at most four decimals
     "outOfPocketMaximum": "3000.00",         deductible included
     "validFrom": "2026-01-01",               first service day that is judged
     "validUntil": "2027-01-01",              first service day that no longer is
     "filingDays": 90,                        days from service to submission; 0 for no limit
     "salt": "0x…",                           32 bytes in hex, known to the plan's parties only
     "prices": [{"system": "http://snomed.info/sct", "code": "185349003", "allowed": "95.00",
                 "display": "optional"}]}     at least one; each system and code once

The file stays with the plan's parties. On the chain are the terms, amounts, and hashes salted by ``salt``: of each
code, of the claims' numbers, and of the file itself. The amounts' decimals come from the token, so that the same file
serves any chain.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any

from .errors import BadInput, one_line
from .jsonfile import parse_json, read_text

__all__ = ["Plan", "PlanPrice", "day_number", "day_text", "load_plan", "new_salt", "number_commitment", "salted_code"]

_EPOCH = dt.date(1970, 1, 1)
_FIELDS = {
    "insurer",
    "currency",
    "deductible",
    "coinsurance",
    "outOfPocketMaximum",
    "validFrom",
    "validUntil",
    "filingDays",
    "salt",
    "prices",
}
_PRICE_FIELDS = {"system", "code", "allowed", "display"}


@dataclass(frozen=True)
class PlanPrice:
    """One entry of a price list.

    Args:
        system: The code system's URI, perhaps empty.
        code: The code of the product or service.
        allowed: Most that is allowed for one unit.
        display: What people call it, perhaps empty.
    """

    system: str
    code: str
    allowed: Decimal
    display: str = ""


@dataclass(frozen=True)
class Plan:
    """A plan file.

    Args:
        source: The file.
        insurer: Handle of the insurer.
        currency: ISO 4217.
        deductible: What the member pays first in a benefit year.
        coinsurance: Basis points of what is left after the deductible, 0 to 10,000.
        out_of_pocket_maximum: Most that a member pays in a benefit year.
        valid_from: First service day, days since 1970-01-01.
        valid_until: First service day no longer judged.
        filing_days: Days from service to submission, 0 for no limit.
        salt: 32 bytes; never shown.
        prices: The price list.
    """

    source: str
    insurer: str
    currency: str
    deductible: Decimal
    coinsurance: int
    out_of_pocket_maximum: Decimal
    valid_from: int
    valid_until: int
    filing_days: int
    salt: bytes = field(repr=False)
    prices: tuple[PlanPrice, ...] = field(repr=False)

    @cached_property
    def document(self) -> bytes:
        """Commitment to the file: hash of the salt and the canonical content, whatever its layout."""
        from eth_utils.crypto import keccak

        content = {
            "insurer": self.insurer,
            "currency": self.currency,
            "deductible": _plain(self.deductible),
            "coinsurance": self.coinsurance,
            "outOfPocketMaximum": _plain(self.out_of_pocket_maximum),
            "validFrom": self.valid_from,
            "validUntil": self.valid_until,
            "filingDays": self.filing_days,
            "prices": sorted([price.system, price.code, _plain(price.allowed)] for price in self.prices),
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return keccak(self.salt + text.encode())

    def id(self, insurer: str) -> bytes:
        """The plan's id on chain: a hash of the insurer's account and the document."""
        from eth_abi.abi import encode
        from eth_utils.crypto import keccak

        return keccak(encode(["bytes32", "address", "bytes32"], [keccak(text="salus.plan"), insurer, self.document]))

    def code(self, system: str, code: str) -> bytes:
        """The salted hash of a procedure code."""
        return salted_code(self.salt, system, code)

    def number(self, system: str, value: str) -> bytes:
        """The commitment to a provider's claim number."""
        return number_commitment(self.salt, system, value)


def _plain(value: Decimal) -> str:
    """One way of writing for equal amounts: 500, 500.0 and "500.00" are the same plan."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def salted_code(salt: bytes, system: str, code: str) -> bytes:
    """``keccak256(abi.encode(bytes32 salt, string system, string code))``: what stands for a code on chain."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    return keccak(encode(["bytes32", "string", "string"], [salt, system, code]))


def number_commitment(salt: bytes, system: str, value: str) -> bytes:
    """``keccak256(abi.encode(bytes32 salt, string system, string value))`` of a provider's claim number."""
    return salted_code(salt, system, value)


def new_salt() -> str:
    """A salt for a new plan file: 32 random bytes as 0x-hex."""
    return "0x" + secrets.token_hex(32)


def day_number(text: object, *, source: str, field: str) -> int:
    """Days since 1970-01-01 of a date ``YYYY-MM-DD``.

    Raises:
        BadInput: Another text, or before 1970.
    """
    try:
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        day = (dt.date.fromisoformat(text) - _EPOCH).days
        if day < 0:
            raise ValueError
    except ValueError:
        raise BadInput(source, field, f"is {one_line(repr(text), 40)}; give a date from 1970 on, YYYY-MM-DD") from None
    return day


def day_text(day: int) -> str:
    """The date ``YYYY-MM-DD`` of a day number."""
    return (_EPOCH + dt.timedelta(days=day)).isoformat()


# ------------------------------------------------------------------------------------------------------- the plan file


def load_plan(path: str | Path) -> Plan:
    """Read a plan file.

    Raises:
        BadInput: Not such a file; names the field and the fix.
    """
    source = str(path)
    json_ = parse_json(read_text(path), source)
    if not isinstance(json_, dict):
        raise BadInput(source, "file", "is no JSON object; give a plan, see examples/plan.json")
    _expect_fields(json_, _FIELDS, _FIELDS, source, "")
    valid_from, valid_until = (
        day_number(json_[name], source=source, field=name) for name in ("validFrom", "validUntil")
    )
    if valid_until <= valid_from:
        raise BadInput(source, "validUntil", "is not after validFrom; give the first day that is no longer judged")
    deductible = _amount(json_["deductible"], source, "deductible")
    maximum = _amount(json_["outOfPocketMaximum"], source, "outOfPocketMaximum")
    if maximum < deductible:
        raise BadInput(source, "outOfPocketMaximum", f"is {maximum}, below the deductible; give at least {deductible}")
    filing = json_["filingDays"]
    if isinstance(filing, bool) or not isinstance(filing, int) or not 0 <= filing < 2**16:
        raise BadInput(source, "filingDays", f"is {filing!r}; give whole days, 0 to 65535")
    return Plan(
        source=source,
        insurer=_text(json_["insurer"], source, "insurer", r"[a-z0-9-]{1,31}", "a handle of a-z, 0-9 and -"),
        currency=_text(json_["currency"], source, "currency", r"[A-Z]{3}", "an ISO 4217 code"),
        deductible=deductible,
        coinsurance=_basis_points(json_["coinsurance"], source),
        out_of_pocket_maximum=maximum,
        valid_from=valid_from,
        valid_until=valid_until,
        filing_days=filing,
        salt=_salt(json_["salt"], source),
        prices=_prices(json_["prices"], source),
    )


def _expect_fields(json_: dict[str, Any], known: set[str], required: set[str], source: str, prefix: str) -> None:
    for name in sorted(required - json_.keys()):
        raise BadInput(source, prefix + name, "is missing; see examples/plan.json")
    for name in json_:
        if name not in known:
            raise BadInput(source, prefix + one_line(name, 40), f"is unknown; known are {', '.join(sorted(known))}")


def _text(value: object, source: str, name: str, pattern: str, what: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise BadInput(source, name, f"is {one_line(repr(value), 60)}; give {what}")
    return value


def _amount(value: object, source: str, name: str) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise InvalidOperation
        if isinstance(value, str) and not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", value):
            raise InvalidOperation
        amount = Decimal(value)
    except InvalidOperation:
        raise BadInput(source, name, f'is {one_line(repr(value), 40)}; give an amount, e.g. "500.00"') from None
    if amount < 0:
        raise BadInput(source, name, f"is {amount}; give an amount of 0 or more")
    return amount


def _basis_points(value: object, source: str) -> int:
    fraction = _amount(value, source, "coinsurance")
    points = fraction * 10_000
    if fraction > 1 or points != points.to_integral_value():
        raise BadInput(source, "coinsurance", f"is {fraction}; give a fraction from 0 to 1 with at most four decimals")
    return int(points)


def _salt(value: object, source: str) -> bytes:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise BadInput(source, "salt", "is not 32 bytes in hex; make one with `salus claim plan --new-salt`")
    salt = bytes.fromhex(text[2:])
    if len(set(salt)) < 8:
        # A salt that can be guessed opens every code: the code systems are public and small.
        raise BadInput(source, "salt", "is not random; make one with `salus claim plan --new-salt`")
    return salt


def _prices(value: object, source: str) -> tuple[PlanPrice, ...]:
    if not isinstance(value, list) or not value:
        raise BadInput(source, "prices", "is missing or empty; give a list of at least one price")
    prices, seen = [], set()
    for n, entry in enumerate(value):
        prefix = f"prices[{n}]"
        if not isinstance(entry, dict):
            raise BadInput(source, prefix, "is no object; give system, code and allowed")
        _expect_fields(entry, _PRICE_FIELDS, _PRICE_FIELDS - {"display"}, source, f"{prefix}.")
        system = _text(entry["system"], source, f"{prefix}.system", r"\S{0,1000}", "the code system's URI")
        code = _text(entry["code"], source, f"{prefix}.code", r"\S(.{0,998}\S)?", "a code")
        if (system, code) in seen:
            raise BadInput(source, f"{prefix}.code", f"is {one_line(code, 40)!r} a second time; give each code once")
        seen.add((system, code))
        display = entry.get("display", "")
        if not isinstance(display, str):
            raise BadInput(source, f"{prefix}.display", "is no text; give text or leave it out")
        prices.append(PlanPrice(system, code, _amount(entry["allowed"], source, f"{prefix}.allowed"), display))
    return tuple(prices)
