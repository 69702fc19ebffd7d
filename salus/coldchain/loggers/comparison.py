"""What a device says about itself beside what follows from its readings: alarms, minutes, extremes, mean kinetic
temperature.

The two differ for reasons that can be computed, and each row says which one applies:

- *limit*: a reading at the threshold itself counts here (as in ITemperatureRules) and not on the device;
- *resolution*: the device samples every minute and logs every few, so the beginning and the end of a run are known to
  one logging interval each;
- *silence*: where no reading was logged the device may still have measured, or not;
- *energy*: its mean kinetic temperature takes another activation energy, and is cut to one decimal.

What none of these explains is said to be unexplained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from salus.coldchain.loggers.export import Alarm, LoggerExport, mean_kinetic

__all__ = ["Row", "compare", "markdown"]


@dataclass(frozen=True)
class Row:
    """One quantity.

    Args:
        quantity: What it is, e.g. ``above 8.00 °C, 30 min at a time``.
        unit: ``min`` or ``°C``.
        device: What the device says; None when it says nothing.
        ours: What follows from the readings; None where there are none.
        raised: For an alarm: whether the device raised it, and whether the readings do; None for the rest, or unknown.
        why: Where the difference comes from; "" for none.
        explained: Whether that accounts for all of it.
    """

    quantity: str
    unit: str
    device: float | None
    ours: float | None
    raised: tuple[bool, bool | None] | None
    why: str
    explained: bool


def compare(export: LoggerExport) -> list[Row]:
    """What a device says beside what its readings say; empty for a format that carries readings alone."""
    report = export.report
    if report is None:
        return []
    rows = [
        _extreme("lowest", report.lowest, export.lowest if export.readings else None),
        _extreme("highest", report.highest, export.highest if export.readings else None),
    ]
    if export.device_mkt is not None and report.energy is not None:
        rows.append(_mkt(export, export.device_mkt / 100, report.energy))
    rows += [_alarm(export, alarm, minutes) for alarm, minutes in zip(export.alarms, report.minutes, strict=True)]
    return rows


def markdown(exports: Sequence[tuple[str, LoggerExport]]) -> str:
    """The comparison of several exports as a table in Markdown.

    Args:
        exports: Each with the name that it has in the table.
    """
    lines = ["| export | quantity | device | readings | why they differ |", "|---|---|---:|---:|---|"]
    for name, export in exports:
        for row in compare(export):
            cells = (name, row.quantity, _shown(row.device, row), _shown(row.ours, row), row.why or "–")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None, row: Row) -> str:
    if value is None:
        return "–"
    said = None if row.raised is None else row.raised[0 if value is row.device else 1]
    text = f"{value:.0f} min" if row.unit == "min" else f"{value:.2f} °C"
    return text if said is None else f"{text}, {'raised' if said else 'not raised'}"


def _extreme(name: str, device: int | None, ours: int | None) -> Row:
    why, explained = "", True
    if device is not None and ours is None:
        why = "a daily history, no readings"
    elif device is not None and ours is not None and device != ours:
        # The device sees more than it logs, never less.
        explained = device < ours if name == "lowest" else device > ours
        why = "resolution: measured between or before the logged readings" if explained else "unexplained"
    return Row(name, "°C", _celsius(device), _celsius(ours), None, why, explained)


def _celsius(centi: int | None) -> float | None:
    return None if centi is None else centi / 100


def _mkt(export: LoggerExport, device: float, energy: int) -> Row:
    known = [reading.centi for reading in export.readings if reading.centi is not None]
    ours, theirs = mean_kinetic(known), mean_kinetic(known, energy=energy)
    assert ours is not None and theirs is not None
    explained = math.isclose(math.floor(theirs * 10) / 10, device)
    why = f"energy: {energy / 1000:g} kJ/mol gives {theirs:.3f}, cut to one decimal" if explained else "unexplained"
    return Row("mean kinetic temperature", "°C", device, ours, None, why, explained)


def _alarm(export: LoggerExport, alarm: Alarm, device: int | None) -> Row:
    span = "at a time" if alarm.span == "single" else "altogether"
    quantity = f"{alarm.bound} {alarm.threshold / 100:.2f} °C, {alarm.minutes} min {span}"
    if not export.readings:
        said = None if device is None else float(device)
        return Row(quantity, "min", said, None, (alarm.raised, None), "a daily history, no readings", True)
    minute = export.interval_s / 60
    runs, strict = _runs(export, alarm, at_limit=True), _runs(export, alarm, at_limit=False)
    raised = (max(runs, default=0) if alarm.span == "single" else sum(runs)) * minute >= alarm.minutes
    # A device with a history sums all its minutes; one with a result lists, for a single run, those that raised the
    # alarm.
    least = alarm.minutes if alarm.span == "single" and not export.days else 0.0
    ours = _minutes(runs, minute, least)
    if device is None:
        why = "" if raised == alarm.raised else "unexplained: the device says nothing of minutes"
        return Row(quantity, "min", None, ours, (alarm.raised, raised), why, raised == alarm.raised)
    # A run of n readings began and ended somewhere within the interval before it and the one after its last reading.
    shortest, narrow, longest = (_minutes(strict, minute, least, more) for more in (-1, 0, 1))
    reasons = []
    if ours != narrow:
        reasons.append(f"limit: {ours - narrow:.0f} min hang on readings of {alarm.threshold / 100:.2f} °C itself")
    explained = True
    if device != narrow:
        missing = sum(reading.centi is None for reading in export.readings) * minute
        why = _difference(device, shortest, longest, missing, minute)
        reasons.append(why or "unexplained")
        explained = bool(why)
    return Row(quantity, "min", float(device), ours, (alarm.raised, raised), "; ".join(reasons), explained)


def _minutes(runs: Sequence[int], minute: float, least: float, more: int = 0) -> float:
    """Minutes of the runs that last long enough, each taken as so many readings more."""
    return sum((run + more) * minute for run in runs if (run + more) * minute >= least)


def _difference(device: float, shortest: float, longest: float, missing: float, minute: float) -> str:
    """Why a device's minutes differ from those of the readings; "" where nothing explains it."""
    if shortest <= device <= longest:
        return f"resolution: readings every {minute:.0f} min allow {shortest:.0f} to {longest:.0f} min"
    if shortest - missing <= device <= longest + missing:
        return f"silence: no reading was logged for {missing:.0f} min"
    return ""


def _runs(export: LoggerExport, alarm: Alarm, *, at_limit: bool) -> list[int]:
    """Lengths of the runs beyond a threshold, in readings; a missing reading ends a run."""
    sign = 1 if alarm.bound == "above" else -1
    runs, length = [], 0
    for reading in export.readings:
        beyond = None if reading.centi is None else sign * (reading.centi - alarm.threshold)
        if beyond is not None and (beyond > 0 or (at_limit and beyond == 0)):
            length += 1
        elif length:
            runs.append(length)
            length = 0
    return [*runs, length] if length else runs
