"""A node's logs as rows of the index: checked against the block that was asked for, and against the ABI.

A log that does not fit the ABI is put aside with the reason (``quarantine``); one that does not fit the question is the
node's fault, and raises. For nearly every event one AND of its words with a mask of the bits that its types leave empty
tells whether it fits; it is decoded only where that cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.errors import BadAnswer, one_line

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.index._headers import Header

__all__ = ["LogRows", "LogSorter", "misfit", "number", "unhex"]

#: A row in the order of the table's columns; of ``quarantine`` with the reason behind it.
Row = tuple[Any, ...]

_MOST_TOPICS = 4


@dataclass(frozen=True)
class LogRows:
    """The logs of some blocks as rows of the two tables.

    Attributes:
        events: Of the logs that fit the ABI.
        quarantine: Of those that do not, each with the reason behind it.
    """

    events: list[Row]
    quarantine: list[Row]


class LogSorter:
    """Makes rows of the logs of a book's contracts.

    Args:
        book: The contracts.

    Attributes:
        names: The contracts' names by their addresses in lower case; only those that have an ABI here.
    """

    def __init__(self, book: Book) -> None:
        known = decoding.abi_names()
        self.names = {e.address.lower(): e.name for e in book.contracts.values() if e.name in known}

    @property
    def addresses(self) -> list[str]:
        """The contracts' addresses in lower case, as they are asked for."""
        return list(self.names)

    def of(self, logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those logs that are of the book's contracts.

        Args:
            logs: As a node gave them.
        """
        names = self.names
        return [log for log in logs if log["address"].lower() in names]

    def put(self, block: Header, logs: Sequence[Mapping[str, Any]], into: LogRows) -> None:
        """Add the rows of one block's logs, in the order of their places.

        Args:
            block: The block.
            logs: Its logs as the node gave them.
            into: Where the rows go.

        Raises:
            BadAnswer: A log is of another block or contract than was asked for, or is no log at all.
        """
        rows: dict[int, Row] = {}
        for log in logs:
            row = self._row(block, log)
            # The same log twice does no harm; two logs at one place contradict each other.
            if rows.setdefault(row[1], row) != row:
                raise BadAnswer(f"the node gives two logs at place {row[1]} of block {block.number}")
        for place in sorted(rows):
            row = rows[place]
            if reason := misfit(row[4], [topic for topic in row[5:9] if topic is not None], row[9]):
                into.quarantine.append((*row, reason))
            else:
                into.events.append(row)

    def _row(self, block: Header, log: Mapping[str, Any]) -> Row:
        try:
            name = self.names.get(log["address"].lower())
            if name is None or unhex(log["blockHash"], 32) != block.hash or log.get("removed"):
                raise BadAnswer(f"the node gives a log that is not of block {block.number}, which was asked for")
            topics = [unhex(topic, 32) for topic in log["topics"]]
            data = unhex(log["data"])
            place = number(log["logIndex"])
            tx = unhex(log["transactionHash"], 32)
        except (KeyError, TypeError, ValueError, AttributeError) as trouble:
            raise BadAnswer(f"the node gives a log of block {block.number} that is none: {one_line(trouble)}") from None
        if len(topics) > _MOST_TOPICS or place >= 1 << 31:
            raise BadAnswer(f"the node gives a log of block {block.number} that cannot be")
        four = (*topics, *[None] * (_MOST_TOPICS - len(topics)))
        return block.hash, place, block.number, tx, name, *four, data


def misfit(contract: str, topics: Sequence[bytes], data: bytes) -> str:
    """Why a log is not one of its contract's events as the ABI has them; "" when it is.

    Args:
        contract: The contract's name.
        topics: The log's topics, 32 bytes each.
        data: The log's data.
    """
    if not topics:
        return "has no topic: it is of no event"
    shape = _shapes(contract).get(topics[0])
    if shape is None:
        return "is of no event that the ABI knows"
    if shape.fits(topics, data):
        return ""
    try:
        decoding.decode_event(contract, topics, data)
    except ValueError as trouble:
        return one_line(trouble)
    return ""


# ----------------------------------------------------------------------------------------------------------- bits alone


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of one event: which bits must be 0, when all of it lies in words of a fixed number.

    Attributes:
        topics: How many a log of it has.
        topic_masks: For each after the first.
        length: Bytes of data; -1 where only decoding can tell.
        mask: Over all of the data as one number.
    """

    topics: int
    topic_masks: tuple[int, ...]
    length: int
    mask: int

    def fits(self, topics: Sequence[bytes], data: bytes) -> bool:
        """Whether a log surely fits; False leaves it open."""
        if len(topics) != self.topics or len(data) != self.length or int.from_bytes(data) & self.mask:
            return False
        for topic, mask in zip(topics[1:], self.topic_masks, strict=True):
            if mask and int.from_bytes(topic) & mask:
                return False
        return True


@cache
def _shapes(contract: str) -> Mapping[bytes, _Shape]:
    return {topic: _shape(entry) for topic, entry in decoding.events_of(contract).items()}


def _shape(entry: Mapping[str, Any]) -> _Shape:
    topic_masks = tuple(_topic_mask(part) for part in entry["inputs"] if part["indexed"])
    words = _masks_of_all([part for part in entry["inputs"] if not part["indexed"]])
    if words is None:
        return _Shape(len(topic_masks) + 1, topic_masks, -1, 0)
    mask = 0
    for word in words:
        mask = mask << 256 | word
    return _Shape(len(topic_masks) + 1, topic_masks, 32 * len(words), mask)


def _topic_mask(part: Mapping[str, Any]) -> int:
    masks = None if part["type"] == "tuple" else _masks(part, part["type"])
    # What does not fit a word is there as its hash, of which every bit may be set.
    return masks[0] if masks is not None and len(masks) == 1 else 0


def _masks(part: Mapping[str, Any], kind: str) -> list[int] | None:
    """The bits that must be 0 in each word of a value; None where their number is not fixed or bits cannot
    tell.
    """
    if match := re.fullmatch(r"(.+)\[(\d*)\]", kind):
        inner = _masks(part, match[1]) if match[2] else None
        return None if inner is None else inner * int(match[2])
    if kind == "tuple":
        return _masks_of_all(part["components"])
    mask = _mask(kind)
    return None if mask is None else [mask]


def _masks_of_all(parts: Sequence[Mapping[str, Any]]) -> list[int] | None:
    words: list[int] = []
    for part in parts:
        masks = _masks(part, part["type"])
        if masks is None:
            return None
        words += masks
    return words


def _mask(kind: str) -> int | None:
    """The bits that must be 0 in the one word of a simple type; None for a type without such a word."""
    if match := re.fullmatch(r"uint(\d+)", kind):
        return _above(int(match[1]))
    if match := re.fullmatch(r"bytes(\d+)", kind):
        return (1 << 8 * (32 - int(match[1]))) - 1
    if kind in ("address", "bool"):
        return _above(160 if kind == "address" else 1)
    return None  # int (its sign fills the word), bytes, string, function


def _above(bits: int) -> int:
    return (1 << 256) - (1 << bits)


# -------------------------------------------------------------------------------------------------------------- numbers


def unhex(value: Any, size: int | None = None) -> bytes:
    """Bytes that a node writes as 0x-hex.

    Args:
        value: What it wrote.
        size: How many bytes there must be; None for any number.

    Raises:
        ValueError, TypeError: It is something else.
    """
    # Python's own reading would pass white space; the length tells.
    if value[:2] == "0x" and (size is None or len(value) == 2 * size + 2):
        raw = bytes.fromhex(value[2:])
        if 2 * len(raw) + 2 == len(value):
            return raw
    raise ValueError(f"{one_line(value, 40)} is not {'' if size is None else f'{size} bytes '}in hexadecimal")


def number(value: Any) -> int:
    """A number that a node writes as 0x-hex; below 2^63, which every count and place is.

    Args:
        value: What it wrote.

    Raises:
        ValueError, TypeError: It is something else.
    """
    if value[:2] != "0x" or len(value) > 18:
        raise ValueError(f"{one_line(value, 40)} is no number")
    found = int(value, 16)
    if found >> 63:  # negative ones too
        raise ValueError(f"{one_line(value, 40)} is no number")
    return found
