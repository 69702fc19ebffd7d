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
from tests.support.claim_scenario import PLAN, REF, USD, ClaimScenario
from tests.support.shared_data import EXAMPLES

# --------------------------------------------------------------------------------------------------------- treasury


def test_fund_needs_the_tokens(claim_scenario):
    with pytest.raises(BadInput, match="amount: is 1 units, but"):
        claim_scenario.payer.treasury.fund(claim_scenario.insurer.address, claim_scenario.token, 1)
    assert (
        claim_scenario.payer.treasury.pool(claim_scenario.insurer.address, claim_scenario.token).balance
        == 100_000 * USD
    )


def test_pool_and_exit(claim_scenario):
    claim_scenario.payer.treasury.announce_exit(claim_scenario.token, 5)
    pool = claim_scenario.payer.treasury.pool(claim_scenario.insurer.address, claim_scenario.token)
    assert (pool.exiting, pool.reserved, pool.owed, pool.waiting) == (5, 0, 0, 0)
    assert pool.exit_from > claim_scenario.payer.now()
    with pytest.raises(errors.ExitNotOpen):
        claim_scenario.payer.treasury.exit(claim_scenario.token)
    with pytest.raises(errors.NothingHeld):
        claim_scenario.payer.treasury.collect(claim_scenario.token)


# ----------------------------------------------------------------------------------------------------------- claims


def test_claim_is_judged_and_paid(claim_scenario, claim):
    """120 + 42.75 + 20 billed; 95 + 38.20 + 18.50 allowed; deductible 100, then 20 % of 51.70."""
    (estimated,) = claim_scenario.desk.claims.estimate(claim_scenario.prepare([claim]))
    (answer,) = claim_scenario.submit([claim])
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
    assert claim_scenario.balance() == answer.paid
    record = claim_scenario.desk.claims.get(bytes.fromhex(answer.id[2:]))
    assert (record.state, record.at, record.review_by, record.appealed) == (State.SETTLED, answer.decided_at, 0, False)
    assert claim_scenario.desk.claims.accumulators(
        claim_scenario.plan_id, claim_scenario.patient.address, 2025
    ) == Accumulators(100 * USD, 110_340_000, 41_360_000)
    assert estimated == dataclasses.replace(answer, transaction="", decided_at=estimated.decided_at)


def test_adjustments_name_who_bears_what_and_sum_to_the_charge(claim_scenario, claim):
    (answer,) = claim_scenario.submit([claim])
    assert answer.lines[1].adjustments == (
        Adjustment("CO", 45, 4_550_000),
        Adjustment("PR", 1, 5 * USD),
        Adjustment("PR", 2, 6_640_000),
    )
    for line in answer.lines:
        assert line.charge == line.paid + sum(adjustment.amount for adjustment in line.adjustments)


def test_answers_come_in_order_whatever_the_batch(claim_scenario):
    claims = [*read_claims(EXAMPLES / "claims.ndjson"), *read_claims(EXAMPLES / "claims-bundle.json")]
    seen = []
    answers = claim_scenario.submit(claims, batch=2, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert [answer.input for answer in answers] == claims
    assert len({answer.transaction for answer in answers}) == 3
    # The intubation is not in the price list, which is the provider's to bear.
    assert [line.carc for line in answers[2].lines] == [0, 204]
    assert answers[2].lines[1].adjustments == (Adjustment("CO", 204, 310 * USD),)
    assert claim_scenario.balance() == sum(answer.paid for answer in answers)


def test_what_was_submitted_before_is_not_sent_again_TP1(claim_scenario, claim):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(3)]
    (first,) = claim_scenario.submit(claims[:1])
    answers = claim_scenario.submit(claims)
    assert [answer.earlier for answer in answers] == [True, False, False]
    assert answers[0] == dataclasses.replace(first, earlier=True)
    block, paid = claim_scenario.deployed_chain.w3.eth.block_number, claim_scenario.balance()
    again = claim_scenario.submit(claims)
    assert [(a.id, a.state, a.lines, a.transaction, a.earlier) for a in again] == [
        (a.id, a.state, a.lines, a.transaction, True) for a in answers
    ]
    assert (claim_scenario.deployed_chain.w3.eth.block_number, claim_scenario.balance()) == (block, paid)


