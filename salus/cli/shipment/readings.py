"""``salus shipment``: loggers beside a shipment, their readings, and the judgement once more."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from salus.cli.context import Context
from salus.cli.moments import moment, parse_moment
from salus.cli.options import command
from salus.cli.shipment._shared import DEVICE, DEVICE_PASSWORD, OFFSET, SHIPMENT, noun
from salus.cli.shipment._words import export_data, export_lines, export_words, judgement_data
from salus.cli.shipment.listen import add_listen
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.coldchain.loggers.delivery import Delivery


@command(noun, "pair")
@click.argument("shipment", metavar=SHIPMENT)
@click.argument("device")
@click.option("--from", "start", help="From when its readings count [default: now].")
@click.option("--to", "end", help="Until when [default: as long as its calibration holds].")
@click.option("--model", type=click.IntRange(0, 65535), default=0, help="Only files that this model's maker signed.")
def pair(context: Context, shipment: str, device: str, start: str | None, end: str | None, model: int) -> None:
    """Pair a logger's device with a shipment. The signer acts for the holder; DEVICE is the device's account.

    \b
    Example:
      salus shipment pair 0x5e0f… 0x90F7… --from 2025-01-06T06:00:00Z --keystore manufacturer.json
    """
    from salus.keys.addresses import address

    wanted, account = identifier(shipment, SHIPMENT), address(device, "DEVICE")
    salus = context.connect_signing()
    begin = parse_moment(start, salus.now, "--from") if start else salus.now()
    until = {"end": parse_moment(end, salus.now, "--to")} if end else {}
    context.confirm(
        [
            ("shipment", shipment),
            ("device", device),
            ("from", moment(begin)),
            ("to", end or "the end of its calibration"),
            ("files", f"only those signed by model {model}" if model else "any that the device signs"),
            *context.where(salus),
        ],
        "Pair them?",
    )
    receipt = salus.coldchain.pair(wanted, account, start=begin, model=model, **until)
    context.sent(receipt, "paired", shipment=shipment, device=account)


@command(noun, "unpair")
@click.argument("shipment", metavar=SHIPMENT)
@click.argument("device")
@click.option("--to", "end", help="When its time ends, or ended [default: now].")
def unpair(context: Context, shipment: str, device: str, end: str | None) -> None:
    """End a device's time with a shipment: it was lost, replaced or is needed elsewhere.

    \b
    Example:
      salus shipment unpair 0x5e0f… 0x90F7… --keystore carrier.json
    """
    from salus.keys.addresses import address

    wanted, account = identifier(shipment, SHIPMENT), address(device, "DEVICE")
    salus = context.connect_signing()
    until = parse_moment(end, salus.now, "--to") if end else salus.now()
    facts = [("shipment", shipment), ("device", device), ("its time ends", moment(until)), *context.where(salus)]
    context.confirm(facts, "End it?")
    context.sent(salus.coldchain.unpair(wanted, account, end=until), "ended", shipment=shipment, device=account)


@command(noun, "pack")
@click.argument("file", type=click.Path())
@OFFSET
def pack(context: Context, file: str, utc_offset: str | None) -> None:
    """Read a logger's export and show what would go on chain; no node is asked.

    The export is a Berlinger text file (Q-tag, Fridge-tag), EPCIS 2.0 JSON or CSV time,celsius.

    \b
    Example:
      salus shipment pack examples/qtag-excursion.txt
    """
    from salus.coldchain.loggers import read

    export = read(file, utc_offset=utc_offset)
    # A history has no readings to pack: that is told before anything is shown.
    batches = export.batches()
    context.answer(export_data(export, batches), "\n".join(export_lines(export, batches)))


@command(noun, "log")
@click.argument("shipment", metavar=SHIPMENT)
@click.argument("file", type=click.Path())
@DEVICE
@DEVICE_PASSWORD
@OFFSET
def log(
    context: Context, shipment: str, file: str, device: str, device_password_file: str | None, utc_offset: str | None
) -> None:
    """Log an export's readings: signed by the device's key, judged on chain. The signer only pays.

    Readings that are judged already are left out, so the same export may be given again when it has grown. The exit
    code is 1 when the shipment is not intact afterwards.

    \b
    Example:
      salus shipment log 0x5e0f… examples/qtag-excursion.txt --device logger.json --keystore carrier.json
    """
    from salus.coldchain.loggers import read
    from salus.coldchain.model import Verdict

    wanted = identifier(shipment, SHIPMENT)
    export = read(file, utc_offset=utc_offset)
    signer = context.open_keystore(device, device_password_file)
    salus = context.connect_signing()
    # Batches follow upon each other: what an earlier run left on its way comes before what is signed now.
    context.settle(salus)
    signed = salus.coldchain.sign_batches(export, wanted, signer)
    total = sum(part.batch.count for part in signed)
    context.confirm(
        [
            ("shipment", shipment),
            ("export", export_words(export)),
            ("to log", f"{total} readings in {len(signed)} batches"),
            ("device", signer.address),
            *context.where(salus),
        ],
        "Sign and log them?",
    )
    with context.outbox(salus) as outbox, context.progress("readings", total) as bar:
        receipts = salus.coldchain.log(signed, progress=lambda done, of: bar.update(done - bar.pos), outbox=outbox)
    report = salus.coldchain.report(wanted)
    gas = sum(receipt.gas_used for receipt in receipts)
    context.answer(
        {
            "shipment": shipment,
            "readings": total,
            "gas": gas,
            "transactions": [receipt.hash for receipt in receipts],
            "verdict": report.verdict.name.lower(),
            "judgement": judgement_data(report.judgement),
        },
        f"{total} readings logged for {gas:,} gas ({gas / total:.0f} a reading)\nverdict: {report.verdict.words}",
    )
    if report.verdict is not Verdict.INTACT:
        if not context.json:
            context.note(f"refused: the shipment is not intact: {report.verdict.words}")
        sys.exit(1)


def _deliver_for(
    context: Context, *, shipment: str, logger: str, device: str, device_password_file: str | None, every: int | None
) -> Delivery:
    """What signs a closed batch of the spool with the device's key and logs it."""
    from salus.coldchain.loggers.delivery import Delivery

    wanted = identifier(shipment, "--shipment")
    signer = context.open_keystore(device, device_password_file)
    return Delivery(context.connect_signing().coldchain, wanted, logger, signer, every)


