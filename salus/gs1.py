"""GS1 identifiers: trade items and lots."""

from __future__ import annotations

import re

from .errors import BadInput, one_line

__all__ = ["gtin_number", "lot_number"]


def gtin_number(text: str) -> int:
    """A GS1 GTIN of 8, 12, 13 or 14 digits as a number.

    Raises:
        BadInput: Another length, other characters, or a wrong check digit.
    """
    if not re.fullmatch(r"(\d{8}|\d{12,14})", text) or not text.isascii() or not int(text):
        raise BadInput("", "gtin", f"is {one_line(text, 40)!r}; give 8, 12, 13 or 14 digits")
    weighed = sum(int(digit) * (3 if n % 2 == 0 else 1) for n, digit in enumerate(reversed(text[:-1])))
    if (weighed + int(text[-1])) % 10:
        raise BadInput(
            "", "gtin", f"{text} has a wrong check digit, it should be {-weighed % 10}; look at the pack again"
        )
    return int(text)


def lot_number(text: str) -> bytes:
    """A lot number (GS1 application identifier 10) in 32 bytes.

    Raises:
        BadInput: Not 1 to 20 visible ASCII characters.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,20}", text):
        raise BadInput("", "lot number", f"is {one_line(text, 40)!r}; give 1 to 20 visible ASCII characters")
    return text.encode().ljust(32, b"\0")
