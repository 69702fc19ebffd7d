"""Makers of loggers, who sign the files that their devices write (P-256)."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

#: Of the curve's group.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def hex32(number: int) -> str:
    return f"0x{number:064x}"


class Maker:
    """Who signs files with a key of its own."""

    def __init__(self, secret):
        self.key = ec.derive_private_key(secret, ec.SECP256R1())
        numbers = self.key.public_key().public_numbers()
        self.x, self.y = hex32(numbers.x), hex32(numbers.y)

    def sign(self, digest: bytes):
        """r and s, s at most half the order."""
        r, s = decode_dss_signature(self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256()))))
        return hex32(r), hex32(min(s, ORDER - s))
