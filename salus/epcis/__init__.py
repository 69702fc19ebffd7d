"""EPCIS 2.0, GS1's language of what happened to things: its structure, its event hash, and a shipment's story in it.

Readings from EPCIS documents are read by :mod:`salus.loggers`.
"""

from __future__ import annotations

from salus.epcis.check import check, problems
from salus.epcis.eventhash import event_hash, event_hashes, pre_hash
from salus.epcis.events import Found, events_in
from salus.epcis.story import Act, Breach, Party, ReadingsTold, Step, Story, StoryLot, document

__all__ = [
    "Act",
    "Breach",
    "Found",
    "Party",
    "ReadingsTold",
    "Step",
    "Story",
    "StoryLot",
    "check",
    "document",
    "event_hash",
    "event_hashes",
    "events_in",
    "pre_hash",
    "problems",
]
