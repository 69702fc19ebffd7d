"""A device is paired with a shipment from a time to a time.

given a shipment
    when anyone but its holder pairs a device                                   it is refused: NotHolder, NotLicensed
    when the device is no licensed logger, not in service or not calibrated     NotLicensed, InvalidPairing
    when the time is impossible, or the device is beside another one            InvalidPairing(from, to, busy)
    when it is paired the first time                                            time is judged from there on; what was
    before is unknown
given a pairing
    when its holder or the device's owner ends it                               nothing from then on is taken
"""

import pytest

from tests.conftest import LOGGER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.shipment_builders import (
    DAY,
    HOUR,
    INTACT,
    NOBODY,
    NOTHING,
    UNKNOWN,
    YEAR_2025,
    Profile,
    key,
    report_of,
    word,
)

FOR_EVER = 2**40 - 1
UNACCREDITED, OUT_OF_ROLE, SUSPENDED = 0, 2, 4
LOST = 2
HOLDERS = 0x13B


@pytest.fixture(scope="module")
def bare(coldchain, new_lot, manufacturer):
    """A shipment without a logger, and the second in which it was opened."""
    lot = new_lot(Profile(unknown=DAY))
    tx = coldchain.open(lot, word("bare"), 10, 0, NOTHING, NOTHING, {"from": manufacturer})
    return str(tx.events["ShipmentOpened"]["shipment"]), tx.timestamp


@pytest.fixture(scope="module")
def device(new_device):
    return new_device().address


@pytest.fixture
def pairing(coldchain, bare, device, manufacturer, now):
    """How a pairing would be refused, one thing changed."""

    def ask(sender=manufacturer, **changes):
        terms = {"shipment": bare[0], "device": device, "from": now, "to": FOR_EVER, "model": 0} | changes
        return refusal(coldchain.pair, *terms.values(), sender=sender)

    return ask


def test_TT7_only_the_holder_pairs(pairing, bare, people):
    assert pairing() is PASSED
    assert pairing(sender=people.carrier) == error("NotHolder", bare[0], people.carrier)
    assert pairing(sender=people.stranger) == error("NotLicensed", people.stranger, HOLDERS, UNACCREDITED)


def test_a_device_is_a_licensed_logger(pairing, institutions, people, device):
    assert pairing(device=people.stranger) == error("NotLicensed", people.stranger, LOGGER, UNACCREDITED)
    assert pairing(device=people.carrier) == error("NotLicensed", people.carrier, LOGGER, OUT_OF_ROLE)
    institutions.suspend(people.logger, {"from": people.regulator})
    assert pairing() == error("NotLicensed", device, LOGGER, SUSPENDED)


def test_a_device_is_in_service(pairing, loggers, institutions, people, device):
    unknown = key("unregistered").address
    institutions.setOperator(unknown, LOGGER, FOR_EVER, {"from": people.logger})
    assert pairing(device=unknown) == error("InvalidPairing", "device")
    loggers.setCondition(device, LOST, NOBODY, {"from": people.logger})
    assert pairing() == error("InvalidPairing", "device")


def test_a_pairing_ends_with_the_calibration(coldchain, pairing, loggers, bare, people, device, now):
    loggers.calibrate(device, now + DAY, bytes(32), {"from": people.laboratory})
    at(now + DAY)
    assert pairing(**{"from": now + DAY}) == error("InvalidPairing", "calibration")
    assert pairing(**{"from": now + DAY - 1}) is PASSED
    coldchain.pair(bare[0], device, now, FOR_EVER, 0, {"from": people.manufacturer})
    assert tuple(coldchain.pairing(bare[0], device)) == (now, now + DAY, 0)


def test_TT3_a_pairing_begins_when_it_can(coldchain, pairing, fresh, people, began, now):
    made = began - 100 * DAY
    assert pairing(**{"from": made}) is PASSED
    assert pairing(**{"from": made - 1}) == error("InvalidPairing", "from")
    assert pairing(**{"from": now + 1}) == error("InvalidPairing", "from")
    assert pairing(to=now) == error("InvalidPairing", "to")
    assert pairing(to=now + 1) is PASSED
    judged = {"shipment": fresh.id, "from": fresh.start}
    assert pairing(**judged) is PASSED
    assert pairing(**judged | {"from": fresh.start - 1}) == error("InvalidPairing", "from")


