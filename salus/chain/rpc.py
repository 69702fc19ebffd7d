"""JSON-RPC with one node, message by message; what comes back is taken as a stranger's.

Every question of this package goes through :class:`Endpoint`: time and size are bounded for the message as a whole, the
answers are matched by their ids, no redirection is followed, and nothing is sent twice. What is asked again, and when,
is for those above: :class:`salus.chain.node.Node` for one node, the outbox for several.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.connection import BUSY, LONGEST_WAIT, NodeAddress
from salus.chain.transport import LONGEST, transport
from salus.errors import (
    BadAnswer,
    NodeRefused,
    Reverted,
    SalusError,
    Unreachable,
    from_revert,
    one_line,
    revert_data,
)

__all__ = [
    "BATCH",
    "Call",
    "Endpoint",
    "HttpStatus",
    "Overloaded",
    "TooMuchAsked",
    "Trouble",
    "data",
    "number",
]

#: A question: the method and its parameters.
Call = tuple[str, Sequence[Any]]

#: Questions in one message; no common node allows fewer, and some answer more than 1,000 with one error.
BATCH = 100

# Bytes that the answer to one question may have, where the method is not one of lists.
_SHORT = 1 << 20
_LONG_METHODS = frozenset(
    (
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getBlockReceipts",
        "eth_getLogs",
        "eth_getTransactionReceipt",
    )
)


class HttpStatus(Unreachable):
    """The endpoint answers with an HTTP status and no JSON-RPC.

    Attributes:
        status: HTTP's.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status in BUSY


class Overloaded(HttpStatus):
    """The endpoint asks to be left alone for a while.

    Attributes:
        seconds: How long, as it says; 0 when it does not.
    """

    def __init__(self, message: str, seconds: float = 0, status: int = 429) -> None:
        super().__init__(message, status)
        self.seconds = seconds


