"""One node, asked with patience: what only reads is asked again while the node is busy or the connection breaks.

>>> node = Node("http://127.0.0.1:8545")                 # doctest: +SKIP
>>> node.one("eth_blockNumber", doing="asking for the latest block")  # doctest: +SKIP
'0x2a'
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from salus.chain.connection import NodeAddress
from salus.chain.rpc import BATCH, Call, Endpoint, HttpStatus, Overloaded, TooMuchAsked, Trouble, data, number
from salus.chain.transport import NotListening, TooLong
from salus.errors import BadAnswer, Unreachable, one_line

__all__ = ["PATIENCE", "Node"]

#: Seconds for which a question that fails in a way that may pass is asked again.
PATIENCE = 6.0

_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds: the first pause, and the most that it grows to
# Where no program listens, a node may just be starting; most often there is none, and the user should soon hear so.
_REFUSED_PATIENCE = 0.5

# What changes something at the node. It is sent once; whoever sends it looks for it before sending it again.
_WRITES = ("eth_send", "eth_sign", "evm_", "anvil_", "hardhat_", "miner_", "personal_", "debug_set")


class Node:
    """One node.

    Args:
        url: Its address, ``http://`` or ``https://``.
        timeout: Seconds for one reply.
        patience: Seconds, counted from the first failure, after which a question that keeps failing is given up.
        batch: Questions in one message, at most; a node that refuses so many gets fewer from then on.
        retry_inner: Whether inner errors of the node are worth another try, for a program that can wait.
        sleep: How to pause; tests hand in another.

    Raises:
        BadInput: Not the address of a node.

    Attributes:
        header_kind: How the headers of its blocks are hashed, once that is known; see
            :data:`salus.chain.headers.HEADER_KINDS`.
    """

    def __init__(
        self,
        url: str | NodeAddress,
        *,
        timeout: float = 30,
        patience: float = PATIENCE,
        batch: int = BATCH,
        retry_inner: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint, self.patience = Endpoint(url, timeout=timeout), patience
        self._batch, self._retry_inner, self._sleep = batch, retry_inner, sleep
        self.header_kind: str | None = None

    @property
    def address(self) -> NodeAddress:
        """Where it is; prints without its secrets."""
        return self.endpoint.address

    def __repr__(self) -> str:
        return f"Node({self.address})"

    def close(self) -> None:
        """End the connection."""
        self.endpoint.close()

    # ------------------------------------------------------------------------------------------------------ questions

    def many(self, calls: Sequence[Call], *, doing: str = "") -> list[Any]:
        """Ask several things; each one's JSON value or :class:`Trouble`, in order.

        Args:
            calls: Methods and their parameters.
            doing: What is being done, for messages, e.g. ``reading events``.

        Raises:
            Unreachable: No answer within the patience.
            BadAnswer: None that fits.
        """
        found: list[Any] = [None] * len(calls)
        left, turn = list(range(len(calls))), _Turn(self.patience, self._sleep)
        reads = not any(method.startswith(_WRITES) for method, _ in calls)
        while left:
            some = left[: self._batch]
            try:
                answers = self.endpoint.ask([calls[n] for n in some])
            except (TooMuchAsked, TooLong) as trouble:
                if len(some) == 1 or not reads:
                    raise _told(trouble, doing) from None
                # A node that gives no reason takes no batches at all.
                self._batch = max(1, len(some) // 2) if _is_about_size(trouble) else 1
                continue
            except Unreachable as trouble:
                if not reads or (isinstance(trouble, HttpStatus) and not trouble.passing):
                    raise _told(trouble, doing) from None
                turn.wait(trouble, doing)
                continue
            for n, answer in zip(some, answers, strict=True):
                found[n] = answer
            again = [n for n in some if reads and self._passes(found[n])]
            left = again + left[len(some) :]
            if again:
                turn.wait(
                    Unreachable(f"the node at {self.address} answers: {one_line(found[again[0]].message)}"), doing
                )
            else:
                turn = _Turn(self.patience, self._sleep)
        return found

    def _passes(self, answer: Any) -> bool:
        """Whether an error may be gone a little later."""
        if not isinstance(answer, Trouble):
            return False
        return self._retry_inner if answer.inner else answer.passing

    def results(self, calls: Sequence[Call], *, doing: str = "") -> list[Any]:
        """Ask several things that must all have an answer; their JSON values, in order.

        Args:
            calls: Methods with their parameters.
            doing: What is being done, for messages.

        Raises:
            Refused: The first that reverted.
            Unreachable, BadAnswer: No answer, an error, or none that fits.
        """
        answers = self.many(calls, doing=doing)
        for answer in answers:
            if isinstance(answer, Trouble):
                raise answer.error(doing)
        return answers

    def one(self, method: str, *params: Any, doing: str = "") -> Any:
        """Ask one thing that must have an answer; its JSON value. See :meth:`results`."""
        return self.results([(method, params)], doing=doing)[0]

    # ------------------------------------------------------------------------------------------------ what all ask for

    def chain_id(self) -> int:
        """The chain's id."""
        return number(self.one("eth_chainId", doing="asking for the chain"), "the chain's id")

    def genesis(self) -> str:
        """The hash of the chain's first block, 0x-hex: two chains of one id differ in it."""
        return "0x" + data(self.block(0).get("hash"), "the first block's hash", 32).hex()

    def block(self, which: int | str = "latest", *, doing: str = "") -> dict[str, Any]:
        """A block without its transactions, as JSON.

        Args:
            which: Its number, or ``latest``, ``pending``, ``finalized``.
            doing: What is being done, for messages.

        Raises:
            BadAnswer: The node does not know it.
        """
        name = which if isinstance(which, str) else hex(which)
        doing = doing or (f"asking for the {which} block" if isinstance(which, str) else f"asking for block {which}")
        found = self.one("eth_getBlockByNumber", name, False, doing=doing)
        if not isinstance(found, dict):
            raise BadAnswer(f"the node at {self.address} does not know it while {doing}")
        return found

    def call(self, transaction: dict[str, Any], block: int | str = "latest", *, name: str) -> bytes:
        """Try a call without sending it; the bytes that it returns.

        Args:
            transaction: ``to``, ``data`` and the like, in JSON.
            block: On whose state.
            name: What is called, for messages.

        Raises:
            Refused: It reverted.
            Unreachable: No answer.
        """
        at = block if isinstance(block, str) else hex(block)
        return data(self.one("eth_call", transaction, at, doing=f"asking for {name}"), name)


