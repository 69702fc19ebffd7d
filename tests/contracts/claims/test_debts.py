"""Treasury: what waits for money, what is kept for a review, and what comes back

owe: nothing → ZeroAmount; else a place in the queue
settle
├── nothing waits → NothingOwed; the oldest cannot be paid → PoolShort
├── oldest first, as far as the pool suffices, so many places as are asked for, cancelled ones among them
└── meanwhile nothing new is paid or reserved
cancel: what waits is gone, once; what is paid, or was never owed → false
reserve: the pool is short, or a debt waits → false; else out of reach of payments, debts and exits
release
├── more than is reserved → ExceedsReserve
└── else it is the balance's again, and what is due is paid, ahead of debts as far as the reserve goes
setOff: nothing → ZeroAmount; else the payee's next payments shrink by it, debts too
repay: nothing → ZeroAmount; more than is due → ExceedsSetOff; a fee → ReceivedOther; else it is the pool's again
"""

import pytest
from brownie import web3

from tests.support.claim_builders import NOBODY, NOTHING, WIDEST, Pool, fund, pool, word
from tests.support.errors import error
from tests.support.fake_desk import REFERENCE, behave, books


@pytest.fixture
def full(treasury, fake_desk, insurer, token):
    """1,000.00 in the fake desk's pool, which is empty without."""
    return fund(treasury, fake_desk, insurer, token, 1000_00, insurer)


@pytest.fixture
def owe(fake_desk, insurer, token):
    def note(payee, amount, ref=REFERENCE):
        return fake_desk.tell("owe", insurer, token, payee, amount, ref)

    return note


@pytest.fixture
def settle(treasury, fake_desk, insurer, token, stranger):
    """Settle so many places by anyone's call; returns how many debts were paid, with the transaction."""

    def act(count=99):
        args = fake_desk, insurer, token, count, {"from": stranger}
        return treasury.settle.call(*args), treasury.settle(*args)

    return act


@pytest.fixture
def standing(treasury, fake_desk, insurer, token):
    """The fake desk's pool now."""
    return lambda: pool(treasury, fake_desk, insurer, token)


def entry(fake_desk, insurer, token, **fields):
    return {"insurer": insurer, "desk": str(fake_desk), "token": token, **fields}


# ---- owe, settle -------------------------------------------------------------------------------------------------


def test_owe_nothing(treasury, fake_desk, insurer, hospital, token, refused):
    refused(treasury.owe, insurer, token, hospital, 0, REFERENCE, sender=hospital, why=error("ZeroAmount"))


def test_a_debt_has_its_place(treasury, fake_desk, owe, standing, insurer, hospital, clinic, token):
    assert fake_desk.ask("owe", insurer, token, hospital, 5, REFERENCE) == 0
    tx = owe(hospital, 5)
    assert dict(tx.events["DebtAdded"]) == entry(
        fake_desk, insurer, token, ref=REFERENCE, payee=hospital, amount=5, position=0
    )
    assert fake_desk.ask("owe", insurer, token, clinic, 7, REFERENCE) == 1
    owe(clinic, WIDEST, word("other"))
    assert tuple(treasury.debt(fake_desk, insurer, token, 0)) == (hospital, 5, REFERENCE)
    assert tuple(treasury.debt(fake_desk, insurer, token, 1)) == (clinic, WIDEST, word("other"))
    assert standing() == Pool(0, owed=5 + WIDEST, waiting=2)


def test_TP7_debts_are_each_desks_own(treasury, fake_desk, desk, full, standing, insurer, token, deployer, hospital):
    treasury.owe(insurer, token, hospital, 1000_00, REFERENCE, {"from": deployer})
    assert standing() == Pool(1000_00)
    assert pool(treasury, deployer, insurer, token) == Pool(0, owed=1000_00, waiting=1)
    assert not treasury.cancel.call(insurer, token, 0, {"from": desk})


def test_settle_where_nothing_waits(treasury, fake_desk, full, insurer, token, stranger, refused):
    why = error("NothingOwed", fake_desk, insurer, token)
    refused(treasury.settle, fake_desk, insurer, token, 1, sender=stranger, why=why)


