"""Signed orders on their way to the chain: any number of them, in few transactions, each order once.

A batch is tolerant: what is good is carried out, and what is dead is skipped and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.chain.clock import PATIENCE, reached, send_at
from salus.consent.model import ALL_PLACES, PLACES, Effect, Mode, Order
from salus.errors import Refused
from salus.errors.refusals import from_revert
from salus.institutions.registry import ZERO
from salus.keys.typed_data import compact
from salus.outbox import resume_pending, send_each

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.outbox import Outbox

__all__ = ["BATCH", "GAS_OF_ONE", "Relayed", "Skipped", "carried_out", "relay_all", "words"]

#: Orders in one transaction.
BATCH = 100
GAS_OF_ONE = 200_000  # far above what a grant or a revocation takes

_REGISTRY = "ConsentRegistry"


@dataclass(frozen=True)
class Skipped:
    """An order that was not carried out.

    Attributes:
        order: Which.
        reason: With what the contract refused it.
    """

    order: Order
    reason: Refused


@dataclass(frozen=True)
class Relayed:
    """What became of some orders.

    Attributes:
        orders: Those that were carried out.
        receipt: Of the transaction that carried them out; None where an earlier one did, or where none was sent.
        skipped: Those that were not carried out, each with its reason.
    """

    orders: tuple[Order, ...]
    receipt: Receipt | None = None
    skipped: tuple[Skipped, ...] = ()


def relay_all(ledger: Ledger, orders: Sequence[Order], *, batch: int, outbox: Outbox | None) -> Iterator[Relayed]:
    """See :meth:`salus.consent.Consent.relay_all`; the orders are signed, and for this contract."""
    if batch < 1:
        raise ValueError(f"a batch of {batch}; give at least 1")
    resume_pending(outbox)
    once = list(dict.fromkeys(orders))
    known = carried_out(ledger, once)
    if earlier := tuple(order for order in once if order in known):
        yield Relayed(earlier)
    # In the order in which a patient signed, so that none of them is dead because it comes before another.
    rest = sorted((order for order in once if order not in known), key=_as_signed)
    if dead := list(_dead(ledger, rest, batch)):
        yield Relayed((), None, tuple(dead))
        gone = {skipped.order for skipped in dead}
        rest = [order for order in rest if order not in gone]
    yield from _send(ledger, rest, batch, outbox)


def _send(ledger: Ledger, rest: Sequence[Order], batch: int, outbox: Outbox | None) -> Iterator[Relayed]:
    """Send what is not known to be dead; what became of each part."""
    in_time = bool(rest) and reached(ledger, max(order.issued_at for order in rest))
    relay = ledger.contract(_REGISTRY).functions.relay
    parts = [rest[n : n + batch] for n in range(0, len(rest), batch)]
    # What was signed for a second that the chain's clock does not show goes the plain way, which waits without asking
    # first.
    if outbox is not None and parts and in_time:
        calls = ((relay(*words(part, mode=Mode.TOLERANT)), len(part)) for part in parts)
        for n, receipt in send_each(ledger, outbox, "orders", calls):
            yield _outcome(parts[n], receipt)
        return
    for part in parts:
        latest = max(order.issued_at for order in part)
        fn = relay(*words(part, mode=Mode.TOLERANT))
        yield _outcome(part, send_at(ledger, fn, latest, gas=GAS_OF_ONE * len(part)))


def _as_signed(order: Order) -> tuple[str, int]:
    return order.patient, order.issued_at


def _dead(ledger: Ledger, orders: Sequence[Order], batch: int) -> Iterator[Skipped]:
    """Those that a call says would be skipped, so that nobody pays for them."""
    relay = ledger.contract(_REGISTRY).functions.relay
    who = None if ledger.signer is None else ledger.signer.address
    now = ledger.now()
    for first in range(0, len(orders), batch):
        part = orders[first : first + batch]
        refusals = ledger.call(relay(*words(part, mode=Mode.TOLERANT)), sender=who)
        for order, selector in zip(part, refusals, strict=False):
            # What counts from a second that is near is waited for.
            if not any(selector) or now < order.issued_at <= now + PATIENCE:
                continue
            try:
                ledger.call(relay(*words([order])), sender=who)
            except Refused as reason:
                yield Skipped(order, reason)


def _outcome(part: Sequence[Order], receipt: Receipt) -> Relayed:
    """What a transaction did, by its events: the chain may have gone on since it was asked."""
    reasons = {
        (e.args["patient"], e.args["grantee"], *_terms(e.args)): from_revert(e.args["reason"])
        for e in receipt.events("OrderSkipped")
    }
    skipped = tuple(Skipped(order, reasons[key]) for order in part if (key := _key(order)) in reasons)
    gone = {each.order for each in skipped}
    return Relayed(tuple(order for order in part if order not in gone), receipt, skipped)


_FIELDS = ("index", "effect", "purposes", "categories", "start", "end", "issuedAt", "deadline")


def _terms(args: Any) -> tuple[int, ...]:
    return tuple(int(args[field]) for field in _FIELDS)


def _key(order: Order) -> tuple[Any, ...]:
    d = order.directive
    terms = d.index, int(d.effect), d.purposes, d.categories, d.start, d.end, order.issued_at, order.deadline
    return order.patient, d.grantee, *terms


def carried_out(ledger: Ledger, orders: Sequence[Order]) -> set[Order]:
    """Those orders that the chain has carried out already, whatever was done after them."""
    # What a delegate said has a number of its own: the events tell.
    done = {order for order in orders if order.signer and _told(ledger, order)}
    own = [order for order in orders if not order.signer]
    for order, (stands, last) in zip(own, _standing(ledger, own), strict=True):
        # What came later hides it; then the events tell whether it was there.
        if stands or (last >= order.issued_at and _told(ledger, order)):
            done.add(order)
    return done


def _standing(ledger: Ledger, orders: Sequence[Order]) -> Iterator[tuple[bool, int]]:
    """Of each order of a patient itself whether it is what the chain has now at its place, and the issue of what is."""
    places = [_place(order) for order in orders if order.directive.index != ALL_PLACES]
    records = dict(zip(places, ledger.calls(_REGISTRY, "directive", places), strict=True))
    issues = _wide_issues(ledger, [order for order in orders if order.directive.index == ALL_PLACES])
    for order in orders:
        d = order.directive
        if d.index == ALL_PLACES:
            last = issues[order.patient, d.grantee]
            yield last == order.issued_at, last
            continue
        effect, purposes, categories, start, end, last, _ = records[_place(order)]
        said = (purposes, categories, start, end) == (d.purposes, d.categories, d.start, d.end)
        same = effect in (Effect.NONE, d.effect) and (said or d.effect is Effect.NONE)
        yield last == order.issued_at and same, last


def _wide_issues(ledger: Ledger, orders: Sequence[Order]) -> dict[tuple[str, str], int]:
    """Until when all of a grantee's, or everything, is revoked."""
    everything = [(order.patient,) for order in orders if order.directive.grantee == ZERO]
    pairs = [(order.patient, order.directive.grantee) for order in orders if order.directive.grantee != ZERO]
    issues: dict[tuple[str, str], int] = {}
    for (patient,), last in zip(everything, ledger.calls(_REGISTRY, "revokedUntil", everything), strict=True):
        issues[patient, ZERO] = int(last)
    for pair, (_, whole) in zip(pairs, ledger.calls(_REGISTRY, "refusedUntil", pairs), strict=True):
        issues[pair] = int(whole)
    return issues


