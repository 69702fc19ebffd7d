"""What a plan file says, and the hashes that go on chain for it; :mod:`salus.claims.plans.file` reads the file."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from salus.abi.hashing import keccak

__all__ = [
    "AGES",
    "NOTHING",
    "SEXES",
    "Plan",
    "PlanCategory",
    "PlanPrice",
    "Quantity",
    "Schedule",
    "new_salt",
    "number_commitment",
    "salted_code",
]

NOTHING = Decimal(0)
_VERSION_BYTES = 4  # the lowest of a plan's id

#: Bits of groups: ages have the lower ones, sexes the upper.
AGES, SEXES = 0x0FFF, 0xF000


@dataclass(frozen=True)
class Quantity:
    """The most units of a code in a period.

    Args:
        units: At least 1.
        days: The period's length, counted from 1970-01-01; 0 for the benefit year.
    """

    units: int
    days: int


@dataclass(frozen=True)
class PlanPrice:
    """One entry of a price list.

    Args:
        system: The code system's URI, perhaps empty.
        code: The code of the product or service.
        allowed: Most that is allowed for one unit.
        display: What people call it, perhaps empty.
        category: Name of its category, empty for the plan's own terms.
        covered: False where the list names it as not covered.
        preauthorization: It needs one.
        referral: It needs one.
        groups: Names of groups, of which the member must have one of each kind.
        limit: Most units in a period, None for no limit.
    """

    system: str
    code: str
    allowed: Decimal
    display: str = ""
    category: str = ""
    covered: bool = True
    preauthorization: bool = False
    referral: bool = False
    groups: tuple[str, ...] = ()
    limit: Quantity | None = None

    @property
    def text(self) -> str:
        """What people call it, or the code."""
        return self.display or self.code


@dataclass(frozen=True)
class PlanCategory:
    """What holds for the prices of one category instead of the plan's coinsurance.

    Args:
        name: As prices name it.
        coinsurance: Basis points, in network.
        coinsurance_out: Basis points, out of network.
        deductible: Whether it bears the deductible.
        copay: Once a line.
        annual_limit: Most that is paid for a member in a benefit year, 0 for no limit.
    """

    name: str
    coinsurance: int
    coinsurance_out: int
    deductible: bool = True
    copay: Decimal = NOTHING
    annual_limit: Decimal = NOTHING


@dataclass(frozen=True)
class Schedule:
    """A provider's contract with a price list of its own.

    Args:
        number: Of the list, from 1.
        provider: Its handle or account.
        valid_from: First service day of the contract.
        valid_until: First service day after it.
        prices: Of these only ``system``, ``code`` and ``allowed`` count.
    """

    number: int
    provider: str
    valid_from: int
    valid_until: int
    prices: tuple[PlanPrice, ...]


@dataclass(frozen=True)
class Plan:
    """A plan file: one version of a plan.

    Args:
        source: The file.
        name: For people.
        version: Its number, from 1.
        series: The id that an earlier version has on chain, empty for version 1.
        insurer: Handle of the insurer.
        currency: ISO 4217.
        valid_from: First service day, days since 1970-01-01.
        valid_until: First service day no longer judged.
        deductible: What the member pays first in a benefit year.
        out_of_pocket_maximum: Most that a member pays in a benefit year.
        family_deductible: The same of a family, 0 for none.
        family_out_of_pocket_maximum: The same of a family, 0 for none.
        coinsurance: Basis points of what deductible and copay leave, 0 to 10,000.
        coinsurance_out: The same out of network.
        annual_limit: Most that is paid for a member in a benefit year, 0 for no limit.
        lifetime_limit: Most that is ever paid for a member, 0 for no limit.
        waiting_days: From the member's first covered day.
        filing_days: Days from service to submission, 0 for no limit.
        review_threshold: What would be paid beyond waits for review, 0 for never.
        review_days: After them the rules decide.
        appeal_days: After a decision.
        copay_first: Whether the copay comes before the deductible.
        copay_counts: Whether the copay counts to the deductible.
        network: Whether providers' contracts count.
        covers_outside: Whether a provider without one is covered.
        capped: Whether caps on what providers are paid count (see `IPlans.Cap`).
        categories: In the order of their numbers, from 1.
        groups: Bits by name.
        salt: 32 bytes; never shown.
        prices: The price list.
        schedules: Providers' own lists; not part of what is sealed.
    """

    source: str
    name: str
    version: int
    series: bytes
    insurer: str
    currency: str
    valid_from: int
    valid_until: int
    deductible: Decimal
    out_of_pocket_maximum: Decimal
    family_deductible: Decimal
    family_out_of_pocket_maximum: Decimal
    coinsurance: int
    coinsurance_out: int
    annual_limit: Decimal
    lifetime_limit: Decimal
    waiting_days: int
    filing_days: int
    review_threshold: Decimal
    review_days: int
    appeal_days: int
    copay_first: bool
    copay_counts: bool
    network: bool
    covers_outside: bool
    categories: tuple[PlanCategory, ...]
    groups: Mapping[str, int]
    salt: bytes = field(repr=False)
    prices: tuple[PlanPrice, ...] = field(repr=False)
    schedules: tuple[Schedule, ...] = field(repr=False)
    capped: bool = False

    @cached_property
    def document(self) -> bytes:
        """Commitment to what is sealed: hash of the salt and the canonical content, whatever the file's layout."""
        content = {name: _plain(getattr(self, name)) for name in _SEALED}
        content["prices"] = sorted([_plain(getattr(price, name)) for name in _SEALED_PRICE] for price in self.prices)
        if self.capped:
            # Only where it is: what was committed to before there were caps stays what it was.
            content["capped"] = True
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return keccak(self.salt + text.encode())

    def id(self, insurer: str) -> bytes:
        """This version's id on chain: the series, and in its lowest 32 bits the version's number."""
        return self.series_id(insurer)[:-_VERSION_BYTES] + self.version.to_bytes(_VERSION_BYTES)

    def series_id(self, insurer: str) -> bytes:
        """The series' id on chain: a hash of the insurer's account and the first version's document."""
        from eth_abi.abi import encode

        first = self.series or keccak(
            encode(["bytes32", "address", "bytes32"], [keccak(text="salus.plan"), insurer, self.document])
        )
        return first[:-_VERSION_BYTES] + bytes(_VERSION_BYTES)

    def code(self, system: str, code: str) -> bytes:
        """The salted hash of a procedure code."""
        return salted_code(self.salt, system, code)

    def number(self, system: str, value: str) -> bytes:
        """The commitment to a provider's claim number."""
        return number_commitment(self.salt, system, value)

    def bits(self, groups: Iterable[str]) -> int:
        """The bits of groups by their names.

        Raises:
            KeyError: The plan has no such group.
        """
        return sum(1 << self.groups[name] for name in set(groups))

    def category_number(self, name: str) -> int:
        """The number of a category, 0 for the plan's own terms."""
        return self._numbers[name]

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {"": 0} | {category.name: n for n, category in enumerate(self.categories, 1)}


