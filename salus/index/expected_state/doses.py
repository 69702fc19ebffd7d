"""Doses: what their storage must be after the events so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from salus.index.expected_state.base import Args, EventHandler, Expected

__all__ = ["DosesState"]


class DosesState(EventHandler):
    """The state of ``Doses``."""

    CONTRACTS = ("Doses",)

    def __init__(self) -> None:
        self.doses: dict[bytes, dict[str, Any]] = {}

    def on_DoseGiven(self, args: Args, at: int) -> None:
        names = ("shipment", "clinic", "patient", "schedule", "step", "day")
        self.doses[args["dose"]] = {**{name: args[name] for name in names}, "voided": False}

    def on_DoseVoided(self, args: Args, at: int) -> None:
        self.doses[args["dose"]]["voided"] = True

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for id, dose in self.doses.items():
            yield Expected("dose", (id,), dose)
