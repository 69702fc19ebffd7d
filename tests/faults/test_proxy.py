"""The proxy spoils what it is told to spoil, nothing else, and the same again by the same seed.

proxy
├── with nothing to spoil: a client sees the node, single and in batches, and idle connections are no trouble
├── whole messages
│   ├── drop_request: the node never heard; drop_reply and hang_once: it did
│   ├── 429, 5xx, html, truncate: what arrives is that
│   └── slow: later, and whole
├── single questions, alone and in a batch
│   ├── fail, omit_answer: of some
│   ├── unknown, wrong_id, chain_id, stale
│   ├── shuffle_logs, dup_logs, omit_log; untouched where there are none
│   ├── range_limit by blocks and by logs
│   └── geth_underpriced: a tenth more on both fees, or the first stays
├── a schedule is repeated by its seed, whatever else is asked in between
└── its end: at once, with callers that wait and connections that are idle
"""

import json
import threading
import time
import urllib.error
import urllib.request

import pytest
from eth_account import Account
from web3 import HTTPProvider, Web3

from salus.chain.local_node import LocalNode
from tests.support.fault_proxy import MODES, FaultProxy

# Emits two logs with the topics 1 and 2, of no data, on every call.
TWO_LOGS = "0x" + "600a600c600039600a6000f3" + "60015f5fa160025f5fa1"


@pytest.fixture(scope="module")
def node():
    with LocalNode("anvil", accounts=3) as node:
        yield node


