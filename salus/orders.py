"""Consent orders as JSON files: what a patient without ether signs and hands to somebody who relays it.

::

    {"salus": "consent order", "version": 1, "chainId": 31337, "contract": "0x…", "patient": "0x…",
     "action": "permit", "grantee": "0x…", "index": 0, "purposes": ["TREAT"], "categories": ["all"],
     "start": 0, "end": 1900000000, "document": "0x00…", "issuedAt": 1800000000, "deadline": 1800604800,
     "signature": "0x…"}

``action`` is ``permit``, ``deny`` or ``revoke``; a revocation has no ``purposes``, ``categories``, ``start``, ``end`` and
``document``, and its ``index`` may be 255. A file holds one order or a list of them. A file is read as a stranger's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import codes
from .consent import Directive, Effect, Order
from .errors import BadInput
from .jsonfile import parse_json, read_text
from .signing import address

__all__ = ["load", "order_from_json", "order_to_json", "save"]

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
    documents = [order_to_json(order) for order in orders]
    text = json.dumps(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"
    try:
        with Path(path).open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise BadInput(path, "", "is there already; name another file") from None
    except OSError as trouble:
        raise BadInput(path, "", f"cannot be written: {trouble.strerror}") from None


def load(path: str | os.PathLike[str]) -> tuple[Order, ...]:
    """Read the orders of a file.

    Raises:
        BadInput: Not such a file; names the field.
    """
    file = os.fspath(path)
    document = parse_json(read_text(file), file)
    if not isinstance(document, list):
        return (order_from_json(document, file),)
    if not document:
        raise BadInput(file, "", "holds no order")
    return tuple(order_from_json(item, file, f"[{i}].") for i, item in enumerate(document))


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
            "purposes": sorted(codes.purpose_names(d.purposes)),
            "categories": sorted(codes.category_names(d.categories)),
            "start": d.start,
            "end": d.end,
            "document": "0x" + d.document.hex(),
        }
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
    if not isinstance(document, dict) or document.get("salus") != "consent order":
        raise BadInput(file, where.rstrip("."), "is no consent order; `salus consent grant --out FILE` makes one")
    if document.get("version") != 1:
        raise BadInput(file, where + "version", f"is {document.get('version')!r}; this version of Salus reads 1")
    action = document.get("action")
    if not isinstance(action, str) or action not in _EFFECTS:
        raise BadInput(file, where + "action", f"is {action!r}; it must be permit, deny or revoke")
    effect = _EFFECTS[action]
    wanted = _COMMON if effect is Effect.NONE else _COMMON | _SCOPE
    if missing := sorted(wanted - set(document)):
        raise BadInput(file, where + missing[0], "is missing")
    if extra := sorted(set(document) - wanted):
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
            codes.purpose_bits(read.names("purposes"), file=file),
            codes.category_bits(read.names("categories"), file=file),
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
    )
    order.typed()  # whatever cannot be signed is no order
    return order


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
