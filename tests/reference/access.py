"""Who used whose data, and who broke the glass: the reference for ``interfaces/consent/IAccessLog.sol``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from tests.reference.guardians import Refused
from tests.reference.registry import CARE, CARERS, Answer, Policy, Reason, Registry, Standing

__all__ = ["AccessLog", "Emergency", "Outcome"]

MAX_EMERGENCY = 24 * 3600
PROVIDER = 1 << 0
ETREAT = 1 << 1


class Outcome(IntEnum):
    OPEN = 0
    JUSTIFIED = 1
    UNJUSTIFIED = 2
    REFERRED = 3


@dataclass(frozen=True)
class Emergency:
    patient: int
    institution: int
    categories: int
    declared_at: int
    until: int
    outcome: Outcome = Outcome.OPEN


class AccessLog:
    """Uses and emergencies. Every method takes the time at which the block stands.

    Args:
        consents: Whose word is asked.
    """

    def __init__(self, consents: Registry) -> None:
        self.consents = consents
        self.declared: list[Emergency] = []

    def _latest(self, patient: int, institution: int) -> Emergency | None:
        for emergency in reversed(self.declared):
            if (emergency.patient, emergency.institution) == (patient, institution):
                return emergency
        return None

    def _denied(self, patient: int, actor: Standing, categories: int, now: int) -> bool:
        return self.consents.decide(patient, actor, ETREAT, categories, now).answer is Answer.DENY

    def may_access(
        self, patient: int, actor: Standing, purpose: int, categories: int, now: int
    ) -> tuple[bool, Reason, Emergency | None]:
        """Whether the use may be recorded, the reason of the decision, and the emergency when that is what opens it."""
        decision = self.consents.decide(patient, actor, purpose, categories, now)
        if decision.answer is Answer.PERMIT:
            return True, decision.reason, None
        emergency = self._latest(patient, actor.institution)
        opens = (
            actor.licensed
            and actor.roles & CARERS
            and purpose
            and categories
            and not purpose & ~CARE
            and emergency is not None
            and now < emergency.until
            and not categories & ~emergency.categories
            and emergency.outcome is not Outcome.UNJUSTIFIED
            and not self._denied(patient, actor, categories, now)
        )
        return bool(opens), decision.reason, emergency if opens else None

    def declare(self, patient: int, actor: Standing, categories: int, duration: int, now: int) -> None:
        """Break the glass.

        Raises:
            Refused: It breaks a rule.
        """
        names = []
        if not actor.licensed or not actor.roles & PROVIDER:
            names.append("NotLicensed")
        if not categories or not 1 <= duration <= MAX_EMERGENCY:
            names.append("InvalidEmergency")
        if self._denied(patient, actor, categories, now) or self.consents.policy is Policy.DENY:
            names.append("EmergencyRefused")
        running = self._latest(patient, actor.institution)
        if running and now < running.until:
            # What it does not cover yet is declared anew and takes it along; within one second nothing is.
            if not categories & ~running.categories or now == running.declared_at:
                names.append("EmergencyUnderWay")
            categories |= running.categories
        if names:
            raise Refused(names)
        self.declared.append(Emergency(patient, actor.institution, categories, now, now + duration))

    def review(self, number: int, outcome: Outcome) -> None:
        """The reviewer closes one, by its number in the order of declaration.

        Raises:
            Refused: It was closed before, or there is no outcome.
        """
        if self.declared[number].outcome is not Outcome.OPEN:
            raise Refused(["AlreadyReviewed"])
        if outcome is Outcome.OPEN:
            raise Refused(["InvalidEmergency"])
        self.declared[number] = replace(self.declared[number], outcome=outcome)
