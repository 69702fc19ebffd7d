"""A node's address, and what holds for every connection to one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from salus.errors import BadInput, one_line

if TYPE_CHECKING:
    import requests

__all__ = ["BUSY", "is_local", "node_parts", "open_session", "pause_asked", "redact_url"]

#: HTTP statuses of a node that may answer a little later.
BUSY = (408, 425, 429, 500, 502, 503, 504)


def redact_url(url: str) -> str:
    """A node's address for messages: scheme, host and port.

    Providers put keys into paths and passwords before hosts; neither is in it.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def node_parts(url: str) -> SplitResult:
    """The parts of a node's address.

    Args:
        url: ``http://host:port`` or ``https://host``.

    Raises:
        BadInput: Not an address of a node.
    """
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise BadInput(
            "--rpc", "", f"{one_line(url)!r} is not the address of a node: write http://host:port or https://host"
        )
    return parts


def is_local(parts: SplitResult) -> bool:
    """Whether a node is on this machine."""
    return parts.hostname in ("127.0.0.1", "localhost", "::1")


def pause_asked(retry_after: str | None) -> float:
    """Seconds that a node asks to wait, by its ``Retry-After`` header; 0 where it names a date, or nothing."""
    return float(retry_after) if retry_after and retry_after.isascii() and retry_after.isdecimal() else 0.0


def open_session(url: str) -> requests.Session:
    """A session of requests that keeps the connections to a node open.

    Args:
        url: The node's address.

    Raises:
        BadInput: Not an address of a node.
    """
    import requests

    parts = node_parts(url)
    session = requests.Session()
    if is_local(parts):
        session.trust_env = False  # a proxy that the environment names is for the world outside
    return session
