"""Plans on chain: registered, loaded in batches that resume, sealed; members, contracts, pre-authorisations,
referrals.
"""

import dataclasses
import json
from decimal import Decimal

import pytest

from salus import errors
from salus.claims.adjudication import Category, Price
from salus.claims.input import LineInput
from salus.claims.plans import check as plancheck
from salus.claims.plans.file import load_plan, new_salt
from salus.claims.plans.plans import Authorization, Contract, Referral
from salus.claims.plans.records import Membership
from salus.consent.registry import DirectiveDraft, Effect
from salus.errors import BadInput
from tests.support.shared_data import EXAMPLES

FAMILY = json.loads((EXAMPLES / "plan-family.json").read_text())
BASIC = json.loads((EXAMPLES / "plan.json").read_text())
SCT = "http://snomed.info/sct"
CHECK_UP = FAMILY["prices"][0]
USD = 10**6  # the token has six decimals
REF = "Patient/patient-1"
DAY = 20_150  # 2025-03-03


class Insurance:
    """An insurer with a plan file, and a hospital with a schedule in it; nothing is on chain yet.

    payer     client of the insurer
    path      the plan file; `write` changes it
    """

    def __init__(self, deployed_chain, token, folder):
        self.deployed_chain, self.token, self.path = deployed_chain, token, folder / "plan.json"
        self.insurer, self.handle = deployed_chain.institution("INSURER")
        self.hospital, self.provider = deployed_chain.institution("PROVIDER")
        self.payer = deployed_chain.client(self.insurer)
        self.salt = new_salt()

    def write(self, base=FAMILY, /, **changes):
        schedules = [{**schedule, "provider": self.provider} for schedule in base.get("schedules", [])]
        own = {"insurer": self.handle, "salt": self.salt} | ({"schedules": schedules} if schedules else {})
        self.path.write_text(json.dumps({**base, **own, **changes}))
        return load_plan(self.path)

    def install(self, base=FAMILY, /, **changes):
        plan = self.write(base, **changes)
        return plan, self.payer.plans.install(plan, token=self.token)

    @property
    def block(self):
        return self.deployed_chain.w3.eth.block_number


@pytest.fixture
def insurance(deployed_chain, token, tmp_path):
    return Insurance(deployed_chain, token, tmp_path)


def many(count, **more):
    return [{"system": "urn:x", "code": str(n), "allowed": n, **more} for n in range(count)]


# ---------------------------------------------------------------------------------------------------------- a version


def test_what_is_installed_is_what_the_file_says(insurance):
    plan, plan_id = insurance.install()
    plans = insurance.payer.plans
    terms = plans.terms(plan_id)
    assert (terms.insurer, terms.token, terms.id) == (insurance.insurer.address, insurance.token, "0x" + plan_id.hex())
    assert (terms.valid_from, terms.valid_until) == (plan.valid_from, plan.valid_until)
    assert (terms.deductible, terms.family_deductible) == (500 * USD, 1000 * USD)
    assert (terms.out_of_pocket_maximum, terms.family_out_of_pocket_maximum) == (3000 * USD, 6000 * USD)
    assert (terms.coinsurance, terms.coinsurance_out) == (2000, 4000)
    assert (terms.annual_limit, terms.lifetime_limit, terms.review_threshold) == (
        250_000 * USD,
        1_000_000 * USD,
        5000 * USD,
    )
    assert (terms.waiting_days, terms.filing_days, terms.review_days, terms.appeal_days) == (30, 3650, 14, 180)
    assert terms.rules == 1 | 4 | 8  # copay first, network, covers outside
    assert 0 < terms.in_force_at <= insurance.payer.now()
    assert plans.categories(plan_id) == (
        Category(0, 4000, False),
        Category(1000, 4000, True, 20 * USD),
        Category(2000, 5000, True, 0, 1200 * USD),
    )
    assert plans.price(plan_id, plan.code(SCT, "185349003")) == Price(95 * USD, 2, limit=1, period=1)
    assert plans.price(plan_id, plan.code(SCT, "73761001")) == Price(820 * USD, 1, groups=12, limit=1, period=3650)
    assert plans.price(plan_id, plan.code(SCT, "91251008")) == Price(60 * USD, 3, referral=True, limit=24)
    assert plans.price(plan_id, plan.code(SCT, "609588000")) == Price(21_500 * USD, preauthorization=True, limit=2)
    assert plans.price(plan_id, plan.code(SCT, "287664005")) == Price(0, covered=False)
    assert plans.price(plan_id, plan.code(SCT, "1")) is None
    assert plans.price(plan_id, plan.code(SCT, "185349003"), schedule=1) == Price(88 * USD)
    assert {number: len(prices) for number, prices in plans.prices(plan_id).items()} == {0: 11, 1: 2}
    assert plans.contract_of(plan_id, insurance.provider) == Contract(plan.valid_from, plan.valid_until, 1)
    assert (plans.missing(plan), plans.versions(plan_id), plans.publish_delay()) == ((0, 0), 1, 0)


