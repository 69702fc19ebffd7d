"""Appeals against decisions

appeal
├── never decided → WrongState; another content → OtherContent (test_reversal.py)
├── the caller is neither the patient nor acts for the provider, with a licence → NotParty
├── decided on appeal, or appealed already → WrongState
├── after the last second of the appeal days → WindowClosed
└── else it waits for the arbiter
arbitrate
├── by who is no arbiter → AccessManagedUnauthorized
├── nobody appealed, or it is decided → NotAppealed; no code, or one above 999 → InvalidCarc
├── more than the charges, less what is paid and what another payer paid → AwardTooHigh
└── else paid from the insurer's pool, or owed; the accumulators stay
"""

import pytest

from tests.conftest import PROVIDER
from tests.support import claim_builders
from tests.support.claim_builders import (
    ARBITRATED,
    DAY,
    DENIED,
    DUPLICATE,
    NONE,
    OWED,
    PENDED,
    REVERSED,
    SETTLED,
    WIDEST,
    WITHDRAWN,
    Pool,
    a_claim,
    accumulators,
    decided,
    enroll,
    fund,
    line,
    record,
    submit,
    word,
)
from tests.support.errors import error
from tests.support.fake_desk import hook


@pytest.fixture(scope="module")
def careful(draw_plan):
    """20 %, reviews what it would pay more than 300.00 for, appeal within 30 days."""
    return draw_plan(coinsurance=20_00, review_threshold=300_00, review_days=14, appeal_days=30)


@pytest.fixture
def claim(careful, patient, hospital):
    """Charges of 300.00: 120.00 are paid, another payer paid 10.00, 100.00 are denied."""
    return a_claim(careful, patient, hospital, line(charge=200_00, prior=10_00), line("wig", charge=100_00))


@pytest.fixture
def settled(desk, add, claim, hospital):
    add(500_00)
    (answer,), tx = submit(desk, [claim], hospital)
    assert (answer.state, answer.paid) == (SETTLED, 120_00)
    return decided(tx)


@pytest.fixture
def owed(desk, claim, hospital):
    _, tx = submit(desk, [claim], hospital)
    return decided(tx)


@pytest.fixture
def denied(desk, add, claim, hospital, insurer):
    add(500_00)
    large = claim._replace(lines=[line("cast", 2, 660_00, 60_00)])
    submit(desk, [large], hospital)
    return decided(desk.review(large, 50, {"from": insurer}))


@pytest.fixture
def given_back(desk, settled, hospital):
    desk.reverse(settled, {"from": hospital})
    return settled


@pytest.fixture
def in_state(request, claim, add):
    """A decided claim by the state that it has."""
    names = {SETTLED: "settled", OWED: "owed", DENIED: "denied", REVERSED: "given_back"}
    return lambda state: request.getfixturevalue(names[state])


# ---- appeal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [SETTLED, OWED, DENIED, REVERSED])
@pytest.mark.parametrize("who", ["patient", "hospital"])
def test_who_appeals_against_what(desk, in_state, people, state, who):
    said = in_state(state)
    before = record(desk, said.id)
    tx = desk.appeal(said, {"from": getattr(people, who)})
    assert dict(tx.events["ClaimAppealed"]) == {"id": said.id}
    assert record(desk, said.id) == (state, before.at, 0, True)


def test_an_operator_appeals(desk, settled, nurse, allowed):
    allowed(desk.appeal, settled, sender=nurse)


@pytest.mark.parametrize("who", ["stranger", "insurer", "clinic", "regulator", "neighbour"])
def test_TP7_who_may_not_appeal(desk, settled, people, neighbour, refused, who):
    actor = neighbour if who == "neighbour" else getattr(people, who)
    refused(desk.appeal, settled, sender=actor, why=error("NotParty", settled.id, actor))


def test_TP8_a_suspended_provider_does_not_appeal(
    desk, settled, institutions, hospital, patient, regulator, refused, allowed
):
    institutions.suspend(hospital, {"from": regulator})
    refused(desk.appeal, settled, sender=hospital, why=error("NotParty", settled.id, hospital))
    allowed(desk.appeal, settled, sender=patient)


@pytest.mark.parametrize("state", [SETTLED, OWED, DENIED, REVERSED])
@pytest.mark.parametrize("second", [-1, 0, 1])
def test_the_last_second_to_appeal(desk, in_state, patient, hospital, chain, refused, allowed, state, second):
    said = in_state(state)
    until = record(desk, said.id).at + 30 * DAY
    chain.mine(timestamp=until + second)
    for actor in (patient, hospital):
        if second > 0:
            refused(desk.appeal, said, sender=actor, why=error("WindowClosed", said.id, until))
        else:
            allowed(desk.appeal, said, sender=actor)


