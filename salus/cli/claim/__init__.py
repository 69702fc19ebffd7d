"""``salus claim``: submit claims and see how they were judged. Each module adds its commands to the group ``noun``."""

from __future__ import annotations

from salus.cli.claim import cover, life, plan, pool, report, submit
from salus.cli.claim._shared import noun

__all__ = ["cover", "life", "noun", "plan", "pool", "report", "submit"]
