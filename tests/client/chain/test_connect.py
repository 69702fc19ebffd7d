"""Connecting, and reading, through a node that is busy, breaks off, or answers with a web page."""

import re
import time

import pytest

from salus import Salus
from salus.chain.connection import NodeAddress
from salus.chain.provider import open_node
from salus.errors import BadAnswer, NotDeployed, Unreachable, WrongChain, gate
from tests.client.test_client import client, proxy, says
from tests.support.fault_proxy import FaultProxy

__all__ = ["client", "proxy"]  # fixtures


@pytest.fixture
def faults(deployed_chain):
    with FaultProxy(deployed_chain.url) as faults:
        yield faults


PASSING = [
    ("429", {}),
    ("5xx", {}),
    ("5xx", {"status": 500}),
    ("html", {}),
    ("html", {"status": 200}),
    ("truncate", {}),
    ("drop_request", {}),
    ("drop_reply", {}),
]


@pytest.mark.parametrize(("mode", "options"), PASSING)
@pytest.mark.parametrize("times", [1, 3])
def test_what_passes_is_waited_for(deployed_chain, faults, mode, options, times):
    rule = faults.spoil("eth_getCode", mode, times=times, **options)
    assert Salus.connect(faults.url, book=deployed_chain.book).chain_id == deployed_chain.node.chain_id
    assert rule.done == times


@pytest.mark.parametrize(("mode", "options"), PASSING)
def test_the_first_question_is_asked_again_too(deployed_chain, faults, tmp_path, monkeypatch, mode, options):
    (tmp_path / "deployments").mkdir()
    (tmp_path / "deployments" / f"{deployed_chain.node.chain_id}.json").write_text(deployed_chain.book_path.read_text())
    monkeypatch.chdir(tmp_path)
    rule = faults.spoil("eth_chainId", mode, times=1, **options)
    Salus.connect(faults.url)
    assert rule.done == 1


def test_an_answer_that_hangs_is_asked_for_again(deployed_chain, faults):
    faults.spoil("eth_getCode", "hang_once")
    Salus.connect(faults.url, book=deployed_chain.book, timeout=1)


@pytest.mark.parametrize(
    ("mode", "options", "kind", "said"),
    [
        ("429", {}, Unreachable, "the node at {} answers with HTTP 429 while asking for the chain"),
        ("5xx", {}, Unreachable, "the node at {} answers with HTTP 503 while asking for the chain"),
        ("html", {"status": 200}, BadAnswer, "what answers at {} is no Ethereum node: its answer is no JSON-RPC while"),
        (
            "drop_request",
            {},
            Unreachable,
            "no node answers at {}: the connection broke off (RemoteDisconnected) while asking for the chain",
        ),
    ],
)
def test_what_does_not_pass_is_told_in_one_line_after_some_seconds(deployed_chain, faults, mode, options, kind, said):
    rule = faults.spoil("*", mode, **options)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=re.escape(said.format(faults.url))) as raised:
        Salus.connect(faults.url, book=deployed_chain.book)
    assert type(raised.value) is kind and "\n" not in str(raised.value)
    assert 3 < time.monotonic() - began < 12
    assert 4 <= rule.done < 12  # with pauses between


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_will_not_pass_is_told_at_once(deployed_chain, faults, status):
    faults.spoil("*", "5xx", status=status)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=f"answers with HTTP {status}"):
        Salus.connect(faults.url, book=deployed_chain.book)
    assert time.monotonic() - began < 2


def test_where_nobody_listens_it_is_told_soon(deployed_chain):
    began = time.monotonic()
    with pytest.raises(
        Unreachable,
        match="no node answers at http://127.0.0.1:9 while asking for the chain: the connection is refused; start one",
    ):
        Salus.connect("http://127.0.0.1:9", book=deployed_chain.book)
    assert time.monotonic() - began < 3


