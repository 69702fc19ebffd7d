"""F13, F14, F15, F16, F20: nodes that are behind, forked, forgetful, overloaded, limited, or of another chain."""

import itertools
import threading
import time

import pytest

from salus.chain.local_node import LocalNode
from salus.chain.node import Node
from salus.chain.rpc import Trouble
from salus.chain.transport import Near, Reply
from salus.errors import BadAnswer, Unreachable, WrongChain
from tests.support.fault_proxy import FaultProxy
from tests.support.log_emitter import LogEmitter, count, differences, word


def quickly(seconds):
    """Pauses that do not make a test long."""
    time.sleep(min(seconds, 0.01))


@pytest.fixture
def through(log_emitter):
    """An index that reaches the log emitter's node through a proxy."""
    made = []

    def through(seed=1, other=None, **options):
        proxy = FaultProxy(log_emitter.node.url, seed=seed, other=other)
        proxy.__enter__()
        indexer = log_emitter.indexer(url=proxy.url, sleep=quickly, **options)
        made.append((proxy, indexer))
        return proxy, indexer

    yield through
    for proxy, indexer in made:
        indexer.close()
        proxy.__exit__(None, None, None)


# ------------------------------------------------------------------------------------------------------------------ F13


@pytest.fixture(scope="module")
def twins():
    with LocalNode(timestamp=1_800_000_000) as one, LocalNode(timestamp=1_800_000_000) as other:
        yield one, other


@pytest.fixture
def pair(twins, tmp_path):
    """Two ledgers on two nodes that make the same blocks of the same transactions."""
    snapshots = [node.request("evm_snapshot") for node in twins]
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
    yield [LogEmitter(node, folder) for node, folder in zip(twins, folders, strict=True)]
    for node, snapshot in zip(twins, snapshots, strict=True):
        node.request("evm_revert", snapshot)


def same_blocks(pair, number):
    for _ in range(number):
        raw = pair[0].raw(pair[0].grant_topics(), bytes(64))
        at = int(pair[0].node.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16) + 12
        for log_emitter in pair:
            log_emitter.node.request("evm_setNextBlockTimestamp", at)
            log_emitter.send(raw)


@pytest.mark.parametrize("seed", range(4))
def test_f13_one_of_two_nodes_is_behind_and_no_gap_is_left(pair, seed):
    same_blocks(pair, 6)
    pair[0].grants(9)  # the other one is behind by these
    with FaultProxy(pair[0].node.url, other=pair[1].node.url, seed=seed) as proxy:
        proxy.spoil("*", "stale", rate=0.4)
        with pair[0].indexer(url=proxy.url, sleep=quickly) as indexer:
            for _ in range(6):
                report = indexer.sync()
                # Wherever it stands, up to there nothing is missing.
                assert count(indexer) == report.block
            proxy.clear()
            assert indexer.sync().block == pair[0].head
            assert differences(indexer, pair[0].fresh()) == []
        assert proxy.counts["eth_getBlockReceipts", "stale"] + proxy.counts["eth_getBlockByNumber", "stale"] > 5


@pytest.mark.parametrize("seed", range(4))
def test_f13_two_nodes_on_two_forks_never_mix(pair, seed):
    same_blocks(pair, 6)
    pair[0].grants(5)
    pair[1].grants(7)
    with FaultProxy(pair[0].node.url, other=pair[1].node.url, seed=seed) as proxy:
        proxy.spoil("*", "stale", rate=0.2)
        with pair[0].indexer(url=proxy.url, sleep=quickly, patience=2) as indexer:
            for _ in range(4):
                try:
                    indexer.sync()
                except Unreachable:
                    pass  # it may say that the node does not settle; what is in the index is of one chain all the same
                with indexer.store.reading() as connection:
                    rows = connection.exec_driver_sql("SELECT hash, parent FROM blocks ORDER BY number").all()
                assert all(below.hash == above.parent for below, above in itertools.pairwise(rows))
            proxy.clear()
            indexer.sync()
            assert differences(indexer, pair[0].fresh()) == []


