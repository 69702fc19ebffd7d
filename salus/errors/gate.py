"""The one gate through which errors of web3, requests and the operating system become those of the tree."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from salus.errors.quoting import one_line
from salus.errors.refusals import from_revert
from salus.errors.tree import BadAnswer, BadInput, NodeRefused, Refused, Reverted, SalusError, Unreachable

__all__ = ["gate", "revert_data"]


@contextlib.contextmanager
def gate(doing: str = "", *, node: str = "") -> Iterator[None]:
    """The one gate through which foreign errors become ours; errors of this tree pass as they are.

    Args:
        doing: What is being done, for the message, e.g. ``"asking for the balance"``.
        node: The node's address, for the message.

    Raises:
        SalusError: For every foreign error that has a meaning here; anything else passes as it is, for it is a mistake
            of this program.
    """
    try:
        yield
    except SalusError:
        raise
    except Exception as foreign:
        ours = _translated(foreign, _Context(f" while {doing}" if doing else "", f" at {node}" if node else ""))
        if ours is None:
            raise
        raise ours from foreign


def revert_data(answer: Any) -> bytes | None:
    """Find the revert data in what a node gave as an error; None when it was no revert.

    Nodes disagree on where it is: anvil and geth put the hex string at ``data``, ganache puts it there for a call and
    in ``data.result`` for an estimate or a transaction, older nodes write ``"Reverted 0x…"``, or key it by the
    transaction.

    Args:
        answer: The ``error`` of a JSON-RPC answer, or its ``data`` alone.
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


# ----------------------------------------------------------------------------------------------------- one by one


@dataclass(frozen=True, slots=True)
class _Context:
    """What a message says of the moment.

    Attributes:
        during: What was being done, e.g. `` while asking for the balance``; "" where that is not known.
        where: The node, e.g. `` at http://127.0.0.1:8545``; "" where that is not known.
    """

    during: str
    where: str


_Rule = tuple[tuple[type[BaseException], ...], Callable[[Any, _Context], SalusError]]


def _translated(foreign: Exception, context: _Context) -> SalusError | None:
    """The error of the tree for a foreign one; None where there is none."""
    for kinds, translate in _rules():
        if isinstance(foreign, kinds):
            return translate(foreign, context)
    return None


@cache
def _rules() -> tuple[_Rule, ...]:
    """Foreign kinds of errors, each with what it becomes. The first that fits holds: many are kinds of each other."""
    import requests.exceptions as r
    from web3 import exceptions as w

    return (
        ((w.ContractLogicError,), _revert),
        ((w.RequestTimedOut, w.TimeExhausted, TimeoutError), _late),
        ((w.BlockNotFound, w.TransactionNotFound, w.CannotHandleRequest, w.TooManyRequests), _unknown),
        ((w.Web3RPCError,), _rpc_error),
        ((r.InvalidURL, r.MissingSchema, r.InvalidSchema), _bad_address),
        ((r.HTTPError,), _http_status),
        ((r.Timeout,), _late),
        ((json.JSONDecodeError, w.BadResponseFormat), _no_json_rpc),
        ((r.RequestException, ConnectionError, w.ProviderConnectionError), _no_node),
        # What passes here is only asked of a node and taken apart; web3 raises these where an answer has a wrong shape.
        ((ValueError, TypeError, KeyError, OverflowError), _malformed),
    )


def _revert(foreign: Any, _: _Context) -> Refused:
    data = revert_data({"data": foreign.data, "message": str(foreign.message or "revert")})
    if not data and (reason := _reason_in(str(foreign.message or ""))):
        return Reverted(f"the contract refused: {reason}", name="Error", arguments={"reason": reason})
    return from_revert(data or b"")


def _reason_in(message: str) -> str:
    """The words of a node that tells the reason only in its message."""
    match = re.search(r"revert(?:ed)?(?:: | )(?!custom error)(?:reason string )?'?([^']{1,300})'?$", message)
    words = match[1].strip() if match else ""
    return "" if words.startswith(("0x", "VM Exception")) else words


def _late(_: Exception, context: _Context) -> Unreachable:
    return Unreachable(f"the node{context.where} gave no answer in time{context.during}")


def _unknown(foreign: Exception, context: _Context) -> BadAnswer:
    return BadAnswer(f"the node{context.where} does not know or does not answer{context.during}: {one_line(foreign)}")


def _rpc_error(foreign: Any, context: _Context) -> SalusError:
    error: Any = (foreign.rpc_response or {}).get("error") or {}
    if isinstance(error, Mapping) and (data := revert_data(error)) is not None:
        return from_revert(data)
    said = str(error.get("message") if isinstance(error, Mapping) else error) or str(foreign)
    return _from_message(said, context.during)


def _from_message(said: str, during: str) -> SalusError:
    lower = said.lower()
    if "insufficient funds" in lower or "doesn't have enough funds" in lower:
        return NodeRefused(
            f"the sender has too little ether for the fee{during}; a patient needs none: sign with --out, or let"
            " somebody --relay-as",
            name="InsufficientFunds",
        )
    if any(word in lower for word in ("nonce", "underpriced", "fee", "gas", "transaction")):
        return NodeRefused(f"the node refused the transaction{during}: {one_line(said)}", name="InvalidTransaction")
    return BadAnswer(f"the node answered with an error{during}: {one_line(said)}")


def _bad_address(foreign: Exception, _: _Context) -> BadInput:
    return BadInput("--rpc", "", f"is not the address of a node: {one_line(foreign)}")


def _http_status(foreign: Any, context: _Context) -> Unreachable:
    status = foreign.response.status_code if foreign.response is not None else "an error"
    return Unreachable(f"the node{context.where} answers with HTTP {status}{context.during}")


def _no_json_rpc(_: Exception, context: _Context) -> BadAnswer:
    return BadAnswer(f"what answers{context.where} is no Ethereum node: its answer is no JSON-RPC{context.during}")


def _no_node(_: Exception, context: _Context) -> Unreachable:
    return Unreachable(
        f"no node answers{context.where}{context.during}; start one with `salus chain up` or name another with --rpc"
    )


def _malformed(foreign: Exception, context: _Context) -> BadAnswer:
    return BadAnswer(f"the node's answer{context.where} is malformed{context.during}: {one_line(foreign)}")
