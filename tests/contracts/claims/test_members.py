"""Plans: what belongs to a series, whatever its version, and what each desk has used of it

enroll: an empty period → InvalidPeriod; an account that stands for a family → InvalidMember; else replaces what was
said
contractProvider: replaces; an end not after the beginning ends it
authorize: an empty period → InvalidPeriod; else the next number, with units that none has used
refer
├── the caller is no licensed provider (a pharmacy is none) → NotLicensed
├── no such series → UnknownPlan; an empty period → InvalidPeriod; another's that counts today → ReferralExists; to
itself → OwnReferral └── else noted under the caller's institution
award
├── a stranger is a desk of its own: no other's books move
├── refused, or pended → nothing is written; judge never writes
└── else the year, the lifetime, the category, the units, each under its key
restore
├── gives back to the unit what award took
└── what the desk never used → a panic
"""

from datetime import date

import pytest

from tests.conftest import PHARMACY, PROVIDER, accredit
from tests.support import claim_builders
from tests.support.claim_builders import (
    AUTHORIZE,
    EMPTY_BOOKS,
    LAST_DAY,
    NOBODY,
    OPERATOR_EXPIRED,
    OUT_OF_ROLE,
    SUSPENDED,
    UNKNOWN,
    Category,
    Membership,
    Price,
    a_claim,
    accumulators,
    award,
    enroll,
    judge,
    line,
    member_books,
    now,
    series_of,
    this_year,
    today,
    word,
)
from tests.support.errors import error

# ---- enroll ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [(5, 5), (6, 5), (0, 0)])
def test_enroll_for_an_empty_period(plans, plan, patient, insurer, refused, period):
    members = [(str(patient), Membership(1, 2)), (str(patient), Membership(*period))]
    refused(plans.enroll, plan, members, sender=insurer, why=error("InvalidPeriod", *period))


@pytest.mark.parametrize("number", [0, 1, 2**64 - 1])
def test_TP5_an_account_that_stands_for_a_family(plans, plan, insurer, refused, number):
    account = f"0x{number:040x}"
    args = plan, [(account, Membership(1, 2))]
    refused(plans.enroll, *args, sender=insurer, why=error("InvalidMember", account))


def test_the_lowest_account_that_may_be_a_member(plans, plan, insurer):
    enroll(plans, plan, insurer, f"0x{2**64:040x}")
    assert plans.membership(plan, f"0x{2**64:040x}")[1] == LAST_DAY


def test_enroll_and_replace(plans, plan, patient, neighbour, insurer):
    whole = Membership(10, 20, 2**64 - 1, 2**16 - 1, 2**16 - 2, 15, True)
    tx = plans.enroll(plan, [(str(patient), whole), (str(neighbour), Membership(1, 2))], {"from": insurer})
    told = [(str(e["series"]), e["member"], Membership(*e["membership"])) for e in tx.events["MemberEnrolled"]]
    assert told == [(series_of(plan), patient, whole), (series_of(plan), neighbour, Membership(1, 2))]
    assert Membership(*plans.membership(plan, patient)) == whole
    enroll(plans, series_of(plan), insurer, patient, start=3, until=4)
    assert Membership(*plans.membership(plan, patient)) == Membership(3, 4)
    assert Membership(*plans.membership(plan, insurer)) == Membership(0, 0)


# ---- contracts, pre-authorisations, referrals --------------------------------------------------------------------


def test_contract_and_end(plans, plan, hospital, insurer):
    tx = plans.contractProvider(plan, hospital, (5, 9, 2**32 - 1), {"from": insurer})
    event = tx.events["ProviderContracted"]
    assert (event["series"], event["provider"], tuple(event["terms"])) == (series_of(plan), hospital, (5, 9, 2**32 - 1))
    assert tuple(plans.contractOf(series_of(plan), hospital)) == (5, 9, 2**32 - 1)
    plans.contractProvider(plan, hospital, (5, 5, 0), {"from": insurer})
    assert tuple(plans.contractOf(plan, hospital)) == (5, 5, 0)


@pytest.mark.parametrize("period", [(5, 5), (6, 5), (0, 0)])
def test_authorize_for_an_empty_period(plans, plan, patient, insurer, refused, period):
    args = plan, patient, word("mri"), 1, *period
    refused(plans.authorize, *args, sender=insurer, why=error("InvalidPeriod", *period))


