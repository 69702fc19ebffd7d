"""The loop that sends: a window of signed transactions in flight, filled from a queue and emptied by receipts.

Whatever is asked here may be asked again after a crash at any point: the file says what was signed, the chain says what
was mined, and nothing else is believed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from salus.outbox._collecting import GATHERING, Collector
from salus.outbox._launching import Launcher
from salus.outbox._nodes import Nodes
from salus.outbox._rechecking import Change
from salus.outbox._repairing import Repairer
from salus.outbox._run import LONGEST_POLL, SHORTEST_POLL, Run
from salus.outbox._settings import Settings
from salus.outbox._store import Row, Store
from salus.outbox._tracking import Tracker

if TYPE_CHECKING:
    from salus.keys.signers import Signer

__all__ = ["Change", "Pipeline"]


class Pipeline:
    """One run of an outbox.

    Args:
        store: The file.
        nodes: The endpoints.
        signer: Who signs.
        chain_id: On which chain.
        settings: How.

    Attributes:
        run: What its parts share.
        launcher, collector, repairer: The parts.
    """

    def __init__(self, store: Store, nodes: Nodes, signer: Signer, chain_id: int, settings: Settings) -> None:
        self.run = Run(store, nodes, signer, chain_id, settings)
        self.launcher = Launcher(self.run)
        self.collector = Collector(self.run)
        self.repairer = Repairer(self.run)

    @property
    def queue(self) -> deque[Row]:
        """What is to be sent, in order."""
        return self.launcher.queue

    @property
    def tracker(self) -> Tracker:
        """What looks for the account's transactions."""
        return self.run.tracker

    @property
    def busy(self) -> bool:
        """Whether anything is queued, under way or in flight."""
        return bool(self.pending or self.run.out.under_way)

    @property
    def pending(self) -> int:
        """How many wait to be signed or are in flight."""
        return self.launcher.left + len(self.run.flights)

    def is_flying(self, row: Row) -> bool:
        """Whether an item is in flight."""
        return row.nonce in self.run.flights

    def adopt(self, rows: Iterable[Row]) -> None:
        """Take over what was signed, by an earlier run or by another process, and send the same bytes again."""
        self.run.adopt(rows)

    def recheck(self, rows: Sequence[Row]) -> list[Change]:
        """Look again at what is in a block that may still go away; see :meth:`Run.recheck`."""
        return self.run.recheck(rows)

    def close(self) -> None:
        """Wait until nothing is under way, so that the next run does not send what this one is sending."""
        self.run.out.wait(None)

    def step(self) -> list[Change]:
        """Fill the window, look for receipts, repair; a short rest where nothing happened.

        Returns:
            The items that stand somewhere else now.

        Raises:
            NodeRefused: Too little ether, or too high a fee.
            NotMined: No progress within the patience.
            Unreachable: No endpoint answers.
        """
        run, progress = self.run, self.run.progress
        changes: list[Change] = []
        run.out.process_replies()
        if not run.flights:
            self.launcher.stalled_at = run.out.insufficient_funds_from = None  # there is nothing left to wait for
        if self._may_launch():
            before = len(run.flights)
            changes += self.launcher.launch()
            if self.launcher.left and len(run.flights) > before:
                return changes  # there may be room for more, before anything is asked
        changes += self.collector.collect()
        if self.launcher.left:
            run.widen(self.launcher.waiting)
        if changes:
            progress.poll_interval = SHORTEST_POLL
        elif run.out.under_way:
            # By the time the node has taken them, those before are in a block; each look in between would hold it up.
            run.out.wait(GATHERING)
        elif run.flights:
            changes = self.repairer.repair(self.launcher.left)
            time.sleep(progress.poll_interval)
            progress.poll_interval = min(progress.poll_interval * 1.3, LONGEST_POLL)
        return changes

    def _may_launch(self) -> bool:
        """Whether something waits to be signed, and the account can pay for more than when it last could not."""
        return bool(
            self.launcher.left
            and self.run.out.insufficient_funds_from is None
            and self.launcher.stalled_at != self.run.progress.count
        )
