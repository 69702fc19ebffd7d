"""Ids of claims, plans, shipments, lots: 32 bytes, or the same as text."""

from __future__ import annotations

from salus.errors import BadInput

__all__ = ["id_bytes"]


def id_bytes(value: object, field: str = "id") -> bytes:
    """The 32 bytes of an id; answers and commands give it as text, contracts take it as bytes.

    Args:
        value: 32 bytes, or 0x and 64 hex digits.
        field: What it is the id of, for the message.

    Raises:
        BadInput: Anything else.

    >>> id_bytes("0x" + "ab" * 32) == id_bytes(bytes.fromhex("ab" * 32))
    True
    """
    if isinstance(value, (bytes, bytearray)):
        if len(value) == 32:
            return bytes(value)
        raise BadInput("", field, f"has {len(value)} bytes; an id has 32, or is written as 0x and 64 hex digits")
    if isinstance(value, str):
        digits = value.removeprefix("0x")
        if digits != value and len(digits) == 64 and digits.isascii() and digits.isalnum():
            try:
                return bytes.fromhex(digits)
            except ValueError:
                pass
        raise BadInput("", field, f"is {value[:80]!r}; an id is 0x and 64 hex digits, or 32 bytes")
    kind = type(value).__name__
    raise BadInput("", field, f"is of the type {kind}; an id is 32 bytes, or text of 0x and 64 hex digits")