def test_installing_once_more_is_nothing(insurance):
    plan, plan_id = insurance.install()
    block = insurance.block
    assert insurance.payer.plans.install(plan, token=insurance.token) == plan_id
    assert insurance.block == block


def test_prices_go_in_batches_and_loading_takes_up_where_it_broke_off(insurance, monkeypatch):
    plan, payer = insurance.write(BASIC, prices=many(450)), insurance.payer
    payer.plans.register(plan, token=insurance.token)
    real, sizes = payer.send, []

    def send(fn, **options):
        if len(sizes) == 1:
            raise errors.Unreachable("the cable is cut")
        sizes.append(len(fn.arguments[2]))
        return real(fn, **options)

    with monkeypatch.context() as cut:
        cut.setattr(payer, "send", send)
        with pytest.raises(errors.Unreachable):
            payer.plans.load(plan)
    assert (sizes, payer.plans.missing(plan)) == ([200], (0, 250))
    seen = []
    receipts = payer.plans.load(plan, progress=lambda done, of: seen.append((done, of)))
    assert (len(receipts), seen) == (2, [(400, 450), (450, 450)])
    assert payer.plans.missing(plan) == (0, 0)
    assert payer.plans.load(plan) == ()


def test_categories_are_taken_up_as_well(insurance):
    categories = [{"name": str(n), "coinsurance": "0.1"} for n in range(120)]
    plan, plans = insurance.write(BASIC, categories=categories), insurance.payer.plans
    plans.register(plan, token=insurance.token)
    functions = insurance.payer.contract("Plans").functions
    insurance.payer.send(functions.addCategories(plans.id_of(plan), [(1000, 1000, True, 0, 0)] * 7))
    assert plans.missing(plan) == (113, 5)
    assert len(plans.load(plan)) == 3  # 100 and 13 categories, 5 prices
    assert (len(plans.categories(plans.id_of(plan))), plans.missing(plan)) == (120, (0, 0))


def test_a_schedule_may_grow_after_the_plan_is_sealed(insurance):
    plan, plan_id = insurance.install()
    (schedule,) = json.loads(insurance.path.read_text())["schedules"]
    schedule["prices"].append({"system": SCT, "code": "76601001", "allowed": "17"})
    grown = insurance.write(schedules=[schedule])
    plans = insurance.payer.plans
    assert plans.id_of(grown) == plan_id
    assert (plans.missing(grown), len(plans.load(grown))) == ((0, 1), 1)
    assert plans.price(plan_id, plan.code(SCT, "76601001"), schedule=1) == Price(17 * USD)


def test_nothing_is_published_by_halves(insurance):
    plan, plans = insurance.write(), insurance.payer.plans
    plans.register(plan, token=insurance.token)
    with pytest.raises(BadInput, match="14 categories and prices are not on chain yet"):
        plans.publish(plan)
    plans.load(plan)
    plans.publish(plan)
    with pytest.raises(errors.AlreadyPublished):
        plans.publish(plan)


def add_price(insurance, plan, code, word, schedule=0):
    functions = insurance.payer.contract("Plans").functions
    insurance.payer.send(functions.addPrices(insurance.payer.plans.id_of(plan), schedule, [code], [word]))


def test_a_price_on_chain_that_the_file_does_not_have_so(insurance):
    plan, plans = insurance.write(), insurance.payer.plans
    plans.register(plan, token=insurance.token)
    add_price(insurance, plan, plan.code(SCT, "76601001"), 1 << 176 | 1 << 160)
    with pytest.raises(BadInput, match=r"prices\[2\]: the chain has a price that the file does not have so"):
        plans.load(plan)


