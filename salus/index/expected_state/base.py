"""What the truths of all contracts share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NOBODY", "NOTHING", "Expected", "Heard", "Hearer", "fields"]

NOBODY = "0x" + "00" * 20
NOTHING = bytes(32)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, and when it was.

    Attributes:
        contract: The contract's name in the book.
        name: The event's.
        args: Its arguments by name, as :class:`salus.Event` has them.
        at: The time of its block, Unix seconds.
    """

    contract: str
    name: str
    args: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a view must answer.

    Attributes:
        view: Its name.
        args: Its arguments.
        value: The answer; of a struct a mapping of those fields that the events tell; of what they leave open a
            frozenset of all that it may be.
    """

    view: str
    args: tuple[Any, ...]
    value: Any


def fields(struct: Any, *without: str) -> dict[str, Any]:
    """A struct of an event as a mapping, some fields left out."""
    return {name: getattr(struct, name) for name in struct._names if name not in without}


class Hearer:
    """Hands each event of one contract to the method that has its name, ``on_…``; the others are none of its
    business.
    """

    #: The contracts whose events it hears.
    CONTRACTS: tuple[str, ...] = ()

    def hear(self, heard: Heard) -> None:
        """See :class:`salus.index.expected_state.Truth`."""
        if heard.contract in self.CONTRACTS and (method := getattr(self, f"on_{heard.name}", None)) is not None:
            method(heard.args, heard.at)
