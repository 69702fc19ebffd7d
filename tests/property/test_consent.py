"""The consent registry against the reference: random patients, grantees and orders, in any order of arrival.

Given direct actions and signed orders that tie, overtake one another, come late, come twice or are malformed
when institutions, operators and strangers ask
it is answered permit, deny or none, by the directive and for the reason that the prose says.
"""

import random
from dataclasses import replace

import pytest

from tests.conftest import PHARMACY, PROVIDER, accredit
from tests.reference.registry import (
    ALL,
    Answer,
    Decision,
    Directive,
    Effect,
    Order,
    Reason,
    Refused,
    Registry,
    Standing,
    Status,
)
from tests.support.consent_bench import Actor, ConsentBench, order_words, relaying
from tests.support.effort import cases, seed
from tests.support.plain_accounts import DAY, newcomers, secret

RESEARCHER = 1 << 7
TREAT, HPAYMT, HRESCH = 1 << 0, 1 << 2, 1 << 5
PATIENT, CONDITION, CLAIM, PSY, HIV = 1 << 0, 1 << 2, 1 << 12, 1 << 43, 1 << 45
ALL_RECORDS = (1 << 40) - 1
FOR_EVER = 2**40 - 1

# ---- the reference itself, on what can be decided by hand ------------------------------------------------------------

ANN, CLINIC, NOW = 0xA77, 0xC11 << 64, 1_000_000
LICENSED = Standing(CLINIC, PROVIDER | PHARMACY, True)


def permit(grantee=CLINIC, index=0, **changes):
    return replace(Directive(grantee, index, Effect.PERMIT, TREAT, ALL_RECORDS, 0, NOW + 100), **changes)


def signed(directive, issued_at, **changes):
    return replace(Order(ANN, directive, issued_at, NOW + 1_000, ANN), **changes)


def granted(*directives):
    registry = Registry()
    for directive in directives:
        registry.grant(ANN, directive, NOW - 10)
    return registry


@pytest.mark.parametrize(
    ("directives", "expected"),
    [
        ([], (Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)),
        ([permit()], (Answer.PERMIT, Reason.NAMED, CLINIC, 0)),
        ([permit(PHARMACY)], (Answer.PERMIT, Reason.ROLE, PHARMACY, 0)),
        # A deny goes before a permit on its level, wherever it stands.
        ([permit(), permit(index=3, effect=Effect.DENY)], (Answer.DENY, Reason.NAMED, CLINIC, 3)),
        ([permit(PROVIDER), permit(PHARMACY, effect=Effect.DENY)], (Answer.DENY, Reason.ROLE, PHARMACY, 0)),
        # What names the institution goes before what names its role, unless the role's deny is later.
        ([permit(), permit(PROVIDER, effect=Effect.DENY)], (Answer.PERMIT, Reason.NAMED, CLINIC, 0)),
        ([permit(effect=Effect.DENY), permit(PROVIDER)], (Answer.DENY, Reason.NAMED, CLINIC, 0)),
        # One permit must cover the request whole; a deny need only touch it.
        ([permit(categories=CONDITION)], (Answer.NONE, Reason.WRONG_CATEGORY, CLINIC, 0)),
        (
            [permit(categories=CONDITION), permit(index=1, categories=PATIENT)],
            (Answer.NONE, Reason.WRONG_CATEGORY, CLINIC, 0),
        ),
        ([permit(categories=PATIENT, effect=Effect.DENY)], (Answer.DENY, Reason.NAMED, CLINIC, 0)),
        ([permit(purposes=HRESCH)], (Answer.NONE, Reason.WRONG_PURPOSE, CLINIC, 0)),
        ([permit(effect=Effect.DENY, purposes=HRESCH), permit(PROVIDER)], (Answer.PERMIT, Reason.ROLE, PROVIDER, 0)),
        # The nearest one gives the reason.
        (
            [permit(purposes=HRESCH), permit(PHARMACY, 2, categories=PSY), permit(PHARMACY, 3, categories=PSY)],
            (Answer.NONE, Reason.WRONG_CATEGORY, PHARMACY, 2),
        ),
        ([permit(start=NOW + 1)], (Answer.NONE, Reason.NOT_YET, CLINIC, 0)),
        ([permit(end=NOW)], (Answer.NONE, Reason.EXPIRED, CLINIC, 0)),
        ([permit(end=NOW + 1, start=NOW)], (Answer.PERMIT, Reason.NAMED, CLINIC, 0)),
    ],
)
def test_reference_decision(directives, expected):
    decision = granted(*directives).decide(ANN, LICENSED, TREAT, PATIENT | CONDITION, NOW)
    assert decision == Decision(*expected)


