"""What the chain's events say of one claim: enough to go on with it, so that nobody must keep files for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.claims.carc import carc_words
from salus.claims.model import Circumstances, Decided, Pended, Refusal, money, unpack_lines
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.claims.collaborators import Collaborators

__all__ = ["Entry", "as_decided", "decided", "history", "pended"]

# Events that name a claim, by contract; in the treasury as `ref`.
_DESK = (
    "ClaimRefused",
    "ClaimPended",
    "ClaimDecided",
    "ClaimOwed",
    "ClaimWithdrawn",
    "ClaimReversed",
    "ClaimAppealed",
    "ClaimArbitrated",
)
_TREASURY = ("Reserved", "Released", "Paid", "DebtAdded", "DebtSettled", "SetOffAdded", "SetOffTaken")


@dataclass(frozen=True)
class Entry:
    """One event of a claim's history.

    Args:
        name: The event's.
        at: Unix seconds.
        words: What happened, for people.
        transaction: Its hash.
        arguments: The event's, by name.
    """

    name: str
    at: int
    words: str
    transaction: str
    arguments: Mapping[str, Any]


def _last(ledger: Ledger, name: str, claim_id: bytes, what: str) -> Event:
    found = ledger.logs("ClaimDesk", name, {"id": claim_id})
    if not found:
        fix = f"was never {what} on this chain; `salus claim status` tells where it stands"
        raise BadInput("claim", "0x" + claim_id.hex(), fix)
    return found[-1]


def decided(parts: Collaborators, claim_id: bytes) -> Decided:
    """A decided claim, from the chain.

    Raises:
        BadInput: No claim of this id was decided.
    """
    return as_decided(parts, _last(parts.ledger, "ClaimDecided", claim_id, "decided"))


def as_decided(parts: Collaborators, event: Event, decimals: int | None = None) -> Decided:
    """The claim of an event ``ClaimDecided``; its token's decimals are asked for unless they are given."""
    a = event.args
    if decimals is None:
        terms = parts.ledger.contract("Plans").functions.terms
        decimals = parts.treasury.decimals(parts.ledger.call(terms(a["plan"])).token)
    return Decided(
        id="0x" + a["id"].hex(),
        plan=a["plan"],
        patient=a["patient"],
        provider=a["provider"],
        circumstances=a["circumstances"],
        packed=tuple(tuple(line) for line in a["lines"]),
        decimals=decimals,
        block=event.block,
        transaction=event.transaction,
    )


def pended(ledger: Ledger, claim_id: bytes) -> Pended:
    """A claim that waited for review, from the chain.

    Raises:
        BadInput: No claim of this id was ever pended.
    """
    event = _last(ledger, "ClaimPended", claim_id, "pended")
    a, claim = event.args, event.args["claim"]
    return Pended(
        id="0x" + claim_id.hex(),
        claim=(*tuple(claim)[:-1], [tuple(line) for line in claim.lines]),
        due=a["due"],
        reserved=a["reserved"],
        review_by=a["reviewBy"],
        block=event.block,
        transaction=event.transaction,
    )


def history(parts: Collaborators, claim_id: bytes) -> tuple[Entry, ...]:
    """Every event that names a claim, oldest first, with its time and words.

    One transfer may pay several claims of a provider; it names the first of them, and stands in the history of that
    one.
    """
    events = [event for name in _DESK for event in parts.ledger.logs("ClaimDesk", name, {"id": claim_id})]
    events += [event for name in _TREASURY for event in parts.ledger.logs("Treasury", name, {"ref": claim_id})]
    entries = []
    times: dict[int, int] = {}
    for event in sorted(events, key=lambda event: (event.block, event.index)):
        if event.block not in times:
            times[event.block] = parts.ledger.block_time(event.block)
        entries.append(Entry(event.name, times[event.block], _words(parts, event), event.transaction, event.args))
    return tuple(entries)


def _words(parts: Collaborators, event: Event) -> str:
    a, ledger = event.args, parts.ledger

    def amount(units: int) -> str:
        token = a.get("token") or ledger.call(ledger.contract("Plans").functions.terms(_plan_of(ledger, event))).token
        return str(money(units, parts.treasury.decimals(token)))

    by_event: dict[str, Callable[[], str]] = {
        "ClaimRefused": lambda: f"refused: {Refusal(a['refusal']).words} (CARC {a['carc']})",
        "ClaimPended": lambda: (
            f"waits for review; {amount(a['due'])} would be paid, and "
            + ("is reserved" if a["reserved"] else "the pool cannot put it aside now")
        ),
        "ClaimDecided": lambda: _decision(a, amount),
        "ClaimOwed": lambda: f"the pool is short: {amount(a['due'])} is owed, number {a['position']} of its debts",
        "ClaimWithdrawn": lambda: "withdrawn by the provider",
        "ClaimReversed": lambda: f"reversed by {parts.institutions.name(a['by'])}: {amount(a['amount'])} goes back",
        "ClaimAppealed": lambda: "appealed; the arbiter decides",
        "ClaimArbitrated": lambda: (
            f"decided on appeal: {amount(a['award'])} more, {carc_words(a['carc'])} (CARC {a['carc']})"
        ),
        "Reserved": lambda: f"{amount(a['amount'])} is reserved in the pool",
        "Released": lambda: f"{amount(a['amount'])} is no longer reserved",
        "Paid": lambda: (
            f"{amount(a['amount'])} "
            + ("held for" if a["held"] else "paid to")
            + f" {parts.institutions.name(a['payee'])}, with the claims that were paid by the same transfer"
        ),
        "DebtAdded": lambda: f"{amount(a['amount'])} waits in the pool's queue",
        "DebtSettled": lambda: "the debt is cancelled" if a["cancelled"] else "the debt is paid",
        "SetOffAdded": lambda: f"{amount(a['amount'])} is to be given back, or set off against what is paid next",
        "SetOffTaken": lambda: f"{amount(a['amount'])} " + ("was given back" if a["repaid"] else "was set off"),
    }
    return by_event[event.name]()


def _decision(a: Mapping[str, Any], amount: Callable[[int], str]) -> str:
    told = Circumstances.of(a["circumstances"])
    lines = unpack_lines(a["lines"], out_of_network=told.out_of_network)
    charge, paid, share = (sum(getattr(line, name) for line in lines) for name in ("charge", "paid", "patient"))
    where = ", out of network" if told.out_of_network else ""
    if told.denied:
        carc = lines[0].carc
        return f"denied by review: {carc_words(carc)} (CARC {carc})"
    codes = sorted({line.carc for line in lines if line.denied})
    denied = f"; denied in part, CARC {', '.join(map(str, codes))}" if codes else ""
    return (
        f"decided{where}: of {amount(charge)} the plan pays {amount(paid)}, the patient bears {amount(share)}{denied}"
    )


def _plan_of(ledger: Ledger, event: Event) -> bytes:
    """The plan of a claim that an event names without its plan."""
    if "plan" in event.args:
        return bytes(event.args["plan"])
    return bytes(_last(ledger, "ClaimDecided", event.args["id"], "decided").args["plan"])
