"""Claims that are given back

reverse
├── not settled or owed → WrongState; another content than what was decided → OtherContent
├── by who acts neither for the provider nor for the insurer, with a licence → NotParty
├── by the insurer after the last second of the appeal days → WindowClosed
└── else what it used up is restored to the unit, and
    ├── the debt waits still → cancelled
    ├── it was paid → set off against what the provider is paid next, until that or `repay` made it good
    └── nothing was paid → no money moves
"""

import pytest

from tests.support import claim_builders
from tests.support.claim_builders import (
    AUTHORIZE,
    DAY,
    DENIED,
    DUPLICATE,
    EMPTY_BOOKS,
    LAST_DAY,
    LISTED,
    NETWORK,
    NONE,
    OUTSIDE,
    OWED,
    PENDED,
    REVERSED,
    SETTLED,
    WITHDRAWN,
    Category,
    Pool,
    Price,
    a_claim,
    accumulators,
    decided,
    enroll,
    line,
    member_books,
    record,
    submit,
    today,
    word,
)
from tests.support.errors import error


@pytest.fixture(scope="module")
def rich(draw_plan, plans, patient, insurer):
    """A plan that keeps everything a plan can keep of a member; reversal by the insurer and appeal within 30 days."""
    plan = draw_plan(
        {
            "visit": 150_00,
            "drug": Price(30_00, category=1, limit=10, period=30),
            "mri": Price(400_00, flags=LISTED | AUTHORIZE, limit=4),
        },
        categories=[Category(10_00, 20_00, True, 5_00, 500_00)],
        cover={"family": 77},
        coinsurance=20_00,
        coinsurance_out=30_00,
        deductible=100_00,
        family_deductible=150_00,
        family_out_of_pocket_maximum=900_00,
        annual_limit=5000_00,
        lifetime_limit=9000_00,
        appeal_days=30,
        rules=claim_builders.COPAY_COUNTS | NETWORK | OUTSIDE,
    )
    plans.authorize(plan, patient, word("mri"), 9, 0, LAST_DAY, {"from": insurer})
    return plan


@pytest.fixture
def books(plans, desk, rich, patient):
    """All that the desk keeps of the member and its family in this year."""
    return lambda: member_books(plans, desk, rich, patient)


@pytest.fixture
def left(treasury, desk, insurer, token, hospital):
    """What the hospital has to give back."""
    return lambda: treasury.setOffOf(desk, insurer, token, hospital)


@pytest.fixture
def claim(rich, patient, hospital):
    lines = line("drug", 9, 330_00), line(charge=180_00), line("mri", 9, 2000_00), line("wig"), line("drug", 4, 50_00)
    return a_claim(rich, patient, hospital, *lines)


@pytest.fixture
def owed(desk, claim, hospital):
    """Decided while the pool is empty."""
    answers, tx = submit(desk, [claim], hospital)
    assert answers[0].state == OWED
    return decided(tx)


@pytest.fixture
def due(owed):
    """What is paid for the claim."""
    return sum(claim_builders.unpack(each).paid for each in owed.lines)


@pytest.fixture
def settled(desk, owed, due, add, treasury, insurer, token, stranger):
    """Paid by now, from a pool that has as much left; as it was decided."""
    add(2 * due)
    treasury.settle(desk, insurer, token, 9, {"from": stranger})
    return owed


# ---- who, when, what ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "patient", "clinic", "rival", "regulator", "carrier"])
def test_TP7_who_may_not_reverse(settled, desk, people, rival, refused, who):
    actor = rival if who == "rival" else getattr(people, who)
    refused(desk.reverse, settled, sender=actor, why=error("NotParty", settled.id, actor))


@pytest.mark.parametrize("who", ["hospital", "nurse", "insurer", "clerk"])
def test_who_may_reverse(settled, desk, people, nurse, clerk, who):
    actor = {"nurse": nurse, "clerk": clerk}.get(who) or getattr(people, who)
    tx = desk.reverse(settled, {"from": actor})
    assert tx.events["ClaimReversed"]["by"] == actor
    assert record(desk, settled.id) == (REVERSED, tx.timestamp, 0, False)


