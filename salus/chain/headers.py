"""What a block's header proves: its own hash, the receipts of the block, and which transactions they belong to.

A header is known by its hash, on which several endpoints can agree. The receipts root in it then proves every receipt,
its status and its logs; the transactions root proves which transaction each belongs to. A node that changes one field,
leaves a log out, or swaps two receipts cannot match both roots.

Sources: Yellow Paper, section 4.3; EIP-1559, 4895, 4844, 4788, 7685 (fields that headers got later); EIP-2718 (typed
transactions and receipts), 2930, 1559, 4844, 7702 (their fields); the C-chain's header for Avalanche; the deposit
receipts of the OP Stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from salus.chain import rlp, trie
from salus.errors import BadAnswer

__all__ = [
    "HEADER_KINDS",
    "encoded_transaction",
    "header_hash",
    "header_kind",
    "holds_receipts",
    "holds_transactions",
    "receipts_root",
]

_STANDARD = (
    "parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom difficulty number gasLimit gasUsed"
    " timestamp extraData mixHash nonce"
).split()

#: The fields of a header by kind of chain, in order. The first fifteen are on every chain; the list ends at the first
#: that a block does not have.
HEADER_KINDS: Mapping[str, Sequence[str]] = {
    "ethereum": [
        *_STANDARD,
        *("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"),
    ],
    "avalanche": [
        *_STANDARD,
        *("extDataHash", "baseFeePerGas", "extDataGasUsed", "blockGasCost", "blobGasUsed", "excessBlobGas"),
        *("parentBeaconBlockRoot", "timestampMilliseconds", "minDelayExcess"),
    ],
}

# Numbers; every other field is bytes.
_NUMBERS = frozenset(
    (
        "difficulty number gasLimit gasUsed timestamp baseFeePerGas blobGasUsed excessBlobGas extDataGasUsed"
        " blockGasCost timestampMilliseconds minDelayExcess"
    ).split()
)

# A deposit of the OP Stack has two fields more in its receipt.
_DEPOSIT = 0x7E


def header_hash(header: Mapping[str, Any], kind: str) -> bytes:
    """The hash of a block from its header's fields, 32 bytes.

    Args:
        header: A block as nodes write it in JSON.
        kind: One of :data:`HEADER_KINDS`.

    Raises:
        BadAnswer: A field that every chain has is missing, or one is malformed.
    """
    from eth_hash.auto import keccak

    values: list[bytes | int] = []
    for name in HEADER_KINDS[kind]:
        value = header.get(name)
        if value is None:
            if len(values) < len(_STANDARD):
                raise BadAnswer(f"the node gave a block without {name}")
            break
        values.append(_number(value, name) if name in _NUMBERS else _bytes(value, name))
    return keccak(rlp.listed(rlp.fields(values)))


def header_kind(header: Mapping[str, Any]) -> str | None:
    """The kind of chain whose headers hash as this one says of itself; None where no known kind does.

    Raises:
        BadAnswer: A field is missing or malformed.
    """
    told = _bytes(header.get("hash"), "a block's hash", 32)
    return next((kind for kind in HEADER_KINDS if header_hash(header, kind) == told), None)


# -------------------------------------------------------------------------------------------------------- the receipts


def holds_receipts(header: Mapping[str, Any], receipts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are all the receipts of the block with this header, unchanged in status, gas and logs.

    What is not in a receipt's encoding is not proven by it: hashes, numbers and places that nodes add.

    Args:
        header: A block as nodes write it in JSON; that it is the chain's is for the caller to know, by its hash.
        receipts: As nodes write them in JSON, in order.

    Raises:
        BadAnswer: A field is missing or malformed.
    """
    root = _bytes(header.get("receiptsRoot"), "a block's receipts root", 32)
    if receipts_root(receipts) == root:
        return True
    # ganache encodes a failed status as one zero byte, where the standard has no byte.
    failures = any(receipt.get("status") == "0x0" for receipt in receipts)
    return failures and receipts_root(receipts, failed=b"\0") == root


def receipts_root(receipts: Sequence[Mapping[str, Any]], *, failed: bytes = b"") -> bytes:
    """The root over all receipts of a block, 32 bytes.

    Args:
        receipts: As nodes write them in JSON, in the order of their transactions.
        failed: How a failed status is encoded: no byte by the standard, one zero byte by ganache.

    Raises:
        BadAnswer: A field is missing or malformed.
    """
    return trie.list_root([_receipt(receipt, failed) for receipt in receipts])


def _receipt(receipt: Mapping[str, Any], failed: bytes) -> bytes:
    kind = _number(receipt.get("type", "0x0"), "a receipt's type")
    status = _number(receipt.get("status"), "a receipt's status")
    if kind > 0x7F or status > 1:
        raise BadAnswer("the node gave a receipt whose type or status does not exist")
    head = (
        1 if status else failed,
        _number(receipt.get("cumulativeGasUsed"), "a receipt's gas"),
        _bytes(receipt.get("logsBloom"), "a receipt's bloom", 256),
    )
    body = rlp.fields(head) + rlp.listed(_logs(receipt.get("logs")))
    if kind == _DEPOSIT:
        extra = ("depositNonce", "depositReceiptVersion")
        body += rlp.fields([_number(receipt[name], name) for name in extra if receipt.get(name) is not None])
    return (bytes([kind]) if kind else b"") + rlp.listed(body)


