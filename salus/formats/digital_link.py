"""GS1 Digital Link URIs: a label's values as a web address, and the canonical form of EPC URIs.

A link's path names the thing, from the key to the finest qualifier, and its query the rest::

    https://id.gs1.org/01/09506000134352/10/A42/21/7?17=270131
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from salus.errors import BadInput, one_line
from salus.formats.gs1 import IDENTIFIERS, check_digit, element

__all__ = ["CANONICAL", "LONGEST", "canonical", "from_epc", "link", "parse_link"]

#: The resolver of the canonical form.
CANONICAL = "https://id.gs1.org"

#: Longest text that is taken for a link or a label, in characters.
LONGEST = 2_048

# Each key with the qualifiers that may follow it, in their order.
_QUALIFIERS: Mapping[str, tuple[str, ...]] = {
    "00": (),
    "01": ("22", "10", "21"),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": ("254",),
    "417": (),
    "8003": (),
    "8004": (),
    "8006": ("22", "10", "21"),
    "8010": ("8011",),
    "8017": (),
    "8018": (),
}
_UPUI = ("235",)  # the other way to qualify a trade item

# The names that version 1.1 of the standard allowed for some identifiers in a path.
_WORDS: Mapping[str, str] = {
    "sscc": "00",
    "gtin": "01",
    "lot": "10",
    "ser": "21",
    "cpv": "22",
    "gdti": "253",
    "glnx": "254",
    "gcn": "255",
    "ginc": "401",
    "gsin": "402",
    "gln": "414",
    "party": "417",
    "grai": "8003",
    "giai": "8004",
    "itip": "8006",
    "cpid": "8010",
    "cpsn": "8011",
    "gsrnp": "8017",
    "gsrn": "8018",
}

# What stays as it is in the canonical form, beside letters, digits and "-._~".
_BARE = "';="


def link(values: Mapping[str, str], *, resolver: str = CANONICAL) -> str:
    """The Digital Link URI of a label's values.

    Args:
        values: By application identifier; exactly one of them is a key such as 01 (trade item) or 00 (logistic unit).
        resolver: Whose web address; it may have a path.

    Returns:
        Key and qualifiers as the path, in GS1's order, the rest as the query, in the order of their numbers.

    Raises:
        BadInput: No key or several, an unknown identifier, a value that it cannot have, no web address.
    """
    _expect_resolver(resolver)
    key = _key(values)
    for identifier, value in values.items():
        element(identifier, value)
    path = [key, *(name for name in _qualifiers(key, values) if name in values)]
    rest = sorted(identifier for identifier in values if identifier not in path)
    named = "/".join(f"{name}/{quote(values[name], safe='')}" for name in path)
    query = "&".join(f"{name}={quote(values[name], safe='')}" for name in rest)
    return f"{resolver.rstrip('/')}/{named}" + (f"?{query}" if query else "")


def _expect_resolver(resolver: str) -> None:
    parts = urlsplit(resolver)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise BadInput("", "resolver", f"is {one_line(resolver, 60)!r}; give a web address, e.g. {CANONICAL}")


def _key(values: Mapping[str, str]) -> str:
    """The key of a label: what it names."""
    keys = [identifier for identifier in values if identifier in _QUALIFIERS]
    if not keys:
        raise BadInput("", "label", "names nothing; give a trade item (01) or a logistic unit (00)")
    # A place or a party may also be an attribute of what is shipped there.
    return next((identifier for identifier in ("00", "01", "8006") if identifier in keys), keys[0])


def _qualifiers(key: str, values: Mapping[str, str]) -> tuple[str, ...]:
    return _UPUI if key == "01" and "235" in values and "21" not in values else _QUALIFIERS[key]


def parse_link(text: str) -> dict[str, str]:
    """The values of a Digital Link URI of any resolver, by application identifier.

    Args:
        text: The URI, at most :data:`LONGEST` characters.

    Raises:
        BadInput: No such link, too long, a value that its identifier cannot have, one that comes twice, or qualifiers
            that do not belong to the key or stand in another order.
    """
    parts = _web_address(text)
    pairs = _pairs(parts.path)
    if not pairs:
        raise BadInput("", "link", f"is {one_line(text, 60)!r}, which names nothing of GS1 in its path")
    values: dict[str, str] = {}
    for identifier, value in pairs:
        _add(values, identifier, value)
    _expect_qualifiers(pairs[0][0], [identifier for identifier, _ in pairs[1:]], values)
    for pair in re.split("[&;]", parts.query) if parts.query else ():
        name, _, value = pair.partition("=")
        if name in IDENTIFIERS:  # whatever else a web address carries is not GS1's
            _add(values, name, _plain(value))
    return values


def _web_address(text: str) -> SplitResult:
    if len(text) > LONGEST:
        raise BadInput("", "link", f"has {len(text):,} characters; {LONGEST:,} are the most")
    if any(not "!" <= c <= "~" for c in text):
        raise BadInput("", "link", "holds a blank, a control or a non-ASCII character; scan the label again")
    try:
        parts = urlsplit(text)
    except ValueError:
        raise BadInput("", "link", f"is {one_line(text, 60)!r}, no web address") from None
    if parts.scheme.lower() not in ("http", "https") or not parts.netloc:
        raise BadInput("", "link", f"is {one_line(text, 60)!r}, no web address")
    return parts


def _expect_qualifiers(key: str, found: list[str], values: Mapping[str, str]) -> None:
    """Check that what follows a key in a path may follow it, and stands in GS1's order."""
    allowed = _qualifiers(key, values)
    if any(identifier not in allowed for identifier in found) or found != sorted(found, key=allowed.index):
        raise BadInput("", "link", f"has {'/'.join(found)} after {key}; {'/'.join(allowed) or 'nothing'} may follow it")


