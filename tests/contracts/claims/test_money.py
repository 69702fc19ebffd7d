"""The money of ClaimDesk, end to end

submit
├── passed → decided and paid in the same transaction; the event says all that decided
├── several claims that follow each other with one insurer, token and provider → one transfer
├── nothing is due → settled, and no money moves
├── the pool is short → see test_owed.py
└── the payee cannot receive → settled, held for it, and the next claim of the batch is paid
"""

import pytest
from brownie import web3

from tests.conftest import PROVIDER
from tests.contracts.claims.conftest import FUNDS
from tests.support import claim_builders
from tests.support.attestations import sign
from tests.support.claim_builders import (
    DAY,
    JUDGED_OUTSIDE,
    LARGEST,
    LAST_DAY,
    NETWORK,
    OUTSIDE,
    SETTLED,
    LineResult,
    Pool,
    a_claim,
    accumulators,
    circumstances,
    decided,
    enroll,
    fund,
    line,
    now,
    permit,
    pool,
    record,
    submit,
    today,
    unpack,
    word,
)
from tests.support.fake_desk import behave, heard, hook

BUSY = bytes(web3.keccak(text="PoolBusy(address,address,address)")[:4])


# ---- judge and pay -----------------------------------------------------------------------------------------------


def test_the_first_visit_is_the_deductible(open_desk, plans, plan, patient, hospital, token):
    (answer,), tx = submit(open_desk, [a_claim(plan, patient, hospital)], hospital)
    assert answer.state == SETTLED and answer.paid == 0
    assert answer.lines == (LineResult(1, 100_00, allowed=100_00, deductible=100_00),)
    assert list(tx.events.keys()) == ["ClaimDecided"]
    assert token.balanceOf(hospital) == 0
    assert accumulators(plans, open_desk, plan, patient) == (100_00, 100_00, 0)


def test_a_claim_of_many_lines(open_desk, plans, plan, patient, hospital, insurer, token):
    lines = [
        line("visit", 1, 180_00),  # 30 written off, 100 deductible, 20 % of 50
        line("x-ray", 2, 150_00),  # below the list: 20 % of 150
        line("wig", 1, 99_99),  # not covered
        line("cast", 1, 333_33),  # 20 % of 333.33 is 66.666
        line("free", 5, 10_00),  # listed at nothing: all written off
    ]
    (answer,), tx = submit(open_desk, [a_claim(plan, patient, hospital, *lines)], hospital)
    assert answer.lines == (
        LineResult(1, 180_00, allowed=150_00, deductible=100_00, coinsurance=10_00, paid=40_00),
        LineResult(2, 150_00, allowed=150_00, coinsurance=30_00, paid=120_00),
        LineResult(0, 99_99, denied=99_99, carc=204),
        LineResult(1, 333_33, allowed=333_33, coinsurance=66_67, paid=266_66),
        LineResult(5, 10_00),
    )
    assert answer.paid == 40_00 + 120_00 + 266_66
    assert answer.circumstances == circumstances(today())
    told = decided(tx)
    assert told[:5] == (answer.id, plan, patient, hospital, answer.circumstances)
    assert tuple(unpack(each) for each in told.lines) == answer.lines
    assert [each[0] for each in told.lines] == [each.code for each in lines]
    assert [LineResult(*open_desk.unpack(each)) for each in told.lines] == list(answer.lines)
    assert dict(tx.events["Paid"]) == {
        "ref": answer.id, "insurer": insurer, "payee": hospital, "desk": open_desk, "token": token,
        "amount": answer.paid, "held": False,
    }  # fmt: skip
    assert record(open_desk, answer.id) == (SETTLED, tx.timestamp, 0, False)
    assert accumulators(plans, open_desk, plan, patient) == (100_00, 206_67, answer.paid)
    assert token.balanceOf(hospital) == answer.paid


def test_the_out_of_pocket_maximum_ends_the_patient_s_share(open_desk, plans, plan, patient, hospital, token):
    claims = [a_claim(plan, patient, hospital, line("cast", 1, 333_33), number=str(i)) for i in range(9)]
    answers, _ = submit(open_desk, claims, hospital)
    shares = [each.lines[0].deductible + each.lines[0].coinsurance for each in answers]
    assert shares == [146_67, 66_67, 66_67, 66_67, 66_67, 66_67, 19_98, 0, 0]
    assert accumulators(plans, open_desk, plan, patient)[:2] == (100_00, 500_00)
    assert token.balanceOf(hospital) == 9 * 333_33 - 500_00


