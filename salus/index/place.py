"""Where the index of a chain is, and which address book it is of."""

from __future__ import annotations

import os
from contextlib import closing

from salus.chain.book import Book, find_book
from salus.chain.events import default_index
from salus.chain.node import Node
from salus.errors import BadInput

__all__ = ["book_of", "place_of"]


def book_of(url: str, book: str | os.PathLike[str] | None = None) -> Book:
    """The address book that is named, or the default one of a node's chain.

    Args:
        url: The node's JSON-RPC.
        book: The book or its file; None for the default one.

    Raises:
        BadInput: There is none, or it is malformed.
        Unreachable: The node does not answer; only where no book is named.
    """
    if book is not None:
        return Book.load(book)
    with closing(Node(url, patience=3, retry_inner=True)) as node:
        return Book.load(find_book(node))


def place_of(book: Book, place: str | None = None) -> str:
    """The place that is named, a file or the URL of a PostgreSQL database, or the default one beside the book.

    Args:
        book: The book.
        place: The place; None for the default one.

    Raises:
        BadInput: It is named as "", which stands for none.
    """
    if place == "":
        raise BadInput("--events", "none", "is no place for an index; name a file, or postgresql://user@host/name")
    return place or str(default_index(book))
