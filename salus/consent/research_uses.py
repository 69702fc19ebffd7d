"""Research uses: terms of the Data Use Ontology (DUO) as purposes below HRESCH.

``salus/consent/duo.json`` is the table, with its version and licence: ids, codes, names and parents are DUO's.

**Which use is narrower.** HRESCH is above all. Permissions follow DUO's tree: HMB below GRU; POA beside GRU and so
below HRESCH alone: who grants general research has not granted research on origins or ancestry. A modifier stands for
general research under that condition and is below GRU. DUO's tree orders modifiers by their restrictions (NPU below
NPUNCU); as uses it is the other way round: what meets both conditions meets each, so NPUNCU is below NPU and below NCU.
The column ``below`` says so.

**The ancestor rule.** A grant of a use carries the bits of all narrower ones, a request its own bit: a grant for a
broader use covers a narrower request, never the reverse. A denial of a use carries the broader ones as well: whoever
asks for a use that contains the denied one is refused, and may ask for a narrower one. Uses that merely overlap, such
as GSO and POA, are
separate: who denies one has not denied the other.

**Refused.** What needs more than a bit (a disease, a region, a date …), with the reason; and a modifier beside another
research use: in DUO both conditions would hold, in a set of purposes either would do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

__all__ = ["RESEARCH", "SYSTEM", "Term", "above", "narrower", "purposes", "term", "terms", "together", "version"]

#: The purpose above all DUO terms.
RESEARCH = "HRESCH"

#: FHIR's code system of DUO terms; its codes are the ids.
SYSTEM = "http://purl.obolibrary.org/obo/duo.owl"


@dataclass(frozen=True)
class Term:
    """A term of the ontology.

    Attributes:
        id: E.g. ``DUO:0000042``.
        code: E.g. ``GRU``; empty for the two headings.
        name: DUO's label.
        kind: ``permission``, ``modifier`` or ``heading``.
        parent: Id of the term above it in DUO's tree; empty at the top.
        bit: Number of its bit among the purposes; None when it can be none.
        below: Codes of the uses just above it.
        refused: Why it cannot be a purpose, and what to do; empty when it is one.
    """

    id: str
    code: str
    name: str
    kind: str
    parent: str
    bit: int | None = None
    below: tuple[str, ...] = ()
    refused: str = ""


@cache
def _table() -> tuple[str, tuple[Term, ...]]:
    table = json.loads(files("salus.consent").joinpath("duo.json").read_text(encoding="utf-8"))
    return table["version"], tuple(Term(**{**t, "below": tuple(t.get("below", ()))}) for t in table["terms"])


def version() -> str:
    """The ontology's release that the table is of."""
    return _table()[0]


def terms() -> tuple[Term, ...]:
    """Every term: those that are purposes by bit, then those that are refused."""
    return _table()[1]


@cache
def purposes() -> Mapping[str, int]:
    """The bit of each term that is a purpose, by its code."""
    return MappingProxyType({t.code: 1 << t.bit for t in terms() if t.bit is not None})


@cache
def _by_name() -> Mapping[str, Term]:
    return {name.replace(":", "").casefold(): t for t in terms() for name in (t.id, t.code) if name}


def term(name: str) -> Term | None:
    """A term by its code or its id, in any case: ``GRU``, ``DUO:0000042``, ``DUO_0000042``; None when there is none."""
    return _by_name().get(name.strip().replace(":", "").replace("_", "").casefold())


@cache
def narrower(name: str) -> frozenset[str]:
    """Every use below ``HRESCH`` or a term's code, near and far, without itself."""
    near = {t.code for t in terms() if name in t.below}
    return frozenset(near.union(*(narrower(code) for code in near)))


@cache
def above(name: str) -> frozenset[str]:
    """Every use above a term's code, up to HRESCH, without itself."""
    return frozenset(code for code in (RESEARCH, *purposes()) if name in narrower(code))


def together(names: Iterable[str]) -> str:
    """Why these research uses (codes, HRESCH) cannot stand in one set; empty when they can."""
    uses = sorted({name for name in names if name == RESEARCH or name in purposes()})
    modifiers = [name for name in uses if name != RESEARCH and (found := term(name)) and found.kind == "modifier"]
    if not modifiers or len(uses) == 1:
        return ""
    other = next(name for name in uses if name != modifiers[0])
    advice = "name NPUNCU" if set(uses) == {"NPU", "NCU"} else "name one, in a directive of its own"
    return f"{modifiers[0]} beside {other} would mean both in DUO, and either here; {advice}"
