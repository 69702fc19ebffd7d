"""Random plans, members and claims: of every size, and near every edge that a rule has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from eth_utils import keccak

from tests.reference.adjudicator import (
    LARGEST_AMOUNT,
    MOST_LINES,
    Category,
    Claim,
    Contract,
    Flag,
    Line,
    Membership,
    Price,
    Referral,
    Series,
    Terms,
    Version,
)

__all__ = ["Draw", "RandomClaims"]

LAST_DAY = 2**24 - 1
MOST_UNITS = 2**16 - 1
NOTHING = bytes(32)
# Groups of a price list: three ages, two sexes.
AGES, SEXES = (0b001, 0b010, 0b100), (0x1000, 0x2000)


@dataclass
class Draw:
    """A version with what its series holds. Authorizations: member, code, units, first day, end; referrals: by, member,
    to, first day, end. ``scale``: what a line of it may cost."""

    scale: int
    terms: Terms
    categories: list[Category]
    prices: dict[bytes, Price]
    schedules: dict[tuple[int, bytes], int]
    members: dict[str, Membership]
    contracts: dict[str, Contract]
    authorizations: list[tuple[str, bytes, int, int, int]]
    referrals: list[tuple[str, str, str | None, int, int]]


class RandomClaims:
    """
    Args:
        today: The day on which claims are submitted.
    """

    def __init__(
        self, dice: random.Random, today: int, insurers: Sequence[str], tokens: Sequence[str], providers: Sequence[str],
        patients: Sequence[str],
    ) -> None:  # fmt: skip
        self.dice, self.today = dice, today
        self.insurers, self.tokens, self.providers, self.patients = insurers, tokens, providers, patients
        self.scales: dict[Any, int] = {}

    # ---- plans -------------------------------------------------------------------------------------------------------

    def draw(self, number: int) -> Draw:
        """A plan: the first ones are everyday's, so that no rule is missed; the others are anything."""
        dice = self.dice
        scale = 1_000_00 if number < 4 else dice.choice((20, 1_000_00, 10**21, LARGEST_AMOUNT // 4))
        terms = self.terms(number, scale)
        categories = [self.category(scale) for _ in range(3)]
        prices = self.prices(number, scale)
        schedules = {
            (schedule, code): dice.choice((price.allowed, price.allowed // 2, dice.randint(0, scale), 0))
            for schedule in (1, 2**32 - 1)
            for code, price in prices.items()
            if dice.random() < 0.5
        }
        members = {who: self.membership(terms) for who in self.patients if dice.random() < 0.8}
        members.setdefault(self.patients[0], Membership(terms.valid_from, LAST_DAY))
        contracts = {who: self.contract(terms) for who in self.providers if dice.random() < 0.7}
        return Draw(
            scale, terms, categories, prices, schedules, members, contracts,
            self.authorizations(prices, members, terms), self.referrals(members, terms),
        )  # fmt: skip

    def terms(self, number: int, scale: int) -> Terms:
        dice = self.dice
        small, large = lambda: dice.randint(0, scale // 4), lambda: dice.randint(scale // 2, 4 * scale)
        start = self.today - dice.choice((100, 500, 900, 900))
        deductible = dice.choice((0, small(), small(), dice.randint(0, scale)))
        family = dice.choice((0, deductible + small()))
        maximum = min(LARGEST_AMOUNT, deductible + dice.choice((0, small(), large())))
        return Terms(
            insurer=dice.choice(self.insurers),
            valid_from=start,
            valid_until=dice.choice((self.today - 1, self.today + 400, self.today + 400, LAST_DAY)),
            token=dice.choice(self.tokens),
            coinsurance=dice.choice((0, 1, 20_00, 33_33, 99_99, 100_00)),
            coinsurance_out=dice.choice((0, 40_00, 66_67, 100_00)),
            deductible=deductible,
            out_of_pocket_maximum=maximum,
            family_deductible=family,
            family_out_of_pocket_maximum=dice.choice((0, min(LARGEST_AMOUNT, max(family, maximum + small())))),
            annual_limit=(0, large(), 0, 8 * scale)[number % 4],
            lifetime_limit=(0, 0, scale, large())[number % 4],
            waiting_days=(0, 20, 0, 60)[number % 4],
            filing_days=(0, 30, 365, MOST_UNITS)[number % 4],
            review_threshold=(0, scale // 2, scale // 3)[number % 3],
            review_days=(7, 0)[number // 4 % 2],
            appeal_days=dice.choice((0, 30)),
            rules=number % 16,
        )

    def category(self, scale: int) -> Category:
        dice = self.dice
        return Category(
            coinsurance=dice.choice((0, 10_00, 33_33, 100_00)),
            coinsurance_out=dice.choice((0, 50_00, 99_99)),
            deductible=dice.random() < 0.5,
            copay=dice.choice((0, dice.randint(0, max(1, scale // 20)), scale // 8)),
            limit=dice.choice((0, dice.randint(1, 2 * scale))),
        )

    def prices(self, number: int, scale: int) -> dict[bytes, Price]:
        """A code for each rule, and some for rules that meet."""
        dice = self.dice
        kinds: list[dict[str, Any]] = [
            {},
            {"flags": Flag.EXCLUDED},
            {"groups": dice.choice(AGES) | dice.choice(AGES)},
            {"groups": dice.choice(SEXES)},
            {"groups": dice.choice(AGES) | dice.choice(SEXES), "flags": Flag.REFER},
            {"flags": Flag.REFER},
            {"flags": Flag.AUTHORIZE},
            {"flags": Flag.AUTHORIZE, "limit": dice.randint(1, 6), "period": dice.choice((0, 30))},
            {"limit": dice.randint(1, 5), "period": 0},
            {"limit": dice.randint(1, 3), "period": dice.choice((1, 7, 400))},
            {"allowed": 0},
            {"allowed": LARGEST_AMOUNT},
        ]
        made = {}
        for place, kind in enumerate(kinds):
            plain = {"allowed": dice.randint(1, scale // 2), "category": dice.randrange(4)}
            flags = Flag.LISTED | kind.pop("flags", 0)
            made[keccak(text=f"salt {number}, code {place}")] = Price(**plain | kind, flags=int(flags))
        return made

    def membership(self, terms: Terms) -> Membership:
        dice, today = self.dice, self.today
        start = dice.choice((terms.valid_from, terms.valid_from, terms.valid_from + 40, today - 60))
        return Membership(
            start=start,
            until=max(start + 1, dice.choice((LAST_DAY, LAST_DAY, today + 30, today - 3))),
            family=dice.choice((0, 1, 1, 2**64 - 1)),
            groups=dice.choice(AGES) | dice.choice((*SEXES, 0)),
            next_groups=dice.choice((0, dice.choice(AGES) | dice.choice(SEXES))),
            next_from=dice.choice((0, today - 50, today)),
            secondary=dice.random() < 0.2,
        )

    def contract(self, terms: Terms) -> Contract:
        dice, today = self.dice, self.today
        start = dice.choice((0, 0, terms.valid_from + 50, today - 100))
        until = dice.choice((LAST_DAY, LAST_DAY, start, today - 10))
        return Contract(start, until, dice.choice((0, 1, 1, 2**32 - 1, 9)))

    def authorizations(
        self, prices: dict[bytes, Price], members: dict[str, Membership], terms: Terms
    ) -> list[tuple[str, bytes, int, int, int]]:
        return [
            (member, code, *self.agreed(terms))
            for code, price in prices.items()
            if price.flags & Flag.AUTHORIZE
            for member in members
            if self.dice.random() < 0.7
        ]

    def agreed(self, terms: Terms) -> tuple[int, int, int]:
        """Units and days of a pre-authorisation."""
        units = self.dice.choice((0, 1, 4, 9, MOST_UNITS))
        until = self.dice.choice((self.today - 40, self.today + 1, LAST_DAY))
        return units, min(terms.valid_from, until - 1), until

    def referrals(self, members: dict[str, Membership], terms: Terms) -> list[tuple[str, str, str | None, int, int]]:
        dice, found = self.dice, []
        for member in members:
            if dice.random() < 0.7:
                # To another, or to anybody: then also by the one who treats, for whom it does not count.
                by, to = dice.sample(self.providers, 2)
                until = dice.choice((LAST_DAY, self.today, self.today - 60))
                start = min(terms.valid_from, until - 1)
                found.append((by, member, dice.choice((to, to, None)), start, until))
        return found

    def next(self, draw: Draw, number: int) -> Draw | None:
        """The version after a draw's that ends today or before; the periods of its codes stay."""
        if draw.terms.valid_until > self.today:
            return None
        fresh = self.terms(number, draw.scale)
        terms = replace(
            fresh, insurer=draw.terms.insurer, token=draw.terms.token, valid_from=draw.terms.valid_until,
            valid_until=self.today + 500,
        )  # fmt: skip
        prices = {
            code: replace(
                price, allowed=self.dice.randint(0, draw.scale), limit=max(1, price.limit - 1) if price.limit else 0
            )
            for code, price in draw.prices.items()
        }
        return replace(
            draw, terms=terms, prices=prices, categories=[self.category(draw.scale) for _ in range(3)], schedules={}
        )

    def alone(self, number: int) -> Version:
        """A version with a series of its own, where there is no chain."""
        draw = self.draw(number)
        series = Series(dict(draw.members), dict(draw.contracts))
        for agreed in draw.authorizations:
            series.authorize(*agreed)
        for by, member, to, start, until in draw.referrals:
            series.referrals[member, to] = Referral(by, start, until)
        version = Version(series, draw.terms, draw.prices, draw.categories, draw.schedules, 0)
        self.scales[id(version)] = draw.scale
        return version

    # ---- claims ------------------------------------------------------------------------------------------------------

    def claim(self, plan: bytes, version: Version, provider: str | None = None) -> Claim:
        """Most are meant to pass; the others are spoilt in one way."""
        dice = self.dice
        patient = dice.choice(list(version.series.members))
        day = self.day(version, patient)
        lines: list[Line] = []
        for _ in range(dice.choice((1, 1, 2, 3, 5))):
            again = bool(lines) and dice.random() < 0.1
            lines.append(replace(dice.choice(lines), prior=dice.randint(0, 9)) if again else self.line(version))
        secondary = version.series.members[patient].secondary and dice.random() < 0.8
        claim = Claim(
            plan, patient, provider or dice.choice(self.providers), dice.randbytes(32), day,
            dice.randbytes(32) if secondary else NOTHING, tuple(lines),
        )  # fmt: skip
        return claim if dice.random() < 0.85 else replace(claim, **self.fault(claim, version))

    def line(self, version: Version) -> Line:
        dice = self.dice
        if dice.random() < 0.04:
            return Line(dice.randbytes(32), 1, dice.randint(0, 100))
        code = dice.choice(list(version.prices))
        allowed = version.prices[code].allowed
        scale = self.scales[id(version)]
        units = dice.choice((1, 1, 1, 1, 2, 3, 7, MOST_UNITS))
        usual = min(scale, allowed) * min(units, 7)
        charge = dice.choice(
            (dice.randint(0, 1), usual, dice.randint(0, usual), dice.randint(usual, 2 * usual), dice.randint(0, scale))
        )
        prior = dice.choice((0, 0, 0, dice.randint(0, charge // 4), dice.randint(0, charge), 2 * charge))
        return Line(code, units, min(charge, LARGEST_AMOUNT), min(prior, LARGEST_AMOUNT))

    def day(self, version: Version, patient: str) -> int:
        """A day that passes, where there is one; on an edge of what passes, or of a calendar year, every other time."""
        dice, today = self.dice, self.today
        terms, cover = version.terms, version.series.members[patient]
        first = max(terms.valid_from, cover.start + terms.waiting_days, today - (terms.filing_days or today))
        last = min(terms.valid_until - 1, cover.until - 1, today)
        if first > last:
            return today
        january = today - (date(1970, 1, 1) + timedelta(days=today)).timetuple().tm_yday + 1
        edges = [day for day in (first, last, january, january - 1, today - 40, today - 60) if first <= day <= last]
        return dice.choice((dice.randint(first, last), dice.choice(edges), last))

    def fault(self, claim: Claim, version: Version) -> dict[str, Any]:
        """One change after which a claim should be refused, now and then only just not."""
        dice, today = self.dice, self.today
        terms, cover = version.terms, version.series.members[claim.patient]
        late = today - terms.filing_days
        first = cover.start + terms.waiting_days
        line = claim.lines[0]
        kinds: list[list[dict[str, Any]]] = [
            [{"lines": ()}, {"lines": (replace(line, units=0),)}, {"lines": (line,) * (MOST_LINES + 1)}],
            [{"plan": dice.randbytes(32)}, {"plan": claim.plan[:28] + bytes(4)}],
            [{"patient": patient} for patient in self.patients if patient not in version.series.members] or [{}],
            [{"service_day": today + 1}, {"service_day": LAST_DAY}],
            [{"service_day": terms.valid_from - 1}, {"service_day": terms.valid_until}],
            [{"service_day": cover.start - 1}, {"service_day": cover.until}],
            [{"service_day": day} for day in (first - 1, first - 1, first)],
            [{"primary": NOTHING}],
        ]
        if terms.filing_days and late > terms.valid_from:
            kinds += [[{"service_day": day} for day in (late - 1, late - 1, late)]] * 3
        change = dice.choice(dice.choice(kinds))
        return change if change.get("service_day", 0) <= LAST_DAY else {}
