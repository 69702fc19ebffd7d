"""Comma-separated text: told apart from what spreadsheets of many countries write instead."""

from __future__ import annotations

from salus.errors import BadInput

__all__ = ["expect_commas"]

_OTHERS = {";": "semicolons", "\t": "tabs"}


def expect_commas(source: str, text: str) -> str:
    """The text as it is, once its first line shows no other separator than a comma.

    Args:
        source: The file, for the message.
        text: What it holds.

    Raises:
        BadInput: The cells of the first line are separated by semicolons or tabs.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    for separator, name in _OTHERS.items():
        if separator in first and "," not in first:
            fix = f"its cells are separated by {name}; save it with commas (in a spreadsheet: CSV, separator comma)"
            raise BadInput(source, "line 1", fix)
    return text
