"""Accesses: who used whose data, and who broke the glass.

>>> from salus.formats.commitments import commit
>>> commitment, salt = commit(b'{"resourceType": "Observation", "status": "final"}')
>>> len(commitment), len(salt)
(32, 32)
>>> hospital.accesses.record([Access(patient, ("TREAT",), ("Observation",), commitment)])  # doctest: +SKIP

The chain has a salted commitment of each record that was used, never the record; whoever keeps the salt can prove later
which record it was. Times are seconds of the chain's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from salus.consent import codes
from salus.consent.model import Reason
from salus.errors import BadInput
from salus.errors.explanations import OUTCOMES
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.institutions.registry import Institutions

__all__ = ["Access", "Accesses", "Cause", "Emergency", "Outcome", "Permission", "Use"]

_NOTHING = bytes(32)


class Cause(IntEnum):
    """Why the glass was broken."""

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


@dataclass(frozen=True)
class Access:
    """A use of data that an institution records.

    Attributes:
        patient: Whose.
        purposes: Names; one, or several at once.
        categories: Names: the record's class and all of its sensitivity labels.
        record: Salted commitment of the record, 32 bytes; see :func:`salus.formats.commitments.commit`.
    """

    patient: str
    purposes: Collection[str]
    categories: Collection[str]
    record: bytes


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

    @property
    def purpose_names(self) -> frozenset[str]:
        """Names of the purposes, each for itself."""
        return frozenset(name.removeprefix("only:") for name in codes.purpose_names(self.purposes))


@dataclass(frozen=True)
class Emergency:
    """A declaration that broke the glass.

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


@dataclass(frozen=True)
class Permission:
    """The answer to "may this be recorded now?".

    Attributes:
        allowed: Whether.
        reason: What the patient's consent says.
        emergency: Id of the emergency that opens it; empty when none does.
    """

    allowed: bool
    reason: Reason
    emergency: bytes


class Accesses:
    """The contract ``AccessLog`` as the client's signer uses it; ``salus.accesses``."""

    def __init__(self, ledger: Ledger, institutions: Institutions) -> None:
        self._ledger = ledger
        self._institutions = institutions

    @property
    def _f(self) -> Any:
        return self._ledger.contract("AccessLog").functions

    # ---- acting

    def record(self, accesses: Iterable[Access]) -> Receipt:
        """The signer's institution records uses of data, all or none.

        Raises:
            BadInput: None, or a malformed one.
            Refused: ``AccessRefused``: the patient does not permit it; ``NotLicensed``.
        """
        given = []
        for access in accesses:
            purposes, categories = _scope(access.purposes, access.categories)
            if len(access.record) != 32:
                raise BadInput(
                    "",
                    "record",
                    f"has {len(access.record)} bytes; a commitment has 32, see `salus.formats.commitments.commit`",
                )
            given.append((address(access.patient, "patient"), purposes, categories, bytes(access.record)))
        if not given:
            raise BadInput("", "accesses", "there is none")
        return self._ledger.send(self._f.record(given))

    def declare_emergency(
        self, patient: str, cause: Cause, categories: Iterable[str], seconds: int
    ) -> tuple[bytes, Receipt]:
        """The signer, a clinician, breaks the glass for its institution.

        Args:
            categories: Names; a sensitivity label must be named, ``all`` does not include it.
            seconds: For how long, at most a day.

        Returns:
            The emergency's id and the receipt.

        Raises:
            BadInput: A malformed value.
            Refused: ``EmergencyRefused``, ``EmergencyUnderWay``, ``InvalidEmergency``, ``NotLicensed``.
        """
        who, bits = address(patient, "patient"), codes.category_bits(categories)
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 1 << 40:
            raise BadInput("", "seconds", f"is {seconds!r}; it must be a positive whole number")
        receipt = self._ledger.send(self._f.declareEmergency(who, int(Cause(cause)), bits, seconds))
        (event,) = receipt.events("EmergencyDeclared")
        return bytes(event.args["emergency"]), receipt

    def review(self, emergency: bytes, outcome: Outcome) -> Receipt:
        """The signer, the regulator's reviewer, closes a declaration; once.

        Raises:
            Refused: ``UnknownEmergency``, ``AlreadyReviewed``, ``AccessManagedUnauthorized``.
        """
        return self._ledger.send(self._f.review(_id(emergency), int(Outcome(outcome))))

    # ---- views

    def may_access(self, patient: str, actor: str, purposes: Iterable[str], categories: Iterable[str]) -> Permission:
        """May an institution, or an operator of one, record this use now?

        Args:
            actor: Its name or address.
        """
        bits = codes.request_bits(purposes), codes.category_bits(categories)
        who, other = address(patient, "patient"), self._institutions.resolve(actor)
        allowed, reason, emergency = self._ledger.call(self._f.mayAccess(who, other, *bits))
        return Permission(allowed, Reason(reason), b"" if emergency == _NOTHING else emergency)

    def emergency(self, emergency: bytes) -> Emergency | None:
        """One declaration as it is now; None when there is none."""
        found = self._ledger.call(self._f.emergency(_id(emergency)))
        return _emergency(emergency, found, 0) if found.declaredAt else None

    def emergencies(self, patient: str, *, since: int | None = None) -> tuple[Emergency, ...]:
        """Every declaration on a patient's data, oldest first, as it is now.

        Args:
            since: The first block to look at; by default the contract's own.
        """
        who = {"patient": address(patient, "patient")}
        events = self._ledger.logs("AccessLog", "EmergencyDeclared", who, since=since)
        answers = self._ledger.calls("AccessLog", "emergency", [(event.args["emergency"],) for event in events])
        together = zip(events, answers, strict=True)
        return tuple(_emergency(event.args["emergency"], found, event.block) for event, found in together)

    def all(self, patient: str, *, since: int | None = None) -> tuple[Use, ...]:
        """Every recorded use of a patient's data, oldest first; see :meth:`emergencies`."""
        who = {"patient": address(patient, "patient")}
        found = []
        for event in self._ledger.logs("AccessLog", "AccessRecorded", who, since=since):
            a = event.args
            emergency = b"" if a["emergency"] == _NOTHING else bytes(a["emergency"])
            scope = a["purpose"], a["categories"], bytes(a["record"])
            found.append(
                Use(a["patient"], a["institution"], a["actor"], *scope, emergency, event.block, event.transaction)
            )
        return tuple(found)


def _scope(purposes: Iterable[str], categories: Iterable[str]) -> tuple[int, int]:
    bits = codes.request_bits(purposes), codes.category_bits(categories)
    if not all(bits):
        raise BadInput("", "category" if bits[0] else "purpose", "is missing; name at least one")
    return bits


def _id(emergency: bytes) -> bytes:
    if not isinstance(emergency, bytes) or len(emergency) != 32:
        raise BadInput("", "emergency", "must be the 32 bytes of its id")
    return emergency


def _emergency(id: bytes, found: Any, block: int) -> Emergency:
    return Emergency(
        id,
        found.patient,
        found.institution,
        found.clinician,
        found.categories,
        found.declaredAt,
        found.until,
        Cause(found.cause),
        Outcome(found.outcome),
        block,
    )
