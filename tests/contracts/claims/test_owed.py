"""Claims that the pool cannot pay yet

submit
├── the pool is short → Owed: nothing moves, the number is taken, the insurer cannot take its money away
├── it is short for a batch → claim by claim, in order, until one is owed; then all the rest is
├── a debt waits → owed behind it, however much money there is
└── nothing is due → Settled, however empty the pool
Treasury.settle: paid by anyone's call, oldest first, once; from then on the claim reads Settled
"""

import pytest

from tests.conftest import PROVIDER
from tests.support.claim_builders import (
    DAY,
    DUPLICATE,
    OWED,
    PENDED,
    REVERSED,
    SETTLED,
    Pool,
    a_claim,
    accumulators,
    at,
    circumstances,
    decided,
    fund,
    line,
    now,
    pool,
    record,
    submit,
    today,
    word,
)
from tests.support.errors import error
from tests.support.fake_desk import heard, hook


@pytest.fixture
def settle(treasury, desk, insurer, token, stranger):
    return lambda count=99: treasury.settle(desk, insurer, token, count, {"from": stranger})


@pytest.fixture
def claims(plan, consent, patient, hospital):
    """Four, of which are due 40.00, 120.00, 40.00 and 16.00."""
    charges = (150_00, 150_00, 50_00, 20_00)
    return [a_claim(plan, patient, hospital, line(charge=c), number=str(i)) for i, c in enumerate(charges)]


@pytest.fixture
def owed(desk, add, claims, hospital):
    """A claim of 40.00 that a pool of 39.99 could not pay; its result and transaction."""
    add(39_99)
    (answer,), tx = submit(desk, claims[:1], hospital)
    assert (answer.state, answer.paid) == (OWED, 40_00)
    return answer, tx


def test_TP3_underfunded_is_owed_not_denied(
    owed, desk, plans, treasury, plan, patient, hospital, insurer, token, pool_now
):
    answer, tx = owed
    assert list(tx.events.keys()) == ["ClaimDecided", "DebtAdded", "ClaimOwed"]
    assert dict(tx.events["ClaimOwed"]) == {"id": answer.id, "due": 40_00, "position": 0}
    assert decided(tx).circumstances == circumstances(today())
    assert record(desk, answer.id) == (OWED, tx.timestamp, 0, False)
    assert tuple(treasury.debt(desk, insurer, token, 0)) == (hospital, 40_00, answer.id)
    assert token.balanceOf(hospital) == 0
    assert pool_now() == Pool(39_99, owed=40_00, waiting=1)
    assert accumulators(plans, desk, plan, patient) == (100_00, 110_00, 40_00)


def test_TP1_an_owed_claim_is_not_submitted_again(owed, desk, claims, hospital):
    (answer,), _ = submit(desk, claims[:1], hospital)
    assert (answer.refusal, answer.carc) == (DUPLICATE, 18)


def test_settle_while_the_pool_is_short(owed, treasury, desk, insurer, token, stranger, refused):
    args = desk, insurer, token, 9
    refused(treasury.settle, *args, sender=stranger, why=error("PoolShort", 40_00, 39_99))
    assert record(desk, owed[0].id).state == OWED


def test_TP3_anyone_settles_once_the_pool_suffices(owed, desk, add, settle, hospital, token, pool_now):
    add(1)
    tx = settle()
    assert list(tx.events.keys()) == ["DebtSettled", "Transfer", "Paid"]
    assert str(tx.events["Paid"]["ref"]) == owed[0].id
    assert (token.balanceOf(hospital), pool_now()) == (40_00, Pool(0))
    # Settled by itself: the desk was not called. The second of its decision stays.
    assert record(desk, owed[0].id) == (SETTLED, owed[1].timestamp, 0, False)


def test_TP1_settle_twice(owed, treasury, desk, add, settle, insurer, hospital, token, stranger, refused):
    add(100_00)
    settle()
    why = error("NothingOwed", desk, insurer, token)
    refused(treasury.settle, desk, insurer, token, 9, sender=stranger, why=why)
    assert token.balanceOf(hospital) == 40_00


def test_an_empty_pool_owes_nothing_for_a_claim_of_nothing(desk, plan, consent, patient, hospital):
    (answer,), _ = submit(desk, [a_claim(plan, patient, hospital)], hospital)
    assert (answer.state, answer.paid) == (SETTLED, 0)


@pytest.mark.parametrize(
    "funds, states, left",
    [
        (0, [OWED] * 4, 0),
        (39_99, [OWED] * 4, 39_99),
        (40_00, [SETTLED, OWED, OWED, OWED], 0),
        (159_99, [SETTLED, OWED, OWED, OWED], 119_99),  # the third and the fourth could be paid, and wait
        (160_00, [SETTLED, SETTLED, OWED, OWED], 0),
        (215_99, [SETTLED, SETTLED, SETTLED, OWED], 15_99),
        (216_00, [SETTLED] * 4, 0),
    ],
)
def test_TP3_a_pool_that_runs_dry_within_a_batch(
    desk, add, settle, claims, hospital, token, pool_now, funds, states, left
):
    if funds:
        add(funds)
    answers, tx = submit(desk, claims, hospital)
    due = [each.paid for each in answers]
    assert due == [40_00, 120_00, 40_00, 16_00]
    assert [each.state for each in answers] == states == [record(desk, each.id).state for each in answers]
    late = [amount for amount, state in zip(due, states) if state == OWED]
    assert pool_now() == Pool(left, owed=sum(late), waiting=len(late))
    assert token.balanceOf(hospital) == sum(due) - sum(late) == funds - left
    assert [e["due"] for e in tx.events["ClaimOwed"]] == late if late else "ClaimOwed" not in tx.events
    if late:
        add(sum(late) - left)
        settle()
    assert token.balanceOf(hospital) == sum(due)
    assert {record(desk, each.id).state for each in answers} == {SETTLED}


