"""Shipments are opened and handed on; only what is intact moves.

given a lot
    when it is opened by anyone but its manufacturer, or impossibly             it is refused
    when all is well                                                            the manufacturer holds it, its units are
    taken
given a shipment
    when it is handed on without either party's proof                           it is refused: NotHolder,
    InvalidSignature when a signature is late, of another handover, or used                      it is refused:
        SignatureExpired, InvalidSignature
    when the receiver may hold no vaccine, or is the holder                     it is refused: NotLicensed,
        InvalidHandover
    when it is not intact                                                       it goes only to a laboratory or its
    manufacturer when both prove it                                                          the receiver holds it, at a
    time of its own when the receiver refuses it                                                the offer is used up;
    what is spoilt is quarantined when units are dispensed                                                    it is
    intact and has as many
"""

import itertools

import pytest

from tests.conftest import CARRIER, LABORATORY, MANUFACTURER, PHARMACY, PROVIDER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.keys import key_of
from tests.support.shipment_builders import (
    ACTIVE,
    BY_HAND,
    DAY,
    EXCURSION,
    HOUR,
    INTACT,
    NO_CHAIN,
    NOTHING,
    OVERDUE,
    QUARANTINED,
    UNKNOWN,
    YEAR_2025,
    Handover,
    Profile,
    Shipment,
    key,
    minute,
    report_of,
    shipment_id,
    shipment_of,
    sign_acceptance,
    sign_offer,
    word,
)

HOLDERS = PROVIDER | PHARMACY | MANUFACTURER | CARRIER | LABORATORY | 1 << 8
UNACCREDITED, LICENSED, OUT_OF_ROLE, LAPSED, SUSPENDED = range(5)
NOWHERE = "0x" + "cd" * 32
REF = word("a reference")


@pytest.fixture
def opening(coldchain, lot, manufacturer):
    """How opening a shipment would be refused, one thing changed."""

    def ask(sender=manufacturer, **changes):
        terms = {"lot": lot, "ref": REF, "units": 10, "hours": 0, "origin": NOTHING, "destination": NOTHING} | changes
        return refusal(coldchain.open, *terms.values(), sender=sender)

    return ask


# ---- opening ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "standing"), [("stranger", UNACCREDITED), ("carrier", OUT_OF_ROLE)])
def test_TT7_only_a_manufacturer_opens(opening, people, who, standing):
    account = getattr(people, who)
    assert opening(sender=account) == error("NotLicensed", account, MANUFACTURER, standing)


def test_TT7_another_manufacturer_cannot_open_it(opening, institutions, people, lot):
    institutions.renew(people.carrier, MANUFACTURER, 2**40 - 1, {"from": people.regulator})
    assert opening(sender=people.carrier) == error("NotManufacturer", lot, people.carrier)


def test_what_cannot_be_opened(opening, lot):
    assert opening() is PASSED
    assert opening(lot=NOWHERE) == error("UnknownLot", NOWHERE)
    assert opening(units=0) == error("InvalidShipment", "units")
    assert opening(hours=8_760) is PASSED
    assert opening(hours=8_761) == error("InvalidShipment", "hoursAllowed")
    assert opening(units=1_000) is PASSED
    assert opening(units=1_001) == error("UnitsExceeded", lot, 1_001, 1_000)


def test_TT6_units_are_shipped_once_and_a_reference_is_used_once(coldchain, opening, open_trip, lot, manufacturer):
    coldchain.open(lot, REF, 990, 0, NOTHING, NOTHING, {"from": manufacturer})
    assert coldchain.unitsLeft(lot) == 10
    assert opening(units=1) == error("ShipmentExists", shipment_id(lot, manufacturer, REF))
    assert opening(units=11, ref=NOWHERE) == error("UnitsExceeded", lot, 11, 10)
    assert opening(units=10, ref=NOWHERE) is PASSED


