"""Past events: from the local index as far as it reaches, from the node after that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from salus.abi import decoding
from salus.chain.receipts import Event
from salus.errors import BadAnswer, IndexTrouble, NodeRefused, gate

if TYPE_CHECKING:
    from web3 import Web3

    from salus.chain.book import Book

__all__ = ["EventIndex", "Events", "Past", "default_index"]


def default_index(book: Book) -> Path | None:
    """Where the index of a book lies: beside its file; None for a book without one."""
    return Path(book.path).with_suffix(".index.sqlite") if book.path else None


@dataclass(frozen=True)
class Past:
    """Logs out of an index, and up to which block it has them.

    Attributes:
        rows: The logs, oldest first: ``block``, ``log_index``, ``tx``, ``topic0`` to ``topic3`` (None where there is
            none) and ``data``, the hashes and the data as bytes.
        block: The number of the index's last block.
        hash: The hash of that block, 32 bytes: whoever asks verifies that it is on the node's chain.
    """

    rows: Sequence[Any]
    block: int
    hash: bytes


class EventIndex(Protocol):
    """What answers for the past instead of the node; :class:`salus.index.Reader` is one."""

    def find(self, contract: str, topics: Sequence[bytes | None], since: int) -> Past | None:
        """Logs of a contract since a block; None where the index has none to give.

        Args:
            contract: The contract's name in the book.
            topics: What the topics must be, None for any; the first is the event.
            since: The number of the first block.
        """


class Events:
    """The events of one book.

    Args:
        w3: The node.
        book: The contracts.
        index: What answers for the past; None to ask the node for all of it.
    """

    def __init__(self, w3: Web3, book: Book, index: EventIndex | None = None) -> None:
        self.w3, self.book, self.index = w3, book, index

    def find(
        self, contract: str, event: str, where: Mapping[str, str | bytes] | None, since: int | None
    ) -> tuple[Event, ...]:
        """See :meth:`salus.Salus.logs`."""
        entry = self.book[contract]
        topics = _topics(contract, event, where)
        first = entry.block if since is None else since
        past = None if self.index is None else self.index.find(contract, topics, first)
        with gate("asking for the latest block"):
            latest = self.w3.eth.get_block("latest")
        last = int(latest["number"])
        found: dict[tuple[int, int], Event] = {}
        if past is not None and self._stands(past, last, bytes(latest["hash"])):
            stored = (self._stored(contract, entry.address, row) for row in past.rows)
            found = {(one.block, one.index): one for one in stored}
            first = max(first, past.block + 1)
        for one in map(self.read, self._logs(entry.address, topics, first, last)):
            if one is not None and one.name == event:
                found[one.block, one.index] = one
        return tuple(found[place] for place in sorted(found) if _fits(found[place], entry.address, where))

    def _stands(self, past: Past, last: int, latest: bytes) -> bool:
        """Whether the index's last block is on the node's chain: then all before it are, too."""
        if past.block >= last:
            return past.block == last and past.hash == latest
        with gate(f"asking for block {past.block}"):
            return bytes(self.w3.eth.get_block(past.block)["hash"]) == past.hash

    def _stored(self, contract: str, address: str, row: Any) -> Event:
        topics = [bytes(t) for t in (row.topic0, row.topic1, row.topic2, row.topic3) if t is not None]
        try:
            decoded = decoding.decode_event(contract, topics, bytes(row.data))
        except ValueError as trouble:
            raise IndexTrouble(
                f"the index holds an event that does not fit: {trouble}; run `salus index audit`"
            ) from None
        if decoded is None:
            raise IndexTrouble("the index holds an event that the ABI does not know; run `salus index audit`")
        name, args = decoded
        return Event(name, contract, address, args, row.block, row.log_index, "0x" + bytes(row.tx).hex())

    def _logs(self, address: str, topics: list[Any], first: int, last: int) -> list[Mapping[str, Any]]:
        if first > last:
            return []
        wanted = {"address": address, "topics": topics, "fromBlock": first, "toBlock": last}
        try:
            with gate("reading events"):
                return list(self.w3.eth.get_logs(wanted))  # type: ignore[arg-type]
        except (BadAnswer, NodeRefused):
            # Nodes limit how many blocks or logs one answer may span; smaller questions get through.
            if first == last:
                raise
            middle = (first + last) // 2
            return self._logs(address, topics, first, middle) + self._logs(address, topics, middle + 1, last)

    def read(self, log: Mapping[str, Any]) -> Event | None:
        """A node's log as an event; None where it is of no contract of the book or was taken back.

        Raises:
            BadAnswer: It does not fit the ABI.
        """
        try:
            contract = self._by_address.get(str(log["address"]).lower())
            if contract is None or log.get("removed"):
                return None
            decoded = decoding.decode_event(contract, [bytes(topic) for topic in log["topics"]], bytes(log["data"]))
            if decoded is None:
                return None
            name, args = decoded
            place = int(log["blockNumber"]), int(log["logIndex"]), "0x" + bytes(log["transactionHash"]).hex()
        except (KeyError, TypeError, ValueError) as trouble:
            raise BadAnswer(f"the node gave a log that does not fit: {trouble}") from None
        return Event(name, contract, self.book[contract].address, args, *place)

    @cached_property
    def _by_address(self) -> Mapping[str, str]:
        known = decoding.abi_names()
        return {entry.address.lower(): name for name, entry in self.book.contracts.items() if name in known}


def _topics(contract: str, event: str, where: Mapping[str, str | bytes] | None) -> list[bytes | None]:
    """The topics that the logs of an event have, None for any."""
    abi = next(e for e in decoding.load_abi(contract) if e["type"] == "event" and e["name"] == event)
    topics: list[bytes | None] = [decoding.event_topic(contract, event)]
    for part in abi["inputs"]:
        if part["indexed"]:
            value = (where or {}).get(part["name"])
            topics.append(None if value is None else _word(value))
    return topics


def _word(value: str | bytes) -> bytes:
    raw = bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
    return raw.rjust(32, b"\0")


def _fits(event: Event, address: str, where: Mapping[str, str | bytes] | None) -> bool:
    """Whether a node answered what was asked: it may give more, be it by mistake."""
    if event.address != address:
        return False
    items: Iterable[tuple[str, str | bytes]] = (where or {}).items()
    for name, value in items:
        there = event.args[name]
        if (there.lower() if isinstance(there, str) else there) != (value.lower() if isinstance(value, str) else value):
            return False
    return True
