"""``salus claim plan``: enrol members; contract, pre-authorise, refer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from salus.cli.claim._shared import tell_problems, where
from salus.cli.claim.plan import opened, plan, plan_argument, span
from salus.cli.common import Context, command

if TYPE_CHECKING:
    from salus.claims.plans.model import Plan
    from salus.claims.plans.records import Membership
    from salus.client import Salus
    from salus.errors import BadInput

__all__ = ["authorize", "cap", "contract", "enroll", "refer"]

F = TypeVar("F", bound=Callable[..., Any])


def _period(function: F) -> F:
    """Options for service days; by default the plan's."""
    for option in (
        click.option("--until", "end", help="First service day after it [default: the plan's]."),
        click.option("--from", "start", help="First service day [default: the plan's]."),
    ):
        function = option(function)
    return function


def _days(found: Plan, start: str | None, end: str | None) -> tuple[int, int]:
    """The service days that the options say."""
    from salus.claims.plans.file import day_number, day_text
    from salus.errors import BadInput

    first = day_number(start, source="--from", field="") if start else found.valid_from
    last = day_number(end, source="--until", field="") if end else found.valid_until
    if last <= first:
        raise BadInput(
            "--until", "", f"is {day_text(last)}, not after {day_text(first)}; give the first service day after it"
        )
    return first, last


# ------------------------------------------------------------------------------------------------------- members


@command(plan, "enroll")
@plan_argument
@click.argument("members_file", metavar="[CSV]", required=False, type=click.Path())
@click.option(
    "--member", "members", multiple=True, help="Account that a patient uses for this insurer; may be repeated."
)
@_period
@click.option("--family", type=click.IntRange(1, 2**64 - 1), help="Number of the family of these members.")
@click.option("--group", "groups", multiple=True, help="Name of an age or sex group of these members; may be repeated.")
@click.option("--secondary", is_flag=True, help="Another payer goes first for these members.")
def enroll(
    context: Context,
    plan_file: str,
    members_file: str | None,
    members: tuple[str, ...],
    start: str | None,
    end: str | None,
    family: int | None,
    groups: tuple[str, ...],
    secondary: bool,
) -> None:
    """Enrol members, or replace what was said of them. The signer acts for the insurer.

    The members stand in a CSV file with the columns member, from, until and perhaps family, groups (separated by ;),
    nextGroups, nextFrom, secondary; or they are given by --member. What is on chain already is not sent again. Rows
    that are not right are listed and left out; the exit code is then 1.

    \b
    Example:
      salus claim plan enroll plan.json members.csv --keystore insurer.json
      salus claim plan enroll plan.json --member 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --keystore insurer.json
    """
    from salus.claims.plans.members import read_members
    from salus.errors import BadInput

    if bool(members_file) == bool(members):
        raise BadInput("", "CSV", "give a file of members, or --member, and not both")
    found, salus = opened(context, plan_file)
    problems: list[BadInput] = []
    if members_file:
        if start or end or family or groups or secondary:
            raise BadInput("", "CSV", "holds what the other options say; give them with --member only")
        wanted = read_members(members_file, found, problems=problems)
    else:
        wanted = _members(found, members, start, end, family, groups, secondary)
    tell_problems(context, problems)
    sent = _enroll(context, salus, found, wanted) if wanted else 0
    data = {"plan": salus.plans.id_of(found), "members": len(wanted), "added": sent, "leftOut": len(problems)}
    left = f"; {len(problems)} rows left out, see above: correct them and run it again" if problems else ""
    context.answer(data, f"{len(wanted)} members are enrolled as said, {sent} of them now{left}")
    if problems:
        sys.exit(1)


def _members(
    found: Plan,
    accounts: Sequence[str],
    start: str | None,
    end: str | None,
    family: int | None,
    groups: Sequence[str],
    secondary: bool,
) -> list[Membership]:
    from salus.claims.plans.records import Membership
    from salus.errors import BadInput

    for name in groups:
        if name not in found.groups:
            raise BadInput("--group", "", f"is {name!r}; the plan has {', '.join(found.groups) or 'no groups'}")
    first, last = _days(found, start, end)
    bits = found.bits(groups)
    return [Membership(m, first, last, family or 0, bits, secondary=secondary) for m in dict.fromkeys(accounts)]


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
    facts: list[tuple[str, object]] = [
        ("plan", found.name),
        ("members", f"{len(rest)} of {len(wanted)} to enrol or to change"),
    ]
    context.confirm([*facts, *where(context, salus)], "Enrol them?")
    with context.outbox(salus) as outbox, context.progress("members", len(rest)) as bar:
        salus.plans.enroll(plan_id, rest, progress=lambda done, _: bar.update(done - bar.pos), outbox=outbox)
    return len(rest)


# ------------------------------------------------------------------------------------------------------- providers


