"""``salus consent``: a patient's directives, and what is done by them. Each module adds its commands to ``noun``."""

from __future__ import annotations

from salus.cli.consent import access, grant, guardians, inbox, narrow, orders, pending, show
from salus.cli.consent._shared import noun

__all__ = ["access", "grant", "guardians", "inbox", "narrow", "noun", "orders", "pending", "show"]
