"""Items and their attempts as the file has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.proof import Proof
from salus.errors import SalusError
from salus.outbox._items import Item, State
from salus.outbox._reasons import from_row

__all__ = ["COLUMNS", "Attempt", "Foreign", "Row", "row_of"]

#: The columns of an item, in the order in which :func:`row_of` takes them.
COLUMNS = (
    "id, key, name, target, data, value, gas, size, spare,"  # the item
    " state, nonce, block, block_hash, mined, gas_used, deep, error, proof"  # where it stands
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of an item.

    Attributes:
        hash: 0x-hex.
        raw: As it is sent.
        gas: Its limit.
        most, tip: See :class:`Fees`.
        number: 0 for the first.
        cancels: Whether it only uses up the nonce, by a transfer of nothing to the account itself.
    """

    hash: str
    raw: bytes
    gas: int
    most: int
    tip: int | None
    number: int = 0
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """A transaction of the account that this outbox did not send.

    Attributes:
        nonce: Its nonce.
        block: The number of its block; None where it was seen to wait for one.
        digest: What it does; see :meth:`Item.digest`.
        target: Its receiver, 20 bytes; empty where it made a contract.
        attempt: The transaction itself; without bytes where its type is unknown.
    """

    nonce: int
    block: int | None
    digest: bytes
    target: bytes
    attempt: Attempt


@dataclass(slots=True)
class Row:
    """An item as the file has it.

    Attributes:
        id: Its number in the file.
        item: What is to be done.
        state: Where it stands.
        nonce: Of its transaction; None where nothing was signed.
        block: The number of its block; None where it is in none. Of a lost one the block of the other transaction.
        block_hash: The hash of that block; None where it is not known.
        mined: The hash of the transaction in that block: an attempt's, or of a lost one the other's.
        gas_used: Units of gas; None where it is in no block.
        deep: Whether the block will stay.
        error: Why it did not happen; None where it did or may yet.
        proof: For what reason the block is believed; None where it is in none.
    """

    id: int
    item: Item
    state: State
    nonce: int | None = None
    block: int | None = None
    block_hash: str | None = None
    mined: str | None = None
    gas_used: int | None = None
    deep: bool = False
    error: SalusError | None = None
    proof: Proof | None = None


def row_of(found: Sequence[Any]) -> Row:
    """A row of the file.

    Args:
        found: The values of :data:`COLUMNS`.
    """
    id_, key, name, target, data, value, gas, size, spare, state, *rest = found
    nonce, block, block_hash, mined, gas_used, deep, error, proof = rest
    item = Item(key, target, data, name, gas, int(value), size, spare)
    trouble = None if error is None else from_row(json.loads(error))
    reason = None if proof is None else Proof(proof)
    return Row(id_, item, State(state), nonce, block, block_hash, mined, gas_used, bool(deep), trouble, reason)