@pytest.fixture
def proxy(node):
    with FaultProxy(node.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def noisy(node):
    """A contract that emits two logs a call, called three times; its address."""
    sender = node.accounts[1]
    sent = node.request("eth_sendTransaction", {"from": sender, "data": TWO_LOGS})
    address = mined(node, sent)["contractAddress"]
    for _ in range(3):
        mined(node, node.request("eth_sendTransaction", {"from": sender, "to": address}))
    return address


def mined(node, sent):
    for _ in range(200):
        receipt = node.request("eth_getTransactionReceipt", sent)
        if receipt:
            return receipt
        time.sleep(0.01)
    raise AssertionError("not mined")


def post(url, message, timeout=10):
    request = urllib.request.Request(url, json.dumps(message).encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout) as reply:
        return json.load(reply)


def question(method, *params, id=1):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


def ask(proxy, method, *params):
    return post(proxy.url, question(method, *params))


def logs(answer):
    return [(log["blockNumber"], log["logIndex"]) for log in answer["result"]]


def raw(node, nonce, fee, tip):
    account = Account.from_key(node.keys[2])
    whole = {"nonce": nonce, "gas": 21_000, "maxFeePerGas": fee, "maxPriorityFeePerGas": tip, "chainId": node.chain_id}
    return account.sign_transaction({**whole, "to": account.address, "value": 0}).raw_transaction.to_0x_hex()


# ---- nothing to spoil


def test_with_nothing_to_spoil_a_client_sees_the_node(node, proxy):
    w3 = Web3(HTTPProvider(proxy.url))
    assert w3.eth.chain_id == node.chain_id
    with w3.batch_requests() as batch:
        for account in node.accounts:
            batch.add(w3.eth.get_balance(account))
        assert len(batch.execute()) == 3
    assert proxy.asked == {"eth_chainId": 1, "eth_getBalance": 3}
    assert not proxy.counts


def test_it_listens_to_this_machine_alone(proxy):
    assert proxy.url.startswith("http://127.0.0.1:")


def test_an_unknown_fault_is_refused(proxy):
    with pytest.raises(ValueError, match="no such fault: 'flood'"):
        proxy.spoil("eth_chainId", "flood")


# ---- whole messages


@pytest.mark.parametrize("mode, heard", [("drop_request", 0), ("drop_reply", 1)])
def test_a_dropped_question_is_not_heard_and_a_dropped_answer_was(node, proxy, mode, heard):
    before = int(node.request("eth_blockNumber"), 16)
    proxy.spoil("evm_mine", mode, times=1)
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        ask(proxy, "evm_mine")
    assert int(node.request("eth_blockNumber"), 16) == before + heard
    ask(proxy, "evm_mine")
    assert int(node.request("eth_blockNumber"), 16) == before + heard + 1
    assert proxy.counts == {("evm_mine", mode): 1}


def test_a_hanging_answer_was_heard_and_hangs_once(node, proxy):
    before = int(node.request("eth_blockNumber"), 16)
    proxy.spoil("evm_mine", "hang_once")
    with pytest.raises(TimeoutError):
        post(proxy.url, question("evm_mine"), timeout=0.2)
    assert int(node.request("eth_blockNumber"), 16) == before + 1
    assert "result" in ask(proxy, "evm_mine")


@pytest.mark.parametrize("mode, status", [("429", 429), ("5xx", 503), ("html", 502)])
def test_a_status_arrives_instead_of_an_answer(proxy, mode, status):
    proxy.spoil("*", mode, times=1)
    with pytest.raises(urllib.error.HTTPError) as told:
        ask(proxy, "eth_chainId")
    with told.value as reply:
        assert reply.code == status
        assert (b"<html>" in reply.read()) == (mode == "html")
    assert "result" in ask(proxy, "eth_chainId")


def test_an_error_page_may_come_with_a_good_status(proxy):
    proxy.spoil("*", "html", status=200)
    with pytest.raises(json.JSONDecodeError):
        ask(proxy, "eth_chainId")


def test_truncated_json_is_no_json(proxy):
    proxy.spoil("*", "truncate")
    with pytest.raises(json.JSONDecodeError):
        ask(proxy, "eth_chainId")


def test_slow_is_later_and_whole(node, proxy):
    proxy.spoil("*", "slow", seconds=0.3)
    began = time.monotonic()
    assert int(ask(proxy, "eth_chainId")["result"], 16) == node.chain_id
    assert time.monotonic() - began >= 0.3


# ---- single questions


def batch(proxy, method, number):
    return post(proxy.url, [question(method, id=n) for n in range(number)])


def test_some_of_a_batch_fail_and_the_node_never_heard_them(node, proxy):
    before = int(node.request("eth_blockNumber"), 16)
    rule = proxy.spoil("evm_mine", "fail", rate=0.5)
    answers = batch(proxy, "evm_mine", 20)
    assert [answer["id"] for answer in answers] == list(range(20))
    failed = [answer["error"]["code"] for answer in answers if "error" in answer]
    assert 0 < rule.done < 20
    assert failed == [-32603] * rule.done
    assert int(node.request("eth_blockNumber"), 16) == before + 20 - rule.done


def test_an_answer_of_a_batch_is_left_out(proxy):
    proxy.spoil("eth_chainId", "omit_answer", times=1)
    assert [answer["id"] for answer in batch(proxy, "eth_chainId", 4)] == [1, 2, 3]


def test_what_is_asked_for_is_unknown(node, proxy):
    proxy.spoil("eth_getBlockByNumber", "unknown", times=1)
    assert ask(proxy, "eth_getBlockByNumber", "0x0", False)["result"] is None
    assert ask(proxy, "eth_getBlockByNumber", "0x0", False)["result"]["number"] == "0x0"


def test_a_wrong_id_is_that_of_no_question(proxy):
    proxy.spoil("eth_chainId", "wrong_id", times=1)
    assert [answer["id"] in range(3) for answer in batch(proxy, "eth_chainId", 3)] == [False, True, True]


def test_the_chain_may_be_another(proxy):
    proxy.spoil("eth_chainId", "chain_id")
    assert ask(proxy, "eth_chainId")["result"] == "0x1"


def test_a_stale_answer_is_the_other_nodes(node):
    with LocalNode("anvil", accounts=1) as other, FaultProxy(node.url, other=other.url) as proxy:
        node.request("evm_mine")
        proxy.spoil("eth_blockNumber", "stale", times=1)
        assert ask(proxy, "eth_blockNumber")["result"] == "0x0"
        assert ask(proxy, "eth_blockNumber")["result"] == node.request("eth_blockNumber")


@pytest.mark.parametrize("mode, more", [("omit_log", -1), ("dup_logs", 1), ("shuffle_logs", 0)])
def test_logs_are_left_out_doubled_and_reordered(proxy, noisy, mode, more):
    wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": noisy}
    whole = logs(ask(proxy, "eth_getLogs", wanted))
    assert len(whole) == 6
    proxy.spoil("eth_getLogs", mode)
    spoiled = logs(ask(proxy, "eth_getLogs", wanted))
    assert len(spoiled) == 6 + more
    assert spoiled != whole
    assert set(spoiled) <= set(whole)
    assert len(set(spoiled)) == min(6, 6 + more)


def test_receipts_lose_logs_too(node, proxy, noisy):
    proxy.spoil("*", "omit_log")
    block = ask(proxy, "eth_getLogs", {"fromBlock": "0x0", "address": noisy})["result"][-1]["blockNumber"]
    assert [len(receipt["logs"]) for receipt in ask(proxy, "eth_getBlockReceipts", block)["result"]] == [1]


def test_where_there_are_no_logs_none_is_left_out(node, proxy):
    rule = proxy.spoil("eth_getLogs", "omit_log")
    assert ask(proxy, "eth_getLogs", {"fromBlock": "0x0", "address": node.accounts[0]})["result"] == []
    assert rule.done == 0


def test_a_range_is_limited_by_blocks_and_by_logs(proxy, noisy):
    rule = proxy.spoil("eth_getLogs", "range_limit", blocks=3, logs=5)
    last = int(ask(proxy, "eth_blockNumber")["result"], 16)
    everything = {"fromBlock": "0x0", "toBlock": "latest", "address": noisy}
    assert ask(proxy, "eth_getLogs", everything)["error"]["message"] == "query exceeds max block range 3"
    rule.options["blocks"] = last + 1
    assert ask(proxy, "eth_getLogs", everything)["error"]["message"] == "query returned more than 5 results"
    rule.options["logs"] = 6
    assert len(ask(proxy, "eth_getLogs", everything)["result"]) == 6
    assert rule.done == 2


def test_a_replacement_must_offer_a_tenth_more_as_geth_wants_it(node, proxy):
    proxy.spoil("eth_sendRawTransaction", "geth_underpriced")
    node.request("evm_setAutomine", False)
    try:
        send = lambda *fees: ask(proxy, "eth_sendRawTransaction", raw(node, *fees))  # noqa: E731
        gwei = 10**9
        assert "result" in send(0, 20 * gwei, 10 * gwei)
        assert send(0, 20 * gwei, 10 * gwei)["error"]["message"] == "already known"
        for fees in ((22 * gwei, 11 * gwei - 1), (22 * gwei - 1, 11 * gwei)):
            assert send(0, *fees)["error"]["message"] == "replacement transaction underpriced"
        assert "result" in send(0, 22 * gwei, 11 * gwei)
        assert "result" in send(1, 20 * gwei, 10 * gwei)
    finally:
        node.request("evm_setAutomine", True)
        node.request("evm_mine")
    assert "nonce too low" in send(0, 20 * gwei, 10 * gwei)["error"]["message"]


# ---- the schedule


def test_a_seed_repeats_the_schedule_whatever_else_is_asked(node):
    def run(seed, *between):
        pattern = []
        with FaultProxy(node.url, seed=seed) as proxy:
            proxy.spoil("eth_chainId", "fail", rate=0.3)
            proxy.spoil("eth_blockNumber", "fail", rate=0.3)
            for _ in range(40):
                pattern.append("error" in ask(proxy, "eth_chainId"))
                for method in between:
                    ask(proxy, method)
        return pattern

    assert run(1) == run(1, "eth_blockNumber", "eth_gasPrice")
    assert run(1) != run(2)
    assert 4 <= sum(run(1)) <= 20


def test_what_is_cleared_spoils_no_more(proxy):
    rule = proxy.spoil("*", "fail")
    assert "error" in ask(proxy, "eth_chainId")
    proxy.clear()
    assert "result" in ask(proxy, "eth_chainId")
    assert rule.done == 1


def test_several_faults_of_one_method_go_together(proxy):
    proxy.spoil("eth_chainId", "fail", times=1)
    proxy.spoil("eth_chainId", "chain_id")
    assert "error" in ask(proxy, "eth_chainId")
    assert ask(proxy, "eth_chainId")["result"] == "0x1"


# ---- its end


def test_it_ends_at_once_with_callers_that_wait_and_connections_that_are_idle(node):
    before = threading.active_count()
    with FaultProxy(node.url) as proxy:
        idle = Web3(HTTPProvider(proxy.url))
        assert idle.eth.chain_id == node.chain_id
        proxy.spoil("evm_mine", "hang")

        def ask_in_vain():
            with pytest.raises(OSError):
                ask(proxy, "evm_mine")

        waiting = threading.Thread(target=ask_in_vain)
        waiting.start()
        while not proxy.counts:
            time.sleep(0.01)
        began = time.monotonic()
    waiting.join(5)
    assert time.monotonic() - began < 1
    assert threading.active_count() == before


def test_a_node_that_is_away_is_no_trouble_of_the_proxy():
    with FaultProxy("http://127.0.0.1:1") as proxy, pytest.raises((ConnectionError, urllib.error.URLError)):
        ask(proxy, "eth_chainId")


def test_every_fault_that_the_head_of_the_proxy_lists_is_one():
    import tests.support.fault_proxy

    lines = [line.strip().partition("  ") for line in tests.support.fault_proxy.__doc__.splitlines()]
    assert set(MODES) == {name for names, gap, _ in lines if gap for name in names.split(", ")}