add_listen(
    noun,
    _deliver_for,
    click.option("--shipment", required=True, help="The shipment that the logger lies beside."),
    click.option("--logger", required=True, help="The logger's name in the topic."),
    DEVICE,
    DEVICE_PASSWORD,
    click.option("--every", type=click.IntRange(1, 65_535), help="Seconds between readings [default: as they come]."),
)


@command(noun, "recompute")
@click.argument("shipment", metavar=SHIPMENT)
def recompute(context: Context, shipment: str) -> None:
    """Judge a shipment once more from what the chain keeps, and compare with the contract's own judgement.

    Every batch is taken from the transaction that logged it and checked against the chain of batches. The exit code is
    1 where the two judgements differ.

    \b
    Example:
      salus shipment recompute 0x5e0f…
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect()
    ours, theirs = salus.coldchain.recompute(wanted), salus.coldchain.report(wanted).judgement
    same = ours == theirs
    mine, chain = judgement_data(ours), judgement_data(theirs)
    rows = [(name, mine[name], chain[name], "" if mine[name] == chain[name] else "differs") for name in mine]

    def show() -> None:
        context.table("", ("", "recomputed", "contract", ""), rows)
        context.note("the same" if same else "the two differ")

    context.answer({"shipment": shipment, "same": same, "recomputed": mine, "contract": chain}, show)
    if not same:
        sys.exit(1)
