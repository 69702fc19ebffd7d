"""Values as they are typed: ids, amounts, temperatures."""

from __future__ import annotations

import re

__all__ = ["amount_of", "centi_degrees", "identifier", "is_identifier"]


def is_identifier(text: str) -> bool:
    """Whether a text is 0x and 64 hex digits."""
    return re.fullmatch(r"0x[0-9a-fA-F]{64}", text) is not None


def identifier(text: str, option: str) -> bytes:
    """The 32 bytes of an id that was typed.

    Args:
        text: What was typed.
        option: Its name in the message.

    Raises:
        BadInput: Not 0x and 64 hex digits.
    """
    from salus.errors import BadInput, one_line

    if not is_identifier(text):
        raise BadInput(option, "", f"is {one_line(text, 80)!r}; give 0x and 64 hex digits")
    return bytes.fromhex(text[2:])


def amount_of(text: str, decimals: int, option: str) -> int:
    """An amount that was typed, in the token's smallest units.

    Args:
        text: What was typed.
        decimals: The token's.
        option: Its name in the message.

    Raises:
        BadInput: No plain amount, or one with more decimals than the token.
    """
    from decimal import Decimal

    from salus.errors import BadInput, one_line
    from salus.formats.json_file import smallest_units

    if not re.fullmatch(r"\d{1,30}(\.\d{1,30})?", text):
        raise BadInput(option, "", f"is {one_line(text, 40)!r}; give an amount, e.g. 25000.00")
    return smallest_units(Decimal(text), decimals, source=option, field="")


def centi_degrees(text: str, option: str) -> int:
    """A temperature above 0 °C that was typed, in 0.01 °C.

    Args:
        text: What was typed.
        option: Its name in the message.

    Raises:
        BadInput: No such number, more than two decimals, or too large.
    """
    from decimal import Decimal, InvalidOperation

    from salus.errors import BadInput, one_line

    try:
        centi = Decimal(text) * 100
    except InvalidOperation:
        centi = Decimal("NaN")
    if not centi.is_finite() or centi != int(centi) or not 0 < centi < 2**16:
        raise BadInput(option, "", f"is {one_line(text, 20)!r}; give °C above 0, with two decimals at most, e.g. 0.5")
    return int(centi)