# ------------------------------------------------------------------------------------------------------------------ F14


@pytest.fixture(params=["proven", "compared"])
def known(request, monkeypatch):
    """Whether the chain's headers are of a known kind; of others the logs are compared with eth_getLogs."""
    if request.param == "compared":
        monkeypatch.setattr("salus.index._chain.header_kind", lambda header: None)
    return request.param == "proven"


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_getBlockReceipts"])
@pytest.mark.parametrize("mode", ["omit_log", "dup_logs", "shuffle_logs"])
def test_f14_logs_left_out_doubled_or_shuffled_change_nothing(log_emitter, through, method, mode, known):
    log_emitter.grants(3)
    log_emitter.emit(log_emitter.grant_topics(), bytes(64), count=5)
    log_emitter.grants(2)
    proxy, indexer = through()
    rule = proxy.spoil(method, mode, rate=0.5)
    assert indexer.sync().events == 10
    # What the header proves needs no second answer to compare it with.
    assert bool(rule.done) == (method == "eth_getBlockReceipts" or not known)
    proxy.clear()
    assert differences(indexer, log_emitter.fresh()) == []


@pytest.mark.parametrize(
    ("known", "method"),
    [("proven", "eth_getBlockReceipts"), ("compared", "eth_getLogs"), ("compared", "eth_getBlockReceipts")],
    indirect=["known"],
)
def test_f14_a_log_that_is_always_left_out_stops_it_and_is_no_gap(log_emitter, through, method, known):
    log_emitter.grants(2)
    proxy, indexer = through()
    indexer.sync()
    log_emitter.emit(log_emitter.grant_topics(), bytes(64), count=3)
    log_emitter.grant()
    proxy.spoil(method, "omit_log")
    with pytest.raises(BadAnswer, match="the node contradicts itself about the logs of block 3"):
        indexer.sync()
    assert indexer.store.cursor().block == 2
    proxy.clear()
    assert indexer.sync().events == 4


def test_f14_a_block_whose_only_log_is_kept_back_is_told_by_its_bloom(log_emitter, through, known):
    """Both answers agree that there is nothing, and the header says otherwise."""
    log_emitter.grant()
    proxy, indexer = through()
    for method in ("eth_getLogs", "eth_getBlockReceipts"):
        proxy.spoil(method, "omit_log")
    with pytest.raises(BadAnswer, match="contradicts itself"):
        indexer.sync()


def test_f14_a_node_without_block_receipts_is_asked_for_each(log_emitter, through, monkeypatch, known):
    log_emitter.grants(3)
    log_emitter.emit(log_emitter.grant_topics(), bytes(64), count=4)
    _, indexer = through()
    asked = Node.many

    def without(self, questions, *, doing=""):
        answers = asked(self, questions, doing=doing)
        gone = Trouble(-32601, "the method eth_getBlockReceipts does not exist", {})
        return [gone if q[0] == "eth_getBlockReceipts" else a for q, a in zip(questions, answers, strict=True)]

    with monkeypatch.context() as patch:
        patch.setattr(Node, "many", without)
        assert indexer.sync().events == 7
    assert differences(indexer, log_emitter.fresh()) == []


# ------------------------------------------------------------------------------------------------------------------ F15

FAULTS = ("drop_request", "drop_reply", "429", "5xx", "html", "truncate", "slow", "fail", "omit_answer", "wrong_id")


@pytest.mark.parametrize("mode", FAULTS)
def test_f15_each_fault_is_survived(log_emitter, through, mode):
    log_emitter.grants(12)
    proxy, indexer = through(seed=5)
    rule = proxy.spoil("*", mode, rate=0.15, times=40, **({"seconds": 0.01} if mode == "slow" else {}))
    assert indexer.sync().events == 12
    assert rule.done
    assert differences(indexer, log_emitter.fresh()) == []


