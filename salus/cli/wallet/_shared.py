"""``salus wallet``: the group, and what its commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from salus.cli.options import group

if TYPE_CHECKING:
    from salus.cli.context import Context

__all__ = ["new_path", "noun"]


@group("wallet")
def noun() -> None:
    """Keys: a wallet from twelve words, keystore files.

    A wallet has one account for each institution that its owner deals with, so that two institutions cannot tell that
    they know the same person. It is a folder that only its owner can read (default ~/.salus/wallet). --keystore names
    another, or a keystore v3 file, or node:1 for an account of a local chain.
    """


def new_path(context: Context) -> Path:
    """Where the new wallet will be; told before anybody thinks of a password.

    Raises:
        WalletError: Something is there.
    """
    from salus.errors import WalletError

    path = context.wallet_path()
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise WalletError(f"{path} is there already; choose another place with --keystore")
    return path
