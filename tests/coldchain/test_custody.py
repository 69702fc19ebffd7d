"""Shipments are opened, offered and accepted; only what is intact moves.

given a lot
    when a shipment of it is opened by anyone but its manufacturer      it is refused
    when the logger is no accredited logger                             it is refused
    when units, reference or start are impossible                       it is refused
    when all is well                                                    the manufacturer holds it, its units are taken
given a shipment
    when anyone but its holder offers it                                it is refused: NotHolder, NotLicensed
    when the receiver may hold no vaccine                               it is refused: NotLicensed
    when it is offered                                                  the holder still holds it, and may withdraw
    when anyone but the one it was offered to accepts                   it is refused: NotOffered, NotLicensed
    when the receiver accepts                                           it is the holder, and the offer is gone
    when it is not intact                                               neither offer nor acceptance: NotIntact
"""

import brownie
import pytest
from brownie import web3
from eth_abi import encode

from tests.coldchain.build import (
    DAY,
    EXCURSION,
    EXPIRED,
    HOUR,
    INTACT,
    MOVING,
    NO_HIGHEST,
    NO_LOWEST,
    NO_VERDICT,
    NOBODY,
    UNKNOWN,
    Judgement,
    Shipment,
    key,
    lot_number,
    word,
)
from tests.conftest import CARRIER, LABORATORY, LOGGER, MANUFACTURER, PHARMACY, PROVIDER
from tests.errors import error
from tests.institutions.edge import PASSED, at, refusal

HOLDERS = PROVIDER | PHARMACY | MANUFACTURER | CARRIER | LABORATORY | 1 << 8
UNACCREDITED, LICENSED, OUT_OF_ROLE, LAPSED, SUSPENDED = range(5)
REF = word("SSCC 7")
NOWHERE = "0x" + "cd" * 32


@pytest.fixture
def opening(coldchain, lot, manufacturer, logger, now):
    """How opening a shipment would be refused, one thing changed."""

    def ask(sender=manufacturer, **changes):
        terms = {"lot": lot, "ref": REF, "units": 10, "logger": logger, "from": now - HOUR} | changes
        return refusal(coldchain.openShipment, *terms.values(), sender=sender)

    return ask


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_a_shipment_can_be_opened(opening):
    assert opening() is PASSED


def test_an_unknown_lot_has_no_shipments(opening):
    assert opening(lot=NOWHERE) == error("UnknownLot", NOWHERE)


def test_TT7_another_manufacturer_cannot_open_it(opening, institutions, people, lot):
    institutions.renew(people.carrier, MANUFACTURER, 2**40 - 1, {"from": people.regulator})
    assert opening(sender=people.carrier) == error("NotManufacturer", lot, people.carrier)


@pytest.mark.parametrize(
    ("who", "standing"), [("stranger", UNACCREDITED), ("carrier", OUT_OF_ROLE), ("regulator", UNACCREDITED)]
)
def test_TT7_only_a_manufacturer_opens(opening, people, who, standing):
    account = getattr(people, who)
    assert opening(sender=account) == error("NotLicensed", account, MANUFACTURER, standing)


@pytest.mark.parametrize(("who", "standing"), [("stranger", UNACCREDITED), ("carrier", OUT_OF_ROLE)])
def test_the_logger_is_accredited_as_one(opening, people, who, standing):
    account = getattr(people, who)
    assert opening(logger=account) == error("NotLicensed", account, LOGGER, standing)


def test_a_logger_whose_calibration_lapsed_is_refused(opening, institutions, people):
    institutions.suspend(people.logger, {"from": people.regulator})
    assert opening() == error("NotLicensed", people.logger, LOGGER, SUSPENDED)


def test_a_loggers_key_is_not_the_logger(opening, device):
    assert opening(logger=device.address) == error("InvalidShipment", "logger")


def test_a_shipment_has_units(opening):
    assert opening(units=0) == error("InvalidShipment", "units")


