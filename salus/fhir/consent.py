"""FHIR R4 Consents in and out.

A Consent is read with the meaning that it states, or refused with the element that says what the registry cannot hold.
The rules:

- **Base**: ``policyRule`` OPTIN permits, OPTOUT denies, whom and what the root ``provision`` names. No ``actor`` is
  everyone: a directive for each role. No ``purpose`` is every purpose. No ``class`` is every record, but no sensitivity
  label: those need their own yes, as IHE's Privacy Consent on FHIR has it.
- **Exceptions**, one level deep: each nested ``provision`` is a directive of the opposite effect; what it leaves out it
  has from the root. Refused where the registry's order (who is named goes before a role, deny before permit) would not
  let the exception win.
- **Actors**: ``role`` IRCP or PRCP, those who receive; an identifier of system :data:`INSTITUTION` (a handle or an
  account) or :data:`ROLE` (a role's name), or whatever the caller has a handle or an account for.
- **Data**: ``class`` is FHIR resource types; ``securityLabel`` is the sensitivity labels, beside N (normal) in a
  permit, which then permits the records with these labels and without; alone in a deny, which denies whatever bears one
  of them.
- **Period**: as FHIR has it, the end included; a date is a whole UTC day. No start is from now on, no end is for ever.
- ``action`` may be access and use. ``data``, ``dataPeriod``, ``code``, deeper provisions and modifier extensions are
  refused; so is any status but active, any scope but patient-privacy, a policy besides the rule, and a performer who is
  not the patient.
- Identifiers, date, custodian and source document say nothing about who may do what, and are not kept.

The way out is in :mod:`salus.fhir.consent_out`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from salus.codes import ALL, LABELS, PURPOSES, RECORDS, ROLES
from salus.consent import DirectiveDraft, Effect
from salus.fhir.consent_codes import (
    ACT_CODE,
    ACT_REASON,
    ACTIONS,
    CONFIDENTIALITY,
    FOREVER,
    INSTITUTION,
    PARTICIPATION,
    RESOURCE_TYPES,
    ROLE,
    ROLE_PREFIX,
    SCOPE,
)
from salus.fhir.consent_out import consent_resource, consents_bundle
from salus.fhir.resource import Resource, read_resources

__all__ = ["FOREVER", "INSTITUTION", "ROLE", "ConsentInput", "consent_resource", "consents_bundle", "read_consent"]

_RECEIVERS = ("IRCP", "PRCP")
_BASE = {"OPTIN": Effect.PERMIT, "OPTOUT": Effect.DENY}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.DENY}
_DIRECTIVES = 4  # a pair of patient and grantee may have
_CLASSES = {name: name for name in RECORDS} | {"ExplanationOfBenefit": "Claim"}
_MOMENT = re.compile(r"(\d{4})(-\d{2})?(-\d{2})?(T\d{2}:\d{2}:\d{2}(?:\.0+)?(?:Z|[+-]\d{2}:\d{2}))?\Z")
_HANDLE = re.compile(r"[a-z0-9-]{1,31}\Z|0x[0-9a-fA-F]{40}\Z")
# What a category of the consent may be: kinds of documents. Codes that change what provisions mean are not among them.
_PLAIN_CATEGORIES: Mapping[str, frozenset[str] | None] = {
    "http://loinc.org": None,
    "http://terminology.hl7.org/CodeSystem/consentcategorycodes": None,
    ACT_CODE: frozenset({"IDSCL", "INFA"}),
}
_PROVISION = {"id", "type", "period", "actor", "action", "securityLabel", "purpose", "class", "provision", "extension"}


@dataclass(frozen=True)
class ConsentInput:
    """A Consent as read.

    Args:
        source: The file, with the place in it where it holds several.
        id: The resource's id, perhaps empty.
        patient_ref: Whom it names as the patient.
        directives: What it says, at most four for each grantee.
    """

    source: str
    id: str
    patient_ref: str
    directives: tuple[DirectiveDraft, ...]


@dataclass(frozen=True)
class _Rule:
    """A provision with what it inherits."""

    effect: Effect
    grantees: tuple[str, ...]
    everyone: bool
    purposes: frozenset[str]
    classes: frozenset[str]
    labels: frozenset[str]
    normal: bool  # the label N stands beside the others
    start: int
    end: int

    @property
    def by_role(self) -> bool:
        return any(grantee.startswith(ROLE_PREFIX) for grantee in self.grantees)

    @property
    def by_name(self) -> bool:
        return not all(grantee.startswith(ROLE_PREFIX) for grantee in self.grantees)


def read_consent(path: str | Path, *, grantee: Callable[[str], str | None] | None = None) -> list[ConsentInput]:
    """Read the FHIR R4 Consents of a file.

    Args:
        path: JSON of a Consent or a Bundle, or newline-delimited Consents.
        grantee: Gives the handle or account of an institution by what a Consent calls it: a reference
            (``Organization/1``), or ``system|value`` of an identifier; None for one that it does not know.

    Returns:
        At least one, in the order of the file. Handles and accounts are not looked up here.

    Raises:
        BadInput: Not such a file, or something the registry cannot hold; names the element.
    """
    consents = []
    for resource in read_resources(path, "Consent"):
        resource.validate()
        consents.append(_Reader(resource, grantee).consent())
    return consents


class _Reader:
    """Reads one validated Consent."""

    def __init__(self, resource: Resource, grantee: Callable[[str], str | None] | None) -> None:
        self.at = resource
        self.json = resource.json
        self.known = grantee

    def consent(self) -> ConsentInput:
        self._expect_sayable()
        effect = self._base()
        root = self.json.get("provision", {})
        if _EFFECTS.get(root.get("type"), effect) is not effect:
            raise self.at.refuse(
                "provision.type", f"is {root['type']!r} against the policy rule; say the base by policyRule"
            )
        everyone = _Rule(
            effect=effect,
            grantees=tuple(ROLE_PREFIX + role for role in ROLES),
            everyone=True,
            purposes=frozenset(PURPOSES),
            classes=frozenset({ALL}),
            labels=frozenset(),
            normal=False,
            start=0,
            end=FOREVER,
        )
        base = self._rule(root, "provision", everyone)
        rules = [base]
        for n, nested in enumerate(root.get("provision", ())):
            rules.append(self._exception(base, nested, f"provision.provision[{n}]"))
        directives = [draft for rule in rules for draft in _drafts(rule)]
        for grantee in {directive.grantee for directive in directives}:
            if sum(directive.grantee == grantee for directive in directives) > _DIRECTIVES:
                raise self.at.refuse(
                    "provision.provision", f"says more than {_DIRECTIVES} rules for one grantee; join some of them"
                )
        patient = self.at.reference("patient")
        if patient is None:
            raise self.at.refuse("patient", "is missing; name whose consent it is")
        return ConsentInput(
            source=f"{self.at.source} ({self.at.place})" if self.at.place else self.at.source,
            id=self.json.get("id", ""),
            patient_ref=patient,
            directives=tuple(directives),
        )

    # ---- the frame -----------------------------------------------------------------------------------------------

    def _expect_sayable(self) -> None:
        if self.json.get("status") != "active":
            raise self.at.refuse("status", f"is {self.json.get('status')!r}; only an active consent is granted")
        for field in ("modifierExtension", "implicitRules"):
            if field in self.json:
                raise self.at.refuse(field, "may change what the consent means; give one without it")
        scope = self.json["scope"].get("coding", [])
        if [(c.get("system"), c.get("code")) for c in scope] != [(SCOPE, "patient-privacy")]:
            raise self.at.refuse("scope", "is not patient-privacy; other consents are not access rules")
        for n, category in enumerate(self.json.get("category", ())):
            for coding in category.get("coding", ()):
                allowed = _PLAIN_CATEGORIES.get(coding.get("system", ""), frozenset())
                if allowed is not None and coding.get("code") not in allowed:
                    raise self.at.refuse(
                        f"category[{n}]",
                        f"is {coding.get('code')!r}, which may change what provisions mean; say it by provisions",
                    )
        patient = self.json.get("patient")
        for n, performer in enumerate(self.json.get("performer", ())):
            if not patient or any(performer.get(key) != patient.get(key) for key in ("reference", "identifier")):
                raise self.at.refuse(
                    f"performer[{n}]", "is not the patient, whose key must sign; give the patient's consent"
                )
        if self.json.get("policy"):
            raise self.at.refuse("policy", "is a document that no contract reads; say it by policyRule and provision")

    def _base(self) -> Effect:
        codings = self.json.get("policyRule", {}).get("coding", [])
        if len(codings) != 1 or codings[0].get("system") != ACT_CODE or codings[0].get("code") not in _BASE:
            raise self.at.refuse("policyRule", "is not OPTIN or OPTOUT of v3-ActCode; say the base by one of them")
        return _BASE[codings[0]["code"]]

    # ---- provisions ----------------------------------------------------------------------------------------------

    def _rule(self, json: dict[str, Any], path: str, inherited: _Rule) -> _Rule:
        for name in json:
            if name not in _PROVISION:
                raise self.at.refuse(
                    f"{path}.{name}", "is more than the registry can say; leave it out, or narrow by class"
                )
        rule = inherited
        if "period" in json:
            rule = self._within(rule, json["period"], f"{path}.period")
        if "actor" in json:
            rule = replace(rule, grantees=self._actors(json["actor"], f"{path}.actor"), everyone=False)
        for n, action in enumerate(json.get("action", ())):
            codes = [(c.get("system"), c.get("code")) for c in action.get("coding", ())]
            if codes not in ([(ACTIONS, "access")], [(ACTIONS, "use")]):
                shown = codes[0][1] if codes else None
                raise self.at.refuse(f"{path}.action[{n}]", f"is {shown!r}; the registry decides access and use only")
        if "securityLabel" in json:
            rule = self._labelled(rule, json["securityLabel"], f"{path}.securityLabel")
        if "purpose" in json:
            rule = replace(rule, purposes=self._codes(json["purpose"], f"{path}.purpose", ACT_REASON, PURPOSES))
        if "class" in json:
            types = self._codes(json["class"], f"{path}.class", RESOURCE_TYPES, _CLASSES)
            rule = replace(rule, classes=frozenset(_CLASSES[name] for name in types))
        self._expect_labels_fit(rule, path)
        return rule

    def _exception(self, base: _Rule, json: dict[str, Any], path: str) -> _Rule:
        effect = _EFFECTS.get(json.get("type", ""))
        if effect is None or effect is base.effect:
            raise self.at.refuse(
                f"{path}.type", f"is {json.get('type')!r}, no exception to the base; state it in its own Consent"
            )
        if "provision" in json:
            raise self.at.refuse(
                f"{path}.provision", "is an exception to an exception; state it in a Consent of its own"
            )
        inherited = replace(base, effect=effect, labels=frozenset(), normal=False)
        if "securityLabel" in json and effect is Effect.DENY:
            # Labels are denied wherever they are, not in the base's classes only: the base permits no others.
            inherited = replace(inherited, classes=frozenset({ALL}))
        rule = self._rule(json, path, inherited)
        if not base.everyone and not set(rule.grantees) <= set(base.grantees):
            raise self.at.refuse(
                f"{path}.actor", "is one of whom the base says nothing; state it in a Consent of its own"
            )
        # The registry asks who is named before it asks for roles, and on either level a deny before a permit.
        if effect is Effect.PERMIT and (rule.by_role or base.by_name):
            raise self.at.refuse(path, "permits within a denial of the same rank, which would win; deny less instead")
        return rule

    def _actors(self, actors: Sequence[dict[str, Any]], path: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for n, actor in enumerate(actors):
            codes = [c.get("code") for c in actor["role"].get("coding", ()) if c.get("system") == PARTICIPATION]
            if len(codes) != 1 or codes[0] not in _RECEIVERS:
                raise self.at.refuse(
                    f"{path}[{n}].role",
                    f"is {codes[0] if codes else None!r}; the registry knows who receives, IRCP or PRCP,"
                    " and no other part",
                )
            found[self._grantee(actor["reference"], f"{path}[{n}].reference")] = None
        return tuple(found)

    def _grantee(self, reference: dict[str, Any], path: str) -> str:
        identifier = reference.get("identifier") or {}
        system, value = identifier.get("system", ""), identifier.get("value", "")
        if system == ROLE:
            if value not in ROLES:
                raise self.at.refuse(path, f"is the unknown role {value!r}; known are {', '.join(ROLES)}")
            return ROLE_PREFIX + str(value)
        if system == INSTITUTION and _HANDLE.match(value):
            return str(value)
        key = reference.get("reference") or (f"{system}|{value}" if value else "")
        account = self.known(key) if self.known and key else None
        if account is None:
            raise self.at.refuse(
                path,
                f"is {key or 'nobody'}, no institution known here; say which handle it is, or use system {INSTITUTION}",
            )
        return account

    # ---- what, and when ------------------------------------------------------------------------------------------

    def _codes(
        self, codings: Sequence[dict[str, Any]], path: str, system: str, known: Mapping[str, Any]
    ) -> frozenset[str]:
        for n, coding in enumerate(codings):
            if coding.get("system") != system or coding.get("code") not in known:
                raise self.at.refuse(
                    f"{path}[{n}]",
                    f"is {coding.get('code')!r} of {coding.get('system')!r}; known of {system} are {', '.join(known)}",
                )
        return frozenset(coding["code"] for coding in codings)

    def _labelled(self, rule: _Rule, codings: Sequence[dict[str, Any]], path: str) -> _Rule:
        normal = [c for c in codings if c.get("system") == CONFIDENTIALITY and c.get("code") == "N"]
        labels = self._codes([c for c in codings if c not in normal], path, ACT_CODE, LABELS)
        return replace(rule, labels=labels, normal=bool(normal))

    def _expect_labels_fit(self, rule: _Rule, path: str) -> None:
        if not rule.labels and not rule.normal:
            return
        if rule.effect is Effect.PERMIT and not rule.normal:
            raise self.at.refuse(
                f"{path}.securityLabel",
                "permits labelled records only, which the registry cannot say; add N of v3-Confidentiality",
            )
        if rule.effect is Effect.DENY and (rule.normal or rule.classes != {ALL}):
            raise self.at.refuse(
                f"{path}.securityLabel",
                "with a class or N denies more than a contract could tell apart; deny the labels alone",
            )

    def _within(self, rule: _Rule, period: dict[str, Any], path: str) -> _Rule:
        start = self._moment(period["start"], f"{path}.start")[0] if "start" in period else rule.start
        end = self._moment(period["end"], f"{path}.end")[1] if "end" in period else rule.end
        if end <= start:
            raise self.at.refuse(path, "ends before it starts, or before 1970; give a period")
        return replace(rule, start=start, end=end)

    def _moment(self, text: object, path: str) -> tuple[int, int]:
        """First second of a moment as precise as it is written, and the first second after it."""
        # The validation lets a number pass for a time.
        match = _MOMENT.match(text) if isinstance(text, str) else None
        if not isinstance(text, str) or not match:
            raise self.at.refuse(path, f"is {text!r}; give a date, or a time with seconds and an offset")
        year, month, day, time = match.groups()
        try:
            if time:
                start = int(dt.datetime.fromisoformat(text).timestamp())
                after = start + 1
            else:
                first = last = dt.date(int(year), int((month or "-01")[1:]), int((day or "-01")[1:]))
                if not month:
                    last = first.replace(month=12, day=31)
                elif not day:
                    last = first.replace(day=calendar.monthrange(first.year, first.month)[1])
                start, after = _midnight(first), _midnight(last) + 86_400
        except (ValueError, OverflowError):
            raise self.at.refuse(path, f"is {text!r}, which is no time; give one of the calendar") from None
        # The registry's clock begins in 1970: what held before has held since then.
        return max(start, 0), max(after, 0)


def _midnight(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _drafts(rule: _Rule) -> list[DirectiveDraft]:
    # In a permit N is the records themselves; a deny of labels is of the labels alone.
    alone = rule.effect is Effect.DENY and rule.labels
    categories = rule.labels if alone else rule.classes | rule.labels
    return [
        DirectiveDraft(grantee, rule.effect, rule.purposes, frozenset(categories), rule.start, rule.end)
        for grantee in rule.grantees
    ]
