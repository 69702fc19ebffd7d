"""How a message goes to a node and its reply comes back: one connection that stays open, one time for the whole reply.

A node on this machine is asked directly, which takes a fifth of the work; any other one through ``requests``, which
knows the user's proxies and certificates. Neither sends anything twice, and neither follows a redirection.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Protocol

from salus.chain.connection import NodeAddress, open_session, pause_asked
from salus.errors import BadAnswer, Unreachable

__all__ = ["Far", "Near", "NotListening", "Reply", "TooLong", "Transport", "transport"]

#: Bytes of one reply that are read at most; a hundred receipts with a hundred events each stay below.
LONGEST = 64 * 1024 * 1024

_PIECE = 1 << 16
_HEADERS = {"Content-Type": "application/json"}


class NotListening(Unreachable):
    """The connection was refused: no program listens there."""


class TooLong(BadAnswer):
    """A reply is longer than the message may have; a smaller question may be answered."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever it is.

    Attributes:
        status: HTTP's.
        body: All of it.
        wait: Seconds for which the node asks to be left alone (``Retry-After``); 0 where it does not.
    """

    status: int
    body: bytes
    wait: float


class Transport(Protocol):
    """The way to one node."""

    def post(self, body: bytes, *, timeout: float | None = None, longest: int | None = None) -> Reply:
        """Send a message; the whole reply.

        Args:
            body: The message.
            timeout: Seconds from the first byte sent to the last received; by default the transport's own.
            longest: Bytes that the reply may have; by default :data:`LONGEST`.

        Raises:
            Unreachable: No reply in time, or none that is whole; :class:`NotListening` where the connection is refused.
            TooLong: It is longer.
        """

    def close(self) -> None:
        """End the connection."""


def transport(address: NodeAddress, timeout: float) -> Transport:
    """The way to an endpoint that fits where it is.

    Args:
        address: Of the node.
        timeout: Seconds for one reply, from the first byte sent to the last received.
    """
    if address.is_local and address.parts.scheme == "http" and address.parts.username is None:
        return Near(address, timeout)
    return Far(address, timeout)


class _Incoming:
    """A reply as it comes in: no longer than it may be, and no later. One that drips must not hold us."""

    def __init__(self, name: str, timeout: float, longest: int) -> None:
        self._name, self._timeout, self._longest = name, timeout, longest
        self._end, self._parts, self._size = time.monotonic() + timeout, list[bytes](), 0

    def left(self) -> float:
        """Seconds that are left for it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Unreachable(f"the node at {self._name} gave no whole reply in {self._timeout:g} s")
        return left

    def add(self, part: bytes) -> None:
        """Take a piece of it."""
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._longest:
            raise TooLong(f"the reply of the node at {self._name} has more than {self._longest:,} bytes")
        self.left()

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


class Near:
    """A node on this machine, asked without anything in between; see :func:`transport`."""

    def __init__(self, address: NodeAddress, timeout: float) -> None:
        parts = address.parts
        self._name, self._timeout = str(address), timeout
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._host, self._port = parts.hostname or "", parts.port or 80
        # Those that rest; each thread takes one for its message. Taking and putting back are atomic.
        self._resting: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """See :class:`Transport`."""
        for connection in self._resting:
            connection.close()

    def __del__(self) -> None:
        # A client is not closed by its user; Python would warn of the socket.
        for connection in getattr(self, "_resting", ()):
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        try:
            return self._resting.pop()
        except IndexError:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def post(self, body: bytes, *, timeout: float | None = None, longest: int | None = None) -> Reply:
        """See :class:`Transport`."""
        timeout = self._timeout if timeout is None else timeout
        connection, reply = self._connection(), _Incoming(self._name, timeout, LONGEST if longest is None else longest)
        whole = False
        try:
            if connection.sock is not None and _ended(connection.sock):
                connection.close()
            if connection.sock is None:
                connection.timeout = reply.left()
                connection.connect()
            # It is let go where the reply is the last on its connection.
            wire = connection.sock
            wire.settimeout(reply.left())
            connection.request("POST", self._path, body, _HEADERS)
            wire.settimeout(reply.left())
            answer = connection.getresponse()
            while answer.length != 0 and not answer.isclosed():
                wire.settimeout(reply.left())
                if part := answer.read1(_PIECE):
                    reply.add(part)
                elif answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
            answer.close()
            whole = True
            return Reply(answer.status, reply.whole(), pause_asked(answer.getheader("Retry-After")))
        except TimeoutError:
            raise _late(self._name, timeout) from None
        except (http.client.HTTPException, OSError) as trouble:
            raise _broken(self._name, trouble) from None
        finally:
            if not whole:  # what may still come must not be taken for the reply to the next message
                connection.close()
            self._resting.append(connection)


