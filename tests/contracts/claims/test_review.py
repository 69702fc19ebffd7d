"""Claims that wait for a review

submit: more would be paid than the plan's threshold → Pended: nothing used, the money reserved as far as there is any
review
├── never pended, or no longer → WrongState; another content → OtherContent
├── the caller does not act for the insurer, with a licence → NotParty
├── after the last second → ReviewOver; a code above 999 → InvalidCarc
├── a code → Denied, the reserve is the balance's again
└── no code → the rules decide by what holds now
decide: until the last second → ReviewOpen; then by anyone's call, the rules decide
├── refused now → the number is free as after a withdrawal, the reserve is the balance's again
├── what was reserved pays, ahead of what waits
└── nothing was reserved → paid, or owed behind what waits
withdraw: by who does not act for the provider → NotParty; else the number is free, but never for this content
"""

import pytest

from tests.support import claim_builders
from tests.support.attestations import sign
from tests.support.claim_builders import (
    DAY,
    DENIED,
    DENIED_BY_REVIEW,
    DUPLICATE,
    NO_CONSENT,
    NONE,
    OWED,
    PASSED,
    PENDED,
    SETTLED,
    WITHDRAWN,
    LineResult,
    Pool,
    a_claim,
    accumulators,
    at,
    circumstances,
    decided,
    enroll,
    line,
    record,
    result,
    submit,
    today,
    unpack,
    word,
)
from tests.support.errors import error


@pytest.fixture(scope="module")
def careful(draw_plan):
    """Reviews what it would pay more than 100.00 for, within 14 days; a deductible of 10.00, filing within 90 days."""
    return draw_plan(review_threshold=100_00, review_days=14, deductible=10_00, filing_days=90, appeal_days=30)


@pytest.fixture
def claim(careful, patient, hospital):
    """140.00 would be paid for it."""
    return a_claim(careful, patient, hospital, line(charge=150_00))


@pytest.fixture
def pended(desk, claim, add, hospital):
    """The claim under review, with its money reserved; its result and transaction."""
    add(500_00)
    (answer,), tx = submit(desk, [claim], hospital)
    return answer, tx


@pytest.fixture
def after(pended, chain):
    """Let the review's time pass."""
    chain.mine(timestamp=pended[1].timestamp + 14 * DAY + 1)


def said(method, *args, sender):
    """What a function answers, and then does."""
    return result(method.call(*args, {"from": sender})), method(*args, {"from": sender})


def test_a_claim_waits_for_review(pended, desk, plans, claim, careful, patient, hospital, token, pool_now):
    answer, tx = pended
    by = tx.timestamp + 14 * DAY
    assert (answer.refusal, answer.state, answer.paid) == (PASSED, PENDED, 140_00)
    assert list(tx.events.keys()) == ["Reserved", "ClaimPended"]
    event = tx.events["ClaimPended"]
    assert {name: event[name] for name in ("id", "provider", "plan", "due", "reserved", "reviewBy")} == {
        "id": answer.id, "provider": hospital, "plan": careful, "due": 140_00, "reserved": True, "reviewBy": by,
    }  # fmt: skip
    told = claim_builders.Claim(*event["claim"])
    lines = [claim_builders.Line(str(code), *rest) for code, *rest in told.lines]
    assert told._replace(plan=str(told.plan), number=str(told.number), primary=str(told.primary), lines=lines) == claim
    assert record(desk, answer.id) == (PENDED, tx.timestamp, by, False)
    assert pool_now() == Pool(360_00, reserved=140_00)
    assert accumulators(plans, desk, careful, patient) == (0, 0, 0)
    assert token.balanceOf(hospital) == 0


@pytest.mark.parametrize("charge, state", [(110_00, SETTLED), (110_01, PENDED)])
def test_the_threshold(desk, careful, add, patient, hospital, charge, state):
    add(500_00)
    (answer,), _ = submit(desk, [a_claim(careful, patient, hospital, line(charge=charge))], hospital)
    assert answer.state == state


@pytest.mark.parametrize("funds, reserved", [(140_00, True), (139_99, False), (0, False)])
def test_a_pool_that_cannot_reserve(desk, claim, add, hospital, pool_now, funds, reserved):
    if funds:
        add(funds)
    (answer,), tx = submit(desk, [claim], hospital)
    assert (answer.state, tx.events["ClaimPended"]["reserved"]) == (PENDED, reserved)
    assert pool_now() == (Pool(0, reserved=140_00) if reserved else Pool(funds))


def test_TP1_a_pended_claim_is_not_submitted_again(pended, desk, claim, hospital):
    for again in (claim, claim._replace(lines=[line(charge=1)])):
        (answer,), _ = submit(desk, [again], hospital)
        assert (answer.refusal, answer.carc) == (DUPLICATE, 18)


