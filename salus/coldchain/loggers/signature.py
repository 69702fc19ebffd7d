"""How Berlinger's loggers sign their exports, as worked out from real files.

The last lines of an export are a certificate (``Cert:`` … ``Public Key:``), ``Sig Cert:`` and ``Sig:``. The signature
is ECDSA on P-256; the key's coordinates, r and s are little-endian; what is signed are the file's bytes before the line
``Sig:``, with CRLF line ends; the digest is SHA-256 with its bytes in reverse order.

Warning: one key serves a whole lot of devices, and nothing public says who signed the certificate. A signature that
    verifies shows that nobody changed the file since a device of that lot wrote it, not which device that was.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

__all__ = ["SignedParts", "canonical", "digest", "public_key_hex", "sign", "verifies"]

_HALF = 32  # bytes of a coordinate, of r and of s
_ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()))


class SignedParts(NamedTuple):
    """What a signature is made of, as in the file.

    Attributes:
        message: The bytes before the line ``Sig:``, with CRLF line ends.
        signature: r and s, 32 bytes each, little-endian.
        public_key: x and y, 32 bytes each, little-endian.
    """

    message: bytes
    signature: bytes
    public_key: bytes


def canonical(message: bytes) -> bytes:
    """A message with the line ends with which it was signed: bare LF becomes CRLF."""
    return message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def digest(message: bytes) -> bytes:
    """The 32 bytes that are signed: SHA-256 of the canonical message, byte by byte in reverse."""
    return hashlib.sha256(message).digest()[::-1]


def verifies(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether a signature of 64 bytes over a message verifies with a key of 64 bytes.

    Args:
        message: The file's bytes before its line ``Sig:``; bare LF line ends are taken as CRLF.
        signature: r and s, little-endian.
        public_key: x and y, little-endian.
    """
    if len(signature) != 2 * _HALF or len(public_key) != 2 * _HALF:
        return False
    x, y, r, s = (
        int.from_bytes(part, "little")
        for part in (public_key[:_HALF], public_key[_HALF:], signature[:_HALF], signature[_HALF:])
    )
    try:
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(encode_dss_signature(r, s), digest(canonical(message)), _ALGORITHM)
    except (InvalidSignature, ValueError):  # a key that is no point of the curve is a ValueError
        return False
    return True


def sign(message: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The 64 bytes of a signature in the same scheme.

    Args:
        message: With CRLF line ends.
        key: On P-256.
    """
    r, s = decode_dss_signature(key.sign(digest(message), _ALGORITHM))
    return r.to_bytes(_HALF, "little") + s.to_bytes(_HALF, "little")


def public_key_hex(key: ec.EllipticCurvePrivateKey) -> str:
    """The public key as a certificate holds it: x and y, little-endian, in hex."""
    numbers = key.public_key().public_numbers()
    return (numbers.x.to_bytes(_HALF, "little") + numbers.y.to_bytes(_HALF, "little")).hex()
