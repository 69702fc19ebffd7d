"""Claims that the pool cannot pay yet

submit
├── the pool is short → Owed: nothing moves, the number is taken, the insurer cannot take its money away
└── nothing is due → Settled, however empty the pool
settle
├── not owed → NotOwed, with the state
├── the pool is still short → PoolShort
└── else paid, by anyone's call, once
"""

import pytest
from brownie import reverts

from tests.claims.build import (
    DAY,
    DUPLICATE,
    NONE,
    OWED,
    SETTLED,
    Record,
    a_claim,
    accumulators,
    at,
    fund,
    line,
    pool,
    record,
    submit,
    this_year,
    word,
)
from tests.errors import error


@pytest.fixture
def owed(desk, plan, consent, treasury, patient, hospital, insurer, token):
    """A claim of 40.00 that a pool of 39.99 could not pay; its id."""
    fund(treasury, desk, insurer, token, 39_99, insurer)
    (answer,), tx = submit(desk, [a_claim(plan, patient, hospital, line(charge=150_00))], hospital)
    assert (answer.state, answer.paid) == (OWED, 40_00)
    assert list(tx.events.keys()) == ["DebtAdded", "ClaimSettled"]
    assert tx.events["ClaimSettled"]["state"] == OWED
    assert record(desk, answer.id) == Record(OWED, tx.timestamp, 40_00, insurer, token, hospital)
    return answer.id


def test_TP3_underfunded_is_owed_not_denied(owed, desk, treasury, plan, patient, hospital, insurer, token):
    assert token.balanceOf(hospital) == 0
    assert treasury.owed(desk, insurer, token) == 40_00
    assert pool(treasury, desk, insurer, token).balance == 39_99
    assert accumulators(desk, plan, patient, this_year()) == (100_00, 110_00)


def test_TP1_an_owed_claim_is_not_submitted_again(owed, desk, plan, patient, hospital):
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital)], hospital)
    assert (answer.refusal, answer.carc) == (DUPLICATE, 18)


def test_settle_while_the_pool_is_short(owed, desk, stranger):
    with reverts(error("PoolShort", owed, 40_00)):
        desk.settle(owed, {"from": stranger})
    assert record(desk, owed).state == OWED


def test_TP3_anyone_settles_once_the_pool_suffices(owed, desk, treasury, insurer, hospital, stranger, token):
    fund(treasury, desk, insurer, token, 1, stranger)
    decided = record(desk, owed).decided_at
    tx = desk.settle(owed, {"from": stranger})
    assert list(tx.events.keys()) == ["OwedClaimPaid", "DebtSettled", "Transfer", "Paid"]
    assert tx.events["OwedClaimPaid"]["id"] == owed
    assert token.balanceOf(hospital) == 40_00
    assert treasury.owed(desk, insurer, token) == treasury.accounted(token) == 0
    assert record(desk, owed) == Record(SETTLED, decided, 40_00, insurer, token, hospital)


def test_TP1_settle_twice(owed, desk, treasury, insurer, hospital, token):
    fund(treasury, desk, insurer, token, 100_00, insurer)
    desk.settle(owed, {"from": hospital})
    with reverts(error("NotOwed", owed, SETTLED)):
        desk.settle(owed, {"from": hospital})
    assert token.balanceOf(hospital) == 40_00


def test_settle_a_claim_that_was_never_submitted(desk, stranger):
    with reverts(error("NotOwed", word("nothing"), NONE)):
        desk.settle(word("nothing"), {"from": stranger})


def test_settle_a_claim_that_was_never_owed(desk, plan, consent, patient, hospital):
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital)], hospital)
    with reverts(error("NotOwed", answer.id, SETTLED)):
        desk.settle(answer.id, {"from": hospital})


def test_an_empty_pool_owes_nothing_for_a_claim_of_nothing(desk, plan, consent, patient, hospital):
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital)], hospital)
    assert (answer.state, answer.paid) == (SETTLED, 0)


def test_TP3_the_rest_of_a_batch_after_the_pool_ran_dry(desk, plan, consent, treasury, patient, hospital, insurer, token):
    fund(treasury, desk, insurer, token, 130_00, insurer)
    charges = [150_00, 150_00, 50_00]  # due: 40, 120, 40
    claims = [a_claim(plan, patient, hospital, line(charge=c), number=str(i)) for i, c in enumerate(charges)]
    answers, _ = submit(desk, claims, hospital)
    assert [(each.state, each.paid) for each in answers] == [(SETTLED, 40_00), (OWED, 120_00), (SETTLED, 40_00)]
    assert token.balanceOf(hospital) == 80_00
    assert pool(treasury, desk, insurer, token).balance == 50_00
    assert treasury.owed(desk, insurer, token) == 120_00


def test_TP2_the_insurer_does_not_leave_an_owed_claim(owed, desk, treasury, insurer, hospital, token):
    announced = treasury.announceExit(desk, token, 39_99, {"from": insurer})
    at(announced.timestamp + 30 * DAY)
    with reverts(error("ExceedsBalance", 39_99, 0)):
        treasury.exit(desk, token, {"from": insurer})
    fund(treasury, desk, insurer, token, 1, insurer)
    desk.settle(owed, {"from": hospital})
    assert token.balanceOf(hospital) == 40_00
