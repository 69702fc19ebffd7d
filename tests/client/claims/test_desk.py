"""Claims against a chain with all contracts: judged, paid, owed, refused, submitted again."""

import dataclasses
import json
from decimal import Decimal

import pytest

from salus import errors
from salus.claims.carc import Adjustment
from salus.claims.desk import Accumulators, Refusal, State
from salus.claims.files.fhir import read_claims
from salus.claims.plans.file import load_plan
from salus.errors import BadInput
from tests.support.claim_scenario import PLAN, REF, USD, Scene
from tests.support.shared_data import EXAMPLES

# --------------------------------------------------------------------------------------------------------- treasury


def test_fund_needs_the_tokens(scene):
    with pytest.raises(BadInput, match="amount: is 1 units, but"):
        scene.payer.treasury.fund(scene.insurer.address, scene.token, 1)
    assert scene.payer.treasury.pool(scene.insurer.address, scene.token).balance == 100_000 * USD


def test_pool_and_exit(scene):
    scene.payer.treasury.announce_exit(scene.token, 5)
    pool = scene.payer.treasury.pool(scene.insurer.address, scene.token)
    assert (pool.exiting, pool.reserved, pool.owed, pool.waiting) == (5, 0, 0, 0)
    assert pool.exit_from > scene.payer.now()
    with pytest.raises(errors.ExitNotOpen):
        scene.payer.treasury.exit(scene.token)
    with pytest.raises(errors.NothingHeld):
        scene.payer.treasury.collect(scene.token)


# ----------------------------------------------------------------------------------------------------------- claims


def test_claim_is_judged_and_paid(scene, claim):
    """120 + 42.75 + 20 billed; 95 + 38.20 + 18.50 allowed; deductible 100, then 20 % of 51.70."""
    (estimated,) = scene.desk.claims.estimate(scene.prepare([claim]))
    (answer,) = scene.submit([claim])
    assert (answer.state, answer.refusal, answer.carc, answer.outcome) == (
        State.SETTLED,
        Refusal.NONE,
        0,
        "partly paid",
    )
    assert [(line.allowed, line.deductible, line.coinsurance, line.paid) for line in answer.lines] == [
        (95 * USD, 95 * USD, 0, 0),
        (38_200_000, 5 * USD, 6_640_000, 26_560_000),
        (18_500_000, 0, 3_700_000, 14_800_000),
    ]
    assert (answer.charge, answer.allowed, answer.paid) == (182_750_000, 151_700_000, 41_360_000)
    assert answer.patient_share == 110_340_000
    assert scene.balance() == answer.paid
    record = scene.desk.claims.get(bytes.fromhex(answer.id[2:]))
    assert (record.state, record.at, record.review_by, record.appealed) == (State.SETTLED, answer.decided_at, 0, False)
    assert scene.desk.claims.accumulators(scene.plan_id, scene.patient.address, 2025) == Accumulators(
        100 * USD, 110_340_000, 41_360_000
    )
    assert estimated == dataclasses.replace(answer, transaction="", decided_at=estimated.decided_at)


def test_adjustments_name_who_bears_what_and_sum_to_the_charge(scene, claim):
    (answer,) = scene.submit([claim])
    assert answer.lines[1].adjustments == (
        Adjustment("CO", 45, 4_550_000),
        Adjustment("PR", 1, 5 * USD),
        Adjustment("PR", 2, 6_640_000),
    )
    for line in answer.lines:
        assert line.charge == line.paid + sum(adjustment.amount for adjustment in line.adjustments)


