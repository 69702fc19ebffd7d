"""Who may use which data of a patient: the reference for ``interfaces/IConsentRegistry.sol``.

Nothing is overwritten: every action that was accepted is remembered, and what stands at a place is found by looking at
all of them. Addresses are integers, so that a role's account is simply its bit. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

__all__ = [
    "ALL",
    "Action",
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
    """An action that the registry turns down.

    Attributes:
        names: The custom errors of all rules that it breaks; the prose does not say which of them is told first.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(", ".join(sorted(self.names)))


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

    @property
    def action(self) -> Action:
        return Action(self.patient, self.directive, self.issued_at, signed=True)


@dataclass(frozen=True)
class Action:
    """An action that was accepted; ``idle`` when it changed nothing."""

    patient: int
    directive: Directive
    issued_at: int
    signed: bool
    idle: bool = False

    @property
    def grants(self) -> bool:
        return self.directive.effect is not Effect.NONE


@dataclass(frozen=True)
class Record:
    """One directive with its status; scope and end are only told of one that is not revoked.

    ``issues`` are those of the actions of which each may be called the last one on it.
    """

    effect: Effect
    purposes: int
    categories: int
    end: int
    issues: frozenset[int]
    status: Status


@dataclass(frozen=True)
class Standing:
    """What ``Institutions.standing`` says of an actor; ``roles`` is 0 unless it is licensed.

    ``house_roles`` are those of its institution, where they are more than its own.
    """

    institution: int
    roles: int
    licensed: bool
    house_roles: int = 0


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

    @property
    def actions(self) -> list[Action]:
        """Every accepted action, in the order of acceptance."""
        return list(self._actions)

    # ---- acting ------------------------------------------------------------------------------------------------------

    def grant(self, patient: int, directive: Directive, now: int) -> None:
        """The patient grants directly.

        Raises:
            Refused: It breaks a rule.
        """
        action = Action(patient, directive, now, signed=False)
        names = list(self._complaints(action, now, grants=True))
        if names:
            raise Refused(names)
        self._append(action)

    def revoke(self, patient: int, grantee: int, index: int, now: int) -> None:
        """The patient revokes directly.

        Raises:
            Refused: ``InvalidGrantee`` or ``InvalidIndex``; nothing else stops it.
        """
        action = Action(patient, Directive(grantee, index), now, signed=False)
        names = list(self._complaints(action, now, grants=False))
        if names:
            raise Refused(names)
        self._append(action)

    def relay(self, orders: Iterable[Order], now: int) -> None:
        """Carry out signed orders, all or none.

        Raises:
            Refused: The first order that breaks a rule does so.
        """
        before = list(self._actions)
        for order in orders:
            action = order.action
            names = list(self._complaints(action, now, grants=action.grants))
            if order.issued_at > now:
                names.append("IssuedInFuture")
            if order.deadline < now:
                names.append("DeadlinePassed")
            if order.signer != order.patient:
                names.append("InvalidSignature")
            if names:
                self._actions = before
                raise Refused(names)
            self._append(action)

    def _complaints(self, action: Action, now: int, *, grants: bool) -> Iterator[str]:
        directive = action.directive
        everything = not grants and directive.grantee == 0 and directive.index == ALL
        if directive.grantee == 0 and not everything:
            yield "InvalidGrantee"
        if directive.index >= INDEXES and (grants or directive.index != ALL):
            yield "InvalidIndex"
        if grants:
            if directive.effect is Effect.NONE:
                yield "InvalidEffect"
            if not directive.purposes or not directive.categories:
                yield "EmptyScope"
            if directive.end <= now or directive.end <= directive.start:
                yield "InvalidPeriod"
        if self._superseded(action, grants=grants):
            yield "Superseded"

    def _superseded(self, action: Action, *, grants: bool) -> bool:
        grantee, index = action.directive.grantee, action.directive.index
        for other in self._on(action.patient, grantee, index):
            place = other.directive.grantee, other.directive.index
            # A broader revocation bars a grant. It bars no narrower revocation: both say the same.
            if not grants and place != (grantee, index):
                continue
            if other.issued_at > action.issued_at:
                return True
            # At the same second a revocation wins, and of two grants the first one stands: an order may come at any
            # time. A direct grant comes when its patient wants it, so that the chain's own order decides, unless
            # everything was revoked.
            if grants and other.issued_at == action.issued_at and (action.signed or place == (0, ALL)):
                return True
        return grants and action.signed and self.refused_until(action.patient, grantee) >= action.issued_at

    def is_idle(self, action: Action) -> bool:
        """Whether a revocation takes nothing back that others have not taken back, as late or later.

        Such an order is ``Superseded``, unless it still changes what is told of a directive: the issue of the last
        action on it. Such a direct revocation is accepted and leaves no event.
        """
        if action.grants:
            return False
        grantee, index = action.directive.grantee, action.directive.index
        late = [other for other in self._on(action.patient, grantee, index) if other.issued_at >= action.issued_at]
        if any(not other.grants for other in late):
            return True
        # All of a pair's, one by one: nothing stands, and what may still come is refused as well.
        return (
            index == ALL
            and grantee != 0
            and self.refused_until(action.patient, grantee) >= action.issued_at
            and not any(self._stands(action.patient, grantee, each, action.issued_at) for each in range(INDEXES))
        )

    def _stands(self, patient: int, grantee: int, index: int, until: int) -> bool:
        """Whether a grant stands at a place that was issued until then."""
        last = max(reversed(list(self._on(patient, grantee, index))), key=lambda action: action.issued_at, default=None)
        return last is not None and last.grants and last.issued_at <= until

    def _append(self, action: Action) -> None:
        self._actions.append(replace(action, idle=self.is_idle(action)))

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
        own = [action for action in actions if action.directive.index != ALL]
        if not own:
            return Record(Effect.NONE, 0, 0, 0, frozenset({0}), Status.NONE)
        # The latest issue; of several in a second the one accepted last, since none is that would lose.
        last = max(reversed(actions), key=lambda action: action.issued_at)
        if not last.grants:
            # Whether a broader revocation counts as an action on this very directive is a matter of words.
            latest = max(action.issued_at for action in own)
            issues = frozenset(action.issued_at for action in actions if action.issued_at >= latest)
            return Record(Effect.NONE, 0, 0, 0, issues, Status.REVOKED)
        held = last.directive
        if now >= held.end:
            status = Status.EXPIRED
        elif now < (held.start or last.issued_at):
            status = Status.NOT_YET
        else:
            status = Status.ACTIVE
        return Record(held.effect, held.purposes, held.categories, held.end, frozenset({last.issued_at}), status)

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
        """Issue of the last revocation for a pair that kills whatever was signed until then, 0 when never.

        A signed revocation of one directive is none: were it one, it would matter whether it is submitted before or
        after what was signed for another directive.
        """
        return max(
            (
                action.issued_at
                for action in self._actions
                if action.patient == patient
                and action.directive.grantee == grantee
                and not action.grants
                and (not action.signed or action.directive.index == ALL)
            ),
            default=0,
        )

    def decide(self, patient: int, actor: Standing, purpose: int, categories: int, now: int) -> Decision:
        """May the actor use data of all these categories for all these purposes, now?"""
        if not purpose or not categories:
            return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)
        if not actor.licensed:
            return Decision(Answer.DENY, Reason.NOT_LICENSED, 0, 0)

        named = [actor.institution]
        house = actor.roles | actor.house_roles
        roles = [1 << bit for bit in range(house.bit_length()) if house >> bit & 1]
        found: list[Decision] = []
        for grantees, reason in ((named, Reason.NAMED), (roles, Reason.ROLE)):
            places = [(grantee, index) for grantee in grantees for index in range(INDEXES)]
            held = [(place, self.directive(patient, *place, now)) for place in places]
            for answer, decides in ((Answer.DENY, _denies), (Answer.PERMIT, _permits)):
                if answer is Answer.PERMIT:
                    # A permit serves who has the role; a deny binds everybody of the institution.
                    held = [(place, record) for place, record in held if place[0] in named or place[0] & actor.roles]
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
