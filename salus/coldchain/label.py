"""Labels of lots: written as a QR code that holds a GS1 Digital Link URI, read from text or from a picture.

What a label says is read from a Digital Link URI, from an element string with FNC1 (a scanner gives it as the control
character GS, and may put a symbology identifier such as ``]d2`` before it), or from the form for people with brackets::

    https://id.gs1.org/01/09506000134352/10/A42?17=270131
    0109506000134352 17270131 10A42            (as scanned, without the blanks)
    (01)09506000134352(17)270131(10)A42
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salus.errors import BadInput, one_line
from salus.errors.extras import needs
from salus.formats.digital_link import CANONICAL, LONGEST, link, parse_link
from salus.formats.gs1 import IDENTIFIERS, element, expiry, gtin_14

if TYPE_CHECKING:
    import segno

__all__ = ["Label", "label_of", "parse_label", "qr", "qr_terminal", "scan", "write_qr"]

_GS = "\x1d"  # how FNC1 arrives as a character

# What a scanner may put in front: GS1 DataMatrix, GS1-128, GS1 QR, GS1 DataBar, GS1 DotCode.
_SYMBOLOGIES = ("]d2", "]C1", "]Q3", "]e0", "]J1")

_BRACKETS = re.compile(r"\(([0-9]{2,4})\)")

# Formats that the library reads by itself. Others it would hand to other programs, an EPS to Ghostscript.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")

# Pictures beyond this many pixels are not opened; a phone's has some 12 million.
_PIXELS = 80_000_000


@dataclass(frozen=True)
class Label:
    """What a label says.

    Args:
        gtin: 14 digits; None on a label of a logistic unit alone.
        lot: Lot number.
        expires: The last day on which it may be given.
        serial: Serial number of the one pack.
        sscc: 18 digits of a logistic unit.
        others: What else it says, by application identifier.
    """

    gtin: str | None = None
    lot: str | None = None
    expires: dt.date | None = None
    serial: str | None = None
    sscc: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Label:
        """A label of values by application identifier, each made sure of.

        Raises:
            BadInput: It names neither a trade item nor a logistic unit, or a value cannot be.
        """
        for identifier, value in values.items():
            element(identifier, value)
        if "01" not in values and "00" not in values:
            raise BadInput("", "label", "names neither a trade item (01) nor a logistic unit (00); scan another label")
        return cls(
            gtin=values.get("01"),
            lot=values.get("10"),
            expires=expiry(values["17"]) if "17" in values else None,
            serial=values.get("21"),
            sscc=values.get("00"),
            others={name: value for name, value in values.items() if name not in ("00", "01", "10", "17", "21")},
        )

    @property
    def values(self) -> dict[str, str]:
        """Its values by application identifier.

        Raises:
            BadInput: A GTIN with a wrong check digit, or a value that its identifier cannot have.
        """
        found = {
            "00": self.sscc,
            "01": None if self.gtin is None else gtin_14(self.gtin),
            "17": None if self.expires is None else self.expires.strftime("%y%m%d"),
            "10": self.lot,
            "21": self.serial,
            **self.others,
        }
        return {name: element(name, value) for name, value in found.items() if value is not None}

    def link(self, resolver: str = CANONICAL) -> str:
        """Its GS1 Digital Link URI."""
        return link(self.values, resolver=resolver)

    @property
    def element_string(self) -> str:
        """As a scanner gives it: values of fixed length first, GS after each other one but the last."""
        values = self.values
        ordered = sorted(values, key=lambda name: IDENTIFIERS[name].fixed is None)
        text = "".join(name + values[name] + ("" if IDENTIFIERS[name].fixed is not None else _GS) for name in ordered)
        return text.removesuffix(_GS)

    @property
    def words(self) -> str:
        """The form for people: ``(01)09506000134352(17)270131(10)A42``."""
        return "".join(f"({name}){value}" for name, value in self.values.items())


# ------------------------------------------------------------------------------------------------------- from a text


def parse_label(text: str) -> Label:
    """Read what a label says.

    Args:
        text: A Digital Link URI, an element string, or the form with brackets; blanks around it are left out.

    Raises:
        BadInput: None of them, more than 2,048 characters, a control character, an unknown application identifier, a
            wrong check digit, a value that comes twice with a difference.
    """
    if len(text) > LONGEST:
        raise BadInput("", "label", f"has {len(text):,} characters; {LONGEST:,} are the most")
    text = text.strip(" \t\r\n")
    for symbology in _SYMBOLOGIES:
        text = text.removeprefix(symbology)
    if any(not " " <= c <= "~" and c != _GS for c in text):
        raise BadInput("", "label", "holds a control or a non-ASCII character; scan it again")
    if text[:5].lower() == "http:" or text[:6].lower() == "https:":
        return Label.of(parse_link(text))
    if text.startswith("("):
        return Label.of(_bracketed(text))
    if re.match("[0-9]{4}", text.removeprefix(_GS)):
        return Label.of(_elements(text))
    raise BadInput(
        "", "label", f"is {one_line(text, 40)!r}; give a GS1 Digital Link, an element string, or (01)…(17)…(10)…"
    )


def _bracketed(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    marks = list(_BRACKETS.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    if not marks or marks[0].start():
        raise BadInput("", "label", f"is {one_line(text, 40)!r}; give (01)…(17)…(10)…")
    for mark, end in zip(marks, ends, strict=True):
        _add(values, mark[1], text[mark.end() : end].strip().removesuffix(_GS))
    return values


def _elements(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    rest = text.removeprefix(_GS)
    while rest:
        identifier = next((rest[:n] for n in (2, 3, 4) if rest[:n] in IDENTIFIERS), None)
        if identifier is None:
            raise BadInput(
                "", f"({one_line(rest[:4], 8)})", "is no application identifier that is read here; scan it again"
            )
        rest = rest[len(identifier) :]
        length = IDENTIFIERS[identifier].fixed
        if length is not None:
            value, rest = rest[:length], rest[length:].removeprefix(_GS)
        else:
            value, _, rest = rest.partition(_GS)
        _add(values, identifier, value)
    return values


def _add(values: dict[str, str], identifier: str, value: str) -> None:
    element(identifier, value)
    if values.setdefault(identifier, value) != value:
        raise BadInput("", f"({identifier})", "comes twice with different values; scan the label again")


# ------------------------------------------------------------------------------------------------------ as a QR code


def qr(label: Label, *, resolver: str = CANONICAL) -> segno.QRCode:
    """The QR code of a label's Digital Link, with room for damage (error correction M or better)."""
    import segno

    return segno.make_qr(label.link(resolver), error="m")


