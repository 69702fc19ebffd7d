"""``salus claim plan``: check a plan file, put it on chain, enrol members, contract, pre-authorise and refer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .claim_noun import noun, plain_facts, tell_problems, where
from .common import Context, command, group, moment, safe

if TYPE_CHECKING:
    from ..client import Salus
    from ..errors import BadInput
    from ..planfile import Plan
    from ..plans import Membership

__all__ = ["plan"]

F = TypeVar("F", bound=Callable[..., Any])

_EXAMPLE_COLUMNS = ("example", "service", *("charge", "allowed", "deductible", "copay", "coinsurance", "limited", "paid", "patient"))


@group("plan")
def plan() -> None:
    """Check a plan file, put it on chain, enrol members.

    A plan is registered, its prices loaded, then published: terms and prices never change again. Members, contracts and
    pre-authorisations may change at any time.
    """


noun.add_command(plan)


def _plan_argument(function: F) -> F:
    return click.argument("plan_file", metavar="PLAN", type=click.Path())(function)


def _period(function: F) -> F:
    """Options for service days; by default the plan's."""
    for option in (
        click.option("--until", "end", help="First service day after it [default: the plan's]."),
        click.option("--from", "start", help="First service day [default: the plan's]."),
    ):
        function = option(function)
    return function


# ------------------------------------------------------------------------------------------------------- the file


@command(plan, "salt")
def salt(context: Context) -> None:
    """Print a salt for a new plan file: 32 random bytes. Without it nobody can tell the codes on chain.

    \b
    Example:
      salus claim plan salt
    """
    from ..planfile import new_salt

    made = new_salt()
    context.answer({"salt": made}, made)


@command(plan, "check")
@_plan_argument
@click.option(
    "--decimals", type=click.IntRange(0, 36), help="Of the token [default: the fewest that hold every amount, at least 2]."
)
def check(context: Context, plan_file: str, decimals: int | None) -> None:
    """Check a plan file, explain it in words, and show what a few claims would come to. Nothing is sent.

    What is wrong is listed, each with its place and fix; the exit code is then 2. What may not be meant is a warning.

    \b
    Example:
      salus claim plan check plan.json
    """
    from ..plancheck import examples, in_words, warnings
    from ..planfile import read_plan

    found, problems = read_plan(plan_file)
    if found is None:
        _tell_errors(context, problems)
        sys.exit(2)
    shown, doubts, words = examples(found, decimals), warnings(found), in_words(found)
    rows = [(e.title, e.price.text, *map(e.amount, _EXAMPLE_COLUMNS[2:])) for e in shown]
    data = {
        "terms": dict(words),
        "examples": [dict(zip(_EXAMPLE_COLUMNS, map(str, row), strict=True)) for row in rows],
        "warnings": doubts,
    }

    def tell() -> None:
        for line in plain_facts(dict(words)).splitlines():
            click.echo(safe(line))
        if found.categories:
            click.echo()
            context.table(f"categories, in {found.currency}", _CATEGORY_COLUMNS, _category_rows(found))
        if found.groups:
            click.echo(f"\ngroups  {safe(', '.join(found.groups))}")
        if rows:
            click.echo()
            context.table(f"one unit, billed a quarter above the list, in {found.currency}", _EXAMPLE_COLUMNS, rows)

    context.answer(data, tell)
    if not context.json:
        for doubt in doubts:
            context.note(f"warning: {doubt}")


_CATEGORY_COLUMNS = ("category", "coinsurance", "out of network", "deductible", "copay", "limit a year", "prices")


def _category_rows(found: Plan) -> list[Sequence[object]]:
    from ..plancheck import percent

    counts = {category.name: sum(price.category == category.name for price in found.prices) for category in found.categories}
    return [
        (
            c.name,
            percent(c.coinsurance),
            percent(c.coinsurance_out) if found.network else "",
            "applies" if c.deductible else "does not apply",
            f"{c.copay:f}" if c.copay else "",
            f"{c.annual_limit:f}" if c.annual_limit else "",
            counts[c.name],
        )
        for c in found.categories
    ]


def _tell_errors(context: Context, problems: Sequence[BadInput]) -> None:
    """Everything that is wrong, a line each, on stderr."""
    for problem in problems:
        if context.json:
            document = {"error": "BadInput", "file": problem.file, "field": problem.field, "message": str(problem)}
            click.echo(json.dumps(document), err=True)
        else:
            context.note(f"error: {problem}")