def test_TT1_a_device_is_beside_one_shipment_at_a_time(coldchain, pairing, fresh, bare, people, device, now):
    coldchain.pair(fresh.id, device, now, now + 500, 0, {"from": people.manufacturer})
    at(now + 1_000)
    assert pairing(**{"from": now + 499}) == error("InvalidPairing", "busy")
    assert pairing(**{"from": now + 500}) is PASSED
    coldchain.unpair(fresh.id, device, now + 300, {"from": people.manufacturer})
    assert pairing(**{"from": now + 299}) == error("InvalidPairing", "busy")
    assert pairing(**{"from": now + 300}) is PASSED


def test_a_model_is_trusted(pairing):
    assert pairing(model=7) == error("InvalidPairing", "model")


def test_TT2_time_before_the_first_pairing_is_unknown(coldchain, bare, people, device):
    id_, opened = bare
    at(opened + 5 * HOUR)
    assert coldchain.verdict(id_) == UNKNOWN
    tx = coldchain.pair(id_, device, opened + 5 * HOUR, FOR_EVER, 0, {"from": people.manufacturer})
    event = dict(tx.events["LoggerPaired"])
    assert (event["shipment"], event["logger"], event["from"], event["model"]) == (id_, device, opened + 5 * HOUR, 0)
    judged = report_of(coldchain, id_).judgement
    assert (judged.until, judged.unknown) == (opened + 5 * HOUR, 5 * HOUR + (opened - YEAR_2025) % 60)
    assert coldchain.verdict(id_) == INTACT


def test_a_logger_that_was_beside_it_before_leaves_nothing_unknown(coldchain, bare, people, device):
    id_, opened = bare
    coldchain.pair(id_, device, opened - HOUR // 2, FOR_EVER, 0, {"from": people.manufacturer})
    judged = report_of(coldchain, id_).judgement
    assert (judged.until, judged.unknown) == (opened - HOUR // 2, 0)


# ---- ending ----------------------------------------------------------------------------------------------------------


def test_who_ends_a_pairing(coldchain, fresh, people, now):
    def ask(sender, to=now, device=fresh.device.address):
        return refusal(coldchain.unpair, fresh.id, device, to, sender=sender)

    assert ask(people.manufacturer) is PASSED
    assert ask(people.logger) is PASSED
    for other in (people.carrier, people.stranger):
        assert ask(other) == error("NotHolder", fresh.id, other)
    assert ask(people.manufacturer, device=people.carrier.address) == error("NotPaired", fresh.id, people.carrier)
    assert ask(people.manufacturer, to=fresh.start) is PASSED
    assert ask(people.manufacturer, to=fresh.start - 1) == error("InvalidPairing", "to")
    assert ask(people.manufacturer, to=FOR_EVER) == error("InvalidPairing", "to")


def test_what_a_device_reads_after_its_pairing_is_not_taken(coldchain, trip, refused, people):
    device, end = trip.device.address, trip.start + 1_200
    tx = coldchain.unpair(trip.id, device, end, {"from": people.manufacturer})
    assert dict(tx.events["PairingEnded"]) == {"shipment": trip.id, "logger": device, "to": end}
    assert refused(trip.batch(500, 500)) is PASSED
    assert refused(trip.batch(500, 500, 500)) == error("OutsidePairing", trip.start, end)


def test_TT2_a_lost_logger_is_replaced_and_the_gap_is_unknown(coldchain, trip, new_device, people, now):
    trip.log(500, 500)
    coldchain.unpair(trip.id, trip.device.address, trip.start + 1_200, {"from": people.manufacturer})
    trip.device = new_device()
    coldchain.pair(trip.id, trip.device.address, trip.start + 3_000, FOR_EVER, 0, {"from": people.manufacturer})
    trip.log(500, start=trip.start + 3_000)
    assert (trip.judged.unknown, trip.judged.batches) == (1_800, 2)
