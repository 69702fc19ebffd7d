"""Submit FHIR R4 claims of one provider in batches; each is judged and paid in the transaction that submits it.

    python scripts/submit_claims.py claims.ndjson --plan plan.json --patient Patient/1=0x… --out answers

Who signs and where, as for `salus`: --rpc, --book and --keystore, or SALUS_RPC, SALUS_BOOK, SALUS_KEYSTORE and
SALUS_PASSWORD. Each value is printed before anything is sent. The exit code is 1 when the rules refused any claim.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from salus.cli.common import Context
from salus.errors import SalusError
from salus.fhir import read_claims, write_claim_responses
from salus.planfile import load_plan


def submit_claims(salus, files, plan, patients, *, out=None, batch=50, provider_refs=None, say=lambda text: None):
    """Submit the claims of files and write a FHIR ClaimResponse for each.

    salus          client whose signer acts for the provider
    files          FHIR Claims: JSON, NDJSON or Bundles
    plan           the insurer's plan, from load_plan
    patients       account of each patient for this insurer, by what the claims call the patient
    out            folder of the ClaimResponses; none are written when None
    batch          claims in one transaction
    provider_refs  what the claims may call the provider, when they do not agree on one
    say            told of progress, a line at a time

    Everything is read and checked before the first transaction. Returns one ClaimAnswer a claim, in order.
    """
    claims = [claim for file in files for claim in read_claims(file)]
    prepared = salus.claims.prepare(claims, plan, patients, provider_refs=provider_refs)
    if out is not None:
        write_claim_responses(
            [], out, insurer=plan.insurer
        )  # a folder that cannot be made is told before anything is sent
    answers = []
    for part in salus.claims.submit_prepared(prepared, batch=batch):
        answers += part
        if out is not None:
            write_claim_responses(part, out, insurer=plan.insurer)
        say(f"{len(answers)} of {len(prepared)} claims answered")
    return answers


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="FHIR Claims: JSON, NDJSON or Bundles")
    parser.add_argument("--plan", required=True, help="the insurer's plan file")
    parser.add_argument("--patient", action="append", required=True, metavar="REF=ACCOUNT", help="may be repeated")
    parser.add_argument("--provider-ref", action="append", help="what the claims call the provider; may be repeated")
    parser.add_argument("--out", help="folder for the ClaimResponses")
    parser.add_argument("--batch", type=int, default=50, choices=range(1, 501), metavar="1..500")
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
        context = Context(given.rpc, given.book, given.keystore, given.password_file, given.yes)
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
        answers = submit_claims(
            salus,
            given.files,
            plan,
            patients,
            out=given.out,
            batch=given.batch,
            provider_refs=given.provider_ref,
            say=lambda text: print(text, file=sys.stderr),
        )
    except SalusError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for answer in answers:
        if answer.refusal:
            print(f"{answer.input.number}: refused, {answer.refusal.words} (CARC {answer.carc})")
        else:
            amounts = (answer.charge, answer.allowed, answer.paid, answer.patient_share)
            billed, allowed, paid, share = (answer.money(units) for units in amounts)
            state = answer.state.name.lower()
            print(f"{answer.input.number}: {state}, billed {billed}, allowed {allowed}, paid {paid}, patient {share}")
    return 1 if any(answer.refusal for answer in answers) else 0


if __name__ == "__main__":
    sys.exit(main())
