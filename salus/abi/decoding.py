"""Calls, events and errors of contracts, decoded by their ABI into plain values with names.

Nothing that comes from a node is trusted: what does not fit the ABI raises :class:`ValueError`, which the client turns
into :class:`salus.errors.BadAnswer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from salus.abi import terms
from salus.abi.fast_decode import Shape, reader
from salus.abi.fast_encode import Unfit, encoder
from salus.abi.hashing import checksum_address, keccak

__all__ = [
    "ABI_FOLDER",
    "Struct",
    "abi_names",
    "decode_event",
    "decode_values",
    "encode_calls",
    "event_topic",
    "events_of",
    "function_of",
    "load_abi",
    "plain",
    "selector",
    "signature",
    "type_name",
]

#: Where the ABIs lie that ``scripts/export.py`` takes from the build.
ABI_FOLDER = Path(__file__).parent

# Longest answer that is decoded at all, bytes; far above what any view of ours returns.
_LONGEST = 8 * 1024 * 1024


class Struct:
    """A Solidity struct: an immutable row of values that have names as well.

    >>> s = Struct(("from", "until"), (1, 2))
    >>> s.until, s["from"], s.from_, tuple(s), s == (1, 2)
    (2, 1, 1, (1, 2), True)

    A name that is a keyword of Python gets a trailing underscore as an attribute. :func:`plain` makes a dictionary of
    it.

    Args:
        names: The fields' names, as the ABI has them.
        values: As many values, in the same order.

    Raises:
        ValueError: There are more of the one than of the other.
    """

    __slots__ = ("_names", "_values")

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        if len(names) != len(values):
            raise ValueError(f"{len(values)} values for {len(names)} names")
        object.__setattr__(self, "_names", tuple(names))
        object.__setattr__(self, "_values", tuple(values))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and (wanted := name.removesuffix("_")) in self._names:
            return self._values[self._names.index(wanted)]
        raise AttributeError(f"no field {name!r}; there are {', '.join(self._names)}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a struct does not change")

    def __getitem__(self, key: int | str) -> Any:
        return getattr(self, key) if isinstance(key, str) else self._values[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return bool(self._values == (other._values if isinstance(other, Struct) else other))

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        return f"Struct({', '.join(f'{n}={v!r}' for n, v in zip(self._names, self._values, strict=True))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Struct, (self._names, self._values)


def plain(value: Any) -> Any:
    """Structs as dictionaries, rows as lists, bytes as 0x-hex: what JSON can hold."""
    if isinstance(value, Struct):
        return {name: plain(item) for name, item in zip(value._names, value._values, strict=True)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    return value


# ------------------------------------------------------------------------------------------------------------ the ABIs


def abi_names() -> tuple[str, ...]:
    """The contracts that have an ABI here, sorted."""
    return tuple(sorted(path.stem for path in ABI_FOLDER.glob("*.json")))


@cache
def load_abi(name: str) -> tuple[Mapping[str, Any], ...]:
    """The ABI of one contract, which is kept: do not change what you get.

    Args:
        name: The contract's name, one of :func:`abi_names`.

    Returns:
        The entries of the ABI in their order: functions, events, errors, a constructor.

    Raises:
        KeyError: No such contract.
    """
    path = ABI_FOLDER / f"{name}.json"
    if not path.is_file():
        raise KeyError(name)
    return tuple(json.loads(path.read_text()))


@cache
def function_of(contract: str, name: str) -> Mapping[str, Any]:
    """A function of a contract's ABI; of several of one name the first.

    Args:
        contract: The contract's name.
        name: The function's name.

    Raises:
        KeyError: No such contract, or it has no such function.
    """
    for entry in load_abi(contract):
        if entry["type"] == "function" and entry["name"] == name:
            return entry
    raise KeyError(f"{contract}.{name}")


def type_name(entry: Mapping[str, Any]) -> str:
    """The canonical type of a value, structs as their parts in brackets."""
    kind: str = entry["type"]
    if kind.startswith("tuple"):
        return f"({','.join(type_name(part) for part in entry['components'])}){kind[len('tuple') :]}"
    return kind


def signature(entry: Mapping[str, Any]) -> str:
    """``name(type,type)`` of a function, an event or an error."""
    return f"{entry['name']}({','.join(type_name(part) for part in entry['inputs'])})"


def selector(entry: Mapping[str, Any]) -> bytes:
    """The first four bytes of the hash of the signature."""
    return keccak(text=signature(entry))[:4]


# ---------------------------------------------------------------------------------------------------------- the values


def decode_values(entries: Sequence[Mapping[str, Any]], data: bytes) -> tuple[Any, ...]:
    """Decode ABI-encoded values.

    Args:
        entries: The values' entries in an ABI, e.g. the ``outputs`` of a function.
        data: The encoded bytes, at most 8 MiB.

    Returns:
        One value an entry: addresses with checksums, structs as :class:`Struct`, lists as tuples.

    Raises:
        ValueError: The data does not fit the entries, or is too long.
    """
    return _decoded(entries, tuple(map(_shape, entries)), data)


def _shape(entry: Mapping[str, Any]) -> Shape:
    return entry["type"], entry.get("name", ""), tuple(map(_shape, entry.get("components", ())))


def _decoded(entries: Sequence[Mapping[str, Any]], shapes: tuple[Shape, ...], data: bytes) -> tuple[Any, ...]:
    if len(data) > _LONGEST:
        raise ValueError(f"{len(data):,} bytes, more than {_LONGEST:,}")
    try:
        return tuple(reader(shapes, Struct)(bytes(data)))
    except Unfit:
        return _decoded_by_eth_abi(entries, data)


def _decoded_by_eth_abi(entries: Sequence[Mapping[str, Any]], data: bytes) -> tuple[Any, ...]:
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError, InsufficientDataBytes

    try:
        values = decode([type_name(entry) for entry in entries], data)
    except (DecodingError, InsufficientDataBytes, OverflowError, UnicodeDecodeError) as trouble:
        raise ValueError(f"not as the ABI says: {trouble}") from None
    return tuple(_named(entry, entry["type"], value) for entry, value in zip(entries, values, strict=True))


def _named(entry: Mapping[str, Any], kind: str, value: Any) -> Any:
    if kind.endswith("]"):
        inner = kind[: kind.rindex("[")]
        return tuple(_named(entry, inner, item) for item in value)
    if kind == "tuple":
        parts = entry["components"]
        return Struct(
            [part["name"] for part in parts],
            [_named(part, part["type"], item) for part, item in zip(parts, value, strict=True)],
        )
    if kind == "address":
        return checksum_address(value)
    return value


def encode_calls(entry: Mapping[str, Any], many: Sequence[Sequence[Any]]) -> list[bytes]:
    """Calls of one function, each with its row of arguments, as the contract takes them.

    Args:
        entry: The function's entry in the ABI; see :func:`function_of`.
        many: A row of arguments for each call.

    Returns:
        For each row the selector and the encoded arguments.

    Raises:
        ValueError: A row does not fit.
    """
    head, types = selector(entry), tuple(type_name(part) for part in entry["inputs"])

    def encoded(row: Sequence[Any]) -> bytes:
        try:
            return encoder(types)(row)
        except Unfit:
            return _encoded_by_eth_abi(types, row)

    try:
        return [head + encoded(row) for row in many]
    except (TypeError, ValueError) as trouble:
        raise ValueError(f"not as {entry['name']} takes it: {trouble}") from None


def _encoded_by_eth_abi(types: Sequence[str], row: Sequence[Any]) -> bytes:
    from eth_abi.abi import encode
    from eth_abi.exceptions import EncodingError

    try:
        return encode(types, row)
    except EncodingError as trouble:
        raise ValueError(str(trouble)) from None


@cache
def events_of(name: str) -> Mapping[bytes, Mapping[str, Any]]:
    """The events of a contract's ABI by their first topics.

    Raises:
        KeyError: No such contract.
    """
    return {keccak(text=signature(entry)): entry for entry in load_abi(name) if entry["type"] == "event"}


def event_topic(contract: str, event: str) -> bytes:
    """The first topic of an event, 32 bytes.

    Raises:
        KeyError: The contract has no such event.
    """
    for topic, entry in events_of(contract).items():
        if entry["name"] == event:
            return topic
    raise KeyError(f"{contract}.{event}")


def decode_event(contract: str, topics: Sequence[bytes], data: bytes) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the arguments of an event.

    Args:
        contract: The contract's name.
        topics: The log's topics, 32 bytes each.
        data: The log's data.

    Returns:
        The event's name and its arguments by name, packed terms as their fields; None where the contract's ABI does not
        have the event.

    Raises:
        ValueError: The log does not fit the ABI.
    """
    if not topics or bytes(topics[0]) not in events_of(contract):
        return None
    entry, indexed, others = _event_form(contract, bytes(topics[0]))
    if len(topics) != len(indexed) + 1:
        raise ValueError(f"{entry['name']} with {len(topics) - 1} indexed values instead of {len(indexed)}")
    # An indexed value that does not fit a word is only there as its hash.
    by_topic: Iterator[Any] = (
        _decoded((part,), (shape,), bytes(topic))[0] if _fits(part["type"]) else bytes(topic)
        for (part, shape), topic in zip(indexed, topics[1:], strict=True)
    )
    by_data = iter(_decoded(*others, data))
    arguments: dict[str, Any] = {}
    for part in entry["inputs"]:
        value = next(by_topic if part["indexed"] else by_data)
        # A packed word is given field by field.
        arguments |= terms.unpack(value) if part["internalType"] == terms.TERMS else {part["name"]: value}
    return entry["name"], MappingProxyType(arguments)


_Entries = tuple[Mapping[str, Any], ...]


@cache
def _event_form(
    contract: str, topic: bytes
) -> tuple[Mapping[str, Any], tuple[tuple[Mapping[str, Any], Shape], ...], tuple[_Entries, tuple[Shape, ...]]]:
    """An event by its first topic: its entry, what of it is indexed, and what is not."""
    entry = events_of(contract)[topic]
    indexed = tuple((part, _shape(part)) for part in entry["inputs"] if part["indexed"])
    others = tuple(part for part in entry["inputs"] if not part["indexed"])
    return entry, indexed, (others, tuple(map(_shape, others)))


def _fits(kind: str) -> bool:
    return not (kind in ("bytes", "string", "tuple") or kind.endswith("]"))