def test_TP3_a_debt_waits_for_the_pool(
    treasury, fake_desk, full, owe, settle, standing, insurer, hospital, token, refused, stranger
):
    owe(hospital, 1000_01)
    assert not fake_desk.tell("pay", insurer, token, hospital, 1, REFERENCE).events
    refused(treasury.settle, fake_desk, insurer, token, 9, sender=stranger, why=error("PoolShort", 1000_01, 1000_00))
    fund(treasury, fake_desk, insurer, token, 1, stranger)
    paid, tx = settle(1)
    assert paid == 1
    assert dict(tx.events["DebtSettled"]) == entry(
        fake_desk, insurer, token, ref=REFERENCE, position=0, cancelled=False
    )
    assert tx.events["Paid"]["ref"] == REFERENCE
    assert token.balanceOf(hospital) == 1000_01
    assert standing() == Pool(0)
    assert tuple(treasury.debt(fake_desk, insurer, token, 0)) == (NOBODY, 0, NOTHING)


def test_TP3_debts_are_paid_oldest_first(
    treasury, fake_desk, owe, settle, standing, insurer, hospital, clinic, carrier, token, stranger, refused
):
    for payee, amount in ((hospital, 300), (clinic, 200), (carrier, 1)):
        owe(payee, amount)
    fund(treasury, fake_desk, insurer, token, 299, insurer)
    # The second and the third could be paid; they wait behind the first.
    refused(treasury.settle, fake_desk, insurer, token, 9, sender=stranger, why=error("PoolShort", 300, 299))
    fund(treasury, fake_desk, insurer, token, 200, insurer)
    paid, tx = settle()
    assert paid == 1 and [e["position"] for e in tx.events["DebtSettled"]] == [0]
    assert standing() == Pool(199, owed=201, waiting=2)
    fund(treasury, fake_desk, insurer, token, 5, insurer)
    paid, tx = settle()
    assert paid == 2 and [e["position"] for e in tx.events["DebtSettled"]] == [1, 2]
    assert standing() == Pool(3)
    assert [token.balanceOf(who) for who in (hospital, clinic, carrier)] == [300, 200, 1]


def test_settle_so_many_as_are_asked_for(treasury, fake_desk, full, owe, settle, standing, hospital):
    for _ in range(5):
        owe(hospital, 10)
    assert settle(0)[0] == 0
    assert settle(2)[0] == 2
    assert standing() == Pool(1000_00 - 20, owed=30, waiting=3)
    assert settle(2)[0] == 2
    assert settle(2)[0] == 1


def test_TP3_nothing_new_while_a_debt_waits(fake_desk, full, owe, settle, standing, insurer, hospital, clinic, token):
    owe(hospital, 10)
    assert not fake_desk.ask("pay", insurer, token, clinic, 1, REFERENCE)
    assert not fake_desk.ask("reserve", insurer, token, 1, REFERENCE)
    assert fake_desk.ask("pay", insurer, token, clinic, 0, REFERENCE)
    settle()
    assert fake_desk.ask("pay", insurer, token, clinic, 1, REFERENCE)
    assert fake_desk.ask("reserve", insurer, token, 1, REFERENCE)


def test_TP6_a_debt_to_who_cannot_receive_is_held(treasury, fake_desk, odd, insurer, hospital, clinic, stranger):
    odd.setBlocked(hospital, True, {"from": insurer})
    for payee in (hospital, clinic):
        fake_desk.tell("owe", insurer, odd, payee, 400, REFERENCE)
    tx = treasury.settle(fake_desk, insurer, odd, 9, {"from": stranger})
    assert [each["held"] for each in tx.events["Paid"]] == [True, False]
    assert (treasury.held(hospital, odd), odd.balanceOf(clinic)) == (400, 400)
    assert books(treasury, fake_desk, insurer, odd) == (200, 600)


