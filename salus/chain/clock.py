"""Waits until block time reaches the second from which a transaction counts, where that is near."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from salus.chain.rpc import number

if TYPE_CHECKING:
    from salus.chain.contracts import Call
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["PATIENCE", "reached", "send_at"]

#: The clock of a chain that waits for transactions stands still; this many seconds are waited for, more never.
PATIENCE = 5


def reached(ledger: Ledger, at: int) -> bool:
    """Whether the next block will not be before a second; one that is at most 5 seconds ahead is waited for.

    Args:
        ledger: The chain.
        at: The second, by the chain's clock.

    Raises:
        Unreachable: The node does not answer.
    """
    ahead = at - ledger.now()
    if ahead <= 0:
        return True
    # Of a chain that mines at once only the pending block shows the time, and not on every node.
    end = time.monotonic() + ahead + 0.1
    while ahead <= PATIENCE and time.monotonic() < end:
        time.sleep(0.1)
        if number(ledger.node.block("pending").get("timestamp"), "the time of the next block", most=1 << 64) >= at:
            return True
    return False


def send_at(ledger: Ledger, fn: Call, at: int, *, gas: int) -> Receipt:
    """Send when the next block will not be before a second that is near; see :meth:`salus.Salus.send`.

    Args:
        ledger: The chain and the signer.
        fn: A function of a contract with its arguments.
        at: The second, by the chain's clock; one that is past, or far, is not waited for.
        gas: The limit where the node cannot be asked for an estimate at that second.
    """
    if reached(ledger, at) or at - ledger.now() > PATIENCE:
        return ledger.send(fn)
    return ledger.send(fn, gas=gas, preflight=False)
