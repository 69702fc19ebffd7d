"""What came of a transaction: its receipt, and the events of the contracts in the book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Event", "Receipt"]


@dataclass(frozen=True)
class Event:
    """One event of a contract in the book.

    Attributes:
        name: E.g. ``ConsentGranted``.
        contract: The contract's name in the book.
        address: Its address.
        args: By name; structs as :class:`salus.abi.decoding.Struct`, enums as integers.
        block: The block's number.
        index: The log's place in the block.
        transaction: The transaction's hash, 0x-hex.
    """

    name: str
    contract: str
    address: str
    args: Mapping[str, Any]
    block: int
    index: int
    transaction: str


@dataclass(frozen=True)
class Receipt:
    """A transaction that is in a block and did not fail.

    Attributes:
        hash: 0x-hex.
        block: The block's number.
        gas_used: Units of gas.
        status: Always 1; a failed transaction is an exception.
        logs: The events of the contracts in the book, in order.
        deployed: The contract that it deployed; "" where it deployed none.
    """

    hash: str
    block: int
    gas_used: int
    status: int
    logs: tuple[Event, ...]
    deployed: str = ""

    def events(self, name: str) -> tuple[Event, ...]:
        """The events of one name."""
        return tuple(event for event in self.logs if event.name == name)
