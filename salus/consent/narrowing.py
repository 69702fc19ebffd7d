"""Narrowing: a permit that stands with less of its purposes, less of its data, or an earlier end; never with more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from salus.consent import codes
from salus.consent.model import Directive, DirectiveDraft, Effect, Record, Status
from salus.errors import BadInput

__all__ = ["Narrowing", "narrowed"]


@dataclass(frozen=True)
class Narrowing:
    """What remains of a permit.

    Attributes:
        purposes: Names of the only purposes that remain; empty: all.
        categories: Names of the only categories that remain; empty: all.
        without: Names of purposes and categories that go.
        end: The earlier end; 0: as it is.
    """

    purposes: Collection[str] = ()
    categories: Collection[str] = ()
    without: Collection[str] = ()
    end: int = 0

    def remains(self, record: Record) -> tuple[int, int, int]:
        """Purposes and categories as bits, and the end, of what remains of a permit.

        Raises:
            BadInput: An unknown name.
        """
        purposes, categories = record.purposes, record.categories
        if self.purposes:
            purposes &= codes.purpose_bits(self.purposes)
        if self.categories:
            categories &= codes.category_bits(self.categories)
        for name in self.without:
            if _is_category(name):
                categories &= ~codes.category_bits([name])
            else:
                # A broader research use contains what goes, and so goes as well.
                purposes &= ~codes.purpose_bits([name], deny=True)
        return purposes, categories, min(self.end or record.end, record.end)

    def of_draft(self, draft: DirectiveDraft) -> DirectiveDraft | None:
        """What remains of a permit as people write it; a denial as it is; None where nothing remains."""
        if draft.effect is not Effect.PERMIT:
            return draft
        bits = codes.purpose_bits(draft.purposes), codes.category_bits(draft.categories)
        purposes, categories, end = self.remains(
            Record(draft.grantee, 0, Effect.PERMIT, *bits, draft.start, draft.end, 0, Status.ACTIVE)
        )
        if not purposes or not categories:
            return None
        names = codes.purpose_names(purposes), codes.category_names(categories)
        return DirectiveDraft(draft.grantee, draft.effect, *names, draft.start, end)


def narrowed(records: Sequence[Record], wish: Narrowing, index: int | None = None) -> list[Directive]:
    """The permits of one grantee that a wish narrows, as they are to stand.

    Args:
        records: What the patient granted to the grantee.
        wish: What remains.
        index: The place of the only one that is meant; by default all that it changes.

    Raises:
        BadInput: No permit stands, it changes none, or nothing would remain of one.
    """
    permits = [
        record
        for record in records
        if record.effect is Effect.PERMIT
        and record.status in (Status.ACTIVE, Status.NOT_YET)
        and index in (None, record.index)
    ]
    if not permits:
        raise BadInput("", "grantee", "no permit is in force there; a denial is not narrowed: revoke it")
    found = []
    for record in permits:
        purposes, categories, end = wish.remains(record)
        if (purposes, categories, end) == (record.purposes, record.categories, record.end):
            continue
        if not purposes or not categories or end <= record.start:
            raise BadInput(
                "",
                "index",
                f"nothing would remain of the permit at place {record.index}; revoke it (--index {record.index}), or"
                " name the place that is meant",
            )
        found.append(Directive(record.grantee, record.index, Effect.PERMIT, purposes, categories, record.start, end))
    if not found:
        raise BadInput("", "scope", "is as narrow already; nothing was changed")
    return found


def _is_category(name: str) -> bool:
    try:
        codes.category_bits([name])
    except BadInput:
        return False
    return True
