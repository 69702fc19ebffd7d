"""The events of an EPCIS 2.0 document, a query document, a bare event or a bare list, each with its JSON path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from salus.errors import BadInput, one_line
from salus.formats.epcis.vocabulary import EVENT_TYPES

__all__ = ["MAX_EVENTS", "Found", "events_in", "namespaces_of"]

#: Most events that are read from one document.
MAX_EVENTS = 100_000


@dataclass(frozen=True)
class Found:
    """An event as it stands in a document.

    Args:
        path: Its JSON path, e.g. ``epcisBody.eventList[0]``; "" for a bare event.
        event: Its fields.
        namespaces: The prefixes in force there, of the document and its own.
    """

    path: str
    event: Mapping[str, Any]
    namespaces: Mapping[str, str]

    def at(self, *steps: str | int) -> str:
        """The path of something in the event."""
        text = self.path
        for step in steps:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text


def events_in(document: Any, source: str) -> Iterator[Found]:
    """The events of a parsed document, in its order.

    Args:
        document: What :func:`salus.formats.json_file.parse_json` gave.
        source: The file, for messages.

    Raises:
        BadInput: No such document; names the JSON path.
    """
    outer: Mapping[str, str] = {}
    if isinstance(document, list):
        path, entries = "", document
    elif not isinstance(document, dict):
        raise BadInput(source, "JSON", "is neither an object nor a list; give an EPCIS 2.0 document")
    else:
        outer = namespaces_of(document.get("@context"))
        path, entries = _body(document, source)
    if not isinstance(entries, list):
        raise BadInput(source, path, "is no list of events; give an EPCIS 2.0 document")
    if len(entries) > MAX_EVENTS:
        raise BadInput(source, path, f"holds {len(entries):,} events; {MAX_EVENTS:,} are the most, split it")
    for n, event in enumerate(entries):
        where = path.removesuffix("[]") if path.endswith("[]") else f"{path}[{n}]"
        if not isinstance(event, dict):
            raise BadInput(source, where, f"is {one_line(event, 40)!r}, no event; give an EPCIS 2.0 event")
        yield Found(where, event, {**outer, **namespaces_of(event.get("@context"))})


def _body(document: Mapping[str, Any], source: str) -> tuple[str, Any]:
    """The path and the value of a document's list of events; a path that ends with ``[]`` is of a lone event."""
    kind = document.get("type", document.get("isA"))
    # An extension's own type of event is written with a prefix.
    if kind in EVENT_TYPES or (isinstance(kind, str) and ":" in kind and "epcisBody" not in document):
        return "[]", [document]
    if kind not in ("EPCISDocument", "EPCISQueryDocument"):
        raise BadInput(source, "type", f"is {one_line(kind, 40)!r}; give an EPCISDocument or an event")
    body = document.get("epcisBody")
    if not isinstance(body, dict):
        raise BadInput(source, "epcisBody", "is missing or no object; give an EPCIS 2.0 document")
    if "eventList" in body:
        return "epcisBody.eventList", body["eventList"]
    if "event" in body:
        return "epcisBody.event[]", [body["event"]]
    return _query_results(body, source)


def _query_results(body: Any, source: str) -> tuple[str, Any]:
    path = "epcisBody"
    for name in ("queryResults", "resultsBody", "eventList"):
        path += f".{name}"
        body = body.get(name) if isinstance(body, dict) else None
    if body is None:
        raise BadInput(source, "epcisBody", "holds neither eventList nor queryResults; give an EPCIS 2.0 document")
    return path, body


def namespaces_of(context: Any) -> dict[str, str]:
    """The prefixes that a JSON-LD context defines itself; what it refers to is not fetched."""
    found: dict[str, str] = {}
    for entry in context if isinstance(context, list) else [context]:
        if isinstance(entry, dict):
            found.update({key: uri for key, uri in entry.items() if isinstance(uri, str) and not key.startswith("@")})
    return found
