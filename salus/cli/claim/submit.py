"""``salus claim``: submit claims, estimate them, attest them for somebody else to submit."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from salus.cli.claim._shared import PLAN, by_file, noun, patients_of, tell_answers, tell_problems, where
from salus.cli.common import Context, command

if TYPE_CHECKING:
    from salus.claims.input import ClaimInput
    from salus.claims.model import ClaimAnswer, PreparedClaim
    from salus.claims.plans.model import Plan
    from salus.client import Salus
    from salus.errors import BadInput

__all__ = ["attest", "estimate", "relay", "submit"]

_PATIENT = (
    "What the claims call a patient, and the account that the patient uses for this insurer: Patient/1=0x…; may be"
    " repeated. An account alone stands for the one patient that all claims name."
)
_BATCH = click.option(
    "--batch", type=click.IntRange(1, 500), default=100, show_default=True, help="Claims in one transaction, at most."
)


def _input_options(function):  # type: ignore[no-untyped-def]
    """The files, and what says how to read them."""
    for option in (
        click.option("--map", "mapping_file", type=click.Path(), help="Mapping file: the claims' codes to the plan's."),
        click.option(
            "--provider-ref",
            "provider_refs",
            multiple=True,
            help="What the claims call the provider, if not all the same.",
        ),
        click.option("--patients", "patients_file", type=click.Path(), help="The same as a CSV file: patient,account."),
        click.option("--patient", "patients", multiple=True, help=_PATIENT),
        click.option("--plan", "plan_file", required=True, type=click.Path(), help=PLAN),
        click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path()),
    ):
        function = option(function)
    return function


@command(noun, "submit")
@_input_options
@_BATCH
@click.option("--out", type=click.Path(), help="Folder for a FHIR ClaimResponse to each claim.")
@click.option("--dry-run", is_flag=True, help="Only read the files, and list what is wrong and what does not map.")
def submit(
    context: Context,
    files: tuple[str, ...],
    plan_file: str,
    patients: tuple[str, ...],
    patients_file: str | None,
    provider_refs: tuple[str, ...],
    mapping_file: str | None,
    batch: int,
    out: str | None,
    dry_run: bool,
) -> None:
    """Submit claims; each is judged and paid at once. The signer acts for the provider.

    Files are FHIR R4 Claims (also NDJSON and Bundles), X12 837P or 837I, or CSV. What cannot be read exactly is listed
    with its file, field and fix, and left out. What is on chain already is not sent again, so that a run that broke off
    is taken up by the same command. The exit code is 1 when anything was refused or left out.

    \b
    Example:
      salus claim submit claims.ndjson claims.edi --plan plan.json --out answers --keystore hospital.json \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --map codes.csv
    """
    from salus.claims.files.fhir_response import write_claim_responses
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    problems: list[BadInput] = []
    claims = _read(context, files, "claim", mapping_file, problems)
    if dry_run:
        _tell_unmapped(context, claims, plan, problems)
        return
    salus = context.connect_signing()
    prepared = _prepared(salus, claims, plan, patients, patients_file, provider_refs, None, problems)
    tell_problems(context, problems)
    _confirm(context, salus, prepared, plan, problems, "Submit them?")
    if out:
        # A folder that cannot be made is told before anything is sent.
        write_claim_responses([], out, insurer=plan.insurer)
    answers = _send(context, salus, prepared, batch, None, out, plan.insurer)
    tell_answers(context, answers, plan.insurer, plan.currency)
    if problems or any(answer.refusal for answer in answers):
        sys.exit(1)


@command(noun, "estimate")
@_input_options
@click.option("--provider", required=True, help="Name or account of the institution that would submit them.")
@click.option(
    "--use",
    type=click.Choice(["any", "claim", "predetermination"]),
    default="any",
    show_default=True,
    help="Claim.use of FHIR claims.",
)
def estimate(
    context: Context,
    files: tuple[str, ...],
    plan_file: str,
    patients: tuple[str, ...],
    patients_file: str | None,
    provider_refs: tuple[str, ...],
    mapping_file: str | None,
    provider: str,
    use: str,
) -> None:
    """Tell what the patient would bear and the plan would pay now, claim by claim; nothing is signed or written.

    Each is judged as if it alone were submitted now: before the visit, by a FHIR Claim of use predetermination.

    \b
    Example:
      salus claim estimate visit.json --plan plan.json --provider city-hospital \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    problems: list[BadInput] = []
    claims = _read(context, files, use, mapping_file, problems)
    salus = context.connect()
    prepared = _prepared(salus, claims, plan, patients, patients_file, provider_refs, provider, problems)
    answers = salus.claims.estimate(prepared)
    tell_problems(context, problems)
    tell_answers(context, answers, plan.insurer, plan.currency)
    if problems or any(answer.refusal for answer in answers):
        sys.exit(1)


