"""Names of the bits: roles, purposes of use, categories of records.

They mirror ``contracts/institutions/Roles.sol`` and ``contracts/consent/ConsentCodes.sol``; a test compares them. The
names of purposes are the codes of HL7 v3 PurposeOfUse; the name of a category is a FHIR R4 resource type or a
sensitivity label (HL7 v3 ActCode). Names are read in any case; they are written as here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .errors import BadInput

__all__ = [
    "ALL",
    "ALL_RECORDS",
    "CATEGORIES",
    "LABELS",
    "PURPOSES",
    "RECORDS",
    "ROLES",
    "WORDS",
    "category_bits",
    "category_names",
    "purpose_bits",
    "purpose_names",
    "role_bits",
    "role_names",
]


def _numbered(first: int, *names: str) -> Mapping[str, int]:
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

#: Purposes of use.
PURPOSES = _numbered(
    0, "TREAT", "ETREAT", "HPAYMT", "COVERAGE", "HOPERAT", "HRESCH", "PUBHLTH", "PATRQT", "HMARKT"
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

#: Sensitivity labels: each needs its own yes, "all" does not include them.
LABELS = _numbered(40, "ETH", "ETHUD", "OPIOIDUD", "PSY", "SDV", "HIV")

#: Record classes and sensitivity labels.
CATEGORIES: Mapping[str, int] = MappingProxyType({**RECORDS, **LABELS})

#: The name of every record class, now or later, and of no sensitivity label.
ALL = "all"

#: Its bits.
ALL_RECORDS = (1 << 40) - 1

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
        ALL: "all records, without the sensitive labels",
    }
)


def _bits(names: Iterable[str], known: Mapping[str, int], field: str, file: str) -> int:
    folded = {name.replace("_", "").casefold(): bit for name, bit in known.items()}
    bits = 0
    for name in names:
        bit = folded.get(name.strip().replace("_", "").replace("-", "").casefold())
        if bit is None:
            raise BadInput(file, field, f"there is no {name!r}; known are {', '.join(known)}")
        bits |= bit
    return bits


def _names(bits: int, known: Mapping[str, int]) -> frozenset[str]:
    found = {name for name, bit in known.items() if bits & bit}
    rest = bits & ~sum(known.values())
    # Bits that this version has no name for are shown rather than dropped.
    found |= {f"bit{i}" for i in range(rest.bit_length()) if rest >> i & 1}
    return frozenset(found)


def role_bits(names: Iterable[str], *, file: str = "") -> int:
    """The bits of roles.

    Raises:
        BadInput: An unknown name; ``file`` says where it stood.
    """
    return _bits(names, ROLES, "role", file)


def role_names(bits: int) -> frozenset[str]:
    """The names of roles; bits without a name as ``bit<n>``."""
    return _names(bits, ROLES)


def purpose_bits(names: Iterable[str], *, file: str = "") -> int:
    """The bits of purposes of use.

    Raises:
        BadInput: An unknown name.
    """
    return _bits(names, PURPOSES, "purpose", file)


def purpose_names(bits: int) -> frozenset[str]:
    """The names of purposes of use; bits without a name as ``bit<n>``."""
    return _names(bits, PURPOSES)


def category_bits(names: Iterable[str], *, file: str = "") -> int:
    """The bits of categories; ``all`` is every record class and no sensitivity label.

    Raises:
        BadInput: An unknown name.
    """
    return _bits(names, {**CATEGORIES, ALL: ALL_RECORDS}, "category", file)


def category_names(bits: int) -> frozenset[str]:
    """The names of categories; ``all`` when every record class is there, bits without a name as ``bit<n>``."""
    if bits & ALL_RECORDS == ALL_RECORDS:
        return _names(bits & ~ALL_RECORDS, CATEGORIES) | {ALL}
    return _names(bits, CATEGORIES)
