"""The nouns plans, treasury and claims, against a chain with all contracts."""

import dataclasses
import json
from decimal import Decimal

import pytest
from eth_utils.crypto import keccak

from salus import errors
from salus.claims import Accumulators, Refusal, State
from salus.consent import DirectiveDraft, Effect
from salus.errors import BadInput
from salus.fhir import claim_response, read_claims
from salus.jsonfile import dump_json
from salus.planfile import day_number, load_plan, new_salt, number_commitment, salted_code
from tests.client.shared_data import EXAMPLES, shared

PLAN = json.loads((EXAMPLES / "plan.json").read_text())
REF = "Patient/patient-1"
USD = 10**6  # the token has six decimals


@pytest.fixture(scope="session")
def token(world):
    return world.deploy("TestToken", "Dollar", "USD", 6)


class Scene:
    """An insurer with a published plan, a hospital, and a member who permits the insurer to pay."""

    def __init__(self, world, token, tmp_path, *, fund=100_000 * USD, consent=True, **changes):
        self.world, self.token = world, token
        (self.insurer, handle), (self.hospital, self.provider) = (
            world.institution("INSURER"),
            world.institution("PROVIDER"),
        )
        self.patient = world.person()
        path = tmp_path / "plan.json"
        path.write_text(json.dumps({**PLAN, "insurer": handle, "salt": new_salt(), **changes}))
        self.plan = load_plan(path)
        self.payer, self.desk = world.client(self.insurer), world.client(self.hospital)
        self.plan_id = self.payer.plans.install(self.plan, token=token)
        self.payer.plans.enroll(
            self.plan_id,
            [self.patient.address],
            from_day=self.plan.valid_from,
            until_day=self.plan.valid_until,
        )
        if fund:
            self.fund(fund)
        if consent:
            self.permit()

    def fund(self, amount):
        erc20 = self.world.w3.eth.contract(address=self.token, abi=self.world.build("TestToken")["abi"])
        self.payer.send(erc20.functions.mint(self.insurer.address, amount))
        return self.payer.treasury.fund(self.insurer.address, self.token, amount)

    def permit(self):
        self.world.client(self.patient).consent.grant(
            DirectiveDraft(
                self.insurer.address, Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, 2_000_000_000
            )
        )

    def submit(self, claims, **options):
        return self.desk.claims.submit(claims, self.plan, {REF: self.patient.address}, **options)


@pytest.fixture
def scene(world, token, tmp_path):
    return Scene(world, token, tmp_path)


@pytest.fixture
def claim():
    return read_claims(EXAMPLES / "claim.json")[0]


# ------------------------------------------------------------------------------------------------------ the plan file


def test_plan_file():
    plan = load_plan(EXAMPLES / "plan.json")
    assert (plan.insurer, plan.currency, plan.deductible, plan.coinsurance) == ("north-mutual", "USD", 100, 2000)
    assert (plan.out_of_pocket_maximum, plan.filing_days, len(plan.prices)) == (600, 0, 5)
    assert (plan.valid_from, plan.valid_until) == (20089, 23741)
    assert "salt" not in repr(plan)


def test_document_depends_on_content_and_salt_not_on_layout(tmp_path):
    def document(**changes):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps({**PLAN, **changes}, indent=7))
        return load_plan(path).document

    assert document() == document(deductible=100, coinsurance=0.2, prices=list(reversed(PLAN["prices"])))
    assert document() != document(deductible="100.01")
    assert document() != document(salt=new_salt())


def test_hashes_are_abi_encoded():
    """The encoding word by word: salt, two offsets, then each string's length and its bytes, padded."""
    salt, system, code = bytes(range(32)), b"http://snomed.info/sct", b"185349003"
    words = [salt, *(n.to_bytes(32, "big") for n in (96, 160, len(system))), system.ljust(32, b"\0")]
    words += [len(code).to_bytes(32, "big"), code.ljust(32, b"\0")]
    assert salted_code(salt, system.decode(), code.decode()) == keccak(b"".join(words))
    assert number_commitment(salt, "", "42") != number_commitment(salt, "4", "2")


