"""An account's address as text, taken strictly: a changed digit must not become another account."""

from __future__ import annotations

import re

from salus.abi.hashing import checksum_address
from salus.errors import BadInput

__all__ = ["address"]


def address(value: object, field: str = "address", file: str = "") -> str:
    """An account's address with its checksum; taken in lower case or with a right checksum, nothing else.

    Args:
        value: What should be an address: 0x and 40 hex digits.
        field: The field that it is from, for messages.
        file: The file that it is from, for messages.

    Raises:
        BadInput: Anything else; names the field.
    """
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise BadInput(file, field, f"is {value!r}; an address is 0x and 40 hex digits")
    checked = checksum_address(value)
    if value not in (checked, value.lower()):
        raise BadInput(file, field, f"{value} has a wrong checksum: a digit or a letter's case was changed")
    return checked
