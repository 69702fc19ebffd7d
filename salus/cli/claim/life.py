"""``salus claim``: one claim from its decision to its last appeal; all that is needed is on the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import WhichClaim, noun
from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, takes
from salus.cli.values import amount_of

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.claims.model import ClaimRecord
    from salus.client import Salus

    Facts = list[tuple[str, object]]

__all__ = ["appeal", "arbitrate", "decide", "eob", "reverse", "review", "status", "withdraw"]


@command(noun, "status")
@takes(which=WhichClaim)
def status(context: Context, which: WhichClaim) -> None:
    """Tell where a claim stands and what happened to it, from the chain.

    \b
    Example:
      salus claim status 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f
      salus claim status CH-2025-0001 --plan plan.json --provider city-hospital --number-system
      https://city-hospital.example/claims
    """
    salus = context.connect()
    wanted = which.id(salus)
    record, entries = salus.claims.get(wanted), salus.claims.history(wanted)
    lines = [_state(record)]
    if record.review_by:
        until = moment(record.review_by)
        lines.append(f"the insurer reviews until {until}; then anyone's `salus claim decide` lets the rules decide")
    lines += [f"{moment(entry.at)}  {entry.words}  ({entry.transaction})" for entry in entries]
    data = {
        "claim": record.id,
        "state": record.state.name.lower(),
        "at": record.at,
        "reviewBy": record.review_by,
        "appealed": record.appealed,
        "history": [
            {
                "event": entry.name,
                "at": entry.at,
                "words": entry.words,
                "transaction": entry.transaction,
                "arguments": dict(entry.arguments),
            }
            for entry in entries
        ],
    }
    context.answer(data, "\n".join(lines))


noun.add_command(status, "show")


@command(noun, "eob")
@takes(which=WhichClaim)
@click.option(
    "--file", "files", multiple=True, type=click.Path(), help="The claim's own file, for its texts and references."
)
@click.option("--response", is_flag=True, help="A ClaimResponse instead.")
def eob(context: Context, which: WhichClaim, files: tuple[str, ...], response: bool) -> None:
    """Write a decided claim as a FHIR ExplanationOfBenefit, from the chain.

    With the plan file the codes are told, for its salt is in it; without it they stay hashes.

    \b
    Example:
      salus claim eob 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --plan plan.json > eob.json
    """
    from salus.claims.files.any_format import read_claim_files
    from salus.claims.files.fhir_eob import explanation_of_benefit
    from salus.claims.files.fhir_response import claim_response
    from salus.claims.plans.file import load_plan
    from salus.formats.json_file import dump_json

    salus = context.connect()
    plan = load_plan(which.plan_file) if which.plan_file else None
    inputs = read_claim_files(files, use="any") if files else []
    answer = salus.claims.told(which.id(salus), plan=plan, inputs=inputs)
    insurer = salus.institutions.name(salus.plans.terms(bytes.fromhex(answer.plan[2:])).insurer)
    make = claim_response if response else explanation_of_benefit
    click.echo(dump_json(make(answer, insurer=insurer)), nl=False)


# ------------------------------------------------------------------------------------------------------------ going on


def _go_on(
    context: Context,
    which: WhichClaim,
    what: str,
    act: Callable[[Salus, bytes], Receipt],
    facts: Callable[[Salus, bytes], Facts],
) -> None:
    """Show the claim, ask, act, and tell where it stands then."""
    salus = context.connect_signing()
    wanted = which.id(salus)
    record = salus.claims.get(wanted)
    shown: Facts = [("claim", record.id), ("state", record.state.words)]
    context.confirm([*shown, *facts(salus, wanted), *context.where(salus)], f"{what} it?")
    receipt = act(salus, wanted)
    after = salus.claims.get(wanted)
    context.sent(receipt, _state(after), claim=after.id, state=after.state.name.lower(), appealed=after.appealed)


def _state(record: ClaimRecord) -> str:
    return record.state.words + ("; an appeal waits for the arbiter" if record.appealed else "")


def _decided_facts(salus: Salus, wanted: bytes) -> Facts:
    found = salus.claims.decided(wanted)
    return [
        ("provider", salus.institutions.name(found.provider)),
        ("billed", found.money(found.charge)),
        ("paid", found.money(found.paid)),
    ]


def _pended_facts(salus: Salus, wanted: bytes) -> Facts:
    from salus.claims.model import money

    found = salus.claims.pended(wanted)
    decimals = salus.treasury.decimals(salus.plans.terms(found.claim[0]).token)
    return [
        ("provider", salus.institutions.name(found.claim[2])),
        ("billed", money(sum(line[2] for line in found.claim[-1]), decimals)),
        ("would be paid", money(found.due, decimals)),
    ]


@command(noun, "review")
@takes(which=WhichClaim)
@click.option("--deny", "carc", type=click.IntRange(1, 999), help="Deny it, with this CARC, e.g. 50.")
def review(context: Context, which: WhichClaim, carc: int | None) -> None:
    """Review a pended claim: the rules decide it, or it is denied with a code. The signer acts for the insurer.

    \b
    Example:
      salus claim review 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --deny 50 --keystore
      insurer.json
    """
    what = f"Deny (CARC {carc})" if carc else "Approve"
    _go_on(context, which, what, lambda salus, wanted: salus.claims.review(wanted, carc or 0), _pended_facts)


@command(noun, "decide")
@takes(which=WhichClaim)
def decide(context: Context, which: WhichClaim) -> None:
    """Let the rules decide a pended claim that nobody reviewed in time. Anyone may.

    \b
    Example:
      salus claim decide 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore anyone.json
    """
    _go_on(context, which, "Decide", lambda salus, wanted: salus.claims.decide(wanted), _pended_facts)


@command(noun, "withdraw")
@takes(which=WhichClaim)
def withdraw(context: Context, which: WhichClaim) -> None:
    """Take a pended claim back; its number is free for another content. The signer acts for the provider.

    \b
    Example:
      salus claim withdraw 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, which, "Withdraw", lambda salus, wanted: salus.claims.withdraw(wanted), _pended_facts)


@command(noun, "reverse")
@takes(which=WhichClaim)
def reverse(context: Context, which: WhichClaim) -> None:
    """Give a settled or owed claim back: what it used up is restored, what was paid is set off. Provider, or insurer in
    time.

    \b
    Example:
      salus claim reverse 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, which, "Reverse", lambda salus, wanted: salus.claims.reverse(wanted), _decided_facts)


@command(noun, "appeal")
@takes(which=WhichClaim)
def appeal(context: Context, which: WhichClaim) -> None:
    """Ask the arbiter about a decided claim, once. The signer acts for the provider, or is the patient.

    \b
    Example:
      salus claim appeal 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, which, "Appeal", lambda salus, wanted: salus.claims.appeal(wanted), _decided_facts)


@command(noun, "arbitrate")
@takes(which=WhichClaim)
@click.option("--award", required=True, help="How much more is paid, e.g. 12.50; 0 for nothing.")
@click.option("--carc", required=True, type=click.IntRange(1, 999), help="Why, e.g. 45.")
def arbitrate(context: Context, which: WhichClaim, award: str, carc: int) -> None:
    """Decide an appeal: so much more is paid, with a code. The signer is the arbiter.

    \b
    Example:
      salus claim arbitrate 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --award 12.50 --carc 45
      \\
          --keystore arbiter.json
    """

    def act(salus: Salus, wanted: bytes) -> Receipt:
        units = amount_of(award, salus.claims.decided(wanted).decimals, "--award")
        return salus.claims.arbitrate(wanted, units, carc)

    _go_on(context, which, f"Award {award} on", act, _decided_facts)