# ------------------------------------------------------------------------------------------------------- a version


@command(plan, "register")
@_plan_argument
@click.option("--token", required=True, help="Address of the ERC-20 in which the plan is counted and paid.")
def register(context: Context, plan_file: str, token: str) -> None:
    """Register a plan's terms, or the next version of its series. The signer acts for the insurer.

    \b
    Example:
      salus claim plan register plan.json --token 0x9A676e781A523b5d0C0e43731313A708CB607508 --keystore insurer.json
    """
    from ..plancheck import in_words, warnings

    found, salus = _opened(context, plan_file)
    for doubt in warnings(found):
        context.note(f"warning: {doubt}")
    context.confirm([*in_words(found), ("token", token), *where(context, salus)], "Register it?")
    receipt = salus.plans.register(found, token=token)
    plan_id = salus.plans.id_of(found)
    text = f"{found.name} is registered as 0x{plan_id.hex()}; load it with `salus claim plan prices`"
    context.sent(receipt, text, plan=plan_id, version=found.version)


@command(plan, "prices")
@_plan_argument
def prices(context: Context, plan_file: str) -> None:
    """Load a plan's categories and prices, and its providers' schedules, in batches. The signer acts for the insurer.

    What is on chain already is not sent again: a run that broke off is taken up by the same command.

    \b
    Example:
      salus claim plan prices plan.json --keystore insurer.json
    """
    found, salus = _opened(context, plan_file)
    categories, rest = salus.plans.missing(found)
    of = len(found.prices) + sum(len(schedule.prices) for schedule in found.schedules)
    sent = 0
    if categories or rest:
        facts: list[tuple[str, object]] = [("plan", found.name), ("categories", f"{categories} of {len(found.categories)} to add")]
        context.confirm([*facts, ("prices", f"{rest} of {of} to add"), *where(context, salus)], "Load them?")
        with context.progress("prices", of) as bar:
            bar.update(of - rest)
            sent = len(salus.plans.load(found, progress=lambda done, _: bar.update(done - bar.pos)))
    data = {"plan": salus.plans.id_of(found), "categories": categories, "prices": rest, "transactions": sent}
    context.answer(data, f"{categories} categories and {rest} prices added in {sent} transactions; all {of} prices are on chain")


@command(plan, "publish")
@_plan_argument
def publish(context: Context, plan_file: str) -> None:
    """Seal a plan, once all of it is on chain: terms and prices never change again. The signer acts for the insurer.

    \b
    Example:
      salus claim plan publish plan.json --keystore insurer.json
    """
    from ..plancheck import in_words

    found, salus = _opened(context, plan_file)
    context.confirm([*in_words(found), *where(context, salus)], "Publish it? Terms and prices never change again.")
    receipt = salus.plans.publish(found)
    plan_id = salus.plans.id_of(found)
    at = salus.plans.terms(plan_id).in_force_at
    context.sent(receipt, f"{found.name} is published, and in force from {moment(at)}", plan=plan_id, inForceAt=at)


# ------------------------------------------------------------------------------------------------------- members


