"""What a signature depends on: nonce, balance and fees, as an endpoint sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.rpc import number
from salus.errors import BadAnswer
from salus.outbox._envelope import Fees

__all__ = ["Survey", "survey_of"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What a signature depends on, as one endpoint sees it now.

    Attributes:
        count: Transactions of the account in blocks: its next nonce there.
        pending: The same with those that wait.
        balance: Wei.
        fees: What the market asks.
        base: The base fee, wei; None on a chain from before EIP-1559.
        head: The latest block's number.
        gas_limit: Gas in a block.
    """

    count: int
    pending: int
    balance: int
    fees: Fees
    base: int | None
    head: int
    gas_limit: int


def survey_of(answers: Sequence[Any]) -> Survey:
    """The survey out of an endpoint\'s answers.

    Args:
        answers: In the order in which :class:`Nodes` asks.

    Raises:
        BadAnswer: They do not fit.
    """
    _, count, pending, balance, price, block = answers
    if not isinstance(block, dict):
        raise BadAnswer("the node does not tell its latest block")
    asked = number(price, "the price of gas")
    base = number(block["baseFeePerGas"], "the base fee") if block.get("baseFeePerGas") is not None else None
    if base is None:
        fees = Fees(asked, None)  # a chain from before EIP-1559
    else:
        # Twice the base fee holds for six full blocks in a row; only what is due is paid.
        tip = max(asked - base, 0)
        fees = Fees(2 * base + tip, tip)
    return Survey(
        number(count, "the nonce", most=1 << 64),
        number(pending, "the nonce", most=1 << 64),
        number(balance, "the balance"),
        fees,
        base,
        number(block.get("number"), "the latest block", most=1 << 64),
        number(block.get("gasLimit"), "the gas of a block", most=1 << 64),
    )
