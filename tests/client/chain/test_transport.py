"""How messages go to a node: directly on this machine, through ``requests`` elsewhere, and what either makes of bad
replies.
"""

import contextlib
import socket
import threading
import time

import pytest

from salus.chain import transport as module
from salus.chain.connection import NodeAddress
from salus.chain.rpc import Endpoint, HttpStatus, Overloaded
from salus.chain.transport import Far, Near, NotListening, transport
from salus.errors import BadAnswer, Unreachable

WAYS = {"near": Near, "far": Far}


class Server:
    """Answers each message with the next of some scripts: bytes are sent, numbers are seconds to wait, None ends it.

    heard    the messages, head and body
    dialled  how many connections there were
    """

    def __init__(self, scripts):
        self.scripts, self.heard, self.dialled = list(scripts), [], 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/node?key=1"
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while self.scripts:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            self.dialled += 1
            with wire, contextlib.suppress(OSError):
                wire.settimeout(5)
                while self.scripts and self._hear(wire):
                    if not self._answer(wire, self.scripts.pop(0)):
                        break

    def _hear(self, wire):
        whole = b""
        while b"\r\n\r\n" not in whole:
            if not (more := wire.recv(65536)):
                return False
            whole += more
        head, _, body = whole.partition(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        while len(body) < size:
            body += wire.recv(65536)
        self.heard.append((head.decode(), body))
        return True

    @staticmethod
    def _answer(wire, script):
        for part in script:
            if part is None:
                return False
            if isinstance(part, bytes):
                wire.sendall(part)
            else:
                time.sleep(part)
        return True

    def close(self):
        self.scripts = []
        # Whoever waits for a connection is let go by one.
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname(), timeout=1):
            pass
        self._thread.join(10)
        self._listener.close()


