"""Signed bytes on their way to a node, and what it says to them.

A message goes out beside everything else: while a node takes a hundred transactions the next ones are tried and signed.
Its answers are heeded later, by the thread that the outbox is used by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from salus.chain.rpc import Call
from salus.outbox._items import State
from salus.outbox._nodes import Nodes
from salus.outbox._replies import Reply, read
from salus.outbox._rows import Attempt, Row
from salus.outbox._store import Store
from salus.outbox._under_way import UnderWay

__all__ = ["Bytes", "Dispatch", "Flight"]

_LANE = "out"

#: The item's id, nonce, hash and raw transaction.
Bytes = tuple[int, int, str, bytes]


@dataclass(slots=True)
class Flight:
    """An item that is signed and not settled.

    Attributes:
        row: The item.
        attempts: Its signed transactions, oldest first.
        missing: Since when its nonce is used and no receipt is there; None while that is not so.
    """

    row: Row
    attempts: list[Attempt]
    missing: float | None = None


class Dispatch:
    """What one run sends.

    Args:
        store: The file.
        nodes: The endpoints.
        flights: What is in flight, by nonce.
        hook: Told of each message whose answers were heeded.

    Attributes:
        insufficient_funds_from: The lowest nonce that a node refused for want of ether.
        fee_too_low: Whether a node refused a fee as too low.
        unconfirmed: Whether a node did not answer, or not as expected.
    """

    def __init__(self, store: Store, nodes: Nodes, flights: Mapping[int, Flight], hook: Callable[[str], None]) -> None:
        self._store, self._nodes, self._flights, self._hook = store, nodes, flights, hook
        self._under_way: deque[tuple[UnderWay, Sequence[Bytes]]] = deque()
        self.insufficient_funds_from: int | None = None
        self.fee_too_low = self.unconfirmed = False

    @property
    def under_way(self) -> bool:
        """Whether there is a message whose answers were not heeded yet."""
        return bool(self._under_way)

    def send(self, signed: Sequence[Bytes]) -> None:
        """Begin to send.

        Once: whether a node has what it did not answer to is asked before it is sent again. ganache mines an account's
        very first transaction twice when it is given twice.

        Args:
            signed: What goes into one message.
        """
        calls: list[Call] = [("eth_sendRawTransaction", ["0x" + raw.hex()]) for _, _, _, raw in signed]
        self._under_way.append((self._nodes.begin(_LANE, calls), signed))

    def send_missing(self, signed: Sequence[Bytes]) -> bool:
        """Send again what the node does not have, and wait for its answers; whether there was any.

        Args:
            signed: What goes into one message.
        """
        self._process_all_replies()
        self._nodes.wait_idle(_LANE)  # an earlier run may have been left with something on its way
        answers = self._nodes.ask([("eth_getTransactionByHash", [hash_]) for _, _, hash_, _ in signed])
        known = [isinstance(answer, Mapping) for answer in answers]
        self._note([one[0] for one, there in zip(signed, known, strict=True) if there])
        if missing := [one for one, there in zip(signed, known, strict=True) if not there]:
            self.send(missing)
            self._process_all_replies()
        return bool(missing)

    def wait(self, seconds: float | None) -> None:
        """Wait for the answers to the oldest message, so long at most; None for those to all.

        Args:
            seconds: How long, at most.
        """
        for sending, _ in list(self._under_way)[: 1 if seconds is not None else None]:
            sending.is_done(seconds)

    def process_replies(self) -> None:
        """Heed what is answered by now."""
        while self._under_way and self._under_way[0][0].is_done():
            self._process_reply()

    def _process_all_replies(self) -> None:
        while self._under_way:
            self._process_reply()

    def _process_reply(self) -> None:
        """Heed the answers to the oldest message, waited for."""
        sending, signed = self._under_way[0]
        answers = sending.answers()
        self._under_way.popleft()
        there = []
        for (id_, nonce, hash_, _), answer in zip(signed, answers, strict=True):
            reply = read(answer, hash_)
            if reply is Reply.THERE:
                there.append(id_)
                if nonce == self.insufficient_funds_from:
                    self.insufficient_funds_from = None
            elif reply is Reply.POOR:
                self.insufficient_funds_from = min(
                    nonce, self.insufficient_funds_from if self.insufficient_funds_from is not None else nonce
                )
            elif reply is Reply.CHEAP:
                self.fee_too_low = True
            elif reply is Reply.LATER:
                self.unconfirmed = True
        self._note(there)
        self._hook("after_send")

    def _note(self, there: Sequence[int]) -> None:
        """A node has them."""
        if there:
            self._store.sent(there)
            known = set(there)
            for flight in self._flights.values():
                if flight.row.id in known and flight.row.state is State.STORED:
                    flight.row.state = State.SENT