@pytest.mark.parametrize("mode", ["false", "junk", "two", "paused", "burn", "fee", "no return", "long"])
def test_TP6_no_token_stops_a_settlement(treasury, fake_desk, odd, insurer, hospital, stranger, mode):
    fake_desk.tell("owe", insurer, odd, hospital, 400, REFERENCE)
    fake_desk.tell("owe", insurer, odd, hospital, 100, REFERENCE)
    behave(odd, mode)
    tx = treasury.settle(fake_desk, insurer, odd, 9, {"from": stranger})
    held = mode in ("false", "junk", "two", "paused", "burn")
    assert [each["held"] for each in tx.events["Paid"]] == [held, held]
    assert treasury.held(hospital, odd) == (500 if held else 0)
    assert pool(treasury, fake_desk, insurer, odd) == Pool(500)


def test_TP10_a_starved_settlement_reverts(treasury, fake_desk, odd, insurer, hospital, stranger, allowed):
    fake_desk.tell("owe", insurer, odd, hospital, 400, REFERENCE)
    data = treasury.settle.encode_input(fake_desk, insurer, odd, 9)
    message = {"from": str(stranger), "to": treasury.address, "data": data, "gas": hex(180_000)}
    answer = web3.provider.make_request("eth_call", [message, "latest"])
    assert web3.keccak(text="GasTooLow(uint256,uint256)")[:4].hex() in str(answer["error"])
    allowed(treasury.settle, fake_desk, insurer, odd, 9, sender=stranger)


# ---- cancel ------------------------------------------------------------------------------------------------------


def test_TP1_cancel_once(treasury, fake_desk, full, owe, standing, insurer, hospital, token):
    owe(hospital, 10)
    assert fake_desk.ask("cancel", insurer, token, 0)
    tx = fake_desk.tell("cancel", insurer, token, 0)
    assert dict(tx.events["DebtSettled"]) == entry(fake_desk, insurer, token, ref=REFERENCE, position=0, cancelled=True)
    assert standing() == Pool(1000_00)
    assert not fake_desk.ask("cancel", insurer, token, 0)
    assert not fake_desk.tell("cancel", insurer, token, 0).events


def test_cancel_what_is_paid_or_was_never_owed(fake_desk, full, owe, settle, insurer, hospital, token):
    owe(hospital, 10)
    settle()
    for position in (0, 1, 2**64 - 1):
        assert not fake_desk.ask("cancel", insurer, token, position)


def test_a_cancelled_debt_is_passed_over(
    treasury, fake_desk, full, owe, settle, standing, insurer, hospital, clinic, token
):
    for payee in (hospital, clinic, hospital):
        owe(payee, 10)
    fake_desk.tell("cancel", insurer, token, 1)
    paid, tx = settle(3)
    assert paid == 2 and [e["position"] for e in tx.events["DebtSettled"]] == [0, 2]
    assert (token.balanceOf(hospital), token.balanceOf(clinic)) == (20, 0)
    assert standing() == Pool(1000_00 - 20)


def test_settling_stops_where_nothing_waits(
    treasury, fake_desk, full, owe, settle, insurer, hospital, token, stranger, refused
):
    """A cancelled debt behind the last that waits is passed over when another one waits behind it."""
    owe(hospital, 10)
    owe(hospital, 20)
    fake_desk.tell("cancel", insurer, token, 1)
    assert settle(9)[0] == 1
    owe(hospital, 1000_00)
    assert settle(9)[0] == 0
    refused(treasury.settle, fake_desk, insurer, token, 9, sender=stranger, why=error("PoolShort", 1000_00, 999_90))


def test_TP10_many_cancelled_debts_are_looked_at_in_parts(
    treasury, fake_desk, owe, settle, standing, insurer, hospital, clinic, token
):
    for _ in range(7):
        owe(hospital, 10)
    owe(clinic, 10)
    for position in range(7):
        fake_desk.tell("cancel", insurer, token, position)
    # The pool is empty, and still the call does its work: it looks at what is no more.
    assert settle(3)[0] == 0
    assert settle(3)[0] == 0
    fund(treasury, fake_desk, insurer, token, 10, insurer)
    assert settle(1)[0] == 0
    assert settle(1)[0] == 1
    assert (standing(), token.balanceOf(clinic)) == (Pool(0), 10)