@pytest.mark.parametrize(("units", "sound"), [(999, True), (1_000, True), (1_001, False), (2**32 - 1, False)])
def test_no_more_units_than_the_lot_has_left(opening, lot, units, sound):
    assert opening(units=units) == (PASSED if sound else error("UnitsExceeded", lot, units, 1_000))


def test_TT6_units_are_shipped_once(opening, open_trip, lot):
    open_trip(ref="SSCC 2", units=400)
    open_trip(ref="SSCC 3", units=599)
    assert opening(units=2) == error("UnitsExceeded", lot, 2, 1)
    assert opening(units=1) is PASSED


def test_monitoring_does_not_begin_before_the_lot_was_made(opening, lot_terms):
    assert opening(**{"from": lot_terms.made_at}) is PASSED
    assert opening(**{"from": lot_terms.made_at - 1}) == error("InvalidShipment", "from")


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_monitoring_does_not_begin_in_the_future(opening, now, later):
    at(now + 1_000)
    assert opening(**{"from": now + 1_000 + later}) == (error("InvalidShipment", "from") if later == 1 else PASSED)


def test_TT6_a_reference_is_used_once_a_lot(opening, open_trip):
    trip = open_trip(ref="SSCC 7")
    assert opening() == error("ShipmentExists", trip.id)


def test_a_shipment_is_opened_for_its_manufacturer(coldchain, lot, manufacturer, logger, now):
    tx = coldchain.openShipment(lot, REF, 10, logger, now - HOUR, {"from": manufacturer})
    fields = encode(
        ["bytes32", "bytes32", "address", "bytes32"],
        [web3.keccak(text="salus.shipment"), bytes.fromhex(lot[2:]), manufacturer.address, bytes.fromhex(REF[2:])],
    )
    id_ = web3.keccak(fields).to_0x_hex()
    assert len(tx.events) == 1
    event = dict(tx.events["ShipmentOpened"])
    assert event == {
        "shipment": id_,
        "lot": lot,
        "holder": manufacturer,
        "logger": logger,
        "units": 10,
        "from": now - HOUR,
    }
    assert Shipment(*coldchain.shipment(id_)) == Shipment(
        lot, manufacturer, NOBODY, logger, 10, now - HOUR, 0, MOVING, "0x" + "00" * 32
    )
    assert coldchain.unitsLeft(lot) == 990


def test_a_new_shipment_has_no_readings(open_trip):
    trip = open_trip(ago=60)
    assert trip.judgement == Judgement(trip.start, 0, 0, NO_LOWEST, NO_HIGHEST, 0, 0, 0, 0)
    assert trip.verdict == INTACT


def test_an_unknown_shipment_is_none(coldchain):
    assert coldchain.verdict(NOWHERE) == NO_VERDICT
    assert Shipment(*coldchain.shipment(NOWHERE)).disposition == 0
    assert Judgement(*coldchain.judgement(NOWHERE)) == Judgement(*[0] * 9)


# ---- unknown shipments -----------------------------------------------------------------------------------------------


def test_nothing_can_be_done_with_an_unknown_shipment(coldchain, people):
    unknown = error("UnknownShipment", NOWHERE)
    assert refusal(coldchain.offer, NOWHERE, people.carrier, sender=people.manufacturer) == unknown
    assert refusal(coldchain.accept, NOWHERE, sender=people.carrier) == unknown
    assert refusal(coldchain.release, NOWHERE, 1, sender=people.laboratory) == unknown
    assert refusal(coldchain.destroy, NOWHERE, 1, sender=people.laboratory) == unknown
    batch = (NOWHERE, 0, 0, 600, 1, 0, b"\0" * 32)
    assert refusal(coldchain.log, batch, b"", sender=people.stranger) == unknown


# ---- offering --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(open_trip):
    """A shipment that is intact: nothing is unknown yet."""
    return open_trip(ago=60, ref="fresh")


