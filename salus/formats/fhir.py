"""What all FHIR readers share: finding resources in a file, validating them, following references, reading dates."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salus.errors import BadInput, one_line
from salus.formats.days import number_of
from salus.formats.json_file import expect_bounded, parse_json, read_text

__all__ = ["Resource", "read_resources"]

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?\Z")


@dataclass(frozen=True)
class Resource:
    """A resource of a file, and where it stands in it.

    Args:
        source: The file's name.
        place: Where in the file, e.g. ``entry[3].resource`` or ``line 2``; empty when it is the whole file.
        json: The resource as read, with exact decimals.
        others: The resources of its Bundle, by full URL and by ``Type/id``.
    """

    source: str
    place: str
    json: dict[str, Any]
    others: Mapping[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    def refuse(self, field: str, fix: str) -> BadInput:
        """The error for a field of this resource; what the fix quotes from the file is kept to one line.

        Args:
            field: The field's path in the resource.
            fix: What is wrong and what to do about it.
        """
        joint = ": " if self.place.startswith("line") else "."
        return BadInput(self.source, f"{self.place}{joint}{field}" if self.place else field, one_line(fix))

    def validate(self, version: str = "R4") -> None:
        """Check the resource against FHIR.

        Args:
            version: ``R4`` or ``R5``.

        Raises:
            BadInput: It does not hold; names the first field that is wrong.
        """
        # That package's own default is R5; for what is read here R4 and R4B are the same.
        if version == "R5":
            from fhir.resources import get_fhir_model_class
        else:
            from fhir.resources.R4B import get_fhir_model_class
        from pydantic import ValidationError

        try:
            null = _null(self.json)
            if null is not None:
                raise self.refuse(null, "is null, which says nothing; leave it out")
            get_fhir_model_class(self.json["resourceType"]).model_validate(self.json)
        except ValidationError as trouble:
            first = trouble.errors(include_url=False, include_input=False)[0]
            raise self.refuse(
                _path(first["loc"]), f"is not FHIR {version} ({_lower(first['msg'])}); correct it"
            ) from None
        except RecursionError:
            raise self.refuse(self.json["resourceType"], "is nested too deeply; give a plain document") from None
        # An unknown type of a contained resource is a KeyError there, other surprises are of these kinds.
        except (ValueError, TypeError, LookupError, AttributeError) as trouble:
            raise self.refuse(
                self.json["resourceType"], f"is not FHIR {version} ({trouble or type(trouble).__name__}); correct it"
            ) from None

    def reference(self, field: str) -> str | None:
        """A key for whom a reference names: equal keys mean the same, across resources and files.

        A literal reference is itself; a logical one is ``system|value``; a contained resource is its identifier when it
        has one, else the fragment's full address (``Claim/1#patient-1``), for "#patient-1" alone means another one in
        each file. None when absent.

        Args:
            field: The field of this resource that holds the reference.

        Raises:
            BadInput: It names nothing, or a contained resource that is not there.
        """
        value = self.json.get(field)
        if value is None:
            return None
        literal = value.get("reference")
        if literal is None:
            identifier = value.get("identifier") or {}
            if not identifier.get("value"):
                raise self.refuse(field, "names nobody; give a reference or an identifier")
            return _identity(identifier)
        return self._contained(literal, field) if literal.startswith("#") else str(literal)

    def _contained(self, literal: str, field: str) -> str:
        """The key of a contained resource, see :meth:`reference`."""
        contained = self._inside(literal)
        if contained is None:
            raise self.refuse(f"{field}.reference", f"is {literal}, which is not contained; contain it or name another")
        identifier = next((i for i in _list(contained.get("identifier")) if i.get("value")), None)
        if identifier:
            return _identity(identifier)
        return f"{self.json['resourceType']}/{self.json.get('id', '')}{literal}"

    def _inside(self, literal: str) -> dict[str, Any] | None:
        """The contained resource that a fragment such as ``#patient-1`` names."""
        return next((found for found in self.json.get("contained", ()) if found.get("id") == literal[1:]), None)

    def follow(self, literal: str) -> dict[str, Any] | None:
        """The resource that a literal reference names: contained, or beside this one in its Bundle; None when
        neither.

        Args:
            literal: ``#id`` of a contained resource, or a full URL or ``Type/id`` of one in the Bundle.
        """
        return self._inside(literal) if literal.startswith("#") else self.others.get(literal)

    def day(self, text: Any, field: str) -> int:
        """Days since 1970-01-01 of a date or the date part of a dateTime, as written: no time zone moves it.

        Args:
            text: The value, e.g. ``2026-01-05`` or ``2026-01-05T06:00:00Z``.
            field: The field that it is from, for messages.

        Raises:
            BadInput: Not a full date, not in the calendar, or before 1970.
        """
        if not isinstance(text, str) or not _FULL_DATE.match(text):
            raise self.refuse(field, f"is {text!r}; give a full date, YYYY-MM-DD")
        try:
            day = number_of(dt.date.fromisoformat(text[:10]))
        except ValueError:
            raise self.refuse(field, f"is {text!r}, which is no day; give a date of the calendar") from None
        if day < 0:
            raise self.refuse(field, f"is {text[:10]}; give a date from 1970 on")
        return day


