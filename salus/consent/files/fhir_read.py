"""FHIR Consents of R4 and R5 in and out.

A Consent is read with the meaning that it states, or refused with the element that says what the registry cannot hold.
What each published example becomes is in ``docs/fhir-consents.md``. The rules:

- **Base**: whom and what it names is permitted or denied. R4: the root ``provision``, whose ``type`` or whose
  ``policyRule`` (OPTIN or OPTOUT) is the effect. R5: ``decision``, ``grantee`` and ``period``. Nobody named is
  everyone: a directive for each role. No ``purpose`` is every purpose. No class is every record. A permit is then of
  no sensitivity label, for those need their own yes, as IHE's Privacy Consent on FHIR has it; a denial is of all of
  them.
- **R4's root has a type** as soon as it names anything: under a policy rule alone it may be what is permitted or what
  is excepted, and published examples mean either.
- **Exceptions**, one level deep, are directives of the opposite effect: R4's nested ``provision`` of the other type,
  R5's ``provision``. What an exception leaves out it has from the base. Refused where the registry's order (who is
  named goes before a role, deny before permit) would not let the exception win. R4's nested ``provision`` of the same
  type is more of the same: a permit of labels within a permit of records is one directive of both.
- A provision of R5 below a permit that names nothing, or only a ``period``, is refused: the period may be the base's,
  or the exception's, or that of the data.
- **Policy**: ``policy.uri`` (R5: ``policyBasis``) names the document that was agreed to; the provisions are what was
  agreed. A provision against one of the four policies of IHE's profile is refused. R5's ``regulatoryBasis``, and R4's
  ``policyRule`` beside a type, are codes of laws and forms; OPTIN and OPTOUT among them must say what the base says.
- **Who signs** (R4 ``performer``, R5 ``grantor``): the patient, or with ``by_delegate`` one other person, who is in
  :attr:`ConsentInput.signer` and signs as the patient's delegate.
- **Actors**: ``role`` IRCP or PRCP, those who receive; an identifier of system :data:`INSTITUTION` (a handle or an
  account) or :data:`ROLE` (a role's name), or whatever the caller has a handle, an account or a role for.
- **Purposes**: HL7's PurposeOfUse, and terms of the Data Use Ontology (system
  :data:`salus.consent.research_uses.SYSTEM`).
- **Break-glass access** (purpose BTG, in a provision of its own below the base) is not granted but declared. Permitted
  below a denial, the denial leaves out ETREAT, for a denial of it closes break-glass access.
- **Data**: ``class`` (R5: ``resourceType``) is FHIR resource types; ``securityLabel`` is the sensitivity labels, beside
  N (normal) in a permit, which then permits the records with these labels and without; alone in a deny, which denies
  whatever bears one of them. R (restricted) is all sensitivity labels.
- **Period**: as FHIR has it, the end included; a date is a whole UTC day. No start is from now on, no end is for ever.
- **Actions**: access and use are what the registry decides, as one. Others beside them are not kept, others alone are
  refused.
- Other elements of a provision are refused, deeper provisions and modifier extensions too; so is any status but active,
  a scope or category of another kind than privacy, and a verification that says it was not verified.
- **A merged patient**: where the file has the Patient, and it was replaced by another one, that one is whose consent it
  is (:attr:`ConsentInput.replaced`). Nothing moves on chain: whose account signs decides.
- What says nothing about who may do what is not kept: :attr:`ConsentInput.unused` names it.

R5's base decides about everything that its exceptions do not name; one directive of the registry decides only about
what it names. For it there is the modifier extension :data:`PROVISIONS_ALONE`: the provisions are what the decision is
about, and beyond them nothing is said. Who does not know it must, as FHIR has it, refuse the Consent.

The way out is in :mod:`salus.consent.files.fhir_write`, the provisions are in :mod:`salus.consent.files.fhir_rules`,
who is meant is in :mod:`salus.consent.files.fhir_people`.
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
    POLICIES,
    PROVISIONS_ALONE,
    REGULATIONS,
    RESOURCE_TYPES,
    ROLE,
    SCOPE,
    VERSIONS,
)
from salus.consent.files.fhir_people import patient_of, signer_of
from salus.consent.files.fhir_rules import EFFECTS, EVERYONE, Provisions, Rule, drafts, named_in
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
_WORDS = {Effect.PERMIT: "permit", Effect.DENY: "deny"}
_OPPOSITE = {Effect.PERMIT: "deny", Effect.DENY: "permit"}
_DIRECTIVES = 4  # a pair of patient and grantee may have
_FORMS = frozenset({"IDSCL", "INFA"})  # of ACT_CODE: forms of consent to the use of data
# What a category of the consent may be: kinds of documents. Codes that change what provisions mean are not among them.
_PLAIN_CATEGORIES: Mapping[str, frozenset[str] | None] = {
    "http://loinc.org": None,
    "http://terminology.hl7.org/CodeSystem/consentcategorycodes": None,
    ACT_CODE: _FORMS,
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
# Elements that become directives, or say whose they are and whether they stand. All others are told as unused.
_SAYS = {
    *("resourceType", "id", "status", "scope", "category", "patient", "performer", "provision", "modifierExtension"),
    *("subject", "grantor", "grantee", "decision", "period", "policyRule", "regulatoryBasis"),
}
# Of what is unused, elements that describe the file and nothing that was agreed.
_ABOUT_THE_FILE = {"contained", "date", "dateTime", "identifier", "language", "meta", "text"}


@dataclass(frozen=True)
class ConsentInput:
    """A Consent as read.

    Args:
        source: The file, with the place in it where it holds several.
        id: The resource's id, perhaps empty.
        patient_ref: Whom it names as the patient; where that record was merged into another one, the one that remains.
        directives: What it says, at most four for each grantee. They are one statement, the base first, and are issued
            together: a denial that was issued after its exception would take that back.
        version: Of FHIR, ``R4`` or ``R5``.
        signer: The person who signs as the patient's delegate, as the Consent calls them; "" when the patient signs.
        replaced: The record that it names, where that was merged into ``patient_ref``; else "".
        unused: Paths of the elements that say nothing to the registry and are not kept.
    """

    source: str
    id: str
    patient_ref: str
    directives: tuple[DirectiveDraft, ...]
    version: str = "R4"
    signer: str = ""
    replaced: str = ""
    unused: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever signs has to know besides the directives, in a sentence each; what only describes the file is
        left out.
        """
        found = []
        if self.signer:
            found.append(f"{self.source}: given by {self.signer}, who signs as the patient's delegate")
        if self.replaced:
            found.append(f"{self.source}: {self.replaced} was merged into {self.patient_ref}, whose consent it is")
        if unused := [path for path in self.unused if path not in _ABOUT_THE_FILE]:
            found.append(f"{self.source}: not kept, because no directive holds it: {', '.join(unused)}")
        return tuple(found)

    def by_grantee(self) -> dict[str, tuple[DirectiveDraft, ...]]:
        """The directives of each grantee, for a patient who has an account for each institution."""
        found: dict[str, list[DirectiveDraft]] = {}
        for directive in self.directives:
            found.setdefault(directive.grantee, []).append(directive)
        return {grantee: tuple(directives) for grantee, directives in found.items()}


