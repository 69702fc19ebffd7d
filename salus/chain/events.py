"""Past events: from the local index as far as it reaches, from the node after that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from salus.abi import decoding
from salus.chain.receipts import Event
from salus.chain.rpc import TooMuchAsked, Trouble, data, number
from salus.chain.transport import TooLong
from salus.errors import BadAnswer, BadInput, IndexTrouble, one_line

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.chain.node import Node

__all__ = ["EventIndex", "Events", "Past", "default_index"]


# Events that are asked for at once where they are read one after the other.
_AT_ONCE = 1_000

# Accounts that are looked for at once: nodes limit how many values a topic may have.
_ACCOUNTS_AT_ONCE = 200

_ACCOUNT = re.compile("0x[0-9a-fA-F]{40}")


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
        hash: The hash of that block, 32 bytes; the caller verifies that it is on the node's chain.
    """

    rows: Sequence[Any]
    block: int
    hash: bytes


class EventIndex(Protocol):
    """What answers for the past instead of the node; :class:`salus.index.Reader` is one."""

    def find(
        self,
        contract: str,
        topics: Sequence[bytes | None],
        since: int,
        *,
        after: tuple[int, int] | None = None,
        most: int | None = None,
    ) -> Past | None:
        """Logs of a contract since a block; None where the index has none to give.

        Args:
            contract: The contract's name in the book.
            topics: What the topics must be, None for any; the first is the event.
            since: The number of the first block.
            after: Only those behind this place, a block's number and a place in it.
            most: Only so many.
        """


