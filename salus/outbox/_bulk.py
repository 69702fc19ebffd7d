"""Several calls one after the other, with an outbox or without; what the resources' bulk methods share.

The chain itself says what is done already, so that a key need not outlive its run: what an earlier run left open is
settled first, then the chain is asked, then the rest is sent under new keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from salus.outbox._items import Item
from salus.outbox._outbox import Outbox

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt

__all__ = ["new_key", "resume_pending", "send_each"]

#: Transactions in flight: calls with a hundred rows each fill blocks, more of them would only wait.
BULK_WINDOW = 8


def resume_pending(outbox: Outbox | None) -> None:
    """Settle what an earlier run left open, before the chain is asked what it has.

    Args:
        outbox: None where there is none, and nothing to settle.

    Raises:
        SalusError: It cannot be settled now; see :meth:`Outbox.resume`.
    """
    for _ in outbox.resume() if outbox is not None else ():
        pass


def new_key(what: str) -> str:
    """A business key for one call of this run.

    Args:
        what: What the call does, as the key's beginning.
    """
    return f"{what} {secrets.token_hex(8)}"


def send_each(
    ledger: Ledger, outbox: Outbox | None, what: str, calls: Iterable[tuple[Any, int]], *, window: int = BULK_WINDOW
) -> Iterator[tuple[int, Receipt]]:
    """Send calls; give each one's number and receipt as soon as it is in a block.

    Args:
        ledger: What sends where there is no outbox.
        outbox: None to send one after the other, each when the one before is in its block.
        what: The noun, for the keys.
        calls: Functions of contracts with their arguments, and the size of each: how many rows it has.
        window: Transactions in flight, at most; 1 where each needs the effect of the one before.

    Raises:
        SalusError: The first that was refused, failed or was lost.
    """
    if outbox is None:
        for n, (fn, _) in enumerate(calls):
            yield n, ledger.send(fn)
        return
    numbers: dict[str, int] = {}

    def items() -> Iterator[Item]:
        for n, (fn, size) in enumerate(calls):
            item = Item.of(new_key(f"{what} {n}"), fn, size=size)
            numbers[item.key] = n
            yield item

    for result in outbox.send_all(items(), window=window):
        yield numbers[result.key], outbox.receipt(result.expect_done())
