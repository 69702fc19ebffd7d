"""Who may act for a patient, and who controls the account: the reference for ``interfaces/consent/IGuardians.sol``.

Addresses are integers, times Unix seconds. A signature is the pair of who made it and what it was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

__all__ = [
    "EVERYTHING",
    "FINISH_WITHIN",
    "MAX_DELAY",
    "MIN_DELAY",
    "Approval",
    "Delegation",
    "GuardianSet",
    "Guardians",
    "Pending",
    "Refused",
]

DAY = 86_400
MIN_DELAY, MAX_DELAY, FINISH_WITHIN = 2 * DAY, 60 * DAY, 30 * DAY

#: All purposes and all categories, numbered or not.
EVERYTHING = 2**32 - 1, 2**56 - 1


class Refused(Exception):
    """An action that a contract turns down.

    Attributes:
        names: The custom errors of all rules that it breaks; the prose does not say which of them is told first.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(", ".join(sorted(self.names)))


@dataclass(frozen=True)
class Delegation:
    purposes: int = 0
    categories: int = 0
    until: int = 0
    issued_at: int = 0


@dataclass(frozen=True)
class GuardianSet:
    guardians: tuple[int, ...] = ()
    threshold: int = 0
    delay: int = 0
    version: int = 0
    issued_at: int = 0


@dataclass(frozen=True)
class Pending:
    """A change of a set, proposed at ``since``; ``frozen`` are the seconds of the recoveries that ran meanwhile."""

    guardians: tuple[int, ...]
    threshold: int
    delay: int
    issued_at: int
    since: int
    wait: int
    frozen: int = 0

    @property
    def ready_at(self) -> int:
        return self.since + self.wait + self.frozen


@dataclass(frozen=True)
class _Recovery:
    successor: int
    started_at: int
    ready_at: int

    @property
    def lapses_at(self) -> int:
        return self.ready_at + FINISH_WITHIN


@dataclass(frozen=True)
class Approval:
    """A guardian's signature; ``guardian`` is whose it is said to be, ``key`` whose it is."""

    guardian: int
    key: int
    successor: int
    version: int