def test_TP5_a_batch_is_its_claims_one_by_one(open_desk, plan, plans, consents, insurer, patient, neighbour, hospital):
    enroll(plans, plan, insurer, neighbour)
    permit(consents, neighbour, insurer)
    charges = [61_07 * i for i in range(1, 8)]
    claims = [a_claim(plan, patient, hospital, line(charge=c), number=f"batch {c}") for c in charges]
    together, _ = submit(open_desk, claims, hospital)
    for charge, expected in zip(charges, together):
        claim = a_claim(plan, neighbour, hospital, line(charge=charge), number=f"single {charge}")
        (answer,), _ = submit(open_desk, [claim], hospital)
        assert answer[1:] == expected[1:]


def test_what_decided_is_told(desk, plans, draw_plan, funded, patient, hospital, insurer):
    """The family, and that it was judged out of network, stand in the event."""
    plan = draw_plan(rules=NETWORK | OUTSIDE, coinsurance_out=50_00, cover={"family": 2**64 - 1})
    (answer,), tx = submit(desk, [a_claim(plan, patient, hospital, day=today() - 3)], hospital)
    assert answer.paid == 50_00
    assert decided(tx).circumstances == answer.circumstances == circumstances(today() - 3, 2**64 - 1, JUDGED_OUTSIDE)


@pytest.mark.parametrize("places, unit", [(6, 10**6), (18, 10**18)])
def test_TP5_tokens_of_6_and_18_places(
    draw_plan, desk, treasury, salus_project, patient, hospital, insurer, places, unit
):
    fine = salus_project.TestToken.deploy("Fine", "FINE", places, {"from": insurer})
    fund(treasury, desk, insurer, fine, 10**6 * unit, insurer)
    plan = draw_plan({"visit": 10**6 * unit}, token=str(fine), coinsurance=33_33)
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital, line(charge=1000 * unit + 1))], hospital)
    share = -(-(1000 * unit + 1) * 33_33 // 10_000)
    assert answer.lines[0].coinsurance == share
    assert fine.balanceOf(hospital) == 1000 * unit + 1 - share


def test_TP6_the_largest_amounts(draw_plan, desk, treasury, salus_project, patient, hospital, insurer):
    """A hundred lines of 80 bits each, in one claim and one transfer."""
    fine = salus_project.TestToken.deploy("Fine", "FINE", 18, {"from": insurer})
    fund(treasury, desk, insurer, fine, 2**104 - 1, insurer)
    plan = draw_plan({"visit": LARGEST}, token=str(fine))
    lines = [line(charge=LARGEST - i) for i in range(100)]
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital, *lines)], hospital)
    assert answer.paid == fine.balanceOf(hospital) == 100 * LARGEST - 4950


# ---- one transfer ------------------------------------------------------------------------------------------------


def transfers(tx):
    return [(event["to"], event["value"]) for event in tx.events["Transfer"]] if "Transfer" in tx.events else []


def test_one_transfer_for_a_batch(open_desk, treasury, plan, patient, hospital, insurer, token):
    claims = [a_claim(plan, patient, hospital, line(charge=150_00), number=str(i)) for i in range(4)]
    claims.insert(2, a_claim(plan, patient, hospital, line("free", charge=5), number="nothing is due"))
    claims.insert(2, a_claim(plan, patient, hospital, number="0"))  # a duplicate
    answers, tx = submit(open_desk, claims, hospital)
    due = [40_00, 120_00, 0, 0, 120_00, 120_00]
    assert [each.paid for each in answers] == due
    assert transfers(tx) == [(hospital, sum(due))]
    assert [(str(e["ref"]), e["amount"]) for e in tx.events["Paid"]] == [(answers[0].id, sum(due))]
    assert pool(treasury, open_desk, insurer, token) == Pool(FUNDS - sum(due))


def test_one_transfer_for_each_run_of_one_provider(open_desk, plan, patient, hospital, clinic, stranger):
    who = [hospital, hospital, clinic, hospital, clinic, clinic]
    claims = [a_claim(plan, patient, p, line(charge=150_00), number=str(i)) for i, p in enumerate(who)]
    answers, tx = submit(open_desk, claims, stranger, [sign(open_desk, c, p) for c, p in zip(claims, who)])
    assert transfers(tx) == [(hospital, 160_00), (clinic, 120_00), (hospital, 120_00), (clinic, 240_00)]
    assert [str(each["ref"]) for each in tx.events["Paid"]] == [answers[i].id for i in (0, 2, 3, 4)]


