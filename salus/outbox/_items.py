"""What is sent and what becomes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

from salus.chain.contracts import Call
from salus.chain.proof import Proof
from salus.errors import BadInput, SalusError
from salus.keys.addresses import address as checked_address

__all__ = ["Item", "Result", "Sendable", "State", "digest_of"]

_LONGEST_KEY = 200


class State(Enum):
    """Where an item stands.

    ::

        QUEUED → STORED → SENT → INCLUDED → FINAL
           ↓                 ↓        ↑
        REFUSED      FAILED, LOST     └ back to SENT when a reorganisation took its block away
    """

    QUEUED = "queued"  # known, not signed yet
    STORED = "stored"  # signed and written down; perhaps sent
    SENT = "sent"  # a node has it
    INCLUDED = "included"  # in a block, done, and not deep enough to be sure of
    FINAL = "final"  # in a block that will stay
    FAILED = "failed"  # in a block, and reverted there
    REFUSED = "refused"  # the dry run said no; nothing was signed
    LOST = "lost"  # its nonce was used by a transaction from outside this outbox, or to cancel it

    @property
    def open(self) -> bool:
        """Whether something is still to happen."""
        return self in (State.QUEUED, State.STORED, State.SENT)

    @property
    def done(self) -> bool:
        """Whether it has had its effect, as far as the chain stands."""
        return self in (State.INCLUDED, State.FINAL)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to do on chain, once.

    Attributes:
        key: Its business key, of the caller's choosing: what has it happens once in an outbox, however often it is
            given.
        to: The contract.
        data: The call.
        name: What is called, for messages.
        gas: The limit; None to let the node estimate each kind of call.
        value: Wei.
        size: How much it does beside other calls of its kind, of which their gas is reckoned: the rows of a batch, say.
        spare: Gas on top of what it takes now, where it may take more by the time of its block; used where ``gas`` is
            None.

    Raises:
        BadInput: The key is empty, longer than 200 characters or not printable, the address is malformed, or a number
            is out of range.
    """

    key: str
    to: str
    data: bytes
    name: str = ""
    gas: int | None = None
    value: int = 0
    size: int = 1
    spare: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not 0 < len(self.key) <= _LONGEST_KEY or not self.key.isprintable():
            raise BadInput("outbox", "key", f"is {self.key!r:.60}; give 1 to {_LONGEST_KEY} printable characters")
        _expect_address(self.to)
        if self.value < 0 or (self.gas is not None and self.gas <= 0):
            raise BadInput("outbox", self.key, "has a negative value or no gas")
        if self.size < 1 or self.spare < 0:
            raise BadInput("outbox", self.key, "has no size, or negative spare gas")

    @classmethod
    def of(cls, key: str, fn: Any, *, gas: int | None = None, size: int = 1) -> Item:
        """An item for a function of a contract with its arguments, as :meth:`salus.Salus.contract` or web3 gives it."""
        call = Call.of(fn)
        return cls(key, call.address, call.data, call.name, gas, size=size)

    @property
    def target(self) -> bytes:
        """The contract, 20 bytes."""
        return bytes.fromhex(self.to[2:])

    @property
    def kind(self) -> bytes:
        """Calls of one kind take about the same gas for their size: contract and function, or no data at all."""
        return self.target + self.data[:4] if self.data else b""

    def digest(self) -> bytes:
        """What is done, as 16 bytes: one key must not stand for two things."""
        return digest_of(self.target, self.value, self.data)


def digest_of(target: bytes, value: int, data: bytes) -> bytes:
    """What a call does, as 16 bytes: its receiver, the wei that it sends, and its data."""
    return hashlib.blake2b(target + value.to_bytes(32) + data, digest_size=16).digest()


@lru_cache(1024)
def _expect_address(text: str) -> None:
    """Checked once: many calls go to few contracts, and the checksum is a hash."""
    checked_address(text, "to", "outbox")


#: What :meth:`Outbox.send_all` takes: an item, or a key and a function of a contract with its arguments.
Sendable = Item | tuple[str, Any]


@dataclass(frozen=True)
class Result:
    """What became of an item.

    Attributes:
        key: Its business key.
        name: What was called.
        state: Where it stands now.
        nonce: Of its transaction; None where nothing was signed.
        transaction: The hash of the attempt that is in a block, else of the last one; None where nothing was signed.
        attempts: The hashes of all attempts, oldest first: the same call at higher fees.
        block: The number of its block; None where it is in none. Of a lost one the block that holds the other
            transaction.
        gas_used: Units of gas, None where it is in no block.
        error: Why it did not happen, None where it did or may yet.
        earlier: Whether it was so before this run.
        raw: The receipt as the node gave it, for :meth:`Outbox.receipt`; None where it was not read now.
        proof: For what reason the block is believed; None where it is in none, or where an earlier version noted it.
    """

    key: str
    name: str
    state: State
    nonce: int | None = None
    transaction: str | None = None
    attempts: tuple[str, ...] = ()
    block: int | None = None
    gas_used: int | None = None
    error: SalusError | None = None
    earlier: bool = False
    raw: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    proof: Proof | None = None

    @property
    def done(self) -> bool:
        """Whether it has had its effect, as far as the chain stands."""
        return self.state.done

    def expect_done(self) -> Result:
        """Itself.

        Raises:
            SalusError: It was refused, failed or was lost.
        """
        if self.error is not None:
            raise self.error
        return self
