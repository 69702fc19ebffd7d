"""The event hash of CBV 2.0: one identifier for one event, whatever its syntax, order and spelling.

An event becomes a canonical string without separators (the pre-hash), and that string's SHA-256 a name as in RFC 6920::

    ni:///sha-256;<64 hex digits>?ver=CBV2.0

What is not hashed: ``eventID``, ``recordTime``, ``errorDeclaration``, comments and contexts. Order and spelling are
those of the reference implementation that GS1 names: transactions, sources, destinations, master data and extensions
come last, sorted together by their text, a list entry's ``type`` before its value.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from salus.errors import BadInput, one_line
from salus.formats.digital_link import canonical
from salus.formats.epcis.events import Found, events_in, namespaces_of
from salus.formats.epcis.vocabulary import expand

__all__ = ["event_hash", "event_hashes", "pre_hash"]

# What is ordered: fields in their order; a nested tuple orders the fields of what stands there.
_QUANTITY = ("epcClass", "quantity", "uom")
_METADATA = (
    "time",
    "startTime",
    "endTime",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "bizRules",
)
_REPORT = (
    "type",
    "exception",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "time",
    "microorganism",
    "chemicalSubstance",
    "value",
    "component",
    "stringValue",
    "booleanValue",
    "hexBinaryValue",
    "uriValue",
    "minValue",
    "maxValue",
    "meanValue",
    "sDev",
    "percRank",
    "percValue",
    "uom",
    "coordinateReferenceSystem",
)
_ORDER = (
    "eventTime",
    "eventTimeZoneOffset",
    "certificationInfo",
    "parentID",
    "epcList",
    "inputEPCList",
    "childEPCs",
    "quantityList",
    "childQuantityList",
    "inputQuantityList",
    "outputEPCList",
    "outputQuantityList",
    "action",
    "transformationID",
    "bizStep",
    "disposition",
    "persistentDisposition",
    "readPoint",
    "bizLocation",
    "sensorElementList",
)
_EPCS = frozenset({"epcList", "inputEPCList", "childEPCs", "outputEPCList"})
_QUANTITIES = frozenset({"quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"})
_PARTS = {"persistentDisposition": ("set", "unset"), "readPoint": ("id",), "bizLocation": ("id",)}
_PAIRS = {"bizTransactionList": "bizTransaction", "sourceList": "source", "destinationList": "destination"}
_IGNORED = frozenset(
    {"type", "isA", "eventID", "recordTime", "errorDeclaration", "@context", "comment", "rdfs:comment"}
)

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")
_NUMBER = re.compile(r"[+-]?\d{1,60}(\.\d{1,60})?\Z")


def event_hash(found: Found) -> str:
    """The hash of an event, as a URI.

    Raises:
        BadInput: The event has no type, or nests more deeply than any event.
    """
    return f"ni:///sha-256;{hashlib.sha256(pre_hash(found).encode()).hexdigest()}?ver=CBV2.0"


def event_hashes(document: Any, source: str = "") -> list[str]:
    """The hashes of a document's events, in its order.

    Args:
        document: What :func:`salus.formats.json_file.parse_json` gave.
        source: The file, for messages.

    Raises:
        BadInput: No such document.
    """
    return [event_hash(found) for found in events_in(document, source)]


def pre_hash(found: Found) -> str:
    """The canonical string of an event, which is hashed as UTF-8.

    Raises:
        BadInput: The event has no type, or nests more deeply than any event.
    """
    kind = found.event.get("type", found.event.get("isA"))
    if not isinstance(kind, str) or not kind:
        raise BadInput("", found.at("type"), "is missing; name the type of event, e.g. ObjectEvent")
    try:
        return _Canon(found.namespaces).event(kind, found.event)
    except RecursionError:
        raise BadInput("", found.path, "is nested too deeply; give a plain event") from None


class _Canon:
    """The canonical string of one event under the prefixes in force."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self.namespaces = namespaces

    def event(self, kind: str, event: Mapping[str, Any]) -> str:
        text = f"eventType={kind}"
        for name in _ORDER:
            if name in event:
                text += self.field(name, event[name])
        rest = []
        for name, value in event.items():
            if name in _PAIRS:
                rest.append(self.pairs(name, value))
            elif name not in _ORDER and name not in _IGNORED:
                rest += self.extension(name, value)
        return text + "".join(sorted(rest))

    # ---- what has its place --------------------------------------------------------------------------------------

    def field(self, name: str, value: Any) -> str:
        """The text of a field of an event that has its place in the order."""
        if name in _PARTS:
            return self.parts(name, _PARTS[name], value)
        if name in _EPCS:
            return self.list_of(name, [f"epc={self.value('epc', entry)}" for entry in _many(value)])
        if name in _QUANTITIES:
            return self.list_of(name, [self.parts("quantityElement", _QUANTITY, entry) for entry in _many(value)])
        if name == "sensorElementList":
            return self.list_of(name, [self.sensor(entry) for entry in _many(value)])
        return self.simple(name, name, value)

    def simple(self, name: str, meaning: str, value: Any) -> str:
        """The texts of one or several values, sorted; ``meaning`` is the field that says how they are written."""
        return "".join(sorted(f"{name}={self.value(meaning, entry)}" for entry in _many(value) if entry != ""))

    def list_of(self, name: str, entries: Sequence[str]) -> str:
        text = "".join(sorted(entries))
        return name + text if text else ""

    def parts(self, name: str, order: Sequence[str], content: Any) -> str:
        """A thing with ordered fields, its extensions behind them; "" when it holds nothing."""
        if not isinstance(content, Mapping):
            return ""
        text = ""
        for part in order:
            if part in content:
                text += self.simple(part, name if part == "type" else part, content[part])
        text += self.extensions(content, order)
        return name + text if text else ""

    def sensor(self, element: Any) -> str:
        if not isinstance(element, Mapping):
            return ""
        text = self.parts("sensorMetadata", _METADATA, element.get("sensorMetadata"))
        text += "".join(
            sorted(self.parts("sensorReport", _REPORT, report) for report in _many(element.get("sensorReport")))
        )
        text += self.extensions(element, ("sensorMetadata", "sensorReport"))
        return "sensorElement" + text if text else ""

    def pairs(self, name: str, entries: Any) -> str:
        inner = _PAIRS[name]
        texts = []
        for entry in _many(entries):
            if isinstance(entry, Mapping):
                kind = f"type={self.value(name, entry['type'])}" if entry.get("type") else ""
                texts.append(f"{kind}{inner}={self.value(inner, entry.get(inner, ''))}")
        return self.list_of(name, texts)

    # ---- extensions and master data ------------------------------------------------------------------------------

    def extensions(self, content: Mapping[str, Any], known: Sequence[str]) -> str:
        rest = [
            text
            for name, value in content.items()
            if name not in known and name not in _IGNORED
            for text in self.extension(name, value)
        ]
        return "".join(sorted(rest))

    def extension(self, name: str, value: Any) -> Iterator[str]:
        """The texts of an extension: one for each entry of a list."""
        for entry in _many(value):
            if isinstance(entry, Mapping):
                inner = _Canon({**self.namespaces, **namespaces_of(entry.get("@context"))})
                texts = [
                    text
                    for key, deeper in entry.items()
                    if key not in ("#text", "@context", "comment", "rdfs:comment") and not key.startswith("@xmlns")
                    for text in inner.extension(key, deeper)
                ]
                own = f"={self.value('', entry['#text'])}" if entry.get("#text") not in (None, "") else ""
                yield self.key(name) + own + "".join(sorted(texts))
            else:
                text = self.value("", entry)
                yield self.key(name) + (f"={text}" if text else "")

    def key(self, name: str) -> str:
        prefix, colon, local = name.partition(":")
        full = expand(f"{prefix}:", "", self.namespaces) if colon else ""
        return name if not colon or full == f"{prefix}:" else f"{{{full}}}{local}"

    # ---- values --------------------------------------------------------------------------------------------------

    def value(self, name: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | Decimal | float):
            return _number(Decimal(str(value)))
        if not isinstance(value, str):
            return "" if value is None else one_line(value, 200)
        text = value.strip()
        lower = name.lower()
        if "time" in lower and "offset" not in lower:
            return _utc(text)
        if _NUMBER.match(text):
            return _number(Decimal(text))
        return canonical(expand(text, name, self.namespaces))


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(value: Decimal) -> str:
    try:
        text = format(value, "f")
    except (InvalidOperation, ValueError):
        return str(value)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.removeprefix("+")


def _utc(text: str) -> str:
    """A time in UTC, to the millisecond, half of one rounded up; what is no such time as it is."""
    if not _TIME.match(text):
        return text
    try:
        moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
        whole, micro = moment.replace(microsecond=0), (moment.microsecond + 500) // 1000 * 1000
        return (whole + dt.timedelta(microseconds=micro)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    except (ValueError, OverflowError):
        return text
