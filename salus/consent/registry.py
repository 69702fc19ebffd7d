"""Consent: who may use which data of a patient, for what purpose, until when.

A patient grants and revokes directly, or signs an **order** that anybody relays; then the patient needs no ether:

>>> draft = DirectiveDraft("city-hospital", Effect.PERMIT, frozenset({"TREAT"}), frozenset({"all"}), 0, 1900000000)
>>> order = patient.consent.sign(patient.consent.prepare_grant(draft))           # doctest: +SKIP
>>> hospital.consent.relay([order])                                              # doctest: +SKIP

Times are seconds of the chain's clock. Sets of purposes and categories are integers (bits) in what the chain knows, and
names in a :class:`DirectiveDraft`; :mod:`salus.consent.codes` turns one into the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from salus.abi.bits import role_names
from salus.chain.clock import send_at
from salus.consent import codes
from salus.consent.acts import check_grantee
from salus.consent.explain import explain
from salus.consent.history import Action, actions
from salus.consent.model import (
    ALL_PLACES,
    PLACES,
    WEEK,
    Answer,
    Decision,
    Directive,
    DirectiveDraft,
    Effect,
    Explanation,
    Mode,
    Order,
    Policy,
    Reason,
    Record,
    ScopeMasks,
    Status,
)
from salus.consent.places import choose_place, issued_before
from salus.consent.relay import BATCH, GAS_OF_ONE, Relayed, Skipped, relay_all, words
from salus.errors import BadInput, WalletError
from salus.institutions.registry import ZERO
from salus.institutions.roles import role_bits
from salus.keys.addresses import address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event, Receipt
    from salus.consent.guardians import Guardians
    from salus.institutions.registry import Institutions
    from salus.keys.signers import Signer
    from salus.outbox import Outbox

__all__ = [
    "ALL_PLACES",
    "WEEK",
    "Answer",
    "Consent",
    "Decision",
    "Directive",
    "DirectiveDraft",
    "Effect",
    "Explanation",
    "Mode",
    "Order",
    "Policy",
    "Reason",
    "Record",
    "Relayed",
    "ScopeMasks",
    "Skipped",
    "Status",
]


class Consent:
    """The contract ``ConsentRegistry`` as the client's signer uses it; ``salus.consent``."""

    def __init__(self, ledger: Ledger, institutions: Institutions, guardians: Guardians) -> None:
        self._ledger = ledger
        self._institutions = institutions
        self._guardians = guardians

    @property
    def _f(self) -> Any:
        return self._ledger.contract("ConsentRegistry").functions

    # ---- what is granted to whom

    def resolve(self, grantee: str, *, file: str = "") -> str:
        """The account of a grantee: an institution's name or address, or ``role:PROVIDER``.

        Raises:
            BadInput: No such institution or role.
        """
        if grantee.casefold().startswith("role:"):
            return f"0x{role_bits([grantee[5:]], file=file):040x}"
        account = self._institutions.resolve(grantee, file=file)
        if int(account, 16) < 1 << 32:
            raise BadInput(file, "grantee", f"{grantee!r} is no institution's account; for a role write role:PROVIDER")
        return account

    def name(self, grantee: str) -> str:
        """A grantee for people: ``role:PROVIDER``, an institution's public name, or the address."""
        number = int(grantee, 16)
        if 0 < number < 1 << 32:
            return f"role:{'+'.join(sorted(role_names(number)))}"
        return self._institutions.name(grantee)

    def names(self, grantees: Iterable[str]) -> dict[str, str]:
        """Many grantees for people, asked for at once; see :meth:`name`."""
        accounts = set(grantees)
        roles = {account: self.name(account) for account in accounts if 0 < int(account, 16) < 1 << 32}
        return roles | self._institutions.names(sorted(accounts - set(roles)))

    def directive(
        self,
        patient: str,
        draft: DirectiveDraft,
        *,
        index: int | None = None,
        taken: Collection[tuple[str, str, int]] = (),
        signed: Sequence[Order] = (),
        delegate: str | None = None,
    ) -> Directive:
        """A draft as the contract takes it.

        Args:
            delegate: Who will sign for the patient, among whose directives the place is; None for whoever controls the
                patient's account.
            index: The place, 0 to 3; by default that of a directive with the same effect and purposes (which is thus
                renewed; a denial only when all of it is denied again), else the first one at which nothing is in force.
            taken: Places that are given away already, as (patient, grantee, index), where several drafts go together.
            signed: Orders of the patient that are not on the chain yet: what they grant counts as in force.

        Raises:
            BadInput: An unknown name, an empty set, an impossible period, or all four places are in force.
        """
        grantee = self.resolve(draft.grantee)
        check_grantee(self._institutions, grantee)
        purposes = codes.purpose_bits(draft.purposes, deny=draft.effect is Effect.DENY)
        categories = codes.category_bits(draft.categories, deny=draft.effect is Effect.DENY)
        if not purposes or not categories:
            raise BadInput("", "purpose" if not purposes else "category", "is missing; name at least one")
        if draft.effect not in (Effect.PERMIT, Effect.DENY):
            raise BadInput("", "effect", "must be permit or deny")
        if not 0 <= draft.start < draft.end < 1 << 40:
            raise BadInput("", "period", f"from {draft.start} to {draft.end} is empty or out of range")
        wanted = Directive(grantee, index or 0, Effect(draft.effect), purposes, categories, draft.start, draft.end)
        if index is not None:
            return wanted
        given = {place for who, whom, place in taken if (who, whom) == (patient, grantee)}
        records = self._own_records(patient, grantee, delegate)
        return replace(wanted, index=choose_place(records, _of_signer(signed, delegate), wanted, given))

    def renewal(
        self, patient: str, grantee: str, end: int, *, index: int | None = None, delegate: str | None = None
    ) -> Directive:
        """What a patient granted to a grantee, with a new end.

        Args:
            grantee: A name or an address.
            end: First second at which it no longer holds.
            index: Its place; by default the only one in force, or where none is, the only one that has expired.
            delegate: The delegate who granted it and signs again; None for the patient's own word.

        Raises:
            BadInput: Nothing is there, or several are and none was named.
        """
        who, target = address(patient, "patient"), self.resolve(grantee)
        there = [
            record
            for record in self._own_records(who, target, delegate)
            if record.status not in (Status.NONE, Status.REVOKED) and index in (None, record.index)
        ]
        there = [r for r in there if r.status is not Status.EXPIRED] or there
        if not there:
            raise BadInput("", "grantee", f"nothing that could be renewed was granted to {grantee}")
        if len(there) > 1:
            places = ", ".join(str(r.index) for r in there)
            raise BadInput("", "index", f"directives are at the places {places}; name the one to renew")
        (old,) = there
        if not old.start < end < 1 << 40:
            raise BadInput("", "end", f"{end} is not after the start, {old.start}")
        place = old.index + (self._first_place(who, delegate) or 0)
        document = self.document(who, target, place)
        return Directive(target, old.index, old.effect, old.purposes, old.categories, old.start, end, document)

    def document(self, patient: str, grantee: str, index: int) -> bytes:
        """The hash of the signed document that the directive at a place names; zeros for none."""
        events = self._ledger.logs("ConsentRegistry", "ConsentGranted", {"patient": patient, "grantee": grantee})
        return next((bytes(e.args["document"]) for e in reversed(events) if e.args["index"] == index), bytes(32))

    def delegates(self, patient: str) -> tuple[str, ...]:
        """The delegates who have said anything for a patient, in the order of their numbers, which begin with 1."""
        return tuple(self._ledger.call(self._f.delegatesOf(address(patient, "patient"))))

    def _first_place(self, patient: str, delegate: str | None) -> int | None:
        """Where the directives of a delegate begin; 0 for the patient's own, None for who never said anything."""
        if not delegate or delegate == self._guardians.controller_of(patient):
            return 0
        heard = self.delegates(patient)
        who = address(delegate, "delegate")
        return PLACES * (heard.index(who) + 1) if who in heard else None

    def _own_records(self, patient: str, grantee: str, delegate: str | None) -> list[Record]:
        """The four places of a pair among the directives of one signer, numbered from 0; none where a delegate never
        said anything.
        """
        first = self._first_place(patient, delegate)
        if first is None:
            return []
        found = self._records(patient, [(grantee, first + index) for index in range(PLACES)])
        return [replace(record, index=record.index - first) for record in found]

    # ---- direct

    def grant(self, draft: DirectiveDraft | Directive, *, index: int | None = None) -> Receipt:
        """The signer, a patient, grants; what stands at that place is replaced.

        Raises:
            BadInput: See :meth:`directive`.
            Refused: ``InvalidPeriod``, ``EmptyScope`` …
        """
        patient = self._ledger.need_signer().address
        directive = draft if isinstance(draft, Directive) else self.directive(patient, draft, index=index)
        # In the second in which all of it was revoked nothing can be permitted.
        earliest = max(self.revoked_until(patient), self.refused_until(patient, directive.grantee)) + 1
        fn = self._f.grant(directive.grantee, directive.packed(), directive.document)
        return send_at(self._ledger, fn, earliest, gas=GAS_OF_ONE)

    def revoke(self, grantee: str | None, *, index: int = ALL_PLACES) -> Receipt:
        """The signer, a patient, revokes.

        Args:
            grantee: Whose; None for everything of the patient.
            index: Which place; by default all.
        """
        target = ZERO if grantee is None else self.resolve(grantee)
        return self._ledger.send(self._f.revoke(target, index))

    # ---- signed and relayed

    def prepare_grant(
        self,
        draft: DirectiveDraft | Directive,
        *,
        patient: str | None = None,
        delegate: str | None = None,
        index: int | None = None,
        valid_for: int = WEEK,
        signed: Sequence[Order] = (),
        at: int = 0,
    ) -> Order:
        """An order to sign.

        Args:
            patient: By default the signer.
            delegate: Who signs for the patient, within its scope; None for whoever controls the patient's account.
            index: See :meth:`directive`.
            valid_for: Seconds for which it may be submitted.
            signed: Orders of the patient that are not on the chain yet: this one is issued later than those it meets.
            at: Not issued before this second, which may lie ahead: until then it cannot be submitted.
        """
        who = address(patient, "patient") if patient else self._ledger.need_signer().address
        if isinstance(draft, Directive):
            directive = draft
        else:
            directive = self.directive(who, draft, index=index, signed=signed, delegate=delegate)
        # A grant must be later than what stands at its place; within one second that means the next one.
        last = self._last(who, directive.grantee, directive.index, delegate)
        latest = max(
            last.issued_at if last else 0,
            self.refused_until(who, directive.grantee),
            self.revoked_until(who),
            issued_before(directive, _of_signer(signed, delegate)),
        )
        return self._order(who, directive, max(latest + 1, at), valid_for, delegate)

    def prepare_revoke(
        self,
        grantee: str | None,
        *,
        patient: str | None = None,
        delegate: str | None = None,
        index: int = ALL_PLACES,
        valid_for: int = WEEK,
        signed: Sequence[Order] = (),
        at: int = 0,
    ) -> Order:
        """A revocation to sign; see :meth:`revoke` and :meth:`prepare_grant`."""
        who = address(patient, "patient") if patient else self._ledger.need_signer().address
        target = ZERO if grantee is None else self.resolve(grantee)
        if grantee is None:
            first = self.revoked_until(who) + 1
        elif index == ALL_PLACES:
            first = self.refused_until(who, target) + 1
        else:
            last = self._last(who, target, index, delegate)
            # Later than what it ends, so that it does not depend on which of one second goes first.
            first = 0 if last is None else last.issued_at + 1
        directive = Directive(target, index, Effect.NONE)
        first = max(first, issued_before(directive, _of_signer(signed, delegate)) + 1, at)
        return self._order(who, directive, first, valid_for, delegate)

    def _last(self, patient: str, grantee: str, index: int, delegate: str | None) -> Record | None:
        """What is at a place of the signer's directives; None where a delegate never said anything."""
        first = self._first_place(patient, delegate)
        return None if first is None else self.record(patient, grantee, first + index)

    def _order(self, patient: str, directive: Directive, earliest: int, valid_for: int, delegate: str | None) -> Order:
        issued_at = max(self._ledger.now(), earliest)
        where = self._ledger.book["ConsentRegistry"].address
        signer = address(delegate, "delegate") if delegate else ""
        return Order(patient, directive, issued_at, issued_at + valid_for, self._ledger.chain_id, where, signer=signer)

    def sign(self, order: Order, *, signer: Signer | None = None) -> Order:
        """The order with its signature.

        Args:
            signer: The patient, the account that a recovery moved the patient to, or the order's delegate; by default
                the client's signer.

        Raises:
            BadInput: The order is for another chain or contract, or a value is out of range.
            WalletError: The signer is none of them.
        """
        self._check_home(order)
        who = signer or self._ledger.need_signer()
        if order.signer and who.address != order.signer:
            raise WalletError(f"the order is to be signed by the delegate {order.signer}, the signer is {who.address}")
        if not order.signer and who.address not in (order.patient, self._guardians.controller_of(order.patient)):
            raise WalletError(f"the order is of {order.patient}, the signer is {who.address}")
        return replace(order, signature=who.sign_typed(order.typed()))

    def relay(self, orders: Sequence[Order]) -> Receipt:
        """Submit signed orders in one transaction, all or none; anybody may.

        Raises:
            BadInput: None, unsigned, or for another chain or contract.
            Refused: ``Superseded``, ``DeadlinePassed``, ``InvalidSignature`` …
        """
        self._check_orders(orders)
        latest = max(o.issued_at for o in orders)
        return send_at(self._ledger, self._f.relay(*words(orders)), latest, gas=GAS_OF_ONE * len(orders))

    def relay_all(
        self, orders: Sequence[Order], *, batch: int = BATCH, outbox: Outbox | None = None
    ) -> Iterator[Relayed]:
        """Submit any number of signed orders; says what became of each as soon as it is known.

        What is good is carried out, and what is dead (superseded, expired, badly signed …) is skipped with its reason:
        the chain is asked first, so that it is not even sent where that is known. What was carried out before is not
        sent again either, and comes first, without a receipt. So whatever broke off is resumed where it was.

        Args:
            batch: Orders in a transaction, at most.
            outbox: Sends them, several transactions at a time and each once, and resumes what an earlier run left
                open; None to send one after the other.

        Raises:
            BadInput: See :meth:`relay`; then nothing is sent.
        """
        self._check_orders(orders)
        yield from relay_all(self._ledger, orders, batch=batch, outbox=outbox)

    def _check_orders(self, orders: Sequence[Order]) -> None:
        if not orders:
            raise BadInput("", "orders", "there is none")
        for order in orders:
            self._check_home(order)
            if not order.signature:
                raise BadInput("", "signature", "is missing; the patient signs first")

    def _check_home(self, order: Order) -> None:
        here = self._ledger.book["ConsentRegistry"].address
        if order.chain_id != self._ledger.chain_id:
            raise BadInput("order", "chainId", f"is {order.chain_id}; this chain is {self._ledger.chain_id}")
        if order.contract != here:
            raise BadInput("order", "contract", f"is {order.contract}; the ConsentRegistry here is {here}")

    # ---- views

    def decide(self, patient: str, actor: str, purposes: Iterable[str], categories: Iterable[str]) -> Decision:
        """May an institution, or an operator of one, use data of a patient now?

        Args:
            actor: Its name or address.
            purposes: One, or several that must all be permitted.
            categories: The record's class and all of its sensitivity labels; a label alone is no request.
        """
        bits = codes.request_bits(purposes), codes.category_bits(categories)
        return self._decide(address(patient, "patient"), self._institutions.resolve(actor), *bits)

    def _decide(self, patient: str, actor: str, purposes: int, categories: int) -> Decision:
        return self.decisions([(patient, actor, purposes, categories)])[0]

    def decisions(self, requests: Sequence[tuple[str, str, int, int]]) -> list[Decision]:
        """The answers to many requests at once: patient, actor, purposes and categories as bits."""
        answers = self._ledger.calls("ConsentRegistry", "decide", requests)
        return [Decision(Answer(answer), Reason(why), who, place) for answer, why, who, place in answers]

    def scope(self, patient: str, actor: str, purposes: Iterable[str]) -> ScopeMasks:
        """Which data of a patient an institution, or an operator of one, may use for a purpose now.

        The answer is that of :meth:`decide` for each category by itself; for a record with several categories ask that.

        Args:
            actor: Its name or address.
            purposes: One, or several that must all be permitted.
        """
        who = address(patient, "patient"), self._institutions.resolve(actor)
        permitted, denied = self._ledger.call(self._f.scope(*who, codes.request_bits(purposes)))
        return ScopeMasks(permitted, denied)

    def policy(self) -> Policy:
        """What holds where a patient never said anything."""
        return Policy(self._ledger.call(self._f.policy()))

    def record(self, patient: str, grantee: str, index: int) -> Record:
        """One place of a pair; ``grantee`` is an address."""
        return self._records(patient, [(grantee, index)])[0]

    def _records(self, patient: str, places: Sequence[tuple[str, int]]) -> list[Record]:
        answers = self._ledger.calls("ConsentRegistry", "directive", [(patient, *place) for place in places])
        found = []
        for (grantee, index), answer in zip(places, answers, strict=True):
            effect, purposes, categories, start, end, issued_at, status = answer
            found.append(
                Record(grantee, index, Effect(effect), purposes, categories, start, end, issued_at, Status(status))
            )
        return found

    def directives(self, patient: str, grantee: str) -> tuple[Record, ...]:
        """What a patient ever granted to a grantee (a name or an address), one record a place."""
        who, target = address(patient, "patient"), self.resolve(grantee)
        places = range(PLACES * (1 + len(self.delegates(who))))
        records = self._records(who, [(target, index) for index in places])
        return tuple(record for record in records if record.status is not Status.NONE)

    def revoked_until(self, patient: str) -> int:
        """What was issued until this second is revoked, whoever the grantee; 0 when never."""
        return int(self._ledger.call(self._f.revokedUntil(patient)))

    def refused_until(self, patient: str, grantee: str) -> int:
        """Signed permits for this grantee's address issued until this second are refused; 0 when never."""
        return int(self._ledger.call(self._f.refusedUntil(patient, grantee))[0])

    def history(self, patient: str) -> tuple[Event, ...]:
        """Every grant and revocation of a patient, oldest first; nothing is ever erased."""
        who = {"patient": address(patient, "patient")}
        events = [
            e for name in ("ConsentGranted", "ConsentRevoked") for e in self._ledger.logs("ConsentRegistry", name, who)
        ]
        return tuple(sorted(events, key=lambda event: (event.block, event.index)))

    def all(self, patient: str) -> tuple[Record, ...]:
        """Every directive that a patient ever granted, as it stands now, by grantee and place."""
        who = address(patient, "patient")
        events = self._ledger.logs("ConsentRegistry", "ConsentGranted", {"patient": who})
        places = sorted({(event.args["grantee"], event.args["index"]) for event in events})
        return tuple(self._records(who, places))

    def actions(self, patient: str) -> tuple[Action, ...]:
        """Every action on a patient's account and who signed it; see :func:`salus.consent.history.actions`."""
        return actions(self._ledger, self._guardians, patient)

    def explain(self, patient: str, *, only: Collection[str] | None = None) -> tuple[Explanation, ...]:
        """Who may see what, and why; see :func:`salus.consent.explain.explain`.

        Args:
            only: Accounts of institutions, where not all are asked about.
        """
        return explain(self._ledger, self._institutions, self, address(patient, "patient"), only=only)


def _of_signer(signed: Iterable[Order], delegate: str | None) -> list[Order]:
    """The orders of one signer: a delegate and the patient never take each other's places."""
    signer = address(delegate, "delegate") if delegate else ""
    return [order for order in signed if order.signer == signer]
