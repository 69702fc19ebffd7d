"""Plans, claims and the insurers' money: what their storage must be after what was heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from salus.index.expected_state.base import NOBODY, Expected, Hearer, fields

__all__ = ["Desk", "Money", "Terms"]

# The states of a claim, and the flag of a decision that a review denied it.
_SETTLED, _OWED, _PENDED, _DENIED, _WITHDRAWN, _REVERSED, _ARBITRATED = range(1, 8)
_DENIED_BY_REVIEW = 2
# The first refusal that a plan speaks; those before are the desk's own and say nothing of a claim under review.
_UNKNOWN_PLAN = 5


class Terms(Hearer):
    """Of ``Plans``."""

    CONTRACTS = ("Plans",)

    def __init__(self) -> None:
        self.plans: dict[bytes, dict[str, Any]] = {}
        self.force: dict[bytes, int] = defaultdict(int)
        self.categories: dict[bytes, list[Any]] = defaultdict(list)
        self.prices: dict[tuple[bytes, int, bytes], int] = {}
        self.of_series: dict[bytes, list[bytes]] = defaultdict(list)
        # By the view that tells them: what the series knows of a member or a provider.
        self.series: dict[str, dict[tuple[Any, ...], Any]] = defaultdict(dict)
        self.caps: dict[tuple[bytes, str], dict[str, int]] = {}

    def on_PlanRegistered(self, a: Any, at: int) -> None:
        self.plans[a["plan"]] = fields(a["terms"], "document")
        self.of_series[_series(a["plan"])].append(a["plan"])

    def on_CategoriesAdded(self, a: Any, at: int) -> None:
        self.categories[a["plan"]] += a["categories"]

    def on_PricesAdded(self, a: Any, at: int) -> None:
        for code, price in zip(a["codes"], a["prices"], strict=True):
            self.prices[a["plan"], a["schedule"], code] = price

    def on_PlanPublished(self, a: Any, at: int) -> None:
        self.force[a["plan"]] = a["inForceAt"]

    def on_MemberEnrolled(self, a: Any, at: int) -> None:
        self.series["membership"][a["series"], a["member"]] = a["membership"]

    def on_ProviderContracted(self, a: Any, at: int) -> None:
        self.series["contractOf"][a["series"], a["provider"]] = a["terms"]

    def on_ProviderCapped(self, a: Any, at: int) -> None:
        self.caps[a["series"], a["provider"]] = fields(a["cap"])

    def on_Authorized(self, a: Any, at: int) -> None:
        self.series["authorization"][a["series"], a["member"], a["code"]] = a["authorization"]

    def on_Referred(self, a: Any, at: int) -> None:
        self.series["referral"][a["series"], a["member"], a["to"]] = a["referral"]

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for plan, terms in self.plans.items():
            yield Expected("terms", (plan,), terms)
            yield Expected("inForceAt", (plan,), self.force[plan])
            yield Expected("versions", (plan,), len(self.of_series[_series(plan)]))
            for number, category in enumerate(self.categories[plan], 1):
                yield Expected("category", (plan, number), fields(category))
        for key, price in self.prices.items():
            yield Expected("price", key, _price(price))
        for view, entries in self.series.items():
            for (series, *rest), entry in entries.items():
                # Any version asks for its series.
                yield Expected(view, (self.of_series[series][0], *rest), fields(entry))
        for (series, provider), cap in self.caps.items():
            # Who has none of its own has everyone's.
            holds = cap if cap["most"] else self.caps.get((series, NOBODY), cap)
            yield Expected("capOf", (self.of_series[series][0], provider), holds)


def _series(plan: bytes) -> bytes:
    return plan[:28] + bytes(4)


def _price(word: int) -> dict[str, int]:
    """A packed price, see ``IPlans.addPrices``."""
    places = {"allowed": (176, 80), "category": (168, 8), "flags": (160, 8)}
    places |= {"groups": (144, 16), "limit": (128, 16), "period": (112, 16)}
    return {name: word >> shift & (1 << bits) - 1 for name, (shift, bits) in places.items()}


class Desk(Hearer):
    """Of ``ClaimDesk``; whether a claim is still owed, the treasury's events tell."""

    CONTRACTS = ("ClaimDesk", "Treasury")

    def __init__(self) -> None:
        self.claims: dict[bytes, dict[str, Any]] = {}

    def _set(self, id: bytes, state: int, at: int, review: int = 0) -> None:
        self.claims[id] = {"state": state, "at": at, "reviewBy": review, "appealed": False}

    def on_ClaimDecided(self, a: Any, at: int) -> None:
        self._set(a["id"], _DENIED if a["circumstances"] & _DENIED_BY_REVIEW else _SETTLED, at)

    def on_ClaimRefused(self, a: Any, at: int) -> None:
        known = self.claims.get(a["id"])
        if known is not None and known["state"] == _PENDED and a["refusal"] >= _UNKNOWN_PLAN:
            self._set(a["id"], _WITHDRAWN, at)

    def on_ClaimOwed(self, a: Any, at: int) -> None:
        if self.claims[a["id"]]["state"] == _SETTLED:
            self.claims[a["id"]]["state"] = _OWED

    def on_ClaimPended(self, a: Any, at: int) -> None:
        self._set(a["id"], _PENDED, at, a["reviewBy"])

    def on_ClaimWithdrawn(self, a: Any, at: int) -> None:
        self._set(a["id"], _WITHDRAWN, at)

    def on_ClaimReversed(self, a: Any, at: int) -> None:
        self.claims[a["id"]] |= {"state": _REVERSED, "at": at}

    def on_ClaimAppealed(self, a: Any, at: int) -> None:
        self.claims[a["id"]]["appealed"] = True

    def on_ClaimArbitrated(self, a: Any, at: int) -> None:
        self._set(a["id"], _ARBITRATED, at)

    def on_DebtSettled(self, a: Any, at: int) -> None:
        known = self.claims.get(a["ref"])
        if known is not None and known["state"] == _OWED:
            known["state"] = _SETTLED

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for id, claim in self.claims.items():
            yield Expected("claim", (id,), claim)