def test_a_price_on_chain_that_the_file_does_not_have_at_all(insurance):
    plan, plans = insurance.write(), insurance.payer.plans
    plans.register(plan, token=insurance.token)
    plans.load(plan)
    add_price(insurance, plan, b"\1" * 32, 1 << 160)
    with pytest.raises(BadInput, match="prices: the chain has the price of 0x0101"):
        plans.publish(plan)


def test_a_category_on_chain_that_the_file_does_not_have_so(insurance):
    plan, plans = insurance.write(), insurance.payer.plans
    plans.register(plan, token=insurance.token)
    functions = insurance.payer.contract("Plans").functions
    insurance.payer.send(functions.addCategories(plans.id_of(plan), [(1, 4000, False, 0, 0)]))
    with pytest.raises(BadInput, match=r"categories\[0\]: the chain has a category"):
        plans.load(plan)


def test_a_file_that_was_changed_is_another_plan_TP7(insurance):
    insurance.install()
    changed = insurance.write(coinsurance="0.3")
    for refused in (insurance.payer.plans.load, insurance.payer.plans.publish, insurance.payer.plans.missing):
        with pytest.raises(BadInput, match="is not registered on this chain .or was changed since."):
            refused(changed)


def test_a_token_that_holds_less_TP5(insurance):
    plan = insurance.write(deductible="0.0000001")
    with pytest.raises(BadInput, match=r"deductible: is 0.0000001; the token has 6 decimals, give no more"):
        insurance.payer.plans.install(plan, token=insurance.token)


@pytest.mark.parametrize(
    "change, field",
    [
        ({"familyDeductible": str(2**80), "familyOutOfPocketMaximum": str(2**81)}, "familyDeductible"),
        ({"annualLimit": str(2**90)}, "annualLimit"),
        (
            {"categories": [{"name": "visit", "coinsurance": 0, "copay": str(2**61)}], "prices": [CHECK_UP]},
            "categories[0].copay",
        ),
        ({"prices": [{**CHECK_UP, "allowed": str(2**61)}]}, "prices[0].allowed"),
    ],
)
def test_an_amount_beyond_the_contracts_words_is_told_before_anything_is_sent_TP6(change, field, insurance):
    plan, block = insurance.write(**change), insurance.block
    with pytest.raises(BadInput, match="give a smaller one") as refused:
        insurance.payer.plans.install(plan, token=insurance.token)
    assert (refused.value.field, insurance.block) == (field, block)


def test_a_plan_is_registered_with_one_token(insurance, deployed_chain):
    plan, _ = insurance.install()
    other = deployed_chain.deploy("TestToken", "Euro", "EUR", 6)
    with pytest.raises(BadInput, match="token: is .*, but the plan is registered with"):
        insurance.payer.plans.install(plan, token=other)


def test_who_may_not_register(insurance, deployed_chain):
    plan = insurance.write()
    with pytest.raises(errors.NotLicensed):
        deployed_chain.client(insurance.hospital).plans.register(plan, token=insurance.token)
    with pytest.raises(errors.NotInsurer):
        deployed_chain.client(deployed_chain.institution("INSURER")[0]).plans.register(plan, token=insurance.token)
    insurance.payer.plans.register(plan, token=insurance.token)
    with pytest.raises(errors.PlanExists):
        insurance.payer.plans.register(plan, token=insurance.token)


def test_an_insurer_whom_nobody_knows(insurance):
    with pytest.raises(BadInput, match="nobody is called 'no-such-insurer'"):
        insurance.payer.plans.id_of(insurance.write(insurer="no-such-insurer"))


# ---------------------------------------------------------------------------------------------------------- versions


def test_the_next_version_goes_on_with_the_members(insurance):
    _, first = insurance.install(validUntil="2026-01-01", schedules=[])
    plans, member = insurance.payer.plans, insurance.deployed_chain.patient().address
    plans.enroll(first, [Membership(member, 20_089, 22_000)])
    later = {
        "version": 2,
        "series": "0x" + first.hex(),
        "validFrom": "2026-01-01",
        "validUntil": "2027-01-01",
        "schedules": [],
    }
    second, second_id = insurance.install(**later, deductible="600.00")
    assert second_id == first[:28] + (2).to_bytes(4)
    assert (plans.versions(second_id), plans.terms(second_id).deductible) == (2, 600 * USD)
    assert plans.membership(second_id, member).until_day == 22_000
    # The third is not the second, and begins after it.
    with pytest.raises(BadInput, match="version: is 4, but the series has 2 on this chain; give 3"):
        plans.register(insurance.write(**{**later, "version": 4}), token=insurance.token)
    with pytest.raises(errors.InvalidTerms, match="validFrom"):
        plans.register(insurance.write(**{**later, "version": 3}), token=insurance.token)


