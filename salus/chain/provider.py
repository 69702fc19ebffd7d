"""The connection under web3: what is only read is asked again while the node is busy or the connection breaks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from web3 import HTTPProvider, Web3
from web3.middleware import ExtraDataToPOAMiddleware

from salus.chain.connection import BUSY, open_session, pause_asked
from salus.errors import revert_data

__all__ = ["PATIENCE", "PatientProvider", "open_node"]

#: Seconds for which a busy node is asked again, or one whose connection breaks or whose answer is none.
PATIENCE = 6.0

T = TypeVar("T")

# What may be asked again without harm. Sending is not among them: it has its own way.
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
# Where nobody listens, a node may just be starting; most often there is none, and who waits should soon hear so.
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
    """A node as web3 sees it; nothing is asked yet.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.
        patience: Seconds for which what only reads is asked again where it fails in a way that may pass.

    Raises:
        BadInput: Not such an address.
    """
    w3 = Web3(PatientProvider(url, session=open_session(url), timeout=timeout, patience=patience))
    # Chains with proof of authority have longer blocks' extra data than web3 accepts by itself.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    # This one asks for the chain's id before every call; the client asks before it signs, which is when it matters.
    w3.middleware_onion.remove("validation")
    return w3


class PatientProvider(HTTPProvider):
    """HTTP as web3 speaks it, with patience for reads.

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
        """One question; asked again where it only reads."""
        ask = super().make_request
        return self._patiently(lambda: ask(method, params), method in _READS)

    def make_batch_request(self, batch_requests: Any) -> Any:
        """Many questions in one message; asked again where all of them only read."""
        ask = super().make_batch_request
        return self._patiently(lambda: ask(batch_requests), all(method in _READS for method, _ in batch_requests))

    def _patiently(self, ask: Callable[[], T], reads: bool) -> T:
        if not reads:
            return ask()
        began, pause = 0.0, _PAUSE
        while True:
            failure: Exception | None = None
            wait, patience = 0.0, self._patience
            try:
                answer = ask()
                if not _wants_pause(answer):
                    return answer
            except requests.exceptions.HTTPError as trouble:
                if trouble.response is None or trouble.response.status_code not in BUSY:
                    raise
                failure, wait = trouble, pause_asked(trouble.response.headers.get("Retry-After"))
            except _BROKEN as trouble:
                failure = trouble
                if _nobody_listens(trouble):
                    patience = min(patience, _REFUSED_PATIENCE)
            now = time.monotonic()
            began = began or now
            # With jitter, so that many who were sent away do not come back in step.
            wait = max(wait, pause * (0.5 + random.random()))
            if now + wait > began + patience:
                if failure is not None:
                    raise failure
                return answer
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _wants_pause(answer: Any) -> bool:
    """Whether a node answers that it was asked too much at once; of many, whether it says so to one."""
    if isinstance(answer, list):
        return any(_wants_pause(each) for each in answer)
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if not isinstance(error, Mapping) or revert_data(error) is not None:
        return False
    said = str(error.get("message", "")).lower()
    return error.get("code") in _SLOWER or "rate limit" in said or "too many requests" in said


def _nobody_listens(trouble: Exception) -> bool:
    inner = trouble.args[0] if trouble.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)
