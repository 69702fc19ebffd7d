"""FHIR R4 Consents out: one for each directive, so that nothing is merged; read again it is the same directive."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from salus.codes import ALL, LABELS
from salus.consent import DirectiveDraft, Effect, Record
from salus.errors import BadInput
from salus.fhir.consent_codes import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    FOREVER,
    INSTITUTION,
    PARTICIPATION,
    RESOURCE_TYPES,
    ROLE,
    ROLE_PREFIX,
    SCOPE,
)

__all__ = ["consent_resource", "consents_bundle"]


def consent_resource(draft: DirectiveDraft, *, patient: str, issued_at: int, id: str = "") -> list[dict[str, Any]]:
    """A directive as FHIR R4 Consents: one, or two for a deny of both record classes and sensitivity labels.

    Args:
        draft: The directive.
        patient: The patient's account.
        issued_at: When it was issued, Unix seconds.
        id: The resource's id; left out when empty.

    Returns:
        Resources as JSON values; :func:`read_consent` reads them back as the same directive (or as the two).

    Raises:
        BadInput: A permit of labels without any record, which permits nothing and which FHIR cannot say.
        ValueError: The directive has no effect.
    """
    if draft.effect not in (Effect.PERMIT, Effect.DENY):
        raise ValueError("a directive without effect is no consent")
    classes, labels = draft.categories - set(LABELS), draft.categories & set(LABELS)
    if draft.effect is Effect.PERMIT and not classes:
        raise BadInput(
            "directive",
            f"to {draft.grantee}",
            "permits sensitivity labels without records, which FHIR cannot say; grant records too",
        )
    parts = [(classes, labels)] if draft.effect is Effect.PERMIT else [(classes, frozenset()), (frozenset(), labels)]
    parts = [part for part in parts if part[0] or part[1]]
    resources = []
    for n, (some_classes, some_labels) in enumerate(parts):
        resource = _resource(draft, frozenset(some_classes), frozenset(some_labels), patient, issued_at)
        if id:
            resource = {"resourceType": "Consent", "id": id if len(parts) == 1 else f"{id}-{n + 1}", **resource}
        resources.append(resource)
    return resources


def consents_bundle(records: Sequence[tuple[str, Record]], *, name: Callable[[str], str] = str) -> dict[str, Any]:
    """Directives of the registry as a Bundle of FHIR R4 Consents; :func:`read_consent` reads it.

    Args:
        records: The patient's account and the directive, for each.
        name: Gives a grantee's handle, or ``role:PROVIDER``, for its account.
    """
    resources: list[dict[str, Any]] = []
    for patient, record in records:
        draft = DirectiveDraft(
            name(record.grantee), record.effect, record.purpose_names, record.category_names, record.start, record.end
        )
        resources += consent_resource(draft, patient=patient, issued_at=record.issued_at)
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def _resource(
    draft: DirectiveDraft, classes: frozenset[str], labels: frozenset[str], patient: str, issued_at: int
) -> dict[str, Any]:
    effect = draft.effect
    provision: dict[str, Any] = {}
    period = {}
    if draft.start:
        period["start"] = _instant(draft.start)
    if draft.end < FOREVER:
        period["end"] = _instant(draft.end - 1)  # FHIR's end is the last moment, not the first after it
    if period:
        provision["period"] = period
    system, value = INSTITUTION, draft.grantee
    if draft.grantee.casefold().startswith(ROLE_PREFIX):
        system, value = ROLE, draft.grantee[len(ROLE_PREFIX) :].upper()
    provision["actor"] = [
        {
            "role": {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]},
            "reference": {"identifier": {"system": system, "value": value}},
        }
    ]
    if labels:
        normal = [{"system": CONFIDENTIALITY, "code": "N"}] if effect is Effect.PERMIT else []
        provision["securityLabel"] = normal + [{"system": ACT_CODE, "code": label} for label in sorted(labels)]
    provision["purpose"] = [{"system": ACT_REASON, "code": purpose} for purpose in sorted(draft.purposes)]
    if classes and ALL not in classes:
        provision["class"] = [{"system": RESOURCE_TYPES, "code": name} for name in sorted(classes)]
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": ACT_CODE, "code": "INFA"}]}],
        "patient": {"identifier": {"system": "urn:salus:patient", "value": patient}},
        "dateTime": _instant(issued_at),
        "policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN" if effect is Effect.PERMIT else "OPTOUT"}]},
        "provision": provision,
    }


def _instant(seconds: int) -> str:
    # Beyond the calendar of FHIR (year 9999) there is no other way of saying "for ever".
    latest = 253_402_300_799
    return dt.datetime.fromtimestamp(min(seconds, latest), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
