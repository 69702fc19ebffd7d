"""GS1 identifiers: check digits, trade items, places, logistic units, lots, and the application identifiers on a
label."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from salus.errors import BadInput, one_line

__all__ = [
    "AI",
    "IDENTIFIERS",
    "check_digit",
    "element",
    "expiry",
    "gln_number",
    "gtin_14",
    "gtin_number",
    "lot_number",
    "sscc_number",
]

# The characters of GS1's alphanumeric fields (set 82), and of component and part identifiers (set 39).
_SET_82 = r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]"
_SET_39 = r"[#\-/0-9A-Z]"


def check_digit(digits: str) -> int:
    """The check digit of GS1 that follows some digits: GTIN, GLN, SSCC, GSRN and the like.

    Args:
        digits: ASCII digits without the check digit.
    """
    return -sum(int(digit) * (3 if n % 2 == 0 else 1) for n, digit in enumerate(reversed(digits))) % 10


def gtin_number(text: str) -> int:
    """A GS1 GTIN of 8, 12, 13 or 14 digits as a number.

    Args:
        text: The digits, check digit included.

    Raises:
        BadInput: Another length, other characters, or a wrong check digit.
    """
    if not re.fullmatch(r"(\d{8}|\d{12,14})", text) or not text.isascii() or not int(text):
        raise BadInput("", "gtin", f"is {one_line(text, 40)!r}; give 8, 12, 13 or 14 digits")
    return int(_checked(text, "gtin"))


def gtin_14(text: str) -> str:
    """A GTIN in the 14 digits of labels and Digital Links.

    Args:
        text: The digits of a GTIN of any length, check digit included.

    Raises:
        BadInput: As :func:`gtin_number`.
    """
    return f"{gtin_number(text):014}"


def gln_number(text: str) -> str:
    """A global location number: 13 digits.

    Args:
        text: The digits, check digit included.

    Raises:
        BadInput: Another length, other characters, or a wrong check digit.
    """
    return _digits(text, 13, "gln")


def sscc_number(text: str) -> str:
    """A serial shipping container code: 18 digits.

    Args:
        text: The digits, check digit included.

    Raises:
        BadInput: Another length, other characters, or a wrong check digit.
    """
    return _digits(text, 18, "sscc")


def lot_number(text: str) -> bytes:
    """A lot number (GS1 application identifier 10) in 32 bytes.

    Args:
        text: The lot number as it is printed.

    Returns:
        The characters as bytes, filled with zeros at the end.

    Raises:
        BadInput: Not 1 to 20 visible ASCII characters.
    """
    if not re.fullmatch(r"[\x21-\x7e]{1,20}", text):
        raise BadInput("", "lot number", f"is {one_line(text, 40)!r}; give 1 to 20 visible ASCII characters")
    return text.encode().ljust(32, b"\0")


def _digits(text: str, count: int, what: str) -> str:
    if not re.fullmatch(rf"\d{{{count}}}", text) or not text.isascii() or not int(text):
        raise BadInput("", what, f"is {one_line(text, 40)!r}; give {count} digits")
    return _checked(text, what)


def _checked(text: str, what: str) -> str:
    due = check_digit(text[:-1])
    if int(text[-1]) != due:
        raise BadInput("", what, f"{text} has a wrong check digit, it should be {due}; look at the pack again")
    return text


# ------------------------------------------------------------------------------------------- application identifiers


@dataclass(frozen=True)
class AI:
    """An application identifier: what the digits before a value say about it.

    Args:
        title: GS1's data title in words.
        pattern: What a value looks like, whole.
        check: Makes sure of more than the pattern can say; raises BadInput.
        fixed: Characters of a value after which no separator stands; None where one is due.
    """

    title: str
    pattern: re.Pattern[str]
    check: Callable[[str], object] | None = None
    fixed: int | None = None


def _text(title: str, most: int, characters: str = _SET_82) -> AI:
    return AI(title, re.compile(f"{characters}{{1,{most}}}"))


def _number(title: str, most: int, least: int = 1) -> AI:
    return AI(title, re.compile(f"[0-9]{{{least},{most}}}"))


def _key(title: str, count: int, what: str, fixed: bool = False) -> AI:
    return AI(title, re.compile(f"[0-9]{{{count}}}"), lambda text: _digits(text, count, what), count if fixed else None)


def _day(title: str) -> AI:
    return AI(title, re.compile("[0-9]{6}"), expiry, 6)


def expiry(text: str, *, today: dt.date | None = None) -> dt.date:
    """The day of ``YYMMDD`` on a label; day 00 is the month's last.

    Args:
        text: Six digits.
        today: Whose century is meant: no year is more than 49 ahead or 50 past. By default this computer's date.

    Raises:
        BadInput: No day of the calendar.
    """
    wrong = BadInput("", "date", f"is {one_line(text, 40)!r}; give YYMMDD, e.g. 270131, or 270100 for the month's end")
    if not re.fullmatch("[0-9]{6}", text):
        raise wrong
    this = (today or dt.datetime.now(dt.UTC).date()).year
    year = this // 100 * 100 + int(text[:2])
    year += 100 if year - this <= -50 else -100 if year - this >= 51 else 0
    month, day = int(text[2:4]), int(text[4:])
    try:
        if day:
            return dt.date(year, month, day)
        following = dt.date(year + month // 12, month % 12 + 1, 1)
    except ValueError:
        raise wrong from None
    return following - dt.timedelta(days=1)


_KEYED = {
    "00": _key("logistic unit", 18, "sscc", fixed=True),
    "01": AI("trade item", re.compile("[0-9]{14}"), gtin_number, 14),
    "02": AI("contained trade items", re.compile("[0-9]{14}"), gtin_number, 14),
    "253": AI("document", re.compile(f"[0-9]{{13}}{_SET_82}{{0,17}}"), lambda text: _digits(text[:13], 13, "gdti")),
    "255": AI("coupon", re.compile("[0-9]{13,25}"), lambda text: _digits(text[:13], 13, "gcn")),
    "401": _text("consignment", 30),
    "402": _key("shipment", 17, "gsin"),
    **{
        f"41{n}": _key(title, 13, "gln", fixed=True)
        for n, title in enumerate(
            (
                "ship to",
                "bill to",
                "purchased from",
                "ship for",
                "place",
                "pay to",
                "place of production or service",
                "party",
            )
        )
    },
    "8003": AI(
        "returnable asset", re.compile(f"[0-9]{{14}}{_SET_82}{{0,16}}"), lambda text: _digits(text[1:14], 13, "grai")
    ),
    "8004": _text("asset", 30),
    "8006": AI("piece of a trade item", re.compile("[0-9]{18}"), lambda text: gtin_number(text[:14])),
    "8010": _text("component or part", 30, _SET_39),
    "8017": _key("provider of a service", 18, "gsrn"),
    "8018": _key("recipient of a service", 18, "gsrn"),
}

#: The application identifiers that are read: what a medicine's, a place's, a logistic unit's or an asset's label says.
IDENTIFIERS: Mapping[str, AI] = MappingProxyType(
    {
        **_KEYED,
        "10": _text("lot", 20),
        "11": _day("made on"),
        "12": _day("due on"),
        "13": _day("packed on"),
        "15": _day("best before"),
        "16": _day("sold until"),
        "17": _day("expires on"),
        "20": AI("variant", re.compile("[0-9]{2}"), None, 2),
        "21": _text("serial number", 20),
        "22": _text("consumer product variant", 20),
        "235": _text("third-party serial number", 28),
        "240": _text("additional product number", 30),
        "241": _text("customer's part number", 30),
        "250": _text("secondary serial number", 30),
        "254": _text("extension of the place", 20),
        "30": _number("variable count", 8),
        "37": _number("count of contained items", 8),
        "400": _text("customer's order", 30),
        "403": _text("routing code", 30),
        "420": _text("postal code", 20),
        "422": _number("country of origin", 3, 3),
        "7003": _number("expires at, YYMMDDhhmm", 10, 10),
        "7004": _number("active potency", 4),
        **{f"71{n}": _text("national healthcare number", 20) for n in range(6)},
        "8005": _number("price per unit", 6, 6),
        "8008": _number("made at, YYMMDDhh(mmss)", 12, 8),
        "8011": _number("serial number of a component", 12),
        "8020": _text("payment slip", 25),
        "90": _text("agreed between partners", 30),
        **{str(n): _text("company-internal", 90) for n in range(91, 100)},
    }
)


def element(identifier: str, value: str) -> str:
    """The value of an application identifier itself.

    Args:
        identifier: The application identifier, e.g. ``17``.
        value: What follows it on the label.

    Raises:
        BadInput: An unknown identifier, or a value that it cannot have; names the identifier.
    """
    known = IDENTIFIERS.get(identifier)
    if known is None:
        raise BadInput("", f"({one_line(identifier, 8)})", "is an application identifier that is not read here")
    if not known.pattern.fullmatch(value):
        shown = one_line(value, 40)
        raise BadInput("", f"({identifier})", f"is {shown!r}, which no {known.title} can be; scan the label again")
    if known.check is not None:
        try:
            known.check(value)
        except BadInput as trouble:
            raise BadInput("", f"({identifier}) {trouble.field}", trouble.fix) from None
    return value
