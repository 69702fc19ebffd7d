"""Code systems and names that the reader and the writer of Consents share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "ACTIONS",
    "ACT_CODE",
    "ACT_REASON",
    "BREAK_GLASS",
    "CONFIDENTIALITY",
    "FHIR_TYPES",
    "FOREVER",
    "INSTITUTION",
    "LABEL_SYSTEMS",
    "PARTICIPATION",
    "PARTS",
    "POLICIES",
    "PROVISIONS_ALONE",
    "REGULATIONS",
    "RESOURCE_TYPES",
    "ROLE",
    "ROLE_PREFIX",
    "SCOPE",
    "VERSIONS",
]

#: Versions of FHIR.
VERSIONS = ("R4", "R5")

#: Identifier system of institutions: the handle, or the account.
INSTITUTION = "urn:salus:institution"

#: Identifier system of roles: the name, e.g. PROVIDER.
ROLE = "urn:salus:role"

#: The end of a directive without an end: the last second that the registry can hold.
FOREVER = 2**40 - 1

#: Modifier extension of an R5 Consent (``valueBoolean`` true): beyond what its provisions name nothing is said.
PROVISIONS_ALONE = "urn:salus:provisions-alone"

SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
RESOURCE_TYPES = "http://hl7.org/fhir/resource-types"
FHIR_TYPES = "http://hl7.org/fhir/fhir-types"  # where R5 has them
ACTIONS = "http://terminology.hl7.org/CodeSystem/consentaction"

#: Names of laws and forms. They say on what a Consent rests, and not who may do what.
REGULATIONS = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"

#: Where the sensitivity labels are from. The first is the value set of those codes, which HL7 writes in an example.
LABEL_SYSTEMS = ("http://terminology.hl7.org/ValueSet/v3-InformationSensitivityPolicy", ACT_CODE)

#: The purpose of whoever declares an emergency, of :data:`ACT_REASON`.
BREAK_GLASS = "BTG"

#: What the policies permit that IHE's Privacy Consent on FHIR gives an address to.
POLICIES: Mapping[str, str] = MappingProxyType(
    {
        "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal": "treatment",
        "https://profiles.ihe.net/ITI/PCF/Policy-all-normal": "everything",
        "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only": "break-glass access",
        "https://profiles.ihe.net/ITI/PCF/Policy-deny": "nothing",
    }
)

#: What a grantee begins with that is a role: ``role:PROVIDER``.
ROLE_PREFIX = "role:"

#: Parts of an actor (:data:`PARTICIPATION`) that are not those of a recipient, in words.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "AUT": "who wrote the data",
        "CST": "the custodian, who keeps the data",
        "ENT": "who entered the data",
        "INF": "who gave the information",
        "TRC": "who is told, and decides nothing",
    }
)
