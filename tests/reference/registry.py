"""Who may use which data of a patient: the reference for ``interfaces/IConsentRegistry.sol``.

Nothing is overwritten: every action that was accepted is remembered, and what stands at a place is found by looking at
all of them. Addresses are integers, so that a role's account is simply its bit. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ALL",
    "Answer",
    "Decision",
    "Directive",
    "Effect",
    "Order",
    "Reason",
    "Record",
    "Refused",
    "Registry",
    "Standing",
    "Status",
]

INDEXES = 4

#: The index that means all of a grantee's directives; with grantee 0, everything of the patient.
ALL = 255


class Effect(IntEnum):
    NONE = 0
    PERMIT = 1
    DENY = 2


class Status(IntEnum):
    NONE = 0
    ACTIVE = 1
    NOT_YET = 2
    EXPIRED = 3
    REVOKED = 4


class Answer(IntEnum):
    NONE = 0
    PERMIT = 1
    DENY = 2


class Reason(IntEnum):
    NO_DIRECTIVE = 0
    NAMED = 1
    ROLE = 2
    NOT_LICENSED = 3
    REVOKED = 4
    EXPIRED = 5
    NOT_YET = 6
    WRONG_PURPOSE = 7
    WRONG_CATEGORY = 8


# When nothing decided, the reason that helps the patient most to mend it: the directive that came nearest.
NEAREST_FIRST = (
    Reason.WRONG_CATEGORY,
    Reason.WRONG_PURPOSE,
    Reason.NOT_YET,
    Reason.EXPIRED,
    Reason.REVOKED,
)


class Refused(Exception):
    """An action that the registry turns down; ``name`` is the custom error's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Directive:
    """As in ``IConsentRegistry``; a revocation is one with effect ``NONE`` and nothing but grantee and index."""

    grantee: int
    index: int
    effect: Effect = Effect.NONE
    purposes: int = 0
    categories: int = 0
    start: int = 0
    end: int = 0
    document: bytes = bytes(32)


@dataclass(frozen=True)
class Order:
    """A signed action. ``signer`` stands for the signature: whose key made it."""

    patient: int
    directive: Directive
    issued_at: int
    deadline: int
    signer: int


@dataclass(frozen=True)
class Action:
    """An action that was accepted."""

    patient: int
    directive: Directive
    issued_at: int

    @property
    def grants(self) -> bool:
        return self.directive.effect is not Effect.NONE


@dataclass(frozen=True)
class Record:
    """One directive with its status. All but ``issued_at`` and ``status`` is only told of one that is not revoked."""

    effect: Effect
    purposes: int
    categories: int
    end: int
    issued_at: int
    status: Status


@dataclass(frozen=True)
class Standing:
    """What ``Institutions.standing`` says of an actor; ``roles`` is 0 unless it is licensed."""

    institution: int
    roles: int
    licensed: bool


@dataclass(frozen=True)
class Decision:
    answer: Answer
    reason: Reason
    grantee: int
    index: int


