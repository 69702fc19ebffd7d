"""Salus: a public-health ledger. Patients' consent, self-settling claims, vaccines that prove they stayed cold.

This package is the client: it talks to the contracts through any Ethereum node. It prints nothing and keeps nothing
global. Start with :meth:`Salus.connect`, which gives one object with a resource for each subject
(``salus.consent.decide(...)``); ``help(Salus)`` lists them. Every error is a :class:`SalusError`; the tree of errors is
in :mod:`salus.errors`.

The folders below hold one subject each: ``institutions``, ``consent``, ``claims``, ``coldchain``, ``doses``; what they
all rest on is in ``chain`` (node, address book, transactions), ``outbox``, ``index``, ``keys``, ``formats``, ``errors``
and ``abi``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.chain.contracts import Contract
    from salus.chain.node import Node
    from salus.chain.receipts import Event, Receipt
    from salus.claims.files.any_format import read_claim_files
    from salus.claims.files.fhir_eob import explanation_of_benefit
    from salus.claims.files.fhir_response import claim_response
    from salus.claims.input import ClaimInput
    from salus.claims.model import ClaimAnswer, Refusal, State
    from salus.claims.plans.file import load_plan
    from salus.claims.plans.model import Plan
    from salus.claims.plans.records import Membership
    from salus.client import Salus
    from salus.coldchain.loggers.files import read as read_readings
    from salus.coldchain.loggers.qtag import write_qtag
    from salus.coldchain.lots import NewLot
    from salus.coldchain.model import Verdict
    from salus.coldchain.temperature import ready_profiles
    from salus.consent.model import DirectiveDraft, Effect
    from salus.doses.schedules import ready_schedules
    from salus.errors import BadInput, Refused, SalusError
    from salus.formats.commitments import commit
    from salus.formats.json_file import dump_json
    from salus.keys.keystores import load_keystore, write_keystore
    from salus.keys.signers import KeySigner, NodeSigner, Signer
    from salus.keys.wallet import Wallet

__all__ = [
    "BadInput",
    "Book",
    "ClaimAnswer",
    "ClaimInput",
    "Contract",
    "DirectiveDraft",
    "Effect",
    "Event",
    "KeySigner",
    "Membership",
    "NewLot",
    "Node",
    "NodeSigner",
    "Plan",
    "Receipt",
    "Refusal",
    "Refused",
    "Salus",
    "SalusError",
    "Signer",
    "State",
    "Verdict",
    "Wallet",
    "claim_response",
    "commit",
    "dump_json",
    "explanation_of_benefit",
    "load_keystore",
    "load_plan",
    "read_claim_files",
    "read_readings",
    "ready_profiles",
    "ready_schedules",
    "write_keystore",
    "write_qtag",
]

__version__ = "0.1.0"

#: Where each name lives, "module" or "module:name there"; the test of this list compares it with the imports above.
_HOMES = {
    "BadInput": "errors",
    "Book": "chain.book",
    "ClaimAnswer": "claims.model",
    "ClaimInput": "claims.input",
    "Contract": "chain.contracts",
    "DirectiveDraft": "consent.model",
    "Effect": "consent.model",
    "Event": "chain.receipts",
    "KeySigner": "keys.signers",
    "Membership": "claims.plans.records",
    "NewLot": "coldchain.lots",
    "Node": "chain.node",
    "NodeSigner": "keys.signers",
    "Plan": "claims.plans.model",
    "Receipt": "chain.receipts",
    "Refusal": "claims.model",
    "Refused": "errors",
    "Salus": "client",
    "SalusError": "errors",
    "Signer": "keys.signers",
    "State": "claims.model",
    "Verdict": "coldchain.model",
    "Wallet": "keys.wallet",
    "claim_response": "claims.files.fhir_response",
    "commit": "formats.commitments",
    "dump_json": "formats.json_file",
    "explanation_of_benefit": "claims.files.fhir_eob",
    "load_keystore": "keys.keystores",
    "load_plan": "claims.plans.file",
    "read_claim_files": "claims.files.any_format",
    "read_readings": "coldchain.loggers.files:read",
    "ready_profiles": "coldchain.temperature",
    "ready_schedules": "doses.schedules",
    "write_keystore": "keys.keystores",
    "write_qtag": "coldchain.loggers.qtag",
}


def __getattr__(name: str) -> Any:
    # Each name is fetched when it is first used: `salus --help` must not wait for web3.
    if name in _HOMES:
        from importlib import import_module

        module, _, there = _HOMES[name].partition(":")
        return getattr(import_module(f"{__name__}.{module}"), there or name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
