"""A folder that looks like this checkout: what is written into it (an address book, an index, a wallet) stays out of
the real one.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Copied, because Brownie and the scripts write beside them, or find the checkout by where they lie.
_COPIED = ("scripts", "build")
# What runs of tests and of the coverage write below build/, perhaps at this moment.
_LEFT_OUT = ("*.log", "__pycache__", "coverage", "tests.json")
_LINKED = (
    ".solc",
    "Makefile",
    "benchmarks",
    "brownie-config.yaml",
    "brownie_hooks.py",
    "contracts",
    "docs",
    "examples",
    "interfaces",
    "node_modules",
    "package-lock.json",
    "salus",
)


def copy_project(folder: Path) -> Path:
    """Make such a folder, which must not exist yet; `.venv` in it is the environment of this Python."""
    folder.mkdir(parents=True)
    for name in _LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    for name in _COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    (folder / "tests").mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
