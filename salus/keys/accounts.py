"""The accounts whose keys are on this machine: the wallet's, and the keystore files that were imported."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from salus.keys.keystores import KeystoreFile, list_keystores
from salus.keys.paths import DEFAULT
from salus.keys.vault import WALLET, Relation, check_kind
from salus.keys.wallet import Wallet, default_home

__all__ = ["LocalAccount", "local_accounts", "with_relations"]


@dataclass(frozen=True)
class LocalAccount:
    """An account whose key is here.

    Attributes:
        file: The file with its key, and the account that this names: a wallet's file names none.
        kind: ``wallet`` or ``keystore``.
        relation: Whom a wallet's account is for; "" where that is not known, or it is none of a wallet.
        path: Its derivation path; "" where the relation is not known.
        used: The day on which it last signed, ``2026-11-30``; "" where that is not known, or it never did.
        signs: Whether it signs where no relation is named; None where that is not known.
    """

    file: KeystoreFile
    kind: str
    relation: str = ""
    path: str = ""
    used: str = ""
    signs: bool | None = None

    @property
    def mode(self) -> str:
        """Who may read the file, as chmod writes it: ``0600``."""
        return f"{stat.S_IMODE(self.file.path.stat().st_mode):04o}"


def local_accounts(keystore: Path, *, named: bool) -> list[LocalAccount]:
    """The accounts here, as far as they are known without a password; no key is derived.

    Args:
        keystore: A wallet's folder, or a keystore file.
        named: Whether it was named: then what was imported beside it is left out.

    Raises:
        WalletError: Nothing is there, or a file is no keystore, or others can read it.
    """
    imported = default_home() / "keystores"
    if named and not keystore.is_dir():
        return [LocalAccount(file, "keystore", signs=True) for file in list_keystores(keystore)]
    found: list[LocalAccount] = []
    if Wallet.is_in(keystore):
        # A wallet of version 1 has a keystore file for each account as well.
        files = list_keystores(keystore / "keystores") if (keystore / "keystores").is_dir() else ()
        check_kind(WALLET, keystore / "vault.json")
        # The wallet's own file names no account.
        found = [LocalAccount(file, "wallet") for file in files or [KeystoreFile(keystore / "vault.json", None)]]
    elif named or not imported.is_dir():
        Wallet.require(keystore)
    if not named and imported.is_dir():
        found += [LocalAccount(file, "keystore", signs=False) for file in list_keystores(imported)]
    return found


def with_relations(accounts: Sequence[LocalAccount], book: Mapping[str, Relation], wallet: Path) -> list[LocalAccount]:
    """The same with what the wallet's encrypted book says: its relations in the order in which they were made, then
    what is no relation.

    Args:
        accounts: From :func:`local_accounts`.
        book: The wallet's relations.
        wallet: Its folder.
    """
    own = {each.file.address: each.file for each in accounts if each.kind == "wallet"}
    vault = wallet / "vault.json"
    relations = [
        LocalAccount(
            KeystoreFile(own[each.address].path if each.address in own else vault, each.address),
            "wallet",
            name,
            each.path,
            each.used,
            name == DEFAULT,
        )
        for name, each in book.items()
    ]
    known = {each.file.path for each in relations} | {vault}
    return relations + [each for each in accounts if each.file.path not in known]
