"""Chains that a test may break as it likes."""

import pytest

from salus.chain.local_node import LocalNode
from tests.support.log_emitter import LogEmitter
from tests.support.mint_outbox import TokenMinter


@pytest.fixture(autouse=True)
def _own_home(own_home):
    """No test sees the user's wallet, settings or proxies."""


@pytest.fixture(scope="module")
def node():
    with LocalNode("anvil") as node:
        yield node


@pytest.fixture
def minter(node, tmp_path):
    """The token, on the module's chain as it was before the test, however the test left it."""
    snapshot = node.request("evm_snapshot")
    yield TokenMinter(node, tmp_path)
    node.request("evm_setIntervalMining", 0)
    node.request("evm_setAutomine", True)
    node.request("anvil_dropAllTransactions")
    node.request("evm_revert", snapshot)


@pytest.fixture(scope="module")
def module_node():
    with LocalNode(timestamp=1_800_000_000) as node:
        yield node


@pytest.fixture
def log_emitter(module_node, tmp_path):
    """The module's chain as it was before the test, with a book of contracts that emit anything."""
    snapshot = module_node.request("evm_snapshot")
    yield LogEmitter(module_node, tmp_path)
    module_node.request("evm_revert", snapshot)
