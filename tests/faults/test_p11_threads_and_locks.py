"""P11: one outbox that several threads use, and one whose file another process holds."""

import sqlite3
import threading
import time

import pytest

from salus.chain.local_node import LocalNode
from salus.errors import Unreachable
from salus.outbox import Cancelled, Item, State
from salus.outbox._store import Store
from tests.support.mint_outbox import TokenMinter, holder
from tests.support.threads import in_threads, until


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


@pytest.fixture
def by_hand(minter):
    """Blocks come when told to."""
    minter.node.request("evm_setAutomine", False)


@pytest.mark.usefixtures("by_hand")
def test_p11_what_several_threads_send_waits_for_one_block_together(minter):
    with minter.client().outbox() as outbox:
        numbers = iter(range(200, 220))
        done = []
        before = minter.count()

        def work(_):
            done.extend(outbox.send_all(minter.items([next(numbers) for _ in range(4)])))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        until(lambda: minter.pending() == before + 20)
        assert done == []
        minter.node.request("evm_mine")
        for thread in threads:
            thread.join(20)
    assert len(done) == 20 and all(result.done for result in done)
    minter.expect_once(range(200, 220))


def test_p11_a_run_whose_results_nobody_takes_holds_no_other_up(minter):
    with minter.client().outbox(patience=5) as outbox:
        run = outbox.send_all(minter.items(range(100, 103)))
        next(run)  # and nobody takes the rest
        assert in_threads(3, lambda n: list(outbox.send_all(minter.items([103 + n])))) == []
        # Another run may begin within it, and both may end.
        assert outbox.send("mint-106", minter.item(106)).done
        assert len(list(run)) == 2
    minter.expect_once(range(100, 107))


@pytest.mark.usefixtures("by_hand")
def test_p11_what_a_run_had_not_signed_when_it_was_left_is_not_sent_by_another(minter):
    with minter.client().outbox(window=4) as outbox:
        first, second = outbox.send_all(minter.items(range(300, 340))), outbox.send_all(minter.items([340]))
        taken = []

        def take():
            taken.append(next(first))
            first.close()
            taken.extend(second)

        before = minter.count()
        thread = threading.Thread(target=take)
        thread.start()
        until(lambda: minter.pending() > before)
        while thread.is_alive():
            minter.node.request("evm_mine")
            thread.join(0.2)
        assert [result.key for result in taken][-1] == "mint-340" and all(result.done for result in taken)
        states = [result.state for result in outbox.results()]
        assert states.count(State.QUEUED) > 20 and minter.count() < before + 20


def test_p11_what_breaks_one_thread_leaves_the_others_their_results(minter):
    broken = []

    def hook(step):
        if step == "after_store" and not broken:
            broken.append(threading.get_ident())
            raise ZeroDivisionError

    results = []
    with minter.client().outbox(hook=hook) as outbox:
        troubles = in_threads(
            4, lambda n: results.extend(outbox.send_all(minter.items(range(400 + 5 * n, 405 + 5 * n))))
        )
        assert [type(trouble) for trouble in troubles] == [ZeroDivisionError]
        assert len(results) == 15 and all(result.done for result in results)
        list(outbox.resume())
    minter.expect_once(range(400, 420))


@pytest.mark.usefixtures("by_hand")
def test_p11_an_item_is_cancelled_while_another_thread_awaits_it(minter):
    steps = []
    with minter.client().outbox(patience=30, hook=steps.append) as outbox:
        results = []
        before = minter.count()
        waiting = threading.Thread(target=lambda: results.extend(outbox.send_all(minter.items([500, 501]))))
        waiting.start()
        until(lambda: minter.pending() == before + 2)
        cancelled = []
        cancelling = threading.Thread(target=lambda: cancelled.append(outbox.cancel("mint-501")))
        cancelling.start()
        until(lambda: "after_send" in steps[steps.index("after_cancel") :] if "after_cancel" in steps else False)
        while cancelling.is_alive() or waiting.is_alive():
            minter.node.request("evm_mine")
            time.sleep(0.1)
        assert [result.state for result in cancelled] == [State.LOST]
        assert {result.key: type(result.error) for result in results} == {"mint-500": type(None), "mint-501": Cancelled}
    minter.expect_once([500])


def test_p11_threads_may_await_different_things(minter):
    """One in a block, one in a final block, one item after the other, one from an iterator."""
    results = []
    with minter.client().outbox(confirmations=2) as outbox:

        def work(number):
            items = minter.items(range(600 + 10 * number, 610 + 10 * number))
            how = ({}, {"until": "final"}, {"window": 1}, {"preflight": False})[number]
            results.extend(outbox.send_all(iter(items) if number % 2 else items, **how))

        mining = threading.Event()

        def mine():
            while not mining.wait(0.1):
                minter.node.request("evm_mine")

        miner = threading.Thread(target=mine)
        miner.start()
        try:
            assert in_threads(4, work) == []
        finally:
            mining.set()
            miner.join()
    assert len(results) == 40
    assert {result.state for result in results if result.key in {f"mint-{n}" for n in range(610, 620)}} == {State.FINAL}
    minter.expect_once(range(600, 640))


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
