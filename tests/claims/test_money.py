"""The money of ClaimDesk, end to end

submit
├── each line by the plan's terms, the member's year running through lines, claims and batches
├── the year of the service day, the plan and the member keep their own accumulators
├── the pool suffices → Settled: the provider has the sum of `paid`, in the same transaction
├── nothing is due → Settled, and no money moves
├── the pool is short → see test_owed.py
└── the payee cannot receive → Settled, held for it, and the next claim of the batch is paid
"""

import datetime

import pytest

from tests.claims import build
from tests.claims.build import (
    DAY,
    EPOCH,
    SETTLED,
    LineResult,
    Record,
    a_claim,
    accumulators,
    fund,
    line,
    now,
    permit,
    pool,
    publish,
    record,
    submit,
    this_year,
    today,
    word,
)
from tests.claims.conftest import FUNDS
from tests.conftest import PROVIDER


# ------------------------------------------------------------------------------------------------------------- judge


def test_the_first_visit_is_the_deductible(open_desk, plan, patient, hospital, token):
    (answer,), tx = submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    assert answer.state == SETTLED and answer.paid == 0
    assert answer.lines == (LineResult(100_00, 100_00, 100_00, 0, 0, 0),)
    assert list(tx.events.keys()) == ["ClaimSettled"]
    assert token.balanceOf(hospital) == 0
    assert accumulators(open_desk, plan, patient, this_year()) == (100_00, 100_00)


def test_a_claim_of_many_lines(open_desk, plan, patient, hospital, insurer, token):
    lines = [
        line("visit", 1, 180_00),  # 30 written off, 100 deductible, 20 % of 50
        line("x-ray", 2, 150_00),  # below the list: 20 % of 150
        line("wig", 1, 99_99),  # not covered
        line("cast", 1, 333_33),  # 20 % of 333.33 is 66.666
        line("free", 5, 10_00),  # listed at nothing: all written off
    ]
    (answer,), tx = submit(open_desk, [a_claim(plan, patient, hospital, *lines)], hospital)
    assert answer.lines == (
        LineResult(180_00, 150_00, 100_00, 10_00, 40_00, 0),
        LineResult(150_00, 150_00, 0, 30_00, 120_00, 0),
        LineResult(99_99, 0, 0, 0, 0, 204),
        LineResult(333_33, 333_33, 0, 66_67, 266_66, 0),
        LineResult(10_00, 0, 0, 0, 0, 0),
    )
    assert answer.paid == 40_00 + 120_00 + 266_66
    event = tx.events["ClaimSettled"]
    assert {key: event[key] for key in ("id", "provider", "plan", "patient", "serviceDay", "state")} == {
        "id": answer.id, "provider": hospital, "plan": plan, "patient": patient, "serviceDay": today(), "state": SETTLED,
    }  # fmt: skip
    assert tuple(LineResult(*each) for each in event["lines"]) == answer.lines
    assert dict(tx.events["Paid"]) == {
        "ref": answer.id, "insurer": insurer, "payee": hospital, "desk": open_desk, "token": token,
        "amount": answer.paid, "held": False,
    }  # fmt: skip
    assert record(open_desk, answer.id) == Record(SETTLED, tx.timestamp, answer.paid, insurer, token, hospital)
    assert accumulators(open_desk, plan, patient, this_year()) == (100_00, 206_67)
    assert token.balanceOf(hospital) == answer.paid


def test_the_out_of_pocket_maximum_ends_the_patient_s_share(open_desk, plan, patient, hospital, token):
    claims = [a_claim(plan, patient, hospital, line("cast", 1, 333_33), number=str(i)) for i in range(9)]
    answers, _ = submit(open_desk, claims, hospital)
    shares = [each.lines[0].deductible + each.lines[0].coinsurance for each in answers]
    assert shares == [146_67, 66_67, 66_67, 66_67, 66_67, 66_67, 19_98, 0, 0]
    assert sum(shares) == 500_00
    assert accumulators(open_desk, plan, patient, this_year()) == (100_00, 500_00)
    assert token.balanceOf(hospital) == 9 * 333_33 - 500_00


def test_a_batch_is_its_claims_one_by_one(open_desk, plan, plans, consents, insurer, patient, neighbour, hospital):
    plans.enroll(plan, [str(neighbour)], 0, 2**24 - 1, {"from": insurer})
    permit(consents, neighbour, insurer)
    charges = [61_07 * i for i in range(1, 8)]
    claims = [a_claim(plan, patient, hospital, line(charge=c), number=f"batch {c}") for c in charges]
    together, _ = submit(open_desk, claims, hospital)
    for charge, expected in zip(charges, together):
        claim = a_claim(plan, neighbour, hospital, line(charge=charge), number=f"single {charge}")
        (answer,), _ = submit(open_desk, [claim], hospital)
        assert answer[1:] == expected[1:]


