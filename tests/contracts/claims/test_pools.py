"""Treasury: how money gets into a pool, and back to the insurer

fund
├── the insurer is not accredited as one, or only its operator → NotAnInsurer; suspended or expired is no matter
├── the desk or the token has no code → InvalidDesk, InvalidToken
├── nothing → ZeroAmount
├── the token takes a fee → ReceivedOther; says no → as the token does
└── else the pool of this desk, insurer and token grows, and no other
announceExit
├── the caller is no licensed insurer → NotLicensed
├── more than the pool has → ExceedsBalance
└── else the exit opens after the delay; another announcement replaces it, 0 cancels it
exit
├── nothing is announced → NoExit
├── a second too early, or too late → ExitNotOpen
├── nothing is left, or all is owed or reserved → ExceedsBalance
└── else the announced amount, or what is left of it, goes to the insurer
"""

import pytest
from brownie import reverts

from tests.conftest import INSURER
from tests.support.claim_builders import DAY, OUT_OF_ROLE, UNKNOWN, Pool, at, fund, pool
from tests.support.errors import error
from tests.support.fake_desk import MODES, REFERENCE, books

# -------------------------------------------------------------------------------------------------------------- fund


@pytest.mark.parametrize("who", ["stranger", "hospital"])
def test_fund_nobody_s_pool(treasury, fake_desk, token, people, insurer, who):
    owner = getattr(people, who)
    with reverts(error("NotAnInsurer", owner)):
        treasury.fund(fake_desk, owner, token, 1, {"from": insurer})


def test_TP3_a_suspended_insurer_s_debts_can_be_funded(treasury, fake_desk, token, institutions, insurer, regulator):
    institutions.suspend(insurer, {"from": regulator})
    fund(treasury, fake_desk, insurer, token, 5, insurer)
    assert pool(treasury, fake_desk, insurer, token).balance == 5


def test_fund_an_operator_whose_money_could_never_leave(treasury, fake_desk, token, insurer, clerk):
    with reverts(error("NotAnInsurer", clerk)):
        treasury.fund(fake_desk, clerk, token, 1, {"from": insurer})


def test_fund_for_a_desk_without_code(treasury, token, insurer, stranger):
    with reverts(error("InvalidDesk", stranger)):
        treasury.fund(stranger, insurer, token, 1, {"from": insurer})


def test_fund_with_a_token_without_code(treasury, fake_desk, insurer, stranger):
    with reverts(error("InvalidToken", stranger)):
        treasury.fund(fake_desk, insurer, stranger, 1, {"from": insurer})


def test_fund_nothing(treasury, fake_desk, token, insurer):
    with reverts(error("ZeroAmount")):
        treasury.fund(fake_desk, insurer, token, 0, {"from": insurer})


def test_fund_without_allowance(treasury, fake_desk, token, insurer, carrier):
    token.mint(carrier, 5, {"from": carrier})
    with reverts(error("ERC20InsufficientAllowance", treasury, 0, 5)):
        treasury.fund(fake_desk, insurer, token, 5, {"from": carrier})


def test_TP6_a_token_with_a_fee_is_refused(treasury, fake_desk, mischief, insurer):
    mischief.behave(MODES.index("fee"), {"from": insurer})
    with reverts(error("ReceivedOther", mischief, 100, 99)):
        fund(treasury, fake_desk, insurer, mischief, 100, insurer)
    assert books(treasury, fake_desk, insurer, mischief) == (0, 0)


def test_TP6_a_token_that_says_no_is_refused(treasury, fake_desk, mischief, insurer):
    mischief.behave(MODES.index("false"), {"from": insurer})
    with reverts(error("SafeERC20FailedOperation", mischief)):
        fund(treasury, fake_desk, insurer, mischief, 100, insurer)


def test_TP6_a_token_without_answer_is_welcome(treasury, fake_desk, mischief, insurer):
    mischief.behave(MODES.index("no return"), {"from": insurer})
    fund(treasury, fake_desk, insurer, mischief, 100, insurer)
    assert books(treasury, fake_desk, insurer, mischief) == (100, 100)


def test_TP6_a_pool_holds_104_bits_and_no_more(treasury, fake_desk, mischief, insurer, panics):
    with reverts(error("SafeCastOverflowedUintDowncast", 104, 2**104)):
        fund(treasury, fake_desk, insurer, mischief, 2**104, insurer)
    fund(treasury, fake_desk, insurer, mischief, 2**104 - 1, insurer)
    assert books(treasury, fake_desk, insurer, mischief) == (2**104 - 1, 2**104 - 1)
    mischief.mint(insurer, 1, {"from": insurer})
    mischief.approve(treasury, 1, {"from": insurer})
    panics(treasury.fund, fake_desk, insurer, mischief, 1, sender=insurer)