def test_nothing_of_a_recalled_or_expired_lot_is_opened(coldchain, opening, new_lot, manufacturer, began):
    lot = new_lot()
    id_ = shipment_id(lot, manufacturer, REF)
    at(began + 100 * DAY - 1)
    assert opening(lot=lot) is PASSED
    at(began + 100 * DAY)
    assert opening(lot=lot) == error("NotIntact", id_, 5)
    coldchain.recall(lot, 7, {"from": manufacturer})
    assert opening(lot=lot) == error("NotIntact", id_, 6)


def test_a_shipment_is_opened_for_its_manufacturer(coldchain, new_lot, manufacturer):
    lot, origin, destination = new_lot(), word("origin"), word("destination")
    assert coldchain.unitsLeft(lot) == 1_000
    tx = coldchain.open(lot, REF, 10, 5, origin, destination, {"from": manufacturer})
    id_ = shipment_id(lot, manufacturer, REF)
    due = -(-(tx.timestamp + 5 * HOUR) // HOUR) * HOUR
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentOpened"]) == {
        "shipment": id_,
        "lot": lot,
        "holder": manufacturer,
        "units": 10,
        "origin": origin,
        "destination": destination,
        "due": due,
    }
    assert shipment_of(coldchain, id_) == Shipment(lot, manufacturer, 10, minute(tx.timestamp), due, ACTIVE, NO_CHAIN)
    assert coldchain.unitsLeft(lot) == 990
    assert coldchain.verdict(id_) == UNKNOWN  # nobody monitors it yet
    assert report_of(coldchain, id_).judgement.until == tx.timestamp - (tx.timestamp - YEAR_2025) % 60


def test_an_unknown_shipment_is_none(coldchain):
    assert coldchain.verdict(NOWHERE) == 0
    assert shipment_of(coldchain, NOWHERE) == Shipment(NOTHING, "0x" + "00" * 20, 0, 0, 0, 0, NO_CHAIN)
    assert report_of(coldchain, NOWHERE)[:3] == (0, 0, 0)


def test_nothing_can_be_done_with_an_unknown_shipment(coldchain, people):
    unknown = error("UnknownShipment", NOWHERE)
    handover = Handover(NOWHERE, people.carrier.address, 2**40 - 1)
    calls = {
        coldchain.split: (NOWHERE, REF, 1),
        coldchain.merge: (NOWHERE, REF),
        coldchain.hand: (handover.struct, b"", b""),
        coldchain.reject: (handover.struct, b"", 1),
        coldchain.dispense: (NOWHERE, people.clinic, 1),
        coldchain.pair: (NOWHERE, people.clinic, 0, 1, 0),
        coldchain.quarantine: (NOWHERE, 1),
        coldchain.release: (NOWHERE, 1),
        coldchain.destroy: (NOWHERE, 1),
    }
    for method, args in calls.items():
        assert refusal(method, *args, sender=people.laboratory) == unknown


# ---- handing on ------------------------------------------------------------------------------------------------------


@pytest.fixture
def handover(fresh, carrier, now):
    return Handover(fresh.id, carrier.address, now + HOUR)


def test_both_parties_prove_it_whoever_sends(coldchain, handing, handover, people):
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    acceptance = sign_acceptance(coldchain, handover, key_of(people.carrier))
    assert handing(handover, people.carrier, giver=offer) is PASSED
    assert handing(handover, people.manufacturer, receiver=acceptance) is PASSED
    assert handing(handover, people.stranger, offer, acceptance) is PASSED


def test_TT7_custody_cannot_be_pushed_on_anyone(coldchain, handing, handover, people):
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    message = error("InvalidSignature", handover.shipment, people.carrier)
    assert handing(handover, people.manufacturer) == message
    assert handing(handover, people.stranger, giver=offer) == message
    assert handing(handover, people.manufacturer, receiver=offer) == message
    forged = sign_acceptance(coldchain, handover, key_of(people.manufacturer))
    assert handing(handover, people.manufacturer, receiver=forged) == message