def test_a_reversal_opens_a_new_window(desk, settled, hospital, patient, chain, allowed):
    chain.mine(timestamp=claim_builders.now() + 40 * DAY)
    desk.reverse(settled, {"from": hospital})
    allowed(desk.appeal, settled, sender=patient)


def test_TP1_appeal_once(desk, settled, hospital, patient, regulator, refused):
    desk.appeal(settled, {"from": patient})
    for actor in (patient, hospital):
        refused(desk.appeal, settled, sender=actor, why=error("WrongState", settled.id, SETTLED))
    desk.reverse(settled, {"from": hospital})
    refused(desk.appeal, settled, sender=patient, why=error("WrongState", settled.id, REVERSED))
    desk.arbitrate(settled, 0, 50, {"from": regulator})
    refused(desk.appeal, settled, sender=patient, why=error("WrongState", settled.id, ARBITRATED))
    refused(desk.reverse, settled, sender=hospital, why=error("WrongState", settled.id, ARBITRATED))


def test_TP1_what_is_not_decided_is_not_appealed(desk, add, claim, settled, hospital, patient, refused):
    refused(desk.appeal, settled._replace(id=word("no")), sender=patient, why=error("WrongState", word("no"), NONE))
    large = claim._replace(number=word("2"), lines=[line("cast", 2, 600_00)])
    (answer,), _ = submit(desk, [large], hospital)
    said = settled._replace(id=answer.id)
    refused(desk.appeal, said, sender=patient, why=error("WrongState", answer.id, PENDED))
    desk.withdraw(large, {"from": hospital})
    refused(desk.appeal, said, sender=patient, why=error("WrongState", answer.id, WITHDRAWN))


# ---- arbitrate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "patient", "insurer", "hospital", "deployer"])
def test_TP7_only_the_arbiter_decides(desk, settled, people, patient, refused, who):
    desk.appeal(settled, {"from": patient})
    actor = getattr(people, who)
    refused(desk.arbitrate, settled, 1, 50, sender=actor, why=error("AccessManagedUnauthorized", actor))


@pytest.mark.parametrize("state", [SETTLED, OWED, DENIED, REVERSED])
def test_what_nobody_appealed(desk, in_state, regulator, refused, state):
    said = in_state(state)
    refused(desk.arbitrate, said, 1, 50, sender=regulator, why=error("NotAppealed", said.id))


@pytest.mark.parametrize("carc, valid", [(0, False), (1, True), (999, True), (1000, False), (2**16 - 1, False)])
def test_the_code_of_an_award(desk, settled, patient, regulator, refused, allowed, carc, valid):
    desk.appeal(settled, {"from": patient})
    if valid:
        allowed(desk.arbitrate, settled, 1, carc, sender=regulator)
    else:
        refused(desk.arbitrate, settled, 1, carc, sender=regulator, why=error("InvalidCarc", carc))


@pytest.mark.parametrize(
    "state, most",
    [
        (SETTLED, 170_00),  # 300.00 charged, 10.00 by another payer, 120.00 by this one
        (OWED, 170_00),
        (REVERSED, 290_00),  # the payment is given back
        (DENIED, 660_00),  # a line denied whole forgot what another payer paid
    ],
)
def test_TP3_the_most_that_is_awarded(desk, in_state, patient, regulator, refused, allowed, state, most):
    said = in_state(state)
    desk.appeal(said, {"from": patient})
    for award in (most + 1, WIDEST):
        why = error("AwardTooHigh", award, most)
        refused(desk.arbitrate, said, award, 50, sender=regulator, why=why)
    for award in (0, most):
        allowed(desk.arbitrate, said, award, 50, sender=regulator)


@pytest.mark.parametrize("state, paid", [(SETTLED, 120_00), (DENIED, 0)])
def test_an_award_is_paid(desk, plans, in_state, careful, patient, hospital, regulator, token, pool_now, state, paid):
    said = in_state(state)
    used = accumulators(plans, desk, careful, patient)
    desk.appeal(said, {"from": patient})
    tx = desk.arbitrate(said, 70_00, 50, {"from": regulator})
    assert list(tx.events.keys()) == ["ClaimArbitrated", "Transfer", "Paid"]
    assert dict(tx.events["ClaimArbitrated"]) == {"id": said.id, "award": 70_00, "carc": 50}
    assert str(tx.events["Paid"]["ref"]) == said.id
    assert record(desk, said.id) == (ARBITRATED, tx.timestamp, 0, False)
    assert token.balanceOf(hospital) == paid + 70_00
    assert pool_now() == Pool(500_00 - paid - 70_00)
    assert accumulators(plans, desk, careful, patient) == used


