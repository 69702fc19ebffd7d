"""Two indexes, row by row: what one has and the other has not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.index import _tables as t

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from salus.index._store import Store

__all__ = ["Difference", "compare"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        where: The table, or the contract and its view.
        what: Which row, or the view's arguments.
        index: What the index says, "nothing" where it says none.
        chain: What the chain says, or a fresh index.
    """

    where: str
    what: str
    index: str
    chain: str


def compare(one: Store, other: Store) -> Iterator[Difference]:
    """The differences of two indexes in all tables that speak of the chain, byte for byte.

    Args:
        one: The index.
        other: A fresh one, up to the same block.
    """
    with one.reading() as here, other.reading() as there:
        for table in t.SHARED:
            yield from _table(table, one, here, other, there)


def _table(table: Any, one: Store, here: Connection, other: Store, there: Connection) -> Iterator[Difference]:
    names = table.columns.keys()
    places = [names.index(column.name) for column in table.primary_key.columns]

    def key(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row[place] for place in places)

    left, right = one.rows(here, table), other.rows(there, table)
    mine, theirs = next(left, None), next(right, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and key(mine) < key(theirs)):
            assert mine is not None
            yield Difference(table.name, _told(names, mine, places), "there", "nothing")
            mine = next(left, None)
        elif mine is None or key(theirs) < key(mine):
            yield Difference(table.name, _told(names, theirs, places), "nothing", "there")
            theirs = next(right, None)
        else:
            differing = [place for place, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b]
            if differing:
                what = _told(names, mine, places)
                yield Difference(table.name, what, _told(names, mine, differing), _told(names, theirs, differing))
            mine, theirs = next(left, None), next(right, None)


def _told(names: list[str], row: tuple[Any, ...], places: list[int]) -> str:
    return ", ".join(f"{names[place]} {_word(row[place])}" for place in places)


def _word(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + (value.hex() if len(value) <= 32 else value[:32].hex() + "…")
    return str(value)