def test_TT7_custody_cannot_be_taken_from_anyone(coldchain, handing, handover, people):
    assert handing(handover, people.carrier) == error("NotHolder", handover.shipment, people.carrier)
    forged = sign_offer(coldchain, handover, key_of(people.carrier))
    message = error("InvalidSignature", handover.shipment, people.manufacturer)
    assert handing(handover, people.carrier, giver=forged) == message
    assert handing(handover, people.carrier, giver=b"\1") == message
    acceptance = sign_acceptance(coldchain, handover, key_of(people.manufacturer))
    assert handing(handover, people.carrier, giver=acceptance) == message
    assert handing(handover, people.stranger) == error("NotLicensed", people.stranger, HOLDERS, UNACCREDITED)


CHANGES = {"to": None, "deadline": 7, "hours_allowed": 1, "seal": word("another seal"), "vvm": 1, "shake": 1}


@pytest.mark.parametrize("field", CHANGES)
def test_TT7_every_field_is_signed(coldchain, handing, handover, people, field):
    """The giver signs all but what the receiver sees; the receiver signs all."""
    other = people.clinic.address if field == "to" else handover.deadline + 7 if field == "deadline" else CHANGES[field]
    changed = handover._replace(**{field: other})
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    acceptance = sign_acceptance(coldchain, handover, key_of(people.carrier))
    sees = field in ("vvm", "shake")
    receiver = people.clinic if field == "to" else people.carrier
    message = PASSED if sees else error("InvalidSignature", handover.shipment, people.manufacturer)
    assert handing(changed, receiver, giver=offer) == message
    wrong = error("InvalidSignature", handover.shipment, receiver)
    assert handing(changed, people.manufacturer, receiver=acceptance) == wrong


@pytest.mark.parametrize(
    "change", [{"chainId": 1}, {"verifyingContract": NOWHERE[:42]}, {"version": "2"}, {"name": "Salus"}]
)
def test_TT1_a_signature_counts_here_alone(coldchain, handing, handover, people, change):
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer), **change)
    message = error("InvalidSignature", handover.shipment, people.manufacturer)
    assert handing(handover, people.carrier, giver=offer) == message


@pytest.mark.parametrize("later", [0, 1])
def test_a_signature_counts_until_its_deadline(coldchain, handing, fresh, people, now, later):
    handover = Handover(fresh.id, people.carrier.address, now + 100)
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    at(now + 100 + later)
    message = error("SignatureExpired", now + 100, now + 101) if later else PASSED
    assert handing(handover, people.carrier, giver=offer) == message


def test_TT1_no_signature_serves_twice_not_even_after_the_goods_came_back(
    coldchain, handing, hand_on, handover, people
):
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    coldchain.hand(handover.struct, offer, b"", {"from": people.carrier})
    hand_on(handover.shipment, people.carrier, people.manufacturer)
    message = error("InvalidSignature", handover.shipment, people.manufacturer)
    assert handing(handover, people.carrier, giver=offer) == message


def test_what_cannot_be_handed(coldchain, handing, handover, people):
    def ask(**changes):
        return handing(handover._replace(**changes), people.manufacturer)

    assert ask(to=people.manufacturer.address) == error("InvalidHandover", "to")
    assert ask(hours_allowed=8_761) == error("InvalidHandover", "hoursAllowed")
    assert ask(vvm=5) == error("InvalidHandover", "vvm")
    assert ask(shake=3) == error("InvalidHandover", "shake")
    shipment, terms, seal = handover.struct
    for spare in (232, 255):
        more = (shipment, terms | 1 << spare, seal)
        assert refusal(coldchain.hand, more, b"", b"", sender=people.manufacturer) == error("InvalidHandover", "terms")
        assert refusal(coldchain.reject, more, b"", 1, sender=people.carrier) == error("InvalidHandover", "terms")
    for who, standing in (("stranger", UNACCREDITED), ("insurer", OUT_OF_ROLE), ("logger", OUT_OF_ROLE)):
        account = getattr(people, who)
        assert ask(to=account.address) == error("NotLicensed", account, HOLDERS, standing)


