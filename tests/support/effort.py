"""How hard the tests try: `SALUS_CASES` random cases, 10,000 in `make test-long`, from the seed `SALUS_SEED`."""

from __future__ import annotations

import os
from typing import Any

from brownie import web3
from hypothesis import HealthCheck

# What `make test` tries on anvil. Ganache is slow.
USUAL = 1_000
ON_GANACHE = 200


def cases() -> int:
    """How many random cases a test tries."""
    given = os.environ.get("SALUS_CASES")
    if given is not None:
        return int(given)
    return ON_GANACHE if "ganache" in web3.client_version.lower() else USUAL


def seed() -> int:
    """Seed of the random cases, the same in every run unless one asks for another."""
    return int(os.environ.get("SALUS_SEED", "20260727"))


def machine_settings(examples: int, steps: int) -> dict[str, Any]:
    """Settings of a state machine for Brownie's `state_machine`.

    Args:
        examples: Histories that are tried at the usual number of cases; ten times as many cases, ten times as many.
        steps: Steps of a history; twice as many where more cases than usual are asked for.
    """
    more = max(1, cases() // USUAL)
    return {
        "max_examples": examples * more,
        "stateful_step_count": steps * min(more, 2),
        # Two dozen rules with up to ten draws each are many bytes to hypothesis, and no reason to stop.
        "suppress_health_check": [HealthCheck.data_too_large, HealthCheck.too_slow],
    }
