"""A patient with a key and no ether, besides the actors of all tests."""

import pytest

from tests.consent import build
from tests.institutions import edge


@pytest.fixture(scope="session")
def ana():
    """A patient who only signs; others relay."""
    return build.key("ana")


@pytest.fixture
def now(consents):
    """The second of the latest block."""
    return edge.now()


@pytest.fixture
def wallet(salus_project, consents, deployer, ana):
    """A patient whose account is a contract that Ana's key owns."""
    return salus_project.Wallet.deploy(ana.address, {"from": deployer})


@pytest.fixture
def relay(consents, stranger):
    """Hands in orders, as anyone may."""
    return lambda *orders: consents.relay(list(orders), {"from": stranger})


@pytest.fixture
def refused(consents, stranger):
    """How orders would be refused now."""
    return lambda *orders: edge.refusal(consents.relay, list(orders), sender=stranger)
