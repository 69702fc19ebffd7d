"""P11: one outbox that several threads use, and one whose file another process holds."""

import sqlite3
import time

import pytest

from salus.chain.local_node import LocalNode
from salus.errors import Unreachable
from salus.outbox import Item, State
from salus.outbox._store import Store
from tests.support.mint_outbox import TokenMinter, holder
from tests.support.threads import in_threads


def test_p11_sixteen_threads_use_one_outbox_and_each_item_happens_once(minter):
    results = []
    with minter.client().outbox() as outbox:

        def work(number):
            # Each item is given by two of the threads.
            mine = range(10 + number // 2 * 10, 20 + number // 2 * 10)
            results.extend(outbox.send_all(minter.items(mine)))
            results.append(outbox.send(f"mint-{mine[0]}", minter.item(mine[0])))
            assert outbox.results(keys=[f"mint-{mine[0]}"])[0].done

        assert in_threads(16, work) == []
    assert all(result.done for result in results) and len(results) == 16 * 11
    minter.expect_once(range(10, 90))


def test_p11_a_thread_that_waits_too_long_for_another_gets_an_error_of_ours(minter):
    with minter.client().outbox(patience=1) as outbox:
        run = outbox.send_all(minter.items(range(100, 103)))
        next(run)  # and nobody takes the rest
        troubles = in_threads(1, lambda _: list(outbox.send_all(minter.items([103]))))
        assert [type(trouble) for trouble in troubles] == [Unreachable]
        assert "another thread has been sending with the outbox" in str(troubles[0])
        # The thread whose run it is may begin another one within it, and end both.
        assert outbox.send("mint-104", minter.item(104)).done
        assert len(list(run)) == 2
        assert in_threads(1, lambda _: list(outbox.send_all(minter.items([103])))) == []
    minter.expect_once(range(100, 105))


@pytest.mark.parametrize("patience", [0.5, 2.0])
def test_p11_a_locked_file_is_waited_for_as_long_as_the_patience_says(tmp_path, patience):
    path = tmp_path / "o.sqlite"
    Store(path).close()
    holds = sqlite3.connect(path, isolation_level=None)
    holds.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Unreachable, match=rf"another process has been writing to .* for {patience:g} s"):
        Store(path, patience=patience)
    assert patience * 0.9 < time.monotonic() - began < patience + 5
    holds.execute("ROLLBACK")
    holds.close()
    Store(path, patience=patience).close()


# --------------------------------------------------------------------------------------------------------- slow blocks


def transfers(numbers):
    return [Item(f"transfer-{n}", holder(n), b"", value=1) for n in numbers]


@pytest.mark.chain
def test_the_window_grows_while_blocks_come_slowly(tmp_path):
    """More than 200 in one block; and all of them happen, though one block cannot hold them."""
    with LocalNode("anvil", block_time=2, gas_limit=10_000_000) as node:
        minter = TokenMinter(node, tmp_path)
        with minter.client().outbox() as outbox:
            results = list(outbox.send_all(transfers(range(1000))))
        assert {result.state for result in results} == {State.INCLUDED}
        blocks = [result.block for result in results]
        fullest = max(blocks.count(block) for block in set(blocks))
        assert 300 < fullest <= 10_000_000 // 21_000
        assert minter.count() == 1000


@pytest.mark.chain
def test_a_window_that_was_chosen_does_not_grow(tmp_path):
    with LocalNode("anvil", block_time=2) as node:
        minter = TokenMinter(node, tmp_path)
        with minter.client().outbox(window=50) as outbox:
            results = list(outbox.send_all(transfers(range(120))))
        blocks = [result.block for result in results]
        assert max(blocks.count(block) for block in set(blocks)) <= 50


def test_a_window_of_whatever_size_stalls_no_chain_that_mines_at_once(minter):
    """With a block for each transaction nothing comes slowly; a window of 2,000 is no harm either."""
    before = minter.count()
    with minter.client().outbox(window=2000, patience=30) as outbox:
        assert all(result.done for result in outbox.send_all(transfers(range(2000, 2900))))
    assert minter.count() == before + 900
