"""What can become of a signed transaction: it is in a block, was cancelled, or lost its nonce to another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from salus.chain.proof import Proof
from salus.chain.rpc import number
from salus.errors import BadAnswer, Refused

__all__ = ["Cancelled", "Mined", "NonceTaken", "mined_of"]

_TALL = 1 << 63  # no number of a block, or of gas, is as high


class NonceTaken(Refused):
    """The nonce of a signed transaction was used by one that is not of this outbox: the item did not happen.

    Args:
        nonce: The nonce.
        by: The hash of the other transaction.
        block: The number of its block.

    Attributes:
        arguments: ``nonce`` and ``by``, the other's hash.
    """

    def __init__(self, nonce: int, by: str, block: int) -> None:
        super().__init__(
            f"nonce {nonce} was used by {by} in block {block}, which this outbox did not send: somebody else uses the"
            " key."
            " It did not happen and is not signed again by itself; give it once more with --again",
            name="NonceTaken",
            arguments={"nonce": nonce, "by": by},
        )


class Cancelled(Refused):
    """An item was cancelled, and did not happen: a transfer of nothing to the account itself used its nonce.

    Args:
        key: The item's business key.
        by: The hash of the transfer.
        block: The number of its block.
    """

    def __init__(self, key: str, by: str, block: int) -> None:
        super().__init__(
            f"{key} was cancelled by {by} in block {block}: it did not happen. It is not signed again by itself;"
            " give it once more with --again",
            name="Cancelled",
            arguments={"by": by},
        )


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block.

    Attributes:
        block: The block's number.
        gas_used: Units of gas.
        hash, block_hash: 0x-hex, lower case.
        succeeded: Whether it did not revert.
        raw: The receipt.
        proof: For what reason it is believed.
    """

    hash: str
    block: int
    block_hash: str
    gas_used: int
    succeeded: bool
    raw: Mapping[str, Any]
    proof: Proof


def mined_of(raw: Mapping[str, Any], proof: Proof) -> Mined:
    """A receipt as what it says.

    Args:
        raw: The receipt as the node gave it.
        proof: For what reason it is believed.

    Raises:
        BadAnswer: It is no receipt.
    """
    hash_, block_hash = raw.get("transactionHash"), raw.get("blockHash")
    if not isinstance(hash_, str) or not isinstance(block_hash, str):
        raise BadAnswer("the node gave a receipt without hashes")
    return Mined(
        hash_.lower(),
        number(raw.get("blockNumber"), "a receipt's block", most=_TALL),
        block_hash.lower(),
        number(raw.get("gasUsed"), "a receipt's gas", most=_TALL),
        number(raw.get("status"), "a receipt's status", most=2) == 1,
        raw,
        proof,
    )