# ---- who, when, what ---------------------------------------------------------------------------------------------

CALLS = {
    "review": ("insurer", lambda c: (c, 0)),
    "withdraw": ("hospital", lambda c: (c,)),
    "decide": ("stranger", lambda c: (c,)),
}


@pytest.mark.parametrize("function", CALLS)
def test_TP1_only_a_pended_claim_is_reviewed(desk, claim, careful, add, people, patient, hospital, refused, function):
    who, args = CALLS[function]
    method, sender = getattr(desk, function), getattr(people, who)
    id_ = str(desk.idOf(hospital, claim.number))
    refused(method, *args(claim), sender=sender, why=error("WrongState", id_, NONE))
    small = claim._replace(lines=[line(charge=100_00)])
    submit(desk, [small], hospital)
    refused(method, *args(small), sender=sender, why=error("WrongState", id_, OWED))


CHANGES = {
    "plan": lambda c: {"plan": word("another")},
    "patient": lambda c: {"patient": c.provider},
    "day": lambda c: {"day": c.day - 1},
    "primary": lambda c: {"primary": word("answer")},
    "charge": lambda c: {"lines": [line(charge=150_01)]},
    "units": lambda c: {"lines": [line(units=2, charge=150_00)]},
    "prior": lambda c: {"lines": [line(charge=150_00, prior=1)]},
    "code": lambda c: {"lines": [line("cast", charge=150_00)]},
    "a line more": lambda c: {"lines": [*c.lines, line("x-ray")]},
    "no line": lambda c: {"lines": []},
}


def test_TC4_what_was_pended_is_what_is_reviewed(pended, desk, claim, people, refused):
    for field, change in CHANGES.items():
        changed = claim._replace(**change(claim))
        assert changed != claim, field
        for function, (who, args) in CALLS.items():
            why = error("OtherContent", pended[0].id)
            refused(getattr(desk, function), *args(changed), sender=getattr(people, who), why=why)


@pytest.mark.parametrize("who", ["stranger", "patient", "hospital", "clinic", "rival", "regulator"])
def test_TP7_only_the_insurer_reviews(pended, desk, claim, people, rival, refused, who):
    actor = rival if who == "rival" else getattr(people, who)
    for carc in (0, 50):
        refused(desk.review, claim, carc, sender=actor, why=error("NotParty", pended[0].id, actor))


def test_TP7_a_suspended_insurer_reviews_nothing(pended, desk, claim, institutions, insurer, clerk, regulator, refused):
    institutions.suspend(insurer, {"from": regulator})
    for actor in (insurer, clerk):
        refused(desk.review, claim, 50, sender=actor, why=error("NotParty", pended[0].id, actor))


@pytest.mark.parametrize("second, open_", [(-1, True), (0, True), (1, False)])
def test_the_last_second_of_the_review(pended, desk, claim, insurer, stranger, chain, refused, allowed, second, open_):
    by = pended[1].timestamp + 14 * DAY
    chain.mine(timestamp=by + second)
    if open_:
        allowed(desk.review, claim, 50, sender=insurer)
        refused(desk.decide, claim, sender=stranger, why=error("ReviewOpen", pended[0].id, by))
    else:
        refused(desk.review, claim, 50, sender=insurer, why=error("ReviewOver", pended[0].id, by))
        allowed(desk.decide, claim, sender=stranger)


@pytest.mark.parametrize("carc, valid", [(1, True), (999, True), (1000, False), (2**16 - 1, False)])
def test_the_code_of_a_denial(pended, desk, claim, insurer, refused, allowed, carc, valid):
    if valid:
        allowed(desk.review, claim, carc, sender=insurer)
    else:
        refused(desk.review, claim, carc, sender=insurer, why=error("InvalidCarc", carc))


# ---- what the insurer says ---------------------------------------------------------------------------------------


def test_a_review_that_approves(
    pended, desk, plans, claim, careful, patient, insurer, clerk, hospital, token, pool_now
):
    answer, tx = said(desk.review, claim, 0, sender=clerk)
    assert (answer.id, answer.state, answer.paid) == (pended[0].id, SETTLED, 140_00)
    assert answer.lines == (LineResult(1, 150_00, allowed=150_00, deductible=10_00, paid=140_00),)
    assert list(tx.events.keys()) == ["ClaimDecided", "Released", "Transfer", "Paid"]
    assert record(desk, answer.id) == (SETTLED, tx.timestamp, 0, False)
    assert (token.balanceOf(hospital), pool_now()) == (140_00, Pool(360_00))
    assert accumulators(plans, desk, careful, patient) == (10_00, 10_00, 140_00)


