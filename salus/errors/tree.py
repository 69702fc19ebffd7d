"""The classes of the tree that are written by hand; those of the contracts' custom errors are in
:mod:`salus.errors.refusals`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = [
    "Aborted",
    "BadAnswer",
    "BadInput",
    "IndexParted",
    "IndexTrouble",
    "IndexUnreachable",
    "NoSigner",
    "NodeRefused",
    "NotDeployed",
    "NotMined",
    "Refused",
    "Reverted",
    "SalusError",
    "UnknownRefusal",
    "UnknownRelation",
    "Unreachable",
    "WalletError",
    "WrongChain",
    "WrongPassword",
]


class SalusError(Exception):
    """The root of the tree."""

    #: What the command line ends with.
    exit_code = 1


# ------------------------------------------------------------------------------------------------- refused by the rules


class Refused(SalusError):
    """The rules say no: ``name`` and ``arguments`` tell which rule, ``str()`` is the sentence for people.

    Args:
        message: The sentence.
        name: The custom error's name; by default the class's.
        arguments: Its arguments by name.
        data: The bytes with which the contract reverted.

    Attributes:
        name: The custom error's name.
        arguments: Its arguments by name.
        data: The bytes with which the contract reverted, empty when there were none.
        transaction: The hash of the transaction that failed in a block; None when nothing was sent.
    """

    def __init__(
        self, message: str, *, name: str = "", arguments: Mapping[str, Any] | None = None, data: bytes = b""
    ) -> None:
        super().__init__(message)
        self.name = name or type(self).__name__
        self.arguments: Mapping[str, Any] = MappingProxyType(dict(arguments or {}))
        self.data = data
        self.transaction: str | None = None


class Reverted(Refused):
    """A contract or a token reverted with a reason in words, with a panic, or with nothing."""


class UnknownRefusal(Refused):
    """A custom error that is in no ABI here; ``name`` is its selector, 0x-hex."""


class NodeRefused(Refused):
    """The node did not take the transaction: too little ether for the fee, a fee below the base fee, a used nonce."""


# ----------------------------------------------------------------------------------------------------- bad from outside


class BadInput(SalusError):
    """Something from outside is not as it must be.

    Args:
        file: The file, option or other source; "" when there is none to name.
        field: Where in it, e.g. ``item[2].productOrService``; "" for the whole.
        fix: What is wrong and what to do about it, e.g. ``"is 12.5; write whole units"``.
    """

    exit_code = 2

    def __init__(self, file: str | os.PathLike[str], field: str, fix: str) -> None:
        self.file, self.field, self.fix = os.fspath(file), field, fix
        where = ": ".join(part for part in (self.file, field) if part)
        super().__init__(f"{where}: {fix}" if where else fix)


class WalletError(SalusError):
    """Something about keys, keystores or mnemonics; the message names the file and the fix, never a secret."""

    exit_code = 2


class WrongPassword(WalletError):
    """The password does not open the file (or the file was damaged; both look the same)."""


class UnknownRelation(WalletError):
    """A wallet that was made again from its words is asked to sign in a relation that it does not know: its owner may
    have had another account there.

    Attributes:
        relation: The relation.
        address: The account that its name gives.
    """

    def __init__(self, relation: str, address: str) -> None:
        self.relation, self.address = relation, address
        super().__init__(
            f"this wallet was restored and does not know a relation {relation!r}: look for your accounts with `salus"
            f" wallet scan`; if you never had one there, add {address} with `salus wallet add {relation}`"
        )


class NoSigner(WalletError):
    """Something had to be signed and the client has no signer."""


class Aborted(SalusError):
    """The user said no, or could not be asked."""

    exit_code = 2


class IndexTrouble(SalusError):
    """Something about the local index of events: in use, never filled, of another book, without room, damaged."""

    exit_code = 2


class IndexUnreachable(IndexTrouble):
    """The database server of the index does not answer, or ended the connection; it may answer a little later."""


class IndexParted(IndexTrouble):
    """The chain differs from the index further back than the index keeps blocks. The index is left as it is; it must be
    rebuilt.
    """


# ------------------------------------------------------------------------------------------------------------- the node


class Unreachable(SalusError):
    """No answer from a node."""

    exit_code = 3


class WrongChain(Unreachable):
    """The node is on another chain than the address book."""


class NotDeployed(Unreachable):
    """At an address of the book there is no code, or another code than the one deployed."""


class BadAnswer(Unreachable):
    """The node's answer is not what the protocol or the ABI allows."""


class NotMined(Unreachable):
    """A transaction was sent and is in no block yet; it may still be mined.

    Args:
        transaction: Its hash, 0x-hex.
        seconds: How long it was waited for.

    Attributes:
        transaction: Its hash.
    """

    def __init__(self, transaction: str, seconds: float) -> None:
        self.transaction = transaction
        super().__init__(
            f"transaction {transaction} is in no block after {seconds:.0f} s; it may still come: look for it before"
            " doing it again"
        )
