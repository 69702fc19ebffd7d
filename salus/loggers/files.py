"""One entrance for all formats of loggers."""

from __future__ import annotations

from pathlib import Path

from salus.errors import BadInput
from salus.jsonfile import read_bytes
from salus.loggers.berlinger import is_berlinger, read_berlinger
from salus.loggers.csv import is_csv, read_csv
from salus.loggers.epcis import read_epcis
from salus.loggers.export import LoggerExport

__all__ = ["read"]


def read(path: str | Path, *, utc_offset: str | None = None, device: str | None = None) -> LoggerExport:
    """Read a logger's export, whichever of the formats it is in.

    Args:
        path: A Berlinger text export, CSV with a time and a temperature, or EPCIS 2.0 as JSON.
        utc_offset: For CSV with times that name no offset: ``Z``, ``+05:30`` or a zone's name such as
        ``Europe/Zurich``;
            other formats name it themselves.
        device: For EPCIS with several devices: whose readings, by its ``deviceID``.

    Raises:
        BadInput: In none of the formats, or refused by its reader.
    """
    content = read_bytes(path)
    if is_berlinger(content):
        return read_berlinger(path)
    if content.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")[:1] in (b"{", b"["):
        return read_epcis(path, device=device)
    if is_csv(content):
        return read_csv(path, utc_offset=utc_offset)
    raise BadInput(
        path,
        "line 1",
        "is of no known logger; give a Berlinger text export, EPCIS 2.0, or CSV with the header time,celsius",
    )
