"""Runs of an outbox as their callers see them: each one's items, and each item's result as soon as it is known.

Runs that send alike share a delivery, whichever threads they are in. One of them at a time goes a step on, for all:
while a node takes what one thread signed, the next one's items are signed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from salus.errors import NotMined
from salus.outbox._items import Result, State
from salus.outbox._pipeline import Change, Pipeline
from salus.outbox._rows import Attempt, Row
from salus.outbox._settings import Settings
from salus.outbox._store import FILL, Store
from salus.outbox._turn import Turn

__all__ = ["Alike", "Delivery", "OnProgress", "Recipient", "Task", "Until", "result_of"]

#: How far an item is awaited: in a block, or in one that will stay.
Until = Literal["included", "final"]

#: What runs have in common that share a delivery.
Alike = tuple[Settings, Until]

#: Called with how many of the items are settled, and of how many.
OnProgress = Callable[[int, int], None]

_FINAL_LOOK = 0.5  # seconds between two looks at what is in a block, while one waits for it to be final
_REST = 0.05  # seconds, where there is nothing to do but to wait for finality


@dataclass(frozen=True)
class Task:
    """What one run is to do.

    Attributes:
        chunks: Rows to be sent, a part at a time.
        total: How many there are; 0 where that is not known before.
        until: How far they are awaited.
        progress: Called after each change.
        everything: Whether changes of all other items of the outbox are reported too.
        final_too: Whether what counted as final is looked at again.
    """

    chunks: Iterator[list[Row]]
    total: int
    until: Until = "included"
    progress: OnProgress | None = None
    everything: bool = False
    final_too: bool = False


@dataclass(eq=False)
class Recipient:
    """Whose items a delivery takes along: one run.

    Attributes:
        task: What the run is to do.
        given: Chunks that the delivery has not taken yet.
        awaited: Its items that are not settled, by their ids.
        ready: Results that it has not taken yet.
        changed: Whether any of its items stands somewhere else than when it was told last.
        more: Whether there may be another chunk.
        gone: Whether nobody takes its results any more.
    """

    task: Task
    given: deque[list[Row]] = field(default_factory=deque)
    awaited: dict[int, Row] = field(default_factory=dict)
    ready: deque[Result] = field(default_factory=deque)
    changed: bool = False
    more: bool = True
    gone: bool = False
    _known: set[int] = field(default_factory=set)
    _settled: int = 0

    @property
    def is_served(self) -> bool:
        """Whether it has all its results."""
        # In the order in which an item goes through them, for another thread may be moving one.
        return not (self.more or self.given or self.awaited or self.ready)

    def is_settled(self, row: Row) -> bool:
        """Whether nothing more is awaited of an item.

        Args:
            row: The item.
        """
        return not (row.state.open or (self.task.until == "final" and row.state is State.INCLUDED))

    def expect(self, row: Row) -> None:
        """Wait for an item.

        Args:
            row: The item.
        """
        self.awaited[row.id] = row
        self._known.add(row.id)

    def take(self, row: Row, result: Result) -> None:
        """Have the result of an item.

        Args:
            row: The item.
            result: What became of it.
        """
        self.ready.append(result)
        if self.awaited.pop(row.id, None) is not None or result.earlier:
            self._known.add(row.id)
            self._settled += 1

    def tell(self) -> None:
        """Call back with how far the run is, where that has changed."""
        changed, self.changed = self.changed, False
        if changed and self.task.progress:
            self.task.progress(self._settled, max(self.task.total, len(self._known), self._settled))


class Delivery:
    """Takes items through a pipeline, for as many runs as send alike.

    Args:
        store: The file.
        pipeline: What sends.
        settings: How.
        turn: Whose it is to go a step on.
        alike: What runs have in common that share it; None for a delivery of one run only.
        looked: Whether what is not final was looked at a moment ago, by the run before.

    Attributes:
        recipients: The runs.
        over: Whether it goes no further: a step of it failed. What is not settled is for another delivery.
    """

    def __init__(
        self, store: Store, pipeline: Pipeline, settings: Settings, turn: Turn, alike: Alike | None, *, looked: bool
    ) -> None:
        self._store, self._pipeline, self._settings, self._turn = store, pipeline, settings, turn
        self.recipients: list[Recipient] = []
        self.alike, self.over = alike, False
        self._looked, self._begun = looked, False
        # For finality: when it was last looked at, and when, and at which head, the chain last moved.
        self._looked_at = self._moved_at = 0.0
        self._moved_head = -1

    def join(self, recipient: Recipient) -> None:
        """Take the items of one more run along; what an earlier delivery left of them first.

        Args:
            recipient: The run.
        """
        self.recipients.append(recipient)
        if recipient.awaited:
            recipient.given.append(self._store.rows(keys=[row.item.key for row in recipient.awaited.values()]))
            recipient.awaited.clear()
        # What is in flight was not looked at while nobody took results: that is no standstill of the chain.
        self._pipeline.run.progress.reset_waits()

    @property
    def is_left(self) -> bool:
        """Whether nobody needs it any more."""
        return self.over or all(recipient.gone for recipient in self.recipients)

    def close(self) -> None:
        """Wait until nothing is under way, so that the next delivery does not send what this one is sending."""
        self.over = True
        self._pipeline.close()

    def results(self, recipient: Recipient) -> Iterator[Result]:
        """Go on until a run has all its results, or the delivery is over; each of them as soon as it is known.

        Args:
            recipient: The run.

        Raises:
            NodeRefused, NotMined, Unreachable, WrongChain, NotDeployed: See :meth:`Outbox.send_all`.
        """
        while True:
            recipient.tell()
            while recipient.ready:
                yield recipient.ready.popleft()
            if self._has_room(recipient):
                rows = next(recipient.task.chunks, None)
                if rows is not None:
                    recipient.given.append(rows)
                recipient.more = rows is not None
            if self.over or recipient.is_served:
                return
            with self._turn.tried() as had:
                if had:
                    self._go_on(recipient)

    def _has_room(self, recipient: Recipient) -> bool:
        """Whether a run is asked for its next chunk."""
        given = sum(len(rows) for rows in list(recipient.given))
        return recipient.more and self._pipeline.pending + given <= self._pipeline.run.window

    def _go_on(self, recipient: Recipient) -> None:
        """Go steps until there is something for a run to do."""
        try:
            while not (recipient.ready or recipient.changed or self.over or self._turn.is_wanted):
                self._step()
                if recipient.is_served or self._has_room(recipient):
                    return
        except BaseException:
            self.over = True
            raise

    def _step(self) -> None:
        """Take what was given, send, look for what became of it, and hand out the results."""
        changes: list[Change] = []
        if not self._begun:
            changes = self._begin()
            self._begun = True
            self._looked_at = self._moved_at = time.monotonic()
        for recipient in self.recipients:
            while recipient.given:
                self._take_chunk(recipient)
        if gone := [recipient for recipient in self.recipients if recipient.gone]:
            self._forget(gone)
        if self._pipeline.busy:
            changes += self._pipeline.step()
        changes += self._look_at_finality(moved=bool(changes))
        self._report(changes)
        if not changes and not self._pipeline.busy and any(recipient.awaited for recipient in self.recipients):
            time.sleep(_REST)

    def _begin(self) -> list[Change]:
        """Take over what an earlier run left; what changed meanwhile and is to be reported."""
        # What an earlier run left open stands in the way of all that follows; what is not final yet may have gone away.
        self._pipeline.adopt(self._store.rows(State.STORED, State.SENT))
        reports = [recipient for recipient in self.recipients if recipient.task.everything]
        if self._looked and not reports:
            return []
        not_final = self._store.rows(State.INCLUDED, State.FAILED, State.LOST, deep=False)
        if any(recipient.task.final_too for recipient in reports):
            not_final += self._store.rows(State.FINAL, State.FAILED, State.LOST, deep=True)
        changes = self._pipeline.recheck(not_final)
        # Told apart here, for the rows go on to change.
        for change in changes:
            if change.row.state.open and change.row.item.name != FILL:
                for recipient in reports:
                    recipient.expect(change.row)
        return [change for change in changes if not change.row.state.open] if reports else []

    def _take_chunk(self, recipient: Recipient) -> None:
        """Take a chunk of a run along; what is settled already has its results."""
        rows = self._as_they_stand(recipient.given[0])
        earlier = self._store.attempts(row for row in rows if not row.state.open)
        awaited, new = self._awaited(), []
        for row in rows:
            if recipient.is_settled(row):
                recipient.take(row, result_of(row, earlier[row.id], earlier=True))
            elif (there := awaited.get(row.id)) is not None:
                recipient.expect(there)  # another run's: one object, for it goes on to change
            else:
                recipient.expect(row)
                new.append(row)
        recipient.given.popleft()
        for row in new:
            self._send(row)

    def _awaited(self) -> dict[int, Row]:
        return {id_: row for recipient in self.recipients for id_, row in recipient.awaited.items()}

    def _as_they_stand(self, rows: list[Row]) -> list[Row]:
        """Rows as they are by now. What was queued is asked for again when it is signed."""
        now = {row.id: row for row in self._store.rows(keys=[r.item.key for r in rows if r.state is not State.QUEUED])}
        return [now.get(row.id, row) for row in rows]

    def _send(self, row: Row) -> None:
        if row.state is State.QUEUED:
            self._pipeline.queue.append(row)
        elif row.state is not State.INCLUDED and not self._pipeline.is_flying(row):
            self._pipeline.adopt([row])

    def _forget(self, gone: Sequence[Recipient]) -> None:
        """Leave the items of runs that nobody takes results of, as far as they are not signed."""
        self.recipients = [recipient for recipient in self.recipients if recipient not in gone]
        kept = self._awaited()
        self._pipeline.launcher.forget({id_ for recipient in gone for id_ in recipient.awaited if id_ not in kept})

    def _look_at_finality(self, *, moved: bool) -> list[Change]:
        """Look again at what is in a block, now and then, where it is awaited to be final.

        Raises:
            NotMined: Nothing has moved, and no block has come, within the patience: nothing becomes final then.
        """
        final = any(recipient.task.until == "final" for recipient in self.recipients)
        if not final or time.monotonic() - self._looked_at <= _FINAL_LOOK:
            return []
        rows = [row for row in self._awaited().values() if row.state is State.INCLUDED]
        changes = self._pipeline.recheck(rows)
        self._looked_at, head = time.monotonic(), self._pipeline.tracker.now()[1]
        if moved or changes or self._pipeline.busy or head != self._moved_head:
            self._moved_head, self._moved_at = head, self._looked_at
        elif rows and self._looked_at - self._moved_at > self._settings.patience:
            raise NotMined(rows[0].mined or "", self._settings.patience)
        return changes

    def _report(self, changes: Iterable[Change]) -> None:
        """Hand out the results of what changed, as far as it is settled and asked for."""
        for change in changes:
            row = change.row
            if row.item.name == FILL:
                if row.state is State.LOST:
                    self._store.drop(row)  # the transaction whose gap it was came after all
                continue
            for recipient in self.recipients:
                if row.id not in recipient.awaited and not recipient.task.everything:
                    continue
                if recipient.is_settled(row):
                    recipient.take(row, result_of(row, change.attempts, change.raw))
                else:
                    recipient.expect(row)
                recipient.changed = True


def result_of(row: Row, attempts: Sequence[Attempt], raw: Any = None, *, earlier: bool = False) -> Result:
    """An item as its caller sees it.

    Args:
        row: The item.
        attempts: Its attempts, oldest first.
        raw: Its receipt as the node gave it, where it was read now.
        earlier: Whether it was so before this run.
    """
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
        row.proof,
    )
