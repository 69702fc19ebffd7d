"""Exports of temperature loggers: read, checked, packed for the chain.

Berlinger's text exports (Q-tag CLm, Fridge-tag 2, 2 L and UL), CSV, and EPCIS 2.0. What arrives reading by reading over
MQTT is in :mod:`salus.coldchain.loggers.mqtt` and :mod:`salus.coldchain.loggers.spool`. Times are Unix seconds,
temperatures 0.01 °C.
"""

from __future__ import annotations

from salus.coldchain.loggers.berlinger import read_berlinger
from salus.coldchain.loggers.comparison import compare, markdown
from salus.coldchain.loggers.csv import read_csv
from salus.coldchain.loggers.epcis import read_epcis
from salus.coldchain.loggers.export import Alarm, Day, DeviceReport, LoggerExport
from salus.coldchain.loggers.files import read
from salus.coldchain.loggers.packing import MAX_READINGS, ReadingBatch, pack, unpack
from salus.coldchain.loggers.proof import FileProof, file_proof
from salus.coldchain.loggers.qtag import write_qtag
from salus.coldchain.loggers.reading import Reading

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
