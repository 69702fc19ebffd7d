"""Messages that are under way to a node, sent by another thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from salus.chain.rpc import Trouble
from salus.errors import Unreachable

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["UnderWay"]

_SILENCE = Trouble(0, "no answer", None)


class UnderWay:
    """Messages under way to one endpoint, each tried once.

    Args:
        parts: How many questions are in each, and what it will have brought.
        failed: Called where one got no answer.
    """

    def __init__(self, parts: Sequence[tuple[int, Future[list[Any]]]], failed: Callable[[], None]) -> None:
        self._parts, self._failed = parts, failed

    def is_done(self, timeout: float | None = 0) -> bool:
        """Whether all have their answers, or will get none; waited for so many seconds, None for as long as it
        takes.

        Args:
            timeout: Seconds, at most; None for as long as it takes.
        """
        from concurrent.futures import wait

        # One that was cancelled is done, and yet would be waited for.
        left = [future for _, future in self._parts if not future.done()]
        return not left or not wait(left, timeout).not_done

    def answers(self) -> list[Any]:
        """What each question was answered, waited for; :class:`Trouble` without a code where nothing came."""
        from concurrent.futures import CancelledError

        found: list[Any] = []
        for count, future in self._parts:
            try:
                found += future.result()
            except (Unreachable, CancelledError):
                self._failed()
                found += [_SILENCE] * count
                # What comes back after a break may be another chain: nothing more is said to it before it is looked at.
                for _, later in self._parts:
                    later.cancel()
        return found
