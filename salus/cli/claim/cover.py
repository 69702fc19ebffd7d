"""``salus claim plan``: enrol members; contract, pre-authorise, refer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import ServiceDays, opened, plan_argument, pool_of, span
from salus.cli.claim.plan import plan
from salus.cli.context import Context
from salus.cli.options import command, option, takes

if TYPE_CHECKING:
    from salus.claims.plans.model import Plan
    from salus.claims.plans.records import Membership
    from salus.client import Salus
    from salus.errors import BadInput

__all__ = ["authorize", "cap", "contract", "enroll", "refer"]


# ------------------------------------------------------------------------------------------------------------- members


@dataclass(frozen=True)
class NamedMembers:
    """Members that are given on the command line."""

    members: tuple[str, ...] = option(
        "--member", multiple=True, help="Account that a patient uses for this insurer; may be repeated."
    )
    family: int | None = option(
        "--family", type=click.IntRange(1, 2**64 - 1), help="Number of the family of these members."
    )
    groups: tuple[str, ...] = option(
        "--group", multiple=True, help="Name of an age or sex group of these members; may be repeated."
    )
    secondary: bool = option("--secondary", is_flag=True, help="Another payer goes first for these members.")


@command(plan, "enroll")
@plan_argument
@click.argument("members_file", metavar="[CSV]", required=False, type=click.Path())
@takes(named=NamedMembers, days=ServiceDays)
def enroll(context: Context, plan_file: str, members_file: str | None, named: NamedMembers, days: ServiceDays) -> None:
    """Enrol members, or replace what was said of them. The signer acts for the insurer.

    The members stand in a CSV file with the columns member, from, until and perhaps family, groups (separated by ;),
    nextGroups, nextFrom, secondary; or they are given by --member. What is on chain already is not sent again. Rows
    that are not right are listed and left out; the exit code is then 1.

    \b
    Example:
      salus claim plan enroll plan.json members.csv --keystore insurer.json
      salus claim plan enroll plan.json --member 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --keystore insurer.json
    """
    from salus.errors import BadInput

    if bool(members_file) == bool(named.members):
        raise BadInput("", "CSV", "give a file of members, or --member, and not both")
    found, salus = opened(context, plan_file)
    problems: list[BadInput] = []
    wanted = _wanted(found, members_file, named, days, problems)
    context.problems(problems, "left out")
    sent = _enroll(context, salus, found, wanted) if wanted else 0
    data = {"plan": salus.plans.id_of(found), "members": len(wanted), "added": sent, "leftOut": len(problems)}
    left = f"; {len(problems)} rows left out, see above: correct them and run it again" if problems else ""
    context.answer(data, f"{len(wanted)} members are enrolled as said, {sent} of them now{left}")
    if problems:
        sys.exit(1)


def _wanted(
    found: Plan, members_file: str | None, named: NamedMembers, days: ServiceDays, problems: list[BadInput]
) -> list[Membership]:
    from salus.claims.plans.members import read_members
    from salus.claims.plans.overview import members_of
    from salus.errors import BadInput

    if members_file is None:
        return members_of(
            found,
            named.members,
            days.of(found),
            family=named.family or 0,
            groups=named.groups,
            secondary=named.secondary,
        )
    if days.given or named.family or named.groups or named.secondary:
        raise BadInput("", "CSV", "holds what the other options say; give them with --member only")
    return read_members(members_file, found, problems=problems)


def _enroll(context: Context, salus: Salus, found: Plan, wanted: Sequence[Membership]) -> int:
    """Enrol who is not yet; how many they are."""
    from salus.claims.plans.members import ungrouped

    plan_id = salus.plans.id_of(found)
    rest = salus.plans.not_enrolled(plan_id, wanted)
    for kind, lacking in ungrouped(found, wanted).items():
        some = f"{len(lacking)} members ({lacking[0].member} …) have no {kind} group"
        context.note(f"warning: {some}: what is for some groups only is denied")
    if not rest:
        return 0
    facts = [("plan", found.name), ("members", f"{len(rest)} of {len(wanted)} to enrol or to change")]
    context.confirm([*facts, *context.where(salus)], "Enrol them?")
    with context.outbox(salus) as outbox, context.progress("members", len(rest)) as bar:
        salus.plans.enroll(plan_id, rest, progress=lambda done, _: bar.update(done - bar.pos), outbox=outbox)
    return len(rest)


# ----------------------------------------------------------------------------------------------------------- providers


@command(plan, "contract")
@plan_argument
@click.argument("provider", required=False)
@takes(days=ServiceDays)
@click.option(
    "--schedule", type=click.IntRange(0, 2**32 - 1), default=0, help="Number of its own price list [default: none]."
)
@click.option("--end", "ended", is_flag=True, help="End its contract instead.")
def contract(
    context: Context, plan_file: str, provider: str | None, days: ServiceDays, schedule: int, ended: bool
) -> None:
    """Contract a provider, or all providers of the file's schedules. The signer acts for the insurer.

    \b
    Example:
      salus claim plan contract plan.json city-hospital --keystore insurer.json
      salus claim plan contract plan.json --keystore insurer.json
    """
    from salus.claims.plans.records import Contract
    from salus.errors import BadInput

    found, salus = opened(context, plan_file)
    if provider is None:
        if not found.schedules or days.given or schedule or ended:
            raise BadInput(
                "", "PROVIDER", "is missing; without it the schedules of the file say all, and nothing else is given"
            )
        _contract_all(context, salus, found)
        return
    first, last = (0, 0) if ended else days.of(found)
    what = "none" if ended else span(first, last)
    facts = [("provider", provider), ("contract", what), ("price list", schedule or "the plan's")]
    context.confirm([*facts, *context.where(salus)], "End it?" if ended else "Contract it?")
    receipt = salus.plans.contract(salus.plans.id_of(found), provider, Contract(first, last, schedule))
    text = f"{provider} has no contract any more" if ended else f"{provider} is contracted for {what}"
    context.sent(receipt, text, provider=provider, **{"from": first, "until": last}, schedule=schedule)


def _contract_all(context: Context, salus: Salus, found: Plan) -> None:
    """Contract each provider that a schedule of the file is for."""
    names = [schedule.provider for schedule in found.schedules]
    facts = [("plan", found.name), ("providers", ", ".join(names))]
    context.confirm([*facts, *context.where(salus)], "Contract them?")
    receipts = salus.plans.contract_all(found)
    data = {"contracted": {name: receipt.hash for name, receipt in receipts.items()}}
    context.answer(data, f"{len(receipts)} of {len(names)} providers contracted; the others were so already")


@command(plan, "cap")
@plan_argument
@click.argument("amount")
@click.option("--provider", help="Name or account [default: all that have no cap of their own].")
@click.option("--days", type=click.IntRange(1, 65535), default=1, show_default=True, help="Length of the period.")
def cap(context: Context, plan_file: str, amount: str, provider: str | None, days: int) -> None:
    """Cap what a provider is paid in a period; a claim beyond it waits for review. 0 takes it back. The signer acts for
    the insurer.

    \b
    Example:
      salus claim plan cap plan.json 50000.00 --days 1 --keystore insurer.json
    """
    from salus.claims.plans.records import Cap
    from salus.cli.values import amount_of

    found, salus = opened(context, plan_file)
    if not found.capped:
        context.note("warning: the plan does not say providerCaps, so caps do not count in this version")
    units, whose = amount_of(amount, pool_of(salus, found).decimals, "AMOUNT"), provider or "all without their own"
    facts = [("providers", whose), ("cap", f"{amount} {found.currency} in {days} days" if units else "none")]
    context.confirm([*facts, *context.where(salus)], "Set it?")
    receipt = salus.plans.cap(salus.plans.id_of(found), Cap(units, days if units else 0), provider=provider)
    text = f"{whose}: at most {amount} {found.currency} in {days} days, then review" if units else f"{whose}: no cap"
    context.sent(receipt, text, provider=provider, most=units, period=days if units else 0)


@command(plan, "authorize")
@plan_argument
@click.argument("member")
@click.argument("code")
@click.option("--system", help="Its code system [default: the one in which the plan has the code].")
@click.option("--units", type=click.IntRange(1, 65535), default=1, show_default=True, help="How many.")
@takes(days=ServiceDays)
def authorize(
    context: Context, plan_file: str, member: str, code: str, system: str | None, units: int, days: ServiceDays
) -> None:
    """Pre-authorise units of a code for a member; replaces what is left of an earlier one. The signer acts for the
    insurer.

    \b
    Example:
      salus claim plan authorize plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 73761001 --units 1 \\
          --from 2026-03-01 --until 2026-06-01 --keystore insurer.json
    """
    from salus.claims.plans.overview import one_price

    found, salus = opened(context, plan_file)
    price = one_price(found, code, system)
    if not price.preauthorization:
        context.note(
            f"warning: {price.text} needs no pre-authorisation by the plan; units beyond it are paid all the same"
        )
    first, last = days.of(found)
    facts = [("member", member), ("service", price.text), ("units", units), ("service days", span(first, last))]
    context.confirm([*facts, *context.where(salus)], "Pre-authorise it?")
    plan_id, salted = salus.plans.id_of(found), found.code(price.system, code)
    receipt = salus.plans.authorize(plan_id, member, salted, units, from_day=first, until_day=last)
    serial = salus.plans.authorization(plan_id, member, salted).serial
    context.sent(receipt, f"pre-authorisation {serial}: {units} of {price.text}, {span(first, last)}", serial=serial)


@command(plan, "refer")
@plan_argument
@click.argument("member")
@click.option("--to", help="Name or account of the provider [default: whomever the member chooses].")
@takes(days=ServiceDays)
def refer(context: Context, plan_file: str, member: str, to: str | None, days: ServiceDays) -> None:
    """Refer a member to another provider. The signer acts for a provider.

    \b
    Example:
      salus claim plan refer plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --to city-hospital \\
          --from 2026-03-01 --until 2026-06-01 --keystore practice.json
    """
    found, salus = opened(context, plan_file)
    first, last = days.of(found)
    whom = to or "whomever the member chooses"
    facts = [("member", member), ("to", whom), ("service days", span(first, last))]
    context.confirm([*facts, *context.where(salus)], "Refer the member?")
    receipt = salus.plans.refer(salus.plans.id_of(found), member, to=to, from_day=first, until_day=last)
    context.sent(receipt, f"referred to {whom}, {span(first, last)}", member=member, to=to)
