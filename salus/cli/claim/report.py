"""``salus claim report``: public counters and signs of abuse, from the chain's events alone."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from salus.cli.claim._shared import noun
from salus.cli.context import Context
from salus.cli.options import command

if TYPE_CHECKING:
    from salus.claims.report import PlanReport, Report

    Row = tuple[object, ...]

__all__ = ["report"]

_COUNTS = ("submitted", "settled", "owed", "pended", "denied", "withdrawn", "reversed", "arbitrated", "appealed")
_SUMS = ("charge", "allowed", "paid", "patient", "prior", "awarded")


@command(noun, "report")
@click.option("--insurer", default="", help="Only this one's plans: name or account.")
@click.option("--units-a-day", type=click.IntRange(min=1), help="Tell a provider's days with more units [default: 96].")
def report(context: Context, insurer: str, units_a_day: int | None) -> None:
    """Count what became of all claims, plan by plan, and list what is worth a second look.

    Everything is from public events: members are accounts, codes are hashes. A sign is a question, not a verdict.

    \b
    Example:
      salus claim report --insurer north-mutual
    """
    from salus.claims.report import UNITS_A_DAY

    salus = context.connect()
    found = salus.claims.report(insurer=insurer, units_a_day=units_a_day or UNITS_A_DAY)
    context.answer(_report_json(found), lambda: _show_report(context, found))


def _report_json(found: Report) -> dict[str, Any]:
    """A report as JSON values; amounts as decimal text."""
    return {
        "plans": [_plan_json(plan) for plan in found.plans],
        "signs": {
            "unitsADay": found.units_a_day,
            "sameLines": [dataclasses.asdict(sign) for sign in found.same_lines],
            "longDays": [dataclasses.asdict(sign) for sign in found.long_days],
            "lapsedProviders": [dataclasses.asdict(sign) for sign in found.lapsed],
        },
    }


def _plan_json(plan: PlanReport) -> dict[str, Any]:
    return {
        "plan": plan.plan,
        "insurer": plan.insurer,
        **{name: getattr(plan, name) for name in _COUNTS},
        "refused": {str(carc): count for carc, count in sorted(plan.refused.items())},
        "denials": {str(carc): _amount(plan, units) for carc, units in sorted(plan.denials.items())},
        **{name: _amount(plan, getattr(plan, name)) for name in _SUMS},
        "daysToPayment": {"median": plan.median_days, "max": plan.most_days},
    }


def _show_report(context: Context, found: Report) -> None:
    """A report as tables."""
    rows = [(p.insurer, p.plan[:10] + "…" + p.plan[-8:], *(getattr(p, name) for name in _COUNTS)) for p in found.plans]
    context.table("claims", ("insurer", "plan", *_COUNTS), rows)
    rows = [
        (p.insurer, *(_amount(p, getattr(p, name)) for name in _SUMS), p.median_days, p.most_days) for p in found.plans
    ]
    context.table("money, and days from service to payment", ("insurer", *_SUMS, "median days", "most days"), rows)
    if codes := [row for plan in found.plans for row in _code_rows(plan)]:
        context.table("by code (CARC)", ("insurer", "what", "code", "claims", "amount", "meaning"), codes)
    if signs := _sign_rows(found):
        context.table("worth a second look", ("sign", "who", "when", "what"), signs)


def _amount(plan: PlanReport, units: int) -> str:
    from salus.claims.model import money

    return str(money(units, plan.decimals))


def _code_rows(plan: PlanReport) -> list[Row]:
    from salus.claims.carc import carc_words

    refused: list[Row] = [
        (plan.insurer, "refused", carc, count, "", carc_words(carc)) for carc, count in sorted(plan.refused.items())
    ]
    denied: list[Row] = [
        (plan.insurer, "denied", carc, "", _amount(plan, units), carc_words(carc))
        for carc, units in sorted(plan.denials.items())
    ]
    return [*refused, *denied]


def _sign_rows(found: Report) -> list[Row]:
    from salus.formats.days import day_text

    same: list[Row] = [
        (
            "the same line under several numbers",
            sign.member,
            day_text(sign.day),
            f"code {sign.code[:10]}… in {len(sign.claims)} claims: {', '.join(sign.claims)}",
        )
        for sign in found.same_lines
    ]
    long: list[Row] = [
        (
            f"more than {found.units_a_day} units a day",
            sign.provider,
            day_text(sign.day),
            f"{sign.units} units in {sign.claims} claims",
        )
        for sign in found.long_days
    ]
    lapsed: list[Row] = [
        ("licence no longer stands", sign.provider, sign.standing, f"{sign.claims} claims") for sign in found.lapsed
    ]
    return [*same, *long, *lapsed]
