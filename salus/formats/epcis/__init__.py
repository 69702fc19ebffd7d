"""EPCIS 2.0, GS1's language of what happened to things: its structure, its vocabulary and its event hash.

A shipment's own document is written by :mod:`salus.coldchain.epcis_document`; readings in EPCIS documents are read by
:mod:`salus.coldchain.loggers`.
"""

from __future__ import annotations

from salus.formats.epcis.events import Found, events_in
from salus.formats.epcis.hashes import event_hash, event_hashes, pre_hash
from salus.formats.epcis.structure import check, problems

__all__ = [
    "Found",
    "check",
    "event_hash",
    "event_hashes",
    "events_in",
    "pre_hash",
    "problems",
]
