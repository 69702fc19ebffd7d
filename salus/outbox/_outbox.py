"""The outbox: many transactions of one account, each exactly once, whatever breaks in between.

    >>> with salus.outbox() as outbox:                                          # doctest: +SKIP
    ...     for result in outbox.send_all([("invoice-17", fn), ("invoice-18", other)]):
    ...         print(result.key, result.state)

Whoever was interrupted opens the outbox again and calls :meth:`Outbox.resume`, or gives the same items once more: what
was signed is sent again as the same bytes, what is done is told and not repeated.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from salus.abi import decoding
from salus.chain.connection import NodeAddress
from salus.errors import BadAnswer, BadInput, NotMined
from salus.outbox._files import default_file
from salus.outbox._items import Item, Result, Sendable, State
from salus.outbox._nodes import Nodes
from salus.outbox._pipeline import Pipeline
from salus.outbox._settings import Settings
from salus.outbox._store import Attempt, Row, Store

if TYPE_CHECKING:
    from types import TracebackType

    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["Outbox", "Status", "read_status"]

Until = Literal["included", "final"]
Progress = Callable[[int, int], None]

# How often what is in a block is looked at again while one waits for it to be final, seconds.
_FINAL_LOOK = 0.5


@dataclass(frozen=True)
class Status:
    """An outbox at a glance.

    Attributes:
        path: Its file.
        account: Who signs.
        chain_id: On which chain.
        counts: How many items stand where.
        foreign: Ranges of nonces that somebody else used with the key, both ends included.
    """

    path: Path
    account: str
    chain_id: int
    counts: Mapping[State, int]
    foreign: tuple[tuple[int, int], ...]

    @property
    def open(self) -> int:
        """How many items something is still to happen with."""
        return sum(count for state, count in self.counts.items() if state.open)


def read_status(path: str | os.PathLike[str]) -> tuple[Status, list[Result]]:
    """What is in an outbox's file, as it was written last; no node is asked and nothing is sent.

    Raises:
        BadInput: No such file, or none that can be trusted.
    """
    store = Store(path, make=False)
    try:
        rows = store.rows()
        attempts = store.attempts(rows)
        return _status(store), [_result(row, attempts[row.id], earlier=True) for row in rows]
    finally:
        store.close()


class Outbox:
    """The outbox of a client's signer; made by :meth:`salus.Salus.outbox`. Used by one thread.

    Args:
        salus: A client with a signer.
        path: The file; by default one for each chain and account below ``$SALUS_HOME/outbox``. Use one outbox for a
            key: two would not harm each other, but what one has signed and not sent yet may lose its nonce to the
            other.
        also: Further endpoints of the same chain, asked when the client's own fails.
        window: Transactions in flight, at most; and no more gas than one block holds.
        confirmations: Blocks, its own included, after which a block counts as final; None for the node's own word
            (``finalized``).
        bump_blocks, bump_seconds: After so many blocks, and so many seconds, without a transaction of ours the fees are
            raised by an eighth, never above the client's ``fee_ceiling``.
        timeout: Seconds for one reply of a node.
        patience: Seconds without any progress, all tries together; by default the client's.
        hook: Called with the name of each step that was just taken (``after_sign``, ``after_store``, ``after_send``,
            ``after_receipt``, ``after_bump``); for tests of what a crash there does.

    Raises:
        NoSigner: The client only reads.
        BadInput: The file cannot be trusted, or is of another chain or account.
        Unreachable, WrongChain, NotDeployed: No endpoint answers, or none is of the book's chain.
    """

    def __init__(
        self,
        ledger: Ledger,
        path: str | os.PathLike[str] | None = None,
        *,
        also: Sequence[str] = (),
        window: int = 200,
        confirmations: int | None = 12,
        bump_blocks: int = 3,
        bump_seconds: float = 5,
        timeout: float = 10,
        patience: float | None = None,
        hook: Callable[[str], None] | None = None,
    ) -> None:
        if window < 1 or bump_blocks < 1 or (confirmations is not None and confirmations < 1):
            raise ValueError("window, bump_blocks and confirmations must be at least 1")
        self._ledger, self._signer = ledger, ledger.need_signer()
        self._patience = ledger.patience if patience is None else patience
        urls = [ledger.node.address, *map(NodeAddress, also)]
        self._nodes = Nodes(urls, ledger.book, timeout=timeout, patience=self._patience)
        first = self._nodes.ask([("eth_blockNumber", [])])  # which vets an endpoint, and tells the first block
        assert first and self._nodes.genesis
        self._settings = Settings(
            window,
            confirmations,
            bump_blocks,
            bump_seconds,
            ledger.fee_ceiling,
            self._patience,
            hook=hook or (lambda step: None),
        )
        file = default_file(ledger.chain_id, self._nodes.genesis, self._signer.address) if path is None else Path(path)
        try:
            self._store = Store(file)
        except BaseException:
            self._nodes.close()
            raise
        try:
            self._expect_ours()
        except BaseException:
            self.close()
            raise

    def _expect_ours(self) -> None:
        ours = {"chain": str(self._ledger.chain_id), "account": self._signer.address, "genesis": self._nodes.genesis}
        self._store.tell(**ours)
        for name, words in (("chain", "chain"), ("account", "account"), ("genesis", "chain, by its first block,")):
            if (there := self._store.about(name)) != ours[name]:
                raise BadInput(
                    self.path, "", f"is the outbox of another {words} ({there}); name another file with --outbox"
                )

    def __enter__(self) -> Outbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Outbox({str(self.path)!r}, {self._signer.address})"

    def close(self) -> None:
        """Close the file and the connections; what is in flight stays written down."""
        self._store.close()
        self._nodes.close()

    @property
    def path(self) -> Path:
        """The file."""
        return self._store.path

    # ----------------------------------------------------------------------------------------------------------- items

    def items(
        self, contract: str, function: str, calls: Mapping[str, Sequence[Any]], *, gas: int | None = None
    ) -> list[Item]:
        """Items for many calls of one function, encoded some twenty times faster than one by one.

        Args:
            contract: Its name in the book.
            calls: The arguments by business key.
            gas: The limit of each; None to let the node estimate.

        Raises:
            ValueError: Arguments that do not fit.
        """
        where, abi = self._ledger.book[contract].address, decoding.function_of(contract, function)
        encoded = decoding.encode_calls(abi, list(calls.values()))
        return [Item(key, where, data, function, gas) for key, data in zip(calls, encoded, strict=True)]

    def item(
        self, key: str, contract: str, function: str, arguments: Sequence[Any], *, size: int = 1, spare: int = 0
    ) -> Item:
        """One such item, with the size and the spare gas that :class:`Item` tells of."""
        (data,) = decoding.encode_calls(decoding.function_of(contract, function), [arguments])
        return Item(key, self._ledger.book[contract].address, data, function, size=size, spare=spare)

    # --------------------------------------------------------------------------------------------------------- sending

    def send_all(
        self,
        items: Iterable[Sendable],
        *,
        until: Until = "included",
        preflight: bool = True,
        window: int | None = None,
        again: Collection[str] = (),
        progress: Progress | None = None,
    ) -> Iterator[Result]:
        """Send many items, each once; gives each one's result as soon as it is known, in no set order.

        A list is written down whole before this returns; of anything else so many as the window takes at a time. The
        sending happens while the results are taken.

        Args:
            items: :class:`Item`, or (business key, function of a contract with its arguments).
            until: ``"included"``: in a block; ``"final"``: in one that will stay.
            preflight: False sends without the dry run; what then reverts costs its gas.
            window: Transactions in flight, at most, in this run; 1 where each needs the effect of the one before.
            again: Keys of items that failed or were lost, to be done anew. All others of these are only told.
            progress: Told how many of the items are settled, and of how many.

        Raises:
            BadInput: A key is given twice, or stands for another call; or one of ``again`` cannot be done anew yet.
            NodeRefused: Too little ether, or too high a fee; nothing is lost, see :meth:`resume`.
            NotMined: No progress within the patience; nothing is lost.
            Unreachable, WrongChain, NotDeployed: No endpoint answers, or none is of the book's chain.
        """
        settings = self._with(window, preflight)
        if isinstance(items, Sequence):
            listed = [_item(item) for item in items]
            return self._run(iter([self._queue(listed, again)]), len(listed), settings, until, progress)
        return self._run(self._chunks(iter(items), settings.window, again), 0, settings, until, progress)

    def send(self, key: str, fn: Any, *, until: Until = "included") -> Result:
        """Send one item; its result.

        Raises:
            SalusError: It was refused, failed or was lost; see also :meth:`send_all`.
        """
        (result,) = self.send_all([fn if isinstance(fn, Item) else (key, fn)], until=until)
        return result.expect_done()

    def resume(
        self, *, until: Until = "included", progress: Progress | None = None, final_too: bool = False
    ) -> Iterator[Result]:
        """Take up whatever was left: send again what was signed, sign what is queued, look again at what is not final.

        Gives the results of what was open, and of what is otherwise now than it was told.

        Args:
            until, progress: See :meth:`send_all`.
            final_too: Look also at what counted as final, after a reorganisation deeper than the confirmations.

        Raises:
            As :meth:`send_all`.
        """
        rows = self._store.rows(State.QUEUED, State.STORED, State.SENT)
        settings = self._with(None, True)
        return self._run(iter([rows]), len(rows), settings, until, progress, everything=True, final_too=final_too)

    def _with(self, window: int | None, trying: bool) -> Settings:
        s = self._settings
        if window is not None and window < 1:
            raise ValueError("the window must be at least 1")
        return replace(s, window=window or s.window, trying=trying)

    def _queue(self, items: Sequence[Item], again: Collection[str]) -> list[Row]:
        seen: set[str] = set()
        for item in items:
            if item.key in seen:
                raise BadInput("outbox", f"key {item.key}", "is given twice; give each call a key of its own")
            seen.add(item.key)
        for key in seen & set(again):
            self._free(key)
        return self._store.queue(items)

    def _chunks(self, items: Iterator[Sendable], size: int, again: Collection[str]) -> Iterator[list[Row]]:
        while chunk := [_item(item) for item in islice(items, size)]:
            yield self._queue(chunk, again)

    def _run(
        self,
        chunks: Iterator[list[Row]],
        total: int,
        settings: Settings,
        until: Until,
        progress: Progress | None,
        everything: bool = False,
        final_too: bool = False,
    ) -> Iterator[Result]:
        with closing(Pipeline(self._store, self._nodes, self._signer, self._ledger.chain_id, settings)) as pipeline:
            yield from self._settle(pipeline, chunks, total, settings, until, progress, everything, final_too)

    def _settle(
        self,
        pipeline: Pipeline,
        chunks: Iterator[list[Row]],
        total: int,
        settings: Settings,
        until: Until,
        progress: Progress | None,
        everything: bool,
        final_too: bool,
    ) -> Iterator[Result]:
        awaited: dict[int, Row] = {}
        known: set[int] = set()
        settled = 0
        # What an earlier run left open stands in the way of all that follows; what is not final yet may have gone away.
        pipeline.adopt(self._store.rows(State.STORED, State.SENT))
        shaky = self._store.rows(State.INCLUDED, State.FAILED, State.LOST, deep=False)
        if final_too:
            shaky += self._store.rows(State.FINAL, State.FAILED, State.LOST, deep=True)
        moved = pipeline.recheck(shaky)
        # Told apart here, for the rows go on to change.
        changes = [change for change in moved if everything and not change.row.state.open]
        awaited |= {change.row.id: change.row for change in moved if everything and change.row.state.open}
        looked, more = time.monotonic(), True
        moved_at, seen = looked, -1
        while more or awaited:
            if more and pipeline.pending <= settings.window:
                rows = next(chunks, None)
                more = rows is not None
                rows = self._as_they_stand(rows or [])
                told = self._store.attempts(row for row in rows if not row.state.open)
                for row in rows:
                    known.add(row.id)
                    if row.state.open or (until == "final" and row.state is State.INCLUDED):
                        awaited[row.id] = row
                        if row.state is State.QUEUED:
                            pipeline.queue.append(row)
                        elif row.state is not State.INCLUDED and not pipeline.flying(row):
                            pipeline.adopt([row])
                    else:
                        settled += 1
                        yield _result(row, told[row.id], earlier=True)
                total = max(total, len(known))
            changes += pipeline.step() if pipeline.busy else []
            if until == "final" and time.monotonic() - looked > _FINAL_LOOK:
                changes += pipeline.recheck([row for row in awaited.values() if row.state is State.INCLUDED])
                looked, head = time.monotonic(), pipeline.tracker.now()[1]
                if changes or pipeline.busy or head != seen:
                    seen, moved_at = head, looked
                elif looked - moved_at > settings.patience:
                    # Where no block comes nothing becomes final.
                    raise NotMined(next(row.mined or "" for row in awaited.values()), settings.patience)
            for change in changes:
                row = change.row
                if row.id in awaited:
                    awaited[row.id] = row
                if row.state.open or (until == "final" and row.state is State.INCLUDED):
                    if everything:
                        awaited[row.id] = row
                    continue
                mine = awaited.pop(row.id, None) is not None
                if mine or everything:
                    settled += mine
                    yield _result(row, change.attempts, change.raw)
            if changes and progress:
                progress(settled, max(total, settled))
            changes = []
            if awaited and not pipeline.busy:
                time.sleep(0.05)

    def _as_they_stand(self, rows: list[Row]) -> list[Row]:
        """Rows as they are by now. What was queued is asked for again when it is signed."""
        now = {row.id: row for row in self._store.rows(keys=[r.item.key for r in rows if r.state is not State.QUEUED])}
        return [now.get(row.id, row) for row in rows]

    # --------------------------------------------------------------------------------------------------------- looking

    def status(self) -> Status:
        """How many items stand where, as it was written last; no node is asked."""
        return _status(self._store)

    def results(self, *states: State, keys: Sequence[str] | None = None) -> list[Result]:
        """Items as they were written last: all, those in some states, or those of some keys; no node is asked."""
        rows = self._store.rows(*states, keys=keys)
        attempts = self._store.attempts(rows)
        return [_result(row, attempts[row.id], earlier=True) for row in rows]

    def receipt(self, result: Result) -> Receipt:
        """The receipt of an item that is in a block, with its events.

        Raises:
            BadInput: It is in none.
            BadAnswer: The node has no such receipt any more.
        """
        if result.transaction is None or not result.done:
            raise BadInput("outbox", f"key {result.key}", f"is {result.state.value}: there is no receipt")
        raw = result.raw
        if raw is None:
            (raw,) = self._nodes.ask([("eth_getTransactionReceipt", [result.transaction])])
        if not isinstance(raw, Mapping):
            raise BadAnswer(f"the node has no receipt of {result.transaction} any more; run `salus outbox resume`")
        return self._ledger.receipt(raw)

    # ------------------------------------------------------------------------------------------------------- forgetting

    def drop(self, key: str) -> Result:
        """Forget an item that will have no effect, so that its key is free; what it was.

        Raises:
            BadInput: No such key; or it is done, or may still happen.
        """
        rows = self._store.rows(keys=[key])
        if not rows:
            raise BadInput(self.path, f"key {key}", "is not in the outbox")
        attempts = self._store.attempts(rows)
        self._free(key)
        return _result(rows[0], attempts[rows[0].id], earlier=True)

    def _free(self, key: str) -> None:
        """Make a key that failed, was lost or refused, or never signed, free.

        Raises:
            BadInput: It is done, or may still happen.
        """
        rows = self._store.rows(keys=[key])
        if not rows:
            return
        (row,) = rows
        if row.state in (State.FAILED, State.LOST) and not row.deep:
            # The block that tells so may go away, and then both the old bytes and the new would count.
            Pipeline(self._store, self._nodes, self._signer, self._ledger.chain_id, self._settings).recheck([row])
        if row.state in (State.QUEUED, State.REFUSED) or (row.state in (State.FAILED, State.LOST) and row.deep):
            self._store.drop(row)
        elif row.state in (State.FAILED, State.LOST):
            raise BadInput(
                self.path,
                f"key {key}",
                f"{row.state.value} in block {row.block}, which is not final yet; wait for some blocks",
            )
        elif row.state.done:
            raise BadInput(self.path, f"key {key}", "is done; its key keeps it from being done again")
        else:
            raise BadInput(self.path, f"key {key}", "is signed and may still happen; run `salus outbox resume`")


def _item(given: Sendable) -> Item:
    return given if isinstance(given, Item) else Item.of(*given)


def _status(store: Store) -> Status:
    chain, account = store.about("chain") or "0", store.about("account") or ""
    return Status(store.path, account, int(chain), store.counts(), tuple(store.foreign()))


def _result(row: Row, attempts: Sequence[Attempt], raw: Any = None, *, earlier: bool = False) -> Result:
    hashes = tuple(attempt.hash for attempt in attempts)
    last = hashes[-1] if hashes else None
    return Result(
        row.item.key,
        row.item.name,
        row.state,
        row.nonce,
        row.mined if row.mined in hashes else last,
        hashes,
        row.block,
        row.gas_used,
        row.error,
        earlier,
        raw,
    )
