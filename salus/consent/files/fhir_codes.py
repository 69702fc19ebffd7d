"""Code systems and names that the reader and the writer of Consents share."""

from __future__ import annotations

__all__ = [
    "ACTIONS",
    "ACT_CODE",
    "ACT_REASON",
    "CONFIDENTIALITY",
    "FHIR_TYPES",
    "FOREVER",
    "INSTITUTION",
    "PARTICIPATION",
    "PROVISIONS_ALONE",
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

#: What a grantee begins with that is a role: ``role:PROVIDER``.
ROLE_PREFIX = "role:"
