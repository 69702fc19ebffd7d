"""Bloom filters of blocks: a header's ``logsBloom`` tells which addresses and topics no log of the block has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from salus.abi.decoding import events_of
from salus.abi.hashing import keccak
from salus.errors import BadAnswer, one_line
from salus.index._rows import unhex

__all__ = ["bloom_of", "bloom_of_logs", "signs", "union"]


def union(blooms: Iterable[int]) -> int:
    """The bloom of all that is in any of some blooms."""
    found = 0
    for bloom in blooms:
        found |= bloom
    return found


@lru_cache(1 << 16)
def bloom_of(thing: bytes) -> int:
    """The three bits of 2048 that an address or a topic sets in ``logsBloom`` (Yellow Paper, 4.3.1), as a number."""
    digest = keccak(thing)
    return sum({1 << (int.from_bytes(digest[i : i + 2]) & 2047) for i in (0, 2, 4)})


def bloom_of_logs(logs: Sequence[Mapping[str, Any]]) -> int:
    """The ``logsBloom`` of all of a block's logs, as the node gave them.

    Raises:
        BadAnswer: They are not logs.
    """
    found = 0
    try:
        for thing in {thing for log in logs for thing in (log["address"], *log["topics"])}:
            found |= bloom_of(unhex(thing))
    except (KeyError, TypeError, ValueError) as trouble:
        raise BadAnswer(f"its logs are none: {one_line(trouble)}") from None
    return found


def signs(names: Mapping[str, str]) -> list[tuple[str, int, list[tuple[str, int]]]]:
    """What a bloom has of each contract, and of each of its events.

    Args:
        names: The contracts' names by their addresses in lower case.

    Returns:
        For each contract its address, its bloom, and for each of its events the first topic (0x-hex) and its bloom.
    """
    return [
        (
            address,
            bloom_of(bytes.fromhex(address[2:])),
            [("0x" + topic.hex(), bloom_of(topic)) for topic in events_of(name)],
        )
        for address, name in names.items()
    ]
