"""How an outbox sends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["FIRST_WINDOW", "LARGEST_WINDOW", "OutboxOptions", "Settings"]

#: Transactions in flight at first, and at most, where no window was chosen.
FIRST_WINDOW, LARGEST_WINDOW = 200, 2_000

#: Called with the name of each step that was just taken.
Hook = Callable[[str], None]


def _no_hook(step: str) -> None:
    """The hook of an outbox that has none."""


@dataclass(frozen=True)
class OutboxOptions:
    """What may be chosen for an outbox, by name: ``salus.outbox(window=50)``.

    Attributes:
        also: Further endpoints of the same chain, asked when the client's own fails.
        window: Transactions in flight, at most; and no more gas than one block holds. None begins with 200 and takes
            more while blocks come slowly, up to 2,000.
        confirmations: Blocks, its own included, after which a block counts as final; None for the node's own word
            (``finalized``).
        bump_blocks, bump_seconds: After so many blocks, and so many seconds, without a transaction of ours the fees are
            raised by an eighth, never above the client's ``fee_ceiling``.
        timeout: Seconds for one reply of a node.
        patience: Seconds without any progress, all tries together; None for the client's.
        hook: Called with the name of each step that was just taken (``after_sign``, ``after_store``, ``after_send``,
            ``after_receipt``, ``after_bump``); for tests of what a crash there does.

    Raises:
        ValueError: A number is below 1.
    """

    also: Sequence[str] = ()
    window: int | None = None
    confirmations: int | None = 12
    bump_blocks: int = 3
    bump_seconds: float = 5
    timeout: float = 10
    patience: float | None = None
    hook: Hook | None = None

    def __post_init__(self) -> None:
        if (
            (self.window is not None and self.window < 1)
            or self.bump_blocks < 1
            or (self.confirmations is not None and self.confirmations < 1)
        ):
            raise ValueError("window, bump_blocks and confirmations must be at least 1")

    def settings(self, *, ceiling: int, patience: float) -> Settings:
        """The settings of a run.

        Args:
            ceiling: The most that one unit of gas may cost, wei.
            patience: Seconds without any progress, where the options name none.
        """
        return Settings(
            FIRST_WINDOW if self.window is None else self.window,
            self.confirmations,
            self.bump_blocks,
            self.bump_seconds,
            ceiling,
            patience if self.patience is None else self.patience,
            hook=self.hook or _no_hook,
            grows=self.window is None,
        )


@dataclass(frozen=True)
class Settings:
    """How one run sends; see :class:`OutboxOptions`.

    Attributes:
        ceiling: The most that one unit of gas may cost, wei.
        trying: Whether there is a dry run before anything is signed.
        grows: Whether the window grows while blocks come slowly.
    """

    window: int
    confirmations: int | None
    bump_blocks: int
    bump_seconds: float
    ceiling: int
    patience: float
    trying: bool = True
    hook: Hook = _no_hook
    grows: bool = False