@pytest.mark.parametrize(
    "change, field",
    [
        ({"salt": "0x" + "00" * 32}, "salt"),
        ({"salt": "0x12"}, "salt"),
        ({"salt": 5}, "salt"),
        ({"coinsurance": "1.1"}, "coinsurance"),
        ({"coinsurance": "0.00001"}, "coinsurance"),
        ({"deductible": "-1"}, "deductible"),
        ({"deductible": "1e3"}, "deductible"),
        ({"deductible": True}, "deductible"),
        ({"outOfPocketMaximum": "99.99"}, "outOfPocketMaximum"),
        ({"validUntil": "2025-01-01"}, "validUntil"),
        ({"validFrom": "2025-13-01"}, "validFrom"),
        ({"filingDays": 65536}, "filingDays"),
        ({"filingDays": "9"}, "filingDays"),
        ({"currency": "dollar"}, "currency"),
        ({"insurer": "North Mutual"}, "insurer"),
        ({"prices": []}, "prices"),
        ({"prices": [PLAN["prices"][0]] * 2}, "prices[1].code"),
        ({"extra": 1}, "extra"),
        ({"prices": [{**PLAN["prices"][0], "code": " "}]}, "prices[0].code"),
        ({"prices": [{"system": "", "code": "1"}]}, "prices[0].allowed"),
    ],
)
def test_refused_plan(change, field, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, **change}))
    with pytest.raises(BadInput) as refused:
        load_plan(path)
    assert (refused.value.file, refused.value.field) == (str(path), field)


@pytest.mark.parametrize("name", sorted(PLAN))
def test_missing_field(name, tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({key: value for key, value in PLAN.items() if key != name}))
    with pytest.raises(BadInput, match=f"{name}: is missing"):
        load_plan(path)


# ---------------------------------------------------------------------------------------------------- plans on chain


def test_installed_plan(scene):
    terms = scene.payer.plans.terms(scene.plan_id)
    assert (terms.insurer, terms.token, terms.coinsurance) == (scene.insurer.address, scene.token, 2000)
    assert (terms.deductible, terms.out_of_pocket_maximum) == (100 * USD, 600 * USD)
    assert (terms.valid_from, terms.valid_until, terms.filing_days) == (20089, 23741, 0)
    assert terms.published_at > 0
    assert scene.payer.plans.id_of(scene.plan) == scene.plan_id
    assert scene.payer.plans.membership(scene.plan_id, scene.patient.address).from_day == 20089


def test_prices_go_in_batches_and_installing_takes_up_where_it_broke_off(world, token, tmp_path):
    insurer, handle = world.institution("INSURER")
    prices = [{"system": "urn:x", "code": str(n), "allowed": n} for n in range(401)]
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "insurer": handle, "prices": prices}))
    plan, payer, seen = load_plan(path), world.client(insurer), []
    payer.plans.register(plan, token=token)
    half = dataclasses.replace(plan, prices=plan.prices[:201])
    payer.send(
        payer.contract("Plans").functions.addPrices(
            payer.plans.id_of(plan),
            [plan.code(p.system, p.code) for p in half.prices],
            [int(p.allowed) * USD for p in half.prices],
        )
    )
    payer.plans.install(plan, token=token, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(401, 401)]
    price = payer.call(payer.contract("Plans").functions.price(payer.plans.id_of(plan), plan.code("urn:x", "400")))
    assert (price.allowed, price.listed) == (400 * USD, True)
    block = world.w3.eth.block_number
    payer.plans.install(plan, token=token)  # once more is nothing
    assert world.w3.eth.block_number == block


def test_plan_with_more_decimals_than_the_token(world, token, tmp_path):
    insurer, handle = world.institution("INSURER")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "insurer": handle, "deductible": "0.0000001"}))
    with pytest.raises(BadInput, match=r"deductible: is 0.0000001; the token has 6 decimals, give no more"):
        world.client(insurer).plans.install(load_plan(path), token=token)


# --------------------------------------------------------------------------------------------------------- treasury


def test_fund_needs_the_tokens(scene, world):
    with pytest.raises(BadInput, match="amount: is 1 units, but"):
        scene.payer.treasury.fund(scene.insurer.address, scene.token, 1)
    assert scene.payer.treasury.pool(scene.insurer.address, scene.token).balance == 100_000 * USD


def test_pool_and_exit(scene):
    scene.payer.treasury.announce_exit(scene.token, 5)
    pool = scene.payer.treasury.pool(scene.insurer.address, scene.token)
    assert (pool.exiting, pool.owed) == (5, 0) and pool.exit_from > scene.payer.now()
    with pytest.raises(errors.ExitNotOpen):
        scene.payer.treasury.exit(scene.token)
    with pytest.raises(errors.NothingHeld):
        scene.payer.treasury.collect(scene.token)


