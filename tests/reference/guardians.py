"""Who may act for a patient, and who controls the account: the reference for ``interfaces/consent/IGuardians.sol``.

Addresses are integers, times Unix seconds. A signature is the pair of who made it and what it was made for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["EVERYTHING", "MAX_DELAY", "MIN_DELAY", "Approval", "Delegation", "GuardianSet", "Guardians", "Refused"]

DAY = 86_400
MIN_DELAY, MAX_DELAY = 2 * DAY, 60 * DAY

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
        self._recoveries: dict[int, tuple[int, int]] = {}
        self._moves: list[tuple[int, int]] = []

    # ---- asking ------------------------------------------------------------------------------------------------------

    def controller_of(self, patient: int) -> int:
        """Where the last of the patient's moves led."""
        return next((successor for who, successor in reversed(self._moves) if who == patient), patient)

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

    def recovery(self, patient: int) -> tuple[int, int]:
        """Successor and the second at which it is ready; zeros when none is under way."""
        return self._recoveries.get(patient, (0, 0))

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
        """Replace the guardians, directly.

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
        if now <= held.issued_at:
            names.append("Superseded")
        if names:
            raise Refused(names)
        self._sets[patient] = GuardianSet(tuple(guardians), threshold, delay, held.version + 1, now)
        self._recoveries.pop(patient, None)

    def start_recovery(self, patient: int, successor: int, approvals: Sequence[Approval], now: int) -> None:
        """Start a recovery with the guardians' signatures.

        Raises:
            Refused: It breaks a rule.
        """
        held = self.guardian_set(patient)
        names = []
        if successor in (0, self.controller_of(patient)):
            names.append("InvalidSuccessor")
        if patient in self._recoveries:
            names.append("RecoveryPending")
        if not held.threshold or len(approvals) < held.threshold:
            names.append("TooFewGuardians")
        signers = [approval.guardian for approval in approvals]
        if signers != sorted(set(signers)) or not set(signers) <= set(held.guardians):
            names.append("NotGuardian")
        for approval in approvals:
            right = approval.key, approval.successor, approval.version
            if right != (approval.guardian, successor, held.version):
                names.append("InvalidSignature")
        if names:
            raise Refused(names)
        self._recoveries[patient] = successor, now + held.delay

    def veto(self, patient: int, *, signer: int) -> None:
        """End a recovery under way, directly.

        Raises:
            Refused: It breaks a rule.
        """
        if patient not in self._recoveries:
            raise Refused(["NoRecovery"])
        if signer != self.controller_of(patient):
            raise Refused(["InvalidSignature"])
        self._end(patient)

    def finish_recovery(self, patient: int, now: int) -> None:
        """Move the patient.

        Raises:
            Refused: There is nothing to finish, or not yet.
        """
        successor, ready = self.recovery(patient)
        if not successor:
            raise Refused(["NoRecovery"])
        if now < ready:
            raise Refused(["NotReady"])
        self._moves.append((patient, successor))
        self._end(patient)

    def _end(self, patient: int) -> None:
        """What was signed for this version of the set is dead."""
        del self._recoveries[patient]
        held = self.guardian_set(patient)
        self._sets[patient] = GuardianSet(held.guardians, held.threshold, held.delay, held.version + 1, held.issued_at)
