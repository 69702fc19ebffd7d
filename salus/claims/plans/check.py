"""A plan file for people: its terms in words, what a few claims would come to, and what somebody may not have meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from salus.claims.adjudication import Asked, Category, Left, Member, Order, Price, judge_line
from salus.claims.model import LineAnswer, money
from salus.claims.plans.file import AGES, SEXES, PlanPrice
from salus.claims.plans.model import Plan
from salus.claims.plans.plans import category_units, price_units, term_units
from salus.formats.days import day_text

__all__ = ["Example", "decimals_of", "examples", "in_words", "percent", "warnings"]

_NAMED = 5  # so many of a long list are named


@dataclass(frozen=True)
class Example:
    """A line that was judged by a plan file, as the chain would judge it.

    Args:
        title: In what circumstances.
        price: What is billed, one unit of it.
        line: How it is judged, in units of 10^-decimals of the currency.
        decimals: See :func:`decimals_of`.
    """

    title: str
    price: PlanPrice
    line: LineAnswer
    decimals: int

    def amount(self, name: str) -> Decimal:
        """An amount of the line in the currency, e.g. ``paid``."""
        return money(getattr(self.line, name), self.decimals)


def decimals_of(plan: Plan) -> int:
    """The fewest decimals with which a token holds every amount of a plan, at least two."""
    amounts = [plan.deductible, plan.out_of_pocket_maximum, plan.family_deductible, plan.family_out_of_pocket_maximum]
    amounts += [plan.annual_limit, plan.lifetime_limit, plan.review_threshold]
    amounts += [amount for category in plan.categories for amount in (category.copay, category.annual_limit)]
    amounts += [price.allowed for prices in (plan.prices, *(s.prices for s in plan.schedules)) for price in prices]
    return max(2, *(-int(amount.normalize().as_tuple().exponent) for amount in amounts))


def percent(points: int) -> str:
    """Basis points for people: 2,000 is ``20 %``."""
    return f"{(Decimal(points) / 100).normalize():f} %"


# ------------------------------------------------------------------------------------------------------------- words


def in_words(plan: Plan) -> list[tuple[str, str]]:
    """A plan's terms, each with its name."""
    c = plan.currency

    def amount(value: Decimal) -> str:
        return f"{value:,f} {c}"

    def bound(own: Decimal, family: Decimal) -> str:
        return amount(own) + (f", of a family {amount(family)}" if family else "")

    steps = ["copay", "deductible"] if plan.copay_first else ["deductible", "copay"]
    return [
        ("plan", f"{plan.name}, version {plan.version}, of {plan.insurer}"),
        ("service days", f"{day_text(plan.valid_from)} until {day_text(plan.valid_until)}, not included"),
        ("deductible", f"{bound(plan.deductible, plan.family_deductible)}, in a calendar year"),
        (
            "coinsurance",
            _rates(plan.coinsurance, plan.coinsurance_out, plan.network) + " of what is left is the patient's",
        ),
        (
            "out of pocket",
            f"at most {bound(plan.out_of_pocket_maximum, plan.family_out_of_pocket_maximum)}, in a calendar year",
        ),
        (
            "order",
            f"{steps[0]}, {steps[1]}, coinsurance; the copay counts to the deductible: {_yes(plan.copay_counts)}",
        ),
        ("limits", _limits(plan, amount)),
        ("network", _network(plan)),
        ("waiting", f"{plan.waiting_days} days from the first covered day" if plan.waiting_days else "none"),
        ("filing", f"within {plan.filing_days} days after the service day" if plan.filing_days else "at any time"),
        (
            "review",
            f"above {amount(plan.review_threshold)}, within {plan.review_days} days"
            if plan.review_threshold
            else "none",
        ),
        *(
            [("caps", "what a provider is paid in a period is capped; what is beyond waits for review")]
            if plan.capped
            else []
        ),
        ("appeal", f"within {plan.appeal_days} days after the decision" if plan.appeal_days else "none"),
        ("prices", _counted(plan)),
    ]