@pytest.mark.parametrize("who", ["hospital", "insurer"])
def test_TP8_a_suspended_party_reverses_nothing(settled, desk, people, institutions, regulator, refused, who):
    actor = getattr(people, who)
    institutions.suspend(actor, {"from": regulator})
    refused(desk.reverse, settled, sender=actor, why=error("NotParty", settled.id, actor))


@pytest.mark.parametrize("second", [-1, 0, 1])
def test_the_insurer_reverses_within_the_appeal_days(settled, desk, insurer, hospital, chain, refused, allowed, second):
    until = record(desk, settled.id).at + 30 * DAY
    chain.mine(timestamp=until + second)
    if second > 0:
        refused(desk.reverse, settled, sender=insurer, why=error("WindowClosed", settled.id, until))
    else:
        allowed(desk.reverse, settled, sender=insurer)
    allowed(desk.reverse, settled, sender=hospital)


def test_the_provider_reverses_at_any_time(settled, desk, hospital, chain, books, institutions, regulator):
    institutions.renew(hospital, 1, claim_builders.now() + 3000 * DAY, {"from": regulator})
    chain.mine(timestamp=claim_builders.now() + 2500 * DAY)
    desk.reverse(settled, {"from": hospital})
    assert record(desk, settled.id).state == REVERSED


def test_a_settlement_in_between_opens_no_new_window(
    owed, desk, add, due, treasury, insurer, token, stranger, chain, refused
):
    """The decision counts, not the payment."""
    until = record(desk, owed.id).at + 30 * DAY
    chain.mine(timestamp=until - 100)
    add(due)
    treasury.settle(desk, insurer, token, 9, {"from": stranger})
    chain.mine(timestamp=until + 1)
    refused(desk.reverse, owed, sender=insurer, why=error("WindowClosed", owed.id, until))


FLIPS = {
    "plan": lambda d: {"plan": word("another")},
    "version": lambda d: {"plan": d.plan[:-1] + "2"},
    "patient": lambda d: {"patient": d.provider},
    "provider": lambda d: {"provider": d.patient},
    "day": lambda d: {"circumstances": d.circumstances - (1 << 72)},
    "family": lambda d: {"circumstances": d.circumstances + (1 << 8)},
    "flags": lambda d: {"circumstances": d.circumstances ^ 1},
    "beyond": lambda d: {"circumstances": d.circumstances | 1 << 255},
    "code": lambda d: {"lines": [(word("wig"), *d.lines[0][1:]), *d.lines[1:]]},
    "judged": lambda d: {"lines": [(*d.lines[0][:1], d.lines[0][1] + 1, *d.lines[0][2:]), *d.lines[1:]]},
    "shares": lambda d: {"lines": [(*d.lines[0][:2], d.lines[0][2] + (1 << 16), d.lines[0][3]), *d.lines[1:]]},
    "payment": lambda d: {"lines": [(*d.lines[0][:3], d.lines[0][3] + (1 << 16)), *d.lines[1:]]},
    "order": lambda d: {"lines": d.lines[::-1]},
    "less": lambda d: {"lines": d.lines[:-1]},
    "more": lambda d: {"lines": [*d.lines, d.lines[0]]},
}


def test_TC4_what_was_decided_is_what_is_given_back(owed, desk, hospital, patient, regulator, refused, allowed):
    allowed(desk.reverse, owed, sender=hospital)
    allowed(desk.appeal, owed, sender=patient)
    why = error("OtherContent", owed.id)
    for field, flip in FLIPS.items():
        changed = owed._replace(**flip(owed))
        assert changed != owed, field
        refused(desk.reverse, changed, sender=hospital, why=why)
        refused(desk.appeal, changed, sender=patient, why=why)
        refused(desk.arbitrate, changed, 1, 1, sender=regulator, why=why)


def test_TP1_another_claims_content(desk, rich, patient, hospital, owed, refused):
    """Two claims of other numbers are decided alike, and each is its own."""
    unknown = owed._replace(id=word("unknown"))
    refused(desk.reverse, unknown, sender=hospital, why=error("WrongState", unknown.id, NONE))
    _, tx = submit(desk, [a_claim(rich, patient, hospital, number="2")], hospital)
    other = decided(tx)
    refused(desk.reverse, owed._replace(id=other.id), sender=hospital, why=error("OtherContent", other.id))


