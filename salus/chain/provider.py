"""The connection under web3: a question that changes nothing is asked again while the node is busy or unreachable."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from web3 import HTTPProvider, Web3
from web3.middleware import ExtraDataToPOAMiddleware

from salus.chain.connection import BUSY, open_session, pause_asked
from salus.errors import revert_data

__all__ = ["PATIENCE", "RetryingProvider", "open_node"]

#: Seconds for which a busy node is asked again, or one whose connection breaks or whose answer is none.
PATIENCE = 6.0

T = TypeVar("T")

# What may be asked again without harm. Sending is not among them, see salus.chain.transactions.
_READS = frozenset(
    (
        "eth_accounts",
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByHash",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getLogs",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
    )
)
_SLOWER = (429, -32029, -32097)  # JSON-RPC: too many questions a second
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds: the first pause, and the most that it grows to
# Where no program listens, a node may just be starting; most often there is none, and that should be reported soon.
_REFUSED_PATIENCE = 0.5

_BROKEN = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    json.JSONDecodeError,
    UnicodeDecodeError,
)


def open_node(url: str, *, timeout: float = 30, patience: float = PATIENCE) -> Web3:
    """A web3 client of a node; nothing is asked yet.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.
        patience: Seconds for which what only reads is asked again where it fails in a way that may pass.

    Raises:
        BadInput: Not such an address.
    """
    w3 = Web3(RetryingProvider(url, session=open_session(url), timeout=timeout, patience=patience))
    # Chains with proof of authority have longer blocks' extra data than web3 accepts by itself.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    # This one asks for the chain's id before every call; the client asks before it signs, which is when it matters.
    w3.middleware_onion.remove("validation")
    return w3


class RetryingProvider(HTTPProvider):
    """HTTP as web3 speaks it; what only reads is asked again where it fails in a way that may pass.

    Args:
        url: The node.
        session: The connections.
        timeout: Seconds for one answer.
        patience: Seconds, counted from the first failure, after which a question that keeps failing is given up with
            that failure.
    """

    def __init__(self, url: str, *, session: requests.Session, timeout: float, patience: float) -> None:
        super().__init__(url, request_kwargs={"timeout": timeout}, session=session, exception_retry_configuration=None)
        self._patience = patience

    def make_request(self, method: Any, params: Any) -> Any:
        """See web3's provider; asked again where it only reads."""
        ask = super().make_request
        return self._ask(lambda: ask(method, params), method in _READS)

    def make_batch_request(self, batch_requests: Any) -> Any:
        """See web3's provider; asked again where all of the questions only read."""
        ask = super().make_batch_request
        return self._ask(lambda: ask(batch_requests), all(method in _READS for method, _ in batch_requests))

    def _ask(self, ask: Callable[[], T], reads: bool) -> T:
        """Ask, and ask again where that does no harm, with pauses that grow."""
        if not reads:
            return ask()
        first_failure, pause = 0.0, _PAUSE
        while True:
            failure = _Failure()
            try:
                answer = ask()
                if not _wants_pause(answer):
                    return answer
            except (requests.exceptions.HTTPError, *_BROKEN) as trouble:
                failure = _failure(trouble)
            now = time.monotonic()
            first_failure = first_failure or now
            # With jitter, so that many who were sent away do not come back in step.
            wait = max(failure.wait, pause * (0.5 + random.random()))
            if now + wait > first_failure + min(self._patience, failure.patience):
                if failure.error is not None:
                    raise failure.error
                return answer
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A question that was not answered.

    Attributes:
        error: What the library raised; None where the node answered that it is busy.
        wait: Seconds that the node asks for.
        patience: Seconds after which it is given up, where that is sooner than usual.
    """

    error: Exception | None = None
    wait: float = 0.0
    patience: float = math.inf


def _failure(trouble: Exception) -> _Failure:
    """What a library's error says about asking again.

    Raises:
        HTTPError: The error itself, where asking again will not help.
    """
    if isinstance(trouble, requests.exceptions.HTTPError):
        response = trouble.response
        if response is None or response.status_code not in BUSY:
            raise trouble
        return _Failure(trouble, wait=pause_asked(response.headers.get("Retry-After")))
    return _Failure(trouble, patience=_REFUSED_PATIENCE if _is_refused(trouble) else math.inf)


def _wants_pause(answer: Any) -> bool:
    """Whether a node answers that it was asked too much at once; of many, whether it says so to one."""
    if isinstance(answer, list):
        return any(_wants_pause(each) for each in answer)
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping) or revert_data(error) is not None:
        return False
    said = str(error.get("message", "")).lower()
    return error.get("code") in _SLOWER or "rate limit" in said or "too many requests" in said


def _is_refused(trouble: Exception) -> bool:
    """Whether no program listens at the address."""
    inner = trouble.args[0] if trouble.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
