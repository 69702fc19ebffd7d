"""P9: a chain that was wiped, with the same id and the same first block, is not the one on which an item was final."""

import pytest

from salus.chain.local_node import LocalNode
from salus.errors import BadInput
from salus.outbox import Outbox, State, read_status
from tests.support.mint_outbox import TokenMinter

pytestmark = pytest.mark.chain

STARTED = 1_800_000_000
FINAL = {"confirmations": 2, "patience": 20}


def chain():
    return LocalNode("anvil", timestamp=STARTED)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "o.sqlite"


def final(minter, path, numbers):
    """Items that are final."""
    with minter.client().outbox(path, **FINAL) as outbox:
        list(outbox.send_all(minter.items(numbers)))
        minter.node.request("anvil_mine", hex(3))
        list(outbox.resume())
        assert outbox.status().counts[State.FINAL] == len(numbers)
        return outbox._nodes.genesis


def test_p9_a_wiped_chain_with_the_same_first_block_is_noticed_at_opening(tmp_path, path):
    mine = range(10, 15)
    with chain() as node:
        genesis = final(TokenMinter(node, tmp_path), path, mine)
    with chain() as node:
        minter = TokenMinter(node, tmp_path)
        with minter.client().outbox(path, **FINAL) as outbox:
            assert outbox._nodes.genesis == genesis  # else another check would have told
            # Nothing is called final any more, in the file too …
            assert outbox.status().counts[State.FINAL] == 0 and outbox.status().gone is not None
            assert read_status(path)[0].counts[State.INCLUDED] == 5
            # … and nothing is signed or sent, however it is asked for and however often.
            for act in (lambda: outbox.send_all(minter.items([15])), outbox.resume):
                with pytest.raises(BadInput, match=r"block \d+: was final with the hash 0x.*--final-too"):
                    list(act())
        with minter.client().outbox(path, **FINAL) as outbox:
            with pytest.raises(BadInput, match="nothing is signed"):
                list(outbox.send_all(minter.items([15])))
            assert minter.count() == 0
            # The user says so: what is in no block is sent again, once.
            assert {result.key for result in outbox.resume(final_too=True)} >= {f"mint-{n}" for n in mine}
            assert all(result.done for result in outbox.send_all(minter.items([15])))
        minter.expect_once(range(10, 16))
        assert minter.count() == 6


def test_p9_what_rests_on_blocks_that_are_still_there_stays_final(tmp_path, path):
    """A chain that was set back by some blocks: only what was in these is questioned."""
    with chain() as node:
        minter = TokenMinter(node, tmp_path)
        final(minter, path, range(20, 23))
        snapshot = node.request("evm_snapshot")
        with minter.client().outbox(path, **FINAL) as outbox:
            list(outbox.send_all(minter.items(range(23, 25))))
            node.request("anvil_mine", hex(3))
            list(outbox.resume())
            assert outbox.status().counts[State.FINAL] == 5
        node.request("evm_revert", snapshot)
        node.request("anvil_mine", hex(8))  # as high as before, by other blocks
        counts = read_status(path)[0].counts
        assert counts[State.FINAL] == 5  # no node was asked yet
        with minter.client().outbox(path, **FINAL) as outbox:
            counts = outbox.status().counts
            assert (counts[State.FINAL], counts[State.INCLUDED]) == (3, 2)
            assert {r.key for r in outbox.resume(final_too=True)} == {"mint-23", "mint-24"}
        minter.expect_once(range(20, 25))


def test_p9_a_node_that_was_behind_is_no_other_chain(tmp_path, path, monkeypatch):
    """Once the node has the block, nothing is left of the doubt."""
    with chain() as node:
        minter = TokenMinter(node, tmp_path)
        final(minter, path, [30])
        with monkeypatch.context() as patched:
            patched.setattr(Outbox, "_has", lambda self, block: False)
            with minter.client().outbox(path, **FINAL) as outbox:
                assert outbox.status().gone is not None
                with pytest.raises(BadInput, match="nothing is signed"):
                    list(outbox.resume())
        with minter.client().outbox(path, **FINAL) as outbox:
            assert outbox.status().gone is None
            assert all(result.done for result in outbox.send_all(minter.items([30, 31])))
            list(outbox.resume())
            assert outbox.status().counts[State.FINAL] >= 1
        minter.expect_once([30, 31])


def test_p9_two_processes_that_open_it_at_once_both_refuse(tmp_path, path, monkeypatch):
    """While the one still asks for the final blocks, the other has already noted that they are gone."""
    with chain() as node:
        final(TokenMinter(node, tmp_path), path, range(40, 43))
    with chain() as node:
        minter, has, opened = TokenMinter(node, tmp_path), Outbox._has, []

        def slow(outbox, block):
            if not opened:
                opened.append(None)
                opened.append(minter.client().outbox(path, **FINAL))
            return has(outbox, block)

        monkeypatch.setattr(Outbox, "_has", slow)
        with minter.client().outbox(path, **FINAL) as one, opened[1] as other:
            for outbox in (one, other):
                assert outbox.status().gone is not None
                with pytest.raises(BadInput, match="nothing is signed"):
                    list(outbox.send_all(minter.items([43])))
        assert minter.count() == 0
