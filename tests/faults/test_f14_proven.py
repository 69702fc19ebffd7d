"""P1, F14: a node that lies to the index: every field of a receipt and of a header, altered consistently.

The liar gives the same altered logs wherever it is asked for them, so that no comparison of two of its answers finds
it: only the header's hash and the receipts root in it do.
"""

import copy
import itertools
import time

import pytest

from salus.chain.node import Node
from salus.errors import BadAnswer, Unreachable
from tests.support.log_emitter import LOTS, count, differences, word

HONEST = {"sleep": lambda seconds: time.sleep(min(seconds, 0.001)), "patience": 0.3}


def altered(value):
    """The same length in hex with its last digit changed."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


@pytest.fixture
def lied_to(log_emitter, monkeypatch):
    """Two blocks of logs; what it gives makes a new index of them where the node's answers go through a lie."""
    log_emitter.emit(log_emitter.grant_topics(), word(1) + word(2), count=3)
    log_emitter.grant()
    asked = Node.many

    def lied_to(receipts=None, header=None):
        def many(self, calls, *, doing=""):
            answers = copy.deepcopy(asked(self, calls, doing=doing))
            for (method, _), answer in zip(calls, answers, strict=True):
                if method == "eth_getBlockReceipts" and receipts is not None:
                    receipts(answer)
                elif method == "eth_getLogs" and receipts is not None:
                    whole = [{"logs": answer, "transactionHash": log["transactionHash"]} for log in answer[:1]]
                    receipts(whole)
                    answer[:] = [log for receipt in whole for log in receipt["logs"]]
                elif method == "eth_getBlockByNumber" and header is not None and answer is not None:
                    header(answer)
            return answers

        with monkeypatch.context() as patch:
            patch.setattr(Node, "many", many)
            indexer = log_emitter.indexer(f"lied-{next(log_emitter._numbers)}", **HONEST)
            try:
                indexer.sync()
                return indexer
            except Unreachable:
                indexer.close()
                raise

    return lied_to


def first(field, change):
    """A lie about one field of the first receipt."""

    def lie(receipts):
        if field in receipts[0]:
            receipts[0][field] = change(receipts[0][field])

    return lie


def first_log(field, change):
    def lie(receipts):
        if receipts and receipts[0]["logs"]:
            receipts[0]["logs"][0][field] = change(receipts[0]["logs"][0][field])

    return lie


def leave_out(receipts):
    """The middle one of three logs, with the others numbered as if it had never been."""
    for receipt in receipts:
        if len(receipt["logs"]) == 3:
            del receipt["logs"][1]
            for place, log in enumerate(receipt["logs"]):
                log["logIndex"] = hex(place)


def add_one(receipts):
    for receipt in receipts[:1]:
        receipt["logs"].append({**receipt["logs"][-1], "logIndex": hex(len(receipt["logs"]))})


def empty(receipts):
    for receipt in receipts:
        receipt["logs"].clear()


LIES = {
    "a log left out": leave_out,
    "all logs left out": empty,
    "a log invented": add_one,
    "no receipt": list.clear,
    "a receipt twice": lambda receipts: receipts.append(receipts[0]) if receipts else None,
    "status": first("status", lambda value: "0x0"),
    "type": first("type", lambda value: "0x1"),
    "cumulativeGasUsed": first("cumulativeGasUsed", altered),
    "logsBloom": first("logsBloom", altered),
    "transactionHash": first("transactionHash", altered),
    "log.address": first_log("address", lambda value: LOTS),
    "log.data": first_log("data", altered),
    "log.data.longer": first_log("data", lambda value: value + "00"),
    "log.data.space": first_log("data", lambda value: value[:-2] + "  "),
    "log.topics": first_log("topics", lambda value: [*value[:-1], altered(value[-1])]),
    "log.topics.fewer": first_log("topics", lambda value: value[:-1]),
    "log.topics.swapped": first_log("topics", lambda value: [value[0], value[2], value[1]]),
    "log.logIndex": first_log("logIndex", lambda value: "0x7"),
    "log.blockHash": first_log("blockHash", altered),
    "log.transactionHash": first_log("transactionHash", altered),
    "log.removed": first_log("removed", lambda value: True),
}


