"""Sending in bulk: fast, each item once, and through crashes, lost replies and reorganisations; see :class:`Outbox`.

What is public is listed here; every module but ``checks`` (what `salus doctor` asks) is private. ``_outbox`` is the
outbox itself, ``_status`` what its file says, ``_bulk`` what the resources' bulk methods share; ``_items`` are items,
states and results, ``_settings`` the options; ``_delivery`` takes items through one run.

``_pipeline`` is the loop that sends, in parts: ``_launching`` tries and signs, ``_collecting`` takes what is in a
block, ``_repairing`` sends again and raises fees, ``_rechecking`` handles reorganisations, ``_foreign`` what the key
sent outside this outbox; ``_run`` is what they share. ``_dryrun`` tries calls, ``_envelope`` signs, ``_dispatch`` sends
signed bytes, ``_replies`` reads what a node says to them, ``_tracking`` finds ``_outcomes``.

``_store`` is the file, a ``_database`` with the tables of ``_schema``; ``_rows`` are the items in it, ``_notes`` what
it holds beside them, ``_reasons`` errors in it; ``_files`` are file modes. ``_nodes`` are several endpoints as one; a
``_survey`` is what a signature depends on, ``_under_way`` what another thread asks; threads go steps by ``_turn``.
"""

from __future__ import annotations

from salus.chain.nonces import outbox_folder
from salus.chain.proof import Proof
from salus.outbox._bulk import BULK_WINDOW, new_key, resume_pending, send_each
from salus.outbox._foreign import Gap
from salus.outbox._items import Item, Result, Sendable, State
from salus.outbox._outbox import Outbox
from salus.outbox._outcomes import Cancelled, NonceTaken
from salus.outbox._status import Status, read_status

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
