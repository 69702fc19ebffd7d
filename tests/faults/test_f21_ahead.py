"""F21: while the window is full the next calls are tried already; what changes before they are signed is noticed all
the same.
"""

import time

import pytest
from eth_account import Account

import salus.outbox._launching as module
from salus.chain.local_node import LocalNode
from salus.outbox import State
from salus.outbox._pipeline import Pipeline
from tests.support.mint_outbox import TokenMinter

OWN = 500  # what the sender has


@pytest.fixture
def minter(tmp_path):
    """The token on a chain that mines when told to; who mints has some, and a friend may take it."""
    with LocalNode("anvil") as node:
        minter = TokenMinter(node, tmp_path)
        minter.friend = Account.from_key(node.keys[3])
        sender = minter.signer._account
        minter.transact(sender, to=minter.token, data=minter.contract.encode_abi("mint", [sender.address, OWN]))
        minter.transact(
            sender, to=minter.token, data=minter.contract.encode_abi("approve", [minter.friend.address, OWN])
        )
        node.request("evm_setAutomine", False)
        yield minter


def take(minter):
    """The friend takes all of it, in the next block."""
    data = minter.contract.encode_abi("transferFrom", [minter.signer.address, minter.friend.address, OWN])
    minter.transact(minter.friend, wait=False, to=minter.token, data=data)


class Run:
    """An outbox whose steps the test takes itself, and what its node was asked."""

    def __init__(self, minter, outbox, window, items):
        self.asked, nodes = [], outbox._nodes
        nodes.ask, nodes.begin = self._noting(nodes.ask), self._noting(nodes.begin)
        self.pipeline = Pipeline(
            outbox._store, outbox._nodes, outbox._signer, minter.node.chain_id, outbox._with(window, True)
        )
        self.pipeline.queue.extend(outbox._store.queue(items))
        self.minter = minter

    def _noting(self, function):
        def noted(*given):
            self.asked.extend(method for method, _ in given[-1])
            return function(*given)

        return noted

    def steps(self, count):
        for _ in range(count):
            self.pipeline.step()

    def finish(self):
        """A block, then one for each transaction, until there is nothing left to do."""
        self.minter.node.request("evm_mine")
        self.minter.node.request("evm_setAutomine", True)
        end = time.monotonic() + 20
        while self.pipeline.busy:
            self.pipeline.step()
            assert time.monotonic() < end


@pytest.mark.parametrize(("stale", "state"), [(0.1, State.REFUSED), (60.0, State.FAILED)])
def test_what_was_tried_long_ago_is_tried_anew_before_it_is_signed_F21(minter, monkeypatch, stale, state):
    """Else it fails in its block and costs its gas."""
    monkeypatch.setattr(module, "_STALE", stale)
    with minter.client().outbox(patience=20) as outbox:
        run = Run(minter, outbox, 4, [*minter.items(range(10, 14)), minter.spend("all of it", OWN)])
        run.steps(4)
        # Four wait for their block, and the fifth was tried already.
        assert outbox.status().counts[State.SENT] == 4 and run.asked.count("eth_call") >= 5
        take(minter)
        time.sleep(0.2)
        run.finish()
        (result,) = outbox.results(keys=["all of it"])
    assert result.state is state
    assert result.error.data.hex().startswith("e450d38c")  # ERC20InsufficientBalance
    assert minter.balance(10) == 1010


def test_what_another_process_sends_during_the_dry_run_is_not_told_as_refused_F21_F17(minter):
    """Its effect is why there is nothing left to spend."""
    minter.node.request("evm_setAutomine", True)
    spend = minter.spend("all of it", OWN)
    with minter.client().outbox(patience=20) as outbox, minter.client().outbox(patience=20) as other:
        run = Run(minter, outbox, 4, [spend])
        dry, results = run.pipeline.launcher.dry_run, []
        finish = dry.finish
        dry.finish = lambda trial: results.extend(other.send_all([spend])) or finish(trial)
        changes = run.pipeline.step()
        assert [result.state for result in results] == [State.INCLUDED]
        assert [change.row.state for change in changes] == [State.INCLUDED]
        assert outbox.results(keys=["all of it"])[0].state is State.INCLUDED


def test_in_a_window_of_one_each_is_tried_after_the_one_before_F21(minter):
    """What needs the effect of the one before would be refused otherwise."""
    with minter.client().outbox(patience=20) as outbox:
        run = Run(minter, outbox, 1, minter.items(range(10, 13)))
        run.steps(4)
        assert outbox.status().counts[State.SENT] == 1 and run.asked.count("eth_call") == 1
        run.finish()
        assert outbox.status().counts[State.INCLUDED] == 3 and run.asked.count("eth_call") == 3
    minter.expect_once(range(10, 13))