@pytest.mark.parametrize("name", LIES)
def test_P1_a_lie_about_a_receipt_is_found_and_leaves_no_gap(log_emitter, lied_to, name):
    with pytest.raises(BadAnswer, match="contradicts itself about the logs of block 1"):
        lied_to(LIES[name])
    with lied_to() as indexer:
        assert count(indexer) == 4
        assert differences(indexer, log_emitter.fresh()) == []


UNPROVEN = ["from", "to", "gasUsed", "effectiveGasPrice", "transactionIndex", "blockNumber", "contractAddress"]


@pytest.mark.parametrize("field", UNPROVEN)
def test_P1_what_the_root_does_not_prove_is_not_in_the_index_either(log_emitter, lied_to, field):
    with lied_to(first(field, lambda value: "0x5")) as indexer:
        assert differences(indexer, log_emitter.fresh()) == []


HEADERS = ["logsBloom", "receiptsRoot", "transactionsRoot", "stateRoot", "gasUsed", "timestamp", "parentHash", "miner"]


@pytest.mark.parametrize("field", HEADERS)
def test_P1_a_lie_about_a_header_is_found(lied_to, field):
    def lie(header):
        if header["number"] == "0x1":
            header[field] = altered(header[field])

    with pytest.raises(BadAnswer, match="header of block 0x1 that does not hash to the hash"):
        lied_to(header=lie)


def test_P1_a_bloom_emptied_with_all_its_logs_is_found(lied_to):
    """Without the header's hash this lie would be a gap that nothing shows."""

    def lie(header):
        header["logsBloom"] = "0x" + "00" * 256 if header["number"] == "0x1" else header["logsBloom"]

    with pytest.raises(BadAnswer, match="does not hash"):
        lied_to(empty, lie)


def test_P1_two_receipts_swapped_are_found(log_emitter, lied_to):
    log_emitter.node.request("evm_setAutomine", False)
    nonce = log_emitter.nonce()
    for later in range(2):
        log_emitter.node.request(
            "eth_sendRawTransaction",
            log_emitter.raw(log_emitter.grant_topics(), word(1) + word(2), nonce=nonce + later),
        )
    log_emitter.mine(1)
    log_emitter.node.request("evm_setAutomine", True)

    def swap(receipts):
        if len(receipts) == 2:
            one, other = receipts
            one["logs"], other["logs"] = other["logs"], one["logs"]
            places = itertools.count()
            for receipt in receipts:
                for log in receipt["logs"]:
                    log.update(logIndex=hex(next(places)), transactionHash=receipt["transactionHash"])

    with pytest.raises(BadAnswer, match="one is changed, or a log left out"):
        lied_to(swap)


def test_P1_eth_getLogs_is_not_asked_where_the_header_proves_the_logs(log_emitter, lied_to, monkeypatch):
    asked, many = set(), Node.many

    def heard(self, calls, *, doing=""):
        asked.update(method for method, _ in calls)
        return many(self, calls, doing=doing)

    monkeypatch.setattr(Node, "many", heard)
    with log_emitter.indexer("plain", **HONEST) as indexer:
        assert indexer.sync().events == 4
    assert "eth_getBlockReceipts" in asked and "eth_getLogs" not in asked


def test_a_block_of_very_many_transactions_is_asked_for_receipt_by_receipt(log_emitter, lied_to, monkeypatch):
    """anvil takes a time that grows with the square of their number to give all receipts at once."""
    monkeypatch.setattr("salus.index._chain._MANY", 0)
    with lied_to(LIES["a log left out"]) as indexer:  # which changes only answers about whole blocks
        assert differences(indexer, log_emitter.fresh()) == []
