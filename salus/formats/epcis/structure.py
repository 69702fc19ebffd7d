"""The structure of EPCIS 2.0 documents: what is missing, unknown or of the wrong kind, each with its JSON path.

This is no JSON Schema: it says in one line what is wrong and where. It looks at what GS1's schema looks at for events
(fields, types, actions, vocabularies, required identifiers), and at master data's names beyond it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from salus.errors import BadInput, one_line
from salus.formats.epcis import vocabulary as words
from salus.formats.epcis.events import Found, events_in

__all__ = ["check", "problems"]

Problem = tuple[str, str]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+\Z")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})\Z")
_OFFSET = re.compile(r"(Z|[+-](0\d|1[0-4]):[0-5]\d)\Z")
_UNIT = re.compile(r"[A-Z0-9]{2,3}\Z")
_HEX = re.compile(r"[0-9A-Fa-f]+\Z")

# Which lists an event may have to say what it is about; one of them must be there.
_ABOUT: Mapping[str, tuple[str, ...]] = {
    "ObjectEvent": ("epcList", "quantityList"),
    "AggregationEvent": ("parentID", "childEPCs", "childQuantityList"),
    "AssociationEvent": ("parentID", "childEPCs", "childQuantityList"),
    "TransactionEvent": ("parentID", "epcList", "quantityList"),
    "TransformationEvent": ("inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList"),
}
_COMMON = frozenset(
    "type @context eventID eventTime recordTime eventTimeZoneOffset certificationInfo errorDeclaration bizStep"
    " disposition persistentDisposition readPoint bizLocation bizTransactionList sourceList destinationList"
    " sensorElementList".split()
)
_OF_TYPE: Mapping[str, frozenset[str]] = {
    "ObjectEvent": frozenset({"action", "epcList", "quantityList", "ilmd"}),
    "AggregationEvent": frozenset({"action", "parentID", "childEPCs", "childQuantityList"}),
    "AssociationEvent": frozenset({"action", "parentID", "childEPCs", "childQuantityList"}),
    "TransactionEvent": frozenset({"action", "parentID", "epcList", "quantityList"}),
    "TransformationEvent": frozenset(
        {"inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList", "transformationID", "ilmd"}
    ),
}
_SENSOR_URIS = (
    "deviceID deviceMetadata rawData dataProcessingMethod bizRules microorganism chemicalSubstance"
    " coordinateReferenceSystem uriValue".split()
)
_SENSOR_NUMBERS = "value minValue maxValue meanValue sDev percRank percValue".split()


def check(document: Any, source: str = "") -> None:
    """Make sure that a document is EPCIS 2.0.

    Args:
        document: What :func:`salus.formats.json_file.parse_json` gave.
        source: The file, for the message.

    Raises:
        BadInput: The first problem, with its JSON path.
    """
    for path, fix in problems(document, source):
        raise BadInput(source, path, fix)


def problems(document: Any, source: str = "") -> Iterator[Problem]:
    """All problems of a document: JSON path, and what is wrong.

    Raises:
        BadInput: It is no document of events at all.
    """
    if isinstance(document, dict):
        if "@context" not in document:
            yield "@context", f"is missing; give {words.CONTEXT}"
        if document.get("type") in ("EPCISDocument", "EPCISQueryDocument"):
            yield from _optional(document, "", "creationDate", _time, required=True)
            version = document.get("schemaVersion")
            if not isinstance(version, str) or not re.fullmatch(r"\d+(\.\d+)*", version):
                yield "schemaVersion", f"is {one_line(version, 40)!r}; give 2.0"
    for found in events_in(document, source):
        yield from _event(found)


def _event(found: Found) -> Iterator[Problem]:
    kind = found.event.get("type")
    if not isinstance(kind, str) or (kind not in words.EVENT_TYPES and ":" not in kind):
        yield found.at("type"), f"is {one_line(kind, 40)!r}; give one of {', '.join(sorted(words.EVENT_TYPES))}"
        return
    yield from _when(found)
    yield from _certificates(found)
    if kind in words.EVENT_TYPES:
        yield from _what(found, kind)
    yield from _optional(found.event, found.path, "bizStep", _word(words.BIZ_STEPS))
    yield from _optional(found.event, found.path, "disposition", _word(words.DISPOSITIONS))
    yield from _persistent(found)
    yield from _places(found)
    yield from _pairs(found, "bizTransactionList", "bizTransaction", words.BIZ_TRANSACTIONS, typed=False)
    yield from _pairs(found, "sourceList", "source", words.SOURCES, typed=True)
    yield from _pairs(found, "destinationList", "destination", words.SOURCES, typed=True)
    for n, element in _entries(found.event, "sensorElementList"):
        yield from _sensor(element, found.at("sensorElementList", n))
    yield from _error_declaration(found)


def _when(found: Found) -> Iterator[Problem]:
    event, path = found.event, found.path
    yield from _optional(event, path, "eventTime", _time, required=True)
    yield from _optional(event, path, "recordTime", _time)
    yield from _optional(event, path, "eventTimeZoneOffset", _offset, required=True)
    yield from _optional(event, path, "eventID", _uri)


def _certificates(found: Found) -> Iterator[Problem]:
    certificates = found.event.get("certificationInfo", [])
    for n, entry in enumerate(certificates if isinstance(certificates, list) else [certificates]):
        yield from _judged(entry, found.at("certificationInfo", n), _uri)


def _places(found: Found) -> Iterator[Problem]:
    for name in ("readPoint", "bizLocation"):
        if name not in found.event:
            continue
        place = found.event[name]
        if isinstance(place, dict):
            yield from _optional(place, found.at(name), "id", _uri, required=True)
        else:
            yield found.at(name), 'is no object; give {"id": URI}'


def _error_declaration(found: Found) -> Iterator[Problem]:
    declaration = found.event.get("errorDeclaration")
    if declaration is None:
        return
    where = found.at("errorDeclaration")
    if isinstance(declaration, dict):
        yield from _optional(declaration, where, "declarationTime", _time, required=True)
        yield from _optional(declaration, where, "reason", _word(words.ERROR_REASONS))
    else:
        yield where, "is no object"


# ------------------------------------------------------------------------------------------------- what it is about


def _what(found: Found, kind: str) -> Iterator[Problem]:
    yield from _unknown_fields(found, kind)
    if kind != "TransformationEvent":
        yield from _optional(found.event, found.path, "action", _one_of(words.ACTIONS), required=True)
    yield from _missing_subject(found, kind)
    yield from _things(found)
    for name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"):
        for n, entry in _entries(found.event, name):
            yield from _quantity(entry, found.at(name, n))
    if "ilmd" in found.event:
        yield from _master_data(found, kind)


def _unknown_fields(found: Found, kind: str) -> Iterator[Problem]:
    for name in found.event:
        if name not in _COMMON and name not in _OF_TYPE[kind] and ":" not in name:
            yield found.at(name), f"is no field of {kind}; an extension needs a prefix"


def _missing_subject(found: Found, kind: str) -> Iterator[Problem]:
    event = found.event
    # A sensor may also report on a place alone.
    on_place = kind == "ObjectEvent" and event.get("sensorElementList") and event.get("readPoint")
    if not any(name in event for name in _ABOUT[kind]) and not on_place:
        yield found.path, f"says not what it is about; give one of {', '.join(_ABOUT[kind])}"
    if kind == "TransactionEvent" and not event.get("bizTransactionList"):
        yield found.at("bizTransactionList"), "is missing; name the business transaction"
    holds = kind in ("AggregationEvent", "AssociationEvent")
    if holds and "parentID" not in event and event.get("action") != "OBSERVE":
        yield found.at("parentID"), "is missing; name what contains or carries the others"


def _things(found: Found) -> Iterator[Problem]:
    yield from _optional(found.event, found.path, "parentID", _uri)
    yield from _optional(found.event, found.path, "transformationID", _uri)
    for name in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        for n, epc in _entries(found.event, name):
            yield from _judged(epc, found.at(name, n), _uri)


def _quantity(entry: Any, where: str) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        yield where, "is no object; give epcClass and quantity"
        return
    yield from _optional(entry, where, "epcClass", _uri, required=True)
    yield from _optional(entry, where, "quantity", _number)
    yield from _optional(entry, where, "uom", _unit)
    for extra in entry.keys() - {"epcClass", "quantity", "uom"}:
        yield f"{where}.{extra}", "is no field of a quantity; give epcClass, quantity, uom"


def _master_data(found: Found, kind: str) -> Iterator[Problem]:
    if kind == "ObjectEvent" and found.event.get("action") != "ADD":
        yield found.at("ilmd"), "is master data, which only an event of action ADD has"
    data = found.event["ilmd"]
    for name in data if isinstance(data, dict) else ():
        if ":" not in name and not name.startswith("@"):
            yield found.at("ilmd", name), "has no prefix; write e.g. cbvmda:lotNumber"


# ------------------------------------------------------------------------------------------------------- its context


def _persistent(found: Found) -> Iterator[Problem]:
    content = found.event.get("persistentDisposition")
    if content is None:
        return
    if not isinstance(content, dict) or not content or content.keys() - {"set", "unset"}:
        yield found.at("persistentDisposition"), "is not as it must be; give set, unset or both"
        return
    for name, entries in content.items():
        for n, entry in enumerate(entries if isinstance(entries, list) else [entries]):
            yield from _judged(entry, found.at("persistentDisposition", name, n), _word(words.DISPOSITIONS))


def _pairs(found: Found, name: str, inner: str, known: frozenset[str], *, typed: bool) -> Iterator[Problem]:
    for n, entry in _entries(found.event, name):
        where = found.at(name, n)
        if not isinstance(entry, dict):
            yield where, f"is no object; give type and {inner}"
            continue
        yield from _optional(entry, where, inner, _uri, required=True)
        yield from _optional(entry, where, "type", _word(known), required=typed)
        for extra in entry.keys() - {inner, "type"}:
            yield f"{where}.{extra}", f"is no field here; give type and {inner}"


def _sensor(element: Any, where: str) -> Iterator[Problem]:
    reports = element.get("sensorReport") if isinstance(element, dict) else None
    if not isinstance(reports, list) or not reports:
        yield f"{where}.sensorReport", "is missing or empty; give what was measured"
        return
    yield from _sensor_metadata(element.get("sensorMetadata", {}), f"{where}.sensorMetadata")
    for n, report in enumerate(reports):
        yield from _sensor_report(report, f"{where}.sensorReport[{n}]")


def _sensor_metadata(metadata: Any, where: str) -> Iterator[Problem]:
    if not isinstance(metadata, dict):
        yield where, "is no object"
        return
    for name in ("time", "startTime", "endTime"):
        yield from _optional(metadata, where, name, _time)
    for name in ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"):
        yield from _optional(metadata, where, name, _uri)


def _sensor_report(report: Any, where: str) -> Iterator[Problem]:
    if not isinstance(report, dict):
        yield where, "is no object"
        return
    if not isinstance(report.get("type", report.get("exception")), str):
        yield f"{where}.type", "is missing; say what was measured, e.g. Temperature"
    yield from _optional(report, where, "exception", _word(words.SENSOR_ALERTS))
    yield from _optional(report, where, "time", _time)
    for name in _SENSOR_URIS:
        yield from _optional(report, where, name, _uri)
    for name in _SENSOR_NUMBERS:
        yield from _optional(report, where, name, _number)
    yield from _optional(report, where, "hexBinaryValue", _hex)


# ---------------------------------------------------------------------------------------------------- kinds of values

Kind = Callable[[Any], Any]


def _entries(event: Mapping[str, Any], name: str) -> Iterator[tuple[int, Any]]:
    value = event.get(name, [])
    # What is no list at all is checked as one entry, so that the problem is reported there.
    yield from enumerate(value if isinstance(value, list) else [value])


def _optional(
    holder: Mapping[str, Any], path: str, name: str, kind: Kind, *, required: bool = False
) -> Iterator[Problem]:
    where = f"{path}.{name}" if path else name
    if name in holder:
        yield from _judged(holder[name], where, kind)
    elif required:
        yield where, f"is missing; give {_due(kind)}"


def _judged(value: Any, where: str, kind: Kind) -> Iterator[Problem]:
    if not kind(value):
        yield where, f"is {one_line(value, 40)!r}; give {_due(kind)}"


def _due(kind: Kind) -> str:
    """What must be given instead: the kind's docstring."""
    return kind.__doc__ or "another value"