def test_where_all_are_cancelled_new_payments_go_on(
    treasury, fake_desk, full, owe, settle, standing, insurer, hospital, token, stranger, refused
):
    for position in range(3):
        owe(hospital, 10)
        fake_desk.tell("cancel", insurer, token, position)
    why = error("NothingOwed", fake_desk, insurer, token)
    refused(treasury.settle, fake_desk, insurer, token, 9, sender=stranger, why=why)
    assert fake_desk.ask("pay", insurer, token, hospital, 10, REFERENCE)
    owe(hospital, 10)
    assert settle(3)[0] == 0
    assert settle(1)[0] == 1


# ---- reserve, release --------------------------------------------------------------------------------------------


@pytest.fixture
def release(fake_desk, insurer, token, hospital):
    """Give a reserve back, and pay the hospital what is due; whether that was paid, with the transaction."""

    def act(amount, due=0):
        args = "release", insurer, token, amount, hospital, due, word("released")
        return bool(fake_desk.ask(*args)), fake_desk.tell(*args)

    return act


def test_reserve_and_release(fake_desk, full, release, standing, insurer, token):
    tx = fake_desk.tell("reserve", insurer, token, 400_00, REFERENCE)
    assert dict(tx.events["Reserved"]) == entry(fake_desk, insurer, token, ref=REFERENCE, amount=400_00)
    assert standing() == Pool(600_00, reserved=400_00)
    paid, tx = release(150_00)
    assert paid and list(tx.events.keys()) == ["Released"]
    assert dict(tx.events["Released"]) == entry(fake_desk, insurer, token, ref=word("released"), amount=150_00)
    assert standing() == Pool(750_00, reserved=250_00)


@pytest.mark.parametrize("amount, made", [(1000_00, True), (1000_01, False), (2**104, False), (2**256 - 1, False)])
def test_reserve_no_more_than_there_is(fake_desk, full, standing, insurer, token, amount, made):
    assert bool(fake_desk.ask("reserve", insurer, token, amount, REFERENCE)) is made
    fake_desk.tell("reserve", insurer, token, amount, REFERENCE)
    assert standing() == (Pool(0, reserved=1000_00) if made else Pool(1000_00))


@pytest.mark.parametrize("amount", [401, 2**104, 2**256 - 1])
def test_TP2_release_more_than_is_reserved(treasury, fake_desk, full, insurer, hospital, token, refused, amount):
    fake_desk.tell("reserve", insurer, token, 400, REFERENCE)
    data = fake_desk._encoded("release", (insurer, token, amount, hospital, 0, REFERENCE))
    refused(fake_desk.contract.call, treasury, data, sender=insurer, why=error("ExceedsReserve", amount, 400))


def test_TP7_a_reserve_is_its_desks(treasury, fake_desk, full, insurer, hospital, token, stranger, refused):
    fake_desk.tell("reserve", insurer, token, 400, REFERENCE)
    args = insurer, token, 1, stranger, 1, REFERENCE
    refused(treasury.release, *args, sender=stranger, why=error("ExceedsReserve", 1, 0))


def test_TP2_a_reserve_pays_nothing_else(
    treasury, fake_desk, full, owe, standing, insurer, hospital, token, stranger, refused
):
    fake_desk.tell("reserve", insurer, token, 990_00, REFERENCE)
    assert not fake_desk.ask("pay", insurer, token, hospital, 10_01, REFERENCE)
    owe(hospital, 10_01)
    refused(treasury.settle, fake_desk, insurer, token, 1, sender=stranger, why=error("PoolShort", 10_01, 10_00))
    assert standing() == Pool(10_00, reserved=990_00, owed=10_01, waiting=1)


@pytest.mark.parametrize("due, paid", [(0, True), (399_99, True), (400_00, True), (400_01, False), (1000_00, False)])
def test_TP3_a_reserve_pays_ahead_of_debts(
    fake_desk, full, owe, release, standing, insurer, hospital, clinic, token, due, paid
):
    """As far as it goes; beyond it what is due waits like everything else."""
    fake_desk.tell("reserve", insurer, token, 400_00, REFERENCE)
    owe(clinic, 5000_00)
    assert release(400_00, due)[0] is paid
    sent = due if paid else 0
    assert token.balanceOf(hospital) == sent
    assert standing() == Pool(1000_00 - sent, owed=5000_00, waiting=1)