def test_TP1_what_is_not_final_is_not_reversed(desk, draw_plan, add, patient, hospital, insurer, refused):
    add(500_00)
    plan = draw_plan(review_threshold=1, review_days=1)
    claims = [a_claim(plan, patient, hospital, number=str(i)) for i in range(3)]
    answers, _ = submit(desk, claims, hospital)
    desk.withdraw(claims[1], {"from": hospital})
    denied = decided(desk.review(claims[2], 50, {"from": insurer}))
    for answer, state in zip(answers, (PENDED, WITHDRAWN, DENIED)):
        why = error("WrongState", answer.id, state)
        refused(desk.reverse, denied._replace(id=answer.id), sender=hospital, why=why)


def test_TP1_reverse_twice(settled, desk, hospital, claim, left, due, refused):
    desk.reverse(settled, {"from": hospital})
    refused(desk.reverse, settled, sender=hospital, why=error("WrongState", settled.id, REVERSED))
    assert left() == due
    (answer,), _ = submit(desk, [claim], hospital)
    assert (answer.refusal, answer.carc) == (DUPLICATE, 18)


# ---- what is restored --------------------------------------------------------------------------------------------


def test_TP5_everything_that_it_used_is_restored(settled, desk, books, hospital):
    assert all(any(used) if isinstance(used, tuple) else used for used in books())
    desk.reverse(settled, {"from": hospital})
    assert books() == EMPTY_BOOKS


def test_TP5_a_claim_in_the_middle_is_restored(settled, desk, rich, books, patient, hospital, claim):
    """Three claims; the second goes, and the books are those of the first and the third."""
    before = books()
    second = [line("drug", 1, 29_99), line("mri", 1, 123_45), line(charge=77_77)]
    answers, tx = submit(desk, [claim._replace(number=word("2"), lines=second)], hospital)
    with_two = books()
    submit(desk, [claim._replace(number=word("3"), lines=[line(charge=99_99)])], hospital)
    third = [b - a for a, b in zip(with_two[0], books()[0])]
    desk.reverse(decided(tx), {"from": hospital})
    after = books()
    assert [a - b for a, b in zip(after[0], before[0])] == third
    assert after[3:] == before[3:]
    desk.reverse(settled, {"from": hospital})
    assert list(books()[0]) == third


def test_TP5_judged_out_of_network_in_another_family(settled, desk, plans, rich, books, patient, insurer, hospital):
    """What was decided counts, whatever holds by now: the family, the network, the pre-authorisation's days."""
    assert settled.circumstances & 1
    enroll(plans, rich, insurer, patient, family=78, start=1, until=2)
    plans.contractProvider(rich, hospital, (0, LAST_DAY, 0), {"from": insurer})
    desk.reverse(settled, {"from": insurer})
    assert books() == EMPTY_BOOKS


def test_a_replaced_pre_authorisation_keeps_its_own_units(settled, desk, plans, rich, patient, insurer, hospital):
    plans.authorize(rich, patient, word("mri"), 9, 0, LAST_DAY, {"from": insurer})
    desk.reverse(settled, {"from": hospital})
    used = [plans.used(desk, rich, patient, word("mri"), today(), serial) for serial in (0, 1, 2)]
    assert used == [0, 4, 0]


def test_a_restored_deductible_is_borne_anew(settled, desk, rich, patient, hospital):
    desk.reverse(settled, {"from": hospital})
    (answer,), _ = submit(desk, [a_claim(rich, patient, hospital, line(charge=60_00), number="2")], hospital)
    assert answer.lines[0].deductible == 60_00


# ---- the money ---------------------------------------------------------------------------------------------------


def test_TP3_a_debt_that_waits_is_cancelled(owed, desk, hospital, books, pool_now, left, due):
    assert pool_now() == Pool(0, owed=due, waiting=1)
    tx = desk.reverse(owed, {"from": hospital})
    assert list(tx.events.keys()) == ["DebtSettled", "ClaimReversed"]
    assert tx.events["DebtSettled"]["cancelled"] is True
    assert dict(tx.events["ClaimReversed"]) == {"id": owed.id, "by": hospital, "amount": due}
    assert (pool_now(), left(), books()) == (Pool(0), 0, EMPTY_BOOKS)


