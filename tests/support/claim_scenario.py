"""An insurer with a published plan, a hospital, and a member who permits the insurer to pay, on the tests' chain."""

import json
from dataclasses import replace

from salus.claims.files.fhir import read_claims
from salus.claims.plans.file import load_plan, new_salt
from salus.claims.plans.records import Membership
from salus.consent.registry import DirectiveDraft, Effect
from tests.support.shared_data import EXAMPLES

PLAN = {"name": "Basic", "version": 1, **json.loads((EXAMPLES / "plan.json").read_text())}
REF = "Patient/patient-1"
USD = 10**6  # the token has six decimals
ALWAYS = 2_000_000_000  # seconds


class ClaimScenario:
    """What the tests of claims begin with.

    deployed_chain  the chain, see deployed_chain.py
    token           an ERC-20 that anybody mints
    changes         fields of the plan's file that are not as in examples/plan.json
    plan            the plan as its file holds it
    plan_id         its id on chain
    payer           client of the insurer
    desk            client of the hospital
    """

    def __init__(self, deployed_chain, token, folder, *, fund=100_000 * USD, consent=True, **changes):
        self.deployed_chain, self.token = deployed_chain, token
        (self.insurer, self.handle), (self.hospital, self.provider) = (
            deployed_chain.institution("INSURER"),
            deployed_chain.institution("PROVIDER"),
        )
        self.patient = deployed_chain.person()
        self.path = folder / "plan.json"
        self.path.write_text(json.dumps({**PLAN, "insurer": self.handle, "salt": new_salt(), **changes}))
        self.plan = load_plan(self.path)
        self.payer, self.desk = deployed_chain.client(self.insurer), deployed_chain.client(self.hospital)
        self.plan_id = self.payer.plans.install(self.plan, token=token)
        self.enroll(self.patient.address)
        if fund:
            self.fund(fund)
        if consent:
            self.permit()

    def enroll(self, *accounts, secondary=False):
        first, last = self.plan.valid_from, self.plan.valid_until
        members = [Membership(account, first, last, secondary=secondary) for account in accounts]
        self.payer.plans.enroll(self.plan_id, members)

    def cover_late(self):
        """From the plan's third day on; returns a day of the plan that is not covered."""
        members = [Membership(self.patient.address, self.plan.valid_from + 2, self.plan.valid_until)]
        self.payer.plans.enroll(self.plan_id, members)
        return self.plan.valid_from + 1

    def mint(self, account, amount):
        erc20 = self.deployed_chain.w3.eth.contract(
            address=self.token, abi=self.deployed_chain.build("TestToken")["abi"]
        )
        self.payer.send(erc20.functions.mint(account, amount))

    def fund(self, amount):
        self.mint(self.insurer.address, amount)
        return self.payer.treasury.fund(self.insurer.address, self.token, amount)

    def permit(self, patient=None):
        self.deployed_chain.client(patient or self.patient).consent.grant(
            DirectiveDraft(self.insurer.address, Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, ALWAYS)
        )

    def prepare(self, claims, **options):
        return self.desk.claims.prepare(claims, self.plan, {REF: self.patient.address}, **options)

    def submit(self, claims, **options):
        return self.desk.claims.submit(claims, self.plan, {REF: self.patient.address}, **options)

    def paid_ones(self, count):
        """Prepared claims of one line each that the plan pays: a claim before them uses up the deductible."""
        (claim,) = read_claims(EXAMPLES / "claim.json")
        self.submit([replace(claim, number="first")])
        one = replace(claim, lines=claim.lines[:1])
        return self.prepare([replace(one, number=f"claim-{n}") for n in range(count)])

    def balance(self):
        return self.desk.treasury.balance(self.token, self.hospital.address)