def test_TT7_only_the_holder_offers(coldchain, fresh, people):
    assert refusal(coldchain.offer, fresh.id, people.clinic, sender=people.carrier) == error(
        "NotHolder", fresh.id, people.carrier
    )


@pytest.mark.parametrize(("who", "standing"), [("stranger", UNACCREDITED), ("insurer", OUT_OF_ROLE), ("logger", OUT_OF_ROLE)])
def test_TT7_who_may_hold_no_vaccine_neither_offers_nor_receives(coldchain, fresh, people, who, standing):
    account = getattr(people, who)
    message = error("NotLicensed", account, HOLDERS, standing)
    assert refusal(coldchain.offer, fresh.id, people.clinic, sender=account) == message
    assert refusal(coldchain.offer, fresh.id, account, sender=people.manufacturer) == message
    assert refusal(coldchain.accept, fresh.id, sender=account) == message


@pytest.mark.parametrize("who", ["hospital", "clinic", "carrier", "laboratory"])
def test_every_trade_that_handles_vaccine_may_receive(coldchain, fresh, people, who):
    assert refusal(coldchain.offer, fresh.id, getattr(people, who), sender=people.manufacturer) is PASSED


def test_an_offer_moves_nothing_yet(coldchain, fresh, people):
    tx = coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    assert (fresh.shipment.holder, fresh.shipment.offered_to) == (people.manufacturer, people.carrier)
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentOffered"]) == {
        "shipment": fresh.id,
        "from": people.manufacturer,
        "to": people.carrier,
    }


def test_an_offer_is_withdrawn_by_offering_to_nobody(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    coldchain.offer(fresh.id, NOBODY, {"from": people.manufacturer})
    assert fresh.shipment.offered_to == NOBODY
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) == error("NotOffered", fresh.id, people.carrier)


def test_an_offer_may_be_withdrawn_when_nothing_moves_any_more(coldchain, fresh, people, now):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    at(now + 30 * DAY)
    assert refusal(coldchain.offer, fresh.id, NOBODY, sender=people.manufacturer) is PASSED


