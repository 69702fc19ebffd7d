"""Compares two indexes row by row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.index import _tables as t

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from salus.index._store import Store

__all__ = ["Difference", "compare"]

_Row = tuple[Any, ...]


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        where: The table, or the contract and its view.
        what: Which row, or the view's arguments.
        index: What the index has; "nothing" where it has no such row.
        chain: What the chain, or a fresh index, has.
    """

    where: str
    what: str
    index: str
    chain: str


def compare(one: Store, other: Store) -> Iterator[Difference]:
    """The differences of two indexes in all tables that hold what the chain says, byte for byte.

    Args:
        one: The index.
        other: A fresh one, up to the same block.

    Raises:
        IndexTrouble: A database cannot be read.
    """
    with one.reading() as here, other.reading() as there:
        for table in t.SHARED:
            yield from _table(table, one, here, other, there)


def _table(table: Any, one: Store, here: Connection, other: Store, there: Connection) -> Iterator[Difference]:
    names = table.columns.keys()
    places = [names.index(column.name) for column in table.primary_key.columns]
    for mine, theirs in _paired(one.rows(here, table), other.rows(there, table), places):
        if mine is None or theirs is None:
            row = theirs if mine is None else mine
            assert row is not None
            index, chain = ("nothing", "there") if mine is None else ("there", "nothing")
            yield Difference(table.name, _text(names, row, places), index, chain)
        elif differing := [place for place, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b]:
            which = _text(names, mine, places)
            yield Difference(table.name, which, _text(names, mine, differing), _text(names, theirs, differing))


def _paired(
    left: Iterator[_Row], right: Iterator[_Row], places: list[int]
) -> Iterator[tuple[_Row | None, _Row | None]]:
    """Rows of two sides that have the same key; None for the side that does not have it.

    Both sides are in the order of their keys, so that no more than a row of each is held.
    """

    def key(row: _Row) -> _Row:
        return tuple(row[place] for place in places)

    mine, theirs = next(left, None), next(right, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and key(mine) < key(theirs)):
            assert mine is not None
            yield mine, None
            mine = next(left, None)
        elif mine is None or key(theirs) < key(mine):
            yield None, theirs
            theirs = next(right, None)
        else:
            yield mine, theirs
            mine, theirs = next(left, None), next(right, None)


def _text(names: list[str], row: _Row, places: list[int]) -> str:
    return ", ".join(f"{names[place]} {_word(row[place])}" for place in places)


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + (value.hex() if len(value) <= 32 else value[:32].hex() + "…")
    return str(value)
