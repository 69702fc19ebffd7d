"""One JSON-RPC endpoint over one connection that stays open; what comes back is taken as a stranger's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.chain.connection import node_parts, redact_url
from salus.errors import BadAnswer, NodeRefused, SalusError, from_revert, one_line, revert_data
from salus.outbox._transport import Overloaded, transport

__all__ = ["Call", "Endpoint", "Overloaded", "Trouble", "number"]

#: A question: the method and its parameters.
Call = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that a node answered to one question.

    Attributes:
        code: Its number.
        message: Its words, from outside.
        whole: As it was given.
    """

    code: int
    message: str
    whole: Any

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a little later."""
        said = self.message.lower()
        signs = (
            "rate limit",
            "too many requests",
            "limit exceeded",
            "timeout",
            "timed out",
            "try again",
            "internal error",
        )
        return self.code in (-32005, 429) or (self.revert is None and any(sign in said for sign in signs))

    @property
    def revert(self) -> bytes | None:
        """With what a contract reverted; None where it was no revert."""
        return revert_data(self.whole)

    def error(self, doing: str) -> SalusError:
        """The exception for it."""
        if (data := self.revert) is not None:
            return from_revert(data)
        if "insufficient funds" in self.message.lower() or "enough funds" in self.message.lower():
            return NodeRefused("the sender has too little ether for the fee", name="InsufficientFunds")
        return BadAnswer(f"the node answered with an error while {doing}: {one_line(self.message)}")


class Endpoint:
    """One node.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one reply, from the first byte sent to the last received.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        node_parts(url)
        self.url, self.name, self.timeout = url, redact_url(url), timeout
        self._transport = transport(url, self.name, timeout)
        self._asides: dict[str, Endpoint] = {}

    def __repr__(self) -> str:
        return f"Endpoint({self.name})"

    def aside(self, lane: str) -> Endpoint:
        """The same node over a connection of its own, which another thread may use: one for each lane."""
        if lane not in self._asides:
            self._asides[lane] = Endpoint(self.url, timeout=self.timeout)
        return self._asides[lane]

    def close(self) -> None:
        """End the connections."""
        self._transport.close()
        for aside in self._asides.values():
            aside.close()

    def ask(self, calls: Sequence[Call]) -> list[Any]:
        """Ask several things in one message.

        Returns:
            What each was answered, in order: JSON values, or :class:`Trouble`.

        Raises:
            Unreachable: No reply in time, or none that is whole.
            BadAnswer: A reply that does not fit the questions.
            Overloaded: The endpoint says that it is busy.
        """
        body = json.dumps(
            [
                {"jsonrpc": "2.0", "id": n, "method": method, "params": params}
                for n, (method, params) in enumerate(calls)
            ],
            separators=(",", ":"),
        )
        reply = self._transport.post(body.encode())
        try:
            answers = json.loads(reply)
        except (ValueError, RecursionError):
            raise BadAnswer(f"what {self.name} replied is no JSON-RPC") from None
        return self._in_order(answers, len(calls))

    def _in_order(self, answers: Any, count: int) -> list[Any]:
        """The answers in the order of the questions; nodes may give them in any, the ids tell."""
        if isinstance(answers, Mapping) and isinstance(error := answers.get("error"), Mapping):
            raise self._refused(_trouble(error), count)
        wrong = BadAnswer(f"the answers of {self.name} do not fit the questions")
        if not isinstance(answers, list) or len(answers) != count:
            raise wrong
        found: dict[int, Any] = {}
        for answer in answers:
            if not isinstance(answer, Mapping) or type(n := answer.get("id")) is not int or n in found:
                raise wrong
            error = answer.get("error")
            if error is None and "result" not in answer:
                raise wrong
            found[n] = answer["result"] if error is None else _trouble(error)
        if found.keys() != set(range(count)):
            raise wrong
        return [found[n] for n in range(count)]

    def _refused(self, trouble: Trouble, count: int) -> BadAnswer | Overloaded:
        """The error where a node answered a whole message with one error."""
        if trouble.passing:
            return Overloaded(f"{self.name} answers: {one_line(trouble.message)}")
        return BadAnswer(f"{self.name} refuses {count} questions in one message: {one_line(trouble.message)}")


def _trouble(error: Any) -> Trouble:
    if not isinstance(error, Mapping):
        return Trouble(0, str(error), error)
    code = error.get("code")
    return Trouble(code if type(code) is int else 0, str(error.get("message", "")), error)


def number(value: Any, what: str, *, most: int = 1 << 256) -> int:
    """A quantity as nodes write it, ``0x1f``.

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
    raise BadAnswer(f"the node's answer for {what} is {one_line(value, 40)!r}, no number")
