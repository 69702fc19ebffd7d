"""Exports of temperature loggers: read, checked, packed for the chain.

Berlinger's text exports (Q-tag CLm, Fridge-tag 2, 2 L and UL) and plain CSV. Times are Unix seconds, temperatures 0.01
°C.
"""

from __future__ import annotations

from salus.loggers.berlinger import read_berlinger, write_qtag
from salus.loggers.compare import compare, markdown
from salus.loggers.csv import read_csv
from salus.loggers.export import Alarm, Day, DeviceReport, LoggerExport, Reading
from salus.loggers.files import read
from salus.loggers.packing import MAX_READINGS, ReadingBatch, pack, unpack
from salus.loggers.proof import FileProof, file_proof

__all__ = [
    "MAX_READINGS",
    "Alarm",
    "Day",
    "DeviceReport",
    "FileProof",
    "LoggerExport",
    "Reading",
    "ReadingBatch",
    "compare",
    "file_proof",
    "markdown",
    "pack",
    "read",
    "read_berlinger",
    "read_csv",
    "unpack",
    "write_qtag",
]
