"""Exports of temperature loggers: read, checked, packed for the chain.

Berlinger's text exports (Q-tag CLm, Fridge-tag 2, 2 L and UL), CSV, and EPCIS 2.0. What arrives reading by reading over
MQTT is in :mod:`salus.loggers.mqtt` and :mod:`salus.loggers.spool`. Times are Unix seconds, temperatures 0.01 °C.
"""

from __future__ import annotations

from salus.loggers.berlinger import read_berlinger
from salus.loggers.comparison import compare, markdown
from salus.loggers.csv import read_csv
from salus.loggers.epcis import read_epcis
from salus.loggers.export import Alarm, Day, DeviceReport, LoggerExport, Reading
from salus.loggers.files import read
from salus.loggers.packing import MAX_READINGS, ReadingBatch, pack, unpack
from salus.loggers.proof import FileProof, file_proof
from salus.loggers.qtag import write_qtag

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
    "read_epcis",
    "unpack",
    "write_qtag",
]