def test_many_that_were_submitted_before_are_found_by_their_provider(claim_scenario, claim):
    claims = [dataclasses.replace(claim, number=str(n), lines=claim.lines[:1]) for n in range(12)]
    answers = claim_scenario.submit(claims)
    assert claim_scenario.submit(claims) == [dataclasses.replace(answer, earlier=True) for answer in answers]


def test_another_claim_under_the_same_number_is_a_duplicate_TP1(claim_scenario, claim):
    claim_scenario.submit([claim])
    other = dataclasses.replace(claim, service_day=claim.service_day + 1)
    (answer,) = claim_scenario.submit([other])
    assert (answer.refusal, answer.carc, answer.earlier) == (Refusal.DUPLICATE, 18, False)


def test_a_bad_claim_in_a_batch_stops_no_other(claim_scenario, claim):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(3)]
    claims[1] = dataclasses.replace(claims[1], service_day=claim_scenario.cover_late())
    answers = claim_scenario.submit(claims)
    assert [answer.refusal for answer in answers] == [Refusal.NONE, Refusal.OUTSIDE_COVER, Refusal.NONE]
    assert len({answer.transaction for answer in answers}) == 1
    assert claim_scenario.balance() == sum(answer.paid for answer in answers) > answers[0].paid


def test_batch_that_no_block_holds_is_halved(claim_scenario, claim, monkeypatch):
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(5)]
    real, sizes = claim_scenario.desk.send, []

    def send(fn, **options):
        sizes.append(len(fn.arguments[0]))
        if sizes[-1] > 2:
            raise errors.NodeRefused("submit takes 9,000,000 gas, a block holds 5,000,000; send less at once")
        return real(fn, **options)

    monkeypatch.setattr(claim_scenario.desk, "send", send)
    answers = claim_scenario.submit(claims)
    assert sizes == [5, 2, 3, 1, 2]
    assert [answer.input for answer in answers] == claims


def test_no_transaction_is_given_more_gas_than_one_may_take(claim_scenario, claim, monkeypatch):
    """What two claims take is more than a transaction may: each goes by itself."""
    claims = [dataclasses.replace(claim, number=str(n)) for n in range(2)]
    monkeypatch.setattr("salus.chain.transactions.MOST_GAS", 400_000)
    answers = claim_scenario.submit(claims)
    sent = {answer.transaction for answer in answers}
    assert len(sent) == 2 and all(
        claim_scenario.deployed_chain.w3.eth.get_transaction(each)["gas"] <= 400_000 for each in sent
    )
    assert [answer.state for answer in answers] == [State.SETTLED] * 2


@pytest.mark.parametrize("message", ["a block holds no gas for it", "the sender has too little ether for the fee"])
def test_refusal_of_the_node_that_no_halving_cures(message, claim_scenario, claim, monkeypatch):
    claims = [claim] if "gas" in message else [claim, dataclasses.replace(claim, number="2")]
    calls = []

    def send(fn, **options):
        calls.append(fn)
        raise errors.NodeRefused(message)

    monkeypatch.setattr(claim_scenario.desk, "send", send)
    with pytest.raises(errors.NodeRefused):
        claim_scenario.submit(claims)
    assert len(calls) == 1


def test_refusals_are_answers(claim_scenario, claim):
    stranger = claim_scenario.deployed_chain.person()
    early = dataclasses.replace(claim, number="3", service_day=claim_scenario.cover_late())
    late = dataclasses.replace(claim, number="4", service_day=claim_scenario.plan.valid_until - 1)
    answers = claim_scenario.submit([early, late])
    assert [(a.refusal, a.carc, a.lines, a.state, a.outcome) for a in answers] == [
        (Refusal.OUTSIDE_COVER, 26, (), State.NONE, "refused"),
        (Refusal.FUTURE_SERVICE, 110, (), State.NONE, "refused"),
    ]
    (unenrolled,) = claim_scenario.desk.claims.submit([claim], claim_scenario.plan, {REF: stranger.address})
    assert (unenrolled.refusal, unenrolled.carc) == (Refusal.NOT_ENROLLED, 31)


def test_revoked_consent_refuses_and_pays_nothing_TP9(claim_scenario, claim):
    claim_scenario.deployed_chain.client(claim_scenario.patient).consent.revoke(claim_scenario.insurer.address)
    (answer,) = claim_scenario.submit([claim])
    assert (answer.refusal, answer.carc) == (Refusal.NO_CONSENT, 227)
    assert claim_scenario.balance() == 0
    claim_scenario.deployed_chain.node.advance(1)
    claim_scenario.permit()
    assert claim_scenario.submit([claim])[0].state is State.SETTLED  # the number was not burnt


