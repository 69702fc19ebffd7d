"""Doses and due dates chosen by several criteria at once, and birthdays out of a clinic's own file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salus.doses.schedules import read_births
from salus.errors import BadInput
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.doses.doses import Dose, Doses, Due

__all__ = ["DoseFilter", "birth_of", "due_on", "select_doses"]


@dataclass(frozen=True)
class DoseFilter:
    """Which doses are meant; all criteria must hold.

    Attributes:
        patient: Only of this pseudonym.
        clinic: Only of this clinic (account or name).
        lot: Only out of this lot.
        recalled: Only out of lots that are recalled by now.
    """

    patient: str | None = None
    clinic: str | None = None
    lot: bytes | None = None
    recalled: bool = False


def select_doses(doses: Doses, wanted: DoseFilter) -> tuple[Dose, ...]:
    """The doses that were recorded and that a filter lets pass, voided ones included, oldest first."""
    found = doses.given(patient=wanted.patient, clinic=wanted.clinic)
    if wanted.lot is not None:
        found = _among(found, doses.of_lot(wanted.lot))
    if wanted.recalled:
        found = _among(found, doses.recalled())
    return found


def _among(found: tuple[Dose, ...], others: tuple[Dose, ...]) -> tuple[Dose, ...]:
    ids = {dose.id for dose in others}
    return tuple(dose for dose in found if dose.id in ids)


def due_on(
    doses: Doses,
    day: dt.date,
    *,
    clinic: str | None = None,
    schedule: bytes | None = None,
    births: Mapping[str, dt.date] | None = None,
    everything: bool = False,
) -> list[Due]:
    """The doses that are due or overdue on a day, the longest overdue first.

    Args:
        doses: The registry.
        day: The day.
        clinic, schedule, births: See :meth:`salus.doses.doses.Doses.due`.
        everything: Those as well whose time has not come.
    """
    found = doses.due(clinic=clinic, schedule=schedule, births=births)
    return [due for due in found if everything or due.status(day) in ("due", "overdue")]


def birth_of(patient: str, births: str | Path) -> dt.date:
    """A patient's birthday out of a clinic's own file.

    Raises:
        BadInput: The file cannot be read, or has no line for the patient.
    """
    found = read_births(births).get(address(patient, "PATIENT"))
    if found is None:
        raise BadInput(str(births), "patient", f"has no line for {patient}; add it, or leave --births away")
    return found
