"""Many questions to a node in few messages: JSON-RPC batches over web3's connection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salus.errors import BadAnswer, from_revert, gate, one_line, revert_data

if TYPE_CHECKING:
    from web3 import Web3

__all__ = ["ask_many", "data", "quantity"]

_BATCH = 100  # questions in one message; no common node allows fewer


def ask_many(w3: Web3, questions: Sequence[tuple[str, list[Any]]], doing: str = "", *, node: str = "") -> list[Any]:
    """Ask several things in messages of a hundred; a node that takes no batches is asked one by one.

    Args:
        w3: The node.
        questions: Methods and their parameters.
        doing: What is being done, for messages.
        node: The node's address, for messages.

    Returns:
        What each was answered, in order, as JSON values.

    Raises:
        Refused: The first that reverted.
        Unreachable: No answer, or none that fits.
    """
    provider: Any = w3.provider
    found: list[Any] = []
    for first in range(0, len(questions), _BATCH):
        some = questions[first : first + _BATCH]
        with gate(doing or f"asking {len(some)} things at once", node=node):
            try:
                answers = provider.make_batch_request(some)
            except AttributeError:  # web3's, where an answer is no object
                raise BadAnswer(f"the node's answers to {len(some)} questions do not fit them") from None
            if not isinstance(answers, list):
                answers = [{**provider.make_request(*question), "id": n} for n, question in enumerate(some)]
        found += _in_order(answers, len(some))
    return found


def _in_order(answers: Sequence[Any], count: int) -> list[Any]:
    """The answers to one batch; nodes may give them in any order, the ids tell."""
    trouble = BadAnswer(f"the node's answers to {count} questions do not fit them")
    if len(answers) != count or not all(isinstance(a, Mapping) and isinstance(a.get("id"), int) for a in answers):
        raise trouble
    if len({answer["id"] for answer in answers}) != count:
        raise trouble
    found = []
    for answer in sorted(answers, key=lambda a: a["id"]):
        if (error := answer.get("error")) is not None:
            revert = revert_data(error)
            raise (
                from_revert(revert)
                if revert is not None
                else BadAnswer(f"the node answered with an error: {one_line(error)}")
            )
        found.append(answer.get("result"))
    return found


def data(answer: Any) -> bytes:
    """Bytes as nodes write them, ``0x…``.

    Raises:
        BadAnswer: They are not.
    """
    if not isinstance(answer, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})*", answer):
        raise BadAnswer(f"the node answers {one_line(answer, 40)!r}, which is not bytes in hex")
    return bytes.fromhex(answer[2:])


def quantity(answer: Any) -> int:
    """A number as nodes write it, ``0x7a69``.

    Raises:
        BadAnswer: It is not.
    """
    if not isinstance(answer, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", answer):
        raise BadAnswer(f"the node answers {one_line(answer, 40)!r}, which is no number in hex")
    return int(answer, 16)
