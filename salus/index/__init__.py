"""The index: every event of the contracts of a book in a local database, in step with the chain.

    >>> with Indexer("http://127.0.0.1:8545", book, "deployments/31337.index.sqlite") as indexer:  # doctest: +SKIP
    ...     indexer.sync()

It is only ever written by :class:`Indexer` (the command ``salus index``); :class:`salus.Salus` reads it by itself where
it lies beside the address book, and asks the chain where it does not.
"""

from __future__ import annotations

from salus.index._reader import Reader
from salus.index._store import WINDOW, Cursor, Header, Store
from salus.index._sync import Indexer, Report, Retraction

__all__ = ["WINDOW", "Cursor", "Header", "Indexer", "Reader", "Report", "Retraction", "Store"]
