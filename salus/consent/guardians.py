"""Guardians: who may act for a patient, and how a patient who lost the key gets back.

A patient acts directly, or signs a **request** that anybody submits; then the patient needs no ether. A recovery is a
request that several guardians sign, each a copy of the same file (:mod:`salus.consent.guardian_requests`):

>>> request = daughter.guardians.prepare_recovery(patient, successor)                   # doctest: +SKIP
>>> signed = [g.guardians.sign(request) for g in (daughter, neighbour)]                      # doctest: +SKIP
>>> daughter.guardians.submit(collect(signed))                                          # doctest: +SKIP
>>> anybody.guardians.finish(patient)                       # when the delay is over  # doctest: +SKIP

Times are seconds of the chain's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from salus.chain.clock import send_at
from salus.consent import codes
from salus.consent.guardian_model import Delegation, EndedMandate, GuardianSet, PendingGuardians, Recovery
from salus.consent.guardian_requests import BY_GUARDIANS, WEEK, Request
from salus.errors import BadInput, WalletError
from salus.institutions.registry import ZERO
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event, Receipt
    from salus.keys.signers import Signer

__all__ = ["Delegation", "EndedMandate", "GuardianSet", "Guardians", "PendingGuardians", "Recovery"]

_DIRECT = (0, 0, b"")  # the caller itself is the signer
_GAS = 1_000_000  # above ten guardians' signatures or ten new slots
_MOST = 10
_FUNCTIONS = {
    "delegate": "setDelegate",
    "guardians": "setGuardians",
    "contact": "setEmergencyContact",
    "veto": "veto",
}
_STEPS = (
    "DelegateSet",
    "GuardiansSet",
    "GuardiansProposed",
    "GuardiansDeferred",
    "RecoveryStarted",
    "RecoveryVetoed",
    "RecoveryWithdrawn",
    "RecoveryLapsed",
    "PatientMoved",
    "EmergencyContactSet",
)


class Guardians:
    """The contract ``Guardians`` as the client's signer uses it; ``salus.guardians``."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Guardians").functions

    # ---- views

    def controller_of(self, patient: str) -> str:
        """Who signs for a patient: its own account, or the one that a recovery moved it to."""
        return str(self._ledger.call(self._f.controllerOf(address(patient, "patient"))))

    def may_act(self, patient: str, delegate: str, purposes: Iterable[str], categories: Iterable[str]) -> bool:
        """May a delegate act now for all of these purposes and categories?"""
        who, other = address(patient, "patient"), address(delegate, "delegate")
        bits = codes.purpose_bits(purposes), codes.category_bits(categories)
        return bool(self._ledger.call(self._f.mayAct(who, other, *bits)))

    def delegation(self, patient: str, delegate: str) -> Delegation:
        """What one delegate may do."""
        who, other = address(patient, "patient"), address(delegate, "delegate")
        return Delegation(other, *self._ledger.call(self._f.delegation(who, other)))

    def delegates(self, patient: str) -> tuple[Delegation, ...]:
        """Everybody who was ever named and not removed, the term running or not."""
        who = address(patient, "patient")
        events = self._ledger.logs("Guardians", "DelegateSet", {"patient": who})
        accounts = list(dict.fromkeys(event.args["delegate"] for event in events))
        answers = self._ledger.calls("Guardians", "delegation", [(who, account) for account in accounts])
        found = (Delegation(account, *answer) for account, answer in zip(accounts, answers, strict=True))
        return tuple(delegation for delegation in found if delegation.until)

    def guardian_set(self, patient: str) -> GuardianSet:
        """The guardians of a patient."""
        return GuardianSet(*self._ledger.call(self._f.guardianSet(address(patient, "patient"))))

    def recovery(self, patient: str) -> Recovery | None:
        """The move that is under way; None when there is none."""
        found = self._ledger.call(self._f.recovery(address(patient, "patient")))
        if found.successor == ZERO or self._ledger.now() >= found.lapsesAt:
            return None
        return Recovery(found.successor, found.readyAt, found.lapsesAt)

    def pending(self, patient: str) -> PendingGuardians | None:
        """The change of the guardians that waits; None when there is none."""
        found = self._ledger.call(self._f.pendingGuardians(address(patient, "patient")))
        return PendingGuardians(*found) if found.readyAt else None

    def contact(self, patient: str) -> str | None:
        """Whom an emergency of the patient is told to; None for nobody."""
        found = str(self._ledger.call(self._f.contactOf(address(patient, "patient"))))
        return None if found == ZERO else found

    def ended_mandates(self, patient: str) -> tuple[EndedMandate, ...]:
        """Delegates whose mandate is over, with what they granted: the patient is asked again."""
        who, now = address(patient, "patient"), self._ledger.now()
        ended = {d.delegate: d.until for d in self.delegates(who) if d.until <= now}
        if not ended:
            return ()
        signed = self._ledger.logs("ConsentRegistry", "SignedByDelegate", {"patient": who})
        # The event of a delegate's signature comes just before that of what it signed.
        by = {(event.transaction, event.index + 1): event.args["delegate"] for event in signed}
        granted: dict[tuple[str, int], tuple[str, int]] = {}
        said: dict[str, int] = {}  # when the patient itself last said something to a grantee
        for event in self._ledger.logs("ConsentRegistry", "ConsentGranted", {"patient": who}):
            grantee, issued = event.args["grantee"], event.args["issuedAt"]
            if signer := by.get((event.transaction, event.index)):
                granted[grantee, event.args["index"]] = signer, issued
            else:
                said[grantee] = max(issued, said.get(grantee, 0))
        open_ = {place: signer for place, (signer, issued) in granted.items() if issued > said.get(place[0], 0)}
        return tuple(
            EndedMandate(delegate, until, tuple(place for place, signer in open_.items() if signer == delegate))
            for delegate, until in ended.items()
        )

    def history(self, patient: str, *, since: int | None = None) -> tuple[Event, ...]:
        """Every change of delegates and guardians and every step of a recovery, oldest first.

        Args:
            since: The first block to look at; by default the contract's own.
        """
        who = {"patient": address(patient, "patient")}
        events = [event for name in _STEPS for event in self._ledger.logs("Guardians", name, who, since=since)]
        return tuple(sorted(events, key=lambda event: (event.block, event.index)))

    # ---- direct: the signer controls the patient's account

    def set_delegate(
        self,
        delegate: str,
        purposes: Iterable[str],
        categories: Iterable[str],
        until: int,
        *,
        patient: str | None = None,
    ) -> Receipt:
        """Name or change a delegate.

        Args:
            purposes: Names.
            categories: Names; ``all`` has no sensitivity label.
            until: First second at which it may no longer act.
            patient: By default the signer; after a recovery the patient whose account the signer controls.

        Raises:
            BadInput: An unknown name or an empty set.
            Refused: ``InvalidDelegate``, ``InvalidSignature`` …
        """
        return self.carry_out(self.prepare_delegate(delegate, purposes, categories, until, patient=patient))

    def remove_delegate(self, delegate: str, *, patient: str | None = None) -> Receipt:
        """Remove a delegate at once."""
        return self.carry_out(self.prepare_removal(delegate, patient=patient))

    def set_guardians(
        self, guardians: Iterable[str], threshold: int, delay: int, *, patient: str | None = None
    ) -> Receipt:
        """Name the guardians; none removes them. Where some stand it waits their delay: :meth:`apply` makes it.

        Args:
            guardians: At most ten accounts, in any order.
            threshold: How many of them must agree.
            delay: Seconds between their agreement and the move, two to sixty days.

        Raises:
            BadInput: An account twice, more than ten, or an impossible threshold.
            Refused: ``InvalidGuardians``, ``InvalidSignature`` …
        """
        return self.carry_out(self.prepare_guardians(guardians, threshold, delay, patient=patient))

    def veto(self, *, patient: str | None = None) -> Receipt:
        """End a recovery that is under way."""
        return self.carry_out(self.prepare_veto(patient=patient))

    def set_contact(self, contact: str | None, *, patient: str | None = None) -> Receipt:
        """Name whom an emergency is told to; None for nobody."""
        return self.carry_out(self.prepare_contact(contact, patient=patient))

    def apply(self, patient: str) -> Receipt:
        """Make the change of the guardians that waited; anybody may.

        Raises:
            Refused: ``NothingPending``, ``NotReady``, ``RecoveryPending``.
        """
        return self._ledger.send(self._f.applyGuardians(address(patient, "patient")))

    def finish(self, patient: str) -> tuple[Receipt, ...]:
        """Make the move once the delay is over, and let the ConsentRegistry follow; anybody may.

        A move that is made already is only followed.

        Raises:
            Refused: ``NoRecovery``, ``NotReady``.
        """
        who = address(patient, "patient")
        receipts = []
        if self.recovery(who) is not None or self.controller_of(who) == who:
            receipts.append(self._ledger.send(self._f.finishRecovery(who)))
        follow = self._ledger.contract("ConsentRegistry").functions.follow(who)
        return (*receipts, self._ledger.send(follow))

    # ---- signed and submitted

    def prepare_delegate(
        self,
        delegate: str,
        purposes: Iterable[str],
        categories: Iterable[str],
        until: int,
        *,
        patient: str | None = None,
        valid_for: int = WEEK,
    ) -> Request:
        """A delegate to sign for; see :meth:`set_delegate`."""
        bits = {"purposes": codes.purpose_bits(purposes), "categories": codes.category_bits(categories)}
        if missing := [field for field, value in bits.items() if not value]:
            raise BadInput("", missing[0], "is missing; name at least one")
        if not 0 < until < 1 << 40:
            raise BadInput("", "until", f"is {until!r}; it must be Unix seconds below 2^40")
        return self._delegate(delegate, {**bits, "until": until}, patient, valid_for)

    def prepare_removal(self, delegate: str, *, patient: str | None = None, valid_for: int = WEEK) -> Request:
        """A removal to sign; see :meth:`remove_delegate`."""
        return self._delegate(delegate, {"purposes": 0, "categories": 0, "until": 0}, patient, valid_for)

    def _delegate(self, delegate: str, scope: dict[str, int], patient: str | None, valid_for: int) -> Request:
        who, other = self._whose(patient), address(delegate, "delegate")
        # At the same second a removal wins.
        first = self.delegation(who, other).issued_at + (1 if scope["until"] else 0)
        return self._request("delegate", who, {"delegate": other, **scope}, first, valid_for)

    def prepare_guardians(
        self,
        guardians: Iterable[str],
        threshold: int,
        delay: int,
        *,
        patient: str | None = None,
        valid_for: int = WEEK,
    ) -> Request:
        """Guardians to sign for; see :meth:`set_guardians`."""
        who = self._whose(patient)
        accounts = [address(guardian, "guardian") for guardian in guardians]
        if len(set(accounts)) != len(accounts) or len(accounts) > _MOST:
            raise BadInput(
                "", "guardian", "is there twice" if len(accounts) <= _MOST else f"there are more than {_MOST}"
            )
        if accounts and not 0 < threshold <= len(accounts):
            raise BadInput(
                "", "threshold", f"is {threshold}; of {len(accounts)} guardians 1 to {len(accounts)} must agree"
            )
        fields = {
            "guardians": tuple(sorted(accounts, key=lambda account: int(account, 16))),
            "threshold": threshold if accounts else 0,
            "delay": delay if accounts else 0,
        }
        waiting = self.pending(who)
        last = waiting.issued_at if waiting else self.guardian_set(who).issued_at
        return self._request("guardians", who, fields, last + 1, valid_for)

    def prepare_contact(self, contact: str | None, *, patient: str | None = None, valid_for: int = WEEK) -> Request:
        """An emergency contact to sign for; see :meth:`set_contact`. It is public: let it be an account for this."""
        who = self._whose(patient)
        other = ZERO if contact is None else address(contact, "contact")
        # At the same second a removal wins; the chain keeps the issue of the last change to itself.
        return self._request("contact", who, {"contact": other}, 0, valid_for)

    def prepare_recovery(self, patient: str, successor: str, *, valid_for: int = WEEK) -> Request:
        """A move of a patient, for its guardians to sign.

        Args:
            successor: The account that will sign for the patient.
            valid_for: Seconds for which it may be submitted.
        """
        who = address(patient, "patient")
        fields = {"successor": address(successor, "successor"), "version": self.guardian_set(who).version}
        return self._request("recover", who, fields, 0, valid_for)

    def prepare_withdrawal(self, patient: str, *, valid_for: int = WEEK) -> Request:
        """The withdrawal of a recovery that runs, e.g. to a wrong successor, for the patient's guardians to sign.

        Raises:
            BadInput: None runs.
        """
        return self._against("withdraw", address(patient, "patient"), valid_for)

    def prepare_veto(self, *, patient: str | None = None, valid_for: int = WEEK) -> Request:
        """A veto to sign against the recovery that is under way.

        Raises:
            BadInput: None is.
        """
        return self._against("veto", self._whose(patient), valid_for)

    def _against(self, action: str, who: str, valid_for: int) -> Request:
        recovery = self.recovery(who)
        if recovery is None:
            raise BadInput("", "patient", f"no recovery of {who} is under way")
        fields = {"successor": recovery.successor, "version": self.guardian_set(who).version}
        return self._request(action, who, fields, 0, valid_for)

    def _whose(self, patient: str | None) -> str:
        return address(patient, "patient") if patient else self._ledger.need_signer().address

    def _request(self, action: str, patient: str, fields: dict[str, Any], earliest: int, valid_for: int) -> Request:
        now = max(self._ledger.now(), earliest)
        where = self._ledger.book["Guardians"].address
        return Request(action, patient, fields, now, now + valid_for, self._ledger.chain_id, where)

    def sign(self, request: Request, *, signer: Signer | None = None) -> Request:
        """The request with one more signature.

        Args:
            signer: Who controls the patient's account, of a recovery or its withdrawal one of its guardians; by
                default the client's signer.

        Raises:
            BadInput: The request is for another chain or contract, or a value is out of range.
            WalletError: The signer has no say in it.
        """
        self._check_home(request)
        who = signer or self._ledger.need_signer()
        if request.action in BY_GUARDIANS:
            if who.address not in self.guardian_set(request.patient).guardians:
                raise WalletError(f"{who.address} is no guardian of {request.patient}")
        elif who.address != self.controller_of(request.patient):
            raise WalletError(f"the request is of {request.patient}, the signer is {who.address}")
        return request.signed(who.address, who.sign_typed(request.typed()))

    def submit(self, request: Request) -> Receipt:
        """Submit a signed request; anybody may.

        Raises:
            BadInput: Unsigned, or for another chain or contract.
            Refused: ``TooFewGuardians``, ``Superseded``, ``DeadlinePassed``, ``InvalidSignature`` …
        """
        self._check_home(request)
        if not request.signatures:
            raise BadInput("", "signatures", "there is none; it is signed first")
        if request.action in BY_GUARDIANS:
            order = sorted(request.signatures, key=lambda account: int(account, 16))
            signatures = [request.signatures[account] for account in order]
            agreed = request.deadline, order, signatures
            if request.action == "withdraw":
                return self._ledger.send(self._f.withdrawRecovery(request.patient, *agreed))
            return self._ledger.send(self._f.startRecovery(request.patient, request.fields["successor"], *agreed))
        (signature,) = request.signatures.values()
        return self._send(request, (request.issued_at, request.deadline, signature), request.issued_at)

    def carry_out(self, request: Request) -> Receipt:
        """Do what a request asks for; the signer controls the patient's account and pays, so nothing is signed apart.

        Raises:
            Refused: See :meth:`submit`.
        """
        self._check_home(request)
        return self._send(request, _DIRECT, request.issued_at)

    def _send(self, request: Request, authorization: tuple[int, int, bytes], at: int) -> Receipt:
        name = _FUNCTIONS[request.action]
        values = () if request.action == "veto" else tuple(request.fields.values())
        return send_at(self._ledger, self._f[name](request.patient, *values, authorization), at, gas=_GAS)

    def _check_home(self, request: Request) -> None:
        here = self._ledger.book["Guardians"].address
        if request.chain_id != self._ledger.chain_id:
            raise BadInput("request", "chainId", f"is {request.chain_id}; this chain is {self._ledger.chain_id}")
        if request.contract != here:
            raise BadInput("request", "contract", f"is {request.contract}; the Guardians here are {here}")
