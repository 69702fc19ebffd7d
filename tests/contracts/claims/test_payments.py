"""Treasury: how money gets from a pool to a payee, by a desk that does what it is told

pay
├── 0 → true, nothing moves
├── the pool is short by one unit, or a debt waits → false, nothing happens
├── less gas is left than a token may use → GasTooLow
├── the pool pays at the moment → PoolBusy
├── the token refuses, in any way tokens do → the amount is held for the payee
└── else the payee has it
collect
├── nothing held → NothingHeld; the token still refuses → as the token does, still held
└── else the payee has it, once
"""

import pytest
from brownie import reverts, web3
from brownie.exceptions import VirtualMachineError

from tests.conftest import INSURER, accredit
from tests.support.claim_builders import Pool, at, fund, pool
from tests.support.errors import error
from tests.support.fake_desk import REFERENCE, behave, books, heard, hook

# ---- pay ---------------------------------------------------------------------------------------------------------


def test_pay_nothing(treasury, fake_desk, insurer, hospital, token):
    assert fake_desk.ask("pay", insurer, token, hospital, 0, REFERENCE)
    assert not fake_desk.tell("pay", insurer, token, hospital, 0, REFERENCE).events


@pytest.mark.parametrize("amount", [1000_01, 2**104, 2**256 - 1])
def test_TP3_a_pool_that_is_short(treasury, fake_desk, full, insurer, hospital, token, amount):
    assert not fake_desk.ask("pay", insurer, token, hospital, amount, REFERENCE)
    tx = fake_desk.tell("pay", insurer, token, hospital, amount, REFERENCE)
    assert not tx.events
    assert books(treasury, fake_desk, insurer, token) == (1000_00, 1000_00)


def test_pay_all_to_the_last_unit(treasury, fake_desk, full, insurer, hospital, token):
    assert fake_desk.ask("pay", insurer, token, hospital, 1000_00, REFERENCE)
    tx = fake_desk.tell("pay", insurer, token, hospital, 1000_00, REFERENCE)
    assert dict(tx.events["Paid"]) == {
        "ref": REFERENCE, "insurer": insurer, "payee": hospital, "desk": str(fake_desk), "token": token,
        "amount": 1000_00, "held": False,
    }  # fmt: skip
    assert token.balanceOf(hospital) == 1000_00
    assert books(treasury, fake_desk, insurer, token) == (0, 0)


def test_TP7_only_the_desk_pays(treasury, fake_desk, full, people, token):
    for actor in (people.insurer, people.regulator, people.deployer, people.hospital):
        assert not treasury.pay.call(people.insurer, token, actor, 1, REFERENCE, {"from": actor})
    assert books(treasury, fake_desk, people.insurer, token) == (1000_00, 1000_00)


REFUSALS = ["false", "junk", "two", "paused", "burn"]


@pytest.mark.parametrize("mode", REFUSALS)
def test_TP6_a_payment_that_the_token_refuses_is_held(treasury, fake_desk, odd, insurer, hospital, mode):
    behave(odd, mode)
    tx = fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert tx.events["Paid"]["held"] is True
    assert treasury.held(hospital, odd) == 400
    assert pool(treasury, fake_desk, insurer, odd).balance == 600


@pytest.mark.parametrize("mode", ["good", "fee", "no return", "long"])
def test_TP6_a_payment_that_the_token_makes_is_paid(treasury, fake_desk, odd, insurer, hospital, mode):
    behave(odd, mode)
    tx = fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert tx.events["Paid"]["held"] is False
    assert odd.balanceOf(hospital) == (399 if mode == "fee" else 400)
    assert treasury.held(hospital, odd) == 0
    assert books(treasury, fake_desk, insurer, odd) == (600, 600)


def test_TP6_a_blocked_payee_does_not_block_another(treasury, fake_desk, odd, insurer, hospital, clinic):
    odd.setBlocked(hospital, True, {"from": insurer})
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    fake_desk.tell("pay", insurer, odd, hospital, 50, REFERENCE)
    fake_desk.tell("pay", insurer, odd, clinic, 500, REFERENCE)
    assert (treasury.held(hospital, odd), treasury.held(clinic, odd), odd.balanceOf(clinic)) == (450, 0, 500)
    assert books(treasury, fake_desk, insurer, odd) == (50, 500)


