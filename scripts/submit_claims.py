"""Submit claims of one provider in batches (FHIR R4, X12 837, CSV); each is judged and paid in the transaction that
submits it.

    python scripts/submit_claims.py claims.ndjson --plan plan.json --patient Patient/1=0x… --out answers

Who signs and where, as for `salus`: --rpc, --book and --keystore, or SALUS_RPC, SALUS_BOOK, SALUS_KEYSTORE and
SALUS_PASSWORD. Each value is printed before anything is sent. What is on chain already is not sent again, and what was
signed and not mined is taken up: run it once more after anything that broke off. The exit code is 1 when the rules
refused any claim, or one could not be read.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from salus.claims.code_map import apply, load_mapping
from salus.claims.files.any_format import read_claim_files
from salus.claims.files.fhir_response import write_claim_responses
from salus.claims.plans.file import load_plan
from salus.cli.context import Context
from salus.errors import SalusError


def prepare_claims(salus, files, plan, patients, *, mapping=None, provider_refs=None, problems=None):
    """Read and check the claims of files; nothing is sent.

    salus          client whose signer acts for the provider
    files          claims: FHIR (JSON, NDJSON, Bundles), X12 837 or CSV
    plan           the insurer's plan, from load_plan
    patients       account of each patient for this insurer, by what the claims call the patient
    mapping        the claims' codes to the plan's, from load_mapping
    provider_refs  what the claims may call the provider, when they do not agree on one
    problems       takes what is wrong with a file or a claim, which is then left out; None raises the first
    """
    claims = apply(read_claim_files(files, problems=problems), mapping or {}, problems=problems)
    if not claims:
        return []
    return salus.claims.prepare(claims, plan, patients, provider_refs=provider_refs, problems=problems)


def submit_claims(salus, prepared, *, insurer, out=None, batch=100, outbox=None, say=lambda text: None):
    """Submit prepared claims and write a FHIR ClaimResponse for each.

    salus     client whose signer acts for the provider
    prepared  from prepare_claims
    insurer   the plan's insurer, as the ClaimResponses name it
    out       folder of the ClaimResponses; none are written when None
    batch     claims in one transaction, at most
    outbox    sends several transactions at a time, each once, from Salus.outbox; None sends one after the other
    say       called with progress, a line at a time

    Returns one ClaimAnswer a claim, in order.
    """
    if not prepared:
        return []
    if out is not None:
        # Where the folder cannot be made, this fails before anything is sent.
        write_claim_responses([], out, insurer=insurer)
    answers = {}
    for part in salus.claims.submit_prepared(prepared, batch=batch, outbox=outbox):
        answers |= {answer.id: answer for answer in part}
        if out is not None:
            write_claim_responses([answer for answer in part if not answer.earlier], out, insurer=insurer)
        say(f"{len(answers)} of {len(prepared)} claims answered")
    return [answers["0x" + claim.id.hex()] for claim in prepared]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="claims: FHIR (JSON, NDJSON, Bundles), X12 837 or CSV")
    parser.add_argument("--plan", required=True, help="the insurer's plan file")
    parser.add_argument("--patient", action="append", required=True, metavar="REF=ACCOUNT", help="may be repeated")
    parser.add_argument("--provider-ref", action="append", help="what the claims call the provider; may be repeated")
    parser.add_argument("--map", help="mapping file: the claims' codes to the plan's")
    parser.add_argument("--out", help="folder for the ClaimResponses")
    parser.add_argument("--batch", type=int, default=100, choices=range(1, 501), metavar="1..500")
    parser.add_argument("--rpc", default=os.environ.get("SALUS_RPC", "http://127.0.0.1:8545"))
    parser.add_argument("--book", default=os.environ.get("SALUS_BOOK"))
    parser.add_argument("--keystore", default=os.environ.get("SALUS_KEYSTORE"))
    parser.add_argument("--password-file")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


def main():
    """Read the arguments, print them, ask, submit, print the answers."""
    given = arguments()
    try:
        plan = load_plan(given.plan)
        context = Context(
            rpc=given.rpc, book=given.book, keystore=given.keystore, password_file=given.password_file, yes=given.yes
        )
        salus = context.connect_signing()
        context.confirm(
            [
                ("files", ", ".join(given.files)),
                ("plan", f"{given.plan} of {plan.insurer}"),
                ("batch", given.batch),
                ("answers", given.out or "not written"),
                ("signer", salus.need_signer().address),
                ("chain", f"{salus.chain_id} at {given.rpc}"),
            ],
            "Submit the claims?",
        )
        patients = {ref: account for ref, _, account in (text.rpartition("=") for text in given.patient)}
        problems = []
        prepared = prepare_claims(
            salus,
            given.files,
            plan,
            patients,
            mapping=load_mapping(given.map) if given.map else None,
            provider_refs=given.provider_ref,
            problems=problems,
        )
        with context.outbox(salus) as outbox:
            answers = submit_claims(
                salus,
                prepared,
                insurer=plan.insurer,
                out=given.out,
                batch=given.batch,
                outbox=outbox,
                say=lambda text: print(text, file=sys.stderr),
            )
    except SalusError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    for answer in answers:
        if answer.refusal:
            print(f"{answer.input.number}: refused, {answer.refusal.words} (CARC {answer.carc})")
        else:
            amounts = (answer.charge, answer.allowed, answer.paid, answer.patient_share)
            billed, allowed, paid, share = (answer.money(units) for units in amounts)
            outcome = f"{answer.outcome} earlier" if answer.earlier else answer.outcome
            print(f"{answer.input.number}: {outcome}, billed {billed}, allowed {allowed}, paid {paid}, patient {share}")
    if problems and not answers:
        return problems[0].exit_code
    return 1 if problems or any(answer.refusal for answer in answers) else 0


if __name__ == "__main__":
    sys.exit(main())
