"""A plan with a price list, a member who consents, and a pool that can pay."""

import pytest
from brownie import accounts as chain_accounts
from brownie import chain

from tests.conftest import INSURER, PROVIDER, accredit
from tests.support import claim_builders
from tests.support.boundary_time import PASSED, refusal
from tests.support.fake_desk import FakeDesk

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
    institutions.setOperator(
        chain_accounts[21], INSURER, claim_builders.now() + 365 * claim_builders.DAY, {"from": insurer}
    )
    return chain_accounts[21]


@pytest.fixture(scope="module")
def nurse(institutions, hospital):
    """The hospital's operator."""
    institutions.setOperator(
        chain_accounts[22], PROVIDER, claim_builders.now() + 365 * claim_builders.DAY, {"from": hospital}
    )
    return chain_accounts[22]


@pytest.fixture(scope="session")
def neighbour():
    """Another patient."""
    return chain_accounts[23]


@pytest.fixture(scope="session")
def ledger():
    """An account that is a desk of its own to the plans."""
    return chain_accounts[24]


@pytest.fixture(scope="module")
def token(deployed_contracts, salus_project, deployer):
    """A well-behaved token of two places, so that amounts read as money."""
    return salus_project.TestToken.deploy("Euro of the tests", "EUR", 2, {"from": deployer})


@pytest.fixture(scope="module")
def bare(insurer, token):
    """Terms under which the plan pays everything: what a test is about, it adds."""
    day = claim_builders.today()
    return claim_builders.Terms(str(insurer), day - 300, day + 300, str(token), document=claim_builders.word("bare"))


@pytest.fixture(scope="module")
def terms(bare):
    """20 % after a deductible of 100.00, at most 500.00 a year; filing within 90 days, appeal within 30."""
    return bare._replace(
        coinsurance=20_00,
        deductible=100_00,
        out_of_pocket_maximum=500_00,
        filing_days=90,
        appeal_days=30,
        document=claim_builders.word("plan 2026"),
    )


@pytest.fixture(scope="module")
def plan(plans, terms, patient, office):
    return claim_builders.publish(plans, terms, PRICES, [patient], office=office)


@pytest.fixture(scope="module")
def consent(consents, patient, insurer):
    """The patient's permit, granted once for the module."""
    return claim_builders.permit(consents, patient, insurer)


@pytest.fixture(scope="module")
def funded(treasury, desk, insurer, token):
    """The insurer's pool, with enough for everything."""
    return claim_builders.fund(treasury, desk, insurer, token, FUNDS, insurer)


@pytest.fixture
def pool_now(treasury, desk, insurer, token):
    """The insurer's pool now."""
    return lambda: claim_builders.pool(treasury, desk, insurer, token)


@pytest.fixture
def add(treasury, desk, insurer, token, stranger):
    """Fund the insurer's pool, which is empty at first."""
    return lambda amount: claim_builders.fund(treasury, desk, insurer, token, amount, stranger)


@pytest.fixture(scope="module")
def open_desk(desk, plan, consent, funded):
    """A desk that pays the patient's claims: all gates are open."""
    return desk


@pytest.fixture(scope="module")
def office(institutions, insurer, salus_project, deployer):
    """A contract that acts for the insurer, many steps at a time."""
    contract = salus_project.Wallet.deploy(insurer, {"from": deployer})
    institutions.setOperator(contract, INSURER, claim_builders.now() + 365 * claim_builders.DAY, {"from": insurer})
    return contract


@pytest.fixture(scope="module")
def draw_plan(plans, bare, patient, consent, office):
    """Publish another plan of the insurer's, of which the patient is a member: terms and prices as a test wants
    them.
    """

    def draw(prices=PRICES, *, categories=(), cover=None, **changes):
        new = bare._replace(**{"document": claim_builders.word(f"drawn in block {len(chain)}"), **changes})
        return claim_builders.publish(
            plans, new, prices, [patient], categories=categories, office=office, **(cover or {})
        )

    return draw


@pytest.fixture
def mischief(deployed_contracts, salus_project, deployer):
    """A token that behaves until told otherwise."""
    return salus_project.MisbehavingToken.deploy({"from": deployer})


@pytest.fixture(scope="module")
def fake_desk(treasury, salus_project, deployer):
    return FakeDesk(salus_project.Caller.deploy({"from": deployer}), treasury, deployer)


@pytest.fixture(scope="module")
def full(treasury, fake_desk, insurer, token):
    """1,000.00 in the fake desk's pool."""
    return claim_builders.fund(treasury, fake_desk, insurer, token, 1000_00, insurer)


@pytest.fixture
def odd(treasury, fake_desk, insurer, mischief):
    """1,000 of a token that may misbehave later."""
    claim_builders.fund(treasury, fake_desk, insurer, mischief, 1000, insurer)
    return mischief


@pytest.fixture
def refused():
    """Whether a message reverts with exactly this; it is asked at the latest block, and nothing is sent."""

    def check(method, *args, sender, why):
        assert refusal(method, *args, sender=sender) == why

    return check


@pytest.fixture
def panics():
    """Whether a message ends in Solidity's panic 0x11: a number below zero, or above its width."""

    def check(method, *args, sender):
        assert f"0x4e487b71{0x11:064x}" in refusal(method, *args, sender=sender)

    return check


@pytest.fixture
def allowed():
    """That a message would not revert at the latest block."""

    def check(method, *args, sender):
        assert refusal(method, *args, sender=sender) is PASSED

    return check
