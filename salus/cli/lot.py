"""``salus lot``: lots of vaccine, and the GS1 prefixes by which a manufacturer may register them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from salus.cli.claim._shared import identifier
from salus.cli.common import Context, command, group, moment, parse_moment
from salus.cli.label import output_options, write_label
from salus.cli.profile import profile_id

if TYPE_CHECKING:
    from salus.client import Salus
    from salus.coldchain.lots import Lot


@group("lot")
def noun() -> None:
    """Lots: a manufacturer registers what it made, anyone finds it by what is printed on the box.

    A manufacturer registers only GTINs that begin with a GS1 company prefix which the regulator assigned to it.
    """


@command(noun, "register")
@click.option("--gtin", required=True, help="GS1 GTIN of 8, 12, 13 or 14 digits.")
@click.option("--number", required=True, help="Lot number, up to 20 characters.")
@click.option("--made", required=True, help="When it was made: 2025-01-31.")
@click.option("--expires", required=True, help="When it may no longer be given: 2027-01-31 or +1y.")
@click.option("--units", type=click.IntRange(1, 2**32 - 1), required=True, help="How many were made.")
@click.option("--profile", default="refrigerated", show_default=True, help="A ready profile's name, or an id.")
@click.option("--materials", help="Commitment to the raw materials' documents, 0x and 64 hex digits, salted.")
def register(
    context: Context, gtin: str, number: str, made: str, expires: str, units: int, profile: str, materials: str | None
) -> None:
    """Register a lot. The signer acts for the manufacturer.

    \b
    Example:
      salus lot register --gtin 09506000134352 --number A42 --made 2025-01-02 --expires +1y --units 5000 \\
          --keystore manufacturer.json
    """
    from salus.formats.gs1 import gtin_number, lot_number

    gtin_number(gtin)  # before a password is asked for
    lot_number(number)
    wanted = profile_id(profile)
    documents = identifier(materials, "--materials") if materials else None
    salus = context.connect_signing()
    made_at, expires_at = parse_moment(made, salus.now, "--made"), parse_moment(expires, salus.now, "--expires")
    context.confirm(
        [
            ("lot", f"{number} of GTIN {gtin}"),
            ("units", units),
            ("made", moment(made_at)),
            ("expires", moment(expires_at)),
            ("profile", profile),
            *context.where(salus),
        ],
        "Register it?",
    )
    from salus.coldchain.lots import NewLot

    made_id = salus.lots.register_lot(
        NewLot(
            gtin=gtin,
            number=number,
            made_at=made_at,
            expires_at=expires_at,
            units=units,
            profile=wanted,
            materials=documents,
        )
    )
    context.answer({"lot": made_id}, f"lot {number} is 0x{made_id.hex()}")


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
    lines = [
        f"id        {found.id}",
        f"box       GTIN {found.gtin}, lot {found.number}",
        f"maker     {maker}",
        f"made      {moment(found.made_at)}",
        f"expires   {moment(found.expires_at)}{', expired' if found.expires_at <= salus.now() else ''}",
        f"units     {found.units:,}, {found.units_left:,} in no shipment yet",
        f"profile   {found.profile}",
    ]
    if found.materials:
        lines.append(f"materials {found.materials}")
    lines.append(f"recall    {f'RECALLED, code {found.recall}' if found.recall else 'none'}")
    context.answer({**_document(found), "manufacturerName": maker}, "\n".join(lines))


@command(noun, "label")
@click.argument("which", nargs=-1, required=True, metavar="GTIN NUMBER | LOT")
@output_options
def label(context: Context, which: tuple[str, ...], resolver: str, png_path: str | None, svg_path: str | None) -> None:
    """Write the label of a registered lot: a GS1 Digital Link as a QR code, which `salus verify` reads.

    \b
    Example:
      salus lot label 09506000134352 A42 --png label.png
    """
    import datetime as dt

    from salus.coldchain.label import Label

    found = _found(context.connect(), which)
    last = dt.datetime.fromtimestamp(found.expires_at - 1, dt.UTC).date()
    write_label(context, Label(gtin=found.gtin, lot=found.number, expires=last), resolver, png_path, svg_path)


def _found(salus: Salus, which: tuple[str, ...]) -> Lot:
    from salus.errors import BadInput

    if len(which) > 2:
        raise BadInput("LOT", "", f"are {len(which)} words; give a GTIN and a lot number, or an id")
    return salus.lots.find(*which) if len(which) == 2 else salus.lots.lot(identifier(which[0], "LOT"))


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
