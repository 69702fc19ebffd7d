"""The state of an index: up to which block it holds the chain, how far the node is ahead, what is in it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from salus.chain.book import LIBRARIES
from salus.chain.node import Node
from salus.errors import Unreachable
from salus.index import _tables as t
from salus.index._chain import Chain
from salus.index._headers import subjects

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from salus.chain.book import Book
    from salus.index._headers import Cursor
    from salus.index._store import Store

__all__ = ["Status", "read_status"]


@dataclass
class Status:
    """The state of an index, and of the node beside it.

    Attributes:
        where: Its file, or its URL without a password.
        chain_id: The chain that it is of.
        block: The number of its last block; -1 where it was never filled.
        hash: The hash of that block, 0x-hex.
        time: Its time, Unix seconds.
        window: How many blocks back a change of the chain is followed.
        events: How many events, by contract and name of the event.
        quarantined: How many logs were put aside, by contract and reason.
        retractions: How often blocks were taken back, since the index was begun.
        deepest: The most blocks that were taken back at once.
        without_abi: Contracts of the book that are not in it: this client has no ABI for them.
        misfit: Why it is not one of the book; "" when it is.
        head: The node's newest block; None where no node answered.
        safe: The newest that the node calls safe; None where it does not say.
        finalized: The newest that the node calls final; None where it does not say.
        stands: Whether the index's last block is on the node's chain; None where no node answered.
        trouble: Why the node did not answer.
    """

    where: str
    chain_id: int = 0
    block: int = -1
    hash: str = ""
    time: int = 0
    window: int = 0
    events: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantined: dict[str, dict[str, int]] = field(default_factory=dict)
    retractions: int = 0
    deepest: int = 0
    without_abi: tuple[str, ...] = ()
    misfit: str = ""
    head: int | None = None
    safe: int | None = None
    finalized: int | None = None
    stands: bool | None = None
    trouble: str = ""

    @property
    def behind(self) -> int | None:
        """How many blocks the node has that the index has not."""
        return None if self.head is None else max(0, self.head - self.block)

    @property
    def description(self) -> str:
        """The state in a few words, e.g. ``in step``."""
        if self.misfit:
            return f"not one of this book: {self.misfit}"
        if self.stands is None:
            return "no node to compare with"
        if not self.stands:
            return "parted: the node's chain has another block there; sync follows it"
        return "in step" if not self.behind else f"{self.behind} blocks behind"


def read_status(store: Store, book: Book, url: str | None = None, *, patience: float = 3) -> Status:
    """The state of an index and, where one is given, of the node beside it.

    Args:
        store: The index.
        book: The contracts that it should be of.
        url: The node's JSON-RPC; None to ask none.
        patience: Seconds after which a node that does not answer is given up.

    Raises:
        IndexTrouble: The index cannot be read.
        WrongChain: The node is on another chain than the book.
    """
    known = {row["name"] for row in subjects(book)} | set(LIBRARIES)  # which have no events
    found = Status(store.display_name, without_abi=tuple(sorted(set(book.contracts) - known)))
    with store.reading() as connection:
        found.misfit = store.misfit(book, connection)
        if (at := store.cursor(connection)) is not None:
            _read_index(connection, at, found)
    if url is not None:
        with closing(Node(url, patience=patience, retry_inner=True)) as node:
            _ask_node(Chain(node, book), found)
    return found


def _read_index(connection: Connection, at: Cursor, found: Status) -> None:
    """What the index says of itself."""
    found.chain_id, found.window = at.chain_id, at.window
    found.block, found.hash = at.block, "0x" + at.hash.hex()
    found.time = connection.execute(select(t.blocks.c.time).where(t.blocks.c.hash == at.hash)).scalar_one()
    e, q, d = t.events.c, t.quarantine.c, t.diary.c
    kinds = select(e.contract, e.topic0, func.count()).group_by(e.contract, e.topic0)
    for contract, topic, count in connection.execute(kinds):
        found.events.setdefault(contract, {})[_name(contract, bytes(topic))] = count
    found.events = {name: dict(sorted(kinds.items())) for name, kinds in sorted(found.events.items())}
    reasons = select(q.contract, q.reason, func.count()).group_by(q.contract, q.reason)
    for contract, reason, count in connection.execute(reasons.order_by(q.contract, q.reason)):
        found.quarantined.setdefault(contract, {})[reason] = count
    found.retractions = connection.execute(select(func.count()).select_from(t.diary)).scalar_one()
    found.deepest = connection.execute(select(func.max(d.blocks))).scalar_one() or 0


def _ask_node(chain: Chain, found: Status) -> None:
    """How far the node is, and whether the index's last block is on its chain."""
    try:
        head, there = chain.head_and_block(max(found.block, 0))
        found.head = head.number
        found.stands = there is not None and "0x" + there.hash.hex() == found.hash
        tagged = chain.tagged()
        found.safe, found.finalized = tagged["safe"], tagged["finalized"]
    except Unreachable as trouble:
        if type(trouble) is not Unreachable:
            raise
        found.trouble = str(trouble)


def _name(contract: str, topic: bytes) -> str:
    from salus.abi.decoding import events_of

    entry = events_of(contract).get(topic)
    return str(entry["name"]) if entry is not None else "0x" + topic.hex()