def test_two_calendar_years(plans, consent, funded, desk, terms, patient, hospital):
    """December 31 and January 1, each with a deductible of its own."""
    january = (datetime.date(this_year(), 1, 1) - EPOCH).days
    new = terms._replace(document=word("two years"), valid_from=january - 1, filing_days=0)
    plan = publish(plans, new, {"visit": 150_00}, members=[patient])
    for number, day, year in (("1", january - 1, this_year() - 1), ("2", january, this_year())):
        claim = a_claim(plan, patient, hospital, line(charge=150_00), number=number, day=day)
        (answer,), _ = submit(desk, [claim], hospital)
        assert answer.lines[0].deductible == 100_00
        assert accumulators(desk, plan, patient, year) == (100_00, 110_00)


def test_members_and_plans_are_apart(open_desk, plan, plans, consents, terms, insurer, patient, neighbour, hospital):
    other = publish(plans, terms._replace(document=word("another")), {"visit": 150_00}, members=[patient])
    plans.enroll(plan, [str(neighbour)], terms.valid_from, terms.valid_until, {"from": insurer})
    permit(consents, neighbour, insurer)
    for number, (which, who) in enumerate(((plan, patient), (other, patient), (plan, neighbour))):
        (answer,), _ = submit(open_desk, [a_claim(which, who, hospital, number=str(number))], hospital)
        assert answer.lines[0].deductible == 100_00
        assert accumulators(open_desk, which, who, this_year()) == (100_00, 100_00)
    assert accumulators(open_desk, other, neighbour, this_year()) == (0, 0)


def test_TP5_a_token_of_18_places(plans, desk, consent, treasury, salus_project, terms, patient, hospital, insurer):
    ether = 10**18
    fine = salus_project.TestToken.deploy("Fine", "FINE", 18, {"from": insurer})
    fund(treasury, desk, insurer, fine, 10**6 * ether, insurer)
    new = terms._replace(
        token=str(fine), document=word("fine"), deductible=0, out_of_pocket_maximum=10**6 * ether, coinsurance=33_33
    )
    plan = publish(plans, new, {"visit": 10**6 * ether}, members=[patient])
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital, line(charge=1000 * ether + 1))], hospital)
    share = -(-(1000 * ether + 1) * 33_33 // 10_000)
    assert answer.lines[0].coinsurance == share
    assert fine.balanceOf(hospital) == 1000 * ether + 1 - share


def test_TP3_the_pool_loses_what_the_providers_get(open_desk, treasury, plan, patient, hospital, clinic, insurer, token):
    for provider in (hospital, clinic):
        claims = [a_claim(plan, patient, provider, line("cast", 2, 50_01 * i), number=str(i)) for i in range(1, 8)]
        open_desk.submit(claims, {"from": provider})
    paid = token.balanceOf(hospital) + token.balanceOf(clinic)
    assert paid == 2 * 50_01 * 28 - accumulators(open_desk, plan, patient, this_year()).out_of_pocket
    assert pool(treasury, open_desk, insurer, token).balance == FUNDS - paid
    assert treasury.accounted(token) == token.balanceOf(treasury) == FUNDS - paid


def test_TP2_an_announced_exit_does_not_run_ahead_of_claims(open_desk, treasury, plan, patient, hospital, insurer, token):
    treasury.announceExit(open_desk, token, FUNDS, {"from": insurer})
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital, line(charge=150_00))], hospital)
    assert answer.state == SETTLED
    assert token.balanceOf(hospital) == 40_00


# ----------------------------------------------------------------------------------------------- tokens that misbehave


@pytest.fixture
def odd_plan(plans, desk, consent, treasury, terms, patient, insurer, mischief):
    """A plan without patient share, in a token that may misbehave, and a pool of 1,000.00 of it."""
    fund(treasury, desk, insurer, mischief, 1000_00, insurer)
    new = terms._replace(token=str(mischief), document=word("odd"), deductible=0, coinsurance=0)
    return publish(plans, new, {"visit": 150_00}, members=[patient])