def _rates(inside: int, outside: int, network: bool) -> str:
    return f"{percent(inside)}, out of network {percent(outside)}" if network else percent(inside)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _limits(plan: Plan, amount: Callable[[Decimal], str]) -> str:
    named = [(plan.annual_limit, "a calendar year"), (plan.lifetime_limit, "a lifetime")]
    return (
        ", ".join(f"{amount(limit)} in {period}" for limit, period in named if limit) or "none for a member as a whole"
    )


def _network(plan: Plan) -> str:
    if not plan.network:
        return "none: every licensed provider is paid alike"
    outside = "is covered too" if plan.covers_outside else "is not covered"
    return f"providers with a contract, {len(plan.schedules)} with a price list of their own; who has none {outside}"


def _counted(plan: Plan) -> str:
    marks: list[tuple[str, Callable[[PlanPrice], object]]] = [
        ("not covered", lambda price: not price.covered),
        ("with pre-authorisation", lambda price: price.preauthorization),
        ("on referral", lambda price: price.referral),
        ("for some groups only", lambda price: price.groups),
        ("limited in quantity", lambda price: price.limit),
    ]
    found = [f"{n} {words}" for words, has in marks if (n := sum(1 for price in plan.prices if has(price)))]
    return ", ".join([str(len(plan.prices)), *found])


# ---------------------------------------------------------------------------------------------------------- examples


def examples(plan: Plan, decimals: int | None = None) -> list[Example]:
    """What one unit of a service comes to: within the deductible, after it, near the out-of-pocket maximum, out of
    network.

    What a plan has not (a deductible, a maximum that can be reached, a network) has no example.

    Args:
        plan: The plan.
        decimals: Of the token; by default the fewest that hold every amount.

    Raises:
        BadInput: An amount that such a token, or the contract, cannot hold.
    """
    return list(_Examples(plan, decimals_of(plan) if decimals is None else decimals).all())


