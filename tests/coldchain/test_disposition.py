"""A laboratory answers for what is not intact: it releases or destroys.

given a shipment
    when anyone but a laboratory releases or destroys it                it is refused: NotLicensed
    when there is nothing to answer for                                 it is refused: NothingToRelease
    when it is destroyed already                                        it is refused: AlreadyDestroyed
    when it is released
        breaches and unknown time are excused, the rules start anew, it moves again
        readings of the time until now are no longer taken; extremes and times out of range stay
        the next breach quarantines it again
    when it is destroyed                                                nothing moves it any more
"""

import pytest

from tests.coldchain.build import (
    DAY,
    DESTROYED,
    EXCURSION,
    EXPIRED,
    HOUR,
    INTACT,
    MOVING,
    NOBODY,
    QUARANTINED,
    SHREDDED,
    UNKNOWN,
)
from tests.conftest import LABORATORY
from tests.errors import error
from tests.institutions.edge import PASSED, at, refusal

REASON = 4_711


@pytest.fixture
def warm(trip):
    """A shipment in quarantine: an hour at 9 °C, half an hour unknown."""
    trip.log(*[500] * 50, *[900] * 6, *[None] * 3)
    return trip


# ---- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["release", "destroy"])
@pytest.mark.parametrize(
    "who", ["deployer", "regulator", "hospital", "insurer", "manufacturer", "carrier", "clinic", "patient", "logger"]
)
def test_TT7_only_a_laboratory_answers(coldchain, warm, people, action, who):
    account = getattr(people, who)
    standing = 0 if who in ("deployer", "regulator", "patient") else 2
    assert refusal(getattr(coldchain, action), warm.id, REASON, sender=account) == error(
        "NotLicensed", account, LABORATORY, standing
    )


@pytest.mark.parametrize("action", ["release", "destroy"])
def test_TT7_a_suspended_laboratory_does_not_answer(coldchain, institutions, warm, people, action):
    institutions.suspend(people.laboratory, {"from": people.regulator})
    assert refusal(getattr(coldchain, action), warm.id, REASON, sender=people.laboratory) == error(
        "NotLicensed", people.laboratory, LABORATORY, 4
    )


def test_what_is_intact_needs_no_release(coldchain, open_trip, laboratory):
    trip = open_trip(ago=60, ref="calm")
    assert refusal(coldchain.release, trip.id, REASON, sender=laboratory) == error("NothingToRelease", trip.id)


def test_what_merely_expired_cannot_be_released(coldchain, open_trip, laboratory, lot_terms):
    at(lot_terms.expires_at - 30)
    trip = open_trip(ago=0, ref="late")
    at(lot_terms.expires_at)
    assert trip.verdict == EXPIRED
    assert refusal(coldchain.release, trip.id, REASON, sender=laboratory) == error("NothingToRelease", trip.id)


@pytest.mark.parametrize("action", ["release", "destroy"])
def test_destroyed_is_final(coldchain, warm, laboratory, action):
    coldchain.destroy(warm.id, REASON, {"from": laboratory})
    assert refusal(getattr(coldchain, action), warm.id, REASON, sender=laboratory) == error("AlreadyDestroyed", warm.id)


# ---- released --------------------------------------------------------------------------------------------------------


def test_a_release_makes_it_intact(coldchain, warm, laboratory):
    assert (warm.verdict, warm.shipment.disposition) == (EXCURSION, QUARANTINED)
    tx = coldchain.release(warm.id, REASON, {"from": laboratory})
    assert (warm.verdict, warm.shipment.disposition, warm.shipment.breached_at) == (INTACT, MOVING, 0)
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentReleased"]) == {"shipment": warm.id, "laboratory": laboratory, "reason": REASON}


def test_a_release_excuses_what_was_and_keeps_what_is_known(coldchain, warm, laboratory):
    before = warm.judgement
    assert (before.above, before.unknown) == (HOUR, 1_800)
    tx = coldchain.release(warm.id, REASON, {"from": laboratory})
    assert warm.judgement == before._replace(breached=0, unknown=0, until=tx.timestamp)


def test_an_operator_of_the_laboratory_releases_in_its_name(coldchain, institutions, warm, people):
    institutions.setOperator(people.stranger, LABORATORY, 2**40 - 1, {"from": people.laboratory})
    tx = coldchain.release(warm.id, REASON, {"from": people.stranger})
    assert tx.events["ShipmentReleased"]["laboratory"] == people.laboratory


def test_what_is_released_moves_again(coldchain, warm, people):
    coldchain.release(warm.id, REASON, {"from": people.laboratory})
    coldchain.offer(warm.id, people.carrier, {"from": people.manufacturer})
    assert refusal(coldchain.accept, warm.id, sender=people.carrier) is PASSED


