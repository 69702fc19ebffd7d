"""What the property tests share: bits, keys and accounts without a trade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brownie import accounts
from brownie._config import CONFIG
from eth_account import Account
from eth_utils import keccak

from tests.conftest import TRADES

__all__ = ["CLAIM", "DAY", "HPAYMT", "key_of", "newcomers", "secret"]

DAY = 86_400

#: Bits of ``contracts/consent/ConsentCodes.sol``: payment, and the record class of claims.
HPAYMT = 1 << 2
CLAIM = 1 << 12


def secret(name: str) -> Any:
    """A signer that only this name leads to; a test's own, never worth anything."""
    return Account.from_key(keccak(text=f"salus property test: {name}"))


def key_of(account: Any) -> Any:
    """The signer behind an account that the node holds: both local chains start from the mnemonic of the settings."""
    mnemonic = CONFIG.networks["development"]["cmd_settings"]["mnemonic"]
    Account.enable_unaudited_hdwallet_features()
    signer = Account.from_mnemonic(mnemonic, account_path=f"m/44'/60'/0'/0/{list(accounts).index(account)}")
    if signer.address != str(account):
        raise RuntimeError(f"the chain does not run on the mnemonic of brownie-config.yaml: {account} is unknown to it")
    return signer


def newcomers() -> Iterator[Any]:
    """Accounts that the node holds and that no trade of the tests has."""
    return iter(accounts[len(TRADES) :])