def test_answers_come_in_order_whatever_the_batch(scene):
    claims = [*read_claims(EXAMPLES / "claims.ndjson"), *read_claims(EXAMPLES / "claims-bundle.json")]
    seen = []
    answers = scene.submit(claims, batch=2, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert [answer.input for answer in answers] == claims
    assert len({answer.transaction for answer in answers}) == 3
    # The intubation is not in the price list, which is the provider's to bear.
    assert [line.carc for line in answers[2].lines] == [0, 204]
    assert answers[2].lines[1].adjustments == (Adjustment("CO", 204, 310 * USD),)
    assert scene.balance() == sum(answer.paid for answer in answers)


def test_what_was_submitted_before_is_not_sent_again_TP1(scene, claim):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(3)]
    (first,) = scene.submit(claims[:1])
    answers = scene.submit(claims)
    assert [answer.earlier for answer in answers] == [True, False, False]
    assert answers[0] == dataclasses.replace(first, earlier=True)
    block, paid = scene.world.w3.eth.block_number, scene.balance()
    again = scene.submit(claims)
    assert [(a.id, a.state, a.lines, a.transaction, a.earlier) for a in again] == [
        (a.id, a.state, a.lines, a.transaction, True) for a in answers
    ]
    assert (scene.world.w3.eth.block_number, scene.balance()) == (block, paid)


def test_many_that_were_submitted_before_are_found_by_their_provider(scene, claim):
    claims = [dataclasses.replace(claim, number=str(n), lines=claim.lines[:1]) for n in range(12)]
    answers = scene.submit(claims)
    assert scene.submit(claims) == [dataclasses.replace(answer, earlier=True) for answer in answers]


def test_another_claim_under_the_same_number_is_a_duplicate_TP1(scene, claim):
    scene.submit([claim])
    other = dataclasses.replace(claim, service_day=claim.service_day + 1)
    (answer,) = scene.submit([other])
    assert (answer.refusal, answer.carc, answer.earlier) == (Refusal.DUPLICATE, 18, False)


def test_a_bad_claim_in_a_batch_stops_no_other(scene, claim):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(3)]
    claims[1] = dataclasses.replace(claims[1], service_day=scene.cover_late())
    answers = scene.submit(claims)
    assert [answer.refusal for answer in answers] == [Refusal.NONE, Refusal.OUTSIDE_COVER, Refusal.NONE]
    assert len({answer.transaction for answer in answers}) == 1
    assert scene.balance() == sum(answer.paid for answer in answers) > answers[0].paid


def test_batch_that_no_block_holds_is_halved(scene, claim, monkeypatch):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(5)]
    real, sizes = scene.desk.send, []

    def send(fn, **options):
        sizes.append(len(fn.arguments[0]))
        if sizes[-1] > 2:
            raise errors.NodeRefused("submit takes 9,000,000 gas, a block holds 5,000,000; send less at once")
        return real(fn, **options)

    monkeypatch.setattr(scene.desk, "send", send)
    answers = scene.submit(claims)
    assert sizes == [5, 2, 3, 1, 2]
    assert [answer.input for answer in answers] == claims


def test_no_transaction_is_given_more_gas_than_one_may_take(scene, claim, monkeypatch):
    """What two claims take is more than a transaction may: each goes by itself."""
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(2)]
    monkeypatch.setattr("salus.chain.transactions.MOST_GAS", 400_000)
    answers = scene.submit(claims)
    sent = {answer.transaction for answer in answers}
    assert len(sent) == 2 and all(scene.world.w3.eth.get_transaction(each)["gas"] <= 400_000 for each in sent)
    assert [answer.state for answer in answers] == [State.SETTLED] * 2


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
    early = dataclasses.replace(claim, number="3", service_day=scene.cover_late())
    late = dataclasses.replace(claim, number="4", service_day=scene.plan.valid_until - 1)
    answers = scene.submit([early, late])
    assert [(a.refusal, a.carc, a.lines, a.state, a.outcome) for a in answers] == [
        (Refusal.OUTSIDE_COVER, 26, (), State.NONE, "refused"),
        (Refusal.FUTURE_SERVICE, 110, (), State.NONE, "refused"),
    ]
    (unenrolled,) = scene.desk.claims.submit([claim], scene.plan, {REF: stranger.address})
    assert (unenrolled.refusal, unenrolled.carc) == (Refusal.NOT_ENROLLED, 31)


