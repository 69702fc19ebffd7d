"""FHIR Consents of R4 and R5 in and out.

A Consent is read with the meaning that it states, or refused with the element that says what the registry cannot hold.
The rules:

- **Base**: whom and what it names is permitted or denied. R4: ``policyRule`` OPTIN or OPTOUT, and the root
  ``provision``.
  R5: ``decision``, ``grantee`` and ``period``. Nobody named is everyone: a directive for each role. No ``purpose`` is
  every purpose. No class is every record, but no sensitivity label: those need their own yes, as IHE's Privacy Consent
  on FHIR has it.
- **Exceptions**, one level deep, are directives of the opposite effect: R4's nested ``provision``, R5's ``provision``.
  What an exception leaves out it has from the base. Refused where the registry's order (who is named goes before a
  role, deny before permit) would not let the exception win.
- **Actors**: ``role`` IRCP or PRCP, those who receive; an identifier of system :data:`INSTITUTION` (a handle or an
  account) or :data:`ROLE` (a role's name), or whatever the caller has a handle or an account for.
- **Purposes**: HL7's PurposeOfUse, and terms of the Data Use Ontology (system
  :data:`salus.consent.research_uses.SYSTEM`).
- **Data**: ``class`` (R5: ``resourceType``) is FHIR resource types; ``securityLabel`` is the sensitivity labels, beside
  N (normal) in a permit, which then permits the records with these labels and without; alone in a deny, which denies
  whatever bears one of them.
- **Period**: as FHIR has it, the end included; a date is a whole UTC day. No start is from now on, no end is for ever.
- ``action`` may be access and use. Other elements of a provision are refused, deeper provisions and modifier extensions
  too; so is any status but active, a scope or category of another kind than privacy, a policy or regulation besides the
  rule, somebody else than the patient who grants, and a verification that says it was not verified.
- Identifiers, date, custodian (R5: manager, controller) and source document say nothing about who may do what, and are
  not kept.

R5's base decides about everything that its exceptions do not name; one directive of the registry decides only about
what it names. For it there is the modifier extension :data:`PROVISIONS_ALONE`: the provisions are what the decision is
about, and beyond them nothing is said. Who does not know it must, as FHIR has it, refuse the Consent.

The way out is in :mod:`salus.consent.files.fhir_write`, the provisions are in :mod:`salus.consent.files.fhir_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from salus.consent.files.fhir_codes import (
    ACT_CODE,
    FHIR_TYPES,
    FOREVER,
    INSTITUTION,
    PROVISIONS_ALONE,
    RESOURCE_TYPES,
    ROLE,
    SCOPE,
    VERSIONS,
)
from salus.consent.files.fhir_rules import EVERYONE, Provisions, Rule, drafts
from salus.consent.files.fhir_write import consent_resource, consents_bundle
from salus.consent.registry import DirectiveDraft, Effect
from salus.errors import BadInput
from salus.formats.fhir import Resource, read_resources

__all__ = [
    "FOREVER",
    "INSTITUTION",
    "PROVISIONS_ALONE",
    "ROLE",
    "ConsentInput",
    "consent_resource",
    "consents_bundle",
    "read_consent",
    "version_of",
]

_BASE = {"OPTIN": Effect.PERMIT, "OPTOUT": Effect.DENY}
_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.DENY}
_OPPOSITE = {Effect.PERMIT: "deny", Effect.DENY: "permit"}
_DIRECTIVES = 4  # a pair of patient and grantee may have
# What a category of the consent may be: kinds of documents. Codes that change what provisions mean are not among them.
_PLAIN_CATEGORIES: Mapping[str, frozenset[str] | None] = {
    "http://loinc.org": None,
    "http://terminology.hl7.org/CodeSystem/consentcategorycodes": None,
    ACT_CODE: frozenset({"IDSCL", "INFA"}),
    SCOPE: frozenset({"patient-privacy"}),  # R5 has no scope, and takes its codes for categories
}
# Elements that only one of the versions has.
_ONLY_R4 = {"scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule"}
_ONLY_R5 = {
    "subject",
    "date",
    "period",
    "grantor",
    "grantee",
    "manager",
    "controller",
    "regulatoryBasis",
    "policyBasis",
    "policyText",
    "decision",
}


@dataclass(frozen=True)
class ConsentInput:
    """A Consent as read.

    Args:
        source: The file, with the place in it where it holds several.
        id: The resource's id, perhaps empty.
        patient_ref: Whom it names as the patient.
        directives: What it says, at most four for each grantee.
        version: Of FHIR, ``R4`` or ``R5``.
    """

    source: str
    id: str
    patient_ref: str
    directives: tuple[DirectiveDraft, ...]
    version: str = "R4"


def read_consent(
    path: str | Path, *, grantee: Callable[[str], str | None] | None = None, version: str | None = None
) -> list[ConsentInput]:
    """Read the FHIR Consents of a file.

    Args:
        path: JSON of a Consent or a Bundle, or newline-delimited Consents.
        grantee: Gives the handle or account of an institution by what a Consent calls it: a reference
            (``Organization/1``), or ``system|value`` of an identifier; None for one that it does not know.
        version: ``R4`` or ``R5``; by default each Consent's own, as its elements tell.

    Returns:
        At least one, in the order of the file. Handles and accounts are not looked up here.

    Raises:
        BadInput: Not such a file, or something the registry cannot hold; names the element.
    """
    if version is not None and version not in VERSIONS:
        raise BadInput("", "FHIR version", f"is {version!r}; known are {', '.join(VERSIONS)}")
    consents = []
    for resource in read_resources(path, "Consent"):
        written = version or version_of(resource)
        resource.validate(written)
        consents.append((_R5 if written == "R5" else _R4)(resource, grantee).consent())
    return consents


def version_of(resource: Resource) -> str:
    """The version of FHIR that a Consent is written in, ``R4`` or ``R5``.

    Raises:
        BadInput: It has elements of both, or of neither.
    """
    keys = set(resource.json)
    r4, r5 = sorted(keys & _ONLY_R4), sorted(keys & _ONLY_R5)
    provision = resource.json.get("provision")
    if isinstance(provision, dict | list):
        (r4 if isinstance(provision, dict) else r5).append("provision")
    if r4 and r5:
        raise resource.refuse(r5[0], f"is of R5, and {r4[0]} of R4; say which version it is")
    if not r4 and not r5:
        raise resource.refuse("resourceType", "is a Consent with no element of R4 or R5 alone; say which version it is")
    return "R5" if r5 else "R4"


class _Reader(Provisions):
    """Reads one validated Consent; the frame is the version's."""

    version: ClassVar[str]
    patient: ClassVar[str]

    def rules(self) -> list[Rule]:
        """The base, when it says anything, and the exceptions."""
        raise NotImplementedError

    def consent(self) -> ConsentInput:
        self._expect_active()
        directives = [draft for rule in self.rules() for draft in drafts(rule)]
        for grantee in {directive.grantee for directive in directives}:
            if sum(directive.grantee == grantee for directive in directives) > _DIRECTIVES:
                raise self.at.refuse(
                    self.many, f"says more than {_DIRECTIVES} rules for one grantee; join some of them"
                )
        patient = self.at.reference(self.patient)
        if patient is None:
            raise self.at.refuse(self.patient, "is missing; name whose consent it is")
        return ConsentInput(
            source=f"{self.at.source} ({self.at.place})" if self.at.place else self.at.source,
            id=self.json.get("id", ""),
            patient_ref=patient,
            directives=tuple(directives),
            version=self.version,
        )

    many: ClassVar[str]

    def _expect_active(self) -> None:
        if self.json.get("status") != "active":
            raise self.at.refuse("status", f"is {self.json.get('status')!r}; only an active consent is granted")
        for n, checked in enumerate(self.json.get("verification", ())):
            if checked.get("verified") is not True:
                raise self.at.refuse(f"verification[{n}]", "says that it was not verified; give one that stands")

    def _expect_plain(self, *, but: tuple[str, ...] = ()) -> None:
        if "implicitRules" in self.json:
            raise self.at.refuse("implicitRules", "may change what the consent means; give one without it")
        modifier = next((path for path in _modifiers(self.json) if path not in but), None)
        if modifier:
            raise self.at.refuse(modifier, "may change what the consent means; give one without it")

    def _expect_privacy(self) -> None:
        for n, category in enumerate(self.json.get("category", ())):
            for coding in category.get("coding", ()):
                allowed = _PLAIN_CATEGORIES.get(coding.get("system", ""), frozenset())
                if allowed is not None and coding.get("code") not in allowed:
                    raise self.at.refuse(
                        f"category[{n}]",
                        f"is {coding.get('code')!r}, which may change what provisions mean; say it by provisions",
                    )

    def _expect_own(self, field: str) -> None:
        """Whoever grants must be the patient."""
        patient = self.json.get(self.patient)
        for n, performer in enumerate(self.json.get(field, ())):
            if not patient or any(performer.get(key) != patient.get(key) for key in ("reference", "identifier")):
                raise self.at.refuse(
                    f"{field}[{n}]", "is not the patient, whose key must sign; give the patient's consent"
                )


