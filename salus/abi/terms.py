"""The terms of a directive or a revocation in one word, as the registry takes, stores and emits them.

The layout is that of ``Terms`` in interfaces/consent/IConsentRegistry.sol. Times are Unix seconds, purposes and
categories are bit sets.
"""

from __future__ import annotations

from typing import Any

__all__ = ["TERMS", "pack", "unpack"]

#: What the contracts' ABIs call such a word.
TERMS = "IConsentRegistry.Terms"

# From the top.
_FIELDS = (
    ("issuedAt", 40),
    ("start", 40),
    ("end", 40),
    ("deadline", 40),
    ("purposes", 32),
    ("categories", 56),
    ("index", 6),
    ("effect", 2),
)
_ALL, _ALL_PACKED = 255, 63  # the index of a revocation of all


def pack(**fields: int) -> int:
    """One word of its fields; what is not given is 0.

    Args:
        fields: issuedAt, start, end, deadline, purposes, categories, index (0 to 62, or 255 for all) and effect.

    Raises:
        ValueError: A field is unknown or out of range: it would run into its neighbour.
    """
    if unknown := fields.keys() - dict(_FIELDS).keys():
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    word = 0
    for name, bits in _FIELDS:
        value = fields.get(name, 0)
        if name == "index":
            value = {_ALL: _ALL_PACKED, _ALL_PACKED: _ALL}.get(value, value)
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} is {fields[name]}, which does not fit {bits} bits")
        word = word << bits | value
    return word


def unpack(word: int) -> dict[str, Any]:
    """The fields of one word, in the order in which people read them."""
    found = {}
    for name, bits in reversed(_FIELDS):
        found[name] = word & (1 << bits) - 1
        word >>= bits
    if found["index"] == _ALL_PACKED:
        found["index"] = _ALL
    order = ("index", "effect", "purposes", "categories", "start", "end", "issuedAt", "deadline")
    return {name: found[name] for name in order}
