#!/usr/bin/env python3
"""Set up everything that building, testing and running Salus takes, inside this checkout.

Only the standard library is used: the system's Python starts this file. It makes ``.venv`` from ``requirements.lock``,
``node_modules`` from ``package-lock.json`` and ``.solc`` (the Solidity compiler), and writes nothing else outside of
the caches of pip and npm. Every step leaves a stamp in ``.venv``, so that a second run only compares hashes.

Exit codes: 0 ready, 1 a step failed, 2 something is missing on this machine.
"""

from __future__ import annotations  # so that an older Python gets as far as saying that it is too old

import argparse
import fcntl
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
SOLC = ROOT / ".solc"
STAMPS = VENV / "stamps"

SOLC_VERSION = "0.8.30"
PYTHON_AT_LEAST = (3, 11)
NODE_AT_LEAST = 20

# Seconds. The first is how long the compiler's download site may take to answer before npm's compiler takes over, the
# second how long the download itself may last once the site has answered.
SOLC_ANSWER = 5
SOLC_DOWNLOAD = 60

# What stands in for the native compiler. Relative to its own place, so that the checkout may be moved.
SHIM = """#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P)
SALUS_ROOT=${here%/.solc} exec node "$here/../scripts/dev/solc-shim.js" "$@"
"""


class Missing(Exception):
    """Something this machine lacks; the message says what, and how to get it."""


class Failed(Exception):
    """A step that did not work; the message says which, and the step's own last words."""


# --------------------------------------------------------------------------------------------------------------------
# Small tools
# --------------------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def digest(*parts: Path | str) -> str:
    """A hash over files (their content) and strings."""
    state = hashlib.sha256()
    for part in parts:
        state.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        state.update(b"\0")
    return state.hexdigest()


def fresh(step: str, value: str) -> bool:
    """Whether a step was last finished for just this value."""
    stamp = STAMPS / step
    return stamp.is_file() and stamp.read_text() == value