class _Examples:
    def __init__(self, plan: Plan, decimals: int) -> None:
        self._plan, self._decimals = plan, decimals
        self._terms = term_units(plan, decimals)
        own = Category(plan.coinsurance, plan.coinsurance_out)
        self._categories = [own, *category_units(plan, decimals)]
        self._prices = list(zip(plan.prices, price_units(plan, decimals), strict=True))

    def all(self) -> Iterator[Example]:
        usual = [(entry, price) for entry, price in self._prices if price.covered and price.allowed]
        # A copay that takes all of a price shows nothing: such come last.
        usual.sort(key=lambda pair: pair[1].allowed <= self._categories[pair[1].category].copay)
        bearing = [pair for pair in usual if self._categories[pair[1].category].deductible]
        yield from self._before_the_deductible(bearing)
        sharing = [pair for pair in bearing or usual if self._patient(pair)] or bearing or usual
        if sharing:
            yield from self._after_the_deductible(sharing[0])

    def _before_the_deductible(self, bearing: Sequence[tuple[PlanPrice, Price]]) -> Iterator[Example]:
        deductible = self._terms["deductible"]
        if not deductible or not bearing:
            return
        within = [pair for pair in bearing if pair[1].allowed <= deductible]
        pair = within[0] if within else min(bearing, key=lambda pair: pair[1].allowed)
        title = "within the deductible" if within else "into the deductible"
        yield self._example(title, pair, deductible, self._terms["out_of_pocket_maximum"])

    def _after_the_deductible(self, pair: tuple[PlanPrice, Price]) -> Iterator[Example]:
        maximum = self._terms["out_of_pocket_maximum"]
        title = "after the deductible" if self._terms["deductible"] else "a usual one"
        yield self._example(title, pair, 0, maximum)
        if share := self._patient(pair):
            left = max(1, min(share, maximum) // 2)
            yield self._example(f"{money(left, self._decimals)} from the out-of-pocket maximum", pair, 0, left)
        if self._plan.network and self._plan.covers_outside:
            yield self._example("out of network, after the deductible", pair, 0, maximum, outside=True)

    def _patient(self, pair: tuple[PlanPrice, Price]) -> int:
        """What the patient bears after the deductible."""
        line = self._judged(pair, 0, self._terms["out_of_pocket_maximum"], False)
        return line.copay + line.coinsurance

    def _example(
        self, title: str, pair: tuple[PlanPrice, Price], deductible: int, out_of_pocket: int, outside: bool = False
    ) -> Example:
        return Example(title, pair[0], self._judged(pair, deductible, out_of_pocket, outside), self._decimals)

    def _judged(self, pair: tuple[PlanPrice, Price], deductible: int, out_of_pocket: int, outside: bool) -> LineAnswer:
        price = pair[1]
        category = self._categories[price.category]
        left = Left(
            deductible,
            out_of_pocket,
            self._terms["annual_limit"] or None,
            self._terms["lifetime_limit"] or None,
            category.limit or None,
        )
        # Whoever fulfils what the price asks for, billed a quarter above the list.
        member = Member(groups=AGES | SEXES, referred=True, authorized=1, out_of_network=outside)
        order = Order(self._plan.copay_first, self._plan.copay_counts)
        asked = Asked(units=1, charge=price.allowed + price.allowed // 4)
        return judge_line(asked, price, category, left, member, order)[0]


# ---------------------------------------------------------------------------------------------------------- warnings


def warnings(plan: Plan) -> list[str]:
    """What is allowed and may not be meant, a line each; none of it stops a plan."""
    return [*_about_prices(plan), *_about_lists(plan), *_about_groups(plan), *_about_terms(plan)]


def _about_prices(plan: Plan) -> Iterator[str]:
    endless = [p for p in plan.prices if p.covered and p.allowed and p.limit is None and not p.preauthorization]
    if endless:
        yield (
            f"{_codes(endless)} no quantity limit: the same line under two claim numbers would be paid twice;"
            ' give them a limit, e.g. {"units": 1, "days": 1}'
        )
    if free := [p for p in plan.prices if p.covered and not p.allowed]:
        yield f"{_codes(free)} the price 0: covered, and all of the charge is written off"


def _about_lists(plan: Plan) -> Iterator[str]:
    used = {p.category for p in plan.prices}
    if unused := [category.name for category in plan.categories if category.name not in used]:
        yield f"no price is in the category {_few(unused)}"
    listed = {(p.system, p.code) for p in plan.prices}
    if lost := [s for s in plan.schedules if not listed.issuperset((p.system, p.code) for p in s.prices)]:
        names = _few(s.provider for s in lost)
        yield f"the schedules of {names} price codes that the plan's own list does not have: they are not covered"


def _about_groups(plan: Plan) -> Iterator[str]:
    asked = {name for price in plan.prices for name in price.groups}
    for kind, bits in (("age", AGES), ("sex", SEXES)):
        named = [name for name, bit in plan.groups.items() if bits >> bit & 1]
        if named and not asked & set(named):
            yield f"no price asks for the {kind} groups {_few(named)}"
        if len(named) == 1 and named[0] in asked:
            yield f"{named[0]!r} is the only {kind} group: a member without it is denied what asks for it"


def _about_terms(plan: Plan) -> Iterator[str]:
    if plan.schedules and not plan.network:
        yield "there are schedules and no network: without one they do not count"
    if plan.review_threshold and not plan.review_days:
        yield "claims wait for review, and reviewDays is 0: anybody's call lets the rules decide at once"
    if not plan.appeal_days:
        yield "appealDays is 0: a decision can be appealed, or reversed by the insurer, only on its very second"
    if plan.family_deductible and plan.family_deductible < plan.deductible:
        yield "familyDeductible is below deductible: a member never bears more than the family's"
    outside = any(rate != own for own, rate in _all_rates(plan))
    if outside and not (plan.network and plan.covers_outside):
        yield "there is a coinsurance out of network that never applies: no network, or nothing covered outside it"


def _all_rates(plan: Plan) -> Iterator[tuple[int, int]]:
    yield plan.coinsurance, plan.coinsurance_out
    yield from ((category.coinsurance, category.coinsurance_out) for category in plan.categories)


def _codes(prices: list[PlanPrice]) -> str:
    shown = _few(price.code for price in prices)
    return f"1 code ({shown}) has" if len(prices) == 1 else f"{len(prices)} codes ({shown}) have"


def _few(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
