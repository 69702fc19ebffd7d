"""What the demo prints: titles, sentences, tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from rich.table import Table


def title(number: int, text: str) -> None:
    """Print the heading of an act."""
    print(f"\n{number} · {text}\n{'─' * (len(text) + 4)}", flush=True)


def say(text: str) -> None:
    """Print one sentence of the story."""
    print(f"  {text}", flush=True)


def table(heading: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    """A table for the terminal; a column whose name begins with > is aligned right."""
    drawn = Table(title=heading or None, title_justify="left", show_edge=False)
    for column in columns:
        drawn.add_column(column.lstrip(">"), justify="right" if column.startswith(">") else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def shortened(names: Sequence[str]) -> str:
    """Names in a cell of a table; of many, how many."""
    return ", ".join(sorted(names)) if len(names) <= 3 else f"{len(names)} of them"


def iso(seconds: int) -> str:
    """A moment in UTC, as files of readings write it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
