"""Signed orders on their way to the chain: any number of them, in few transactions, each order once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from salus.chain.clock import reached, send_at
from salus.consent.model import ALL_PLACES, Effect, Order
from salus.institutions.registry import ZERO
from salus.keys.typed_data import compact
from salus.outbox import resume_pending, send_each

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.outbox import Outbox

__all__ = ["BATCH", "GAS_OF_ONE", "carried_out", "relay_all", "words"]

#: Orders in one transaction.
BATCH = 100
GAS_OF_ONE = 200_000  # far above what a grant or a revocation takes

_REGISTRY = "ConsentRegistry"


def relay_all(
    ledger: Ledger, orders: Sequence[Order], *, batch: int, outbox: Outbox | None
) -> Iterator[tuple[Sequence[Order], Receipt | None]]:
    """See :meth:`salus.consent.Consent.relay_all`; the orders are signed, and for this contract."""
    if batch < 1:
        raise ValueError(f"a batch of {batch}; give at least 1")
    resume_pending(outbox)
    once = list(dict.fromkeys(orders))
    known = carried_out(ledger, once)
    if earlier := [order for order in once if order in known]:
        yield earlier, None
    rest = [order for order in once if order not in known]
    relay = ledger.contract(_REGISTRY).functions.relay
    parts = [rest[n : n + batch] for n in range(0, len(rest), batch)]
    # What was signed for a second that the chain's clock does not show goes the plain way, which waits without asking
    # first.
    if outbox is not None and parts and reached(ledger, max(order.issued_at for order in rest)):
        for n, receipt in send_each(ledger, outbox, "orders", ((relay(*words(part)), len(part)) for part in parts)):
            yield parts[n], receipt
        return
    for part in parts:
        latest = max(order.issued_at for order in part)
        yield part, send_at(ledger, relay(*words(part)), latest, gas=GAS_OF_ONE * len(part))


def carried_out(ledger: Ledger, orders: Sequence[Order]) -> set[Order]:
    """Those orders that the chain has carried out already, whatever was done after them."""
    many = [order for order in orders if order.directive.index == ALL_PLACES]
    everything = [(order.patient,) for order in many if order.directive.grantee == ZERO]
    grantees = [(order.patient, order.directive.grantee) for order in many if order.directive.grantee != ZERO]
    places = [_place(order) for order in orders if order.directive.index != ALL_PLACES]
    issues: dict[tuple[Any, ...], int] = {}
    for view, rows in (("revokedUntil", everything), ("refusedUntil", grantees)):
        issues.update(zip(rows, map(int, ledger.calls(_REGISTRY, view, rows)), strict=True))
    records = dict(zip(places, ledger.calls(_REGISTRY, "directive", places), strict=True))
    done = set()
    for order in orders:
        d = order.directive
        if d.index == ALL_PLACES:
            last = issues[(order.patient,) if d.grantee == ZERO else (order.patient, d.grantee)]
            stands = last == order.issued_at
        else:
            effect, purposes, categories, start, end, last, _ = records[_place(order)]
            said = (purposes, categories, start, end) == (d.purposes, d.categories, d.start, d.end)
            stands = last == order.issued_at and effect in (Effect.NONE, d.effect) and (said or d.effect is Effect.NONE)
        # What came later hides it; then the events tell whether it was there.
        if stands or (last >= order.issued_at and _told(ledger, order)):
            done.add(order)
    return done


def _place(order: Order) -> tuple[str, str, int]:
    return order.patient, order.directive.grantee, order.directive.index


def _told(ledger: Ledger, order: Order) -> bool:
    """Whether an event says that an order was carried out."""
    d = order.directive
    where = {"patient": order.patient, "grantee": d.grantee}
    if d.effect is Effect.NONE:
        events = ledger.logs(_REGISTRY, "ConsentRevoked", where)
        return any((e.args["index"], e.args["issuedAt"]) == (d.index, order.issued_at) for e in events)
    said = (d.index, d.effect, d.purposes, d.categories, d.start, d.end, d.document, order.issued_at, order.deadline)
    fields = ("index", "effect", "purposes", "categories", "start", "end", "document", "issuedAt", "deadline")
    events = ledger.logs(_REGISTRY, "ConsentGranted", where)
    return any(tuple(e.args[field] for field in fields) == said for e in events)


def words(orders: Iterable[Order]) -> tuple[list[Any], list[Any]]:
    """Orders and proofs as ``relay`` takes them: what is not simply signed by a key has its number in the proofs
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
    return given, proofs
