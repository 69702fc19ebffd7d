"""A person with an account at each of two hospitals, for tests of what is said with all of them."""

import pytest

from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD

__all__ = ["may", "two"]


@pytest.fixture
def two(deployed_chain, run, wallet, keystore):
    """Two hospitals that know the wallet by an account each: (name, keystore, patient's account) of both."""
    found = []
    for _ in range(2):
        signer, name = deployed_chain.institution("PROVIDER")
        file = keystore(signer)
        done = run("consent", "grant", "--to", name, "--purpose", "TREAT", "--yes", "--relay-as", file)
        assert done.code == 0, done.err
        found.append((name, file, Wallet.open(wallet.path, PASSWORD).address(name)))
    return found


def may(deployed_chain, patient, name, category="Observation"):
    return deployed_chain.client().consent.decide(patient, name, ["TREAT"], [category]).answer.name == "PERMIT"
