"""A registered profile, a lot, and a shipment on its way with its device."""

import pytest

from tests.coldchain import build
from tests.coldchain.build import DAY, HOUR
from tests.conftest import LOGGER
from tests.institutions import edge


@pytest.fixture(scope="module")
def began(coldchain):
    """The second at which the module's story begins; readings may lie before it."""
    return edge.now()


@pytest.fixture(scope="module")
def profile(coldchain, regulator):
    return str(coldchain.registerProfile(build.Profile(), {"from": regulator}).events["ProfileRegistered"]["profile"])


@pytest.fixture(scope="module")
def lot_terms(manufacturer, profile, began):
    """A lot of 1,000 doses, made 100 days ago, good for another 100."""
    return build.Lot(
        manufacturer.address,
        build.GTIN,
        build.lot_number("LOT-1"),
        began - 100 * DAY,
        began + 100 * DAY,
        1_000,
        profile,
    )


@pytest.fixture(scope="module")
def lot(coldchain, lot_terms, manufacturer):
    return str(coldchain.registerLot(lot_terms, {"from": manufacturer}).events["LotRegistered"]["lot"])


@pytest.fixture(scope="module")
def device(institutions, coldchain, logger, began):
    """The logger's key, which is the institution's operator."""
    key = build.key("device")
    institutions.setOperator(key.address, LOGGER, began + 1_000 * DAY, {"from": logger})
    return key


@pytest.fixture(scope="module")
def open_trip(coldchain, lot, manufacturer, logger, device, stranger):
    """Opens a shipment of 10 doses that has been monitored since some seconds ago."""

    def open_one(ago=10 * HOUR, ref="SSCC 1", units=10, lot_id=None):
        start = edge.now() - ago
        tx = coldchain.openShipment(lot_id or lot, build.word(ref), units, logger, start, {"from": manufacturer})
        shipment = tx.events["ShipmentOpened"]["shipment"]
        return build.Trip(coldchain, shipment, logger, device, stranger)

    return open_one


@pytest.fixture(scope="module")
def trip(open_trip):
    """A shipment that has been monitored for ten hours, without a reading yet."""
    return open_trip()


@pytest.fixture
def now(coldchain):
    """The second of the latest block."""
    return edge.now()


@pytest.fixture
def refused(trip, stranger):
    """How a batch would be refused now, signed by the device unless another signature is given."""

    def ask(batch, signature=None):
        signature = trip.sign(batch) if signature is None else signature
        return edge.refusal(trip.coldchain.log, batch, signature, sender=stranger)

    return ask
