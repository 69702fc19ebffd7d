"""The root of a Merkle Patricia trie, by which a block's header commits to all its transactions and receipts.

Source: Yellow Paper, appendices C and D. The trie is built once from all its entries, without a store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from salus.chain import rlp

__all__ = ["EMPTY_ROOT", "list_root", "root"]

#: The root of a trie without entries, and so of a block without transactions.
EMPTY_ROOT = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")


def root(entries: Mapping[bytes, bytes]) -> bytes:
    """The root of a trie, 32 bytes.

    Args:
        entries: Values by key; both any bytes, no value empty.
    """
    from eth_hash.auto import keccak

    if not entries:
        return EMPTY_ROOT
    return keccak(_node(sorted((_nibbles(key), value) for key, value in entries.items()), 0))


def list_root(values: Sequence[bytes]) -> bytes:
    """The root of a list, as headers have it: the key of each value is the encoding of its place.

    Args:
        values: In their order.
    """
    return root({rlp.fields((n,)): value for n, value in enumerate(values)})


def _nibbles(key: bytes) -> bytes:
    return bytes(half for byte in key for half in (byte >> 4, byte & 15))


def _node(rows: Sequence[tuple[bytes, bytes]], depth: int) -> bytes:
    """The encoding of the node under which some sorted entries lie that agree up to a depth."""
    first, last = rows[0][0], rows[-1][0]
    if len(rows) == 1:
        return rlp.listed(rlp.fields((_path(first[depth:], 2), rows[0][1])))
    shared = depth
    while shared < len(first) and first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        return rlp.listed(rlp.fields((_path(first[depth:shared], 0),)) + _reference(rows, shared))
    # An entry whose key ends here is the first of them, and its value stands in the node itself.
    here = rows[0][1] if len(first) == depth else b""
    children, start = [], 1 if here else 0
    for half in range(16):
        end = start
        while end < len(rows) and rows[end][0][depth] == half:
            end += 1
        children.append(_reference(rows[start:end], depth + 1) if end > start else b"\x80")
        start = end
    return rlp.listed(b"".join(children) + rlp.fields((here,)))


def _reference(rows: Sequence[tuple[bytes, bytes]], depth: int) -> bytes:
    """How a node is named in its parent: by its hash, or by itself where it is shorter than one."""
    from eth_hash.auto import keccak

    node = _node(rows, depth)
    return node if len(node) < 32 else b"\xa0" + keccak(node)


def _path(nibbles: bytes, flag: int) -> bytes:
    """Nibbles as bytes; the first one holds the flag (2 where a value follows) and whether their number is odd."""
    halves = bytes([flag + 1]) + nibbles if len(nibbles) % 2 else bytes([flag, 0]) + nibbles
    return bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