@command(plan, "enroll")
@_plan_argument
@click.argument("members_file", metavar="[CSV]", required=False, type=click.Path())
@click.option("--member", "members", multiple=True, help="Account that a patient uses for this insurer; may be repeated.")
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
    nextGroups, nextFrom, secondary; or they are given by --member. What is on chain already is not sent again. Rows that are not
    right are listed and left out; the exit code is then 1.

    \b
    Example:
      salus claim plan enroll plan.json members.csv --keystore insurer.json
      salus claim plan enroll plan.json --member 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --keystore insurer.json
    """
    from ..errors import BadInput
    from ..members import read_members

    if bool(members_file) == bool(members):
        raise BadInput("", "CSV", "give a file of members, or --member, and not both")
    found, salus = _opened(context, plan_file)
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
    from ..errors import BadInput
    from ..plans import Membership

    for name in groups:
        if name not in found.groups:
            raise BadInput("--group", "", f"is {name!r}; the plan has {', '.join(found.groups) or 'no groups'}")
    first, last = _days(found, start, end)
    bits = found.bits(groups)
    return [Membership(m, first, last, family or 0, bits, secondary=secondary) for m in dict.fromkeys(accounts)]


def _enroll(context: Context, salus: Salus, found: Plan, wanted: Sequence[Membership]) -> int:
    """Enrol who is not yet; how many they are."""
    from ..members import ungrouped

    plan_id = salus.plans.id_of(found)
    rest = salus.plans.not_enrolled(plan_id, wanted)
    for kind, lacking in ungrouped(found, wanted).items():
        context.note(
            f"warning: {len(lacking)} members ({lacking[0].member} …) have no {kind} group: what is for some groups only is denied"
        )
    if not rest:
        return 0
    facts: list[tuple[str, object]] = [("plan", found.name), ("members", f"{len(rest)} of {len(wanted)} to enrol or to change")]
    context.confirm([*facts, *where(context, salus)], "Enrol them?")
    with context.progress("members", len(rest)) as bar:
        salus.plans.enroll(plan_id, rest, progress=lambda done, _: bar.update(done - bar.pos))
    return len(rest)


# ------------------------------------------------------------------------------------------------------- providers


@command(plan, "contract")
@_plan_argument
@click.argument("provider", required=False)
@_period
@click.option("--schedule", type=click.IntRange(0, 2**32 - 1), default=0, help="Number of its own price list [default: none].")
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
    from ..errors import BadInput
    from ..plans import Contract

    found, salus = _opened(context, plan_file)
    if provider is None:
        if not found.schedules or start or end or schedule or ended:
            raise BadInput("", "PROVIDER", "is missing; without it the schedules of the file say all, and nothing else is given")
        names = [s.provider for s in found.schedules]
        context.confirm([("plan", found.name), ("providers", ", ".join(names)), *where(context, salus)], "Contract them?")
        receipts = salus.plans.contract_all(found)
        data = {"contracted": {name: receipt.hash for name, receipt in receipts.items()}}
        context.answer(data, f"{len(receipts)} of {len(names)} providers contracted; the others were so already")
        return
    first, last = (0, 0) if ended else _days(found, start, end)
    what = "none" if ended else _span(first, last)
    facts: list[tuple[str, object]] = [("provider", provider), ("contract", what), ("price list", schedule or "the plan's")]
    context.confirm([*facts, *where(context, salus)], "End it?" if ended else "Contract it?")
    receipt = salus.plans.contract(salus.plans.id_of(found), provider, Contract(first, last, schedule))
    text = f"{provider} has no contract any more" if ended else f"{provider} is contracted for {what}"
    context.sent(receipt, text, provider=provider, **{"from": first, "until": last}, schedule=schedule)


@command(plan, "authorize")
@_plan_argument
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
    """Pre-authorise units of a code for a member; replaces what is left of an earlier one. The signer acts for the insurer.

    \b
    Example:
      salus claim plan authorize plan.json 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 73761001 --units 1 \\
          --from 2026-03-01 --until 2026-06-01 --keystore insurer.json
    """
    from ..errors import BadInput, one_line

    found, salus = _opened(context, plan_file)
    matching = [price for price in found.prices if price.code == code and system in (None, price.system)]
    if len(matching) != 1:
        fix = "stands in several systems of the plan; name one with --system" if matching else "is not in the plan's price list"
        raise BadInput("CODE", one_line(code, 40), fix)
    if not matching[0].preauthorization:
        context.note(f"warning: {matching[0].text} needs no pre-authorisation by the plan; units beyond it are paid all the same")
    first, last = _days(found, start, end)
    facts: list[tuple[str, object]] = [("member", member), ("service", matching[0].text), ("units", units)]
    context.confirm([*facts, ("service days", _span(first, last)), *where(context, salus)], "Pre-authorise it?")
    plan_id, salted = salus.plans.id_of(found), found.code(matching[0].system, code)
    receipt = salus.plans.authorize(plan_id, member, salted, units, from_day=first, until_day=last)
    serial = salus.plans.authorization(plan_id, member, salted).serial
    context.sent(receipt, f"pre-authorisation {serial}: {units} of {matching[0].text}, {_span(first, last)}", serial=serial)


@command(plan, "refer")
@_plan_argument
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
    found, salus = _opened(context, plan_file)
    first, last = _days(found, start, end)
    whom = to or "whomever the member chooses"
    facts: list[tuple[str, object]] = [("member", member), ("to", whom), ("service days", _span(first, last))]
    context.confirm([*facts, *where(context, salus)], "Refer the member?")
    receipt = salus.plans.refer(salus.plans.id_of(found), member, to=to, from_day=first, until_day=last)
    context.sent(receipt, f"referred to {whom}, {_span(first, last)}", member=member, to=to)


# ------------------------------------------------------------------------------------------------------- looking


@command(plan, "show")
@_plan_argument
@click.option("--member", help="Show this member's cover, and what it used.")
@click.option("--provider", help="Show this provider's contract.")
@click.option("--year", type=click.IntRange(1970, 9999), help="Of what the member used [default: this one].")
def show(context: Context, plan_file: str, member: str | None, provider: str | None, year: int | None) -> None:
    """Show what the chain has of a plan: version, prices, when it is in force; or of a member or provider.

    \b
    Example:
      salus claim plan show plan.json
      salus claim plan show plan.json --member 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from ..planfile import load_plan

    found, salus = load_plan(plan_file), context.connect()
    facts = _of_plan(salus, found)
    if member:
        facts |= _of_member(salus, found, member, year)
    if provider:
        terms = salus.plans.contract_of(salus.plans.id_of(found), provider)
        own = f", price list {terms.schedule}" if terms.schedule else ""
        facts["contract"] = f"{_span(terms.from_day, terms.until_day)}{own}" if terms.until_day > terms.from_day else "none"
    context.answer(facts, plain_facts(facts))


