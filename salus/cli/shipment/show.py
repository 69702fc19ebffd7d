"""``salus shipment``: what a shipment is, and pictures of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from salus.cli.claim._shared import identifier
from salus.cli.common import Context, command, moment
from salus.cli.shipment._shared import OFFSET, SHIPMENT, noun
from salus.cli.shipment._words import export_words, facts, judgement_data

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.coldchain.temperature import Profile


def _of(salus: Salus, wanted: bytes) -> tuple[Any, Any, Profile]:
    """A shipment, its lot and its profile."""
    found = salus.coldchain.shipment(wanted)
    its_lot = salus.lots.lot(bytes.fromhex(found.lot[2:]))
    return found, its_lot, salus.lots.profile(bytes.fromhex(its_lot.profile[2:]))


@command(noun, "show")
@click.argument("shipment", metavar=SHIPMENT)
def show(context: Context, shipment: str) -> None:
    """Show a shipment: who holds it, what its readings amount to, the verdict.

    \b
    Example:
      salus shipment show 0x5e0f…
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect()
    found, its_lot, its_profile = _of(salus, wanted)
    report, pairings = salus.coldchain.report(wanted), salus.coldchain.pairings(wanted)
    data = {
        "shipment": found.id,
        "verdict": report.verdict.name.lower(),
        "disposition": found.disposition.name.lower(),
        "holder": found.holder,
        "since": found.since,
        "due": found.due,
        "units": found.units,
        "loggers": [{"device": p.logger, "from": p.start, "to": p.end, "model": p.model} for p in pairings],
        "breachedAt": report.breached_at,
        "intactUntil": report.intact_until,
        "recall": report.recall,
        "lot": {"id": its_lot.id, "gtin": its_lot.gtin, "number": its_lot.number, "expiresAt": its_lot.expires_at},
        "judgement": judgement_data(report.judgement),
        "breachedRules": [its_profile.limit(bit) for bit in report.breached],
    }
    rows = facts(salus, found, its_lot, its_profile, report, pairings)
    context.answer(data, "\n".join(f"{label:<14} {value}" for label, value in rows))


@command(noun, "verdict")
@click.argument("shipment", metavar=SHIPMENT)
def verdict(context: Context, shipment: str) -> None:
    """Say in one line what a shipment is, and why. The exit code is 1 unless it is intact.

    \b
    Example:
      salus shipment verdict 0x5e0f…
    """
    from salus.cli.shipment._words import why
    from salus.coldchain.model import Verdict

    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect()
    _, _, its_profile = _of(salus, wanted)
    report = salus.coldchain.report(wanted)
    reasons = why(report, its_profile)
    data = {
        "shipment": shipment,
        "verdict": report.verdict.name.lower(),
        "why": reasons,
        "breachedAt": report.breached_at,
        "intactUntil": report.intact_until,
    }
    context.answer(data, "; ".join([report.verdict.words, *reasons]))
    if report.verdict is not Verdict.INTACT:
        sys.exit(1)


@command(noun, "list")
@click.argument("lot_id", metavar="LOT")
def list_(context: Context, lot_id: str) -> None:
    """List the shipments of a lot: who holds each, and what it is.

    \b
    Example:
      salus shipment list 0x9c1d…
    """
    wanted = identifier(lot_id, "LOT")
    salus = context.connect()
    found = [salus.coldchain.shipment(shipment) for shipment in salus.coldchain.shipments(wanted)]
    data = [
        {"shipment": s.id, "holder": s.holder, "units": s.units, "since": s.since, "verdict": s.verdict.name.lower()}
        for s in found
    ]
    rows = [(s.id, salus.institutions.name(s.holder), s.units, moment(s.since), s.verdict.name.lower()) for s in found]
    context.answer(data, lambda: context.table("", ("shipment", "holder", "units", "since", "verdict"), rows))


