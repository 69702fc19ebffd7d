"""F21: while the window is full the next calls are tried already; what changes before they are signed is noticed all the same."""

import time

import pytest
from eth_account import Account

import salus.outbox.pipeline as module
from salus.node import LocalNode
from salus.outbox import State
from salus.outbox.pipeline import Pipeline
from tests.faults.mint import Mint, own_home

__all__ = ["own_home"]  # a fixture

OWN = 500  # what the sender has


@pytest.fixture
def mint(tmp_path):
    """The token on a chain that mines when told to; who mints has some, and a friend may take it."""
    with LocalNode("anvil") as node:
        mint = Mint(node, tmp_path)
        mint.friend = Account.from_key(node.keys[3])
        sender = mint.signer._account
        mint.transact(sender, to=mint.token, data=mint.contract.encode_abi("mint", [sender.address, OWN]))
        mint.transact(sender, to=mint.token, data=mint.contract.encode_abi("approve", [mint.friend.address, OWN]))
        node.request("evm_setAutomine", False)
        yield mint


def take(mint):
    """The friend takes all of it, in the next block."""
    data = mint.contract.encode_abi("transferFrom", [mint.signer.address, mint.friend.address, OWN])
    mint.transact(mint.friend, wait=False, to=mint.token, data=data)


@pytest.mark.parametrize(("stale", "state"), [(0.1, State.REFUSED), (60.0, State.FAILED)])
def test_what_was_tried_long_ago_is_tried_anew_before_it_is_signed_F21(mint, monkeypatch, stale, state):
    """Else it fails in its block and costs its gas."""
    monkeypatch.setattr(module, "_STALE", stale)
    asked = []
    with mint.client().outbox(patience=20) as outbox:
        ask = outbox._nodes.ask
        monkeypatch.setattr(outbox._nodes, "ask", lambda calls: asked.extend(method for method, _ in calls) or ask(calls))
        settings = outbox._with(4, True)
        run = Pipeline(outbox._store, outbox._nodes, outbox._signer, mint.node.chain_id, settings)
        run.queue.extend(outbox._store.queue([*mint.items(range(10, 14)), mint.spend("all of it", OWN)]))
        for _ in range(4):
            run.step()
        # Four wait for their block, and the fifth was tried already.
        assert outbox.status().counts[State.SENT] == 4 and asked.count("eth_call") >= 5
        take(mint)
        time.sleep(0.2)
        mint.node.request("evm_mine")
        mint.node.request("evm_setAutomine", True)
        end = time.monotonic() + 20
        while run.busy:
            run.step()
            assert time.monotonic() < end
        (result,) = outbox.results(keys=["all of it"])
    assert result.state is state
    assert result.error.data.hex().startswith("e450d38c")  # ERC20InsufficientBalance
    assert mint.balance(10) == 1010