def test_TP10_a_token_burns_no_more_than_its_share(treasury, fake_desk, odd, insurer, hospital):
    behave(odd, "burn")
    tx = fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert treasury.TRANSFER_GAS() < tx.gas_used < treasury.TRANSFER_GAS() + 120_000


@pytest.mark.parametrize("mode", ["good", "picky"])
def test_TP10_a_starved_payment_reverts_instead_of_being_held(treasury, fake_desk, odd, insurer, hospital, mode):
    """Whatever gas the caller gives: the payee has the money, or nothing happened."""
    behave(odd, mode)
    paid = 0
    for limit in range(100_000, treasury.TRANSFER_GAS() + 120_000, 10_000):
        try:
            tx = fake_desk.tell("pay", insurer, odd, hospital, 1, REFERENCE, gas_limit=limit)
        except VirtualMachineError as trouble:
            assert trouble.revert_msg.startswith("GasTooLow: ")
        else:
            assert tx.events["Paid"]["held"] is False
            paid += 1
        assert books(treasury, fake_desk, insurer, odd) == (1000 - paid, 1000 - paid)
        assert (odd.balanceOf(hospital), treasury.held(hospital, odd)) == (paid, 0)
    assert 4 < paid < 16


def test_TP10_a_payment_that_does_not_revert_gives_the_token_all_its_gas(treasury, fake_desk, odd, insurer, hospital):
    """With the least gas that passes the check the token gets as much as with plenty: the margin covers what the call
    itself costs, and the 64th part that the treasury keeps.
    """
    behave(odd, "meter")

    def gas_of_token(limit):
        try:
            fake_desk.tell("pay", insurer, odd, hospital, 1, REFERENCE, gas_limit=limit)
        except VirtualMachineError as trouble:
            needed, left = map(int, trouble.revert_msg.removeprefix("GasTooLow: ").split(", "))
            assert left < needed == treasury.TRANSFER_GAS() * 64 // 63 + 5_000
            return None
        return odd.gasAtStart()

    plenty = gas_of_token(1_000_000)
    assert treasury.TRANSFER_GAS() - 1_000 < plenty < treasury.TRANSFER_GAS()  # less what it takes to get there
    low, high = 200_000, 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        if gas_of_token(middle) is None:
            low = middle
        else:
            high = middle
    assert gas_of_token(high) == plenty


# ---- collect -----------------------------------------------------------------------------------------------------


def test_collect_nothing(treasury, hospital, token):
    with reverts(error("NothingHeld", hospital, token)):
        treasury.collect(token, {"from": hospital})


def test_collect_while_the_token_still_refuses(treasury, fake_desk, odd, insurer, hospital):
    behave(odd, "paused")
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    with reverts(error("Paused")):
        treasury.collect(odd, {"from": hospital})
    assert treasury.held(hospital, odd) == 400


def test_TP1_collect_once(treasury, fake_desk, odd, insurer, hospital):
    odd.setBlocked(hospital, True, {"from": insurer})
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    odd.setBlocked(hospital, False, {"from": insurer})
    tx = treasury.collect(odd, {"from": hospital})
    assert dict(tx.events["Collected"]) == {"payee": hospital, "token": odd, "amount": 400}
    assert odd.balanceOf(hospital) == 400
    assert books(treasury, fake_desk, insurer, odd) == (600, 600)
    with reverts(error("NothingHeld", hospital, odd)):
        treasury.collect(odd, {"from": hospital})


def test_TP7_held_money_is_no_one_else_s(treasury, fake_desk, odd, insurer, hospital, clinic):
    odd.setBlocked(hospital, True, {"from": insurer})
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    with reverts(error("ExceedsBalance", 601, 600)):
        treasury.announceExit(fake_desk, odd, 601, {"from": insurer})
    with reverts(error("NothingHeld", clinic, odd)):
        treasury.collect(odd, {"from": clinic})


# ---- re-entrance -------------------------------------------------------------------------------------------------


BUSY, GUARD = (
    bytes(web3.keccak(text=text)[:4])
    for text in ("PoolBusy(address,address,address)", "ReentrancyGuardReentrantCall()")
)


def through(fake_desk, function, *args):
    """Arguments with which the fake desk's contract tells the treasury something, for a hook."""
    return fake_desk.contract, "call", str(fake_desk.treasury), fake_desk._encoded(function, args)