@command(plan, "contract")
@plan_argument
@click.argument("provider", required=False)
@_period
@click.option(
    "--schedule", type=click.IntRange(0, 2**32 - 1), default=0, help="Number of its own price list [default: none]."
)
@click.option("--end", "ended", is_flag=True, help="End its contract instead.")
def contract(
    context: Context,
    plan_file: str,
    provider: str | None,
    start: str | None,
    end: str | None,
    schedule: int,
    ended: bool,
) -> None:
    """Contract a provider, or all providers of the file's schedules. The signer acts for the insurer.

    \b
    Example:
      salus claim plan contract plan.json city-hospital --keystore insurer.json
      salus claim plan contract plan.json --keystore insurer.json
    """
    from salus.claims.plans.plans import Contract
    from salus.errors import BadInput

    found, salus = opened(context, plan_file)
    if provider is None:
        if not found.schedules or start or end or schedule or ended:
            raise BadInput(
                "", "PROVIDER", "is missing; without it the schedules of the file say all, and nothing else is given"
            )
        names = [s.provider for s in found.schedules]
        context.confirm(
            [("plan", found.name), ("providers", ", ".join(names)), *where(context, salus)], "Contract them?"
        )
        receipts = salus.plans.contract_all(found)
        data = {"contracted": {name: receipt.hash for name, receipt in receipts.items()}}
        context.answer(data, f"{len(receipts)} of {len(names)} providers contracted; the others were so already")
        return
    first, last = (0, 0) if ended else _days(found, start, end)
    what = "none" if ended else span(first, last)
    facts: list[tuple[str, object]] = [
        ("provider", provider),
        ("contract", what),
        ("price list", schedule or "the plan's"),
    ]
    context.confirm([*facts, *where(context, salus)], "End it?" if ended else "Contract it?")
    receipt = salus.plans.contract(salus.plans.id_of(found), provider, Contract(first, last, schedule))
    text = f"{provider} has no contract any more" if ended else f"{provider} is contracted for {what}"
    context.sent(receipt, text, provider=provider, **{"from": first, "until": last}, schedule=schedule)


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
    from salus.claims.plans.plans import Cap
    from salus.cli.claim._shared import amount_of, pool_of

    found, salus = opened(context, plan_file)
    if not found.capped:
        context.note("warning: the plan does not say providerCaps, so caps do not count in this version")
    _, _, decimals = pool_of(salus, found)
    units, whose = amount_of(amount, decimals, "AMOUNT"), provider or "all without their own"
    facts: list[tuple[str, object]] = [
        ("providers", whose),
        ("cap", f"{amount} {found.currency} in {days} days" if units else "none"),
    ]
    context.confirm([*facts, *where(context, salus)], "Set it?")
    receipt = salus.plans.cap(salus.plans.id_of(found), Cap(units, days if units else 0), provider=provider)
    text = f"{whose}: at most {amount} {found.currency} in {days} days, then review" if units else f"{whose}: no cap"
    context.sent(receipt, text, provider=provider, most=units, period=days if units else 0)


@command(plan, "authorize")
@plan_argument
@click.argument("member")
@click.argument("code")
@click.option("--system", help="Its code system [default: the one in which the plan has the code].")
@click.option("--units", type=click.IntRange(1, 65535), default=1, show_default=True, help="How many.")
@_period
def authorize(
    context: Context,
    plan_file: str,
    member: str,
    code: str,
    system: str | None,
    units: int,
    start: str | None,
    end: str | None,
) -> None:
    """Pre-authorise units of a code for a member; replaces what is left of an earlier one. The signer acts for the
    insurer.

    \b
    Example:
      salus claim plan authorize plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 73761001 --units 1 \\
          --from 2026-03-01 --until 2026-06-01 --keystore insurer.json
    """
    from salus.errors import BadInput, one_line

    found, salus = opened(context, plan_file)
    matching = [price for price in found.prices if price.code == code and system in (None, price.system)]
    if len(matching) != 1:
        fix = (
            "stands in several systems of the plan; name one with --system"
            if matching
            else "is not in the plan's price list"
        )
        raise BadInput("CODE", one_line(code, 40), fix)
    if not matching[0].preauthorization:
        context.note(
            f"warning: {matching[0].text} needs no pre-authorisation by the plan; units beyond it are paid all the same"
        )
    first, last = _days(found, start, end)
    facts: list[tuple[str, object]] = [("member", member), ("service", matching[0].text), ("units", units)]
    context.confirm([*facts, ("service days", span(first, last)), *where(context, salus)], "Pre-authorise it?")
    plan_id, salted = salus.plans.id_of(found), found.code(matching[0].system, code)
    receipt = salus.plans.authorize(plan_id, member, salted, units, from_day=first, until_day=last)
    serial = salus.plans.authorization(plan_id, member, salted).serial
    context.sent(
        receipt, f"pre-authorisation {serial}: {units} of {matching[0].text}, {span(first, last)}", serial=serial
    )


@command(plan, "refer")
@plan_argument
@click.argument("member")
@click.option("--to", help="Name or account of the provider [default: whomever the member chooses].")
@_period
def refer(context: Context, plan_file: str, member: str, to: str | None, start: str | None, end: str | None) -> None:
    """Refer a member to another provider. The signer acts for a provider.

    \b
    Example:
      salus claim plan refer plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --to city-hospital \\
          --from 2026-03-01 --until 2026-06-01 --keystore practice.json
    """
    found, salus = opened(context, plan_file)
    first, last = _days(found, start, end)
    whom = to or "whomever the member chooses"
    facts: list[tuple[str, object]] = [("member", member), ("to", whom), ("service days", span(first, last))]
    context.confirm([*facts, *where(context, salus)], "Refer the member?")
    receipt = salus.plans.refer(salus.plans.id_of(found), member, to=to, from_day=first, until_day=last)
    context.sent(receipt, f"referred to {whom}, {span(first, last)}", member=member, to=to)
