"""What can go wrong, in one tree; each leaf of it ends the command line with the exit code behind it.

::

    SalusError
    ├── Refused                 1   the rules say no
    │   ├── NotLicensed …       1   one class for each custom error of the contracts, by its name
    │   ├── Reverted            1   a contract gave a reason in words, or none
    │   ├── UnknownRefusal      1   a custom error that no ABI here knows
    │   ├── NonceTaken          1   of the outbox: somebody else used the nonce, and with it the key
    │   └── NodeRefused         1   the node took the transaction for invalid (funds, fee, nonce)
    ├── BadInput                2   a file, an option or a value; names the file, the field and the fix
    ├── WalletError             2   keys, keystores, mnemonics
    │   ├── WrongPassword       2
    │   └── NoSigner            2   something had to be signed and nobody can
    ├── IndexTrouble            2   the local index: in use, of another book, full, damaged; names the fix
    │   └── IndexParted         2   the chain is another one than the index has read, further back than it keeps
    ├── Aborted                 2   the user said no
    └── Unreachable             3   no answer from a node
        ├── Overloaded          3   of the outbox: the node asks to be left alone for a while
        ├── WrongChain          3   the node is on another chain than the address book
        ├── NotDeployed         3   no code, or other code, at an address of the book
        ├── BadAnswer           3   the node's answer is not what the protocol allows
        └── NotMined            3   sent, and not in a block within the time; names the transaction

The classes of the custom errors are made from the ABIs by their 4-byte selectors: ``errors.NotLicensed`` and
``from salus.errors import Superseded`` work, and ``errors.refusals()`` lists them. An instance has ``.name``,
``.arguments`` (by name, integers for enums), and ``.data``, the bytes; ``str()`` of it is a sentence.

Errors of web3, requests, eth-account and the operating system cross into this tree at :func:`gate`, and nowhere else.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from salus.abi import decoding

__all__ = [
    "Aborted",
    "BadAnswer",
    "BadInput",
    "IndexParted",
    "IndexTrouble",
    "NoSigner",
    "NodeRefused",
    "NotDeployed",
    "NotMined",
    "Refused",
    "Reverted",
    "SalusError",
    "UnknownRefusal",
    "Unreachable",
    "WalletError",
    "WrongChain",
    "WrongPassword",
    "from_revert",
    "gate",
    "refusals",
    "revert_data",
]


class SalusError(Exception):
    """The root of the tree."""

    #: What the command line ends with.
    exit_code = 1


# ------------------------------------------------------------------------------------------------- refused by the rules


class Refused(SalusError):
    """The rules say no; ``name`` and ``arguments`` say which one, ``str()`` says it in words.

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
    """A custom error that no ABI here knows; ``name`` is its selector."""


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
    """The password does not open the file (or the file was damaged; the two cannot be told apart)."""


class NoSigner(WalletError):
    """Something had to be signed and the client has no signer."""


class Aborted(SalusError):
    """The user said no, or could not be asked."""

    exit_code = 2


class IndexTrouble(SalusError):
    """Something about the local index of events: in use, never filled, of another book, without room, damaged."""

    exit_code = 2