@pytest.mark.parametrize("seed", range(3))
def test_f15_much_of_everything_fails_and_nothing_is_lost_or_doubled(log_emitter, through, seed):
    proxy, indexer = through(seed=seed)
    for mode in FAULTS:
        proxy.spoil("*", mode, rate=0.02, **({"seconds": 0.01} if mode == "slow" else {}))
    for _ in range(5):
        log_emitter.grants(3)
        log_emitter.node.request("anvil_reorg", 1, [])
        log_emitter.grant()
        indexer.sync()
    assert sum(proxy.counts.values()) > 10
    assert differences(indexer, log_emitter.fresh()) == []


def test_f15_an_error_page_with_status_200_is_told(log_emitter, through):
    proxy, indexer = through(patience=0.2)
    proxy.spoil("*", "html", status=200)
    with pytest.raises(BadAnswer, match="is no JSON-RPC"):
        indexer.sync()


def test_f15_a_node_that_hangs_is_given_up_after_the_patience(log_emitter, through):
    proxy, indexer = through(timeout=0.2, patience=0.8)
    proxy.spoil("*", "hang")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="gave no reply in"):
        indexer.sync()
    assert time.monotonic() - began < 5


def test_f15_who_follows_waits_for_the_node_and_goes_on(log_emitter, through):
    log_emitter.grants(2)
    proxy, indexer = through(timeout=0.2, patience=0.2)
    stop, heard, troubles = threading.Event(), [], []

    def trouble(error):
        troubles.append(error)
        proxy.clear()
        log_emitter.grant()

    def hear(report):
        heard.append(report.events)
        if report.events == 2:
            proxy.spoil("*", "5xx")
        if report.events == 3:
            stop.set()

    ended = threading.Timer(20, stop.set)
    ended.start()
    report = indexer.follow(stop, interval=0.02, on_change=hear, trouble=trouble)
    ended.cancel()
    assert (heard, report.events) == ([2, 3], 3)
    assert "HTTP 503" in str(troubles[0])


# ------------------------------------------------------------------------------------------------------------------ F16


def test_f16_another_chain_is_refused_before_anything_is_read(log_emitter, through):
    log_emitter.grant()
    proxy, indexer = through()
    proxy.spoil("eth_chainId", "chain_id")
    with pytest.raises(WrongChain, match=r"the node is on chain 1, .* is for chain 31337"):
        indexer.sync()
    assert indexer.store.cursor() is None


def test_f16_a_chain_that_becomes_another_stops_it(log_emitter):
    log_emitter.grant()
    with log_emitter.indexer() as indexer:
        indexer.sync()
        log_emitter.node.request("anvil_setChainId", 1)
        try:
            log_emitter.mine(1)
            with pytest.raises(WrongChain):
                indexer.sync()
        finally:
            log_emitter.node.request("anvil_setChainId", 31337)
        assert indexer.store.cursor().block == 1


# ------------------------------------------------------------------------------------------------------------------ F20


def test_f20_a_long_quiet_stretch_and_a_busy_block(log_emitter, through, known):
    log_emitter.grant()
    log_emitter.mine(2_000)
    log_emitter.emit(log_emitter.grant_topics(), word(1) + word(2), count=5_000)
    proxy, indexer = through()
    # No answer to more than a hundred logs: the receipts of the block have them all.
    limited = proxy.spoil("eth_getLogs", "range_limit", logs=100)
    pages = []
    report = indexer.sync(on_change=lambda report: pages.append(report.block))
    assert (report.events, report.block, limited.done) == (5_001, 2_002, 0 if known else 1)
    assert pages == sorted(pages) and len(pages) > 8  # it may be broken off at each of these
    assert differences(indexer, log_emitter.fresh()) == []


def test_f20_a_node_that_takes_small_batches_only_gets_those(log_emitter, monkeypatch):
    log_emitter.grants(10)
    asked = Near.post

    def small(self, body, **limits):
        if body.count(b'"method"') > 3:
            return Reply(
                200, b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "batch too large"}}', 0
            )
        return asked(self, body, **limits)

    monkeypatch.setattr(Near, "post", small)
    with log_emitter.indexer() as indexer:
        assert indexer.sync().events == 10