# ---------------------------------------------------------------------------------------------------------- members


def test_members_go_in_batches_and_enrolment_takes_up_where_it_broke_off(insurance):
    _, plan_id = insurance.install(BASIC)
    plans = insurance.payer.plans
    members = [
        Membership(f"0x{n:040x}", 20_089, 23_741, n, 1, 2, 20_200, n % 2 == 0) for n in range(2**100, 2**100 + 230)
    ]
    members = [dataclasses.replace(member, family=n) for n, member in enumerate(members)]
    plans.enroll(plan_id, members[:120])
    assert plans.not_enrolled(plan_id, members) == members[120:]
    seen = []
    receipts = plans.enroll(plan_id, members, progress=lambda done, of: seen.append((done, of)))
    assert (len(receipts), seen) == (2, [(220, 230), (230, 230)])
    checked = [plans.membership(plan_id, member.member) for member in (members[0], members[229])]
    assert [found.struct() for found in checked] == [members[0].struct(), members[229].struct()]
    assert plans.enroll(plan_id, members) == ()
    # What changed is sent again, alone.
    members[7] = dataclasses.replace(members[7], until_day=20_500)
    (receipt,) = plans.enroll(plan_id, members)
    assert [event.args["membership"].until for event in receipt.events("MemberEnrolled")] == [20_500]


def test_who_was_never_enrolled_has_no_days(insurance, deployed_chain):
    _, plan_id = insurance.install(BASIC)
    member = deployed_chain.patient().address
    assert insurance.payer.plans.membership(plan_id, member) == Membership(member, 0, 0)


def test_members_that_cannot_be(insurance, deployed_chain):
    _, plan_id = insurance.install(BASIC)
    with pytest.raises(errors.InvalidMember, match="accounts of so small a number stand for families"):
        insurance.payer.plans.enroll(plan_id, [Membership(f"0x{9:040x}", 1, 2)])
    with pytest.raises(errors.InvalidPeriod, match="a period from 2025-01-01 until 2024-12-31 is empty"):
        insurance.payer.plans.enroll(plan_id, [Membership(deployed_chain.patient().address, 20_089, 20_088)])


# ---------------------------------------------------------------------------------------------------------- the series


def test_contracts_are_made_and_ended(insurance):
    _, plan_id = insurance.install(BASIC)
    plans = insurance.payer.plans
    assert plans.contract_of(plan_id, insurance.provider) == Contract(0, 0)
    plans.contract(plan_id, insurance.provider, Contract(DAY, DAY + 100, 7))
    assert plans.contract_of(plan_id, insurance.hospital.address) == Contract(DAY, DAY + 100, 7)
    plans.contract(plan_id, insurance.provider, Contract(0, 0))
    assert plans.contract_of(plan_id, insurance.provider) == Contract(0, 0)


def test_the_providers_of_schedules_are_contracted_once(insurance):
    plan, plan_id = insurance.install()
    plans = insurance.payer.plans
    assert plans.contract_all(plan) == {}
    plans.contract(plan_id, insurance.provider, Contract(0, 0))
    assert list(plans.contract_all(plan)) == [insurance.provider]
    assert plans.contract_of(plan_id, insurance.provider).schedule == 1


def test_pre_authorisations_are_numbered(insurance, deployed_chain):
    plan, plan_id = insurance.install()
    plans, member, code = insurance.payer.plans, deployed_chain.patient().address, plan.code(SCT, "609588000")
    assert plans.authorization(plan_id, member, code).serial == 0
    plans.authorize(plan_id, member, code, 2, from_day=DAY, until_day=DAY + 90)
    plans.authorize(plan_id, member, code, 1, from_day=DAY, until_day=DAY + 30)
    assert plans.authorization(plan_id, member, code) == Authorization(DAY, DAY + 30, 1, 2)
    with pytest.raises(errors.InvalidPeriod):
        plans.authorize(plan_id, member, code, 1, from_day=DAY, until_day=DAY)