def test_TP3_what_was_owed_and_then_paid_is_set_off(settled, desk, hospital, pool_now, left, due, token):
    assert token.balanceOf(hospital) == due
    tx = desk.reverse(settled, {"from": hospital})
    assert list(tx.events.keys()) == ["SetOffAdded", "ClaimReversed"]
    assert (left(), pool_now(), token.balanceOf(hospital)) == (due, Pool(due), due)


def test_TP3_what_was_paid_at_once_is_set_off_against_the_next(
    desk, plans, rich, add, patient, hospital, clinic, token, left, pool_now
):
    add(500_00)
    _, tx = submit(desk, [a_claim(rich, patient, hospital, line(charge=120_00))], hospital)
    first = decided(tx)
    assert token.balanceOf(hospital) == 14_00  # 20.00 less 30 %
    desk.reverse(first, {"from": hospital})
    assert left() == 14_00
    # The deductible is there anew: of 105.00 5.00 are paid for, and stay in the pool.
    (answer,), tx = submit(desk, [a_claim(rich, patient, hospital, line(charge=105_00), number="2")], hospital)
    assert (answer.state, answer.paid, left()) == (SETTLED, 3_50, 10_50)
    assert "Paid" not in tx.events and tx.events["SetOffTaken"]["amount"] == 3_50
    (answer,), tx = submit(desk, [a_claim(rich, patient, hospital, line(charge=150_00), number="3")], hospital)
    assert (answer.paid, tx.events["Paid"]["amount"], left()) == (105_00, 94_50, 0)
    assert token.balanceOf(hospital) == 14_00 + 94_50
    assert pool_now() == Pool(500_00 - 14_00 - 94_50)


def test_another_providers_payments_stay_whole(settled, desk, rich, patient, hospital, clinic, token, left, due):
    desk.reverse(settled, {"from": hospital})
    (answer,), _ = submit(desk, [a_claim(rich, patient, clinic, line(charge=150_00))], clinic)
    assert token.balanceOf(clinic) == answer.paid > 0
    assert left() == due


def test_what_is_to_come_back_is_repaid(settled, desk, treasury, insurer, hospital, token, left, pool_now, due):
    desk.reverse(settled, {"from": hospital})
    token.approve(treasury, due, {"from": hospital})
    treasury.repay(desk, insurer, token, hospital, due, {"from": hospital})
    assert (left(), pool_now(), token.balanceOf(hospital)) == (0, Pool(2 * due), 0)


def test_a_claim_of_nothing_moves_no_money(desk, rich, patient, hospital, books, left):
    _, tx = submit(desk, [a_claim(rich, patient, hospital, line(charge=40_00))], hospital)
    tx = desk.reverse(decided(tx), {"from": hospital})
    assert list(tx.events.keys()) == ["ClaimReversed"]
    assert (left(), books()) == (0, EMPTY_BOOKS)


def test_a_claim_that_was_reviewed_is_reversed_like_any_other(
    desk, draw_plan, add, plans, patient, hospital, insurer, left, token
):
    add(500_00)
    plan = draw_plan(review_threshold=1, review_days=1, appeal_days=1)
    claim = a_claim(plan, patient, hospital)
    submit(desk, [claim], hospital)
    approved = decided(desk.review(claim, 0, {"from": insurer}))
    desk.reverse(approved, {"from": insurer})
    assert (left(), token.balanceOf(hospital)) == (100_00, 100_00)
    assert accumulators(plans, desk, plan, patient) == (0, 0, 0)


def test_TP2_an_insurer_that_left_is_given_back_to(
    settled, desk, treasury, insurer, hospital, token, pool_now, left, due, chain
):
    """The pool is empty by exit; what comes back is the pool's, and pays claims."""
    treasury.announceExit(desk, token, due, {"from": insurer})
    chain.sleep(30 * DAY)
    treasury.exit(desk, token, {"from": insurer})
    desk.reverse(settled, {"from": hospital})
    token.approve(treasury, due, {"from": hospital})
    treasury.repay(desk, insurer, token, hospital, due, {"from": hospital})
    assert (pool_now(), left()) == (Pool(due), 0)
