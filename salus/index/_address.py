"""Where an index is: a file, or a PostgreSQL database whose URL prints without its secrets."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["IndexAddress"]


class IndexAddress:
    """The place of an index, which can only be printed without its secrets.

    A URL may have a password before its host or among its options. ``str()``, ``repr()`` and formatting give scheme,
    user, host, port and name alone; only :attr:`secret` has all of it, for the connection itself.

    >>> address = IndexAddress("postgresql://me:word@db.example:5432/salus?password=word&sslmode=require")
    >>> f"{address} {address!r} {[address]}"
    'postgresql://me@db.example:5432/salus postgresql://me@db.example:5432/salus [postgresql://me@db.example:5432/salus]'

    Args:
        where: A file, or a URL; an address is taken as it is.
    """

    __slots__ = ("_where",)

    _where: str

    def __init__(self, where: str | os.PathLike[str] | IndexAddress) -> None:
        self._where = where._where if isinstance(where, IndexAddress) else os.fspath(where)

    @property
    def secret(self) -> str:
        """The whole place. It must not be printed, logged or put into an error."""
        return self._where

    @property
    def file(self) -> Path | None:
        """Its file; None where it is on a server."""
        return None if "://" in self._where else Path(self._where)

    @property
    def database(self) -> str:
        """The name of the database on its server; "" for a file."""
        try:
            return "" if self.file is not None else urlsplit(self._where).path.lstrip("/")
        except ValueError:
            return ""

    def __str__(self) -> str:
        if self.file is not None:
            return self._where
        scheme = self._where.split("://", 1)[0]
        try:
            parts = urlsplit(self._where)
            user = f"{parts.username}@" if parts.username else ""
            host = parts.netloc.rpartition("@")[2]
            # In what cannot be read as a URL, anything may be a secret.
            if not host or "@" in parts.path or parts.port == 0:  # asking for the port tells whether it is one
                return f"{scheme}://…"
            return f"{scheme}://{user}{host}{parts.path}"
        except ValueError:
            return f"{scheme}://…"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IndexAddress) and self._where == other._where

    def __hash__(self) -> int:
        return hash(self._where)
