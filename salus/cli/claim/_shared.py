"""``salus claim``: the group, and the options that its commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.options import argument, group, option
from salus.cli.values import is_identifier

if TYPE_CHECKING:
    from salus.claims.plans.model import Plan
    from salus.claims.treasury.plan_pool import PlanPool
    from salus.cli.context import Context
    from salus.client import Salus

__all__ = ["PLAN", "ServiceDays", "WhichClaim", "noun", "opened", "plan_argument", "pool_of", "span"]

PLAN = "The insurer's plan file, see examples/plan.json."

plan_argument = click.argument("plan_file", metavar="PLAN", type=click.Path())


@group("claim")
def noun() -> None:
    """Submit claims and see how they were judged.

    An insurer installs a plan, enrols members and funds its pool; a provider submits claims (FHIR, X12 837 or CSV),
    each of which is judged and paid in the transaction that submits it.
    """


@dataclass(frozen=True)
class WhichClaim:
    """A claim, by its id or by the provider's own number."""

    claim: str = argument(metavar="CLAIM")
    plan_file: str | None = option("--plan", type=click.Path(), help=PLAN)
    provider: str | None = option("--provider", help="Whose number it is: name or account.")
    number_system: str = option("--number-system", default="", help="System of the claim's number, as in its file.")

    def id(self, salus: Salus) -> bytes:
        """The claim's id.

        Raises:
            BadInput: Neither an id, nor a number with --plan and --provider.
        """
        from salus.claims.plans.file import load_plan
        from salus.errors import BadInput, one_line

        if is_identifier(self.claim):
            return bytes.fromhex(self.claim[2:])
        if self.plan_file and self.provider:
            plan = load_plan(self.plan_file)
            return salus.claims.id_of(plan, self.provider, self.claim, system=self.number_system)
        fix = "give its id, 0x and 64 hex digits, or its number with --plan and --provider"
        raise BadInput("CLAIM", "", f"is {one_line(self.claim, 80)!r}; {fix}")


@dataclass(frozen=True)
class ServiceDays:
    """Service days, by default the plan's."""

    start: str | None = option("--from", help="First service day [default: the plan's].")
    end: str | None = option("--until", help="First service day after it [default: the plan's].")

    @property
    def given(self) -> bool:
        """Whether any was given."""
        return bool(self.start or self.end)

    def of(self, plan: Plan) -> tuple[int, int]:
        """The first service day, and the first after it.

        Raises:
            BadInput: No days, or none between the two.
        """
        from salus.claims.plans.file import day_number
        from salus.errors import BadInput
        from salus.formats.days import day_text

        first = day_number(self.start, source="--from", field="") if self.start else plan.valid_from
        last = day_number(self.end, source="--until", field="") if self.end else plan.valid_until
        if last <= first:
            raise BadInput(
                "--until", "", f"is {day_text(last)}, not after {day_text(first)}; give the first service day after it"
            )
        return first, last


def span(first: int, last: int) -> str:
    """Service days for people."""
    from salus.formats.days import day_text

    return f"{day_text(first)} until {day_text(last)}"


def opened(context: Context, plan_file: str) -> tuple[Plan, Salus]:
    """The plan file, and a client that signs."""
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    return plan, context.connect_signing()


def pool_of(salus: Salus, plan: Plan) -> PlanPool:
    """The pool of a plan on this chain.

    Raises:
        BadInput: The plan is not registered here.
    """
    from salus.claims.treasury.plan_pool import plan_pool

    return plan_pool(salus.plans, salus.treasury, plan)