class TooMuchAsked(BadAnswer):
    """The endpoint refuses so many questions, or so long ones, in one message."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that a node answered to one question.

    Attributes:
        code: Its number, e.g. -32601 for a method that the node does not know.
        message: Its words, from outside.
        whole: As it was given.
    """

    code: int
    message: str
    whole: Any

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a little later."""
        if self.revert is not None or self._too_long:
            return False
        said = self.message.lower()
        return self.code in _PASSING or any(sign in said for sign in _SLOWER)

    @property
    def inner(self) -> bool:
        """Whether the node says that something went wrong inside it; that may pass, but most often it stays."""
        return self.revert is None and (self.code == -32603 or "internal error" in self.message.lower())

    @property
    def unknown_method(self) -> bool:
        """Whether the node has no such method."""
        return self.code == -32601 or ("method" in self.message and "not" in self.message)

    @property
    def wants_less(self) -> bool:
        """Whether the answer would be too long, so that a smaller question may be answered."""
        said = self.message.lower()
        return self._too_long or self.code == -32005 or ("limit" in said and not self.passing)

    @property
    def _too_long(self) -> bool:
        said = self.message.lower()
        return "more than" in said or any(sign in said for sign in _SMALLER)

    @property
    def revert(self) -> bytes | None:
        """With what a contract reverted; None where it was no revert."""
        return revert_data(self.whole)

    def error(self, doing: str) -> SalusError:
        """The exception for it.

        Args:
            doing: What was asked, for the message, e.g. ``asking for the balance``.
        """
        if (given := self.revert) is not None:
            if not given and (reason := _reason_in(self.message)):
                return Reverted(f"the contract refused: {reason}", name="Error", arguments={"reason": reason})
            return from_revert(given)
        said, during = self.message.lower(), f" while {doing}" if doing else ""
        if any(sign in said for sign in ("insufficient funds", "enough funds")):
            return NodeRefused(
                f"the sender has too little ether for the fee{during}; a patient needs none: sign with --out, or let"
                " somebody --relay-as",
                name="InsufficientFunds",
            )
        if any(word in said for word in ("nonce", "underpriced", "fee", "gas", "transaction")):
            return NodeRefused(
                f"the node refused the transaction{during}: {one_line(self.message)}", name="InvalidTransaction"
            )
        return BadAnswer(f"the node answered with an error{during}: {one_line(self.message)}")


# Too many questions a second, or too much at once.
_PASSING = (-32005, 429, -32029, -32097)
_SLOWER = (
    "rate limit",
    "rate exceeded",
    "too many requests",
    "limit exceeded",
    "throttl",
    "capacity",
    "busy",
    "timeout",
    "timed out",
    "try again",
    "internal error",
    # geth, in the first moments after its start
    "indexing is in progress",
)
_SMALLER = ("batch", "too large", "too big", "response size", "too many results", "block range")


class Endpoint:
    """One node over one connection. Used by one thread; :meth:`aside` gives a connection for another.

    Args:
        url: The node's address.
        timeout: Seconds for one reply, from the first byte sent to the last received.

    Raises:
        BadInput: Not the address of a node.

    Attributes:
        address: The node's; it prints without its secrets.
        asked: How many messages were sent.
    """

    def __init__(self, url: str | NodeAddress, *, timeout: float) -> None:
        self.address, self.timeout, self.asked = NodeAddress(url), timeout, 0
        self._transport = transport(self.address, timeout)
        self._asides: dict[str, Endpoint] = {}

    @property
    def name(self) -> str:
        """The node in messages, without its secrets."""
        return str(self.address)

    def __repr__(self) -> str:
        return f"Endpoint({self.address})"

    def aside(self, lane: str) -> Endpoint:
        """The same node over a connection of its own, which another thread may use: one for each lane."""
        if lane not in self._asides:
            self._asides[lane] = Endpoint(self.address, timeout=self.timeout)
        return self._asides[lane]

    def close(self) -> None:
        """End the connections."""
        self._transport.close()
        for aside in self._asides.values():
            aside.close()

    def ask(self, calls: Sequence[Call], *, timeout: float | None = None) -> list[Any]:
        """Ask several things in one message.

        Args:
            calls: Methods and their parameters.
            timeout: Seconds, where they are fewer than the endpoint's own.

        Returns:
            What each was answered, in order: JSON values, or :class:`Trouble`.

        Raises:
            Unreachable: No reply in time, or none that is whole; see :class:`HttpStatus`, :class:`Overloaded`.
            BadAnswer: A reply that does not fit the questions; see :class:`TooMuchAsked`.
        """
        self.asked += 1
        document = [
            {"jsonrpc": "2.0", "id": n, "method": method, "params": list(params)}
            for n, (method, params) in enumerate(calls)
        ]
        # A single one goes without a list: there are nodes that take no batches.
        body = json.dumps(document if len(document) != 1 else document[0], separators=(",", ":")).encode()
        longest = LONGEST if any(_may_be_long(method) for method, _ in calls) else _SHORT * max(1, len(calls))
        reply = self._transport.post(body, timeout=timeout, longest=min(longest, LONGEST))
        answers = _parsed(reply.body)
        if reply.status != 200 and not (reply.status in (400, 413) and _is_json_rpc(answers)):
            said = f"the node at {self.name} answers with HTTP {reply.status}"
            if reply.status == 413:
                raise TooMuchAsked(said)
            if reply.status in (429, 503):
                raise Overloaded(said, min(reply.wait, LONGEST_WAIT), reply.status)
            raise HttpStatus(said, reply.status)
        if answers is None:
            raise BadAnswer(f"what answers at {self.name} is no Ethereum node: its answer is no JSON-RPC")
        return self._in_order(answers, len(document))

    def _in_order(self, answers: Any, count: int) -> list[Any]:
        """The answers in the order of the questions; nodes may give them in any, the ids tell."""
        if isinstance(answers, Mapping):
            if count != 1:
                raise self._refused(answers.get("error"), count)
            answers = [answers]
            # What cannot be read has no id in its error.
            if isinstance(answers[0].get("error"), Mapping) and answers[0].get("id") is None:
                answers = [{**answers[0], "id": 0}]
        # Some answer too long a list with a list of one error.
        elif count > 1 and isinstance(answers, list) and len(answers) == 1 and _is_error_alone(answers[0]):
            raise self._refused(answers[0]["error"], count)
        wrong = BadAnswer(f"the answers of the node at {self.name} do not fit the {count} questions")
        if not isinstance(answers, list) or len(answers) != count:
            raise wrong
        found: list[Any] = [wrong] * count
        for answer in answers:
            if not isinstance(answer, Mapping) or type(n := answer.get("id")) is not int or not 0 <= n < count:
                raise wrong
            if found[n] is not wrong:
                raise wrong
            if (error := answer.get("error")) is not None:
                found[n] = _trouble(error)
            elif "result" in answer:
                found[n] = answer["result"]
            else:
                raise wrong
        return found

    def _refused(self, error: Any, count: int) -> Unreachable:
        trouble = _trouble(error)
        if trouble.passing and not trouble.wants_less:
            return Overloaded(f"the node at {self.name} answers: {one_line(trouble.message)}", 0, 200)
        return TooMuchAsked(
            f"the node at {self.name} refuses {count} questions in one message: {one_line(trouble.message)}"
        )


def _may_be_long(method: str) -> bool:
    """Whether an answer may be a list of many things. What is not Ethereum's own, a local chain's, may be anything."""
    return method in _LONG_METHODS or not method.startswith(("eth_", "net_", "web3_"))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_json_rpc(answers: Any) -> bool:
    rows = answers if isinstance(answers, list) else [answers]
    return bool(rows) and all(isinstance(row, Mapping) and ("error" in row or "result" in row) for row in rows)


def _is_error_alone(answer: Any) -> bool:
    """Whether it is an error that answers no question."""
    return isinstance(answer, Mapping) and answer.get("id") is None and answer.get("error") is not None


def _trouble(error: Any) -> Trouble:
    if not isinstance(error, Mapping):
        return Trouble(0, str(error), error)
    code = error.get("code")
    return Trouble(code if type(code) is int else 0, str(error.get("message", "")), error)


def _reason_in(message: str) -> str:
    """The words of a node that tells the reason of a revert only in its message."""
    match = re.search(r"revert(?:ed)?(?:: | )(?!custom error)(?:reason string )?'?([^']{1,300})'?$", message)
    words = match[1].strip() if match else ""
    return "" if words.startswith(("0x", "VM Exception")) else words


def number(value: Any, what: str, *, most: int = 1 << 256) -> int:
    """A quantity as nodes write it, ``0x1f``.

    Args:
        value: What the node answered.
        what: It is, for the message.
        most: It is below this.

    Raises:
        BadAnswer: Not one, or too large.
    """
    try:
        if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= 66:
            found = int(value, 16)
            if 0 <= found < most:
                return found
    except ValueError:
        pass
    raise BadAnswer(f"the node answers {one_line(value, 40)!r} for {what}, which is no number in hex")


def data(value: Any, what: str, size: int | None = None) -> bytes:
    """Bytes as nodes write them, ``0x…``.

    Args:
        value: What the node answered.
        what: It is, for the message.
        size: How many bytes it has; any where it is not given.

    Raises:
        BadAnswer: They are not.
    """
    try:
        if isinstance(value, str) and value.startswith("0x"):
            found = bytes.fromhex(value[2:])
            if len(found) * 2 == len(value) - 2 and (size is None or len(found) == size):
                return found
    except ValueError:
        pass
    wanted = "bytes" if size is None else f"{size} bytes"
    raise BadAnswer(f"the node answers {one_line(value, 40)!r} for {what}, which is not {wanted} in hex")