def _pairs(path: str) -> list[tuple[str, str]]:
    """Identifier and value of each step of a link's path, from the key on; none where the path has no key."""
    steps = [_plain(step) for step in path.strip("/").split("/")]
    names = [_WORDS.get(step, step) for step in steps]
    for n, name in enumerate(names[:-1]):
        if name in _QUALIFIERS and (len(names) - n) % 2 == 0 and all(other in IDENTIFIERS for other in names[n::2]):
            return list(zip(names[n::2], steps[n + 1 :: 2], strict=True))
    return []


def _plain(text: str) -> str:
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise BadInput("", "link", f"has a broken percent sign in {one_line(text, 40)!r}; scan the label again")
    decoded = unquote_to_bytes(text)
    if any(not 0x20 <= byte < 0x7F for byte in decoded):
        raise BadInput("", "link", "holds an escaped control or non-ASCII character; scan the label again")
    return decoded.decode("ascii")


def _add(values: dict[str, str], identifier: str, value: str) -> None:
    # The shorter forms of a GTIN are allowed in a link.
    if identifier == "01" and re.fullmatch("[0-9]{8}|[0-9]{12,13}", value):
        value = value.zfill(14)
    element(identifier, value)
    if values.setdefault(identifier, value) != value:
        raise BadInput("", f"({identifier})", "comes twice with different values; scan the label again")


# ------------------------------------------------------------------------------------------------------ canonical form

# From a company prefix, and what comes after it.
_Convert = Callable[[str, list[str]], str]

# Kind of EPC URI, and how many digits its company prefix and its reference have together.
_EPC = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.+)\Z")
_PREFIX = re.compile(r"[0-9]{6,12}\Z")


def canonical(text: str) -> str:
    """A GS1 identity as the canonical Digital Link URI (constrained form); any other text as it is.

    EPC URIs are converted; a link of another resolver gets GS1's; the query and the qualifiers that do not identify
    further are dropped.

    Args:
        text: An EPC URI, a Digital Link URI, or anything else.
    """
    found = from_epc(text)
    if found is not None:
        return found
    values = _identity(text)
    if values is None:
        return text
    key = next(iter(values))
    finest = {"01": ("21", "10", "235"), "8006": ("21", "10"), "414": ("254",), "8010": ("8011",)}.get(key, ())
    chosen = next((name for name in finest if name in values), None)
    path = [key] if chosen is None else [key, chosen]
    return f"{CANONICAL}/" + "/".join(f"{name}/{quote(values[name], safe=_BARE)}" for name in path)


def _identity(text: str) -> dict[str, str] | None:
    """The values in a link's path by their form alone: a wrong check digit does not make it another thing."""
    if not text.startswith(("http://", "https://")) or len(text) > LONGEST:
        return None
    try:
        values = dict(_pairs(urlsplit(text).path))
    except (BadInput, ValueError):
        return None
    if "01" in values and re.fullmatch("[0-9]{8}|[0-9]{12,13}", values["01"]):
        values["01"] = values["01"].zfill(14)
    return (
        values if values and all(IDENTIFIERS[name].pattern.fullmatch(value) for name, value in values.items()) else None
    )


