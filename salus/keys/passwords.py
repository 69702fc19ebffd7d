"""One password, however it is typed: é is one character or two, by keyboard and by system.

What Salus alone reads (a wallet, a backup) is under the password in Unicode's form NFKD, as BIP-39 has its texts.
Keystore files are read by other programs too, which take the bytes as they come: those are written in form NFC, which
keyboards give. A file whose form is not known is tried with each.
"""

from __future__ import annotations

import unicodedata

__all__ = ["keyboard_form", "normal_form", "possible_forms"]

_BOM = "\ufeff"


def normal_form(password: str) -> str:
    """The password as wallets and backups have it.

    Args:
        password: As it was typed.
    """
    return unicodedata.normalize("NFKD", password)


def keyboard_form(password: str) -> str:
    """The password as keystore files have it, which other programs open too.

    Args:
        password: As it was typed.
    """
    return unicodedata.normalize("NFC", password)


def possible_forms(password: str) -> tuple[str, ...]:
    """The password as another program, or an earlier Salus, may have taken it; the likeliest first.

    Earlier ones took the mark at the start of a text file (BOM) for a part of the password.

    Args:
        password: As it was typed.
    """
    forms = [password, *(unicodedata.normalize(form, password) for form in ("NFC", "NFD", "NFKD"))]
    return tuple(dict.fromkeys([*forms, _BOM + password]))
