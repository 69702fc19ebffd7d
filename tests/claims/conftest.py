"""A plan with a price list, a member who consents, and a pool that can pay."""

import pytest
from brownie import accounts as chain_accounts

from tests.claims import build
from tests.claims.till import Till
from tests.conftest import INSURER, PROVIDER, accredit

PRICES = {"visit": 150_00, "x-ray": 80_00, "cast": 333_33, "free": 0}
FUNDS = 1_000_000_00


@pytest.fixture(scope="module")
def rival(institutions, regulator):
    """Another insurer."""
    account = chain_accounts[20]
    accredit(institutions, regulator, account, "rival", INSURER)
    return account


@pytest.fixture(scope="module")
def clerk(institutions, insurer):
    """The insurer's operator."""
    institutions.setOperator(chain_accounts[21], INSURER, build.now() + 365 * build.DAY, {"from": insurer})
    return chain_accounts[21]


@pytest.fixture(scope="module")
def nurse(institutions, hospital):
    """The hospital's operator."""
    institutions.setOperator(chain_accounts[22], PROVIDER, build.now() + 365 * build.DAY, {"from": hospital})
    return chain_accounts[22]


@pytest.fixture(scope="session")
def neighbour():
    """Another patient."""
    return chain_accounts[23]


@pytest.fixture(scope="module")
def token(house, salus_project, deployer):
    """A well-behaved token of two places, so that amounts read as money."""
    return salus_project.TestToken.deploy("Euro of the tests", "EUR", 2, {"from": deployer})


@pytest.fixture(scope="module")
def terms(insurer, token):
    """20 % after a deductible of 100.00, at most 500.00 a year; filing within 90 days."""
    day = build.today()
    return build.Terms(
        insurer=str(insurer),
        valid_from=day - 300,
        valid_until=day + 300,
        coinsurance=20_00,
        token=str(token),
        deductible=100_00,
        out_of_pocket_maximum=500_00,
        filing_days=90,
        document=build.word("plan 2026"),
    )


@pytest.fixture(scope="module")
def plan(plans, terms, patient):
    return build.publish(plans, terms, PRICES, members=[patient])


@pytest.fixture(scope="module")
def consent(consents, patient, insurer):
    """The patient's permit, granted once for the module."""
    return build.permit(consents, patient, insurer)


@pytest.fixture(scope="module")
def funded(treasury, desk, insurer, token):
    """The insurer's pool, with enough for everything."""
    return build.fund(treasury, desk, insurer, token, FUNDS, insurer)


@pytest.fixture(scope="module")
def open_desk(desk, plan, consent, funded):
    """A desk that pays the patient's claims: all gates are open."""
    return desk


@pytest.fixture
def mischief(house, salus_project, deployer):
    """A token that behaves until told otherwise."""
    return salus_project.MisbehavingToken.deploy({"from": deployer})


@pytest.fixture(scope="module")
def till(treasury, salus_project, deployer):
    return Till(salus_project.Caller.deploy({"from": deployer}), treasury, deployer)


@pytest.fixture(scope="module")
def full(treasury, till, insurer, token):
    """1,000.00 in the till's pool."""
    return build.fund(treasury, till, insurer, token, 1000_00, insurer)


@pytest.fixture
def odd(treasury, till, insurer, mischief):
    """1,000 of a token that may misbehave later."""
    build.fund(treasury, till, insurer, mischief, 1000, insurer)
    return mischief
