"""``salus claim``: submit claims, estimate them, attest them for somebody else to submit."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.claim._answers import any_refused, show_answers
from salus.cli.claim._shared import PLAN, noun
from salus.cli.context import Context
from salus.cli.options import argument, command, option, takes

if TYPE_CHECKING:
    from salus.claims.files.response_folder import ResponseFolder
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


@dataclass(frozen=True)
class ClaimFiles:
    """The files, and what says how to read them."""

    files: tuple[str, ...] = argument(metavar="FILE...", nargs=-1, required=True, type=click.Path())
    plan_file: str = option("--plan", required=True, type=click.Path(), help=PLAN)
    patients: tuple[str, ...] = option("--patient", multiple=True, help=_PATIENT)
    patients_file: str | None = option("--patients", type=click.Path(), help="The same as a CSV file: patient,account.")
    provider_refs: tuple[str, ...] = option(
        "--provider-ref", multiple=True, help="What the claims call the provider, if not all the same."
    )
    mapping_file: str | None = option("--map", type=click.Path(), help="Mapping file: the claims' codes to the plan's.")

    def plan(self) -> Plan:
        """The plan of the plan file."""
        from salus.claims.plans.file import load_plan

        return load_plan(self.plan_file)

    def read(self, context: Context, problems: list[BadInput], use: str = "claim") -> list[ClaimInput]:
        """The claims of the files, with the plan's codes where a mapping file says what they are.

        Raises:
            BadInput: No claim can be read.
        """
        from salus.claims.code_map import apply, load_mapping
        from salus.claims.files.any_format import read_claim_files

        with context.progress("files", len(self.files)) as bar:
            claims = read_claim_files(
                self.files, use=use, problems=problems, progress=lambda done: bar.update(done - bar.pos)
            )
        if not claims and problems:
            raise _all_told(context, problems)
        return apply(claims, load_mapping(self.mapping_file), problems=problems) if self.mapping_file else claims

    def prepare(
        self,
        context: Context,
        salus: Salus,
        claims: list[ClaimInput],
        plan: Plan,
        problems: list[BadInput],
        provider: str | None = None,
    ) -> list[PreparedClaim]:
        """The claims as the contract takes them.

        Raises:
            BadInput: Not one of them can be prepared.
        """
        from salus.claims.patients import patient_accounts

        accounts = patient_accounts(self.patients, claims, self.patients_file)
        prepared = salus.claims.prepare(
            claims, plan, accounts, provider_refs=self.provider_refs or None, provider=provider, problems=problems
        )
        if not prepared:
            raise _all_told(context, problems)
        return prepared


def _all_told(context: Context, problems: list[BadInput]) -> BadInput:
    """Where nothing is left: shows what is wrong with each claim, and gives the last of it as the error to end with."""
    context.problems(problems[:-1], "left out")
    return problems[-1]


@command(noun, "submit")
@takes(given=ClaimFiles)
@_BATCH
@click.option("--out", type=click.Path(), help="Folder for a FHIR ClaimResponse to each claim.")
@click.option("--dry-run", is_flag=True, help="Only read the files, and list what is wrong and what does not map.")
def submit(context: Context, given: ClaimFiles, batch: int, out: str | None, dry_run: bool) -> None:
    """Submit claims; each is judged and paid at once. The signer acts for the provider.

    Files are FHIR R4 Claims (also NDJSON and Bundles), X12 837P or 837I, or CSV. What cannot be read exactly is listed
    with its file, field and fix, and left out. What is on chain already is not sent again: after a run that broke off,
    run the same command again. The exit code is 1 when anything was refused or left out.

    \b
    Example:
      salus claim submit claims.ndjson claims.edi --plan plan.json --out answers --keystore hospital.json \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --map codes.csv
    """
    from salus.claims.files.response_folder import ResponseFolder

    plan = given.plan()
    problems: list[BadInput] = []
    claims = given.read(context, problems)
    if dry_run:
        _show_unmapped(context, claims, plan, problems)
        return
    salus = context.connect_signing()
    prepared = given.prepare(context, salus, claims, plan, problems)
    context.problems(problems, "left out")
    context.confirm(_facts(context, salus, prepared, plan, problems), "Submit them?")
    folder = ResponseFolder(out, plan.insurer) if out else None
    answers = _send(context, salus, prepared, batch, folder=folder)
    show_answers(context, answers, plan.insurer, plan.currency)
    if problems or any_refused(answers):
        sys.exit(1)


@command(noun, "estimate")
@takes(given=ClaimFiles)
@click.option("--provider", required=True, help="Name or account of the institution that would submit them.")
@click.option(
    "--use",
    type=click.Choice(["any", "claim", "predetermination"]),
    default="any",
    show_default=True,
    help="Claim.use of FHIR claims.",
)
def estimate(context: Context, given: ClaimFiles, provider: str, use: str) -> None:
    """Tell what the patient would bear and the plan would pay now, claim by claim; nothing is signed or written.

    Each is judged as if it alone were submitted now: before the visit, by a FHIR Claim of use predetermination.

    \b
    Example:
      salus claim estimate visit.json --plan plan.json --provider city-hospital \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    plan = given.plan()
    problems: list[BadInput] = []
    claims = given.read(context, problems, use)
    salus = context.connect()
    answers = salus.claims.estimate(given.prepare(context, salus, claims, plan, problems, provider))
    context.problems(problems, "left out")
    show_answers(context, answers, plan.insurer, plan.currency)
    if problems or any_refused(answers):
        sys.exit(1)


