"""Events tell everything (requirement 23)

given a long story in which every event of plans, desk and treasury happens at least once
    when a reader folds the events               what it holds is what every view of the three contracts answers
    when it goes on with a claim                 what the events said of it is what the desk remembers
"""

import pytest

from tests.support import claim_builders
from tests.support.claim_builders import (
    AUTHORIZE,
    DAY,
    LAST_DAY,
    LISTED,
    NETWORK,
    NOBODY,
    OUTSIDE,
    OWED,
    REVERSED,
    SETTLED,
    Category,
    Membership,
    Price,
    Terms,
    a_claim,
    accumulators,
    decided,
    fund,
    line,
    permit,
    pool,
    publish,
    record,
    today,
    word,
)
from tests.support.claim_replay import Replay, history
from tests.support.errors import error

PRICES = {
    "visit": 150_00,
    "drug": Price(30_00, 1, limit=10, period=30),
    "mri": Price(400_00, flags=LISTED | AUTHORIZE, groups=1, limit=4),
    "wig": Price(1, flags=LISTED | claim_builders.NOT_COVERED),
}


@pytest.fixture(scope="module")
def story(
    deployed_contracts,
    desk,
    plans,
    treasury,
    consents,
    salus_project,
    deployer,
    insurer,
    patient,
    neighbour,
    hospital,
    clinic,
    regulator,
    stranger,
):
    """Two members of a family, two providers, a pool that runs dry, and a token that refuses one of them for a
    while.
    """
    token = salus_project.MisbehavingToken.deploy({"from": deployer})
    day = today()
    terms = Terms(
        str(insurer), day - 300, day + 100, str(token), 20_00, 40_00, 100_00, 600_00, 150_00, 0, 50_000_00, 90_000_00,
        0, 90, 1400_00, 7, 30, claim_builders.COPAY_COUNTS | NETWORK | OUTSIDE | claim_builders.CAPS, word("story"),
    )  # fmt: skip
    categories = [Category(10_00, 20_00, True, 5_00, 900_00), Category()]
    plan = publish(plans, terms, PRICES, categories=categories)
    publish(plans, terms._replace(valid_from=day + 100, valid_until=day + 200), {"visit": 1}, series=plan)
    owner = {"from": insurer}
    members = [
        (str(patient), Membership(0, LAST_DAY, 77, 1)),
        (str(neighbour), Membership(1, LAST_DAY, 77, 2, 3, 4, True)),
    ]
    plans.enroll(plan, members, owner)
    claim_builders.add_prices(plans, plan, {"visit": 120_00}, insurer, schedule=3)
    plans.contractProvider(plan, clinic, (0, LAST_DAY, 3), owner)
    plans.authorize(plan, patient, word("mri"), 3, 0, LAST_DAY, owner)
    plans.capProvider(plan, NOBODY, (500_000_00, 60_000), owner)
    plans.capProvider(plan, clinic, (400_000_00, 50_000), owner)
    plans.refer(plan, patient, NOBODY, 0, LAST_DAY, {"from": clinic})
    for member in (patient, neighbour):
        permit(consents, member, insurer)

    number = iter(range(100))

    def claim(member, provider, *lines):
        primary = word("answer") if member == neighbour else claim_builders.NOTHING
        return a_claim(plan, member, provider, *lines, number=str(next(number)), primary=primary)

    def submit(provider, *claims):
        return desk.submit(list(claims), [], {"from": provider})

    def money(amount):
        fund(treasury, desk, insurer, token, amount, stranger)

    everything = [line("drug", 8, 300_00), line(charge=180_00), line("mri", 5, 2500_00), line("wig"), line("hat")]
    # In network and out of it, trimmed and denied; another payer first.
    money(8000_00)
    first = submit(clinic, claim(patient, clinic, *everything))
    submit(hospital, claim(neighbour, hospital, line(charge=150_00, prior=20_00), line("drug", 2, 60_00, 1_00)))
    # Refused, and a duplicate of what is under review.
    submit(hospital, claim(stranger, hospital))
    waits = [claim(patient, hospital, line(charge=c), line("drug", 40, 900_00), *everything[2:]) for c in range(1, 8)]
    waits = [each._replace(lines=[*each.lines, *(line(charge=140_00 + i) for i in range(16))]) for each in waits]
    submit(hospital, *waits, waits[0])
    desk.review(waits[0], 0, owner)
    denied = decided(desk.review(waits[1], 50, owner))
    desk.withdraw(waits[2], {"from": hospital})
    desk.review(waits[5], 50, owner)  # and nobody ever says anything about the seventh
    consents.revoke(insurer, 255, {"from": patient})
    desk.review(waits[3], 0, owner)
    claim_builders.at(claim_builders.now() + 2)  # in the second of the revocation a permit is still revoked
    permit(consents, patient, insurer)
    claim_builders.at(claim_builders.now() + 7 * DAY + 1)
    desk.decide(waits[4], {"from": stranger})
    # Given back: what was paid, and what waits for money.
    desk.reverse(decided(first), {"from": clinic})
    again = submit(clinic, claim(patient, clinic, line(charge=120_00)))
    treasury.announceExit(desk, token, 10_00, owner)
    owed = submit(
        hospital, *(claim(patient, hospital, line(charge=100_00 + i), line("wig", 1, 9_00)) for i in range(36))
    )
    assert len(owed.events["ClaimOwed"]) > 4
    last = len(owed.events["ClaimDecided"]) - 1
    desk.reverse(decided(owed, last - 1), {"from": hospital})
    desk.appeal(decided(owed, last), {"from": patient})
    desk.arbitrate(decided(owed, last), 5_00, 45, {"from": regulator})
    desk.appeal(denied, {"from": patient})
    desk.arbitrate(denied, 10_00, 45, {"from": regulator})
    desk.appeal(decided(again), {"from": patient})
    # The hospital cannot receive for a while; some of the debts are paid, some wait on.
    token.setBlocked(hospital, True, owner)
    money(150_00)
    treasury.settle(desk, insurer, token, 2, {"from": stranger})
    token.setBlocked(hospital, False, owner)
    treasury.collect(token, {"from": hospital})
    token.setBlocked(hospital, True, owner)
    money(200_00)
    treasury.settle(desk, insurer, token, 1, {"from": stranger})
    token.setBlocked(hospital, False, owner)
    # Something of the set-off comes back, and a replaced pre-authorisation keeps what it had.
    token.mint(clinic, 3_00, {"from": clinic})
    token.approve(treasury, 3_00, {"from": clinic})
    treasury.repay(desk, insurer, token, clinic, 3_00, {"from": clinic})
    plans.authorize(plan, patient, word("mri"), 9, 0, LAST_DAY, owner)
    treasury.halt(desk, token, claim_builders.now() + 30 * DAY, owner)
    # Another pool, of a desk of the insurer's own, which it leaves.
    fund(treasury, token, insurer, token, 9_00, stranger)
    treasury.announceExit(token, token, 4_00, owner)
    claim_builders.at(claim_builders.now() + 30 * DAY)
    treasury.exit(token, token, owner)
    return plan


