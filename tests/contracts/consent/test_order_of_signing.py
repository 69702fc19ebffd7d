"""The order of signing counts, not that of arrival (interfaces/consent/IConsentRegistry.sol).

given a handful of signed orders of one patient
    when they arrive in any order at all, one by one, those that come too late being refused
        the same directives are in force, and every question gets the same answer
        handing all of them in again changes nothing
given an order that is withheld
        no other order waits for it
"""

import gc
from itertools import permutations

import pytest
from brownie import chain

from tests.support.boundary_time import PASSED, refusal
from tests.support.consent_builders import (
    ACTIVE,
    ALL,
    HPAYMT,
    NOBODY,
    OBSERVATION,
    TREAT,
    WITHDRAWN,
    decide,
    deny,
    granting,
    permit,
    record,
    relaying,
    revocation,
    sign,
)
from tests.support.errors import error
from tests.support.keys import key_of

# Seconds before now, and what is signed then; with it what is in force in the end, by place.
STORIES = {
    "a place is granted, revoked, granted anew": (
        [(30, "grant", 0), (20, "revoke", 0), (10, "deny", 0)],
        {0: "deny"},
    ),
    "a grant and its revocation in one second": ([(30, "grant", 1), (30, "revoke", 1)], {}),
    "three grants at one place": ([(30, "grant", 2), (20, "deny", 2), (10, "wide", 2)], {2: "wide"}),
    "all of the pair's between grants": (
        [(40, "grant", 0), (30, "wide", 1), (20, "revoke", ALL), (10, "deny", 1)],
        {1: "deny"},
    ),
    "all of the pair's in the second of a grant": ([(30, "grant", 0), (20, "wide", 1), (20, "revoke", ALL)], {}),
    "one place, then all, then a grant": (
        [(40, "grant", 3), (30, "revoke", 3), (20, "revoke", ALL), (10, "grant", 3)],
        {3: "grant"},
    ),
    "everything between grants": (
        [(40, "grant", 0), (30, "wide", 2), (20, "everything", None), (10, "grant", 1)],
        {1: "grant"},
    ),
    "everything, all, one": (
        [(40, "grant", 0), (30, "everything", None), (20, "wide", 1), (15, "revoke", ALL)],
        {},
    ),
}


def directive(grantee, kind, index):
    return {
        "grant": lambda: permit(grantee, index=index),
        "deny": lambda: deny(grantee, index=index),
        "wide": lambda: permit(grantee, index=index, purposes=TREAT | HPAYMT),
        "revoke": lambda: revocation(grantee, index),
        "everything": revocation,
    }[kind]()


def in_force(consents, patient, grantee):
    found = {}
    for index in range(4):
        place = record(consents, patient, grantee, index)
        if place.status == ACTIVE:
            found[index] = (place.effect, place.purposes, place.categories, place.issued_at)
    return found


def answers(consents, patient, grantee):
    return [decide(consents, patient, grantee, purpose).answer for purpose in (TREAT, HPAYMT, TREAT | HPAYMT)]


def hand_in(consents, order, sender):
    """One order; whether it was carried out."""
    message = refusal(consents.relay, *relaying(order), sender=sender)
    if message is not PASSED:
        assert message.startswith("Superseded: ")
        return False
    consents.relay(*relaying(order), {"from": sender})
    return True


