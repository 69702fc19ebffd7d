"""Who may use which data of a patient: the reference for ``interfaces/consent/IConsentRegistry.sol``.

Nothing is overwritten: every action that was accepted is remembered, and what stands at a place is found by looking at
all of them. Addresses are integers, so that a role's account is simply its bit. Times are Unix seconds.

Whose word an action is: 0 for the patient's own, else the delegate's account. Neither takes the other's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

from tests.reference.directives import (
    ALL,
    BUSINESS,
    CARE,
    CARERS,
    EVERYTHING_NAMED,
    INDEXES,
    INSURER,
    KNOWN_LABELS,
    KNOWN_PURPOSES,
    MOST_DELEGATES,
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
from tests.reference.guardians import Guardians, Refused

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

# Within one second the greater stands.
_RANK = {Effect.PERMIT: 0, Effect.NONE: 1, Effect.DENY: 2}


@dataclass(frozen=True)
class _Place:
    """Where a directive is, as the views number it, on which level (0 is the institution), and what is there now.

    ``serves``: whether the actor may use a permit there.
    """

    level: int
    grantee: int
    index: int
    record: Record
    serves: bool

    @property
    def named(self) -> tuple[int, int]:
        return self.grantee, self.index


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
        self._accept(Action(patient, directive, now, signed=False), now, list(self._not_its_own(patient)))

    def revoke(self, patient: int, grantee: int, index: int, now: int) -> None:
        """The patient revokes directly.

        Raises:
            Refused: ``InvalidGrantee`` or ``InvalidIndex``, or another account controls this one; nothing else stops
                it.
        """
        action = Action(patient, Directive(grantee, index), now, signed=False)
        self._accept(action, now, list(self._not_its_own(patient)))

    def relay(self, orders: Iterable[Order], now: int) -> None:
        """Carry out signed orders, all or none.

        Raises:
            Refused: The first order that breaks a rule does so.
        """
        before = list(self._actions)
        for order in orders:
            try:
                self._carry_out(order, now)
            except Refused:
                self._actions = before
                raise

    def relay_tolerantly(self, orders: Iterable[Order], now: int) -> list[frozenset[str]]:
        """Carry out those signed orders that can be; of each what it breaks, nothing when it was carried out."""
        found = []
        for order in orders:
            try:
                self._carry_out(order, now)
                found.append(frozenset[str]())
            except Refused as refused:
                found.append(refused.names)
        return found

    def _carry_out(self, order: Order, now: int) -> None:
        names = [*self._untimely(order, now), *self._unauthorized(order, now)]
        by = order.delegate if order.delegate not in (0, self.controller_of(order.patient)) else 0
        self._accept(Action(order.patient, order.directive, order.issued_at, signed=True, by=by), now, names)

    def _accept(self, action: Action, now: int, names: list[str]) -> None:
        names += self._complaints(action, now)
        # What stands can only be asked of what makes sense.
        news = not names and self._is_news(action)
        if not names and not news and (action.signed or action.grants):
            names.append("Superseded")
        if names:
            raise Refused(names)
        if news:
            self._actions.append(replace(action, index=self._index(action)))

    def _index(self, action: Action) -> int:
        """Where the views show it."""
        index = action.directive.index
        if not action.by or index == ALL:
            return index
        heard = self.delegates_of(action.patient)
        number = heard.index(action.by) if action.by in heard else len(heard)
        return INDEXES * (number + 1) + index

    def controller_of(self, patient: int) -> int:
        """Who signs for the patient, as far as the registry was told."""
        return self._controllers.get(patient, patient)

    def follow(self, patient: int) -> bool:
        """Take over who controls the account; whether that changed anything."""
        if not self.guardians.controlled_since(patient):
            return False
        controller = self.guardians.controller_of(patient)
        changed = controller != self._controllers.get(patient)
        self._controllers[patient] = controller
        return changed

    # ---- what is refused ---------------------------------------------------------------------------------------------

    def _not_its_own(self, patient: int) -> Iterator[str]:
        if self.controller_of(patient) != patient:
            yield "InvalidSignature"

    def _untimely(self, order: Order, now: int) -> Iterator[str]:
        if order.issued_at > now:
            yield "IssuedInFuture"
        if order.deadline < now:
            yield "DeadlinePassed"

    def _unauthorized(self, order: Order, now: int) -> Iterator[str]:
        controller = self.controller_of(order.patient)
        signer = order.delegate or controller
        if order.signer != signer:
            yield "InvalidSignature"
        if signer == controller:
            if order.patient in self._controllers and order.issued_at < self.guardians.controlled_since(order.patient):
                yield "SignedBeforeMove"
            return
        scope = order.directive.purposes, order.directive.categories
        named = self.guardians.mandated_since(order.patient, signer)
        if order.issued_at < named or not self.guardians.may_act(order.patient, signer, *scope, now):
            yield "OutOfScope"
        heard = self.delegates_of(order.patient)
        if signer not in heard and len(heard) >= MOST_DELEGATES:
            yield "TooManyDelegates"

    def _complaints(self, action: Action, now: int) -> Iterator[str]:
        said = action.directive
        if action.grants:
            yield from self._wrong_grant(said, now)
        elif said.grantee == 0:
            if said.index != ALL:
                yield "InvalidGrantee"
        elif said.index != ALL:
            # The patient takes back what a delegate said, too.
            layers = 0 if action.by else len(self.delegates_of(action.patient))
            if said.index >= INDEXES * (layers + 1):
                yield "InvalidIndex"

    def _wrong_grant(self, said: Directive, now: int) -> Iterator[str]:
        if said.grantee < 1 << 32 and said.grantee not in ROLES:
            yield "InvalidGrantee"
        if said.index >= INDEXES:
            yield "InvalidIndex"
        if said.effect is Effect.NONE:
            yield "InvalidEffect"
        if not said.purposes or not said.categories:
            yield "EmptyScope"
        known = KNOWN_PURPOSES, RECORD_CLASSES | KNOWN_LABELS
        if said.effect is Effect.PERMIT and (said.purposes & ~known[0] or said.categories & ~known[1]):
            yield "UnknownCodes"
        if said.end <= now or said.end <= said.start:
            yield "InvalidPeriod"

    def _is_news(self, action: Action) -> bool:
        """Whether an action changes anything: an order that does not is refused."""
        patient, by, grantee, index = action.patient, action.by, action.directive.grantee, action.directive.index
        if grantee == 0:
            return action.issued_at > self._ended(patient, by, 0)
        whose, place = self._whose(action)
        if index == ALL:
            return action.issued_at > self._ended(patient, whose, grantee)
        if action.grants:
            return self._grant_is_news(action)
        if action.issued_at <= self._ended(patient, whose, grantee):
            return False
        stops = not action.signed and action.issued_at > self._stopped(patient, whose, grantee)
        last = self._last(patient, whose, grantee, place)
        return stops or last is None or _goes_over(action, last)

    def _grant_is_news(self, action: Action) -> bool:
        patient, by, grantee = action.patient, action.by, action.directive.grantee
        since = self._ended(patient, by, grantee)
        if action.signed and not action.denies:
            since = max(since, self._stopped(patient, by, grantee), self._stopped(patient, 0, grantee))
        if action.issued_at < since or (action.issued_at == since and not action.denies):
            return False
        last = self._last(patient, by, grantee, action.directive.index)
        return last is None or _goes_over(action, last)

    # ---- what stands -------------------------------------------------------------------------------------------------

    def delegates_of(self, patient: int) -> list[int]:
        """The delegates that have said anything, in the order of their first word."""
        return list(dict.fromkeys(action.by for action in self._actions if action.patient == patient and action.by))

    def _whose(self, action: Action) -> tuple[int, int]:
        """Whose word an action is about, and at which place: the patient's may be about a delegate's."""
        index = action.directive.index
        if action.by or index == ALL or index < INDEXES:
            return action.by, index
        return self.delegates_of(action.patient)[index // INDEXES - 1], index % INDEXES

    def _own(self, patient: int, grantee: int) -> Iterator[tuple[Action, int, int]]:
        """Every action about a grantee, with whose word it is about and at which place."""
        for action in self._actions:
            if action.patient == patient and action.directive.grantee == grantee:
                yield action, *self._whose(action)

    def _last(self, patient: int, whose: int, grantee: int, place: int) -> Action | None:
        """The action that stands at a place, leaving wider revocations aside."""
        there = [each for each, who, where in self._own(patient, grantee) if (who, where) == (whose, place)]
        return reduce(lambda last, each: each if _goes_over(each, last) else last, there) if there else None

    def _ended(self, patient: int, whose: int, grantee: int) -> int:
        """Until when all that was issued is revoked: by one of all of the grantee's, or of everything."""
        ends = [0]
        for action in self._actions:
            said = action.directive
            wide = not action.grants and said.index == ALL and said.grantee in (0, grantee)
            # The patient's own goes for everybody's word, a delegate's for its own.
            if wide and action.patient == patient and action.by in (0, whose):
                ends.append(action.issued_at)
        return max(ends)

    def _stopped(self, patient: int, whose: int, grantee: int) -> int:
        """Until when signed permits that are not yet submitted are refused."""
        stops = [
            each.issued_at
            for each, who, where in self._own(patient, grantee)
            if not each.grants and who == whose and (where == ALL or not each.signed)
        ]
        return max(stops, default=0)

    def directive(self, patient: int, grantee: int, index: int, now: int) -> Record:
        """One place as the views number them."""
        heard = [0, *self.delegates_of(patient)]
        if index >= INDEXES * len(heard):
            return Record(Effect.NONE, 0, 0, 0, 0, 0, Status.NONE)
        return self._record(patient, heard[index // INDEXES], grantee, index % INDEXES, now)

    def _record(self, patient: int, whose: int, grantee: int, place: int, now: int) -> Record:
        last = self._last(patient, whose, grantee, place)
        if last is None:
            return Record(Effect.NONE, 0, 0, 0, 0, 0, Status.NONE)
        ended = self._ended(patient, whose, grantee)
        alive = last.grants and (last.issued_at > ended or (last.denies and last.issued_at == ended))
        said = last.directive
        if alive and whose:
            since = self.guardians.mandated_since(patient, whose)
            covered = self.guardians.may_act(patient, whose, said.purposes, said.categories, now)
            alive = covered and last.issued_at >= since
        if not alive:
            return Record(Effect.NONE, 0, 0, 0, 0, last.issued_at, Status.REVOKED)
        if now >= said.end:
            status = Status.EXPIRED
        elif now < said.start:
            status = Status.NOT_YET
        else:
            status = Status.ACTIVE
        return Record(said.effect, said.purposes, said.categories, said.start, said.end, last.issued_at, status)

    def revoked_until(self, patient: int) -> int:
        """Issue of the patient's last "revoke everything", 0 when never."""
        return self._ended(patient, 0, 0)

    def refused_until(self, patient: int, grantee: int) -> tuple[int, int]:
        """Until when of the patient's own word signed permits, and all, are refused for a pair."""
        whole = [
            each.issued_at
            for each, who, where in self._own(patient, grantee)
            if not each.grants and who == 0 and where == ALL
        ]
        return self._stopped(patient, 0, grantee), max(whole, default=0)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _places(self, patient: int, actor: Standing, now: int) -> Iterator[_Place]:
        """Every place that may concern the actor, in the order in which equals are named."""
        heard = [0, *self.delegates_of(patient)]
        levels = [(0, actor.institution, True)]
        # A permit serves who has the role; a deny binds everybody of the institution.
        levels += [(1, role, bool(actor.roles & role)) for role in _bits(actor.roles | actor.institution_roles)]
        for level, grantee, serves in levels:
            for number, whose in enumerate(heard):
                for place in range(INDEXES):
                    record = self._record(patient, whose, grantee, place, now)
                    yield _Place(level, grantee, INDEXES * number + place, record, serves)

    def decide(self, patient: int, actor: Standing, purpose: int, categories: int, now: int) -> Decision:
        """May the actor use data of all these categories for all these purposes, now?"""
        if not purpose or not categories & RECORD_CLASSES:
            return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)
        if not actor.licensed:
            return Decision(Answer.DENY, Reason.NOT_LICENSED, 0, 0)
        places = list(self._places(patient, actor, now))
        permits = [each for each in places if each.serves and _permits(each.record, purpose, categories)]
        denies = [each for each in places if _denies(each.record, purpose, categories)]
        standing = [permit for permit in permits if not any(_binds(deny, permit) for deny in denies)]
        if standing:
            level = min(permit.level for permit in standing)
            narrow = [permit for permit in standing if permit.level == level]
            best = max(narrow, key=lambda permit: permit.record.issued_at)
            return Decision(Answer.PERMIT, (Reason.NAMED, Reason.ROLE)[level], *best.named)
        if denies:
            # A deny that leaves some permit standing is not what decided.
            first = next(deny for deny in denies if all(_binds(deny, permit) for permit in permits))
            return Decision(Answer.DENY, (Reason.NAMED, Reason.ROLE)[first.level], *first.named)
        return self._nothing(patient, actor, purpose, categories, places)

    def _nothing(self, patient: int, actor: Standing, purpose: int, categories: int, places: list[_Place]) -> Decision:
        missed = list(self._misses(patient, purpose, places))
        for reason in NEAREST_FIRST:
            for decision in missed:
                if decision.reason is reason:
                    return decision
        spoken_to = {actor.institution, *_bits(actor.roles | actor.institution_roles)}
        said = self.revoked_until(patient) or any(
            action.patient == patient and action.directive.grantee in spoken_to for action in self._actions
        )
        if not said and self._implied(actor.roles, purpose, categories):
            return Decision(Answer.PERMIT, Reason.IMPLIED, 0, 0)
        return Decision(Answer.NONE, Reason.NO_DIRECTIVE, 0, 0)

    def _misses(self, patient: int, purpose: int, places: list[_Place]) -> Iterator[Decision]:
        for each in places:
            if not each.serves:
                continue
            if each.record.status is not Status.NONE:
                yield Decision(Answer.NONE, _why_not(each.record, purpose), *each.named)
            elif each.index % INDEXES == 0 and self._only_revoked(patient, each):
                # All of it was revoked before any of it was granted.
                yield Decision(Answer.NONE, Reason.REVOKED, *each.named)

    def _only_revoked(self, patient: int, place: _Place) -> bool:
        """Whether of a pair, in this layer, wide revocations are all that there is."""
        whose = [0, *self.delegates_of(patient)][place.index // INDEXES]
        own = [(each, where) for each, who, where in self._own(patient, place.grantee) if who == whose]
        return bool(own) and all(where == ALL for _, where in own)

    def scope(self, patient: int, actor: Standing, purpose: int, now: int) -> tuple[int, int]:
        """Which categories are permitted and which denied, each by itself."""
        if not purpose:
            return 0, 0
        if not actor.licensed:
            return 0, EVERYTHING_NAMED
        permitted = denied = 0
        places = list(self._places(patient, actor, now))
        for category in _bits(EVERYTHING_NAMED):
            permits = [each for each in places if each.serves and _permits(each.record, purpose, category)]
            denies = [each for each in places if _denies(each.record, purpose, category)]
            if any(not any(_binds(deny, permit) for deny in denies) for permit in permits):
                permitted |= category
            elif denies:
                denied |= category
        asked = self.decide(patient, actor, purpose, RECORD_CLASSES, now)
        return (RECORD_CLASSES, 0) if asked.reason is Reason.IMPLIED else (permitted, denied)

    def _implied(self, roles: int, purpose: int, categories: int) -> bool:
        """Whether the policy permits each of these purposes by itself; it never speaks for a label."""
        allowed = CARE if self.policy >= Policy.TREATMENT and roles & CARERS else 0
        if self.policy is Policy.NORMAL and roles & (CARERS | INSURER):
            allowed |= BUSINESS
        return not purpose & ~allowed and not categories & ~RECORD_CLASSES


def _goes_over(action: Action, last: Action) -> bool:
    """Whether an action takes the place of another at the same place."""
    if action.issued_at != last.issued_at:
        return action.issued_at > last.issued_at
    if not action.signed and action.grants:
        # Direct ones of one second stand in the order of the chain, but a deny stands.
        return action.denies or not last.denies
    ranks = _RANK[action.directive.effect], _RANK[last.directive.effect]
    if ranks[0] != ranks[1] or not action.grants:
        return ranks[0] > ranks[1]
    words = _as_terms(action.directive), _as_terms(last.directive)
    return words[0] > words[1] if action.denies else words[0] < words[1]


def _as_terms(said: Directive) -> tuple[int, ...]:
    """In the order of the fields in ``Terms``, the deadline and index not counted."""
    return said.start, said.end, said.purposes, said.categories


def _bits(roles: int) -> list[int]:
    """The bits one by one; roles so are accounts."""
    return [1 << bit for bit in range(roles.bit_length()) if roles >> bit & 1]


def _binds(deny: _Place, permit: _Place) -> bool:
    """Whether a deny goes before a permit, both of them for what is asked."""
    return deny.level <= permit.level or deny.record.issued_at > permit.record.issued_at


def _covers(record: Record, purpose: int) -> bool:
    """A permit must hold for all purposes, a deny for one."""
    if record.effect is Effect.PERMIT:
        return record.purposes & purpose == purpose
    return bool(record.purposes & purpose)


def _denies(record: Record, purpose: int, categories: int) -> bool:
    """A deny of all record classes touches everything, sensitivity labels as well."""
    whole = record.categories & RECORD_CLASSES == RECORD_CLASSES
    return (
        record.status is Status.ACTIVE
        and record.effect is Effect.DENY
        and _covers(record, purpose)
        and (whole or bool(record.categories & categories))
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
