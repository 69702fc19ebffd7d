"""How a message goes to a node and its reply comes back: one connection that stays open, one time for the whole reply.

A node on this machine is asked directly, which takes a fifth of the work; one in the world outside through
``requests``, which knows the user's proxies and certificates. Neither sends anything twice, and neither follows a
redirection.
"""

from __future__ import annotations

import http.client
import select
import socket
import time
from typing import Protocol
from urllib.parse import urlsplit

from salus.chain.connection import is_local, open_session, pause_asked
from salus.errors import BadAnswer, Unreachable

__all__ = ["Far", "Near", "Overloaded", "Transport", "transport"]

# Of one reply, bytes; a hundred receipts with a hundred events each stay below.
_LONGEST = 64 * 1024 * 1024
_PIECE = 1 << 16
_LONGEST_WAIT = 10.0  # seconds that a node may ask to be left alone
_HEADERS = {"Content-Type": "application/json"}


class Overloaded(Unreachable):
    """The endpoint asks to be left alone for a while.

    Args:
        message: What is said of it.

    Attributes:
        seconds: How long, as it says; 0 when it does not.
    """

    def __init__(self, message: str, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class Transport(Protocol):
    """The way to one node."""

    def post(self, body: bytes) -> bytes:
        """Send a message; the whole reply.

        Args:
            body: The message.

        Raises:
            Unreachable: No reply in time, or none that is whole.
            BadAnswer: It is too long.
            Overloaded: The endpoint says that it is busy.
        """

    def close(self) -> None:
        """End the connection."""


def transport(url: str, name: str, timeout: float) -> Transport:
    """The way to an endpoint that fits where it is.

    Args:
        url: ``http://`` or ``https://``.
        name: The endpoint in messages.
        timeout: Seconds for one reply, from the first byte sent to the last received.
    """
    parts = urlsplit(url)
    if is_local(parts) and parts.scheme == "http" and parts.username is None:
        return Near(url, name, timeout)
    return Far(url, name, timeout)


class _Reply:
    """What counts for every reply, whichever way it comes."""

    def __init__(self, name: str, timeout: float) -> None:
        self._name, self._timeout = name, timeout
        self._end, self._parts, self._size = time.monotonic() + timeout, list[bytes](), 0

    def left(self) -> float:
        """Seconds that are left for it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Unreachable(f"{self._name} gave no whole reply in {self._timeout:g} s")
        return left

    def expect_well(self, status: int, wait: str | None) -> None:
        """See that it is an answer."""
        if status in (429, 503):
            raise Overloaded(f"{self._name} answers with HTTP {status}", min(pause_asked(wait), _LONGEST_WAIT))
        if status != 200:
            raise Unreachable(f"{self._name} answers with HTTP {status}")

    def add(self, part: bytes) -> None:
        """Take a piece of it. One that drips must not hold us beyond the time for the whole."""
        self._parts.append(part)
        self._size += len(part)
        if self._size > _LONGEST:
            raise BadAnswer(f"the reply of {self._name} has more than {_LONGEST:,} bytes")
        self.left()

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


class Near:
    """A node on this machine, asked without anything in between; see :func:`transport`.

    Args:
        url: ``http://``, of this machine.
        name: The endpoint in messages.
        timeout: Seconds for one reply.
    """

    def __init__(self, url: str, name: str, timeout: float) -> None:
        parts = urlsplit(url)
        self._name, self._timeout = name, timeout
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)

    def close(self) -> None:
        """See :class:`Transport`."""
        self._connection.close()

    def post(self, body: bytes) -> bytes:
        """See :class:`Transport`."""
        connection, reply = self._connection, _Reply(self._name, self._timeout)
        whole = False
        try:
            if connection.sock is not None and _ended(connection.sock):
                connection.close()
            if connection.sock is None:
                connection.connect()
            # It is let go where the reply is the last on its connection.
            wire = connection.sock
            wire.settimeout(reply.left())
            connection.request("POST", self._path, body, _HEADERS)
            wire.settimeout(reply.left())
            answer = connection.getresponse()
            reply.expect_well(answer.status, answer.getheader("Retry-After"))
            while answer.length != 0 and not answer.isclosed():
                wire.settimeout(reply.left())
                if part := answer.read1(_PIECE):
                    reply.add(part)
                elif answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)
            answer.close()
            whole = True
            return reply.whole()
        except TimeoutError:
            raise Unreachable(f"{self._name} gave no reply in {self._timeout:g} s") from None
        except (http.client.HTTPException, OSError) as trouble:
            raise Unreachable(f"{self._name} cannot be reached ({type(trouble).__name__})") from None
        finally:
            if not whole:  # what may still come must not be taken for the reply to the next message
                connection.close()


class Far:
    """A node anywhere; see :func:`transport`.

    Args:
        url: ``http://`` or ``https://``.
        name: The endpoint in messages.
        timeout: Seconds for one reply.
    """

    def __init__(self, url: str, name: str, timeout: float) -> None:
        self._url, self._name, self._timeout = url, name, timeout
        self._session = open_session(url)

    def close(self) -> None:
        """See :class:`Transport`."""
        self._session.close()

    def post(self, body: bytes) -> bytes:
        """See :class:`Transport`."""
        import requests
        import urllib3

        reply = _Reply(self._name, self._timeout)
        try:
            with self._session.post(
                self._url, data=body, headers=_HEADERS, timeout=self._timeout, stream=True, allow_redirects=False
            ) as answer:
                reply.expect_well(answer.status_code, answer.headers.get("Retry-After"))
                # Whatever has come: ``iter_content`` would wait for a whole piece, however slowly it drips.
                while part := answer.raw.read1(_PIECE, decode_content=True):
                    reply.add(part)
                return reply.whole()
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise Unreachable(f"{self._name} gave no reply in {self._timeout:g} s") from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as trouble:
            raise Unreachable(f"{self._name} cannot be reached ({type(trouble).__name__})") from None


def _ended(wire: socket.socket) -> bool:
    """Whether the other side has ended a connection that rests: there is something to read on it, be it the end."""
    poll = select.poll()
    poll.register(wire, select.POLLIN)
    return bool(poll.poll(0))
