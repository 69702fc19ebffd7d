"""Who may see what of a patient, and why: the contract's own answers, put together for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salus.abi.bits import ROLES
from salus.consent import codes
from salus.consent import research_uses as duo
from salus.consent.model import Answer, Decision, Effect, Explanation, Policy, Reason

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.consent.access_log import Accesses
    from salus.consent.model import Directive, Record
    from salus.consent.registry import Consent
    from salus.institutions.registry import Institution, Institutions

__all__ = ["emergencies", "explain", "explain_directive", "implied"]

_ZERO = "0x" + "0" * 40
_ORDER = {Answer.PERMIT: 0, Answer.DENY: 1, Answer.NONE: 2}


@dataclass(frozen=True)
class _Asked:
    """What one institution is asked about: names of purposes, and of categories with the bits of a request for each."""

    account: str
    name: str
    purposes: Sequence[str]
    categories: Mapping[str, int]


def explain(
    ledger: Ledger,
    institutions: Institutions,
    consent: Consent,
    patient: str,
    *,
    only: Collection[str] | None = None,
) -> tuple[Explanation, ...]:
    """What the contract answers now to each institution that a directive concerns.

    Institutions are those that a directive names or that have a role which one names. Each purpose is asked for, on
    all records as a whole, or on each class where a directive tells classes apart, and on each label that a directive
    names. Requests with one answer and one reason are one line.

    Args:
        ledger: The node and the book.
        institutions: Says who there is.
        consent: Says what was granted.
        patient: The account.
        only: Accounts of institutions, where not all are asked about.
    """
    records = consent.all(patient)
    houses = institutions.all() if only is None else [h for who in only if (h := institutions.get(who)) is not None]
    asked = []
    for house in houses if records else ():
        grantees = _grantees(house)
        if about := [record for record in records if record.grantee.lower() in grantees]:
            asked.append(_Asked(house.address, house.handle, _purposes(about), _atoms(about)))
    return _ask(consent, patient, asked)


def explain_directive(
    consent: Consent, houses: Iterable[Institution], patient: str, directive: Directive
) -> tuple[Explanation, ...]:
    """What the contract answers now to institutions for just what one directive says.

    Args:
        consent: Answers.
        houses: The institutions.
        patient: The account.
        directive: A grant or a denial.
    """
    records = consent.all(patient)
    research = bool(directive.purposes & codes.PURPOSES["HRESCH"])
    known = codes.PURPOSES if research else {**codes.PURPOSES, **duo.purposes()}
    purposes = [name for name, bit in known.items() if directive.purposes & bit]
    asked = []
    for house in houses:
        about = [record for record in records if record.grantee.lower() in _grantees(house)]
        asked.append(_Asked(house.address, house.handle, purposes, _parts(directive.categories, about)))
    return _ask(consent, patient, asked)


def implied(consent: Consent, institutions: Institutions, patient: str) -> tuple[Explanation, ...]:
    """What the deployment's policy lets in: institutions of which the patient never said anything, those with the same
    purposes in one line.

    Args:
        consent: Answers, and says which policy holds.
        institutions: Says who there is.
        patient: The account.
    """
    if consent.policy() in (Policy.DENY, Policy.EMERGENCY) or consent.revoked_until(patient):
        return ()
    said = {record.grantee.lower() for record in consent.all(patient)}
    silent = [house for house in institutions.all() if not _grantees(house) & said]
    asked = [
        _Asked(house.address, house.handle, list(codes.PURPOSES), {codes.ALL: codes.ALL_RECORDS}) for house in silent
    ]
    groups: dict[frozenset[str], list[Explanation]] = {}
    for line in _ask(consent, patient, asked):
        if line.reason is Reason.IMPLIED:
            groups.setdefault(line.purposes, []).append(line)
    return tuple(_together(lines) for lines in groups.values())


def _together(lines: Sequence[Explanation]) -> Explanation:
    first = lines[0]
    name = first.name if len(lines) == 1 else f"{len(lines)} institutions of which you never said anything"
    others = tuple(line.institution for line in lines[1:])
    scope = first.purposes, first.categories, first.grantee, first.index
    return Explanation(first.institution, name, first.answer, first.reason, *scope, others)


def emergencies(accesses: Accesses, institutions: Institutions, patient: str, now: int) -> tuple[Explanation, ...]:
    """What running emergencies open: for each the purposes and categories that its institution may record now.

    Args:
        accesses: The access log, which answers.
        institutions: Says what they are called.
        patient: The account.
        now: The chain's clock.
    """
    running = [e for e in accesses.emergencies(patient) if e.until > now]
    names = institutions.names(e.institution for e in running)
    found = []
    for emergency in running:
        categories = codes.category_names(emergency.categories)
        opened = {}
        for purpose in codes.PURPOSES:
            answer = accesses.may_access(patient, emergency.institution, [purpose], categories)
            if answer.allowed and answer.emergency:
                opened[purpose] = answer.reason
        if opened:
            scope = frozenset(opened), frozenset(categories)
            who = emergency.institution, names[emergency.institution]
            reason = next(iter(opened.values()))
            found.append(Explanation(*who, Answer.PERMIT, reason, *scope, _ZERO, 0, (), emergency.id, emergency.until))
    return tuple(found)


# ------------------------------------------------------------------------------------------------------------- asking


def _ask(consent: Consent, patient: str, asked: Sequence[_Asked]) -> tuple[Explanation, ...]:
    """The answers to all of it in few messages, grouped."""
    single = [(one, purpose, category) for one in asked for category in one.categories for purpose in one.purposes]
    answers = consent.decisions(
        [
            (patient, one.account, codes.request_bits([purpose]), one.categories[category])
            for one, purpose, category in single
        ]
    )
    lines: dict[tuple[str, str], dict[Decision, dict[str, set[str]]]] = {}
    for (one, purpose, category), decision in zip(single, answers, strict=True):
        of_one = lines.setdefault((one.account, one.name), {}).setdefault(decision, {})
        of_one.setdefault(purpose, set()).add(category)
    return tuple(line for (account, name), its in lines.items() for line in _lines(account, name, its))


def _lines(account: str, name: str, lines: dict[Decision, dict[str, set[str]]]) -> Sequence[Explanation]:
    found = []
    for decision, by_purpose in lines.items():
        # Purposes with the same categories are one line.
        groups: dict[frozenset[str], set[str]] = {}
        for purpose, categories in by_purpose.items():
            groups.setdefault(frozenset(categories), set()).add(purpose)
        for data, purposes in groups.items():
            answer, reason = decision.answer, decision.reason
            place = decision.grantee, decision.index
            found.append(Explanation(account, name, answer, reason, frozenset(purposes), data, *place))
    return sorted(found, key=lambda line: (_ORDER[line.answer], line.reason, sorted(line.purposes)))


def _grantees(house: Institution) -> set[str]:
    """The accounts by which a directive may mean an institution, in lower case."""
    return {house.address.lower()} | {f"0x{ROLES[role]:040x}" for role in house.roles if role in ROLES}


def _atoms(records: Collection[Record]) -> dict[str, int]:
    """The categories that are asked for one by one, and the bits that a request has for each."""
    named = 0
    for record in records:
        # A denial of everything names no label: it would list them all beside every permit.
        named |= 0 if record.categories == codes.EVERYTHING else record.categories
    classes = {codes.ALL: codes.ALL_RECORDS} if _is_whole(records) else dict(codes.RECORDS)
    return classes | _labels(named, records)


def _parts(categories: int, records: Collection[Record]) -> dict[str, int]:
    """The categories of a directive, record classes as a whole where nothing tells them apart."""
    whole = categories & codes.ALL_RECORDS == codes.ALL_RECORDS and _is_whole(records)
    named = {name: bit for name, bit in codes.RECORDS.items() if categories & bit}
    return ({codes.ALL: codes.ALL_RECORDS} if whole else named) | _labels(categories, records)


def _is_whole(records: Iterable[Record]) -> bool:
    """Whether no directive tells record classes apart."""
    return all(record.categories & codes.ALL_RECORDS in (0, codes.ALL_RECORDS) for record in records)


def _labels(named: int, records: Iterable[Record]) -> dict[str, int]:
    """The labels among categories. A label is asked for on records of a class, for there is no record without one:
    those classes that a permit for it has and no denial.
    """
    known = list(records)
    denied = sum(
        {bit for r in known if r.effect is Effect.DENY for bit in codes.RECORDS.values() if r.categories & bit}
    )
    found = {}
    for label, bit in codes.LABELS.items():
        if named & bit:
            permits = [
                r.categories & codes.ALL_RECORDS for r in known if r.effect is Effect.PERMIT and r.categories & bit
            ]
            classes = next(filter(None, permits), codes.ALL_RECORDS)
            found[label] = bit | (classes & ~denied or classes)
    return found


def _purposes(records: Iterable[Record]) -> list[str]:
    """The purposes that are asked for: research uses only where a directive tells them from research as a whole."""
    research = codes.PURPOSES["HRESCH"]
    named = 0
    for record in records:
        named |= 0 if record.purposes & research else record.purposes
    return [*codes.PURPOSES, *(use for use, bit in duo.purposes().items() if named & bit)]