@command(noun, "chart")
@click.argument("shipment", metavar=SHIPMENT, required=False)
@click.option("--file", "file", type=click.Path(), help="Draw a logger's export instead of a shipment.")
@click.option(
    "--profile", "profile_name", default="refrigerated", show_default=True, help="With --file: a ready profile's name."
)
@click.option("--png", "png_path", type=click.Path(), help="Also write a PNG (needs the extra plot).")
@click.option("--svg", "svg_path", type=click.Path(), help="Also write an SVG (the same).")
@OFFSET
def chart(
    context: Context,
    shipment: str | None,
    file: str | None,
    profile_name: str,
    png_path: str | None,
    svg_path: str | None,
    utc_offset: str | None,
) -> None:
    """Draw the temperatures of a shipment as they were logged, or of an export.

    Thresholds are drawn, breaches shaded, what nobody knows hatched, and changes of custody marked. A shipment's
    readings are taken from the chain and checked against its chain of batches.

    \b
    Example:
      salus shipment chart 0x5e0f… --png journey.png
      salus shipment chart --file examples/qtag-excursion.txt
    """
    from salus.coldchain import chart as charts
    from salus.coldchain.loggers.packing import unpack
    from salus.coldchain.temperature import ready_profile
    from salus.errors import BadInput

    if (shipment is None) == (file is None):
        raise BadInput(SHIPMENT, "", "name a shipment, or an export with --file")
    marks: list[charts.Mark] = []
    if file is not None:
        from salus.coldchain.loggers import read

        export = read(file, utc_offset=utc_offset)
        export.batches()  # says so when there are no readings
        readings, title, step = list(export.readings), export_words(export), export.interval_s
        limits = ready_profile(profile_name)
    else:
        wanted = identifier(shipment or "", SHIPMENT)
        salus = context.connect()
        _, _, limits = _of(salus, wanted)
        batches = [batch for _, batch in salus.coldchain.logged(wanted)]
        readings, title = unpack(batches), f"shipment {shipment}"
        step = max((batch.step for batch in batches), default=0)
        marks = [charts.Mark(time, salus.institutions.name(to)) for time, to in salus.coldchain.handovers(wanted)]
    if all(reading.centi is None for reading in readings):
        raise BadInput(file or SHIPMENT, "", "has no temperatures yet; log readings first")
    drawn = charts.Chart(
        readings,
        limits.low,
        limits.high,
        title,
        thresholds=sorted({rule.threshold for rule in limits.rules} - {limits.low, limits.high}),
        breaches=charts.breaches(readings, limits, step=step),
        unknown=charts.gaps(readings, step=step),
        marks=[mark for mark in marks if readings[0].time <= mark.time <= readings[-1].time + step],
    )
    if png_path:
        charts.png(drawn, png_path)
    if svg_path:
        charts.svg(drawn, svg_path)
    context.answer(
        {
            "title": title,
            "low": limits.low,
            "high": limits.high,
            "png": png_path,
            "svg": svg_path,
            "breaches": [[stretch.start, stretch.end, stretch.label] for stretch in drawn.breaches],
            "readings": [[reading.time, reading.centi] for reading in readings],
        },
        f"{title}\n{charts.text(drawn)}",
    )


@command(noun, "export")
@click.argument("shipment", metavar=SHIPMENT)
@click.option("--out", type=click.Path(), help="Write the document to this file.")
@click.option(
    "--anchor", is_flag=True, help="Also put the hash of each event on chain; the signer acts for an institution."
)
def export(context: Context, shipment: str, out: str | None, anchor: bool) -> None:
    """Tell a shipment's story as an EPCIS 2.0 document; each event is named by its CBV hash.

    With --anchor the hashes of all events go on chain in one transaction, so that whoever gets the document can tell
    since when it says what it says.

    \b
    Example:
      salus shipment export 0x5e0f… --out journey.jsonld
    """
    from salus.coldchain.epcis_document import document
    from salus.formats.json_file import dump_json, write_new

    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing() if anchor else context.connect()
    told = document(salus.coldchain.story(wanted), created=salus.now())
    events = [event["eventID"] for event in told["epcisBody"]["eventList"]]
    text = dump_json(told)
    if out:
        write_new(out, text)
    if anchor:
        context.confirm(
            [("shipment", shipment), ("events", len(events)), *context.where(salus)], "Anchor their hashes?"
        )
        receipt = salus.lots.anchor(wanted, events)
        context.sent(receipt, f"{len(events)} events anchored", shipment=shipment, events=events, out=out)
        return
    words = f"{len(events)} events written to {out}" if out else text
    context.answer({"shipment": shipment, "out": out, "document": told}, words)
