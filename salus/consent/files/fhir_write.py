"""FHIR Consents of R4 and R5 out: one for each directive, so that nothing is merged; read again it is the same
directive.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

from salus.consent import research_uses as duo
from salus.consent.codes import ALL, CATEGORIES, LABELS, PURPOSES, purpose_names
from salus.consent.files.fhir_codes import (
    ACT_CODE,
    ACT_REASON,
    CONFIDENTIALITY,
    FHIR_TYPES,
    FOREVER,
    INSTITUTION,
    PARTICIPATION,
    PROVISIONS_ALONE,
    RESOURCE_TYPES,
    ROLE,
    ROLE_PREFIX,
    SCOPE,
    VERSIONS,
)
from salus.consent.registry import DirectiveDraft, Effect, Record
from salus.errors import BadInput

__all__ = ["consent_resource", "consents_bundle", "consents_of"]


def consent_resource(
    draft: DirectiveDraft, *, patient: str, issued_at: int, id: str = "", version: str = "R4"
) -> list[dict[str, Any]]:
    """A directive as FHIR Consents: one, or two for a deny of both record classes and sensitivity labels.

    Args:
        draft: The directive.
        patient: The patient's account.
        issued_at: When it was issued, Unix seconds.
        id: The resource's id; left out when empty.
        version: ``R4`` or ``R5``.

    Returns:
        Resources as JSON values; :func:`read_consent` reads them back as the same directive (or as the two).

    Raises:
        BadInput: A permit of labels without any record, which permits nothing and which FHIR cannot say; a purpose or
            category that FHIR has no code for; or an unknown version.
        ValueError: The directive has no effect.
    """
    if version not in VERSIONS:
        raise BadInput("", "FHIR version", f"is {version!r}; known are {', '.join(VERSIONS)}")
    if draft.effect not in (Effect.PERMIT, Effect.DENY):
        raise ValueError("a directive without effect is no consent")
    categories = draft.categories
    if draft.effect is Effect.DENY and categories & _EVERYTHING:
        # A denial of all records is one of every label, with a name or without.
        categories = frozenset({ALL})
    for kind, names, known in (
        ("purpose", draft.purposes, {*PURPOSES, *duo.purposes()}),
        ("category", categories, {*CATEGORIES, ALL}),
    ):
        if unknown := sorted(names - known):
            raise BadInput(
                "directive", f"to {draft.grantee}", f"has the {kind} {unknown[0]}, which FHIR has no code for"
            )
    classes, labels = categories - set(LABELS), categories & set(LABELS)
    if draft.effect is Effect.PERMIT and not classes:
        raise BadInput(
            "directive",
            f"to {draft.grantee}",
            "permits sensitivity labels without records, which FHIR cannot say; grant records too",
        )
    parts = [(classes, labels)] if draft.effect is Effect.PERMIT else [(classes, frozenset()), (frozenset(), labels)]
    parts = [part for part in parts if part[0] or part[1]]
    write = _r5 if version == "R5" else _r4
    resources = []
    for n, (some_classes, some_labels) in enumerate(parts):
        resource = write(draft, frozenset(some_classes), frozenset(some_labels), patient, issued_at)
        if id:
            resource = {"resourceType": "Consent", "id": id if len(parts) == 1 else f"{id}-{n + 1}", **resource}
        resources.append(resource)
    return resources


def consents_bundle(
    records: Sequence[tuple[str, Record]], *, name: Callable[[str], str] = str, version: str = "R4"
) -> dict[str, Any]:
    """Directives of the registry as a Bundle of FHIR Consents; :func:`read_consent` reads it.

    Args:
        records: The patient's account and the directive, for each.
        name: Gives a grantee's handle, or ``role:PROVIDER``, for its account.
        version: ``R4`` or ``R5``.
    """
    resources: list[dict[str, Any]] = []
    for patient, record in records:
        purposes = purpose_names(record.purposes, deny=record.effect is Effect.DENY)
        draft = DirectiveDraft(
            name(record.grantee), record.effect, purposes, record.category_names, record.start, record.end
        )
        resources += consent_resource(draft, patient=patient, issued_at=record.issued_at, version=version)
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in resources]}


def consents_of(
    records: Sequence[tuple[str, Record]], *, name: Callable[[str], str] = str, version: str = "R4"
) -> tuple[dict[str, Any], list[tuple[Record, BadInput]]]:
    """Directives of the registry as one FHIR document, as far as FHIR can say them.

    Args:
        records: The patient's account and the directive, for each.
        name: Gives a grantee's handle, or ``role:PROVIDER``, for its account.
        version: ``R4`` or ``R5``.

    Returns:
        A Consent where there is one, else a Bundle; and the directives that were left out, with the reason.
    """
    resources: list[dict[str, Any]] = []
    said: list[tuple[str, Record]] = []
    left_out: list[tuple[Record, BadInput]] = []
    for patient, record in records:
        draft = record.draft(name(record.grantee))
        try:
            resources += consent_resource(draft, patient=patient, issued_at=record.issued_at, version=version)
            said.append((patient, record))
        except BadInput as trouble:
            left_out.append((record, trouble))
    return resources[0] if len(resources) == 1 else consents_bundle(said, name=name, version=version), left_out


def _r4(
    draft: DirectiveDraft, classes: frozenset[str], labels: frozenset[str], patient: str, issued_at: int
) -> dict[str, Any]:
    permit = draft.effect is Effect.PERMIT
    provision: dict[str, Any] = {"type": "permit" if permit else "deny"}
    if period := _period(draft):
        provision["period"] = period
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": ACT_CODE, "code": "INFA"}]}],
        "patient": {"identifier": {"system": "urn:salus:patient", "value": patient}},
        "dateTime": _instant(issued_at),
        "policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN" if permit else "OPTOUT"}]},
        "provision": provision
        | {"actor": [{"role": _RECIPIENT, "reference": _grantee(draft)}]}
        | _scope(draft, classes, labels, "class", RESOURCE_TYPES),
    }


def _r5(
    draft: DirectiveDraft, classes: frozenset[str], labels: frozenset[str], patient: str, issued_at: int
) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Consent",
        "status": "active",
        "category": [{"coding": [{"system": ACT_CODE, "code": "INFA"}]}],
        "subject": {"identifier": {"system": "urn:salus:patient", "value": patient}},
        "date": _instant(issued_at)[:10],
        "grantee": [_grantee(draft)],
        "decision": "permit" if draft.effect is Effect.PERMIT else "deny",
    }
    if period := _period(draft):
        resource["period"] = period
    if draft.purposes == set(PURPOSES) and classes == {ALL} and not labels:
        return resource
    # The base decides about everything; this directive only about what it names.
    return resource | {
        "modifierExtension": [{"url": PROVISIONS_ALONE, "valueBoolean": True}],
        "provision": [_scope(draft, classes, labels, "resourceType", FHIR_TYPES)],
    }


# In a denial: everything, and all record classes, of which the contract makes the same.
_EVERYTHING = frozenset({ALL, f"only:{ALL}"})

_RECIPIENT = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}


def _grantee(draft: DirectiveDraft) -> dict[str, Any]:
    system, value = INSTITUTION, draft.grantee
    if draft.grantee.casefold().startswith(ROLE_PREFIX):
        system, value = ROLE, draft.grantee[len(ROLE_PREFIX) :].upper()
    return {"identifier": {"system": system, "value": value}}


def _period(draft: DirectiveDraft) -> dict[str, str]:
    period = {}
    if draft.start:
        period["start"] = _instant(draft.start)
    if draft.end < FOREVER:
        period["end"] = _instant(draft.end - 1)  # FHIR's end is the last moment, not the first after it
    return period


def _scope(
    draft: DirectiveDraft, classes: frozenset[str], labels: frozenset[str], element: str, system: str
) -> dict[str, Any]:
    """What a provision says of labels, purposes and record classes."""
    provision: dict[str, Any] = {}
    if labels:
        normal = [{"system": CONFIDENTIALITY, "code": "N"}] if draft.effect is Effect.PERMIT else []
        provision["securityLabel"] = normal + [{"system": ACT_CODE, "code": label} for label in sorted(labels)]
    provision["purpose"] = [_purpose(name) for name in sorted(draft.purposes)]
    if classes and ALL not in classes:
        provision[element] = [{"system": system, "code": name} for name in sorted(classes)]
    return provision


def _purpose(name: str) -> dict[str, str]:
    if name in PURPOSES:
        return {"system": ACT_REASON, "code": name}
    term = duo.term(name)
    assert term is not None, name  # consent_resource has seen to it
    return {"system": duo.SYSTEM, "code": term.id, "display": term.name}


def _instant(seconds: int) -> str:
    # Beyond the calendar of FHIR (year 9999) there is no other way of saying "for ever".
    latest = 253_402_300_799
    return dt.datetime.fromtimestamp(min(seconds, latest), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
