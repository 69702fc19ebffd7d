"""Which accounts an act is about, and what each of them says: parcels from drafts and revocations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from salus.cli.consent._person import Speaker, account_names, person_of, speaker, tell_left_out
from salus.cli.consent._shared import named_signer, single_signer
from salus.cli.consent.orders import Parcel

if TYPE_CHECKING:
    from salus.cli.consent.orders import Route
    from salus.cli.context import Context
    from salus.client import Salus
    from salus.consent.acts import Act
    from salus.consent.journal import Journal
    from salus.consent.model import Directive, DirectiveDraft
    from salus.consent.person import Account

__all__ = [
    "Plan",
    "act_of",
    "all_used",
    "apart",
    "as_delegate",
    "drafted",
    "ends_apart",
    "is_used",
    "is_wide",
    "speakers_of",
    "standing_for",
    "wide_accounts",
]


# ------------------------------------------------------------------------------------------------------- who speaks


def as_delegate(context: Context, salus: Salus, route: Route) -> Speaker:
    """Who signs for the patient of ``--as-delegate-of``."""
    from salus.keys.addresses import address

    patient = address(route.patient or "", "--as-delegate-of")
    client = salus.with_signer(context.signer(route.relation))
    own = client.need_signer().address
    delegate = "" if own == salus.guardians.controller_of(patient) else own
    return Speaker(client, patient, delegate, route.relation or "", patient)


def is_wide(grantee: str, route: Route) -> bool:
    """Whether an act is about the person, and so about every account: a role is meant, and no account is named."""
    return grantee.casefold().startswith("role:") and not route.patient and not route.relation


def wide_accounts(
    context: Context, salus: Salus, journal: Journal, *, only_used: bool
) -> tuple[list[Account], dict[Account, str]]:
    """The accounts that a wide act covers, and those that it leaves out with the reason.

    Args:
        context: The keys.
        salus: The chain.
        journal: What was signed and is not there yet.
        only_used: Leave out what was never used: there is nothing to take back.
    """
    accounts = person_of(context, salus).accounts()
    unused = {a.patient for a in accounts if a.is_persons and not a.obstacle and not is_used(salus, journal, a.patient)}
    covered, rest = [], {}
    for account in accounts:
        if account.obstacle:
            rest[account] = account.obstacle
        elif account.patient in unused and only_used:
            rest[account] = "nothing was ever granted there"
        elif account.patient in unused and _is_spare(account, accounts):
            rest[account] = "it was never used; it begins with this when it is"
        else:
            covered.append(account)
    return covered, rest


def _is_spare(account: Account, accounts: Sequence[Account]) -> bool:
    """Whether it is the wallet's first account beside others, which was made for no institution."""
    from salus.keys.wallet import DEFAULT

    return account.relation == DEFAULT and len(accounts) > 1


def is_used(salus: Salus, journal: Journal, patient: str) -> bool:
    """Whether an account was ever shown on the chain, or something is signed for it."""
    return bool(journal.orders(patient) or salus.consent.history(patient) or salus.guardians.history(patient))


def speakers_of(context: Context, salus: Salus, grantee: str, route: Route) -> list[Speaker]:
    """Who signs what concerns one institution for the first time or again: the account that it knows.

    A recovered account that has said something to the institution comes before a new one, which the institution would
    not know.
    """
    from salus.consent.acts import relation_of
    from salus.consent.person import Kind

    if route.patient:
        return [as_delegate(context, salus, route)]
    if not context.has_wallet:
        single_signer(context, route.relation)
    name = route.relation or relation_of(salus.consent, grantee) or ""
    accounts = person_of(context, salus).accounts()
    target = salus.consent.resolve(grantee)
    own = [a for a in accounts if a.kind is Kind.OWN and (not context.has_wallet or a.relation == name)]
    known = [a for a in accounts if _knows(salus, a, target)]
    recovered = [a for a in known if a.kind is Kind.RECOVERED]
    if recovered and not route.relation and not set(own) & set(known):
        account = _only(recovered, grantee)
        context.note(f"{grantee} knows the recovered account {account.patient}; this wallet signs for it")
        return [speaker(context, salus, account)]
    if own:
        if own[0].obstacle:
            _refuse(f"{own[0].name} was moved: {own[0].obstacle}")
        return [speaker(context, salus, own[0])]
    signer = context.signer(name or None)
    context.note(f"new account for {name}: {signer.address}")
    return [Speaker(salus.with_signer(signer), signer.address, "", name, name)]


def _knows(salus: Salus, account: Account, target: str) -> bool:
    """Whether a person's account that one can sign for has said something to a grantee."""
    return account.is_persons and not account.obstacle and bool(salus.consent.directives(account.patient, target))


