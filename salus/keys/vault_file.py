"""The file of an opened wallet: read again and written whole, by one process at a time."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from salus.keys.keystores import derive, new_kdf, read_private_json, write_private
from salus.keys.passwords import normal_form
from salus.keys.vault import WALLET, Inside, Sealed, fingerprint, open_sealed, seal, unseal

__all__ = ["VaultFile"]


class VaultFile:
    """The ``vault.json`` of a wallet whose password is known.

    Args:
        folder: The wallet's folder.
        password: The wallet's password, as it was typed.
        sealed: What opening it gave.
    """

    def __init__(self, folder: Path, password: str, sealed: Sealed) -> None:
        self.folder = folder
        self.password = password
        self._key, self._kdf, self._version = sealed.key, sealed.kdf, sealed.version

    @classmethod
    def create(cls, folder: Path, password: str, inside: Inside) -> VaultFile:
        """The file of a new wallet, under a key of its own; it is not written yet.

        Args:
            folder: The wallet's folder, which is there.
            password: The wallet's password, as it was typed.
            inside: What will be in it.
        """
        kdf = new_kdf()
        return cls(
            folder, password, Sealed(derive(normal_form(password), kdf, str(folder)), kdf, inside, WALLET.version)
        )

    @classmethod
    def open(cls, folder: Path, password: str) -> tuple[VaultFile, Inside]:
        """The file of a wallet that is there, and what is in it.

        Args:
            folder: The wallet's folder.
            password: The wallet's password, as it was typed.

        Raises:
            WrongPassword, WalletError: See :func:`salus.keys.vault.open_sealed`.
        """
        sealed = open_sealed(WALLET, folder / "vault.json", password)
        return cls(folder, password, sealed), sealed.inside

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "vault.json"

    @property
    def fingerprint(self) -> str:
        """See :func:`salus.keys.vault.fingerprint`."""
        return fingerprint(self.folder)

    @contextlib.contextmanager
    def alone(self) -> Iterator[Inside]:
        """Keep other processes from changing it meanwhile; gives what is in it now."""
        import fcntl

        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield self._read()
        finally:
            os.close(handle)  # which unlocks

    def _read(self) -> Inside:
        inside = unseal(WALLET, read_private_json(self.path), self._key, self.path)
        if inside is not None:
            return inside
        # It was of version 1, and another process has written it as version 2, under another key.
        now = open_sealed(WALLET, self.path, self.password)
        self._key, self._kdf, self._version = now.key, now.kdf, now.version
        return now.inside

    def write(self, inside: Inside, *, new: bool = False) -> None:
        """Write it, whole or not at all, and always in the newest version.

        Args:
            inside: What will be in it.
            new: Whether no file may be there yet.
        """
        if self._version < WALLET.version:  # whose password was taken as it was typed
            self._kdf = new_kdf()
            self._key = derive(normal_form(self.password), self._kdf, str(self.path))
            self._version = WALLET.version
        document = seal(WALLET, inside, self._key, self._kdf)
        write_private(self.path, json.dumps(document, indent=1) + "\n", replace=not new)
