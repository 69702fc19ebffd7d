"""Salus: a public-health ledger. Patients' consent, self-settling claims, vaccines that prove they stayed cold.

This package is the client: it talks to the contracts through any Ethereum node. It prints nothing and keeps nothing
global. Start with :meth:`Salus.connect`; the errors are in :mod:`salus.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.chain.receipts import Event, Receipt
    from salus.client import Salus
    from salus.errors import SalusError
    from salus.keys.signers import KeySigner, NodeSigner, Signer
    from salus.keys.wallet import Wallet

__all__ = ["Book", "Event", "KeySigner", "NodeSigner", "Receipt", "Salus", "SalusError", "Signer", "Wallet"]

__version__ = "0.1.0"

_HOMES = {
    "Book": "chain.book",
    "Event": "chain.receipts",
    "KeySigner": "keys.signers",
    "NodeSigner": "keys.signers",
    "Receipt": "chain.receipts",
    "Salus": "client",
    "SalusError": "errors",
    "Signer": "keys.signers",
    "Wallet": "keys.wallet",
}


def __getattr__(name: str) -> Any:
    # Each name is fetched when it is first used: `salus --help` must not wait for web3.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
