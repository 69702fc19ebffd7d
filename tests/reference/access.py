"""Who used whose data, and who opened it in an emergency: the reference for ``interfaces/consent/IAccessLog.sol``."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from enum import IntEnum

from tests.reference.guardians import Refused
from tests.reference.registry import CARE, CARERS, Answer, Policy, Reason, Registry, Standing

__all__ = ["AccessLog", "Emergency", "Lateness", "Outcome", "Refusal", "Verdict"]

DAY = 24 * 3600
MAX_EMERGENCY = PROVABLE_FOR = DAY
COOL_DOWN = 90 * DAY
MOST_UNREVIEWED = 10
LOOKED_AT = 8
PROVIDER = 1 << 0
ETREAT = 1 << 1
CLASSES = 2**40 - 1
#: Nineteen classes have a number; together with those to come they are all of them.
NUMBERED = 2**19 - 1
LABELS = sum(1 << bit for bit in range(40, 46))


class Outcome(IntEnum):
    OPEN = 0
    JUSTIFIED = 1
    UNJUSTIFIED = 2
    REFERRED = 3


class Refusal(IntEnum):
    NONE = 0
    CONSENT = 1
    UNKNOWN_EMERGENCY = 2
    NOT_RUNNING = 3
    FOUND_UNJUSTIFIED = 4
    NOT_CARE = 5
    OUT_OF_SCOPE = 6
    EMERGENCIES_DENIED = 7
    USED_IN_FUTURE = 8


class Lateness(IntEnum):
    PROVABLE = 0
    NOT_PROVABLE = 1


@dataclass
class Emergency:
    patient: int
    institution: int
    number: int
    clinician: str
    second: str
    categories: int
    declared_at: int
    until: int
    reviewed_at: int = 0
    outcome: Outcome = Outcome.OPEN

    def refusals(self, roles: int, purpose: int, categories: int, at: int) -> set[Refusal]:
        """Every reason why it does not open this at that second."""
        found = set()
        if not self.declared_at <= at < self.until:
            found.add(Refusal.NOT_RUNNING)
        if self.outcome is Outcome.UNJUSTIFIED and self.reviewed_at <= at:
            found.add(Refusal.FOUND_UNJUSTIFIED)
        if purpose & ~CARE or not roles & CARERS:
            found.add(Refusal.NOT_CARE)
        if categories & ~self.categories:
            found.add(Refusal.OUT_OF_SCOPE)
        return found


@dataclass(frozen=True)
class Verdict:
    """What may become of a use.

    Attributes:
        refusals: One of these; empty when it is recorded.
        reason: Of the decision, where consent is asked for a use of now; else ``None``.
        emergency: What opens it.
        known: Of a late use: whether the chain must be able to prove what it says, must not, or (``None``) may.
    """

    refusals: frozenset[Refusal] = frozenset()
    reason: Reason | None = None
    emergency: Emergency | None = None
    known: bool | None = None


@dataclass
class _Clinician:
    unreviewed: int = 0
    cool_until: int = 0


@dataclass
class AccessLog:
    """Uses and emergencies. Every method takes the time at which the block stands.

    Attributes:
        consents: Whose word is asked.
        declared: Every declaration, in order.
    """

    consents: Registry
    declared: list[Emergency] = field(default_factory=list)
    _clinicians: dict[str, _Clinician] = field(default_factory=dict)
    _pairs_cool: dict[tuple[int, int], int] = field(default_factory=dict)

    def of_pair(self, patient: int, institution: int) -> list[Emergency]:
        """A pair's declarations; the first has the number 1."""
        return [each for each in self.declared if (each.patient, each.institution) == (patient, institution)]

    def _denied(self, patient: int, actor: Standing, categories: int, now: int) -> bool:
        return self.consents.decide(patient, actor, ETREAT, categories, now).answer is Answer.DENY

    # ---- use ---------------------------------------------------------------------------------------------------------

    def may_access(
        self, patient: int, actor: Standing, purpose: int, categories: int, now: int
    ) -> tuple[bool, Reason, int]:
        """Whether the use may be recorded, the reason of the decision, and the number of what opens it."""
        decision = self.consents.decide(patient, actor, purpose, categories, now)
        if not purpose or not categories & CLASSES:
            return False, decision.reason, 0
        if decision.answer is Answer.PERMIT:
            return True, decision.reason, 0
        if actor.licensed and not self._denied(patient, actor, categories, now):
            for emergency in self.of_pair(patient, actor.institution)[: -LOOKED_AT - 1 : -1]:
                if not emergency.refusals(actor.roles, purpose, categories, now):
                    return True, decision.reason, emergency.number
        return False, decision.reason, 0

    def judge(
        self, patient: int, actor: Standing, request: tuple[int, int], number: int, used_at: int, now: int
    ) -> Verdict:
        """What becomes of a use: of now when ``used_at`` is 0.

        Raises:
            Refused: It names no purpose or no record class, or nobody licensed records it.
        """
        purpose, categories = request
        if not actor.licensed:
            raise Refused(["NotLicensed"])
        if not purpose or not categories & CLASSES:
            raise Refused(["InvalidAccess"])
        if used_at > now:
            return Verdict(frozenset({Refusal.USED_IN_FUTURE}))
        emergency = None
        if number:
            theirs = self.of_pair(patient, actor.institution)
            if number > len(theirs):
                return Verdict(frozenset({Refusal.UNKNOWN_EMERGENCY}))
            emergency = theirs[number - 1]
            if found := emergency.refusals(actor.roles, purpose, categories, used_at or now):
                return Verdict(frozenset(found))
        if used_at:
            return self._judge_late(patient, actor, request, emergency, used_at, now)
        if emergency is not None:
            denied = self._denied(patient, actor, categories, now)
            return Verdict(frozenset({Refusal.EMERGENCIES_DENIED} if denied else ()), None, emergency)
        decision = self.consents.decide(patient, actor, purpose, categories, now)
        refused = decision.answer is not Answer.PERMIT
        return Verdict(frozenset({Refusal.CONSENT} if refused else ()), decision.reason)

    def _judge_late(
        self,
        patient: int,
        actor: Standing,
        request: tuple[int, int],
        emergency: Emergency | None,
        used_at: int,
        now: int,
    ) -> Verdict:
        """By the whole history, which the contract does not have: what it proves must be so, and what was not touched
        since it must prove.
        """
        purpose, categories = request
        if now - used_at > PROVABLE_FOR:
            return Verdict(emergency=emergency, known=False)
        # A word of an earlier second may have come in since: what was issued counts. What a delegate's mandate covered
        # then the chain does not keep.
        theirs = [action for action in self.consents.actions if action.patient == patient]
        untouched = all(action.issued_at <= used_at and not action.by for action in theirs)
        answer = self._answer_then(patient, actor, purpose if emergency is None else ETREAT, categories, used_at)
        if emergency is None:
            refusal = Refusal.CONSENT if answer is not Answer.PERMIT else None
        else:
            refusal = Refusal.EMERGENCIES_DENIED if answer is Answer.DENY else None
        refusals = frozenset() if refusal is None else frozenset({refusal})
        return Verdict(refusals, None, emergency, True if untouched else None)

    def _answer_then(self, patient: int, actor: Standing, purpose: int, categories: int, at: int) -> Answer:
        then = copy.copy(self.consents)
        then._actions = [action for action in self.consents.actions if action.issued_at <= at]
        return then.decide(patient, actor, purpose, categories, at).answer

    # ---- emergencies -------------------------------------------------------------------------------------------------

    def needs_second(self, patient: int, institution: int, clinician: str, now: int) -> bool:
        held = self._clinicians.get(clinician, _Clinician())
        cool_until = max(held.cool_until, self._pairs_cool.get((patient, institution), 0))
        return held.unreviewed >= MOST_UNREVIEWED or now < cool_until

    def declare(
        self, patient: int, actor: Standing, clinician: str, categories: int, duration: int, now: int, second: str = ""
    ) -> None:
        """Declare an emergency; ``second`` is the account of another licensed clinician whose signature is good.

        Raises:
            Refused: It breaks a rule.
        """
        names = []
        if not actor.licensed or not actor.roles & PROVIDER:
            names.append("NotLicensed")
        classes = categories & CLASSES
        known = classes == CLASSES or not classes & ~NUMBERED
        if not classes or not known or categories & ~(CLASSES | LABELS):
            names.append("InvalidEmergency")
        if not 1 <= duration <= MAX_EMERGENCY:
            names.append("InvalidEmergency")
        if self._denied(patient, actor, categories, now) or self.consents.policy is Policy.DENY:
            names.append("EmergencyRefused")
        if second:
            if second == clinician or now < self._clinicians.get(second, _Clinician()).cool_until:
                names.append("InvalidSecond")
        elif self.needs_second(patient, actor.institution, clinician, now):
            names.append("SecondClinicianNeeded")
        if names:
            raise Refused(names)
        number = len(self.of_pair(patient, actor.institution)) + 1
        scope = categories, now, now + duration
        self.declared.append(Emergency(patient, actor.institution, number, clinician, second, *scope))
        self._clinicians.setdefault(clinician, _Clinician()).unreviewed += 1

    def review(self, number: int, outcome: Outcome, now: int) -> None:
        """The reviewer closes one, by its number in the order of declaration.

        Raises:
            Refused: It was closed before, or there is no outcome.
        """
        emergency = self.declared[number]
        if emergency.outcome is not Outcome.OPEN:
            raise Refused(["AlreadyReviewed"])
        if outcome is Outcome.OPEN:
            raise Refused(["InvalidEmergency"])
        emergency.outcome, emergency.reviewed_at = outcome, now
        self._clinicians[emergency.clinician].unreviewed -= 1
        if outcome is Outcome.UNJUSTIFIED:
            self._pairs_cool[emergency.patient, emergency.institution] = now + COOL_DOWN
            for account in filter(None, (emergency.clinician, emergency.second)):
                self._clinicians.setdefault(account, _Clinician()).cool_until = now + COOL_DOWN