def test_TT1_readings_of_the_time_before_a_release_are_no_longer_taken(coldchain, warm, laboratory, refused, now):
    at(now + DAY)
    tx = coldchain.release(warm.id, REASON, {"from": laboratory})
    at(tx.timestamp + HOUR)
    for early, message in ((1, error("OutOfOrder", warm.id, tx.timestamp, tx.timestamp - 1)), (0, PASSED)):
        assert refused(warm.batch(500, start=tx.timestamp - early)) == message


def test_a_release_does_not_shorten_a_running_step(coldchain, warm, laboratory, now):
    at(warm.judgement.until + HOUR)
    warm.log(900, start=now, step=HOUR)
    until = warm.judgement.until
    coldchain.release(warm.id, REASON, {"from": laboratory})
    assert warm.judgement.until == until


def test_the_rules_start_anew_after_a_release(coldchain, warm, laboratory):
    """Neither the run nor the sum goes on from before; another half hour is needed."""
    start = coldchain.release(warm.id, REASON, {"from": laboratory}).timestamp
    at(start + HOUR)
    warm.log(*[900] * 2)
    assert warm.verdict == INTACT
    tx = warm.log(900)
    assert (warm.verdict, warm.shipment.disposition) == (EXCURSION, QUARANTINED)
    assert tx.events["ShipmentQuarantined"]["breachedAt"] == start + 1_200
    assert warm.shipment.breached_at == start + 1_200


def test_TT2_unknown_time_needs_a_human_decision(coldchain, trip, laboratory, now):
    assert trip.verdict == UNKNOWN
    coldchain.release(trip.id, REASON, {"from": laboratory})
    assert (trip.verdict, trip.judgement.unknown) == (INTACT, 0)


def test_TT2_after_a_release_silence_counts_from_there(coldchain, trip, laboratory):
    released = coldchain.release(trip.id, REASON, {"from": laboratory}).timestamp
    at(released + HOUR)
    assert trip.judgement.unknown == 0
    at(released + 2 * HOUR + 1)
    assert trip.verdict == UNKNOWN


def test_a_release_does_not_stop_the_clock_of_the_lot(coldchain, warm, laboratory, lot_terms):
    at(lot_terms.expires_at)
    coldchain.release(warm.id, REASON, {"from": laboratory})
    assert warm.verdict == EXPIRED


def test_TT1_the_series_goes_on_after_a_release(coldchain, warm, laboratory):
    """Number and chain are the device's own: a release does not let old batches in again."""
    chain_before, batches = warm.shipment.chain, warm.judgement.batches
    coldchain.release(warm.id, REASON, {"from": laboratory})
    assert (warm.shipment.chain, warm.judgement.batches) == (chain_before, batches)


# ---- destroyed -------------------------------------------------------------------------------------------------------


def test_what_is_destroyed_never_moves(coldchain, warm, people):
    coldchain.destroy(warm.id, REASON, {"from": people.laboratory})
    assert refusal(coldchain.offer, warm.id, people.carrier, sender=people.manufacturer) == error(
        "NotIntact", warm.id, DESTROYED
    )


def test_destroying_takes_an_open_offer_back(coldchain, open_trip, people):
    trip = open_trip(ago=60, ref="doomed")
    coldchain.offer(trip.id, people.carrier, {"from": people.manufacturer})
    tx = coldchain.destroy(trip.id, REASON, {"from": people.laboratory})
    assert (trip.shipment.offered_to, trip.shipment.disposition, trip.verdict) == (NOBODY, SHREDDED, DESTROYED)
    assert refusal(coldchain.accept, trip.id, sender=people.carrier) == error("NotOffered", trip.id, people.carrier)
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentDestroyed"]) == {
        "shipment": trip.id,
        "laboratory": people.laboratory,
        "reason": REASON,
    }


def test_what_is_intact_may_be_destroyed(coldchain, open_trip, laboratory):
    trip = open_trip(ago=60, ref="damaged")
    assert refusal(coldchain.destroy, trip.id, REASON, sender=laboratory) is PASSED


def test_units_that_were_destroyed_do_not_come_back(coldchain, warm, lot, laboratory):
    left = coldchain.unitsLeft(lot)
    coldchain.destroy(warm.id, REASON, {"from": laboratory})
    assert coldchain.unitsLeft(lot) == left


# ---- findings --------------------------------------------------------------------------------------------------------


def test_unknown_time_within_the_budget_is_nothing_to_release(coldchain, open_trip, laboratory):
    """The promise: NothingToRelease when intact. A release would wipe the runs of rules that are nearly breached."""
    trip = open_trip(ago=HOUR, ref="budget")
    trip.log(*[500] * 2, None, 900, 900)
    assert (trip.verdict, trip.judgement.unknown) == (INTACT, 600)
    assert refusal(coldchain.release, trip.id, REASON, sender=laboratory) == error("NothingToRelease", trip.id)