def read_consent(
    path: str | Path,
    *,
    grantee: Callable[[str], str | None] | None = None,
    version: str | None = None,
    by_delegate: bool = False,
) -> list[ConsentInput]:
    """Read the FHIR Consents of a file.

    Args:
        path: JSON of a Consent or a Bundle, or newline-delimited Consents.
        grantee: Gives the handle or account of an institution, or ``role:PROVIDER``, by what a Consent calls it: a
            reference (``Organization/1``), or ``system|value`` of an identifier; None for one that it does not know.
        version: ``R4`` or ``R5``; by default each Consent's own, as its elements tell.
        by_delegate: Whether who signs is a delegate of the patient. Without, a Consent that somebody else than the
            patient gave is refused.

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
        consents.append((_R5 if written == "R5" else _R4)(resource, grantee).consent(by_delegate))
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
    signers: ClassVar[str]
    many: ClassVar[str]

    def rules(self) -> list[Rule]:
        """The base, when it says anything, and the exceptions."""
        raise NotImplementedError

    def consent(self, by_delegate: bool) -> ConsentInput:
        self._expect_active()
        rules = self.rules()
        patient = patient_of(self.at, self.patient)
        signer = signer_of(self.at, self.signers, patient, by_delegate)
        directives = tuple(dict.fromkeys(draft for rule in rules for draft in drafts(rule)))
        found = ConsentInput(
            source=f"{self.at.source} ({self.at.place})" if self.at.place else self.at.source,
            id=self.json.get("id", ""),
            patient_ref=patient.key,
            directives=directives,
            version=self.version,
            signer=signer,
            replaced=patient.replaced,
            unused=(*sorted(set(self.json) - _SAYS), *self.unused),
        )
        if any(len(of_one) > _DIRECTIVES for of_one in found.by_grantee().values()):
            raise self.at.refuse(self.many, f"says more than {_DIRECTIVES} rules for one grantee; join some of them")
        return found

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
            if not category.get("coding"):
                self.unused.append(f"category[{n}]")  # words for people
            for coding in category.get("coding", ()):
                allowed = _PLAIN_CATEGORIES.get(coding.get("system", ""), frozenset())
                if allowed is not None and coding.get("code") not in allowed:
                    raise self.at.refuse(
                        f"category[{n}]",
                        f"is {coding.get('code')!r}, which may change what provisions mean; say it by provisions",
                    )

    # ---- what it rests on ----------------------------------------------------------------------------------------

    def _expect_regulation(self, rule: Mapping[str, Any], path: str, effect: Effect) -> None:
        """A law or a form is no rule; OPTIN and OPTOUT are, and must be the base's."""
        if not rule.get("coding"):
            self.unused.append(path)  # words for people
        for coding in rule.get("coding", ()):
            system, code = coding.get("system"), coding.get("code")
            if system == ACT_CODE and _BASE.get(code, effect) is not effect:
                raise self.at.refuse(path, f"is {code}, and the base is {_WORDS[effect]}; say which of them is meant")
            if system == ACT_CODE and code in _BASE:
                continue
            if system != REGULATIONS and (system != ACT_CODE or code not in _FORMS):
                raise self.at.refuse(
                    path, f"is {code!r} of {system!r}, which may change what provisions mean; say it by provisions"
                )
            self.unused.append(path)

    def _expect_agreed(self, uri: str, path: str, base: Rule, says: frozenset[str], glass: bool) -> None:
        """That the base is what the policy is that was agreed to, as far as the policy is known."""
        permits = POLICIES.get(uri, "")
        if base.effect is Effect.PERMIT and permits in ("nothing", "break-glass access"):
            raise self.at.refuse(path, f"permits {permits}, and the base is permit; say which of them is meant")
        if base.effect is Effect.PERMIT and permits == "treatment" and "purpose" not in says:
            raise self.at.refuse(path, "permits treatment, and a base without a purpose every use; name the purposes")
        if base.effect is Effect.DENY and permits == "break-glass access" and not glass:
            raise self.at.refuse(
                path, "permits break-glass access, and the base denies it; permit BTG in a provision, or name another"
            )

    def _with_exceptions(self, base: Rule, nested: list[tuple[dict[str, Any], str]]) -> list[Rule]:
        """The base and what is below it."""
        breaking = [(json, path) for json, path in nested if self.breaks_glass(json)]
        for json, path in breaking:
            self.expect_glass_permitted(json, path)
        below = [(self.exception(base, *found), found[1]) for found in nested if found not in breaking]
        self.expect_told_apart(below)
        rules = [base, *(rule for rule, _ in below)]
        return self.with_glass(rules, breaking[0][1]) if breaking else rules


