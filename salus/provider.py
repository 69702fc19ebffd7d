"""The connection under web3: what is only read is asked again while the node is busy or the connection breaks."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError
from web3 import HTTPProvider

from .errors import revert_data

__all__ = ["PatientProvider"]

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
_BUSY = (408, 425, 429, 500, 502, 503, 504)  # HTTP: ask again
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
                if trouble.response is None or trouble.response.status_code not in _BUSY:
                    raise
                said = trouble.response.headers.get("Retry-After", "")
                failure, wait = trouble, float(said) if said.isdecimal() else 0.0
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