@pytest.fixture(scope="module")
def replay(story, plans, desk, treasury):
    return Replay(desk.address).read(history(plans, desk, treasury))


def test_every_event_happened(replay, plans, desk, treasury):
    """Else the story would prove nothing of those that did not."""
    declared = {
        (c._name, entry["name"]) for c in (plans, desk, treasury) for entry in c.abi if entry["type"] == "event"
    }
    # No function of the desk lets this one out: its name and version never change.
    assert declared - replay.kinds == {("ClaimDesk", "EIP712DomainChanged")}
    assert all(hasattr(replay, f"on_{event}") for _, event in replay.kinds if event != "AuthorityUpdated")


def test_plans_are_rebuilt(replay, plans, story):
    assert len(replay.terms) == 2
    for plan, terms in replay.terms.items():
        assert Terms(*plans.terms(plan)) == terms
        assert plans.inForceAt(plan) == replay.force[plan]
        known = replay.categories[plan]
        assert [Category(*plans.category(plan, 1 + i)) for i in range(len(known) + 1)] == [*known, Category()]
    for series, count in replay.versions.items():
        assert plans.versions(series) == count
    for (plan, schedule, code), price in replay.prices.items():
        assert Price(*plans.price(plan, schedule, code)) == price
    for (series, member), membership in replay.members.items():
        assert Membership(*plans.membership(series, member)) == membership
    for view, known in (
        (plans.contractOf, replay.contracts),
        (plans.authorization, replay.authorizations),
        (plans.referral, replay.referrals),
    ):
        assert known
        for key, value in known.items():
            assert tuple(view(*key)) == value


