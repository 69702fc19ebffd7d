"""What the property tests share: bits, keys and accounts without a trade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brownie import accounts
from eth_account import Account
from eth_utils import keccak

from tests.conftest import TRADES

__all__ = ["CLAIM", "DAY", "HPAYMT", "newcomers", "secret"]

DAY = 86_400

#: Bits of ``contracts/consent/ConsentCodes.sol``: payment, and the record class of claims.
HPAYMT = 1 << 2
CLAIM = 1 << 12


def secret(name: str) -> Any:
    """A signer that only this name leads to; a test's own, never worth anything."""
    return Account.from_key(keccak(text=f"salus property test: {name}"))


def newcomers() -> Iterator[Any]:
    """Accounts that the node holds and that no trade of the tests has."""
    return iter(accounts[len(TRADES) :])
