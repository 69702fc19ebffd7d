"""Where real files of the standards lie that the project does not contain; tests say so when they skip."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
DATA = Path(os.environ.get("SALUS_DATA") or ROOT.parent / "shared" / "data")


def shared(*parts):
    """A path below the shared data; skips the test where it is absent."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is absent: set SALUS_DATA to a folder that has it")
    return path