def test_what_was_used_is_rebuilt(replay, plans, desk, story):
    assert {key[1] for key in replay.totals} > {77} and {key[2] for key in replay.totals} > {0}
    for key in replay.totals:
        assert accumulators(plans, desk, *key) == replay.accumulators(key)
    assert replay.category_paid and replay.units
    for (_series, member, year, number), paid in replay.category_paid.items():
        assert plans.categoryPaid(desk, story, member, year, number) == paid
    serials = set()
    for (_series, member, code, kind, which), units in replay.units.items():
        if kind == "serial":
            serials.add(which)
            assert plans.used(desk, story, member, code, 0, which) == units
        else:
            day = which * kind if kind else today()
            assert plans.used(desk, story, member, code, day, 0) == units
    assert serials == {1}


def test_what_counts_to_caps_is_rebuilt(replay, plans, desk, story, hospital, clinic):
    assert {(provider, days) for _, provider, days, _ in replay.paid_to} == {(hospital, 60_000), (clinic, 50_000)}
    for (series, provider, _, _), paid in replay.paid_to.items():
        assert plans.paidTo(desk, series, provider) == paid > 0
    for key, cap in replay.caps.items():
        assert tuple(plans.capOf(*key)) == cap


def test_claims_are_rebuilt(replay, desk):
    states = {id_: replay.record(id_) for id_ in replay.records}
    assert {each.state for each in states.values()} == set(range(1, 8))
    assert {id_: record(desk, id_) for id_ in states} == states
    assert any(each.appealed for each in states.values())


def test_the_treasury_is_rebuilt(replay, treasury, desk, insurer):
    assert len(replay.pools) == 2 and max(each.waiting for each in replay.pools.values()) > 0
    for key, known in replay.pools.items():
        assert pool(treasury, *key) == known
        # Every debt that is not among those known is empty.
        positions = [position for *pool_, position in replay.debts if tuple(pool_) == key]
        for position in range(max(positions, default=0) + 2):
            assert tuple(treasury.debt(*key, position)) == replay.debts.get(
                (*key, position), (NOBODY, 0, claim_builders.NOTHING)
            )
    assert any(replay.set_offs.values()) and any(replay.held.values())
    for key, due in replay.set_offs.items():
        assert treasury.setOffOf(*key) == due
    for key, held in replay.held.items():
        assert treasury.held(*key) == held


def test_TP3_the_treasury_is_solvent(replay, treasury, salus_project):
    """All that is accounted is here, to the unit: pools, reserves, and what is held for payees."""
    tokens = {token for _, _, token in replay.pools}
    for token in tokens:
        pools = [each for (_, _, t), each in replay.pools.items() if t == token]
        held = sum(amount for (_, t), amount in replay.held.items() if t == token)
        here = salus_project.MisbehavingToken.at(token).balanceOf(treasury)
        assert here == sum(each.balance + each.reserved for each in pools) + held


@pytest.mark.parametrize("state", [SETTLED, OWED, REVERSED])
def test_a_reader_of_events_goes_on_with_a_claim(
    replay, desk, hospital, clinic, patient, regulator, state, allowed, refused
):
    """What the events said is what the desk wants to hear."""
    ids = [id_ for id_ in replay.decided if replay.record(id_).state == state]
    assert ids
    for id_ in ids:
        said, known = replay.decided[id_], replay.records[id_]
        sender = hospital if said.provider == hospital else clinic
        if state == REVERSED:
            refused(desk.reverse, said, sender=sender, why=error("WrongState", id_, REVERSED))
        else:
            allowed(desk.reverse, said, sender=sender)
        if known.appealed:
            allowed(desk.arbitrate, said, 0, 1, sender=regulator)
