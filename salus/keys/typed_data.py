"""Typed data (EIP-712): what exactly is signed, and who signed it.

Typed data is built strictly, for a library that is lenient signs something else than it shows: :class:`TypedData` takes
exactly the fields of its type, each of exactly its type and range, and all four fields of the domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from salus.abi.hashing import keccak
from salus.errors import BadInput
from salus.keys.addresses import address

__all__ = ["Domain", "TypedData", "compact", "recover"]

# Half the order of secp256k1: a signature has a twin with s above it, which is refused everywhere.
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

_DOMAIN_TYPES = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one version of one contract on one chain; all four are required.

    Attributes:
        name: The contract's name in its EIP-712 domain.
        version: Its version there.
        chain_id: The chain.
        contract: The contract's address, with checksum.

    Raises:
        BadInput: One is missing or malformed.
    """

    name: str
    version: str
    chain_id: int
    contract: str

    def __post_init__(self) -> None:
        for field in ("name", "version"):
            if not isinstance(getattr(self, field), str) or not getattr(self, field):
                raise BadInput("domain", field, "is missing; without it the signature would count elsewhere too")
        if not _is_int(self.chain_id) or not 0 < self.chain_id < 1 << 256:
            raise BadInput("domain", "chainId", f"is {self.chain_id!r}; it must be a positive whole number")
        object.__setattr__(self, "contract", address(self.contract, "verifyingContract", "domain"))
        if int(self.contract, 16) == 0:
            raise BadInput("domain", "verifyingContract", "is 0; it must be the contract's address")


class TypedData:
    """One EIP-712 message of a flat type; of arrays only lists of addresses, and of flat structs that the type defines
    after it.

    Args:
        kind: The type as Solidity hashes it, e.g. ``"Revoke(address patient,address grantee,uint8 index)"`` or
            ``"Bill(Row[] rows)Row(uint80 amount)"``.
        domain: Where the signature counts.
        message: Exactly the fields of the type. ``uintN``/``intN`` are ``int`` in range, ``bytesN`` are ``bytes`` of
            that length, ``address`` is lower case or has a right checksum, ``address[]`` a list or tuple of them,
            ``Row[]`` one of such fields by name, ``bool``, ``string`` and ``bytes`` are themselves.

    Raises:
        BadInput: A field is missing, unknown, of another type or out of range.
    """

    __slots__ = ("domain", "fields", "message", "parts", "primary")

    def __init__(self, kind: str, domain: Domain, message: Mapping[str, Any]) -> None:
        self.primary, self.fields, self.parts = _parse(kind)
        self.domain = domain
        self.message = _fields_of(message, self.fields, self.parts, self.primary, "")

    def __repr__(self) -> str:
        return f"TypedData({self.primary}, {dict(self.message)!r})"

    def as_json(self) -> dict[str, Any]:
        """What ``eth_signTypedData_v4`` takes: bytes as 0x-hex, integers as decimal strings."""

        def wire(value: Any) -> Any:
            if isinstance(value, bytes):
                return "0x" + value.hex()
            if isinstance(value, tuple):
                return [wire(item) for item in value]
            if isinstance(value, Mapping):
                return {name: wire(item) for name, item in value.items()}
            return str(value) if _is_int(value) else value

        return {
            "types": {
                struct: [{"name": name, "type": type_} for name, type_ in fields]
                for struct, fields in (
                    ("EIP712Domain", _DOMAIN_TYPES),
                    (self.primary, self.fields),
                    *self.parts.items(),
                )
            },
            "primaryType": self.primary,
            "domain": {
                "name": self.domain.name,
                "version": self.domain.version,
                "chainId": self.domain.chain_id,
                "verifyingContract": self.domain.contract,
            },
            "message": {name: wire(value) for name, value in self.message.items()},
        }

    def signable(self) -> Any:
        """The message as eth-account signs it."""
        from eth_account.messages import encode_typed_data

        whole = self.as_json()
        # eth-account takes Python's own values; what is checked above leaves it nothing to guess.
        return encode_typed_data(full_message={**whole, "message": _plain(self.message)})

    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        parts = self.signable()
        return keccak(b"\x19" + parts.version + parts.header + parts.body)


_Fields = tuple[tuple[str, str], ...]


def _parse(kind: str) -> tuple[str, _Fields, Mapping[str, _Fields]]:
    """The name and the fields of the type, and the fields of the structs that it lists."""
    whole = re.findall(r"([A-Z][A-Za-z0-9]*)\(([A-Za-z0-9_ ,\[\]]+)\)", kind)
    if not whole or "".join(f"{name}({fields})" for name, fields in whole) != kind:
        raise ValueError(f"not the type of a flat struct: {kind!r}")
    (primary, first), *rest = whole
    parts = {name: _parse_fields(fields, ()) for name, fields in rest}
    if len(parts) != len(rest) or primary in parts:
        raise ValueError(f"a struct occurs twice: {kind!r}")
    return primary, _parse_fields(first, parts), MappingProxyType(parts)


