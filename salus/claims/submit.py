"""Prepared claims on their way to the chain: so many in a transaction as its gas allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salus.claims.model import PreparedClaim
from salus.errors import NodeRefused, Refused, Reverted
from salus.outbox import BULK_WINDOW, new_key

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.outbox import Item, Outbox

__all__ = ["send_claims"]

# Lines in one transaction, at most: with them, not with the claims, grows its gas.
_LINES_A_TRANSACTION = 250

# What a transaction, and a claim in it, takes more at most when something is paid and not only counted: the treasury
# insists on the gas of a whole transfer.
_GAS_OF_TRANSFER, _GAS_OF_PAYING = 350_000, 60_000

# A claim of one line takes as much as six more lines of one that is there.
_SIZE_OF_CLAIM = 5

_Part = list[PreparedClaim]
_Signatures = Mapping[bytes, bytes] | None


def send_claims(
    ledger: Ledger, claims: Sequence[PreparedClaim], batch: int, signatures: _Signatures, outbox: Outbox | None
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
            submit = ledger.contract("ClaimDesk").functions.submit(*_arguments(part, signatures))
            try:
                receipt = ledger.send(submit)
            except Refused as refused:
                waiting[:0] = _halves(part, refused)
                continue
            yield part, receipt
        return
    yield from _through(outbox, deque(waiting), signatures)


def _through(outbox: Outbox, waiting: deque[_Part], signatures: _Signatures) -> Iterator[tuple[_Part, Receipt]]:
    """Send by an outbox; what takes more gas than it can have goes as two halves."""
    parts: dict[str, _Part] = {}

    def items() -> Iterator[Item]:
        while waiting:
            part, key = waiting.popleft(), new_key("claims")
            parts[key] = part
            size = sum(_SIZE_OF_CLAIM + len(claim.lines) for claim in part)
            # What is on its way before it may have met a deductible meanwhile: then these claims are paid, which takes
            # more.
            spare = _GAS_OF_TRANSFER + _GAS_OF_PAYING * len(part)
            yield outbox.item(key, "ClaimDesk", "submit", _arguments(part, signatures), size=size, spare=spare)

    while waiting:
        for result in outbox.send_all(items(), window=BULK_WINDOW):
            part, error = parts[result.key], result.error
            if isinstance(error, Refused):
                waiting.extend(_halves(part, error))
            else:
                yield part, outbox.receipt(result.expect_done())


def _arguments(part: _Part, signatures: _Signatures) -> tuple[list[Any], list[bytes]]:
    return [claim.struct() for claim in part], [signatures.get(claim.id, b"") for claim in part] if signatures else []


def _halves(part: _Part, refused: Refused) -> list[_Part]:
    """Too much for one block: halves may fit. So it may be even in the block: when the pool runs short meanwhile, each
    claim is noted as owed, which takes three times as much.

    Should the block that says so go away, and the whole part be carried out after all, the claim desk knows its claims.

    Raises:
        Refused: For another reason, or there is nothing to halve.
    """
    if isinstance(refused, NodeRefused):
        short = "gas" in str(refused).lower() and not refused.transaction
    else:
        # A contract that runs out of gas reverts without a word.
        wordless = isinstance(refused, Reverted) and not (refused.data or refused.transaction)
        short = wordless or refused.name in ("GasTooLow", "OutOfGas")
    if len(part) == 1 or not short:
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
