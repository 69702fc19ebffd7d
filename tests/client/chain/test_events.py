"""Past events: an index answers for a block only while that block is on the node's chain.

an index that speaks up to a block
├── which is the node's latest
│   ├── by the same hash: the index answers, the node is asked for nothing
│   └── by another hash (P12): the node answers for all
├── which is below the node's latest
│   ├── by the same hash: the index answers up to it, the node from there on
│   └── by another hash (P12): the node answers for all
└── which the node does not have yet (P12): the node answers for all
no index, or one that cannot answer
└── the node answers for all
"""

import json
import threading
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from salus.abi import decoding
from salus.chain.book import Book, Deployment
from salus.chain.events import Events, Past
from salus.chain.node import Node as Patient
from salus.errors import BadAnswer, BadInput, Unreachable

ADDRESS = "0x00000000000000000000000000000000000A11cE"
FIRST = 3  # the block of the contract
KEPT, ORPHAN, SENT = (bytes(19) + bytes([n]) for n in (1, 2, 3))  # institutions
TOPIC = decoding.event_topic("Institutions", "InstitutionSuspended")


BOOK = Book(31337, {"Institutions": Deployment("Institutions", ADDRESS, FIRST)})


def block_hash(number, fork=0):
    return bytes([fork]) + number.to_bytes(31, "big")


class Node:
    """A chain of empty blocks up to `last`, and the logs that it has; remembers which ranges it was asked for."""

    def __init__(self, last, logs=()):
        self.last, self.logs, self.ranges = last, logs, []

    def block(self, which="latest"):
        number = self.last if which == "latest" else which
        assert number <= self.last, "the client must not ask for a block that the node does not have"
        return {"number": hex(number), "hash": "0x" + block_hash(number).hex()}

    def many(self, calls, *, doing=""):
        ((method, (wanted,)),) = calls
        assert method == "eth_getLogs"
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.ranges.append((first, last))
        return [[self._log(block, who) for block, who in self.logs if first <= block <= last]]

    def _log(self, block, who):
        topics = ["0x" + TOPIC.hex(), "0x" + who.rjust(32, b"\0").hex()]
        place = {"blockNumber": hex(block), "logIndex": "0x0", "transactionHash": "0x" + "00" * 32}
        return {"address": ADDRESS, "topics": topics, "data": "0x", "removed": False, **place}


class Index:
    """Speaks up to a block of a hash; holds suspensions."""

    def __init__(self, block, hash_, *rows):
        self.past = Past([self._row(*row) for row in rows], block, hash_)

    def find(self, contract, topics, since, *, after=None, most=None):
        assert (contract, topics[0], since) == ("Institutions", TOPIC, FIRST)
        rows = [row for row in self.past.rows if after is None or (row.block, row.log_index) > after]
        return Past(rows[:most], self.past.block, self.past.hash)

    @staticmethod
    def _row(block, who):
        topics = {"topic0": TOPIC, "topic1": who.rjust(32, b"\0"), "topic2": None, "topic3": None}
        return SimpleNamespace(**topics, data=b"", block=block, log_index=0, tx=bytes(32))


def suspended(node, index):
    """Who was suspended, and when, as the client answers."""
    events = Events(node, BOOK, index)
    found = events.find("Institutions", "InstitutionSuspended", None, None)
    asked = list(node.ranges)
    assert list(events.iterate("Institutions", "InstitutionSuspended", None, None)) == list(found)
    node.ranges[:] = asked
    return [(event.block, bytes.fromhex(event.args["institution"][2:])) for event in found]


def test_an_index_that_stands_at_the_latest_block_answers_alone():
    node = Node(9, logs=[(5, ORPHAN)])
    assert suspended(node, Index(9, block_hash(9), (5, KEPT))) == [(5, KEPT)]
    assert node.ranges == []


def test_P12_an_index_at_a_block_that_was_replaced_at_the_same_height_does_not_answer():
    node = Node(9, logs=[(9, KEPT)])
    assert suspended(node, Index(9, block_hash(9, fork=1), (9, ORPHAN))) == [(9, KEPT)]
    assert node.ranges == [(FIRST, 9)]


def test_an_index_below_the_latest_block_answers_up_to_its_own():
    node = Node(9, logs=[(5, ORPHAN), (8, SENT)])
    assert suspended(node, Index(6, block_hash(6), (5, KEPT))) == [(5, KEPT), (8, SENT)]
    assert node.ranges == [(7, 9)]


def test_P12_an_index_at_a_block_that_was_replaced_below_the_latest_does_not_answer():
    node = Node(9, logs=[(6, KEPT), (8, SENT)])
    assert suspended(node, Index(6, block_hash(6, fork=1), (6, ORPHAN))) == [(6, KEPT), (8, SENT)]
    assert node.ranges == [(FIRST, 9)]


@pytest.mark.parametrize("fork", [0, 1])
def test_P12_an_index_ahead_of_the_node_does_not_answer(fork):
    node = Node(9, logs=[(5, KEPT)])
    assert suspended(node, Index(10, block_hash(10, fork), (5, ORPHAN))) == [(5, KEPT)]
    assert node.ranges == [(FIRST, 9)]


@pytest.mark.parametrize("index", [None, SimpleNamespace(find=lambda *_, **__: None)], ids=["none", "silent"])
def test_without_an_index_the_node_answers(index):
    node = Node(9, logs=[(5, KEPT), (8, SENT)])
    assert suspended(node, index) == [(5, KEPT), (8, SENT)]
    assert node.ranges == [(FIRST, 9)]


# -------------------------------------------------------------------------------------------------- one after the other


