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
def halted(treasury, fake_desk, full, insurer, token):
    """The fake desk's pool, halted for an hour; returns the first second at which it pays again."""
    until = now() + 3600
    treasury.halt(fake_desk, token, until, {"from": insurer})
    return until


@pytest.mark.parametrize("who, standing", [("stranger", UNKNOWN), ("hospital", OUT_OF_ROLE), ("regulator", UNKNOWN)])
def test_TP7_nobody_else_halts_a_pool(treasury, fake_desk, token, people, who, standing):
    actor = getattr(people, who)
    with reverts(error("NotLicensed", actor, INSURER, standing)):
        treasury.halt(fake_desk, token, now() + 60, {"from": actor})


def test_a_halt_lasts_thirty_days_at_most(treasury, fake_desk, token, insurer):
    second = now() + 60
    at(second)
    with reverts(error("HaltTooLong", second + 30 * DAY + 1, second + 30 * DAY)):
        treasury.halt(fake_desk, token, second + 30 * DAY + 1, {"from": insurer})
    at(second + 60)
    treasury.halt(fake_desk, token, second + 60 + 30 * DAY, {"from": insurer})
    assert treasury.MAX_HALT() == 30 * DAY


def test_a_halt_is_kept_and_told(treasury, fake_desk, full, token, insurer, clerk):
    until = now() + 60
    tx = treasury.halt(fake_desk, token, until, {"from": clerk})
    assert dict(tx.events["PoolHalted"]) == {"desk": str(fake_desk), "insurer": insurer, "token": token, "until": until}
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00, halted_until=until)
    treasury.halt(fake_desk, token, 0, {"from": clerk})
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00)


def test_TP8_a_halted_pool_pays_nobody_until_its_second(treasury, fake_desk, halted, insurer, token, hospital):
    at(halted - 1)
    fake_desk.tell("pay", insurer, token, hospital, 1, REFERENCE)
    assert (books(treasury, fake_desk, insurer, token), token.balanceOf(hospital)) == ((1000_00, 1000_00), 0)
    at(halted)
    fake_desk.tell("pay", insurer, token, hospital, 1, REFERENCE)
    assert (books(treasury, fake_desk, insurer, token), token.balanceOf(hospital)) == ((999_99, 999_99), 1)


def test_TP8_a_lifted_halt_pays_at_once(treasury, fake_desk, halted, insurer, token, hospital):
    assert not fake_desk.ask("pay", insurer, token, hospital, 1, REFERENCE)
    treasury.halt(fake_desk, token, 0, {"from": insurer})
    assert fake_desk.ask("pay", insurer, token, hospital, 1, REFERENCE)


def test_what_is_free_of_charge_is_paid_meanwhile(fake_desk, halted, insurer, token, hospital):
    assert fake_desk.ask("pay", insurer, token, hospital, 0, REFERENCE)


def test_another_pool_pays_on(treasury, fake_desk, halted, rival, token, hospital):
    fund(treasury, fake_desk, rival, token, 5, rival)
    assert fake_desk.ask("pay", rival, token, hospital, 5, REFERENCE)


def test_TP8_debts_wait_for_the_end_of_the_halt(treasury, fake_desk, halted, insurer, token, hospital, stranger):
    fake_desk.tell("owe", insurer, token, hospital, 7, REFERENCE)
    with reverts(error("Halted", fake_desk, insurer, token, halted)):
        treasury.settle(fake_desk, insurer, token, 1, {"from": stranger})
    at(halted)
    treasury.settle(fake_desk, insurer, token, 1, {"from": stranger})
    assert token.balanceOf(hospital) == 7


def test_TP8_a_halted_pool_releases_a_reserve_without_paying(treasury, fake_desk, halted, insurer, token, hospital):
    fake_desk.tell("reserve", insurer, token, 30, REFERENCE)
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00 - 30, reserved=30, halted_until=halted)
    assert not fake_desk.ask("release", insurer, token, 30, hospital, 30, REFERENCE)
    assert fake_desk.ask("release", insurer, token, 30, hospital, 0, REFERENCE)
    fake_desk.tell("release", insurer, token, 30, hospital, 30, REFERENCE)
    assert pool(treasury, fake_desk, insurer, token) == Pool(1000_00, halted_until=halted)
    assert token.balanceOf(hospital) == 0


def test_a_set_off_goes_on_and_is_not_used_up(treasury, fake_desk, halted, insurer, token, hospital, stranger):
    fake_desk.tell("setOff", insurer, token, hospital, 9, REFERENCE)
    assert not fake_desk.ask("pay", insurer, token, hospital, 5, REFERENCE)
    assert treasury.setOffOf(fake_desk, insurer, token, hospital) == 9
    token.mint(stranger, 4, {"from": stranger})
    token.approve(treasury, 4, {"from": stranger})
    treasury.repay(fake_desk, insurer, token, hospital, 4, {"from": stranger})
    at(halted)
    fake_desk.tell("pay", insurer, token, hospital, 6, REFERENCE)
    assert (treasury.setOffOf(fake_desk, insurer, token, hospital), token.balanceOf(hospital)) == (0, 1)


def test_the_surplus_leaves_a_halted_pool_and_what_is_owed_stays(treasury, fake_desk, full, insurer, token, hospital):
    """Requirement 19: the breaker stops payouts, not the withdrawal of proven surplus."""
    treasury.announceExit(fake_desk, token, 1000_00, {"from": insurer})
    opens = pool(treasury, fake_desk, insurer, token).exit_from
    at(opens)
    treasury.halt(fake_desk, token, opens + DAY, {"from": insurer})
    fake_desk.tell("owe", insurer, token, hospital, 600_00, REFERENCE)
    treasury.exit(fake_desk, token, {"from": insurer})
    assert pool(treasury, fake_desk, insurer, token) == Pool(600_00, owed=600_00, waiting=1, halted_until=opens + DAY)


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
