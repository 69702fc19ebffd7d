"""An insurer's plans: the plan file, and the noun ``plans``.

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

The file stays with the plan's parties. On the chain are the terms, amounts, and hashes salted by ``salt``: of each code, of the
claims' numbers, and of the file itself. The amounts' decimals come from the token, so that the same file serves any chain.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import BadInput, one_line
from .jsonfile import parse_json, read_text, smallest_units
from .signing import address as checked_address

if TYPE_CHECKING:
    from .client import Receipt, Salus

__all__ = [
    "Membership",
    "Plan",
    "PlanPrice",
    "Plans",
    "Terms",
    "day_number",
    "day_text",
    "load_plan",
    "new_salt",
    "number_commitment",
    "salted_code",
]

_EPOCH = dt.date(1970, 1, 1)
_PRICES_A_TRANSACTION = 200
_MEMBERS_A_TRANSACTION = 200
_FIELDS = {
    "insurer", "currency", "deductible", "coinsurance", "outOfPocketMaximum", "validFrom", "validUntil", "filingDays", "salt", "prices",
}
_PRICE_FIELDS = {"system", "code", "allowed", "display"}

#: Told of progress: done so far, of how many.
Progress = Callable[[int, int], None]


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
    valid_from, valid_until = (day_number(json_[name], source=source, field=name) for name in ("validFrom", "validUntil"))
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
        raise BadInput(source, name, f"is {one_line(repr(value), 40)}; give an amount, e.g. \"500.00\"") from None
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


# ------------------------------------------------------------------------------------------------------------ the noun


@dataclass(frozen=True)
class Terms:
    """A plan's terms on chain.

    Args:
        id: The plan's id, 0x-hex.
        insurer: The insurer's account.
        token: The ERC-20 in which everything is counted.
        valid_from: First service day.
        valid_until: First service day no longer judged.
        coinsurance: Basis points.
        deductible: In the token's smallest units.
        out_of_pocket_maximum: In the token's smallest units.
        filing_days: 0 for no limit.
        published_at: Unix seconds, 0 while not published.
    """

    id: str
    insurer: str
    token: str
    valid_from: int
    valid_until: int
    coinsurance: int
    deductible: int
    out_of_pocket_maximum: int
    filing_days: int
    published_at: int


@dataclass(frozen=True)
class Membership:
    """When a member is covered: from the first day on, until the first day no longer; both 0 when never enrolled."""

    from_day: int
    until_day: int


class Plans:
    """The noun ``plans``: register, price, publish, enrol, look."""

    def __init__(self, salus: Salus) -> None:
        self._salus = salus

    def id_of(self, plan: Plan) -> bytes:
        """The id of a plan file on this chain.

        Raises:
            BadInput: The insurer's handle is unknown here.
        """
        return plan.id(self._salus.institutions.resolve(plan.insurer))

    def install(self, plan: Plan, *, token: str, progress: Progress | None = None) -> bytes:
        """Register a plan, add its prices and publish it; takes up where an earlier attempt broke off.

        Args:
            plan: From :func:`load_plan`.
            token: The ERC-20 in which the plan is counted.
            progress: Told how many prices are in.

        Returns:
            The plan's id.

        Raises:
            BadInput: An amount that the token cannot hold.
            Refused: E.g. the signer does not act for the insurer.
        """
        decimals = self._salus.treasury.decimals(token)
        # Before the first transaction: nothing is installed by halves for want of a decimal.
        self._amounts(plan, decimals)
        plan_id = self.id_of(plan)
        terms = self.terms(plan_id)
        if int(terms.insurer, 16) == 0:
            self.register(plan, token=token)
        elif terms.token != checked_address(token):
            raise BadInput(plan.source, "token", f"is {token}, but the plan is registered with {terms.token}; use that one")
        if not terms.published_at:
            self.add_prices(plan, decimals=decimals, progress=progress)
            self.publish(plan_id)
        return plan_id

    def register(self, plan: Plan, *, token: str) -> bytes:
        """Register a plan's terms; gives its id."""
        insurer = self._salus.institutions.resolve(plan.insurer)
        deductible, maximum, _ = self._amounts(plan, self._salus.treasury.decimals(token))
        contract = self._salus.contract("Plans")
        self._salus.send(
            contract.functions.register(
                (
                    insurer,
                    plan.valid_from,
                    plan.valid_until,
                    plan.coinsurance,
                    checked_address(token),
                    deductible,
                    maximum,
                    plan.filing_days,
                    plan.document,
                )
            )
        )
        return plan.id(insurer)

    def add_prices(self, plan: Plan, *, decimals: int, progress: Progress | None = None) -> tuple[Receipt, ...]:
        """Add those prices of a plan that are not in yet, 200 a transaction."""
        contract = self._salus.contract("Plans")
        plan_id = self.id_of(plan)
        known = {
            code for event in self._salus.logs("Plans", "PricesAdded", {"plan": plan_id}) for code in event.args["codes"]
        }
        codes = [plan.code(price.system, price.code) for price in plan.prices]
        amounts = self._amounts(plan, decimals)[2]
        rest = [(code, amount) for code, amount in zip(codes, amounts, strict=True) if code not in known]
        receipts = []
        for first in range(0, len(rest), _PRICES_A_TRANSACTION):
            part = rest[first : first + _PRICES_A_TRANSACTION]
            receipts.append(
                self._salus.send(
                    contract.functions.addPrices(plan_id, [code for code, _ in part], [amount for _, amount in part])
                )
            )
            if progress:
                progress(len(codes) - len(rest) + first + len(part), len(codes))
        return tuple(receipts)

    def publish(self, plan_id: bytes) -> Receipt:
        """Seal a plan: terms and prices never change again."""
        return self._salus.send(self._salus.contract("Plans").functions.publish(plan_id))

    def enroll(
        self, plan_id: bytes, members: Sequence[str], *, from_day: int, until_day: int, progress: Progress | None = None
    ) -> tuple[Receipt, ...]:
        """Enrol members, or change until when they are covered.

        Args:
            plan_id: The plan.
            members: The accounts that the patients use for this insurer.
            from_day: First service day covered, days since 1970-01-01.
            until_day: First service day no longer covered.
            progress: Told how many are in.
        """
        accounts = [checked_address(member, "member") for member in members]
        enroll = self._salus.contract("Plans").functions.enroll
        receipts = []
        for first in range(0, len(accounts), _MEMBERS_A_TRANSACTION):
            part = accounts[first : first + _MEMBERS_A_TRANSACTION]
            receipts.append(self._salus.send(enroll(plan_id, part, from_day, until_day)))
            if progress:
                progress(first + len(part), len(accounts))
        return tuple(receipts)

    def terms(self, plan_id: bytes) -> Terms:
        """A plan's terms; the insurer is account 0 when the plan is unknown."""
        functions = self._salus.contract("Plans").functions
        terms = self._salus.call(functions.terms(plan_id))
        return Terms(
            id="0x" + plan_id.hex(),
            insurer=terms.insurer,
            token=terms.token,
            valid_from=terms.validFrom,
            valid_until=terms.validUntil,
            coinsurance=terms.coinsurance,
            deductible=terms.deductible,
            out_of_pocket_maximum=terms.outOfPocketMaximum,
            filing_days=terms.filingDays,
            published_at=self._salus.call(functions.publishedAt(plan_id)),
        )

    def membership(self, plan_id: bytes, member: str) -> Membership:
        """When a member is covered."""
        found = self._salus.call(self._salus.contract("Plans").functions.membership(plan_id, checked_address(member)))
        return Membership(found[0], found[1])

    def _amounts(self, plan: Plan, decimals: int) -> tuple[int, int, list[int]]:
        def units(values: Iterable[tuple[str, Decimal]]) -> list[int]:
            return [smallest_units(value, decimals, source=plan.source, field=name) for name, value in values]

        deductible, maximum = units(
            (("deductible", plan.deductible), ("outOfPocketMaximum", plan.out_of_pocket_maximum))
        )
        return deductible, maximum, units(
            (f"prices[{n}].allowed", price.allowed) for n, price in enumerate(plan.prices)
        )