def test_TP6_a_blocked_provider_is_held_and_the_batch_goes_on(odd_plan, desk, treasury, patient, hospital, insurer, mischief):
    mischief.setBlocked(hospital, True, {"from": insurer})
    claims = [a_claim(odd_plan, patient, hospital, number=str(i)) for i in range(3)]
    answers, tx = submit(desk, claims, hospital)
    assert [each.state for each in answers] == [SETTLED] * 3
    assert [event["held"] for event in tx.events["Paid"]] == [True] * 3
    assert treasury.held(hospital, mischief) == 300_00
    mischief.setBlocked(hospital, False, {"from": insurer})
    treasury.collect(mischief, {"from": hospital})
    assert mischief.balanceOf(hospital) == 300_00


def test_TP10_a_token_that_burns_gas_does_not_stop_the_batch(odd_plan, desk, treasury, patient, hospital, insurer, mischief):
    mischief.behave(8, {"from": insurer})
    claims = [a_claim(odd_plan, patient, hospital, number=str(i)) for i in range(5)]
    tx = desk.submit(claims, {"from": hospital})
    assert treasury.held(hospital, mischief) == 500_00
    assert tx.gas_used < 5 * (treasury.TRANSFER_GAS() + 150_000)


@pytest.mark.parametrize("function", ["submit", "settle"])
def test_TP1_a_token_does_not_come_back_to_the_desk(
    odd_plan, desk, treasury, patient, hospital, insurer, mischief, institutions, function
):
    """The token is the hospital's own operator, and submits a claim that costs nothing, or settles, while it is paid."""
    institutions.setOperator(mischief, PROVIDER, now() + DAY, {"from": hospital})
    free = a_claim(odd_plan, patient, hospital, line(charge=0), number="free")
    inner = {"submit": [free], "settle": desk.idOf(hospital, word("free"))}[function]
    mischief.setHook(desk, getattr(desk, function).encode_input(inner), {"from": insurer})
    submit(desk, [a_claim(odd_plan, patient, hospital)], hospital)
    assert mischief.answered() is False
    assert str(mischief.answer()).startswith("0x3ee5aeb5")  # ReentrancyGuardReentrantCall()
    assert mischief.balanceOf(hospital) == 100_00
    assert pool(treasury, desk, insurer, mischief).balance == 900_00


def test_TP12_a_claim_is_final_while_it_is_paid(odd_plan, desk, patient, hospital, insurer, mischief):
    claim = a_claim(odd_plan, patient, hospital)
    mischief.setHook(desk, desk.claim.encode_input(desk.idOf(hospital, claim[3])), {"from": insurer})
    submit(desk, [claim], hospital)
    assert mischief.answered() is True
    assert int(str(mischief.answer()), 16) == SETTLED


# ------------------------------------------------------------------------------------------------------------ bounds


def test_the_largest_claim_stays_far_below_a_block(open_desk, plan, patient, hospital):
    lines = [line("cast", 1, 1_00)] * open_desk.MAX_LINES()
    tx = open_desk.submit([a_claim(plan, patient, hospital, *lines)], {"from": hospital})
    assert open_desk.MAX_LINES() == 100
    assert tx.gas_used < 1_500_000


def test_a_usual_claim_takes_one_new_slot(open_desk, plan, patient, hospital, clinic):
    """Whom it concerns is stored once: the next claim of the same provider costs three slots less."""
    costs = []
    for number, provider in enumerate((hospital, hospital, hospital, clinic, clinic, clinic)):
        claim = a_claim(plan, patient, provider, line(charge=150_00), number=str(number))
        costs.append(open_desk.submit([claim], {"from": provider}).gas_used)
    assert costs[2] < 155_000 and costs[5] < 155_000
    assert costs[3] - costs[4] > 4 * 17_000  # three words and a number, and the payee's first balance


def test_the_desk_names_its_collaborators(desk, institutions, consents, plans, treasury):
    assert (desk.institutions(), desk.consents(), desk.plans(), desk.treasury()) == (
        institutions, consents, plans, treasury,
    )  # fmt: skip


def test_TP9_nothing_but_pseudonyms_and_commitments_is_submitted(open_desk, plan, patient, hospital):
    """A code and a claim number never appear, only their salted hashes."""
    _, tx = submit(open_desk, [a_claim(plan, patient, hospital, line("x-ray"), number="4711")], hospital)
    data = tx.input + "".join(str(each["data"].hex()) + "".join(t.hex() for t in each["topics"]) for each in tx.logs)
    assert b"x-ray".hex() not in data and b"4711".hex() not in data
    assert build.word("x-ray")[2:] in data
