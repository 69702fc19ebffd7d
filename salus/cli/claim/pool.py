"""``salus claim``: the insurer's pool, what it owes, and what is to be given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import noun, opened, plan_argument, pool_of
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command
from salus.cli.values import amount_of

if TYPE_CHECKING:
    from decimal import Decimal

    from salus.claims.treasury.plan_pool import PlanPool
    from salus.client import Salus

__all__ = ["collect", "fund", "halt", "leave", "pool", "repay", "settle"]


@command(noun, "fund")
@plan_argument
@click.argument("amount")
def fund(context: Context, plan_file: str, amount: str) -> None:
    """Add to the pool from which a plan's claims are paid, from the signer's tokens.

    A token that has permits (EIP-2612) is paid in by one transaction, any other by an approval before. Only the claim
    desk can spend the money; its insurer leaves by an announced exit.

    \b
    Example:
      salus claim fund plan.json 25000.00 --keystore insurer.json
    """
    plan, salus = opened(context, plan_file)
    place = pool_of(salus, plan)
    units = amount_of(amount, place.decimals, "AMOUNT")
    facts = [("pool of", plan.insurer), ("amount", f"{amount} {plan.currency}"), ("token", place.token)]
    context.confirm([*facts, *context.where(salus)], "Fund it?")
    receipt = salus.treasury.fund(place.insurer, place.token, units)
    held, owed = _held_and_owed(salus, place)
    text = f"the pool of {plan.insurer} holds {held} {plan.currency}"
    if owed != "0.00":
        text += f" and owes {owed}; pay with `salus claim settle`"
    context.sent(receipt, text, insurer=place.insurer, token=place.token, balance=held, owed=owed)


@command(noun, "pool")
@plan_argument
@click.option("--payee", "payees", multiple=True, help="Tell what this provider has to give back.")
def pool(context: Context, plan_file: str, payees: tuple[str, ...]) -> None:
    """Show the pool of a plan: balance, what is reserved, what is owed.

    \b
    Example:
      salus claim pool plan.json --payee city-hospital
    """
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect()
    place = pool_of(salus, plan)
    found = salus.treasury.pool(place.insurer, place.token)
    sums = {name: str(place.money(getattr(found, name))) for name in ("balance", "reserved", "owed", "exiting")}
    back = {payee: str(_to_give_back(salus, place, payee)) for payee in payees}
    lines = [
        f"balance   {sums['balance']} {plan.currency}",
        f"reserved  {sums['reserved']} beside it, for claims under review",
        f"owed      {sums['owed']}, {found.waiting} debts wait",
    ]
    if found.exiting:
        lines.append(f"leaving   {sums['exiting']}, from {moment(found.exit_from)}")
    if found.halted_until > salus.now():
        lines.append(f"halted    its insurer lets it pay nothing until {moment(found.halted_until)}")
    lines += [f"to be given back by {payee}: {amount}" for payee, amount in back.items()]
    data = {
        "insurer": place.insurer,
        "token": place.token,
        **sums,
        "waiting": found.waiting,
        "exitFrom": found.exit_from,
        "setOffs": back,
        "haltedUntil": found.halted_until,
    }
    context.answer(data, "\n".join(lines))


@command(noun, "halt")
@plan_argument
@click.option("--days", type=click.FloatRange(0, 30, min_open=True), help="For how long, 30 days at most [default: 1].")
@click.option("--end", "ended", is_flag=True, help="Let the payments go on now.")
def halt(context: Context, plan_file: str, days: float | None, ended: bool) -> None:
    """Stop all payments of a plan's pool for a while, when something is wrong. The signer acts for the insurer.

    What becomes due meanwhile is owed, and paid afterwards by `salus claim settle`; reverse what was wrong before.

    \b
    Example:
      salus claim halt plan.json --days 2 --keystore insurer.json
      salus claim halt plan.json --end --keystore insurer.json
    """
    from salus.errors import BadInput

    if ended and days is not None:
        raise BadInput("--end", "", "is given with --days; give one of them")
    plan, salus = opened(context, plan_file)
    place = pool_of(salus, plan)
    until = 0 if ended else salus.now() + int((days or 1) * 24 * 3600)
    what = "go on" if ended else f"halted until {moment(until)}"
    context.confirm([("pool of", plan.insurer), ("payments", what), *context.where(salus)], "Do it?")
    receipt = salus.treasury.halt(place.token, until)
    pays = "again" if ended else f"nothing until {moment(until)}"
    text = f"the pool of {plan.insurer} pays {pays}"
    context.sent(receipt, text, insurer=place.insurer, token=place.token, until=until)


@command(noun, "settle")
@plan_argument
@click.option("--count", type=click.IntRange(1, 500), default=50, show_default=True, help="Debts to look at, at most.")
def settle(context: Context, plan_file: str, count: int) -> None:
    """Pay what a plan's pool owes, oldest first, as far as it suffices. Anyone may.

    \b
    Example:
      salus claim settle plan.json --keystore anyone.json
    """
    plan, salus = opened(context, plan_file)
    place = pool_of(salus, plan)
    held, owed = _held_and_owed(salus, place)
    context.confirm([("pool of", plan.insurer), ("holds", held), ("owes", owed), *context.where(salus)], "Pay it?")
    receipt = salus.treasury.settle(place.insurer, place.token, count=count)
    paid = sum(not event.args["cancelled"] for event in receipt.events("DebtSettled"))
    held, owed = _held_and_owed(salus, place)
    text = f"{paid} debts paid; the pool of {plan.insurer} holds {held} {plan.currency} and owes {owed}"
    context.sent(receipt, text, paid=paid, balance=held, owed=owed)


@command(noun, "repay")
@plan_argument
@click.argument("amount", required=False)
@click.option("--payee", help="Who has to give back [default: whom the signer acts for].")
def repay(context: Context, plan_file: str, amount: str | None, payee: str | None) -> None:
    """Give back to a plan's pool what reversals left to be given back, from the signer's tokens: an amount, or all.

    What is not given back is set off against what the pool pays next.

    \b
    Example:
      salus claim repay plan.json 120.00 --keystore hospital.json
    """
    plan, salus = opened(context, plan_file)
    place = pool_of(salus, plan)
    account = salus.institutions.resolve(payee) if payee else salus.institutions.of_signer()
    due = salus.treasury.set_off(place.insurer, place.token, account)
    units = due if amount is None else amount_of(amount, place.decimals, "AMOUNT")
    facts = [("payee", salus.institutions.name(account)), ("due", place.money(due)), ("amount", place.money(units))]
    context.confirm([*facts, ("pool of", plan.insurer), *context.where(salus)], "Give it back?")
    receipt = salus.treasury.repay(place.insurer, place.token, account, units)
    left = str(_to_give_back(salus, place, account))
    context.sent(receipt, f"given back; {left} {plan.currency} is left", left=left)


@command(noun, "collect")
@click.argument("token")
def collect(context: Context, token: str) -> None:
    """Send the signer what is held for it because the token refused the payment.

    \b
    Example:
      salus claim collect 0x9A676e781A523b5d0C0e43731313A708CB607508 --keystore hospital.json
    """
    from salus.claims.model import money

    salus = context.connect_signing()
    held = salus.treasury.held(salus.need_signer().address, token)
    shown = str(money(held, salus.treasury.decimals(token)))
    context.confirm([("token", token), ("held", shown), *context.where(salus)], "Collect it?")
    context.sent(salus.treasury.collect(token), f"collected {shown}", token=token, amount=shown)


@command(noun, "leave")
@plan_argument
@click.option("--announce", help="Announce that this amount will be withdrawn; 0 takes it back.")
def leave(context: Context, plan_file: str, announce: str | None) -> None:
    """Withdraw what was announced from a plan's pool, beyond what it owes; or announce it. The signer is the insurer.

    \b
    Example:
      salus claim leave plan.json --announce 5000.00 --keystore insurer.json
      salus claim leave plan.json --keystore insurer.json
    """
    plan, salus = opened(context, plan_file)
    place = pool_of(salus, plan)
    facts = [("pool of", plan.insurer), ("announce", announce if announce is not None else "no, withdraw")]
    context.confirm([*facts, *context.where(salus)], "Go on?")
    if announce is not None:
        receipt = salus.treasury.announce_exit(place.token, amount_of(announce, place.decimals, "--announce"))
        found = salus.treasury.pool(place.insurer, place.token)
        text = f"announced; it can be withdrawn from {moment(found.exit_from)}" if found.exiting else "taken back"
        context.sent(receipt, text, exitFrom=found.exit_from)
        return
    receipt = salus.treasury.exit(place.token)
    held, owed = _held_and_owed(salus, place)
    context.sent(receipt, f"withdrawn; the pool holds {held} {plan.currency} and owes {owed}", balance=held, owed=owed)


def _held_and_owed(salus: Salus, place: PlanPool) -> tuple[str, str]:
    """The pool's balance and what it owes, for people."""
    found = salus.treasury.pool(place.insurer, place.token)
    return str(place.money(found.balance)), str(place.money(found.owed))


def _to_give_back(salus: Salus, place: PlanPool, payee: str) -> Decimal:
    """What a payee, by name or account, has to give back."""
    return place.money(salus.treasury.set_off(place.insurer, place.token, salus.institutions.resolve(payee)))