def reply(body, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture(params=WAYS)
def way(request):
    """A function: scripts → the server and a way to it, both closed at the end."""
    with contextlib.ExitStack() as stack:

        def way(*scripts, timeout=5):
            server = Server(scripts)
            stack.callback(server.close)
            made = WAYS[request.param](NodeAddress(server.url), timeout)
            stack.callback(made.close)
            return server, made

        yield way


def test_messages_go_over_one_connection_and_come_back_whole(way):
    server, node = way([reply(b"one")], [reply(b"two" * 100_000)])
    assert node.post(b"first").body == b"one"
    assert node.post(b"second" * 10_000).body == b"two" * 100_000
    assert [body for _, body in server.heard] == [b"first", b"second" * 10_000]
    assert server.dialled == 1
    head = server.heard[0][0].lower()
    assert head.startswith("post /node?key=1 http/1.1") and "content-type: application/json" in head


def test_a_reply_in_chunks_or_until_the_end_is_whole(way):
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    server, node = way([chunks], [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nthree", None], [reply(b"four")])
    assert [node.post(b"?").body for _ in range(3)] == [b"onetwo", b"three", b"four"]
    assert server.dialled == 2


def test_an_empty_reply_is_one_and_the_next_is_not_mixed_up(way):
    _, node = way([reply(b"")], [reply(b"next")])
    assert [node.post(b"?").body for _ in range(2)] == [b"", b"next"]


def test_a_connection_that_the_node_ended_while_it_rested_is_made_anew(way):
    server, node = way([reply(b"one"), None], [reply(b"two")])
    assert node.post(b"?").body == b"one"
    time.sleep(0.1)
    assert node.post(b"!").body == b"two"
    assert (server.dialled, len(server.heard)) == (2, 2)


def test_a_message_without_an_answer_is_not_sent_twice(way):
    server, node = way([None], [reply(b"late")])
    with pytest.raises(Unreachable, match="the connection broke off"):
        node.post(b"raw bytes")
    assert [body for _, body in server.heard] == [b"raw bytes"]
    assert node.post(b"?").body == b"late"


@pytest.mark.parametrize(
    "broken",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", None],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", None],
        [b"no HTTP at all\r\n\r\n", None],
    ],
)
def test_half_a_reply_is_none(way, broken):
    _, node = way(broken, [reply(b"fine")])
    with pytest.raises(Unreachable, match=r"the connection broke off \(\w+\)"):
        node.post(b"?")
    assert node.post(b"?").body == b"fine"


def test_a_node_that_is_away_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for kind in WAYS.values():
        with pytest.raises(NotListening, match="the connection is refused; start one"):
            kind(NodeAddress(url), 1).post(b"?")


def test_a_reply_that_does_not_come_is_given_up_and_is_not_taken_for_the_next(way):
    _, node = way([0.6, reply(b"late")], [reply(b"next")], timeout=0.3)
    with pytest.raises(Unreachable, match=r"gave no reply in 0\.3 s"):
        node.post(b"?")
    time.sleep(0.5)
    assert node.post(b"?").body == b"next"


def test_a_reply_that_drips_is_given_up(way):
    drops = [part for _ in range(40) for part in (b"x", 0.05)]
    _, node = way([b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", *drops], timeout=0.4)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"gave no (whole )?reply in 0\.4 s"):
        node.post(b"?")
    assert time.monotonic() - began < 1.5


def test_a_reply_that_is_too_long_is_refused(way, monkeypatch):
    monkeypatch.setattr(module, "LONGEST", 100_000)
    _, node = way([reply(b"x" * 100_001)], [reply(b"y" * 100_000)])
    with pytest.raises(BadAnswer, match="more than 100,000 bytes"):
        node.post(b"?")
    assert node.post(b"?").body == b"y" * 100_000


@pytest.mark.parametrize("status", ["301 Moved", "307 Moved", "404 Not Found", "500 Oops"])
def test_any_other_status_is_no_answer_and_no_redirection_is_followed(way, status):
    elsewhere = Server([[reply(b"elsewhere")]])
    try:
        _, node = way([reply(b"page", status, f"Location: {elsewhere.url}")], [reply(b"fine")])
        with pytest.raises(HttpStatus, match=f"the node at .* answers with HTTP {status[:3]}"):
            asking(node).ask([("eth_chainId", [])])
        assert node.post(b"?").body == b"fine"
        assert elsewhere.dialled == 0
    finally:
        elsewhere.close()


@pytest.mark.parametrize(
    ("wait", "seconds"), [("3", 3), ("999", 10), ("1e9", 0), ("-1", 0), ("Wed, 21 Oct", 0), (None, 0)]
)
def test_a_node_that_is_busy_says_how_long(way, wait, seconds):
    _, node = way([reply(b"", "429 Too Many", *([f"Retry-After: {wait}"] if wait else []))])
    with pytest.raises(Overloaded, match="HTTP 429") as told:
        asking(node).ask([("eth_chainId", [])])
    assert told.value.seconds == seconds


def asking(node):
    """An endpoint that asks by a way."""
    endpoint = Endpoint("http://127.0.0.1:1", timeout=5)
    endpoint._transport = node
    return endpoint


# --------------------------------------------------------------------------------------------------- which way it goes


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://127.0.0.1:8545", Near),
        ("http://localhost:8545/path", Near),
        ("http://[::1]:8545", Near),
        ("https://localhost:8545", Far),
        ("http://user:word@localhost:8545", Far),
        ("http://node.example:8545", Far),
        ("https://node.example", Far),
    ],
)
def test_what_is_on_this_machine_is_asked_directly(url, kind):
    made = transport(NodeAddress(url), 1)
    assert type(made) is kind
    made.close()


def test_a_proxy_is_for_the_world_outside(monkeypatch):
    server = Server([[reply(b"by the proxy")], [reply(b"direct")]])
    try:
        monkeypatch.setenv("http_proxy", server.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        far = transport(NodeAddress("http://node.example/x"), 5)
        assert far.post(b"?").body == b"by the proxy"
        assert server.heard[0][0].startswith("POST http://node.example/x HTTP/1.1")
        far.close()
        near = transport(NodeAddress(server.url), 5)
        assert near.post(b"?").body == b"direct"
        assert server.heard[1][0].startswith("POST /node?key=1 HTTP/1.1")
        near.close()
    finally:
        server.close()
