"""Shipments are split and merged, by the holder or an operator of it.

given a shipment
    when anyone but its holder splits it, or impossibly                         it is refused
    when it is split                                                            the part inherits all that was judged
given two shipments of a lot
    when they are not one holder's, or not both intact                          it is refused
    when they are merged                                                        units are kept, and the worse of all
    that was judged
"""

import pytest

from tests.conftest import CARRIER, LOGGER, MANUFACTURER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.shipment_builders import (
    ABOVE,
    CLOSED,
    CUMULATIVE,
    DAY,
    EXCURSION,
    HOUR,
    INTACT,
    NO_CHAIN,
    QUARANTINED,
    SHUT,
    Profile,
    report_of,
    shipment_id,
    shipment_of,
    word,
)

FOR_EVER = 2**40 - 1
HOLDERS = 0x13B
UNACCREDITED, LICENSED, OUT_OF_ROLE, LAPSED, SUSPENDED, OPERATOR_LAPSED = range(6)
REF = word("a reference")


# ---- by whom ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def foreman(institutions, people):
    """An operator of the manufacturer."""
    institutions.setOperator(people.stranger, MANUFACTURER, FOR_EVER, {"from": people.manufacturer})
    return people.stranger


def test_an_operator_splits_and_merges_what_its_institution_holds(coldchain, fresh, foreman, people):
    tx = coldchain.split(fresh.id, REF, 4, {"from": foreman})
    part = shipment_id(fresh.shipment.lot, people.manufacturer, REF)  # of the holder's account, not of the operator's
    assert dict(tx.events["ShipmentSplit"]) == {"shipment": fresh.id, "into": part, "units": 4}
    assert shipment_of(coldchain, part).holder == people.manufacturer
    tx = coldchain.merge(part, fresh.id, {"from": foreman})
    assert dict(tx.events["ShipmentMerged"]) == {"shipment": part, "into": fresh.id, "units": 4}
    assert (fresh.shipment.units, fresh.shipment.holder) == (10, people.manufacturer)


def test_TT7_no_other_operator_splits_or_merges(coldchain, institutions, fresh, foreman, people, now):
    coldchain.split(fresh.id, REF, 4, {"from": foreman})
    part = shipment_id(fresh.shipment.lot, people.manufacturer, REF)
    calls = {fresh.id: (coldchain.split, fresh.id, word("another"), 1), part: (coldchain.merge, part, fresh.id)}

    def refused(with_):
        for shipment, call in calls.items():
            assert refusal(*call, sender=foreman) == with_(shipment)

    refused(lambda _: PASSED)
    institutions.setOperator(foreman, MANUFACTURER | LOGGER, now + 1_000, {"from": people.manufacturer})
    at(now + 999)
    refused(lambda _: PASSED)
    at(now + 1_000)
    refused(lambda _: error("NotLicensed", foreman, HOLDERS, OPERATOR_LAPSED))
    institutions.setOperator(foreman, LOGGER, FOR_EVER, {"from": people.manufacturer})
    refused(lambda _: error("NotLicensed", foreman, HOLDERS, OUT_OF_ROLE))
    institutions.removeOperator(foreman, {"from": people.manufacturer})
    refused(lambda _: error("NotLicensed", foreman, HOLDERS, UNACCREDITED))
    # Licensed, and of somebody else.
    institutions.setOperator(foreman, MANUFACTURER | CARRIER, FOR_EVER, {"from": people.carrier})
    refused(lambda shipment: error("NotHolder", shipment, foreman))
    institutions.removeOperator(foreman, {"from": people.carrier})
    institutions.setOperator(foreman, MANUFACTURER, FOR_EVER, {"from": people.manufacturer})
    institutions.suspend(people.manufacturer, {"from": people.regulator})
    refused(lambda _: error("NotLicensed", foreman, HOLDERS, SUSPENDED))


# ---- splitting and merging -------------------------------------------------------------------------------------------


def test_what_cannot_be_split(coldchain, fresh, people):
    def ask(units, sender=people.manufacturer):
        return refusal(coldchain.split, fresh.id, REF, units, sender=sender)

    assert ask(9) is PASSED
    assert ask(10) == error("InvalidShipment", "units")
    assert ask(0) == error("InvalidShipment", "units")
    assert ask(1, people.carrier) == error("NotHolder", fresh.id, people.carrier)
    coldchain.split(fresh.id, REF, 1, {"from": people.manufacturer})
    assert ask(1) == error("ShipmentExists", shipment_id(fresh.shipment.lot, people.manufacturer, REF))