class Far:
    """A node anywhere; see :func:`transport`."""

    def __init__(self, address: NodeAddress, timeout: float) -> None:
        self._url, self._name, self._timeout = address.secret, str(address), timeout
        self._session = open_session(address)

    def close(self) -> None:
        """See :class:`Transport`."""
        self._session.close()

    def post(self, body: bytes, *, timeout: float | None = None, longest: int | None = None) -> Reply:
        """See :class:`Transport`."""
        import requests
        import urllib3

        timeout = self._timeout if timeout is None else timeout
        reply = _Incoming(self._name, timeout, LONGEST if longest is None else longest)
        try:
            with self._session.post(
                self._url, data=body, headers=_HEADERS, timeout=timeout, stream=True, allow_redirects=False
            ) as answer:
                # Whatever has come: ``iter_content`` would wait for a whole piece, however slowly it drips.
                while part := answer.raw.read1(_PIECE, decode_content=True):
                    reply.add(part)
                return Reply(answer.status_code, reply.whole(), pause_asked(answer.headers.get("Retry-After")))
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise _late(self._name, timeout) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as trouble:
            raise _broken(self._name, trouble) from None


def _ended(wire: socket.socket) -> bool:
    """Whether the other side has ended a connection that rests: there is something to read on it, be it the end."""
    poll = select.poll()
    poll.register(wire, select.POLLIN)
    return bool(poll.poll(0))


def _late(name: str, timeout: float) -> Unreachable:
    return Unreachable(f"the node at {name} gave no reply in {timeout:g} s")


def _broken(name: str, trouble: BaseException) -> Unreachable:
    """What is wrong with a connection, as what it is. Foreign texts may hold the address, and so its secrets."""
    for error in _inner(trouble):
        kind = type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unreachable(f"the certificate of the node at {name} is not trusted: {error.verify_message}")
        if isinstance(error, ssl.SSLError):
            return Unreachable(f"no TLS with the node at {name} ({error.reason or 'failed'}); is it http:// there?")
        if kind == "ProxyError":
            return Unreachable(f"the proxy before the node at {name} does not answer; see https_proxy and http_proxy")
        if isinstance(error, socket.gaierror) or kind == "NameResolutionError":
            return Unreachable(f"the name of the node at {name} is unknown (DNS); check the address")
        if isinstance(error, ConnectionRefusedError):
            return NotListening(
                f"no node answers at {name}: the connection is refused;"
                " start one with `salus chain up` or name another with --rpc"
            )
    return Unreachable(f"no node answers at {name}: the connection broke off ({type(trouble).__name__})")


def _inner(trouble: BaseException) -> list[BaseException]:
    """An error and those that it carries, the outermost first; libraries wrap them in several ways."""
    found: list[BaseException] = []
    open_ = [trouble]
    while open_ and len(found) < 20:
        error = open_.pop(0)
        if error in found:
            continue
        found.append(error)
        carried = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
        open_ += [one for one in carried if isinstance(one, BaseException)]
    return found
