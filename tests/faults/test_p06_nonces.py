"""P6: one key has one sequence of nonces on a host, whoever signs: threads, processes, sends beside an outbox."""

import os
import threading
import time

import pytest

from salus.outbox import State
from tests.support.fault_proxy import FaultProxy
from tests.support.killed_processes import fork, wait
from tests.support.mint_outbox import holder
from tests.support.threads import in_threads


def send(client, count, value=1):
    for _ in range(count):
        client.transact(to=holder(999), value=value)


def received(minter):
    return minter.w3.eth.get_balance(holder(999))


def test_p6_threads_of_one_client_lose_no_send(minter):
    client, before = minter.client(), minter.count()
    assert in_threads(8, lambda _: send(client, 6)) == []
    assert received(minter) == 48 == minter.count() - before


def test_p6_processes_with_several_threads_lose_no_send(minter):
    before = minter.count()

    def work():
        client = minter.client()
        if in_threads(3, lambda _: send(client, 4)):
            os._exit(1)

    processes = [fork(work) for _ in range(3)]
    assert [wait(process) for process in processes] == [0, 0, 0]
    assert received(minter) == 36 == minter.count() - before


@pytest.mark.parametrize("first", ["outbox", "sends"])
def test_p6_sends_beside_an_outbox_of_the_same_key(minter, first):
    """Whichever begins: no send is lost, no item is, and neither is called a stranger's."""
    mine, before, begun = range(10, 310), minter.count(), threading.Event()
    results = []

    def act(number):
        if (number == 0) != (first == "outbox"):
            begun.wait(30)
        if number == 0:
            with minter.client().outbox(minter.folder / "beside.sqlite") as outbox:
                for result in outbox.send_all(minter.items(mine)):
                    results.append(result)
                    begun.set()
        else:
            client = minter.client()
            for _ in range(6):
                send(client, 1)
                begun.set()

    assert in_threads(3, act) == []
    assert {result.state for result in results} == {State.INCLUDED} and len(results) == 300
    minter.expect_once(mine)
    assert received(minter) == 12 and minter.count() - before == 312


def test_p6_a_pending_count_that_is_a_second_old_loses_no_send(minter):
    before = minter.count()
    with FaultProxy(minter.node.url) as proxy:
        aged = proxy.spoil("eth_getTransactionCount", "aged", seconds=1.0)
        send(minter.client(proxy.url), 8)
        assert aged.done >= 5
    assert received(minter) == 8 == minter.count() - before


def test_p6_a_chain_that_was_set_back_is_not_waited_for(minter):
    """The last nonce of this host is a hint: a node that has lost the transaction is believed."""
    client = minter.client()
    snapshot = minter.node.request("evm_snapshot")
    send(client, 3)
    minter.node.request("evm_revert", snapshot)
    began, before = time.monotonic(), minter.count()
    send(client, 2)
    assert minter.count() == before + 2 and time.monotonic() - began < 5


def test_p6_what_the_node_keeps_aside_is_signed_again_with_its_own_nonce(minter):
    """The node drops what it took, as anvil keeps some aside for good: one effect, by a second signature."""
    minter.node.request("evm_setAutomine", False)
    try:
        client, before = minter.client(), minter.count()
        client.patience = 20.0
        troubles = []
        sender = threading.Thread(target=lambda: troubles.extend(in_threads(1, lambda _: send(client, 1))))
        sender.start()
        end = time.monotonic() + 10
        while minter.w3.eth.get_transaction_count(minter.signer.address, "pending") == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        minter.node.request("anvil_dropAllTransactions")
        while minter.w3.eth.get_transaction_count(minter.signer.address, "pending") == before:
            assert time.monotonic() < end
            time.sleep(0.01)
        minter.node.request("evm_mine")
        sender.join(20)
        assert troubles == [] and received(minter) == 1 and minter.count() == before + 1
    finally:
        minter.node.request("evm_setAutomine", True)
