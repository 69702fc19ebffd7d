"""A person: every account for which the keys of one wallet, or one keystore, can speak.

A person is a set of accounts, because a wallet has another account for each institution. What is said to all of them (a
revocation of everything, a denial of a role) is a **wide act**: it becomes an order for each account. Which accounts
there are is known from the keys and from the chain:

- **own** accounts, one for each relation of the wallet;
- accounts that a recovery by guardians moved to one of these: the **recovered** ones, for which the wallet signs;
- accounts of other people who named one of these a **delegate**, or a **guardian**.

A wide act is about the person alone: accounts of other people are looked at, and are left out of what is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.consent.guardians import Guardians

__all__ = ["Account", "Kind", "Person"]


class Kind(Enum):
    """Why the keys can speak for an account."""

    OWN = "own"
    RECOVERED = "recovered"
    DELEGATE = "delegate"
    GUARDIAN = "guardian"


@dataclass(frozen=True)
class Account:
    """One account of a person, or of somebody for whom the person acts.

    Attributes:
        patient: The account on the chain.
        signer: The account whose key signs for it.
        relation: What the wallet calls the signer; "" for a single key.
        kind: Why the key can speak for it.
        controller: Who signs for it now; another account than the signer's where it was moved away.
    """

    patient: str
    signer: str
    relation: str
    kind: Kind
    controller: str

    @property
    def is_persons(self) -> bool:
        """Whether it is an account of the person, and not of somebody else."""
        return self.kind in (Kind.OWN, Kind.RECOVERED)

    @property
    def obstacle(self) -> str:
        """Why a wide act leaves it out, in words; "" where the person signs for it."""
        if self.kind is Kind.DELEGATE:
            return f"it is another person's; act as the delegate with --as-delegate-of {self.patient}"
        if self.kind is Kind.GUARDIAN:
            return "it is another person's; a guardian signs for a recovery alone"
        return f"{self.controller} signs for it now" if self.controller != self.signer else ""

    @property
    def name(self) -> str:
        """What it is called for people."""
        if self.kind is Kind.OWN:
            return self.relation or self.patient
        at = f" (by {self.relation})" if self.relation else ""
        return f"{self.patient}, {self.kind.value}{at}"


# The events that name an account of the person as somebody else's, and where.
_NAMED_BY = ((Kind.RECOVERED, "PatientMoved", "successor"), (Kind.DELEGATE, "DelegateSet", "delegate"))


class Person:
    """The accounts of a person, as the chain has them now.

    Args:
        ledger: The node and the book.
        guardians: Says who signs for whom.
        own: The accounts of the keys by the name of the relation; "" for a single key.
    """

    def __init__(self, ledger: Ledger, guardians: Guardians, own: Mapping[str, str]) -> None:
        self._ledger, self._guardians, self._own = ledger, guardians, own

    def accounts(self, *, guarded: bool = False) -> tuple[Account, ...]:
        """The accounts: own ones in the wallet's order, then recovered ones, then those of other people.

        Args:
            guarded: Also those whose guardian the person is; every set of guardians on the chain is read for it.
        """
        found = {account: Account(account, account, name, Kind.OWN, account) for name, account in self._own.items()}
        for kind, event, role in _NAMED_BY:
            for name, account in self._own.items():
                for patient in self._patients(event, role, account):
                    found.setdefault(patient, Account(patient, account, name, kind, ""))
        if guarded:
            self._guarded(found)
        return self._as_they_are(found.values())

    def _patients(self, event: str, role: str, account: str) -> Iterable[str]:
        events = self._ledger.logs("Guardians", event, {role: account})
        return dict.fromkeys(event.args["patient"] for event in events)

    def _guarded(self, found: dict[str, Account]) -> None:
        names = {account: name for name, account in self._own.items()}
        sets = {e.args["patient"]: e.args["guardians"] for e in self._ledger.logs("Guardians", "GuardiansSet")}
        for patient, guardians in sets.items():
            for guardian in guardians:
                if guardian in names:
                    found.setdefault(patient, Account(patient, guardian, names[guardian], Kind.GUARDIAN, ""))

    def _as_they_are(self, found: Iterable[Account]) -> tuple[Account, ...]:
        """With who signs for each now; without what has ended: a recovery that another one followed, a delegate's
        term.
        """
        accounts = list(found)
        delegates = [a for a in accounts if a.kind is Kind.DELEGATE]
        controllers = self._ledger.calls("Guardians", "controllerOf", [(a.patient,) for a in accounts])
        terms = self._ledger.calls("Guardians", "delegation", [(a.patient, a.signer) for a in delegates])
        now = self._ledger.now()
        ended = {a.patient for a, term in zip(delegates, terms, strict=True) if term.until <= now}
        moved = {
            a.patient
            for a, controller in zip(accounts, controllers, strict=True)
            if a.kind is Kind.RECOVERED and controller != a.signer
        }
        return tuple(
            replace(account, controller=str(controller))
            for account, controller in zip(accounts, controllers, strict=True)
            if account.patient not in ended | moved
        )
