"""``salus shipment``: opening, custody, disposition; readings and views are in modules of their own."""

from __future__ import annotations

import click

from salus.cli.context import Context
from salus.cli.lot import REASON
from salus.cli.options import command, takes
from salus.cli.shipment._shared import SHIPMENT, Seen, commitment, handover_facts, noun
from salus.cli.values import identifier

_UNITS = click.IntRange(1, 2**24 - 1)
_HOURS = click.IntRange(0, 8_760)


# ----------------------------------------------------------------------------------------- opening, splitting, merging


@command(noun, "open")
@click.argument("lot_id", metavar="LOT")
@click.option("--units", type=_UNITS, required=True, help="How many of the lot.")
@click.option("--hours", type=_HOURS, default=0, help="Hours in which it must be handed on [default: it stays].")
@click.option("--origin", help="Where it starts, e.g. a GLN; only a salted commitment goes on chain.")
@click.option("--destination", help="Where it shall go; the same.")
def open_(context: Context, lot_id: str, units: int, hours: int, origin: str | None, destination: str | None) -> None:
    """Open a shipment of a lot. The signer acts for the manufacturer, who is the first holder.

    \b
    Example:
      salus shipment open 0x9c1d… --units 200 --hours 72 --keystore manufacturer.json
    """
    wanted = identifier(lot_id, "LOT")
    (start, start_salt), (end, end_salt) = commitment(origin), commitment(destination)
    salus = context.connect_signing()
    context.confirm(
        [
            ("lot", lot_id),
            ("units", units),
            ("hand on within", f"{hours} h" if hours else "it stays"),
            ("origin", origin or "not said"),
            ("destination", destination or "not said"),
            *context.where(salus),
        ],
        "Open it?",
    )
    made = salus.coldchain.open_shipment(wanted, units=units, hours_allowed=hours, origin=start, destination=end)
    context.answer(
        {"shipment": made, "originSalt": start_salt, "destinationSalt": end_salt},
        f"shipment 0x{made.hex()}\nit is intact once a logger is paired: salus shipment pair",
    )