# What the commitment is of; the series is in the plan's id, and schedules may change.
_SEALED = (
    *("name", "version", "insurer", "currency", "valid_from", "valid_until", "deductible", "out_of_pocket_maximum"),
    *("family_deductible", "family_out_of_pocket_maximum", "coinsurance", "coinsurance_out", "annual_limit"),
    *("lifetime_limit", "waiting_days", "filing_days", "review_threshold", "review_days", "appeal_days"),
    *("copay_first", "copay_counts", "network", "covers_outside", "categories", "groups"),
)
_SEALED_PRICE = ("system", "code", "allowed", "category", "covered", "preauthorization", "referral", "groups", "limit")


def _plain(value: Any) -> Any:
    """One way of writing for equal things: 500, 500.0 and "500.00" are the same plan."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, PlanCategory):
        return [_plain(part) for part in vars(value).values()]
    if isinstance(value, Quantity):
        return [value.units, value.days]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        parts = [_plain(part) for part in value]
        return sorted(parts) if all(isinstance(part, str) for part in parts) else parts
    return [] if value is None else value


def salted_code(salt: bytes, system: str, code: str) -> bytes:
    """``keccak256(abi.encode(bytes32 salt, string system, string code))``: what stands for a code on chain."""
    from eth_abi.abi import encode

    return keccak(encode(["bytes32", "string", "string"], [salt, system, code]))


def number_commitment(salt: bytes, system: str, value: str) -> bytes:
    """``keccak256(abi.encode(bytes32 salt, string system, string value))`` of a provider's claim number."""
    return salted_code(salt, system, value)


def new_salt() -> str:
    """A salt for a new plan file: 32 random bytes as 0x-hex."""
    return "0x" + secrets.token_hex(32)
