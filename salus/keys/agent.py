"""The wallet agent: for some minutes it answers which accounts a wallet has, so that looking takes the password once.

What it holds is what looking takes: the names of the relations and their accounts. It does not sign and has no key,
with no option to change that: whoever can use the user's account could else sign in the patient's name as long as it
runs, and an order that is signed cannot be called back from who has it. Signing is rare, and takes the password.

The socket is ``agent.sock`` in the user's folder, mode 0600. The kernel says who is at its other end, on both sides.
What the agent says counts only for the very state of the wallet's file that it knows.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from salus.errors import WalletError
from salus.keys.agent_process import SOCKET, at, peer_uid, read_line
from salus.keys.keystores import private_folder
from salus.keys.vault import Relation, fingerprint
from salus.keys.wallet import Wallet, default_home

__all__ = ["SECONDS", "known_relations", "lock", "renew", "start"]

#: How long an agent answers unless told otherwise.
SECONDS = 600
# Seconds to wait for an answer: it is on this machine, which may be busy.
_PATIENCE = 5.0
# Seconds until it has started: Python itself has to, on a machine that may be busy.
_START = 60.0


def start(wallet: Wallet, seconds: float = SECONDS) -> int:
    """Start an agent for an opened wallet, instead of one that runs.

    Args:
        wallet: Whose relations it will know.
        seconds: When it ends by itself, from now on.

    Returns:
        The number of its process.

    Raises:
        WalletError: This system does not say who asks, or the agent does not start.
    """
    import subprocess

    if not hasattr(socket, "SO_PEERCRED"):
        raise WalletError("this system does not say which user is at the other end of a socket; no agent runs here")
    home = private_folder(default_home())
    lock()
    # Without the password, which the environment may have, nor the node's: what a process was started with can be read.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SALUS_")}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "salus.keys.agent_process", str(home.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        start_new_session=True,
    )
    assert process.stdin and process.stdout
    with process.stdout, contextlib.suppress(BrokenPipeError), process.stdin:
        process.stdin.write(json.dumps({**_state(wallet), "seconds": seconds}).encode() + b"\n")
        process.stdin.flush()
        ready = process.stdout.readline() if select.select([process.stdout], [], [], _START)[0] else b""
    if ready != b"ready\n":
        process.kill()
        process.wait()
        raise WalletError(f"the agent did not start; can a socket be made in {home}?")
    process.returncode = 0  # it goes on without this process, which must not warn about it
    return process.pid


def known_relations(wallet: Path) -> dict[str, Relation] | None:
    """The relations of a wallet, as a running agent knows them.

    Args:
        wallet: The wallet's folder.

    Returns:
        None where no agent runs, or it does not know this wallet as it is now.
    """
    state = {"wallet": _name(wallet), "fingerprint": fingerprint(wallet)}
    answer = _ask({"ask": "relations", **state})
    try:
        return {name: Relation(**each) for name, each in answer["relations"].items()}
    except (KeyError, TypeError, AttributeError):
        return None


def renew(wallet: Wallet) -> None:
    """Let a running agent know the wallet as it is now; its time is not prolonged. Nothing where none runs.

    Args:
        wallet: The wallet, which was opened with its password.
    """
    _ask({"ask": "renew", **_state(wallet)})


def lock() -> bool:
    """End the agent that runs.

    Returns:
        Whether one did.
    """
    return bool(_ask({"ask": "lock"}).get("locked"))


def _state(wallet: Wallet) -> dict[str, Any]:
    mark, book = wallet.snapshot()
    relations = {name: asdict(each) for name, each in book.items()}
    return {"wallet": _name(wallet.path), "fingerprint": mark, "relations": relations}


def _name(wallet: Path) -> str:
    return str(wallet.resolve())


def _socket() -> Path:
    return default_home() / SOCKET


def _ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """The agent's answer; empty where none runs, or where another user's process answers."""
    path = _socket()
    try:
        status = path.lstat()
        if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return {}
        with socket.socket(socket.AF_UNIX) as agent, at(path.parent) as folder:
            agent.settimeout(_PATIENCE)
            agent.connect(f"{folder}/{SOCKET}")
            if peer_uid(agent) != os.geteuid():
                return {}
            agent.sendall(json.dumps(question).encode() + b"\n")
            answer = json.loads(read_line(agent))
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}