def test_a_review_that_denies(pended, desk, plans, claim, careful, patient, insurer, hospital, token, pool_now):
    answer, tx = said(desk.review, claim, 50, sender=insurer)
    assert (answer.state, answer.paid, answer.refusal) == (DENIED, 0, PASSED)
    assert answer.lines == (LineResult(charge=150_00, denied=150_00, carc=50),)
    assert answer.circumstances == circumstances(claim.day, flags=DENIED_BY_REVIEW)
    assert list(tx.events.keys()) == ["ClaimDecided", "Released"]
    told = decided(tx)
    assert told[:5] == (answer.id, careful, patient, hospital, answer.circumstances)
    assert tuple(unpack(each) for each in told.lines) == answer.lines
    assert record(desk, answer.id) == (DENIED, tx.timestamp, 0, False)
    assert (token.balanceOf(hospital), pool_now()) == (0, Pool(500_00))
    assert accumulators(plans, desk, careful, patient) == (0, 0, 0)


@pytest.mark.parametrize("carc", [0, 50])
def test_TP1_a_reviewed_claim_is_final(pended, desk, claim, insurer, hospital, stranger, refused, chain, carc):
    desk.review(claim, carc, {"from": insurer})
    chain.mine(timestamp=pended[1].timestamp + 14 * DAY + 1)
    why = error("WrongState", pended[0].id, DENIED if carc else SETTLED)
    refused(desk.review, claim, 0, sender=insurer, why=why)
    refused(desk.decide, claim, sender=stranger, why=why)
    refused(desk.withdraw, claim, sender=hospital, why=why)
    (answer,), _ = submit(desk, [claim], hospital)
    assert answer.refusal == DUPLICATE


def test_a_review_judges_by_what_holds_now(
    pended, desk, plans, claim, careful, patient, insurer, hospital, token, pool_now
):
    """Another claim used the deductible up meanwhile: 150.00 are due, 140.00 are reserved, nothing waits."""
    submit(desk, [a_claim(careful, patient, hospital, line(charge=10_00), number="meanwhile")], hospital)
    answer, _ = said(desk.review, claim, 0, sender=insurer)
    assert (answer.state, answer.paid) == (SETTLED, 150_00)
    assert (token.balanceOf(hospital), pool_now()) == (150_00, Pool(350_00))


# ---- when nobody says anything -----------------------------------------------------------------------------------


def test_TP3_anyone_lets_the_rules_decide(pended, after, desk, claim, stranger, hospital, token, pool_now):
    answer, tx = said(desk.decide, claim, sender=stranger)
    assert (answer.state, answer.paid) == (SETTLED, 140_00)
    assert list(tx.events.keys()) == ["ClaimDecided", "Released", "Transfer", "Paid"]
    assert (token.balanceOf(hospital), pool_now()) == (140_00, Pool(360_00))


def test_TP4_a_review_does_not_let_a_claim_miss_the_filing_limit(
    desk, careful, add, patient, hospital, stranger, chain, token
):
    add(500_00)
    claim = a_claim(careful, patient, hospital, line(charge=150_00), day=today() - 90)
    submit(desk, [claim], hospital)
    chain.mine(timestamp=claim_builders.now() + 14 * DAY + 1)
    assert said(desk.decide, claim, sender=stranger)[0].state == SETTLED
    assert token.balanceOf(hospital) == 140_00


def test_TP9_a_consent_revoked_meanwhile(
    pended, after, desk, plans, claim, careful, patient, insurer, hospital, consents, stranger, pool_now
):
    consents.revoke(insurer, 255, {"from": patient})
    answer, tx = said(desk.decide, claim, sender=stranger)
    assert answer == (pended[0].id, NO_CONSENT, 227, NONE, 0, 0, ())
    assert list(tx.events.keys()) == ["ClaimRefused", "Released"]
    assert record(desk, answer.id) == (WITHDRAWN, tx.timestamp, 0, False)
    assert pool_now() == Pool(500_00)
    assert accumulators(plans, desk, careful, patient) == (0, 0, 0)
    # The number is free, for the same content too: when the patient permits again, it may come again.
    claim_builders.at(claim_builders.now() + 2)  # in the second of the revocation a permit is still revoked
    claim_builders.permit(consents, patient, insurer)
    (again,), _ = submit(desk, [claim], hospital)
    assert again.state == PENDED


def test_a_member_who_left_meanwhile(pended, desk, plans, claim, careful, patient, insurer, pool_now):
    enroll(plans, careful, insurer, patient, start=1, until=2)
    answer, _ = said(desk.review, claim, 0, sender=insurer)
    assert (answer.refusal, answer.carc) == (claim_builders.OUTSIDE_COVER, 27)
    assert pool_now() == Pool(500_00)


