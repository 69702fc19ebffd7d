"""The rules of a Consent, as FHIR R4 and R5 both write them: what a provision becomes, and what it may not say.

:mod:`salus.consent.files.fhir_read` states the meaning; it reads the frame around the provisions, which the versions
write differently.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from salus.abi.bits import ROLES
from salus.consent import research_uses as duo
from salus.consent.codes import ALL, LABELS, PURPOSES, RECORDS
from salus.consent.files.fhir_codes import (
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
)
from salus.consent.registry import DirectiveDraft, Effect
from salus.formats.fhir import Resource

__all__ = ["EVERYONE", "Provisions", "Rule", "drafts"]

_EFFECTS = {"permit": Effect.PERMIT, "deny": Effect.DENY}

_RECEIVERS = ("IRCP", "PRCP")
_CLASSES = {name: name for name in RECORDS} | {"ExplanationOfBenefit": "Claim"}
_MOMENT = re.compile(r"(\d{4})(-\d{2})?(-\d{2})?(T\d{2}:\d{2}:\d{2}(?:\.0+)?(?:Z|[+-]\d{2}:\d{2}))?\Z")
_HANDLE = re.compile(r"[a-z0-9-]{1,31}\Z|0x[0-9a-fA-F]{40}\Z")
_PROVISION = {"id", "type", "period", "actor", "action", "securityLabel", "purpose", "provision", "extension"}


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
        return not all(grantee.startswith(ROLE_PREFIX) for grantee in self.grantees)


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
        self.known = grantee

    def rule(self, json: dict[str, Any], path: str, inherited: Rule) -> Rule:
        for name in json:
            if name not in _PROVISION and name != self.classes:
                raise self.at.refuse(
                    f"{path}.{name}", f"is more than the registry can say; leave it out, or narrow by {self.classes}"
                )
        rule = inherited
        if "period" in json:
            rule = self.within(rule, json["period"], f"{path}.period")
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
            rule = replace(rule, purposes=self._purposes(json["purpose"], f"{path}.purpose"))
        if self.classes in json:
            types = self._codes(json[self.classes], f"{path}.{self.classes}", self.systems, _CLASSES)
            rule = replace(rule, classes=frozenset(_CLASSES[name] for name in types))
        self._expect_labels_fit(rule, path)
        return rule

    def exception(self, base: Rule, json: dict[str, Any], path: str) -> Rule:
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
        rule = self.rule(json, path, inherited)
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
            codes = [c.get("code") for c in actor.get("role", {}).get("coding", ()) if c.get("system") == PARTICIPATION]
            if len(codes) != 1 or codes[0] not in _RECEIVERS:
                raise self.at.refuse(
                    f"{path}[{n}].role",
                    f"is {codes[0] if codes else None!r}; the registry knows who receives, IRCP or PRCP,"
                    " and no other part",
                )
            if "reference" not in actor:
                raise self.at.refuse(f"{path}[{n}].reference", "is missing; name the institution or the role")
            found[self.grantee(actor["reference"], f"{path}[{n}].reference")] = None
        return tuple(found)

    def grantee(self, reference: dict[str, Any], path: str) -> str:
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
        normal = [c for c in codings if c.get("system") == CONFIDENTIALITY and c.get("code") == "N"]
        labels = frozenset(
            self._code(c, f"{path}[{n}]", (ACT_CODE,), LABELS) for n, c in enumerate(codings) if c not in normal
        )
        return replace(rule, labels=labels, normal=bool(normal))

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


def drafts(rule: Rule) -> list[DirectiveDraft]:
    """The directives that a rule becomes: one for each grantee."""
    # In a permit N is the records themselves; a deny of labels is of the labels alone.
    alone = rule.effect is Effect.DENY and rule.labels
    categories = rule.labels if alone else rule.classes | rule.labels
    return [
        DirectiveDraft(grantee, rule.effect, rule.purposes, frozenset(categories), rule.start, rule.end)
        for grantee in rule.grantees
    ]