class _R4(_Reader):
    version = "R4"
    patient = "patient"
    many = "provision.provision"

    def rules(self) -> list[Rule]:
        self._expect_plain()
        scope = self.json["scope"].get("coding", [])
        if [(c.get("system"), c.get("code")) for c in scope] != [(SCOPE, "patient-privacy")]:
            raise self.at.refuse("scope", "is not patient-privacy; other consents are not access rules")
        self._expect_privacy()
        self._expect_own("performer")
        if self.json.get("policy"):
            raise self.at.refuse("policy", "is a document that no contract reads; say it by policyRule and provision")
        effect = self._effect()
        root = self.json.get("provision", {})
        if _EFFECTS.get(root.get("type"), effect) is not effect:
            raise self.at.refuse(
                "provision.type", f"is {root['type']!r} against the policy rule; say the base by policyRule"
            )
        base = self.rule(root, "provision", replace(EVERYONE, effect=effect))
        nested = enumerate(root.get("provision", ()))
        return [base, *(self.exception(base, json, f"provision.provision[{n}]") for n, json in nested)]

    def _effect(self) -> Effect:
        codings = self.json.get("policyRule", {}).get("coding", [])
        if len(codings) != 1 or codings[0].get("system") != ACT_CODE or codings[0].get("code") not in _BASE:
            raise self.at.refuse("policyRule", "is not OPTIN or OPTOUT of v3-ActCode; say the base by one of them")
        return _BASE[codings[0]["code"]]