def test_TP8_a_provider_suspended_meanwhile_is_paid(
    pended, after, desk, claim, institutions, hospital, regulator, stranger, token, refused
):
    """It had its licence when it submitted; it only cannot say anything more."""
    institutions.suspend(hospital, {"from": regulator})
    refused(desk.withdraw, claim, sender=hospital, why=error("NotParty", pended[0].id, hospital))
    desk.decide(claim, {"from": stranger})
    assert token.balanceOf(hospital) == 140_00


def test_TP3_what_exceeds_the_reserve_waits_behind_debts(
    pended, after, desk, claim, careful, patient, hospital, clinic, stranger, token, pool_now
):
    others = [a_claim(careful, patient, clinic, line(charge=100_00), number=str(i)) for i in range(4)]
    answers, _ = submit(desk, others, clinic)
    assert [each.state for each in answers] == [SETTLED] * 3 + [OWED]
    waits = pool_now()
    assert (waits.reserved, waits.waiting) == (140_00, 1)
    # The deductible is used up: 150.00 would be due, more than is reserved, and what exceeds it may not overtake.
    assert said(desk.decide, claim, sender=stranger)[0].state == OWED
    assert token.balanceOf(hospital) == 0


def test_TP3_a_reserve_that_suffices_overtakes(
    desk, careful, add, patient, hospital, clinic, insurer, claim, token, pool_now
):
    add(300_00)
    submit(desk, [a_claim(careful, patient, clinic, line(charge=60_00), number="first")], clinic)
    (answer,), _ = submit(desk, [claim], hospital)
    assert answer.paid == 150_00
    answers, _ = submit(
        desk, [a_claim(careful, patient, clinic, line(charge=c), number=str(c)) for c in (100_00, 99_99)], clinic
    )
    assert [each.state for each in answers] == [SETTLED, OWED]
    answer, _ = said(desk.review, claim, 0, sender=insurer)
    assert (answer.state, token.balanceOf(hospital)) == (SETTLED, 150_00)
    assert pool_now() == Pool(0, owed=99_99, waiting=1)


def test_TP3_nothing_was_reserved(desk, claim, careful, treasury, add, patient, hospital, insurer, token, pool_now):
    submit(desk, [claim], hospital)
    answer, tx = said(desk.review, claim, 0, sender=insurer)
    assert answer.state == OWED == record(desk, answer.id).state
    assert tx.events["ClaimOwed"]["due"] == 140_00
    assert pool_now() == Pool(0, owed=140_00, waiting=1)
    add(140_00)
    treasury.settle(desk, insurer, token, 9, {"from": hospital})
    assert (record(desk, answer.id).state, token.balanceOf(hospital)) == (SETTLED, 140_00)


def test_a_review_of_no_days(desk, draw_plan, add, patient, hospital, stranger, refused):
    plan = draw_plan(review_threshold=1)
    claim = a_claim(plan, patient, hospital)
    _, tx = submit(desk, [claim], hospital)
    id_ = str(desk.idOf(hospital, claim.number))
    refused(desk.decide, claim, sender=stranger, why=error("ReviewOpen", id_, tx.timestamp))
    at(tx.timestamp + 1)
    assert desk.decide(claim, {"from": stranger}).events["ClaimDecided"]["id"] == id_


# ---- withdraw ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "patient", "insurer", "clinic"])
def test_only_the_provider_withdraws(pended, desk, claim, people, refused, who):
    actor = getattr(people, who)
    refused(desk.withdraw, claim, sender=actor, why=error("NotParty", pended[0].id, actor))


def test_withdraw(pended, desk, claim, nurse, pool_now, refused, insurer):
    tx = desk.withdraw(claim, {"from": nurse})
    assert list(tx.events.keys()) == ["ClaimWithdrawn", "Released"]
    assert record(desk, pended[0].id) == (WITHDRAWN, tx.timestamp, 0, False)
    assert pool_now() == Pool(500_00)
    refused(desk.review, claim, 0, sender=insurer, why=error("WrongState", pended[0].id, WITHDRAWN))


def test_withdraw_after_the_review_s_time(pended, after, desk, claim, hospital):
    desk.withdraw(claim, {"from": hospital})
    assert record(desk, pended[0].id).state == WITHDRAWN


def test_TP1_what_was_withdrawn_is_not_brought_back(pended, desk, claim, hospital, stranger):
    """Whoever kept a signed claim cannot submit it again, however often another content came between."""
    other = claim._replace(lines=[line(charge=149_00)])
    desk.withdraw(claim, {"from": hospital})
    (answer,), _ = submit(desk, [other], hospital)
    assert answer.state == PENDED
    desk.withdraw(other, {"from": hospital})
    for each in (claim, other):
        (answer,), _ = submit(desk, [each], stranger, [sign(desk, each, hospital)])
        assert (answer.refusal, answer.carc) == (DUPLICATE, 18)
    (answer,), _ = submit(desk, [claim._replace(lines=[line(charge=50_00)])], hospital)
    assert answer.state == SETTLED
