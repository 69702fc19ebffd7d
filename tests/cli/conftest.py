"""What each test of the commands gets unasked; the other fixtures are in tests/support/client_fixtures.py."""

import pytest


@pytest.fixture(autouse=True)
def _own_home(own_home):
    """No test sees the user's wallet, settings or proxies."""
