"""What can go wrong, in one tree; each leaf of it ends the command line with the exit code behind it.

::

    SalusError
    ├── Refused                 1   the rules say no
    │   ├── NotLicensed …       1   one class for each custom error of the contracts, by its name
    │   ├── Reverted            1   a contract gave a reason in words, or none
    │   ├── UnknownRefusal      1   a custom error that is in no ABI here
    │   ├── Cancelled           1   of the outbox: a transfer of nothing used the item's nonce, as the user asked
    │   ├── NonceTaken          1   of the outbox: a transaction sent outside this outbox consumed the nonce
    │   └── NodeRefused         1   the node took the transaction for invalid (funds, fee, nonce)
    ├── BadInput                2   a file, an option or a value; names the file, the field and the fix
    ├── WalletError             2   keys, keystores, mnemonics
    │   ├── WrongPassword       2
    │   ├── UnknownRelation     2   a restored wallet does not know whether its owner had an account there
    │   └── NoSigner            2   something had to be signed and there is no signer
    ├── IndexTrouble            2   the local index: in use, of another book, full, damaged; names the fix
    │   ├── IndexUnreachable    2   its database server does not answer, or ended the connection
    │   └── IndexParted         2   the chain differs from what the index has read, further back than it keeps
    ├── Aborted                 2   the user said no
    └── Unreachable             3   no answer from a node
        ├── HttpStatus          3   of one message: the node answers with an HTTP status
        │   └── Overloaded      3   of one message: the node asks for a pause
        ├── NotListening        3   of one message: the connection is refused
        ├── WrongChain          3   the node is on another chain than the address book
        ├── NotDeployed         3   no code, or other code, at an address of the book
        ├── BadAnswer           3   the node's answer is not what the protocol allows
        │   ├── Contradiction   3   what a node says does not fit the block's hash, or what else it says
        │   ├── TooLong         3   of one message: the reply is longer than it may be
        │   └── TooMuchAsked    3   of one message: the node refuses so many questions at once
        └── NotMined            3   sent, and not in a block within the time; names the transaction

The classes of the custom errors are made from the ABIs by their 4-byte selectors: ``errors.NotLicensed`` and
``from salus.errors import Superseded`` work, and ``errors.refusals()`` lists them. An instance has ``.name``,
``.arguments`` (by name, integers for enums), and ``.data``, the bytes; ``str()`` of it is a sentence.

Errors of web3, requests, eth-account and the operating system cross into this tree at :func:`gate`, and nowhere else.

Modules: ``tree`` has the classes above, ``refusals`` those of the custom errors, ``explanations`` a sentence for each
custom error, ``gate`` the way in for foreign errors, ``quoting`` how foreign text is quoted.
"""

from __future__ import annotations

from typing import Any

from salus.errors.gate import gate, revert_data
from salus.errors.quoting import one_line
from salus.errors.refusals import from_revert, refusals
from salus.errors.tree import (
    Aborted,
    BadAnswer,
    BadInput,
    IndexParted,
    IndexTrouble,
    IndexUnreachable,
    NodeRefused,
    NoSigner,
    NotDeployed,
    NotMined,
    Refused,
    Reverted,
    SalusError,
    UnknownRefusal,
    UnknownRelation,
    Unreachable,
    WalletError,
    WrongChain,
    WrongPassword,
)

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
    "from_revert",
    "gate",
    "one_line",
    "refusals",
    "revert_data",
]


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name in refusals():
        return refusals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *refusals()})
