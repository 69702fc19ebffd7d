"""Treasury: how money gets from a pool to a payee, by a desk that does what it is told

pay
├── 0 → true, nothing moves
├── the pool is short by one unit → false, nothing happens
├── less gas is left than a token may use → GasTooLow
├── the token refuses, in any way tokens do → the amount is held for the payee
└── else the payee has it
owe, payOwed
├── more than is owed → ExceedsDebt
├── the pool is short → false, the debt stands
└── else paid, and the debt is gone
collect
├── nothing held → NothingHeld; the token still refuses → as the token does, still held
└── else the payee has it, once
"""

import pytest
from brownie import reverts
from brownie.exceptions import VirtualMachineError

from tests.claims.build import fund, pool
from tests.claims.till import MODES, REFERENCE, books
from tests.errors import error


# --------------------------------------------------------------------------------------------------------------- pay


def test_pay_nothing(treasury, till, insurer, hospital, token):
    assert till.ask("pay", insurer, token, hospital, 0, REFERENCE)
    assert not till.tell("pay", insurer, token, hospital, 0, REFERENCE).events


def test_TP3_a_pool_short_by_one_unit(treasury, till, full, insurer, hospital, token):
    assert not till.ask("pay", insurer, token, hospital, 1000_01, REFERENCE)
    tx = till.tell("pay", insurer, token, hospital, 1000_01, REFERENCE)
    assert not tx.events
    assert books(treasury, till, insurer, token) == (1000_00, 1000_00, 1000_00)


def test_pay_all_to_the_last_unit(treasury, till, full, insurer, hospital, token):
    assert till.ask("pay", insurer, token, hospital, 1000_00, REFERENCE)
    tx = till.tell("pay", insurer, token, hospital, 1000_00, REFERENCE)
    assert dict(tx.events["Paid"]) == {
        "ref": REFERENCE, "insurer": insurer, "payee": hospital, "desk": str(till), "token": token,
        "amount": 1000_00, "held": False,
    }  # fmt: skip
    assert token.balanceOf(hospital) == 1000_00
    assert books(treasury, till, insurer, token) == (0, 0, 0)


def test_TP7_only_the_desk_pays(treasury, till, full, people, token):
    for actor in (people.insurer, people.regulator, people.deployer, people.hospital):
        assert not treasury.pay.call(people.insurer, token, actor, 1, REFERENCE, {"from": actor})
    assert books(treasury, till, people.insurer, token) == (1000_00, 1000_00, 1000_00)


REFUSALS = ["false", "junk", "two", "paused", "burn"]


@pytest.mark.parametrize("mode", REFUSALS)
def test_TP6_a_payment_that_the_token_refuses_is_held(treasury, till, odd, insurer, hospital, mode):
    odd.behave(MODES.index(mode), {"from": insurer})
    tx = till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert tx.events["Paid"]["held"] is True
    assert treasury.held(hospital, odd) == 400
    assert pool(treasury, till, insurer, odd).balance == 600
    assert treasury.accounted(odd) == 1000


@pytest.mark.parametrize("mode", ["good", "fee", "no return", "long"])
def test_TP6_a_payment_that_the_token_makes_is_paid(treasury, till, odd, insurer, hospital, mode):
    odd.behave(MODES.index(mode), {"from": insurer})
    tx = till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert tx.events["Paid"]["held"] is False
    assert odd.balanceOf(hospital) == (399 if mode == "fee" else 400)
    assert treasury.held(hospital, odd) == 0
    assert books(treasury, till, insurer, odd) == (600, 600, 600)


def test_TP6_a_blocked_payee_does_not_block_another(treasury, till, odd, insurer, hospital, clinic):
    odd.setBlocked(hospital, True, {"from": insurer})
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    till.tell("pay", insurer, odd, hospital, 50, REFERENCE)
    till.tell("pay", insurer, odd, clinic, 500, REFERENCE)
    assert (treasury.held(hospital, odd), treasury.held(clinic, odd), odd.balanceOf(clinic)) == (450, 0, 500)
    assert books(treasury, till, insurer, odd) == (50, 500, 500)


def test_TP10_a_token_burns_no_more_than_its_share(treasury, till, odd, insurer, hospital):
    odd.behave(MODES.index("burn"), {"from": insurer})
    tx = till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert treasury.TRANSFER_GAS() < tx.gas_used < treasury.TRANSFER_GAS() + 120_000


@pytest.mark.parametrize("mode", ["good", "picky"])
def test_TP10_a_starved_payment_reverts_instead_of_being_held(treasury, till, odd, insurer, hospital, mode):
    """Whatever gas the caller gives: the payee has the money, or nothing happened."""
    odd.behave(MODES.index(mode), {"from": insurer})
    paid = 0
    for limit in range(100_000, treasury.TRANSFER_GAS() + 120_000, 8_000):
        try:
            tx = till.tell("pay", insurer, odd, hospital, 1, REFERENCE, gas_limit=limit)
        except VirtualMachineError as trouble:
            assert trouble.revert_msg.startswith("GasTooLow: ")
        else:
            assert tx.events["Paid"]["held"] is False
            paid += 1
        assert books(treasury, till, insurer, odd) == (1000 - paid,) * 3
        assert (odd.balanceOf(hospital), treasury.held(hospital, odd)) == (paid, 0)
    assert 5 < paid < 20


