"""Errors as the outbox keeps them: the bytes of a revert, from which the sentence is made whenever it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from salus.errors import NodeRefused, Refused, Reverted, SalusError, from_revert

__all__ = ["from_row", "to_row"]


def to_row(error: SalusError) -> str:
    """An error as text for the file: the revert's bytes if there are any, else name and words.

    Args:
        error: Why an item did not happen.
    """
    document: dict[str, Any] = {"name": getattr(error, "name", type(error).__name__), "message": str(error)}
    if isinstance(error, Refused):
        document |= {"data": error.data.hex(), "transaction": error.transaction, "node": isinstance(error, NodeRefused)}
    return json.dumps(document)


def from_row(document: Mapping[str, Any]) -> SalusError:
    """The error again.

    Args:
        document: What :func:`to_row` wrote, parsed.
    """
    data = bytes.fromhex(document.get("data") or "")
    if data:
        error: Refused = from_revert(data)
    else:
        kind = NodeRefused if document.get("node") else Reverted
        error = kind(document["message"], name=document["name"])
    error.transaction = document.get("transaction")
    return error