def test_authorize_numbers_each(plans, plan, patient, neighbour, insurer):
    for serial, (units, start, until) in enumerate([(3, 5, 9), (0, 1, 2), (2**16 - 1, 0, LAST_DAY)], 1):
        tx = plans.authorize(plan, patient, word("mri"), units, start, until, {"from": insurer})
        event = tx.events["Authorized"]
        assert (event["series"], event["member"], str(event["code"])) == (series_of(plan), patient, word("mri"))
        assert tuple(event["authorization"]) == (start, until, units, serial)
        assert tuple(plans.authorization(plan, patient, word("mri"))) == (start, until, units, serial)
    for who, code in ((neighbour, "mri"), (patient, "ct")):
        assert tuple(plans.authorization(plan, who, word(code))) == (0, 0, 0, 0)


def test_refer_by_none_who_may(plans, plan, people, institutions, regulator, nurse, accounts, chain, refused):
    pharmacy = accounts[25]
    accredit(institutions, regulator, pharmacy, "pharmacy", PHARMACY)
    wrong = {"stranger": UNKNOWN, "patient": UNKNOWN, "insurer": OUT_OF_ROLE, "laboratory": OUT_OF_ROLE}
    for who, standing in [*((getattr(people, name), s) for name, s in wrong.items()), (pharmacy, OUT_OF_ROLE)]:
        args = plan, people.patient, NOBODY, 1, 2
        refused(plans.refer, *args, sender=who, why=error("NotLicensed", who, PROVIDER, standing))
    institutions.suspend(people.clinic, {"from": regulator})
    refused(plans.refer, *args, sender=people.clinic, why=error("NotLicensed", people.clinic, PROVIDER, SUSPENDED))
    chain.mine(timestamp=now() + 366 * claim_builders.DAY)
    refused(plans.refer, *args, sender=nurse, why=error("NotLicensed", nurse, PROVIDER, OPERATOR_EXPIRED))


@pytest.mark.parametrize("period", [(5, 5), (6, 5), (0, 0)])
def test_refer_for_an_empty_period(plans, plan, patient, clinic, refused, period):
    args = plan, patient, NOBODY, *period
    refused(plans.refer, *args, sender=clinic, why=error("InvalidPeriod", *period))


def test_refer_within_no_plan(plans, patient, clinic, refused):
    why = error("UnknownPlan", word("nothing"))
    refused(plans.refer, word("nothing"), patient, NOBODY, 1, 2, sender=clinic, why=why)


def test_refer_notes_the_institution(plans, plan, patient, clinic, hospital, nurse):
    tx = plans.refer(plan, patient, clinic, 5, 9, {"from": nurse})
    event = tx.events["Referred"]
    assert (event["series"], event["member"], event["to"]) == (series_of(plan), patient, clinic)
    assert tuple(event["referral"]) == (hospital, 5, 9)
    assert tuple(plans.referral(plan, patient, clinic)) == (hospital, 5, 9)
    assert tuple(plans.referral(plan, patient, NOBODY)) == (NOBODY, 0, 0)


def test_TP10_nobody_replaces_anothers_referral(plans, plan, patient, clinic, hospital, refused, allowed, chain):
    """The hospital's until tomorrow; its own it may replace, and what has ended anybody may."""
    day = today()
    plans.refer(plan, patient, NOBODY, 0, day + 1, {"from": hospital})
    args = plan, patient, NOBODY, day, day + 2
    refused(plans.refer, *args, sender=clinic, why=error("ReferralExists", patient, NOBODY, hospital))
    allowed(plans.refer, plan, patient, hospital, day, day + 2, sender=clinic)
    allowed(plans.refer, *args, sender=hospital)
    chain.mine(timestamp=(day + 1) * claim_builders.DAY - 1)
    refused(plans.refer, *args, sender=clinic, why=error("ReferralExists", patient, NOBODY, hospital))
    chain.mine(timestamp=(day + 1) * claim_builders.DAY)
    plans.refer(*args, {"from": clinic})
    assert tuple(plans.referral(plan, patient, NOBODY)) == (clinic, day, day + 2)


def test_TP10_a_period_far_off_keeps_no_place(plans, plan, patient, clinic, hospital):
    day = today()
    plans.refer(plan, patient, NOBODY, day + 1, LAST_DAY, {"from": hospital})
    plans.refer(plan, patient, NOBODY, day, day + 2, {"from": clinic})
    assert tuple(plans.referral(plan, patient, NOBODY)) == (clinic, day, day + 2)


