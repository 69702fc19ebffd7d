"""The accounts whose keys are on this machine: the wallet's, and the keystore files that were imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from salus.keys.keystores import KeystoreFile, list_keystores
from salus.keys.wallet import DEFAULT, Wallet, default_home

__all__ = ["LocalAccount", "local_accounts", "with_relations"]


@dataclass(frozen=True)
class LocalAccount:
    """An account whose key is here.

    Attributes:
        file: The keystore file, and the account that it names.
        kind: ``wallet`` or ``keystore``.
        relation: Whom a wallet's account is for; "" where that is not known, or it is none of a wallet.
        number: Its ``i`` in ``m/44'/60'/0'/0/i``; None where the relation is not known.
        signs: Whether it signs where no relation is named; None where that is not known.
    """

    file: KeystoreFile
    kind: str
    relation: str = ""
    number: int | None = None
    signs: bool | None = None


def local_accounts(keystore: Path, *, named: bool) -> list[LocalAccount]:
    """The accounts here, as far as they are known without a password; no key is derived.

    Args:
        keystore: A wallet's folder, or a keystore file.
        named: Whether it was named: then what was imported beside it is left out.

    Raises:
        WalletError: Nothing is there, or a file is no keystore, or others can read it.
    """
    imported = default_home() / "keystores"
    has_wallet = Wallet.is_in(keystore)
    if named and not keystore.is_dir():
        return [LocalAccount(file, "keystore", signs=True) for file in list_keystores(keystore)]
    found: list[LocalAccount] = []
    if has_wallet:
        files = list_keystores(keystore / "keystores")
        # Of several only the encrypted book says which one is the first.
        found = [LocalAccount(file, "wallet", signs=True if len(files) == 1 else None) for file in files]
    elif named or not imported.is_dir():
        Wallet.require(keystore)
    if not named and imported.is_dir():
        found += [LocalAccount(file, "keystore", signs=False) for file in list_keystores(imported)]
    return found


def with_relations(accounts: Sequence[LocalAccount], wallet: Wallet) -> list[LocalAccount]:
    """The same with what the wallet's encrypted book says of them, in the order in which they were made; what is no
    relation comes last.

    Args:
        accounts: From :func:`local_accounts`.
        wallet: Opened.
    """
    whom = {wallet.address(name): (name, number) for name, number in wallet.relations().items()}
    found = []
    for account in accounts:
        name, number = whom.get(account.file.address or "", ("", None))
        signs = name == DEFAULT if account.kind == "wallet" else account.signs
        found.append(LocalAccount(account.file, account.kind, name, number, signs))
    return sorted(found, key=lambda account: (account.number is None, account.number or 0))
