"""A chain of a test's own, with a book of contracts that emit whatever they are told: any log, at an address of the
book.

The node is real; what stands at the addresses is a few dozen bytes that turn calldata into logs, so that a test makes
in milliseconds what the project's contracts would never emit, and as much of it as it likes.
"""

from __future__ import annotations

import itertools
import threading

from eth_account import Account
from eth_utils.crypto import keccak

from salus.abi import decoding
from salus.chain.book import Book, Deployment
from salus.chain.local_node import LocalNode
from salus.index import Indexer
from salus.index._compare import compare

# LOGn of the topics and the data in the calldata, as often as it says: n (1 byte), how often (2 bytes), topics, data.
_OPS = {
    "STOP": 0x00, "ADD": 0x01, "SUB": 0x03, "EQ": 0x14, "ISZERO": 0x15, "SHL": 0x1B, "SHR": 0x1C, "CALLDATALOAD": 0x35,
    "CALLDATASIZE": 0x36, "CALLDATACOPY": 0x37, "JUMP": 0x56, "JUMPI": 0x57, "JUMPDEST": 0x5B, "PUSH0": 0x5F,
    "SWAP1": 0x90, "SWAP2": 0x91,
    **{f"DUP{n}": 0x7F + n for n in range(1, 9)}, **{f"LOG{n}": 0xA0 + n for n in range(5)},
}  # fmt: skip


def _assemble(words):
    """Bytes of opcodes, numbers (pushed), `:label` (defined) and `@label` (pushed)."""
    places, code = {}, bytearray()
    for _ in range(2):
        code = bytearray()
        for word in words.split():
            if word.startswith(":"):
                places[word[1:]] = len(code)
                code.append(_OPS["JUMPDEST"])
            elif word.startswith("@") or word.isdecimal():
                value = places.get(word[1:], 0) if word.startswith("@") else int(word)
                code += bytes([0x61]) + value.to_bytes(2)  # PUSH2
            else:
                code.append(_OPS[word])
    return bytes(code)


def _emitter():
    head = "1 CALLDATALOAD 240 SHR PUSH0 CALLDATALOAD 248 SHR DUP1 5 SHL 3 ADD DUP1 CALLDATASIZE SUB"
    copy = "DUP1 SWAP2 PUSH0 CALLDATACOPY :loop"
    choose = " ".join(f"DUP2 {n} EQ @log{n} JUMPI" for n in range(5)) + " STOP"
    logs = " ".join(
        " ".join(
            [
                f":log{n}",
                *(f"{3 + 32 * i} CALLDATALOAD" for i in reversed(range(n))),
                f"DUP{n + 1} PUSH0 LOG{n} @next JUMP",
            ]
        )
        for n in range(5)
    )
    end = ":next SWAP2 1 SWAP1 SUB DUP1 ISZERO @end JUMPI SWAP2 @loop JUMP :end STOP"
    return _assemble(" ".join([head, copy, choose, logs, end]))


EMITTER = _emitter()
REGISTRY, LOTS = "0x" + "c0" * 20, "0x" + "cc" * 20


def word(value):
    return value.rjust(32, b"\0") if isinstance(value, bytes) else value.to_bytes(32)


class LogEmitter:
    """A running chain and its book.

    node    the chain
    book    two contracts, ConsentRegistry and Lots, which emit what `emit` tells them
    """

    def __init__(self, node: LocalNode, folder):
        self.node, self.folder = node, folder
        self._numbers = itertools.count(1)
        self._key = Account.from_key(node.keys[0])
        entries = []
        for name, address in (("ConsentRegistry", REGISTRY), ("Lots", LOTS)):
            node.request("anvil_setCode", address, "0x" + EMITTER.hex())
            entries.append(Deployment(name, _checked(address), 1, code_hash="0x" + keccak(EMITTER).hex()))
        self.book = Book(node.chain_id, {entry.name: entry for entry in entries}, str(folder / f"{node.chain_id}.json"))

    # ---- making blocks

    def raw(self, topics, data=b"", *, to=REGISTRY, count=1, nonce=None):
        """A signed transaction that emits a log, 0x-hex."""
        payload = bytes([len(topics)]) + count.to_bytes(2) + b"".join(topics) + data
        transaction = {
            "to": _checked(to),
            "data": payload,
            "value": 0,
            "gas": 29_000_000 if count > 1 or len(data) > 2000 else 300_000,
            "gasPrice": 5 * 10**9,
            "nonce": self.nonce() if nonce is None else nonce,
            "chainId": self.node.chain_id,
        }
        return "0x" + bytes(self._key.sign_transaction(transaction).raw_transaction).hex()

    def nonce(self):
        return int(self.node.request("eth_getTransactionCount", self._key.address, "pending"), 16)

    def emit(self, topics, data=b"", *, to=REGISTRY, count=1):
        """A block with logs; the transaction's hash."""
        return self.send(self.raw(topics, data, to=to, count=count))

    def send(self, raw):
        sent = self.node.request("eth_sendRawTransaction", raw)
        for _ in range(2000):
            if self.node.request("eth_getTransactionReceipt", sent) is not None:
                return sent
            threading.Event().wait(0.002)
        raise AssertionError(f"{sent} is in no block")

    def grant_topics(self, number=None):
        number = next(self._numbers) if number is None else number
        topic = decoding.event_topic("ConsentRegistry", "ConsentGranted")
        return [topic, word(number), word(7)]

    def grant(self, count=1):
        """A block with a good event, of another patient each time."""
        return self.emit(self.grant_topics(), word(1) + word(2), count=count)

    def grants(self, blocks):
        for _ in range(blocks):
            self.grant()

    def mine(self, blocks):
        self.node.request("anvil_mine", hex(blocks))

    @property
    def head(self):
        return int(self.node.request("eth_blockNumber"), 16)

    # ---- indexes of it

    def indexer(self, name="index", *, url=None, **options):
        return Indexer(url or self.node.url, self.book, self.folder / f"{name}.sqlite", **{"patience": 20, **options})

    def fresh(self, window=256):
        """An index built anew, on its own file."""
        indexer = self.indexer(f"fresh-{next(self._numbers)}", window=window)
        indexer.sync()
        return indexer


def differences(indexer, fresh):
    """What an index and a fresh one do not share; the fresh one is closed."""
    with fresh:
        return list(compare(indexer.store, fresh.store))


def count(indexer, table="events"):
    with indexer.store.reading() as connection:
        return indexer.store.counts(connection)[table]


def _checked(address):
    from eth_utils.address import to_checksum_address

    return to_checksum_address(address)