class IndexParted(IndexTrouble):
    """The chain and the index part further back than the index keeps blocks; it is left as it is, and must be built
    anew.
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
    """A transaction was sent and is in no block yet; it may still come.

    Attributes:
        transaction: Its hash.
    """

    def __init__(self, transaction: str, seconds: float) -> None:
        self.transaction = transaction
        super().__init__(
            f"transaction {transaction} is in no block after {seconds:.0f} s; it may still come: look for it before"
            " doing it again"
        )


# --------------------------------------------------------------------------------------------- classes from the ABIs


class _Known(NamedTuple):
    kind: type[Refused]
    entry: Mapping[str, Any]


@cache
def _classes() -> Mapping[str, type[Refused]]:
    """One class for each name of a custom error; the same error of several contracts is one class."""
    names = {
        entry["name"] for abi in decoding.abi_names() for entry in decoding.load_abi(abi) if entry["type"] == "error"
    }
    taken = {"Refused", "Reverted", "UnknownRefusal", "NodeRefused"} | {
        kind.__name__ for kind in (BadInput, WalletError, IndexTrouble, Unreachable, *WalletError.__subclasses__())
    }
    if both := names & taken:
        raise AssertionError(f"errors of contracts that have a name of the tree: {sorted(both)}")
    return MappingProxyType(
        {
            name: type(name, (Refused,), {"__module__": __name__, "__doc__": f"The contracts' error ``{name}``."})
            for name in sorted(names)
        }
    )


@cache
def _by_selector() -> Mapping[bytes, _Known]:
    known: dict[bytes, _Known] = {}
    for abi in decoding.abi_names():
        for entry in decoding.load_abi(abi):
            if entry["type"] == "error":
                known.setdefault(decoding.selector(entry), _Known(_classes()[entry["name"]], entry))
    return known


def refusals() -> Mapping[str, type[Refused]]:
    """The classes of the contracts' custom errors by name."""
    return _classes()


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and name in _classes():
        return _classes()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_classes()})


_PANICS = {
    0x01: "an assertion failed",
    0x11: "an amount or a time is too large for its field",
    0x12: "a division by zero",
    0x21: "a value that its enumeration does not have",
    0x32: "an index beyond the end of a list",
    0x41: "too much memory",
}


def from_revert(data: bytes) -> Refused:
    """The exception for what a contract reverted with.

    Args:
        data: The revert data: a custom error, ``Error(string)``, ``Panic(uint256)``, or nothing.
    """
    if not data:
        return Reverted("the contract refused without giving a reason", data=data)
    head, body = data[:4], data[4:]
    known = _by_selector().get(head)
    try:
        if known is not None:
            from salus.errors.explanations import explain  # which needs the codes, which need this module

            entry = known.entry
            values = decoding.decode_values(entry["inputs"], body)
            arguments = dict(zip((part["name"] for part in entry["inputs"]), values, strict=True))
            return known.kind(explain(entry["name"], arguments), arguments=arguments, data=data)
        if head == bytes.fromhex("08c379a0"):
            reason = decoding.decode_values([{"type": "string"}], body)[0]
            return Reverted(f"the contract refused: {reason}", name="Error", arguments={"reason": reason}, data=data)
        if head == bytes.fromhex("4e487b71"):
            code = decoding.decode_values([{"type": "uint256"}], body)[0]
            words = _PANICS.get(code, "an internal check failed")
            return Reverted(
                f"the contract refused: {words} (panic 0x{code:02x})", name="Panic", arguments={"code": code}, data=data
            )
    except ValueError:
        pass  # a selector that is known by chance, or a contract that lies: it is as good as unknown
    name = "0x" + head.hex()
    return UnknownRefusal(f"the contract refused with {name}, an error that is not among ours", name=name, data=data)


# ------------------------------------------------------------------------------------------------------------- the gate


def revert_data(answer: Any) -> bytes | None:
    """Find the revert data in what a node gave as an error; None when it was no revert.

    Nodes disagree on where it is: anvil and geth put the hex string at ``data``, ganache puts it there for a call and
    in ``data.result`` for an estimate or a transaction, older nodes write ``"Reverted 0x…"``, or key it by the
    transaction.
    """
    data = answer.get("data") if isinstance(answer, Mapping) else answer
    found = _hex_in(data)
    if found is None and isinstance(answer, Mapping):
        said = str(answer.get("message", "")).lower()
        if "revert" in said or answer.get("code") == 3:
            return b""
    return found


def _hex_in(data: Any) -> bytes | None:
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, str):
        match = re.fullmatch(r"(?:Reverted )?0x((?:[0-9a-fA-F]{2})*)", data.strip())
        return bytes.fromhex(match[1]) if match else None
    if isinstance(data, Mapping):
        for key in ("result", "return", "data", "output"):
            if (found := _hex_in(data.get(key))) is not None:
                return found
        for value in data.values():
            if isinstance(value, Mapping) and (found := _hex_in(value)) is not None:
                return found
    return None


