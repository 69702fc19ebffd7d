"""Arguments of calls as contracts take them, some ten times faster than eth-abi.

Only what is plainly of its type is encoded here. Anything else raises :class:`Unfit`; then eth-abi encodes it, which
takes more kinds of values and explains what it does not take. A test compares every byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

__all__ = ["Unfit", "encoder"]

Encode = Callable[[Any], bytes]
_ZEROS = bytes(32)
_LIST = re.compile(r"(.+)\[(\d*)\]").fullmatch
_SINGLE = re.compile(r"(address|bool|uint|int|bytes|string)(\d*)").fullmatch
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch  # no more is asked of its letters by eth-abi


class Unfit(Exception):
    """A value that is not plainly of its type, or a type that is not known here."""


@cache
def encoder(types: tuple[str, ...]) -> Encode:
    """A function that encodes a row of values.

    Args:
        types: The values' canonical types, as in a function's signature, e.g. ``("address", "(uint8,bytes)[]")``.

    Returns:
        A function of a list or tuple of values that gives the encoded bytes, without a selector.

    Raises:
        Unfit: A type is unknown. The function raises it where a value is not plainly of its type.
    """
    return _row([_part(kind) for kind in types])


# A part: how many bytes it takes in the head of a row, 0 where it has another length each time; and its function.
_Part = tuple[int, Encode]


def _part(kind: str) -> _Part:
    """What encodes a type."""
    if match := _LIST(kind):
        return _list(_part(match[1]), int(match[2]) if match[2] else None)
    if kind.startswith("(") and kind.endswith(")"):
        parts = [_part(component) for component in _components(kind[1:-1])]
        return (sum(width for width, _ in parts) if all(width for width, _ in parts) else 0), _row(parts)
    if (match := _SINGLE(kind)) is None:
        raise Unfit
    return _single(match[1], int(match[2] or 0))


def _components(inner: str) -> list[str]:
    """The types between the brackets of a struct's."""
    found, depth, start = [], 0, 0
    for at, sign in enumerate(inner):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            found.append(inner[start:at])
            start = at + 1
    return [*found, inner[start:]]


def _single(base: str, sub: int) -> _Part:
    if base == "address":
        return 32, _address
    if base == "bool":
        return 32, _bool
    if base in ("uint", "int") and sub:
        return 32, _whole(sub, signed=base == "int")
    if base == "bytes":
        return (32, _fixed(sub)) if sub else (0, _bytes)
    if base == "string":
        return 0, _string
    raise Unfit


def _row(parts: Sequence[_Part]) -> Encode:
    count = len(parts)
    functions = [function for _, function in parts]
    size = sum(width or 32 for width, _ in parts)
    if all(width for width, _ in parts):

        def static(values: Any) -> bytes:
            if type(values) not in (tuple, list) or len(values) != count:
                raise Unfit
            return b"".join([function(value) for function, value in zip(functions, values, strict=True)])

        return static

    def dynamic(values: Any) -> bytes:
        if type(values) not in (tuple, list) or len(values) != count:
            raise Unfit
        heads, tails, at = [], [], size
        for (width, function), value in zip(parts, values, strict=True):
            encoded = function(value)
            if width:
                heads.append(encoded)
            else:
                heads.append(at.to_bytes(32))
                tails.append(encoded)
                at += len(encoded)
        return b"".join(heads + tails)

    return dynamic


def _list(inner: _Part, size: int | None) -> _Part:
    width, function = inner

    def items(values: Any) -> bytes:
        if type(values) not in (tuple, list) or (size is not None and len(values) != size):
            raise Unfit
        found = [function(value) for value in values]
        if not width:
            at, places = 32 * len(found), []
            for one in found:
                places.append(at.to_bytes(32))
                at += len(one)
            found = places + found
        return b"".join(found) if size is not None else len(values).to_bytes(32) + b"".join(found)

    return (width * size if size is not None else 0), items


def _address(value: Any) -> bytes:
    if type(value) is not str or not _ADDRESS(value):
        raise Unfit
    return _ZEROS[:12] + bytes.fromhex(value[2:])


def _bool(value: Any) -> bytes:
    if type(value) is not bool:
        raise Unfit
    return value.to_bytes(32)


def _whole(bits: int, *, signed: bool) -> Encode:
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)

    def whole(value: Any) -> bytes:
        if type(value) is not int or not least <= value <= most:
            raise Unfit
        return value.to_bytes(32, signed=signed)

    return whole


def _fixed(size: int) -> Encode:
    def fixed(value: Any) -> bytes:
        if type(value) is not bytes or len(value) != size:
            raise Unfit
        return value if size == 32 else value + _ZEROS[size:]

    return fixed


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise Unfit
    return len(value).to_bytes(32) + value + _ZEROS[: -len(value) % 32]


def _string(value: Any) -> bytes:
    if type(value) is not str:
        raise Unfit
    try:
        return _bytes(value.encode())
    except UnicodeEncodeError:
        raise Unfit from None
