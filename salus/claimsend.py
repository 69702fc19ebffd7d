"""Prepared claims on their way to the chain: so many in a transaction as its gas allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import PreparedClaim
from .errors import NodeRefused, gate
from .outbox.bulk import send_each

if TYPE_CHECKING:
    from .client import Salus
    from .outbox import Outbox
    from .receipts import Receipt

__all__ = ["send_claims"]

# Lines in one transaction, at most: with them, not with the claims, grows its gas.
_LINES_A_TRANSACTION = 250

# No transaction may be given more gas than this (EIP-7825).
_MOST_GAS = 1 << 24

# What a transaction, and a claim in it, takes more at most when something is paid and not only counted: the treasury insists on
# the gas of a whole transfer.
_GAS_OF_TRANSFER, _GAS_OF_PAYING = 350_000, 60_000

_Part = list[PreparedClaim]
_Signatures = Mapping[bytes, bytes] | None


def send_claims(
    salus: Salus, claims: Sequence[PreparedClaim], batch: int, signatures: _Signatures, outbox: Outbox | None
) -> Iterator[tuple[_Part, Receipt]]:
    """Send claims; those of each transaction with its receipt, as soon as it is in a block.

    Args:
        batch: Claims in a transaction, at most.
        signatures: The provider's, by claim id, when somebody else submits.
        outbox: Sends them, several transactions at a time; None to send one after the other.

    Raises:
        SalusError: The first transaction that was refused, failed or was lost.
    """
    waiting = list(_parts(claims, batch))
    if outbox is None:
        while waiting:
            part = waiting.pop(0)
            submit = _submission(salus, part, signatures)
            try:
                receipt = salus.send(submit, gas=_gas(salus, submit))
            except NodeRefused as refused:
                waiting[:0] = _halves(part, refused)
                continue
            yield part, receipt
        return
    sent: list[_Part] = []
    for n, receipt in send_each(salus, outbox, "claims", _submissions(salus, waiting, signatures, sent)):
        yield sent[n], receipt


def _submission(salus: Salus, part: _Part, signatures: _Signatures) -> Any:
    signed = [signatures.get(claim.id, b"") for claim in part] if signatures else []
    return salus.contract("ClaimDesk").functions.submit([claim.struct() for claim in part], signed)


def _submissions(
    salus: Salus, waiting: list[_Part], signatures: _Signatures, sent: list[_Part]
) -> Iterator[tuple[Any, int]]:
    """The call for each part, and its gas."""
    while waiting:
        part = waiting.pop(0)
        submit = _submission(salus, part, signatures)
        try:
            gas = _gas(salus, submit)
        except NodeRefused as refused:
            waiting[:0] = _halves(part, refused)
            continue
        sent.append(part)
        # What is on its way before it may have met a deductible meanwhile: then these claims are paid, which takes more.
        yield submit, min(gas + _GAS_OF_TRANSFER + _GAS_OF_PAYING * len(part), _MOST_GAS)


def _gas(salus: Salus, submit: Any) -> int:
    """What a transaction is given; below what one may take at all."""
    sender = salus.need_signer().address
    with gate("estimating the gas of submit"):
        estimate = int(submit.estimate_gas({"from": sender}))
    if estimate > _MOST_GAS:
        raise NodeRefused(f"submit takes {estimate:,} gas, a transaction may take {_MOST_GAS:,}; send less at once")
    # Between the estimate and the block others may be paid, and the member's year may have grown.
    return min(estimate * 6 // 5, _MOST_GAS)


def _halves(part: _Part, refused: NodeRefused) -> list[_Part]:
    """Too much for one block: halves may fit. Nothing was sent, or it would not be a refusal of the node.

    Raises:
        NodeRefused: Another refusal, or there is nothing to halve.
    """
    if len(part) == 1 or "gas" not in str(refused).lower() or refused.transaction:
        raise refused
    middle = len(part) // 2
    return [part[:middle], part[middle:]]


def _parts(claims: Sequence[PreparedClaim], batch: int) -> Iterator[_Part]:
    part: _Part = []
    for claim in claims:
        lines = sum(len(other.lines) for other in part) + len(claim.lines)
        if part and (len(part) == batch or lines > _LINES_A_TRANSACTION):
            yield part
            part = []
        part.append(claim)
    if part:
        yield part
