"""JSON-RPC in bulk: a thousand cases through Brownie's one-by-one transactions would take the whole coffee break."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import requests
from eth_abi import decode, encode
from eth_utils import keccak

__all__ = ["Call", "FastContract", "Receipt", "RpcBatch", "event"]

_BATCH = 100
_PATIENCE = 60.0  # seconds for a batch of transactions to be mined


def _canonical(field: dict[str, Any]) -> str:
    """The type of an ABI field as signatures write it."""
    if not field["type"].startswith("tuple"):
        return field["type"]
    inner = ",".join(_canonical(part) for part in field["components"])
    return f"({inner}){field['type'][5:]}"


@cache
def _hash(signature: str) -> bytes:
    return keccak(text=signature)


def event(abi: Sequence[dict[str, Any]], log: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A log's event and its arguments by name, indexed ones first; addresses in lower case.

    Raises:
        LookupError: The ABI has no such event.
    """
    for entry in abi:
        types = [_canonical(field) for field in entry.get("inputs", ())]
        if entry["type"] != "event" or log["topics"][0] != "0x" + _hash(f"{entry['name']}({','.join(types)})").hex():
            continue
        indexed = [field for field in entry["inputs"] if field["indexed"]]
        plain = [field for field in entry["inputs"] if not field["indexed"]]
        arguments = {
            field["name"]: decode([_canonical(field)], bytes.fromhex(topic[2:]))[0]
            for field, topic in zip(indexed, log["topics"][1:], strict=True)
        }
        values = decode([_canonical(field) for field in plain], bytes.fromhex(log["data"][2:]))
        return entry["name"], arguments | {field["name"]: value for field, value in zip(plain, values, strict=True)}
    raise LookupError(f"no event of the ABI has the topic {log['topics'][0]}")


def custom_error(abi: Sequence[dict[str, Any]], raw: bytes) -> tuple[str, tuple[Any, ...]]:
    """A custom error and its arguments, from what a contract reverts with.

    Raises:
        LookupError: The ABI has no such error.
    """
    for entry in abi:
        types = [_canonical(field) for field in entry.get("inputs", ())]
        if entry["type"] == "error" and raw[:4] == _hash(f"{entry['name']}({','.join(types)})")[:4]:
            return entry["name"], decode(types, raw[4:])
    raise LookupError(f"no error of the ABI begins with {raw[:4].hex()}: {raw.hex()}")


@dataclass(frozen=True)
class Call:
    """A message to a contract; ``sender`` must be an account that the node holds."""

    sender: str
    to: str
    data: str

    def message(self) -> dict[str, str]:
        return {"from": self.sender, "to": self.to, "data": self.data}


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction; ``time`` is its block's, in Unix seconds."""

    succeeded: bool
    time: int
    logs: list[dict[str, Any]]


class FastContract:
    """A contract's functions, spoken to without Brownie, which takes its time over every argument.

    Addresses are hex text, bytes are bytes, structs are tuples.
    """

    def __init__(self, contract: Any) -> None:
        self.address, self.abi = contract.address, contract.abi
        self._functions = {entry["name"]: entry for entry in self.abi if entry["type"] == "function"}

    def call(self, sender: Any, method: str, *args: Any) -> Call:
        types = [_canonical(field) for field in self._functions[method]["inputs"]]
        data = _hash(f"{method}({','.join(types)})")[:4] + encode(types, args)
        return Call(str(sender), self.address, "0x" + data.hex())

    def read(self, method: str, answer: bytes) -> Any:
        """What a function answered: one value as it is, several as a tuple."""
        values = decode([_canonical(field) for field in self._functions[method]["outputs"]], answer)
        return values[0] if len(values) == 1 else values

    def refusal(self, answer: bytes) -> tuple[str, tuple[Any, ...]]:
        """The custom error that a function reverted with, and its arguments.

        Raises:
            LookupError: The ABI has no such error.
        """
        return custom_error(self.abi, answer)


