"""Bit sets of the contracts by name: roles, purposes of use, categories of records.

They mirror ``contracts/institutions/Roles.sol`` and ``contracts/consent/ConsentCodes.sol``; a test compares them. The
names of purposes are the codes of HL7 v3 PurposeOfUse; those of the research uses below HRESCH are the codes of the
Data Use Ontology. The name of a category is a FHIR R4 resource type or a sensitivity label (HL7 v3 ActCode).

These are tables and the way from bits to names, which cannot fail. The way from names to bits, which can, is in
:mod:`salus.consent.codes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "ALL",
    "ALL_RECORDS",
    "CATEGORIES",
    "LABELS",
    "PURPOSES",
    "RECORDS",
    "RESEARCH_USES",
    "ROLES",
    "category_names",
    "names_of",
    "role_names",
]


def _numbered(first: int, *names: str) -> Mapping[str, int]:
    """Each name with a bit of its own, from bit ``first`` on."""
    return MappingProxyType({name: 1 << bit for bit, name in enumerate(names, first)})


#: Roles of institutions.
ROLES = _numbered(
    0,
    "PROVIDER",
    "PHARMACY",
    "INSURER",
    "MANUFACTURER",
    "CARRIER",
    "LABORATORY",
    "LOGGER",
    "RESEARCHER",
    "PUBLIC_HEALTH",
)

#: Purposes of use, each at the top; below HRESCH are :data:`RESEARCH_USES`.
PURPOSES = _numbered(0, "TREAT", "ETREAT", "HPAYMT", "COVERAGE", "HOPERAT", "HRESCH", "PUBHLTH", "PATRQT", "HMARKT")

#: Research uses; which is narrower than which is in :mod:`salus.consent.research_uses`.
RESEARCH_USES = _numbered(
    9, "GRU", "HMB", "POA", "NPOA", "NMDS", "GSO", "NPU", "NCU", "NPUNCU", "IRB", "PUB", "COL", "RTN"
)

#: Record classes: FHIR R4 resource types. ``Claim`` includes ExplanationOfBenefit.
RECORDS = _numbered(
    0,
    "Patient",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "DiagnosticReport",
    "ImagingStudy",
    "Procedure",
    "MedicationRequest",
    "Immunization",
    "CarePlan",
    "DocumentReference",
    "Claim",
    "Coverage",
    "MolecularSequence",
    "Device",
    "FamilyMemberHistory",
    "QuestionnaireResponse",
    "Appointment",
)

#: Sensitivity labels: each needs its own permission, "all" does not include them.
LABELS = _numbered(40, "ETH", "ETHUD", "OPIOIDUD", "PSY", "SDV", "HIV")

#: Record classes and sensitivity labels.
CATEGORIES: Mapping[str, int] = MappingProxyType({**RECORDS, **LABELS})

#: The name of every record class, now or later, and of no sensitivity label.
ALL = "all"

#: Its bits.
ALL_RECORDS = (1 << 40) - 1


def names_of(bits: int, known: Mapping[str, int]) -> frozenset[str]:
    """The names of the bits in a set.

    Args:
        bits: The set, 0 or more.
        known: The bit of each name.

    Returns:
        A name for each bit. A bit that this version has no name for is shown as ``bit<n>`` rather than dropped.
    """
    found = {name for name, bit in known.items() if bits & bit}
    rest = bits & ~sum(known.values())
    found |= {f"bit{i}" for i in range(rest.bit_length()) if rest >> i & 1}
    return frozenset(found)


def role_names(bits: int) -> frozenset[str]:
    """The names of roles; bits without a name as ``bit<n>``."""
    return names_of(bits, ROLES)


def category_names(bits: int) -> frozenset[str]:
    """The names of categories; ``all`` when every record class is there, bits without a name as ``bit<n>``."""
    if bits & ALL_RECORDS == ALL_RECORDS:
        return names_of(bits & ~ALL_RECORDS, CATEGORIES) | {ALL}
    return names_of(bits, CATEGORIES)