@pytest.fixture
def light_snapshots(consents):
    """Brownie sweeps all of Python's memory at each return to a snapshot; what is there now need not be looked at."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("story", STORIES)
def test_TC2_every_order_of_arrival_ends_alike(consents, ana, people, now, light_snapshots, story):
    actions, expected = STORIES[story]
    orders = [sign(consents, ana, directive(people.hospital, kind, index), now - ago) for ago, kind, index in actions]
    wanted = {}
    for index, kind in expected.items():
        ((ago, _, _),) = [action for action in actions if action[1:] == (kind, index)][-1:]
        terms = directive(people.hospital, kind, index)
        wanted[index] = (terms.effect, terms.purposes, terms.categories, now - ago)
    seen = set()
    for arrival in permutations(orders):
        chain.snapshot()
        for order in arrival:
            hand_in(consents, order, people.stranger)
        assert in_force(consents, ana.address, people.hospital) == wanted
        seen.add(tuple(answers(consents, ana.address, people.hospital)))
        chain.revert()
    assert len(seen) == 1


@pytest.mark.parametrize("story", STORIES)
def test_TC5_all_of_it_again_changes_nothing(consents, ana, people, now, story):
    actions, _ = STORIES[story]
    orders = [sign(consents, ana, directive(people.hospital, kind, index), now - ago) for ago, kind, index in actions]
    for order in orders:
        hand_in(consents, order, people.stranger)
    before = [consents.directive(ana.address, people.hospital, index) for index in range(4)]
    for order in [*orders, *reversed(orders)]:
        assert not hand_in(consents, order, people.stranger)
    assert [consents.directive(ana.address, people.hospital, index) for index in range(4)] == before


def test_TC2_a_withheld_grant_does_not_stop_a_revocation(consents, ana, hospital, now, relay):
    relay(sign(consents, ana, permit(hospital), now - 30))
    sign(consents, ana, permit(hospital), now - 20)  # never handed in
    relay(sign(consents, ana, revocation(hospital, 0), now - 10))
    assert record(consents, ana.address, hospital).status == WITHDRAWN


def test_TC2_orders_for_different_grantees_do_not_wait_for_each_other(
    consents, ana, hospital, clinic, insurer, now, refused
):
    for ago, grantee in ((10, clinic), (30, hospital), (20, insurer)):
        assert refused(sign(consents, ana, permit(grantee), now - ago)) is PASSED


SECOND = {
    "a deny and a permit": (deny, permit, deny),
    "two permits": (permit, lambda grantee: permit(grantee, purposes=TREAT | HPAYMT), permit),
    "two denies": (
        deny,
        lambda grantee: deny(grantee, purposes=HPAYMT),
        lambda grantee: deny(grantee, purposes=HPAYMT),
    ),
    "a deny and a revocation": (deny, lambda grantee: revocation(grantee, 0), deny),
    "a permit and a revocation": (permit, lambda grantee: revocation(grantee, 0), None),
}


@pytest.mark.parametrize("case", SECOND)
def test_c4_what_is_signed_in_one_second_does_not_depend_on_arrival(consents, ana, hospital, now, stranger, case):
    *said, stands = SECOND[case]
    orders = [sign(consents, ana, make(hospital), now - 5) for make in said]
    for arrival in (orders, orders[::-1]):
        chain.snapshot()
        for order in arrival:
            hand_in(consents, order, stranger)
        found = record(consents, ana.address, hospital)
        if stands is None:
            assert found.status != ACTIVE
        else:
            expected = stands(hospital)
            assert (found.effect, found.purposes, found.status) == (expected.effect, expected.purposes, ACTIVE)
        chain.revert()


def test_a_direct_grant_goes_before_a_signed_one_of_the_same_second(consents, people, hospital, refused):
    key = key_of(people.patient)
    tx = consents.grant(*granting(deny(hospital)), {"from": people.patient})
    signed = sign(consents, key, permit(hospital), tx.timestamp)
    assert refused(signed) == error("Superseded", key.address, hospital, 0, tx.timestamp)


def test_one_batch_is_carried_out_in_its_order(consents, ana, hospital, now, relay, refused):
    orders = [sign(consents, ana, permit(hospital), now - 9), sign(consents, ana, revocation(), now - 8)]
    assert refused(*reversed(orders)) == error("Superseded", ana.address, hospital, 0, now - 8)
    relay(*orders)
    assert decide(consents, ana.address, hospital, TREAT, OBSERVATION)[:3] == (0, 4, hospital)
    assert tuple(consents.refusedUntil(ana.address, NOBODY)) == (0, 0)
