"""The wallet agent's own process: it answers which relations a wallet has, for a time, over a Unix socket.

It never holds a password, a word or a key: the process that starts it opens the wallet, and gives it the names and the
accounts alone, over a pipe. It answers the user that it runs as and nobody else, and ends when its time is over, when
it is told to, or with a signal. Start it with :func:`salus.keys.agent.start`.

One message is one line of JSON. ``{"ask": "relations", "wallet": …, "fingerprint": …}`` is answered with
``{"relations": …, "seconds": …}``, or with ``{"no": "other wallet"}`` or ``{"no": "changed"}``; ``{"ask": "renew", …}``
brings the relations of the same wallet as it is now; ``{"ask": "lock"}`` ends the agent.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from salus.keys.private_file import no_core_dumps

__all__ = ["LARGEST_MESSAGE", "SOCKET", "at", "peer_uid", "read_line", "seconds_since_boot", "serve"]

#: The socket's name in the user's folder.
SOCKET = "agent.sock"
#: Bytes of a message, at most.
LARGEST_MESSAGE = 1 << 22
# Seconds that one who asks may take.
_PATIENCE = 2.0


def serve(home: Path, state: dict[str, Any]) -> None:
    """Answer until the time is over or somebody locks.

    Args:
        home: The user's folder, in which the socket is made.
        state: ``wallet``, ``fingerprint``, ``relations`` and ``seconds``.
    """
    end = seconds_since_boot() + float(state["seconds"])
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        name = _bind(listener, home)
        try:
            print("ready", flush=True)
            _let_go_of_terminal()
            while state and (left := end - seconds_since_boot()) > 0:
                # In short steps: a machine that was asleep must not answer late.
                listener.settimeout(min(left, 5.0))
                with contextlib.suppress(TimeoutError):
                    caller, _ = listener.accept()
                    with caller, contextlib.suppress(OSError, ValueError):
                        _answer(caller, state, end)
        finally:
            _remove(home / SOCKET, name)


def _answer(caller: socket.socket, state: dict[str, Any], end: float) -> None:
    if peer_uid(caller) != os.geteuid():
        return
    caller.settimeout(_PATIENCE)
    asked = json.loads(read_line(caller))
    reply = _reply(asked, state, end)
    caller.sendall(json.dumps(reply).encode() + b"\n")
    if "locked" in reply:
        state.clear()


def _reply(asked: Any, state: dict[str, Any], end: float) -> dict[str, Any]:
    left = end - seconds_since_boot()
    if left <= 0:
        return {"no": "time is over"}
    if not isinstance(asked, dict):
        return {"no": "not understood"}
    if asked.get("ask") == "lock":
        return {"locked": True}
    if asked.get("wallet") != state["wallet"]:
        return {"no": "other wallet"}
    if asked.get("ask") == "renew" and isinstance(asked.get("relations"), dict):
        state["fingerprint"], state["relations"] = asked.get("fingerprint"), asked["relations"]
        return {"renewed": True}
    if asked.get("ask") != "relations":
        return {"no": "not understood"}
    if asked.get("fingerprint") != state["fingerprint"]:
        return {"no": "changed"}
    return {"relations": state["relations"], "seconds": left}


def _bind(listener: socket.socket, home: Path) -> int:
    """Make the socket under its name, whole or not at all; the number of its file."""
    draft = f".{SOCKET}.{secrets.token_hex(6)}"
    before = os.umask(0o177)
    try:
        with at(home) as folder:
            listener.bind(f"{folder}/{draft}")
    finally:
        os.umask(before)
    try:
        listener.listen(8)
        os.replace(home / draft, home / SOCKET)
    finally:
        with contextlib.suppress(FileNotFoundError):
            (home / draft).unlink()
    return (home / SOCKET).lstat().st_ino


def _remove(path: Path, inode: int) -> None:
    """Remove the socket, unless a later agent has put its own there."""
    with contextlib.suppress(OSError):
        if path.lstat().st_ino == inode:
            path.unlink()


@contextlib.contextmanager
def at(home: Path) -> Any:
    """A short name of a folder: that of a socket may have 107 bytes only.

    Args:
        home: The folder.
    """
    handle = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)


def peer_uid(other: socket.socket) -> int:
    """The user at the other end of a Unix socket, as the kernel says.

    Args:
        other: The connected socket.
    """
    _, uid, _ = struct.unpack("3i", other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)


def read_line(other: socket.socket) -> bytes:
    """One line.

    Args:
        other: Where it comes from.

    Raises:
        ValueError: It is too long, or has no end.
    """
    line = b""
    while not line.endswith(b"\n"):
        if not (part := other.recv(65_536)) or len(line) > LARGEST_MESSAGE:
            raise ValueError("no whole line")
        line += part
    return line


def seconds_since_boot() -> float:
    """A clock that goes on while the machine sleeps, so that a laptop does not wake up unlocked."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _let_go_of_terminal() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _stop(*_: object) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    no_core_dumps()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    serve(Path(sys.argv[1]), json.loads(sys.stdin.readline()))