class _R4(_Reader):
    version = "R4"
    patient = "patient"
    signers = "performer"
    many = "provision.provision"

    def rules(self) -> list[Rule]:
        self._expect_plain()
        scope = self.json["scope"].get("coding", [])
        if [(c.get("system"), c.get("code")) for c in scope] != [(SCOPE, "patient-privacy")]:
            raise self.at.refuse("scope", "is not patient-privacy; other consents are not access rules")
        self._expect_privacy()
        root = self.json.get("provision", {})
        base = replace(EVERYONE, effect=self._effect(root))
        nested = [(json, f"provision.provision[{n}]") for n, json in enumerate(root.get("provision", ()))]
        glass = any(self.breaks_glass(json) for json, _ in nested)
        for n, policy in enumerate(self.json.get("policy", ())):
            self._expect_agreed(policy.get("uri", ""), f"policy[{n}].uri", base, frozenset(root), glass)
        return self._with_exceptions(self.rule(root, "provision", base), nested)

    def _effect(self, root: Mapping[str, Any]) -> Effect:
        rule = self.json.get("policyRule", {})
        if "type" not in root:
            codings = rule.get("coding", [])
            if len(codings) != 1 or codings[0].get("system") != ACT_CODE or codings[0].get("code") not in _BASE:
                raise self.at.refuse("provision.type", "is missing; say permit or deny")
            if named_in(root) - {"provision"}:
                raise self.at.refuse(
                    "provision.type",
                    "is missing; say whether what this provision names is permitted or denied: under a policy rule"
                    " alone it may be either",
                )
            return _BASE[codings[0]["code"]]
        effect = EFFECTS.get(root["type"])
        if effect is None:
            raise self.at.refuse("provision.type", f"is {root['type']!r}; say permit or deny")
        if rule and not rule.get("coding"):
            raise self.at.refuse("policyRule", "is text that no contract reads; give a code, or leave it out")
        if rule:
            self._expect_regulation(rule, "policyRule", effect)
        return effect


