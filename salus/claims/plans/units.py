"""A plan file in the terms of the contract: amounts in the token's smallest units, rules as bits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from salus.claims.adjudication import Category, Price
from salus.claims.plans.model import Plan, PlanPrice
from salus.errors import BadInput
from salus.formats.json_file import smallest_units

__all__ = ["category_units", "listed", "lists_of", "price_units", "rules", "term_units"]

_COPAY_FIRST, _COPAY_COUNTS, _NETWORK, _OUTSIDE, _CAPS = 1, 2, 4, 8, 16

# Widths of amounts in the contract, by the field of the plan.
_WIDE = {"annual_limit": 96, "lifetime_limit": 96}
_AMOUNTS = {
    "deductible": "deductible",
    "out_of_pocket_maximum": "outOfPocketMaximum",
    "family_deductible": "familyDeductible",
    "family_out_of_pocket_maximum": "familyOutOfPocketMaximum",
    "annual_limit": "annualLimit",
    "lifetime_limit": "lifetimeLimit",
    "review_threshold": "reviewThreshold",
}


def term_units(plan: Plan, decimals: int) -> dict[str, int]:
    """The amounts of a plan's terms by their names in :class:`Plan`, in the token's smallest units.

    Raises:
        BadInput: One that the token or the contract cannot hold.
    """
    return {
        name: _units(plan, getattr(plan, name), decimals, field, _WIDE.get(name, 80))
        for name, field in _AMOUNTS.items()
    }


def category_units(plan: Plan, decimals: int) -> list[Category]:
    """A plan's categories as they are on chain; raises as :func:`term_units` does."""
    return [
        Category(
            category.coinsurance,
            category.coinsurance_out,
            category.deductible,
            _units(plan, category.copay, decimals, f"categories[{n}].copay"),
            _units(plan, category.annual_limit, decimals, f"categories[{n}].annualLimit", 96),
        )
        for n, category in enumerate(plan.categories)
    ]


def price_units(plan: Plan, decimals: int, schedule: int = 0) -> list[Price]:
    """The prices of a plan's list, or of a schedule by its number, as they are on chain; raises as :func:`term_units`
    does.
    """
    where = dict(lists_of(plan))[schedule]
    return [
        Price(
            allowed=_units(plan, price.allowed, decimals, f"{where}[{n}].allowed"),
            category=plan.category_number(price.category),
            covered=price.covered,
            preauthorization=price.preauthorization,
            referral=price.referral,
            groups=plan.bits(price.groups),
            limit=price.limit.units if price.limit else 0,
            period=price.limit.days if price.limit else 0,
        )
        for n, price in enumerate(listed(plan, schedule))
    ]


def _units(plan: Plan, value: Decimal, decimals: int, field: str, bits: int = 80) -> int:
    units = smallest_units(value, decimals, source=plan.source, field=field)
    if units >= 1 << bits:
        raise BadInput(
            plan.source, field, f"is {value:f}; the contract holds less than 2^{bits} units, give a smaller one"
        )
    return units


def lists_of(plan: Plan) -> Iterator[tuple[int, str]]:
    """The numbers of a plan's price lists and where they stand in the file."""
    yield 0, "prices"
    for n, schedule in enumerate(plan.schedules):
        yield schedule.number, f"schedules[{n}].prices"


def listed(plan: Plan, number: int) -> tuple[PlanPrice, ...]:
    return plan.prices if number == 0 else next(s.prices for s in plan.schedules if s.number == number)


def rules(plan: Plan) -> int:
    return (
        _COPAY_FIRST * plan.copay_first
        | _COPAY_COUNTS * plan.copay_counts
        | _NETWORK * plan.network
        | _OUTSIDE * plan.covers_outside
        | _CAPS * plan.capped
    )
