"""F7, F15, F16: replies are lost, late, cut short, of another kind or of another chain; each effect happens once all
the same.
"""

import threading
import time

import pytest

from salus.chain.local_node import LocalNode
from salus.errors import BadAnswer, NotMined, Unreachable, WrongChain
from salus.outbox import State
from tests.support.deployed_chain import kind
from tests.support.fault_proxy import FaultProxy
from tests.support.mint_outbox import TokenMinter, fresh_numbers


@pytest.fixture(scope="module")
def node():
    with LocalNode(kind()) as node:
        yield node


@pytest.fixture(scope="module")
def minter(node, tmp_path_factory):
    return TokenMinter(node, tmp_path_factory.mktemp("mint"))


@pytest.fixture
def proxy(node):
    with FaultProxy(node.url, seed=7) as proxy:
        yield proxy


@pytest.fixture
def outbox(minter, proxy):
    client = minter.client(proxy.url)
    with client.outbox(timeout=1, patience=30) as outbox:
        yield outbox


def expect_done(minter, outbox, mine, before):
    minter.expect_once(mine)
    assert minter.count() == before + len(mine)
    assert outbox.status().open == 0


@pytest.mark.parametrize("mode", ["drop_reply", "drop_request", "hang_once", "truncate", "429", "5xx", "html"])
@pytest.mark.parametrize("times", [1, 2])
def test_f7_what_is_not_answered_happens_once(minter, proxy, outbox, mode, times):
    """TK2: the node has the bytes, or has not, and nobody can tell."""
    before, mine = minter.count(), fresh_numbers(12)
    rule = proxy.spoil("eth_sendRawTransaction", mode, times=times, **({"seconds": 3} if mode == "hang_once" else {}))
    results = list(outbox.send_all(minter.items(mine)))
    # What the node did hear of it is not told a second time.
    heard = mode in ("drop_reply", "hang_once", "truncate")
    assert rule.done == (1 if heard else times)
    assert proxy.asked["eth_sendRawTransaction"] == 12 * (1 if heard else 1 + times)
    assert all(result.state is State.INCLUDED and len(result.attempts) == 1 for result in results)
    expect_done(minter, outbox, mine, before)


def test_f7_what_is_on_its_way_when_a_run_ends_is_not_sent_beside_the_next(minter, proxy):
    """The next run waits for it, and sends nothing twice."""
    before, mine = minter.count(), fresh_numbers(6)
    proxy.spoil("eth_sendRawTransaction", "slow", times=1, seconds=0.6)
    steps = []
    with minter.client(proxy.url).outbox(hook=steps.append) as outbox:
        run = outbox.send_all(minter.items(mine))
        ask = outbox._nodes.ask
        outbox._nodes.ask = lambda calls: _cut(steps, ask, calls)
        with pytest.raises(Unreachable, match="the cable is cut"):
            list(run)
        outbox._nodes.ask = ask
        assert all(result.done for result in outbox.resume())
        assert proxy.asked["eth_sendRawTransaction"] == 6
        expect_done(minter, outbox, mine, before)


def test_f7_what_another_run_of_the_outbox_has_on_its_way_is_not_sent_again(minter, proxy, outbox):
    """Not even where the node cannot have it yet."""
    first, *mine = fresh_numbers(3)
    list(outbox.send_all(minter.items([first])))
    outbox._nodes._couriers["out"].submit(time.sleep, 0.5)
    run = outbox.send_all([*minter.items(mine), minter.spend(f"refused {first}", 500)], window=2)
    assert next(run).state is State.REFUSED
    sent = proxy.asked["eth_sendRawTransaction"]
    assert all(result.done for result in outbox.send_all(minter.items(mine)))
    assert proxy.asked["eth_sendRawTransaction"] <= sent + 2 == 3
    list(run)
    minter.expect_once([first, *mine])