def test_a_claim_of_nothing_does_not_part_a_run(open_desk, plan, patient, hospital, clinic, stranger):
    """Between two claims of the hospital the clinic has one for which nothing is due."""
    who = [(hospital, "visit"), (clinic, "free"), (hospital, "x-ray")]
    claims = [a_claim(plan, patient, p, line(text, 2, 150_00), number="n") for p, text in who[:2]]
    claims.append(a_claim(plan, patient, hospital, line("x-ray", charge=50_00), number="m"))
    _, tx = submit(open_desk, claims, stranger, [sign(open_desk, c, p) for c, (p, _) in zip(claims, who)])
    assert transfers(tx) == [(hospital, 80_00)]


def test_two_insurers_and_two_tokens_are_paid_apart(
    desk, plans, bare, draw_plan, funded, treasury, consents, patient, hospital, insurer, rival, token, mischief
):
    fund(treasury, desk, rival, token, 1000_00, rival)
    fund(treasury, desk, insurer, mischief, 1000_00, insurer)
    permit(consents, patient, rival)
    drawn = [
        draw_plan(),
        claim_builders.publish(plans, bare._replace(insurer=str(rival)), {"visit": 150_00}, [patient]),
        draw_plan(token=str(mischief)),
    ]
    claims = [a_claim(plan, patient, hospital, number=str(i)) for i, plan in enumerate([*drawn, *drawn[::-1]])]
    _, tx = submit(desk, claims, hospital)
    assert [(e["insurer"], e["token"], e["amount"]) for e in tx.events["Paid"]] == [
        (insurer, token, 100_00),
        (rival, token, 100_00),
        (insurer, mischief, 200_00),  # the last of one row and the first of the other
        (rival, token, 100_00),
        (insurer, token, 100_00),
    ]
    assert pool(treasury, desk, rival, token) == Pool(1000_00 - 200_00)


def test_TP3_the_pool_loses_what_the_providers_get(
    open_desk, plans, treasury, plan, patient, hospital, clinic, insurer, token
):
    for provider in (hospital, clinic):
        claims = [a_claim(plan, patient, provider, line("cast", 2, 50_01 * i), number=str(i)) for i in range(1, 8)]
        open_desk.submit(claims, [], {"from": provider})
    paid = token.balanceOf(hospital) + token.balanceOf(clinic)
    used = accumulators(plans, open_desk, plan, patient)
    assert paid == used.paid == 2 * 50_01 * 28 - used.out_of_pocket
    assert pool(treasury, open_desk, insurer, token).balance == token.balanceOf(treasury) == FUNDS - paid


def test_TP2_an_announced_exit_does_not_run_ahead_of_claims(
    open_desk, treasury, plan, patient, hospital, insurer, token
):
    treasury.announceExit(open_desk, token, FUNDS, {"from": insurer})
    (answer,), _ = submit(open_desk, [a_claim(plan, patient, hospital, line(charge=150_00))], hospital)
    assert answer.state == SETTLED
    assert token.balanceOf(hospital) == 40_00


# ---- tokens that misbehave ---------------------------------------------------------------------------------------


@pytest.fixture
def odd_plan(draw_plan, desk, treasury, insurer, mischief):
    """A plan in a token that may misbehave, and a pool of 1,000.00 of it."""
    fund(treasury, desk, insurer, mischief, 1000_00, insurer)
    return draw_plan(token=str(mischief))


@pytest.mark.parametrize("mode", ["blocked", "false", "paused", "burn"])
def test_TP6_what_the_token_refuses_is_held_and_the_batch_goes_on(
    odd_plan, desk, treasury, patient, hospital, clinic, insurer, mischief, stranger, mode
):
    mischief.setBlocked(hospital, mode == "blocked", {"from": insurer})
    behave(mischief, "good" if mode == "blocked" else mode)
    who = [hospital, hospital, clinic]
    claims = [a_claim(odd_plan, patient, p, number=str(i)) for i, p in enumerate(who)]
    answers, tx = submit(desk, claims, stranger, [sign(desk, c, p) for c, p in zip(claims, who)])
    assert [each.state for each in answers] == [SETTLED] * 3
    assert [(e["payee"], e["amount"], e["held"]) for e in tx.events["Paid"]] == [
        (hospital, 200_00, True), (clinic, 100_00, mode != "blocked"),
    ]  # fmt: skip
    assert treasury.held(hospital, mischief) == 200_00
    mischief.setBlocked(hospital, False, {"from": insurer})
    behave(mischief, "good")
    treasury.collect(mischief, {"from": hospital})
    assert mischief.balanceOf(hospital) == 200_00


