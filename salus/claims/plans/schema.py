"""Whether a plan file is what ``salus/claims/plans/plan.schema.json`` says; each difference as one line with place,
value and fix.

The schema is JSON Schema draft 2020-12, for editors and other programs too; the titles in it are what the messages
offer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from salus.errors import BadInput, one_line

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

__all__ = ["differences", "place", "schema"]


@cache
def schema() -> Any:
    """The schema; do not change what you get."""
    return json.loads(files("salus.claims.plans").joinpath("plan.schema.json").read_text(encoding="utf-8"))


def differences(document: Any, source: str) -> list[BadInput]:
    """What of a document is not as the schema says, in the order of the document.

    Args:
        document: From :func:`salus.formats.json_file.parse_json`: decimals are exact.
        source: The file, for messages.
    """
    found = dict.fromkeys(
        (tuple(path), fix) for error in _validator().iter_errors(document) for path, fix in _told(error)
    )
    return [BadInput(source, place(path), fix) for path, fix in found]


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def whole(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
        # As in ECMAScript, where $ is the very end: Python's would pass a last line feed.
        if isinstance(value, str) and not re.fullmatch(pattern, value):
            yield ValidationError("another text")

    validator: Validator = extend(Draft202012Validator, {"pattern": whole})(schema())  # type: ignore[no-untyped-call]
    return validator


def _told(error: ValidationError) -> Iterator[tuple[list[str | int], str]]:
    """The place and the fix of an error of the library; of several names one each."""
    value: Any = error.instance
    path, rule = list(error.absolute_path), error.schema
    assert isinstance(rule, dict)
    known = rule.get("properties", {})
    if error.validator == "required":
        for name in rule["required"]:
            if name not in value:
                yield [*path, name], f"is missing; give {_title(known[name])}"
    elif error.validator == "additionalProperties":
        for name in value:
            if name not in known:
                near = get_close_matches(name, known, 1)
                fix = (
                    f"did you mean {near[0]}?"
                    if near
                    else "remove it; the schema is salus/claims/plans/plan.schema.json"
                )
                yield [*path, one_line(name, 40)], f"is unknown; {fix}"
    elif "propertyNames" in error.absolute_schema_path:
        yield [*path, one_line(value, 40)], f"is a name that cannot be; give {_title(rule)}"
    else:
        # What is secret is not shown, were it only almost right.
        shown = "not as it must be" if rule.get("writeOnly") else _shown(value)
        yield path, f"is {shown}; give {_title(rule)}"


def _title(rule: dict[str, Any]) -> str:
    if "title" in rule:
        return str(rule["title"])
    return _title(schema()["$defs"][rule["$ref"].rpartition("/")[2]])


def _shown(value: Any) -> str:
    from salus.formats.json_file import dump_json

    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return one_line(dump_json(value), 60)


def place(path: Sequence[str | int]) -> str:
    """A place in a document: ``prices[3].allowed``; ``file`` for the whole."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "file"
