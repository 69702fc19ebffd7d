"""A patient with a key and no ether, besides the actors of all tests."""

import pytest

from tests.support import boundary_time, consent_builders, guardian_helpers


@pytest.fixture(scope="session")
def ana():
    """A patient who only signs; others relay."""
    return consent_builders.key("ana")


@pytest.fixture
def now(consents):
    """The second of the latest block."""
    return boundary_time.now()


@pytest.fixture
def wallet(salus_project, consents, deployer, ana):
    """A patient whose account is a contract that Ana's key owns."""
    return salus_project.Wallet.deploy(ana.address, {"from": deployer})


@pytest.fixture
def relay(consents, stranger):
    """Hands in orders, as anyone may."""
    return lambda *orders: consents.relay(*consent_builders.relaying(*orders), {"from": stranger})


@pytest.fixture
def refused(consents, stranger):
    """How orders would be refused now."""
    return lambda *orders: boundary_time.refusal(consents.relay, *consent_builders.relaying(*orders), sender=stranger)


@pytest.fixture(scope="session")
def carer():
    """Who acts for Ana within a scope; only signs, others relay."""
    return consent_builders.key("carer")


@pytest.fixture(scope="session")
def successor():
    """The new key of a patient who lost the old one."""
    return consent_builders.key("successor")


@pytest.fixture(scope="session")
def family():
    """Three guardians, ascending."""
    return guardian_helpers.family()


@pytest.fixture
def named(guardians, ana, carer, stranger):
    """Names Ana's carer, by her signature of a moment ago unless another second is given."""

    def name(issued_at=None, **terms):
        issued_at = boundary_time.now() if issued_at is None else issued_at
        args = guardian_helpers.signed_delegate(guardians, ana, carer.address, issued_at, **terms)
        return guardians.setDelegate(*args, {"from": stranger})

    return name


@pytest.fixture
def guarded(guardians, ana, family, stranger):
    """Two of three guardians look after Ana."""
    args = guardian_helpers.signed_set(
        guardians, ana, [signer.address for signer in family], 2, boundary_time.now() - 5
    )
    return guardians.setGuardians(*args, {"from": stranger})


@pytest.fixture
def recovering(guardians, guarded, ana, successor, family, stranger):
    """A recovery of Ana's account is under way; the second at which it is ready."""
    args = guardian_helpers.recovery_of(guardians, ana.address, successor.address, family[:2])
    tx = guardians.startRecovery(*args, {"from": stranger})
    return tx.timestamp + guardian_helpers.MIN_DELAY


@pytest.fixture
def moved(guardians, consents, recovering, ana, stranger):
    """Ana's account is controlled by her successor, and the registry knows."""
    boundary_time.at(recovering)
    guardians.finishRecovery(ana.address, {"from": stranger})
    return consents.follow(ana.address, {"from": stranger})
