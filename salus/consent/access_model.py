"""Uses of data and emergencies, as the client's values; :mod:`salus.consent.access_log` acts with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from salus.consent import codes
from salus.consent.model import Reason
from salus.errors.explanations import OUTCOMES, REASONS, REFUSALS

if TYPE_CHECKING:
    from salus.chain.receipts import Receipt

__all__ = ["Access", "Cause", "Emergency", "Outcome", "Permission", "Recording", "Refusal", "Skipped", "Use"]


class Cause(IntEnum):
    """Why an emergency was declared."""

    LIFE_THREATENING = 1
    UNCONSCIOUS = 2
    DANGER_TO_OTHERS = 3
    PUBLIC_HEALTH_EMERGENCY = 4

    @property
    def words(self) -> str:
        """For people."""
        return ("life in danger", "unconscious", "danger to others", "public health emergency")[self - 1]


class Outcome(IntEnum):
    """What the regulator's reviewer found."""

    OPEN = 0
    JUSTIFIED = 1
    UNJUSTIFIED = 2
    REFERRED = 3

    @property
    def words(self) -> str:
        """For people."""
        return OUTCOMES[self]


class Refusal(IntEnum):
    """Why a use is not recorded."""

    NONE = 0
    CONSENT = 1
    UNKNOWN_EMERGENCY = 2
    NOT_RUNNING = 3
    FOUND_UNJUSTIFIED = 4
    NOT_CARE = 5
    OUT_OF_SCOPE = 6
    EMERGENCIES_DENIED = 7
    USED_IN_FUTURE = 8

    @property
    def words(self) -> str:
        """For people."""
        return REFUSALS[self]


@dataclass(frozen=True)
class Access:
    """A use of data that an institution records.

    Attributes:
        patient: Whose.
        purposes: Names; one, or several at once.
        categories: Names: the record's class and all of its sensitivity labels.
        record: Salted commitment of the record, 32 bytes; see :func:`salus.formats.commitments.commit`.
        emergency: Number of the declaration that it relies on (:attr:`Emergency.number`); 0: the patient's consent.
        used_at: When, where it is recorded late; 0: now. After a day, and where the patient changed something since,
            the chain cannot prove any more that it was permitted.
    """

    patient: str
    purposes: Collection[str]
    categories: Collection[str]
    record: bytes
    emergency: int = 0
    used_at: int = 0


@dataclass(frozen=True)
class Skipped:
    """A use that was not recorded.

    Attributes:
        position: In what was given, from 0.
        patient: Whose.
        record: Salted commitment of the record.
        refusal: Why.
        reason: What the patient's consent says, where that is why.
    """

    position: int
    patient: str
    record: bytes
    refusal: Refusal
    reason: Reason

    @property
    def words(self) -> str:
        """For people."""
        return REASONS[self.reason] if self.refusal is Refusal.CONSENT else self.refusal.words


@dataclass(frozen=True)
class Recording:
    """What became of a batch of uses.

    Attributes:
        receipt: Of the transaction.
        recorded: How many were recorded.
        unproven: How many of these the chain could not prove; a reviewer looks at them.
        skipped: The others, each with its reason.
    """

    receipt: Receipt
    recorded: int
    unproven: int
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Use:
    """A use of data that was recorded.

    Attributes:
        patient: Whose.
        institution: For whom it was used.
        actor: Who recorded it: the institution or an operator of it.
        purposes: Bits.
        categories: Bits.
        record: Salted commitment of the record.
        emergency: Id of the emergency that opened it; empty when the patient's consent did.
        block: The block that has it.
        transaction: The transaction's hash, 0x-hex.
        used_at: When it was used, of one that was recorded late; else None.
        provable: Whether the chain proved that it was permitted; only a late use can be without proof.
    """

    patient: str
    institution: str
    actor: str
    purposes: int
    categories: int
    record: bytes
    emergency: bytes
    block: int
    transaction: str
    used_at: int | None = None
    provable: bool = True

    @property
    def purpose_names(self) -> frozenset[str]:
        """Names of the purposes, each for itself."""
        return frozenset(name.removeprefix("only:") for name in codes.purpose_names(self.purposes))


@dataclass(frozen=True)
class Emergency:
    """A declaration of an emergency.

    Attributes:
        id: 32 bytes.
        patient: Whose data.
        institution: For whom.
        clinician: Who declared it.
        categories: Bits.
        declared_at: When.
        until: First second at which it no longer opens anything.
        cause: Why.
        outcome: Of the review, as it is now.
        block: The block that has the declaration; 0 where it was not looked for.
        number: Of the declarations of that institution for that patient, from 1; a use names it.
        second: The clinician who signed it as well; empty when none did.
        reviewed_at: When it was reviewed, 0 while it is open.
    """

    id: bytes
    patient: str
    institution: str
    clinician: str
    categories: int
    declared_at: int
    until: int
    cause: Cause
    outcome: Outcome
    block: int = 0
    number: int = 0
    second: str = ""
    reviewed_at: int = 0


@dataclass(frozen=True)
class Permission:
    """The answer to "may this be recorded now?".

    Attributes:
        allowed: Whether.
        reason: What the patient's consent says.
        emergency: Id of the emergency that opens it; empty when none does.
        number: Its number, which a use names; 0 when none does.
    """

    allowed: bool
    reason: Reason
    emergency: bytes
    number: int = 0
