"""``salus label``: GS1 labels of lots, written and read. No node is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.options import command, group, option, takes
from salus.cli.output import aligned

if TYPE_CHECKING:
    from salus.coldchain.label import Label

__all__ = ["LabelFiles", "label_data", "label_facts", "noun", "write_label"]


@group("label")
def noun() -> None:
    """Make and read labels of lots: a GS1 Digital Link as a QR code.

    No node is asked; `salus verify` says whether what a label says is true.
    """


def label_data(label: Label) -> dict[str, Any]:
    """What a label says, for ``--json``."""
    return {
        "gtin": label.gtin,
        "lot": label.lot,
        "expires": None if label.expires is None else label.expires.isoformat(),
        "serial": label.serial,
        "sscc": label.sscc,
        "others": dict(label.others),
        "link": label.link(),
    }


def label_facts(label: Label) -> list[tuple[str, object]]:
    """What a label says, for people."""
    from salus.formats.gs1 import IDENTIFIERS

    facts: list[tuple[str, object]] = [
        ("GTIN", label.gtin),
        ("lot", label.lot),
        ("expires", label.expires),
        ("serial", label.serial),
        ("SSCC", label.sscc),
        *((f"{IDENTIFIERS[name].title} ({name})", value) for name, value in label.others.items()),
    ]
    return [(name, value) for name, value in facts if value is not None]


@dataclass(frozen=True)
class LabelFiles:
    """Whose web address the link has, and the files of its QR code."""

    resolver: str = option(
        "--resolver", default="https://id.gs1.org", show_default=True, help="Whose web address the link has."
    )
    png: str | None = option("--png", type=click.Path(), help="Also write the QR code as PNG.")
    svg: str | None = option("--svg", type=click.Path(), help="Also write it as SVG.")


@command(noun, "make")
@click.option("--gtin", required=True, help="GS1 GTIN of 8, 12, 13 or 14 digits.")
@click.option("--lot", required=True, help="Lot number, up to 20 characters.")
@click.option("--expires", help="The last day on which it may be given: 2027-01-31.")
@click.option("--serial", help="Serial number of the one pack.")
@takes(files=LabelFiles)
def make(context: Context, gtin: str, lot: str, expires: str | None, serial: str | None, files: LabelFiles) -> None:
    """Make a label: its Digital Link, and the QR code of it.

    \b
    Example:
      salus label make --gtin 09506000134352 --lot A42 --expires 2027-01-31 --png label.png
    """
    import datetime as dt

    from salus.coldchain.label import Label
    from salus.errors import BadInput, one_line

    try:
        day = None if expires is None else dt.date.fromisoformat(expires)
    except ValueError:
        raise BadInput("--expires", "", f"{one_line(expires, 40)!r} is no day; write 2027-01-31") from None
    write_label(context, Label(gtin=gtin, lot=lot, expires=day, serial=serial), files)


def write_label(context: Context, label: Label, files: LabelFiles) -> None:
    """Write a label as QR codes to the files that are named, and answer with its link and the code for the terminal."""
    from salus.coldchain.label import qr_terminal, write_qr
    from salus.errors import BadInput

    link = label.link(files.resolver)
    for path, kind in ((files.png, ".png"), (files.svg, ".svg")):
        if path is not None and not path.lower().endswith(kind):
            raise BadInput(path, "", f"does not end in {kind}; name a file that does")
        if path is not None:
            write_qr(label, path, resolver=files.resolver)
    data = {**label_data(label), "link": link, "elements": label.words}
    context.answer(data, "\n".join([link, label.words, qr_terminal(label, resolver=files.resolver)]))


@command(noun, "read")
@click.argument("text_or_picture", metavar="TEXT|PICTURE")
def read(context: Context, text_or_picture: str) -> None:
    """Read a label: a GS1 Digital Link, an element string, the form (01)…(17)…(10)…, or a picture of its code.

    \b
    Example:
      salus label read 'https://id.gs1.org/01/09506000134352/10/A42?17=270131'
      salus label read label.png
    """
    from salus.coldchain.label import label_of

    label = label_of(text_or_picture)
    context.answer(label_data(label), aligned(label_facts(label)))