class _Turn:
    """The tries of one question: pauses that grow, with jitter, until the patience is over."""

    def __init__(self, patience: float, sleep: Callable[[float], None]) -> None:
        self._patience, self._sleep, self._began, self._pause = patience, sleep, 0.0, _PAUSE

    def wait(self, trouble: Unreachable, doing: str) -> None:
        """Pause before the next try.

        Raises:
            Unreachable: The trouble, where the patience is over.
        """
        now = time.monotonic()
        self._began = self._began or now
        patience = min(self._patience, _REFUSED_PATIENCE) if isinstance(trouble, NotListening) else self._patience
        asked = trouble.seconds if isinstance(trouble, Overloaded) else 0.0
        # With jitter, so that many who were sent away do not come back in step.
        pause = max(asked, self._pause * (0.5 + random.random()))
        if now + pause > self._began + patience:
            raise _told(trouble, doing) from None
        self._sleep(pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)


def _told(trouble: Unreachable, doing: str) -> Unreachable:
    """The trouble in the kinds that users know, with what was being done."""
    said = str(trouble)
    if doing:
        head, colon, rest = said.partition(": ") if isinstance(trouble, NotListening) else (said, "", "")
        said = f"{head} while {doing}{colon}{rest}"
    if isinstance(trouble, TooMuchAsked | TooLong):  # whoever asked may ask for less
        return type(trouble)(said)
    return BadAnswer(said) if isinstance(trouble, BadAnswer) else Unreachable(said)


def _is_about_size(trouble: Unreachable) -> bool:
    said = str(trouble).lower()
    return isinstance(trouble, TooLong) or any(
        sign in said for sign in ("413", "large", "limit", "too many", "exceed", "size")
    )