def write_qr(label: Label, path: str | Path, *, resolver: str = CANONICAL, scale: int = 8) -> None:
    """Write the QR code as PNG or SVG, by the file's ending.

    Args:
        scale: Pixels of a module, 1 to 100.

    Raises:
        BadInput: Another ending, a scale out of range, or the file cannot be written.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise BadInput(str(path), "", "ends in neither .png nor .svg; name a file that does")
    if not 1 <= scale <= 100:
        raise BadInput("", "scale", f"is {scale}; give 1 to 100 pixels")
    try:
        qr(label, resolver=resolver).save(str(path), kind=kind, scale=scale, border=4)
    except OSError as trouble:
        raise BadInput(str(path), "", f"cannot be written ({trouble.strerror}); name another file") from None


def qr_terminal(label: Label, *, resolver: str = CANONICAL) -> str:
    """The QR code for a terminal, two rows of modules in a line of characters."""
    rows = [bytes(row) for row in qr(label, resolver=resolver).matrix_iter(border=2)]
    if len(rows) % 2:
        rows.append(bytes(len(rows[0])))
    # Dark modules are blank: terminals are dark, and a scanner needs the margin to be light.
    signs = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    return "\n".join(
        "".join(signs[upper, lower] for upper, lower in zip(above, below, strict=True))
        for above, below in zip(rows[::2], rows[1::2], strict=True)
    )


# ---------------------------------------------------------------------------------------------------- from a picture


def label_of(text_or_file: str) -> Label:
    """The label of a text, or of the code on a picture.

    Args:
        text_or_file: What :func:`parse_label` reads, or the name of a picture (PNG, JPEG and others).

    Raises:
        BadInput: Neither; see :func:`parse_label` and :func:`scan`.
    """
    if len(text_or_file) < 4_096 and "\0" not in text_or_file and _is_file(text_or_file):
        return scan(text_or_file)
    return parse_label(text_or_file)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def scan(path: str | Path) -> Label:
    """Read the label on a picture: QR, DataMatrix, GS1-128 and others.

    Args:
        path: PNG, JPEG or another picture, at most 64 MiB and 80 million pixels.

    Raises:
        BadInput: No picture, no code of GS1 on it, several that differ, or the extra ``scan`` is not installed.
    """
    texts = _decode(path)
    labels: list[Label] = []
    refusals: list[BadInput] = []
    for text in texts:
        try:
            label = parse_label(text)
        except BadInput as trouble:
            refusals.append(trouble)
            continue
        if label not in labels:
            labels.append(label)
    if not labels and refusals:
        refusal = refusals[0]
        raise BadInput(str(path), refusal.field, refusal.fix)
    if not labels:
        raise BadInput(str(path), "picture", "shows no code that can be read; take it closer, sharp and without glare")
    if len(labels) > 1:
        raise BadInput(str(path), "picture", f"shows {len(labels)} labels that differ; take a picture of one")
    return labels[0]


def _decode(path: str | Path) -> list[str]:
    from salus.formats.json_file import read_bytes

    content = read_bytes(path)
    try:
        import io
        import warnings

        import zxingcpp
        from PIL import Image
    except ImportError:
        raise BadInput(str(path), "picture", needs("zxing-cpp and pillow to be read", "scan")) from None
    picture: Any
    try:
        warnings_are = warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
        with warnings_are, Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height > _PIXELS:
                raise BadInput(
                    str(path), "picture", f"has more than {_PIXELS // 10**6} million pixels; give a smaller one"
                )
            picture = opened.convert("L")
    except BadInput:
        raise
    except Exception as trouble:  # of many kinds, by the format and by what is wrong in it
        raise BadInput(str(path), "picture", f"cannot be opened ({one_line(trouble, 80)}); give PNG or JPEG") from None
    found = zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain)
    return [code.text for code in found if code.valid]