def test_reference_all_records_hold_no_label():
    assert granted(permit()).decide(ANN, LICENSED, TREAT, CONDITION | HIV, NOW).reason is Reason.WRONG_CATEGORY


def test_reference_unlicensed_is_denied():
    registry = granted(permit())
    assert registry.decide(ANN, Standing(CLINIC, 0, False), TREAT, PATIENT, NOW) == Decision(
        Answer.DENY, Reason.NOT_LICENSED, 0, 0
    )


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (signed(permit(), 500), signed(Directive(CLINIC, 0), 600), Status.REVOKED),
        (signed(permit(), 500), signed(Directive(CLINIC, 0), 500), Status.REVOKED),
        (signed(permit(), 500), signed(Directive(CLINIC, ALL), 500), Status.REVOKED),
        (signed(permit(), 500), signed(Directive(0, ALL), 500), Status.REVOKED),
        (signed(permit(), 501), signed(Directive(0, ALL), 500), Status.ACTIVE),
        (signed(permit(), 501), signed(Directive(CLINIC, ALL), 500), Status.ACTIVE),
        (signed(permit(), 501), signed(Directive(CLINIC, 0), 500), Status.ACTIVE),
        (signed(permit(end=NOW + 1), 500), signed(permit(), 501), Status.ACTIVE),
    ],
)
def test_reference_arrival_does_not_matter(first, second, status):
    for orders in ((first, second), (second, first)):
        registry = Registry()
        for order in orders:
            try:
                registry.relay([order], NOW)
            except Refused as refused:
                assert refused.names == {"Superseded"}
        record = registry.directive(ANN, CLINIC, 0, NOW)
        # What a broad revocation met before it was granted reads as never granted: it never was.
        assert (record.status is Status.ACTIVE) == (status is Status.ACTIVE)
        assert record.status in (status, Status.NONE)


def test_reference_direct_revocation_kills_what_was_signed():
    registry = Registry()
    registry.revoke(ANN, CLINIC, 0, NOW)
    for index in range(4):
        with pytest.raises(Refused, match="Superseded"):
            registry.relay([signed(permit(index=index), NOW)], NOW + 1)
    registry.relay([signed(permit(index=1), NOW + 1)], NOW + 1)
    assert registry.directive(ANN, CLINIC, 1, NOW + 1).status is Status.ACTIVE


def test_reference_relay_is_all_or_none():
    registry = Registry()
    with pytest.raises(Refused, match="DeadlinePassed"):
        registry.relay([signed(permit(), 500), signed(permit(index=1), 500, deadline=NOW - 1)], NOW)
    assert registry.directive(ANN, CLINIC, 0, NOW).status is Status.NONE


# ---- the contract ----------------------------------------------------------------------------------------------------


