"""Accesses: who used whose data, and who opened it in an emergency (break-glass access).

>>> from salus.formats.commitments import commit
>>> commitment, salt = commit(b'{"resourceType": "Observation", "status": "final"}')
>>> len(commitment), len(salt)
(32, 32)
>>> done = hospital.accesses.record([Access(patient, ("TREAT",), ("Observation",), commitment)])  # doctest: +SKIP
>>> done.skipped                                       # what was not permitted, each with its reason  # doctest: +SKIP
()

The chain has a salted commitment of each record that was used, never the record; whoever keeps the salt can prove later
which record it was. Times are seconds of the chain's clock. What is used while no node answers is kept as evidence and
recorded later: :mod:`salus.consent.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from salus.chain.clock import send_at
from salus.consent import codes
from salus.consent.access_model import (
    Access,
    Cause,
    Emergency,
    Outcome,
    Permission,
    Recording,
    Refusal,
    Skipped,
    Use,
)
from salus.consent.model import Mode, Reason
from salus.consent.second_opinions import NO_OPINION, SecondOpinion
from salus.errors import BadInput
from salus.institutions.registry import ZERO
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event, Receipt
    from salus.institutions.registry import Institutions
    from salus.keys.signers import Signer

__all__ = [
    "Access",
    "Accesses",
    "Cause",
    "Emergency",
    "Outcome",
    "Permission",
    "Recording",
    "Refusal",
    "Skipped",
    "Use",
]

_NOTHING = bytes(32)
_PROVABLE = 0
_GAS_OF_ONE = 500_000  # far above what a late use takes


class Accesses:
    """The contract ``AccessLog`` as the client's signer uses it; ``salus.accesses``."""

    def __init__(self, ledger: Ledger, institutions: Institutions) -> None:
        self._ledger = ledger
        self._institutions = institutions

    @property
    def _f(self) -> Any:
        return self._ledger.contract("AccessLog").functions

    # ---- acting

    def record(self, accesses: Iterable[Access], *, strict: bool = False) -> Recording:
        """The signer's institution records uses of data: what is permitted is recorded, the others are told.

        Args:
            strict: All or none: the first that is refused raises.

        Raises:
            BadInput: None, or a malformed one.
            Refused: ``NotLicensed``; where ``strict``, ``AccessRefused``: the patient does not permit it.
        """
        uses = list(accesses)
        given = [_words(access) for access in uses]
        if not given:
            raise BadInput("", "accesses", "there is none")
        fn = self._f.record(given, int(Mode.STRICT if strict else Mode.TOLERANT))
        if latest := max(access.used_at for access in uses):
            # What was used in this second is in the future of a chain that waits for transactions.
            receipt = send_at(self._ledger, fn, latest, gas=_GAS_OF_ONE * len(given))
        else:
            receipt = self._ledger.send(fn)
        skipped = tuple(
            Skipped(
                event.args["position"],
                event.args["patient"],
                bytes(event.args["record"]),
                Refusal(event.args["refusal"]),
                Reason(event.args["reason"]),
            )
            for event in receipt.events("AccessSkipped")
        )
        late = receipt.events("LateAccessRecorded")
        unproven = sum(event.args["lateness"] != _PROVABLE for event in late)
        return Recording(receipt, len(given) - len(skipped), unproven, skipped)

    def declare_emergency(
        self,
        patient: str,
        cause: Cause,
        categories: Iterable[str],
        seconds: int,
        *,
        second: SecondOpinion | None = None,
    ) -> tuple[bytes, Receipt]:
        """The signer, a clinician, declares an emergency for its institution. Others that run stand beside it.

        Args:
            categories: Names; a sensitivity label must be named, ``all`` does not include it.
            seconds: For how long, at most a day.
            second: Another clinician's signature, where :meth:`needs_second` says so; see :meth:`sign_second`.

        Returns:
            The emergency's id and the receipt.

        Raises:
            BadInput: A malformed value.
            Refused: ``EmergencyRefused``, ``InvalidEmergency``, ``NotLicensed``, ``SecondClinicianNeeded`` …
        """
        who, bits = address(patient, "patient"), codes.category_bits(categories)
        lasts = _duration(seconds)
        opinion = (second or NO_OPINION).for_chain()
        receipt = self._ledger.send(self._f.declareEmergency(who, int(Cause(cause)), bits, lasts, opinion))
        (event,) = receipt.events("EmergencyDeclared")
        return bytes(event.args["emergency"]), receipt

    def needs_second(self, patient: str, clinician: str) -> bool:
        """Must a second clinician sign what this one declares for this patient now?"""
        who, other = address(patient, "patient"), self._institutions.resolve(clinician)
        return bool(self._ledger.call(self._f.needsSecond(who, other)))

    def sign_second(
        self,
        patient: str,
        clinician: str,
        cause: Cause,
        categories: Iterable[str],
        seconds: int,
        *,
        valid_for: int = 3600,
        signer: Signer | None = None,
    ) -> SecondOpinion:
        """As another clinician, sign what ``clinician`` is about to declare.

        Args:
            clinician: Name or address of who declares it.
            cause: Why.
            categories: Names, as they are declared.
            seconds: For how long, as it is declared.
            valid_for: Seconds for which the signature can be submitted; it counts once.
            signer: By default the client's signer.
        """
        signed_by, other = signer or self._ledger.need_signer(), self._institutions.resolve(clinician)
        deadline = self._ledger.now() + valid_for
        draft = SecondOpinion(
            signed_by.address,
            address(patient, "patient"),
            self._institutions.standing(other).institution,
            other,
            int(Cause(cause)),
            codes.category_bits(categories),
            _duration(seconds),
            deadline,
            self._ledger.chain_id,
            self._ledger.book["AccessLog"].address,
        )
        return draft.signed(signed_by.sign_typed(draft.typed()))

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
        allowed, reason, number = self._ledger.call(self._f.mayAccess(who, other, *bits))
        if not number:
            return Permission(allowed, Reason(reason), b"")
        house = self._institutions.standing(other).institution
        id = self._ledger.call(self._f.emergencyId(who, house, number))
        return Permission(allowed, Reason(reason), bytes(id), number)

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
        return self._uses({"patient": address(patient, "patient")}, since)

    def unproven(self, *, institution: str | None = None, since: int | None = None) -> tuple[Use, ...]:
        """Uses that were recorded too late for the chain to prove that they were permitted: for a reviewer.

        Args:
            institution: Only of this one; name or address.
            since: The first block to look at; by default the contract's own.
        """
        who = {"institution": self._institutions.resolve(institution)} if institution else {}
        return tuple(use for use in self._uses(who, since, ("LateAccessRecorded",)) if not use.provable)

    def _uses(
        self,
        who: dict[str, Any],
        since: int | None,
        names: Sequence[str] = ("AccessRecorded", "LateAccessRecorded"),
    ) -> tuple[Use, ...]:
        events = [event for name in names for event in self._ledger.logs("AccessLog", name, who, since=since)]
        return tuple(_use(event) for event in sorted(events, key=lambda event: (event.block, event.index)))