@pytest.mark.parametrize(
    ("field", "value", "good"),
    [("vvm", 2, True), ("vvm", 3, False), ("vvm", 4, False), ("shake", 1, True), ("shake", 2, False)],
)
def test_what_is_spoilt_is_handed_only_to_where_it_is_looked_into(
    coldchain, handing, handover, people, field, value, good
):
    seen = handover._replace(**{field: value})
    acceptance = sign_acceptance(coldchain, seen, key_of(people.carrier))
    message = PASSED if good else error("InvalidHandover", field)
    assert handing(seen, people.manufacturer, receiver=acceptance) == message
    seen = seen._replace(to=people.laboratory.address)
    acceptance = sign_acceptance(coldchain, seen, key_of(people.laboratory))
    assert handing(seen, people.manufacturer, receiver=acceptance) is PASSED


@pytest.mark.parametrize("seen", [{"vvm": 3}, {"shake": 2}])
def test_what_went_back_spoilt_is_quarantined_until_it_is_released(coldchain, hand_on, fresh, people, seen):
    tx = hand_on(fresh.id, people.manufacturer, people.laboratory, **seen)
    assert dict(tx.events["ShipmentQuarantined"]) == {
        "shipment": fresh.id,
        "breached": 1 << 11,
        "breachedAt": 0,
        "by": people.laboratory,
        "reason": 0,
    }
    assert coldchain.verdict(fresh.id) == EXCURSION
    coldchain.release(fresh.id, 1, {"from": people.laboratory})
    assert coldchain.verdict(fresh.id) == INTACT


def test_the_receiver_holds_it_from_now_on(coldchain, hand_on, fresh, people):
    seal = word("seal")
    tx = hand_on(fresh.id, people.manufacturer, people.carrier, hours_allowed=3, vvm=1, shake=1, seal=seal)
    due = -(-(tx.timestamp + 3 * HOUR) // HOUR) * HOUR
    since = fresh.shipment.since
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentHanded"]) == {
        "shipment": fresh.id,
        "from": people.manufacturer,
        "to": people.carrier,
        "terms": since | due << 32 | 1 << 72 | 1 << 80,
        "seal": seal,
    }
    assert (fresh.shipment.holder, fresh.shipment.due) == (people.carrier, due)


def test_two_handovers_in_one_minute_have_two_times(hand_on, fresh, people):
    times = [fresh.shipment.since]
    hands = [people.manufacturer, people.carrier, people.clinic, people.hospital]
    for giver, receiver in itertools.pairwise(hands):
        hand_on(fresh.id, giver, receiver)
        times.append(fresh.shipment.since)
    assert times == sorted(set(times))
    assert fresh.shipment.holder == people.hospital


def test_operators_act_for_both_sides(coldchain, institutions, handing, handover, people):
    foreman, driver = key("foreman"), key("driver")
    institutions.setOperator(foreman.address, MANUFACTURER, 2**40 - 1, {"from": people.manufacturer})
    institutions.setOperator(driver.address, CARRIER, 2**40 - 1, {"from": people.carrier})
    handover = handover._replace(to=driver.address)
    offer, acceptance = sign_offer(coldchain, handover, foreman), sign_acceptance(coldchain, handover, driver)
    assert handing(handover, people.stranger, offer, acceptance) is PASSED
    coldchain.hand(handover.struct, offer, acceptance, {"from": people.stranger})
    assert shipment_of(coldchain, handover.shipment).holder == people.carrier


def test_who_lost_its_licence_hands_over_and_its_operator_does_not(coldchain, institutions, handing, handover, people):
    foreman = key("foreman")
    institutions.setOperator(foreman.address, MANUFACTURER, 2**40 - 1, {"from": people.manufacturer})
    institutions.suspend(people.manufacturer, {"from": people.regulator})
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    assert handing(handover, people.carrier, giver=offer) is PASSED
    offer = sign_offer(coldchain, handover, foreman)
    assert handing(handover, people.carrier, giver=offer) == error("NotLicensed", foreman.address, HOLDERS, SUSPENDED)


