"""Strict reading of JSON files that strangers wrote: exact numbers, no doubled keys, bounded size."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from pathlib import Path
from typing import Any, TextIO

from salus.errors import BadInput

__all__ = [
    "MAX_BYTES",
    "MAX_PARTS",
    "MAX_VALUES",
    "add",
    "create_new",
    "dump_json",
    "expect_bounded",
    "expect_kind",
    "multiply",
    "parse_json",
    "parse_several",
    "read_bytes",
    "read_text",
    "smallest_units",
    "write_new",
    "write_several",
]

#: Largest file that is read, in bytes.
MAX_BYTES = 64 * 1024 * 1024

#: Most objects and lists in a JSON file, and most commas.
MAX_PARTS, MAX_VALUES = 1_000_000, 5_000_000

# Numbers with more characters are an attack or a mistake, never an amount; the bound also keeps arithmetic small.
_MAX_NUMBER = 60
_MAX_EXPONENT = 60

# Wide enough for every product of three accepted numbers; whatever would be rounded all the same raises.
_EXACT = Context(prec=600, traps=[Inexact, InvalidOperation, Overflow])


class _Refused(ValueError):
    """What is wrong inside a JSON text, raised from the decoder's hooks."""


def read_bytes(path: str | Path) -> bytes:
    """The content of a file of at most :data:`MAX_BYTES`.

    Args:
        path: The file.

    Raises:
        BadInput: It cannot be read, or is too large.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as trouble:
        raise BadInput(str(path), "file", f"cannot be read ({trouble.strerror}); name a readable file") from None
    if len(content) > MAX_BYTES:
        raise BadInput(str(path), "file", f"is larger than {MAX_BYTES // 2**20} MiB; split it")
    return content


def read_text(path: str | Path) -> str:
    """The content of a UTF-8 file, without a byte order mark.

    Args:
        path: The file.

    Raises:
        BadInput: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as trouble:
        raise BadInput(str(path), f"byte {trouble.start}", "is not UTF-8; save the file as UTF-8") from None


