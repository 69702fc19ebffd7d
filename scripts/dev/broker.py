#!/usr/bin/env python3
"""Find an MQTT broker (mosquitto) for the tests, or fetch Debian's into ``.tools`` of this checkout.

Nothing is installed and no root is needed: apt keeps its lists and downloads in ``.tools`` too, and the packages are
unpacked there. Where neither a mosquitto nor apt is, it says so in one line and ends with 0: only the tests that need a
broker are then skipped (or fail, where ``SALUS_BROKER=required``).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
UNPACKED = TOOLS / "mosquitto"

# Where Debian puts it, which is not on everybody's PATH.
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")

# What every system has, and must not have twice in one process.
_SYSTEM = ("libc6", "libgcc-s1", "libcrypt1")

Command = tuple[str, dict[str, str]]


def find() -> Command | None:
    """The broker's program and the environment that it needs; None where there is none."""
    system = shutil.which("mosquitto", path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
    if system is not None:
        return system, {}
    own = UNPACKED / "usr" / "sbin" / "mosquitto"
    if not own.exists():
        return None
    libraries = [str(path) for path in (UNPACKED / "usr" / "lib").glob("*-linux-gnu*")] + [
        str(path) for path in (UNPACKED / "lib").glob("*-linux-gnu*")
    ]
    return str(own), {"LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def works(command: Command) -> bool:
    """Whether the program can be started: all its libraries are there."""
    program, extra = command
    try:
        run = subprocess.run([program, "-h"], env={**os.environ, **extra}, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "mosquitto version" in run.stdout


def fetch() -> None:
    """Fetch and unpack Debian's mosquitto and the libraries that it needs.

    Raises:
        subprocess.SubprocessError, OSError: It could not be had.
    """
    apt = TOOLS / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    options = [
        "-o", f"Dir::State::Lists={apt / 'lists'}",
        "-o", f"Dir::Cache={apt}",
        "-o", f"Dir::Cache::Archives={apt / 'archives'}",
        # Root would else hand the download to a user who may not write here.
        "-o", "APT::Sandbox::User=" + (_user() or "root"),
    ]  # fmt: skip
    _run(["apt-get", *options, "-qq", "update"])
    depends = "--recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances".split()
    listed = _run(["apt-cache", *options, "depends", *depends, "mosquitto"])
    names = {line for line in listed.splitlines() if line and not line[0].isspace() and not line.startswith("<")}
    wanted = ["mosquitto", *sorted(n for n in names if n.startswith("lib") and n not in _SYSTEM and ":" not in n)]
    UNPACKED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLS) as folder:
        _run(["apt-get", *options, "-qq", "download", *wanted], cwd=folder)
        for package in sorted(Path(folder).glob("*.deb")):
            _run(["dpkg-deb", "-x", str(package), str(UNPACKED)])
    shutil.rmtree(apt)


def _user() -> str | None:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None


def _run(command: list[str], cwd: str | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=True
    )
    return done.stdout


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Find or fetch an MQTT broker for the tests.")
    parser.add_argument("--quiet", action="store_true", help="say nothing when there is one already")
    quiet = parser.parse_args(argv).quiet
    found = find()
    if found is not None and works(found):
        if not quiet:
            print(f"broker: {found[0]}")
        return 0
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        print("broker: no mosquitto here; install it to run the tests of MQTT, which are skipped without")
        return 0
    print("broker: fetching Debian's mosquitto into .tools …", flush=True)
    try:
        fetch()
    except (subprocess.SubprocessError, OSError) as trouble:
        said = (getattr(trouble, "stderr", None) or str(trouble)).strip().splitlines()
        print(f"broker: it cannot be had ({said[-1] if said else trouble}); the tests of MQTT are skipped without")
        return 0
    found = find()
    if found is None or not works(found):
        print("broker: what was fetched does not start here; install mosquitto to run the tests of MQTT")
    return 0


if __name__ == "__main__":
    sys.exit(main())