def test_f7_an_outbox_that_is_closed_under_a_run_ends_at_once(minter, node):
    """What is on its way is waited for; what only waits to go out goes with the next run."""
    before, mine = minter.count(), fresh_numbers(250)
    with FaultProxy(node.url) as proxy:
        proxy.spoil("eth_sendRawTransaction", "slow", times=1, seconds=1)
        with minter.client(proxy.url).outbox() as outbox:
            run = outbox.send_all(minter.items(mine), preflight=False, progress=lambda done, of: None)
            next(run)
        ended = threading.Thread(target=run.close)
        ended.start()
        ended.join(10)
        assert not ended.is_alive()
        with minter.client().outbox() as outbox:
            assert all(result.done for result in outbox.send_all(minter.items(mine)))
            expect_done(minter, outbox, mine, before)


def _cut(steps, ask, calls):
    """Nothing is answered from when the first were sent."""
    if "after_store" in steps:
        raise Unreachable("the cable is cut")
    return ask(calls)


@pytest.mark.parametrize("mode", ["fail", "omit_answer", "wrong_id"])
def test_f15_a_batch_that_partly_fails(minter, proxy, outbox, mode):
    before, mine = minter.count(), fresh_numbers(30)
    rule = proxy.spoil("eth_sendRawTransaction", mode, rate=0.3, times=8)
    list(outbox.send_all(minter.items(mine)))
    assert rule.done >= 5
    expect_done(minter, outbox, mine, before)


@pytest.mark.parametrize("seed", [1, 2])
def test_f15_a_storm_of_everything(minter, node, seed):
    """Questions of every method are spoiled in every way that passes, until six kinds of trouble were had."""
    before, mine = minter.count(), fresh_numbers(400)
    with FaultProxy(node.url, seed=seed) as proxy:
        client = minter.client(proxy.url)
        with client.outbox(timeout=0.5, patience=60) as outbox:
            modes = ("drop_reply", "drop_request", "truncate", "429", "5xx", "html", "fail", "wrong_id", "omit_answer")
            for mode in modes:
                proxy.spoil("*", mode, rate=0.01)
            proxy.spoil("eth_getTransactionReceipt", "fail", rate=0.1)
            proxy.spoil("eth_sendRawTransaction", "drop_reply", rate=0.02)
            sent = 0
            while sent < 40 or (len(proxy.counts) < 6 and sent < len(mine)):
                part, sent = mine[sent : sent + 40], sent + 40
                assert all(result.done for result in outbox.send_all(minter.items(part), window=10))
            assert len(proxy.counts) >= 6
            proxy.clear()
            expect_done(minter, outbox, mine[:sent], before)


def test_f15_a_node_that_never_answers_is_given_up_and_nothing_is_lost(minter, proxy):
    before, mine = minter.count(), fresh_numbers(5)
    with minter.client(proxy.url).outbox(timeout=0.3, patience=1.5) as outbox:
        proxy.spoil("*", "5xx")
        with pytest.raises(Unreachable, match=r"HTTP 503; no better answer within 1\.5 s"):
            list(outbox.send_all(minter.items(mine)))
        assert outbox.status().counts[State.QUEUED] == 5
        proxy.clear()
        assert len(list(outbox.resume())) == 5
        expect_done(minter, outbox, mine, before)


def test_f15_a_node_that_takes_no_bytes_is_given_up_and_nothing_is_lost(minter, proxy):
    before, mine = minter.count(), fresh_numbers(5)
    with minter.client(proxy.url).outbox(timeout=1, patience=1.5) as outbox:
        proxy.spoil("eth_sendRawTransaction", "fail")
        with pytest.raises(NotMined):
            list(outbox.send_all(minter.items(mine)))
        assert outbox.status().counts[State.STORED] == 5
        proxy.clear()
        assert {result.nonce for result in outbox.resume()} == set(range(before, before + 5))
        expect_done(minter, outbox, mine, before)