def test_revoked_consent_refuses_and_pays_nothing_TP9(scene, claim):
    scene.world.client(scene.patient).consent.revoke(scene.insurer.address)
    (answer,) = scene.submit([claim])
    assert (answer.refusal, answer.carc) == (Refusal.NO_CONSENT, 227)
    assert scene.balance() == 0
    scene.world.node.advance(1)
    scene.permit()
    assert scene.submit([claim])[0].state is State.SETTLED  # the number was not burnt


def test_short_pool_owes_and_settles_later_TP3(world, token, tmp_path, claim):
    scene = Scene(world, token, tmp_path, fund=1 * USD)
    answers = scene.submit([claim, dataclasses.replace(claim, number="2")])
    ids = [bytes.fromhex(answer.id[2:]) for answer in answers]
    assert [answer.state for answer in answers] == [State.OWED] * 2
    pool = scene.payer.treasury.pool(scene.insurer.address, token)
    assert (pool.owed, pool.waiting) == (sum(answer.paid for answer in answers), 2)
    with pytest.raises(errors.PoolShort):
        scene.desk.treasury.settle(scene.insurer.address, token)
    scene.fund(50 * USD)
    scene.desk.treasury.settle(scene.insurer.address, token)
    assert [scene.desk.claims.get(claim).state for claim in ids] == [State.SETTLED, State.OWED]
    assert scene.balance() == answers[0].paid
    scene.fund(500 * USD)
    scene.desk.treasury.settle(scene.insurer.address, token)
    assert scene.submit([claim])[0].state is State.SETTLED  # told from the chain
    with pytest.raises(errors.NothingOwed):
        scene.desk.treasury.settle(scene.insurer.address, token)


def test_refused_payment_is_held_TP6(world, tmp_path, claim):
    token = world.deploy("MisbehavingToken")  # with 18 decimals
    scene = Scene(world, token, tmp_path, fund=10**24)
    erc20 = world.w3.eth.contract(address=token, abi=world.build("MisbehavingToken")["abi"])
    scene.payer.send(erc20.functions.setBlocked(scene.hospital.address, True))
    answers = scene.submit([claim, dataclasses.replace(claim, number="2")])
    assert [(answer.state, answer.held) for answer in answers] == [(State.SETTLED, True)] * 2
    assert scene.desk.treasury.held(scene.hospital.address, token) == sum(a.paid for a in answers) > 0


# --------------------------------------------------------------------------------------------------- what is left out


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
        ({"charge": Decimal("0.0000001")}, "total", "is 0.0000001; the token has 6 decimals, give no more"),
        ({"charge": Decimal(2**80) / 10**6}, "item 1: net", None),
        ({"lines": 101}, "item", "has 101 lines; split the claim, 100 fit in one"),
        ({"service_day": 2**24}, "servicedDate", "is out of range; give a date of this age"),
    ],
)
def test_one_bad_claim_is_named_or_left_out(change, field, fix, scene, claim):
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
    problems = []
    (prepared,) = scene.prepare([claim, bad], problems=problems)
    assert prepared.input == claim and [str(problem) for problem in problems] == [str(refused.value)]


def test_claims_of_several_providers_only_when_they_are_named(scene, claim):
    other = dataclasses.replace(claim, number="2", provider_ref="Organization/2")
    answers = scene.submit([claim, other], provider_refs={"Organization/city-hospital", "Organization/2"})
    assert [answer.state for answer in answers] == [State.SETTLED] * 2


def test_unpublished_plan(world, tmp_path, claim):
    _, handle = world.institution("INSURER")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "insurer": handle}))
    hospital, _ = world.institution("PROVIDER")
    with pytest.raises(BadInput, match="is not a published plan on this chain"):
        world.client(hospital).claims.submit([claim], load_plan(path), {REF: hospital.address})


def test_who_is_no_provider_is_refused_by_the_gate(scene, claim):
    """A stranger acts for nobody: the claim is of account 0, which did not attest it."""
    stranger = scene.world.client(scene.world.person())
    (answer,) = stranger.claims.submit([claim], scene.plan, {REF: scene.patient.address})
    assert answer.refusal in (Refusal.NOT_ATTESTED, Refusal.NOT_LICENSED)
