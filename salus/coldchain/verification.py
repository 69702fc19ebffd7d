"""Is what a label says true: the label beside what the chain knows of its lot, and of the shipment that it came in.

Nothing here asks a chain: the answer is given as plain data.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from salus.coldchain.label import Label
from salus.errors import one_line

__all__ = ["ChainAnswer", "Finding", "Verification", "verification"]

_DAY = 86_400


class Finding(StrEnum):
    """One thing that was found; all but the first say that the vaccine must not be used."""

    REGISTERED = "registered"
    NO_LOT = "no lot"
    NOT_REGISTERED = "not registered"
    OTHER_EXPIRY = "other expiry"
    OTHER_LOT = "other lot"
    RECALLED = "recalled"
    EXPIRED = "expired"
    NOT_INTACT = "not intact"


@dataclass(frozen=True)
class ChainAnswer:
    """What the chain knows, at one block.

    Args:
        now: The block's time, Unix seconds.
        registered: Whether a lot of this GTIN and number is registered; all else then counts.
        lot: Its id.
        manufacturer: Handle or account of who registered it.
        expires_at: First second at which it may no longer be given, Unix seconds.
        recalled: Code of its recall, 0 while there is none.
        shipment: Id of the shipment that was asked for; None for none.
        of_lot: Id of that shipment's lot.
        holder: Handle or account of who holds it.
        verdict: Its verdict as a word, ``intact`` when it may be used.
        verdict_words: The same for people; by default the word itself.
    """

    now: int
    registered: bool
    lot: str | None = None
    manufacturer: str | None = None
    expires_at: int | None = None
    recalled: int = 0
    shipment: str | None = None
    of_lot: str | None = None
    holder: str | None = None
    verdict: str | None = None
    verdict_words: str | None = None


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Args:
        label: What was asked about.
        answer: What the chain knows.
        findings: What was found, the gravest first.
        words: The same in a line each.
    """

    label: Label
    answer: ChainAnswer
    findings: tuple[Finding, ...]
    words: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against its use: registered, and nothing else."""
        return self.findings == (Finding.REGISTERED,)


def verification(label: Label, answer: ChainAnswer) -> Verification:
    """Compare what a label says to what the chain knows.

    A label's expiry is a day, the chain's a second; they agree when they are at most a day apart, wherever the
    manufacturer's midnight is.

    Args:
        label: With a GTIN and a lot number; without them nothing can be found, which is said.
        answer: For the lot of that GTIN and number.
    """
    found: list[tuple[Finding, str]] = []
    if label.gtin is None or label.lot is None:
        found.append((Finding.NO_LOT, "the label names no trade item and lot; scan the pack's own label"))
    elif not answer.registered:
        found.append(
            (Finding.NOT_REGISTERED, f"nobody registered lot {label.lot} of GTIN {label.gtin}: it may be forged")
        )
    else:
        found += _against(label, answer)
        by = f" by {one_line(answer.manufacturer, 80)}" if answer.manufacturer else ""
        found.append((Finding.REGISTERED, f"lot {label.lot} of GTIN {label.gtin} is registered{by}"))
    return Verification(label, answer, tuple(kind for kind, _ in found), tuple(words for _, words in found))


def _against(label: Label, answer: ChainAnswer) -> list[tuple[Finding, str]]:
    found: list[tuple[Finding, str]] = []
    if answer.recalled:
        found.append((Finding.RECALLED, f"the lot is recalled, code {answer.recalled}"))
    if answer.shipment is not None and answer.of_lot != answer.lot:
        found.append((Finding.OTHER_LOT, "the shipment is of another lot than the label's"))
    if answer.expires_at is not None:
        last = dt.datetime.fromtimestamp(answer.expires_at - 1, dt.UTC).date()
        if label.expires is not None and abs((label.expires - last).days) > 1:
            words = (
                f"the label says that it expires on {label.expires}, its maker registered {last}: it may be relabelled"
            )
            found.append((Finding.OTHER_EXPIRY, words))
        if answer.now >= answer.expires_at:
            found.append((Finding.EXPIRED, f"the lot expired on {last}"))
    if answer.verdict is not None and answer.verdict != "intact":
        found.append((Finding.NOT_INTACT, f"the shipment is not intact: {answer.verdict_words or answer.verdict}"))
    return found
