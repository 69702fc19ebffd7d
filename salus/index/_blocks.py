"""Blocks as a node gives them, and pages of them with the rows of their logs."""

from __future__ import annotations

from dataclasses import dataclass

from salus.index._headers import Header
from salus.index._rows import LogRows

__all__ = ["Block", "Moved", "Page"]


class Moved(Exception):
    """The chain changed, or the node is behind, between two answers: ask again. ``str()`` says what was seen."""


@dataclass(frozen=True, slots=True)
class Block(Header):
    """A block as a node gives it.

    Attributes:
        bloom: Its ``logsBloom`` as a number.
        gas: Gas used.
        transactions: Hashes, 0x-hex.
        receipts_root: 0x-hex, where the header proves it; "" where the kind of the header is unknown.
    """

    bloom: int
    gas: int
    transactions: tuple[str, ...]
    receipts_root: str


@dataclass(frozen=True)
class Page:
    """Blocks that follow on each other, with the rows of their logs.

    Attributes:
        blocks: Each the child of the one before.
        rows: The rows of all their logs of the book's contracts, in the order of the chain.
    """

    blocks: tuple[Block, ...]
    rows: LogRows
