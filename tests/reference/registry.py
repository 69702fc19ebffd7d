"""Who may use which data of a patient: the reference for ``interfaces/consent/IConsentRegistry.sol``.

Nothing is overwritten: every action that was accepted is remembered, and what stands at a place is found by looking at
all of them. Addresses are integers, so that a role's account is simply its bit. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tests.reference.directives import (
    ALL,
    BUSINESS,
    CARE,
    CARERS,
    INDEXES,
    INSURER,
    NEAREST_FIRST,
    RECORD_CLASSES,
    ROLES,
    Action,
    Answer,
    Decision,
    Directive,
    Effect,
    Order,
    Policy,
    Reason,
    Record,
    Standing,
    Status,
)
from tests.reference.guardians import EVERYTHING, Guardians, Refused

__all__ = [
    "ALL",
    "Action",
    "Answer",
    "Decision",
    "Directive",
    "Effect",
    "Order",
    "Policy",
    "Reason",
    "Record",
    "Refused",
    "Registry",
    "Standing",
    "Status",
]


class Registry:
    """The consent registry. Every method takes the time at which the block stands.

    Args:
        guardians: Who may act for whom; nobody but the patients when ``None``.
        policy: What holds where the patient never said anything.
    """

    def __init__(self, guardians: Guardians | None = None, policy: Policy = Policy.EMERGENCY) -> None:
        self._actions: list[Action] = []
        self._controllers: dict[int, int] = {}
        self.guardians = guardians or Guardians()
        self.policy = policy

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
        names = [*self._complaints(action, now, grants=True), *self._not_its_own(patient)]
        if names:
            raise Refused(names)
        self._append(action)

    def revoke(self, patient: int, grantee: int, index: int, now: int) -> None:
        """The patient revokes directly.

        Raises:
            Refused: ``InvalidGrantee`` or ``InvalidIndex``, or another account controls this one; nothing else stops
                it.
        """
        action = Action(patient, Directive(grantee, index), now, signed=False)
        names = [*self._complaints(action, now, grants=False), *self._not_its_own(patient)]
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
            names += self._unauthorized(order, now)
            if names:
                self._actions = before
                raise Refused(names)
            self._append(action)

    def controller_of(self, patient: int) -> int:
        """Who signs for the patient, as far as the registry was told."""
        return self._controllers.get(patient, patient)

    def follow(self, patient: int) -> bool:
        """Take over who controls the account; whether that changed anything."""
        controller = self.guardians.controller_of(patient)
        changed = controller != self.controller_of(patient)
        self._controllers[patient] = controller
        return changed

    def _not_its_own(self, patient: int) -> Iterator[str]:
        if self.controller_of(patient) != patient:
            yield "InvalidSignature"

    def _unauthorized(self, order: Order, now: int) -> Iterator[str]:
        controller = self.controller_of(order.patient)
        signer = order.delegate or controller
        if order.signer != signer:
            yield "InvalidSignature"
        if signer != controller and not self.guardians.may_act(order.patient, signer, *self._scope(order), now):
            yield "OutOfScope"

    def _scope(self, order: Order) -> tuple[int, int]:
        """What a delegate must be allowed: what it says, and what stands at the place, which it puts an end to.

        What was revoked does not stand. A revocation where nothing stands kills what was signed and not submitted yet,
        whatever that says: so only who may do anything may do that.
        """
        directive = order.directive
        actions = list(self._on(order.patient, directive.grantee, directive.index))
        last = max(reversed(actions), key=lambda action: action.issued_at, default=None)
        standing = last.directive if last is not None and last.grants else Directive(0, 0)
        if directive.effect is Effect.NONE and standing.effect is Effect.NONE:
            return EVERYTHING
        return directive.purposes | standing.purposes, directive.categories | standing.categories

    def _complaints(self, action: Action, now: int, *, grants: bool) -> Iterator[str]:
        directive = action.directive
        everything = not grants and directive.grantee == 0 and directive.index == ALL
        if directive.grantee == 0 and not everything:
            yield "InvalidGrantee"
        if grants and directive.grantee < 1 << 32 and directive.grantee not in ROLES:
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

    def _held(self, patient: int, grantees: list[int], now: int) -> list[tuple[tuple[int, int], Record]]:
        """Every place of these grantees with what is there, in order."""
        places = [(grantee, index) for grantee in grantees for index in range(INDEXES)]
        return [(place, self.directive(patient, *place, now)) for place in places]

    def decide(self, patient: int, actor: Standing, purpose: int, categories: int, now: int) -> Decision:
        """May the actor use data of all these categories for all these purposes, now?"""
        if not purpose or not categories:
            return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)
        if not actor.licensed:
            return Decision(Answer.DENY, Reason.NOT_LICENSED, 0, 0)

        named = [actor.institution]
        found: list[Decision] = []
        for grantees, all_grantees, reason in (
            (named, named, Reason.NAMED),
            # A permit serves who has the role; a deny binds everybody of the institution.
            (_bits(actor.roles), _bits(actor.roles | actor.institution_roles), Reason.ROLE),
        ):
            for place, record in self._held(patient, all_grantees, now):
                if _denies(record, purpose, categories):
                    return Decision(Answer.DENY, reason, *place)
            held = self._held(patient, grantees, now)
            for place, record in held:
                if _permits(record, purpose, categories):
                    return Decision(Answer.PERMIT, reason, *place)
            written = {place[0] for place, record in held if record.status is not Status.NONE}
            for place, record in held:
                if record.status is not Status.NONE:
                    found.append(Decision(Answer.NONE, _why_not(record, purpose), *place))
                elif place[1] == 0 and place[0] not in written and self.refused_until(patient, place[0]):
                    # All of it was revoked before any of it was granted.
                    found.append(Decision(Answer.NONE, Reason.REVOKED, *place))
        for reason in NEAREST_FIRST:
            for decision in found:
                if decision.reason is reason:
                    return decision
        spoken_to = {0, actor.institution, *_bits(actor.roles | actor.institution_roles)}
        said = any(action.patient == patient and action.directive.grantee in spoken_to for action in self._actions)
        if not said and self._implied(actor.roles, purpose, categories):
            return Decision(Answer.PERMIT, Reason.IMPLIED, 0, 0)
        return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)

    def _implied(self, roles: int, purpose: int, categories: int) -> bool:
        """Whether the policy permits each of these purposes by itself; it never speaks for a label."""
        allowed = CARE if self.policy >= Policy.TREATMENT and roles & CARERS else 0
        if self.policy is Policy.NORMAL and roles & (CARERS | INSURER):
            allowed |= BUSINESS
        return not purpose & ~allowed and not categories & ~RECORD_CLASSES


def _bits(roles: int) -> list[int]:
    """The roles one by one, as accounts."""
    return [1 << bit for bit in range(roles.bit_length()) if roles >> bit & 1]


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