class Money(Hearer):
    """Of ``Treasury``."""

    CONTRACTS = ("Treasury",)

    def __init__(self) -> None:
        # By desk, insurer and token.
        self.pools: dict[tuple[str, str, str], dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(("balance", "exiting", "exitFrom", "reserved", "owed", "waiting", "haltedUntil"), 0)
        )
        self.debts: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.set_offs: dict[tuple[Any, ...], int] = defaultdict(int)
        self.held: dict[tuple[str, str], int] = defaultdict(int)

    def _move(self, a: Any, **changes: int) -> None:
        pool = self.pools[_pool(a)]
        for name, change in changes.items():
            pool[name] += change

    def on_PoolFunded(self, a: Any, at: int) -> None:
        self._move(a, balance=a["amount"])

    def on_PoolHalted(self, a: Any, at: int) -> None:
        self.pools[_pool(a)]["haltedUntil"] = a["until"]

    def on_ExitAnnounced(self, a: Any, at: int) -> None:
        self.pools[_pool(a)] |= {"exiting": a["amount"], "exitFrom": a["exitFrom"]}

    def on_PoolExited(self, a: Any, at: int) -> None:
        self._move(a, balance=-a["amount"])
        self.pools[_pool(a)] |= {"exiting": 0, "exitFrom": 0}

    def on_Paid(self, a: Any, at: int) -> None:
        self._move(a, balance=-a["amount"])
        if a["held"]:
            self.held[a["payee"], a["token"]] += a["amount"]

    def on_Collected(self, a: Any, at: int) -> None:
        self.held[a["payee"], a["token"]] -= a["amount"]

    def on_Reserved(self, a: Any, at: int) -> None:
        self._move(a, balance=-a["amount"], reserved=a["amount"])

    def on_Released(self, a: Any, at: int) -> None:
        self._move(a, balance=a["amount"], reserved=-a["amount"])

    def on_DebtAdded(self, a: Any, at: int) -> None:
        self._move(a, owed=a["amount"], waiting=1)
        self.debts[(*_pool(a), a["position"])] = {"payee": a["payee"], "amount": a["amount"], "ref": a["ref"]}

    def on_DebtSettled(self, a: Any, at: int) -> None:
        debt = self.debts[(*_pool(a), a["position"])]
        self._move(a, owed=-debt["amount"], waiting=-1)
        debt["amount"] = 0

    def on_SetOffAdded(self, a: Any, at: int) -> None:
        self.set_offs[(*_pool(a), a["payee"])] += a["amount"]

    def on_SetOffTaken(self, a: Any, at: int) -> None:
        self.set_offs[(*_pool(a), a["payee"])] -= a["amount"]
        if a["repaid"]:
            self._move(a, balance=a["amount"])

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for key, pool in self.pools.items():
            yield Expected("pool", key, pool)
        for place, debt in self.debts.items():
            # Of one that is no more only that it is no more.
            yield Expected("debt", place, debt if debt["amount"] else {"amount": 0})
        for place, amount in self.set_offs.items():
            yield Expected("setOffOf", place, amount)
        for pair, amount in self.held.items():
            yield Expected("held", pair, amount)


def _pool(a: Any) -> tuple[str, str, str]:
    return a["desk"], a["insurer"], a["token"]