def test_TP10_nobody_refers_to_itself(plans, plan, patient, clinic, nurse, hospital, refused):
    refused(plans.refer, plan, patient, clinic, 1, 2, sender=clinic, why=error("OwnReferral", clinic))
    refused(plans.refer, plan, patient, hospital, 1, 2, sender=nurse, why=error("OwnReferral", hospital))


# ---- books by desk -----------------------------------------------------------------------------------------------

PRICES = {
    "visit": 150_00,
    "drug": Price(30_00, category=1, limit=10, period=30),
    "mri": Price(400_00, flags=1 | AUTHORIZE, limit=4),
}


@pytest.fixture
def rich(plans, draw_plan, patient, insurer):
    """A plan that keeps everything a plan can keep of a member."""
    plan = draw_plan(
        PRICES,
        categories=[Category(10_00, 10_00, True, 5_00, 500_00)],
        cover={"family": 77},
        coinsurance=20_00,
        deductible=100_00,
        family_deductible=150_00,
        family_out_of_pocket_maximum=900_00,
        annual_limit=5000_00,
        lifetime_limit=9000_00,
        rules=claim_builders.COPAY_COUNTS,
    )
    plans.authorize(plan, patient, word("mri"), 9, 0, LAST_DAY, {"from": insurer})
    return plan


@pytest.fixture
def claim(rich, patient, hospital):
    return a_claim(rich, patient, hospital, line("drug", 2, 70_00), line(charge=150_00), line("mri", 3, 1000_00))


def test_TP5_award_keeps_books_of_everything(plans, rich, claim, patient, ledger):
    judged, tx = award(plans, claim, ledger)
    # drug: deductible 60.00; visit: deductible 40.00, 20 % of 110.00; mri: 20 % of 1,000.00
    assert [(each.deductible, each.copay, each.coinsurance, each.paid) for each in judged.lines] == [
        (60_00, 0, 0, 0),
        (40_00, 0, 22_00, 88_00),
        (0, 0, 200_00, 800_00),
    ]
    assert judged.paid == 888_00 and judged.family == 77
    assert member_books(plans, ledger, rich, patient) == (
        (100_00, 322_00, 888_00), (100_00, 322_00, 0), (0, 0, 888_00), 0, 2, 3, 3,
    )  # fmt: skip
    assert not tx.events


def test_TP1_a_stranger_who_awards_touches_only_its_own_books(plans, rich, claim, patient, stranger, desk, ledger):
    before = judge(plans, claim, desk)
    for _ in range(2):
        award(plans, claim, stranger)
    assert member_books(plans, desk, rich, patient) == member_books(plans, ledger, rich, patient) == EMPTY_BOOKS
    assert judge(plans, claim, desk) == before != judge(plans, claim, stranger)


def test_TP9_judge_writes_nothing(plans, rich, claim, patient, ledger):
    judge(plans, claim, ledger)
    assert judge(plans, claim, ledger).paid == 888_00
    assert member_books(plans, ledger, rich, patient) == EMPTY_BOOKS


def test_a_refused_or_pended_claim_uses_nothing(
    plans, rich, claim, patient, insurer, consents, ledger, draw_plan, chain
):
    consents.revoke(insurer, 255, {"from": patient})
    judged, _ = award(plans, claim, ledger)
    assert judged == (claim_builders.NO_CONSENT, 227, False, False, 0, NOBODY, NOBODY, 0, ())
    assert member_books(plans, ledger, rich, patient) == EMPTY_BOOKS
    chain.sleep(1)  # in the second of the revocation a permit is still revoked
    claim_builders.permit(consents, patient, insurer)
    careful = draw_plan(review_threshold=149_99)
    judged, _ = award(plans, a_claim(careful, patient, ledger, line(charge=150_00)), ledger)
    assert (judged.pended, judged.paid) == (True, 150_00)
    assert accumulators(plans, ledger, careful, patient) == (0, 0, 0)


@pytest.mark.parametrize("threshold, pended", [(0, False), (149_99, True), (150_00, False)])
def test_what_is_paid_more_than_the_threshold_waits(plans, draw_plan, patient, ledger, threshold, pended):
    plan = draw_plan(review_threshold=threshold)
    claim = a_claim(plan, patient, ledger, line(charge=150_00))
    assert judge(plans, claim, ledger).pended is pended
    assert judge(plans, claim, ledger, reviewed=True).pended is False


