"""``salus shipment``: custody, readings, verdicts. Each module adds its commands to the group ``noun``."""

from __future__ import annotations

from salus.cli.shipment import custody, listen, readings, show
from salus.cli.shipment._shared import noun

__all__ = ["custody", "listen", "noun", "readings", "show"]