def test_TT7_a_receiver_that_was_suspended_meanwhile_gets_nothing(coldchain, institutions, handing, handover, people):
    acceptance = sign_acceptance(coldchain, handover, key_of(people.carrier))
    institutions.suspend(people.carrier, {"from": people.regulator})
    message = error("NotLicensed", people.carrier, HOLDERS, SUSPENDED)
    assert handing(handover, people.manufacturer, receiver=acceptance) == message


def test_a_wallet_signs_by_ERC_1271(coldchain, institutions, handing, fresh, people, salus_project, now):
    wallet = salus_project.Wallet.deploy(key_of(people.stranger).address, {"from": people.stranger})
    institutions.setOperator(wallet, CARRIER, 2**40 - 1, {"from": people.carrier})
    handover = Handover(fresh.id, wallet.address, now + HOUR)
    acceptance = sign_acceptance(coldchain, handover, key_of(people.stranger))
    assert handing(handover, people.manufacturer, receiver=acceptance) is PASSED


# ---- what is not intact ----------------------------------------------------------------------------------------------


def test_a_breach_stops_it_in_its_own_transaction_and_only_a_laboratory_gets_it(
    coldchain, handing, hand_on, trip, people
):
    trip.log(*[500] * 57, *[900] * 3)
    handover = Handover(trip.id, people.carrier.address, 2**40 - 1)
    assert handing(handover, people.manufacturer) == error("InvalidSignature", trip.id, people.carrier)
    acceptance = sign_acceptance(coldchain, handover, key_of(people.carrier))
    message = error("NotIntact", trip.id, EXCURSION)
    assert handing(handover, people.manufacturer, receiver=acceptance) == message
    hand_on(trip.id, people.manufacturer, people.laboratory, hours_allowed=1)
    assert (trip.shipment.holder, trip.shipment.disposition) == (people.laboratory, QUARANTINED)
    hand_on(trip.id, people.laboratory, people.manufacturer)
    assert (trip.shipment.holder, trip.verdict) == (people.manufacturer, EXCURSION)


def test_TT2_what_was_signed_before_a_silence_moves_nothing_after_it(coldchain, handing, fresh, people):
    handover = Handover(fresh.id, people.carrier.address, 2**40 - 1)
    acceptance = sign_acceptance(coldchain, handover, key_of(people.carrier))
    at(fresh.start + 2 * HOUR)
    assert handing(handover, people.manufacturer, receiver=acceptance) is PASSED
    at(fresh.start + 2 * HOUR + 1)
    message = error("NotIntact", fresh.id, UNKNOWN)
    assert handing(handover, people.manufacturer, receiver=acceptance) == message


def test_who_is_late_is_late_wherever_it_goes(coldchain, handing, hand_on, new_lot, open_trip, people):
    trip = open_trip(ago=60, hours=1, lot_id=new_lot(Profile(unknown=DAY)))
    due = trip.shipment.due
    at(due - 1)
    assert trip.verdict == INTACT
    at(due)
    assert trip.verdict == OVERDUE
    hand_on(trip.id, people.manufacturer, people.laboratory)
    assert (trip.verdict, trip.shipment.due) == (OVERDUE, due)
    coldchain.release(trip.id, 1, {"from": people.laboratory})
    assert (trip.verdict, trip.shipment.due) == (INTACT, 0)


def test_TT2_time_before_the_first_logger_is_not_forgotten_on_the_way(coldchain, hand_on, lot, new_device, people, now):
    """To a laboratory and back: then `since` says no more when it was opened."""
    tx = coldchain.open(lot, REF, 1, 0, NOTHING, NOTHING, {"from": people.manufacturer})
    id_, opened = str(tx.events["ShipmentOpened"]["shipment"]), tx.timestamp - (tx.timestamp - YEAR_2025) % 60
    at(now + 5 * HOUR)
    hand_on(id_, people.manufacturer, people.laboratory)
    hand_on(id_, people.laboratory, people.manufacturer)
    assert report_of(coldchain, id_).judgement.until == opened
    coldchain.pair(id_, new_device().address, now + 5 * HOUR, 2**40 - 1, 0, {"from": people.manufacturer})
    assert report_of(coldchain, id_).judgement.unknown == now + 5 * HOUR - opened