def test_an_award_of_nothing(desk, settled, patient, regulator, token, hospital):
    desk.appeal(settled, {"from": patient})
    tx = desk.arbitrate(settled, 0, 50, {"from": regulator})
    assert list(tx.events.keys()) == ["ClaimArbitrated"]
    assert (record(desk, settled.id).state, token.balanceOf(hospital)) == (ARBITRATED, 120_00)


def test_TP3_an_award_that_the_pool_cannot_pay_is_owed(
    desk, treasury, owed, add, patient, hospital, insurer, regulator, token, pool_now
):
    """It waits behind the claim's own debt, which is paid all the same."""
    desk.appeal(owed, {"from": hospital})
    add(100_00)
    tx = desk.arbitrate(owed, 70_00, 50, {"from": regulator})
    assert list(tx.events.keys()) == ["ClaimArbitrated", "DebtAdded", "ClaimOwed"]
    assert dict(tx.events["ClaimOwed"]) == {"id": owed.id, "due": 70_00, "position": 1}
    assert pool_now() == Pool(100_00, owed=190_00, waiting=2)
    assert record(desk, owed.id).state == ARBITRATED
    add(90_00)
    treasury.settle(desk, insurer, token, 9, {"from": patient})
    assert (token.balanceOf(hospital), pool_now()) == (190_00, Pool(0))
    assert record(desk, owed.id).state == ARBITRATED


def test_an_award_for_what_was_given_back_meets_the_set_off(
    desk, treasury, given_back, patient, hospital, insurer, regulator, token, pool_now
):
    desk.appeal(given_back, {"from": patient})
    tx = desk.arbitrate(given_back, 200_00, 50, {"from": regulator})
    assert (tx.events["SetOffTaken"]["amount"], tx.events["Paid"]["amount"]) == (120_00, 80_00)
    assert token.balanceOf(hospital) == 200_00
    assert (pool_now(), treasury.setOffOf(desk, insurer, token, hospital)) == (Pool(300_00), 0)


def test_TP1_arbitrate_once(desk, settled, patient, hospital, regulator, claim, refused):
    desk.appeal(settled, {"from": patient})
    desk.arbitrate(settled, 70_00, 50, {"from": regulator})
    refused(desk.arbitrate, settled, 1, 50, sender=regulator, why=error("NotAppealed", settled.id))
    (answer,), _ = submit(desk, [claim], hospital)
    assert answer.refusal == DUPLICATE


def test_an_appeal_outlives_licences_membership_and_consent(
    desk, settled, plans, careful, institutions, consents, patient, hospital, insurer, regulator, token
):
    desk.appeal(settled, {"from": patient})
    enroll(plans, careful, insurer, patient, start=1, until=2)
    consents.revoke(insurer, 255, {"from": patient})
    for actor in (hospital, insurer):
        institutions.suspend(actor, {"from": regulator})
    desk.arbitrate(settled, 70_00, 50, {"from": regulator})
    assert token.balanceOf(hospital) == 190_00


def test_TP1_a_token_that_comes_back_while_an_award_is_paid(
    desk, treasury, draw_plan, mischief, institutions, patient, hospital, insurer, regulator
):
    """It acts for the hospital and for the arbiter, and finds the claim decided."""
    institutions.setOperator(mischief, PROVIDER, claim_builders.now() + DAY, {"from": hospital})
    fund(treasury, desk, insurer, mischief, 500_00, insurer)
    plan = draw_plan(token=str(mischief), coinsurance=50_00, appeal_days=30)
    _, tx = submit(desk, [a_claim(plan, patient, hospital)], hospital)
    said = decided(tx)
    desk.appeal(said, {"from": patient})
    plain = said._replace(patient=str(patient), provider=str(hospital), lines=list(said.lines))
    hook(mischief, desk, "reverse", plain)
    desk.arbitrate(said, 10_00, 50, {"from": regulator})
    assert mischief.answered() is False
    assert (mischief.balanceOf(hospital), record(desk, said.id).state) == (60_00, ARBITRATED)
    assert treasury.setOffOf(desk, insurer, mischief, hospital) == 0
