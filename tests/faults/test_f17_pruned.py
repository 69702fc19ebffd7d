"""F17: who used the key is found on a node that has forgotten the state of most blocks, as all but archives have."""

import pytest

from salus.chain.local_node import LocalNode
from salus.outbox import State
from tests.support.mint_outbox import TokenMinter


class Crash(Exception):
    """The process ends here."""


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    with LocalNode(kept_states=10) as node:
        yield TokenMinter(node, tmp_path_factory.mktemp("pruned"))


def crash_after_store(step):
    if step == "after_store":
        raise Crash


@pytest.mark.parametrize("blocks", [3, 700])
def test_a_nonce_that_a_stranger_used_long_ago_is_told_as_lost_TK4_F17(pruned, tmp_path, blocks):
    """Written down, not sent, and then nobody looked for many blocks."""
    first = blocks * 10
    with pruned.client().outbox(tmp_path / "o.sqlite", hook=crash_after_store) as outbox, pytest.raises(Crash):
        list(outbox.send_all(pruned.items([first])))
    taken = pruned.foreign(pruned.count())
    pruned.node.request("anvil_mine", hex(blocks))
    with pruned.client().outbox(tmp_path / "o.sqlite", patience=20) as outbox:
        (result,) = outbox.resume()
    assert result.state is State.LOST
    assert result.error.arguments["by"] == taken
    assert result.block == pruned.w3.eth.get_transaction_receipt(taken)["blockNumber"]
    assert pruned.balance(first) == 0


def test_it_is_looked_for_between_its_final_neighbours_F17(pruned, tmp_path):
    """What the outbox has in final blocks before and after it bounds how much is read."""
    with pruned.client().outbox(tmp_path / "o.sqlite", confirmations=2) as outbox:
        list(outbox.send_all(pruned.items([1])))
        nonce = pruned.count()
    with pruned.client().outbox(tmp_path / "o.sqlite", hook=crash_after_store) as outbox, pytest.raises(Crash):
        list(outbox.send_all(pruned.items([2])))
    pruned.foreign(nonce)
    pruned.node.request("anvil_mine", hex(30))
    with pruned.client().outbox(tmp_path / "o.sqlite", confirmations=2) as outbox:
        results = {result.key: result for result in outbox.send_all(pruned.items([2, 3]))}
        assert results["mint-2"].state is State.LOST
        assert results["mint-3"].state is State.INCLUDED
        pruned.node.request("anvil_mine", hex(30))
        list(outbox.resume())
        lowest, highest = outbox._store.around(nonce, 10**9)
        assert 0 < lowest < results["mint-2"].block < highest == results["mint-3"].block
