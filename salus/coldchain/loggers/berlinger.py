"""Berlinger's text exports: Q-tag CLm, Fridge-tag 2, 2 L and UL.

An export is a tree of ``key: value`` lines, indented by blanks, whose rows of readings are indented by a tab. It ends
with a certificate and a signature (see :mod:`salus.coldchain.loggers.signature`). An export that is signed must verify;
one without any signature is read only if its readings reach the moment at which it says it was stopped, for otherwise
it may have been cut short.

Fridge-tag 2 keeps a daily history only: that is read as well, but has no readings to judge.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Literal

from salus.coldchain.loggers import signature
from salus.coldchain.loggers.export import Alarm, Day, DeviceReport, LoggerExport, common_step, expect_possible
from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line
from salus.formats.json_file import read_bytes

__all__ = ["is_berlinger", "read_berlinger", "signed_parts"]

_NUMBER = re.compile(r"[+-]?\d{1,4}(\.\d{1,2})?\Z")
_WHOLE = re.compile(r"\d{1,7}\Z")
_MINUTE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}\Z")
_ZONE = re.compile(r"([+-]?)(\d{1,2})\.(\d{2})\Z")
_HEX = re.compile(r"[0-9a-fA-F]+\Z")

# The quarter hours of time zones, in either way of writing them: ".50" of an hour is ".30" in minutes.
_QUARTERS = {"00": 0, "30": 30, "50": 30, "45": 45, "75": 45}

# Q-tag's types of alarms; 0 is an unused one.
_QTAG_ALARMS: dict[int, tuple[Literal["above", "below"], Literal["single", "cumulative"]]] = {
    1: ("below", "single"),
    2: ("above", "single"),
    3: ("below", "cumulative"),
    4: ("above", "cumulative"),
}


def is_berlinger(content: bytes) -> bool:
    """Whether a file begins like one of these exports."""
    return content.startswith(b"Device:")


@dataclass
class _Node:
    line: int
    key: str
    value: str
    children: list[_Node] = field(default_factory=list)
    rows: list[tuple[int, str]] = field(default_factory=list)

    def child(self, key: str) -> _Node | None:
        return next((child for child in self.children if child.key == key), None)


def read_berlinger(path: str | Path) -> LoggerExport:
    """Read an export.

    Args:
        path: The file as the device wrote it.

    Returns:
        Readings in UTC (the export names its zone), in °C whatever unit the device shows (°F to the nearest 0.01 °C).

    Raises:
        BadInput: Not such an export, cut short, edited (the signature does not verify), readings out of order or
            impossible.
    """
    return _Reader(str(path), read_bytes(path)).export()


def signed_parts(path: str | Path) -> signature.SignedParts:
    """What a signed export's signature is made of; it is verified before it is handed out.

    Raises:
        BadInput: Not such an export, unsigned, cut short or edited.
    """
    parts = _Reader(str(path), read_bytes(path)).signed()
    if parts is None:
        raise BadInput(str(path), "Sig", "is missing: nothing is signed; give the export as the device wrote it")
    return parts


class _Reader:
    def __init__(self, source: str, content: bytes) -> None:
        if not is_berlinger(content):
            raise BadInput(source, "line 1", "does not begin with `Device:`; give an export of a Q-tag or Fridge-tag")
        self.source = source
        self.content = content
        # Latin-1 never fails, and all that is used of the file is checked further on.
        self.root = self._tree(content.decode("latin-1"))

    def refuse(self, node: _Node | None, name: str, fix: str) -> BadInput:
        return BadInput(self.source, f"line {node.line}: {name}" if node else name, one_line(fix))

    # ---- the tree ------------------------------------------------------------------------------------------------

    def _tree(self, text: str) -> _Node:
        root = _Node(0, "", "")
        path: list[tuple[int, _Node]] = [(-1, root)]
        for number, raw in enumerate(text.split("\n"), 1):
            line = raw.rstrip("\r")
            if not line.strip():
                continue
            if line.startswith("\t"):
                path[-1][1].rows.append((number, line[1:]))
                continue
            key, colon, value = line.strip(" ").partition(":")
            if not colon:
                raise BadInput(
                    self.source, f"line {number}", f"is {one_line(line, 40)!r}, no `key: value`; export it again"
                )
            indent = len(line) - len(line.lstrip(" "))
            while path[-1][0] >= indent:
                path.pop()
            node = _Node(number, key, value.strip())
            path[-1][1].children.append(node)
            path.append((indent, node))
        return root

    def _section(self, *names: str) -> _Node:
        for name in names:
            found = self.root.child(name)
            if found is not None:
                return found
        raise BadInput(self.source, names[0], "is missing, the file is cut short; export it again")

    def _text(self, node: _Node, key: str) -> str:
        found = node.child(key)
        value = found.value if found else ""
        if not value or len(value) > 60 or not (value.isascii() and value.isprintable()):
            raise self.refuse(found, key, "is missing or no plain text; export it again")
        return value

    # ---- the whole -----------------------------------------------------------------------------------------------

    def export(self) -> LoggerExport:
        signed: Literal["verified", "absent"] = "absent" if self.signed() is None else "verified"
        device = self._text(self.root, "Device")
        conf = self._section("Conf")
        self.fahrenheit = self._fahrenheit(conf)
        self.zone = self._zone(conf)
        result = self._section("Res", "Hist")
        stopped = result.child("TS Stop" if result.key == "Res" else "TS Report Creation")
        data = self.root.child("Data")
        interval = self._interval(conf)
        if interval and data is None:
            raise BadInput(self.source, "Data", "is missing, the file is cut short; export it again")
        readings = self._readings(data) if data else ()
        if data and not interval:
            interval = common_step([reading.time for reading in readings])
        if signed == "absent":
            self._expect_complete(stopped, readings, interval)
        mkt = result.child("MKT")
        alarms = tuple(self._alarms(conf, result))
        days = tuple(self._days(result)) if result.key == "Hist" else ()
        return LoggerExport(
            source=self.source,
            device=device,
            serial=self._text(conf, "Serial"),
            interval_s=interval if readings else 0,
            readings=readings,
            alarms=alarms,
            device_mkt=None if mkt is None or not mkt.value else self._temperature(mkt.value, f"line {mkt.line}: MKT"),
            signature=signed,
            days=days,
            report=self._report(conf, result, len(alarms), days),
        )

    def signed(self) -> signature.SignedParts | None:
        """The verified parts of the signature, None for an export without any."""
        certificate, signed = self.root.child("Cert"), self.root.child("Sig")
        if certificate is None and signed is None:
            return None
        if certificate is None or signed is None:
            missing = "Cert" if certificate is None else "Sig"
            raise BadInput(self.source, missing, "is missing, the file is cut short; export it again")
        key = certificate.child("Public Key")
        if key is None or not _HEX.match(key.value) or len(key.value) != 128:
            raise self.refuse(key or certificate, "Public Key", "is not 64 bytes in hex; export it again")
        if not _HEX.match(signed.value) or len(signed.value) != 128:
            raise self.refuse(signed, "Sig", "is not 64 bytes in hex, the file is cut short; export it again")
        position = self.content.rfind(b"Sig: ")
        rest = self.content[position + 5 :].strip()
        if rest.decode("latin-1") != signed.value:
            raise self.refuse(signed, "Sig", "is not the last line; whatever follows is unsigned, export it again")
        message = signature.canonical(self.content[:position])
        parts = signature.SignedParts(message, bytes.fromhex(signed.value), bytes.fromhex(key.value))
        if not signature.verifies(*parts):
            raise self.refuse(signed, "Sig", "does not verify, so the file was edited; give it as the device wrote it")
        return parts

    def _expect_complete(self, stopped: _Node | None, readings: Sequence[Reading], interval: int) -> None:
        if not readings or stopped is None or not stopped.value:
            raise BadInput(self.source, "Sig", "is missing, so nothing shows that the file is whole; export it again")
        end = self._time(stopped.value, f"line {stopped.line}: {stopped.key}")
        if not readings[-1].time <= end < readings[-1].time + interval or not self.content.endswith(b"\n"):
            raise BadInput(
                self.source,
                "Data",
                f"does not reach {stopped.key} {stopped.value}, the file is cut short; export it again",
            )

    # ---- values --------------------------------------------------------------------------------------------------

    def _fahrenheit(self, conf: _Node) -> bool:
        unit = conf.child("Temp unit")
        if unit is not None and unit.value not in ("C", "F"):
            raise self.refuse(unit, "Temp unit", f"is {unit.value!r}; give an export in C or F")
        return unit is not None and unit.value == "F"

    def _zone(self, conf: _Node) -> int:
        zone = conf.child("Zone")
        match = _ZONE.match(zone.value) if zone else None
        if match is None or match[3] not in _QUARTERS or int(match[2]) > 14:
            raise self.refuse(zone, "Zone", f"is {zone.value if zone else None!r}; give the hours from UTC, e.g. 5.50")
        return (-60 if match[1] == "-" else 60) * (int(match[2]) * 60 + _QUARTERS[match[3]])

    def _interval(self, conf: _Node) -> int:
        node = conf.child("Logging Interval")
        if node is None:
            return 0
        if not _WHOLE.match(node.value) or not 1 <= int(node.value) <= 1_092:
            raise self.refuse(node, "Logging Interval", f"is {node.value!r}; give 1 to 1092 minutes")
        return int(node.value) * 60

    def _time(self, text: str, where: str) -> int:
        try:
            if not _MINUTE.match(text):
                raise ValueError
            time = int(dt.datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=dt.UTC).timestamp()) - self.zone
        except ValueError:
            raise BadInput(self.source, where, f"is {one_line(text, 40)!r}, no time; export it again") from None
        if time < 0:
            raise BadInput(self.source, where, f"is {text!r}; the device's clock is wrong, no time before 1970 counts")
        return time

    def _temperature(self, text: str, where: str) -> int:
        if not _NUMBER.match(text):
            raise BadInput(self.source, where, f"is {one_line(text, 40)!r}, no temperature; export it again")
        value = Decimal(text)
        if self.fahrenheit:
            value = (value - 32) * 5 / 9
        return expect_possible(int((value * 100).to_integral_value(rounding=ROUND_HALF_EVEN)), self.source, where)

    def _minutes(self, text: str, node: _Node, name: str) -> int:
        if not _WHOLE.match(text):
            raise self.refuse(node, name, f"is {text!r}; minutes are due, export it again")
        return int(text)

    # ---- readings ------------------------------------------------------------------------------------------------

    def _readings(self, data: _Node) -> tuple[Reading, ...]:
        if not data.rows or data.rows[0][1].rstrip("\t").split("\t") != ["yyyy-MM-dd hh:mm", "T", "Out of limits"]:
            raise self.refuse(data, "Data", "lacks its header, the file is cut short; export it again")
        readings: list[Reading] = []
        for line, row in data.rows[1:]:
            where = f"line {line}: Data"
            cells = row.split("\t")
            # Without a mark some devices end the row after the temperature, others with an empty cell.
            if len(cells) not in (2, 3) or (len(cells) == 3 and cells[2] not in ("", "x")):
                raise BadInput(
                    self.source, where, f"is {one_line(row, 40)!r}, no reading, the file is cut short or edited"
                )
            time = self._time(cells[0], where)
            if readings and time <= readings[-1].time:
                relation = "the same time as" if time == readings[-1].time else "before"
                raise BadInput(
                    self.source, where, f"is {relation} the reading above it; give the file as the device wrote it"
                )
            centi = None if cells[1] == "--.-" else self._temperature(cells[1], where)
            readings.append(Reading(time, centi))
        if not readings:
            raise self.refuse(data, "Data", "holds no reading, the file is cut short; export it again")
        return tuple(readings)

    # ---- alarms and history --------------------------------------------------------------------------------------

    def _alarms(self, conf: _Node, result: _Node) -> Iterator[Alarm]:
        configured = conf.child("Alarm")
        for node in configured.children if configured else ():
            parts = self._parts(node.children[0].line, node.children[0]) if node.children else {}
            if "Type" in parts:  # Q-tag
                kind = self._minutes(parts["Type"], node, "Type")
                if kind == 0:
                    continue
                if kind not in _QTAG_ALARMS:
                    raise self.refuse(node, "Alarm", f"is of the unknown type {kind}; export it again")
                bound, span = _QTAG_ALARMS[kind]
                outcome = result.child("Alarm")
                found = outcome.child(node.key) if outcome else None
                raised = bool(found and any("TS A" in self._parts(row.line, row) for row in found.children))
            elif node.key in ("0", "1"):  # Fridge-tag: the lower and the upper one
                bound, span = ("below" if node.key == "0" else "above"), "single"
                raised = any("TS A" in self._parts(row.line, row) for row in self._day_alarms(result, node.key))
            else:
                raise self.refuse(node, "Alarm", f"{node.key} is unknown; export it again")
            if "T AL" not in parts or "t AL" not in parts:
                raise self.refuse(node, "Alarm", "lacks its limit, the file is cut short; export it again")
            yield Alarm(
                bound,
                span,
                self._temperature(parts["T AL"], f"line {node.line}: T AL"),
                self._minutes(parts["t AL"], node, "t AL"),
                raised,
            )

    def _day_alarms(self, result: _Node, key: str) -> Iterator[_Node]:
        for day in result.children:
            alarm = day.child("Alarm")
            found = alarm.child(key) if alarm else None
            yield from found.children if found else ()

    def _report(self, conf: _Node, result: _Node, alarms: int, days: Sequence[Day]) -> DeviceReport:
        if result.key == "Hist":
            return _report_of_days(days, alarms)
        extremes = []
        for name in ("Min T", "Max T"):
            node = result.child(name)
            text = self._parts(node.line, node)[name] if node else ""
            extremes.append(self._temperature(text, f"line {node.line}: {name}") if node and text else None)
        node = conf.child("MKT Energy")
        if node is not None and not _NUMBER.match(node.value):
            raise self.refuse(node, "MKT Energy", f"is {node.value!r}; kJ/mol are due, export it again")
        energy = int(Decimal(node.value) * 1000) if node is not None else None
        return DeviceReport(extremes[0], extremes[1], energy, tuple(self._alarm_minutes(conf, result)))

    def _alarm_minutes(self, conf: _Node, result: _Node) -> Iterator[int | None]:
        """The minutes that the device counted for each alarm that is on; None where it names none."""
        configured, outcome = conf.child("Alarm"), result.child("Alarm")
        for entry in configured.children if configured else ():
            if entry.children and self._parts(entry.line, entry.children[0]).get("Type") == "0":
                continue
            found = outcome.child(entry.key) if outcome else None
            rows = [self._parts(row.line, row) for row in found.children] if found else []
            yield sum(self._minutes(row.get("t A", ""), entry, "t A") for row in rows) if rows else None

    def _days(self, result: _Node) -> Iterator[Day]:
        for node in result.children:
            date = node.child("Date")
            if not node.key.isdigit() or date is None:
                continue
            self._time(f"{date.value} 00:00", f"line {date.line}: Date")
            extremes = []
            for name in ("Min T", "Max T"):
                found = node.child(name)
                if found is None:
                    raise self.refuse(node, name, "is missing, the file is cut short; export it again")
                text = self._parts(found.line, found)[name]
                extremes.append(None if text in ("", "--.-") else self._temperature(text, f"line {found.line}: {name}"))
            alarm = node.child("Alarm")
            minutes = tuple(
                self._minutes(self._parts(row.line, row).get("t Acc", ""), row, "t Acc")
                for entry in (alarm.children if alarm else ())
                for row in entry.children
            )
            yield Day(date.value, extremes[0], extremes[1], minutes)

    def _parts(self, line: int, node: _Node) -> dict[str, str]:
        """``key: value, key: value`` of one line."""
        parts = {}
        for part in f"{node.key}: {node.value}".split(","):
            key, colon, value = part.partition(":")
            if not colon:
                raise BadInput(self.source, f"line {line}", f"is {one_line(part, 40)!r}; export it again")
            parts[key.strip()] = value.strip()
        return parts


def _report_of_days(days: Sequence[Day], alarms: int) -> DeviceReport:
    """What a history of days amounts to. A day without its alarms leaves their sums unknown."""
    complete = all(len(day.alarm_minutes) == alarms for day in days)
    sums = tuple(sum(day.alarm_minutes[n] for day in days) if complete else None for n in range(alarms))
    low = min((day.lowest for day in days if day.lowest is not None), default=None)
    high = max((day.highest for day in days if day.highest is not None), default=None)
    return DeviceReport(low, high, None, sums)
