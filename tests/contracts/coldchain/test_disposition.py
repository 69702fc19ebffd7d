"""Quarantine by hand, release, destruction, recall.

given a shipment
    when who quarantines it is neither holder nor laboratory, or gives no reason    NotHolder, InvalidReason
    when it is quarantined                                                          it stays until a laboratory releases
    it when there is nothing to release, or its budget is used up                      NothingToRelease
    when it is released                                                             breaches, unknown time, runs and
    window are excused; extremes stay when it is destroyed
    for ever; readings change nothing any more
given a lot
    when it is recalled by who may                                                  every shipment of it is, for ever
"""

import pytest

from tests.conftest import LABORATORY, MANUFACTURER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.shipment_builders import (
    ABOVE,
    ACTIVE,
    BY_HAND,
    CUMULATIVE,
    DAY,
    DESTROYED,
    EXCURSION,
    HOUR,
    INTACT,
    QUARANTINED,
    RECALLED,
    SHREDDED,
    UNKNOWN,
    Profile,
)

HOLDERS = 0x13B
NOWHERE = "0x" + "cd" * 32


def test_who_quarantines(coldchain, fresh, people):
    def ask(sender, reason=4):
        return refusal(coldchain.quarantine, fresh.id, reason, sender=sender)

    assert ask(people.manufacturer) is PASSED
    assert ask(people.laboratory) is PASSED
    assert ask(people.manufacturer, 0) == error("InvalidReason", 0)
    assert ask(people.carrier) == error("NotHolder", fresh.id, people.carrier)
    assert ask(people.stranger) == error("NotLicensed", people.stranger, HOLDERS, 0)
    coldchain.destroy(fresh.id, 1, {"from": people.laboratory})
    assert ask(people.laboratory) == error("NotIntact", fresh.id, DESTROYED)


def test_a_quarantine_by_hand_is_told_with_its_reason(coldchain, fresh, people):
    tx = coldchain.quarantine(fresh.id, 4, {"from": people.manufacturer})
    assert dict(tx.events["ShipmentQuarantined"]) == {
        "shipment": fresh.id,
        "breached": BY_HAND,
        "breachedAt": 0,
        "by": people.manufacturer,
        "reason": 4,
    }
    assert (fresh.shipment.disposition, fresh.verdict) == (QUARANTINED, EXCURSION)


@pytest.mark.parametrize("act", ["release", "destroy"])
def test_only_a_laboratory_decides_and_says_why(coldchain, trip, people, act):
    method = getattr(coldchain, act)
    trip.log(*[900] * 3)
    assert refusal(method, trip.id, 1, sender=people.laboratory) is PASSED
    assert refusal(method, trip.id, 0, sender=people.laboratory) == error("InvalidReason", 0)
    for who, standing in (("manufacturer", 2), ("regulator", 0)):
        account = getattr(people, who)
        assert refusal(method, trip.id, 1, sender=account) == error("NotLicensed", account, LABORATORY, standing)


def test_there_is_nothing_to_release(coldchain, fresh, people):
    def ask():
        return refusal(coldchain.release, fresh.id, 1, sender=people.laboratory)

    nothing = error("NothingToRelease", fresh.id)
    assert ask() == nothing
    coldchain.recall(fresh.shipment.lot, 1, {"from": people.manufacturer})
    assert ask() == nothing
    at(fresh.start + 3 * HOUR)
    assert ask() is PASSED  # recalled, and unknown
    coldchain.destroy(fresh.id, 1, {"from": people.laboratory})
    assert ask() == nothing


def test_a_budget_that_is_used_up_is_not_refilled(coldchain, with_profile, people):
    trip = with_profile(Profile(budget=1_200, rules=()))
    trip.log(900, 900, 500, 900)
    assert (trip.judged.breached, trip.report.breached_at) == (1 << 9, trip.start + 1_800)
    assert refusal(coldchain.release, trip.id, 1, sender=people.laboratory) == error("NothingToRelease", trip.id)