# ---- refusing --------------------------------------------------------------------------------------------------------


def test_a_refusal_uses_up_the_offer_and_moves_nothing(coldchain, handing, handover, people):
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    assert refusal(coldchain.reject, handover.struct, offer, 0, sender=people.carrier) == error("InvalidReason", 0)
    other = error("InvalidSignature", handover.shipment, people.carrier)
    assert refusal(coldchain.reject, handover.struct, offer, 3, sender=people.clinic) == other
    since = shipment_of(coldchain, handover.shipment).since
    tx = coldchain.reject(handover.struct, offer, 3, {"from": people.carrier})
    assert len(tx.events) == 1
    assert dict(tx.events["ShipmentRejected"]) == {
        "shipment": handover.shipment,
        "holder": people.manufacturer,
        "by": people.carrier,
        "reason": 3,
    }
    kept = shipment_of(coldchain, handover.shipment)
    assert (kept.holder, kept.disposition) == (people.manufacturer, ACTIVE) and kept.since > since
    used = error("InvalidSignature", handover.shipment, people.manufacturer)
    assert handing(handover, people.carrier, giver=offer) == used
    assert refusal(coldchain.reject, handover.struct, offer, 3, sender=people.carrier) == used


@pytest.mark.parametrize(("field", "value"), [("vvm", 3), ("vvm", 4), ("shake", 2)])
def test_what_the_receiver_sees_spoilt_is_quarantined(coldchain, handover, people, field, value):
    handover = handover._replace(**{field: value})
    offer = sign_offer(coldchain, handover, key_of(people.manufacturer))
    tx = coldchain.reject(handover.struct, offer, 3, {"from": people.carrier})
    assert dict(tx.events["ShipmentQuarantined"]) == {
        "shipment": handover.shipment,
        "breached": BY_HAND,
        "breachedAt": 0,
        "by": people.carrier,
        "reason": 3,
    }
    assert coldchain.verdict(handover.shipment) == EXCURSION


# ---- dispensing ------------------------------------------------------------------------------------------------------


def test_what_cannot_be_dispensed(coldchain, hand_on, fresh, people):
    hand_on(fresh.id, people.manufacturer, people.clinic)

    def ask(units, holder=people.clinic, sender=people.clinic):
        return refusal(coldchain.dispense, fresh.id, holder, units, sender=sender)

    assert ask(10) is PASSED
    assert ask(11) == error("InvalidShipment", "units")
    assert ask(0) == error("InvalidShipment", "units")
    assert ask(1, holder=people.hospital) == error("NotHolder", fresh.id, people.hospital)
    for other in (people.hospital, people.stranger, people.regulator):
        assert ask(1, sender=other) == error("AccessManagedUnauthorized", other)
    at(fresh.start + 3 * HOUR)
    assert ask(1) == error("NotIntact", fresh.id, UNKNOWN)


def test_TT6_a_unit_is_dispensed_once(coldchain, hand_on, fresh, people):
    hand_on(fresh.id, people.manufacturer, people.clinic)
    tx = coldchain.dispense(fresh.id, people.clinic, 7, {"from": people.clinic})
    assert dict(tx.events["UnitsDispensed"]) == {"shipment": fresh.id, "holder": people.clinic, "units": 7}
    assert fresh.shipment.units == 3
    message = error("InvalidShipment", "units")
    assert refusal(coldchain.dispense, fresh.id, people.clinic, 4, sender=people.clinic) == message


def test_who_lost_its_licence_dispenses_nothing(coldchain, institutions, hand_on, fresh, people):
    hand_on(fresh.id, people.manufacturer, people.clinic)
    institutions.suspend(people.clinic, {"from": people.regulator})
    message = error("NotLicensed", people.clinic, HOLDERS, SUSPENDED)
    assert refusal(coldchain.dispense, fresh.id, people.clinic, 1, sender=people.clinic) == message
