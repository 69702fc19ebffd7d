"""Fixtures for tests of the client and of its commands: one local chain with all contracts for both. People are new for
every test, so that none disturbs another.
"""

import os

import pytest

from salus.chain.local_node import LocalNode
from salus.claims.files.fhir import read_claims
from tests.support.claim_scenario import ClaimScenario
from tests.support.deployed_chain import DeployedChain, kind
from tests.support.shared_data import EXAMPLES


@pytest.fixture(scope="session", autouse=True)
def away_from_home(tmp_path_factory):
    """What outlives a test, a module's client for one, does not see the user's home either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALUS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def deployed_chain(tmp_path_factory):
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("deployments"))


@pytest.fixture
def salus(deployed_chain):
    """A client that only reads."""
    return deployed_chain.client()


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """No test sees the user's wallet, settings or proxies."""
    for name in [name for name in os.environ if name.startswith("SALUS_") and name not in ("SALUS_DATA",)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SALUS_HOME", str(tmp_path / "home"))


@pytest.fixture
def cheap(monkeypatch):
    """Cheap scrypt: what is tested is not its cost, and 256 MiB half a second each would be most of the time."""
    import salus.keys.keystores

    monkeypatch.setattr(salus.keys.keystores, "_SCRYPT_N", 1 << 12)


@pytest.fixture(scope="session")
def token(deployed_chain):
    return deployed_chain.deploy("TestToken", "Dollar", "USD", 6)


@pytest.fixture
def claim_scenario(deployed_chain, token, tmp_path):
    return ClaimScenario(deployed_chain, token, tmp_path)


@pytest.fixture
def claim():
    return read_claims(EXAMPLES / "claim.json")[0]
