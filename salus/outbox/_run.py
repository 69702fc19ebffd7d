"""What the parts of a run share: the file, the nodes, the settings, what is in flight and how far the chain is."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from salus.chain.nonces import Given, key_lock
from salus.chain.rpc import Trouble, number
from salus.errors import NodeRefused
from salus.outbox._dispatch import Dispatch, Flight
from salus.outbox._envelope import Fees, Unsigned, signing
from salus.outbox._items import Item, State
from salus.outbox._nodes import BATCH, Nodes
from salus.outbox._rechecking import Change, recheck
from salus.outbox._rows import Attempt, Row
from salus.outbox._settings import LARGEST_WINDOW, Settings
from salus.outbox._store import FILL, Store
from salus.outbox._tracking import Tracker

if TYPE_CHECKING:
    from salus.keys.signers import Signer

__all__ = ["LONGEST_POLL", "SHORTEST_POLL", "Progress", "Run"]

#: Seconds between two looks at the chain.
SHORTEST_POLL, LONGEST_POLL = 0.01, 0.25

_TRANSFER_GAS = 21_000
_SLOW_BLOCK = 0.5  # seconds without a block after which blocks come slowly
_FIRST_RESEND = 1.0  # seconds after which what a node may have lost is sent again
_FIRST_RESEND_NEAR = 0.4  # for a node on this machine


@dataclass(slots=True)
class Progress:
    """What a run last saw of the chain, and since when nothing has moved; times are of the monotonic clock.

    Attributes:
        first_resend: Seconds without movement until something is sent again for the first time.
        count: Transactions of the account in blocks; -1 before the first look.
        head: The latest block's number; -1 before the first look.
        earlier_head: The head at the look before. A node may answer the second question of a look later than the first:
            only this one is surely from before ``count``.
        moved_at: When something last moved.
        moved_head: The head at that time.
        resent_at: When something was last sent again, or moved.
        resend_after: Seconds from then on after which something is sent again.
        poll_interval: Seconds until the next look.
    """

    first_resend: float
    count: int = -1
    head: int = -1
    earlier_head: int = -1
    moved_at: float = field(default_factory=time.monotonic)
    moved_head: int = -1
    resent_at: float = 0.0
    resend_after: float = field(init=False)
    poll_interval: float = SHORTEST_POLL

    def __post_init__(self) -> None:
        self.resend_after = self.first_resend

    def reset_waits(self) -> None:
        """Something moved: the patience, and the waiting before a repair, begin again."""
        self.moved_at = self.resent_at = time.monotonic()
        self.resend_after = self.first_resend
        self.moved_head = self.head


class Run:
    """One run of an outbox, as its parts share it.

    Args:
        store: The file.
        nodes: The endpoints.
        signer: Who signs.
        chain_id: On which chain.
        settings: How.

    Attributes:
        account: Who signs, with checksum.
        sign: Signs a call; see :func:`salus.outbox._envelope.signing`.
        flights: What is signed and not settled, by nonce.
        out: What is on its way to a node.
        progress: How far the chain is.
        gas_limit: Gas in a block; 0 before a node was asked.
        foresees: Whether a node was seen to count what waits for a block.
        window: Transactions in flight, at most.
    """

    def __init__(self, store: Store, nodes: Nodes, signer: Signer, chain_id: int, settings: Settings) -> None:
        self.store, self.nodes, self.settings = store, nodes, settings
        self.chain_id, self.account = chain_id, signer.address
        self.sign = signing(signer, chain_id)
        self.tracker = Tracker(nodes, signer.address, settings.confirmations)
        self.flights: dict[int, Flight] = {}
        self.out = Dispatch(store, nodes, self.flights, settings.hook)
        self.progress = Progress(_FIRST_RESEND_NEAR if nodes.near else _FIRST_RESEND)
        self.gas_limit = 0
        self.foresees = False
        self.window = settings.window
        self._self_gas = 0
        self._block_at, self._block = time.monotonic(), -1  # when the latest block was first seen, and which it was

    def lock(self) -> AbstractContextManager[Given]:
        """Hold the account's nonces; see :func:`salus.chain.nonces.key_lock`."""
        return key_lock(self.chain_id, self.nodes.genesis, self.account, self.settings.patience)

    def widen(self, waiting: int) -> None:
        """Let more be in flight where the window is full and no block comes: a window of W carries W ÷ block time
        transactions a second. The gas of one block bounds what waits in any case.

        Args:
            waiting: How many transactions wait for a block.
        """
        now, head = time.monotonic(), self.progress.head
        if head != self._block:
            self._block, self._block_at = head, now
        slow = now - self._block_at > _SLOW_BLOCK
        # A node that does not confirm what it was sent has no room for more.
        if self.settings.grows and slow and waiting * 10 >= self.window * 9 and not self.out.unconfirmed:
            self.window = min(self.window * 2, LARGEST_WINDOW)

    def attempt(self, row: Row, nonce: int, gas: int, fees: Fees, *, order: int = 0, cancels: bool = False) -> Attempt:
        """Sign an item with a nonce, or with `cancels` a transfer of nothing to the account itself in its place.

        Args:
            row: The item.
            nonce: Its nonce.
            gas: Its limit.
            fees: What a unit of gas may cost.
            cancels: Whether the transfer is signed.
            order: How many attempts the item has already.
        """
        item = row.item
        if cancels:
            call = Unsigned(nonce, bytes.fromhex(self.account[2:]), b"", gas, fees)
        else:
            call = Unsigned(nonce, item.target, item.data, gas, fees, item.value)
        raw, hash_ = self.sign(call)
        return Attempt("0x" + hash_.hex(), raw, gas, fees.most, fees.tip, order, cancels)

    def fill(self, nonces: Iterable[int], fees: Fees, given: Given) -> None:
        """Sign transfers of nothing to the account itself with nonces that nothing has, and write them down; under the
        key's lock.

        Args:
            nonces: The nonces.
            fees: What a unit of gas may cost.
            given: What the holders of the key's lock tell each other.

        Raises:
            NodeRefused: The fee is above the ceiling.
        """
        self.expect_fee(fees)
        signed, gas = [], self.transfer_gas()
        for nonce in sorted(nonces):
            item = Item(f"fill nonce {nonce} {secrets.token_hex(4)}", self.account, b"", FILL, gas)
            signed.append((item, nonce, self.attempt(Row(0, item, State.QUEUED), nonce, gas, fees)))
        rows = self.store.fill(signed)
        for row, (_, nonce, attempt) in zip(rows, signed, strict=True):
            given.give(nonce, 1, self.store.giver)
            self.flights[nonce] = Flight(row, [attempt])
        self.settings.hook("after_fill")

    def transfer_gas(self) -> int:
        """The gas of a transfer of nothing to the account itself; on some chains more than the usual 21,000."""
        if not self._self_gas:
            call = {"from": self.account, "to": self.account, "value": "0x0"}
            (answer,) = self.nodes.ask([("eth_estimateGas", [call])])
            estimate = 0 if isinstance(answer, Trouble) else number(answer, "an estimate of gas", most=1 << 32)
            self._self_gas = max(estimate, _TRANSFER_GAS)
        return self._self_gas

    def expect_fee(self, fees: Fees) -> None:
        """Check that a fee is not above the ceiling.

        Args:
            fees: What a unit of gas may cost.

        Raises:
            NodeRefused: It is.
        """
        if fees.most > self.settings.ceiling:
            raise NodeRefused(
                f"the node asks {fees.most / 1e9:,.1f} gwei a unit of gas, above the ceiling of"
                f" {self.settings.ceiling / 1e9:,.1f}; wait, or raise the client's fee_ceiling",
                name="FeeTooHigh",
            )

    def with_attempts(self, rows: Sequence[Row]) -> list[tuple[Row, list[Attempt]]]:
        """Each row with its attempts, oldest first.

        Args:
            rows: The items.
        """
        found = self.store.attempts(rows)
        return [(row, found[row.id]) for row in rows]

    def adopt(self, rows: Iterable[Row]) -> None:
        """Take over what was signed, by an earlier run or by another process, and send the same bytes again.

        Args:
            rows: The items; those that are in flight already are left.
        """
        taken = [row for row in rows if row.nonce not in self.flights]
        last = []
        for row, attempts in self.with_attempts(taken):
            assert row.nonce is not None
            self.flights[row.nonce] = Flight(row, attempts)
            last.append((row.id, row.nonce, attempts[-1].hash, attempts[-1].raw))
        for first in range(0, len(last), BATCH):
            self.out.send_missing(last[first : first + BATCH])
        if taken:
            self.progress.reset_waits()

    def recheck(self, rows: Sequence[Row]) -> list[Change]:
        """Look again at what is in a block that may still go away; see :func:`salus.outbox._rechecking.recheck`.

        What was un-mined is in flight again, by the same bytes.

        Args:
            rows: The items.
        """
        changes = recheck(self.store, self.tracker, rows)
        self.note_contradictions()
        self.adopt([change.row for change in changes if change.row.state is State.SENT])
        return changes

    def note_contradictions(self) -> None:
        """Write down which endpoints contradicted themselves since the last time."""
        self.store.note_contradictions(self.nodes.contradictions)
        self.nodes.contradictions.clear()

    def out_of_ether(self, left: int, cost: int) -> NodeRefused:
        """The error where the account cannot pay for the next item.

        Args:
            left: How many items are left.
            cost: What the next one may cost, wei.
        """
        return NodeRefused(
            f"{self.account} has too little ether for the next of {left} items ({cost / 1e18:.6f} may be needed);"
            " nothing is lost: give it ether, then `salus outbox resume`",
            name="InsufficientFunds",
        )
