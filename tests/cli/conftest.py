"""What each test of the commands may ask for; the other fixtures are in tests/support/client_fixtures.py."""

import pytest

from tests.support.commands import hospital, keystore, run, typed, vaccine_maker, wallet

__all__ = ["hospital", "keystore", "run", "typed", "vaccine_maker", "wallet"]


@pytest.fixture(autouse=True)
def _own_home(own_home):
    """No test sees the user's wallet, settings or proxies."""