def _only(accounts: Sequence[Account], grantee: str) -> Account:
    if len(accounts) > 1:
        them = ", ".join(account.patient for account in accounts)
        _refuse(f"{grantee} knows several of your recovered accounts: {them}; name one with --as-delegate-of")
    return accounts[0]


def _refuse(message: str) -> None:
    from salus.errors import BadInput

    raise BadInput("", "account", message)


def standing_for(context: Context, salus: Salus, grantee: str, route: Route, journal: Journal) -> list[Speaker]:
    """The accounts at which something stands for a grantee, or is signed for it; none is made for this.

    Raises:
        BadInput: There is none; the message says which accounts there are.
    """
    from salus.consent.person import Kind
    from salus.errors import BadInput

    if route.patient:
        who = as_delegate(context, salus, route)
        if not _stands(salus, journal, who.patient, grantee):
            raise BadInput("", "grantee", f"nothing is granted to {grantee} by {who.patient}")
        return [who]
    if not context.has_wallet:
        single_signer(context, route.relation)
    accounts = person_of(context, salus).accounts()
    mine = tuple(a for a in accounts if a.is_persons and route.relation in (None, a.relation))
    found = [a for a in mine if not a.obstacle and _stands(salus, journal, a.patient, grantee)]
    if not found:
        there = f"the accounts here are: {account_names(mine)}" if mine else f"there is no account {route.relation!r}"
        raise BadInput(
            "", "grantee", f"nothing is granted to {grantee}, and nothing signed for it is on its way; {there}"
        )
    for account in found:
        if account.kind is Kind.RECOVERED:
            context.note(f"{grantee} knows the recovered account {account.patient}; this wallet signs for it")
    return [speaker(context, salus, account) for account in found]


def all_used(context: Context, salus: Salus, route: Route, journal: Journal) -> list[Speaker]:
    """The accounts from which everything is taken back.

    Raises:
        BadInput: Nothing was ever granted by any.
    """
    from salus.errors import BadInput

    if route.patient:
        who = as_delegate(context, salus, route)
        if not is_used(salus, journal, who.patient):
            raise BadInput("", "account", f"there is nothing to revoke: {who.patient} never granted anything")
        return [who]
    covered, rest = wide_accounts(context, salus, journal, only_used=True)
    if route.relation is not None:
        covered = [account for account in covered if account.relation == route.relation]
        rest = {}
    if not covered:
        there = ", ".join(f"{account.name} ({why})" for account, why in rest.items()) or f"no {route.relation!r} in use"
        raise BadInput("", "account", f"there is nothing to revoke: {there}")
    tell_left_out(context, rest)
    return [speaker(context, salus, account) for account in covered]


def ends_apart(salus: Salus, end: int, speakers: Sequence[Speaker], route: Route, journal: Journal) -> list[int]:
    """The same end for one account; for several an end of its own for each, none later."""
    from salus.consent.apart import end_apart
    from salus.consent.model import Effect

    if len(speakers) == 1 or route.now:
        return [end] * len(speakers)
    ends: list[int] = []
    for who in speakers:
        ends.append(end_apart(Effect.PERMIT, end, salus.now(), journal.other_ends(who.patient) | set(ends)))
    return ends


def _stands(salus: Salus, journal: Journal, patient: str, grantee: str) -> bool:
    from salus.consent.model import Status

    target = salus.consent.resolve(grantee)
    if any(order.directive.grantee == target and order.directive.effect for order in journal.orders(patient)):
        return True
    return any(record.status is not Status.REVOKED for record in salus.consent.directives(patient, grantee))


# --------------------------------------------------------------------------------------------------- what they say


@dataclass
class Plan:
    """What the accounts of a person are to say.

    Attributes:
        parcels: One for each account.
        standing: Of the directives with which accounts begin the ends that these accounts get.
        new: Those among them with which accounts begin from now on.
    """

    parcels: list[Parcel]
    standing: dict[DirectiveDraft, list[int]]
    new: frozenset[DirectiveDraft]

    def remember(self, journal: Journal) -> None:
        """Keep what stands from now on, before anything is signed."""
        for draft, ends in self.standing.items():
            if draft in self.new:
                journal.stand(draft, ends)
            else:
                journal.used_ends(draft, ends)