def _parse_fields(text: str, lists: Collection[str]) -> _Fields:
    fields = []
    for part in text.split(","):
        type_, _, name = part.partition(" ")
        simple = re.fullmatch(r"u?int[1-9]\d*|bytes(\d+)?|address(\[\])?|bool|string", type_)
        if not name.isidentifier() or not (simple or (type_.endswith("[]") and type_[:-2] in lists)):
            raise ValueError(f"not a field of a flat struct: {part!r}")
        fields.append((name, type_))
    if len({name for name, _ in fields}) != len(fields):
        raise ValueError(f"a field occurs twice: {text!r}")
    return tuple(fields)


def _fields_of(given: Any, fields: _Fields, parts: Mapping[str, _Fields], where: str, prefix: str) -> Mapping[str, Any]:
    """A struct's values, each checked; none missing, none too many."""
    _expect_names(given, [name for name, _ in fields], where, prefix)
    found: dict[str, Any] = {}
    for name, type_ in fields:
        value, path = given[name], f"{prefix}{name}"
        part = parts.get(type_[:-2])
        if part is None:
            found[name] = _checked(value, type_, path, where)
        elif isinstance(value, (list, tuple)):
            rows = enumerate(value)
            found[name] = tuple(_fields_of(row, part, parts, where, f"{path}[{n}].") for n, row in rows)
        else:
            raise BadInput(where, path, f"is {value!r}; it must be a list")
    return MappingProxyType(found)


def _expect_names(given: Any, names: Collection[str], where: str, prefix: str) -> None:
    if not isinstance(given, Mapping):
        raise BadInput(where, prefix.rstrip("."), "must be given as fields by name")
    for name in given:
        if name not in names:
            raise BadInput(where, f"{prefix}{name}", "is no field of what is signed; remove it")
    for name in names:
        if name not in given:
            raise BadInput(where, f"{prefix}{name}", "is missing")


def _plain(value: Any) -> Any:
    """Lists and dictionaries, as eth-account takes them."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# ------------------------------------------------------------------------------------------------ one value by its type

# Checks a value of a type; ``field`` and ``where`` are for the message.
_Check = Callable[[Any, str, str], Any]


def _checked(value: Any, type_: str, field: str, where: str) -> Any:
    """A value of a type that is no struct, as it is signed.

    Raises:
        BadInput: It is not of the type; names the field.
    """
    if (check := _CHECKS.get(type_)) is not None:
        return check(value, field, where)
    if number := re.fullmatch(r"(u?)int(\d+)", type_):
        return _whole_number(value, int(number[2]), field, where, signed=not number[1])
    return _bytes(value, type_, field, where)


def _addresses(value: Any, field: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise BadInput(where, field, f"is {value!r}; it must be a list of addresses")
    return tuple(address(item, f"{field}[{i}]", where) for i, item in enumerate(value))


def _boolean(value: Any, field: str, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput(where, field, f"is {value!r}; it must be true or false")
    return value


def _text(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise BadInput(where, field, f"is {value!r}; it must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadInput(where, field, "is text that is not valid Unicode") from None
    return value


_CHECKS: Mapping[str, _Check] = {"address": address, "address[]": _addresses, "bool": _boolean, "string": _text}


def _whole_number(value: Any, bits: int, field: str, where: str, *, signed: bool) -> int:
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not _is_int(value):
        raise BadInput(where, field, f"is {value!r}; it must be a whole number")
    if not low <= value <= high:
        raise BadInput(where, field, f"is {value}; it must be from {low} to {high}")
    return int(value)


def _bytes(value: Any, type_: str, field: str, where: str) -> bytes:
    if not isinstance(value, (bytes, bytearray)):
        raise BadInput(where, field, f"is {value!r}; it must be bytes")
    if type_ != "bytes" and len(value) != int(type_[5:]):
        raise BadInput(where, field, f"has {len(value)} bytes; it must have {type_[5:]}")
    return bytes(value)


# ----------------------------------------------------------------------------------------------------------- signatures


def recover(typed: TypedData, signature: bytes) -> str:
    """The account that signed.

    Args:
        typed: What was signed.
        signature: 65 bytes r‖s‖v.

    Returns:
        The account's address, with checksum.

    Raises:
        BadInput: Not such a signature: another length, v other than 27 or 28, s in the upper half, or no account's.
    """
    if not isinstance(signature, (bytes, bytearray)) or len(signature) != 65:
        raise BadInput(typed.primary, "signature", "must be 65 bytes")
    if signature[64] not in (27, 28) or not 0 < int.from_bytes(signature[32:64]) <= _HALF_ORDER:
        raise BadInput(typed.primary, "signature", "is not in the one form that is accepted (v 27 or 28, low s)")
    from eth_account import Account
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    try:
        return str(Account.recover_message(typed.signable(), signature=bytes(signature)))
    except (BadSignature, ValidationError, ValueError):
        raise BadInput(typed.primary, "signature", "is nobody's") from None


def compact(signature: bytes) -> tuple[bytes, bytes] | None:
    """The two words of a key's signature as ERC-2098 packs it.

    Args:
        signature: Any signature, as bytes.

    Returns:
        32 bytes each: r, and s with the parity of v as its highest bit. None for what has no such form: a wallet's
        signature, or a key's that is not in the one form of :func:`recover`.
    """
    if len(signature) != 65 or signature[64] not in (27, 28) or not any(signature[:32]):
        return None
    s = int.from_bytes(signature[32:64])
    return (signature[:32], (s | (signature[64] - 27) << 255).to_bytes(32)) if s <= _HALF_ORDER else None
