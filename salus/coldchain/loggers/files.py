"""One entrance for all formats of loggers."""

from __future__ import annotations

from pathlib import Path

from salus.coldchain.loggers.berlinger import is_berlinger, read_berlinger
from salus.coldchain.loggers.csv import is_csv, read_csv
from salus.coldchain.loggers.epcis import read_epcis
from salus.coldchain.loggers.export import LoggerExport
from salus.errors import BadInput
from salus.formats.json_file import read_bytes

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
