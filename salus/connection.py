"""The connection to a node."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from .errors import BadInput, one_line

if TYPE_CHECKING:
    import requests
    from web3 import Web3

__all__ = ["PATIENCE", "is_local", "node_parts", "open_node", "open_session", "shown"]

#: Seconds for which a busy node is asked again, or one whose connection breaks or whose answer is none.
PATIENCE = 6.0


def shown(url: str) -> str:
    """A node's address for messages: providers put keys into paths and passwords before hosts, neither is in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def node_parts(url: str) -> SplitResult:
    """The parts of a node's address.

    Raises:
        BadInput: Not an address of a node.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise BadInput("--rpc", "", f"{one_line(url)!r} is not the address of a node: write http://host:port or https://host")
    return parts


def is_local(parts: SplitResult) -> bool:
    """Whether a node is on this machine."""
    return parts.hostname in ("127.0.0.1", "localhost", "::1")


def open_session(url: str) -> requests.Session:
    """What keeps the connections to a node open.

    Raises:
        BadInput: Not an address of a node.
    """
    import requests

    parts = node_parts(url)
    session = requests.Session()
    if is_local(parts):
        session.trust_env = False  # a proxy that the environment names is for the world outside
    return session


def open_node(url: str, *, timeout: float = 30, patience: float = PATIENCE) -> Web3:
    """A node as web3 sees it; nothing is asked yet.

    Args:
        url: ``http://`` or ``https://``.
        timeout: Seconds for one answer.
        patience: Seconds for which what only reads is asked again where it fails in a way that may pass.

    Raises:
        BadInput: Not such an address.
    """
    from web3 import Web3
    from web3.middleware import ExtraDataToPOAMiddleware

    from .provider import PatientProvider

    w3 = Web3(PatientProvider(url, session=open_session(url), timeout=timeout, patience=patience))
    # Chains with proof of authority have longer blocks' extra data than web3 accepts by itself.
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    # This one asks for the chain's id before every call; the client asks before it signs, which is when it matters.
    w3.middleware_onion.remove("validation")
    return w3
