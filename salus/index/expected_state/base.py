"""What the state models of all contracts share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["NO_ACCOUNT", "NO_WORD", "Args", "EventHandler", "EventRecord", "Expected", "StateModel", "fields"]

#: The arguments of an event by name.
Args = Mapping[str, Any]

#: The address 0, which stands for no account.
NO_ACCOUNT = "0x" + "00" * 20

#: 32 bytes of 0, which stand for no value.
NO_WORD = bytes(32)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event, and when it was emitted.

    Attributes:
        contract: The contract's name in the book.
        name: The event's.
        args: Its arguments by name, as :class:`salus.Event` has them.
        at: The time of its block, Unix seconds.
    """

    contract: str
    name: str
    args: Args
    at: int


@dataclass(frozen=True, slots=True)
class Expected:
    """What a view must answer.

    Attributes:
        view: Its name.
        args: Its arguments.
        value: The answer. Of a struct a mapping of those fields that the events tell; where they leave the answer open,
            a frozenset of all that it may be.
    """

    view: str
    args: tuple[Any, ...]
    value: Any


class StateModel(Protocol):
    """What one contract's storage must be after the events so far."""

    def handle(self, event: EventRecord) -> None:
        """Take the next event of the book into account, of whichever contract; in the order of the chain.

        Raises:
            KeyError: The event continues something that no earlier event began.
        """

    def reconstruct(self) -> Iterator[Expected]:
        """What the contract's views must answer after the last event."""


class EventHandler:
    """Hands each event of some contracts to the method ``on_<name of the event>``; other events are ignored.

    Such a method takes the arguments by name and the time of the block in Unix seconds.
    """

    #: The contracts whose events are handled.
    CONTRACTS: tuple[str, ...] = ()

    def handle(self, event: EventRecord) -> None:
        """See :class:`StateModel`."""
        if event.contract in self.CONTRACTS and (method := getattr(self, f"on_{event.name}", None)) is not None:
            method(event.args, event.at)


def fields(struct: Any, *without: str) -> dict[str, Any]:
    """A struct of an event as a mapping.

    Args:
        struct: A :class:`salus.abi.decoding.Struct`.
        without: Names of fields that are left out.
    """
    return {name: getattr(struct, name) for name in struct._names if name not in without}
