"""Charts of what was logged: of a shipment from the chain, or of a logger's export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from salus.coldchain.chart import Chart, Mark, breaches, gaps
from salus.coldchain.loggers.packing import unpack
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.coldchain.loggers.export import LoggerExport
    from salus.coldchain.loggers.reading import Reading
    from salus.coldchain.shipments import ColdChain
    from salus.coldchain.temperature import Profile
    from salus.institutions.registry import Institutions

__all__ = ["chart_of_export", "chart_of_shipment"]


def chart_of_export(export: LoggerExport, profile: Profile, *, title: str, source: str) -> Chart:
    """A logger's export beside a profile.

    Args:
        export: The readings.
        profile: Range and limits.
        title: Above a picture.
        source: What the readings are from, for the message.

    Raises:
        BadInput: It has no readings, or none with a temperature.
    """
    export.batches()  # says so when there are no readings
    return _chart(list(export.readings), profile, export.interval_s, title, source)


def chart_of_shipment(
    coldchain: ColdChain, institutions: Institutions, shipment: bytes, profile: Profile, *, title: str
) -> Chart:
    """A shipment's readings as they were logged, with its changes of custody.

    Args:
        coldchain: Has the readings; each batch is checked against the chain of batches.
        institutions: Names of the holders.
        shipment: The shipment.
        profile: Range and limits of its lot.
        title: Above a picture.

    Raises:
        BadInput: Nothing with a temperature was logged.
    """
    batches = [batch for _, batch in coldchain.logged(shipment)]
    step = max((batch.step for batch in batches), default=0)
    marks = [Mark(time, institutions.name(to)) for time, to in coldchain.handovers(shipment)]
    return _chart(unpack(batches), profile, step, title, "SHIPMENT", marks)


def _chart(
    readings: Sequence[Reading],
    profile: Profile,
    step: int,
    title: str,
    source: str,
    marks: Sequence[Mark] = (),
) -> Chart:
    if all(reading.centi is None for reading in readings):
        raise BadInput(source, "", "has no temperatures yet; log readings first")
    return Chart(
        readings,
        profile.low,
        profile.high,
        title,
        thresholds=sorted({rule.threshold for rule in profile.rules} - {profile.low, profile.high}),
        breaches=breaches(readings, profile, step=step),
        unknown=gaps(readings, step=step),
        marks=[mark for mark in marks if readings[0].time <= mark.time <= readings[-1].time + step],
    )
