"""Chains that a test may break as it likes."""

import os

import pytest

from salus.chain.local_node import LocalNode
from tests.support.log_emitter import LogEmitter


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test sees the user's wallet, settings or proxies."""
    for name in [name for name in os.environ if name.startswith("SALUS_") and name not in ("SALUS_DATA",)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SALUS_HOME", str(tmp_path / "home"))


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