class Registry:
    """The consent registry. Every method takes the time at which the block stands."""

    def __init__(self) -> None:
        self._actions: list[Action] = []

    # ---- acting ------------------------------------------------------------------------------------------------------

    def grant(self, patient: int, directive: Directive, now: int) -> None:
        """The patient grants directly.

        Raises:
            Refused: With the name of the rule that is broken.
        """
        if directive.effect is Effect.NONE:
            raise Refused("InvalidEffect")
        self._accept(Action(patient, directive, now), now, signed=False)

    def revoke(self, patient: int, grantee: int, index: int, now: int) -> None:
        """The patient revokes directly.

        Raises:
            Refused: ``InvalidGrantee``, ``InvalidIndex``; nothing else stops it.
        """
        self._accept(Action(patient, Directive(grantee, index), now), now, signed=False)

    def relay(self, orders: Iterable[Order], now: int) -> None:
        """Carry out signed orders, all or none.

        Raises:
            Refused: For the first order that is refused.
        """
        before = list(self._actions)
        try:
            for order in orders:
                if order.issued_at > now:
                    raise Refused("IssuedInFuture")
                if order.deadline < now:
                    raise Refused("DeadlinePassed")
                if order.signer != order.patient:
                    raise Refused("InvalidSignature")
                self._accept(Action(order.patient, order.directive, order.issued_at), now, signed=True)
        except Refused:
            self._actions = before
            raise

    def _accept(self, action: Action, now: int, *, signed: bool) -> None:
        directive = action.directive
        everything = not action.grants and directive.grantee == 0 and directive.index == ALL
        if directive.grantee == 0 and not everything:
            raise Refused("InvalidGrantee")
        if directive.index >= INDEXES and (action.grants or directive.index != ALL):
            raise Refused("InvalidIndex")
        if action.grants:
            if not directive.purposes or not directive.categories:
                raise Refused("EmptyScope")
            if directive.end <= now or directive.end <= directive.start:
                raise Refused("InvalidPeriod")

        place = action.patient, directive.grantee, directive.index
        for other in self._on(*place):
            if other.issued_at > action.issued_at:
                raise Refused("Superseded")
            # At the same second a revocation wins. Of two grants the first one stands against a signed order, which
            # may come at any time; between two direct ones the chain's own order decides.
            if other.issued_at == action.issued_at and action.grants and (signed or not other.grants):
                raise Refused("Superseded")
        if action.grants and signed and self.refused_until(action.patient, directive.grantee) >= action.issued_at:
            raise Refused("Superseded")
        self._actions.append(action)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _on(self, patient: int, grantee: int, index: int) -> Iterator[Action]:
        """Every accepted action that touches a place: its own, and revocations of all that it is part of."""
        for action in self._actions:
            other = action.directive
            if action.patient == patient and (other.grantee, other.index) in (
                (grantee, index),
                (grantee, ALL),
                (0, ALL),
            ):
                yield action

    def directive(self, patient: int, grantee: int, index: int, now: int) -> Record:
        actions = list(self._on(patient, grantee, index))
        if not any(action.grants for action in actions):
            return Record(Effect.NONE, 0, 0, 0, 0, Status.NONE)
        # The latest issue, at the same second the revocation; of two direct grants in a second the second one.
        last = max(reversed(actions), key=lambda action: (action.issued_at, not action.grants))
        if not last.grants:
            return Record(Effect.NONE, 0, 0, 0, last.issued_at, Status.REVOKED)
        held = last.directive
        if now >= held.end:
            status = Status.EXPIRED
        elif now < (held.start or last.issued_at):
            status = Status.NOT_YET
        else:
            status = Status.ACTIVE
        return Record(held.effect, held.purposes, held.categories, held.end, last.issued_at, status)

    def revoked_until(self, patient: int) -> int:
        """Issue of the last "revoke everything", 0 when never."""
        return max(
            (
                action.issued_at
                for action in self._actions
                if action.patient == patient and not action.grants and action.directive.grantee == 0
            ),
            default=0,
        )

    def refused_until(self, patient: int, grantee: int) -> int:
        """Issue of the last revocation for a pair, 0 when never."""
        return max(
            (
                action.issued_at
                for action in self._actions
                if action.patient == patient and not action.grants and action.directive.grantee == grantee
            ),
            default=0,
        )

    def decide(self, patient: int, actor: Standing, purpose: int, categories: int, now: int) -> Decision:
        """May the actor use data of all these categories for all these purposes, now?"""
        if not actor.licensed:
            return Decision(Answer.DENY, Reason.NOT_LICENSED, 0, 0)

        named = [actor.institution]
        roles = [1 << bit for bit in range(actor.roles.bit_length()) if actor.roles >> bit & 1]
        found: list[Decision] = []
        for grantees, reason in ((named, Reason.NAMED), (roles, Reason.ROLE)):
            places = [(grantee, index) for grantee in grantees for index in range(INDEXES)]
            held = [(place, self.directive(patient, *place, now)) for place in places]
            for answer, decides in ((Answer.DENY, _denies), (Answer.PERMIT, _permits)):
                for place, record in held:
                    if decides(record, purpose, categories):
                        return Decision(answer, reason, *place)
            found += [
                Decision(Answer.NONE, _why_not(record, purpose), *place)
                for place, record in held
                if record.status is not Status.NONE
            ]
        for reason in NEAREST_FIRST:
            for decision in found:
                if decision.reason is reason:
                    return decision
        return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)


def _covers(record: Record, purpose: int) -> bool:
    """A permit must hold for all purposes, a deny for one."""
    if record.effect is Effect.PERMIT:
        return record.purposes & purpose == purpose
    return bool(record.purposes & purpose)


def _denies(record: Record, purpose: int, categories: int) -> bool:
    return (
        record.status is Status.ACTIVE
        and record.effect is Effect.DENY
        and _covers(record, purpose)
        and bool(record.categories & categories)
    )


def _permits(record: Record, purpose: int, categories: int) -> bool:
    return (
        record.status is Status.ACTIVE
        and record.effect is Effect.PERMIT
        and _covers(record, purpose)
        and record.categories & categories == categories
    )


def _why_not(record: Record, purpose: int) -> Reason:
    """What a recorded directive that did not decide lacks."""
    if record.status is Status.ACTIVE:
        return Reason.WRONG_CATEGORY if _covers(record, purpose) else Reason.WRONG_PURPOSE
    return {
        Status.NOT_YET: Reason.NOT_YET,
        Status.EXPIRED: Reason.EXPIRED,
        Status.REVOKED: Reason.REVOKED,
    }[record.status]