def drafted(
    context: Context, salus: Salus, drafts: Sequence[DirectiveDraft], index: int | None, route: Route, journal: Journal
) -> Plan:
    """The parcels of drafts: what is for a role goes to every account, the rest to the account of its institution.

    An account that was never used begins with the standing directives. Of several accounts each has its own ends and
    its own turn.
    """
    wide = [draft for draft in drafts if is_wide(draft.grantee, route)]
    said = _who_says_what(context, salus, drafts, wide, route, journal)
    now = salus.now()
    standing: dict[DirectiveDraft, list[int]] = {draft: [] for draft in wide if context.has_wallet}
    ends = {one.draft: list(one.ends) for one in journal.standing() if one.draft.end > now and one.draft not in wide}
    parcels = []
    said_ends: dict[str, list[DirectiveDraft]] = {}
    for who, mine in said.values():
        begins = [] if route.patient or is_used(salus, journal, who.patient) else list(ends)
        if begins:
            context.note(f"{who.name} begins with what you said to everybody: {len(begins)} directives")
        others = {one.end for who_else, its in said_ends.items() if who_else != who.patient for one in its}
        others |= journal.other_ends(who.patient)
        both = sorted((*begins, *mine), key=lambda draft: not draft.grantee.startswith("role:"))
        kept = () if len(said) > 1 and not route.now else mine
        actual = _ending_apart(both, kept, now, others, ends)
        for draft, its in zip(both, actual, strict=True):
            if draft in begins or draft in standing:
                standing.setdefault(draft, []).append(its.end)
        said_ends[who.patient] = actual
        parcels.append(_parcel(who, actual, index, journal))
    return Plan(apart(salus, parcels, route), standing, frozenset(wide))


def _ending_apart(
    drafts: Sequence[DirectiveDraft],
    kept: Collection[DirectiveDraft],
    now: int,
    others: set[int],
    ends: Mapping[DirectiveDraft, Sequence[int]],
) -> list[DirectiveDraft]:
    """Drafts with ends that no other account has; those that are kept keep theirs.

    Args:
        drafts: What one account says.
        kept: Those among them whose ends are not changed.
        now: The chain's clock.
        others: Ends of other accounts.
        ends: The ends that other accounts have of a draft.
    """
    from salus.consent.apart import end_apart

    return [
        draft
        if draft in kept
        else replace(draft, end=end_apart(draft.effect, draft.end, now, others | set(ends.get(draft, ()))))
        for draft in drafts
    ]


def apart(salus: Salus, parcels: Sequence[Parcel], route: Route) -> list[Parcel]:
    """The parcels in a random order, each with its turn; all at once with ``--now``, and where there is one."""
    from salus.consent.apart import due_times

    if len(parcels) < 2 or route.now:
        return list(parcels)
    now = salus.now()
    due = sorted(zip(due_times(now, len(parcels)), range(len(parcels)), strict=True))
    return [replace(parcels[number], due=at if at > now else 0) for at, number in due]


def _who_says_what(
    context: Context,
    salus: Salus,
    drafts: Sequence[DirectiveDraft],
    wide: Sequence[DirectiveDraft],
    route: Route,
    journal: Journal,
) -> dict[str, tuple[Speaker, list[DirectiveDraft]]]:
    """Who signs for each account, and which drafts."""
    said: dict[str, tuple[Speaker, list[DirectiveDraft]]] = {}
    if wide:
        covered, rest = wide_accounts(context, salus, journal, only_used=False)
        tell_left_out(context, rest)
        for account in covered:
            said[account.patient] = (speaker(context, salus, account), list(wide))
    for draft in drafts:
        if draft not in wide:
            for who in _named(context, salus, draft, route):
                said.setdefault(who.patient, (who, []))[1].append(draft)
    return said


def _named(context: Context, salus: Salus, draft: DirectiveDraft, route: Route) -> list[Speaker]:
    if draft.grantee.casefold().startswith("role:") and not route.patient:
        # With --relation: this account alone, which is there already.
        signer = named_signer(context, route.relation)
        name = route.relation or ""
        return [Speaker(salus.with_signer(signer), signer.address, "", name, name or signer.address)]
    return speakers_of(context, salus, draft.grantee, route)


def _parcel(who: Speaker, drafts: Sequence[DirectiveDraft], index: int | None, journal: Journal) -> Parcel:
    taken: set[tuple[str, str, int]] = set()
    signed = journal.orders(who.patient)
    acts = []
    for draft in drafts:
        at = index if draft is drafts[-1] else None
        directive = who.client.consent.directive(
            who.patient, draft, index=at, taken=taken, signed=signed, delegate=who.delegate or None
        )
        taken.add((who.patient, directive.grantee, directive.index))
        acts.append(act_of(who, directive))
    return Parcel(who, tuple(acts))


def act_of(who: Speaker, directive: Directive) -> Act:
    """A directive on its way from one account."""
    from salus.consent.acts import Act

    return Act(who.client.consent, who.client.need_signer().address, who.patient, who.delegate, directive)
