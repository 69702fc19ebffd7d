"""The connection to a node."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import BadInput

if TYPE_CHECKING:
    from web3 import Web3

__all__ = ["open_node"]

# What may be asked again without harm when the connection breaks. Sending is not among them: it has its own way.
_READS = (
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


def open_node(url: str, *, timeout: float = 30) -> Web3:
    """A node as web3 sees it; nothing is asked yet.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.

    Raises:
        BadInput: Not such an address.
    """
    import requests
    from web3 import HTTPProvider, Web3
    from web3.middleware import ExtraDataToPOAMiddleware
    from web3.providers.rpc.utils import ExceptionRetryConfiguration

    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise BadInput("--rpc", "", f"{url!r} is not the address of a node: write http://host:port or https://host")
    session = requests.Session()
    if parts.hostname in ("127.0.0.1", "localhost", "::1"):
        session.trust_env = False  # a proxy that the environment names is for the world outside
    retry = ExceptionRetryConfiguration(
        errors=(requests.exceptions.ConnectionError, requests.exceptions.Timeout),
        retries=3,
        backoff_factor=0.1,
        method_allowlist=_READS,
    )
    provider = HTTPProvider(
        url, request_kwargs={"timeout": timeout}, session=session, exception_retry_configuration=retry
    )
    w3 = Web3(provider)
    # Chains with proof of authority have longer blocks' extra data than web3 accepts by itself.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    # This one asks for the chain's id before every call; the client asks before it signs, which is when it matters.
    w3.middleware_onion.remove("validation")
    return w3
