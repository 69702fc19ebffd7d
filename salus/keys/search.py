"""Looks for the accounts of a wallet that was made again from its words.

Names cannot be told from paths, so the names that may have been used are tried: those of all institutions, and those
of a backup. Accounts that wallets of version 1 numbered are tried by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from salus.errors import WalletError
from salus.keys.paths import check_relation, numbered_path
from salus.keys.wallet import Wallet

__all__ = ["GAP", "Found", "Mentions", "search"]

#: After so many numbers in a row that were not used, no further one is looked at.
GAP = 20

#: Which of some accounts the chain knows, with the other accounts that they deal with.
Mentions = Callable[[Sequence[str]], Mapping[str, AbstractSet[str]]]


@dataclass(frozen=True)
class Found:
    """An account of the wallet that the chain knows, and the wallet does not.

    Attributes:
        address: The account.
        path: Its derivation path.
        relation: Whom it is for; "" where it was found by its number.
        others: The accounts that it deals with on the chain.
    """

    address: str
    path: str
    relation: str
    others: frozenset[str]


def search(wallet: Wallet, names: Iterable[str], mentions: Mentions, *, gap: int = GAP) -> list[Found]:
    """The accounts that were used, as far as the names go; nothing is changed.

    Args:
        wallet: Whose accounts.
        names: What its relations may be called. What can be no relation's name is left out.
        mentions: What the chain knows, e.g. :meth:`salus.chain.ledger.Ledger.mentions`.
        gap: How many unused numbers in a row end the search.
    """
    known = set(wallet.relations().values())
    paths = {path: name for name in names if _is_relation(name) and (path := wallet.path_of(name)) not in known}
    found = _look(wallet, paths, mentions)
    number = 0
    while True:
        numbered = dict.fromkeys(map(numbered_path, range(number, number + gap)), "")
        used = _look(wallet, numbered, mentions)
        found += [each for each in used if each.path not in known and each.path not in paths]
        if not used:
            return found
        number += gap


def _look(wallet: Wallet, paths: Mapping[str, str], mentions: Mentions) -> list[Found]:
    accounts = {wallet.address_at(path): path for path in paths}
    seen = mentions(list(accounts))
    return [
        Found(account, path, paths[path], frozenset(seen[account]))
        for account, path in accounts.items()
        if account in seen
    ]


def _is_relation(name: str) -> bool:
    try:
        return bool(check_relation(name))
    except WalletError:
        return False
