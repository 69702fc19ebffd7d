"""Public counters of claims, from events alone: what anybody can know who reads the chain, and signs of abuse to look
into.

A sign is a question and no verdict: two visits on one day may be right, and so may a day of many units.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from salus.claims.history import as_decided
from salus.claims.model import Decided
from salus.errors import BadInput
from salus.institutions.registry import Standing

if TYPE_CHECKING:
    from salus.chain.receipts import Event
    from salus.claims.collaborators import Collaborators

__all__ = ["UNITS_A_DAY", "LapsedProvider", "LongDay", "PlanReport", "Report", "SameLine", "report"]

#: Units of one provider on one service day above which a day is told: quarters of an hour in 24 hours.
UNITS_A_DAY = 96

_SECONDS = 86_400


@dataclass
class PlanReport:
    """The counters of one version of a plan; amounts in its token's smallest units.

    Attributes:
        plan: Its id, 0x-hex.
        insurer: The insurer's public name.
        decimals: The token's.
        submitted: Claims that were decided, refused or pended, each once.
        settled: Decided and paid, or nothing was due.
        owed: Decided; the debt waits.
        pended: Wait for review.
        denied: By review.
        withdrawn, reversed, arbitrated: Claims that ended so.
        appealed: Appeals that wait.
        refused: How often each CARC refused a claim at a gate; a refused claim may come again.
        denials: Amount that each CARC denied, of claims that are decided.
        charge, allowed, paid, patient, prior: Sums over the claims that were decided and not reversed.
        awarded: What appeals added.
        days: From the service day to the payment of each claim for which something was paid.
    """

    plan: str
    insurer: str
    decimals: int
    submitted: int = 0
    settled: int = 0
    owed: int = 0
    pended: int = 0
    denied: int = 0
    withdrawn: int = 0
    reversed: int = 0
    arbitrated: int = 0
    appealed: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    denials: Counter[int] = field(default_factory=Counter)
    charge: int = 0
    allowed: int = 0
    paid: int = 0
    patient: int = 0
    prior: int = 0
    awarded: int = 0
    days: list[int] = field(default_factory=list)

    @property
    def median_days(self) -> float | None:
        """Days from service to payment, the median; None when nothing was paid."""
        return median(self.days) if self.days else None

    @property
    def most_days(self) -> int | None:
        """The longest time from service to payment."""
        return max(self.days, default=None)


@dataclass(frozen=True)
class SameLine:
    """The same code for the same member on the same day under several claim numbers."""

    member: str
    code: str
    day: int
    claims: tuple[str, ...]


@dataclass(frozen=True)
class LongDay:
    """A service day on which a provider was granted more units than the threshold."""

    provider: str
    day: int
    units: int
    claims: int


@dataclass(frozen=True)
class LapsedProvider:
    """A provider with decided claims whose licence no longer stands."""

    provider: str
    standing: str
    claims: int
    paid: int


@dataclass(frozen=True)
class Report:
    """All plans, and the signs."""

    plans: tuple[PlanReport, ...]
    same_lines: tuple[SameLine, ...]
    long_days: tuple[LongDay, ...]
    lapsed: tuple[LapsedProvider, ...]
    units_a_day: int


def report(parts: Collaborators, *, insurer: str = "", units_a_day: int = UNITS_A_DAY) -> Report:
    """Count the claims of this chain.

    Args:
        insurer: Only this one's plans; a public name or an account.
        units_a_day: Above which a provider's day is told.

    Raises:
        BadInput: The threshold is not positive, or nobody has that name.
    """
    if units_a_day < 1:
        raise BadInput("--units-a-day", "", f"is {units_a_day}; give at least 1")
    return _Counting(parts, parts.institutions.resolve(insurer) if insurer else "").report(units_a_day)


class _Counting:
    """The events of all claims, counted."""

    def __init__(self, parts: Collaborators, insurer: str) -> None:
        self._parts, self._ledger, self._insurer = parts, parts.ledger, insurer
        self._plans: dict[bytes, PlanReport | None] = {}
        self._times: dict[int, int] = {}
        # The last word on each claim: its plan, and what was decided.
        self._plan_of: dict[bytes, PlanReport] = {}
        self._decided: dict[bytes, Decided] = {}
        self._ends: dict[bytes, str] = {}

    def report(self, units_a_day: int) -> Report:
        refused = self._count_claims()
        self._count_ends()
        self._count_money()
        for claim, plan in self._plan_of.items():
            plan.submitted += 1
            # A claim that was only ever refused has no end.
            if (end := self._ends.get(claim)) is not None:
                setattr(plan, end, getattr(plan, end) + 1)
        for event in refused:
            self._of(event).refused[event.args["carc"]] += 1  # type: ignore[union-attr]
        counted = tuple(plan for plan in self._plans.values() if plan is not None)
        valid = {claim: d for claim, d in self._decided.items() if self._ends[claim] != "reversed"}
        return Report(
            counted, _same_lines(valid), self._long_days(valid, units_a_day), self._lapsed(valid), units_a_day
        )

    def _events(self, name: str) -> list[Event]:
        return [event for event in self._ledger.logs("ClaimDesk", name) if "plan" not in event.args or self._of(event)]

    def _of(self, event: Event) -> PlanReport | None:
        """The counters of the plan that an event names; None when it is another insurer's, or no plan."""
        plan = event.args["plan"]
        if plan not in self._plans:
            terms = self._ledger.call(self._ledger.contract("Plans").functions.terms(plan))
            other = self._insurer and terms.insurer != self._insurer
            unknown = int(terms.insurer, 16) == 0
            self._plans[plan] = (
                None
                if other or unknown
                else PlanReport(
                    "0x" + plan.hex(),
                    self._parts.institutions.name(terms.insurer),
                    self._parts.treasury.decimals(terms.token),
                )
            )
        return self._plans[plan]

    def _count_claims(self) -> list[Event]:
        refused = self._events("ClaimRefused")
        # In the chain's order, for the last word on a claim is what holds: what was pended may be refused after all.
        ordered = sorted(
            (*refused, *self._events("ClaimPended"), *self._events("ClaimDecided")), key=lambda e: (e.block, e.index)
        )
        for event in ordered:
            claim, plan = event.args["id"], self._of(event)
            assert plan is not None  # _events passes over the others
            if event.name == "ClaimRefused":
                # A duplicate is a refusal of a claim that stands.
                self._plan_of.setdefault(claim, plan)
                if self._ends.get(claim) == "pended" and event.args["carc"] != 18:
                    del self._ends[claim]
                continue
            self._plan_of[claim] = plan
            self._ends[claim] = "pended"
            if event.name == "ClaimDecided":
                decided = as_decided(self._parts, event, plan.decimals)
                self._decided[claim] = decided
                self._ends[claim] = "denied" if decided.told.denied else "settled"
        return refused

    def _count_ends(self) -> None:
        for name, end in (("ClaimOwed", "owed"), ("ClaimReversed", "reversed"), ("ClaimArbitrated", "arbitrated")):
            for event in self._ledger.logs("ClaimDesk", name):
                if event.args["id"] in self._decided:
                    self._ends[event.args["id"]] = end
                    if end == "arbitrated":
                        self._plan_of[event.args["id"]].awarded += event.args["award"]
        for event in self._ledger.logs("ClaimDesk", "ClaimWithdrawn"):
            claim = event.args["id"]
            if claim in self._plan_of and self._ends.get(claim) == "pended":
                self._ends[claim] = "withdrawn"
        heard = Counter(event.args["id"] for event in self._ledger.logs("ClaimDesk", "ClaimArbitrated"))
        for event in self._ledger.logs("ClaimDesk", "ClaimAppealed"):
            if event.args["id"] in self._decided and not heard[event.args["id"]]:
                self._plan_of[event.args["id"]].appealed += 1

    def _count_money(self) -> None:
        debts = self._ledger.logs("Treasury", "DebtSettled")
        paid_in = {event.args["ref"]: event.block for event in debts if not event.args["cancelled"]}
        for claim, decided in self._decided.items():
            if self._ends[claim] == "owed" and claim in paid_in:
                self._ends[claim] = "settled"
            if self._ends[claim] == "reversed":
                continue
            plan = self._plan_of[claim]
            for name in ("charge", "allowed", "paid", "patient", "prior"):
                setattr(plan, name, getattr(plan, name) + decided.total(name))
            for line in decided.lines:
                if line.denied:
                    plan.denials[line.carc] += line.denied
            if decided.paid and self._ends[claim] == "settled":
                at = self._time(paid_in.get(claim, decided.block))
                plan.days.append(at // _SECONDS - decided.told.service_day)

    def _time(self, block: int) -> int:
        if block not in self._times:
            self._times[block] = self._ledger.block_time(block)
        return self._times[block]

    # ---- signs ---------------------------------------------------------------------------------------------------

    def _long_days(self, decided: dict[bytes, Decided], threshold: int) -> tuple[LongDay, ...]:
        units: Counter[tuple[str, int]] = Counter()
        claims: Counter[tuple[str, int]] = Counter()
        for claim in decided.values():
            units[claim.provider, claim.told.service_day] += claim.total("units")
            claims[claim.provider, claim.told.service_day] += 1
        long = [place for place, count in units.items() if count > threshold]
        names = self._parts.institutions.names(provider for provider, _ in long)
        return tuple(
            LongDay(names[provider], day, units[provider, day], claims[provider, day])
            for provider, day in sorted(long, key=lambda place: -units[place])
        )

    def _lapsed(self, decided: dict[bytes, Decided]) -> tuple[LapsedProvider, ...]:
        found = []
        for provider in dict.fromkeys(claim.provider for claim in decided.values()):
            standing = self._parts.institutions.standing(provider).status
            if standing is not Standing.LICENSED:
                own = [claim for claim in decided.values() if claim.provider == provider]
                name = self._parts.institutions.name(provider)
                found.append(LapsedProvider(name, standing.words, len(own), sum(claim.paid for claim in own)))
        return tuple(found)


def _same_lines(decided: dict[bytes, Decided]) -> tuple[SameLine, ...]:
    found: dict[tuple[str, str, int], dict[str, None]] = defaultdict(dict)
    for claim in decided.values():
        for line in claim.lines:
            if line.units:
                found[claim.patient, line.code, claim.told.service_day][claim.id] = None
    return tuple(SameLine(*key, tuple(claims)) for key, claims in found.items() if len(claims) > 1)