def create_new(path: str | os.PathLike[str]) -> TextIO:
    """Open a file that is not there yet, for text; its owner alone can read it, whatever the umask is.

    What is written here links a patient to an institution, or may: orders, claims' answers, documents.

    Args:
        path: The file.

    Raises:
        OSError: It is there, also as a link, or cannot be made.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    return os.fdopen(handle, "w", encoding="utf-8")


def write_new(path: str | os.PathLike[str], text: str) -> None:
    """Write a file that is not there yet, which its owner alone can read.

    Args:
        path: The file.
        text: Its content, written as UTF-8.

    Raises:
        BadInput: It is there, or cannot be written.
    """
    try:
        with create_new(path) as stream:
            stream.write(text)
    except FileExistsError:
        raise BadInput(path, "", "is there already; name another file") from None
    except OSError as trouble:
        raise BadInput(path, "", f"cannot be written: {trouble.strerror}") from None


def parse_json(text: str, source: str, line: int | None = None) -> Any:
    """The value of a JSON text, with decimals exact (:class:`~decimal.Decimal`).

    Args:
        text: The JSON.
        source: The file's name, for messages.
        line: The line that `text` is in the file, for newline-delimited JSON.

    Raises:
        BadInput: It is not JSON, a key stands twice in an object, a number is NaN, infinite or absurdly long; or it has
            more objects, lists and values than :func:`expect_bounded` allows.
    """
    expect_bounded(text, source)
    try:
        return json.loads(
            text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError as trouble:
        where = f"line {line or trouble.lineno}, column {trouble.colno}"
        raise BadInput(source, where, f"is not JSON ({trouble.msg}); give a complete JSON document") from None
    except _Refused as trouble:
        raise BadInput(source, "JSON" if line is None else f"line {line}", str(trouble)) from None
    except RecursionError:
        raise BadInput(source, "JSON", "is nested too deeply; give a plain document") from None


def expect_kind(found: Any, kind: str, source: str, hint: str, where: str = "") -> None:
    """Check that a document is of a kind of Salus, and of the version that is read.

    Args:
        found: The document, parsed.
        kind: What its field ``salus`` must say.
        source: Its file, for messages.
        hint: What to say of another document: that it is none, and what makes one.
        where: Where in the file it is, for messages; with a dot at its end.

    Raises:
        BadInput: It is no such document, or of another version.
    """
    if not isinstance(found, dict) or found.get("salus") != kind:
        raise BadInput(source, where.rstrip("."), hint)
    if found.get("version") != 1:
        raise BadInput(source, where + "version", f"is {found.get('version')!r}; this version of Salus reads 1")


def parse_several(text: str, source: str, what: str) -> list[tuple[str, Any]]:
    """The documents of a JSON text that holds one, or a list of them; each with what goes before its fields' names in
    messages: nothing, or ``[2].``

    Args:
        text: The JSON.
        source: The file's name, for messages.
        what: What a document is, for messages.

    Raises:
        BadInput: As :func:`parse_json`, or the list is empty.
    """
    found = parse_json(text, source)
    if not isinstance(found, list):
        return [("", found)]
    if not found:
        raise BadInput(source, "", f"holds no {what}")
    return [(f"[{n}].", document) for n, document in enumerate(found)]


def write_several(path: str | os.PathLike[str], documents: Sequence[Any]) -> None:
    """Write documents to a file that is not there yet, which its owner alone can read: one as itself, several as a
    list.

    Args:
        path: The file.
        documents: Anything that JSON can hold.

    Raises:
        BadInput: It is there, or cannot be written.
    """
    write_new(path, dump_json(documents[0] if len(documents) == 1 else documents))


def expect_bounded(text: str, source: str) -> None:
    """Check that a JSON text is not made of very many tiny parts: reading them takes far longer than their bytes say.

    The signs are counted, in strings too, so that this takes no longer than a look at the text.

    Args:
        text: The JSON.
        source: The file's name, for messages.

    Raises:
        BadInput: It has more than a million objects and lists, or five million values.
    """
    parts, values = text.count("{") + text.count("["), text.count(",")
    if parts > MAX_PARTS or values > MAX_VALUES:
        what = f"{parts:,} objects and lists" if parts > MAX_PARTS else f"{values:,} values"
        raise BadInput(source, "file", f"has {what}, more than are read at once; split it")


def dump_json(value: Any, indent: int = 2) -> str:
    """A value as JSON text with a final line end; decimals are written digit by digit, in ASCII only.

    Args:
        value: Anything that JSON can hold, decimals included.
        indent: Blanks for each level.
    """
    # json itself could only write a float, which would round.
    return _dumped(value, "\n", " " * indent) + "\n"


def _dumped(value: Any, newline: str, indent: str) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    deeper = newline + indent
    if isinstance(value, dict) and value:
        parts = (f"{json.dumps(str(key))}: {_dumped(item, deeper, indent)}" for key, item in value.items())
        return "{" + deeper + f",{deeper}".join(parts) + newline + "}"
    if isinstance(value, list | tuple) and value:
        return "[" + deeper + f",{deeper}".join(_dumped(item, deeper, indent) for item in value) + newline + "]"
    return json.dumps(value)


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_NUMBER:
        raise _Refused(f"holds the number {_shown(text)} of {len(text)} characters; write at most {_MAX_NUMBER}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise _Refused(f"holds the number {_shown(text)}; write a plain decimal") from None
    # The sign and the digits are few now; the exponent may still be astronomic ("1e999999").
    if abs(value.adjusted()) > _MAX_EXPONENT:
        raise _Refused(f"holds the number {_shown(text)}; write a plain decimal")
    return value


def _integer(text: str) -> int:
    if len(text) > _MAX_NUMBER:
        raise _Refused(f"holds the number {_shown(text)} of {len(text)} characters; write at most {_MAX_NUMBER}")
    return int(text)


def _constant(text: str) -> Any:
    raise _Refused(f"holds {text}, which is no JSON number; write a plain decimal")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"holds the key {_shown(key)!r} twice in one object; keep one")
        found[key] = value
    return found


# ---------------------------------------------------------------------------------------------------- exact arithmetic


def add(values: Iterator[Decimal] | tuple[Decimal, ...] | list[Decimal]) -> Decimal:
    """The exact sum.

    Args:
        values: Numbers that were accepted by :func:`parse_json`.
    """
    with localcontext(_EXACT):
        return sum(values, Decimal(0))


def multiply(*factors: Decimal) -> Decimal:
    """The exact product of at most three accepted numbers."""
    product = Decimal(1)
    with localcontext(_EXACT):
        for factor in factors:
            product *= factor
    return product


def smallest_units(value: Decimal, decimals: int, *, source: str, field: str) -> int:
    """An amount in a token's smallest units.

    Args:
        value: At least 0, e.g. ``Decimal("12.50")``.
        decimals: The token's decimals: ``12.50`` with 6 is 12,500,000.
        source: The file that it is from, for messages.
        field: The field that it is from, for messages.

    Returns:
        The amount, below 2**96.

    Raises:
        BadInput: Not finite, negative, more decimals than the token has, or beyond 96 bits.
    """
    if not value.is_finite() or (value.is_signed() and value != 0):
        raise BadInput(source, field, f"is {value}; give an amount of 0 or more")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # finite
    # Before any power of ten is built: an exponent of a billion would fill the memory.
    if abs(exponent) > 4 * _MAX_EXPONENT:
        raise BadInput(source, field, "is out of every range; give an amount as a plain decimal")
    number = int("".join(map(str, digits)))
    shift = exponent + decimals
    if shift >= 0:
        units: int = number * 10**shift
    else:
        units, rest = divmod(number, 10**-shift)
        if rest:
            raise BadInput(source, field, f"is {value:f}; the token has {decimals} decimals, give no more")
    if units >= 2**96:
        raise BadInput(source, field, f"is {value:f}; the contracts hold amounts below 2^96 units, give a smaller one")
    return units
