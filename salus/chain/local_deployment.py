"""Deploys the contracts of a checkout on a local chain, with Brownie in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from salus.errors import BadInput, SalusError, one_line

__all__ = ["brownie_python", "deploy_locally", "fill_for_play", "find_checkout"]

_TIMEOUT = 600  # seconds; the first time Brownie compiles everything

# What the environment says of a real deployment must not reach a local one.
_REAL = ("ACCOUNT", "KEYSTORE", "PASSWORD_FILE", "REGULATOR", "SETUP", "ADMIN_DELAY", "RULES_DELAY", "REPLACE", "WEAK")


def find_checkout(places: Iterable[Path] | None = None) -> Path:
    """The checkout with the contracts.

    Args:
        places: Folders in or below which it is looked for upwards; by default the working folder, then where this
            package lies.

    Raises:
        BadInput: There is none.
    """
    for place in (Path.cwd(), Path(__file__).resolve().parent) if places is None else places:
        for folder in (place, *place.parents):
            if (folder / "brownie-config.yaml").is_file() and (folder / "scripts" / "deploy.py").is_file():
                return folder
    raise BadInput("", "", "there is no checkout of Salus here, with the contracts to deploy; run this inside of one")


def brownie_python(project: Path) -> str:
    """A Python that has Brownie: this one, or that of the project's set-up.

    Args:
        project: The project's folder.

    Raises:
        BadInput: Neither has it.
    """
    if importlib.util.find_spec("brownie") is not None:
        return sys.executable
    python = project / ".venv" / "bin" / "python"
    if python.is_file() and (project / ".venv" / "bin" / "brownie").is_file():
        return str(python)
    raise BadInput("", "", "Brownie is needed to deploy, and is not installed: run `make setup` in the project")


def deploy_locally(project: Path, python: str, url: str, books: Path) -> Path:
    """Deploy every contract; the path of the address book.

    Args:
        project: The checkout, see :func:`find_checkout`.
        python: A Python that has Brownie, see :func:`brownie_python`.
        url: The local chain's JSON-RPC.
        books: The folder for the address book.

    Raises:
        SalusError: It failed, or took too long.
    """
    words = [str(project / "scripts" / "deploy.py"), "--rpc", url]
    said = _run(project, [python, *words], {"YES": "1", "BOOKS": str(books)}, "deploying")
    return project / said.strip().splitlines()[-1].removeprefix("written: ")


def fill_for_play(project: Path, python: str, url: str, book: Path, folder: Path) -> dict[str, Any]:
    """Fill a local chain with a cast of institutions, rules, and a plan; who is who, and what there is.

    Args:
        project: The checkout, see :func:`find_checkout`.
        python: A Python that has this package.
        url: The local chain's JSON-RPC.
        book: Its address book.
        folder: The folder for the plan's file.

    Raises:
        SalusError: It failed, or took too long.
    """
    words = [python, "-m", "scripts.play", "--rpc", url, "--book", str(book), "--out", str(folder)]
    found: dict[str, Any] = json.loads(_run(project, words, {}, "filling the chain").strip().splitlines()[-1])
    return found


def _run(project: Path, words: list[str], environment: dict[str, str], doing: str) -> str:
    """Run a script of the checkout; what it said.

    Raises:
        SalusError: It failed, or took too long.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _REAL}
    process = subprocess.Popen(
        words,
        cwd=project,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )
    try:
        said, _ = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise SalusError(f"{doing} took longer than {_TIMEOUT} s") from None
    finally:
        if process.poll() is None:
            # The whole group: Brownie starts a compiler of its own.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        last = [line for line in said.strip().splitlines() if line.strip()][-1:]
        why = one_line(last[0]).removeprefix("error: ") if last else "no word"
        raise SalusError(f"{doing} failed: {why}")
    return said
