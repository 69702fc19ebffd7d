"""The people of a Consent: whose it is, who signs it, and who is meant by an actor."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.abi.bits import ROLES
from salus.consent.files.fhir_codes import INSTITUTION, PARTICIPATION, PARTS, ROLE, ROLE_PREFIX
from salus.formats.fhir import Resource

__all__ = ["Actors", "Person", "patient_of", "signer_of"]

_RECEIVERS = ("IRCP", "PRCP")
_HANDLE = re.compile(r"[a-z0-9-]{1,31}\Z|0x[0-9a-fA-F]{40}\Z")

# What an actor may be that is no institution, in words.
_NOT_INSTITUTIONS = {
    "CareTeam": "a team",
    "Device": "a device",
    "Group": "a group of people",
    "Patient": "a person",
    "Practitioner": "one member of a staff",
    "PractitionerRole": "one member of a staff",
    "RelatedPerson": "a person",
}
_PERSONS = ("Patient", "RelatedPerson")


@dataclass(frozen=True)
class Person:
    """Whose Consent it is.

    Args:
        key: What the patient is called; the record that remains, where records were merged.
        replaced: The record that the Consent names, where that was merged into ``key``, else "".
        names: Everything that the patient is called in the file.
    """

    key: str
    replaced: str
    names: frozenset[str]


class Actors:
    """Finds the grantees of one Consent.

    Args:
        at: The Consent.
        known: Gives the handle or account of an institution, or ``role:PROVIDER``, by what the Consent calls it.
    """

    def __init__(self, at: Resource, known: Callable[[str], str | None] | None) -> None:
        self._at = at
        self._known = known

    def named(self, actors: Sequence[dict[str, Any]], path: str) -> tuple[str, ...]:
        """The grantees that the actors of a provision are, each once.

        Raises:
            BadInput: One has another part than a recipient's, or is not known.
        """
        found: dict[str, None] = {}
        for n, actor in enumerate(actors):
            self._expect_receiver(actor, f"{path}[{n}].role")
            if "reference" not in actor:
                raise self._at.refuse(f"{path}[{n}].reference", "is missing; name the institution or the role")
            found[self.grantee(actor["reference"], f"{path}[{n}].reference")] = None
        return tuple(found)

    def _expect_receiver(self, actor: Mapping[str, Any], path: str) -> None:
        codes = [c.get("code") for c in actor.get("role", {}).get("coding", ()) if c.get("system") == PARTICIPATION]
        if len(codes) == 1 and codes[0] in _RECEIVERS:
            return
        code = codes[0] if codes else None
        meaning = f" ({PARTS[str(code)]})" if code in PARTS else ""
        raise self._at.refuse(
            path, f"is {code!r}{meaning}; a directive names who receives data, IRCP or PRCP: say it of them"
        )

    def grantee(self, reference: Mapping[str, Any], path: str) -> str:
        """The grantee that a reference names.

        Raises:
            BadInput: It names nobody who is known.
        """
        identifier = reference.get("identifier") or {}
        system, value = identifier.get("system", ""), identifier.get("value", "")
        if system == ROLE:
            if value not in ROLES:
                raise self._at.refuse(path, f"is the unknown role {value!r}; known are {', '.join(ROLES)}")
            return ROLE_PREFIX + str(value)
        if system == INSTITUTION and _HANDLE.match(value):
            return str(value)
        key = _key(reference)
        found = self._known(key) if self._known and key else None
        if found is None:
            raise self._at.refuse(path, self._unknown(reference, key))
        return found

    def _unknown(self, reference: Mapping[str, Any], key: str) -> str:
        kind = _NOT_INSTITUTIONS.get(_kind(reference))
        if kind:
            return f"is {key}, {kind}, and a directive names an institution or a role; say which of them is meant"
        return f"is {key or 'nobody'}, no institution known here; say which handle it is, or use system {INSTITUTION}"


def patient_of(at: Resource, field: str) -> Person:
    """Whose Consent it is.

    The Patient is looked for in the file. Where it was replaced (``link`` of type ``replaced-by``), the one that is to
    be used instead is the patient, as FHIR has it.

    Args:
        at: The Consent.
        field: Its element that names the patient.

    Raises:
        BadInput: Nobody is named, or the records were merged in a circle or into several.
    """
    named = at.reference(field)
    if named is None:
        raise at.refuse(field, "is missing; name whose consent it is")
    key, seen = named, [named]
    record = at.follow(str(at.json[field].get("reference", "")))
    while record is not None and (links := _replaced_by(record)):
        key = _key(links[0])
        if len(links) > 1 or key in seen or not key:
            raise at.refuse(field, f"is {named}, which was merged into no single record; name the one that remains")
        seen.append(key)
        record = at.follow(key)
    return Person(key, named if key != named else "", frozenset({*seen, _key(at.json[field])}))


def signer_of(at: Resource, field: str, patient: Person, by_delegate: bool) -> str:
    """Who signs, when it is not the patient.

    Args:
        at: The Consent.
        field: Its element that names who grants.
        patient: Whose it is.
        by_delegate: Whether a delegate is there to sign.

    Returns:
        The key of the delegate, or "" where the patient signs.

    Raises:
        BadInput: Several sign, somebody signs who cannot, or a delegate should and is not there.
    """
    who: list[dict[str, Any]] = at.json.get(field, [])
    others = [n for n, person in enumerate(who) if _key(person) not in patient.names]
    if not others:
        return ""
    if len(who) > 1:
        raise at.refuse(
            f"{field}[{max(others)}]",
            "signs beside another one, and an order has one signature; give a Consent of each",
        )
    kind = _kind(who[0])
    if kind and kind not in _PERSONS:
        raise at.refuse(
            f"{field}[0]", f"is of type {kind}; a person signs for a patient: name a RelatedPerson or a Patient"
        )
    if not by_delegate:
        raise at.refuse(
            f"{field}[0]",
            "is not the patient, whose key must sign; sign as the patient's delegate, or give the patient's consent",
        )
    return _key(who[0])


def _replaced_by(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """References to the records that are to be used instead; the record itself was not validated."""
    links = record.get("link")
    found = [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    others = [link.get("other") for link in found if link.get("type") == "replaced-by"]
    return [other if isinstance(other, dict) else {} for other in others]


def _key(reference: Mapping[str, Any]) -> str:
    """A literal reference, or ``system|value`` of a logical one; "" for nobody."""
    identifier = reference.get("identifier")
    logical = identifier if isinstance(identifier, dict) else {}
    value = logical.get("value", "")
    return str(reference.get("reference") or (f"{logical.get('system', '')}|{value}" if value else ""))


def _kind(reference: Mapping[str, Any]) -> str:
    """The type of what is referred to, where it can be told: ``Organization``."""
    literal = str(reference.get("reference", ""))
    return str(reference.get("type") or literal.rpartition("/")[0].rpartition("/")[2])
