"""Vaccine at the clinic, and a schedule to give it by."""

import pytest

from tests.conftest import LOGGER
from tests.support import boundary_time, dose_builders, lot_builders
from tests.support.dose_builders import CVX, DAY, STEPS
from tests.support.keys import key_of
from tests.support.lot_builders import DIGITS, GTIN, PREFIX

FOR_EVER = 2**40 - 1


@pytest.fixture(scope="module")
def schedule(doses, regulator):
    return str(doses.registerSchedule(CVX, STEPS, {"from": regulator}).events["ScheduleRegistered"]["schedule"])


@pytest.fixture(scope="module")
def lot(lots, manufacturer, regulator):
    """A lot whose profile bears years without readings: these tests are about other things than temperatures."""
    profile = lot_builders.Profile(silence=2_000 * DAY, unknown=2_000 * DAY)
    profile_id = lots.registerProfile(profile, {"from": regulator}).events["ProfileRegistered"]["profile"]
    lots.assignPrefix(PREFIX, DIGITS, manufacturer, {"from": regulator})
    terms = lot_builders.Lot(
        manufacturer.address,
        GTIN,
        lot_builders.lot_number("LOT-1"),
        boundary_time.now() - DAY,
        boundary_time.now() + 2_000 * DAY,
        10_000,
        str(profile_id),
    )
    return str(lots.registerLot(terms, DIGITS, {"from": manufacturer}).events["LotRegistered"]["lot"])


@pytest.fixture(scope="module")
def send(coldchain, loggers, institutions, lot, manufacturer, logger, laboratory):
    """Opens a shipment of the lot, monitored from now on, and hands it to who accepts it."""

    def ship(receiver, units=20, ref=b"\1" * 32):
        tx = coldchain.open(lot, ref, units, 0, bytes(32), bytes(32), {"from": manufacturer})
        shipment = str(tx.events["ShipmentOpened"]["shipment"])
        device = dose_builders.device(ref)
        institutions.setOperator(device, LOGGER, FOR_EVER, {"from": logger})
        loggers.register(device, 0, 50, bytes(32), {"from": logger})
        loggers.calibrate(device, boundary_time.now() + 3_000 * DAY, bytes(32), {"from": laboratory})
        coldchain.pair(shipment, device, tx.timestamp, FOR_EVER, 0, {"from": manufacturer})
        handover, signature = dose_builders.acceptance(coldchain, shipment, receiver, key_of(receiver))
        coldchain.hand(handover, b"", signature, {"from": manufacturer})
        return shipment

    return ship


@pytest.fixture(scope="module")
def shipment(send, clinic):
    """Twenty doses that the clinic holds."""
    return send(clinic)


@pytest.fixture(scope="module")
def give(doses, shipment, schedule, clinic, patient):
    """Gives a dose, on this day unless another is named."""

    def record(day=None, who=patient, by=clinic, schedule=schedule, shipment=shipment):
        tx = doses.give(shipment, who, schedule, dose_builders.today() if day is None else day, {"from": by})
        return str(tx.events["DoseGiven"]["dose"])

    return record


@pytest.fixture(scope="module")
def giving(doses, shipment, schedule, clinic, patient):
    """How a dose would be refused now."""

    def ask(day=None, who=patient, by=clinic, schedule=schedule, shipment=shipment):
        return boundary_time.refusal(
            doses.give, shipment, who, schedule, dose_builders.today() if day is None else day, sender=by
        )

    return ask
