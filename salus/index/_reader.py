"""Reading the index: what a client asks instead of the node for the past."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from salus.chain.events import Past
from salus.errors import IndexTrouble
from salus.index._store import Store

if TYPE_CHECKING:
    from salus.chain.book import Book

__all__ = ["Reader"]


class Reader:
    """Reads an index; any number may, while another program writes it.

    Args:
        where: A file, or the URL of a PostgreSQL database.
        book: The contracts that are asked about.
        strict: Raise where the index cannot be used; else it answers nothing, and the node is asked.

    Raises:
        BadInput, IndexTrouble: It cannot be opened.
    """

    def __init__(self, where: str | os.PathLike[str], book: Book, *, strict: bool = True) -> None:
        self.store = Store(where)
        self.book, self.strict = book, strict

    def find(
        self,
        contract: str,
        topics: Sequence[bytes | None],
        since: int,
        *,
        after: tuple[int, int] | None = None,
        most: int | None = None,
    ) -> Past | None:
        """Logs of a contract since a block; see :class:`salus.chain.events.EventIndex`.

        Raises:
            IndexTrouble: Only when strict: it cannot be read, or is of another book.
        """
        try:
            # One transaction: the rows and the cursor are of one moment.
            with self.store.reading() as connection:
                at = self.store.cursor(connection)
                why = self.store.misfit(self.book, connection)
                if at is None or why:
                    raise IndexTrouble(
                        f"the index {self.store.display_name} is not one of {self.book.path or 'this book'}: {why};"
                        " build it anew with `salus index rebuild`, or name another --events"
                    )
                if since > at.block:
                    return None
                rows = self.store.find(connection, contract, topics, since, after=after, most=most)
                return Past(rows, at.block, at.hash)
        except IndexTrouble:
            if self.strict:
                raise
            return None
