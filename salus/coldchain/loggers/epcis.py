"""Temperatures from EPCIS 2.0: the ``sensorReport`` entries of type Temperature, as JSON or JSON-LD.

A document, a query document, a bare event or a bare list of events will do. A reading is a ``value`` with its unit
(``uom``: CEL, FAH or KEL); its time is the report's, else the sensorMetadata's ``time``, else its ``startTime``, else
the event's. A report of the exception ERROR_CONDITION without a value is a reading that could not be taken. Reports of
other types are another sensor's and left alone.

Refused, because nothing can be judged by them: extremes and means (``minValue``, ``maxValue``, ``meanValue``), which
say nothing of how long; values finer than 0.01 °C; times without an offset; the same time twice with different values.
Events that an ``errorDeclaration`` calls wrong do not count.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from salus.coldchain.loggers.export import HIGHEST, LOWEST, LoggerExport, common_step, expect_possible
from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line
from salus.formats.epcis.events import Found, events_in
from salus.formats.epcis.vocabulary import expand
from salus.formats.json_file import parse_json, read_text

__all__ = ["MAX_REPORTS", "read_epcis"]

#: Most temperatures that are read from one document.
MAX_REPORTS = 1_000_000

_TEMPERATURE = frozenset({"https://gs1.org/voc/Temperature", "https://www.gs1.org/voc/Temperature"})
_ERROR = frozenset({"https://gs1.org/voc/ERROR_CONDITION", "https://www.gs1.org/voc/ERROR_CONDITION"})
_AGGREGATES = ("minValue", "maxValue", "meanValue", "percValue")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})\Z")


@dataclass(frozen=True)
class _Report:
    device: str
    path: str
    reading: Reading


def read_epcis(path: str | Path, *, device: str | None = None) -> LoggerExport:
    """Read the temperatures of one device.

    Args:
        path: The file, UTF-8.
        device: Whose readings, where the document has several: its ``deviceID`` as in the document, "" for none.

    Returns:
        Readings in order of time, to the second; the device is ``EPCIS``, the serial number its ``deviceID``.

    Raises:
        BadInput: No such document, no temperature in it, several devices and none named, or a report that cannot be
            judged; names the JSON path.
    """
    source = str(path)
    reports = _all_reports(parse_json(read_text(path), source), source)
    chosen = _chosen_device(reports, device, source)
    readings = _in_order([report for report in reports if report.device == chosen], source)
    if len(readings) < 2:
        where = next(report.path for report in reports if report.device == chosen)
        raise BadInput(source, where, "is the only reading; give at least two, so that their distance is known")
    step = common_step([reading.time for reading in readings])
    if step > 65_535:
        raise BadInput(source, "sensorReport", f"steps by {step} s; give readings at most 18 hours apart")
    return LoggerExport(source, "EPCIS", chosen[:200], step, readings, (), None, "absent")


def _all_reports(document: Any, source: str) -> list[_Report]:
    """The temperatures of a document, without those that it declares to be errors."""
    reports: list[_Report] = []
    void = 0
    for found in events_in(document, source):
        declared = found.event.get("errorDeclaration") is not None
        for report in _reports(found, source):
            if declared:
                void += 1
                continue
            reports.append(report)
            if len(reports) > MAX_REPORTS:
                raise BadInput(source, report.path, f"is one temperature too many; {MAX_REPORTS:,} are the most")
    if not reports and void:
        raise BadInput(source, "errorDeclaration", f"calls all {void} temperatures wrong; give the corrected document")
    if not reports:
        raise BadInput(source, "sensorElementList", "holds no temperature; give an event with a sensorReport of it")
    return reports


def _chosen_device(reports: Sequence[_Report], device: str | None, source: str) -> str:
    """The device that is meant: the named one, or the only one."""
    devices = sorted({report.device for report in reports})
    if device is None and len(devices) > 1:
        named = ", ".join(one_line(name, 60) or "one without an id" for name in devices[:4])
        raise BadInput(source, "deviceID", f"names {len(devices)} devices; say whose readings are meant: {named}")
    if device is not None and device not in devices:
        raise BadInput(source, "deviceID", f"is nowhere {one_line(device, 60)!r}; look at the document")
    return devices[0] if device is None else device


def _in_order(reports: list[_Report], source: str) -> tuple[Reading, ...]:
    ordered = sorted(reports, key=lambda report: report.reading.time)
    kept: list[_Report] = []
    for report in ordered:
        if kept and kept[-1].reading.time == report.reading.time:
            if kept[-1].reading != report.reading:
                raise BadInput(
                    source, report.path, f"is of the same time as {kept[-1].path} and says another; keep one reading"
                )
            continue  # the same reading in two events
        kept.append(report)
    return tuple(report.reading for report in kept)


def _reports(found: Found, source: str) -> Iterator[_Report]:
    elements = found.event.get("sensorElementList", [])
    if not isinstance(elements, list):
        raise BadInput(source, found.at("sensorElementList"), "is no list; give sensor elements")
    for n, element in enumerate(elements):
        at = found.at("sensorElementList", n)
        metadata = element.get("sensorMetadata", {}) if isinstance(element, dict) else None
        reports = element.get("sensorReport") if isinstance(element, dict) else None
        if not isinstance(metadata, dict) or not isinstance(reports, list):
            raise BadInput(source, at, "is no sensor element; give sensorMetadata and a list sensorReport")
        for m, report in enumerate(reports):
            where = f"{at}.sensorReport[{m}]"
            if not isinstance(report, dict):
                raise BadInput(source, where, "is no object; give a sensor report")
            kind = report.get("type")
            if isinstance(kind, str) and expand(kind, "sensorReport", found.namespaces) in _TEMPERATURE:
                yield _report(found, metadata, report, source, where)


def _report(found: Found, metadata: Mapping[str, Any], report: Mapping[str, Any], source: str, where: str) -> _Report:
    device = report.get("deviceID", metadata.get("deviceID", ""))
    if not isinstance(device, str):
        raise BadInput(source, f"{where}.deviceID", "is no text; give a URI")
    time = _time(found, metadata, report, source, where)
    exception = report.get("exception")
    if "value" not in report:
        aggregate = next((name for name in _AGGREGATES if name in report), None)
        if aggregate is not None:
            raise BadInput(
                source,
                f"{where}.{aggregate}",
                "is of a whole time, from which no reading can be judged; give each value",
            )
        if isinstance(exception, str) and expand(exception, "exception", found.namespaces) in _ERROR:
            return _Report(device, where, Reading(time, None))
        raise BadInput(source, f"{where}.value", "is missing; give the temperature")
    return _Report(device, where, Reading(time, _centi(report, source, where)))


def _time(found: Found, metadata: Mapping[str, Any], report: Mapping[str, Any], source: str, where: str) -> int:
    element = where.rsplit(".", 1)[0]
    for holder, name, path in (
        (report, "time", f"{where}.time"),
        (metadata, "time", f"{element}.sensorMetadata.time"),
        (metadata, "startTime", f"{element}.sensorMetadata.startTime"),
        (found.event, "eventTime", found.at("eventTime")),
    ):
        if name in holder:
            text = holder[name]
            shown = one_line(text, 40)
            if not isinstance(text, str) or not _TIME.match(text):
                raise BadInput(source, path, f"is {shown!r}; give a time with an offset, e.g. 2026-01-05T06:00:00Z")
            try:
                moment = dt.datetime.fromisoformat(text)
                seconds = int(moment.timestamp() // 1)
            except (ValueError, OverflowError):
                raise BadInput(source, path, f"is {shown!r}, which is no time; give one of the calendar") from None
            if seconds < 0:
                raise BadInput(source, path, f"is {shown!r}; give a time from 1970 on")
            return seconds
    raise BadInput(source, f"{where}.time", "is missing; give the time of the reading")


def _centi(report: Mapping[str, Any], source: str, where: str) -> int:
    value, unit = report["value"], report.get("uom")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadInput(source, f"{where}.value", f"is {one_line(value, 40)!r}; give a number")
    if unit not in ("CEL", "FAH", "KEL"):
        raise BadInput(source, f"{where}.uom", f"is {one_line(unit, 20)!r}; give CEL, FAH or KEL")
    exact = Decimal(value)
    if not -100_000 < exact < 100_000:
        raise BadInput(
            source, f"{where}.value", f"is {one_line(value, 40)}; give {LOWEST / 100} to {HIGHEST // 100} °C"
        )
    if unit == "FAH":
        # No decimal fraction of a degree Fahrenheit is one of a degree Celsius: the nearest 0.01 °C stands for it.
        hundredths = ((exact - 32) * 500 / 9).to_integral_value(rounding=ROUND_HALF_EVEN)
    else:
        hundredths = (exact - (Decimal("273.15") if unit == "KEL" else 0)) * 100
        if hundredths != hundredths.to_integral_value():
            raise BadInput(
                source, f"{where}.value", f"is {value}; give at most two decimals, or what is finer goes unjudged"
            )
    return expect_possible(int(hundredths), source, f"{where}.value")
