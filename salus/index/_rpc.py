"""Many questions to a node in few messages: JSON-RPC batches built by hand over one connection that stays open.

Nothing asked here changes anything, so it may be asked again: after a broken connection, a time-out, HTTP 429 or 5xx,
or an answer that is cut off, no JSON or for other questions. Each time the pause grows, with jitter, so that many
readers do not ask in step, until the patience is over. A node that finds a batch too large gets smaller ones.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from salus.chain.connection import BUSY, open_session, pause_asked, redact_url
from salus.errors import BadAnswer, Unreachable, one_line

__all__ = ["Endpoint", "Fault", "Question", "wants_less"]

#: A method and its parameters.
Question = tuple[str, Sequence[Any]]

_BATCH = 100  # questions in one message; no common node allows fewer
_LARGEST = 64 * 1024 * 1024  # bytes of one answer that are read at all
_CHUNK = 1 << 16
_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds: the first pause, and the most that it grows to
_PASSING = (429, -32603, -32029, -32097)  # JSON-RPC: an inner error, too many questions a second
# What nodes write where they want fewer questions a second, and where they want less in one message.
_SLOWER = ("rate limit", "rate exceeded", "too many requests", "throttl", "capacity", "busy", "timeout", "timed out")
_SMALLER = ("batch", "too large", "too big", "response size")


@dataclass(frozen=True)
class Fault:
    """A node's refusal to answer one question.

    Attributes:
        code: JSON-RPC's number, e.g. -32601 for a method that it does not know.
        message: Its words, on one line.
    """

    code: int
    message: str

    @property
    def unknown_method(self) -> bool:
        """Whether the node has no such method."""
        return self.code == -32601 or ("method" in self.message and "not" in self.message)


class _Again(Exception):
    """The message failed in a way that may pass; carries what to raise where it does not."""

    def __init__(self, final: Unreachable, *, smaller: bool = False, wait: float = 0.0) -> None:
        super().__init__(str(final))
        self.final, self.smaller, self.wait = final, smaller, wait


class Endpoint:
    """One node.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.
        patience: Seconds after which a question that keeps failing is given up.
        batch: Questions in one message, at most.
        sleep: How to pause; tests hand in another.

    Raises:
        BadInput: Not the address of a node.

    Attributes:
        asked: How many messages were sent.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30,
        patience: float = 60,
        batch: int = _BATCH,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url, self.timeout, self.patience = url, timeout, patience
        self.asked = 0
        self._batch, self._sleep = batch, sleep
        self._session, self._where = open_session(url), redact_url(url)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def one(self, method: str, *params: Any) -> Any:
        """Ask one question; its result, or a :class:`Fault`.

        Raises:
            Unreachable, BadAnswer: See :meth:`many`.
        """
        return self.many([(method, params)])[0]

    def many(self, questions: Sequence[Question]) -> list[Any]:
        """Ask questions; each one's result or :class:`Fault`, in their order.

        Raises:
            Unreachable: No answer within the patience.
            BadAnswer: None that fits.
        """
        deadline = time.monotonic() + self.patience
        found: list[Any] = [None] * len(questions)
        left = list(range(len(questions)))
        pause = _PAUSE
        while left:
            some = left[: self._batch]
            try:
                answers = self._send([questions[i] for i in some], deadline)
            except _Again as trouble:
                if trouble.smaller and len(some) > 1:
                    self._batch = max(1, len(some) // 2)
                    continue
                pause = self._wait(trouble, pause, deadline)
                continue
            again = [i for i, answer in zip(some, answers, strict=True) if _wants_pause(answer)]
            for i, answer in zip(some, answers, strict=True):
                found[i] = answer
            left = again + left[len(some) :]
            if again:
                words = found[again[0]].message
                pause = self._wait(_Again(Unreachable(f"the node at {self._where} answers: {words}")), pause, deadline)
            else:
                pause = _PAUSE
        return found

    # ------------------------------------------------------------------------------------------------- one message

    def _wait(self, trouble: _Again, pause: float, deadline: float) -> float:
        wait = max(trouble.wait, pause * (0.5 + random.random()))
        if time.monotonic() + wait > deadline:
            raise trouble.final from None
        self._sleep(wait)
        return min(2 * pause, _LONGEST_PAUSE)

    def _send(self, questions: Sequence[Question], deadline: float) -> list[Any]:
        document = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
            for number, (method, params) in enumerate(questions)
        ]
        # A single one goes without a list: there are nodes that take no batches.
        body = json.dumps(document if len(document) > 1 else document[0], separators=(",", ":")).encode()
        answer = self._post(body, min(deadline, time.monotonic() + self.timeout))
        if isinstance(answer, dict):
            if len(document) > 1:
                error = answer.get("error")
                words = one_line(error.get("message", error) if isinstance(error, dict) else answer)
                raise _Again(
                    BadAnswer(f"the node at {self._where} refused {len(document)} questions: {words}"), smaller=True
                )
            answer = [answer]
        return self._in_order(answer, len(document))

    def _in_order(self, answers: Any, count: int) -> list[Any]:
        """The answers by their ids: nodes may give them in any order."""
        trouble = _Again(BadAnswer(f"the answers of the node at {self._where} do not fit the {count} questions"))
        if not isinstance(answers, list) or len(answers) != count:
            raise trouble
        found: dict[int, Any] = {}
        for answer in answers:
            if not isinstance(answer, dict) or type(number := answer.get("id")) is not int or number in found:
                raise trouble
            error = answer.get("error")
            if error is None and "result" not in answer:
                raise trouble
            found[number] = answer["result"] if error is None else _fault(error)
        if found.keys() != set(range(count)):
            raise trouble
        return [found[number] for number in range(count)]

    def _post(self, body: bytes, deadline: float) -> Any:
        self.asked += 1
        where = self._where
        try:
            with self._session.post(
                self.url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=max(0.01, deadline - time.monotonic()),
                stream=True,
                allow_redirects=False,
            ) as reply:
                if reply.status_code == 413:
                    raise _Again(
                        Unreachable(f"the node at {where} finds a question too large (HTTP 413)"), smaller=True
                    )
                if reply.status_code in BUSY:
                    wait = min(pause_asked(reply.headers.get("Retry-After")), _LONGEST_PAUSE)
                    raise _Again(Unreachable(f"the node at {where} answers with HTTP {reply.status_code}"), wait=wait)
                if reply.status_code != 200 and not reply.headers.get("Content-Type", "").startswith(
                    "application/json"
                ):
                    raise Unreachable(f"the node at {where} answers with HTTP {reply.status_code}")
                raw = self._read(reply, deadline)
        except (requests.exceptions.Timeout, TimeoutError):
            raise _Again(Unreachable(f"the node at {where} gave no answer in time")) from None
        except requests.exceptions.ChunkedEncodingError:
            raise _Again(BadAnswer(f"the answer of the node at {where} was cut off")) from None
        except requests.exceptions.ContentDecodingError:
            raise _Again(BadAnswer(f"the answer of the node at {where} cannot be unpacked")) from None
        except (requests.exceptions.RequestException, OSError):
            hint = "start one with `salus chain up` or name another with --rpc"
            raise _Again(Unreachable(f"no node answers at {where}; {hint}")) from None
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise _Again(BadAnswer(f"what answers at {where} is no JSON-RPC")) from None

    def _read(self, reply: requests.Response, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in reply.iter_content(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > _LARGEST:
                raise _Again(
                    BadAnswer(f"the node at {self._where} answers with more than {_LARGEST:,} bytes"), smaller=True
                )
            if time.monotonic() > deadline:
                raise TimeoutError
        return b"".join(parts)


def _fault(error: Any) -> Fault:
    if not isinstance(error, dict):
        return Fault(0, one_line(error))
    code = error.get("code")
    return Fault(code if isinstance(code, int) else 0, one_line(error.get("message", "")))


def _wants_pause(answer: Any) -> bool:
    """Whether a refusal is of the kind that passes."""
    if not isinstance(answer, Fault):
        return False
    said = answer.message.lower()
    return answer.code in _PASSING or any(word in said for word in _SLOWER)


def wants_less(fault: Fault) -> bool:
    """Whether a refusal says that the answer would be too long, so that a smaller question may be answered."""
    said = fault.message.lower()
    return fault.code == -32005 or "more than" in said or "limit" in said or any(word in said for word in _SMALLER)
