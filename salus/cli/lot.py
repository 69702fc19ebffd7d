"""``salus lot``: lots of vaccine, and the GS1 prefixes by which a manufacturer may register them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.label import LabelFiles, write_label
from salus.cli.moments import moment, parse_moment
from salus.cli.options import command, group, option, takes
from salus.cli.output import aligned
from salus.cli.profile import profile_id
from salus.cli.values import identifier

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.coldchain.lots import Lot, NewLot

__all__ = ["REASON", "noun"]

REASON = click.option(
    "--reason", type=click.IntRange(1, 65535), required=True, help="Your own code for it; no free text goes on chain."
)


@group("lot")
def noun() -> None:
    """Lots: a manufacturer registers what it made, anyone finds it by what is printed on the box.

    A manufacturer registers only GTINs that begin with a GS1 company prefix which the regulator assigned to it.
    """


@dataclass(frozen=True)
class LotOptions:
    """What is said of a lot."""

    gtin: str = option("--gtin", required=True, help="GS1 GTIN of 8, 12, 13 or 14 digits.")
    number: str = option("--number", required=True, help="Lot number, up to 20 characters.")
    made: str = option("--made", required=True, help="When it was made: 2025-01-31.")
    expires: str = option("--expires", required=True, help="When it may no longer be given: 2027-01-31 or +1y.")
    units: int = option("--units", type=click.IntRange(1, 2**32 - 1), required=True, help="How many were made.")
    profile: str = option(
        "--profile", default="refrigerated", show_default=True, help="A ready profile's name, or an id."
    )
    materials: str | None = option(
        "--materials", help="Commitment to the raw materials' documents, 0x and 64 hex digits, salted."
    )

    def check(self) -> None:
        """Find what is wrong with it before a password is asked for.

        Raises:
            BadInput: The GTIN or the number is malformed, or a name or an id is.
        """
        from salus.formats.gs1 import gtin_number, lot_number

        gtin_number(self.gtin)
        lot_number(self.number)
        profile_id(self.profile)
        if self.materials:
            identifier(self.materials, "--materials")

    def lot(self, salus: Salus) -> NewLot:
        """The lot that it says."""
        from salus.coldchain.lots import NewLot

        return NewLot(
            gtin=self.gtin,
            number=self.number,
            made_at=parse_moment(self.made, salus.now, "--made"),
            expires_at=parse_moment(self.expires, salus.now, "--expires"),
            units=self.units,
            profile=profile_id(self.profile),
            materials=identifier(self.materials, "--materials") if self.materials else None,
        )


@command(noun, "register")
@takes(said=LotOptions)
def register(context: Context, said: LotOptions) -> None:
    """Register a lot. The signer acts for the manufacturer.

    \b
    Example:
      salus lot register --gtin 09506000134352 --number A42 --made 2025-01-02 --expires +1y --units 5000 \\
          --keystore manufacturer.json
    """
    said.check()
    salus = context.connect_signing()
    lot = said.lot(salus)
    context.confirm(
        [
            ("lot", f"{lot.number} of GTIN {lot.gtin}"),
            ("units", lot.units),
            ("made", moment(lot.made_at)),
            ("expires", moment(lot.expires_at)),
            ("profile", said.profile),
            *context.where(salus),
        ],
        "Register it?",
    )
    made = salus.lots.register_lot(lot)
    context.answer({"lot": made}, f"lot {lot.number} is 0x{made.hex()}")


@command(noun, "show")
@click.argument("which", nargs=-1, required=True, metavar="GTIN NUMBER | LOT")
def show(context: Context, which: tuple[str, ...]) -> None:
    """Show a lot: by the GTIN and the lot number on its box, or by its id.

    \b
    Example:
      salus lot show 09506000134352 A42
    """
    salus = context.connect()
    found = _found(salus, which)
    maker = salus.institutions.name(found.manufacturer)
    facts = {
        "id": found.id,
        "box": f"GTIN {found.gtin}, lot {found.number}",
        "maker": maker,
        "made": moment(found.made_at),
        "expires": f"{moment(found.expires_at)}{', expired' if found.expires_at <= salus.now() else ''}",
        "units": f"{found.units:,}, {found.units_left:,} in no shipment yet",
        "profile": found.profile,
        **({"materials": found.materials} if found.materials else {}),
        "recall": f"RECALLED, code {found.recall}" if found.recall else "none",
    }
    context.answer({**_document(found), "manufacturerName": maker}, aligned(facts, 8))


@command(noun, "label")
@click.argument("which", nargs=-1, required=True, metavar="GTIN NUMBER | LOT")
@takes(files=LabelFiles)
def label(context: Context, which: tuple[str, ...], files: LabelFiles) -> None:
    """Write the label of a registered lot: a GS1 Digital Link as a QR code, which `salus verify` reads.

    \b
    Example:
      salus lot label 09506000134352 A42 --png label.png
    """
    import datetime as dt

    from salus.coldchain.label import Label

    found = _found(context.connect(), which)
    last = dt.datetime.fromtimestamp(found.expires_at - 1, dt.UTC).date()
    write_label(context, Label(gtin=found.gtin, lot=found.number, expires=last), files)


def _found(salus: Salus, which: tuple[str, ...]) -> Lot:
    from salus.errors import BadInput

    if len(which) > 2:
        raise BadInput("LOT", "", f"are {len(which)} words; give a GTIN and a lot number, or an id")
    return salus.lots.find(*which) if len(which) == 2 else salus.lots.lot(identifier(which[0], "LOT"))


@command(noun, "recall")
@click.argument("which", nargs=-1, required=True, metavar="GTIN NUMBER | LOT")
@REASON
def recall(context: Context, which: tuple[str, ...], reason: int) -> None:
    """Recall a lot, and with it every shipment of it, for ever. The signer acts for the manufacturer or the regulator.

    \b
    Example:
      salus lot recall 09506000134352 A42 --reason 2 --keystore manufacturer.json
    """
    reader = context.connect()
    found = _found(reader, which)
    lot = bytes.fromhex(found.id[2:])
    shipments = len(reader.coldchain.shipments(lot))
    salus = reader.with_signer(context.signer())
    facts = [
        ("lot", f"{found.number} of GTIN {found.gtin}"),
        ("id", found.id),
        ("shipments so far", shipments),
        ("reason", reason),
    ]
    context.confirm([*facts, *context.where(salus)], "Recall it? That is final.")
    context.sent(salus.coldchain.recall(lot, reason), "recalled", lot=found.id, shipments=shipments, reason=reason)


@command(noun, "list")
@click.option("--manufacturer", help="Only its lots: name or account.")
def list_(context: Context, manufacturer: str | None) -> None:
    """List every lot.

    \b
    Example:
      salus lot list --manufacturer serum-works
    """
    salus = context.connect()
    lots = salus.lots.all(manufacturer)
    names = salus.institutions.names(lot.manufacturer for lot in lots)
    rows = [
        (
            lot.gtin,
            lot.number,
            names[lot.manufacturer],
            moment(lot.expires_at),
            f"{lot.units_left:,} of {lot.units:,}",
            f"recalled ({lot.recall})" if lot.recall else "",
        )
        for lot in lots
    ]
    columns = ("GTIN", "lot", "manufacturer", "expires", "units left", "recall")
    context.answer([_document(lot) for lot in lots], lambda: context.table("Lots", columns, rows))


@command(noun, "prefix")
@click.argument("digits", required=False)
@click.argument("manufacturer", required=False)
@click.option("--remove", is_flag=True, help="Take it back; lots that exist stay.")
def prefix(context: Context, digits: str | None, manufacturer: str | None, remove: bool) -> None:
    """Say whose a GS1 company prefix is (the signer is the regulator), or list them all.

    \b
    Example:
      salus lot prefix
      salus lot prefix 9506000 serum-works --keystore regulator.json
    """
    from salus.errors import BadInput

    if digits is None:
        if remove:
            raise BadInput("DIGITS", "", "is missing; say which prefix to take back")
        _list_prefixes(context)
        return
    if (manufacturer is None) != remove:
        raise BadInput("MANUFACTURER", "", "say whose the prefix is, or --remove")
    salus = context.connect_signing()
    facts = [("prefix", digits), ("manufacturer", manufacturer or "nobody any more")]
    context.confirm([*facts, *context.where(salus)], "Do it?")
    text = f"prefix {digits} is {manufacturer}'s" if manufacturer else f"prefix {digits} is nobody's"
    context.sent(salus.lots.assign_prefix(digits, manufacturer), text, prefix=digits, manufacturer=manufacturer)


def _list_prefixes(context: Context) -> None:
    salus = context.connect()
    found = salus.lots.prefixes()
    names = salus.institutions.names(p.manufacturer for p in found if p.manufacturer)
    rows = [(p.digits, names[p.manufacturer] if p.manufacturer else "nobody") for p in found]
    context.answer(
        [{"prefix": p.digits, "manufacturer": p.manufacturer} for p in found],
        lambda: context.table("GS1 company prefixes", ("prefix", "manufacturer"), rows),
    )


def _document(found: Lot) -> dict[str, Any]:
    return {
        "id": found.id,
        "manufacturer": found.manufacturer,
        "gtin": found.gtin,
        "number": found.number,
        "madeAt": found.made_at,
        "expiresAt": found.expires_at,
        "units": found.units,
        "unitsLeft": found.units_left,
        "profile": found.profile,
        "materials": found.materials,
        "recall": found.recall,
    }