@pytest.mark.parametrize("due, paid", [(1000_00, True), (1000_01, False)])
def test_more_than_was_reserved_is_due(fake_desk, full, release, standing, insurer, hospital, token, due, paid):
    fake_desk.tell("reserve", insurer, token, 400_00, REFERENCE)
    assert release(400_00, due)[0] is paid
    assert standing() == Pool(0 if paid else 1000_00)


def test_what_is_released_shrinks_by_what_is_to_come_back(fake_desk, full, release, standing, insurer, hospital, token):
    fake_desk.tell("reserve", insurer, token, 400_00, REFERENCE)
    fake_desk.tell("setOff", insurer, token, hospital, 100_00, REFERENCE)
    paid, tx = release(400_00, 300_00)
    assert paid and list(tx.events.keys()) == ["Released", "SetOffTaken", "Transfer", "Paid"]
    assert (token.balanceOf(hospital), standing()) == (200_00, Pool(800_00))


# ---- set-off, repay ----------------------------------------------------------------------------------------------


@pytest.fixture
def set_off(treasury, fake_desk, insurer, token, hospital):
    """Let the hospital owe something back; returns a function that tells how much it still does."""

    def note(amount, payee=hospital):
        return fake_desk.tell("setOff", insurer, token, payee, amount, REFERENCE)

    note.left = lambda payee=hospital: treasury.setOffOf(fake_desk, insurer, token, payee)
    return note


def test_set_off_nothing(treasury, insurer, token, hospital, refused):
    refused(treasury.setOff, insurer, token, hospital, 0, REFERENCE, sender=hospital, why=error("ZeroAmount"))


def test_what_is_to_come_back_adds_up(fake_desk, set_off, insurer, hospital, token):
    tx = set_off(30)
    assert dict(tx.events["SetOffAdded"]) == entry(fake_desk, insurer, token, ref=REFERENCE, payee=hospital, amount=30)
    set_off(12)
    assert set_off.left() == 42


@pytest.mark.parametrize(
    "amount, sent, left", [(10, 0, 20), (30, 0, 0), (31, 1, 0), (1000_00, 999_70, 0), (1000_30, 1000_00, 0)]
)
def test_the_next_payment_shrinks_by_it(
    treasury, fake_desk, full, set_off, standing, insurer, hospital, token, amount, sent, left
):
    """A pool of 1,000.00 covers 1,000.30 of which 0.30 stay in it."""
    set_off(30)
    tx = fake_desk.tell("pay", insurer, token, hospital, amount, word("next"))
    taken = tx.events["SetOffTaken"]
    assert dict(taken) == entry(
        fake_desk, insurer, token, ref=word("next"), payee=hospital, amount=min(30, amount), repaid=False
    )
    assert [each["amount"] for each in tx.events["Paid"]] == [sent] if sent else "Paid" not in tx.events
    assert (token.balanceOf(hospital), set_off.left()) == (sent, left)
    assert standing() == Pool(1000_00 - sent)


def test_TP3_a_payment_beyond_the_pool_and_what_is_to_come_back(
    fake_desk, full, set_off, standing, insurer, hospital, clinic, token
):
    set_off(30)
    assert not fake_desk.ask("pay", insurer, token, hospital, 1000_31, REFERENCE)
    assert not fake_desk.ask("pay", insurer, token, clinic, 1000_01, REFERENCE)
    assert (standing(), set_off.left()) == (Pool(1000_00), 30)


def test_an_empty_pool_pays_by_set_off_alone(fake_desk, set_off, standing, insurer, hospital, token):
    set_off(30)
    assert fake_desk.ask("pay", insurer, token, hospital, 30, REFERENCE)
    tx = fake_desk.tell("pay", insurer, token, hospital, 30, REFERENCE)
    assert list(tx.events.keys()) == ["SetOffTaken"]
    assert (standing(), set_off.left()) == (Pool(0), 0)


def test_what_one_payee_gives_back_is_not_anothers(fake_desk, full, set_off, insurer, clinic, token):
    set_off(30)
    fake_desk.tell("pay", insurer, token, clinic, 100, REFERENCE)
    assert (token.balanceOf(clinic), set_off.left()) == (100, 30)


