"""Keccak-256, and addresses with the checksum that it gives them (EIP-55).

The libraries that have these too take longer to load than most commands take to answer.
"""

from __future__ import annotations

__all__ = ["checksum_address", "keccak"]


def keccak(data: bytes = b"", *, text: str = "") -> bytes:
    """The Keccak-256 of bytes, or of a text in UTF-8; 32 bytes."""
    from eth_hash.auto import keccak as hashed

    return bytes(hashed(text.encode() if text else bytes(data)))


def checksum_address(account: str | bytes) -> str:
    """An account with its checksum: letters are capital where the hash of the digits says so.

    Args:
        account: 0x and 40 hex digits in any case, or 20 bytes; the caller has made sure of that.

    >>> checksum_address("0x" + "ab" * 20)
    '0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB'
    """
    digits = account.hex() if isinstance(account, bytes) else account[2:].lower()
    signs = keccak(digits.encode()).hex()
    return "0x" + "".join(digit.upper() if sign > "7" else digit for digit, sign in zip(digits, signs, strict=False))
