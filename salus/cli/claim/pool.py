"""``salus claim``: the insurer's pool, what it owes, and what is to be given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import amount_of, noun, pool_of, where
from salus.cli.common import Context, command, moment

if TYPE_CHECKING:
    from salus.client import Salus

__all__ = ["collect", "fund", "halt", "leave", "pool", "repay", "settle"]


@command(noun, "fund")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.argument("amount")
def fund(context: Context, plan_file: str, amount: str) -> None:
    """Add to the pool from which a plan's claims are paid, from the signer's tokens.

    A token that has permits (EIP-2612) is paid in by one transaction, any other by an approval before. Only the claim
    desk can spend the money; its insurer leaves by an announced exit.

    \b
    Example:
      salus claim fund plan.json 25000.00 --keystore insurer.json
    """
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, decimals = pool_of(salus, plan)
    units = amount_of(amount, decimals, "AMOUNT")
    facts = [("pool of", plan.insurer), ("amount", f"{amount} {plan.currency}"), ("token", token)]
    context.confirm([*facts, *where(context, salus)], "Fund it?")
    receipt = salus.treasury.fund(insurer, token, units)
    held, owed = _shown(salus, insurer, token, decimals)
    text = f"the pool of {plan.insurer} holds {held} {plan.currency}"
    if owed != "0.00":
        text += f" and owes {owed}; pay with `salus claim settle`"
    context.sent(receipt, text, insurer=insurer, token=token, balance=held, owed=owed)


@command(noun, "pool")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--payee", "payees", multiple=True, help="Tell what this provider has to give back.")
def pool(context: Context, plan_file: str, payees: tuple[str, ...]) -> None:
    """Show the pool of a plan: balance, what is reserved, what is owed.

    \b
    Example:
      salus claim pool plan.json --payee city-hospital
    """
    from salus.claims.model import money
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect()
    insurer, token, decimals = pool_of(salus, plan)
    found = salus.treasury.pool(insurer, token)
    sums = {name: str(money(getattr(found, name), decimals)) for name in ("balance", "reserved", "owed", "exiting")}
    back = {
        payee: str(money(salus.treasury.set_off(insurer, token, salus.institutions.resolve(payee)), decimals))
        for payee in payees
    }
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
        "insurer": insurer,
        "token": token,
        **sums,
        "waiting": found.waiting,
        "exitFrom": found.exit_from,
        "setOffs": back,
    }
    data["haltedUntil"] = found.halted_until
    context.answer(data, "\n".join(lines))


@command(noun, "halt")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
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
    from salus.claims.plans.file import load_plan
    from salus.errors import BadInput

    if ended and days is not None:
        raise BadInput("--end", "", "is given with --days; give one of them")
    plan = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, _ = pool_of(salus, plan)
    until = 0 if ended else salus.now() + int((days or 1) * 24 * 3600)
    what = "go on" if ended else f"halted until {moment(until)}"
    context.confirm([("pool of", plan.insurer), ("payments", what), *where(context, salus)], "Do it?")
    receipt = salus.treasury.halt(token, until)
    text = (
        f"the pool of {plan.insurer} pays again"
        if ended
        else f"the pool of {plan.insurer} pays nothing until {moment(until)}"
    )
    context.sent(receipt, text, insurer=insurer, token=token, until=until)


@command(noun, "settle")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--count", type=click.IntRange(1, 500), default=50, show_default=True, help="Debts to look at, at most.")
def settle(context: Context, plan_file: str, count: int) -> None:
    """Pay what a plan's pool owes, oldest first, as far as it suffices. Anyone may.

    \b
    Example:
      salus claim settle plan.json --keystore anyone.json
    """
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, decimals = pool_of(salus, plan)
    held, owed = _shown(salus, insurer, token, decimals)
    context.confirm([("pool of", plan.insurer), ("holds", held), ("owes", owed), *where(context, salus)], "Pay it?")
    receipt = salus.treasury.settle(insurer, token, count=count)
    paid = sum(not event.args["cancelled"] for event in receipt.events("DebtSettled"))
    held, owed = _shown(salus, insurer, token, decimals)
    text = f"{paid} debts paid; the pool of {plan.insurer} holds {held} {plan.currency} and owes {owed}"
    context.sent(receipt, text, paid=paid, balance=held, owed=owed)


@command(noun, "repay")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.argument("amount", required=False)
@click.option("--payee", help="Who has to give back [default: whom the signer acts for].")
def repay(context: Context, plan_file: str, amount: str | None, payee: str | None) -> None:
    """Give back to a plan's pool what reversals left to be given back, from the signer's tokens: an amount, or all.

    What is not given back is set off against what the pool pays next.

    \b
    Example:
      salus claim repay plan.json 120.00 --keystore hospital.json
    """
    from salus.claims.model import money
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, decimals = pool_of(salus, plan)
    who = payee or salus.institutions.standing(salus.need_signer().address).institution
    account = salus.institutions.resolve(who)
    due = salus.treasury.set_off(insurer, token, account)
    units = due if amount is None else amount_of(amount, decimals, "AMOUNT")
    facts = [
        ("payee", salus.institutions.name(account)),
        ("due", money(due, decimals)),
        ("amount", money(units, decimals)),
    ]
    context.confirm([*facts, ("pool of", plan.insurer), *where(context, salus)], "Give it back?")
    receipt = salus.treasury.repay(insurer, token, account, units)
    left = str(money(salus.treasury.set_off(insurer, token, account), decimals))
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
    context.confirm([("token", token), ("held", shown), *where(context, salus)], "Collect it?")
    context.sent(salus.treasury.collect(token), f"collected {shown}", token=token, amount=shown)


@command(noun, "leave")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option("--announce", help="Announce that this amount will be withdrawn; 0 takes it back.")
def leave(context: Context, plan_file: str, announce: str | None) -> None:
    """Withdraw what was announced from a plan's pool, beyond what it owes; or announce it. The signer is the insurer.

    \b
    Example:
      salus claim leave plan.json --announce 5000.00 --keystore insurer.json
      salus claim leave plan.json --keystore insurer.json
    """
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    salus = context.connect_signing()
    insurer, token, decimals = pool_of(salus, plan)
    facts = [("pool of", plan.insurer), ("announce", announce if announce is not None else "no, withdraw")]
    context.confirm([*facts, *where(context, salus)], "Go on?")
    if announce is not None:
        receipt = salus.treasury.announce_exit(token, amount_of(announce, decimals, "--announce"))
        found = salus.treasury.pool(insurer, token)
        text = f"announced; it can be withdrawn from {moment(found.exit_from)}" if found.exiting else "taken back"
        context.sent(receipt, text, exitFrom=found.exit_from)
        return
    receipt = salus.treasury.exit(token)
    held, owed = _shown(salus, insurer, token, decimals)
    context.sent(receipt, f"withdrawn; the pool holds {held} {plan.currency} and owes {owed}", balance=held, owed=owed)


def _shown(salus: Salus, insurer: str, token: str, decimals: int) -> tuple[str, str]:
    """The pool's balance and what it owes, for people."""
    from salus.claims.model import money

    found = salus.treasury.pool(insurer, token)
    return str(money(found.balance, decimals)), str(money(found.owed, decimals))
