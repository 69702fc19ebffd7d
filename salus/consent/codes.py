"""Names of purposes of use and categories of records as bits, and bits of purposes as names.

The tables are in :mod:`salus.abi.bits`. Research uses below HRESCH may be given as ``GRU`` or ``DUO:0000042``. Names
are read in any case.

A **grant** of a broader research use carries the bits of all narrower ones (:func:`purpose_bits`), a **request** has
just its own bit (:func:`request_bits`): the contract's bit test is then the ancestor rule, which
:mod:`salus.consent.research_uses` states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from salus.abi.bits import (
    ALL,
    ALL_RECORDS,
    CATEGORIES,
    LABELS,
    PURPOSES,
    RECORDS,
    names_of,
)
from salus.abi.bits import category_names as _permitted_categories
from salus.consent import research_uses as duo
from salus.errors import BadInput
from salus.institutions.roles import bits_of

__all__ = [
    "ALL",
    "ALL_RECORDS",
    "CATEGORIES",
    "EVERYTHING",
    "LABELS",
    "PURPOSES",
    "RECORDS",
    "WORDS",
    "category_bits",
    "category_names",
    "purpose_bits",
    "purpose_names",
    "request_bits",
]


#: Every category there can be: what a denial of ``all`` denies.
EVERYTHING = (1 << 56) - 1

# Before a research use: its bit alone.
_ONLY = "only:"


#: What a code means, in words for people.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "TREAT": "treatment",
        "ETREAT": "emergency treatment",
        "HPAYMT": "payment of care",
        "COVERAGE": "finding out what is covered",
        "HOPERAT": "running the institution",
        "HRESCH": "research",
        "PUBHLTH": "public health",
        "PATRQT": "the patient's own request",
        "HMARKT": "marketing",
        "ETH": "substance abuse",
        "ETHUD": "alcohol use disorder",
        "OPIOIDUD": "opioid use disorder",
        "PSY": "psychiatry",
        "SDV": "sexual assault, abuse and domestic violence",
        "HIV": "HIV",
        "GRU": "general research",
        "HMB": "health, medical or biomedical research",
        "POA": "research on population origins or ancestry",
        "NPOA": "research, but not on population origins or ancestry",
        "NMDS": "research, but not on general methods",
        "GSO": "genetic studies",
        "NPU": "research by organisations not for profit",
        "NCU": "non-commercial research",
        "NPUNCU": "non-commercial research by organisations not for profit",
        "IRB": "research that an ethics board approved",
        "PUB": "research whose results are published",
        "COL": "research together with those who collected the data",
        "RTN": "research that returns what it derives",
        ALL: "all records, without the sensitive labels",
    }
)


def request_bits(names: Iterable[str], *, file: str = "") -> int:
    """The bits of what is asked for, or was done: each purpose's own, whatever is narrower.

    Raises:
        BadInput: An unknown name, or a research use that no bit can say.
    """
    return sum(_own(name) for name in _purposes(names, file))


def purpose_bits(names: Iterable[str], *, deny: bool = False, file: str = "") -> int:
    """The bits of what is granted: of each purpose and of every narrower research use.

    Args:
        names: Codes; ``only:HRESCH`` is that bit and no other.
        deny: It is denied: the broader research uses, which contain what is denied, are then denied as well.

    Raises:
        BadInput: An unknown name, a research use that no bit can say, or a modifier beside another research use.
    """
    found = _purposes(names, file)
    if trouble := duo.together(found):
        raise BadInput(file, "purpose", trouble)
    return _closed(found, deny)


@lru_cache(maxsize=1024)
def purpose_names(bits: int, *, deny: bool = False) -> frozenset[str]:
    """The names of purposes; a use stands for what :func:`purpose_bits` makes of it, a bit by itself is
    ``only:<name>``.

    Args:
        deny: They are denied: bits of broader uses that the denial implies are not named.

    Returns:
        Names that :func:`purpose_bits` reads as exactly these bits; bits without a name are ``bit<n>``, which it
        refuses.
    """
    known = {**PURPOSES, **duo.purposes()}
    nameless = {name for name in names_of(bits, known) if name not in known}
    plain = {name for name, bit in PURPOSES.items() if bits & bit and name != duo.RESEARCH}
    uses = {name for name in (duo.RESEARCH, *duo.purposes()) if bits & known[name]}
    whole, rest = (_denied_uses if deny else _permitted_uses)(uses)
    if duo.together(whole) or (deny and rest):
        whole, rest = set(), uses
    return frozenset(plain | whole | {f"{_ONLY}{name}" for name in rest} | nameless)


def _broadest(uses: set[str]) -> set[str]:
    """Of research uses those that come with all that is narrower, and that no other of them covers."""
    whole = {name for name in uses if duo.narrower(name) <= uses}
    return whole - {narrow for name in whole for narrow in duo.narrower(name)}


def _permitted_uses(uses: set[str]) -> tuple[set[str], set[str]]:
    """The uses that stand for all that is narrower, and the bits that none of them covers."""
    whole = _broadest(uses)
    return whole, uses - {narrow for name in whole for narrow in (name, *duo.narrower(name))}


def _denied_uses(uses: set[str]) -> tuple[set[str], set[str]]:
    """The same of a denial, which implies broader uses: one use where it says all, else the broadest."""
    known = {**PURPOSES, **duo.purposes()}
    research = sum(known[name] for name in uses)
    whole = {name for name in uses if _closed([name], True) == research} or _broadest(uses)
    return whole, uses if _closed(whole, True) != research else set()


def _purposes(names: Iterable[str], file: str) -> list[str]:
    """Canonical names, each once."""
    folded = {name.casefold(): name for name in PURPOSES}
    found: dict[str, None] = {}
    for name in names:
        prefix, plain = (_ONLY, name.strip()[len(_ONLY) :]) if name.strip().casefold().startswith(_ONLY) else ("", name)
        code = folded.get(plain.strip().replace("_", "").replace("-", "").casefold())
        if code is None and (term := duo.term(plain)):
            if term.refused:
                raise BadInput(file, "purpose", f"{term.code or term.id} ({term.name}) {term.refused}")
            code = term.code
        if code is None:
            known = ", ".join((*PURPOSES, *duo.purposes()))
            raise BadInput(file, "purpose", f"there is no {name!r}; known are {known}")
        found[prefix + code] = None
    return list(found)


def _own(name: str) -> int:
    plain = name.removeprefix(_ONLY)
    return PURPOSES[plain] if plain in PURPOSES else duo.purposes()[plain]


def _closed(names: Iterable[str], deny: bool) -> int:
    bits = 0
    for name in names:
        bits |= _own(name)
        if not name.startswith(_ONLY):
            for other in duo.narrower(name) | (duo.above(name) if deny else frozenset()):
                bits |= _own(other)
    return bits


def category_bits(names: Iterable[str], *, deny: bool = False, file: str = "") -> int:
    """The bits of categories; ``all`` is every record class and no sensitivity label.

    Args:
        names: Names of categories, or ``all``.
        deny: They are denied: then ``all`` is everything, also the labels and what has no name yet; ``only:all`` is
            every record class.
        file: Where they were read, for the message.

    Raises:
        BadInput: An unknown name.
    """
    every = {ALL: EVERYTHING, _ONLY + ALL: ALL_RECORDS} if deny else {ALL: ALL_RECORDS}
    return bits_of(names, {**CATEGORIES, **every}, "category", file)


@lru_cache(maxsize=1024)
def category_names(bits: int, *, deny: bool = False) -> frozenset[str]:
    """The names of categories, as :func:`category_bits` reads them.

    Args:
        bits: A set of categories.
        deny: They are denied: then ``all`` is everything, and ``only:all`` is every record class and no label.
    """
    names = _permitted_categories(bits)
    if not deny or ALL not in names:
        return names
    return frozenset({ALL}) if bits == EVERYTHING else frozenset(names - {ALL} | {_ONLY + ALL})
