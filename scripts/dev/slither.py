#!/usr/bin/env python3
"""Look for known faults in the contracts with slither; each of its findings is explained in ``docs/slither.md``.

    python scripts/dev/slither.py            # fails on a finding that is not explained, and on a row that explains none
    python scripts/dev/slither.py --all      # print every finding with its text first

Slither and what it needs live in an environment of their own (``.tools/slither``), because they want other versions
than Brownie; it is made from ``scripts/dev/slither.lock`` the first time. The contracts go in as standard JSON, with
the settings of brownie-config.yaml, through the compiler that the set-up chose. Mocks are left out. It takes a minute.

Exit codes: 0 all is explained, 1 it is not, 2 slither did not run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = ROOT / ".tools" / "slither"
LOCK = ROOT / "scripts" / "dev" / "slither.lock"
REASONS = ROOT / "docs" / "slither.md"
COMPILER = ROOT / ".solc" / "solc-v0.8.30"

#: Seconds that slither may take; it needs one minute of a processor.
PATIENCE = 900


class Failed(Exception):
    """Slither did not run; the message says why."""


# ---- the environment -------------------------------------------------------------------------------------------------


def prepare() -> Path:
    """Make the environment where it is missing, or was made from another lock.

    Returns:
        The program.
    """
    stamp, value = HOME / "stamp", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == value):
        print("slither: making an environment for it in .tools/slither …", flush=True)
        python = HOME / "bin" / "python"
        run([sys.executable, "-m", "venv", "--clear", str(HOME)])
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*words, "--require-hashes", "-r", str(LOCK)])
        stamp.write_text(value)
    return HOME / "bin" / "slither"


def run(words: list[str]) -> None:
    """Run a command quietly.

    Raises:
        Failed: It ended with an error.
    """
    result = subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode:
        raise Failed(f"{Path(words[0]).name} failed:\n{result.stdout[-2000:]}")


# ---- what slither finds ----------------------------------------------------------------------------------------------


def standard_json() -> dict[str, Any]:
    """All contracts and interfaces but the mocks, as the compiler takes them."""
    settings = (ROOT / "brownie-config.yaml").read_text()
    runs = int(re.search(r"^ +runs: (\d+)$", settings, re.MULTILINE)[1])
    files = [path for folder in ("contracts", "interfaces") for path in sorted((ROOT / folder).rglob("*.sol"))]
    sources = {
        str(path.relative_to(ROOT)): {"content": path.read_text()} for path in files if "mocks" not in path.parts
    }
    wanted = ["abi", "metadata", "devdoc", "userdoc", "evm.bytecode", "evm.deployedBytecode"]
    return {
        "language": "Solidity",
        "sources": sources,
        "settings": {
            "evmVersion": "shanghai",
            "viaIR": True,
            "optimizer": {"enabled": True, "runs": runs},
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "outputSelection": {"*": {"*": wanted, "": ["ast"]}},
        },
    }


def findings(program: Path) -> list[dict[str, Any]]:
    """What slither says of our own sources.

    Raises:
        Failed: It did not run to its end.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, answer = Path(folder) / "contracts.json", Path(folder) / "findings.json"
        source.write_text(json.dumps(standard_json()))
        words = [str(program), str(source), "--solc", str(COMPILER), "--compile-force-framework", "solc-json"]
        try:
            result = subprocess.run(
                [*words, "--json", str(answer)],
                cwd=ROOT,
                env={**os.environ, "SALUS_ROOT": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"slither took longer than {PATIENCE} s") from None
        # It ends with an error wherever it finds something: only its answer says whether it ran.
        if not answer.is_file() or not (told := json.loads(answer.read_text()))["success"]:
            raise Failed(f"slither did not run:\n{result.stdout[-2000:]}")
    return [each for each in told["results"]["detectors"] if is_ours(each)]


def is_ours(finding: dict[str, Any]) -> bool:
    """Whether a finding is about a file of ours: OpenZeppelin's are audited elsewhere."""
    elements = finding["elements"]
    return not elements or not elements[0]["source_mapping"]["filename_relative"].startswith("node_modules")


def place(finding: dict[str, Any]) -> str:
    """Where a finding is, without the line, which every edit moves: ``Contract.function``, or a variable in it."""
    if not finding["elements"]:
        return "*"
    return named(finding["elements"][0])


def named(element: dict[str, Any]) -> str:
    """The name of what a finding is about, with the names of what it lies in."""
    parent = element.get("type_specific_fields", {}).get("parent")
    if element["type"] == "node":
        return named(parent)
    if parent and parent["type"] in ("contract", "function"):
        return f"{named(parent)}.{element['name']}"
    return element["name"]


# ---- what is explained -----------------------------------------------------------------------------------------------


def explained(text: str) -> Iterator[tuple[str, str]]:
    """The rows of the tables of ``docs/slither.md``: pairs of a check and a place, ``*`` for all of its places."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 3 or not cells[2] or not re.fullmatch(r"`[a-z0-9-]+`", cells[0]):
            continue
        places = ["*"] if cells[1] == "everywhere" else re.findall(r"`([^`]+)`", cells[1])
        yield from ((cells[0].strip("`"), where) for where in places)


def faults(found: list[dict[str, Any]], rows: set[tuple[str, str]]) -> list[str]:
    """One line for each finding that no row explains, and for each row that explains none."""
    told, used = [], set()
    for each in found:
        keys = {(each["check"], place(each)), (each["check"], "*")}
        used |= keys & rows
        if not keys & rows:
            told.append(f"not explained: {each['impact']} {each['check']} `{place(each)}`\n{each['description']}")
    told += [f"explains nothing any more: {check} `{where}`" for check, where in sorted(rows - used)]
    return told


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Look for known faults in the contracts with slither.")
    parser.add_argument("--all", action="store_true", help="print every finding with its text first")
    options = parser.parse_args(argv)
    try:
        found = findings(prepare())
    except Failed as trouble:
        print(f"slither: {trouble}", file=sys.stderr)
        return 2
    if options.all:
        for each in found:
            print(f"{each['impact']} {each['check']} `{place(each)}`\n{each['description']}")
    told = faults(found, set(explained(REASONS.read_text())))
    for line in told:
        print(line, file=sys.stderr)
    where = REASONS.relative_to(ROOT)
    print(f"slither: {len(found)} findings, {len(told)} of them not in step with {where}" if told else
          f"slither: {len(found)} findings, all explained in {where}")  # fmt: skip
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())
