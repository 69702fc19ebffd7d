"""P4: a restored outbox whose forgotten transactions wait above a gap, where no node shows them."""

import copy
import sqlite3
from contextlib import closing

import pytest

from salus.errors import NotMined
from salus.outbox import State
from salus.outbox._rows import Attempt
from tests.faults.test_p04_restored_files import copied, restored, sent
from tests.support.fault_proxy import FaultProxy
from tests.support.mint_outbox import TokenMinter, holder

FORGOTTEN = range(201, 206)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "o.sqlite"


@pytest.fixture
def later(monkeypatch):
    """More than half a minute has passed since the last transaction: what the key's holders left is old."""
    monkeypatch.setattr("salus.chain.nonces._FRESH", 0)


def above_a_gap(minter: TokenMinter, path, dropped=1):
    """A backup; after it five items are signed and sent, and the node forgets the first of them."""
    sent(minter, path, [200])
    backup = copied(path, "backup")
    minter.node.request("evm_setAutomine", False)
    with minter.client().outbox(path, patience=1) as outbox:
        with pytest.raises(NotMined):
            list(outbox.send_all(minter.items(FORGOTTEN), preflight=False))
        hashes = [result.transaction for result in outbox.results(State.STORED, State.SENT)]
    for hash_ in hashes[:dropped]:
        minter.node.request("anvil_dropTransaction", hash_)
    restored(backup, path)
    return hashes


@pytest.mark.parametrize("fresh", [True, False])
def test_p4_what_waits_above_a_gap_is_not_done_again(minter, path, monkeypatch, fresh):
    """The items come in another order, so that none gets the nonce that it had."""
    if not fresh:
        monkeypatch.setattr("salus.chain.nonces._FRESH", 0)
    hashes = above_a_gap(minter, path)
    minter.node.request("evm_setAutomine", True)
    count = minter.count()
    results = {r.key: r for r in sent(minter, path, [*reversed(FORGOTTEN), 206])}
    assert all(result.done for result in results.values())
    minter.expect_once(range(200, 207))
    # A nonce is the forgotten transaction's, which is adopted, or a transfer's: then the item is signed again.
    adopted = sum(result.transaction in hashes for result in results.values())
    assert minter.count() == count + 2 * len(FORGOTTEN) - adopted + 1


def test_p4_nonces_that_went_with_the_pool_are_filled_and_the_items_done_once(minter, path, later):
    """Nothing waits any more: each item is done anew, and what a node may still have of it cannot be."""
    hashes = above_a_gap(minter, path, dropped=len(FORGOTTEN))
    raw = [minter.node.request("eth_getRawTransactionByHash", hash_) for hash_ in hashes]
    assert raw == [None] * len(FORGOTTEN)
    minter.node.request("evm_setAutomine", True)
    count = minter.count()
    assert all(result.done for result in sent(minter, path, [*reversed(FORGOTTEN), 206]))
    assert minter.count() == count + 2 * len(FORGOTTEN) + 1
    minter.expect_once(range(200, 207))


def test_p4_what_one_node_tells_wrongly_of_the_forgotten_is_read_from_another(minter, path):
    """The first node changes the receiver of what was forgotten: that fits no hash, and the second is asked."""
    sent(minter, path, [200])
    backup = copied(path, "backup")
    minter.node.request("evm_setAutomine", False)
    with minter.client().outbox(path, patience=1) as outbox:
        with pytest.raises(NotMined):
            list(outbox.send_all(minter.items(FORGOTTEN), preflight=False))
        done = {result.key: result.transaction for result in outbox.results(State.STORED, State.SENT)}
    restored(backup, path)
    minter.node.request("evm_setIntervalMining", 4)  # so that they are read while they wait

    def elsewhere(_, block, __):
        told = copy.deepcopy(block)
        for one in told["transactions"] if told else []:
            if isinstance(one, dict):
                one["to"] = holder(1)
        return told

    count = minter.pending()
    with FaultProxy(minter.node.url) as proxy:
        proxy.spoil("eth_getBlockByNumber", "alter", change=elsewhere)
        with minter.client(proxy.url).outbox(path, patience=10, also=[minter.node.url]) as outbox:
            results = list(outbox.send_all(minter.items(FORGOTTEN)))
            assert {result.key: result.transaction for result in results} == done
            assert proxy.url.rstrip("/") in outbox.status().contradictions
    assert minter.count() == count
    minter.expect_once(range(200, 206))


def test_p4_a_file_that_forgot_nothing_fills_nothing(minter, path, later):
    """What waits above a gap is the file's own: it is sent again, and no transfer is needed."""
    sent(minter, path, [200])
    minter.node.request("evm_setAutomine", False)
    with minter.client().outbox(path, patience=1) as outbox, pytest.raises(NotMined):
        list(outbox.send_all(minter.items(FORGOTTEN), preflight=False))
    minter.node.request("anvil_dropAllTransactions")
    minter.node.request("evm_setAutomine", True)
    count = minter.count()
    assert all(result.done for result in sent(minter, path, [*FORGOTTEN, 206]))
    assert minter.count() == count + len(FORGOTTEN) + 1
    minter.expect_once(range(200, 207))


def test_p4_an_attempt_that_two_processes_find_is_written_once(minter, path):
    sent(minter, path, [210])
    with minter.client().outbox(path) as one, minter.client().outbox(path) as other:
        (row,) = one._store.rows(keys=["mint-210"])
        found = Attempt("0x" + "ab" * 32, b"\2", 21_000, 10, 1, 7)
        for outbox in (one, other):
            outbox._store.adopt_attempt(row.id, found)
        assert [attempt.number for attempt in other._store.attempts([row])[row.id]] == [0, 1]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM attempts WHERE hash = ?", (found.hash,)).fetchone() == (1,)
