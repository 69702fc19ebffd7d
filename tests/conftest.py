"""The people and the contracts of every test.

Each actor has a trade and an account of its own; each module of tests gets a fresh chain with all contracts deployed
by the script that deploys it for real, and each test finds that chain as the module left it.
"""

import gc
from types import SimpleNamespace

import pytest
from brownie import accounts as chain_accounts
from brownie import chain, project

from tests.support.two_workers import Share
from tests.support.units import Guard, imports_brownie, is_unit, needs_brownie

#: Fixtures of the client's tests and of those of its commands, which share one chain; and a broker for both.
pytest_plugins = ("tests.support.client_fixtures", "tests.support.mqtt_broker")

YEAR = 365 * 24 * 3600

# Roles of institutions, as in contracts/institutions/Roles.sol.
PROVIDER, PHARMACY, INSURER, MANUFACTURER, CARRIER, LABORATORY, LOGGER, RESEARCHER, PUBLIC_HEALTH = (
    1 << bit for bit in range(9)
)

# Who is who: the number of the account, and the roles that the regulator gives it.
TRADES = {
    "deployer": 0,
    "regulator": 0,
    "hospital": PROVIDER,
    "insurer": INSURER,
    "manufacturer": MANUFACTURER,
    "carrier": CARRIER,
    "clinic": PROVIDER | PHARMACY,
    "patient": 0,
    "stranger": 0,
    "laboratory": LABORATORY,
    "logger": LOGGER,
}


_guard = Guard()
_share = Share.from_environment()


def pytest_addoption(parser):
    parser.addoption("--unit", action="store_true", help="only the tests that need no chain (make test-unit)")
    parser.addoption("--no-brownie", action="store_true", help="only the tests that need no Brownie (make coverage)")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "chain: needs a chain or the built contracts, in a way that tests/support/units.py does not see"
    )
    _guard.install()


def pytest_ignore_collect(collection_path, config):
    """Without Brownie's project these files cannot be imported."""
    left_out = config.getoption("--unit") or config.getoption("--no-brownie")
    return True if left_out and collection_path.suffix == ".py" and imports_brownie(collection_path) else None


def pytest_collection_modifyitems(config, items):
    if config.getoption("--unit"):
        chosen = [item for item in items if is_unit(item)]
    elif config.getoption("--no-brownie"):
        chosen = [item for item in items if not needs_brownie(item)]
    else:
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def pytest_runtestloop(session):
    return _share.run(session) if _share else None


def pytest_sessionfinish(session):
    if _share:
        _share.report(session.testscollected)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    _guard.unit = is_unit(item)


@pytest.fixture(scope="session")
def people():
    """Every actor by trade."""
    return SimpleNamespace(**dict(zip(TRADES, chain_accounts)))


def _actor(trade):
    @pytest.fixture(scope="session", name=trade)
    def actor(people):
        return getattr(people, trade)

    return actor


deployer = _actor("deployer")
regulator = _actor("regulator")
hospital = _actor("hospital")
insurer = _actor("insurer")
manufacturer = _actor("manufacturer")
carrier = _actor("carrier")
clinic = _actor("clinic")
patient = _actor("patient")
stranger = _actor("stranger")
laboratory = _actor("laboratory")
logger = _actor("logger")


@pytest.fixture(scope="module")
def deployed_contracts(module_isolation, people):
    """All contracts by name, deployed, with every institution of `TRADES` accredited for five years."""
    # Here and not above: the script needs Brownie's project, which tests without a chain do not load.
    from scripts.deploy import deploy

    deployed = deploy(people.deployer, people.regulator, admin_delay=0, rules_delay=0)
    for trade, roles in TRADES.items():
        if roles:
            accredit(deployed["Institutions"], people.regulator, getattr(people, trade), trade, roles)
    # Brownie collects garbage at every revert, 0.15 s a test: what is here by now needs no more looking at.
    gc.collect()
    gc.freeze()
    return deployed


def accredit(institutions, regulator, account, handle, roles, years=5):
    """Accredit an institution under a public name."""
    padded = handle.encode().ljust(32, b"\0")
    institutions.accredit(account, padded, roles, chain.time() + years * YEAR, {"from": regulator})


@pytest.fixture(autouse=True)
def isolation(request):
    """A test that uses the contracts leaves no trace for the next one; the others need no chain."""
    if "module_isolation" in request.fixturenames:
        request.getfixturevalue("fn_isolation")


@pytest.fixture(scope="session")
def salus_project():
    """The containers of all contracts, those for tests as well: `salus_project.TestToken`."""
    return project.get_loaded_projects()[0]


@pytest.fixture(scope="module")
def manager(deployed_contracts):
    return deployed_contracts["AccessManager"]


@pytest.fixture(scope="module")
def institutions(deployed_contracts):
    return deployed_contracts["Institutions"]


@pytest.fixture(scope="module")
def guardians(deployed_contracts):
    return deployed_contracts["Guardians"]


@pytest.fixture(scope="module")
def consents(deployed_contracts):
    return deployed_contracts["ConsentRegistry"]


@pytest.fixture(scope="module")
def access_log(deployed_contracts):
    return deployed_contracts["AccessLog"]


@pytest.fixture(scope="module")
def plans(deployed_contracts):
    return deployed_contracts["Plans"]


@pytest.fixture(scope="module")
def treasury(deployed_contracts):
    return deployed_contracts["Treasury"]


@pytest.fixture(scope="module")
def desk(deployed_contracts):
    return deployed_contracts["ClaimDesk"]


@pytest.fixture(scope="module")
def coldchain(deployed_contracts):
    return deployed_contracts["ColdChain"]


@pytest.fixture(scope="module")
def lots(deployed_contracts):
    return deployed_contracts["Lots"]


@pytest.fixture(scope="module")
def loggers(deployed_contracts):
    return deployed_contracts["Loggers"]


@pytest.fixture(scope="module")
def doses(deployed_contracts):
    return deployed_contracts["Doses"]