# ----------------------------------------------------------------------------------------------------------- claims


def test_claim_is_judged_and_paid(scene, claim):
    """120 + 42.75 + 20 billed; 95 + 38.20 + 18.50 allowed; deductible 100, then 20 % of 51.70."""
    estimated = scene.desk.claims.estimate(scene.desk.claims.prepare([claim], scene.plan, {REF: scene.patient.address}))
    (answer,) = scene.submit([claim])
    assert (answer.state, answer.refusal, answer.carc) == (State.SETTLED, Refusal.NONE, 0)
    assert [(line.allowed, line.deductible, line.coinsurance, line.paid) for line in answer.lines] == [
        (95 * USD, 95 * USD, 0, 0),
        (38_200_000, 5 * USD, 6_640_000, 26_560_000),
        (18_500_000, 0, 3_700_000, 14_800_000),
    ]
    assert (answer.charge, answer.allowed, answer.paid) == (182_750_000, 151_700_000, 41_360_000)
    assert answer.patient_share == 110_340_000
    assert scene.desk.treasury.balance(scene.token, scene.hospital.address) == answer.paid
    record = scene.desk.claims.get(bytes.fromhex(answer.id[2:]))
    assert (record.state, record.paid, record.payee) == (State.SETTLED, answer.paid, scene.hospital.address)
    assert scene.desk.claims.accumulators(scene.plan_id, scene.patient.address, 2025) == Accumulators(
        100 * USD, 110_340_000
    )
    assert estimated == [
        dataclasses.replace(answer, state=State.NONE, transaction="", decided_at=estimated[0].decided_at)
    ]


def test_answers_come_in_order_whatever_the_batch(scene):
    claims = [*read_claims(EXAMPLES / "claims.ndjson"), *read_claims(EXAMPLES / "claims-bundle.json")]
    seen = []
    answers = scene.submit(claims, batch=2, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert [answer.input for answer in answers] == claims
    assert len({answer.transaction for answer in answers}) == 3
    # The intubation is not in the price list: all of it is the patient's.
    assert [line.carc for line in answers[2].lines] == [0, 204]
    assert answers[2].lines[1].patient == 310 * USD
    for answer in answers:
        for line in answer.lines:
            assert line.charge == line.written_off + line.patient + line.paid


def test_batch_that_no_block_holds_is_halved(scene, claim, monkeypatch):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(5)]
    real, sizes = scene.desk.send, []

    def send(fn, **options):
        sizes.append(len(fn.args[0]))
        if sizes[-1] > 2:
            raise errors.NodeRefused("submit takes 9,000,000 gas, a block holds 5,000,000; send less at once")
        return real(fn, **options)

    monkeypatch.setattr(scene.desk, "send", send)
    answers = scene.submit(claims)
    assert sizes == [5, 2, 3, 1, 2]
    assert [answer.input for answer in answers] == claims


@pytest.mark.parametrize("message", ["a block holds no gas for it", "the sender has too little ether for the fee"])
def test_refusal_of_the_node_that_no_halving_cures(message, scene, claim, monkeypatch):
    claims = [claim] if "gas" in message else [claim, dataclasses.replace(claim, number="2")]
    calls = []

    def send(fn, **options):
        calls.append(fn)
        raise errors.NodeRefused(message)

    monkeypatch.setattr(scene.desk, "send", send)
    with pytest.raises(errors.NodeRefused):
        scene.submit(claims)
    assert len(calls) == 1


def test_refusals_are_answers(scene, claim):
    stranger = scene.world.person()
    other = dataclasses.replace(claim, number="2")
    early = dataclasses.replace(claim, number="3", service_day=scene.plan.valid_from - 1)
    late = dataclasses.replace(claim, number="4", service_day=23_000)
    (first,) = scene.submit([claim])
    answers = scene.submit([claim, early, late])
    assert [(a.refusal, a.carc, a.lines, a.state) for a in answers] == [
        (Refusal.DUPLICATE, 18, (), State.NONE),
        (Refusal.OUTSIDE_PLAN, 26, (), State.NONE),
        (Refusal.FUTURE_SERVICE, 110, (), State.NONE),
    ]
    assert answers[0].id == first.id
    (unenrolled,) = scene.desk.claims.submit([other], scene.plan, {REF: stranger.address})
    assert (unenrolled.refusal, unenrolled.carc) == (Refusal.NOT_ENROLLED, 31)