class Events:
    """The events of one book.

    Args:
        node: The node.
        book: The contracts.
        index: What answers for the past; None to ask the node for all of it.
    """

    def __init__(self, node: Node, book: Book, index: EventIndex | None = None) -> None:
        self.node, self.book, self.index = node, book, index

    def find(
        self, contract: str, event: str, where: Mapping[str, str | bytes] | None, since: int | None
    ) -> tuple[Event, ...]:
        """See :meth:`salus.Salus.logs`."""
        entry = self.book[contract]
        topics = _topics(contract, event, where)
        first = entry.block if since is None else since
        past = None if self.index is None else self.index.find(contract, topics, first)
        latest = self.node.block()
        last = number(latest.get("number"), "the latest block", most=1 << 64)
        found: dict[tuple[int, int], Event] = {}
        if past is not None and self._stands(past, last, data(latest.get("hash"), "the latest block's hash", 32)):
            stored = (self._stored(contract, entry.address, row) for row in past.rows)
            found = {(one.block, one.index): one for one in stored}
            first = max(first, past.block + 1)
        for one in map(self.read, self._logs(entry.address, topics, first, last)):
            if one is not None and one.name == event:
                found[one.block, one.index] = one
        return tuple(found[place] for place in sorted(found) if _fits(found[place], entry.address, where))

    def iterate(
        self, contract: str, event: str, where: Mapping[str, str | bytes] | None, since: int | None
    ) -> Iterator[Event]:
        """See :meth:`salus.chain.ledger.Ledger.iter_logs`."""
        entry = self.book[contract]
        topics = _topics(contract, event, where)
        first = entry.block if since is None else since
        latest = self.node.block()
        last = number(latest.get("number"), "the latest block", most=1 << 64)
        tip = data(latest.get("hash"), "the latest block's hash", 32)
        behind = (-1, -1)  # the place of the newest that was given
        upto = None
        for past in self._parts(contract, topics, first):
            if upto is None:
                if not self._stands(past, last, tip):
                    break
                upto = past.block
            for row in past.rows:
                if behind < (row.block, row.log_index) and row.block <= upto:
                    behind = (row.block, row.log_index)
                    one = self._stored(contract, entry.address, row)
                    if _fits(one, entry.address, where):
                        yield one
        if upto is not None:
            first = max(first, upto + 1)
        for some in self._ranges(entry.address, topics, first, last):
            found = {(one.block, one.index): one for one in map(self.read, some) if one is not None}
            for place in sorted(found):
                if behind < place and found[place].name == event and _fits(found[place], entry.address, where):
                    behind = place
                    yield found[place]
        if data(self.node.block(last).get("hash"), f"the hash of block {last}", 32) != tip:
            raise BadAnswer("the chain was replaced by another while its events were read; read them again")

    def mentions(self, accounts: Iterable[str]) -> dict[str, frozenset[str]]:
        """See :meth:`salus.chain.ledger.Ledger.mentions`."""
        wanted = {_word(account, "account"): account for account in accounts}
        found: dict[str, set[str]] = {}
        first = min((entry.block for entry in self.book.contracts.values()), default=0)
        last = number(self.node.block().get("number"), "the latest block", most=1 << 64)
        contracts = [entry.address for entry in self.book.contracts.values()]
        words = list(wanted)
        for start in range(0, len(words), _ACCOUNTS_AT_ONCE):
            part = words[start : start + _ACCOUNTS_AT_ONCE]
            for place in (1, 2, 3):  # an account is an indexed argument, whichever
                for logs in self._ranges(contracts, [*[None] * place, part], first, last):
                    for log in logs:
                        self._note_mention(log, wanted, found)
        return {account: frozenset(others) for account, others in found.items()}

    def _note_mention(self, log: Any, wanted: Mapping[bytes, str], found: dict[str, set[str]]) -> None:
        """Enter an event under each account that it is about; a node may give more than was asked for."""
        if (event := self.read(log)) is None:
            return
        about = {wanted[word] for topic in log["topics"][1:] if (word := data(topic, "a log's topic", 32)) in wanted}
        others = {value for value in event.args.values() if isinstance(value, str) and _ACCOUNT.fullmatch(value)}
        for account in about:
            found.setdefault(account, set()).update(others - {account})

    def _parts(self, contract: str, topics: Sequence[bytes | None], first: int) -> Iterator[Past]:
        """What the index has, a bounded part at a time."""
        after = None
        while self.index is not None:
            past = self.index.find(contract, topics, first, after=after, most=_AT_ONCE)
            if past is None:
                return
            yield past
            if len(past.rows) < _AT_ONCE:
                return
            after = (past.rows[-1].block, past.rows[-1].log_index)

    def _ranges(
        self, address: str | list[str], topics: Sequence[bytes | list[bytes] | None], first: int, last: int
    ) -> Iterator[list[Mapping[str, Any]]]:
        """What the node has, some blocks at a time: more of them while they hold few logs, fewer where many."""
        blocks = _AT_ONCE
        while first <= last:
            found = self._logs(address, topics, first, min(last, first + blocks - 1))
            yield found
            first += blocks
            if len(found) > 2 * _AT_ONCE:
                blocks = max(1, blocks // 2)
            elif len(found) < _AT_ONCE // 2:
                blocks = min(2 * blocks, 1 << 20)

    def _stands(self, past: Past, last: int, latest: bytes) -> bool:
        """Whether the index's last block is on the node's chain: then all before it are, too."""
        if past.block >= last:
            return past.block == last and past.hash == latest
        there = self.node.block(past.block).get("hash")
        return data(there, f"the hash of block {past.block}", 32) == past.hash

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

    def _logs(
        self, address: str | list[str], topics: Sequence[bytes | list[bytes] | None], first: int, last: int
    ) -> list[Mapping[str, Any]]:
        """The logs of some blocks. Nodes limit how many of either an answer may span; smaller questions get through."""
        wanted = {"address": address, "topics": [_topic(topic) for topic in topics]}
        found: list[Mapping[str, Any]] = []
        open_ = [(first, last)] if first <= last else []
        while open_:
            lower, upper = open_.pop()
            asked = {**wanted, "fromBlock": hex(lower), "toBlock": hex(upper)}
            try:
                (answer,) = self.node.many([("eth_getLogs", [asked])], doing="reading events")
            except (TooMuchAsked, TooLong):
                if lower == upper:
                    raise
                answer = None
            if isinstance(answer, list):
                found += answer
                continue
            if lower == upper:
                raise (
                    answer.error("reading events")
                    if isinstance(answer, Trouble)
                    else BadAnswer("the node's answer is malformed while reading events")
                )
            middle = (lower + upper) // 2
            open_ += [(middle + 1, upper), (lower, middle)]
        return found

    def read(self, log: Any) -> Event | None:
        """A node's log as an event; None where it is of no contract of the book or was taken back.

        Args:
            log: As the node wrote it in JSON.

        Raises:
            BadAnswer: It does not fit the ABI.
        """
        if not isinstance(log, Mapping):
            raise BadAnswer("the node gave a log that is no object")
        contract = self._by_address.get(str(log.get("address")).lower())
        if contract is None or log.get("removed"):
            return None
        given = log.get("topics")
        if not isinstance(given, list):
            raise BadAnswer("the node gave a log without topics")
        topics = [data(topic, "a log's topic", 32) for topic in given]
        try:
            decoded = decoding.decode_event(contract, topics, data(log.get("data"), "a log's data"))
        except ValueError as trouble:
            raise BadAnswer(f"the node gave a log that does not fit: {trouble}") from None
        if decoded is None:
            return None
        name, args = decoded
        return Event(
            name,
            contract,
            self.book[contract].address,
            args,
            number(log.get("blockNumber"), "a log's block", most=1 << 64),
            number(log.get("logIndex"), "a log's place", most=1 << 64),
            "0x" + data(log.get("transactionHash"), "a log's transaction", 32).hex(),
        )

    @cached_property
    def _by_address(self) -> Mapping[str, str]:
        known = decoding.abi_names()
        return {entry.address.lower(): name for name, entry in self.book.contracts.items() if name in known}


def _topics(contract: str, event: str, where: Mapping[str, str | bytes] | None) -> list[bytes | None]:
    """The topics that the logs of an event have, None for any."""
    abi = next((e for e in decoding.load_abi(contract) if e["type"] == "event" and e["name"] == event), None)
    if abi is None:
        there = sorted(e["name"] for e in decoding.load_abi(contract) if e["type"] == "event")
        raise BadInput("", "event", f"{contract} has no event {one_line(event, 40)}; it has {', '.join(there)}")
    indexed = [part["name"] for part in abi["inputs"] if part["indexed"]]
    if unknown := set(where or {}) - set(indexed):
        raise BadInput(
            "", str(sorted(unknown)[0]), f"is not indexed in {event}; it can be looked for by {', '.join(indexed)}"
        )
    topics: list[bytes | None] = [decoding.event_topic(contract, event)]
    for part in abi["inputs"]:
        if part["indexed"]:
            value = (where or {}).get(part["name"])
            topics.append(None if value is None else _word(value, part["name"]))
    return topics


def _topic(wanted: bytes | list[bytes] | None) -> str | list[str] | None:
    """A topic as a node is asked for it: one value, one of several, or any."""
    if isinstance(wanted, list):
        return ["0x" + each.hex() for each in wanted]
    return None if wanted is None else "0x" + wanted.hex()


def _word(value: object, name: str) -> bytes:
    try:
        if isinstance(value, str) and value.startswith("0x"):
            raw = bytes.fromhex(value[2:])
        elif isinstance(value, (bytes, bytearray)):
            raw = bytes(value)
        else:
            raise ValueError
        if len(raw) not in (20, 32):
            raise ValueError
    except ValueError:
        raise BadInput(
            "", name, f"is {one_line(value, 80)!r}; events are looked for by an account, or by an id of 32 bytes"
        ) from None
    return raw.rjust(32, b"\0")


def _fits(event: Event, address: str, where: Mapping[str, str | bytes] | None) -> bool:
    """Whether a node answered what was asked: it may give more, be it by mistake."""
    if event.address != address:
        return False
    items: Iterable[tuple[str, str | bytes]] = (where or {}).items()
    for name, value in items:
        there = event.args[name]
        if not isinstance(there, (str, bytes)) or _word(there, name) != _word(value, name):
            return False
    return True
