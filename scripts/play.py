"""Fill a local chain for who wants to try Salus: a token that anyone may mint, a cast of institutions, a logger, rules,
and a plan with a member and a pool.

    python -m scripts.play --rpc <url> --book <address book> --out <folder>     (`salus chain up --play` runs it)

Everybody is an account of the node, so that `--keystore node:<number>` signs. It answers with one JSON document that
says who is who. What it does is what scripts/demo does.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from salus import (  # noqa: E402
    Membership,
    NodeSigner,
    Salus,
    SalusError,
    load_plan,
    ready_profiles,
    ready_schedules,
)
from salus.consent.model import DirectiveDraft, Effect  # noqa: E402
from scripts.demo.claims import fund_plan, plan_file  # noqa: E402
from scripts.demo.shipments import ready_logger  # noqa: E402
from scripts.demo.stage import YEAR  # noqa: E402

# A GS1 prefix of seven digits, of an invented manufacturer; other than those in the documents' examples.
PREFIX = "9506001"


@dataclass(frozen=True)
class Part:
    """Somebody of the cast.

    number   of the node's account
    roles    for which the regulator accredits it; none for who is no institution
    """

    number: int
    name: str
    what: str
    roles: tuple[str, ...] = ()


CAST = (
    Part(0, "payer", "deployed everything, has no power"),
    Part(1, "regulator", "has every power"),
    Part(10, "play-hospital", "treats, submits claims", ("PROVIDER",)),
    Part(11, "play-insurer", "has published a plan, and funded its pool", ("INSURER",)),
    Part(12, "play-manufacturer", f"makes vaccines, GS1 prefix {PREFIX}", ("MANUFACTURER",)),
    Part(13, "play-carrier", "moves shipments", ("CARRIER",)),
    Part(14, "play-pharmacy", "gives doses", ("PROVIDER", "PHARMACY")),
    Part(15, "play-laboratory", "calibrates loggers", ("LABORATORY",)),
    Part(16, "play-loggers", "owns the logger", ("LOGGER",)),
    Part(17, "logger", "signs readings: registered, calibrated for a year"),
    Part(18, "member", "a patient: member of the plan, lets the insurer pay"),
)


def play(url: str, book: Path, folder: Path) -> dict[str, Any]:
    """Fill the chain; who is who, and what there is."""
    salus = Salus.connect(url, book=book)
    held = salus.node.one("eth_accounts", doing="asking for the node's accounts")
    people = {part.name: salus.with_signer(NodeSigner(salus.node, held[part.number])) for part in CAST}
    regulator, now = people["regulator"], salus.now()
    for part in CAST:
        if part.roles:
            regulator.institutions.accredit(held[part.number], part.name, part.roles, now + 3 * YEAR)
    for profile in ready_profiles().values():
        regulator.lots.register_profile(profile)
    for schedule in ready_schedules().values():
        regulator.doses.register_schedule(schedule)
    regulator.lots.assign_prefix(PREFIX, people["play-manufacturer"].need_signer().address)

    device = people["logger"].need_signer().address
    people["play-loggers"].institutions.set_operator(device, ("LOGGER",), now + 2 * YEAR)
    ready_logger(people["logger"], people["play-laboratory"])

    folder.mkdir(parents=True, exist_ok=True)
    plan = load_plan(plan_file(folder, insurer="play-insurer"))
    token, plan_id = fund_plan(people["play-insurer"], plan)
    member = people["member"]
    account = member.need_signer().address
    people["play-insurer"].plans.enroll(plan_id, [Membership(account, plan.valid_from, plan.valid_until)])
    paying = DirectiveDraft(
        "play-insurer", Effect.PERMIT, frozenset({"HPAYMT"}), frozenset({"Claim"}), 0, now + 2 * YEAR
    )
    member.consent.grant(paying)
    return {
        "people": [
            {
                "keystore": f"node:{part.number}",
                "name": part.name,
                "account": people[part.name].need_signer().address,
                "roles": list(part.roles),
                "what": part.what,
            }
            for part in CAST
        ],
        "token": token,
        "plan": str(folder / "plan.json"),
        "planId": "0x" + plan_id.hex(),
        "profiles": sorted(ready_profiles()),
        "schedules": sorted(ready_schedules()),
    }


def main() -> None:
    """Read the arguments, fill the chain, say what there is."""
    parser = argparse.ArgumentParser(prog="python -m scripts.play", description="Fill a local chain to play with.")
    parser.add_argument("--rpc", required=True, help="the node's URL")
    parser.add_argument("--book", type=Path, required=True, help="the address book")
    parser.add_argument("--out", type=Path, required=True, help="folder for the plan's file")
    options = parser.parse_args()
    try:
        print(json.dumps(play(options.rpc, options.book, options.out)))
    except SalusError as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        sys.exit(trouble.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
