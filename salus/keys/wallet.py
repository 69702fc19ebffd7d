"""Keys on disk: a wallet from twelve words, and single keystore files.

A wallet is a folder (mode 0700)::

    wallet/
        vault.json                  the words and the book of relations, encrypted under the password
        keystores/<address>.json    one keystore v3 file for each account, under the same password

One seed gives one account for each **relation** (an institution, by the name the user gives it): ``m/44'/60'/0'/0/i``,
so that two institutions cannot link their patient on chain. Which relation has which ``i`` is itself private, and lies
in the vault.

The vault is JSON: ``{"salus": "wallet", "version": 1, "kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "nonce",
"ciphertext"}``, hex strings, AES-256-GCM under the 32 bytes that scrypt makes of the password; the plaintext is
``{"words": "…", "relations": {"default": 0, …}}``. The keystore files are what eth-account, Brownie and cast read and
write.

See :mod:`salus.keys.keystores` for how the files are written and read.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from salus.errors import WalletError, WrongPassword
from salus.keys.keystores import (
    derive,
    encrypt,
    new_kdf,
    private_folder,
    read_private_json,
    write_keystore,
    write_private,
)
from salus.keys.private_file import no_core_dumps
from salus.keys.signers import KeySigner

__all__ = ["DEFAULT", "Wallet", "default_home", "default_path"]

#: The relation of a wallet's first account.
DEFAULT = "default"

_RELATION = re.compile(r"[a-z0-9][a-z0-9:._-]{0,62}")
_WORD_COUNTS = (12, 15, 18, 21, 24)


def default_home() -> Path:
    """Where Salus keeps what is the user's: ``$SALUS_HOME``, else ``~/.salus``."""
    return Path(os.environ.get("SALUS_HOME") or Path.home() / ".salus")


def default_path() -> Path:
    """The default wallet's folder."""
    return default_home() / "wallet"


# ---------------------------------------------------------------------------------------------------------- the wallet