def test_referrals_are_a_providers(insurance, deployed_chain):
    _, plan_id = insurance.install()
    doctor = deployed_chain.client(insurance.hospital).plans
    (surgeon, name), member = deployed_chain.institution("PROVIDER"), deployed_chain.patient().address
    doctor.refer(plan_id, member, to=name, from_day=DAY, until_day=DAY + 90)
    assert doctor.referral(plan_id, member, to=surgeon.address) == Referral(insurance.hospital.address, DAY, DAY + 90)
    assert int(doctor.referral(plan_id, member).by, 16) == 0
    doctor.refer(plan_id, member, from_day=DAY, until_day=DAY + 1)
    assert doctor.referral(plan_id, member) == Referral(insurance.hospital.address, DAY, DAY + 1)
    with pytest.raises(errors.NotLicensed):
        insurance.payer.plans.refer(plan_id, member, from_day=DAY, until_day=DAY + 1)


# ---------------------------------------------------------------------------------------------------------- the
# examples


def estimated(insurance, plan, plan_id, claim, *, contracted):
    """How the chain would judge the service of the worked examples, for a member who consents."""
    deployed_chain, patient, (provider, name) = (
        insurance.deployed_chain,
        insurance.deployed_chain.person(),
        insurance.deployed_chain.institution("PROVIDER"),
    )
    insurance.payer.plans.enroll(plan_id, [Membership(patient.address, plan.valid_from, plan.valid_until)])
    if contracted:
        insurance.payer.plans.contract(plan_id, name, Contract(plan.valid_from, plan.valid_until))
    permit = DirectiveDraft(
        insurance.insurer.address, Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, 2**33
    )
    deployed_chain.client(patient).consent.grant(permit)
    line = LineInput(1, SCT, "185349003", 1, Decimal("118.75"), "", Decimal(0))
    visit = dataclasses.replace(claim, lines=(line,))
    desk = deployed_chain.client(provider)
    (answer,) = desk.claims.estimate(desk.claims.prepare([visit], plan, {REF: patient.address}))
    assert answer.refusal == 0, answer.refusal
    return answer.lines[0]


@pytest.mark.parametrize(
    "example, change, contracted",
    [
        (0, {}, True),
        (1, {"deductible": 0}, True),
        (2, {"deductible": 0, "outOfPocketMaximum": "13.75"}, True),
        (3, {"deductible": 0}, False),
    ],
)
def test_worked_examples_are_what_the_chain_says(example, change, contracted, insurance, claim):
    """The circumstances of an example (a deductible that is used up, a maximum that is near) are made terms."""
    shown = plancheck.examples(insurance.write(), decimals=6)[example]
    plan, plan_id = insurance.install(**change, schedules=[])
    line = estimated(insurance, plan, plan_id, claim, contracted=contracted)
    assert dataclasses.replace(shown.line, code=line.code) == line


def test_what_a_member_used_is_told(insurance, claim):
    """Of a quantity limit and of a category's limit, at the claim desk."""
    prices = [{**CHECK_UP, "category": "visit", "limit": {"units": 3, "days": "benefit-year"}}]
    categories = [{"name": "visit", "coinsurance": 0, "deductibleApplies": False, "annualLimit": "200"}]
    plan, plan_id = insurance.install(categories=categories, prices=prices, schedules=[])
    deployed_chain, patient = insurance.deployed_chain, insurance.deployed_chain.person()
    plans = insurance.payer.plans
    plans.enroll(plan_id, [Membership(patient.address, plan.valid_from, plan.valid_until)])
    permit = DirectiveDraft(
        insurance.insurer.address, Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, 2**33
    )
    deployed_chain.client(patient).consent.grant(permit)
    line = LineInput(1, SCT, "185349003", 2, Decimal("180"), "", Decimal(0))
    desk = deployed_chain.client(insurance.hospital)
    plans.contract(plan_id, insurance.provider, Contract(plan.valid_from, plan.valid_until))
    (answer,) = desk.claims.submit([dataclasses.replace(claim, lines=(line,))], plan, {REF: patient.address})
    assert (answer.refusal, answer.lines[0].paid) == (0, 180 * USD)
    code = plan.code(SCT, "185349003")
    assert plans.used(plan_id, patient.address, code, day=claim.service_day) == 2
    assert plans.used(plan_id, patient.address, code, day=claim.service_day + 365) == 0
    assert plans.category_paid(plan_id, patient.address, year=2025, number=1) == 180 * USD