@pytest.mark.parametrize("outer", ["pay", "settle"])
def test_TP1_a_token_does_not_make_a_pool_pay_again(
    treasury, fake_desk, odd, insurer, hospital, clinic, stranger, outer
):
    """While a debt, or a payment, is under way: the same desk, the same pool, another payee."""
    if outer == "settle":
        fake_desk.tell("owe", insurer, odd, hospital, 400, REFERENCE)
    hook(odd, *through(fake_desk, "pay", insurer, odd, clinic, 1, REFERENCE))
    if outer == "settle":
        treasury.settle(fake_desk, insurer, odd, 9, {"from": stranger})
    else:
        fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert (odd.answered(), heard(odd)[:4]) == (False, BUSY)
    assert (odd.balanceOf(hospital), odd.balanceOf(clinic)) == (400, 0)
    assert books(treasury, fake_desk, insurer, odd) == (600, 600)


def test_TP1_a_token_does_not_settle_while_it_is_settled(treasury, fake_desk, odd, insurer, hospital, clinic, stranger):
    for payee in (hospital, clinic):
        fake_desk.tell("owe", insurer, odd, payee, 400, REFERENCE)
    hook(odd, treasury, "settle", str(fake_desk), str(insurer), str(odd), 9)
    treasury.settle(fake_desk, insurer, odd, 1, {"from": stranger})
    assert (odd.answered(), heard(odd)[:4]) == (False, BUSY)
    assert (odd.balanceOf(hospital), odd.balanceOf(clinic)) == (400, 0)
    assert pool(treasury, fake_desk, insurer, odd) == Pool(600, owed=400, waiting=1)


@pytest.mark.parametrize("function", ["fund", "exit", "repay", "collect"])
def test_TP1_a_token_does_not_come_back_in(treasury, fake_desk, odd, insurer, hospital, function):
    odd.setBlocked(hospital, True, {"from": insurer})
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    odd.setBlocked(hospital, False, {"from": insurer})
    arguments = {
        "fund": (str(fake_desk), str(insurer), str(odd), 1),
        "exit": (str(fake_desk), str(odd)),
        "repay": (str(fake_desk), str(insurer), str(odd), str(hospital), 1),
        "collect": (str(odd),),
    }
    hook(odd, treasury, function, *arguments[function])
    treasury.collect(odd, {"from": hospital})
    assert (odd.answered(), heard(odd)[:4]) == (False, GUARD)
    assert odd.balanceOf(hospital) == 400
    assert books(treasury, fake_desk, insurer, odd) == (600, 600)


def test_TP2_an_insurer_that_leaves_while_its_pool_pays(
    treasury, fake_desk, salus_project, mischief, institutions, regulator, hospital, deployer
):
    """The token is in league with the insurer: it lets it take what it may while 400 of 1,000 are on their way."""
    crook = salus_project.Caller.deploy({"from": deployer})
    accredit(institutions, regulator, crook.address, "crook", INSURER)
    fund(treasury, fake_desk, crook, mischief, 1000, deployer)
    announced = crook.call(
        treasury, treasury.announceExit.encode_input(fake_desk.address, mischief, 1000), {"from": deployer}
    )
    hook(mischief, crook, "call", treasury.address, treasury.exit.encode_input(fake_desk.address, mischief))
    at(announced.timestamp + treasury.EXIT_DELAY())
    fake_desk.tell("pay", crook, mischief, hospital, 400, REFERENCE)
    assert (mischief.balanceOf(hospital), mischief.balanceOf(crook)) == (400, 600)
    assert books(treasury, fake_desk, crook, mischief) == (0, 0)


def test_TP12_views_tell_the_truth_during_a_payment(treasury, fake_desk, odd, insurer, hospital):
    """What the token sees while it is asked to move 400 of 1,000: they are gone from the books already."""
    hook(odd, treasury, "pool", str(fake_desk), str(insurer), str(odd))
    fake_desk.tell("pay", insurer, odd, hospital, 400, REFERENCE)
    assert int.from_bytes(heard(odd), "big") == 600


def test_TP12_a_debt_is_gone_while_it_is_paid(treasury, fake_desk, odd, insurer, hospital, stranger):
    fake_desk.tell("owe", insurer, odd, hospital, 400, REFERENCE)
    hook(odd, treasury, "debt", str(fake_desk), str(insurer), str(odd), 0)
    treasury.settle(fake_desk, insurer, odd, 1, {"from": stranger})
    assert odd.answered() is True and int.from_bytes(heard(odd), "big") == 0
