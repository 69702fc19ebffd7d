"""Where the story plays, and how the people act: the patient's commands, plain transactions."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from salus import Salus, Wallet
from scripts.demo.terminal import say

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"

# Seconds.
DAY = 24 * 3600
YEAR = 365 * DAY


@dataclass(frozen=True)
class Stage:
    """Where the story plays: the node, the folder, the people.

    folder     build/demo
    patient    the environment in which the patient's commands run
    people     clients by name: `city-hospital` (its operator), `city-hospital/account`, `regulator`, `payer`
    """

    url: str
    folder: Path
    patient: dict[str, str]
    people: dict[str, Salus]
    keys: Wallet

    def __getitem__(self, name: str) -> Salus:
        return self.people[name]


def command(stage: Stage, *words: str, shown: bool = True) -> str:
    """Run `salus` as the patient would, and show it; returns its standard output."""
    if shown:
        print(f"  $ salus {shlex.join(words)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "salus.cli", *words, "--yes"],
        env=stage.patient,
        cwd=stage.folder,
        text=True,
        capture_output=True,
    )
    if done.returncode:
        raise SystemExit(f"error: salus {shlex.join(words)}: {done.stderr.strip().splitlines()[-1]}")
    if shown:
        for line in done.stdout.strip().splitlines():
            say(f"  {line}")
    return done.stdout


def patient_account(stage: Stage, relation: str) -> str:
    """The account that the patient uses for one institution; another one for each."""
    return str(json.loads(command(stage, "wallet", "address", relation, "--json", shown=False))["address"])