# ------------------------------------------------------------------------------------------------------- owe, collect


def test_pay_more_than_is_owed(treasury, till, full, insurer, hospital, token):
    till.tell("owe", insurer, token, 10, REFERENCE)
    with reverts(error("ExceedsDebt", 11, 10)):
        till.tell("payOwed", insurer, token, hospital, 11, REFERENCE)


def test_a_debt_waits_for_the_pool(treasury, till, full, insurer, hospital, token):
    tx = till.tell("owe", insurer, token, 1000_01, REFERENCE)
    entry = {
        "ref": REFERENCE, "insurer": insurer, "desk": str(till), "token": token, "amount": 1000_01,
    }  # fmt: skip
    assert dict(tx.events["DebtAdded"]) == entry
    assert not till.tell("payOwed", insurer, token, hospital, 1000_01, REFERENCE).events
    assert treasury.owed(till, insurer, token) == 1000_01
    assert token.balanceOf(hospital) == 0
    fund(treasury, till, insurer, token, 1, insurer)
    tx = till.tell("payOwed", insurer, token, hospital, 1000_01, REFERENCE)
    assert dict(tx.events["DebtSettled"]) == entry
    assert treasury.owed(till, insurer, token) == 0
    assert token.balanceOf(hospital) == 1000_01


def test_debts_are_the_desk_s_own(treasury, till, desk, full, insurer, token, deployer):
    treasury.owe(insurer, token, 1000_00, REFERENCE, {"from": deployer})
    assert treasury.owed(till, insurer, token) == treasury.owed(desk, insurer, token) == 0


def test_collect_nothing(treasury, hospital, token):
    with reverts(error("NothingHeld", hospital, token)):
        treasury.collect(token, {"from": hospital})


def test_collect_while_the_token_still_refuses(treasury, till, odd, insurer, hospital):
    odd.behave(MODES.index("paused"), {"from": insurer})
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    with reverts(error("Paused")):
        treasury.collect(odd, {"from": hospital})
    assert treasury.held(hospital, odd) == 400


def test_TP1_collect_once(treasury, till, odd, insurer, hospital):
    odd.setBlocked(hospital, True, {"from": insurer})
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    odd.setBlocked(hospital, False, {"from": insurer})
    tx = treasury.collect(odd, {"from": hospital})
    assert dict(tx.events["Collected"]) == {"payee": hospital, "token": odd, "amount": 400}
    assert odd.balanceOf(hospital) == 400
    assert books(treasury, till, insurer, odd) == (600, 600, 600)
    with reverts(error("NothingHeld", hospital, odd)):
        treasury.collect(odd, {"from": hospital})


def test_held_money_is_no_one_else_s(treasury, till, odd, insurer, hospital, clinic):
    odd.setBlocked(hospital, True, {"from": insurer})
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    with reverts(error("ExceedsBalance", 601, 600)):
        treasury.announceExit(till, odd, 601, {"from": insurer})
    with reverts(error("NothingHeld", clinic, odd)):
        treasury.collect(odd, {"from": clinic})


# -------------------------------------------------------------------------------------------------------- re-entrance


def hook(odd, target, function, *args):
    odd.setHook(target, getattr(target, function).encode_input(*args), {"from": odd.tx.sender})


def answer_of(odd):
    return bytes.fromhex(str(odd.answer()).removeprefix("0x").rjust(64, "0"))


GUARD = bytes.fromhex("3ee5aeb5")  # ReentrancyGuardReentrantCall()


@pytest.mark.parametrize("function", ["fund", "exit", "pay", "payOwed", "collect"])
def test_TP1_a_token_does_not_come_back_in(treasury, till, odd, insurer, hospital, function):
    arguments = {
        "fund": (str(till), str(insurer), str(odd), 1),
        "exit": (str(till), str(odd)),
        "pay": (str(insurer), str(odd), str(hospital), 1, REFERENCE),
        "payOwed": (str(insurer), str(odd), str(hospital), 1, REFERENCE),
        "collect": (str(odd),),
    }
    hook(odd, treasury, function, *arguments[function])
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert (odd.answered(), answer_of(odd)[:4]) == (False, GUARD)
    assert odd.balanceOf(hospital) == 400
    assert books(treasury, till, insurer, odd) == (600, 600, 600)


def test_TP12_views_tell_the_truth_during_a_payment(treasury, till, odd, insurer, hospital):
    """What the token sees while it is asked to move 400 of 1,000: they are gone from the books already."""
    hook(odd, treasury, "accounted", str(odd))
    till.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert int.from_bytes(answer_of(odd), "big") == 600
    hook(odd, treasury, "pool", str(till), str(insurer), str(odd))
    till.tell("pay", insurer, odd, hospital, 100, REFERENCE)
    assert int.from_bytes(answer_of(odd), "big") == 500
