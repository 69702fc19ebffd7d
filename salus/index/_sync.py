"""Keeping the index in step with the chain: blocks that are new go in, blocks that the chain dropped are taken back."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from salus.chain.book import Book
from salus.chain.node import Node
from salus.errors import (
    BadAnswer,
    IndexParted,
    IndexTrouble,
    IndexUnreachable,
    NotDeployed,
    SalusError,
    Unreachable,
    WrongChain,
)
from salus.index._chain import Chain, Moved, Page
from salus.index._lock import writer
from salus.index._store import WINDOW, Cursor, Header, Store

__all__ = ["Indexer", "Report", "Retraction"]

_LOOKS = 3  # how often a node that is behind the index is asked before the chain counts as shortened
_CODE_EVERY = 60.0  # seconds between two looks at the contracts' code while following
_LONGEST_WAIT = 30.0  # seconds between two tries while no node answers


@dataclass(frozen=True)
class Retraction:
    """Blocks that the chain dropped.

    Attributes:
        ancestor: The last block that stays.
        blocks: How many above it were taken back.
        events: How many logs with them.
    """

    ancestor: int
    blocks: int
    events: int


@dataclass
class Report:
    """What a sync did so far.

    Attributes:
        block: The last block of the index.
        hash: The hash of that block, 0x-hex.
        head: The node's newest block when it was last asked.
        blocks: How many blocks were added.
        events: How many events.
        quarantined: How many logs that do not fit the ABI.
        retractions: What was taken back, in order.
    """

    block: int = 0
    hash: str = ""
    head: int = 0
    blocks: int = 0
    events: int = 0
    quarantined: int = 0
    retractions: list[Retraction] = field(default_factory=list)


class _Stopped(Exception):
    """The event that ends the following was set."""


class _Pause:
    """The pauses of who follows: usual ones, and ones that grow while something does not answer."""

    def __init__(self, stop: threading.Event, interval: float, trouble: Callable[[SalusError], None] | None) -> None:
        self._stop, self._interval, self._trouble, self._wait = stop, interval, trouble, interval

    def usual(self) -> None:
        """Everything answered."""
        self._wait = self._interval
        self._stop.wait(self._wait)

    def longer(self, error: SalusError) -> None:
        """Something did not answer; who follows is told."""
        if self._trouble is not None:
            self._trouble(error)
        self._wait = min(2 * self._wait, _LONGEST_WAIT)
        self._stop.wait(self._wait * (0.5 + random.random()))


#: Called with the report so far, after each change of the index.
OnChange = Callable[[Report], None]


class Indexer:
    """Writes an index; one at a time may.

    Args:
        url: The node.
        book: The contracts to index.
        where: A file, or the URL of a PostgreSQL database.
        window: How many blocks back a change of the chain is followed, at least 2, by default :data:`WINDOW`; an index
            keeps the number that it was begun with, and where none is given a rebuilt one the number that it had.
        timeout: Seconds for one answer.
        patience: Seconds after which a node that does not answer, or contradicts itself, is given up.
        sleep: How to pause; tests hand in another.

    Raises:
        BadInput, IndexTrouble: The node's address or the index is none.
    """

    def __init__(
        self,
        url: str,
        book: Book,
        where: str | os.PathLike[str],
        *,
        window: int | None = None,
        timeout: float = 30,
        patience: float = 60,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.book, self.window, self.patience = book, window, patience
        self.endpoint = Node(url, timeout=timeout, patience=patience, retry_inner=True, sleep=sleep)
        self.chain = Chain(self.endpoint, book, sleep=sleep)
        self.store = Store(where, writer=True)
        self._sleep = sleep
        self._code_seen = 0.0

    def close(self) -> None:
        """Close the connections to the node and the database."""
        self.endpoint.close()
        self.store.close()

    def __enter__(self) -> Indexer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ----------------------------------------------------------------------------------------------------- what it does

    def sync(self, *, upto: int | None = None, on_change: OnChange | None = None) -> Report:
        """Bring the index to the chain's head, once.

        Args:
            upto: The number of a block to stop at instead.
            on_change: Called after each change of the index, with the report so far.

        Raises:
            IndexTrouble: The index is in use, of another book, or cannot be written.
            IndexParted: The chain is another one further back than the index keeps; nothing was changed.
            WrongChain, NotDeployed: The node is on another chain, or a contract's code is not what was deployed.
            Unreachable: The node does not answer, or not sensibly.
        """
        with writer(self.store):
            return self._sync(Report(), upto, on_change)

    def follow(
        self,
        stop: threading.Event,
        *,
        interval: float = 1.0,
        on_change: OnChange | None = None,
        trouble: Callable[[SalusError], None] | None = None,
    ) -> Report:
        """Stay at the chain's head until told to stop; a node or a database server that does not answer is waited for.

        Args:
            stop: Set it to end.
            interval: Seconds between two questions for the newest block.
            on_change: Called after each change of the index, with the report so far.
            trouble: Called where the node or the server did not answer; it is asked again after a pause that grows.

        Raises:
            IndexTrouble, IndexParted, WrongChain, NotDeployed: See :meth:`sync`; these do not pass by waiting.
        """
        report = Report()
        pause = _Pause(stop, interval, trouble)

        def changed(report: Report) -> None:
            if on_change is not None:
                on_change(report)
            if stop.is_set():  # also in the middle of catching up, which may take hours
                raise _Stopped

        while not stop.is_set():
            try:
                with writer(self.store):
                    while not stop.is_set():
                        try:
                            self._sync(report, None, changed)
                            pause.usual()
                        except (WrongChain, NotDeployed):
                            raise
                        except Unreachable as error:
                            pause.longer(error)
            except _Stopped:
                break
            except IndexUnreachable as error:  # the lock went with the connection: it is taken again
                pause.longer(error)
        return report

    def rebuild(self, *, on_change: OnChange | None = None) -> Report:
        """Forget everything and rebuild the index from the chain.

        Args:
            on_change: See :meth:`sync`.

        Raises:
            As :meth:`sync`; the old index is kept where the node does not even answer.
        """
        with writer(self.store):
            self.chain.head_and_block(0)
            self.chain.check_code()
            self.window = self.window or self._had()
            self.store.clear()
            return self._sync(Report(), None, on_change)

    def _had(self) -> int | None:
        try:
            found = self.store.cursor()
        except IndexTrouble:  # of another version, or damaged
            return None
        return None if found is None else found.window

    # --------------------------------------------------------------------------------------------------------- one sync

    def _sync(self, report: Report, upto: int | None, on_change: OnChange | None) -> Report:
        at = self._begun()
        self._check_code(report)
        deadline = time.monotonic() + self.patience
        pause = 0.05
        while True:
            before = at
            try:
                at = self._step(at, report, upto, on_change)
                report.block, report.hash = at.block, "0x" + at.hash.hex()
                if at.block >= (report.head if upto is None else min(upto, report.head)):
                    return report
            except Moved as seen:
                at = self._begun()
                if at != before:  # it did get on
                    deadline = time.monotonic() + self.patience
                    pause = 0.05
                if time.monotonic() + pause > deadline:
                    raise Unreachable(f"the node does not settle: {seen}; ask it again later, or another one") from None
                self._sleep(pause * (0.5 + random.random()))
                pause = min(2 * pause, 2.0)

    def _begun(self) -> Cursor:
        """The cursor; an empty index is begun."""
        found = self.store.cursor()
        if found is None:
            number = self._base
            self._check_code(Report())
            (block,) = self.chain.blocks([number])
            if block is None:
                raise BadAnswer(f"the node has no block {number}, before which the book's contracts came to be")
            self.store.begin(self.book, block, self.window or WINDOW)
            found = self.store.cursor()
            assert found is not None
        elif why := self.store.misfit(self.book):
            raise IndexTrouble(
                f"the index {self.store.display_name} is not one of {self.book.path or 'this book'}: {why};"
                " build it anew with `salus index rebuild`, or name another --events"
            )
        return found

    @property
    def _base(self) -> int:
        """The block before the first that can have an event."""
        known = self.chain.sorter.names.values()
        first = [entry.block for entry in self.book.contracts.values() if entry.name in known]
        return max(min(first, default=0) - 1, 0)

    def _check_code(self, report: Report) -> None:
        now = time.monotonic()
        if report.head and now - self._code_seen < _CODE_EVERY:
            return
        self.chain.check_id(self.endpoint.many([("eth_chainId", [])])[0])
        self.chain.check_code()
        self._code_seen = now

    def _step(self, at: Cursor, report: Report, upto: int | None, on_change: OnChange | None) -> Cursor:
        """Look once; take back what the chain dropped, or add what is new."""
        head, there = self.chain.head_and_block(at.block)
        report.head = head.number
        if there is None or there.hash != at.hash:
            return self._take_back(at, report, on_change)
        if head.number < at.block:  # an answer from before and one from after a change
            raise Moved(f"the node's newest block is {head.number}, and it knows block {at.block}")
        last = head.number if upto is None else min(upto, head.number)
        pages = self.chain.pages(Header(at.block, at.hash, b"", 0), last)
        # The next page is fetched while one is put in.
        with ThreadPoolExecutor(1, "salus-index") as pool:
            coming = pool.submit(next, pages, None)
            while (page := coming.result()) is not None:
                coming = pool.submit(next, pages, None)
                at = self._put(at, page, report)
                if on_change is not None:
                    on_change(report)
        return at

    def _put(self, at: Cursor, page: Page, report: Report) -> Cursor:
        rows = page.rows
        at = self.store.add(at, page.blocks, rows.events, rows.quarantine)
        report.block, report.hash = at.block, "0x" + at.hash.hex()
        report.blocks += len(page.blocks)
        report.events += len(rows.events)
        report.quarantined += len(rows.quarantine)
        return at

    # ----------------------------------------------------------------------------------------------- the chain changed

    def _take_back(self, at: Cursor, report: Report, on_change: OnChange | None) -> Cursor:
        with self.store.reading() as connection:
            # Not the block before the contracts: a chain that shares no more than that was started anew.
            kept = self.store.headers(connection, max(at.block - at.window, self._base))
        self._not_just_behind(at, kept)
        ancestor = self._ancestor(at, kept)
        older = self._older(at, kept[-1], ancestor)
        done, gone = self.store.take_back(at, ancestor, older)
        report.block, report.hash = done.block, "0x" + done.hash.hex()
        report.retractions.append(Retraction(ancestor.number, at.block - ancestor.number, gone))
        if on_change is not None:
            on_change(report)
        return done

    def _not_just_behind(self, at: Cursor, kept: list[Header]) -> None:
        """A node that is behind, one of several perhaps, looks like a chain that got shorter: look again first."""
        hashes = {header.number: header.hash for header in kept}
        for _ in range(_LOOKS):
            head, there = self.chain.head_and_block(at.block)
            if there is not None and there.hash == at.hash:
                raise Moved(f"the node's answers about block {at.block} change")
            if head.number >= at.block or hashes.get(head.number) != head.hash:
                return
            self._sleep(0.2)

    def _ancestor(self, at: Cursor, kept: list[Header]) -> Header:
        """The newest kept block that is on the node's chain."""
        step = 16  # nearly all changes are shallow
        first = 0
        while first < len(kept):
            some = kept[first : first + step]
            for header, block in zip(some, self.chain.blocks([header.number for header in some]), strict=True):
                if block is not None and block.hash == header.hash:
                    return header
            first, step = first + step, 100
        raise IndexParted(
            f"the node's chain is another one than the index {self.store.display_name} has read, for at least"
            f" {len(kept)} blocks (below block {at.block}); nothing was changed. If the chain is the right one,"
            " run `salus index rebuild`"
        )

    def _older(self, at: Cursor, oldest: Header, ancestor: Header) -> list[Header]:
        """The headers that the window has again when it ends earlier."""
        first = max(ancestor.number - at.window + 1, self._base)
        if first >= oldest.number:
            return []
        blocks = self.chain.blocks(range(first, oldest.number))
        parent = oldest.parent
        for block in reversed(blocks):
            if block is None or block.hash != parent:
                raise Moved(f"what the node has before block {oldest.number} does not link to it")
            parent = block.parent
        return [Header(b.number, b.hash, b.parent, b.time) for b in blocks if b is not None]
