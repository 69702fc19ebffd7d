"""``salus wallet``: keys. Each module adds its commands to ``noun``."""

from __future__ import annotations

from salus.cli.wallet import accounts, agent, make, scan
from salus.cli.wallet._shared import noun

__all__ = ["accounts", "agent", "make", "noun", "scan"]