class Many(Node):
    """A chain with three suspensions in every block, made when they are asked for."""

    def many(self, calls, *, doing=""):
        ((_, (wanted,)),) = calls
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        self.ranges.append((first, last))
        return [
            [
                {**self._log(block, block.to_bytes(20)), "logIndex": hex(place)}
                for block in range(first, last + 1)
                for place in (2, 0, 1)
            ]
        ]


def places(events):
    return [(event.block, event.index) for event in events]


def iterated(node, index=None, **where):
    return Events(node, BOOK, index).iterate("Institutions", "InstitutionSuspended", where or None, None)


def test_U10_a_hundred_thousand_events_are_read_with_bounded_memory():
    """All at once these take some 100 MB."""
    node = Many(40_000)
    tracemalloc.start()
    try:
        count, before = 0, (0, 0)
        for event in iterated(node):
            assert before < (event.block, event.index)
            before = event.block, event.index
            count += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3 * (40_000 - FIRST + 1)
    assert peak < 12_000_000
    assert node.ranges[0][0] == FIRST and node.ranges[-1][1] == 40_000
    assert all(above[0] == below[1] + 1 for below, above in zip(node.ranges, node.ranges[1:], strict=False))


def test_U10_the_index_gives_them_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr("salus.chain.events._AT_ONCE", 7)
    rows = [(block, KEPT) for block in range(FIRST, 60)]
    node = Node(70, logs=[(block, SENT) for block in range(55, 71)])
    assert [event.block for event in iterated(node, Index(60, block_hash(60), *rows))] == [
        *range(FIRST, 60),
        *range(61, 71),
    ]
    assert node.ranges[0][0] == 61


def test_U10_only_what_fits_is_given():
    node = Node(9, logs=[(5, KEPT), (6, SENT), (7, KEPT)])
    assert [event.block for event in iterated(node, institution=KEPT)] == [5, 7]


def test_U10_a_chain_that_is_replaced_while_it_is_read_is_told():
    node = Node(9, logs=[(5, KEPT), (8, KEPT)])
    reading = iterated(node)
    assert next(reading).block == 5
    node.block = lambda which="latest": {"number": "0x9", "hash": "0x" + block_hash(9, fork=1).hex()}
    with pytest.raises(BadAnswer, match="was replaced by another while its events were read"):
        list(reading)


# --------------------------------------------------------------------------------------------------- limits of a node


@pytest.fixture
def limited():
    """`limited(status, body, blocks)` is a node that answers questions about more than so many blocks like that."""
    servers = []

    def limited(status, body, blocks):
        node = Node(100, logs=[(block, KEPT) for block in range(FIRST, 101)])

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send(*self.answer(asked))

            def answer(self, asked):
                method, params = asked["method"], asked["params"]
                if method == "eth_getBlockByNumber":
                    which = params[0] if params[0] == "latest" else int(params[0], 16)
                    return 200, {"id": asked["id"], "jsonrpc": "2.0", "result": node.block(which)}
                if int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= blocks:
                    return status, body
                (found,) = node.many([(method, params)])
                return 200, {"id": asked["id"], "jsonrpc": "2.0", "result": found}

            def send(self, status, body):
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Patient(f"http://127.0.0.1:{server.server_port}", patience=2), node

    yield limited
    for server in servers:
        server.shutdown()
        server.server_close()


def said(message, code=-32602, id_=0):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": message}}


LIMITS = {
    "200": (200, said("query returned more than 10000 results", -32005)),
    "400": (400, said("block range is too large, limit is 10")),
    "400 without id": (400, said("block range too large", -32600, None)),
    "413": (413, said("response size exceeded")),
    "413 page": (413, b"<html>Request Entity Too Large</html>"),
}


@pytest.mark.parametrize("way", ["find", "iterate"])
@pytest.mark.parametrize("limit", LIMITS)
def test_U11_a_limit_of_getLogs_is_split_whatever_its_status(limited, limit, way):
    node, chain = limited(*LIMITS[limit], 10)
    found = getattr(Events(node, BOOK), way)("Institutions", "InstitutionSuspended", None, None)
    assert [event.block for event in found] == list(range(FIRST, 101))
    assert all(last - first < 10 for first, last in chain.ranges)


def test_U11_a_single_block_that_is_too_much_is_told(limited):
    node, _ = limited(413, b"too large", 0)
    with pytest.raises(BadAnswer, match="HTTP 413 while reading events"):
        Events(node, BOOK).find("Institutions", "InstitutionSuspended", None, None)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_U11_another_refusal_is_not_split(limited, status):
    node, chain = limited(status, b"no", 10)
    with pytest.raises(Unreachable, match=f"HTTP {status}"):
        Events(node, BOOK).find("Institutions", "InstitutionSuspended", None, None)
    assert chain.ranges == []


# ------------------------------------------------------------------------------------------------- misuse (U10)


@pytest.mark.parametrize(
    ("event", "where", "said"),
    [
        ("NoSuchEvent", None, "Institutions has no event NoSuchEvent; it has .*InstitutionSuspended"),
        ("InstitutionSuspended", {"who": KEPT}, "who: is not indexed in InstitutionSuspended; .* by institution"),
        ("InstitutionSuspended", {"institution": "clinic"}, "institution: is 'clinic'; events are looked for by"),
        ("InstitutionSuspended", {"institution": "0x12"}, "institution: is '0x12'; events are looked for by"),
        ("InstitutionSuspended", {"institution": 5}, "institution: is '5'; events are looked for by"),
    ],
)
def test_U10_a_question_that_cannot_be_asked_says_what_can(event, where, said):
    events = Events(Node(9), BOOK)
    with pytest.raises(BadInput, match=said):
        events.find("Institutions", event, where, None)
    with pytest.raises(BadInput, match=said):
        next(events.iterate("Institutions", event, where, None))
