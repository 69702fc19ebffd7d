"""Keystore v3 files, password files, and the way that secrets are written to a disk.

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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salus.errors import BadInput, WalletError, WrongPassword
from salus.formats.json_file import parse_json
from salus.keys.passwords import keyboard_form, possible_forms
from salus.keys.private_file import distrust
from salus.keys.signers import KeySigner

__all__ = [
    "KeystoreFile",
    "derive",
    "encrypt",
    "import_keystore",
    "list_keystores",
    "load_keystore",
    "new_kdf",
    "private_folder",
    "read_password_file",
    "read_private",
    "read_private_json",
    "write_keystore",
    "write_private",
]

# Cost of guessing one password: half a second and 256 MiB of memory (n · r · 128 bytes).
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 18, 8, 1

# A file from a stranger may ask for any cost; above these it is an attack on this machine's memory and time.
_MOST_MEMORY = 1 << 30
_MOST_ROUNDS = 10_000_000
_LARGEST_FILE = 1 << 20


def load_keystore(path: str | os.PathLike[str], password: str) -> KeySigner:
    """The signer of a keystore v3 file, as Salus, eth-account, Brownie and cast write it.

    Args:
        path: The file.
        password: Opens it.

    Raises:
        WrongPassword: It is not the password.
        WalletError: Not such a file, others can read it, or it asks for an absurd cost.
    """
    file = Path(path)
    document = read_private_json(file)
    _check_keystore(document, file)
    keys = (_decrypt(document, form, file) for form in possible_forms(password))
    key = next((key for key in keys if key is not None), None)
    if key is None:
        raise WrongPassword(f"that is not the password of {file} (or the file was damaged)")
    signer = KeySigner.from_key(key)
    named = document.get("address")
    if isinstance(named, str) and named and named.lower().removeprefix("0x") != signer.address.lower()[2:]:
        raise WalletError(f"{file} names {named}, and holds the key of {signer.address}")
    return signer


def _decrypt(document: Any, password: str, file: Path) -> bytes | None:
    """The private key; None where this is not the password."""
    from eth_account import Account

    try:
        return bytes(Account.decrypt(document, password))
    except ValueError as trouble:
        # eth-keyfile says "MAC mismatch"; no other reason is given, whatever failed.
        if "MAC" in str(trouble):
            return None
        raise WalletError(f"{file} is no keystore v3 file that can be opened") from None
    except (KeyError, TypeError, NotImplementedError):
        raise WalletError(f"{file} is no keystore v3 file that can be opened") from None


@dataclass(frozen=True)
class KeystoreFile:
    """What a keystore file shows without its password.

    Attributes:
        path: The file.
        address: The account that it names, None where it names none. Nothing proves it before the file is opened. With
            its checksum where the file is called by it, as a wallet's are; else in lower case.
    """

    path: Path
    address: str | None


def list_keystores(place: str | os.PathLike[str]) -> tuple[KeystoreFile, ...]:
    """The keystore files of a folder by their names, or the one that is named; no password, and no key is derived.

    Args:
        place: A folder, of which the ``*.json`` files are meant, or one file.

    Raises:
        WalletError: One is no keystore v3 file, or others can read it.
    """
    folder = Path(place)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    return tuple(_look_at(file) for file in files)


def _look_at(file: Path) -> KeystoreFile:
    document = read_private_json(file)
    _check_keystore(document, file)
    named = document.get("address")
    digits = named.lower().removeprefix("0x") if isinstance(named, str) else ""
    if not re.fullmatch("[0-9a-f]{40}", digits):
        return KeystoreFile(file, None)
    account = f"0x{digits}"
    return KeystoreFile(file, file.stem if file.stem.lower() == account else account)


def write_keystore(path: str | os.PathLike[str], signer_key: bytes, password: str) -> str:
    """Write a private key as a keystore v3 file with mode 0600; a file that is there is left alone.

    Args:
        path: The file.
        signer_key: The private key, 32 bytes.
        password: Opens the file from then on.

    Returns:
        The account's address.

    Raises:
        WalletError: The file is there already, or the password is empty.
    """
    if not password:
        raise WalletError("the password is empty; whoever finds the file could use it")
    signer = KeySigner.from_key(signer_key)
    write_private(Path(path), json.dumps(encrypt(signer_key, password)) + "\n")
    return signer.address


def import_keystore(
    source: str | os.PathLike[str], password: str, target: str | os.PathLike[str], new_password: str | None = None
) -> str:
    """Copy a keystore file, encrypted again at full strength, whatever the strength was.

    Args:
        source: The file that is there.
        password: Opens it.
        target: The file to be written.
        new_password: By default the same.

    Returns:
        The account's address.

    Raises:
        WalletError: See :func:`load_keystore` and :func:`write_keystore`.
    """
    signer = load_keystore(source, password)
    return write_keystore(target, bytes(signer._account.key), new_password or password)


def encrypt(key: bytes, password: str) -> dict[str, Any]:
    """A private key as a keystore v3 document.

    Args:
        key: The private key, 32 bytes.
        password: Opens the document from then on.
    """
    from eth_account import Account

    return dict(Account.encrypt(key, keyboard_form(password), kdf="scrypt", iterations=_SCRYPT_N))


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
        most = f"{_MOST_MEMORY >> 20} MiB or 16 lanes"
        raise WalletError(f"{file} asks for more than {most} of scrypt; that is no keystore to trust")


def new_kdf() -> dict[str, Any]:
    """Fresh parameters for :func:`derive`."""
    return {"name": "scrypt", "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": secrets.token_hex(32)}


def derive(password: str, kdf: Mapping[str, Any], file: str) -> bytes:
    """The 32 bytes that scrypt makes of a password.

    Args:
        password: The password.
        kdf: ``n``, ``r``, ``p`` and ``salt`` (hex).
        file: Where they stood, for the message.

    Raises:
        WalletError: They are malformed, or ask for an absurd cost.
    """
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
    """The password that is the first line of a file; neither the line's end nor a mark at the file's start (BOM) is
    part of it.

    Args:
        path: The file.

    Raises:
        WalletError: No such file, others can read it, or it is empty.
    """
    text = read_private(Path(path), "password file")
    password = text.split("\n", 1)[0].rstrip("\r")
    if not password:
        raise WalletError(f"{os.fspath(path)} has no password in its first line")
    return password


def write_private(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all, and on the disk when this returns.

    Args:
        path: The file; its folder is there.
        text: Its content, written as UTF-8.
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

    Args:
        folder: The folder; missing ones above it are made alike.

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


def read_private(path: Path, what: str) -> str:
    """The text of a file that only its owner can read.

    Args:
        path: The file, at most 1 MiB.
        what: What it should be, for the message.

    Raises:
        WalletError: No such file, it is another user's, others can read it, too large, or no text.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise WalletError(f"there is no {what} {path}") from None
    except OSError as trouble:
        raise WalletError(f"{path} cannot be read: {trouble.strerror}") from None
    try:
        # Of the opened file: it cannot be exchanged in between.
        status = os.fstat(handle)
        if why := distrust(path, status):
            raise WalletError(f"{path} {why}")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            raw = stream.read(_LARGEST_FILE + 1)
    finally:
        os.close(handle)
    if len(raw) > _LARGEST_FILE:
        raise WalletError(f"{path} is too large for a {what}")
    try:
        return raw.decode("utf-8-sig")  # editors of some systems write a mark first
    except UnicodeDecodeError:
        raise WalletError(f"{path} is no text") from None


def read_private_json(path: Path) -> Any:
    """The JSON of a keystore or vault; see :func:`read_private`.

    Args:
        path: The file.
    """
    text = read_private(path, "keystore")
    try:
        return parse_json(text, str(path))
    except BadInput:
        raise WalletError(f"{path} is no keystore: it is not JSON") from None
