#!/usr/bin/env python3
"""Write the ABIs that the client carries, from what Brownie built.

    python scripts/export.py            # write salus/abi/*.json
    python scripts/export.py --check    # exit 1 when they differ from the build

The build must be fresh (`brownie compile --all`). Only ABIs go into the client: no bytecode, no paths.
Exit codes: 0 done, 1 they differ, 2 a build is missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "contracts"
ABIS = ROOT / "salus" / "abi"

# What the client talks to, and the build that has its ABI.
CONTRACTS = {
    "AccessManager": "AccessManager",
    "Institutions": "Institutions",
    "Guardians": "Guardians",
    "ConsentRegistry": "ConsentRegistry",
    "AccessLog": "AccessLog",
    "Plans": "Plans",
    "Treasury": "Treasury",
    "ClaimDesk": "ClaimDesk",
    "Lots": "Lots",
    "Loggers": "Loggers",
    "ColdChain": "ColdChain",
    "Doses": "Doses",
    # Any token: names, decimals, balances, allowances; the errors are those of OpenZeppelin's tokens.
    "ERC20": "ERC20",
}


class Missing(Exception):
    """A build that is not there; the message names it."""


def abi_text(build: Path) -> str:
    """The ABI of one build as the client's file holds it: one entry a line, so that a change is a small diff.

    Raises:
        Missing: No such build, or one that cannot be read.
    """
    try:
        abi = json.loads(build.read_text())["abi"]
    except FileNotFoundError:
        raise Missing(f"{build.relative_to(ROOT)} is missing; run `brownie compile --all`") from None
    except (ValueError, KeyError):
        raise Missing(f"{build.relative_to(ROOT)} is damaged; run `brownie compile --all`") from None
    # In the build's order, which the compiler sorts and the address book's ABI hash is taken over.
    lines = [json.dumps(entry, sort_keys=True) for entry in abi]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def texts() -> dict[Path, str]:
    """What each file of the client should hold.

    Raises:
        Missing: A build is not there.
    """
    return {ABIS / f"{name}.json": abi_text(BUILD / f"{build}.json") for name, build in CONTRACTS.items()}


def differences(wanted: dict[Path, str]) -> list[str]:
    """One line for each file that is not as it should be."""
    found = []
    for path, text in wanted.items():
        if not path.is_file():
            found.append(f"{path.relative_to(ROOT)} is missing")
        elif path.read_text() != text:
            found.append(f"{path.relative_to(ROOT)} differs from the build")
    found += [
        f"{path.relative_to(ROOT)} is of no contract" for path in sorted(ABIS.glob("*.json")) if path not in wanted
    ]
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the client's ABIs from Brownie's build.")
    parser.add_argument("--check", action="store_true", help="only compare; exit 1 when they differ")
    options = parser.parse_args(argv)
    try:
        wanted = texts()
    except Missing as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 2
    changed = differences(wanted)
    if options.check:
        for line in changed:
            print(f"{line}; run `python scripts/export.py`", file=sys.stderr)
        return 1 if changed else 0
    ABIS.mkdir(exist_ok=True)
    for path, text in wanted.items():
        path.write_text(text)
    for path in ABIS.glob("*.json"):
        if path not in wanted:
            path.unlink()
    print(f"{len(wanted)} ABIs in {ABIS.relative_to(ROOT)}, {len(changed)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
