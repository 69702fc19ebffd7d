"""``salus dose``: schedules, doses given and voided, who is due, and who had a dose of a recalled lot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import parse_day
from salus.cli.options import command, group
from salus.cli.values import identifier

if TYPE_CHECKING:
    import datetime as dt

    from salus.doses.doses import Dose, Due, Next
    from salus.doses.schedules import Schedule

__all__ = ["noun"]

_SCHEDULE = click.option("--schedule", required=True, help="A ready schedule's name, or an id.")
_BIRTHS = click.option(
    "--births", type=click.Path(), help="Your own CSV with the columns patient and birth; nothing of it is sent."
)


@group("dose")
def noun() -> None:
    """Give doses out of intact shipments, by a schedule; see who is due, and who had a dose of a recalled lot.

    A patient is a pseudonym, another one for each clinic. The chain knows no birthday: keep your own file for ages.
    """


def _named(name: str) -> Schedule:
    from salus.doses.schedules import ready_schedules
    from salus.errors import BadInput, one_line

    ready = ready_schedules()
    if name not in ready:
        raise BadInput("SCHEDULE", "", f"{one_line(name, 40)!r} is no ready schedule; there are {', '.join(ready)}")
    return ready[name]


def _schedule_id(text: str) -> bytes:
    return identifier(text, "--schedule") if text.startswith("0x") else _named(text).id


def _names() -> dict[str, str]:
    from salus.doses.schedules import ready_schedules

    return {"0x" + schedule.id.hex(): name for name, schedule in ready_schedules().items()}


@command(noun, "schedule")
@click.argument("name", required=False)
@click.option("--register", is_flag=True, help="Register it for ever; the signer is the regulator's rule maker.")
def schedule(context: Context, name: str | None, register: bool) -> None:
    """Show the schedules that come with Salus, one of them, or register one.

    \b
    Example:
      salus dose schedule
      salus dose schedule hepatitis-b --register --keystore regulator.json
    """
    from salus.errors import BadInput

    if name is None:
        if register:
            raise BadInput("NAME", "", "is missing; say which schedule to register")
        _list_schedules(context)
        return
    found = _named(name)
    if not register:
        lines = [f"id   0x{found.id.hex()}", f"CVX  {found.vaccine}", *found.words]
        context.answer({"name": name, **_schedule_document(found)}, "\n".join(lines))
        return
    salus = context.connect_signing()
    facts = [("schedule", name), ("vaccine", f"CVX {found.vaccine}"), *(("step", words) for words in found.words)]
    context.confirm([*facts, *context.where(salus)], "Register it? It can never be changed.")
    made = salus.doses.register_schedule(found)
    context.answer({"schedule": made, "name": name}, f"schedule {name} is registered as 0x{made.hex()}")


def _list_schedules(context: Context) -> None:
    from salus.doses.schedules import ready_schedules

    ready = ready_schedules()
    rows = [(name, s.vaccine, len(s.steps), "0x" + s.id.hex()) for name, s in ready.items()]
    context.answer(
        {name: _schedule_document(s) for name, s in ready.items()},
        lambda: context.table("Schedules", ("name", "CVX", "doses", "id"), rows),
    )


@command(noun, "give")
@click.argument("shipment", metavar="SHIPMENT")
@click.argument("patient", metavar="PATIENT")
@_SCHEDULE
@click.option("--day", help="When it was given, at most a week ago: 2025-01-31 [default: today].")
@_BIRTHS
def give(context: Context, shipment: str, patient: str, schedule: str, day: str | None, births: str | None) -> None:
    """Record a dose out of a shipment that your clinic holds. The signer acts for the clinic.

    PATIENT is the pseudonym that the patient uses for this clinic. With --births the least age is checked here, before
    anything is sent; without it no age is.

    \b
    Example:
      salus dose give 0x5e0f… 0x90F7… --schedule hepatitis-b --births patients.csv --keystore clinic.json
    """
    from salus.doses.selection import birth_of

    wanted, its_schedule = identifier(shipment, "SHIPMENT"), _schedule_id(schedule)
    on = parse_day(day, "--day") if day else None
    birth = birth_of(patient, births) if births else None
    salus = context.connect_signing()
    context.confirm(
        [
            ("patient", patient),
            ("schedule", schedule),
            ("day", on or f"today, {salus.doses.today()}"),
            ("out of shipment", shipment),
            ("least age", f"checked with {births}" if births else "NOT checked: give --births"),
            *context.where(salus),
        ],
        "Record it?",
    )
    made = salus.doses.give(wanted, patient, its_schedule, day=on, birth=birth)
    context.answer({"dose": made, "ageChecked": birth is not None}, f"dose 0x{made.hex()}")


@command(noun, "void")
@click.argument("dose", metavar="DOSE")
def void(context: Context, dose: str) -> None:
    """Take back a record made in error, the last of its series. The signer acts for the clinic. The unit stays used.

    \b
    Example:
      salus dose void 0x77aa… --keystore clinic.json
    """
    wanted = identifier(dose, "DOSE")
    salus = context.connect_signing()
    found = salus.doses.dose(wanted)
    facts = [("void dose", dose), ("of", found.patient), ("given", found.day), ("number in the series", found.step + 1)]
    context.confirm([*facts, *context.where(salus)], "Void it?")
    context.sent(salus.doses.void(wanted), "voided", dose=dose)


@command(noun, "next")
@click.argument("patient", metavar="PATIENT")
@_SCHEDULE
def next_(context: Context, patient: str, schedule: str) -> None:
    """Show when a patient's next dose of a schedule is due.

    \b
    Example:
      salus dose next 0x90F7… --schedule hepatitis-b
    """
    key = _schedule_id(schedule)
    salus = context.connect()
    found = salus.doses.next(patient, key)
    complete = found.step == len(salus.doses.schedule(key).steps)
    data = {
        "next": None if complete else found.step + 1,
        "complete": complete,
        "earliest": _iso(found.earliest),
        "due": _iso(found.due),
        "overdue": _iso(found.overdue),
    }
    context.answer(data, "the series is complete" if complete else _next_words(found))


def _next_words(found: Next) -> str:
    if found.due is None:
        return "dose 1, which counts from birth; the chain knows no birthday"
    late = f", overdue from {found.overdue}" if found.overdue else ""
    return f"dose {found.step + 1}: from {found.earliest}, due {found.due}{late}"


@command(noun, "due")
@click.option("--schedule", help="Only of this schedule: a ready one's name, or an id.")
@click.option("--clinic", help="Only of those whose last dose this clinic gave: name or account.")
@click.option("--on", "day", help="On which day: 2025-01-31 [default: today].")
@click.option("--all", "everything", is_flag=True, help="Those as well whose time has not come.")
@_BIRTHS
def due(
    context: Context, schedule: str | None, clinic: str | None, day: str | None, everything: bool, births: str | None
) -> None:
    """List whose next dose is due or overdue, the longest overdue first.

    With --births and --schedule those are listed as well who have had no dose of it yet.

    \b
    Example:
      salus dose due --clinic village-clinic --schedule hepatitis-b --births patients.csv
    """
    from salus.doses.schedules import read_births
    from salus.doses.selection import due_on
    from salus.errors import BadInput

    if births and not schedule:
        raise BadInput("--schedule", "", "is needed with --births: first doses are of one schedule")
    key = _schedule_id(schedule) if schedule else None
    known = read_births(births) if births else None
    salus = context.connect()
    on = parse_day(day, "--on") if day else salus.doses.today()
    found = due_on(salus.doses, on, clinic=clinic, schedule=key, births=known, everything=everything)
    names = _names()
    rows = [_due_row(due, on, names) for due in found]
    columns = ("patient", "schedule", "dose", "status", "counts from", "due", "overdue")
    context.answer([_due_document(due, on) for due in found], lambda: context.table(f"Due on {on}", columns, rows))


def _due_row(due: Due, on: dt.date, names: dict[str, str]) -> tuple[object, ...]:
    schedule = names.get(due.schedule, due.schedule)
    days = due.earliest, due.due, due.overdue or "never"
    return due.patient, schedule, due.step + 1, due.status(on), *days


def _due_document(due: Due, on: dt.date) -> dict[str, Any]:
    return {
        "patient": due.patient,
        "schedule": due.schedule,
        "dose": due.step + 1,
        "status": due.status(on),
        "clinic": due.clinic,
        "earliest": _iso(due.earliest),
        "due": _iso(due.due),
        "overdue": _iso(due.overdue),
    }


@command(noun, "list")
@click.option("--patient", help="Only of this pseudonym.")
@click.option("--clinic", help="Only of this clinic: name or account.")
@click.option("--lot", help="Only out of this lot: its id.")
@click.option("--recalled", is_flag=True, help="Only out of lots that are recalled by now.")
def list_(context: Context, patient: str | None, clinic: str | None, lot: str | None, recalled: bool) -> None:
    """List doses; with --recalled those out of recalled lots: whom to call.

    \b
    Example:
      salus dose list --recalled --clinic village-clinic
    """
    from salus.doses.selection import DoseFilter, select_doses

    wanted = DoseFilter(patient, clinic, identifier(lot, "--lot") if lot else None, recalled)
    salus = context.connect()
    found = select_doses(salus.doses, wanted)
    names, schedules = salus.institutions.names(dose.clinic for dose in found), _names()
    rows = [_row(dose, names, schedules) for dose in found]
    columns = ("day", "patient", "schedule", "dose", "clinic", "", "id")
    title = "Doses out of recalled lots" if recalled else "Doses"
    context.answer([_document(dose) for dose in found], lambda: context.table(title, columns, rows))


def _row(dose: Dose, names: dict[str, str], schedules: dict[str, str]) -> tuple[object, ...]:
    schedule = schedules.get(dose.schedule, dose.schedule)
    voided = "voided" if dose.voided else ""
    return dose.day, dose.patient, schedule, dose.step + 1, names[dose.clinic], voided, dose.id


def _document(d: Dose) -> dict[str, Any]:
    return {
        "id": d.id,
        "day": d.day.isoformat(),
        "patient": d.patient,
        "clinic": d.clinic,
        "shipment": d.shipment,
        "schedule": d.schedule,
        "dose": d.step + 1,
        "voided": d.voided,
    }


def _schedule_document(found: Schedule) -> dict[str, Any]:
    return {
        "id": found.id,
        "cvx": found.vaccine,
        "steps": [
            {"minAge": s.min_age, "minInterval": s.min_interval, "due": s.due, "overdue": s.overdue}
            for s in found.steps
        ],
    }


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
