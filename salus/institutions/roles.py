"""Roles of institutions by name, to the bits that the contracts use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from salus.abi.bits import ROLES
from salus.errors import BadInput

__all__ = ["bits_of", "role_bits"]


def bits_of(names: Iterable[str], known: Mapping[str, int], field: str, file: str) -> int:
    """The bits of names, which may be written in any case, with hyphens or underscores.

    Args:
        names: What was given.
        known: The bit of each name.
        field: What they are, for the error.
        file: Where they stood, for the error.

    Raises:
        BadInput: An unknown name.
    """
    folded = {name.replace("_", "").casefold(): bit for name, bit in known.items()}
    bits = 0
    for name in names:
        bit = folded.get(name.strip().replace("_", "").replace("-", "").casefold())
        if bit is None:
            raise BadInput(file, field, f"there is no {name!r}; known are {', '.join(known)}")
        bits |= bit
    return bits


def role_bits(names: Iterable[str], *, file: str = "") -> int:
    """The bits of roles, see :data:`salus.abi.bits.ROLES`.

    Args:
        names: In any case, e.g. ``["PROVIDER", "public-health"]``.
        file: Where they stood, for the error.

    Raises:
        BadInput: An unknown name.
    """
    return bits_of(names, ROLES, "role", file)