class Wallet:
    """An opened wallet. Make one with :meth:`create`, :meth:`restore` or :meth:`open`; ``repr`` shows no secret."""

    def __init__(
        self,
        path: Path,
        password: str,
        key: bytes,
        kdf: Mapping[str, Any],
        words: str,
        relations: Mapping[str, int],
    ) -> None:
        no_core_dumps()
        self._path = path
        self._key = key
        self._kdf = dict(kdf)
        self._words = words
        self._relations = dict(relations)
        self._password = password

    def __repr__(self) -> str:
        return f"Wallet({str(self._path)!r}, {len(self._relations)} accounts)"

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._path

    @classmethod
    def create(cls, path: str | os.PathLike[str], password: str, *, words: int = 12) -> tuple[Wallet, str]:
        """Make a wallet from fresh randomness.

        Args:
            path: A folder that is not there yet, or is empty.
            password: Opens the wallet; the words are the only other way to it.
            words: 12, 15, 18, 21 or 24.

        Returns:
            The wallet and its words. Show them once; they are not to be read again without the password.

        Raises:
            WalletError: Something is there already, the password is empty, or the number of words is no such.
        """
        from eth_account.hdaccount import generate_mnemonic
        from eth_account.types import Language

        if words not in _WORD_COUNTS:
            raise WalletError(f"{words} words are not possible; choose {', '.join(map(str, _WORD_COUNTS))}")
        phrase = generate_mnemonic(words, Language.ENGLISH)
        return cls._make(path, password, phrase, (DEFAULT,)), phrase

    @classmethod
    def restore(
        cls, path: str | os.PathLike[str], password: str, words: str, *, relations: Iterable[str] = (DEFAULT,)
    ) -> Wallet:
        """Make a wallet from its words.

        Args:
            words: The BIP-39 words, English.
            relations: In the order in which they were made: the words do not hold them.

        Raises:
            WalletError: The words are not valid, or see :meth:`create`.
        """
        from eth_account.hdaccount.mnemonic import Mnemonic
        from eth_account.types import Language

        phrase = " ".join(unicodedata.normalize("NFKD", words).lower().split())
        english = Mnemonic(Language.ENGLISH)
        known = set(english.wordlist)
        if len(phrase.split()) not in _WORD_COUNTS:
            raise WalletError(f"{len(phrase.split())} words are not possible; there are {_WORD_COUNTS[0]} to 24")
        if unknown := [i for i, word in enumerate(phrase.split(), 1) if word not in known]:
            raise WalletError(f"word {unknown[0]} is not in the list of words; look for a slip of the pen")
        if not english.is_mnemonic_valid(phrase):
            raise WalletError("the words do not belong together: one is wrong, or their order is")
        return cls._make(path, password, phrase, tuple(relations) or (DEFAULT,))

    @classmethod
    def _make(cls, path: str | os.PathLike[str], password: str, phrase: str, relations: tuple[str, ...]) -> Wallet:
        folder = Path(path)
        if not password:
            raise WalletError("the password is empty; whoever finds the files could use them")
        if len(set(relations)) != len(relations):
            raise WalletError("a relation is named twice")
        for relation in relations:
            _check_relation(relation)
        if folder.is_dir() and any(folder.iterdir()):
            raise WalletError(f"{folder} is not empty; choose another folder, or open the wallet that is there")
        private_folder(folder)
        kdf = new_kdf()
        key = derive(password, kdf, str(folder))
        wallet = cls(folder, password, key, kdf, phrase, {name: index for index, name in enumerate(relations)})
        for relation in relations:
            wallet._write_keystore(relation)
        # Last, so that what was interrupted is no wallet.
        wallet._write_vault(new=True)
        return wallet

    @classmethod
    def open(cls, path: str | os.PathLike[str], password: str) -> Wallet:
        """Open a wallet.

        Raises:
            WrongPassword: It is not the password.
            WalletError: No wallet there, others can read it, or it is damaged.
        """
        folder = Path(path)
        cls.require(folder)
        file = folder / "vault.json"
        vault = read_private_json(file)
        kdf = _kdf_of(vault, file)
        key = derive(password, kdf, str(file))
        inside = _unseal(vault, key, file)
        return cls(folder, password, key, kdf, inside["words"], inside["relations"])

    @staticmethod
    def is_in(path: str | os.PathLike[str]) -> bool:
        """Whether a wallet is in a folder."""
        return (Path(path) / "vault.json").is_file()

    @staticmethod
    def require(path: str | os.PathLike[str]) -> None:
        """Check that a wallet is there, before anybody is asked for its password.

        Raises:
            WalletError: It is not.
        """
        if not Wallet.is_in(path):
            raise WalletError(
                f"there is no wallet in {os.fspath(path)}; make one with `salus wallet new`, or name a keystore with"
                " --keystore"
            )

    # ---- accounts

    def relations(self) -> Mapping[str, int]:
        """The relations and their ``i`` in ``m/44'/60'/0'/0/i``, in order."""
        return MappingProxyType(dict(sorted(self._relations.items(), key=lambda item: item[1])))

    def signer(self, relation: str = DEFAULT) -> KeySigner:
        """Who signs in a relation; a relation that is new gets the next account, which is written at once.

        Args:
            relation: A name of the user's own choice, by default an institution's: 1 to 63 of ``a-z 0-9 : . _ -``.

        Raises:
            WalletError: Not such a name.
        """
        _check_relation(relation)
        if relation not in self._relations:
            with self._alone():
                # Another process may have added some; the key is still the same, for only `open` asks for the password.
                file = self._path / "vault.json"
                self._relations = dict(_unseal(read_private_json(file), self._key, file)["relations"])
                if relation not in self._relations:
                    self._relations[relation] = max(self._relations.values(), default=-1) + 1
                    try:
                        self._write_keystore(relation)
                        self._write_vault()
                    except BaseException:
                        del self._relations[relation]
                        raise
        return KeySigner(self._account(relation))

    def address(self, relation: str = DEFAULT) -> str:
        """The account of a relation; see :meth:`signer`."""
        return self.signer(relation).address

    def words(self) -> str:
        """The BIP-39 words: whoever has them has every account."""
        return self._words

    def export_to(self, relation: str, path: Path, password: str | None = None) -> str:
        """Write one account as a keystore v3 file.

        Args:
            relation: One that is there already.
            path: A file that is not there yet.
            password: The file's own; by default the wallet's.

        Returns:
            The account's address.

        Raises:
            WalletError: No such relation, or the file is there.
        """
        if relation not in self._relations:
            raise WalletError(f"there is no relation {relation!r}; there are {', '.join(self.relations())}")
        return write_keystore(path, bytes(self._account(relation).key), password or self._password)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the wallet meanwhile."""
        import fcntl

        handle = os.open(self._path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)  # which unlocks

    def _account(self, relation: str) -> Any:
        from eth_account import Account

        Account.enable_unaudited_hdwallet_features()
        return Account.from_mnemonic(self._words, account_path=f"m/44'/60'/0'/0/{self._relations[relation]}")

    def _write_keystore(self, relation: str) -> None:
        folder = self._path / "keystores"
        private_folder(folder)
        account = self._account(relation)
        target = folder / f"{account.address}.json"
        if not target.exists():
            write_private(target, json.dumps(encrypt(bytes(account.key), self._password)) + "\n")

    def _write_vault(self, *, new: bool = False) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        inside = json.dumps({"words": self._words, "relations": self._relations}).encode()
        nonce = secrets.token_bytes(12)  # a new one for every write: the key stays
        sealed = AESGCM(self._key).encrypt(nonce, inside, b"salus wallet 1")
        vault = {"salus": "wallet", "version": 1, "kdf": self._kdf, "nonce": nonce.hex(), "ciphertext": sealed.hex()}
        write_private(self._path / "vault.json", json.dumps(vault, indent=1) + "\n", replace=not new)


def _kdf_of(vault: Any, file: Path) -> Mapping[str, Any]:
    try:
        if vault["salus"] != "wallet" or vault["version"] != 1 or vault["kdf"]["name"] != "scrypt":
            raise WalletError(f"{file} is no wallet, or one of another version of Salus")
        kdf: Mapping[str, Any] = vault["kdf"]
        return kdf
    except (KeyError, TypeError):
        raise WalletError(f"{file} is damaged; restore the wallet from its words") from None


def _unseal(vault: Any, key: bytes, file: Path) -> Mapping[str, Any]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        inside: Mapping[str, Any] = json.loads(
            AESGCM(key).decrypt(bytes.fromhex(vault["nonce"]), bytes.fromhex(vault["ciphertext"]), b"salus wallet 1")
        )
        return inside
    except InvalidTag:
        raise WrongPassword(f"that is not the password of {file.parent} (or the file was damaged)") from None
    except (KeyError, TypeError, ValueError):
        raise WalletError(f"{file} is damaged; restore the wallet from its words") from None


def _check_relation(relation: str) -> None:
    if not _RELATION.fullmatch(relation):
        raise WalletError(f"{relation!r} is no name for a relation: 1 to 63 of a-z, 0-9 and : . _ -")
