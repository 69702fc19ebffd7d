"""Delegates, guardians and recoveries, as the client's values; :mod:`salus.consent.guardians` acts with them."""

from __future__ import annotations

from dataclasses import dataclass

from salus.consent import codes

__all__ = ["Delegation", "EndedMandate", "GuardianSet", "PendingGuardians", "Recovery"]


@dataclass(frozen=True)
class Delegation:
    """What a delegate of a patient may do.

    Attributes:
        delegate: Its account.
        purposes: Bits; see :attr:`purpose_names`.
        categories: Bits; see :attr:`category_names`.
        until: First second at which it may no longer act; 0: removed, or never named.
        issued_at: Issue of the last change.
    """

    delegate: str
    purposes: int
    categories: int
    until: int
    issued_at: int

    @property
    def purpose_names(self) -> frozenset[str]:
        """Names of the purposes."""
        return codes.purpose_names(self.purposes)

    @property
    def category_names(self) -> frozenset[str]:
        """Names of the categories."""
        return codes.category_names(self.categories)


@dataclass(frozen=True)
class GuardianSet:
    """Who can move a patient to a new account.

    Attributes:
        guardians: Their accounts, ascending; empty when there are none.
        threshold: How many of them must agree.
        delay: Seconds between their agreement and the move.
        version: Of the set; requests for an earlier one are dead.
        issued_at: Issue of the change that made it.
    """

    guardians: tuple[str, ...]
    threshold: int
    delay: int
    version: int
    issued_at: int


@dataclass(frozen=True)
class Recovery:
    """A move of a patient that is under way.

    Attributes:
        successor: The account that will sign for the patient.
        ready_at: First second at which the move can be made.
        lapses_at: First second at which it no longer can.
    """

    successor: str
    ready_at: int
    lapses_at: int = (1 << 40) - 1


@dataclass(frozen=True)
class PendingGuardians:
    """A change of the guardians that waits the delay of those who stand.

    Attributes:
        guardians: Their accounts, ascending; empty where they are to be removed.
        threshold: How many of them must agree.
        delay: Seconds between their agreement and the move.
        issued_at: Issue of the change.
        ready_at: First second at which it can be applied; later by the time for which a recovery runs meanwhile.
    """

    guardians: tuple[str, ...]
    threshold: int
    delay: int
    issued_at: int
    ready_at: int


@dataclass(frozen=True)
class EndedMandate:
    """A delegate whose mandate is over, e.g. a minor's guardian at majority, and what rests on its word.

    Attributes:
        delegate: Its account.
        until: First second after its mandate.
        grants: Grantee and index of each place at which the last grant is its word; the patient is asked again.
    """

    delegate: str
    until: int
    grants: tuple[tuple[str, int], ...]
