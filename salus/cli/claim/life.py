"""``salus claim``: one claim from its decision to its last appeal; all that is needed is on the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from salus.cli.claim._shared import amount_of, claim_of, noun, where, which_claim
from salus.cli.common import Context, command, moment

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt
    from salus.claims.model import ClaimAnswer
    from salus.client import Salus

__all__ = ["appeal", "arbitrate", "decide", "eob", "reverse", "review", "status", "withdraw"]


@command(noun, "status")
@which_claim
def status(context: Context, claim: str, plan_file: str | None, provider: str | None, number_system: str) -> None:
    """Tell where a claim stands and what happened to it, from the chain.

    \b
    Example:
      salus claim status 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f
      salus claim status CH-2025-0001 --plan plan.json --provider city-hospital --number-system
      https://city-hospital.example/claims
    """
    salus = context.connect()
    wanted = claim_of(salus, claim, plan_file, provider, number_system)
    record, entries = salus.claims.get(wanted), salus.claims.history(wanted)
    lines = [record.state.words + ("; an appeal waits for the arbiter" if record.appealed else "")]
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
@which_claim
@click.option(
    "--file", "files", multiple=True, type=click.Path(), help="The claim's own file, for its texts and references."
)
@click.option("--response", is_flag=True, help="A ClaimResponse instead.")
def eob(
    context: Context,
    claim: str,
    plan_file: str | None,
    provider: str | None,
    number_system: str,
    files: tuple[str, ...],
    response: bool,
) -> None:
    """Write a decided claim as a FHIR ExplanationOfBenefit, from the chain.

    With the plan file the codes are told, for its salt is in it; without it they stay hashes.

    \b
    Example:
      salus claim eob 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --plan plan.json > eob.json
    """
    from salus.claims.files.fhir_eob import explanation_of_benefit
    from salus.claims.files.fhir_response import claim_response
    from salus.formats.json_file import dump_json

    salus = context.connect()
    answer = _answer(salus, claim_of(salus, claim, plan_file, provider, number_system), plan_file, files)
    terms = salus.call(salus.contract("Plans").functions.terms(bytes.fromhex(answer.plan[2:])))
    make = claim_response if response else explanation_of_benefit
    click.echo(dump_json(make(answer, insurer=salus.institutions.name(terms.insurer))), nl=False)


def _answer(salus: Salus, wanted: bytes, plan_file: str | None, files: tuple[str, ...]) -> ClaimAnswer:
    from salus.claims.files.any_format import read_claim_files
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file) if plan_file else None
    inputs = read_claim_files(files, use="any") if files else []
    return salus.claims.told(wanted, plan=plan, inputs=inputs)


# ------------------------------------------------------------------------------------------------------------ going on


def _go_on(
    context: Context,
    claim: tuple[str, str | None, str | None, str],
    what: str,
    act: Callable[[Salus, bytes], Receipt],
    facts: Callable[[Salus, bytes], list[tuple[str, object]]] | None = None,
) -> None:
    """Show the claim, ask, act, and tell where it stands then."""
    salus = context.connect_signing()
    wanted = claim_of(salus, *claim)
    record = salus.claims.get(wanted)
    shown: list[tuple[str, object]] = [("claim", record.id), ("state", record.state.words)]
    context.confirm([*shown, *(facts(salus, wanted) if facts else []), *where(context, salus)], f"{what} it?")
    receipt = act(salus, wanted)
    after = salus.claims.get(wanted)
    context.sent(
        receipt,
        after.state.words + ("; an appeal waits for the arbiter" if after.appealed else ""),
        claim=after.id,
        state=after.state.name.lower(),
        appealed=after.appealed,
    )


def _decided_facts(salus: Salus, wanted: bytes) -> list[tuple[str, object]]:
    found = salus.claims.decided(wanted)
    return [
        ("provider", salus.institutions.name(found.provider)),
        ("billed", found.money(found.charge)),
        ("paid", found.money(found.paid)),
    ]


def _pended_facts(salus: Salus, wanted: bytes) -> list[tuple[str, object]]:
    from salus.claims.model import money

    found = salus.claims.pended(wanted)
    terms = salus.call(salus.contract("Plans").functions.terms(found.claim[0]))
    decimals = salus.treasury.decimals(terms.token)
    return [
        ("provider", salus.institutions.name(found.claim[2])),
        ("billed", money(sum(line[2] for line in found.claim[-1]), decimals)),
        ("would be paid", money(found.due, decimals)),
    ]


@command(noun, "review")
@which_claim
@click.option("--deny", "carc", type=click.IntRange(1, 999), help="Deny it, with this CARC, e.g. 50.")
def review(context: Context, carc: int | None, **claim: Any) -> None:
    """Review a pended claim: the rules decide it, or it is denied with a code. The signer acts for the insurer.

    \b
    Example:
      salus claim review 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --deny 50 --keystore
      insurer.json
    """
    what = f"Deny (CARC {carc})" if carc else "Approve"
    _go_on(context, _named(**claim), what, lambda salus, wanted: salus.claims.review(wanted, carc or 0), _pended_facts)


@command(noun, "decide")
@which_claim
def decide(context: Context, **claim: Any) -> None:
    """Let the rules decide a pended claim that nobody reviewed in time. Anyone may.

    \b
    Example:
      salus claim decide 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore anyone.json
    """
    _go_on(context, _named(**claim), "Decide", lambda salus, wanted: salus.claims.decide(wanted), _pended_facts)


@command(noun, "withdraw")
@which_claim
def withdraw(context: Context, **claim: Any) -> None:
    """Take a pended claim back; its number is free for another content. The signer acts for the provider.

    \b
    Example:
      salus claim withdraw 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, _named(**claim), "Withdraw", lambda salus, wanted: salus.claims.withdraw(wanted), _pended_facts)


@command(noun, "reverse")
@which_claim
def reverse(context: Context, **claim: Any) -> None:
    """Give a settled or owed claim back: what it used up is restored, what was paid is set off. Provider, or insurer in
    time.

    \b
    Example:
      salus claim reverse 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, _named(**claim), "Reverse", lambda salus, wanted: salus.claims.reverse(wanted), _decided_facts)


@command(noun, "appeal")
@which_claim
def appeal(context: Context, **claim: Any) -> None:
    """Ask the arbiter about a decided claim, once. The signer acts for the provider, or is the patient.

    \b
    Example:
      salus claim appeal 0x3f0f3c1b2f6a5f0d4f6f6c3b1e7d9a0c2b4d6e8f0a1c3e5b7d9f1a3c5e7b9d1f --keystore hospital.json
    """
    _go_on(context, _named(**claim), "Appeal", lambda salus, wanted: salus.claims.appeal(wanted), _decided_facts)


@command(noun, "arbitrate")
@which_claim
@click.option("--award", required=True, help="How much more is paid, e.g. 12.50; 0 for nothing.")
@click.option("--carc", required=True, type=click.IntRange(1, 999), help="Why, e.g. 45.")
def arbitrate(context: Context, award: str, carc: int, **claim: Any) -> None:
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

    _go_on(context, _named(**claim), f"Award {award} on", act, _decided_facts)


def _named(
    claim: str, plan_file: str | None, provider: str | None, number_system: str
) -> tuple[str, str | None, str | None, str]:
    return claim, plan_file, provider, number_system