def _use(event: Event) -> Use:
    a = event.args
    emergency = b"" if a["emergency"] == _NOTHING else bytes(a["emergency"])
    scope = a["purpose"], a["categories"], bytes(a["record"])
    late = (a["usedAt"], a["lateness"] == _PROVABLE) if event.name == "LateAccessRecorded" else (None, True)
    where = event.block, event.transaction
    return Use(a["patient"], a["institution"], a["actor"], *scope, emergency, *where, *late)


def _words(access: Access) -> tuple[Any, ...]:
    """A use as the contract takes it."""
    purposes, categories = _scope(access.purposes, access.categories)
    if len(access.record) != 32:
        raise BadInput(
            "",
            "record",
            f"has {len(access.record)} bytes; a commitment has 32, see `salus.formats.commitments.commit`",
        )
    for name, value, size in (("emergency", access.emergency, 32), ("used_at", access.used_at, 40)):
        if type(value) is not int or not 0 <= value < 1 << size:
            raise BadInput("", name, f"is {value!r}; it must be a whole number, 0 for none")
    who = address(access.patient, "patient")
    return who, purposes, categories, bytes(access.record), access.emergency, access.used_at


def _duration(seconds: int) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 1 << 40:
        raise BadInput("", "seconds", f"is {seconds!r}; it must be a positive whole number")
    return seconds


def _scope(purposes: Iterable[str], categories: Iterable[str]) -> tuple[int, int]:
    bits = codes.request_bits(purposes), codes.category_bits(categories)
    if not all(bits):
        raise BadInput("", "category" if bits[0] else "purpose", "is missing; name at least one")
    if not bits[1] & codes.category_bits(["all"]):
        raise BadInput("", "category", "names no record class; a sensitivity label goes with one, e.g. Observation")
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
        found.number,
        "" if found.second == ZERO else found.second,
        found.reviewedAt,
    )
