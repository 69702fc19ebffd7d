"""Which account a relation has: its derivation path follows from its name, never from the order of first use.

The path of a relation is ``m/44'/60'/a'/b'/c'/d'``, where ``a`` to ``d`` are of 31 bits and all are hardened::

    tag = HMAC-SHA512(key = the seed of BIP-39, 64 bytes; message = "salus relation 1:" and the name, ASCII)
    a = bytes 0 to 3 of tag as a big-endian number, without its highest bit; b, c, d = bytes 4 to 7, 8 to 11, 12 to 15

So a wallet that is made again from its words finds the account of each institution by the institution's name, and the
names cannot be told from the paths. That two names have the same 124 bits is not to be expected.

The relation ``default`` is ``m/44'/60'/0'/0/0``, the first account of every other wallet with these words. Wallets of
version 1 gave their relations ``m/44'/60'/0'/0/i`` in the order of first use: those accounts stay what they are.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from salus.errors import WalletError

__all__ = ["DEFAULT", "check_relation", "number_of", "numbered_path", "path_of"]

#: The relation of a wallet's first account.
DEFAULT = "default"

_RELATION = re.compile(r"[a-z0-9][a-z0-9:._-]{0,62}")
_DOMAIN = b"salus relation 1:"
_NUMBERED = "m/44'/60'/0'/0/"
_BITS_31 = 0x7FFF_FFFF


def check_relation(relation: str) -> str:
    """The name of a relation, as it is.

    Args:
        relation: 1 to 63 of ``a-z 0-9 : . _ -``, the first of them a letter or a digit.

    Raises:
        WalletError: It is no such name.
    """
    if not _RELATION.fullmatch(relation):
        raise WalletError(f"{relation!r} is no name for a relation: 1 to 63 of a-z, 0-9 and : . _ -")
    return relation


def path_of(seed: bytes, relation: str) -> str:
    """The derivation path of a relation; see the head of this module.

    Args:
        seed: The seed of BIP-39, 64 bytes.
        relation: The relation's name.

    Raises:
        WalletError: It is no name for a relation.
    """
    if check_relation(relation) == DEFAULT:
        return numbered_path(0)
    tag = hmac.digest(seed, _DOMAIN + relation.encode("ascii"), hashlib.sha512)
    parts = (int.from_bytes(tag[place : place + 4]) & _BITS_31 for place in range(0, 16, 4))
    return "m/44'/60'/" + "/".join(f"{part}'" for part in parts)


def numbered_path(number: int) -> str:
    """The path of an account that was numbered by its first use.

    Args:
        number: From 0.
    """
    return f"{_NUMBERED}{number}"


def number_of(path: str) -> int | None:
    """The number of an account that was numbered by its first use; None where the name gives the path.

    Args:
        path: A derivation path.
    """
    number = path.removeprefix(_NUMBERED)
    return int(number) if path.startswith(_NUMBERED) and number.isdecimal() else None
