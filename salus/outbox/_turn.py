"""Threads that share an outbox act one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salus.errors import Unreachable

__all__ = ["Turn"]

_MOMENT = 0.001  # seconds in which who asked for the turn takes it
_LOOK = 0.05  # seconds after which who waits for the turn looks whether it is still needed


class Turn:
    """Whose turn it is among the threads of an outbox. A thread that has it may take it once more."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._asking: set[int] = set()  # threads that want it for something other than a step

    @contextmanager
    def taken(self, path: Path, patience: float) -> Iterator[None]:
        """Have the turn; whoever only goes steps makes room.

        Args:
            path: The outbox's file, for the message.
            patience: Seconds to wait.

        Raises:
            Unreachable: Another thread has it for longer than the patience.
        """
        me = threading.get_ident()
        self._asking.add(me)
        try:
            if not self._lock.acquire(timeout=min(patience, threading.TIMEOUT_MAX)):
                raise Unreachable(f"another thread has been busy with the outbox {path} for {patience:g} s; try again")
        finally:
            self._asking.discard(me)
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def tried(self, seconds: float = _LOOK) -> Iterator[bool]:
        """Have the turn for some steps, if it is free within some seconds; whether it is had.

        Args:
            seconds: How long to wait; 0 does not wait, and is for what Python may call at any moment.
        """
        if seconds and self.is_wanted:
            time.sleep(_MOMENT)
        had = self._lock.acquire(timeout=seconds) if seconds else self._lock.acquire(blocking=False)
        try:
            yield had
        finally:
            if had:
                self._lock.release()

    @property
    def is_wanted(self) -> bool:
        """Whether another thread wants it for something other than a step."""
        return bool(self._asking)
