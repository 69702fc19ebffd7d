"""Doses given, and when the next one is due: the noun ``doses``. Days are days of UTC.

A patient is a pseudonym, another one for each clinic. The chain knows no date of birth: a clinic that has one lets
:meth:`Doses.give` and :meth:`Doses.due` use it here, and nothing of it is sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.doses.schedules import GRACE, Schedule, Step, ready_schedules
from salus.errors import BadAnswer, BadInput, Refused
from salus.formats.days import day_of, number_of
from salus.keys.addresses import address as checked_address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.institutions.registry import Institutions

__all__ = ["Dose", "Doses", "Due", "Next", "Schedule", "Step", "ready_schedules"]

_ZERO = "0x" + "0" * 40


@dataclass(frozen=True)
class Dose:
    """A dose as it was given.

    Args:
        id: 0x-hex.
        patient: Pseudonym.
        clinic: Who gave it.
        shipment: Out of which shipment, 0x-hex.
        schedule: Of which schedule, 0x-hex.
        step: Number in the schedule, from 0.
        day: When it was given.
        voided: Whether it was recorded in error.
    """

    id: str
    patient: str
    clinic: str
    shipment: str
    schedule: str
    step: int
    day: dt.date
    voided: bool


@dataclass(frozen=True)
class Next:
    """When a patient's next dose is due.

    Args:
        step: Its number in the schedule; the schedule's length when the series is complete.
        earliest: First day on which it counts, the grace included.
        due: From when it is due.
        overdue: From when it is overdue, None: never.

    The days are None before the first dose, which counts from a birth that the chain does not know, and when the series
    is complete.
    """

    step: int
    earliest: dt.date | None
    due: dt.date | None
    overdue: dt.date | None


@dataclass(frozen=True)
class Due:
    """A dose that is due, or will be.

    Args:
        patient: Pseudonym.
        schedule: 0x-hex.
        step: Number of the dose in the schedule, from 0.
        clinic: Who gave the dose before it; None for a first dose.
        earliest: First day on which it counts.
        due: From when it is due.
        overdue: From when it is overdue, None: never.
    """

    patient: str
    schedule: str
    step: int
    clinic: str | None
    earliest: dt.date
    due: dt.date
    overdue: dt.date | None

    def status(self, day: dt.date) -> str:
        """``overdue``, ``due``, ``possible`` (it would count already) or ``later``, on a day."""
        if self.overdue is not None and day >= self.overdue:
            return "overdue"
        if day >= self.due:
            return "due"
        return "possible" if day >= self.earliest else "later"


class Doses:
    """The contract ``Doses`` as the client's signer uses it; ``salus.doses``."""

    def __init__(self, ledger: Ledger, institutions: Institutions) -> None:
        self._ledger = ledger
        self._institutions = institutions

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Doses").functions

    def today(self) -> dt.date:
        """The day of the chain's clock."""
        return day_of(self._ledger.now() // 86_400)

    # ---- schedules -----------------------------------------------------------------------------------------------

    def register_schedule(self, schedule: Schedule) -> bytes:
        """Register a schedule for ever; the signer is the regulator's rule maker. Gives its id.

        Raises:
            Refused: ``ScheduleExists``, ``InvalidSchedule``, ``AccessManagedUnauthorized`` …
        """
        self._ledger.send(self._f.registerSchedule(schedule.vaccine, [step.struct() for step in schedule.steps]))
        return schedule.id

    def schedule(self, schedule: bytes) -> Schedule:
        """A registered schedule.

        Raises:
            BadInput: There is none of this id.
        """
        vaccine, steps = self._ledger.call(self._f.schedule(schedule))
        if not steps:
            raise BadInput(
                "",
                "schedule",
                f"0x{schedule.hex()} is unknown on this chain; `salus dose schedule` lists those there are",
            )
        return Schedule.of(vaccine, steps)

    def schedules(self) -> dict[bytes, Schedule]:
        """Every registered schedule by id, in the order of registration."""
        events = self._ledger.logs("Doses", "ScheduleRegistered")
        return {bytes(e.args["schedule"]): Schedule.of(e.args["vaccine"], e.args["steps"]) for e in events}

    # ---- doses ---------------------------------------------------------------------------------------------------

    def give(
        self,
        shipment: bytes,
        patient: str,
        schedule: bytes,
        *,
        day: dt.date | None = None,
        birth: dt.date | None = None,
    ) -> bytes:
        """Record a dose that the signer's clinic gave out of a shipment that it holds; gives the dose's id.

        Args:
            shipment: The shipment; one unit leaves it.
            patient: Pseudonym that the patient uses for this clinic.
            schedule: Id of a registered schedule.
            day: When it was given, at most a week ago; today by default.
            birth: The patient's birthday, for the least age; it stays here. Without it no age is checked.

        Raises:
            Refused: ``TooYoung`` (said here, nothing was sent), ``TooEarly``, ``SeriesComplete``, ``InvalidDay``,
                ``NotHolder``, ``NotIntact`` …
        """
        who, on = checked_address(patient, "patient"), day or self.today()
        if birth is not None:
            self._check_age(who, schedule, on, birth)
        receipt = self._ledger.send(self._f.give(shipment, who, schedule, number_of(on)))
        events = receipt.events("DoseGiven")
        if len(events) != 1:
            raise BadAnswer(f"{receipt.hash} has {len(events)} events DoseGiven, not one; look at the chain itself")
        return bytes(events[0].args["dose"])

    def _check_age(self, patient: str, schedule: bytes, day: dt.date, birth: dt.date) -> None:
        steps = self.schedule(schedule).steps
        number = self.next(patient, schedule).step
        if number == len(steps):
            return  # complete: the contract says so
        earliest = steps[number].from_birth(birth)
        if day < earliest:
            raise Refused(
                f"the patient is too young for dose {number + 1} until {earliest}, the grace of {GRACE} days included",
                name="TooYoung",
                arguments={"step": number, "earliest": number_of(earliest)},
            )

    def void(self, dose: bytes) -> Receipt:
        """Take back a record made in error, the last of its series; the signer acts for the clinic. The unit stays
        used.

        Raises:
            Refused: ``NotTheClinic``, ``NotTheLastDose``, ``UnknownDose``.
        """
        return self._ledger.send(self._f.void(dose))

    def dose(self, dose: bytes) -> Dose:
        """A dose.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._ledger.call(self._f.dose(dose))
        if found.clinic == _ZERO:
            raise BadInput(
                "", "dose", f"0x{dose.hex()} is unknown on this chain; give the id that `salus dose give` showed"
            )
        return Dose(
            id="0x" + dose.hex(),
            patient=found.patient,
            clinic=found.clinic,
            shipment="0x" + bytes(found.shipment).hex(),
            schedule="0x" + bytes(found.schedule).hex(),
            step=found.step,
            day=day_of(found.day),
            voided=found.voided,
        )

    def next(self, patient: str, schedule: bytes) -> Next:
        """When a patient's next dose of a schedule is due.

        Raises:
            Refused: ``UnknownSchedule``.
        """
        found = self._ledger.call(self._f.next(checked_address(patient, "patient"), schedule))
        days = (day_of(number) if number else None for number in (found.earliest, found.due, found.overdue))
        return Next(found.next, *days)

    # ---- from the events -----------------------------------------------------------------------------------------

    def given(self, *, patient: str | None = None, clinic: str | None = None) -> tuple[Dose, ...]:
        """Every dose that was recorded, voided ones included, oldest first.

        Args:
            patient: Only this pseudonym's.
            clinic: Only this clinic's (account or name).
        """
        where = None if patient is None else {"patient": checked_address(patient, "patient")}
        by = None if clinic is None else self._institutions.resolve(clinic)
        voided = {bytes(event.args["dose"]) for event in self._ledger.logs("Doses", "DoseVoided")}
        return tuple(
            Dose(
                id="0x" + bytes(event.args["dose"]).hex(),
                patient=event.args["patient"],
                clinic=event.args["clinic"],
                shipment="0x" + bytes(event.args["shipment"]).hex(),
                schedule="0x" + bytes(event.args["schedule"]).hex(),
                step=event.args["step"],
                day=day_of(event.args["day"]),
                voided=bytes(event.args["dose"]) in voided,
            )
            for event in self._ledger.logs("Doses", "DoseGiven", where)
            if by in (None, event.args["clinic"])
        )

    def due(
        self,
        *,
        clinic: str | None = None,
        schedule: bytes | None = None,
        births: Mapping[str, dt.date] | None = None,
    ) -> list[Due]:
        """The next dose of everybody whose series is not complete, by when it is due.

        Args:
            clinic: Only of those to whom this clinic (account or name) gave the last dose, or who are in ``births``.
            schedule: Only of this schedule.
            births: Birthdays by pseudonym, as the clinic has them: they add the first doses of ``schedule``, and the
                least age to the earliest day. They stay here.
        """
        wanted = self.schedules() if schedule is None else {schedule: self.schedule(schedule)}
        by = None if clinic is None else self._institutions.resolve(clinic)
        born = {checked_address(patient, "patient"): day for patient, day in (births or {}).items()}
        last: dict[tuple[str, bytes], Dose] = {}
        for dose in self.given():
            if not dose.voided:
                last[dose.patient, bytes.fromhex(dose.schedule[2:])] = dose
        found = []
        for (patient, key), dose in last.items():
            steps = wanted[key].steps if key in wanted else ()
            if dose.step + 1 < len(steps) and by in (None, dose.clinic):
                step = steps[dose.step + 1]
                earliest = (
                    max(step.after(dose.day), step.from_birth(born[patient]))
                    if patient in born
                    else step.after(dose.day)
                )
                found.append(_due(patient, key, dose.step + 1, dose.clinic, step, earliest, dose.day))
        if schedule is not None:
            first = wanted[schedule].steps[0]
            for patient, birth in born.items():
                if (patient, schedule) not in last:
                    found.append(_due(patient, schedule, 0, None, first, first.from_birth(birth), birth))
        return sorted(found, key=lambda due: (due.due, due.patient, due.schedule))

    def of_lot(self, lot: bytes) -> tuple[Dose, ...]:
        """Every dose out of a lot, voided ones included: who had it, should it be recalled."""
        return self._out_of(lambda its_lot: its_lot == lot)

    def recalled(self) -> tuple[Dose, ...]:
        """Every dose out of a lot that is recalled by now."""
        recalled = {bytes(event.args["lot"]) for event in self._ledger.logs("ColdChain", "LotRecalled")}
        return self._out_of(lambda its_lot: its_lot in recalled)

    def _out_of(self, wanted: Any) -> tuple[Dose, ...]:
        doses = self.given()
        lots = self._lots_of(dose.shipment for dose in doses)
        return tuple(dose for dose in doses if wanted(lots[dose.shipment]))

    def _lots_of(self, shipments: Iterable[str]) -> dict[str, bytes]:
        several = list(dict.fromkeys(shipments))
        found = self._ledger.calls("ColdChain", "shipment", [(bytes.fromhex(one[2:]),) for one in several])
        return {one: bytes(shipment.lot) for one, shipment in zip(several, found, strict=True)}


def _due(
    patient: str, schedule: bytes, number: int, clinic: str | None, step: Step, earliest: dt.date, start: dt.date
) -> Due:
    due = max(start + dt.timedelta(days=step.due), earliest)
    # Who is too young when it would be due has as long from then on.
    overdue = due + dt.timedelta(days=step.overdue - step.due) if step.overdue else None
    return Due(patient, "0x" + schedule.hex(), number, clinic, earliest, due, overdue)
