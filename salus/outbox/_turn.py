"""Threads that share an outbox send one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salus.errors import Unreachable

__all__ = ["Turn"]


class Turn:
    """Whose turn it is among the threads of an outbox. A thread that has it may take it once more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner, self._depth = 0, 0

    @contextmanager
    def taken(self, path: Path, patience: float) -> Iterator[None]:
        """Have the turn.

        A run whose results nobody takes any more gives it back when Python forgets the run, in whichever thread.

        Args:
            path: The outbox's file, for the message.
            patience: Seconds to wait.

        Raises:
            Unreachable: Another thread has it for longer than the patience.
        """
        me = threading.get_ident()
        if self._owner == me:
            self._depth += 1
        elif self._lock.acquire(timeout=min(patience, threading.TIMEOUT_MAX)):
            self._owner, self._depth = me, 1
        else:
            raise Unreachable(
                f"another thread has been sending with the outbox {path} for {patience:g} s; take all results of its"
                " run, or close it"
            )
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._owner = 0
                self._lock.release()
