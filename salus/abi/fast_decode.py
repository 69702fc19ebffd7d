"""Values out of what contracts answer and log, some ten times faster than eth-abi.

Only what is encoded as Solidity encodes it is read here: every word in range, every padding zero, each part of variable
length right behind the one before, nothing left over. Anything else raises :class:`~salus.abi.fast_encode.Unfit`; then
eth-abi reads it, which takes some other encodings and explains what it does not take. A test compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from salus.abi.fast_encode import Unfit
from salus.abi.hashing import checksum_address

__all__ = ["Shape", "reader"]

#: A value's type, its name ("" where it has none), and the shapes of its parts (empty where it is no struct).
Shape = tuple[str, str, tuple[Any, ...]]

# Reads a value that begins at a place; the place behind it.
_Read = Callable[[bytes, int], tuple[Any, int]]
# The same of a row of values.
_ReadRow = Callable[[bytes, int], tuple[list[Any], int]]
# How many bytes a value takes in the head of a row, 0 where it has another length each time; and what reads it.
_Part = tuple[int, _Read]
# Makes a struct of names and values.
_Make = Callable[[Sequence[str], Sequence[Any]], Any]

_ZEROS = bytes(32)
_TYPE = re.compile(r"(address|bool|string|tuple|u?int|bytes)(\d*)((?:\[\d*\])*)").fullmatch


@cache
def reader(shapes: tuple[Shape, ...], struct: _Make) -> Callable[[bytes], list[Any]]:
    """A function that reads a row of values.

    Args:
        shapes: The row's types; see :data:`Shape`.
        struct: Makes a struct of names and values.

    Returns:
        A function of the bytes that gives one value for each shape: addresses with checksums, lists as tuples.

    Raises:
        Unfit: A type is unknown. The function raises it where the bytes are not encoded as Solidity encodes them.
    """
    row = _row([_part(shape, struct) for shape in shapes])

    def read(data: bytes) -> list[Any]:
        values, end = row(data, 0)
        if end != len(data):
            raise Unfit
        return values

    return read


def _part(shape: Shape, struct: _Make) -> _Part:
    kind, _, parts = shape
    if (found := _TYPE(kind)) is None:
        raise Unfit
    base, bits, lists = found.groups()
    if lists:
        return _array(kind, parts, struct)
    if base == "tuple":
        return _struct(parts, struct)
    if base in ("string", "bytes") and not bits:
        return 0, _string if base == "string" else _bytes
    return 32, _single(base, int(bits or 0))


def _array(kind: str, parts: tuple[Any, ...], struct: _Make) -> _Part:
    """What reads a list of a type, by its last pair of brackets: ``uint8[][3]`` is three lists of any length."""
    item, _, size = kind[:-1].rpartition("[")
    part = _part((item, "", parts), struct)
    if not size:
        return 0, _list(*part)
    several = [part] * int(size)
    return _width(several), _made(_row(several), tuple)


def _struct(parts: tuple[Any, ...], struct: _Make) -> _Part:
    names = tuple(name for _, name, _ in parts)
    inner = [_part(one, struct) for one in parts]
    return _width(inner), _made(_row(inner), lambda values: struct(names, values))


def _width(parts: Sequence[_Part]) -> int:
    return sum(width for width, _ in parts) if all(width for width, _ in parts) else 0


def _row(parts: Sequence[_Part]) -> _ReadRow:
    size = sum(width or 32 for width, _ in parts)

    def row(data: bytes, at: int) -> tuple[list[Any], int]:
        end = at + size
        if end > len(data):
            raise Unfit
        place, values = at, []
        for width, read in parts:
            if width:
                value, place = read(data, place)
            else:
                if int.from_bytes(data[place : place + 32]) != end - at:
                    raise Unfit
                place += 32
                value, end = read(data, end)
            values.append(value)
        return values, end

    return row


def _made(row: _ReadRow, make: Callable[[list[Any]], Any]) -> _Read:
    """Reads a row, and makes one value of it."""

    def read(data: bytes, at: int) -> tuple[Any, int]:
        values, end = row(data, at)
        return make(values), end

    return read


def _list(width: int, read: _Read) -> _Read:
    def items(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        count, place = _length(data, at)
        if count * (width or 32) > len(data) - place:
            raise Unfit
        values = []
        if width:
            for _ in range(count):
                value, place = read(data, place)
                values.append(value)
            return tuple(values), place
        end = place + 32 * count
        for n in range(count):
            if int.from_bytes(data[place + 32 * n : place + 32 * n + 32]) != end - place:
                raise Unfit
            value, end = read(data, end)
            values.append(value)
        return tuple(values), end

    return items


def _length(data: bytes, at: int) -> tuple[int, int]:
    """The word that tells how long something is, and the place behind it."""
    place = at + 32
    if place > len(data):
        raise Unfit
    return int.from_bytes(data[at:place]), place


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, place = _length(data, at)
    end = place + size
    padded = end + -size % 32
    if padded > len(data) or data[end:padded] != _ZEROS[: padded - end]:
        raise Unfit
    return data[place:end], padded


def _string(data: bytes, at: int) -> tuple[str, int]:
    raw, end = _bytes(data, at)
    try:
        return raw.decode(), end
    except UnicodeDecodeError:
        raise Unfit from None


# ---- values of one word, which the row that they are in has seen to be there


def _single(base: str, bits: int) -> _Read:
    if base == "address" and not bits:
        return _address
    if base == "bool" and not bits:
        return _bool
    if base in ("uint", "int") and 8 <= bits <= 256 and bits % 8 == 0:
        return _whole(bits, signed=base == "int")
    if base == "bytes" and 1 <= bits <= 32:
        return _fixed(bits)
    raise Unfit


def _address(data: bytes, at: int) -> tuple[str, int]:
    if data[at : at + 12] != _ZEROS[:12]:
        raise Unfit
    return _with_checksum(data[at + 12 : at + 32]), at + 32


@lru_cache(4096)
def _with_checksum(raw: bytes) -> str:
    """Kept, for the same few accounts come again and again, and a checksum is a hash."""
    return checksum_address(raw)


def _bool(data: bytes, at: int) -> tuple[bool, int]:
    value = int.from_bytes(data[at : at + 32])
    if value > 1:
        raise Unfit
    return value == 1, at + 32


def _whole(bits: int, *, signed: bool) -> _Read:
    least, most = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)

    def whole(data: bytes, at: int) -> tuple[int, int]:
        value = int.from_bytes(data[at : at + 32], signed=signed)
        if not least <= value <= most:
            raise Unfit
        return value, at + 32

    return whole


def _fixed(size: int) -> _Read:
    zeros = _ZEROS[size:]

    def fixed(data: bytes, at: int) -> tuple[bytes, int]:
        if data[at + size : at + 32] != zeros:
            raise Unfit
        return data[at : at + size], at + 32

    return fixed
