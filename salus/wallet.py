"""Keys on disk: a wallet from twelve words, and single keystore files.

A wallet is a folder (mode 0700)::

    wallet/
        vault.json                  the words and the book of relations, encrypted under the password
        keystores/<address>.json    one keystore v3 file for each account, under the same password

One seed gives one account for each **relation** (an institution, by the name the user gives it): ``m/44'/60'/0'/0/i``,
so that two institutions cannot link their patient on chain. Which relation has which ``i`` is itself private, and lies in
the vault.

The vault is JSON: ``{"salus": "wallet", "version": 1, "kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "nonce",
"ciphertext"}``, hex strings, AES-256-GCM under the 32 bytes that scrypt makes of the password; the plaintext is
``{"words": "…", "relations": {"default": 0, …}}``. The keystore files are what eth-account, Brownie and cast read and write.

Files are made with mode 0600, whole or not at all. A file that others can read is refused, not quietly used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .errors import BadInput, WalletError, WrongPassword
from .jsonfile import parse_json
from .signing import KeySigner

__all__ = [
    "DEFAULT",
    "Wallet",
    "default_home",
    "default_path",
    "import_keystore",
    "load_keystore",
    "private_folder",
    "read_password_file",
    "read_private_text",
    "write_keystore",
    "write_private",
]

#: The relation of a wallet's first account.
DEFAULT = "default"

# Cost of guessing one password: half a second and 256 MiB of memory (n · r · 128 bytes).
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 18, 8, 1

# A file from a stranger may ask for any cost; above these it is an attack on this machine's memory and time.
_MOST_MEMORY = 1 << 30
_MOST_ROUNDS = 10_000_000
_LARGEST_FILE = 1 << 20

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

        phrase = " ".join(unicodedata.normalize("NFKD", words).lower().split())
        known = set(Mnemonic("english").wordlist)
        if len(phrase.split()) not in _WORD_COUNTS:
            raise WalletError(f"{len(phrase.split())} words are not possible; there are {_WORD_COUNTS[0]} to 24")
        if unknown := [i for i, word in enumerate(phrase.split(), 1) if word not in known]:
            raise WalletError(f"word {unknown[0]} is not in the list of words; look for a slip of the pen")
        if not Mnemonic("english").is_mnemonic_valid(phrase):
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
        kdf = {"name": "scrypt", "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": secrets.token_hex(32)}
        key = _derive(password, kdf, str(folder))
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
        vault = _read_private_json(file)
        kdf = _kdf_of(vault, file)
        key = _derive(password, kdf, str(file))
        inside = _unseal(vault, key, file)
        return cls(folder, password, key, kdf, inside["words"], inside["relations"])

    @staticmethod
    def require(path: str | os.PathLike[str]) -> None:
        """Check that a wallet is there, before anybody is asked for its password.

        Raises:
            WalletError: It is not.
        """
        folder = Path(path)
        if not (folder / "vault.json").is_file():
            raise WalletError(
                f"there is no wallet in {folder}; make one with `salus wallet new`, or name a keystore with --keystore"
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
                self._relations = dict(_unseal(_read_private_json(file), self._key, file)["relations"])
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
            write_private(target, json.dumps(_encrypt(bytes(account.key), self._password)) + "\n")

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


# --------------------------------------------------------------------------------------------------------- keystores


def load_keystore(path: str | os.PathLike[str], password: str) -> KeySigner:
    """The signer of a keystore v3 file, as Salus, eth-account, Brownie and cast write it.

    Raises:
        WrongPassword: It is not the password.
        WalletError: Not such a file, others can read it, or it asks for an absurd cost.
    """
    file = Path(path)
    document = _read_private_json(file)
    _check_keystore(document, file)
    from eth_account import Account

    try:
        key = Account.decrypt(document, password)
    except ValueError as trouble:
        # eth-keyfile says "MAC mismatch"; nothing else is told, whatever failed.
        if "MAC" in str(trouble):
            raise WrongPassword(f"that is not the password of {file} (or the file was damaged)") from None
        raise WalletError(f"{file} is no keystore v3 file that can be opened") from None
    except (KeyError, TypeError, NotImplementedError):
        raise WalletError(f"{file} is no keystore v3 file that can be opened") from None
    signer = KeySigner.from_key(bytes(key))
    named = document.get("address")
    if isinstance(named, str) and named and named.lower().removeprefix("0x") != signer.address.lower()[2:]:
        raise WalletError(f"{file} names {named}, and holds the key of {signer.address}")
    return signer


def write_keystore(path: str | os.PathLike[str], signer_key: bytes, password: str) -> str:
    """Write a private key as a keystore v3 file with mode 0600; a file that is there is left alone.

    Returns:
        The account's address.

    Raises:
        WalletError: The file is there already, or the password is empty.
    """
    if not password:
        raise WalletError("the password is empty; whoever finds the file could use it")
    signer = KeySigner.from_key(signer_key)
    write_private(Path(path), json.dumps(_encrypt(signer_key, password)) + "\n")
    return signer.address


def import_keystore(
    source: str | os.PathLike[str], password: str, target: str | os.PathLike[str], new_password: str | None = None
) -> str:
    """Copy a keystore file, encrypted anew at full strength, whatever the strength was.

    Args:
        new_password: By default the same.

    Returns:
        The account's address.

    Raises:
        WalletError: See :func:`load_keystore` and :func:`write_keystore`.
    """
    signer = load_keystore(source, password)
    return write_keystore(target, bytes(signer._account.key), new_password or password)


def _encrypt(key: bytes, password: str) -> dict[str, Any]:
    from eth_account import Account

    return dict(Account.encrypt(key, password, kdf="scrypt", iterations=_SCRYPT_N))


def _check_keystore(document: Any, file: Path) -> None:
    """Refuse what is no keystore, and what would take all memory or hours, before anything is derived."""
    wrong = WalletError(f"{file} is no keystore v3 file")
    if not isinstance(document, dict):
        raise wrong
    document_low = {str(key).lower(): value for key, value in document.items()}
    crypto = document_low.get("crypto")
    if document_low.get("version") != 3 or not isinstance(crypto, dict):
        raise wrong
    params = crypto.get("kdfparams")
    if not isinstance(params, dict):
        raise wrong
    if crypto.get("kdf") == "scrypt":
        _check_scrypt(params, str(file))
    elif crypto.get("kdf") == "pbkdf2":
        rounds = params.get("c")
        if type(rounds) is not int or not 1 <= rounds <= _MOST_ROUNDS:
            raise WalletError(f"{file} asks for {rounds!r} rounds of pbkdf2; that is no keystore to trust")
    else:
        raise wrong


def _check_scrypt(params: Mapping[str, Any], file: str) -> None:
    n, r, p = (params.get(name) for name in "nrp")
    if type(n) is not int or type(r) is not int or type(p) is not int or min(n, r, p) < 1 or n & (n - 1) or n < 2:
        raise WalletError(f"{file} has no valid scrypt parameters")
    if 128 * n * r > _MOST_MEMORY or p > 16:
        raise WalletError(f"{file} asks for more than {_MOST_MEMORY >> 20} MiB or 16 lanes of scrypt; it is no keystore to trust")


def _derive(password: str, kdf: Mapping[str, Any], file: str) -> bytes:
    _check_scrypt(kdf, file)
    try:
        salt = bytes.fromhex(kdf["salt"])
    except (KeyError, TypeError, ValueError):
        raise WalletError(f"{file} is damaged; restore the wallet from its words") from None
    n, r, p = kdf["n"], kdf["r"], kdf["p"]
    # Twice what it takes: OpenSSL counts its own buffers too.
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r + (1 << 20), dklen=32)


# -------------------------------------------------------------------------------------------------------------- files


def read_password_file(path: str | os.PathLike[str]) -> str:
    """The password that is the first line of a file; the line's end is not part of it.

    Raises:
        WalletError: No such file, others can read it, or it is empty.
    """
    text = _read_private(Path(path), "password file")
    password = text.split("\n", 1)[0].rstrip("\r")
    if not password:
        raise WalletError(f"{os.fspath(path)} has no password in its first line")
    return password


def write_private(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all, and on the disk when this returns.

    Args:
        replace: Whether a file may be there already.

    Raises:
        WalletError: It is there and may not be, or cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if replace:
                os.replace(draft, path)
            else:
                os.link(draft, path)  # unlike a rename it fails where something is
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise WalletError(f"{path} is there already; it was left as it is") from None
    except OSError as trouble:
        raise WalletError(f"{path} cannot be written: {trouble.strerror}") from None


def private_folder(folder: Path) -> Path:
    """Make a folder into which only its owner can look, and return it.

    Raises:
        WalletError: Others can look into it, or it cannot be made.
    """
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
    except OSError as trouble:
        raise WalletError(f"{folder} cannot be made: {trouble.strerror}") from None
    if stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise WalletError(f"others can look into {folder}; run: chmod 700 {folder}")
    return folder


def read_private_text(path: str | os.PathLike[str], what: str) -> str:
    """The text of a file that only its owner can read.

    Args:
        what: What it is, for the message.

    Raises:
        WalletError: No such file, others can read it, or it is no text.
    """
    return _read_private(Path(path), what)


def _read_private(path: Path, what: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise WalletError(f"there is no {what} {path}") from None
    except OSError as trouble:
        raise WalletError(f"{path} cannot be read: {trouble.strerror}") from None
    with os.fdopen(handle, "rb") as stream:
        # Of the opened file, so that nobody exchanges it in between.
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise WalletError(f"{path} is no file")
        if status.st_mode & 0o077:
            raise WalletError(f"others can read {path}; run: chmod 600 {path}")
        raw = stream.read(_LARGEST_FILE + 1)
    if len(raw) > _LARGEST_FILE:
        raise WalletError(f"{path} is too large for a {what}")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise WalletError(f"{path} is no text") from None


def _read_private_json(path: Path) -> Any:
    text = _read_private(path, "keystore")
    try:
        return parse_json(text, str(path))
    except BadInput:
        raise WalletError(f"{path} is no keystore: it is not JSON") from None
