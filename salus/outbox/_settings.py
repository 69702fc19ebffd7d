"""How an outbox sends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """How an outbox sends; see :class:`Outbox`."""

    window: int
    confirmations: int | None
    bump_blocks: int
    bump_seconds: float
    ceiling: int
    patience: float
    trying: bool = True
    hook: Callable[[str], None] = field(default=lambda step: None)
