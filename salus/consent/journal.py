"""The journal of a wallet: what it signed and has not yet seen on the chain, and what it says to every institution.

An order that was signed and handed to somebody is as good as said, but the chain does not show it yet. The place and
the issue time of the next order are therefore chosen from the chain and from this journal together. The file also keeps
the **standing directives**, with which a new account begins, and which events of the chain this wallet itself caused.

It ties pseudonyms to institutions: it is readable by its owner alone, and written whole or not at all. One file serves
several chains; what is said on one is not seen on another.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from salus.consent.files.orders import order_from_json, order_to_json
from salus.consent.guardian_requests import Request, request_from_json, request_to_json
from salus.consent.model import DirectiveDraft, Effect, Order
from salus.consent.places import issued_before, meet
from salus.consent.relay import carried_out
from salus.errors import BadInput, WalletError
from salus.formats.json_file import parse_json
from salus.keys.keystores import private_folder, read_private, write_private

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.consent.guardians import Guardians
    from salus.consent.model import Directive
    from salus.consent.registry import Consent

__all__ = ["Entry", "Fate", "Journal", "Signed", "Standing"]

Signed: TypeAlias = Order | Request

#: So many own actions are remembered, the newest ones: enough to tell them from a stranger's in the inbox.
_REMEMBERED = 4_000


class Fate(Enum):
    """What became of something that was signed."""

    OPEN = "open"
    DONE = "on the chain"
    EXPIRED = "too late to submit"
    SUPERSEDED = "replaced by a later one"


@dataclass(frozen=True)
class Entry:
    """One order or request in the journal.

    Attributes:
        number: Its number for people, from 1; it stays while the entry is there.
        signed: What was signed.
        relation: What the wallet calls the account that signed.
        due: First second at which it is to be submitted; 0: at once.
        handed_out: Whether somebody else may have it, as a file or a QR code.
    """

    number: int
    signed: Signed
    relation: str
    due: int
    handed_out: bool


@dataclass(frozen=True)
class Standing:
    """A directive that every account of the person has, and with which a new one begins.

    Attributes:
        draft: What it says; its grantee is a role.
        ends: The ends that accounts already have: no two of them share one.
    """

    draft: DirectiveDraft
    ends: tuple[int, ...]


class Journal:
    """The journal of one wallet, for one chain.

    Args:
        path: The file; it need not be there.
        ledger: Which chain, and which contracts on it.

    Raises:
        WalletError: The file is damaged, or others can read it.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._path, self._ledger = path, ledger
        self._place = f"{ledger.chain_id} {ledger.book['ConsentRegistry'].address}"
        self._read()

    # ---- what is open

    def entries(self) -> tuple[Entry, ...]:
        """What was signed and is not known to be over, oldest first."""
        return tuple(_entry(item, str(self._path)) for item in self._mine["orders"])

    def orders(self, patient: str) -> tuple[Order, ...]:
        """The open orders of one account."""
        signed = (entry.signed for entry in self.entries())
        return tuple(order for order in signed if isinstance(order, Order) and order.patient == patient)

    def add(self, signed: Sequence[Signed], *, relation: str, due: int = 0, handed_out: bool) -> tuple[int, ...]:
        """Keep what was signed, before it leaves this machine; it counts as this wallet's own from then on.

        Returns:
            The numbers of the entries.
        """
        with self._changing():
            numbers = []
            for one in signed:
                number = self._mine["next"]
                self._mine["next"] += 1
                self._mine["orders"].append(
                    {
                        "number": number,
                        "document": order_to_json(one) if isinstance(one, Order) else request_to_json(one),
                        "relation": relation,
                        "due": due,
                        "handedOut": handed_out,
                    }
                )
                numbers.append(number)
            self._remember(map(_key, signed))
        return tuple(numbers)

    def forget_waiting(self, patient: str, directives: Sequence[Directive]) -> int:
        """Take out what waits here for its turn, and what these directives of the same account say anew.

        Returns:
            How many orders that were.
        """
        gone = {
            entry.number
            for entry in self.entries()
            if isinstance(entry.signed, Order)
            and not entry.handed_out
            and entry.signed.patient == patient
            and any(meet(directive, entry.signed.directive) for directive in directives)
        }
        if gone:
            self.remove(gone)
        return len(gone)

    def latest_issue(self, patient: str, directives: Sequence[Directive]) -> int:
        """The latest issue of an open order that one of these directives meets; 0 where there is none."""
        orders = self.orders(patient)
        return max((issued_before(directive, orders) for directive in directives), default=0)

    def remove(self, numbers: Collection[int]) -> None:
        """Take entries out: they are over, or nobody else has them."""
        with self._changing():
            self._mine["orders"] = [item for item in self._mine["orders"] if item["number"] not in numbers]

    def settle(self, consent: Consent, guardians: Guardians) -> tuple[tuple[Entry, Fate], ...]:
        """Compare the journal with the chain: what is over is taken out.

        Returns:
            Every entry with what became of it.
        """
        entries = self.entries()
        orders = [entry.signed for entry in entries if isinstance(entry.signed, Order)]
        done = carried_out(self._ledger, orders) if orders else set()
        now = self._ledger.now() if entries else 0
        found = []
        for entry in entries:
            signed = entry.signed
            if isinstance(signed, Order):
                fate = Fate.DONE if signed in done else _superseded(consent, signed)
            else:
                fate = _request_fate(guardians, signed)
            found.append((entry, Fate.EXPIRED if fate is Fate.OPEN and signed.deadline < now else fate))
        if over := [entry.number for entry, fate in found if fate is not Fate.OPEN]:
            self.remove(over)
        return tuple(found)

    # ---- what this wallet did

    def sent(self, transaction: str) -> None:
        """Remember a transaction as this wallet's own."""
        with self._changing():
            self._remember([f"tx {transaction}"])

    def is_own(self, event: Event) -> bool:
        """Whether this wallet caused an event: it signed the order, or sent the transaction."""
        return f"tx {event.transaction}" in self._own or _key_of_event(event) in self._own

    def _remember(self, keys: Iterable[str]) -> None:
        self._mine["own"] = [*self._mine["own"], *keys][-_REMEMBERED:]
        self._own = frozenset(self._mine["own"])

    # ---- what has to lie between two accounts of one person

    def last_block(self, patient: str) -> int:
        """The block of the last submission for another account than this one; -1 where there was none."""
        return max((block for who, block in self._mine["blocks"].items() if who != patient), default=-1)

    def submitted(self, patient: str, block: int) -> None:
        """Remember the block of a submission for an account."""
        with self._changing():
            self._mine["blocks"][patient] = block

    def other_ends(self, patient: str) -> frozenset[int]:
        """The ends that the other accounts' directives got here."""
        return frozenset(end for who, ends in self._mine["ends"].items() if who != patient for end in ends)

    def keep_ends(self, patient: str, ends: Iterable[int]) -> None:
        """Remember ends of an account's directives, so that no other account gets them."""
        if more := set(ends) - set(self._mine["ends"].get(patient, ())):
            with self._changing():
                self._mine["ends"][patient] = [*self._mine["ends"].get(patient, ()), *sorted(more)]

    # ---- standing directives

    def standing(self) -> tuple[Standing, ...]:
        """The directives with which a new account begins."""
        return tuple(_standing(item, str(self._path)) for item in self._mine["standing"])

    def stand(self, draft: DirectiveDraft, ends: Iterable[int]) -> None:
        """Let new accounts begin with a directive; it takes the place of those that it covers.

        Args:
            draft: For a role.
            ends: The ends that accounts have of it.
        """
        with self._changing():
            kept = [one for one in self.standing() if not _covers(draft, one.draft)]
            self._mine["standing"] = [_standing_document(one) for one in (*kept, Standing(draft, tuple(ends)))]

    def used_ends(self, draft: DirectiveDraft, ends: Iterable[int]) -> None:
        """Remember that further accounts have a standing directive, until these ends."""
        more = tuple(ends)
        with self._changing():
            told = [replace(one, ends=(*one.ends, *more)) if one.draft == draft else one for one in self.standing()]
            self._mine["standing"] = [_standing_document(one) for one in told]

    def change_standing(self, grantee: str, change: Callable[[DirectiveDraft], DirectiveDraft | None]) -> None:
        """Let new accounts begin with what a change makes of what stands for a role; None: no longer with it."""
        with self._changing():
            told = []
            for one in self.standing():
                draft = change(one.draft) if one.draft.grantee == grantee else one.draft
                if draft is not None:
                    told.append(replace(one, draft=draft))
            self._mine["standing"] = [_standing_document(one) for one in told]

    def no_longer_stand(self, grantee: str | None) -> int:
        """Let new accounts no longer begin with what stands for a role; None for all.

        Returns:
            How many directives that were.
        """
        with self._changing():
            kept = [one for one in self.standing() if grantee is not None and one.draft.grantee != grantee]
            gone = len(self._mine["standing"]) - len(kept)
            self._mine["standing"] = [_standing_document(one) for one in kept]
        return gone

    # ---- the file

    def _read(self) -> None:
        self._all: dict[str, Any] = {"salus": "journal", "version": 1, "chains": {}}
        if self._path.exists():
            try:
                document = parse_json(read_private(self._path, "journal"), str(self._path))
            except BadInput:
                document = None
            if not _is_journal(document):
                raise WalletError(
                    f"{self._path} is damaged; put it back from a copy, or move it away and look at"
                    " `salus consent list` before you sign again: what was signed and is not on the chain yet is"
                    " not known then"
                )
            self._all = document
        blank = {"next": 1, "orders": [], "own": [], "standing": [], "blocks": {}, "ends": {}}
        self._mine: dict[str, Any] = {**blank, **self._all["chains"].get(self._place, {})}
        self._all["chains"][self._place] = self._mine
        self._own = frozenset(self._mine["own"])

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Read it again, let it be changed, and write it; no other process comes in between."""
        import fcntl

        private_folder(self._path.parent)
        handle = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._read()
            yield
            write_private(self._path, json.dumps(self._all, indent=1) + "\n", replace=True)
        finally:
            os.close(handle)  # which unlocks


# ------------------------------------------------------------------------------------------------ as the file has it


def _is_journal(document: Any) -> bool:
    if not isinstance(document, dict) or document.get("salus") != "journal" or document.get("version") != 1:
        return False
    chains = document.get("chains")
    return isinstance(chains, dict) and all(isinstance(chain, dict) for chain in chains.values())


def _entry(item: Mapping[str, Any], file: str) -> Entry:
    document = item["document"]
    read = order_from_json if document.get("salus") == "consent order" else request_from_json
    return Entry(item["number"], read(document, file), item["relation"], item["due"], item["handedOut"])


def _standing_document(one: Standing) -> dict[str, Any]:
    draft = one.draft
    return {
        "grantee": draft.grantee,
        "effect": draft.effect.name,
        "purposes": sorted(draft.purposes),
        "categories": sorted(draft.categories),
        "start": draft.start,
        "end": draft.end,
        "ends": list(one.ends),
    }


def _standing(item: Mapping[str, Any], file: str) -> Standing:
    try:
        names = frozenset(item["purposes"]), frozenset(item["categories"])
        draft = DirectiveDraft(item["grantee"], Effect[item["effect"]], *names, item["start"], item["end"])
        return Standing(draft, tuple(item["ends"]))
    except (KeyError, TypeError):
        raise WalletError(f"{file} is damaged: its standing directives cannot be read") from None


def _covers(wide: DirectiveDraft, narrow: DirectiveDraft) -> bool:
    """Whether a directive says again what another one says, and perhaps more."""
    same = (wide.grantee, wide.effect) == (narrow.grantee, narrow.effect)
    return same and wide.purposes >= narrow.purposes and wide.categories >= narrow.categories


# -------------------------------------------------------------------------------------------------- what became of it


def _superseded(consent: Consent, order: Order) -> Fate:
    """Whether the chain has something later that such an order cannot replace any more."""
    directive = order.directive
    if directive.effect is Effect.NONE:
        return Fate.OPEN  # a revocation that changes nothing is over at its deadline
    last = max(
        consent.record(order.patient, directive.grantee, directive.index).issued_at,
        consent.revoked_until(order.patient),
        consent.refused_until(order.patient, directive.grantee) if directive.effect is Effect.PERMIT else 0,
    )
    return Fate.SUPERSEDED if last >= order.issued_at else Fate.OPEN


def _request_fate(guardians: Guardians, request: Request) -> Fate:
    if request.action == "delegate":
        last = guardians.delegation(request.patient, request.fields["delegate"]).issued_at
    elif request.action == "guardians":
        waiting = guardians.pending(request.patient)
        last = waiting.issued_at if waiting else guardians.guardian_set(request.patient).issued_at
    elif request.action == "veto":
        return Fate.OPEN if guardians.recovery(request.patient) else Fate.DONE
    else:
        return Fate.OPEN  # until its deadline
    if last == request.issued_at:
        return Fate.DONE
    return Fate.SUPERSEDED if last > request.issued_at else Fate.OPEN


# ------------------------------------------------------------------------------------------------------------ one's own


def _key(signed: Signed) -> str:
    """What was signed, as the event of it can be known again."""
    if isinstance(signed, Order):
        d = signed.directive
        if d.effect is Effect.NONE:
            return f"revoke {signed.patient} {d.grantee} {d.index} {signed.issued_at}"
        scope = f"{int(d.effect)} {d.purposes} {d.categories} {d.start} {d.end}"
        return f"grant {signed.patient} {d.grantee} {d.index} {scope} {signed.issued_at}"
    if "successor" in signed.fields:
        return f"{signed.action} {signed.patient} {signed.fields['successor']}"
    return f"{signed.action} {signed.patient} {signed.fields.get('delegate', '')} {signed.issued_at}"


_ACTIONS = {
    "DelegateSet": "delegate",
    "GuardiansProposed": "guardians",
    "GuardiansSet": "guardians",
    "EmergencyContactSet": "contact",
    "RecoveryStarted": "recover",
    "RecoveryWithdrawn": "withdraw",
    "RecoveryVetoed": "veto",
}


def _key_of_event(event: Event) -> str:
    a = event.args
    if event.name == "ConsentGranted":
        scope = f"{int(a['effect'])} {a['purposes']} {a['categories']} {a['start']} {a['end']}"
        return f"grant {a['patient']} {a['grantee']} {a['index']} {scope} {a['issuedAt']}"
    if event.name == "ConsentRevoked":
        return f"revoke {a['patient']} {a['grantee']} {a['index']} {a['issuedAt']}"
    action = _ACTIONS.get(event.name, event.name)
    if "successor" in a:
        return f"{action} {a['patient']} {a['successor']}"
    return f"{action} {a.get('patient', '')} {a.get('delegate', '')} {a.get('issuedAt', '')}"