def done(step: str, value: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(value)


def undone(step: str) -> None:
    """Forget a step before redoing it: one that is interrupted halfway must not pass for finished."""
    (STAMPS / step).unlink(missing_ok=True)


def run(step: str, command: list, *, timeout: float, env: dict | None = None) -> None:
    """Run a command quietly; its last lines are shown only where it fails.

    Raises:
        Failed: It ended with an error, or took longer than ``timeout`` seconds.
    """
    words = [str(word) for word in command]
    try:
        result = subprocess.run(
            words,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{step} took longer than {timeout:.0f} s") from None
    except OSError as trouble:
        raise Failed(f"{step} failed ({trouble})") from None
    if result.returncode:
        tail = "\n".join(result.stdout.strip().splitlines()[-15:])
        raise Failed(f"{step} failed (exit code {result.returncode})\n{tail}")


def timed(text: str):
    """Print a line when a long step starts and how long it took when it ends."""

    class _Timed:
        def __enter__(self):
            self.start = time.monotonic()
            say(f"{text} …")

        def __exit__(self, kind, *_):
            if kind is None:
                say(f"{text}: done in {time.monotonic() - self.start:.1f} s")

    return _Timed()


# --------------------------------------------------------------------------------------------------------------------
# What the machine must have
# --------------------------------------------------------------------------------------------------------------------


def check_machine() -> None:
    """Raises Missing with every absent tool in one line."""
    lacks = []
    if sys.version_info < PYTHON_AT_LEAST:
        have = ".".join(map(str, sys.version_info[:3]))
        lacks.append(f"Python 3.11 or newer (this one is {have}; name another with `make setup PYTHON=python3.12`)")
    try:
        import ensurepip  # noqa: F401  Debian ships `venv` without it, and only making the venv would tell
    except ImportError:
        lacks.append("Python's venv (Debian and Ubuntu: the package python3-venv)")

    node = shutil.which("node")
    if node is None:
        lacks.append("Node.js 20 or newer (your system's packages, or nodejs.org)")
    else:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30).stdout.strip()
        major = answer.lstrip("v").split(".")[0]
        if not major.isdigit() or int(major) < NODE_AT_LEAST:
            lacks.append(
                f"Node.js 20 or newer (this one is {answer or 'silent'}; your system's packages, or nodejs.org)"
            )
    if shutil.which("npm") is None:
        lacks.append("npm (it comes with Node.js; Debian and Ubuntu: the package npm)")
    if shutil.which("git") is None:
        lacks.append("git (your system's packages)")
    if lacks:
        raise Missing("missing: " + "; ".join(lacks))


# --------------------------------------------------------------------------------------------------------------------
# The steps
# --------------------------------------------------------------------------------------------------------------------


def make_venv() -> None:
    # The folder's path is part of the value: a moved or copied venv points at the old place and must be made anew.
    value = digest(str(VENV), platform.python_version(), os.path.realpath(sys.base_prefix))
    if fresh("venv", value) and (BIN / "python").exists():
        return
    with timed("making .venv"):
        run("making .venv", [sys.executable, "-m", "venv", "--clear", VENV], timeout=300)
    done("venv", value)


def locked(*names: str) -> str:
    """The entries of some packages in requirements.lock, hashes and all."""
    entries = []
    keep = False
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            keep = line.split("==")[0] in names
        if keep:
            entries.append(line)
    return "\n".join(entries) + "\n"


def install_python_packages() -> None:
    lock = ROOT / "requirements.lock"
    value = digest(lock, platform.python_version())
    if fresh("python", value):
        return
    undone("python")
    python = BIN / "python"
    # Brownie's wheel is compiled with mypyc, and several documented features crash in it: build it from its source as
    # plain Python. That needs setuptools first, as locked, for a build without isolation would else find none.
    env = {"BROWNIE_NOCOMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "VIRTUAL_ENV": str(VENV)}
    plain = ["--require-hashes", "--no-build-isolation", "--no-binary", "eth-brownie", "-r", lock]
    with timed("installing Python packages (1 to 2 minutes the first time)"):
        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "first.txt"
            pip = [python, "-m", "pip", "install", "--quiet", "--no-input"]
            first.write_text(locked("setuptools", "wheel", "packaging"))
            run("installing the build tools", [*pip, "--require-hashes", "-r", first], timeout=600, env=env)
            try:
                # uv does the same work several times faster. A convenience only, so any trouble leads to pip.
                first.write_text(locked("uv"))
                run("installing uv", [*pip, "--require-hashes", "-r", first], timeout=120, env=env)
                uv = [BIN / "uv", "pip", "install", "--quiet", "--no-config", "--compile-bytecode", "--python", python]
                run("installing with uv", [*uv, *plain], timeout=900, env=env)
            except Failed as trouble:
                say(f"uv is of no use here ({str(trouble).splitlines()[0]}); pip takes over")
                run("installing Python packages", [*pip, *plain], timeout=1800, env=env)
    done("python", value)


def install_project() -> None:
    value = digest(ROOT / "pyproject.toml", ROOT / "setup.py", str(ROOT))
    if fresh("project", value):
        return
    undone("project")
    with timed("installing the salus client"):
        pip = [BIN / "python", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        run(
            "installing the salus client",
            [*pip, "--no-deps", "--no-build-isolation", "--editable", ROOT],
            timeout=300,
        )
        # Where Python is told to keep no bytecode it would compile the client anew at every command, a third of a
        # second.
        run("compiling the salus client", [BIN / "python", "-m", "compileall", "-q", ROOT / "salus"], timeout=120)
    done("project", value)


def install_node_packages() -> None:
    value = digest(ROOT / "package.json", ROOT / "package-lock.json", ROOT / ".npmrc")
    # This stamp lies in the folder itself: npm empties the folder first, so that no half-made one can look finished.
    stamp = ROOT / "node_modules" / ".salus-stamp"
    if stamp.is_file() and stamp.read_text() == value:
        return
    with timed("installing npm packages (OpenZeppelin, the compiler, local chains)"):
        run("npm ci", ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], timeout=1200)
    stamp.write_text(value)


def download_solc() -> bool:
    """Try the native compiler; False where it cannot be had within seconds.

    The attempt runs in a process of its own: a name server or a firewall that swallows packets can hold a download
    for minutes, and py-solc-x has no time-out for that.
    """
    env = {**os.environ, "SOLCX_BINARY_PATH": str(SOLC)}
    ask = f"import solcx; assert any(str(v) == {SOLC_VERSION!r} for v in solcx.get_installable_solc_versions())"
    get = f"import solcx; solcx.install_solc({SOLC_VERSION!r})"
    for code, limit in ((ask, SOLC_ANSWER), (get, SOLC_DOWNLOAD)):
        try:
            ok = subprocess.run(
                [str(BIN / "python"), "-c", code],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=limit,
            )
        except subprocess.TimeoutExpired:
            return False
        if ok.returncode:
            return False
    return (SOLC / f"solc-v{SOLC_VERSION}").exists()


def write_shim() -> None:
    """Put npm's compiler behind the name under which py-solc-x looks for the native one."""
    target = SOLC / f"solc-v{SOLC_VERSION}"
    node = shutil.which("node")
    version = subprocess.run(
        [node, "-p", "require('./node_modules/solc').version()"], cwd=ROOT, capture_output=True, text=True, timeout=120
    ).stdout.strip()
    if not version.startswith(SOLC_VERSION + "+"):
        raise Failed(
            f"no Solidity compiler: the native {SOLC_VERSION} cannot be downloaded here, and npm's says it is "
            f"{version or 'nothing at all'}; delete node_modules and run `make setup` again"
        )
    (SOLC / "version").write_text(version + "\n")
    target.unlink(missing_ok=True)
    target.write_text(SHIM)
    target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def install_compiler() -> None:
    target = SOLC / f"solc-v{SOLC_VERSION}"
    value = digest(SOLC_VERSION, ROOT / "package-lock.json", SHIM)
    if fresh("solc", value) and target.exists():
        return
    undone("solc")
    if SOLC.exists():
        shutil.rmtree(SOLC)
    SOLC.mkdir()
    with timed(f"finding the Solidity compiler {SOLC_VERSION}"):
        if download_solc():
            say("the native compiler")
        else:
            shutil.rmtree(SOLC)
            SOLC.mkdir()
            write_shim()
            say("the native compiler cannot be downloaded here: npm's takes over (same bytecode, slower)")
    done("solc", value)


def link_tools() -> None:
    """Let an activated venv find the local chains and the compiler."""
    site = next((VENV / "lib").glob("python3*/site-packages"))
    # py-solc-x reads this variable, and Brownie may ask it before any file of the project is loaded. Only Pythons of
    # this venv read the line, and a variable that is already set stays.
    line = f"import os; os.environ.setdefault('SOLCX_BINARY_PATH', {str(SOLC)!r})\n"
    pth = site / "salus_compiler.pth"
    if not pth.is_file() or pth.read_text() != line:
        pth.write_text(line)
    ganache = ROOT / "node_modules" / "ganache" / "dist" / "node" / "cli.js"
    anvils = sorted((ROOT / "node_modules" / "@foundry-rs").glob("anvil-*/bin/anvil"))
    for name, target in [("ganache-cli", ganache), ("ganache", ganache), *(("anvil", anvil) for anvil in anvils[:1])]:
        if not target.exists():
            continue
        if not os.access(target, os.X_OK):  # depends on the version of npm that unpacked it
            target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        link = BIN / name
        if link.is_symlink() and os.readlink(link) == str(target):
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    if not anvils and shutil.which("anvil") is None:
        say(
            "npm has no anvil for this machine; install Foundry so that `anvil` is on the PATH, "
            "or run with CHAIN=ganache"
        )


def set_up() -> None:
    """Take every step that is not done yet."""
    # Two set-ups at once would pull the folders from under each other. The lock ends with this process.
    with open(__file__) as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up is at work in this folder; waiting for it …")
            fcntl.flock(turn, fcntl.LOCK_EX)
        make_venv()
        install_python_packages()
        install_project()
        install_node_packages()
        install_compiler()
        link_tools()


def main(argv: list | None = None) -> int:
    parser = argparse.ArgumentParser(description="Set up what Salus needs, inside this checkout.")
    parser.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")
    options = parser.parse_args(argv)
    start = time.monotonic()
    os.chdir(ROOT)
    try:
        check_machine()
        set_up()
    except Missing as lack:
        print(f"set-up: {lack}", file=sys.stderr)
        return 2
    except Failed as trouble:
        print(f"set-up: {trouble}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as slow:
        print(f"set-up: {slow.cmd[0]} gave no answer within {slow.timeout:.0f} s", file=sys.stderr)
        return 1
    except OSError as trouble:
        print(f"set-up: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: stopped; run it again to go on", file=sys.stderr)
        return 130
    if not options.quiet:
        say(f"ready in {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
