"""Finding the index of a book; a client without one must not wait for a database's library."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from salus.errors import IndexTrouble

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.index._reader import Reader

__all__ = ["default_index", "find_index"]


def default_index(book: Book) -> Path | None:
    """Where the index of a book lies: beside its file; None for a book without one."""
    return Path(book.path).with_suffix(".index.sqlite") if book.path else None


def find_index(named: str | os.PathLike[str] | None, book: Book) -> Reader | None:
    """The reader of an index.

    Args:
        named: A file or the URL of a database; None for the default one, where there is one; "" for none.
        book: The contracts that it is asked about.

    Returns:
        None where there is none, or where the default one cannot be opened.

    Raises:
        BadInput, IndexTrouble: The one that was named cannot be opened.
    """
    if named is not None and not os.fspath(named):
        return None
    path = default_index(book) if named is None else named
    if path is None or (named is None and not Path(path).exists()):
        return None
    # Here and not above, see the module.
    from salus.index._reader import Reader

    try:
        return Reader(path, book, strict=named is not None)
    except IndexTrouble:
        if named is not None:
            raise
        return None
