"""``salus shipment``: what a shipment is, and pictures of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.moments import moment
from salus.cli.options import command, option, takes
from salus.cli.shipment._shared import OFFSET, SHIPMENT, noun, parts_of
from salus.cli.shipment._words import export_words, facts, shipment_data, why
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.coldchain.chart import Chart


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
    found, its_lot, its_profile = parts_of(salus, wanted)
    report, pairings = salus.coldchain.report(wanted), salus.coldchain.pairings(wanted)
    rows = facts(salus, found, its_lot, its_profile, report, pairings)
    data = shipment_data(found, its_lot, its_profile, report, pairings)
    context.answer(data, "\n".join(f"{label:<14} {value}" for label, value in rows))


@command(noun, "verdict")
@click.argument("shipment", metavar=SHIPMENT)
def verdict(context: Context, shipment: str) -> None:
    """Say in one line what a shipment is, and why. The exit code is 1 unless it is intact.

    \b
    Example:
      salus shipment verdict 0x5e0f…
    """
    from salus.coldchain.model import Verdict

    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect()
    _, _, its_profile = parts_of(salus, wanted)
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


@dataclass(frozen=True)
class Pictures:
    """The files of a chart."""

    png: str | None = option("--png", type=click.Path(), help="Also write a PNG (needs the extra plot).")
    svg: str | None = option("--svg", type=click.Path(), help="Also write an SVG (the same).")


@command(noun, "chart")
@click.argument("shipment", metavar=SHIPMENT, required=False)
@click.option("--file", "file", type=click.Path(), help="Draw a logger's export instead of a shipment.")
@click.option(
    "--profile", "profile_name", default="refrigerated", show_default=True, help="With --file: a ready profile's name."
)
@takes(pictures=Pictures)
@OFFSET
def chart(
    context: Context,
    shipment: str | None,
    file: str | None,
    profile_name: str,
    pictures: Pictures,
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
    from salus.errors import BadInput

    if (shipment is None) == (file is None):
        raise BadInput(SHIPMENT, "", "name a shipment, or an export with --file")
    drawn = _of_export(file, profile_name, utc_offset) if file is not None else _of_shipment(context, shipment or "")
    if pictures.png:
        charts.png(drawn, pictures.png)
    if pictures.svg:
        charts.svg(drawn, pictures.svg)
    data = {
        "title": drawn.title,
        "low": drawn.low,
        "high": drawn.high,
        "png": pictures.png,
        "svg": pictures.svg,
        "breaches": [[stretch.start, stretch.end, stretch.label] for stretch in drawn.breaches],
        "readings": [[reading.time, reading.centi] for reading in drawn.readings],
    }
    context.answer(data, f"{drawn.title}\n{charts.text(drawn)}")


def _of_export(file: str, profile_name: str, utc_offset: str | None) -> Chart:
    from salus.coldchain.charting import chart_of_export
    from salus.coldchain.loggers import read
    from salus.coldchain.temperature import ready_profile

    export = read(file, utc_offset=utc_offset)
    return chart_of_export(export, ready_profile(profile_name), title=export_words(export), source=file)


def _of_shipment(context: Context, shipment: str) -> Chart:
    from salus.coldchain.charting import chart_of_shipment

    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect()
    _, _, profile = parts_of(salus, wanted)
    title = f"shipment {shipment}"
    return chart_of_shipment(salus.coldchain, salus.institutions, wanted, profile, title=title)


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