def _logs(logs: Any) -> bytes:
    """The encodings of a receipt's logs, one after the other.

    They are put together as text and read at once, which is several times faster than field by field. All lengths are
    checked, so that one text cannot stand for two different lists of logs.
    """
    if not isinstance(logs, list):
        raise BadAnswer("the node gave a receipt without logs")
    parts: list[str] = []
    try:
        for log in logs:
            address, topics, data = log["address"], log["topics"], log["data"]
            count, size = len(topics), len(data)
            if not (address[:2] == data[:2] == "0x" and len(address) == 42 and type(topics) is list and not size & 1):
                raise ValueError
            for topic in topics:
                if topic[:2] != "0x" or len(topic) != 66:
                    raise ValueError
            # A byte below 0x80 is its own encoding.
            alone = size == 4 and int(data, 16) < 0x80
            whole, inner, outer = _log_heads(count, 0 if alone else (size - 2) // 2)
            parts += (whole, address[2:], inner, *("a0" + topic[2:] for topic in topics))
            parts += (data[2:],) if alone else (outer, data[2:])
        text = "".join(parts)
        raw = bytes.fromhex(text)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadAnswer("the node gave a log whose address, topics or data are malformed") from None
    # Python's reading passes over white space.
    if 2 * len(raw) != len(text):
        raise BadAnswer("the node gave a log whose address, topics or data are malformed")
    return raw


@lru_cache(1024)
def _log_heads(topics: int, data: int) -> tuple[str, str, str]:
    """What stands, in hex, before a log's address, before its topics, and before its data; data of one byte has
    nothing before it where 0 is given.
    """
    if topics > 4:
        raise ValueError
    inner = rlp.head(33 * topics, 0xC0).hex()
    outer = rlp.head(data, 0x80).hex()
    size = 21 + len(inner) // 2 + 33 * topics + len(outer) // 2 + data
    return rlp.head(size, 0xC0).hex() + "94", inner, outer


# ---------------------------------------------------------------------------------------------------- the transactions


def holds_transactions(header: Mapping[str, Any], raw: Sequence[bytes]) -> bool:
    """Whether these are all the transactions of the block with this header, in this order.

    Args:
        header: A block as nodes write it in JSON.
        raw: Signed transactions as they are sent; of one that is not at hand see :func:`encoded_transaction`.

    Raises:
        BadAnswer: The root is missing or malformed.
    """
    return trie.list_root(raw) == _bytes(header.get("transactionsRoot"), "a block's transactions root", 32)


def encoded_transaction(told: Mapping[str, Any]) -> bytes | None:
    """A signed transaction as bytes, from what a node tells of it; None where its type is unknown here.

    Args:
        told: As nodes write it in JSON; types 0 (EIP-155 too), 1, 2, 3 and 4.

    Raises:
        BadAnswer: A field is missing or malformed.
    """
    kind = _number(told.get("type", "0x0"), "a transaction's type")
    fields = _TRANSACTIONS.get(kind)
    if fields is None:
        return None
    body = b"".join(_field(told, name) for name in fields)
    return (bytes([kind]) if kind else b"") + rlp.listed(body)


def _field(told: Mapping[str, Any], name: str) -> bytes:
    if name in _LISTS:
        rows = told.get(name)
        if not isinstance(rows, list):
            raise BadAnswer(f"the node gave a transaction without its {name}")
        return rlp.listed(b"".join(map(_LISTS[name], rows)))
    if name == "to":
        return rlp.fields((b"" if told.get("to") is None else _bytes(told["to"], "a transaction's receiver", 20),))
    if name == "input":
        return rlp.fields((_bytes(told.get("input", told.get("data")), "a transaction's data"),))
    value = told.get("v") if name == "yParity" and told.get("yParity") is None else told.get(name)
    return rlp.fields((_number(value, f"a transaction's {name}"),))


def _access(row: Any) -> bytes:
    keys = row.get("storageKeys") if isinstance(row, Mapping) else None
    if not isinstance(keys, list):
        raise BadAnswer("the node gave an access list without its keys")
    return rlp.listed(
        rlp.fields((_bytes(row.get("address"), "an access list's address", 20),))
        + rlp.listed(rlp.fields([_bytes(key, "an access list's key", 32) for key in keys]))
    )


def _authorization(row: Any) -> bytes:
    if not isinstance(row, Mapping):
        raise BadAnswer("the node gave an authorization that is no object")
    return rlp.listed(
        _field(row, "chainId")
        + rlp.fields((_bytes(row.get("address"), "an authorization's address", 20),))
        + b"".join(_field(row, name) for name in ("nonce", "yParity", "r", "s"))
    )


def _blob(row: Any) -> bytes:
    return rlp.fields((_bytes(row, "a blob's hash", 32),))


_LISTS: Mapping[str, Callable[[Any], bytes]] = {
    "accessList": _access,
    "authorizationList": _authorization,
    "blobVersionedHashes": _blob,
}
_CALL = ("gas", "to", "value", "input")
_SIGNED = ("yParity", "r", "s")
_FEES = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas")
_TRANSACTIONS: Mapping[int, Sequence[str]] = {
    0: ("nonce", "gasPrice", *_CALL, "v", "r", "s"),
    1: ("chainId", "nonce", "gasPrice", *_CALL, "accessList", *_SIGNED),
    2: (*_FEES, *_CALL, "accessList", *_SIGNED),
    3: (*_FEES, *_CALL, "accessList", "maxFeePerBlobGas", "blobVersionedHashes", *_SIGNED),
    4: (*_FEES, *_CALL, "accessList", "authorizationList", *_SIGNED),
}


def _number(value: Any, what: str) -> int:
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
            return int(value, 16)
    except ValueError:
        pass
    raise BadAnswer(f"the node gave {what} that is no number in hex")


def _bytes(value: Any, what: str, size: int | None = None) -> bytes:
    try:
        if isinstance(value, str) and value.startswith("0x"):
            found = bytes.fromhex(value[2:])
            if size is None or len(found) == size:
                return found
    except ValueError:
        pass
    raise BadAnswer(f"the node gave {what} that is not {'bytes' if size is None else f'{size} bytes'} in hex")
