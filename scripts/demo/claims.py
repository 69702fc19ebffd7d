"""Act 3: claims judged and paid in one transaction, while the consent stands."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from salus import (
    ClaimAnswer,
    ClaimInput,
    Contract,
    Membership,
    Plan,
    Salus,
    State,
    claim_response,
    dump_json,
    explanation_of_benefit,
    load_plan,
    read_claim_files,
)
from scripts.demo.stage import EXAMPLES, ROOT, Stage, command, patient_account
from scripts.demo.terminal import iso, say

# What the hospital submits, in this order: FHIR R4 as a resource, as lines and as a Bundle, CSV and X12 837.
CLAIM_FILES = (
    "claim.json",
    "claims.ndjson",
    "claims-bundle.json",
    "claim-secondary.json",
    "claims.csv",
    "claims-837p.txt",
)


@dataclass(frozen=True)
class Desk:
    """The hospital's side of one insurer's plan.

    member    account that the patient uses for this insurer alone
    """

    hospital: Salus
    plan: Plan
    member: str

    def estimate(self, file: str) -> None:
        """Print what the patient would bear of a claim that is not sent."""
        inputs = read_claim_files([EXAMPLES / file], use="any")
        prepared = self.hospital.claims.prepare(inputs, self.plan, {"Patient/patient-1": self.member})
        (estimate,) = self.hospital.claims.estimate(prepared)
        share, paid = (estimate.money(units) for units in (estimate.patient_share, estimate.paid))
        say(f"before the visit: the patient would bear {share}, the plan pay {paid}; nothing is sent for that")

    def submit(self, inputs: list[ClaimInput]) -> list[ClaimAnswer]:
        """Submit claims in one transaction. Whatever a file calls its one patient, it is this member."""
        patients = {claim.patient_ref: self.member for claim in inputs}
        refs = {claim.provider_ref for claim in inputs}
        return self.hospital.claims.submit(inputs, self.plan, patients, provider_refs=refs)


def settle_claims(stage: Stage) -> list[ClaimAnswer]:
    """Plan, pool, member; claims from files of three formats; one is reviewed and appealed; then the patient
    revokes.
    """
    desk = open_desk(stage)
    desk.estimate("claim-predetermination.json")
    answers = []
    for name in CLAIM_FILES:
        inputs = read_claim_files([EXAMPLES / name], mapping=EXAMPLES / "codes.csv")
        answers += desk.submit(inputs)
        counted = "1 claim" if len(inputs) == 1 else f"{len(inputs)} claims"
        say(f"{name}: {counted} submitted, judged and paid in one transaction")
    answers = [reviewed(stage, answer) if answer.state is State.PENDED else answer for answer in answers]

    say("the patient takes HPAYMT back; the same file with a new claim number is then refused")
    command(stage, "consent", "revoke", "--from", "north-mutual", "--relay-as", "city-hospital.json")
    (late,) = read_claim_files([EXAMPLES / "claim.json"])
    answers += desk.submit([replace(late, id="claim-late", number="CH-2025-0099")])
    write_answers(stage, answers)
    return answers


def open_desk(stage: Stage) -> Desk:
    """The insurer publishes a plan, funds its pool and enrolls the patient."""
    insurer = stage["north-mutual"]
    file = plan_file(stage.folder, reviewThreshold="500.00", reviewDays=14, appealDays=90)
    plan = load_plan(file)
    _token, plan_id = fund_plan(insurer, plan)
    say(f"plan {file.name}: {len(plan.prices)} prices, codes salted, published")
    say("pool funded with 50,000.00 in the demo's ERC-20; only the claim desk can pay from it")
    member = patient_account(stage, "north-mutual")
    insurer.plans.enroll(plan_id, [Membership(member, plan.valid_from, plan.valid_until)])
    first_day = iso(plan.valid_from * 86_400)[:10]
    say(f"enrolled {member} from {first_day}: the account this patient uses for this insurer alone")
    require_in_force(stage, plan_id)
    return Desk(stage["city-hospital"], plan, member)


def plan_file(folder: Path, **changes: Any) -> Path:
    """The plan of the examples with some changes, as a file of its own."""
    written = json.loads((EXAMPLES / "plan.json").read_text())
    file = folder / "plan.json"
    file.write_text(json.dumps({**written, **changes}, indent=2))
    return file


def fund_plan(insurer: Salus, plan: Plan) -> tuple[str, bytes]:
    """The insurer publishes a plan and fills its pool, in a token that is made for it; the token, the plan's id."""
    token = demo_token(insurer)
    plan_id = insurer.plans.install(plan, token=token)
    insurer.treasury.fund(insurer.institutions.resolve(plan.insurer), token, 50_000 * 10**6)
    return token, plan_id


def write_answers(stage: Stage, answers: list[ClaimAnswer]) -> None:
    """Write a ClaimResponse and an ExplanationOfBenefit for each claim."""
    out = stage.folder / "fhir"
    out.mkdir()
    for answer in answers:
        name = answer.input.number
        (out / f"ClaimResponse-{name}.json").write_text(dump_json(claim_response(answer, insurer="north-mutual")))
        benefit = dump_json(explanation_of_benefit(answer, insurer="north-mutual"))
        (out / f"ExplanationOfBenefit-{name}.json").write_text(benefit)
    say(f"{len(answers)} ClaimResponses and ExplanationsOfBenefit in build/demo/fhir/")


def require_in_force(stage: Stage, plan_id: bytes) -> None:
    """End the demo where the deployment delays new plans: the claims would wait for as long."""
    salus = stage["payer"]
    at = int(salus.call(salus.contract("Plans").functions.inForceAt(plan_id)))
    if at > salus.now():
        raise SystemExit(f"error: the plan judges from {iso(at)} on; run the demo on a deployment with RULES_DELAY=0")


def reviewed(stage: Stage, answer: ClaimAnswer) -> ClaimAnswer:
    """The insurer reviews a pended claim; the answer is then read from the chain."""
    insurer, claim = stage["north-mutual"], bytes.fromhex(answer.id[2:])
    say(f"{answer.input.number} would be paid {answer.money(answer.due)}: it waits for review, the money reserved")
    insurer.claims.review(claim)
    say("the insurer lets the rules decide; the history, from events alone:")
    for entry in insurer.claims.history(claim):
        say(f"  {entry.words}")
    plan = load_plan(stage.folder / "plan.json")
    return stage["city-hospital"].claims.told(claim, plan=plan, inputs=[answer.input])


def demo_token(client: Salus) -> str:
    """Deploy the demo's ERC-20, as Brownie built it, and mint some to the client's signer."""
    build = json.loads((ROOT / "build" / "contracts" / "TestToken.json").read_text())
    code = bytes.fromhex(build["bytecode"].removeprefix("0x")) + encode(
        ["string", "string", "uint8"], ["Demo dollar", "USD", 6]
    )
    token = Contract("TestToken", client.transact(data=code, name="deploying the token").deployed, build["abi"])
    client.send(token.functions.mint(client.need_signer().address, 50_000 * 10**6))
    return token.address