class _R5(_Reader):
    version = "R5"
    patient = "subject"
    signers = "grantor"
    many = "provision"
    classes = "resourceType"
    systems = (RESOURCE_TYPES, FHIR_TYPES)

    def rules(self) -> list[Rule]:
        alone = self._alone()
        self._expect_plain(but=("modifierExtension",) if alone else ())
        self._expect_privacy()
        self._expect_person()
        provisions = [(json, f"provision[{n}]") for n, json in enumerate(self.json.get("provision", ()))]
        base = self._base(provisions, alone)
        if not alone:
            return self._below(base, provisions)
        if not provisions:
            raise self.at.refuse("provision", f"is missing, and {PROVISIONS_ALONE} says that only provisions count")
        found = []
        for json, path in provisions:
            nested = [(inner, f"{path}.provision[{n}]") for n, inner in enumerate(json.get("provision", ()))]
            found += self._below(self.rule(json, path, base), nested)
        return found

    def _base(self, provisions: list[tuple[dict[str, Any], str]], alone: bool) -> Rule:
        if self.json.get("decision") not in EFFECTS:
            raise self.at.refuse("decision", "is missing; say permit or deny")
        base = replace(EVERYONE, effect=EFFECTS[self.json["decision"]])
        for n, regulation in enumerate(self.json.get("regulatoryBasis", ())):
            self._expect_regulation(regulation, f"regulatoryBasis[{n}]", base.effect)
        says = frozenset(name for json, _ in provisions for name in json) if alone else frozenset()
        glass = any(self.breaks_glass(json) for json, _ in provisions)
        self._expect_agreed(self.json.get("policyBasis", {}).get("url", ""), "policyBasis.url", base, says, glass)
        if "period" in self.json:
            base = self.within(base, self.json["period"], "period")
        if self.json.get("grantee"):
            named = (self.actors.grantee(who, f"grantee[{n}]") for n, who in enumerate(self.json["grantee"]))
            base = replace(base, grantees=tuple(dict.fromkeys(named)), everyone=False)
        return base

    def _below(self, base: Rule, provisions: list[tuple[dict[str, Any], str]]) -> list[Rule]:
        # R5 writes no effect at a provision: each level is the opposite of the one above.
        nested = [({**json, "type": _OPPOSITE[base.effect]}, path) for json, path in provisions]
        for json, path in nested:
            if base.effect is Effect.PERMIT and not named_in(json) - {"period"}:
                raise self.at.refuse(
                    path,
                    "names nothing but a period, which may be when the base holds, when it does not, or when the data"
                    " was made; write the first as Consent.period, or name what is excepted",
                )
        return self._with_exceptions(base, nested)

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
