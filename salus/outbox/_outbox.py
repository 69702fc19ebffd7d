"""The outbox: many transactions of one account, each exactly once, whatever breaks in between.

    >>> with salus.outbox() as outbox:                                          # doctest: +SKIP
    ...     for result in outbox.send_all([("invoice-17", fn), ("invoice-18", other)]):
    ...         print(result.key, result.state)

After an interruption, open the outbox again and call :meth:`Outbox.resume`, or give the same items once more: what was
signed is sent again as the same bytes, what is done is reported and not repeated.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.chain.connection import NodeAddress
from salus.chain.proof import Proof
from salus.errors import BadAnswer, BadInput
from salus.outbox._delivery import Alike, Delivery, OnProgress, Recipient, Task, Until, result_of
from salus.outbox._files import default_file
from salus.outbox._items import Item, Result, Sendable, State
from salus.outbox._nodes import Nodes
from salus.outbox._pipeline import Pipeline
from salus.outbox._rows import Row
from salus.outbox._settings import OutboxOptions, Settings
from salus.outbox._status import Status, status_of
from salus.outbox._store import FILL, Store
from salus.outbox._tracking import Tracker
from salus.outbox._turn import Turn

if TYPE_CHECKING:
    from types import TracebackType

    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["Outbox"]

_LOOKED = 1.0  # seconds for which a look at what is not final is enough
_PAUSE = 0.3  # seconds before a final block that is not there is looked for again


class Outbox:
    """The outbox of a client's signer; made by :meth:`salus.Salus.outbox`.

    Several threads may use it: their runs share one window, and each gets its own results.

    Args:
        ledger: A client with a signer.
        path: The file; by default one for each chain and account below ``$SALUS_HOME/outbox``. Use one outbox for a
            key: two would not harm each other, but what one has signed and not sent yet may lose its nonce to the
            other.
        options: Any of :class:`OutboxOptions`.

    Raises:
        ValueError: An option is below 1.
        NoSigner: The client only reads.
        BadInput: The file cannot be trusted, or is of another chain or account.
        Unreachable, WrongChain, NotDeployed: No endpoint answers, or none is of the book's chain.
    """

    def __init__(self, ledger: Ledger, path: str | os.PathLike[str] | None = None, **options: Any) -> None:
        chosen = OutboxOptions(**options)
        self._ledger, self._signer = ledger, ledger.need_signer()
        self._turn, self._looked_at = Turn(), -_LOOKED
        self._deliveries: list[Delivery] = []
        self._settings = chosen.settings(ceiling=ledger.fee_ceiling, patience=ledger.patience)
        urls = [ledger.node.address, *map(NodeAddress, chosen.also)]
        self._nodes = Nodes(urls, ledger.book, timeout=chosen.timeout, patience=self._settings.patience)
        first = self._nodes.ask([("eth_blockNumber", [])])  # which vets an endpoint, and tells the first block
        assert first and self._nodes.genesis
        file = default_file(ledger.chain_id, self._nodes.genesis, self._signer.address) if path is None else Path(path)
        try:
            self._store = Store(file, patience=self._settings.patience)
        except BaseException:
            self._nodes.close()
            raise
        try:
            self._expect_ours()
            self._look_at_final()
        except BaseException:
            self.close()
            raise

    def _expect_ours(self) -> None:
        ours = {"chain": str(self._ledger.chain_id), "account": self._signer.address, "genesis": self._nodes.genesis}
        self._store.write_facts(**ours)
        for name, words in (("chain", "chain"), ("account", "account"), ("genesis", "chain, by its first block,")):
            if (there := self._store.fact(name)) != ours[name]:
                raise BadInput(
                    self.path, "", f"is the outbox of another {words} ({there}); name another file with --outbox"
                )

    def _look_at_final(self) -> None:
        """See that the chain still has the newest final block: else nothing that rests on it is final any more."""
        gone = self._store.gone()
        if gone is not None and self._has(gone):
            self._store.set_fact("gone", None)  # the node was behind
        if gone is not None or (newest := self._store.newest_final()) is None:
            return
        if self._has(newest):
            return
        time.sleep(_PAUSE)  # a node that is behind by moments, or an answer that was lost, is no other chain
        if self._has(newest):
            return
        blocks = self._store.final_blocks()
        # Blocks rest on one another: those that the chain still has come first.
        kept = bisect_left(blocks, True, key=lambda block: not self._has(block))
        if kept < len(blocks):  # else another process was faster, or the node has caught up
            self._store.question(blocks[kept][0], newest)

    def _has(self, block: tuple[int, str]) -> bool:
        """Whether all endpoints that have a block of this number have it with this hash, and one does."""
        return self._nodes.agree_on([block[0]]) == [block[1]]

    def _expect_final(self) -> None:
        """Check that no final block has gone away without the user's word for going on.

        Raises:
            BadInput: One has.
        """
        if (gone := self._store.gone()) is not None:
            raise BadInput(
                self.path,
                f"block {gone[0]}",
                f"was final with the hash {gone[1]}, and the chain does not have it: it was wiped or set back, or this"
                " node is on another chain or far behind. What rested on it is not final any more, and nothing is"
                " signed. If the chain is right, run `salus outbox resume --final-too`: what is in no block is sent"
                " again. Else use another --rpc or another --outbox",
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
            function: The function's name.
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
        """One item for a call of a function, with a size and spare gas; see :class:`Item`.

        Args:
            key: Its business key.
            contract: The contract's name in the book.
            function: The function's name.
            arguments: The function's arguments.
            size: How much it does beside other calls of its kind.
            spare: Gas on top of what it takes now.

        Raises:
            ValueError: Arguments that do not fit.
        """
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
        progress: OnProgress | None = None,
    ) -> Iterator[Result]:
        """Send many items, each once; gives each one's result as soon as it is known, in no set order.

        A list is written down whole before this returns; of anything else so many as the window takes at a time. The
        sending happens while the results are taken.

        Args:
            items: :class:`Item`, or (business key, function of a contract with its arguments).
            until: ``"included"``: in a block; ``"final"``: in one that will stay.
            preflight: False sends without the dry run; what then reverts costs its gas.
            window: Transactions in flight, at most, in this run; 1 where each needs the effect of the one before.
            again: Keys of items that failed or were lost, to be done again. Other such items are only reported.
            progress: Called with how many of the items are settled, and of how many.

        Raises:
            BadInput: A key is given twice, or stands for another call; or one of ``again`` cannot be done anew yet.
            NodeRefused: Too little ether, or too high a fee; nothing is lost, see :meth:`resume`.
            NotMined: No progress within the patience; nothing is lost.
            BadInput: A final block is gone, or the key was used for what no item explains; the message names the fix.
            Unreachable, WrongChain, NotDeployed: No endpoint answers, or none is of the book's chain.
        """
        settings = self._with(window, preflight)
        if isinstance(items, Sequence):
            listed = [_item(item) for item in items]
            task = Task(iter([self._queue(listed, again)]), len(listed), until, progress)
        else:
            task = Task(self._chunks(iter(items), settings.window, again), 0, until, progress)
        return self._run(task, settings)

    def send(self, key: str, fn: Any, *, until: Until = "included") -> Result:
        """Send one item; its result.

        Args:
            key: Its business key.
            fn: A function of a contract with its arguments, or an :class:`Item`, whose own key counts.
            until: See :meth:`send_all`.

        Raises:
            SalusError: It was refused, failed or was lost; see also :meth:`send_all`.
        """
        (result,) = self.send_all([fn if isinstance(fn, Item) else (key, fn)], until=until)
        return result.expect_done()

    def resume(
        self,
        *,
        until: Until = "included",
        progress: OnProgress | None = None,
        final_too: bool = False,
        accept_foreign: bool = False,
    ) -> Iterator[Result]:
        """Take up whatever was left: send again what was signed, sign what is queued, look again at what is not final.

        Gives the results of what was open, and of what is otherwise now than it was told.

        Args:
            until, progress: See :meth:`send_all`.
            final_too: Look also at what counted as final, after a reorganisation deeper than the confirmations, or
                where a final block is gone.
            accept_foreign: Transactions of the key from elsewhere are no items of this outbox, whatever they call.

        Raises:
            As :meth:`send_all`.
        """
        if accept_foreign:
            self._store.accept_foreign()
        if final_too:
            self._store.set_fact("gone", None)
        rows = [row for row in self._store.rows(State.QUEUED, State.STORED, State.SENT) if row.item.name != FILL]
        task = Task(iter([rows]), len(rows), until, progress, everything=True, final_too=final_too)
        return self._run(task, self._with(None, True))

    def _with(self, window: int | None, trying: bool) -> Settings:
        s = self._settings
        if window is not None and window < 1:
            raise ValueError("the window must be at least 1")
        return replace(s, window=window or s.window, trying=trying, grows=s.grows and window is None)

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

    def _run(self, task: Task, settings: Settings) -> Iterator[Result]:
        recipient = Recipient(task)
        try:
            while not recipient.is_served:
                yield from self._join(recipient, settings).results(recipient)
        finally:
            # Python may be here at any moment, when it forgets a run: nothing is waited for.
            recipient.gone = True
            with self._turn.tried(0) as had:
                if had:
                    self._close_left()

    def _join(self, recipient: Recipient, settings: Settings) -> Delivery:
        """The delivery that takes a run's items along: one that sends alike, or a new one."""
        everything, until = recipient.task.everything, recipient.task.until
        with self._turn.taken(self.path, settings.patience):
            self._close_left()
            self._expect_final()
            alike: Alike | None = None if everything else (settings, until)
            there = [delivery for delivery in self._deliveries if alike and delivery.alike == alike]
            if not there:
                began = time.monotonic()
                looked = began - self._looked_at < _LOOKED  # many short runs must not look at all that the others sent
                self._looked_at = self._looked_at if looked else began
                pipeline = self._pipeline(settings)
                there = [Delivery(self._store, pipeline, settings, self._turn, alike, looked=looked)]
                self._deliveries += there
            there[0].join(recipient)
            return there[0]

    def _close_left(self) -> None:
        """Close the deliveries that nobody needs any more."""
        left = [delivery for delivery in self._deliveries if delivery.is_left]
        self._deliveries = [delivery for delivery in self._deliveries if not delivery.is_left]
        for delivery in left:
            delivery.close()

    def _pipeline(self, settings: Settings) -> Pipeline:
        return Pipeline(self._store, self._nodes, self._signer, self._ledger.chain_id, settings)

    # --------------------------------------------------------------------------------------------------------- looking

    def status(self) -> Status:
        """How many items stand where, as it was written last; no node is asked."""
        return status_of(self._store)

    def results(self, *states: State, keys: Sequence[str] | None = None) -> list[Result]:
        """Items as they were written last: all, those in some states, or those of some keys; no node is asked.

        Args:
            states: Which states; none for all.
            keys: Which keys; None for all.
        """
        rows = self._store.rows(*states, keys=keys)
        attempts = self._store.attempts(rows)
        return [result_of(row, attempts[row.id], earlier=True) for row in rows]

    def receipt(self, result: Result) -> Receipt:
        """The receipt of an item that is in a block, with its events.

        Args:
            result: What became of the item.

        Raises:
            BadInput: It is in none.
            BadAnswer: The node has no such receipt any more.
        """
        if result.transaction is None or not result.done:
            raise BadInput("outbox", f"key {result.key}", f"is {result.state.value}: there is no receipt")
        raw = result.raw
        if raw is None:
            attempts = self._store.attempts(self._store.rows(keys=[result.key]))
            own = {attempt.hash: attempt.raw for found in attempts.values() for attempt in found}
            tracker = Tracker(self._nodes, self._signer.address, self._settings.confirmations)
            found = tracker.receipts({result.transaction: own.get(result.transaction)}, everywhere=True)
            if result.transaction not in found:
                raise tracker.doubt or BadAnswer(
                    f"the node has no receipt of {result.transaction} any more; run `salus outbox resume`"
                )
            raw = found[result.transaction].raw
        return self._ledger.receipt(raw)

    # ------------------------------------------------------------------------------------------------------ cancelling

    def cancel(self, key: str) -> Result:
        """Replace an item that is signed and in no block by a transfer of nothing to the account itself, at a higher
        fee; what came of it: ``lost``, with the error ``Cancelled``, where the transfer used the nonce, else what the
        item is now, for its own transaction may still be faster.

        An item that is not signed yet is forgotten, as by :meth:`drop`.

        Args:
            key: Its business key.

        Raises:
            BadInput: No such key; or it is in a block already.
            NodeRefused: The fee would be above the ceiling.
            NotMined: Neither was in a block within the patience; cancelled it stays, see :meth:`resume`.
        """
        with self._turn.taken(self.path, self._settings.patience):
            self._expect_final()
            rows = self._store.rows(keys=[key])
            if not rows or rows[0].state is State.QUEUED:
                return self.drop(key)
            (row,) = rows
            if row.state not in (State.STORED, State.SENT):
                raise BadInput(self.path, f"key {key}", f"is {row.state.value}; only what is in no block is cancelled")
            with closing(self._pipeline(self._settings)) as pipeline:
                pipeline.repairer.cancel(row)
                pipeline.adopt(self._store.rows(State.STORED, State.SENT))
                while (now := self._store.rows(keys=[key])[0]).state.open:
                    pipeline.step()
            return result_of(now, self._store.attempts([now])[now.id])

    # ------------------------------------------------------------------------------------------------------- forgetting

    def drop(self, key: str) -> Result:
        """Forget an item that will have no effect, so that its key is free; what it was.

        Args:
            key: Its business key.

        Raises:
            BadInput: No such key; or it is done, or may still happen.
        """
        with self._turn.taken(self.path, self._settings.patience):
            rows = self._store.rows(keys=[key])
            if not rows:
                raise BadInput(self.path, f"key {key}", "is not in the outbox")
            attempts = self._store.attempts(rows)
            self._free(key)
            return result_of(rows[0], attempts[rows[0].id], earlier=True)

    def _free(self, key: str) -> None:
        """Make a key that failed, was lost or refused, or never signed, free.

        Raises:
            BadInput: It is done, or may still happen.
        """
        rows = self._store.rows(keys=[key])
        if not rows:
            return
        (row,) = rows
        if row.state in (State.FAILED, State.LOST) and not (row.deep and row.proof is Proof.PROVEN):
            # The block that shows it may go away, and then both the old bytes and the new would count. What was only
            # trusted is asked for again: it may be another node by now.
            self._pipeline(self._settings).recheck([row])
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