def test_TP3_nothing_overtakes_a_debt(owed, desk, add, claims, hospital, token, pool_now, settle):
    """There is money for the younger claims; what is due since longer is due first."""
    add(150_00)
    answers, _ = submit(desk, claims[1:], hospital)
    assert [each.state for each in answers] == [OWED] * 3
    assert pool_now() == Pool(189_99, owed=216_00, waiting=4)
    tx = settle()
    assert [e["position"] for e in tx.events["DebtSettled"]] == [0, 1]
    assert token.balanceOf(hospital) == 160_00
    add(100_00)
    tx = settle(1)
    assert [e["position"] for e in tx.events["DebtSettled"]] == [2]
    assert [record(desk, each.id).state for each in answers] == [SETTLED, SETTLED, OWED]


def test_a_claim_of_nothing_overtakes(owed, desk, claims, hospital):
    (answer,), _ = submit(desk, [claims[1]._replace(lines=[line("free")])], hospital)
    assert answer.state == SETTLED


def test_TP2_the_insurer_does_not_leave_an_owed_claim(
    owed, desk, treasury, add, settle, insurer, hospital, token, refused
):
    announced = treasury.announceExit(desk, token, 39_99, {"from": insurer})
    at(announced.timestamp + 30 * DAY)
    add(1)
    refused(treasury.exit, desk, token, sender=insurer, why=error("ExceedsBalance", 39_99, 0))
    settle()
    assert token.balanceOf(hospital) == 40_00


def test_TP7_a_suspended_insurer_s_debts_are_paid(owed, add, settle, institutions, insurer, hospital, regulator, token):
    institutions.suspend(insurer, {"from": regulator})
    add(1)
    settle()
    assert token.balanceOf(hospital) == 40_00


def test_a_batch_with_a_claim_under_review(desk, plans, draw_plan, add, patient, hospital, insurer, token, pool_now):
    """What is reserved for the one in the middle is not there for those after it."""
    plan = draw_plan(review_threshold=100_00)
    add(200_00)
    lines = (line(charge=60_00), line(charge=120_00), line(charge=70_00), line(charge=20_00))
    answers, tx = submit(
        desk, [a_claim(plan, patient, hospital, each, number=str(i)) for i, each in enumerate(lines)], hospital
    )
    assert [each.state for each in answers] == [SETTLED, PENDED, OWED, OWED]
    assert tx.events["ClaimPended"]["reserved"] is True
    assert pool_now() == Pool(20_00, reserved=120_00, owed=90_00, waiting=2)
    assert token.balanceOf(hospital) == 60_00


def test_TP1_a_token_that_reverses_what_is_not_paid_yet(
    desk, treasury, draw_plan, mischief, patient, hospital, insurer, institutions
):
    """The pool pays the first of two, whose token reverses the second: its payment and the set-off for it cancel
    out.
    """
    institutions.setOperator(mischief, PROVIDER, now() + DAY, {"from": hospital})
    fund(treasury, desk, insurer, mischief, 150_00, insurer)
    plan = draw_plan(token=str(mischief))
    claims = [a_claim(plan, patient, hospital, number=str(i)) for i in range(2)]
    lines = [(str(code), *rest) for code, *rest in desk.estimate(claims[1])[-1]]
    second = str(desk.idOf(hospital, word("1")))
    hook(mischief, desk, "reverse", (second, plan, str(patient), str(hospital), circumstances(today()), lines))
    desk.submit(claims, [], {"from": hospital})
    assert mischief.answered() is True
    assert record(desk, second).state == REVERSED
    assert mischief.balanceOf(hospital) == 100_00
    assert treasury.setOffOf(desk, insurer, mischief, hospital) == 0
    assert pool(treasury, desk, insurer, mischief) == Pool(50_00)


def test_TP12_what_is_owed_reads_owed_until_it_is_being_paid(
    desk, treasury, draw_plan, mischief, patient, hospital, insurer, stranger
):
    plan = draw_plan(token=str(mischief))
    answers, _ = submit(desk, [a_claim(plan, patient, hospital, number=str(i)) for i in range(2)], hospital)
    fund(treasury, desk, insurer, mischief, 200_00, insurer)
    for state in (OWED, SETTLED):
        hook(mischief, desk, "claim", answers[1].id)
        treasury.settle(desk, insurer, mischief, 1, {"from": stranger})
        assert int.from_bytes(heard(mischief), "big") == state
