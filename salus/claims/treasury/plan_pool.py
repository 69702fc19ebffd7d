"""The pool from which a plan's claims are paid: its insurer's, in the plan's token."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from salus.claims.model import money
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.claims.plans.model import Plan
    from salus.claims.plans.plans import Plans
    from salus.claims.treasury.treasury import Treasury

__all__ = ["PlanPool", "plan_pool"]


@dataclass(frozen=True)
class PlanPool:
    """Where a plan's claims are paid from.

    Attributes:
        insurer: The insurer's account.
        token: The ERC-20.
        decimals: The token's.
    """

    insurer: str
    token: str
    decimals: int

    def money(self, units: int) -> Decimal:
        """An amount of the token's smallest units, as people write it."""
        return money(units, self.decimals)


def plan_pool(plans: Plans, treasury: Treasury, plan: Plan) -> PlanPool:
    """The pool of a plan on this chain.

    Raises:
        BadInput: The plan is not registered here.
    """
    terms = plans.terms(plans.id_of(plan))
    if int(terms.insurer, 16) == 0:
        raise BadInput(plan.source, "", "is not registered on this chain; register it with `salus claim plan register`")
    return PlanPool(terms.insurer, terms.token, treasury.decimals(terms.token))