def test_short_pool_owes_and_settles_later_TP3(deployed_chain, token, tmp_path, claim):
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, fund=1 * USD)
    answers = claim_scenario.submit([claim, dataclasses.replace(claim, number="2")])
    ids = [bytes.fromhex(answer.id[2:]) for answer in answers]
    assert [answer.state for answer in answers] == [State.OWED] * 2
    pool = claim_scenario.payer.treasury.pool(claim_scenario.insurer.address, token)
    assert (pool.owed, pool.waiting) == (sum(answer.paid for answer in answers), 2)
    with pytest.raises(errors.PoolShort):
        claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)
    claim_scenario.fund(50 * USD)
    claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)
    assert [claim_scenario.desk.claims.get(claim).state for claim in ids] == [State.SETTLED, State.OWED]
    assert claim_scenario.balance() == answers[0].paid
    claim_scenario.fund(500 * USD)
    claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)
    assert claim_scenario.submit([claim])[0].state is State.SETTLED  # told from the chain
    with pytest.raises(errors.NothingOwed):
        claim_scenario.desk.treasury.settle(claim_scenario.insurer.address, token)


def test_refused_payment_is_held_TP6(deployed_chain, tmp_path, claim):
    token = deployed_chain.deploy("MisbehavingToken")  # with 18 decimals
    claim_scenario = ClaimScenario(deployed_chain, token, tmp_path, fund=10**24)
    erc20 = deployed_chain.w3.eth.contract(address=token, abi=deployed_chain.build("MisbehavingToken")["abi"])
    claim_scenario.payer.send(erc20.functions.setBlocked(claim_scenario.hospital.address, True))
    answers = claim_scenario.submit([claim, dataclasses.replace(claim, number="2")])
    assert [(answer.state, answer.held) for answer in answers] == [(State.SETTLED, True)] * 2
    assert claim_scenario.desk.treasury.held(claim_scenario.hospital.address, token) == sum(a.paid for a in answers) > 0


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
def test_one_bad_claim_is_named_or_left_out(change, field, fix, claim_scenario, claim):
    bad = dataclasses.replace(claim, number="bad")
    if "charge" in change:
        bad = dataclasses.replace(bad, lines=(dataclasses.replace(claim.lines[0], charge=change["charge"]),))
    elif "lines" in change:
        bad = dataclasses.replace(bad, lines=claim.lines[:1] * change["lines"])
    else:
        bad = dataclasses.replace(bad, **change)
    block = claim_scenario.deployed_chain.w3.eth.block_number
    with pytest.raises(BadInput) as refused:
        claim_scenario.submit([claim, bad], batch=1)
    assert refused.value.field == field and (fix is None or refused.value.fix == fix)
    assert claim_scenario.deployed_chain.w3.eth.block_number == block
    problems = []
    (prepared,) = claim_scenario.prepare([claim, bad], problems=problems)
    assert prepared.input == claim and [str(problem) for problem in problems] == [str(refused.value)]


def test_claims_of_several_providers_only_when_they_are_named(claim_scenario, claim):
    other = dataclasses.replace(claim, number="2", provider_ref="Organization/2")
    answers = claim_scenario.submit([claim, other], provider_refs={"Organization/city-hospital", "Organization/2"})
    assert [answer.state for answer in answers] == [State.SETTLED] * 2


def test_unpublished_plan(deployed_chain, tmp_path, claim):
    _, handle = deployed_chain.institution("INSURER")
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**PLAN, "insurer": handle}))
    hospital, _ = deployed_chain.institution("PROVIDER")
    with pytest.raises(BadInput, match="is not a published plan on this chain"):
        deployed_chain.client(hospital).claims.submit([claim], load_plan(path), {REF: hospital.address})


def test_who_is_no_provider_is_refused_by_the_gate(claim_scenario, claim):
    """A stranger acts for nobody: the claim is of account 0, which did not attest it."""
    stranger = claim_scenario.deployed_chain.client(claim_scenario.deployed_chain.person())
    (answer,) = stranger.claims.submit([claim], claim_scenario.plan, {REF: claim_scenario.patient.address})
    assert answer.refusal in (Refusal.NOT_ATTESTED, Refusal.NOT_LICENSED)