class Guardians:
    """Delegates, guardians and recoveries. Every method takes the time at which the block stands."""

    def __init__(self) -> None:
        self._delegations: dict[tuple[int, int], Delegation] = {}
        self._since: dict[tuple[int, int], int] = {}
        self._sets: dict[int, GuardianSet] = {}
        self._pending: dict[int, Pending] = {}
        self._recoveries: dict[int, _Recovery] = {}
        self._moves: list[tuple[int, int, int]] = []

    # ---- asking ------------------------------------------------------------------------------------------------------

    def controller_of(self, patient: int) -> int:
        """Where the last of the patient's moves led."""
        return next((successor for who, successor, _ in reversed(self._moves) if who == patient), patient)

    def controlled_since(self, patient: int) -> int:
        """The second of its last move, 0 when there was none."""
        return next((at for who, _, at in reversed(self._moves) if who == patient), 0)

    def delegation(self, patient: int, delegate: int) -> Delegation:
        return self._delegations.get((patient, delegate), Delegation())

    def may_act(self, patient: int, delegate: int, purposes: int, categories: int, now: int) -> bool:
        held = self.delegation(patient, delegate)
        return now < held.until and not purposes & ~held.purposes and not categories & ~held.categories

    def mandated_since(self, patient: int, delegate: int) -> int:
        """Issue of the naming since which the delegate has had a mandate without a break."""
        return self._since.get((patient, delegate), 0)

    def guardian_set(self, patient: int) -> GuardianSet:
        return self._sets.get(patient, GuardianSet())

    def pending(self, patient: int) -> tuple[tuple[int, ...], int, int, int, int]:
        """The change that waits, and from when on it can be applied but for a recovery that runs; zeros for none."""
        held = self._pending.get(patient)
        return (held.guardians, held.threshold, held.delay, held.issued_at, held.ready_at) if held else ((), 0, 0, 0, 0)

    def recovery(self, patient: int) -> tuple[int, int, int]:
        """Successor, the second at which it is ready, and that at which it lapses; zeros when none was started, or it
        ended.
        """
        held = self._recoveries.get(patient)
        return (held.successor, held.ready_at, held.lapses_at) if held else (0, 0, 0)

    def runs(self, patient: int, now: int) -> bool:
        """Whether a recovery is under way."""
        return now < self.recovery(patient)[2]

    # ---- acting ------------------------------------------------------------------------------------------------------

    def set_delegate(
        self, patient: int, delegate: int, terms: tuple[int, int, int], *, signer: int, issued_at: int, now: int
    ) -> None:
        """Name, change or remove a delegate; ``terms`` are purposes, categories and the end.

        Raises:
            Refused: It breaks a rule.
        """
        purposes, categories, until = terms
        held = self.delegation(patient, delegate)
        names = []
        if delegate in (0, patient):
            names.append("InvalidDelegate")
        if until and not (purposes and categories):
            names.append("EmptyScope")
        if signer != self.controller_of(patient):
            names.append("InvalidSignature")
        if issued_at > now:
            names.append("IssuedInFuture")
        if issued_at < self.controlled_since(patient):
            names.append("SignedBeforeMove")
        tie = issued_at == held.issued_at and not until and held.until
        if issued_at <= held.issued_at and not tie:
            names.append("Superseded")
        if names:
            raise Refused(names)
        if not issued_at < held.until:
            self._since[patient, delegate] = issued_at
        self._delegations[patient, delegate] = Delegation(purposes, categories, until, issued_at)

    def set_guardians(
        self, patient: int, guardians: Sequence[int], threshold: int, delay: int, *, signer: int, now: int
    ) -> None:
        """Name the guardians, or propose others where some stand, directly.

        Raises:
            Refused: It breaks a rule.
        """
        held = self.guardian_set(patient)
        names = []
        if len(guardians) > 10 or patient in guardians or list(guardians) != sorted(set(guardians)):
            names.append("InvalidGuardians")
        none = not guardians and not threshold and not delay
        if not none and not (1 <= threshold <= len(guardians) and MIN_DELAY <= delay <= MAX_DELAY):
            names.append("InvalidGuardians")
        if signer != self.controller_of(patient):
            names.append("InvalidSignature")
        waiting = self._pending.get(patient)
        if now <= (waiting.issued_at if waiting else held.issued_at):
            names.append("Superseded")
        if self.runs(patient, now):
            names.append("RecoveryPending")
        if names:
            raise Refused(names)
        self._notice_lapse(patient, now)
        held = self.guardian_set(patient)
        if held.threshold:
            self._pending[patient] = Pending(tuple(guardians), threshold, delay, now, now, held.delay)
        else:
            self._sets[patient] = GuardianSet(tuple(guardians), threshold, delay, held.version + 1, now)

    def apply_guardians(self, patient: int, now: int) -> None:
        """Make the change that waited.

        Raises:
            Refused: None waits, not yet, or a recovery runs.
        """
        if self.runs(patient, now):
            raise Refused(["RecoveryPending", *([] if patient in self._pending else ["NothingPending"])])
        # What is refused changes nothing, so the lapse is noticed on trial.
        before = self._pending.get(patient), self._recoveries.get(patient), self._sets.get(patient)
        self._notice_lapse(patient, now)
        waiting = self._pending.get(patient)
        if waiting is None or now < waiting.ready_at:
            for held, kept in zip((self._pending, self._recoveries, self._sets), before, strict=True):
                if kept is not None:
                    held[patient] = kept  # type: ignore[index, assignment]
            raise Refused(["NothingPending" if waiting is None else "NotReady"])
        version = self.guardian_set(patient).version + 1
        terms = waiting.guardians, waiting.threshold, waiting.delay
        self._sets[patient] = GuardianSet(*terms, version, waiting.issued_at)
        del self._pending[patient]

    # ---- recovery ----------------------------------------------------------------------------------------------------

    def start_recovery(self, patient: int, successor: int, approvals: Sequence[Approval], now: int) -> None:
        """Start a recovery with the guardians' signatures.

        Raises:
            Refused: It breaks a rule.
        """
        names = list(self._disagreement(patient, successor, approvals))
        if successor in (0, self.controller_of(patient)):
            names.append("InvalidSuccessor")
        if self.runs(patient, now):
            names.append("RecoveryPending")
        if names:
            raise Refused(names)
        self._notice_lapse(patient, now)
        self._recoveries[patient] = _Recovery(successor, now, now + self.guardian_set(patient).delay)
        self._kill_signatures(patient)

    def withdraw_recovery(self, patient: int, approvals: Sequence[Approval], now: int) -> None:
        """The guardians end it.

        Raises:
            Refused: None runs, or they do not agree.
        """
        if not self.runs(patient, now):
            raise Refused(["NoRecovery"])
        if names := list(self._disagreement(patient, self.recovery(patient)[0], approvals)):
            raise Refused(names)
        self._end(patient, now)

    def _disagreement(self, patient: int, successor: int, approvals: Sequence[Approval]) -> Iterable[str]:
        held = self.guardian_set(patient)
        if not held.threshold or len(approvals) < held.threshold:
            yield "TooFewGuardians"
        signers = [approval.guardian for approval in approvals]
        if signers != sorted(set(signers)) or not set(signers) <= set(held.guardians):
            yield "NotGuardian"
        for approval in approvals:
            right = approval.key, approval.successor, approval.version
            if right != (approval.guardian, successor, held.version):
                yield "InvalidSignature"

    def veto(self, patient: int, *, signer: int, now: int) -> None:
        """End a recovery under way, directly.

        Raises:
            Refused: It breaks a rule.
        """
        if not self.runs(patient, now):
            raise Refused(["NoRecovery"])
        if signer != self.controller_of(patient):
            raise Refused(["InvalidSignature"])
        self._end(patient, now)

    def finish_recovery(self, patient: int, now: int) -> None:
        """Move the patient.

        Raises:
            Refused: There is nothing to finish, or not yet.
        """
        successor, ready, _ = self.recovery(patient)
        if not self.runs(patient, now):
            raise Refused(["NoRecovery"])
        if now < ready:
            raise Refused(["NotReady"])
        self._moves.append((patient, successor, now))
        self._pending.pop(patient, None)
        del self._recoveries[patient]
        self._kill_signatures(patient)

    def _notice_lapse(self, patient: int, now: int) -> None:
        held = self._recoveries.get(patient)
        if held is not None and now >= held.lapses_at:
            self._end(patient, held.lapses_at)

    def _end(self, patient: int, at: int) -> None:
        """Without a move: what waited did not wait meanwhile."""
        held = self._recoveries.pop(patient)
        waiting = self._pending.get(patient)
        if waiting is not None:
            self._pending[patient] = replace(waiting, frozen=waiting.frozen + at - held.started_at)
        self._kill_signatures(patient)

    def _kill_signatures(self, patient: int) -> None:
        """Those for this version of the set."""
        held = self.guardian_set(patient)
        self._sets[patient] = replace(held, version=held.version + 1)
