"""Act 2: the patient makes a wallet and decides, without ether; the hospital relays."""

from __future__ import annotations

import json
import os
from typing import Any

from rich.console import Console

from scripts.demo.stage import EXAMPLES, Stage, command
from scripts.demo.terminal import say, shortened, table


def decide_consent(stage: Stage) -> None:
    """The patient makes a wallet and grants; the hospital relays."""
    say("the patient's wallet: twelve words, shown once, and one encrypted file")
    command(stage, "wallet", "new", shown=False)
    print("  $ salus wallet new")
    command(stage, "consent", "grant", "--to", "city-hospital", "--purpose", "TREAT", "--out", "grant.json")
    command(stage, "consent", "relay", "grant.json", "--keystore", "city-hospital.json")
    fhir = os.path.relpath(EXAMPLES / "consent-insurer.json", stage.folder)
    command(stage, "consent", "grant", "--from-fhir", fhir, "--relay-as", "city-hospital.json")
    command(stage, "consent", "show", "--fhir", "--out", "consent.fhir.json")
    explain(stage)


def explain(stage: Stage) -> list[dict[str, Any]]:
    """Print who may see what, as the contract answers right now."""
    explained: list[dict[str, Any]] = json.loads(command(stage, "consent", "explain", "--json", shown=False))
    words = {"PERMIT": "may", "DENY": "may not", "NONE": "no answer"}
    rows = [
        (e["name"], words[e["answer"]], shortened(e["purposes"]), shortened(e["categories"]), e["why"])
        for e in explained
    ]
    print("  $ salus consent explain")
    Console(width=110).print(table("", ("institution", "answer", "purposes", "data", "why"), rows))
    return explained
