"""Which of a pair's four places a directive gets: from what stands on the chain and what was signed for it already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from salus.consent.model import ALL_PLACES, PLACES, Directive, Effect, Order, Record, Status
from salus.errors import BadInput
from salus.institutions.registry import ZERO

__all__ = ["choose_place", "issued_before", "meet"]


def choose_place(
    records: Sequence[Record], signed: Iterable[Order], wanted: Directive, taken: Collection[int] = ()
) -> int:
    """The place for a directive: that of one which it renews, else the first one at which nothing is.

    It renews what has the same effect and the same purposes; a denial only one that it covers whole, so that no denial
    is lost behind another.

    Args:
        records: The pair's places as the chain has them, in order.
        signed: Orders of the same patient that are not on the chain yet.
        wanted: The directive; its index does not count.
        taken: Places that are given away already.

    Raises:
        BadInput: All four are in use.
    """
    there: dict[int, tuple[Effect, int, int]] = {}
    for record in records:
        if record.status in (Status.ACTIVE, Status.NOT_YET, Status.EXPIRED):
            there[record.index] = (record.effect, record.purposes, record.categories)
    used = {record.index for record in records if record.status in (Status.ACTIVE, Status.NOT_YET)}
    for order in sorted(signed, key=lambda order: order.issued_at):
        directive = order.directive
        if directive.grantee == wanted.grantee and directive.effect is not Effect.NONE:
            there[directive.index] = (directive.effect, directive.purposes, directive.categories)
            used.add(directive.index)
    free = [index for index in range(PLACES) if index not in taken]
    for index in free:
        effect, purposes, categories = there.get(index, (Effect.NONE, 0, 0))
        covered = effect is not Effect.DENY or categories & ~wanted.categories == 0
        if (effect, purposes) == (wanted.effect, wanted.purposes) and covered:
            return index
    for index in free:
        if index not in used:
            return index
    full = "all four directives for this grantee are in force or signed; revoke one, or name the one to replace"
    raise BadInput("", "index", full)


def issued_before(directive: Directive, signed: Iterable[Order]) -> int:
    """The latest issue among orders that are not on the chain yet and that a directive must come after; 0 for none."""
    return max((order.issued_at for order in signed if meet(directive, order.directive)), default=0)


def meet(one: Directive, other: Directive) -> bool:
    """Whether two directives of one patient are about the same place, or one of them is about all."""
    if ZERO in (one.grantee, other.grantee):
        return True
    if one.grantee != other.grantee:
        return False
    return one.index == other.index or ALL_PLACES in (one.index, other.index)
