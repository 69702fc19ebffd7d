"""The index: every event of the contracts of a book in a local database, in step with the chain.

    >>> with Indexer("http://127.0.0.1:8545", book, "deployments/31337.index.sqlite") as indexer:  # doctest: +SKIP
    ...     indexer.sync()

It is only ever written by :class:`Indexer` (the command ``salus index``); :class:`salus.Salus` reads it by itself where
it lies beside the address book, and asks the chain where it does not.

What is public is listed here; each name is loaded when it is first used, for most of them need a database's library.

Of the modules ``place`` (where an index is) and ``checks`` (what `salus doctor` asks) are public, the others private:
``_sync`` keeps the index in step with the chain; ``_chain`` asks a node and verifies its answers, with ``_bloom``;
``_blocks`` are what it gives, and ``_rows`` makes rows of logs. ``_store`` is the database, ``_tables`` its tables,
``_headers`` what it keeps of a chain, ``_address`` its place, ``_lock`` lets one program write. ``_reader`` is what a
client reads with. ``_status`` reports on an index; ``_audit`` verifies it, with ``_compare`` (row by row) and
``expected_state`` (what the contracts' storage must hold).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salus.index._audit import Audit, audit
    from salus.index._compare import Difference
    from salus.index._headers import Cursor, Header
    from salus.index._reader import Reader
    from salus.index._status import Status, read_status
    from salus.index._store import WINDOW, Store
    from salus.index._sync import Indexer, Report, Retraction

__all__ = [
    "WINDOW",
    "Audit",
    "Cursor",
    "Difference",
    "Header",
    "Indexer",
    "Reader",
    "Report",
    "Retraction",
    "Status",
    "Store",
    "audit",
    "read_status",
]

_HOMES = {
    "WINDOW": "_store",
    "Audit": "_audit",
    "Cursor": "_headers",
    "Difference": "_compare",
    "Header": "_headers",
    "Indexer": "_sync",
    "Reader": "_reader",
    "Report": "_sync",
    "Retraction": "_sync",
    "Status": "_status",
    "Store": "_store",
    "audit": "_audit",
    "read_status": "_status",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
