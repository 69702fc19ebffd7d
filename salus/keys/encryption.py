"""Keys for encryption (X25519): what an institution publishes so that others can encrypt to it.

The private key lies in a PEM file (PKCS #8, encrypted with a password), as OpenSSL reads and writes it; the public one
is 32 bytes and goes on chain.

>>> import tempfile, pathlib
>>> with tempfile.TemporaryDirectory() as folder:
...     file = pathlib.Path(folder) / "hospital.pem"
...     public = make_key_file(file, "a password")
...     read_public_key(file, "a password") == public and len(public) == 32
True
"""

from __future__ import annotations

import os
from pathlib import Path

from salus.errors import BadInput, WrongPassword
from salus.keys.keystores import write_private
from salus.keys.passwords import keyboard_form, possible_forms

__all__ = ["make_key_file", "read_public_key"]

_MOST_BYTES = 65_536


def make_key_file(path: str | os.PathLike[str], password: str) -> bytes:
    """Make a key pair and write its private key, which only the owner of the file can read.

    Args:
        path: The file; not there yet.
        password: Encrypts it; at least one character.

    Returns:
        The public key, 32 bytes.

    Raises:
        BadInput: The password is empty.
        WalletError: The file is there already, or cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    if not password:
        raise BadInput(str(path), "password", "is empty; give one")
    key = X25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(keyboard_form(password).encode()),
    )
    write_private(Path(path), text.decode("ascii"))
    return key.public_key().public_bytes_raw()


def read_public_key(path: str | os.PathLike[str], password: str | None = None) -> bytes:
    """The public key of a PEM file, which holds the public key itself or a private one.

    Args:
        path: The file.
        password: Opens a private key.

    Returns:
        32 bytes.

    Raises:
        BadInput: The file cannot be read, or holds no X25519 key.
        WrongPassword: The password does not open it.
    """
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    file = str(path)
    try:
        with open(path, "rb") as stream:
            text = stream.read(_MOST_BYTES + 1)
    except OSError as trouble:
        raise BadInput(file, "", f"cannot be read ({trouble.strerror})") from None
    if len(text) > _MOST_BYTES:
        raise BadInput(file, "", "is too large for a key; give a PEM file with one X25519 key")
    key = _load_private(text, password, file) if b"PRIVATE KEY" in text else _load_public(text, file)
    if isinstance(key, X25519PrivateKey):
        key = key.public_key()
    if not isinstance(key, X25519PublicKey):
        raise BadInput(file, "", "holds a key of another kind; give an X25519 key")
    return key.public_bytes_raw()


def _load_private(text: bytes, password: str | None, file: str) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    forms = (None,) if password is None else tuple(form.encode() for form in possible_forms(password))
    wrong = None
    for form in forms:
        try:
            return load_pem_private_key(text, form)
        except TypeError:
            raise WrongPassword(f"{file} is encrypted; give its password") from None
        except ValueError as trouble:
            wrong = wrong or trouble
    if b"ENCRYPTED" in text and password is not None:
        raise WrongPassword(f"the password does not open {file}") from None
    raise _no_key(file, wrong)


def _load_public(text: bytes, file: str) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(text)
    except ValueError as trouble:
        raise _no_key(file, trouble) from None


def _no_key(file: str, trouble: object) -> BadInput:
    return BadInput(file, "", f"is no PEM key ({str(trouble).splitlines()[0][:80]}); give an X25519 key")