def test_anyone_funds(treasury, fake_desk, insurer, token, stranger):
    tx = fund(treasury, fake_desk, insurer, token, 70, stranger)
    assert dict(tx.events["PoolFunded"]) == {
        "desk": str(fake_desk), "insurer": insurer, "token": token, "from": stranger, "amount": 70,
    }  # fmt: skip
    assert pool(treasury, fake_desk, insurer, token) == Pool(70)
    assert (token.balanceOf(treasury), token.balanceOf(stranger)) == (70, 0)


def test_pools_are_apart(treasury, fake_desk, desk, insurer, rival, token, mischief):
    fund(treasury, fake_desk, insurer, token, 1, insurer)
    fund(treasury, desk, insurer, token, 2, insurer)
    fund(treasury, fake_desk, rival, token, 4, rival)
    fund(treasury, fake_desk, insurer, mischief, 8, insurer)
    assert pool(treasury, fake_desk, insurer, token).balance == 1
    assert pool(treasury, desk, insurer, token).balance == 2
    assert pool(treasury, fake_desk, rival, token).balance == 4
    assert pool(treasury, fake_desk, insurer, mischief).balance == 8
    assert (token.balanceOf(treasury), mischief.balanceOf(treasury)) == (7, 8)


def test_TP3_a_gift_belongs_to_no_pool(treasury, fake_desk, full, insurer, token):
    token.mint(treasury, 1_000_000, {"from": insurer})
    assert books(treasury, fake_desk, insurer, token) == (1000_00, 1000_00 + 1_000_000)
    assert not fake_desk.ask("pay", insurer, token, insurer, 1000_01, REFERENCE)


# -------------------------------------------------------------------------------------------------------------- exit


@pytest.mark.parametrize("who, standing", [("stranger", UNKNOWN), ("hospital", OUT_OF_ROLE), ("regulator", UNKNOWN)])
def test_announce_as_nobody(treasury, fake_desk, full, token, people, who, standing):
    actor = getattr(people, who)
    with reverts(error("NotLicensed", actor, INSURER, standing)):
        treasury.announceExit(fake_desk, token, 1, {"from": actor})


def test_announce_more_than_there_is(treasury, fake_desk, full, insurer, token):
    with reverts(error("ExceedsBalance", 1000_01, 1000_00)):
        treasury.announceExit(fake_desk, token, 1000_01, {"from": insurer})


def test_announce_another_s_pool(treasury, fake_desk, full, rival, token):
    with reverts(error("ExceedsBalance", 1, 0)):
        treasury.announceExit(fake_desk, token, 1, {"from": rival})


def test_announce_by_an_operator(treasury, fake_desk, full, insurer, clerk, token):
    tx = treasury.announceExit(fake_desk, token, 300_00, {"from": clerk})
    opens = tx.timestamp + 30 * DAY
    assert dict(tx.events["ExitAnnounced"]) == {
        "desk": str(fake_desk), "insurer": insurer, "token": token, "amount": 300_00, "exitFrom": opens,
    }  # fmt: skip
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00, 300_00, opens)


def test_TP2_an_announcement_replaces_the_earlier_and_its_delay(treasury, fake_desk, full, insurer, token):
    first = treasury.announceExit(fake_desk, token, 300_00, {"from": insurer})
    at(first.timestamp + 29 * DAY)
    second = treasury.announceExit(fake_desk, token, 1000_00, {"from": insurer})
    opens = second.timestamp + 30 * DAY
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00, 1000_00, opens)
    at(first.timestamp + 30 * DAY)
    with reverts(error("ExitNotOpen", opens, opens + 7 * DAY)):
        treasury.exit(fake_desk, token, {"from": insurer})


def test_announcing_nothing_cancels(treasury, fake_desk, full, insurer, token):
    treasury.announceExit(fake_desk, token, 300_00, {"from": insurer})
    tx = treasury.announceExit(fake_desk, token, 0, {"from": insurer})
    assert tx.events["ExitAnnounced"]["exitFrom"] == 0
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00)
    with reverts(error("NoExit", fake_desk, insurer, token)):
        treasury.exit(fake_desk, token, {"from": insurer})


@pytest.fixture
def opens(treasury, fake_desk, full, insurer, token):
    """First second at which 300.00 may leave."""
    return treasury.announceExit(fake_desk, token, 300_00, {"from": insurer}).timestamp + treasury.EXIT_DELAY()


