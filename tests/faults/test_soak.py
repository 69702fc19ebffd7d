"""The short form of the soak: some seconds of everything that goes wrong, then every oracle. `make soak` is the long
one.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import is_installed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.chain
@pytest.mark.parametrize("seed", [20])
def test_nothing_is_lost_or_done_twice_whatever_goes_wrong_TK2_TK3_TK4_TK5_TK6(seed):
    """F1 to F5, F7 to F11, F13 to F15, F17, F18, F20 to F22, P1, P4, P8, at random; P9 at the end."""
    command = [sys.executable, "-m", "tests.faults", "--minutes", "0.15", "--seed", str(seed), "--kill-every", "0.7"]
    soak = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert soak.returncode == 0, soak.stdout[-4000:] + soak.stderr[-2000:]
    assert "every oracle agrees" in soak.stdout
    happened = ["killed sender", "killed indexer", "reorganise", "clinic: final", "hospital: final"]
    happened += ["lies", "backed up an outbox", "restored a backup", "refused on a wiped chain"]
    if is_installed():
        happened += ["PostgreSQL  "]  # restarted or killed
    else:
        assert "PostgreSQL is not installed" in soak.stderr
    for what in happened:
        assert what in soak.stdout