class RandomConsents:
    """A few patients and everybody who may ask about them, and a dice for what they do."""

    def __init__(self, deployed_contracts, people, dice):
        self.dice = dice
        fresh = newcomers()
        self.bench = ConsentBench(deployed_contracts, [next(fresh) for _ in range(3)], people.stranger)
        self.issues = [self.bench.rpc_batch.now()]
        self.edges = []
        institutions, regulator = deployed_contracts["Institutions"], {"from": people.regulator}
        now = self.bench.rpc_batch.now()

        ending, suspended, researcher = next(fresh), next(fresh), next(fresh)
        accredit(institutions, people.regulator, researcher, "researcher", RESEARCHER)
        accredit(institutions, people.regulator, suspended, "suspended", PROVIDER)
        institutions.suspend(suspended, regulator)
        self.ends = now + 5 * DAY
        institutions.accredit(ending, b"ending".ljust(32, b"\0"), PROVIDER, self.ends, regulator)
        pharmacist, retired = secret("pharmacist").address, secret("retired").address
        institutions.setOperator(pharmacist, PHARMACY | RESEARCHER, now + 90 * DAY, {"from": people.clinic})
        institutions.setOperator(retired, PROVIDER, self.ends, {"from": people.hospital})

        clinic, hospital = str(people.clinic), str(people.hospital)
        self.actors = [
            Actor(hospital, hospital, PROVIDER),
            Actor(clinic, clinic, PROVIDER | PHARMACY),
            # An operator has no role that its institution has not.
            Actor(pharmacist, clinic, PHARMACY, institution_roles=PROVIDER | PHARMACY),
            Actor(retired, hospital, PROVIDER, until=self.ends),
            Actor(str(researcher), str(researcher), RESEARCHER),
            Actor(str(ending), str(ending), PROVIDER, until=self.ends),
            Actor(str(suspended), str(suspended), PROVIDER, suspended=True),
            Actor(str(people.stranger)),
        ]
        named = [int(str(account), 16) for account in (hospital, clinic, researcher, ending)]
        self.grantees = [*named, PROVIDER, PHARMACY, RESEARCHER]

    def some_directive(self):
        dice, now = self.dice, self.bench.rpc_batch.now()
        start = dice.choice((0, 0, 0, now - 5, now + 2, now + dice.randrange(4 * DAY)))
        directive = Directive(
            grantee=dice.choice(self.grantees),
            index=dice.choice((0, 0, 1, 1, 2, 3)),
            effect=dice.choice((Effect.PERMIT, Effect.PERMIT, Effect.PERMIT, Effect.DENY)),
            purposes=dice.choice((TREAT, HPAYMT, TREAT | HPAYMT, TREAT | HPAYMT | HRESCH, HRESCH, 2**32 - 1)),
            categories=dice.choice(
                (ALL_RECORDS, ALL_RECORDS, CONDITION, PATIENT | CLAIM, ALL_RECORDS | PSY, PSY | HIV, 2**56 - 1)
            ),
            start=start,
            end=dice.choice((FOR_EVER, now + 3, now + dice.randrange(4, 8 * DAY), max(start, now) + 4 * DAY)),
            document=dice.choice((bytes(32), dice.randbytes(32))),
        )
        self.edges += [directive.start, directive.end]
        if dice.random() < 0.1:
            changes = ({"grantee": 0}, {"index": 4}, {"index": ALL}, {"purposes": 0}, {"categories": 0})
            times = ({"end": now}, {"end": now - 1}, {"end": 0}, {"start": now + 9, "end": now + 9})
            directive = replace(directive, **dice.choice(changes + times))
        return directive

    def some_place(self):
        """What a revocation is about: one directive, all of a grantee's, everything; now and then nothing at all."""
        dice = self.dice
        grantee = dice.choice(self.grantees)
        places = [(grantee, dice.randrange(4))] * 6 + [(grantee, ALL)] * 3
        return dice.choice([*places, (0, ALL), dice.choice(((0, 0), (0, 3), (grantee, 4), (grantee, 62)))])

    def some_order(self):
        dice, now = self.dice, self.bench.rpc_batch.now()
        patient = dice.choice(self.bench.patients)
        directive = self.some_directive() if dice.random() < 0.65 else Directive(*self.some_place())
        # Old seconds again and again: ties are what the rules are about.
        issued_at = max(1, dice.choice((now, now, now - dice.randrange(20), *dice.sample(self.issues, 1) * 2)))
        order = Order(patient, directive, issued_at, now + dice.choice((60, DAY)), patient)
        if dice.random() < 0.06:
            strangers = [other for other in self.bench.patients if other != patient]
            changes = ({"issued_at": now + 60}, {"deadline": now - 1}, {"signer": dice.choice(strangers)})
            order = replace(order, **dice.choice(changes))
        self.issues = [*self.issues[-8:], min(order.issued_at, now)]
        return order

    def act(self):
        """One random action; returns whether it was accepted."""
        dice = self.dice
        patient = dice.choice(self.bench.patients)
        kind = dice.random()
        if kind < 0.1:
            return any(self.bench.relay_tolerantly([self.some_order() for _ in range(dice.choice((1, 2, 5)))]))
        if kind < 0.35:
            return self.bench.grant(patient, self.some_directive())
        if kind < 0.5:
            return self.bench.revoke(patient, *self.some_place())
        return self.bench.relay([self.some_order() for _ in range(dice.choice((1, 1, 1, 2, 4)))])

    def wait(self):
        """From a second to half a day, or to the very second at which some directive begins or ends."""
        now = self.bench.rpc_batch.now()
        edges = [edge for edge in self.edges if now < edge < now + DAY]
        leaps = [now + leap for leap in (1, 2, 60, DAY // 2)]
        self.bench.rpc_batch.mine(self.dice.choice([*leaps, *(edges and [self.dice.choice(edges)] * 8)]))

    def some_questions(self, number):
        dice = self.dice
        purposes = (TREAT, TREAT, HPAYMT, HPAYMT, HRESCH, TREAT | HPAYMT, 0)
        categories = (CONDITION, PATIENT, CLAIM, CONDITION | PSY, HIV, PATIENT | CLAIM, ALL_RECORDS, 0)
        return [
            (
                dice.choice(self.bench.patients),
                dice.choice(self.actors),
                dice.choice(purposes),
                dice.choice(categories),
            )
            for _ in range(number)
        ]


def test_random_consents(deployed_contracts, people):
    dice = random.Random(seed())
    random_consents = RandomConsents(deployed_contracts, people, dice)
    bench = random_consents.bench
    statuses, answers, outcomes, masks = set(), set(), set(), set()
    done = 0
    while done < cases():
        for _ in range(10):
            outcomes.add(random_consents.act())
        if dice.random() < 0.5:
            random_consents.wait()
        statuses |= bench.compare_directives(random_consents.grantees)
        questions = random_consents.some_questions(40)
        answers |= bench.compare_decisions(questions)
        masks |= bench.compare_scopes([question[:3] for question in questions[:10]])
        done += 10
    if cases() >= 500:
        assert outcomes == masks == {True, False}
        assert statuses == set(Status)
        decided = {Reason.NAMED, Reason.ROLE}
        assert {reason for _, reason in answers} == set(Reason) - {Reason.IMPLIED}
        assert answers >= {(answer, reason) for answer in (Answer.PERMIT, Answer.DENY) for reason in decided}


@pytest.fixture(scope="module")
def bench(deployed_contracts, people):
    return ConsentBench(deployed_contracts, list(newcomers())[:2], people.stranger)


def fresh_order(bench, **changes):
    now = bench.rpc_batch.now()
    order = Order(bench.patients[0], permit(CLINIC, end=now + DAY), now, now + 60, bench.patients[0])
    return replace(order, **changes)


@pytest.mark.parametrize("kind", ["grant", "revoke"])
def test_digest_is_that_of_the_prose(bench, kind):
    order = fresh_order(bench)
    if kind == "revoke":
        order = replace(order, directive=Directive(CLINIC, 2))
    assert bytes.fromhex(str(bench.contract.digest(order_words(order)))[2:]) == bench.digest(order)


@pytest.mark.parametrize("kind", ["grant", "revoke"])
def test_every_signed_field_binds(bench, kind):
    """The relayer changes one field after the patient has signed: nothing of it may pass."""
    order = fresh_order(bench)
    if kind == "revoke":
        order = replace(order, directive=Directive(CLINIC, 2))
    signature = bench.sign(order)
    call = bench.call(bench.relayer, "relay", *relaying((order, signature)))
    assert bench.rpc_batch.error(call, bench.contract.abi) is None

    changed = [
        replace(order, patient=bench.patients[1]),
        replace(order, issued_at=order.issued_at - 1),
        replace(order, deadline=order.deadline + 1),
    ]
    fields = {"grantee": CLINIC + 1, "index": 1, "effect": Effect.DENY, "purposes": HPAYMT, "categories": HIV}
    fields |= {"start": order.issued_at - 1, "end": order.directive.end + 1, "document": b"\1" * 32}
    changed += [replace(order, directive=replace(order.directive, **{name: value})) for name, value in fields.items()]
    for forged in changed:
        call = bench.call(bench.relayer, "relay", *relaying((forged, signature)))
        assert bench.rpc_batch.error(call, bench.contract.abi) is not None, forged


@pytest.mark.parametrize(
    "field", [{"purposes": TREAT}, {"categories": PATIENT}, {"start": 1}, {"end": FOR_EVER}, {"document": b"\1" * 32}]
)
def test_a_revocation_holds_nothing_else(bench, field):
    """The signature does not cover these fields, so that none of them may be filled in."""
    order = fresh_order(bench, directive=replace(Directive(CLINIC, 2), **field))
    call = bench.call(bench.relayer, "relay", *relaying((order, bench.sign(order))))
    name, _ = bench.rpc_batch.error(call, bench.contract.abi)
    assert name in ("EmptyScope", "InvalidPeriod")


def test_same_second_in_either_order(bench):
    """A signed revocation and a signed grant of one second, whichever comes first: the revocation stands."""
    grant = fresh_order(bench)
    revoke = replace(grant, directive=Directive(CLINIC, 0))
    other = bench.patients[1]
    assert bench.relay([grant, revoke])
    assert bench.relay([replace(revoke, patient=other, signer=other)])
    assert not bench.relay([replace(grant, patient=other, signer=other)])
    assert bench.compare_directives([CLINIC]) == {Status.REVOKED, Status.NONE}
