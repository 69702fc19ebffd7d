"""``salus claim plan``: check a plan file, put it on chain, see what the chain has of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import noun, opened, plan_argument, pool_of, span
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, group
from salus.cli.output import aligned

if TYPE_CHECKING:
    from salus.claims.plans.check import Example
    from salus.claims.plans.model import Plan
    from salus.claims.plans.overview import MemberOverview, PlanOverview
    from salus.client import Salus

__all__ = ["plan"]

_AMOUNTS = ("charge", "allowed", "deductible", "copay", "coinsurance", "limited", "paid", "patient")
_EXAMPLE_COLUMNS = ("example", "service", *_AMOUNTS)


@group("plan")
def plan() -> None:
    """Check a plan file, put it on chain, enrol members.

    A plan is registered, its prices loaded, then published: terms and prices never change again. Members, contracts and
    pre-authorisations may change at any time.
    """


noun.add_command(plan)


# ------------------------------------------------------------------------------------------------------------ the file


@command(plan, "salt")
def salt(context: Context) -> None:
    """Print a salt for a new plan file: 32 random bytes. Without it nobody can tell the codes on chain.

    \b
    Example:
      salus claim plan salt
    """
    from salus.claims.plans.file import new_salt

    made = new_salt()
    context.answer({"salt": made}, made)


@command(plan, "check")
@plan_argument
@click.option(
    "--decimals",
    type=click.IntRange(0, 36),
    help="Of the token [default: the fewest that hold every amount, at least 2].",
)
def check(context: Context, plan_file: str, decimals: int | None) -> None:
    """Check a plan file, explain it in words, and show what a few claims would come to. Nothing is sent.

    What is wrong is listed, each with its place and fix; the exit code is then 2. What may not be meant is a warning.

    \b
    Example:
      salus claim plan check plan.json
    """
    from salus.claims.plans.check import examples, in_words, warnings
    from salus.claims.plans.file import read_plan

    found, problems = read_plan(plan_file)
    if found is None:
        context.problems(problems, "error")
        sys.exit(2)
    doubts, words = warnings(found), dict(in_words(found))
    rows = [_example_row(example) for example in examples(found, decimals)]
    data = {
        "terms": words,
        "examples": [dict(zip(_EXAMPLE_COLUMNS, map(str, row), strict=True)) for row in rows],
        "warnings": doubts,
    }
    context.answer(data, lambda: _show_check(context, found, words, rows))
    if not context.json:
        for doubt in doubts:
            context.note(f"warning: {doubt}")


def _show_check(context: Context, found: Plan, words: dict[str, str], rows: list[Sequence[object]]) -> None:
    context.lines(aligned(words))
    if found.categories:
        click.echo()
        context.table(f"categories, in {found.currency}", _CATEGORY_COLUMNS, _category_rows(found))
    if found.groups:
        click.echo()
        context.lines(f"groups  {', '.join(found.groups)}")
    if rows:
        click.echo()
        context.table(f"one unit, billed a quarter above the list, in {found.currency}", _EXAMPLE_COLUMNS, rows)


def _example_row(example: Example) -> Sequence[object]:
    return (example.title, example.price.text, *map(example.amount, _AMOUNTS))


_CATEGORY_COLUMNS = ("category", "coinsurance", "out of network", "deductible", "copay", "limit a year", "prices")


def _category_rows(found: Plan) -> list[Sequence[object]]:
    from salus.claims.plans.check import percent

    counts = {
        category.name: sum(price.category == category.name for price in found.prices) for category in found.categories
    }
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


# ----------------------------------------------------------------------------------------------------------- a version


@command(plan, "register")
@plan_argument
@click.option("--token", required=True, help="Address of the ERC-20 in which the plan is counted and paid.")
def register(context: Context, plan_file: str, token: str) -> None:
    """Register a plan's terms, or the next version of its series. The signer acts for the insurer.

    \b
    Example:
      salus claim plan register plan.json --token 0x9A676e781A523b5d0C0e43731313A708CB607508 --keystore insurer.json
    """
    from salus.claims.plans.check import in_words, warnings

    found, salus = opened(context, plan_file)
    for doubt in warnings(found):
        context.note(f"warning: {doubt}")
    context.confirm([*in_words(found), ("token", token), *context.where(salus)], "Register it?")
    receipt = salus.plans.register(found, token=token)
    plan_id = salus.plans.id_of(found)
    text = f"{found.name} is registered as 0x{plan_id.hex()}; load it with `salus claim plan prices`"
    context.sent(receipt, text, plan=plan_id, version=found.version)


@command(plan, "prices")
@plan_argument
def prices(context: Context, plan_file: str) -> None:
    """Load a plan's categories and prices, and its providers' schedules, in batches. The signer acts for the insurer.

    What is on chain already is not sent again: a run that broke off is taken up by the same command.

    \b
    Example:
      salus claim plan prices plan.json --keystore insurer.json
    """
    found, salus = opened(context, plan_file)
    categories, rest = salus.plans.missing(found)
    of = len(found.prices) + sum(len(schedule.prices) for schedule in found.schedules)
    sent = 0
    if categories or rest:
        more = [("categories", f"{categories} of {len(found.categories)} to add"), ("prices", f"{rest} of {of} to add")]
        context.confirm([("plan", found.name), *more, *context.where(salus)], "Load them?")
        with context.outbox(salus) as outbox, context.progress("prices", of) as bar:
            bar.update(of - rest)
            sent = len(salus.plans.load(found, progress=lambda done, _: bar.update(done - bar.pos), outbox=outbox))
    data = {"plan": salus.plans.id_of(found), "categories": categories, "prices": rest, "transactions": sent}
    context.answer(
        data, f"{categories} categories and {rest} prices added in {sent} transactions; all {of} prices are on chain"
    )


@command(plan, "publish")
@plan_argument
def publish(context: Context, plan_file: str) -> None:
    """Seal a plan, once all of it is on chain: terms and prices never change again. The signer acts for the insurer.

    \b
    Example:
      salus claim plan publish plan.json --keystore insurer.json
    """
    from salus.claims.plans.check import in_words

    found, salus = opened(context, plan_file)
    context.confirm([*in_words(found), *context.where(salus)], "Publish it? Terms and prices never change again.")
    receipt = salus.plans.publish(found)
    plan_id = salus.plans.id_of(found)
    at = salus.plans.terms(plan_id).in_force_at
    context.sent(receipt, f"{found.name} is published, and in force from {moment(at)}", plan=plan_id, inForceAt=at)


# ------------------------------------------------------------------------------------------------------- looking


@command(plan, "show")
@plan_argument
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
    import datetime as dt

    from salus.claims.plans.file import load_plan
    from salus.claims.plans.overview import overview_of_member, overview_of_plan

    found, salus = load_plan(plan_file), context.connect()
    now = salus.now()
    facts = _plan_facts(overview_of_plan(salus.plans, found), now)
    if member:
        decimals = pool_of(salus, found).decimals
        year = year or dt.datetime.fromtimestamp(now, dt.UTC).year
        seen = overview_of_member(salus.claims, salus.plans, found, member, decimals=decimals, year=year)
        facts |= _member_facts(seen, found.currency)
    if provider:
        facts |= _contract_facts(salus, found, provider)
    context.answer(facts, aligned(facts))


def _plan_facts(seen: PlanOverview, now: int) -> dict[str, object]:
    plan, terms = seen.plan, seen.terms
    facts: dict[str, object] = {"plan": f"{plan.name}, version {plan.version}", "id": "0x" + seen.id.hex()}
    if not seen.registered:
        return {**facts, "state": "not registered, or the file was changed since"}
    at, (categories, prices) = terms.in_force_at, seen.missing
    missing = f"{categories} categories and {prices} prices are not on chain" if any(seen.missing) else "all on chain"
    size = f"{len(plan.prices)} in {len(plan.categories)} categories, {len(plan.schedules)} schedules"
    return {
        **facts,
        "state": "not published" if not at else f"in force {'since' if at <= now else 'from'} {moment(at)}",
        "versions": seen.versions,
        "insurer": f"{plan.insurer} {terms.insurer}",
        "token": terms.token,
        "service days": span(terms.valid_from, terms.valid_until),
        "prices": f"{size}; {missing}",
    }


def _member_facts(seen: MemberOverview, currency: str) -> dict[str, object]:
    from salus.formats.days import day_text

    cover = seen.cover
    if not cover.until_day:
        return {"member": f"{cover.member} was never enrolled"}
    later = f"; {', '.join(seen.next_groups)} from {day_text(cover.next_from)}" if seen.next_groups else ""
    used = ", ".join(f"{name.replace('_', ' ')} {amount}" for name, amount in seen.used)
    return {
        "member": cover.member,
        "covered": span(cover.from_day, cover.until_day),
        "family": cover.family or "none",
        "groups": (", ".join(seen.groups) or "none") + later,
        "goes first": "another payer" if cover.secondary else "this plan",
        f"used {seen.year}": f"{used} {currency}",
    }


def _contract_facts(salus: Salus, found: Plan, provider: str) -> dict[str, object]:
    terms = salus.plans.contract_of(salus.plans.id_of(found), provider)
    if terms.until_day <= terms.from_day:
        return {"contract": "none"}
    own = f", price list {terms.schedule}" if terms.schedule else ""
    return {"contract": f"{span(terms.from_day, terms.until_day)}{own}"}