def test_a_node_that_asks_for_a_longer_pause_gets_it_or_is_given_up(faults, monkeypatch):
    """Retry-After, as HTTP has it."""
    from tests.support import fault_proxy as proxy

    reply = proxy._Handler.reply

    def later(self, status, kind, body, after):
        self.send_response_only(status)
        self.send_header("Retry-After", after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    w3 = open_node(faults.url, patience=2)
    faults.spoil("eth_chainId", "429", times=1)
    monkeypatch.setattr(proxy._Handler, "reply", lambda *a: later(*a, "1") if a[1] == 429 else reply(*a))
    began = time.monotonic()
    w3.eth.chain_id
    assert 1 <= time.monotonic() - began < 2
    faults.spoil("eth_chainId", "429")
    monkeypatch.setattr(proxy._Handler, "reply", lambda *a: later(*a, "60"))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="HTTP 429"), gate():
        w3.eth.chain_id
    assert time.monotonic() - began < 1


def test_too_many_questions_a_second_are_asked_again(client, proxy):
    """Where the node says so in JSON and with HTTP 200."""
    proxy.modes["eth_getBlockByNumber"] = [says("daily rate limit exceeded"), says("slow", code=429)]
    assert client.now() > 0
    assert proxy.modes["eth_getBlockByNumber"] == []


def test_what_is_sent_is_not_sent_again_by_the_connection(deployed_chain, faults):
    """It has its own way, which looks first whether the node has it."""
    rule = faults.spoil("eth_sendRawTransaction", "429")
    w3 = open_node(faults.url)
    with pytest.raises(Unreachable, match="HTTP 429"), gate():
        w3.eth.send_raw_transaction(b"\x01")
    assert rule.done == 1


def test_a_client_connects_with_one_message(deployed_chain, proxy):
    Salus.connect(proxy.url, book=deployed_chain.book)
    assert proxy.seen == ["batch"]


def test_a_node_that_takes_no_batches_is_connected_to(deployed_chain, proxy):
    proxy.modes["batch"] = [lambda answer: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no"}}]
    Salus.connect(proxy.url, book=deployed_chain.book)
    assert proxy.seen == ["batch", "eth_chainId", *["eth_getCode"] * len(deployed_chain.book.contracts)]


def test_the_chain_is_looked_at_before_the_code(deployed_chain, proxy):
    def elsewhere(answer):
        return [{**each, "result": "0x1" if n == 0 else "0x"} for n, each in enumerate(answer)]

    proxy.modes["batch"] = [elsewhere]
    with pytest.raises(WrongChain, match="the node is on chain 1,"):
        Salus.connect(proxy.url, book=deployed_chain.book)


@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("result", [None, "zebra", 5, "0xz"])
def test_answers_that_do_not_fit_are_one_error(deployed_chain, proxy, place, result):
    proxy.modes["batch"] = [lambda answer: [*answer[:place], {**answer[place], "result": result}, *answer[place + 1 :]]]
    with pytest.raises(BadAnswer, match="the node answers"):
        Salus.connect(proxy.url, book=deployed_chain.book)


def test_each_contract_is_checked(deployed_chain, proxy):
    for place, name in enumerate(deployed_chain.book.contracts, 1):
        proxy.modes["batch"] = [lambda answer, p=place: [*answer[:p], {**answer[p], "result": "0x"}, *answer[p + 1 :]]]
        with pytest.raises(NotDeployed, match=f"^{name} is not at .*: there is no code"):
            Salus.connect(proxy.url, book=deployed_chain.book)


def test_no_key_of_a_provider_is_in_a_message(deployed_chain):
    with pytest.raises(Unreachable) as raised:
        Salus.connect("http://me:secret@127.0.0.1:9/v2/key-of-mine?token=x", book=deployed_chain.book)
    assert "http://127.0.0.1:9 " in str(raised.value)
    assert not any(word in str(raised.value) for word in ("secret", "key-of-mine", "token"))
    assert str(NodeAddress("https://me:secret@example.org/v2/key")) == "https://example.org"
