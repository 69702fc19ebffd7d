"""P2: a nonce that no transaction has stops all above it: it is filled, and who made the gap is told."""

import threading
import time

import pytest

from salus.errors import BadInput, NotMined
from salus.outbox import State
from tests.support.threads import until


@pytest.fixture
def minter(minter):
    """Blocks come when told to."""
    minter.node.request("evm_setAutomine", False)
    return minter


class Sending:
    """An outbox that sends in another thread; the test takes blocks and transactions away meanwhile."""

    def __init__(self, minter, items, **options):
        self.minter, self.items = minter, items
        self.options = {"bump_seconds": 0.5, "patience": 20, **options}
        self.results, self.trouble, self.status = [], None, None

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self):
        try:
            with self.minter.client().outbox(**self.options) as outbox:
                try:
                    for result in outbox.send_all(self.items, preflight=False):
                        self.results.append(result)
                finally:
                    self.status, self.all = outbox.status(), outbox.results()
        except BaseException as trouble:
            self.trouble = trouble

    def __exit__(self, kind, *_):
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.trouble is not None and kind is None:
            raise self.trouble


def made_by_another_wallet(minter):
    """Another wallet of the key has the next nonce waiting."""
    count = minter.count()
    return count, minter.foreign(count, wait=False)


def test_p2_a_gap_that_another_wallet_left_is_filled(minter):
    count, other = made_by_another_wallet(minter)
    mine = range(10, 15)
    with Sending(minter, minter.items(mine)) as sending:
        until(lambda: minter.pending() == count + 6)
        minter.node.request("anvil_dropTransaction", other)
        assert minter.pending() == count
        until(lambda: minter.pending() == count + 6)
        minter.node.request("evm_mine")
        until(lambda: len(sending.results) == 5)
    assert {result.key: result.state for result in sending.results} == {f"mint-{n}": State.INCLUDED for n in mine}
    minter.expect_once(mine)
    assert minter.count() == count + 6 and sending.status.gap is None
    (fill,) = [result for result in sending.all if result.key.startswith("fill nonce")]
    sent = minter.w3.eth.get_transaction(fill.transaction)
    assert (sent["from"], sent["to"], sent["value"], fill.nonce) == (minter.signer.address,) * 2 + (0, count)


def test_p2_a_gap_is_told_with_who_made_it_while_it_may_still_close(minter):
    """The other wallet's transaction waits, and is never taken into a block: it is not outbid; then it is dropped."""
    count, other = made_by_another_wallet(minter)
    minter.node.request("evm_setAutomine", False)
    mine = range(20, 23)
    with pytest.raises(NotMined), Sending(minter, minter.items(mine), patience=3, bump_seconds=0.5) as sending:
        pass
    gap = sending.status.gap
    assert (gap.first, gap.last, gap.by) == (count, count, other)
    assert [r.key for r in sending.all] == [f"mint-{n}" for n in mine]  # nothing was signed in its place
    minter.node.request("anvil_dropTransaction", other)
    with minter.client().outbox(bump_seconds=0.3, patience=20) as outbox:
        minter.node.request("evm_setIntervalMining", 1)
        assert all(result.done for result in outbox.resume())
        assert outbox.status().gap is None
    minter.expect_once(mine)


@pytest.mark.parametrize("winner", ["fill", "other"])
def test_p2_the_other_wallet_comes_back_while_its_gap_is_filled(minter, winner):
    """Whichever of the two is mined, every item happens once, and a fill that lost is no item that was lost."""
    count, other = made_by_another_wallet(minter)
    raw = minter.w3.eth.get_raw_transaction(other).to_0x_hex()
    mine = range(30, 34)
    with Sending(minter, minter.items(mine)) as sending:
        until(lambda: minter.pending() == count + 5)
        minter.node.request("anvil_dropTransaction", other)
        until(lambda: minter.pending() == count + 5)
        if winner == "other":
            head = minter.w3.eth.get_block("pending", full_transactions=True)["transactions"]
            (fill,) = [tx["hash"].to_0x_hex() for tx in head if tx["nonce"] == count]
            minter.node.request("anvil_dropTransaction", fill)
            minter.node.request("eth_sendRawTransaction", raw)
        minter.node.request("evm_mine")
        until(lambda: len(sending.results) == 4 or minter.pending() > minter.count())
        while len(sending.results) < 4:
            minter.node.request("evm_mine")
            time.sleep(0.2)
    minter.expect_once(mine)
    assert {result.state for result in sending.results} == {State.INCLUDED}
    assert minter.count() == count + 5 and sending.status.counts[State.LOST] == 0


# ------------------------------------------------------------------------------------------------------------- cancel


def stuck(minter, n):
    """An outbox whose item waits for a block that does not come; closed."""
    outbox = minter.client().outbox(patience=1)
    with outbox, pytest.raises(NotMined):
        list(outbox.send_all([minter.item(n)], preflight=False))


def test_p2_what_is_in_no_block_is_cancelled(minter):
    stuck(minter, 40)
    count = minter.count()
    with minter.client().outbox(patience=20) as outbox:
        cancelled = in_blocks(minter, lambda: outbox.cancel("mint-40"))
        assert cancelled.state is State.LOST and cancelled.error.name == "Cancelled"
        assert len(cancelled.attempts) == 2 and cancelled.transaction == cancelled.attempts[1]
        with pytest.raises(BadInput, match="is lost; only what is in no block is cancelled"):
            outbox.cancel("mint-40")
        (told,) = outbox.results(keys=["mint-40"])
        assert told.error.name == "Cancelled"
        assert list(outbox.resume()) == []  # and it stays so
    assert minter.balance(40) == 0 and minter.count() == count + 1


def test_p2_an_item_that_was_faster_is_not_called_cancelled(minter):
    stuck(minter, 41)

    def the_item_wins(step):
        if step == "after_cancel":
            minter.node.request("evm_mine")

    with minter.client().outbox(patience=20, hook=the_item_wins) as outbox:
        told = outbox.cancel("mint-41")
        assert told.state is State.INCLUDED and told.error is None
    minter.expect_once([41])


def test_p2_a_cancel_that_was_killed_after_it_was_written_stays_a_cancel(minter):
    stuck(minter, 42)

    class Crash(Exception):
        """The process ends here."""

    def crash(step):
        if step == "after_cancel":
            raise Crash

    with minter.client().outbox(hook=crash) as outbox, pytest.raises(Crash):
        outbox.cancel("mint-42")
    with minter.client().outbox(patience=20, bump_seconds=0.5) as outbox:
        (told,) = in_blocks(minter, lambda: list(outbox.resume()))
    assert told.state is State.LOST and told.error.name == "Cancelled" and minter.balance(42) == 0


def test_p2_what_is_not_signed_is_forgotten_by_cancel(minter):
    with minter.client().outbox() as outbox:
        outbox._store.queue([minter.item(43)])
        assert outbox.cancel("mint-43").state is State.QUEUED
        assert outbox.results() == []
        with pytest.raises(BadInput, match="is not in the outbox"):
            outbox.cancel("mint-43")


def in_blocks(minter, act):
    """What `act` gives, while a block comes every half second."""
    done = threading.Event()

    def mine():
        while not done.wait(0.5):
            minter.node.request("evm_mine")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        return act()
    finally:
        done.set()
        miner.join()
