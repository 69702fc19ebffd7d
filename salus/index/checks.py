"""A check of the local index of events: of this book, in step with the chain, not damaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from salus.errors import SalusError
from salus.errors.checks import Check
from salus.index import Store, read_status
from salus.index.place import book_of, place_of

__all__ = ["check_index"]

#: So many blocks behind the chain are not worth a warning.
_FEW = 100

_SYNC, _REBUILD = "run `salus index sync`", "run `salus index rebuild`"


def check_index(url: str, book: str | None, place: str | None) -> Iterator[Check]:
    """The index of an address book.

    Args:
        url: The node's JSON-RPC.
        book: The address book's file, None for the default one of the node's chain.
        place: A file or the URL of a database; None for the one beside the book, "" for none.

    Raises:
        IndexTrouble: It cannot be read.
    """
    if place == "":
        yield Check.ok("index", "none is used: lists and reports ask the node")
        return
    try:
        known = book_of(url, book)
    except SalusError:
        # Which of them is missing is told of the node and the book.
        yield Check.warn("index", "which one is meant depends on the address book", "see node and book")
        return
    where = place_of(known, place)
    if place is None and not Path(where).exists():
        yield Check.ok("index", f"none at {where}: lists and reports ask the node; `salus index sync` makes one")
        return
    found = read_status(Store(where), known, url)
    what = f"{found.where}: {found.description}"
    if found.misfit:
        yield Check.fail("index", what, _REBUILD)
    elif found.trouble:
        yield Check.warn(
            "index", f"{found.where}: up to block {found.block}, and no node to compare with", "see the node"
        )
    elif not found.stands or (found.behind or 0) > _FEW:
        yield Check.warn("index", what, _SYNC)
    else:
        yield Check.ok("index", what)
    if found.quarantined:
        logs = sum(count for kinds in found.quarantined.values() for count in kinds.values())
        yield Check.warn("index", f"{logs:,} logs fit no ABI and are put aside", "see `salus index status`")
