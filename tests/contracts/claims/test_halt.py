"""Treasury: an insurer stops its pool's payments (requirement 19)

halt
├── the caller is no licensed insurer → NotLicensed; longer than 30 days → HaltTooLong
├── it names a time → nothing is paid until that second; 0 → payments go on at once
└── one pool alone is halted
while it is
├── pay, and release of what is due → false, and nothing happens; the desk owes
├── settle → Halted
├── reserve, cancel, set-off, repay, fund and a due exit go on
└── from the second on that it named everything is paid as before
"""

import pytest
from brownie import reverts

from tests.conftest import INSURER
from tests.support.claim_builders import (
    DAY,
    OUT_OF_ROLE,
    OWED,
    SETTLED,
    UNKNOWN,
    Pool,
    a_claim,
    at,
    decided,
    fund,
    now,
    pool,
    record,
    submit,
)
from tests.support.errors import error
from tests.support.fake_desk import REFERENCE, books


@pytest.fixture
def halted(treasury, till, full, insurer, token):
    """The till's pool, halted for an hour; returns the first second at which it pays again."""
    until = now() + 3600
    treasury.halt(till, token, until, {"from": insurer})
    return until


@pytest.mark.parametrize("who, standing", [("stranger", UNKNOWN), ("hospital", OUT_OF_ROLE), ("regulator", UNKNOWN)])
def test_TP7_nobody_else_halts_a_pool(treasury, till, token, people, who, standing):
    actor = getattr(people, who)
    with reverts(error("NotLicensed", actor, INSURER, standing)):
        treasury.halt(till, token, now() + 60, {"from": actor})


def test_a_halt_lasts_thirty_days_at_most(treasury, till, token, insurer):
    second = now() + 60
    at(second)
    with reverts(error("HaltTooLong", second + 30 * DAY + 1, second + 30 * DAY)):
        treasury.halt(till, token, second + 30 * DAY + 1, {"from": insurer})
    at(second + 60)
    treasury.halt(till, token, second + 60 + 30 * DAY, {"from": insurer})
    assert treasury.MAX_HALT() == 30 * DAY


def test_a_halt_is_kept_and_told(treasury, till, full, token, insurer, clerk):
    until = now() + 60
    tx = treasury.halt(till, token, until, {"from": clerk})
    assert dict(tx.events["PoolHalted"]) == {"desk": str(till), "insurer": insurer, "token": token, "until": until}
    assert pool(treasury, till, insurer, token) == Pool(1000_00, halted_until=until)
    treasury.halt(till, token, 0, {"from": clerk})
    assert pool(treasury, till, insurer, token) == Pool(1000_00)


def test_TP8_a_halted_pool_pays_nobody_until_its_second(treasury, till, halted, insurer, token, hospital):
    at(halted - 1)
    till.tell("pay", insurer, token, hospital, 1, REFERENCE)
    assert (books(treasury, till, insurer, token), token.balanceOf(hospital)) == ((1000_00, 1000_00), 0)
    at(halted)
    till.tell("pay", insurer, token, hospital, 1, REFERENCE)
    assert (books(treasury, till, insurer, token), token.balanceOf(hospital)) == ((999_99, 999_99), 1)


def test_TP8_a_lifted_halt_pays_at_once(treasury, till, halted, insurer, token, hospital):
    assert not till.ask("pay", insurer, token, hospital, 1, REFERENCE)
    treasury.halt(till, token, 0, {"from": insurer})
    assert till.ask("pay", insurer, token, hospital, 1, REFERENCE)


def test_what_is_free_of_charge_is_paid_meanwhile(till, halted, insurer, token, hospital):
    assert till.ask("pay", insurer, token, hospital, 0, REFERENCE)


def test_another_pool_pays_on(treasury, till, halted, rival, token, hospital):
    fund(treasury, till, rival, token, 5, rival)
    assert till.ask("pay", rival, token, hospital, 5, REFERENCE)


def test_TP8_debts_wait_for_the_end_of_the_halt(treasury, till, halted, insurer, token, hospital, stranger):
    till.tell("owe", insurer, token, hospital, 7, REFERENCE)
    with reverts(error("Halted", till, insurer, token, halted)):
        treasury.settle(till, insurer, token, 1, {"from": stranger})
    at(halted)
    treasury.settle(till, insurer, token, 1, {"from": stranger})
    assert token.balanceOf(hospital) == 7


def test_TP8_a_halted_pool_releases_a_reserve_without_paying(treasury, till, halted, insurer, token, hospital):
    till.tell("reserve", insurer, token, 30, REFERENCE)
    assert pool(treasury, till, insurer, token) == Pool(1000_00 - 30, reserved=30, halted_until=halted)
    assert not till.ask("release", insurer, token, 30, hospital, 30, REFERENCE)
    assert till.ask("release", insurer, token, 30, hospital, 0, REFERENCE)
    till.tell("release", insurer, token, 30, hospital, 30, REFERENCE)
    assert pool(treasury, till, insurer, token) == Pool(1000_00, halted_until=halted)
    assert token.balanceOf(hospital) == 0


def test_a_set_off_goes_on_and_is_not_used_up(treasury, till, halted, insurer, token, hospital, stranger):
    till.tell("setOff", insurer, token, hospital, 9, REFERENCE)
    assert not till.ask("pay", insurer, token, hospital, 5, REFERENCE)
    assert treasury.setOffOf(till, insurer, token, hospital) == 9
    token.mint(stranger, 4, {"from": stranger})
    token.approve(treasury, 4, {"from": stranger})
    treasury.repay(till, insurer, token, hospital, 4, {"from": stranger})
    at(halted)
    till.tell("pay", insurer, token, hospital, 6, REFERENCE)
    assert (treasury.setOffOf(till, insurer, token, hospital), token.balanceOf(hospital)) == (0, 1)


def test_the_surplus_leaves_a_halted_pool_and_what_is_owed_stays(treasury, till, full, insurer, token, hospital):
    """Requirement 19: the breaker stops payouts, not the withdrawal of proven surplus."""
    treasury.announceExit(till, token, 1000_00, {"from": insurer})
    opens = pool(treasury, till, insurer, token).exit_from
    at(opens)
    treasury.halt(till, token, opens + DAY, {"from": insurer})
    till.tell("owe", insurer, token, hospital, 600_00, REFERENCE)
    treasury.exit(till, token, {"from": insurer})
    assert pool(treasury, till, insurer, token) == Pool(600_00, owed=600_00, waiting=1, halted_until=opens + DAY)


def test_TP8_a_claim_in_a_halted_pool_is_owed_reversed_or_paid_later(
    open_desk, treasury, plan, patient, hospital, insurer, token, stranger
):
    """A thief's claims wait, and the insurer takes them back; the honest ones are paid in the end."""
    desk, until = open_desk, now() + 3600
    treasury.halt(desk, token, until, {"from": insurer})
    claims = [a_claim(plan, patient, hospital, number=n) for n in ("thief's", "honest")]
    claims = [claim._replace(lines=[claim.lines[0]._replace(charge=150_00)]) for claim in claims]
    _, tx = submit(desk, claims, hospital)
    stolen, honest = decided(tx, 0), decided(tx, 1)
    assert [record(desk, each.id).state for each in (stolen, honest)] == [OWED, OWED]
    assert token.balanceOf(hospital) == 0
    desk.reverse(stolen, {"from": insurer})
    at(until)
    treasury.settle(desk, insurer, token, 9, {"from": stranger})
    assert record(desk, honest.id).state == SETTLED
    assert token.balanceOf(hospital) == sum(line[3] >> 16 & (2**80 - 1) for line in honest.lines) > 0
