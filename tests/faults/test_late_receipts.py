"""Brownie waits for a receipt that is only late: `_mend_waiting` in brownie_hooks.py; all tests of contracts need it.

a node
├── hands out the receipt later than it counts the transaction: the transaction is waited for
├── does not know the transaction for a moment: the same
├── never knows it again: it counts as dropped
└── fails while a test waits: the test is woken

a thread that still waits after the chain was set back
└── leaves the next test's transaction of the same nonce alone
"""

import pytest
from brownie import chain, web3
from brownie.exceptions import TransactionError
from brownie.network.transaction import Status
from web3 import HTTPProvider

import brownie_hooks
from tests.support.claim_builders import one_block
from tests.support.fault_proxy import FaultProxy

# Far more than any pause that a test could wait for without looking.
MANY = 60


@pytest.fixture(autouse=True)
def _own_chain(fn_isolation):
    """Each test begins on the same chain."""


@pytest.fixture
def proxy(monkeypatch):
    """Between Brownie and its node."""
    with FaultProxy(web3.provider.endpoint_uri) as proxy:
        monkeypatch.setattr(web3, "provider", HTTPProvider(proxy.url))
        yield proxy
        # What is still waited for must not ask a proxy that has ended.
        monkeypatch.undo()


def pay(people, **options):
    """A transaction of the patient, as Brownie sends it."""
    return people.patient.transfer(people.stranger, 1, silent=True, **options)


def test_a_receipt_that_is_later_than_the_count_is_waited_for(people, proxy):
    late = proxy.spoil("eth_getTransactionReceipt", "unknown", times=MANY)
    transaction = pay(people)
    assert transaction.status == Status.Confirmed
    assert transaction.timestamp == chain[-1].timestamp
    assert late.done == MANY


def test_a_transaction_that_the_node_does_not_know_for_a_moment_is_waited_for(people, proxy):
    with one_block():
        transaction = pay(people, required_confs=0)
        proxy.spoil("eth_getTransactionReceipt", "unknown", times=MANY)
        proxy.spoil("eth_getTransactionByHash", "unknown", times=MANY)
    transaction.wait(1)
    assert transaction.status == Status.Confirmed
    assert transaction.timestamp == chain[-1].timestamp


def test_a_transaction_that_the_node_never_knows_again_counts_as_dropped(people, proxy, monkeypatch):
    monkeypatch.setattr(brownie_hooks, "UNKNOWN_FOR", 0.3)
    proxy.spoil("eth_getTransactionReceipt", "unknown")
    with one_block():
        transaction = pay(people, required_confs=0)
        proxy.spoil("eth_getTransactionByHash", "unknown")
        transaction.wait(1)
    assert transaction.status == Status.Dropped
    assert transaction.timestamp is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_test_is_woken_where_the_node_fails(people, proxy):
    proxy.spoil("eth_getTransactionReceipt", "fail")
    with pytest.raises(TransactionError, match="dropped"):
        pay(people)


def test_a_late_thread_leaves_the_next_transaction_of_its_nonce_alone(people):
    with one_block():
        before = pay(people, required_confs=0)
    before.wait(1)
    chain.revert()
    after = pay(people)
    assert (after.txid, after.nonce) == (before.txid, before.nonce)
    # What the thread of a transaction does when it looks once more, after the chain was set back.
    before._await_confirmation(required_confs=0)
    assert after.status == Status.Confirmed
    assert after.timestamp == chain[-1].timestamp
