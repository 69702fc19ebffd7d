"""Consent orders as JSON files: what a patient without ether signs and hands to somebody who relays it.

::

    {"salus": "consent order", "version": 1, "chainId": 31337, "contract": "0x…", "patient": "0x…",
     "action": "permit", "grantee": "0x…", "index": 0, "purposes": ["TREAT"], "categories": ["all"],
     "start": 0, "end": 1900000000, "document": "0x00…", "issuedAt": 1800000000, "deadline": 1800604800,
     "signature": "0x…"}

``action`` is ``permit``, ``deny`` or ``revoke``; a revocation has no ``purposes``, ``categories``, ``start``, ``end``
and ``document``, and its ``index`` may be 255. ``signer`` is there when a delegate signed. A file holds one order or a
list of them. A file is read as a stranger's.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from salus.consent import codes
from salus.consent.registry import Directive, Effect, Order
from salus.errors import BadInput
from salus.formats.json_file import expect_kind, parse_several, read_text, write_several
from salus.keys.addresses import address

__all__ = ["load", "order_from_json", "order_to_json", "pack", "parse", "save", "unpack"]

_COMMON = {
    "salus",
    "version",
    "chainId",
    "contract",
    "patient",
    "action",
    "grantee",
    "index",
    "issuedAt",
    "deadline",
    "signature",
}
_SCOPE = {"purposes", "categories", "start", "end", "document"}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.DENY, "revoke": Effect.NONE}
_LONGEST_SIGNATURE = 4096  # bytes; a contract wallet's may be longer than a key's 65


def save(orders: Sequence[Order], path: str | os.PathLike[str]) -> None:
    """Write orders to a file that is not there yet: one as itself, several as a list.

    Raises:
        BadInput: The file is there, or cannot be written.
    """
    write_several(path, [order_to_json(order) for order in orders])


def load(path: str | os.PathLike[str]) -> tuple[Order, ...]:
    """Read the orders of a file.

    Raises:
        BadInput: Not such a file; names the field.
    """
    file = os.fspath(path)
    return parse(read_text(file), file)


def parse(text: str, source: str) -> tuple[Order, ...]:
    """The orders of a text: JSON as in a file, or one packed order a line, as a QR code holds it.

    Args:
        source: Where it stood, for messages.

    Raises:
        BadInput: Neither; names the field.
    """
    if text.lstrip()[: len(_PREFIX)].upper() == _PREFIX:
        return tuple(unpack(line, source) for line in text.split())
    documents = parse_several(text, source, "order")
    return tuple(order_from_json(document, source, prefix) for prefix, document in documents)


def order_to_json(order: Order) -> dict[str, Any]:
    """One order as its file holds it."""
    d = order.directive
    document: dict[str, Any] = {
        "salus": "consent order",
        "version": 1,
        "chainId": order.chain_id,
        "contract": order.contract,
        "patient": order.patient,
        "action": next(action for action, effect in _EFFECTS.items() if effect is d.effect),
        "grantee": d.grantee,
        "index": d.index,
    }
    if d.effect is not Effect.NONE:
        document |= {
            "purposes": sorted(codes.purpose_names(d.purposes, deny=d.effect is Effect.DENY)),
            "categories": sorted(codes.category_names(d.categories, deny=d.effect is Effect.DENY)),
            "start": d.start,
            "end": d.end,
            "document": "0x" + d.document.hex(),
        }
    if order.signer:
        document["signer"] = order.signer
    return document | {
        "issuedAt": order.issued_at,
        "deadline": order.deadline,
        "signature": "0x" + order.signature.hex(),
    }


def order_from_json(document: Any, file: str, where: str = "") -> Order:
    """One order from parsed JSON.

    Args:
        file: Its name, for messages.
        where: Where in the file, for messages, e.g. ``"[2]."``.

    Raises:
        BadInput: A field is missing, unknown, of another type or out of range.
    """
    hint = "is no consent order; `salus consent grant --out FILE` makes one"
    expect_kind(document, "consent order", file, hint, where)
    action = document.get("action")
    if not isinstance(action, str) or action not in _EFFECTS:
        raise BadInput(file, where + "action", f"is {action!r}; it must be permit, deny or revoke")
    effect = _EFFECTS[action]
    wanted = _COMMON if effect is Effect.NONE else _COMMON | _SCOPE
    if missing := sorted(wanted - set(document)):
        raise BadInput(file, where + missing[0], "is missing")
    if extra := sorted(set(document) - wanted - {"signer"}):
        raise BadInput(file, where + extra[0], f"is no field of a {action}; remove it")

    read = _Reader(document, file, where)
    grantee = read.address("grantee")
    if effect is Effect.NONE:
        directive = Directive(grantee, read.number("index", 8), effect)
    else:
        directive = Directive(
            grantee,
            read.number("index", 8),
            effect,
            codes.purpose_bits(read.names("purposes"), deny=effect is Effect.DENY, file=file),
            codes.category_bits(read.names("categories"), deny=effect is Effect.DENY, file=file),
            read.number("start", 40),
            read.number("end", 40),
            read.bytes("document", 32, 32),
        )
    order = Order(
        read.address("patient"),
        directive,
        read.number("issuedAt", 40),
        read.number("deadline", 40),
        read.number("chainId", 64),
        read.address("contract"),
        read.bytes("signature", 0, _LONGEST_SIGNATURE),
        read.address("signer") if "signer" in document else "",
    )
    order.typed()  # whatever cannot be signed is no order
    return order


# ------------------------------------------------------------------------------------------------------------- packed

# Capitals and digits only, which a QR code holds in 5.5 bits each: prefix, then base 32 of
#   flags 1 (1: scope, 2: document, 4: signer), chain 8, contract 20, patient 20, grantee 20, index 1,
#   [scope: effect 1, purposes 4, categories 7, start 5, end 5], [document 32], issued 5, deadline 5, [signer 20],
# signature
_PREFIX = "SALUS1:"


def pack(order: Order) -> str:
    """An order as short text, for a QR code."""
    d = order.directive
    document, scope = any(d.document), d.effect is not Effect.NONE
    raw = bytes([scope | document << 1 | bool(order.signer) << 2]) + order.chain_id.to_bytes(8)
    raw += b"".join(bytes.fromhex(account[2:]) for account in (order.contract, order.patient, d.grantee))
    raw += bytes([d.index])
    if scope:
        raw += (
            bytes([d.effect])
            + d.purposes.to_bytes(4)
            + d.categories.to_bytes(7)
            + d.start.to_bytes(5)
            + d.end.to_bytes(5)
        )
    raw += d.document if document else b""
    raw += order.issued_at.to_bytes(5) + order.deadline.to_bytes(5)
    raw += bytes.fromhex(order.signer[2:]) + order.signature
    return _PREFIX + base64.b32encode(raw).decode().rstrip("=")


def unpack(text: str, source: str) -> Order:
    """The order of a packed text.

    Raises:
        BadInput: It is none, or was cut short.
    """
    body = text.strip().upper().removeprefix(_PREFIX)
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
        take = _Taker(raw)
        flags = take.number(1)
        chain_id, contract, patient, grantee = take.number(8), take.address(), take.address(), take.address()
        directive = Directive(grantee, take.number(1), Effect.NONE)
        if flags & 1:
            effect = Effect(take.number(1))
            values = take.number(4), take.number(7), take.number(5), take.number(5)
            directive = Directive(grantee, directive.index, effect, *values)
        if flags & 2:
            directive = replace(directive, document=take.some(32))
        times = take.number(5), take.number(5)
        signer = take.address() if flags & 4 else ""
        order = Order(patient, directive, *times, chain_id, contract, take.rest(), signer)
    except ValueError:
        raise BadInput(source, "", "is no packed order, or a part of it is missing; scan it again") from None
    order.typed()  # whatever cannot be signed is no order
    if flags > 7 or pack(order) != _PREFIX + body or len(order.signature) > _LONGEST_SIGNATURE:
        raise BadInput(source, "", "is no packed order, or a part of it is missing; scan it again")
    return order


class _Taker:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def some(self, count: int) -> bytes:
        if len(self._raw) < count:
            raise ValueError("too short")
        part, self._raw = self._raw[:count], self._raw[count:]
        return part

    def number(self, count: int) -> int:
        return int.from_bytes(self.some(count))

    def address(self) -> str:
        return address("0x" + self.some(20).hex())

    def rest(self) -> bytes:
        return self._raw


class _Reader:
    def __init__(self, document: Mapping[str, Any], file: str, where: str) -> None:
        self._document, self._file, self._where = document, file, where

    def number(self, field: str, bits: int) -> int:
        value = self._document[field]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
            raise BadInput(self._file, self._where + field, f"must be a whole number from 0 to 2^{bits} - 1")
        return value

    def address(self, field: str) -> str:
        return address(self._document[field], self._where + field, self._file)

    def names(self, field: str) -> list[str]:
        value = self._document[field]
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            raise BadInput(self._file, self._where + field, "must be a list of at least one name")
        return value

    def bytes(self, field: str, least: int, most: int) -> bytes:
        value = self._document[field]
        if not isinstance(value, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})*", value):
            raise BadInput(self._file, self._where + field, "must be 0x and pairs of hex digits")
        raw = bytes.fromhex(value[2:])
        if not least <= len(raw) <= most:
            raise BadInput(self._file, self._where + field, f"has {len(raw)} bytes; it must have {least} to {most}")
        return raw
