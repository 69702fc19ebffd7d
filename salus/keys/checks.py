"""Checks of the wallet and of keystore files: there, whole, and readable by their owner alone. No password is asked."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from salus.errors import WalletError
from salus.errors.checks import Check
from salus.keys.keystores import list_keystores
from salus.keys.vault import WALLET, check_kind
from salus.keys.wallet import Wallet, default_home

__all__ = ["check_keys"]

_MAKE = "make a wallet with `salus wallet new`, or name a keystore with --keystore"


def check_keys(place: Path, *, named: bool) -> Iterator[Check]:
    """The keys that sign.

    Args:
        place: A wallet's folder, or a keystore file.
        named: Whether it was named; else the keystores that were imported are looked at too.
    """
    if named and not place.is_dir():
        yield from _keystores("keystore", [place]) if place.exists() else [_absent(f"there is no keystore {place}")]
        return
    if Wallet.is_in(place):
        yield from _wallet(place)
    else:
        yield (
            _absent(f"there is no wallet in {place}")
            if named
            else Check.warn("wallet", f"there is none in {place}", _MAKE)
        )
    imported = default_home() / "keystores"
    if not named and imported.is_dir():
        yield from _keystores("keystores", sorted(imported.glob("*.json")))


def _absent(found: str) -> Check:
    return Check.fail("keystore", found, _MAKE)


def _wallet(place: Path) -> Iterator[Check]:
    # A wallet of version 1 has a keystore file for each account as well.
    files = sorted((place / "keystores").glob("*.json"))
    for folder in (place, place / "keystores"):
        if folder.is_dir() and (open_to := _open_to_others(folder)):
            yield Check.fail("wallet", f"others can {open_to} {folder}", f"run: chmod 700 {folder}")
    try:
        check_kind(WALLET, place / "vault.json")
    except WalletError as error:
        yield Check.of("wallet", error, "restore the wallet from its words: `salus wallet restore`")
        return
    yield Check.ok("wallet", str(place))
    yield from (check for check in _keystores("wallet", files) if check.todo)
    if files:
        yield Check.warn(
            "wallet",
            f"the names of {len(files)} files in {place / 'keystores'} tell your accounts to who can list them",
            f"they are not needed: `salus wallet export` writes one; remove {place / 'keystores'}",
        )


def _keystores(part: str, files: list[Path]) -> Iterator[Check]:
    wrong = 0
    for file in files:
        try:
            list_keystores(file)
        except WalletError as error:
            wrong += 1
            yield Check.of(part, error, f"move {file} away, or import it again with `salus wallet import`")
    if not wrong:
        yield Check.ok(
            part, f"{len(files)} in {files[0].parent}" if len(files) > 1 else ", ".join(map(str, files)) or "none"
        )


def _open_to_others(folder: Path) -> str:
    """What others can do with a folder; "" for nothing."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    return "write to" if mode & 0o022 else "look into" if mode & 0o055 else ""
