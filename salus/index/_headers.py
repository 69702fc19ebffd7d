"""What an index keeps of a chain: headers of blocks, how far it is, and which contracts it covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salus.chain.book import Book

__all__ = ["Cursor", "Header", "subjects"]


@dataclass(frozen=True, slots=True)
class Header:
    """A block as far as the index keeps it.

    Attributes:
        number: Its number.
        hash: 32 bytes.
        parent: The hash of the block before.
        time: Unix seconds.
    """

    number: int
    hash: bytes
    parent: bytes
    time: int


@dataclass(frozen=True)
class Cursor:
    """Up to which block an index holds the chain.

    Attributes:
        chain_id: The chain.
        window: How many headers are kept.
        block: The last block that is in the index.
        hash: Its hash.
    """

    chain_id: int
    window: int
    block: int
    hash: bytes


@cache
def _abi_hash(name: str) -> bytes:
    from salus.abi.decoding import load_abi
    from salus.chain.book import abi_hash

    return bytes.fromhex(abi_hash(load_abi(name))[2:])


def subjects(book: Book) -> list[dict[str, Any]]:
    """The contracts of a book that an index covers: those that this client has an ABI for.

    Returns:
        For each, sorted by name, its row of the table ``contracts``.
    """
    from salus.abi.decoding import abi_names

    known = abi_names()
    return [
        {
            "name": entry.name,
            "address": bytes.fromhex(entry.address[2:]),
            "first_block": entry.block,
            "abi_hash": _abi_hash(entry.name),
        }
        for entry in sorted(book.contracts.values(), key=lambda entry: entry.name)
        if entry.name in known
    ]
