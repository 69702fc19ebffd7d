"""The file format of wallets and of their backups: a JSON document whose inside is encrypted under the password.

A wallet's ``vault.json``, version 2::

    {"salus": "wallet", "version": 2,
     "kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "nonce", "ciphertext"}

with hex strings, AES-256-GCM under the 32 bytes that scrypt makes of the password in form NFKD, and ``salus wallet 2``
as associated data. Inside::

    {"words": "…", "passphrase": "…", "restored": false,
     "relations": {"default": {"path": "m/44'/60'/0'/0/0", "address": "0x…", "used": "2026-11-30"}, …}}

A backup is the same with ``"salus": "wallet backup", "version": 1``, ``salus wallet backup 1``, and the names and paths
of its relations once more in ``"names": {"nonce", "ciphertext"}``, under a key of the seed: the words open them too.

Version 1 is read and, at the next change, written as version 2. Inside it had ``{"words", "relations":
{"default": 0, …}}``, where a relation's number is the ``i`` of ``m/44'/60'/0'/0/i``, and no passphrase.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from salus.errors import WalletError, WrongPassword
from salus.keys.keystores import derive, read_private_json
from salus.keys.passwords import normal_form, possible_forms
from salus.keys.paths import numbered_path

__all__ = [
    "BACKUP",
    "WALLET",
    "Inside",
    "Kind",
    "Relation",
    "Sealed",
    "check_kind",
    "fingerprint",
    "open_names",
    "open_sealed",
    "seal",
    "seal_names",
    "unseal",
]


@dataclass(frozen=True)
class Kind:
    """What a sealed file is.

    Attributes:
        name: What it calls itself.
        version: The version that is written; lower ones are read.
    """

    name: str
    version: int

    def label(self, version: int) -> bytes:
        """What is authenticated beside the content, so that no file is taken for another kind or version."""
        return f"salus {self.name} {version}".encode()


WALLET = Kind("wallet", 2)
BACKUP = Kind("wallet backup", 1)


@dataclass(frozen=True)
class Relation:
    """An account of a wallet.

    Attributes:
        path: Its derivation path.
        address: The account; "" in a wallet of version 1 until it is derived.
        used: The day on which it last signed, ``2026-11-30`` in UTC; "" for never, or not since days are kept.
    """

    path: str
    address: str = ""
    used: str = ""


@dataclass(frozen=True)
class Inside:
    """What a wallet keeps secret; ``repr`` shows nothing of it.

    Attributes:
        words: The words of BIP-39, in form NFKD.
        passphrase: Its passphrase; "" for none.
        relations: By name, in the order in which they were made.
        restored: Whether it was made again from its words: then there may be relations that it does not know.
    """

    words: str = field(repr=False)
    passphrase: str = field(default="", repr=False)
    relations: Mapping[str, Relation] = field(default_factory=dict, repr=False)
    restored: bool = False

    def having(self, name: str, relation: Relation) -> Inside:
        """The same with a relation, new or changed.

        Args:
            name: Its name.
            relation: Its account.
        """
        return replace(self, relations={**self.relations, name: relation})


@dataclass(frozen=True)
class Sealed:
    """An opened file: its key, what the key was made with, and what was inside.

    Attributes:
        key: What scrypt makes of the password, 32 bytes.
        kdf: The parameters of scrypt.
        inside: What was inside.
        version: The version of the file.
    """

    key: bytes = field(repr=False)
    kdf: Mapping[str, Any]
    inside: Inside
    version: int


def seal(kind: Kind, inside: Inside, key: bytes, kdf: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a file.

    Args:
        kind: What it is.
        inside: What is encrypted.
        key: From :func:`salus.keys.keystores.derive`.
        kdf: What that was made with.
    """
    relations = {
        name: {"path": each.path, "address": each.address, "used": each.used or None}
        for name, each in inside.relations.items()
    }
    content = {
        "words": inside.words,
        "passphrase": inside.passphrase,
        "restored": inside.restored,
        "relations": relations,
    }
    head = {"salus": kind.name, "version": kind.version, "kdf": dict(kdf)}
    return {**head, **_encrypt(key, json.dumps(content), kind.label(kind.version))}