def test_TP1_a_token_does_not_come_back_to_its_pool(
    odd_plan, desk, treasury, patient, hospital, insurer, mischief, institutions
):
    """The token is the hospital's own operator, and submits another claim while it is paid."""
    institutions.setOperator(mischief, PROVIDER, now() + DAY, {"from": hospital})
    hook(mischief, desk, "submit", [a_claim(odd_plan, patient, hospital, number="inner")], [])
    submit(desk, [a_claim(odd_plan, patient, hospital)], hospital)
    assert (mischief.answered(), heard(mischief)[:4]) == (False, BUSY)
    assert mischief.balanceOf(hospital) == 100_00
    assert pool(treasury, desk, insurer, mischief).balance == 900_00
    assert record(desk, desk.idOf(hospital, word("inner"))).state == claim_builders.NONE


def test_TP1_a_token_submits_the_claim_that_is_being_paid(odd_plan, desk, patient, hospital, mischief, institutions):
    """Its number is taken before the money moves: a duplicate, and nothing is paid twice."""
    institutions.setOperator(mischief, PROVIDER, now() + DAY, {"from": hospital})
    claim = a_claim(odd_plan, patient, hospital)
    hook(mischief, desk, "submit", [claim], [])
    submit(desk, [claim], hospital)
    assert mischief.answered() is True
    assert mischief.balanceOf(hospital) == 100_00


def test_TP12_a_claim_is_final_while_it_is_paid(odd_plan, desk, patient, hospital, mischief):
    claim = a_claim(odd_plan, patient, hospital)
    hook(mischief, desk, "claim", desk.idOf(hospital, claim.number))
    submit(desk, [claim], hospital)
    assert mischief.answered() is True
    assert int.from_bytes(heard(mischief), "big") == SETTLED


def test_TP1_a_token_that_reverses_the_claim_it_pays(
    odd_plan, desk, plans, treasury, patient, hospital, insurer, mischief, institutions
):
    """It acts for the hospital: the hospital is paid, and owes it back."""
    institutions.setOperator(mischief, PROVIDER, now() + DAY, {"from": hospital})
    claim = a_claim(odd_plan, patient, hospital)
    with_lines = [(str(code), *rest) for code, *rest in desk.estimate(claim)[-1]]
    inner = (desk.idOf(hospital, claim.number), odd_plan, patient, hospital, circumstances(claim.day), with_lines)
    hook(mischief, desk, "reverse", [str(each) if hasattr(each, "address") else each for each in inner])
    submit(desk, [claim], hospital)
    assert mischief.answered() is True
    assert record(desk, inner[0]).state == claim_builders.REVERSED
    assert mischief.balanceOf(hospital) == treasury.setOffOf(desk, insurer, mischief, hospital) == 100_00
    assert accumulators(plans, desk, odd_plan, patient) == (0, 0, 0)


# ---- the rest ----------------------------------------------------------------------------------------------------


def test_the_desk_names_its_collaborators(desk, manager, institutions, plans, treasury):
    assert (desk.authority(), desk.institutions(), desk.plans(), desk.treasury()) == (
        manager, institutions, plans, treasury,
    )  # fmt: skip
    assert desk.MAX_LINES() == 100


def test_TP9_nothing_but_pseudonyms_and_commitments_is_submitted(open_desk, plan, patient, hospital):
    """A code and a claim number never appear, only their salted hashes."""
    _, tx = submit(open_desk, [a_claim(plan, patient, hospital, line("x-ray"), number="4711")], hospital)
    data = tx.input + "".join(str(each["data"].hex()) + "".join(t.hex() for t in each["topics"]) for each in tx.logs)
    assert b"x-ray".hex() not in data and b"4711".hex() not in data
    assert word("x-ray")[2:] in data


def test_an_id_is_the_providers_and_the_numbers(desk, hospital, clinic):
    ids = {str(desk.idOf(who, word(text))) for who in (hospital, clinic) for text in "12"}
    assert len(ids) == 4
    assert LAST_DAY == 2**24 - 1 and str(desk.idOf(hospital, word("1"))) in ids