@pytest.mark.parametrize("second", [-1, 7 * DAY])
def test_TP2_exit_outside_its_window(treasury, fake_desk, opens, insurer, token, second):
    at(opens + second)
    with reverts(error("ExitNotOpen", opens, opens + 7 * DAY)):
        treasury.exit(fake_desk, token, {"from": insurer})


@pytest.mark.parametrize("second", [0, 7 * DAY - 1])
def test_exit_within_its_window(treasury, fake_desk, opens, insurer, token, second):
    at(opens + second)
    tx = treasury.exit(fake_desk, token, {"from": insurer})
    assert tx.timestamp == opens + second
    assert dict(tx.events["PoolExited"]) == {
        "desk": str(fake_desk),
        "insurer": insurer,
        "token": token,
        "amount": 300_00,
    }
    assert pool(treasury, fake_desk, insurer, token) == Pool(700_00)
    assert token.balanceOf(insurer) == 300_00
    assert token.balanceOf(treasury) == 700_00
    with reverts(error("NoExit", fake_desk, insurer, token)):
        treasury.exit(fake_desk, token, {"from": insurer})


def test_TP7_nobody_else_exits(treasury, fake_desk, opens, token, people, clerk):
    at(opens)
    for actor in (clerk, people.regulator, people.deployer, people.stranger):
        with reverts(error("NoExit", fake_desk, actor, token)):
            treasury.exit(fake_desk, token, {"from": actor})


def test_a_suspended_insurer_gets_its_money(treasury, fake_desk, opens, insurer, token, institutions, regulator):
    institutions.suspend(insurer, {"from": regulator})
    at(opens)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert token.balanceOf(insurer) == 300_00


def test_TP2_claims_are_paid_from_what_is_leaving(treasury, fake_desk, opens, insurer, hospital, token):
    fake_desk.tell("pay", insurer, token, hospital, 900_00, REFERENCE)
    assert token.balanceOf(hospital) == 900_00
    at(opens)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert token.balanceOf(insurer) == 100_00
    assert books(treasury, fake_desk, insurer, token) == (0, 0)


def test_exit_when_all_was_paid(treasury, fake_desk, opens, insurer, hospital, token):
    fake_desk.tell("pay", insurer, token, hospital, 1000_00, REFERENCE)
    at(opens)
    with reverts(error("ExceedsBalance", 300_00, 0)):
        treasury.exit(fake_desk, token, {"from": insurer})


def test_TP2_an_exit_leaves_what_is_owed(treasury, fake_desk, opens, insurer, hospital, token):
    fake_desk.tell("owe", insurer, token, hospital, 900_00, REFERENCE)
    at(opens)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert token.balanceOf(insurer) == 100_00
    assert pool(treasury, fake_desk, insurer, token) == Pool(900_00, owed=900_00, waiting=1)


@pytest.mark.parametrize("owed", [1000_00, 5000_00])
def test_TP2_no_exit_while_all_is_owed(treasury, fake_desk, opens, insurer, hospital, token, owed):
    fake_desk.tell("owe", insurer, token, hospital, owed, REFERENCE)
    at(opens)
    with reverts(error("ExceedsBalance", 300_00, 0)):
        treasury.exit(fake_desk, token, {"from": insurer})


def test_TP2_what_is_reserved_stays(treasury, fake_desk, opens, insurer, token):
    fake_desk.tell("reserve", insurer, token, 900_00, REFERENCE)
    at(opens)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert token.balanceOf(insurer) == 100_00
    assert pool(treasury, fake_desk, insurer, token) == Pool(0, reserved=900_00)


def test_TP2_what_was_reserved_after_the_announcement_is_not_announced_anew(treasury, fake_desk, full, insurer, token):
    fake_desk.tell("reserve", insurer, token, 900_00, REFERENCE)
    with reverts(error("ExceedsBalance", 100_01, 100_00)):
        treasury.announceExit(fake_desk, token, 100_01, {"from": insurer})
    treasury.announceExit(fake_desk, token, 100_00, {"from": insurer})


def test_TP2_an_exit_beside_debts_and_a_reserve(treasury, fake_desk, opens, insurer, hospital, token):
    fake_desk.tell("reserve", insurer, token, 250_00, REFERENCE)
    fake_desk.tell("owe", insurer, token, hospital, 650_00, REFERENCE)
    at(opens)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert token.balanceOf(insurer) == 100_00
    assert pool(treasury, fake_desk, insurer, token) == Pool(650_00, 0, 0, 250_00, 650_00, 1)


def test_the_times_are_as_promised(treasury):
    assert (treasury.EXIT_DELAY(), treasury.EXIT_WINDOW(), treasury.TRANSFER_GAS()) == (30 * DAY, 7 * DAY, 200_000)
