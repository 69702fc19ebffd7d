"""What a contract needs to verify a manufacturer's signature over an export by itself.

OpenZeppelin's ``P256.verify(digest, r, s, x, y)`` takes the values of a :class:`FileProof` as they are.

A proof says: a device with this model key wrote this very file, and nobody changed a byte since. It does **not** say

- *which unit* wrote it. One key serves a whole lot of devices, and the serial number stands in the file only because
  the device wrote it there; whoever has any device of the lot has its key's authority. Who trusts a model key does so
  by an act of accreditation: nothing public says who signed the certificate.
- that the *readings packed for the chain* are the file's. The signature is over the text, a contract sees packed
  numbers; that the one follows from the other is checked by whoever has the file (:func:`salus.coldchain.loggers.read`
  and ``batches()``), and can be checked again from the file and the commitment at any time.
- *where* the device lay, nor that it lay beside the vaccine.
- that the device *kept on*: a file that was written before the last hour is as genuine as one written after it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from salus.coldchain.loggers import signature
from salus.coldchain.loggers.berlinger import signed_parts

__all__ = ["ORDER", "FileProof", "file_proof"]

#: The order of P-256's group. A signature with s above half of it has a twin below, the only one that is accepted.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_HALF = 32


@dataclass(frozen=True)
class FileProof:
    """A manufacturer's signature in the form that ``P256.verify`` takes; each value is 32 bytes, big-endian.

    Args:
        digest: What is signed: the commitment with its bytes in reverse order.
        r: Of the signature.
        s: Of the signature, at most half of :data:`ORDER`.
        x: Of the model's public key.
        y: Of the model's public key.
        commitment: SHA-256 of the canonical message: the file's bytes up to the line ``Sig:``, with CRLF line ends. It
            names the file and says nothing of its content that could be guessed from it: a file holds hundreds of
            readings.
    """

    digest: bytes
    r: bytes
    s: bytes
    x: bytes
    y: bytes
    commitment: bytes

    @property
    def verifies(self) -> bool:
        """What a contract would answer: s is low, and the signature is over the digest and by the key."""
        x, y, r, s = (int.from_bytes(part, "big") for part in (self.x, self.y, self.r, self.s))
        if s > ORDER // 2 or self.digest != self.commitment[::-1]:
            return False
        try:
            key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
            key.verify(encode_dss_signature(r, s), self.digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        except (InvalidSignature, ValueError):  # a key that is no point of the curve is a ValueError
            return False
        return True


def file_proof(path: str | Path) -> FileProof:
    """The manufacturer's signature of an export, verified.

    Args:
        path: A signed Berlinger export; one that was stored with LF line ends will do.

    Raises:
        BadInput: Not such an export, unsigned, cut short or edited: what does not verify never becomes a proof.
    """
    message, signed, key = signed_parts(path)
    s = int.from_bytes(signed[_HALF:], "little")
    return FileProof(
        digest=signature.digest(message),
        r=signed[:_HALF][::-1],
        s=min(s, ORDER - s).to_bytes(_HALF, "big"),
        x=key[:_HALF][::-1],
        y=key[_HALF:][::-1],
        commitment=hashlib.sha256(message).digest(),
    )
