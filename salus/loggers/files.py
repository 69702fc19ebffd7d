"""One entrance for all formats of loggers."""

from __future__ import annotations

from pathlib import Path

from salus.errors import BadInput
from salus.jsonfile import read_bytes
from salus.loggers.berlinger import is_berlinger, read_berlinger
from salus.loggers.csv import read_csv
from salus.loggers.export import LoggerExport

__all__ = ["read"]


def read(path: str | Path, *, utc_offset: str | None = None) -> LoggerExport:
    """Read a logger's export, whichever of the formats it is in.

    Args:
        path: A Berlinger text export, or CSV ``time,celsius``.
        utc_offset: For CSV with times that name no offset, e.g. ``+05:30``; other formats name it themselves.

    Raises:
        BadInput: In none of the formats, or refused by its reader.
    """
    content = read_bytes(path)
    if is_berlinger(content):
        return read_berlinger(path)
    first = content.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].lower()
    if b"," in first or b"time" in first:
        return read_csv(path, utc_offset=utc_offset)
    raise BadInput(
        path, "line 1", "is of no known logger; give a Berlinger text export or CSV with the header time,celsius"
    )
