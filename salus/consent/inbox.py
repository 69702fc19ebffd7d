"""What happened to a patient's data in a range of blocks: emergency accesses, recoveries, uses, and what ends soon."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salus.chain.rpc import number
from salus.consent.model import Status
from salus.errors import BadInput, WalletError
from salus.formats.json_file import parse_json
from salus.keys.keystores import read_private, write_private

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.consent.access_log import Accesses, Emergency, Use
    from salus.consent.guardians import Guardians
    from salus.consent.history import Action
    from salus.consent.model import Record
    from salus.consent.registry import Consent

__all__ = ["RECOVERY_STEPS", "SOON", "Inbox", "Inboxes", "LastLook"]

#: A directive that ends within so many seconds is in the inbox.
SOON = 30 * 24 * 3600

#: The steps of a recovery, by their events.
RECOVERY_STEPS = ("RecoveryStarted", "RecoveryVetoed", "PatientMoved")


@dataclass(frozen=True)
class Inbox:
    """What concerns one account, from one block to another.

    Attributes:
        patient: The account.
        emergencies: Emergency (break-glass) accesses, oldest first.
        recoveries: Steps of a recovery, oldest first.
        changes: Grants, revocations, delegates and guardians that this wallet did not sign or send, oldest first.
        uses: Uses of the patient's data, oldest first.
        expiring: Directives in force that end soon, whenever they were granted.
    """

    patient: str
    emergencies: tuple[Emergency, ...]
    recoveries: tuple[Event, ...]
    changes: tuple[Action, ...]
    uses: tuple[Use, ...]
    expiring: tuple[Record, ...]


class Inboxes:
    """The inboxes of patients, up to the block that is the newest when this is made.

    Args:
        ledger: The node and the book.
        consent: Says which directives there are.
        accesses: Says who used what.
        guardians: Says which recoveries there are.
        is_own: Whether this wallet caused an event.

    Attributes:
        until: The last block that is looked at.
    """

    def __init__(
        self,
        ledger: Ledger,
        consent: Consent,
        accesses: Accesses,
        guardians: Guardians,
        is_own: Callable[[Event], bool] = lambda _: False,
    ) -> None:
        self._consent, self._accesses, self._guardians, self._is_own = consent, accesses, guardians, is_own
        self.until = number(ledger.node.block().get("number"), "the latest block", most=1 << 64)
        self._soon = ledger.now() + SOON

    def of(self, patient: str, since: int) -> Inbox:
        """The inbox of one account, from a block on."""
        records = self._consent.all(patient)
        return Inbox(
            patient,
            tuple(e for e in self._accesses.emergencies(patient, since=since) if e.block <= self.until),
            self._steps(patient, since),
            self._changes(patient, since),
            tuple(use for use in self._accesses.all(patient, since=since) if use.block <= self.until),
            tuple(r for r in records if r.status is Status.ACTIVE and r.end <= self._soon),
        )

    def guarded(self, patient: str, since: int) -> Inbox:
        """What concerns a guardian of an account: the steps of its recovery."""
        return Inbox(patient, (), self._steps(patient, since), (), (), ())

    def _steps(self, patient: str, since: int) -> tuple[Event, ...]:
        steps = self._guardians.history(patient, since=since)
        return tuple(e for e in steps if e.name in RECOVERY_STEPS and e.block <= self.until)

    def _changes(self, patient: str, since: int) -> tuple[Action, ...]:
        return tuple(
            action
            for action in self._consent.actions(patient)
            if since <= action.event.block <= self.until
            and action.event.name not in RECOVERY_STEPS
            and not self._is_own(action.event)
        )


class LastLook:
    """The block of the last look at a chain, kept in a file that only its owner can read.

    Args:
        path: The file; None keeps nothing.
        ledger: Which chain, and which contract on it: a chain that was deployed to again is another one.

    Raises:
        WalletError: The file is damaged, or others can read it.
    """

    def __init__(self, path: Path | None, ledger: Ledger) -> None:
        self._path = path
        self._place = f"{ledger.chain_id} {ledger.book['AccessLog'].address}"
        self._seen = _read(path) if path else {}

    def next_block(self, newest: int) -> int:
        """The first block that was not looked at yet; 0 where the chain is shorter than at the last look."""
        following = self._seen.get(self._place, -1) + 1
        return following if following <= newest + 1 else 0

    def keep(self, block: int) -> None:
        """Remember up to where was looked."""
        if self._path:
            document = {**self._seen, self._place: block}
            write_private(self._path, json.dumps(document, indent=1) + "\n", replace=True)


def _read(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    try:
        seen = parse_json(read_private(path, "inbox"), str(path))
    except BadInput:
        seen = None
    if not isinstance(seen, dict) or not all(isinstance(block, int) for block in seen.values()):
        raise WalletError(f"{path} is damaged; remove it, and the next look starts from the beginning")
    return seen
