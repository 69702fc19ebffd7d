"""``salus consent narrow``: less of what stands, and never more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from salus.cli.consent._parcels import act_of, apart, ends_apart, is_wide, standing_for
from salus.cli.consent._person import settled_journal
from salus.cli.consent._shared import TO, noun
from salus.cli.consent.orders import Parcel, Route, carry_out, confirm
from salus.cli.context import Context
from salus.cli.moments import parse_end
from salus.cli.options import command, option, takes

if TYPE_CHECKING:
    from salus.cli.consent._person import Speaker
    from salus.consent.narrowing import Narrowing

__all__ = ["narrow"]


@dataclass(frozen=True)
class Remains:
    """What remains of a permit."""

    purposes: tuple[str, ...] = option(
        "--purpose", multiple=True, help="Only these purposes remain [default: as they are]."
    )
    categories: tuple[str, ...] = option(
        "--category", multiple=True, help="Only these categories remain [default: as they are]."
    )
    without: tuple[str, ...] = option("--without", multiple=True, help="A purpose or category that goes, e.g. PSY.")
    end: str | None = option("--until", help="An earlier end: 2027-01-01 or +30d [default: as it is].")

    def check(self) -> None:
        """Find what is missing or unknown before anybody is asked for a password.

        Raises:
            BadInput: Nothing is said, or a name is unknown.
        """
        from salus.consent.model import Effect, Record, Status
        from salus.errors import BadInput

        if not (self.purposes or self.categories or self.without or self.end):
            raise BadInput("--without", "", "say what goes, or with --purpose, --category and --until what remains")
        self.until(0).remains(Record("", 0, Effect.PERMIT, 0, 0, 0, 0, 0, Status.ACTIVE))

    def until(self, end: int) -> Narrowing:
        """The same for one account, with the end that it gets."""
        from salus.consent.narrowing import Narrowing

        return Narrowing(self.purposes, self.categories, self.without, end)


@command(noun, "narrow")
@click.option("--to", "grantee", required=True, help=TO)
@click.option("--index", type=click.IntRange(0, 3), help="Only this place of the four [default: all that it changes].")
@takes(remains=Remains, route=Route)
def narrow(context: Context, grantee: str, index: int | None, remains: Remains, route: Route) -> None:
    """Permit less than now: fewer purposes, less data, or an earlier end. Nothing is ever added.

    \b
    Example:
      salus consent narrow --to city-hospital --without PSY --relay-as hospital.json
      salus consent narrow --to city-hospital --purpose TREAT --until +30d --relay-as hospital.json
    """
    salus = context.connect()
    route.check()
    remains.check()
    until = parse_end(remains.end, salus.now) if remains.end else 0
    journal = settled_journal(context, salus)
    who = standing_for(context, salus, grantee, route, journal)
    ends = ends_apart(salus, until, who, route, journal) if until else [0] * len(who)
    parcels = [_parcel(one, grantee, remains.until(end), index) for one, end in zip(who, ends, strict=True)]
    parcels = apart(salus, parcels, route)
    confirm(context, salus, parcels, route)
    if is_wide(grantee, route) and index is None:
        journal.change_standing(salus.consent.name(salus.consent.resolve(grantee)), remains.until(until).of_draft)
    carry_out(context, salus, parcels, route, journal)


def _parcel(one: Speaker, grantee: str, wish: Narrowing, index: int | None) -> Parcel:
    """What one account is to say; the document that a permit names stays named."""
    from dataclasses import replace

    from salus.consent.narrowing import narrowed

    consent = one.client.consent
    acts = []
    for directive in narrowed(consent.directives(one.patient, grantee), wish, index):
        document = consent.document(one.patient, directive.grantee, directive.index)
        acts.append(act_of(one, replace(directive, document=document)))
    return Parcel(one, tuple(acts))