def _place(order: Order) -> tuple[str, str, int]:
    return order.patient, order.directive.grantee, order.directive.index


def _told(ledger: Ledger, order: Order) -> bool:
    """Whether an event says that an order was carried out."""
    d = order.directive
    where = {"patient": order.patient, "grantee": d.grantee}
    name = "ConsentRevoked" if d.effect is Effect.NONE else "ConsentGranted"
    said = _key(order)[3:]
    by_delegate = {
        (e.block, e.index + 1)
        for e in ledger.logs(_REGISTRY, "SignedByDelegate", {"patient": order.patient})
        if e.args["delegate"] == order.signer
    }
    for event in ledger.logs(_REGISTRY, name, where):
        own = ((event.block, event.index) in by_delegate) == bool(order.signer)
        place = event.args["index"] % PLACES if event.args["index"] != ALL_PLACES else ALL_PLACES
        same = (place, *_terms(event.args)[1:]) == (d.index, *said)
        if own and same and event.args.get("document", d.document) == d.document:
            return True
    return False


def words(orders: Iterable[Order], *, mode: Mode = Mode.STRICT) -> tuple[list[Any], list[Any], int]:
    """Orders, proofs and mode as ``relay`` takes them: what is not simply signed by a key has its number in the proofs
    instead.
    """
    given: list[Any] = []
    proofs: list[Any] = []
    for o in orders:
        signature = None if o.signer else compact(o.signature)
        if signature is None:
            signature = bytes(32), len(proofs).to_bytes(32)
            proofs.append((o.signer or ZERO, o.signature))
        given.append((o.patient, o.directive.grantee, o.packed(), o.directive.document, *signature))
    return given, proofs, int(mode)