def test_f15_another_endpoint_takes_over(minter, node, proxy):
    """45: reads go elsewhere; the bytes that are sent there are the same."""
    before, mine = minter.count(), fresh_numbers(30)
    with (
        FaultProxy(node.url) as second,
        minter.client(proxy.url).outbox(timeout=1, patience=30, also=[second.url]) as outbox,
    ):
        signed = []
        sign = outbox._store.sign
        outbox._store.sign = lambda rows: (signed.extend(rows), sign(rows), proxy.spoil("*", "drop_request"))
        results = list(outbox.send_all(minter.items(mine)))
        assert second.asked["eth_sendRawTransaction"] == 30 and len(signed) == 30
        assert {result.transaction for result in results} == {attempt.hash for _, _, attempt in signed}
        expect_done(minter, outbox, mine, before)


def test_f15_endpoints_that_disagree_on_the_nonce_are_waited_for(minter, node):
    """One endpoint tells of transactions that the other does not have: nothing is guessed."""
    mine = fresh_numbers(3)
    with LocalNode("anvil", chain_id=node.chain_id) as other:
        minter.client().outbox().close()
        with FaultProxy(node.url) as proxy, FaultProxy(node.url, other=other.url) as behind:
            with minter.client(proxy.url).outbox(timeout=1, patience=2, also=[behind.url]) as outbox:
                list(outbox.send_all(minter.items(mine[:1])))
                minter.foreign(minter.count())
                before = minter.count()
                behind.spoil("eth_getTransactionCount", "stale")
                with pytest.raises(BadAnswer, match="the nodes disagree on the next nonce"):
                    list(outbox.send_all(minter.items(mine[1:])))
                assert minter.count() == before and outbox.status().counts[State.QUEUED] == 2
                behind.clear()
                assert len(list(outbox.resume())) == 2
        minter.expect_once(mine)


# ------------------------------------------------------------------------------------------------------ another chain


def test_f16_another_chain_is_not_signed_for(minter, proxy, outbox):
    """The endpoint is on another chain from one moment to the next: nothing is signed, and the message says so."""
    before, mine = minter.count(), fresh_numbers(4)
    list(outbox.send_all(minter.items(mine[:2])))
    proxy.spoil("eth_chainId", "chain_id")
    proxy.asked.clear()
    with pytest.raises(WrongChain, match=r"is on chain 1, .* is for chain 31337; nothing is signed"):
        list(outbox.send_all(minter.items(mine[2:])))
    assert proxy.asked["eth_sendRawTransaction"] == 0
    assert minter.count() == before + 2
    assert outbox.status().counts[State.QUEUED] == 2


def test_f16_an_endpoint_of_another_chain_is_left_out(minter, proxy):
    before, mine = minter.count(), fresh_numbers(4)
    with FaultProxy(minter.node.url) as wrong:
        wrong.spoil("eth_chainId", "chain_id")
        with minter.client(proxy.url).outbox(timeout=1, patience=10, also=[wrong.url]) as outbox:
            list(outbox.send_all(minter.items(mine)))
            assert wrong.asked["eth_sendRawTransaction"] == 0
            expect_done(minter, outbox, mine, before)


def test_f16_an_endpoint_whose_first_block_or_code_differs_is_left_out(minter, proxy):
    mine = fresh_numbers(2)
    with LocalNode("anvil", chain_id=minter.node.chain_id, timestamp=1_700_000_000) as other:
        with minter.client(proxy.url).outbox(timeout=1, patience=10, also=[other.url]) as outbox:
            results = list(outbox.send_all(minter.items(mine)))
            assert all(result.done for result in results)
            told = {str(reason) for reason in outbox._nodes._barred.values()}
            assert len(told) == 1 and "has another first block" in told.pop()
    minter.expect_once(mine)


@pytest.mark.skipif(kind() != "anvil", reason="only anvil changes its chain's id while it runs")
def test_f16_a_chain_that_changes_its_id(minter, node, outbox):
    mine = fresh_numbers(2)
    node.request("anvil_setChainId", 1)
    try:
        with pytest.raises(WrongChain):
            list(outbox.send_all(minter.items(mine)))
        assert outbox.status().counts[State.QUEUED] == 2
    finally:
        node.request("anvil_setChainId", node.chain_id)