class RpcBatch:
    """A node, spoken to in batches of requests.

    Args:
        url: Its HTTP address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # No proxy and no stored login may come between a test and its own chain.
        self._session.trust_env = False

    def _post(self, requests_: Sequence[tuple[str, list[Any]]]) -> Iterator[dict[str, Any]]:
        for first in range(0, len(requests_), _BATCH):
            chunk = requests_[first : first + _BATCH]
            body = [
                {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
                for i, (method, params) in enumerate(chunk)
            ]
            answers = self._session.post(self._url, json=body, timeout=_PATIENCE).json()
            yield from sorted(answers, key=lambda answer: answer["id"])

    def _ask(self, requests_: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        answers = []
        for request, answer in zip(requests_, self._post(requests_), strict=True):
            if "error" in answer:
                raise RuntimeError(f"{request[0]} failed: {answer['error']}")
            answers.append(answer["result"])
        return answers

    # ---- time --------------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """The latest block's time; a view sees the same."""
        (block,) = self._ask([("eth_getBlockByNumber", ["latest", False])])
        return int(block["timestamp"], 16)

    def block_number(self) -> int:
        """The latest block's."""
        (number,) = self._ask([("eth_blockNumber", [])])
        return int(number, 16)

    def logs(self, address: str, first: int) -> list[dict[str, Any]]:
        """A contract's logs from a block on, in the order of the chain."""
        (found,) = self._ask([("eth_getLogs", [{"address": address, "fromBlock": hex(first), "toBlock": "latest"}])])
        return list(found)

    def mine(self, at: int) -> None:
        """Mine an empty block at a time that is not before the latest block's."""
        self._ask([("evm_mine", [at])])
        if self.now() != at:
            raise RuntimeError(f"asked for a block at {at}, got one at {self.now()}")

    # ---- messages ----------------------------------------------------------------------------------------------------

    def ask(self, calls: Sequence[Call]) -> list[bytes]:
        """The answers of views, at the latest block.

        Raises:
            RuntimeError: One of them reverted.
        """
        answers = self._ask([("eth_call", [call.message(), "latest"]) for call in calls])
        return [bytes.fromhex(answer[2:]) for answer in answers]

    def error(self, call: Call, abi: Sequence[dict[str, Any]]) -> tuple[str, tuple[Any, ...]] | None:
        """The custom error with which a message reverts at the latest block, ``None`` when it passes.

        Raises:
            RuntimeError: It reverts with something that the ABI does not know.
        """
        (answer,) = self._post([("eth_call", [call.message(), "latest"])])
        if "error" not in answer:
            return None
        data = answer["error"].get("data")
        raw = bytes.fromhex(data[2:]) if isinstance(data, str) else b""
        try:
            return custom_error(abi, raw)
        except LookupError:
            raise RuntimeError(f"no known error: {answer['error']}") from None

    def send(self, calls: Sequence[Call], gas: int = 5_000_000) -> list[Receipt]:
        """Send transactions in their order; a reverted one is told by its receipt.

        Raises:
            RuntimeError: The node refused one, or did not mine it in time.
        """
        # One by one: a node works on a batch's requests side by side, and then neither numbers the transactions itself
        # nor wakes for one that came too early.
        hashes = []
        for call in calls:
            transaction = {**call.message(), "gas": hex(gas), "gasPrice": hex(2 * 10**9)}
            hashes += self._ask([("eth_sendTransaction", [transaction])])
        receipts = {}
        missing = hashes
        deadline = time.monotonic() + _PATIENCE
        while missing:
            answers = self._ask([("eth_getTransactionReceipt", [hash_]) for hash_ in missing])
            receipts.update({hash_: answer for hash_, answer in zip(missing, answers, strict=True) if answer})
            missing = [hash_ for hash_ in missing if hash_ not in receipts]
            if missing:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{len(missing)} transactions were not mined within {_PATIENCE:g} s")
                time.sleep(0.005)
        ordered = [receipts[hash_] for hash_ in hashes]
        numbers = sorted({receipt["blockNumber"] for receipt in ordered})
        blocks = self._ask([("eth_getBlockByNumber", [number, False]) for number in numbers])
        times = {number: int(block["timestamp"], 16) for number, block in zip(numbers, blocks, strict=True)}
        return [
            Receipt(int(receipt["status"], 16) == 1, times[receipt["blockNumber"]], receipt["logs"])
            for receipt in ordered
        ]
