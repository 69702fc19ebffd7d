"""Whether a node's account of a block fits the block's hash: what a receipt is believed for.

The header has the block's hash, and both roots in the header fix all receipts and all transactions of the block, each
at its place. A receipt is proven when all of this fits, and when what it says beside its encoding (hashes, numbers,
places) follows from it. That the hash is one of the chain is not shown here: several nodes can be asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from salus.chain.headers import (
    encoded_transaction,
    header_hash,
    header_kind,
    holds_receipts,
    holds_transactions,
)
from salus.chain.rpc import Call, Trouble, data, number
from salus.errors import BadAnswer, one_line

if TYPE_CHECKING:
    from salus.chain.node import Node

__all__ = ["Contradiction", "Proof", "check_header", "comparable", "prove_block", "prove_receipt"]


class Proof(Enum):
    """For what reason a receipt is believed."""

    PROVEN = "proven"  # it fits the hash of its block, on which all nodes that have the block agree
    COMPARED = "compared"  # several nodes say the same; the blocks of the chain cannot be checked here
    TRUSTED = "trusted"  # one node says so, and the blocks of the chain cannot be checked here


class Contradiction(BadAnswer):
    """What a node says does not fit the hash of the block, or something else that it says."""


def check_header(block: Any, kind: str | None, height: int | None = None) -> Mapping[str, Any]:
    """The block, if it has the hash that it says.

    Args:
        block: As a node wrote it in JSON.
        kind: One of :data:`salus.chain.headers.HEADER_KINDS`; None where the hash cannot be checked.
        height: The number that was asked for.

    Raises:
        Contradiction: It has another hash, or another number.
        BadAnswer: It is none.
    """
    if not isinstance(block, Mapping):
        raise BadAnswer("the node gave a block that is none")
    told = data(block.get("hash"), "a block's hash", 32)
    there = number(block.get("number"), "a block's number", most=1 << 64)
    if height is not None and there != height:
        raise Contradiction(f"block {there} was given for block {height}")
    if kind is not None and header_hash(block, kind) != told:
        raise Contradiction(f"the header of block {there} does not have the hash 0x{told.hex()}")
    return block


def prove_block(
    block: Mapping[str, Any], receipts: Sequence[Any], own: Mapping[str, bytes], wanted: Sequence[str]
) -> dict[str, Mapping[str, Any]] | None:
    """The receipts of some transactions of a block, proven by its header.

    Args:
        block: Its header, which :func:`check_header` has passed, and its transactions: hashes, or all of each.
        receipts: All of the block's, in order.
        own: Signed bytes by hash. Each other transaction must be whole in the block.
        wanted: The hashes, in lower case, of those that are to be given, where they are in the block.

    Returns:
        None where the block holds a transaction whose kind is unknown here, so that nothing can be proven.

    Raises:
        Contradiction: Something does not fit.
        BadAnswer: Something is malformed.
    """
    told = block.get("transactions")
    if not isinstance(told, list):
        raise BadAnswer("the node gave a block without its transactions")
    height = number(block["number"], "a block's number")
    if len(receipts) != len(told) or not all(isinstance(receipt, Mapping) for receipt in receipts):
        raise Contradiction(f"block {height} has {len(told)} transactions and {len(receipts)} receipts")
    if not holds_receipts(block, receipts):
        raise Contradiction(f"the receipts of block {height} do not fit its header")
    hashes = [_hash(entry) for entry in told]
    raws = [_raw(hash_, entry, own) for hash_, entry in zip(hashes, told, strict=True)]
    if any(raw is None for raw in raws):
        return None
    if not holds_transactions(block, [raw for raw in raws if raw is not None]):
        raise Contradiction(f"the transactions of block {height} do not fit its header")
    found: dict[str, Mapping[str, Any]] = {}
    seeking = set(wanted)
    used = logs = 0
    for place, (hash_, receipt) in enumerate(zip(hashes, receipts, strict=True)):
        total = number(receipt["cumulativeGasUsed"], "a receipt's gas")
        if hash_ in seeking:
            raw = raws[place]
            if hash_ not in own and raw is not None and _keccak(raw) != hash_:
                raise Contradiction(f"transaction {place} of block {height} does not have the hash {hash_}")
            _expect_place(receipt, block, hash_, place, total - used, logs)
            found[hash_] = receipt
        used, logs = total, logs + len(receipt["logs"])
    return found


def _raw(hash_: str, entry: Any, own: Mapping[str, bytes]) -> bytes | None:
    if (raw := own.get(hash_)) is not None:
        return raw
    return encoded_transaction(entry) if isinstance(entry, Mapping) else None


def _hash(entry: Any) -> str:
    found = entry.get("hash") if isinstance(entry, Mapping) else entry
    return "0x" + data(found, "a transaction's hash", 32).hex()


def _keccak(raw: bytes) -> str:
    from eth_hash.auto import keccak

    return "0x" + keccak(raw).hex()


def _expect_place(
    receipt: Mapping[str, Any], block: Mapping[str, Any], hash_: str, place: int, gas: int, logs: int
) -> None:
    """Check what a receipt says beside its encoding.

    Args:
        receipt: It.
        block: Its block.
        hash_: Of its transaction.
        place: Of its transaction in the block.
        gas: What its transaction used.
        logs: How many logs of the block come before its own.

    Raises:
        Contradiction: Something does not fit.
    """
    there = {"transactionHash": hash_, "blockHash": block["hash"].lower()}
    counted = {"transactionIndex": place, "blockNumber": int(block["number"], 16)}
    _expect(receipt, there, {**counted, "gasUsed": gas}, hash_)
    for n, log in enumerate(receipt["logs"], logs):
        _expect(log, there, {**counted, "logIndex": n}, hash_)
        if log.get("removed"):
            raise Contradiction(f"a log of {hash_} is said to be removed")


def _expect(told: Mapping[str, Any], texts: Mapping[str, str], numbers: Mapping[str, int], hash_: str) -> None:
    for name, text in texts.items():
        value = told.get(name)
        if not isinstance(value, str) or value.lower() != text:
            raise Contradiction(f"the receipt of {hash_} has another {name} ({one_line(value, 70)}) than its block")
    for name, count in numbers.items():
        if number(told.get(name), f"a receipt's {name}") != count:
            raise Contradiction(f"the receipt of {hash_} has another {name} ({told[name]}) than its block")


def comparable(receipt: Mapping[str, Any]) -> tuple[Any, ...]:
    """What several nodes must say alike of a receipt: hash, block, status, gas and logs.

    Raises:
        BadAnswer: Something is missing or malformed.
    """
    logs = receipt.get("logs")
    if not isinstance(logs, list) or not all(isinstance(log, Mapping) for log in logs):
        raise BadAnswer("the node gave a receipt without logs")
    return (
        _hash(receipt.get("transactionHash")),
        data(receipt.get("blockHash"), "a block's hash", 32),
        *(number(receipt.get(name), f"a receipt's {name}") for name in ("blockNumber", "status", "gasUsed")),
        tuple(_comparable_log(log) for log in logs),
    )


def _comparable_log(log: Mapping[str, Any]) -> tuple[Any, ...]:
    topics = log.get("topics")
    if not isinstance(topics, list):
        raise BadAnswer("the node gave a log without its topics")
    return (
        data(log.get("address"), "a log's address", 20),
        tuple(data(topic, "a log's topic", 32) for topic in topics),
        data(log.get("data"), "a log's data"),
        number(log.get("logIndex"), "a log's place"),
    )


# ------------------------------------------------------------------------------------------------------------ one node


def prove_receipt(node: Node, receipt: Mapping[str, Any]) -> Proof | None:
    """See what a receipt that a node gave is worth, by the block that the same node gives.

    Args:
        node: The node.
        receipt: As the node wrote it in JSON, of a transaction whose hash the caller has worked out.

    Returns:
        ``PROVEN`` or ``TRUSTED``; None where the node has another block at that height, or none, by now.

    Raises:
        Contradiction: Something does not fit; the message names the node.
        Unreachable: No answer.
    """
    hash_ = _hash(receipt.get("transactionHash"))
    height = number(receipt.get("blockNumber"), "a receipt's block", most=1 << 64)
    calls: list[Call] = [("eth_getBlockByNumber", [hex(height), True]), ("eth_getBlockReceipts", [hex(height)])]
    block, receipts = node.many(calls, doing="proving a receipt")
    if not isinstance(block, Mapping):
        return None
    try:
        # Once the kind of the chain's headers is known, a header that does not fit it is no other kind.
        node.header_kind = node.header_kind or header_kind(block)
        if node.header_kind is None:
            return Proof.TRUSTED
        check_header(block, node.header_kind, height)
        told = block.get("transactions")
        if data(receipt.get("blockHash"), "a block's hash", 32) != data(block["hash"], "a block's hash"):
            return None
        if not isinstance(told, list) or hash_ not in (hashes := [_hash(entry) for entry in told]):
            raise Contradiction(f"block {height} does not have {hash_}, whose receipt says so")
        if isinstance(receipts, Trouble):
            # ganache, and nodes of before 2023
            receipts = node.many(
                [("eth_getTransactionReceipt", [entry]) for entry in hashes], doing="proving a receipt"
            )
        if not isinstance(receipts, list):
            return None
        found = prove_block(block, receipts, {}, [hash_])
        if found is None:
            return Proof.TRUSTED
        if hash_ not in found or comparable(found[hash_]) != comparable(receipt):
            raise Contradiction(f"the receipt of {hash_} is another one than that of its block")
        return Proof.PROVEN
    except BadAnswer as trouble:
        raise Contradiction(f"the node at {node.address} contradicts itself: {trouble}; it may lie") from None
