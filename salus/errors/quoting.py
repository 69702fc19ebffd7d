"""Text from outside as messages quote it."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(thing: object, longest: int = 200) -> str:
    """Text from outside on one line, without control characters, cut to a length.

    Args:
        thing: What is quoted; of anything but text its ``str()``.
        longest: Characters, at most; what is longer ends with an ellipsis.
    """
    text = "".join(c if c.isprintable() else " " for c in str(thing))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