class _R5(_Reader):
    version = "R5"
    patient = "subject"
    many = "provision"
    classes = "resourceType"
    systems = (RESOURCE_TYPES, FHIR_TYPES)

    def rules(self) -> list[Rule]:
        alone = self._alone()
        self._expect_plain(but=("modifierExtension",) if alone else ())
        self._expect_privacy()
        self._expect_person()
        self._expect_own("grantor")
        for field in ("regulatoryBasis", "policyBasis", "policyText"):
            if field in self.json:
                raise self.at.refuse(field, "is a document that no contract reads; say it by decision and provision")
        if self.json.get("decision") not in _EFFECTS:
            raise self.at.refuse("decision", "is missing; say permit or deny")
        base = replace(EVERYONE, effect=_EFFECTS[self.json["decision"]])
        if "period" in self.json:
            base = self.within(base, self.json["period"], "period")
        if self.json.get("grantee"):
            named = dict.fromkeys(self.grantee(who, f"grantee[{n}]") for n, who in enumerate(self.json["grantee"]))
            base = replace(base, grantees=tuple(named), everyone=False)
        provisions = [(json, f"provision[{n}]") for n, json in enumerate(self.json.get("provision", ()))]
        if not alone:
            return [base, *(self._except(base, json, path) for json, path in provisions)]
        if not provisions:
            raise self.at.refuse("provision", f"is missing, and {PROVISIONS_ALONE} says that only provisions count")
        found = []
        for json, path in provisions:
            rule = self.rule(json, path, base)
            nested = enumerate(json.get("provision", ()))
            found += [rule, *(self._except(rule, inner, f"{path}.provision[{n}]") for n, inner in nested)]
        return found

    def _except(self, base: Rule, json: dict[str, Any], path: str) -> Rule:
        # R5 writes no effect at a provision: each level is the opposite of the one above.
        return self.exception(base, {**json, "type": _OPPOSITE[base.effect]}, path)

    def _alone(self) -> bool:
        return bool(self.json.get("modifierExtension") == [{"url": PROVISIONS_ALONE, "valueBoolean": True}])

    def _expect_person(self) -> None:
        subject = self.json.get("subject", {})
        kind = subject.get("type") or str(subject.get("reference", "")).rpartition("/")[0].rpartition("/")[2]
        if kind in ("Group", "Practitioner"):
            raise self.at.refuse("subject", f"is a {kind}; a consent is of one patient")


def _modifiers(value: Any, path: str = "") -> list[str]:
    """Where modifier extensions stand; contained resources are what others refer to."""
    if isinstance(value, list):
        return [found for n, item in enumerate(value) for found in _modifiers(item, f"{path}[{n}]")]
    if not isinstance(value, dict):
        return []
    places = []
    for key, item in value.items():
        inner = f"{path}.{key}" if path else key
        if key == "modifierExtension":
            places.append(inner)
        elif inner not in ("contained", "text"):
            places += _modifiers(item, inner)
    return places