def test_TT7_a_stranger_withdraws_nothing(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    assert refusal(coldchain.offer, fresh.id, NOBODY, sender=people.carrier) == error(
        "NotHolder", fresh.id, people.carrier
    )


def test_the_last_offer_counts(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    coldchain.offer(fresh.id, people.clinic, {"from": people.manufacturer})
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) == error("NotOffered", fresh.id, people.carrier)
    assert refusal(coldchain.accept, fresh.id, sender=people.clinic) is PASSED


def test_operators_act_for_both_sides(coldchain, institutions, fresh, people):
    """An offer to a key is an offer to its institution."""
    driver, foreman = key("driver").address, people.stranger
    institutions.setOperator(foreman, MANUFACTURER, 2**40 - 1, {"from": people.manufacturer})
    institutions.setOperator(driver, CARRIER, 2**40 - 1, {"from": people.carrier})
    coldchain.offer(fresh.id, driver, {"from": foreman})
    assert fresh.shipment.offered_to == people.carrier
    assert refusal(coldchain.accept, fresh.id, sender=driver) is PASSED


def test_an_operator_without_a_holders_role_cannot_offer(coldchain, institutions, fresh, people):
    institutions.setOperator(people.stranger, LOGGER, 2**40 - 1, {"from": people.manufacturer})
    assert refusal(coldchain.offer, fresh.id, people.clinic, sender=people.stranger) == error(
        "NotLicensed", people.stranger, HOLDERS, OUT_OF_ROLE
    )


# ---- accepting -------------------------------------------------------------------------------------------------------


def test_TT7_custody_cannot_be_pushed_on_anyone(coldchain, fresh, people):
    with brownie.reverts(error("NotOffered", fresh.id, people.clinic)):
        coldchain.accept(fresh.id, {"from": people.clinic})


def test_TT7_the_holder_cannot_accept_for_the_receiver(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    assert refusal(coldchain.accept, fresh.id, sender=people.manufacturer) == error(
        "NotOffered", fresh.id, people.manufacturer
    )


def test_the_receiver_accepts_and_holds(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    tx = coldchain.accept(fresh.id, {"from": people.carrier})
    assert (fresh.shipment.holder, fresh.shipment.offered_to) == (people.carrier, NOBODY)
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentAccepted"]) == {
        "shipment": fresh.id,
        "from": people.manufacturer,
        "to": people.carrier,
    }


def test_TT7_an_offer_is_good_once(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    coldchain.accept(fresh.id, {"from": people.carrier})
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) == error("NotOffered", fresh.id, people.carrier)
    assert refusal(coldchain.offer, fresh.id, people.clinic, sender=people.manufacturer) == error(
        "NotHolder", fresh.id, people.manufacturer
    )


def test_TT7_a_receiver_that_was_suspended_meanwhile_cannot_accept(coldchain, institutions, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    institutions.suspend(people.carrier, {"from": people.regulator})
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) == error(
        "NotLicensed", people.carrier, HOLDERS, SUSPENDED
    )


def test_a_shipment_passes_from_hand_to_hand(coldchain, fresh, people):
    hands = [people.manufacturer, people.carrier, people.clinic, people.hospital]
    for giver, receiver in zip(hands, hands[1:]):
        coldchain.offer(fresh.id, receiver, {"from": giver})
        coldchain.accept(fresh.id, {"from": receiver})
    assert fresh.shipment.holder == people.hospital


# ---- only what is intact ---------------------------------------------------------------------------------------------


def test_a_breach_quarantines_in_its_own_transaction(coldchain, trip, people):
    trip.log(500, start=trip.start)
    trip.log(*[900] * 3)
    message = error("NotIntact", trip.id, EXCURSION)
    assert refusal(coldchain.offer, trip.id, people.carrier, sender=people.manufacturer) == message


def test_what_was_offered_before_a_breach_is_offered_no_more(coldchain, open_trip, people):
    trip = open_trip(ago=3 * HOUR, ref="offered")
    trip.log(*[500] * 12)
    coldchain.offer(trip.id, people.carrier, {"from": people.manufacturer})
    trip.log(*[900] * 4)
    assert trip.shipment.offered_to == NOBODY
    assert refusal(coldchain.accept, trip.id, sender=people.carrier) == error("NotOffered", trip.id, people.carrier)


def test_TT2_what_was_offered_before_a_silence_cannot_be_accepted_after_it(coldchain, fresh, people):
    coldchain.offer(fresh.id, people.carrier, {"from": people.manufacturer})
    at(fresh.start + 2 * HOUR)
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) is PASSED
    at(fresh.start + 2 * HOUR + 1)
    message = error("NotIntact", fresh.id, UNKNOWN)
    assert refusal(coldchain.accept, fresh.id, sender=people.carrier) == message
    assert refusal(coldchain.offer, fresh.id, people.clinic, sender=people.manufacturer) == message


def test_what_expires_on_the_way_cannot_be_accepted(coldchain, lot_terms, people, open_trip, now):
    short = lot_terms._replace(number=lot_number("SHORT"), expires_at=now + HOUR)
    tx = coldchain.registerLot(short, {"from": people.manufacturer})
    trip = open_trip(ago=60, lot_id=tx.events["LotRegistered"]["lot"])
    coldchain.offer(trip.id, people.carrier, {"from": people.manufacturer})
    at(short.expires_at - 1)
    assert refusal(coldchain.accept, trip.id, sender=people.carrier) is PASSED
    at(short.expires_at)
    assert refusal(coldchain.accept, trip.id, sender=people.carrier) == error("NotIntact", trip.id, EXPIRED)