def _time(value: Any) -> bool:
    "a time with an offset, e.g. 2026-01-05T06:00:00Z"
    if not isinstance(value, str) or not _TIME.match(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _offset(value: Any) -> bool:
    "an offset, e.g. +02:00"
    return isinstance(value, str) and bool(_OFFSET.match(value))


def _uri(value: Any) -> bool:
    "a URI"
    return isinstance(value, str) and bool(_URI.match(value))


def _number(value: Any) -> bool:
    "a number"
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def _hex(value: Any) -> bool:
    "hex digits"
    return isinstance(value, str) and bool(_HEX.match(value))


def _unit(value: Any) -> bool:
    "a unit of UN/CEFACT, e.g. KGM"
    return isinstance(value, str) and bool(_UNIT.match(value))


def _one_of(known: frozenset[str]) -> Kind:
    def kind(value: Any) -> bool:
        return isinstance(value, str) and value in known

    kind.__doc__ = f"one of {', '.join(sorted(known))}"
    return kind


def _word(known: frozenset[str]) -> Kind:
    def kind(value: Any) -> bool:
        # A short form must be a word of the standard; a URI may be anybody's.
        return isinstance(value, str) and (value in known if ":" not in value else bool(_URI.match(value)))

    few = ", ".join(sorted(known)) if len(known) < 6 else "a word of CBV 2.0"
    kind.__doc__ = f"{few}, or a URI"
    return kind
