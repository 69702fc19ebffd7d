"""A registered profile, a lot, and a shipment on its way with its device."""

import pytest

from tests.conftest import LOGGER
from tests.support import boundary_time, lot_builders, shipment_builders
from tests.support.keys import key_of
from tests.support.shipment_builders import DAY, HOUR

FOR_EVER = 2**40 - 1


@pytest.fixture(scope="module")
def began(coldchain):
    """The second at which the module's story begins; readings may lie before it."""
    return boundary_time.now()


@pytest.fixture(scope="module")
def new_lot(lots, manufacturer, regulator, began):
    """Registers a lot of 1,000 doses, made 100 days ago, good for another 100, with a profile of its own or the usual
    one.
    """
    lots.assignPrefix(lot_builders.PREFIX, lot_builders.DIGITS, manufacturer, {"from": regulator})
    count = 0

    def register(profile=lot_builders.Profile()):
        nonlocal count
        count += 1
        if boundary_time.refusal(lots.registerProfile, profile, sender=regulator) is boundary_time.PASSED:
            lots.registerProfile(profile, {"from": regulator})
        number = lot_builders.lot_number(f"LOT-{count}")
        made, expires = began - 100 * DAY, began + 100 * DAY
        terms = lot_builders.Lot(
            manufacturer.address, lot_builders.GTIN, number, made, expires, 1_000, lot_builders.profile_id(profile)
        )
        return str(lots.registerLot(terms, lot_builders.DIGITS, {"from": manufacturer}).events["LotRegistered"]["lot"])

    return register


@pytest.fixture(scope="module")
def lot(new_lot):
    return new_lot()


@pytest.fixture(scope="module")
def new_device(institutions, loggers, logger, laboratory, began):
    """A logger's key, registered, calibrated for a thousand days."""
    count = 0

    def make():
        nonlocal count
        count += 1
        key = shipment_builders.key(f"device {count}")
        institutions.setOperator(key.address, LOGGER, FOR_EVER, {"from": logger})
        loggers.register(key.address, 0, 50, bytes(32), {"from": logger})
        loggers.calibrate(key.address, began + 1_000 * DAY, bytes(32), {"from": laboratory})
        return key

    return make


@pytest.fixture(scope="module")
def open_trip(coldchain, lot, manufacturer, new_device, stranger):
    """Opens a shipment of 10 doses that has been monitored since some seconds ago."""
    count = 0

    def open_one(ago=10 * HOUR, units=10, lot_id=None, hours=0):
        nonlocal count
        count += 1
        ref, nowhere = shipment_builders.word(f"SSCC {count}"), bytes(32)
        tx = coldchain.open(lot_id or lot, ref, units, hours, nowhere, nowhere, {"from": manufacturer})
        shipment, device, start = tx.events["ShipmentOpened"]["shipment"], new_device(), tx.timestamp - ago
        coldchain.pair(shipment, device.address, start, FOR_EVER, 0, {"from": manufacturer})
        return shipment_builders.Trip(coldchain, shipment, device, stranger, start)

    return open_one


@pytest.fixture(scope="module")
def with_profile(new_lot, open_trip):
    """Opens a shipment of a lot with a profile of its own."""
    return lambda profile, ago=10 * HOUR: open_trip(ago=ago, lot_id=new_lot(profile))


@pytest.fixture(scope="module")
def trip(open_trip):
    """A shipment that has been monitored for ten hours, without a reading yet."""
    return open_trip()


@pytest.fixture(scope="module")
def fresh(open_trip):
    """A shipment that is intact: it has been monitored for a minute."""
    return open_trip(ago=60)


@pytest.fixture
def now(coldchain):
    """The second of the latest block."""
    return boundary_time.now()


@pytest.fixture
def refused(coldchain, trip, stranger):
    """How a batch would be refused now, signed by the device unless another signature is given."""

    def ask(batch, signature=None):
        return boundary_time.refusal(
            coldchain.log, batch, trip.sign(batch) if signature is None else signature, sender=stranger
        )

    return ask


@pytest.fixture
def handing(coldchain):
    """How a handover would be refused now; each side signs with its own key unless told otherwise."""

    def ask(handover, sender, giver=None, receiver=None):
        return boundary_time.refusal(coldchain.hand, handover.struct, giver or b"", receiver or b"", sender=sender)

    return ask


@pytest.fixture
def hand_on(coldchain):
    """Hands a shipment on: the giver signs, the receiver sends."""

    def act(shipment, giver, receiver, **terms):
        handover = shipment_builders.Handover(shipment, receiver.address, boundary_time.now() + HOUR, **terms)
        return coldchain.hand(
            handover.struct, shipment_builders.sign_offer(coldchain, handover, key_of(giver)), b"", {"from": receiver}
        )

    return act
