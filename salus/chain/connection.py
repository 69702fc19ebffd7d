"""A node's address, and what holds for every connection to one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from salus.errors import BadInput, one_line

if TYPE_CHECKING:
    import requests

__all__ = ["BUSY", "NodeAddress", "open_session", "pause_asked"]

#: HTTP statuses of a node that may answer a little later.
BUSY = (408, 425, 429, 500, 502, 503, 504)

#: Seconds that a node may ask to be left alone, at most.
LONGEST_WAIT = 10.0


class NodeAddress:
    """The address of a node, which can only be printed without its secrets.

    Providers put keys into paths and queries, and passwords before hosts. ``str()``, ``repr()`` and formatting give
    scheme, host and port alone; only :attr:`secret` has all of it, for the connection itself.

    >>> address = NodeAddress("https://me:word@node.example:8545/v2/key?token=x")
    >>> f"{address} {address!r} {[address]}"
    'https://node.example:8545 https://node.example:8545 [https://node.example:8545]'

    Args:
        url: ``http://`` or ``https://``; an address is taken as it is.

    Raises:
        BadInput: Not the address of a node.
    """

    __slots__ = ("_parts", "_url")

    _url: str
    _parts: SplitResult

    def __init__(self, url: str | NodeAddress) -> None:
        if isinstance(url, NodeAddress):
            self._url, self._parts = url._url, url._parts
            return
        try:
            parts = urlsplit(url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except (TypeError, ValueError, AttributeError):
            fine = False
        if not fine:
            raise BadInput(
                "--rpc", "", f"{_guess(url)} is not the address of a node: write http://host:port or https://host"
            )
        self._url, self._parts = url, parts

    @property
    def secret(self) -> str:
        """The whole address. It must not be printed, logged or put into an error."""
        return self._url

    @property
    def parts(self) -> SplitResult:
        """Its parts, secrets included."""
        return self._parts

    @property
    def is_local(self) -> bool:
        """Whether the node is on this machine."""
        return self._parts.hostname in ("127.0.0.1", "localhost", "::1")

    def __str__(self) -> str:
        host = self._parts.hostname or ""
        shown = f"[{host}]" if ":" in host else host
        return f"{self._parts.scheme}://{shown}" + (f":{self._parts.port}" if self._parts.port else "")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeAddress) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)


def _guess(url: object) -> str:
    """What was given instead of an address, as far as it can be shown: with an @ in it, it may hold a password."""
    text = one_line(url, 60)
    return "what was given" if "@" in text or "?" in text else repr(text)


def pause_asked(retry_after: str | None) -> float:
    """Seconds that a node asks to be left alone, by its ``Retry-After``; 0 where it names a date, or nothing."""
    if retry_after and retry_after.isascii() and retry_after.isdecimal():
        return min(float(retry_after), 1e9)
    return 0.0


class _Hidden(logging.Filter):
    """Takes what stands behind a node's host out of a log: requests' library logs it, and it may be a key."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it holds one; it is logged in any case."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                "/…" if isinstance(arg, str) and arg.endswith(tuple(self.targets)) else arg for arg in record.args
            )
        return True


_HIDDEN = _Hidden()


def _hide_in_logs(address: NodeAddress) -> None:
    target = address.parts.path + (f"?{address.parts.query}" if address.parts.query else "")
    if len(target) > 1:
        _HIDDEN.targets.add(target)
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_HIDDEN)  # the same one twice is one


def open_session(address: NodeAddress) -> requests.Session:
    """What keeps the connections to a node open."""
    import requests

    _hide_in_logs(address)
    session = requests.Session()
    if address.is_local:
        session.trust_env = False  # a proxy that the environment names is for other machines
    return session
