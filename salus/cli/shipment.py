"""``salus shipment``: lots, shipments, handovers, readings, verdicts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .claim_noun import identifier
from .common import Context, command, group, moment, parse_moment
from .shipment_words import export_words, facts, judgement_data

if TYPE_CHECKING:
    from ..client import Salus

_SHIPMENT = "SHIPMENT"
_OFFSET = click.option("--utc-offset", help="For CSV whose times name no offset: Z or +05:30.")


@group("shipment")
def noun() -> None:
    """Ship vaccines, log temperatures, see the verdict.

    A manufacturer registers lots and opens shipments; each is handed on in two steps while it is intact; its logger's
    readings are judged on chain, one by one.
    """


# ------------------------------------------------------------------------------------------------------ lots, custody


@command(noun, "profile")
@click.argument("name", required=False)
def profile(context: Context, name: str | None) -> None:
    """Register a ready temperature profile for ever, or list what there is. The signer is the regulator's rule maker.

    \b
    Example:
      salus shipment profile
      salus shipment profile refrigerated --keystore regulator.json
    """
    from ..coldchain import ready_profiles
    from ..errors import BadInput, one_line

    ready = ready_profiles()
    if name is None:
        data = {title: {"id": p.id, "rules": [rule.words for rule in p.rules]} for title, p in ready.items()}
        lines = [f"{title}  0x{p.id.hex()}\n  " + "\n  ".join(r.words for r in p.rules) for title, p in ready.items()]
        context.answer(data, "\n".join(lines))
        return
    if name not in ready:
        raise BadInput("NAME", "", f"{one_line(name, 40)!r} is no ready profile; there are {', '.join(ready)}")
    salus = context.connect_signing()
    rules = [("rule", rule.words) for rule in ready[name].rules]
    context.confirm([("profile", name), *rules, *_where(context, salus)], "Register it? It can never be changed.")
    made = salus.coldchain.register_profile(ready[name])
    context.answer({"profile": made, "name": name}, f"profile {name} is registered as 0x{made.hex()}")


@command(noun, "lot")
@click.option("--gtin", required=True, help="GS1 GTIN of 8, 12, 13 or 14 digits.")
@click.option("--number", required=True, help="Lot number, up to 20 characters.")
@click.option("--made", required=True, help="When it was made: 2025-01-31.")
@click.option("--expires", required=True, help="When it may no longer be given: 2027-01-31 or +1y.")
@click.option("--units", type=click.IntRange(1, 2**32 - 1), required=True, help="How many were made.")
@click.option(
    "--profile", "profile_name", default="refrigerated", show_default=True, help="A ready profile's name, or an id."
)
def lot(context: Context, gtin: str, number: str, made: str, expires: str, units: int, profile_name: str) -> None:
    """Register a lot. The signer acts for the manufacturer.

    \b
    Example:
      salus shipment lot --gtin 09506000134352 --number A42 --made 2025-01-02 --expires +1y --units 5000 \\
          --keystore manufacturer.json
    """
    salus = context.connect_signing()
    made_at, expires_at = parse_moment(made, salus.now, "--made"), parse_moment(expires, salus.now, "--expires")
    context.confirm(
        [
            ("lot", f"{number} of GTIN {gtin}"),
            ("units", units),
            ("made", moment(made_at)),
            ("expires", moment(expires_at)),
            ("profile", profile_name),
            *_where(context, salus),
        ],
        "Register it?",
    )
    made_id = salus.coldchain.register_lot(
        gtin=gtin, number=number, made_at=made_at, expires_at=expires_at, units=units, profile=_profile_id(profile_name)
    )
    context.answer({"lot": made_id}, f"lot {number} is 0x{made_id.hex()}")


@command(noun, "open")
@click.argument("lot_id", metavar="LOT")
@click.option("--units", type=click.IntRange(1, 2**32 - 1), required=True, help="How many of the lot.")
@click.option("--logger", required=True, help="Name or account of the logger.")
@click.option("--from", "start", help="From when on readings count, and silence [default: now].")
def open_(context: Context, lot_id: str, units: int, logger: str, start: str | None) -> None:
    """Open a shipment of a lot. The signer acts for the manufacturer, who is the first holder.

    \b
    Example:
      salus shipment open 0x9c1d… --units 200 --logger logger-17 --keystore manufacturer.json
    """
    salus = context.connect_signing()
    wanted = identifier(lot_id, "LOT")
    at = parse_moment(start, salus.now, "--from") if start else salus.now()
    context.confirm(
        [
            ("lot", lot_id),
            ("units", units),
            ("logger", logger),
            ("monitored from", moment(at)),
            *_where(context, salus),
        ],
        "Open it?",
    )
    shipment = salus.coldchain.open_shipment(wanted, units=units, logger=logger, monitored_from=at)
    context.answer({"shipment": shipment, "from": at}, f"shipment 0x{shipment.hex()}, monitored from {moment(at)}")


@command(noun, "offer")
@click.argument("shipment", metavar=_SHIPMENT)
@click.argument("to", required=False)
@click.option("--withdraw", is_flag=True, help="Take the offer back.")
def offer(context: Context, shipment: str, to: str | None, withdraw: bool) -> None:
    """Offer a shipment to another institution: the first step of a handover. The signer acts for the holder.

    \b
    Example:
      salus shipment offer 0x5e0f… fast-carrier --keystore manufacturer.json
    """
    from ..errors import BadInput

    if (to is None) != withdraw:
        raise BadInput("TO", "", "say to whom, or --withdraw")
    salus = context.connect_signing()
    wanted = identifier(shipment, _SHIPMENT)
    context.confirm([("shipment", shipment), ("offer to", to or "nobody"), *_where(context, salus)], "Do it?")
    text = f"offered to {to}" if to else "the offer is withdrawn"
    context.sent(salus.coldchain.offer(wanted, to), text, shipment=shipment, to=to)


@command(noun, "accept")
@click.argument("shipment", metavar=_SHIPMENT)
def accept(context: Context, shipment: str) -> None:
    """Accept a shipment that was offered: the second step of a handover. The signer acts for the receiver.

    \b
    Example:
      salus shipment accept 0x5e0f… --keystore carrier.json
    """
    salus = context.connect_signing()
    wanted = identifier(shipment, _SHIPMENT)
    context.confirm([("accept", shipment), *_where(context, salus)], "Accept it?")
    context.sent(salus.coldchain.accept(wanted), "accepted", shipment=shipment)


@command(noun, "release")
@click.argument("shipment", metavar=_SHIPMENT)
@click.option(
    "--reason", type=click.IntRange(0, 65535), required=True, help="The laboratory's code for it; no free text."
)
def release(context: Context, shipment: str, reason: int) -> None:
    """Release a shipment that is not intact. The signer acts for a laboratory.

    \b
    Example:
      salus shipment release 0x5e0f… --reason 12 --keystore laboratory.json
    """
    salus = context.connect_signing()
    wanted = identifier(shipment, _SHIPMENT)
    context.confirm([("release", shipment), ("reason", reason), *_where(context, salus)], "Release it?")
    context.sent(salus.coldchain.release(wanted, reason), "released", shipment=shipment, reason=reason)


@command(noun, "destroy")
@click.argument("shipment", metavar=_SHIPMENT)
@click.option(
    "--reason", type=click.IntRange(0, 65535), required=True, help="The laboratory's code for it; no free text."
)
def destroy(context: Context, shipment: str, reason: int) -> None:
    """Destroy a shipment, for ever. The signer acts for a laboratory.

    \b
    Example:
      salus shipment destroy 0x5e0f… --reason 31 --keystore laboratory.json
    """
    salus = context.connect_signing()
    wanted = identifier(shipment, _SHIPMENT)
    context.confirm([("destroy", shipment), ("reason", reason), *_where(context, salus)], "Destroy it for ever?")
    context.sent(salus.coldchain.destroy(wanted, reason), "destroyed", shipment=shipment, reason=reason)


# ------------------------------------------------------------------------------------------------------------ readings


@command(noun, "pack")
@click.argument("file", type=click.Path())
@_OFFSET
def pack(context: Context, file: str, utc_offset: str | None) -> None:
    """Read a logger's export and show what would go on chain; no node is asked.

    The export is a Berlinger text file (Q-tag, Fridge-tag) or CSV time,celsius.

    \b
    Example:
      salus shipment pack examples/qtag-excursion.txt
    """
    from ..loggers import read

    export = read(file, utc_offset=utc_offset)
    # A history has no readings to pack: that is told before anything is shown.
    batches = export.batches()
    data = {
        "device": export.device,
        "serial": export.serial,
        "signature": export.signature,
        "readings": len(export.readings),
        "missing": export.missing,
        "lowest": export.lowest,
        "highest": export.highest,
        "batches": [
            {"start": b.start, "step": b.step, "count": b.count, "base": b.base, "data": b.data} for b in batches
        ],
    }
    lines = [export_words(export)]
    lines += [
        f"batch {n}: {b.count} readings of {b.step} s from {moment(b.start)}, {len(b.data):,} bytes"
        for n, b in enumerate(batches)
    ]
    context.answer(data, "\n".join(lines))


@command(noun, "log")
@click.argument("shipment", metavar=_SHIPMENT)
@click.argument("file", type=click.Path())
@click.option(
    "--device", required=True, help="The logger's key: a keystore file, or node:0 for an account of the node."
)
@click.option("--device-password-file", type=click.Path(), help="File with its password.")
@_OFFSET
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
    from ..coldchain import Verdict
    from ..loggers import read
    from ..outbox.bulk import take_up

    wanted = identifier(shipment, _SHIPMENT)
    export = read(file, utc_offset=utc_offset)
    signer = context.open_keystore(device, device_password_file)
    salus = context.connect_signing()
    with context.outbox(salus) as outbox:
        # Batches follow upon each other: what an earlier run left on its way comes before what is signed now.
        take_up(outbox)
    signed = salus.coldchain.sign_batches(export, wanted, signer)
    total = sum(part.batch.count for part in signed)
    context.confirm(
        [
            ("shipment", shipment),
            ("export", export_words(export)),
            ("to log", f"{total} readings in {len(signed)} batches"),
            ("device", signer.address),
            *_where(context, salus),
        ],
        "Sign and log them?",
    )
    with context.outbox(salus) as outbox, context.progress("readings", total) as bar:
        receipts = salus.coldchain.log(signed, progress=lambda done, of: bar.update(done - bar.pos), outbox=outbox)
    verdict, judgement = salus.coldchain.verdict(wanted), salus.coldchain.judgement(wanted)
    gas = sum(receipt.gas_used for receipt in receipts)
    context.answer(
        {
            "shipment": shipment,
            "readings": total,
            "gas": gas,
            "transactions": [receipt.hash for receipt in receipts],
            "verdict": verdict.name.lower(),
            "judgement": judgement_data(judgement),
        },
        f"{total} readings logged for {gas:,} gas ({gas / total:.0f} a reading)\nverdict: {verdict.words}",
    )
    if verdict is not Verdict.INTACT:
        if not context.json:
            context.note(f"refused: the shipment is not intact: {verdict.words}")
        sys.exit(1)


@command(noun, "show")
@click.argument("shipment", metavar=_SHIPMENT)
def show(context: Context, shipment: str) -> None:
    """Show a shipment: who holds it, what its readings amount to, the verdict.

    \b
    Example:
      salus shipment show 0x5e0f…
    """
    salus = context.connect()
    wanted = identifier(shipment, _SHIPMENT)
    found = salus.coldchain.shipment(wanted)
    its_lot = salus.coldchain.lot(bytes.fromhex(found.lot[2:]))
    its_profile = salus.coldchain.profile(bytes.fromhex(its_lot.profile[2:]))
    judged = salus.coldchain.judgement(wanted)
    data = {
        "shipment": found.id,
        "verdict": found.verdict.name.lower(),
        "disposition": found.disposition.name.lower(),
        "holder": found.holder,
        "offeredTo": found.offered_to,
        "logger": found.logger,
        "units": found.units,
        "from": found.monitored_from,
        "breachedAt": found.breached_at,
        "lot": {"id": its_lot.id, "gtin": its_lot.gtin, "number": its_lot.number, "expiresAt": its_lot.expires_at},
        "judgement": judgement_data(judged),
        "breachedRules": [its_profile.rules[n].words for n in judged.breached],
    }
    context.answer(
        data, "\n".join(f"{label:<14} {value}" for label, value in facts(salus, found, its_lot, its_profile, judged))
    )


@command(noun, "chart")
@click.argument("shipment", metavar=_SHIPMENT, required=False)
@click.option("--file", "file", type=click.Path(), help="Draw a logger's export instead of a shipment.")
@click.option(
    "--profile", "profile_name", default="refrigerated", show_default=True, help="With --file: a ready profile's name."
)
@click.option("--png", "png_path", type=click.Path(), help="Also write a PNG (needs the extra plot).")
@_OFFSET
def chart(
    context: Context,
    shipment: str | None,
    file: str | None,
    profile_name: str,
    png_path: str | None,
    utc_offset: str | None,
) -> None:
    """Draw the temperatures of a shipment as they were logged, or of an export.

    A shipment's readings are taken from the chain and checked against its rolling hash.

    \b
    Example:
      salus shipment chart 0x5e0f… --png journey.png
      salus shipment chart --file examples/qtag-excursion.txt
    """
    from .. import chart as charts
    from ..coldchain import ready_profiles
    from ..errors import BadInput, one_line

    if (shipment is None) == (file is None):
        raise BadInput(_SHIPMENT, "", "name a shipment, or an export with --file")
    if file is not None:
        from ..loggers import read

        export = read(file, utc_offset=utc_offset)
        export.batches()  # says so when there are no readings
        readings, title = list(export.readings), export_words(export)
        if profile_name not in ready_profiles():
            raise BadInput(
                "--profile",
                "",
                f"{one_line(profile_name, 40)!r} is no ready profile; there are {', '.join(ready_profiles())}",
            )
        limits = ready_profiles()[profile_name]
    else:
        salus = context.connect()
        wanted = identifier(shipment or "", _SHIPMENT)
        its_lot = salus.coldchain.lot(bytes.fromhex(salus.coldchain.shipment(wanted).lot[2:]))
        limits = salus.coldchain.profile(bytes.fromhex(its_lot.profile[2:]))
        readings, title = salus.coldchain.readings(wanted), f"shipment {shipment}"
    if all(reading.centi is None for reading in readings):
        raise BadInput(file or _SHIPMENT, "", "has no temperatures yet; log readings first")
    if png_path:
        charts.png(readings, png_path, low=limits.low, high=limits.high, title=title)
    context.answer(
        {
            "title": title,
            "low": limits.low,
            "high": limits.high,
            "png": png_path,
            "readings": [[reading.time, reading.centi] for reading in readings],
        },
        f"{title}\n{charts.text(readings, low=limits.low, high=limits.high)}",
    )


# -------------------------------------------------------------------------------------------------------------- shared


def _where(context: Context, salus: Salus) -> list[tuple[str, object]]:
    return [("signer", salus.need_signer().address), ("chain", f"{salus.chain_id} at {context.rpc}")]


def _profile_id(name: str) -> bytes:
    from ..coldchain import ready_profiles

    ready = ready_profiles()
    return ready[name].id if name in ready else identifier(name, "--profile")
