"""Act 5: the report on the terminal and in build/demo/."""

from __future__ import annotations

import json
import shutil
from typing import Any

from rich.console import Console
from rich.table import Table

from salus import ClaimAnswer, claim_response, dump_json
from scripts.demo.consent import explain
from scripts.demo.stage import ROOT, Stage, command
from scripts.demo.terminal import say, table


def write_report(stage: Stage, answers: list[ClaimAnswer], shipped: dict[str, str]) -> None:
    """The report on the terminal and in build/demo/."""
    console = Console(width=max(120, min(140, shutil.get_terminal_size().columns)))
    explained = explain(stage)

    print()
    console.print(claims_table(answers))
    print()
    command(stage, "claim", "report")
    charts = {name: show_shipment(stage, name, shipment) for name, shipment in shipped.items()}
    print()
    document = {
        "chain": stage["payer"].chain_id,
        "consent": explained,
        "claims": [claim_response(a, insurer="north-mutual") for a in answers],
        "shipments": charts,
    }
    (stage.folder / "report.json").write_text(dump_json(document))
    folder = stage.folder.relative_to(ROOT) if stage.folder.is_relative_to(ROOT) else stage.folder
    say(f"the same as files in {folder}/:")
    say("report.json, consent.fhir.json, plan.json, fhir/*.json, shipment-*.png")


def claims_table(answers: list[ClaimAnswer]) -> Table:
    """What became of each claim, in money."""
    amounts = (">charge", ">allowed", ">deductible", ">coinsurance", ">other payer", ">paid", ">patient")
    rows = []
    for answer in answers:
        units = (
            answer.charge,
            answer.allowed,
            answer.total("deductible"),
            answer.total("coinsurance"),
            answer.total("prior"),
            answer.paid,
            answer.patient_share,
        )
        shown = ("" if answer.refusal else f"{answer.money(value):,.2f}" for value in units)
        outcome = f"refused, CARC {answer.carc}" if answer.refusal else answer.outcome
        rows.append((answer.input.number, *shown, outcome))
    heading = "Claims, each judged and paid in the transaction that submitted it"
    return table(heading, ("claim", *amounts, "outcome"), rows)


def show_shipment(stage: Stage, name: str, shipment: str) -> dict[str, Any]:
    """Draw a shipment's chart and print its verdict; returns what `salus shipment show --json` says."""
    picture = stage.folder / f"shipment-{name}.png"
    print()
    print(command(stage, "shipment", "chart", shipment, "--png", str(picture), shown=False).rstrip())
    shown: dict[str, Any] = json.loads(command(stage, "shipment", "show", shipment, "--json", shown=False))
    judged = shown["judgement"]
    above, below, unknown = (judged[key] // 60 for key in ("above", "below", "unknown"))
    say(
        f"{judged['readings']} readings, {judged['lowest'] / 100:.2f} to {judged['highest'] / 100:.2f} °C;"
        f" above {above} min, below {below} min, unknown {unknown} min"
    )
    breached = f" ({'; '.join(shown['breachedRules'])})" if shown["breachedRules"] else ""
    say(f"verdict: {shown['verdict']}{breached}; {shown['disposition']}")
    return shown
