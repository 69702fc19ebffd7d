"""What the events of a contract say that its storage must hold: one small class a contract.

Each hears every event of the book in the order of the chain and then tells what the contract's views must answer. A new
contract gets a class here; what has none is named by the audit as not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from salus.index.expected_state.base import NOBODY, NOTHING, Expected, Heard
from salus.index.expected_state.care import Accesses, Consents, Guards, Register
from salus.index.expected_state.claims import Desk, Money, Terms
from salus.index.expected_state.coldchain import Cold, Devices, Goods, Jabs

__all__ = ["NOBODY", "NOTHING", "TRUTHS", "Expected", "Heard", "Truth"]


class Truth(Protocol):
    """What one contract's storage must be."""

    def hear(self, heard: Heard) -> None:
        """Take notice of the next event of the book, of whichever contract."""

    def told(self) -> Iterator[Expected]:
        """What the views must answer after the last event."""


#: By the contract's name in the book.
TRUTHS: Mapping[str, Callable[[], Truth]] = {
    "Institutions": Register,
    "ConsentRegistry": Consents,
    "Guardians": Guards,
    "AccessLog": Accesses,
    "Plans": Terms,
    "ClaimDesk": Desk,
    "Treasury": Money,
    "Lots": Goods,
    "Loggers": Devices,
    "ColdChain": Cold,
    "Doses": Jabs,
}
