"""Commitments: what goes on chain in place of a record that must stay private."""

from __future__ import annotations

import secrets

from salus.abi.hashing import keccak
from salus.errors import BadInput

__all__ = ["commit"]


def commit(content: bytes, salt: bytes | None = None) -> tuple[bytes, bytes]:
    """A commitment to a record: keccak-256 of a salt of 32 bytes and the record.

    Args:
        content: The record as it was used.
        salt: By default fresh randomness.

    Returns:
        The commitment and the salt; only with the salt can the commitment be matched to the record.
    """
    salt = secrets.token_bytes(32) if salt is None else salt
    if len(salt) != 32:
        raise BadInput("", "salt", f"has {len(salt)} bytes; it must have 32")
    return keccak(salt + content), salt
