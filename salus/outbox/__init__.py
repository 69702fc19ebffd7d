"""Sending in bulk: fast, each item once, and through crashes, lost replies and reorganisations; see :class:`Outbox`.

What is public is listed here. Every module is private: ``_outbox`` is the outbox itself and ``_bulk`` what the
resources' bulk methods share; ``_items`` are items, states and results, ``_settings`` the options; ``_delivery`` takes
items through one run. ``_pipeline`` is the loop that sends, in parts: ``_launching`` tries and signs, ``_collecting``
takes what is in a block, ``_repairing`` sends again and raises fees, ``_rechecking`` handles reorganisations, ``_run``
is what they share. ``_dryrun`` tries calls, ``_envelope`` signs, ``_dispatch`` sends signed bytes, ``_replies`` reads
what a node says to them, ``_tracking`` finds receipts. ``_store`` is the file, ``_schema`` its tables, ``_reasons``
errors in it, ``_files`` file modes, ``_foreign`` what the key sent beside this
outbox. ``_nodes`` are several endpoints as one.
"""

from __future__ import annotations

from salus.chain.nonces import outbox_folder
from salus.chain.proof import Proof
from salus.outbox._bulk import BULK_WINDOW, new_key, resume_pending, send_each
from salus.outbox._foreign import Gap
from salus.outbox._items import Item, Result, Sendable, State
from salus.outbox._outbox import Outbox, Status, read_status
from salus.outbox._tracking import Cancelled, NonceTaken

__all__ = [
    "BULK_WINDOW",
    "Cancelled",
    "Gap",
    "Item",
    "NonceTaken",
    "Outbox",
    "Proof",
    "Result",
    "Sendable",
    "State",
    "Status",
    "new_key",
    "outbox_folder",
    "read_status",
    "resume_pending",
    "send_each",
]