@pytest.fixture
def given(plans, rich, claim, ledger):
    """The words of the claim's lines, after the ledger has used them up."""
    raw = plans.judge(ledger, claim, False)[-1]
    award(plans, claim, ledger)
    return [(str(code), *rest) for code, *rest in raw]


def test_TP5_restore_gives_back_to_the_unit(plans, rich, claim, given, patient, ledger):
    second = claim._replace(number=word("2"), lines=[line("drug", 1, 31_07), line("mri", 1, 333_33)])
    after_one = member_books(plans, ledger, rich, patient)
    raw = [(str(code), *rest) for code, *rest in plans.judge(ledger, second, False)[-1]]
    award(plans, second, ledger)
    assert member_books(plans, ledger, rich, patient) != after_one
    # In the order in which they came, or in the other one: what is left is the other's share.
    plans.restore(rich, patient, claim.day, 77, raw, {"from": ledger})
    assert member_books(plans, ledger, rich, patient) == after_one
    tx = plans.restore(rich, patient, claim.day, 77, given, {"from": ledger})
    assert member_books(plans, ledger, rich, patient) == EMPTY_BOOKS
    assert not tx.events


def test_TP1_restore_twice(plans, rich, claim, given, patient, ledger, panics):
    plans.restore(rich, patient, claim.day, 77, given, {"from": ledger})
    panics(plans.restore, rich, patient, claim.day, 77, given, sender=ledger)


def test_TP7_restore_what_was_never_used(plans, rich, claim, given, patient, neighbour, stranger, ledger, panics):
    right = {"plan": rich, "patient": str(patient), "day": claim.day, "family": 77, "lines": given}
    other_code = [(word("drug"), *given[1][1:]), *given[1:]]
    dearer = [given[0], (*given[1][:3], given[1][3] + (1 << 16)), given[2]]
    wrong = [
        {"patient": str(neighbour)},
        {"day": claim.day - 400},
        {"family": 78},
        {"lines": [*given, given[1]]},
        {"lines": [*given, given[0]]},
        {"lines": other_code},
        {"lines": dearer},
    ]
    for change in wrong:
        panics(plans.restore, *{**right, **change}.values(), sender=ledger)
    panics(plans.restore, *right.values(), sender=stranger)
    assert member_books(plans, ledger, rich, patient) != EMPTY_BOOKS


def test_a_replaced_pre_authorisation_is_not_given_back(plans, rich, claim, given, patient, insurer, ledger):
    plans.authorize(rich, patient, word("mri"), 9, 0, LAST_DAY, {"from": insurer})
    plans.restore(rich, patient, claim.day, 77, given, {"from": ledger})
    assert plans.used(ledger, rich, patient, word("mri"), today(), 1) == 3
    assert plans.used(ledger, rich, patient, word("mri"), today(), 2) == 0
    assert member_books(plans, ledger, rich, patient)[:-1] == EMPTY_BOOKS[:-1]


def test_a_member_who_left_the_family_gives_back_to_it(plans, rich, claim, given, patient, insurer, ledger):
    enroll(plans, rich, insurer, patient, family=78)
    plans.restore(rich, patient, claim.day, 77, given, {"from": ledger})
    assert member_books(plans, ledger, rich, patient) == EMPTY_BOOKS


def test_books_go_on_in_the_next_version(plans, bare, consent, patient, ledger):
    year = this_year() - 1
    july = (date(year, 7, 1) - claim_builders.EPOCH).days
    old = bare._replace(document=word("on"), valid_from=july - 9, valid_until=july, deductible=100_00)
    first = claim_builders.publish(plans, old, {"visit": 150_00}, [patient])
    second = claim_builders.publish(
        plans, old._replace(valid_from=july, valid_until=LAST_DAY), {"visit": 150_00}, series=first
    )
    shares = [
        award(plans, a_claim(plan, patient, ledger, line(charge=60_00), day=day), ledger)[0].lines[0].deductible
        for plan, day in ((first, july - 1), (second, july))
    ]
    assert shares == [60_00, 40_00]
    assert accumulators(plans, ledger, first, patient, year) == (100_00, 100_00, 20_00)
    assert accumulators(plans, ledger, second, patient, year) == (100_00, 100_00, 20_00)