@command(noun, "attest")
@_input_options
@click.option("--out", required=True, type=click.Path(), help="File for the attested claims; not there yet.")
def attest(
    context: Context,
    files: tuple[str, ...],
    plan_file: str,
    patients: tuple[str, ...],
    patients_file: str | None,
    provider_refs: tuple[str, ...],
    mapping_file: str | None,
    out: str,
) -> None:
    """Sign claims as their provider, for somebody else to submit; nothing is sent.

    \b
    Example:
      salus claim attest claims.ndjson --plan plan.json --out attested.json --keystore hospital.json \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from salus.claims.attestations import save
    from salus.claims.plans.file import load_plan

    plan = load_plan(plan_file)
    problems: list[BadInput] = []
    claims = _read(context, files, "claim", mapping_file, problems)
    salus = context.connect_signing()
    prepared = _prepared(salus, claims, plan, patients, patients_file, provider_refs, None, problems)
    tell_problems(context, problems)
    _confirm(context, salus, prepared, plan, problems, "Sign them?")
    save(salus.claims.attest(prepared), out)
    ids = ["0x" + claim.id.hex() for claim in prepared]
    context.answer(
        {"file": out, "claims": ids}, f"{len(prepared)} claims attested in {out}; anybody may `salus claim relay` it"
    )
    if problems:
        sys.exit(1)


@command(noun, "relay")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path())
@_BATCH
def relay(context: Context, files: tuple[str, ...], batch: int) -> None:
    """Submit claims that their provider attested. Anyone may; the provider is paid.

    \b
    Example:
      salus claim relay attested.json --keystore anyone.json
    """
    from salus.claims.attestations import load

    attested = [item for file in files for item in load(file)]
    salus = context.connect_signing()
    claims, signatures = salus.claims.take(attested)
    providers = {salus.institutions.name(claim.provider) for claim in claims}
    context.confirm(
        [("claims", len(claims)), ("providers", ", ".join(sorted(providers))), *where(context, salus)], "Submit them?"
    )
    answers = _send(context, salus, claims, batch, signatures, None, "")
    tell_answers(context, answers, "", "the plan's token")
    if any(answer.refusal for answer in answers):
        sys.exit(1)


# -------------------------------------------------------------------------------------------------------------- shared


def _read(
    context: Context, files: Collection[str], use: str, mapping_file: str | None, problems: list[BadInput]
) -> list[ClaimInput]:
    from salus.claims.files.any_format import read_claim_files

    with context.progress("files", len(files)) as bar:
        claims = read_claim_files(
            list(files), use=use, problems=problems, progress=lambda done: bar.update(done - bar.pos)
        )
    if not claims and problems:
        raise problems[0]
    return by_file(mapping_file, claims, problems)


def _prepared(
    salus: Salus,
    claims: list[ClaimInput],
    plan: Plan,
    patients: tuple[str, ...],
    patients_file: str | None,
    provider_refs: tuple[str, ...],
    provider: str | None,
    problems: list[BadInput],
) -> list[PreparedClaim]:
    accounts = patients_of(patients, patients_file, claims)
    before = len(problems)
    prepared = salus.claims.prepare(
        claims, plan, accounts, provider_refs=provider_refs or None, provider=provider, problems=problems
    )
    if not prepared:
        raise problems[before]
    return prepared


def _confirm(
    context: Context, salus: Salus, prepared: list[PreparedClaim], plan: Plan, problems: list[BadInput], question: str
) -> None:
    from salus.formats.json_file import add

    total = add([claim.input.total for claim in prepared])
    facts: list[tuple[str, object]] = [
        ("claims", len(prepared)),
        ("billed", f"{total} {plan.currency}"),
        ("insurer", plan.insurer),
    ]
    if problems:
        facts.append(("left out", f"{len(problems)}, see above"))
    context.confirm([*facts, *where(context, salus)], question)


def _send(
    context: Context,
    salus: Salus,
    prepared: list[PreparedClaim],
    batch: int,
    signatures: dict[bytes, bytes] | None,
    out: str | None,
    insurer: str,
) -> list[ClaimAnswer]:
    from salus.claims.files.fhir_response import write_claim_responses

    found: dict[str, ClaimAnswer] = {}
    with context.outbox(salus) as outbox, context.progress("claims", len(prepared)) as bar:
        for part in salus.claims.submit_prepared(prepared, batch=batch, signatures=signatures, outbox=outbox):
            found |= {answer.id: answer for answer in part}
            if out:
                # An earlier run may have been stopped between the chain and the file.
                kept = {path.name for path in Path(out).glob("ClaimResponse-*.json")}
                new = [a for a in part if not (a.earlier and f"ClaimResponse-{a.id[2:18]}.json" in kept)]
                write_claim_responses(new, out, insurer=insurer)
            bar.update(len(part))
    return [found["0x" + claim.id.hex()] for claim in prepared]


def _tell_unmapped(context: Context, claims: list[ClaimInput], plan: Plan, problems: list[BadInput]) -> None:
    from salus.claims.code_map import unmapped

    tell_problems(context, problems)
    found = unmapped(claims, {(price.system, price.code) for price in plan.prices})
    rows = [(u.claim, u.sequence, *u.code, u.text, u.source) for u in found]
    codes = len({u.code for u in found})
    data = {
        "claims": len(claims),
        "problems": [str(problem) for problem in problems],
        "unmapped": [
            dict(zip(("claim", "line", "system", "code", "text", "source"), row, strict=True)) for row in rows
        ],
    }

    def tell() -> None:
        if rows:
            context.table(
                "not in the plan's price list (CARC 204)", ("claim", "line", "system", "code", "text", "source"), rows
            )

    context.answer(data, tell)
    context.note(
        f"{len(claims)} claims read, {len(problems)} left out; {len(found)} lines of {codes} codes are not in the plan"
    )
    if problems or found:
        sys.exit(1)
