"""FHIR at the edge: claims in, claim responses out (R4); consents in and out (R4 and R5).

Resources are validated by ``fhir.resources``, which is imported only when a file is read, since that takes a while.
"""

from __future__ import annotations

from salus.fhir.benefit import explanation_of_benefit
from salus.fhir.claim import ClaimInput, LineInput, read_claims
from salus.fhir.consent import ConsentInput, consent_resource, consents_bundle, read_consent
from salus.fhir.response import claim_response, write_claim_responses

__all__ = [
    "ClaimInput",
    "ConsentInput",
    "LineInput",
    "claim_response",
    "consent_resource",
    "consents_bundle",
    "explanation_of_benefit",
    "read_claims",
    "read_consent",
    "write_claim_responses",
]