def read_resources(path: str | Path, kind: str) -> list[Resource]:
    """The resources of one type in a file: a single resource, newline-delimited JSON or a Bundle.

    Other resources of a Bundle are what the wanted ones refer to, and passed over; elsewhere another type is a mistake.

    Args:
        path: The file; `.ndjson` and `.jsonl` are newline-delimited, as is any other whose first line is a whole
            object.
        kind: The resource type, e.g. ``Claim``.

    Returns:
        At least one, not yet validated, in the order of the file.

    Raises:
        BadInput: Unreadable, not JSON, not FHIR, another resource, or none of the kind.
    """
    source = str(path)
    text = read_text(path)
    if not text.strip():
        raise BadInput(source, "file", f"is empty; give a FHIR {kind}")
    if Path(path).suffix.lower() in (".ndjson", ".jsonl") or _is_lines(text):
        expect_bounded(text, source)
        lines = [
            Resource(source, f"line {n}", _resource(parse_json(line, source, n), source, f"line {n}"))
            for n, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
        for found in lines:
            _expect(found, kind)
        return lines
    document = _resource(parse_json(text, source), source, "file")
    if document["resourceType"] != "Bundle":
        single = Resource(source, "", document)
        _expect(single, kind, " or a Bundle of them")
        return [single]
    return _bundle(document, source, kind)


def _bundle(document: dict[str, Any], source: str, kind: str) -> list[Resource]:
    entries = document.get("entry", [])
    if not isinstance(entries, list):
        raise BadInput(source, "Bundle.entry", "is no list; give a FHIR Bundle")
    found = []
    others: dict[str, dict[str, Any]] = {}
    for n, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise BadInput(source, f"entry[{n}]", "is no object; give a FHIR Bundle")
        if "resource" not in entry:
            continue
        place = f"entry[{n}].resource"
        resource = Resource(source, place, _resource(entry["resource"], source, place), others)
        for name in (entry.get("fullUrl"), f"{resource.json['resourceType']}/{resource.json.get('id', '')}"):
            if isinstance(name, str):
                others.setdefault(name, resource.json)
        if resource.json["resourceType"] == "Bundle":
            raise BadInput(source, place, "is a Bundle inside a Bundle; give it in a file of its own")
        if resource.json["resourceType"] == kind:
            found.append(resource)
    if not found:
        raise BadInput(source, "Bundle.entry", f"holds no {kind}; give a Bundle with at least one")
    return found


def _is_lines(text: str) -> bool:
    first, newline, rest = text.partition("\n")
    # A pretty-printed document's first line is "{"; a whole object followed by another one is a list of lines.
    return bool(newline and rest.strip()) and first.strip().startswith("{") and first.strip().endswith("}")


def _resource(value: Any, source: str, place: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise BadInput(
            source,
            f"{place}: resourceType" if place != "file" else "resourceType",
            "is missing; give a FHIR R4 resource in JSON",
        )
    return value


def _expect(found: Resource, kind: str, more: str = "") -> None:
    if found.json["resourceType"] != kind:
        raise found.refuse("resourceType", f"is {found.json['resourceType'][:40]!r}; give a {kind}{more}")


def _identity(identifier: Mapping[str, Any]) -> str:
    return f"{identifier.get('system', '')}|{identifier['value']}"


def _list(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value]
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _null(value: Any, path: str = "") -> str | None:
    """Where a null stands first; FHIR has none in objects, and where a list may hold one it is of no use here."""
    if value is None:
        return path
    if isinstance(value, dict):
        parts = ((item, f"{path}.{key}" if path else str(key)) for key, item in value.items())
    elif isinstance(value, list):
        parts = ((item, f"{path}[{n}]") for n, item in enumerate(value))
    else:
        return None
    return next((found for item, inner in parts if (found := _null(item, inner)) is not None), None)


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in (step for step in location if step != "root"):
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path or "resource"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].splitlines()[0] if message else "invalid"
