"""What to say where an optional part of Salus is not installed."""

from __future__ import annotations

__all__ = ["needs"]


def needs(what: str, extra: str) -> str:
    """What is missing, and how to install it.

    Salus itself is on no index of packages, and whoever took the name there could run what they like: the command names
    the checkout.

    Args:
        what: The packages that are missing.
        extra: The extra of ``pyproject.toml`` that brings them.

    >>> needs("matplotlib", "plot")
    "needs matplotlib; install it from the folder of Salus, where pyproject.toml is: pip install '.[plot]'"
    """
    return f"needs {what}; install it from the folder of Salus, where pyproject.toml is: pip install '.[{extra}]'"
