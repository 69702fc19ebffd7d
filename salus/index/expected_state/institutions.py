"""Institutions and their operators: what their storage must be after the events so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from salus.index.expected_state.base import NO_ACCOUNT, NO_WORD, Args, EventHandler, Expected

__all__ = ["InstitutionsState"]


class InstitutionsState(EventHandler):
    """The state of ``Institutions``."""

    CONTRACTS = ("Institutions",)

    def __init__(self) -> None:
        self.institutions: dict[str, dict[str, Any]] = {}
        self.operators: dict[str, dict[str, Any]] = {}

    def on_InstitutionAccredited(self, args: Args, at: int) -> None:
        entry = {"handle": args["handle"], "roles": args["roles"], "licensedUntil": args["licensedUntil"]}
        self.institutions[args["institution"]] = {**entry, "suspendedAt": 0, "encryptionKey": NO_WORD}

    def on_LicenceRenewed(self, args: Args, at: int) -> None:
        self.institutions[args["institution"]] |= {"roles": args["roles"], "licensedUntil": args["licensedUntil"]}

    def on_InstitutionSuspended(self, args: Args, at: int) -> None:
        self.institutions[args["institution"]]["suspendedAt"] = at

    def on_InstitutionReinstated(self, args: Args, at: int) -> None:
        self.institutions[args["institution"]]["suspendedAt"] = 0

    def on_EncryptionKeySet(self, args: Args, at: int) -> None:
        self.institutions[args["institution"]]["encryptionKey"] = args["key"]

    def on_OperatorSet(self, args: Args, at: int) -> None:
        self.operators[args["operator"]] = {
            "institution": args["institution"],
            "roles": args["roles"],
            "until": args["until"],
        }

    def on_OperatorRemoved(self, args: Args, at: int) -> None:
        self.operators[args["operator"]] = {"institution": NO_ACCOUNT, "roles": 0, "until": 0}

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for account, entry in self.institutions.items():
            yield Expected("institution", (account,), entry)
            yield Expected("byHandle", (entry["handle"],), account)
        for account, entry in self.operators.items():
            if account not in self.institutions:  # one that was accredited later is no operator any more
                yield Expected("operator", (account,), entry)
