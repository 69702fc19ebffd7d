"""Sending in bulk: fast, once each, and through every crash, lost reply and reorganisation; see :class:`Outbox`."""

from __future__ import annotations

from .items import Item, Result, Sendable, State
from .outbox import Outbox, Status, look
from .tracking import NonceTaken

__all__ = ["Item", "NonceTaken", "Outbox", "Result", "Sendable", "State", "Status", "look"]
