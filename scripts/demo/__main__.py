"""Play all acts; `python -m scripts.demo --help` names the options."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from salus import SalusError
from scripts.demo.claims import settle_claims
from scripts.demo.consent import decide_consent
from scripts.demo.report import write_report
from scripts.demo.setting import set_stage
from scripts.demo.shipments import track_shipments
from scripts.demo.stage import ROOT
from scripts.demo.terminal import title


def play(url: str, folder: Path) -> None:
    """Play the whole story on a node; everything it writes goes into a folder."""
    title(1, "The regulator's house: contracts, institutions, keys")
    stage = set_stage(url, folder)
    title(2, "The patient decides, without ether")
    decide_consent(stage)
    title(3, "Claims judged and paid in one transaction, while the consent stands")
    answers = settle_claims(stage)
    title(4, "Vaccines: every reading judged on chain")
    shipped = track_shipments(stage)
    title(5, "Report")
    write_report(stage, answers, shipped)


def main() -> None:
    """Read the arguments and play; what Salus refuses ends with its exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description="Run the whole story on one chain.")
    parser.add_argument("--rpc", default=os.environ.get("SALUS_CHAIN_URL"), help="the node's URL [SALUS_CHAIN_URL]")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo", help="folder for what it writes")
    options = parser.parse_args()
    if not options.rpc:
        parser.error("no node: run it as `make demo`, or name one with --rpc")
    try:
        play(options.rpc, options.out)
    except SalusError as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        sys.exit(trouble.exit_code)
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main()
