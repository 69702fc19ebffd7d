"""Sending in bulk: fast, once each, and through every crash, lost reply and reorganisation; see :class:`Outbox`."""

from __future__ import annotations

from salus.outbox._files import folder
from salus.outbox._items import Item, Result, Sendable, State
from salus.outbox._outbox import Outbox, Status, look
from salus.outbox._tracking import NonceTaken

__all__ = ["Item", "NonceTaken", "Outbox", "Result", "Sendable", "State", "Status", "folder", "look"]
