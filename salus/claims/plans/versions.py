"""Which version of a plan judges a claim: the one in force on its service day, whichever file is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.claims.plans.model import Plan
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.claims.plans.plans import Plans

__all__ = ["Version", "judging", "published"]


@dataclass(frozen=True)
class Version:
    """A published version of a series.

    Args:
        id: Its id on chain.
        token: The ERC-20 in which the series is counted.
        valid_from: First service day that it judges.
        valid_until: First service day that it no longer judges.
        in_force_at: First second at which it judges anything.
    """

    id: bytes
    token: str
    valid_from: int
    valid_until: int
    in_force_at: int


def published(ledger: Ledger, plans: Plans, plan: Plan) -> tuple[Version, ...]:
    """Every published version of a plan's series on this chain, oldest first.

    Args:
        ledger: The chain.
        plans: The plans on it.
        plan: Any of its files. All files of a series have the same salt, or a member's codes would mean nothing from
            one to the next.

    Raises:
        BadInput: There is none, or the insurer is unknown here.
    """
    first = plans.id_of(plan)
    number = plans.versions(first)
    ids = [first[:-4] + n.to_bytes(4) for n in range(1, number + 1)]
    terms = ledger.calls("Plans", "terms", [(each,) for each in ids])
    force = ledger.calls("Plans", "inForceAt", [(each,) for each in ids])
    found = tuple(
        Version(each, t.token, t.validFrom, t.validUntil, int(at))
        for each, t, at in zip(ids, terms, force, strict=True)
        if at
    )
    if not found:
        raise BadInput(
            plan.source, "", "is not a published plan on this chain; publish it with `salus claim plan publish`"
        )
    return found


def judging(versions: Sequence[Version], day: int, *, source: str, now: int) -> Version:
    """The version that judges a service day.

    Args:
        versions: From :func:`published`.
        day: Days since 1970-01-01.
        source: The claim's file, for the error.
        now: The chain's time.

    Raises:
        BadInput: None does, or it is not in force yet.
    """
    from salus.formats.days import day_text

    covering = [version for version in versions if version.valid_from <= day < version.valid_until]
    if not covering:
        periods = ", ".join(f"{day_text(v.valid_from)} to {day_text(v.valid_until - 1)}" for v in versions)
        raise BadInput(
            source,
            "servicedDate",
            f"is {day_text(day)}, which no version of the plan covers ({periods}); bill the plan of that day",
        )
    if covering[0].in_force_at > now:
        wait = covering[0].in_force_at - now
        raise BadInput(
            source,
            "servicedDate",
            f"is {day_text(day)}; the version that judges it is in force in {wait} s: submit it then",
        )
    return covering[0]
