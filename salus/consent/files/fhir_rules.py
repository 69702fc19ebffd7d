"""The rules of a Consent, as FHIR R4 and R5 both write them: what a provision becomes, and what it may not say.

:mod:`salus.consent.files.fhir_read` states the meaning; it reads the frame around the provisions, which the versions
write differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from salus.abi.bits import ROLES
from salus.consent import research_uses as duo
from salus.consent.codes import ALL, LABELS, PURPOSES, RECORDS, purpose_bits
from salus.consent.files.fhir_codes import (
    ACT_REASON,
    ACTIONS,
    BREAK_GLASS,
    CONFIDENTIALITY,
    FOREVER,
    LABEL_SYSTEMS,
    RESOURCE_TYPES,
    ROLE_PREFIX,
)
from salus.consent.files.fhir_moments import bounds
from salus.consent.files.fhir_people import Actors
from salus.consent.registry import DirectiveDraft, Effect
from salus.formats.fhir import Resource

__all__ = ["EFFECTS", "EVERYONE", "Provisions", "Rule", "drafts", "named_in"]

#: Effects by what FHIR calls them.
EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.DENY}

_CLASSES = {name: name for name in RECORDS} | {"ExplanationOfBenefit": "Claim"}
_PROVISION = {"id", "type", "period", "actor", "action", "securityLabel", "purpose", "provision", "extension"}
_BREAKING = {
    "id",
    "type",
    "actor",
    "purpose",
    "securityLabel",
    "extension",
}  # what break-glass access may be limited by
_DECIDED = ("access", "use")
_UNDECIDED = ("collect", "disclose", "correct")

# What a directive has no room for, in words.
_BEYOND = {
    "code": "is what a record is about",
    "data": "names single records, or what they belong to",
    "dataPeriod": "is when the data was made",
    "documentType": "is a kind of document",
    "expression": "is a program that chooses records",
}


@dataclass(frozen=True)
class Rule:
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
        return bool(self.named)

    @property
    def named(self) -> frozenset[str]:
        return frozenset(grantee for grantee in self.grantees if not grantee.startswith(ROLE_PREFIX))

    def covers(self, other: Rule) -> bool:
        """Whether it says of all records without labels what ``other`` says of them."""
        return (
            (self.everyone or set(other.grantees) <= set(self.grantees))
            and other.purposes <= self.purposes
            and (ALL in self.classes or other.classes <= self.classes)
            and self.start <= other.start
            and other.end <= self.end
        )

    def says(self, other: Rule) -> bool:
        """Whether ``other``, of the same effect, adds nothing to it."""
        if self.effect is Effect.PERMIT:
            labels = other.labels <= self.labels
        else:
            labels = not self.labels or bool(other.labels and other.labels <= self.labels)
        return labels and self.covers(other)

    def touches(self, permit: Rule) -> bool:
        """Whether this denial speaks of something that ``permit`` permits; who is meant is not compared."""
        denied, permitted = _categories(self), _categories(permit)
        return (
            bool(purpose_bits(self.purposes, deny=True) & purpose_bits(permit.purposes))
            and (ALL in denied or bool(denied & permitted) or (ALL in permitted and bool(denied - set(LABELS))))
            and self.start < permit.end
            and permit.start < self.end
        )


#: What a base that names nobody and nothing says, once its effect is known.
EVERYONE = Rule(
    effect=Effect.NONE,
    grantees=tuple(ROLE_PREFIX + role for role in ROLES),
    everyone=True,
    purposes=frozenset(PURPOSES),
    classes=frozenset({ALL}),
    labels=frozenset(),
    normal=False,
    start=0,
    end=FOREVER,
)


class Provisions:
    """Reads the provisions of one validated Consent; ``classes`` is what the version calls their record classes."""

    classes = "class"
    systems: tuple[str, ...] = (RESOURCE_TYPES,)

    def __init__(self, resource: Resource, grantee: Callable[[str], str | None] | None) -> None:
        self.at = resource
        self.json = resource.json
        self.actors = Actors(resource, grantee)
        self.unused: list[str] = []

    def rule(self, json: dict[str, Any], path: str, inherited: Rule) -> Rule:
        rule = self._narrowed(json, path, inherited)
        self._expect_labels_fit(rule, path)
        return rule

    def exception(self, base: Rule, json: dict[str, Any], path: str) -> Rule:
        """A provision inside another one: an exception of the opposite effect, or more of the same one."""
        effect = EFFECTS.get(json.get("type", ""))
        if effect is None:
            raise self.at.refuse(f"{path}.type", "is missing; say permit or deny")
        if "provision" in json:
            raise self.at.refuse(
                f"{path}.provision", "is an exception to an exception; state it in a Consent of its own"
            )
        rule = self._more(base, json, path) if effect is base.effect else self._opposite(base, json, path, effect)
        if not base.everyone and not set(rule.grantees) <= set(base.grantees):
            raise self.at.refuse(
                f"{path}.actor", "is one of whom the base says nothing; state it in a Consent of its own"
            )
        return rule

    def _opposite(self, base: Rule, json: dict[str, Any], path: str, effect: Effect) -> Rule:
        if not named_in(json):
            raise self.at.refuse(path, "names nothing, and so takes back all of the base; name what is excepted")
        rule = self.rule(json, path, _unlabelled(base, json, effect))
        # The registry asks who is named before it asks for roles, and on either level a deny before a permit.
        if effect is Effect.PERMIT and (rule.by_role or base.by_name):
            raise self.at.refuse(path, "permits within a denial of the same rank, which would win; deny less instead")
        if effect is Effect.DENY and rule.by_role and not base.named <= rule.named:
            raise self.at.refuse(
                path, "denies to a role what the base permits by name, which would win; deny it by name too"
            )
        return rule

    def _more(self, base: Rule, json: dict[str, Any], path: str) -> Rule:
        """More of the base's own effect, e.g. a sensitivity label for one of those who have the rest."""
        labelled = "securityLabel" in json
        inherited = _unlabelled(base, json, base.effect) if labelled and base.effect is Effect.DENY else base
        rule = self._narrowed(json, path, inherited)
        if base.says(rule):
            raise self.at.refuse(
                path, "says what its base says already; say less in the base, or more here, or leave it out"
            )
        if labelled and rule.effect is Effect.PERMIT and not rule.normal and base.covers(rule):
            # The base permits the records without labels: both together are one directive.
            rule = replace(rule, normal=True)
        self._expect_labels_fit(rule, path)
        return rule

    def expect_told_apart(self, rules: Sequence[tuple[Rule, str]]) -> None:
        """Refuse a permit by name within a denial by role that was not meant to be its base.

        Args:
            rules: Provisions of one level, each with its place.

        Raises:
            BadInput: Names the permit.
        """
        denied = [rule for rule, _ in rules if rule.effect is Effect.DENY and rule.by_role]
        for rule, path in rules:
            if rule.effect is Effect.PERMIT and rule.by_name and any(denial.touches(rule) for denial in denied):
                raise self.at.refuse(
                    path, "permits by name what another provision denies to a role, and would win; deny it by name too"
                )

    # ---- break-glass access --------------------------------------------------------------------------------------

    def breaks_glass(self, json: dict[str, Any]) -> bool:
        """Whether a provision is of break-glass access, and of nothing else."""
        return [_pair(coding) for coding in json.get("purpose", ())] == [(ACT_REASON, BREAK_GLASS)]

    def expect_glass_permitted(self, json: dict[str, Any], path: str) -> None:
        """Check that a provision permits break-glass access as the registry has it: to providers, to all data.

        Raises:
            BadInput: It denies it, or limits it.
        """
        if json.get("type") != "permit":
            raise self.at.refuse(path, "denies break-glass access; deny the purpose ETREAT, which does so")
        for name in json:
            if name not in _BREAKING:
                raise self.at.refuse(
                    f"{path}.{name}", "limits break-glass access, which a clinician declares for what is needed then"
                )
        labels = [_pair(coding) for coding in json.get("securityLabel", ())]
        if labels and (CONFIDENTIALITY, "R") not in labels:
            raise self.at.refuse(
                f"{path}.securityLabel", "limits break-glass access to less than R of v3-Confidentiality; name R too"
            )
        grantees = self.actors.named(json.get("actor", ()), f"{path}.actor")
        if set(grantees) - {f"{ROLE_PREFIX}PROVIDER"}:
            raise self.at.refuse(
                f"{path}.actor", "limits break-glass access, which all licensed providers have; say role:PROVIDER"
            )

    def with_glass(self, rules: Sequence[Rule], path: str) -> list[Rule]:
        """The rules, with denials that leave break-glass access open: a denial of ETREAT would close it.

        Where nothing is to be left open, the provision is of no use.

        Args:
            rules: What is said beside it.
            path: The provision that permits break-glass access.

        Raises:
            BadInput: ETREAT is permitted beside, which would then have no denial any more.
        """
        permitted = any(rule.effect is Effect.PERMIT and "ETREAT" in rule.purposes for rule in rules)
        found = []
        for rule in rules:
            if rule.effect is Effect.DENY and "ETREAT" in rule.purposes:
                if permitted or rule.purposes == {"ETREAT"}:
                    raise self.at.refuse(
                        path, "permits break-glass access where ETREAT is denied, which closes it; do not deny ETREAT"
                    )
                rule = replace(rule, purposes=rule.purposes - {"ETREAT"})
            found.append(rule)
        if found == list(rules):
            self.unused.append(path)
        return found

    # ---- what, and when ------------------------------------------------------------------------------------------

    def _narrowed(self, json: dict[str, Any], path: str, inherited: Rule) -> Rule:
        self._expect_room(json, path)
        rule = inherited
        if "period" in json:
            rule = self.within(rule, json["period"], f"{path}.period")
        if "actor" in json:
            rule = replace(rule, grantees=self.actors.named(json["actor"], f"{path}.actor"), everyone=False)
        if "action" in json:
            self._expect_use(json["action"], f"{path}.action")
        if "securityLabel" in json:
            rule = self._labelled(rule, json["securityLabel"], f"{path}.securityLabel")
        if "purpose" in json:
            rule = replace(rule, purposes=self._purposes(json["purpose"], f"{path}.purpose"))
        if self.classes in json:
            types = self._codes(json[self.classes], f"{path}.{self.classes}", self.systems, _CLASSES)
            rule = replace(rule, classes=frozenset(_CLASSES[name] for name in types))
        return rule

    def _expect_room(self, json: dict[str, Any], path: str) -> None:
        for name in json:
            if name not in _PROVISION and name != self.classes:
                raise self.at.refuse(
                    f"{path}.{name}",
                    f"{_BEYOND.get(name, 'is of no use here')}, which no directive can hold; without it the provision"
                    f" would mean something else: say it by {self.classes}, securityLabel, purpose or period",
                )
        if "extension" in json:
            self.unused.append(f"{path}.extension")

    def _expect_use(self, actions: Sequence[dict[str, Any]], path: str) -> None:
        """The registry decides access and use, as one; it knows nothing of what else may be done with data."""
        decided = False
        for n, action in enumerate(actions):
            pairs = [_pair(coding) for coding in action.get("coding", ())]
            system, code = pairs[0] if len(pairs) == 1 else (None, None)
            if system != ACTIONS or code not in (*_DECIDED, *_UNDECIDED):
                known = ", ".join((*_DECIDED, *_UNDECIDED))
                raise self.at.refuse(f"{path}[{n}]", f"is {code!r} of {system!r}; known of {ACTIONS} are {known}")
            if code in _UNDECIDED:
                self.unused.append(f"{path}[{n}]")
            decided |= code in _DECIDED
        if not decided:
            raise self.at.refuse(path, "is neither access nor use, and the registry decides only those; name one")

    def _code(self, coding: dict[str, Any], path: str, systems: tuple[str, ...], known: Mapping[str, Any]) -> str:
        if coding.get("system") not in systems or coding.get("code") not in known:
            raise self.at.refuse(
                path,
                f"is {coding.get('code')!r} of {coding.get('system')!r}; known of {systems[-1]} are {', '.join(known)}",
            )
        return str(coding["code"])

    def _codes(
        self, codings: Sequence[dict[str, Any]], path: str, systems: tuple[str, ...], known: Mapping[str, Any]
    ) -> frozenset[str]:
        return frozenset(self._code(coding, f"{path}[{n}]", systems, known) for n, coding in enumerate(codings))

    def _purposes(self, codings: Sequence[dict[str, Any]], path: str) -> frozenset[str]:
        found = set()
        for n, coding in enumerate(codings):
            if coding.get("system") == duo.SYSTEM:
                found.add(self._research(coding.get("code", ""), f"{path}[{n}]"))
            elif _pair(coding) == (ACT_REASON, BREAK_GLASS):
                raise self.at.refuse(
                    f"{path}[{n}]",
                    "is BTG: break-glass access is declared in an emergency, and no directive grants it; permit it in"
                    " a provision of its own below a base, or say ETREAT",
                )
            else:
                found.add(self._code(coding, f"{path}[{n}]", (ACT_REASON,), PURPOSES))
        if trouble := duo.together(found):
            raise self.at.refuse(path, trouble)
        return frozenset(found)

    def _research(self, code: str, path: str) -> str:
        term = duo.term(code)
        if term is None:
            raise self.at.refuse(path, f"is {code!r}, no term of DUO {duo.version()}; name one")
        if term.refused:
            raise self.at.refuse(path, f"is {term.code or term.id} ({term.name}), which {term.refused}")
        return term.code

    def _labelled(self, rule: Rule, codings: Sequence[dict[str, Any]], path: str) -> Rule:
        found: set[str] = set()
        normal = False
        for n, coding in enumerate(codings):
            if _pair(coding) == (CONFIDENTIALITY, "N"):
                normal = True
            elif _pair(coding) == (CONFIDENTIALITY, "R"):
                found |= set(LABELS)
            else:
                found.add(self._code(coding, f"{path}[{n}]", LABEL_SYSTEMS, LABELS))
        return replace(rule, labels=frozenset(found), normal=normal)

    def _expect_labels_fit(self, rule: Rule, path: str) -> None:
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

    def within(self, rule: Rule, period: dict[str, Any], path: str) -> Rule:
        start, end = bounds(self.at, period, path, (rule.start, rule.end))
        return replace(rule, start=start, end=end)