@command(noun, "split")
@click.argument("shipment", metavar=SHIPMENT)
@click.option("--units", type=_UNITS, required=True, help="How many go into the new one.")
def split(context: Context, shipment: str, units: int) -> None:
    """Move some units into a new shipment, which inherits what was judged. The signer acts for the holder.

    \b
    Example:
      salus shipment split 0x5e0f… --units 50 --keystore depot.json
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing()
    context.confirm([("shipment", shipment), ("units", units), *context.where(salus)], "Split them off?")
    made = salus.coldchain.split(wanted, units)
    context.answer({"shipment": made, "units": units}, f"{units} units are now shipment 0x{made.hex()}; pair a logger")


@command(noun, "merge")
@click.argument("shipment", metavar=SHIPMENT)
@click.argument("into", metavar="INTO")
def merge(context: Context, shipment: str, into: str) -> None:
    """Put all units of one shipment into another of the same lot; of all that was judged the worse stays.

    \b
    Example:
      salus shipment merge 0x5e0f… 0x77a2… --keystore depot.json
    """
    wanted, target = identifier(shipment, SHIPMENT), identifier(into, "INTO")
    salus = context.connect_signing()
    context.confirm([("shipment", shipment), ("into", into), *context.where(salus)], "Merge them?")
    context.sent(salus.coldchain.merge(wanted, target), "merged", shipment=shipment, into=into)


# ------------------------------------------------------------------------------------------------------------- custody


@command(noun, "hand")
@click.argument("shipment", metavar=SHIPMENT)
@click.argument("to")
@click.option("--out", type=click.Path(), required=True, help="Write the signed offer to this file, for the receiver.")
@click.option(
    "--hours", type=_HOURS, default=0, help="Hours in which the receiver must hand it on [default: it stays]."
)
@click.option("--seal", default="", help="Number of the seal; only a salted commitment goes on chain.")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long the offer counts.")
def hand(context: Context, shipment: str, to: str, out: str, hours: int, seal: str, days: int) -> None:
    """Offer a shipment: sign for the holder; the receiver's `salus shipment accept` completes it. Nothing is sent.

    TO is an institution's name, or the account that will sign for it. What may not move now is refused, and nothing is
    signed.

    \b
    Example:
      salus shipment hand 0x5e0f… fast-carrier --hours 48 --out offer.json --keystore manufacturer.json
    """
    from salus.coldchain.handover import write_handover
    from salus.coldchain.moving import check_handover

    wanted = identifier(shipment, SHIPMENT)
    reader = context.connect()
    offered = reader.coldchain.handover(wanted, to, hours_allowed=hours, seal=seal, valid=days * 86_400)
    check_handover(reader.coldchain, reader.lots, reader.institutions, offered)  # before a password is asked for
    salus = reader.with_signer(context.signer())
    context.confirm([*handover_facts(salus, offered), *context.where(salus)], "Sign this offer?")
    write_handover(out, salus.coldchain.sign_offer(offered), salus.coldchain.domain)
    context.answer({"shipment": shipment, "to": offered.to, "file": out}, f"signed: {out}; give it to the receiver")


@command(noun, "accept")
@click.argument("file", type=click.Path())
@click.option("--out", type=click.Path(), help="Only sign, and write the file that anybody may relay.")
@takes(seen=Seen)
def accept(context: Context, file: str, out: str | None, seen: Seen) -> None:
    """Accept what was offered, with what you see. The signer acts for the receiver, and is the holder then.

    \b
    Example:
      salus shipment accept offer.json --vvm 1 --keystore carrier.json
    """
    from salus.coldchain.handover import read_handover, write_handover

    salus = context.connect_signing()
    offered = read_handover(file, salus.coldchain.domain)
    context.confirm([*handover_facts(salus, offered), *seen.facts, *context.where(salus)], "Accept it?")
    if out:
        signed = salus.coldchain.sign_acceptance(offered, vvm=seen.vvm or 0, shake=seen.test)
        write_handover(out, signed, salus.coldchain.domain)
        context.answer({"file": out}, f"signed: {out}; anybody may relay it")
        return
    receipt = salus.coldchain.hand(offered, vvm=seen.vvm or 0, shake=seen.test)
    context.sent(receipt, "accepted", shipment=offered.shipment)


@command(noun, "relay")
@click.argument("file", type=click.Path())
def relay(context: Context, file: str) -> None:
    """Send a handover that both parties signed. The signer only pays.

    \b
    Example:
      salus shipment relay accepted.json --keystore relayer.json
    """
    from salus.coldchain.handover import read_handover

    salus = context.connect_signing()
    handover = read_handover(file, salus.coldchain.domain)
    context.confirm([*handover_facts(salus, handover), *context.where(salus)], "Send it?")
    context.sent(salus.coldchain.hand(handover), "handed on", shipment=handover.shipment, to=handover.to)


@command(noun, "reject")
@click.argument("file", type=click.Path())
@REASON
@takes(seen=Seen)
def reject(context: Context, file: str, reason: int, seen: Seen) -> None:
    """Refuse what was offered. A spoilt vial monitor (3, 4) or a failed shake test quarantines it.

    \b
    Example:
      salus shipment reject offer.json --reason 7 --vvm 3 --keystore clinic.json
    """
    from salus.coldchain.handover import read_handover

    salus = context.connect_signing()
    offered = read_handover(file, salus.coldchain.domain)
    context.confirm([*handover_facts(salus, offered), ("reason", reason), *context.where(salus)], "Reject it?")
    receipt = salus.coldchain.reject(offered, reason, vvm=seen.vvm or 0, shake=seen.test)
    context.sent(receipt, "rejected", shipment=offered.shipment, reason=reason)


@command(noun, "dispense")
@click.argument("shipment", metavar=SHIPMENT)
@click.option("--units", type=_UNITS, required=True, help="How many are taken out for use.")
def dispense(context: Context, shipment: str, units: int) -> None:
    """Take units out for use, without a record of a dose (`salus dose give` keeps one). Refused unless intact.

    \b
    Example:
      salus shipment dispense 0x5e0f… --units 10 --keystore pharmacy.json
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing()
    context.confirm([("shipment", shipment), ("units", units), *context.where(salus)], "Take them out?")
    context.sent(salus.coldchain.dispense(wanted, units), f"{units} taken out", shipment=shipment, units=units)


# --------------------------------------------------------------------------------------------------------- disposition


@command(noun, "quarantine")
@click.argument("shipment", metavar=SHIPMENT)
@REASON
def quarantine(context: Context, shipment: str, reason: int) -> None:
    """Quarantine a shipment by hand. The signer acts for the holder or a laboratory.

    \b
    Example:
      salus shipment quarantine 0x5e0f… --reason 4 --keystore clinic.json
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing()
    context.confirm([("quarantine", shipment), ("reason", reason), *context.where(salus)], "Quarantine it?")
    context.sent(salus.coldchain.quarantine(wanted, reason), "quarantined", shipment=shipment, reason=reason)


@command(noun, "release")
@click.argument("shipment", metavar=SHIPMENT)
@REASON
def release(context: Context, shipment: str, reason: int) -> None:
    """Release a shipment that is in excursion, unknown or overdue. The signer acts for a laboratory.

    \b
    Example:
      salus shipment release 0x5e0f… --reason 12 --keystore laboratory.json
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing()
    context.confirm([("release", shipment), ("reason", reason), *context.where(salus)], "Release it?")
    context.sent(salus.coldchain.release(wanted, reason), "released", shipment=shipment, reason=reason)


@command(noun, "destroy")
@click.argument("shipment", metavar=SHIPMENT)
@REASON
def destroy(context: Context, shipment: str, reason: int) -> None:
    """Destroy a shipment, for ever. The signer acts for a laboratory.

    \b
    Example:
      salus shipment destroy 0x5e0f… --reason 31 --keystore laboratory.json
    """
    wanted = identifier(shipment, SHIPMENT)
    salus = context.connect_signing()
    context.confirm([("destroy", shipment), ("reason", reason), *context.where(salus)], "Destroy it for ever?")
    context.sent(salus.coldchain.destroy(wanted, reason), "destroyed", shipment=shipment, reason=reason)