def test_a_part_inherits_all_that_was_judged(coldchain, trip, people):
    trip.log(500, 900, None, 900)
    tx = coldchain.split(trip.id, REF, 4, {"from": people.manufacturer})
    part = str(tx.events["ShipmentSplit"]["into"])
    assert dict(tx.events["ShipmentSplit"]) == {"shipment": trip.id, "into": part, "units": 4}
    assert part == shipment_id(trip.shipment.lot, people.manufacturer, REF)
    assert shipment_of(coldchain, part) == trip.shipment._replace(units=4)
    assert trip.shipment.units == 6
    assert report_of(coldchain, part) == trip.report


def test_TT6_a_split_launders_no_breach(coldchain, trip, people):
    trip.log(*[900] * 3)
    part = coldchain.split(trip.id, REF, 4, {"from": people.manufacturer}).events["ShipmentSplit"]["into"]
    assert (coldchain.verdict(part), shipment_of(coldchain, part).disposition) == (EXCURSION, QUARANTINED)


@pytest.fixture
def pair_of_trips(new_lot, open_trip):
    """Two shipments of a lot, an hour of each judged."""

    def make(profile=Profile(unknown=DAY), lot=None, ago=HOUR):
        lot = lot or new_lot(profile)
        return open_trip(ago=ago, lot_id=lot), open_trip(ago=ago, lot_id=lot)

    return make


def test_what_cannot_be_merged(coldchain, pair_of_trips, open_trip, hand_on, people):
    one, other = pair_of_trips()
    foreign = open_trip(ago=60)

    def ask(a, b, sender=people.manufacturer):
        return refusal(coldchain.merge, a.id, b.id, sender=sender)

    assert ask(one, other) is PASSED
    assert ask(one, one) == error("InvalidShipment", "into")
    assert ask(one, foreign) == error("InvalidShipment", "into")
    assert ask(one, other, people.carrier) == error("NotHolder", one.id, people.carrier)
    other.log(*[900] * 3)
    assert ask(one, other) == error("NotIntact", other.id, EXCURSION)
    assert ask(other, one) == error("NotIntact", other.id, EXCURSION)
    hand_on(one.id, people.manufacturer, people.carrier)
    assert ask(other, one) == error("NotHolder", one.id, people.manufacturer)


def test_TT6_a_merger_keeps_the_worse_of_both(coldchain, pair_of_trips, people):
    one, other = pair_of_trips()
    one.log(500, 850, 100, None)
    other.log(300, 850, 850, 600)
    tx = coldchain.merge(one.id, other.id, {"from": people.manufacturer})
    assert dict(tx.events["ShipmentMerged"]) == {"shipment": one.id, "into": other.id, "units": 10}
    quiet = tx.timestamp - (one.start + 2_400), tx.timestamp - (other.start + 2_400)
    judged = other.judgement
    assert judged == (tx.timestamp, 1, 4, 100, 850, 1_200, 600, max(quiet[0] + 600, quiet[1]), 0)
    assert other.report.runs[:4] == (0, 1_200, 600, 600)
    assert (one.shipment.units, other.shipment.units) == (0, 20)
    assert (one.shipment.disposition, one.verdict, other.verdict) == (SHUT, CLOSED, INTACT)
    assert other.shipment.chain != NO_CHAIN


def test_TT4_a_merger_opens_no_new_window(coldchain, pair_of_trips, people):
    """An hour at 25 °C weighs on what is merged as it did before."""
    profile = Profile(unknown=DAY, mkt_limit=800, mkt_hours=2, rules=((ABOVE, CUMULATIVE, 5_000, 1),))
    one, other = pair_of_trips(profile, ago=3 * HOUR)
    one.log(*[500] * 12, *[1_500] * 2, 500)
    other.log(*[500] * 15)
    coldchain.merge(one.id, other.id, {"from": people.manufacturer})
    assert other.verdict == INTACT
    now = other.judgement.until
    at(now + HOUR)
    other.log(*[1_000] * 5, start=now)
    assert other.judgement.breached == 1 << 8


def test_TT6_too_warm_and_too_cold_together_use_up_a_budget(coldchain, pair_of_trips, people):
    one, other = pair_of_trips(Profile(unknown=DAY, budget=3_000, rules=()))
    one.log(*[900] * 3)
    other.log(*[100] * 3)
    tx = coldchain.merge(one.id, other.id, {"from": people.manufacturer})
    assert dict(tx.events["ShipmentQuarantined"])["breached"] == 1 << 9
    assert (other.verdict, other.report.breached_at) == (EXCURSION, tx.timestamp)


def test_the_sooner_due_is_kept(coldchain, new_lot, open_trip, people):
    lot = new_lot(Profile(unknown=DAY))
    for hours in ((5, 2), (2, 5), (2, 0), (0, 2)):
        one, other = (open_trip(ago=60, lot_id=lot, hours=each) for each in hours)
        due = min(each.shipment.due for each in (one, other) if each.shipment.due)
        coldchain.merge(one.id, other.id, {"from": people.manufacturer})
        assert other.shipment.due == due
