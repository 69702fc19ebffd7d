"""Keys of the accounts that a local chain holds."""

from typing import Any

from brownie import accounts
from brownie._config import CONFIG
from eth_account import Account


def key_of(account: Any) -> Any:
    """The signer behind an account that the node holds: both local chains start from the mnemonic of the settings."""
    mnemonic = CONFIG.networks["development"]["cmd_settings"]["mnemonic"]
    Account.enable_unaudited_hdwallet_features()
    signer = Account.from_mnemonic(mnemonic, account_path=f"m/44'/60'/0'/0/{list(accounts).index(account)}")
    if signer.address != str(account):
        raise RuntimeError(f"the chain does not run on the mnemonic of brownie-config.yaml: {account} is unknown to it")
    return signer
