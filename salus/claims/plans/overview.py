"""What the chain has of a plan file and of one of its members, gathered for a look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from salus.claims.model import money
from salus.claims.plans.records import Membership
from salus.errors import BadInput, one_line

if TYPE_CHECKING:
    from salus.claims.desk import Accumulators, Claims
    from salus.claims.plans.model import Plan, PlanPrice
    from salus.claims.plans.plans import Plans
    from salus.claims.plans.records import Terms

__all__ = ["MemberOverview", "PlanOverview", "members_of", "one_price", "overview_of_member", "overview_of_plan"]


@dataclass(frozen=True)
class PlanOverview:
    """What the chain has of a plan file.

    Attributes:
        plan: The file.
        id: Its version's id.
        terms: The version's terms on chain.
        registered: Whether the chain knows this version; else what follows is empty.
        missing: How many of the file's categories and prices are not on chain.
        versions: How many versions the series has.
    """

    plan: Plan
    id: bytes
    terms: Terms
    registered: bool
    missing: tuple[int, int] = (0, 0)
    versions: int = 0


@dataclass(frozen=True)
class MemberOverview:
    """A member's cover and what it used.

    Attributes:
        cover: The membership; ``until_day`` 0 where the account was never enrolled, and then nothing else is known.
        groups: Names of the groups.
        next_groups: Names of the groups from ``cover.next_from`` on.
        year: The benefit year of what was used.
        used: Amounts by name: deductible, out_of_pocket, paid.
    """

    cover: Membership
    groups: tuple[str, ...] = ()
    next_groups: tuple[str, ...] = ()
    year: int = 0
    used: tuple[tuple[str, Decimal], ...] = ()


def overview_of_plan(plans: Plans, plan: Plan) -> PlanOverview:
    """What the chain has of a plan file."""
    plan_id = plans.id_of(plan)
    terms = plans.terms(plan_id)
    if not int(terms.insurer, 16):
        return PlanOverview(plan, plan_id, terms, registered=False)
    return PlanOverview(plan, plan_id, terms, True, plans.missing(plan), plans.versions(plan_id))


def overview_of_member(
    claims: Claims, plans: Plans, plan: Plan, member: str, *, decimals: int, year: int
) -> MemberOverview:
    """A member's cover, and what it used in a benefit year.

    Args:
        claims: Says what was used.
        plans: Says what is covered.
        plan: The file.
        member: The account that the patient uses for this insurer.
        decimals: The plan's token's.
        year: The benefit year.
    """
    plan_id = plans.id_of(plan)
    cover = plans.membership(plan_id, member)
    if not cover.until_day:
        return MemberOverview(cover)
    used: Accumulators = claims.accumulators(plan_id, member, year)
    amounts = tuple((name, money(getattr(used, name), decimals)) for name in ("deductible", "out_of_pocket", "paid"))
    return MemberOverview(cover, _named(plan, cover.groups), _named(plan, cover.next_groups), year, amounts)


def _named(plan: Plan, bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in plan.groups.items() if bits >> bit & 1)


def members_of(
    plan: Plan,
    accounts: Iterable[str],
    days: tuple[int, int],
    *,
    family: int = 0,
    groups: Iterable[str] = (),
    secondary: bool = False,
) -> list[Membership]:
    """The same cover for several accounts, each once.

    Args:
        plan: The file.
        accounts: Whom it covers.
        days: The first service day that is covered, and the first that is not.
        family: The family's number, 0 for none.
        groups: Names of the plan's groups.
        secondary: Another payer goes first.

    Raises:
        BadInput: The plan has no such group.
    """
    wanted = list(groups)
    for name in wanted:
        if name not in plan.groups:
            raise BadInput("--group", "", f"is {name!r}; the plan has {', '.join(plan.groups) or 'no groups'}")
    bits = plan.bits(wanted)
    return [Membership(account, *days, family, bits, secondary=secondary) for account in dict.fromkeys(accounts)]


def one_price(plan: Plan, code: str, system: str | None = None) -> PlanPrice:
    """The plan's price of a code.

    Args:
        plan: The file.
        code: The code.
        system: Its code system; None for the one in which the plan has the code.

    Raises:
        BadInput: No price has it, or prices of several systems.
    """
    matching = [price for price in plan.prices if price.code == code and system in (None, price.system)]
    if len(matching) == 1:
        return matching[0]
    fix = (
        "stands in several systems of the plan; name one with --system"
        if matching
        else "is not in the plan's price list"
    )
    raise BadInput("CODE", one_line(code, 40), fix)
