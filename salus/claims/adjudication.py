"""How a plan judges one line of a claim: the rule of IAdjudication in plain Python, exact, without a chain.

>>> category = Category(coinsurance=2000)
>>> line, left = judge_line(Asked(units=1, charge=120_00), Price(allowed=95_00), category, Left(100_00, 500_00))
>>> line.deductible, line.written_off, line.paid, left.deductible
(9500, 2500, 0, 500)

All amounts are integers in the token's smallest unit. What a line needs to know of the lines before it, of the member
and of the chain is given: what is left of every bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from salus.claims.model import LineAnswer
from salus.claims.plans.file import AGES, SEXES

__all__ = [
    "Asked",
    "Category",
    "Left",
    "Member",
    "Order",
    "Price",
    "accepted",
    "judge_line",
    "pack_price",
    "unpack_price",
]

_WHOLE = 10_000
_LIFETIME, _MAXIMUM = 35, 119

_LISTED, _NOT_COVERED, _AUTHORIZATION, _REFERRAL = 1, 2, 4, 8


@dataclass(frozen=True)
class Price:
    """A price as it is on chain; see ``IPlans.Price``.

    Args:
        allowed: Most that is allowed for one unit.
        category: Number of its category, 0 for the plan's own terms.
        covered: False where the list names it as not covered.
        preauthorization: It needs one.
        referral: It needs one.
        groups: Bits: of those of a kind the member must have one.
        limit: Most units in a period, 0 for no limit.
        period: Its length in days, 0 for the benefit year.
        listed: False stands for a code that is not in the list.
    """

    allowed: int
    category: int = 0
    covered: bool = True
    preauthorization: bool = False
    referral: bool = False
    groups: int = 0
    limit: int = 0
    period: int = 0
    listed: bool = True


def pack_price(price: Price) -> int:
    """A price in one word, as the contract takes it."""
    flags = (
        _LISTED * price.listed
        | _NOT_COVERED * (not price.covered)
        | _AUTHORIZATION * price.preauthorization
        | _REFERRAL * price.referral
    )
    word = 0
    parts = (
        (price.allowed, 80),
        (price.category, 8),
        (flags, 8),
        (price.groups, 16),
        (price.limit, 16),
        (price.period, 16),
    )
    for value, bits in parts:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{value} does not fit {bits} bits")
        word = word << bits | value
    return word << 112


def unpack_price(word: int) -> Price:
    """The price in a word; 0 is that of a code that is not listed."""
    flags = word >> 160 & 0xFF
    return Price(
        allowed=word >> 176,
        category=word >> 168 & 0xFF,
        covered=not flags & _NOT_COVERED,
        preauthorization=bool(flags & _AUTHORIZATION),
        referral=bool(flags & _REFERRAL),
        groups=word >> 144 & 0xFFFF,
        limit=word >> 128 & 0xFFFF,
        period=word >> 112 & 0xFFFF,
        listed=bool(flags & _LISTED),
    )


@dataclass(frozen=True)
class Category:
    """What holds for the prices of one category; see ``IPlans.Category``.

    Args:
        coinsurance: Basis points.
        coinsurance_out: Basis points, out of network.
        deductible: Whether it bears the deductible.
        copay: Once a line.
        limit: Most that is paid for a member in a benefit year, 0 for no limit.
    """

    coinsurance: int
    coinsurance_out: int = 0
    deductible: bool = True
    copay: int = 0
    limit: int = 0


@dataclass(frozen=True)
class Order:
    """What a plan says of its steps: whether the copay comes first, and whether it counts to the deductible."""

    copay_first: bool = False
    copay_counts: bool = False


@dataclass(frozen=True)
class Asked:
    """A line as it is billed: units, the charge for all of them, what another payer paid."""

    units: int
    charge: int
    prior: int = 0
    sequence: int = 1
    code: str = ""


@dataclass(frozen=True)
class Left:
    """What is left of each bound before a line, the family's taken in; None where there is no bound.

    Args:
        deductible: Still to be borne.
        out_of_pocket: Still to be paid at most.
        annual, lifetime: Still payable for the member.
        category: Still payable in the line's category.
    """

    deductible: int
    out_of_pocket: int
    annual: int | None = None
    lifetime: int | None = None
    category: int | None = None


@dataclass(frozen=True)
class Member:
    """What else decides whether a line may be paid, and how many units of it.

    Args:
        groups: The member's bits.
        referred: By another than the provider.
        authorized: Units left of the pre-authorisation that covers the day, None when there is none.
        period: Units left of the quantity limit; None for all of it.
        repeated: An earlier line of the claim has the same code, units and charge.
        out_of_network: The provider has no contract.
    """

    groups: int = 0
    referred: bool = False
    authorized: int | None = None
    period: int | None = None
    repeated: bool = False
    out_of_network: bool = False


def accepted(price: Price, units: int, member: Member) -> tuple[int, int]:
    """How many units may be paid, and the CARC of why not all of them, 0 when all may."""
    if not price.listed:
        return 0, 204
    if not price.covered:
        return 0, 96
    if member.repeated:
        return 0, 18
    for kind, carc in ((AGES, 6), (SEXES, 7)):
        if price.groups & kind and not price.groups & kind & member.groups:
            return 0, carc
    if price.referral and not member.referred:
        return 0, 288
    carc = 0
    if price.preauthorization:
        if member.authorized is None:
            return 0, 197
        if member.authorized < units:
            units, carc = member.authorized, 198
    if price.limit:
        left = price.limit if member.period is None else member.period
        if left < units:
            units, carc = left, _MAXIMUM
    return units, carc


def judge_line(
    asked: Asked, price: Price, category: Category, left: Left, member: Member = Member(), order: Order = Order()
) -> tuple[LineAnswer, Left]:
    """Judge one line.

    Args:
        asked: What is billed.
        price: Of its code.
        category: Of the price; for category 0 one with the plan's coinsurance, the deductible and nothing else.
        left: What is left before the line.
        member: What else is known.
        order: What the plan says of its steps.

    Returns:
        The line's result, and what is left after it.
    """
    units, carc = accepted(price, asked.units, member)
    rest = asked.charge * units // asked.units
    allowed = min(rest, price.allowed * units)
    steps = _steps(allowed, category, left, member.out_of_network, order)
    _cut(steps, sum(steps.values()) - left.out_of_pocket)
    # What another payer paid relieves the patient first, then this plan.
    prior = min(asked.prior, allowed)
    _cut(steps, prior)
    benefit = allowed - prior - sum(steps.values())
    paid, limit_carc = _limited(benefit, left)
    d, c, k = steps["deductible"], steps["copay"], steps["coinsurance"]
    counted = min(c, left.deductible - d) if order.copay_counts else 0
    line = LineAnswer(
        sequence=asked.sequence,
        code=asked.code,
        units=units,
        charge=asked.charge,
        denied=asked.charge - rest,
        carc=carc,
        allowed=allowed,
        deductible=d,
        copay=c,
        counted=counted,
        coinsurance=k,
        limited=benefit - paid,
        limit_carc=limit_carc,
        prior=prior,
        paid=paid,
        out_of_network=member.out_of_network,
    )
    return line, replace(
        left,
        deductible=left.deductible - d - counted,
        out_of_pocket=left.out_of_pocket - d - c - k,
        **{name: most - paid for name in _LIMITS if (most := getattr(left, name)) is not None},
    )


_LIMITS = ("category", "annual", "lifetime")


def _steps(allowed: int, category: Category, left: Left, outside: bool, order: Order) -> dict[str, int]:
    """What the patient bears by each step, in the plan's order."""
    most = {"deductible": left.deductible if category.deductible else 0, "copay": category.copay}
    steps: dict[str, int] = {}
    for name in reversed(most) if order.copay_first else most:
        steps[name] = min(allowed - sum(steps.values()), most[name])
    rate = category.coinsurance_out if outside else category.coinsurance
    # Rounded up: the fraction of a unit is the patient's.
    steps["coinsurance"] = -(-(allowed - sum(steps.values())) * rate // _WHOLE)
    return steps


def _cut(steps: dict[str, int], excess: int) -> None:
    """Take so much off the steps, the last first, as far as there is something."""
    for name in reversed(steps):
        part = max(0, min(steps[name], excess))
        steps[name] -= part
        excess -= part


def _limited(benefit: int, left: Left) -> tuple[int, int]:
    """What of a benefit the limits let through, and the CARC of the rest, 0 when there is none."""
    limits = {name: most for name in _LIMITS if (most := getattr(left, name)) is not None}
    paid = min([benefit, *limits.values()])
    if paid == benefit:
        return paid, 0
    alone = [name for name, most in limits.items() if most == paid] == ["lifetime"]
    return paid, _LIFETIME if alone else _MAXIMUM
