"""One run of an outbox as its caller sees it: which items are awaited, and each one's result as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from salus.errors import NotMined
from salus.outbox._items import Result, State
from salus.outbox._pipeline import Change, Pipeline
from salus.outbox._settings import Settings
from salus.outbox._store import FILL, Attempt, Row, Store

__all__ = ["Delivery", "OnProgress", "Task", "Until", "result_of"]

#: How far an item is awaited: in a block, or in one that will stay.
Until = Literal["included", "final"]

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
        looked: Whether what is not final was looked at a moment ago, by the run before.
    """

    chunks: Iterator[list[Row]]
    total: int
    until: Until = "included"
    progress: OnProgress | None = None
    everything: bool = False
    final_too: bool = False
    looked: bool = False


class Delivery:
    """Takes items through a pipeline.

    Args:
        store: The file.
        pipeline: What sends.
        settings: How.
        task: What is to be done.
    """

    def __init__(self, store: Store, pipeline: Pipeline, settings: Settings, task: Task) -> None:
        self._store, self._pipeline, self._settings, self._task = store, pipeline, settings, task
        self._awaited: dict[int, Row] = {}
        self._known: set[int] = set()
        self._settled, self._total = 0, task.total
        self._more = True  # whether there may be another chunk
        # For finality: when it was last looked at, and when, and at which head, the chain last moved.
        self._looked_at = self._moved_at = 0.0
        self._moved_head = -1

    def results(self) -> Iterator[Result]:
        """Send, and give each item's result as soon as it is known.

        Raises:
            NodeRefused, NotMined, Unreachable, WrongChain, NotDeployed: See :meth:`Outbox.send_all`.
        """
        changes = self._begin()
        self._looked_at = self._moved_at = time.monotonic()
        while self._more or self._awaited:
            if self._more and self._pipeline.pending <= self._pipeline.run.window:
                yield from self._take_chunk()
            if self._pipeline.busy:
                changes += self._pipeline.step()
            changes += self._look_at_finality(moved=bool(changes))
            yield from self._report(changes)
            if changes and self._task.progress:
                self._task.progress(self._settled, max(self._total, self._settled))
            changes = []
            if self._awaited and not self._pipeline.busy:
                time.sleep(_REST)

    def _begin(self) -> list[Change]:
        """Take over what an earlier run left; what changed meanwhile and is to be reported."""
        # What an earlier run left open stands in the way of all that follows; what is not final yet may have gone away.
        self._pipeline.adopt(self._store.rows(State.STORED, State.SENT))
        if self._task.looked and not self._task.everything:
            return []
        not_final = self._store.rows(State.INCLUDED, State.FAILED, State.LOST, deep=False)
        if self._task.final_too:
            not_final += self._store.rows(State.FINAL, State.FAILED, State.LOST, deep=True)
        changes = self._pipeline.recheck(not_final)
        if not self._task.everything:
            return []
        # Told apart here, for the rows go on to change.
        self._awaited |= {
            change.row.id: change.row for change in changes if change.row.state.open and change.row.item.name != FILL
        }
        return [change for change in changes if not change.row.state.open]

    def _take_chunk(self) -> Iterator[Result]:
        """Take the next items; the results of those that are settled already."""
        rows = next(self._task.chunks, None)
        self._more = rows is not None
        rows = self._as_they_stand(rows or [])
        earlier = self._store.attempts(row for row in rows if not row.state.open)
        for row in rows:
            self._known.add(row.id)
            if self._is_settled(row):
                self._settled += 1
                yield result_of(row, earlier[row.id], earlier=True)
            else:
                self._awaited[row.id] = row
                self._send(row)
        self._total = max(self._total, len(self._known))

    def _as_they_stand(self, rows: list[Row]) -> list[Row]:
        """Rows as they are by now. What was queued is asked for again when it is signed."""
        now = {row.id: row for row in self._store.rows(keys=[r.item.key for r in rows if r.state is not State.QUEUED])}
        return [now.get(row.id, row) for row in rows]

    def _send(self, row: Row) -> None:
        if row.state is State.QUEUED:
            self._pipeline.queue.append(row)
        elif row.state is not State.INCLUDED and not self._pipeline.is_flying(row):
            self._pipeline.adopt([row])

    def _is_settled(self, row: Row) -> bool:
        """Whether nothing more is awaited of an item."""
        return not (row.state.open or (self._task.until == "final" and row.state is State.INCLUDED))

    def _look_at_finality(self, *, moved: bool) -> list[Change]:
        """Look again at what is in a block, now and then, where it is awaited to be final.

        Raises:
            NotMined: Nothing has moved, and no block has come, within the patience: nothing becomes final then.
        """
        if self._task.until != "final" or time.monotonic() - self._looked_at <= _FINAL_LOOK:
            return []
        changes = self._pipeline.recheck([row for row in self._awaited.values() if row.state is State.INCLUDED])
        self._looked_at, head = time.monotonic(), self._pipeline.tracker.now()[1]
        if moved or changes or self._pipeline.busy or head != self._moved_head:
            self._moved_head, self._moved_at = head, self._looked_at
        elif self._looked_at - self._moved_at > self._settings.patience:
            raise NotMined(next(row.mined or "" for row in self._awaited.values()), self._settings.patience)
        return changes

    def _report(self, changes: Iterable[Change]) -> Iterator[Result]:
        """The results of what changed, as far as it is settled and asked for."""
        for change in changes:
            row = change.row
            if row.item.name == FILL:
                if row.state is State.LOST:
                    self._store.drop(row)  # the transaction whose gap it was came after all
                continue
            if not self._is_settled(row):
                if self._task.everything or row.id in self._awaited:
                    self._awaited[row.id] = row
                continue
            awaited = self._awaited.pop(row.id, None) is not None
            self._settled += awaited
            if awaited or self._task.everything:
                yield result_of(row, change.attempts, change.raw)


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