def test_revoked_consent_refuses_and_pays_nothing(scene, claim):
    scene.world.client(scene.patient).consent.revoke(scene.insurer.address)
    (answer,) = scene.submit([claim])
    assert (answer.refusal, answer.carc) == (Refusal.NO_CONSENT, 227)
    assert scene.desk.treasury.balance(scene.token, scene.hospital.address) == 0
    scene.world.node.advance(1)
    scene.permit()
    assert scene.submit([claim])[0].state is State.SETTLED  # the number was not burnt


def test_short_pool_owes_and_settles_later(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, fund=1 * USD)
    (answer,) = scene.submit([claim])
    claim_id = bytes.fromhex(answer.id[2:])
    assert (answer.state, answer.paid) == (State.OWED, 41_360_000)
    assert scene.payer.treasury.pool(scene.insurer.address, token).owed == answer.paid
    with pytest.raises(errors.PoolShort):
        scene.desk.claims.settle(claim_id)
    scene.fund(50 * USD)
    scene.desk.claims.settle(claim_id)
    assert scene.desk.claims.get(claim_id).state is State.SETTLED
    with pytest.raises(errors.NotOwed):
        scene.desk.claims.settle(claim_id)


def test_refused_payment_is_held(world, tmp_path, claim):
    token = world.deploy("MisbehavingToken")  # with 18 decimals
    scene = Scene(world, token, tmp_path, fund=10**24)
    erc20 = world.w3.eth.contract(address=token, abi=world.build("MisbehavingToken")["abi"])
    scene.payer.send(erc20.functions.setBlocked(scene.hospital.address, True))
    (answer,) = scene.submit([claim])
    assert (answer.state, answer.held) == (State.SETTLED, True)
    assert scene.desk.treasury.held(scene.hospital.address, token) == answer.paid > 0


def test_synthea_bundle_is_settled(world, token, tmp_path):
    """All claims of a real bundle at once, with its visit priced; the money adds up."""
    (path,) = shared("synthea-r4-bundles").glob("Alberto_*.json")
    claims = read_claims(path)
    prices = [{"system": "http://snomed.info/sct", "code": "185349003", "allowed": "100"}]
    scene = Scene(world, token, tmp_path, prices=prices, validFrom="2005-01-01", outOfPocketMaximum="1000000")
    answers = scene.desk.claims.submit(claims, scene.plan, {claims[0].patient_ref: scene.patient.address})
    assert all(answer.state is State.SETTLED for answer in answers) and len(answers) == 15
    assert sum(a.money(a.charge) for a in answers) == sum(claim.total for claim in claims)
    assert scene.desk.treasury.balance(token, scene.hospital.address) == sum(answer.paid for answer in answers)


# ------------------------------------------------------------------------------------- nothing is submitted by halves


@pytest.mark.parametrize(
    "change, field, fix",
    [
        ({"currency": "EUR"}, "currency", "is EUR, the plan's is USD; bill in that one"),
        (
            {"patient_ref": "Patient/2"},
            "patient",
            "is 'Patient/2', for whom no account is given; add --patient Patient/2=0x…",
        ),
        ({"provider_ref": "Organization/2"}, "provider", None),
        ({"number": "CH-2025-0001"}, "identifier", None),
        ({"charge": Decimal("0.0000001")}, "item 1: net", "is 0.0000001; the token has 6 decimals, give no more"),
        ({"charge": Decimal(10) ** 24}, "item 1: net", None),
        ({"lines": 101}, "item", "has 101 lines; split the claim, 100 fit in one"),
        ({"service_day": 2**24}, "servicedDate", "is out of range; give a date of this age"),
    ],
)
def test_one_bad_claim_and_none_is_sent(change, field, fix, scene, claim):
    bad = dataclasses.replace(claim, number="bad")
    if "charge" in change:
        bad = dataclasses.replace(bad, lines=(dataclasses.replace(claim.lines[0], charge=change["charge"]),))
    elif "lines" in change:
        bad = dataclasses.replace(bad, lines=claim.lines[:1] * change["lines"])
    else:
        bad = dataclasses.replace(bad, **change)
    block = scene.world.w3.eth.block_number
    with pytest.raises(BadInput) as refused:
        scene.submit([claim, bad], batch=1)
    assert refused.value.field == field and (fix is None or refused.value.fix == fix)
    assert scene.world.w3.eth.block_number == block