@command(noun, "attest")
@takes(given=ClaimFiles)
@click.option("--out", required=True, type=click.Path(), help="File for the attested claims; not there yet.")
def attest(context: Context, given: ClaimFiles, out: str) -> None:
    """Sign claims as their provider, for somebody else to submit; nothing is sent.

    \b
    Example:
      salus claim attest claims.ndjson --plan plan.json --out attested.json --keystore hospital.json \\
          --patient Patient/patient-1=0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    from salus.claims.attestations import save

    plan = given.plan()
    problems: list[BadInput] = []
    claims = given.read(context, problems)
    salus = context.connect_signing()
    prepared = given.prepare(context, salus, claims, plan, problems)
    context.problems(problems, "left out")
    context.confirm(_facts(context, salus, prepared, plan, problems), "Sign them?")
    save(salus.claims.attest(prepared), out)
    context.answer(
        {"file": out, "claims": [claim.id for claim in prepared]},
        f"{len(prepared)} claims attested in {out}; anybody may `salus claim relay` it",
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
    facts = [("claims", len(claims)), ("providers", ", ".join(sorted(providers)))]
    context.confirm([*facts, *context.where(salus)], "Submit them?")
    answers = _send(context, salus, claims, batch, signatures=signatures)
    show_answers(context, answers, "", "the plan's token")
    if any_refused(answers):
        sys.exit(1)


# -------------------------------------------------------------------------------------------------------------- shared


def _facts(
    context: Context, salus: Salus, prepared: list[PreparedClaim], plan: Plan, problems: list[BadInput]
) -> list[tuple[str, object]]:
    from salus.formats.json_file import add

    total = add([claim.input.total for claim in prepared])
    facts: list[tuple[str, object]] = [
        ("claims", len(prepared)),
        ("billed", f"{total} {plan.currency}"),
        ("insurer", plan.insurer),
    ]
    if problems:
        facts.append(("left out", f"{len(problems)}, see above"))
    return [*facts, *context.where(salus)]


def _send(
    context: Context,
    salus: Salus,
    claims: list[PreparedClaim],
    batch: int,
    *,
    signatures: dict[bytes, bytes] | None = None,
    folder: ResponseFolder | None = None,
) -> list[ClaimAnswer]:
    """Submit the claims, and write each answer as soon as it is known."""
    found: dict[str, ClaimAnswer] = {}
    with context.outbox(salus) as outbox, context.progress("claims", len(claims)) as bar:
        for part in salus.claims.submit_prepared(claims, batch=batch, signatures=signatures, outbox=outbox):
            found |= {answer.id: answer for answer in part}
            if folder:
                folder.add(part)
            bar.update(len(part))
    return [found["0x" + claim.id.hex()] for claim in claims]


_UNMAPPED = ("claim", "line", "system", "code", "text", "source")


def _show_unmapped(context: Context, claims: list[ClaimInput], plan: Plan, problems: list[BadInput]) -> None:
    from salus.claims.code_map import unmapped

    context.problems(problems, "left out")
    found = unmapped(claims, {(price.system, price.code) for price in plan.prices})
    rows = [(u.claim, u.sequence, *u.code, u.text, u.source) for u in found]
    data = {
        "claims": len(claims),
        "problems": [str(problem) for problem in problems],
        "unmapped": [dict(zip(_UNMAPPED, row, strict=True)) for row in rows],
    }

    def show() -> None:
        if rows:
            context.table("not in the plan's price list (CARC 204)", _UNMAPPED, rows)

    context.answer(data, show)
    codes = len({u.code for u in found})
    context.note(
        f"{len(claims)} claims read, {len(problems)} left out; {len(found)} lines of {codes} codes are not in the plan"
    )
    if problems or found:
        sys.exit(1)