def from_epc(text: str) -> str | None:
    """The canonical Digital Link URI of an EPC URI, EPC class URI or pattern; None when it is none of them."""
    match = _EPC.match(text)
    if match is None:
        return None
    kind, scheme, body = match.groups()
    parts = body.split(".")
    if not _PREFIX.match(parts[0]):
        return None
    if kind == "idpat":
        while parts and parts[-1] == "*":
            parts.pop()
    prefix, rest = parts[0], parts[1:]
    convert = _CONVERSIONS.get(scheme)
    try:
        return None if convert is None else convert(prefix, rest)
    except (ValueError, IndexError):
        return None  # not of its scheme's form: it stays what it is


def _checked(digits: str, count: int) -> str:
    if len(digits) != count - 1 or not digits.isdigit():
        raise ValueError(digits)
    return digits + str(check_digit(digits))


def _escaped(text: str) -> str:
    # EPC URIs escape some characters that a link escapes too; each is escaped once.
    if not text:
        raise ValueError(text)
    return quote(unquote_to_bytes(text).decode("ascii"), safe=_BARE)


def _joined(rest: list[str], begin: int) -> str:
    return _escaped(".".join(rest[begin:]))


def _gtin(prefix: str, item: str) -> str:
    if len(prefix) + len(item) != 13:
        raise ValueError(item)
    return _checked(item[:1] + prefix + item[1:], 14)


def _of_gtin(qualifier: str) -> _Convert:
    def convert(prefix: str, rest: list[str]) -> str:
        serial = f"/{qualifier}/{_joined(rest, 1)}" if len(rest) > 1 else ""
        return f"{CANONICAL}/01/{_gtin(prefix, rest[0])}{serial}"

    return convert


def _sscc(prefix: str, rest: list[str]) -> str:
    return f"{CANONICAL}/00/{_checked(rest[0][:1] + prefix + rest[0][1:], 18)}"


def _sgln(prefix: str, rest: list[str]) -> str:
    extension = "" if rest[1:] in ([], ["0"]) else f"/254/{_joined(rest, 1)}"
    return f"{CANONICAL}/414/{_checked(prefix + rest[0], 13)}{extension}"


def _pgln(prefix: str, rest: list[str]) -> str:
    return f"{CANONICAL}/417/{_checked(prefix + rest[0], 13)}"


def _with_serial(identifier: str, count: int, lead: str = "") -> _Convert:
    def convert(prefix: str, rest: list[str]) -> str:
        serial = _joined(rest, 1) if len(rest) > 1 else ""
        return f"{CANONICAL}/{identifier}/{lead}{_checked(prefix + rest[0], count)}{serial}"

    return convert


def _plain_key(identifier: str) -> _Convert:
    return lambda prefix, rest: f"{CANONICAL}/{identifier}/{prefix}{_joined(rest, 0)}"


def _service(identifier: str, count: int) -> _Convert:
    return lambda prefix, rest: f"{CANONICAL}/{identifier}/{_checked(prefix + rest[0], count)}"


def _part(prefix: str, rest: list[str]) -> str:
    serial = f"/8011/{rest[-1]}" if len(rest) > 1 else ""
    return f"{CANONICAL}/8010/{prefix}{_escaped(rest[0])}{serial}"


def _piece(prefix: str, rest: list[str]) -> str:
    counts = "".join(rest[1:3])
    if len(counts) != 4 or not counts.isdigit():
        raise ValueError(counts)
    serial = f"/21/{_joined(rest, 3)}" if len(rest) > 3 else ""
    return f"{CANONICAL}/8006/{_gtin(prefix, rest[0])}{counts}{serial}"


_CONVERSIONS: Mapping[str, _Convert] = {
    "sgtin": _of_gtin("21"),
    "lgtin": _of_gtin("10"),
    "upui": _of_gtin("235"),
    "sscc": _sscc,
    "sgln": _sgln,
    "pgln": _pgln,
    "grai": _with_serial("8003", 13, "0"),
    "gdti": _with_serial("253", 13),
    "sgcn": _with_serial("255", 13),
    "giai": _plain_key("8004"),
    "ginc": _plain_key("401"),
    "gsrn": _service("8018", 18),
    "gsrnp": _service("8017", 18),
    "gsin": _service("402", 17),
    "cpi": _part,
    "itip": _piece,
}