def test_claims_of_several_providers_only_when_they_are_named(scene, claim):
    other = dataclasses.replace(claim, number="2", provider_ref="Organization/2")
    answers = scene.submit([claim, other], provider_refs={"Organization/city-hospital", "Organization/2"})
    assert [answer.state for answer in answers] == [State.SETTLED] * 2


def test_unpublished_plan(world, token, tmp_path, claim):
    insurer, handle = world.institution("INSURER")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "insurer": handle}))
    plan = load_plan(path)
    world.client(insurer).plans.register(plan, token=token)
    hospital, _ = world.institution("PROVIDER")
    with pytest.raises(BadInput, match="is not a published plan on this chain"):
        world.client(hospital).claims.submit([claim], plan, {REF: hospital.address})


def test_stranger_is_refused_by_the_rules(scene, claim):
    stranger = scene.world.client(scene.world.person())
    with pytest.raises(errors.NotLicensed):
        stranger.claims.submit([claim], scene.plan, {REF: scene.patient.address})


# --------------------------------------------------------------------------------------------------- claim responses


def parsed(answer):
    """The response after a round through the text, validated by the FHIR models."""
    from fhir.resources.R4B.claimresponse import ClaimResponse

    text = dump_json(claim_response(answer, insurer="north-mutual"))
    ClaimResponse.model_validate_json(text)
    return json.loads(text, parse_float=Decimal)


def test_response_to_a_settled_claim(scene, claim):
    (answer,) = scene.submit([claim])
    response = parsed(answer)
    assert (response["outcome"], response["request"]["identifier"]["value"]) == ("complete", "CH-2025-0001")
    assert response["payment"]["amount"] == {"value": Decimal("41.36"), "currency": "USD"}
    second = {
        entry["category"]["coding"][0]["code"]: (
            entry["amount"]["value"],
            [c["code"] for c in entry.get("reason", {}).get("coding", ())],
        )
        for entry in response["item"][1]["adjudication"]
    }
    assert second == {
        "submitted": (Decimal("42.75"), []),
        "eligible": (Decimal("38.20"), ["45", "CO"]),
        "deductible": (Decimal("5.00"), ["1", "PR"]),
        "copay": (Decimal("6.64"), ["2", "PR"]),
        "benefit": (Decimal("26.56"), []),
    }
    totals = {entry["category"]["coding"][0]["code"]: entry["amount"]["value"] for entry in response["total"]}
    assert totals["submitted"] == Decimal("182.75") and totals["benefit"] == Decimal("41.36")
    assert '"value": 5.00,' in dump_json(claim_response(answer, insurer="x"))


def test_response_to_a_refused_claim(scene, claim):
    scene.submit([claim])
    response = parsed(scene.submit([claim])[0])
    assert (response["outcome"], "item" in response, "payment" in response) == ("error", False, False)
    assert response["error"][0]["code"]["coding"][0] == {
        "system": "https://x12.org/codes/claim-adjustment-reason-codes",
        "code": "18",
    }


def test_response_to_an_owed_and_to_an_uncovered_claim(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, fund=0, prices=PLAN["prices"][1:], deductible="0")
    response = parsed(scene.submit([claim])[0])
    assert (response["outcome"], "payment" in response) == ("queued", False)
    eligible = response["item"][0]["adjudication"][1]
    assert eligible["amount"]["value"] == 0 and [c["code"] for c in eligible["reason"]["coding"]] == ["204", "PR"]


def test_response_to_a_contained_patient_and_an_estimate(scene):
    path = shared("hl7-fhir-r4-examples", "Claim-100154.json")
    claims = read_claims(path)
    prepared = scene.desk.claims.prepare(claims, scene.plan, {claims[0].patient_ref: scene.patient.address})
    response = parsed(scene.desk.claims.estimate(prepared)[0])
    assert response["patient"] == {
        "identifier": {"system": "http://www.jurisdiction.com/nationalId", "value": "123AB345"}
    }
    assert response["use"] == "predetermination"


def test_day_number():
    assert day_number("2025-01-01", source="", field="") == 20089
