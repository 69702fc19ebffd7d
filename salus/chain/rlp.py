"""RLP, the encoding of Ethereum's transactions, receipts, headers and trie nodes (Yellow Paper, appendix B).

>>> encode([b"cat", [b"", 1024]]).hex()
'c983636174c480820400'
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["EMPTY_LIST", "Item", "encode", "fields", "head", "listed"]

Item = bytes | int | Sequence["Item"]

#: The encoding of a list without items.
EMPTY_LIST = b"\xc0"

_SHORT = [bytes([0x80 + size]) for size in range(56)]


def encode(item: Item) -> bytes:
    """The encoding of bytes, of a whole number from 0 (big-endian, without zeros in front), or of a list of such."""
    if isinstance(item, bytes | int):
        return fields((item,))
    return listed(b"".join(map(encode, item)))


def fields(items: Sequence[bytes | int]) -> bytes:
    """The encodings of bytes and whole numbers one after the other, as a list holds them."""
    parts = []
    for item in items:
        raw = item if isinstance(item, bytes) else item.to_bytes((item.bit_length() + 7) // 8)
        size = len(raw)
        if size != 1 or raw[0] >= 0x80:
            parts.append(_SHORT[size] if size < 56 else head(size, 0x80))
        parts.append(raw)
    return b"".join(parts)


def listed(body: bytes) -> bytes:
    """A list of items that are encoded already."""
    return head(len(body), 0xC0) + body


def head(size: int, offset: int) -> bytes:
    """What stands before an item.

    Args:
        size: How many bytes the item has.
        offset: 0x80 for bytes (one byte below 0x80 has nothing before it), 0xc0 for a list.
    """
    if size < 56:
        return bytes([offset + size])
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([offset + 55 + len(length)]) + length
