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

from types import SimpleNamespace

import pytest

from salus.abi import decoding
from salus.chain.book import Book, Deployment
from salus.chain.events import Events, Past

ADDRESS = "0x00000000000000000000000000000000000A11cE"
FIRST = 3  # the block of the contract
KEPT, ORPHAN, SENT = (bytes(19) + bytes([n]) for n in (1, 2, 3))  # institutions
TOPIC = decoding.event_topic("Institutions", "InstitutionSuspended")


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

    def find(self, contract, topics, since):
        assert (contract, topics[0], since) == ("Institutions", TOPIC, FIRST)
        return self.past

    @staticmethod
    def _row(block, who):
        topics = {"topic0": TOPIC, "topic1": who.rjust(32, b"\0"), "topic2": None, "topic3": None}
        return SimpleNamespace(**topics, data=b"", block=block, log_index=0, tx=bytes(32))


def suspended(node, index):
    """Who was suspended, and when, as the client answers."""
    book = Book(31337, {"Institutions": Deployment("Institutions", ADDRESS, FIRST)})
    found = Events(node, book, index).find("Institutions", "InstitutionSuspended", None, None)
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


@pytest.mark.parametrize("index", [None, SimpleNamespace(find=lambda *_: None)], ids=["none", "silent"])
def test_without_an_index_the_node_answers(index):
    node = Node(9, logs=[(5, KEPT), (8, SENT)])
    assert suspended(node, index) == [(5, KEPT), (8, SENT)]
    assert node.ranges == [(FIRST, 9)]