def named_in(json: Mapping[str, Any]) -> frozenset[str]:
    """The elements by which a provision says whom or what it is about."""
    return frozenset(json) - {"id", "extension", "type", "action"}


def _unlabelled(base: Rule, json: Mapping[str, Any], effect: Effect) -> Rule:
    """What an exception inherits: all but the labels."""
    inherited = replace(base, effect=effect, labels=frozenset(), normal=False)
    if "securityLabel" in json and effect is Effect.DENY:
        # Labels are denied wherever they are, not in the base's classes only: the base permits no others.
        inherited = replace(inherited, classes=frozenset({ALL}))
    return inherited


def _pair(coding: Mapping[str, Any]) -> tuple[Any, Any]:
    return coding.get("system"), coding.get("code")


def _categories(rule: Rule) -> frozenset[str]:
    # In a permit N is the records themselves; a deny of labels is of the labels alone.
    alone = rule.effect is Effect.DENY and rule.labels
    return rule.labels if alone else rule.classes | rule.labels


def drafts(rule: Rule) -> list[DirectiveDraft]:
    """The directives that a rule becomes: one for each grantee."""
    return [
        DirectiveDraft(grantee, rule.effect, rule.purposes, _categories(rule), rule.start, rule.end)
        for grantee in rule.grantees
    ]