@contextlib.contextmanager
def gate(doing: str = "", *, node: str = "") -> Iterator[None]:
    """The one gate through which foreign errors become ours; errors of this tree pass as they are.

    Args:
        doing: What is being done, for the message, e.g. ``"asking for the balance"``.
        node: The node's address, for the message.
    """
    try:
        yield
    except SalusError:
        raise
    except Exception as foreign:
        ours = _translated(foreign, doing, node)
        if ours is None:
            raise
        raise ours from foreign


def _translated(foreign: Exception, doing: str, node: str) -> SalusError | None:
    import requests
    from web3 import exceptions as w

    during = f" while {doing}" if doing else ""
    where = f" at {node}" if node else ""
    if isinstance(foreign, w.ContractLogicError):
        data = revert_data({"data": foreign.data, "message": str(foreign.message or "revert")})
        if not data and (words := _reason_in(str(foreign.message or ""))):
            return Reverted(f"the contract refused: {words}", name="Error", arguments={"reason": words})
        return from_revert(data or b"")
    if isinstance(foreign, (w.RequestTimedOut, w.TimeExhausted, TimeoutError)):
        return Unreachable(f"the node{where} gave no answer in time{during}")
    if isinstance(foreign, (w.BlockNotFound, w.TransactionNotFound, w.CannotHandleRequest, w.TooManyRequests)):
        return BadAnswer(f"the node{where} does not know or does not answer{during}: {one_line(foreign)}")
    if isinstance(foreign, w.Web3RPCError):
        error = (foreign.rpc_response or {}).get("error") or {}
        said = str(error.get("message") if isinstance(error, Mapping) else error) or str(foreign)
        if isinstance(error, Mapping) and (data := revert_data(error)) is not None:
            return from_revert(data)
        return _from_message(said, during)
    bad_address = (
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidSchema,
    )
    if isinstance(foreign, bad_address):
        return BadInput("--rpc", "", f"is not the address of a node: {one_line(foreign)}")
    if isinstance(foreign, requests.exceptions.HTTPError):
        status = foreign.response.status_code if foreign.response is not None else "an error"
        return Unreachable(f"the node{where} answers with HTTP {status}{during}")
    if isinstance(foreign, requests.exceptions.Timeout):
        return Unreachable(f"the node{where} gave no answer in time{during}")
    if isinstance(foreign, (json.JSONDecodeError, w.BadResponseFormat)):
        return BadAnswer(f"what answers{where} is no Ethereum node: its answer is no JSON-RPC{during}")
    if isinstance(foreign, (requests.exceptions.RequestException, ConnectionError, w.ProviderConnectionError)):
        return Unreachable(
            f"no node answers{where}{during}; start one with `salus chain up` or name another with --rpc"
        )
    if isinstance(foreign, (ValueError, TypeError, KeyError, OverflowError)):
        # What passes here is only asked of a node and taken apart; web3 raises these where an answer has a wrong shape.
        return BadAnswer(f"the node's answer{where} is malformed{during}: {one_line(foreign)}")
    return None


def _reason_in(message: str) -> str:
    """The words of a node that tells the reason only in its message."""
    match = re.search(r"revert(?:ed)?(?:: | )(?!custom error)(?:reason string )?'?([^']{1,300})'?$", message)
    words = match[1].strip() if match else ""
    return "" if words.startswith(("0x", "VM Exception")) else words


def _from_message(said: str, during: str) -> SalusError:
    lower = said.lower()
    if "insufficient funds" in lower or "doesn't have enough funds" in lower:
        return NodeRefused(
            f"the sender has too little ether for the fee{during}; a patient needs none: sign with --out, or let somebody --relay-as",
            name="InsufficientFunds",
        )
    if "nonce" in lower or "underpriced" in lower or "fee" in lower or "gas" in lower or "transaction" in lower:
        return NodeRefused(f"the node refused the transaction{during}: {one_line(said)}", name="InvalidTransaction")
    return BadAnswer(f"the node answered with an error{during}: {one_line(said)}")


def one_line(thing: object, longest: int = 200) -> str:
    """Text from outside on one line, without control characters, cut to a length."""
    text = "".join(c if c.isprintable() else " " for c in str(thing))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