def _of_plan(salus: Salus, found: Plan) -> dict[str, object]:
    plan_id = salus.plans.id_of(found)
    terms = salus.plans.terms(plan_id)
    facts: dict[str, object] = {"plan": f"{found.name}, version {found.version}", "id": "0x" + plan_id.hex()}
    if not int(terms.insurer, 16):
        return {**facts, "state": "not registered, or the file was changed since"}
    categories, prices = salus.plans.missing(found)
    now, at = salus.now(), terms.in_force_at
    state = "not published" if not at else f"in force {'since' if at <= now else 'from'} {moment(at)}"
    versions = salus.plans.versions(plan_id)
    missing = f"{categories} categories and {prices} prices are not on chain" if categories or prices else "all on chain"
    return {
        **facts,
        "state": state,
        "versions": versions,
        "insurer": f"{found.insurer} {terms.insurer}",
        "token": terms.token,
        "service days": _span(terms.valid_from, terms.valid_until),
        "prices": f"{len(found.prices)} in {len(found.categories)} categories, {len(found.schedules)} schedules; {missing}",
    }


def _of_member(salus: Salus, found: Plan, member: str, year: int | None) -> dict[str, object]:
    import datetime as dt

    from ..answers import money

    plan_id = salus.plans.id_of(found)
    cover = salus.plans.membership(plan_id, member)
    if not cover.until_day:
        return {"member": f"{cover.member} was never enrolled"}
    decimals = salus.treasury.decimals(salus.plans.terms(plan_id).token)
    year = year or dt.datetime.fromtimestamp(salus.now(), dt.UTC).year
    used = salus.claims.accumulators(plan_id, member, year)

    def named(bits: int) -> str:
        return ", ".join(name for name, bit in found.groups.items() if bits >> bit & 1) or "none"

    later = f"; {named(cover.next_groups)} from {_day(cover.next_from)}" if cover.next_groups else ""
    sums = {name: money(getattr(used, name), decimals) for name in ("deductible", "out_of_pocket", "paid")}
    return {
        "member": cover.member,
        "covered": _span(cover.from_day, cover.until_day),
        "family": cover.family or "none",
        "groups": named(cover.groups) + later,
        "goes first": "another payer" if cover.secondary else "this plan",
        f"used {year}": f"deductible {sums['deductible']}, out of pocket {sums['out_of_pocket']}, paid {sums['paid']} {found.currency}",
    }


# ------------------------------------------------------------------------------------------------------- shared


def _opened(context: Context, plan_file: str) -> tuple[Plan, Salus]:
    from ..planfile import load_plan

    found = load_plan(plan_file)
    return found, context.connect_signing()


def _days(found: Plan, start: str | None, end: str | None) -> tuple[int, int]:
    from ..errors import BadInput
    from ..planfile import day_number

    first = day_number(start, source="--from", field="") if start else found.valid_from
    last = day_number(end, source="--until", field="") if end else found.valid_until
    if last <= first:
        raise BadInput("--until", "", f"is {_day(last)}, not after {_day(first)}; give the first service day after it")
    return first, last


def _day(number: int) -> str:
    from ..planfile import day_text

    return day_text(number)


def _span(first: int, last: int) -> str:
    return f"{_day(first)} until {_day(last)}"
