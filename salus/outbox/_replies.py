"""What nodes say to raw bytes. There is no standard for it; these are the words of geth, its kin, anvil and ganache."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from salus.chain.rpc import Trouble

__all__ = ["Reply", "read"]


class Reply(Enum):
    """What an answer to ``eth_sendRawTransaction`` comes to."""

    THERE = auto()  # the node has these bytes
    TAKEN = auto()  # the nonce is used, by these bytes or by others: the receipt shows which
    POOR = auto()  # too little ether
    CHEAP = auto()  # the fee is too low, for a block or to replace what waits
    LATER = auto()  # anything else: the bytes are sent again in a while


# In this order: "replacement transaction underpriced" is not "already known".
_WORDS = (
    (Reply.THERE, ("already known", "already imported", "known transaction", "already exists", "already in mempool")),
    (
        Reply.TAKEN,
        ("nonce too low", "nonce is too low", "correct nonce", "expected nonce", "invalid nonce", "old nonce"),
    ),
    (Reply.POOR, ("insufficient funds", "enough funds", "insufficient balance")),
    (
        Reply.CHEAP,
        (
            "underpriced",
            "less than block base fee",
            "fee cap",
            "max fee",
            "maxfeepergas",
            "fee too low",
            "gas price too low",
        ),
    ),
)


def read(answer: Any, hash_: str) -> Reply:
    """Read an answer.

    Args:
        answer: JSON, or :class:`Trouble`.
        hash_: Of the bytes that were sent.
    """
    if not isinstance(answer, Trouble):
        return Reply.THERE if isinstance(answer, str) and answer.lower() == hash_ else Reply.LATER
    said = answer.message.lower()
    for reply, words in _WORDS:
        if any(word in said for word in words):
            return reply
    # A node that mines at once answers a transaction that reverted with the revert: it is in a block.
    return Reply.THERE if answer.revert is not None else Reply.LATER