def test_a_release_excuses_and_forgets_no_extreme(coldchain, trip, refused, people):
    trip.log(500, *[900] * 3, None)
    chain = trip.shipment.chain
    tx = coldchain.release(trip.id, 9, {"from": people.laboratory})
    assert dict(tx.events["ShipmentReleased"]) == {"shipment": trip.id, "laboratory": people.laboratory, "reason": 9}
    assert trip.judgement == (tx.timestamp, 1, 5, 500, 900, 1_800, 0, 0, 0)
    report = trip.report
    assert (report.verdict, report.breached_at, report.runs) == (INTACT, 0, (0,) * 8)
    assert (trip.shipment.disposition, trip.shipment.chain) == (ACTIVE, chain)
    message = refused(trip.batch(500, start=tx.timestamp - 1))
    assert message == error("OutOfOrder", trip.id, tx.timestamp, tx.timestamp - 1)


def test_TT4_a_release_closes_the_window(coldchain, with_profile, people, now):
    profile = Profile(unknown=DAY, mkt_limit=800, mkt_hours=2, rules=((ABOVE, CUMULATIVE, 5_000, 1),))
    trip = with_profile(profile, ago=HOUR)
    trip.log(*[1_500] * 5)
    coldchain.quarantine(trip.id, 1, {"from": people.laboratory})
    coldchain.release(trip.id, 1, {"from": people.laboratory})
    start = trip.judgement.until
    at(start + HOUR)
    trip.log(*[850] * 5, start=start)
    assert trip.judged.breached == 0


def test_what_nobody_saw_can_be_released(coldchain, fresh, people):
    at(fresh.start + 3 * HOUR)
    assert fresh.verdict == UNKNOWN
    coldchain.release(fresh.id, 1, {"from": people.laboratory})
    assert fresh.verdict == INTACT


def test_what_is_destroyed_stays_so(coldchain, trip, people):
    tx = coldchain.destroy(trip.id, 5, {"from": people.laboratory})
    assert dict(tx.events["ShipmentDestroyed"]) == {"shipment": trip.id, "laboratory": people.laboratory, "reason": 5}
    gone = error("NotIntact", trip.id, DESTROYED)
    assert refusal(coldchain.destroy, trip.id, 5, sender=people.laboratory) == gone
    assert refusal(coldchain.split, trip.id, NOWHERE, 1, sender=people.manufacturer) == gone
    told = trip.log(*[900] * 3)
    assert "ShipmentQuarantined" not in told.events
    assert (trip.shipment.disposition, trip.verdict, trip.judged.breached) == (SHREDDED, DESTROYED, 1)


# ---- recall ----------------------------------------------------------------------------------------------------------


def test_who_recalls(coldchain, lot, people):
    def ask(sender, reason=3, lot=lot):
        return refusal(coldchain.recall, lot, reason, sender=sender)

    assert ask(people.manufacturer) is PASSED
    assert ask(people.regulator) is PASSED
    for other in (people.carrier, people.laboratory, people.stranger):
        assert ask(other) == error("AccessManagedUnauthorized", other)
    assert ask(people.manufacturer, 0) == error("InvalidReason", 0)
    assert ask(people.manufacturer, lot=NOWHERE) == error("UnknownLot", NOWHERE)


def test_a_manufacturer_without_its_licence_recalls_nothing(coldchain, institutions, lot, people):
    institutions.suspend(people.manufacturer, {"from": people.regulator})
    message = error("NotLicensed", people.manufacturer, MANUFACTURER, 4)
    assert refusal(coldchain.recall, lot, 3, sender=people.manufacturer) == message


def test_TT6_a_recall_reaches_every_shipment_of_the_lot(coldchain, open_trip, new_lot, lot, people):
    ours, another = [open_trip(ago=60) for _ in range(2)], open_trip(ago=60, lot_id=new_lot())
    tx = coldchain.recall(lot, 3, {"from": people.regulator})
    assert dict(tx.events["LotRecalled"]) == {"lot": lot, "by": people.regulator, "reason": 3}
    assert [trip.verdict for trip in (*ours, another)] == [RECALLED, RECALLED, INTACT]
    assert (coldchain.recallOf(lot), ours[0].report.recall) == (3, 3)
    message = error("AlreadyRecalled", lot)
    assert refusal(coldchain.recall, lot, 4, sender=people.manufacturer) == message


def test_a_lot_is_recalled_before_its_first_shipment(coldchain, new_lot, people):
    lot = new_lot()
    assert coldchain.recallOf(lot) == 0
    coldchain.recall(lot, 3, {"from": people.manufacturer})
    assert (coldchain.recallOf(lot), coldchain.unitsLeft(lot)) == (3, 1_000)