def test_a_debt_shrinks_by_it_too(
    treasury, fake_desk, owe, set_off, settle, standing, insurer, hospital, clinic, token
):
    owe(hospital, 100)
    owe(clinic, 5)
    set_off(99)
    set_off(3, clinic)
    fund(treasury, fake_desk, insurer, token, 2, insurer)
    paid, tx = settle()
    assert paid == 1 and [each["amount"] for each in tx.events["Paid"]] == [1]
    fund(treasury, fake_desk, insurer, token, 1, insurer)
    assert settle()[0] == 1
    assert (token.balanceOf(hospital), token.balanceOf(clinic), standing()) == (1, 2, Pool(0))
    assert set_off.left() == set_off.left(clinic) == 0


def test_repay(treasury, fake_desk, set_off, standing, insurer, hospital, token, stranger):
    set_off(30)
    token.mint(stranger, 30, {"from": stranger})
    token.approve(treasury, 30, {"from": stranger})
    tx = treasury.repay(fake_desk, insurer, token, hospital, 20, {"from": stranger})
    assert dict(tx.events["SetOffTaken"]) == entry(
        fake_desk, insurer, token, ref=NOTHING, payee=hospital, amount=20, repaid=True
    )
    assert (standing(), set_off.left(), token.balanceOf(stranger)) == (Pool(20), 10, 10)
    treasury.repay(fake_desk, insurer, token, hospital, 10, {"from": stranger})
    assert (standing(), set_off.left()) == (Pool(30), 0)
    # Nothing more to give back: the next payment is whole.
    fake_desk.tell("pay", insurer, token, hospital, 30, REFERENCE)
    assert token.balanceOf(hospital) == 30


def test_repay_other_than_what_is_due(
    treasury, fake_desk, set_off, insurer, hospital, clinic, token, stranger, refused
):
    set_off(30)
    act, args = treasury.repay, (fake_desk, insurer, token)
    refused(act, *args, hospital, 31, sender=stranger, why=error("ExceedsSetOff", 31, 30))
    refused(act, *args, clinic, 1, sender=stranger, why=error("ExceedsSetOff", 1, 0))
    refused(act, *args, hospital, 0, sender=stranger, why=error("ZeroAmount"))
    refused(act, *args, hospital, 1, sender=stranger, why=error("ERC20InsufficientAllowance", treasury, 0, 1))


def test_TP6_repay_in_a_token_with_a_fee(treasury, fake_desk, odd, insurer, hospital, stranger, refused):
    fake_desk.tell("setOff", insurer, odd, hospital, 30, REFERENCE)
    odd.mint(stranger, 30, {"from": stranger})
    odd.approve(treasury, 30, {"from": stranger})
    behave(odd, "fee")
    refused(
        treasury.repay, fake_desk, insurer, odd, hospital, 30, sender=stranger, why=error("ReceivedOther", odd, 30, 29)
    )


def test_TP3_what_comes_and_goes_adds_up(
    treasury, fake_desk, owe, set_off, settle, standing, insurer, hospital, clinic, token, stranger
):
    """Conservation: what was funded and repaid is what is here and what was sent."""
    fund(treasury, fake_desk, insurer, token, 500, insurer)
    fake_desk.tell("reserve", insurer, token, 200, REFERENCE)
    fake_desk.tell("pay", insurer, token, hospital, 250, REFERENCE)
    set_off(70)
    owe(clinic, 120)
    owe(hospital, 60)
    fake_desk.tell("release", insurer, token, 90, NOBODY, 0, REFERENCE)
    assert settle()[0] == 2
    token.mint(stranger, 5, {"from": stranger})
    token.approve(treasury, 5, {"from": stranger})
    treasury.repay(fake_desk, insurer, token, hospital, 5, {"from": stranger})
    assert standing() == Pool(500 - 250 - 120 + 5 - 110, reserved=110)
    assert (token.balanceOf(hospital), token.balanceOf(clinic), set_off.left()) == (250, 120, 5)
    assert token.balanceOf(treasury) == standing().balance + standing().reserved