def open_sealed(kind: Kind, file: Path, password: str) -> Sealed:
    """Open a file with its password.

    Args:
        kind: What it should be.
        file: The file.
        password: As it was typed.

    Raises:
        WrongPassword: It is not the password.
        WalletError: No such file, others can read it, it is another kind or damaged.
    """
    document = read_private_json(file)
    version, kdf = _head(kind, document, file)
    # Version 1 took the password as it came.
    forms = possible_forms(password) if kind is WALLET and version == 1 else (normal_form(password),)
    for form in forms:
        key = derive(form, kdf, str(file))
        inside = unseal(kind, document, key, file)
        if inside is not None:
            return Sealed(key, kdf, inside, version)
    raise WrongPassword(f"that is not the password of {_called(kind, file)} (or the file was damaged)")


def unseal(kind: Kind, document: Any, key: bytes, file: Path) -> Inside | None:
    """What is inside; None where the key is not the file's.

    Args:
        kind: What it should be.
        document: The file's JSON.
        key: What may open it.
        file: The file, for messages.

    Raises:
        WalletError: It is another kind or damaged.
    """
    version, _ = _head(kind, document, file)
    try:
        text = _decrypt(key, document, kind.label(version))
        if text is None:
            return None
        content = json.loads(text)
        if kind is WALLET and version == 1:
            numbers = sorted(content["relations"].items(), key=lambda item: item[1])
            return Inside(content["words"], "", {name: Relation(numbered_path(i)) for name, i in numbers})
        relations = {
            str(name): Relation(each["path"], each["address"], each["used"] or "")
            for name, each in content["relations"].items()
        }
        return Inside(content["words"], content["passphrase"], relations, content["restored"] is True)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(file) from None


def seal_names(inside: Inside, seed: bytes) -> dict[str, Any]:
    """The names and paths of relations, which the words alone open.

    Args:
        inside: What has the relations.
        seed: The seed of BIP-39.
    """
    paths = {name: each.path for name, each in inside.relations.items()}
    return _encrypt(_names_key(seed), json.dumps(paths), _NAMES)


def open_names(file: Path, seed: bytes) -> Mapping[str, str]:
    """The names and paths in a backup of which only the words are known, and not its password.

    Args:
        file: The backup.
        seed: The seed of BIP-39.

    Raises:
        WalletError: No such file, others can read it, it is of another wallet, another kind or damaged.
    """
    document = read_private_json(file)
    _head(BACKUP, document, file)
    try:
        text = _decrypt(_names_key(seed), document["names"], _NAMES)
        if text is not None:
            return {str(name): str(path) for name, path in json.loads(text).items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(file) from None
    raise WalletError(f"{file} is a backup of another wallet than that of these words (or the file was damaged)")


def check_kind(kind: Kind, file: Path) -> None:
    """Check without its password that a file is what it should be, as far as that can be seen.

    Args:
        kind: What it should be.
        file: The file.

    Raises:
        WalletError: No such file, others can read it, it is another kind or damaged.
    """
    _head(kind, read_private_json(file), file)


def fingerprint(folder: Path) -> str:
    """What tells one state of a wallet's file from another: the hash of its bytes, 64 hex digits; "" where none is.

    Args:
        folder: The wallet's folder.
    """
    try:
        return hashlib.sha256((folder / "vault.json").read_bytes()).hexdigest()
    except OSError:
        return ""


_NAMES = b"salus wallet backup 1: names"


def _names_key(seed: bytes) -> bytes:
    return hmac.digest(seed, _NAMES, hashlib.sha512)[:32]


def _encrypt(key: bytes, text: str, label: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)  # a new one for every write: the key stays
    return {"nonce": nonce.hex(), "ciphertext": AESGCM(key).encrypt(nonce, text.encode(), label).hex()}


def _decrypt(key: bytes, sealed: Any, label: bytes) -> str | None:
    """The text; None where the key does not open it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        content = AESGCM(key).decrypt(bytes.fromhex(sealed["nonce"]), bytes.fromhex(sealed["ciphertext"]), label)
    except InvalidTag:
        return None
    return content.decode()


def _head(kind: Kind, document: Any, file: Path) -> tuple[int, Mapping[str, Any]]:
    """A file's version and parameters of scrypt."""
    try:
        version = document["version"]
        known = type(version) is int and 1 <= version <= kind.version
        if document["salus"] != kind.name or not known or document["kdf"]["name"] != "scrypt":
            raise WalletError(f"{file} is no {kind.name}, or one of another version of Salus")
        kdf: Mapping[str, Any] = document["kdf"]
        return version, kdf
    except (KeyError, TypeError):
        raise _damaged(file) from None


def _damaged(file: Path) -> WalletError:
    return WalletError(f"{file} is damaged; restore the wallet from its words")


def _called(kind: Kind, file: Path) -> Path:
    """What people call it: the folder of a wallet."""
    return file.parent if kind is WALLET else file
