"""Plans, claims and the insurers' money: what their storage must be after the events so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from salus.index.expected_state.base import NO_ACCOUNT, Args, EventHandler, Expected, fields

__all__ = ["ClaimDeskState", "PlansState", "TreasuryState"]

# The states of a claim, and the flag of a decision that a review denied it.
_SETTLED, _OWED, _PENDED, _DENIED, _WITHDRAWN, _REVERSED, _ARBITRATED = range(1, 8)
_DENIED_BY_REVIEW = 2
# The first refusal that a plan speaks; those before are the desk's own and say nothing of a claim under review.
_UNKNOWN_PLAN = 5


class PlansState(EventHandler):
    """The state of ``Plans``."""

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

    def on_PlanRegistered(self, args: Args, at: int) -> None:
        self.plans[args["plan"]] = fields(args["terms"], "document")
        self.of_series[_series(args["plan"])].append(args["plan"])

    def on_CategoriesAdded(self, args: Args, at: int) -> None:
        self.categories[args["plan"]] += args["categories"]

    def on_PricesAdded(self, args: Args, at: int) -> None:
        for code, price in zip(args["codes"], args["prices"], strict=True):
            self.prices[args["plan"], args["schedule"], code] = price

    def on_PlanPublished(self, args: Args, at: int) -> None:
        self.force[args["plan"]] = args["inForceAt"]

    def on_MemberEnrolled(self, args: Args, at: int) -> None:
        self.series["membership"][args["series"], args["member"]] = args["membership"]

    def on_ProviderContracted(self, args: Args, at: int) -> None:
        self.series["contractOf"][args["series"], args["provider"]] = args["terms"]

    def on_ProviderCapped(self, args: Args, at: int) -> None:
        self.caps[args["series"], args["provider"]] = fields(args["cap"])

    def on_Authorized(self, args: Args, at: int) -> None:
        self.series["authorization"][args["series"], args["member"], args["code"]] = args["authorization"]

    def on_Referred(self, args: Args, at: int) -> None:
        self.series["referral"][args["series"], args["member"], args["to"]] = args["referral"]

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
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
            holds = cap if cap["most"] else self.caps.get((series, NO_ACCOUNT), cap)
            yield Expected("capOf", (self.of_series[series][0], provider), holds)


def _series(plan: bytes) -> bytes:
    return plan[:28] + bytes(4)


def _price(word: int) -> dict[str, int]:
    """A packed price, see ``IPlans.addPrices``."""
    places = {"allowed": (176, 80), "category": (168, 8), "flags": (160, 8)}
    places |= {"groups": (144, 16), "limit": (128, 16), "period": (112, 16)}
    return {name: word >> shift & (1 << bits) - 1 for name, (shift, bits) in places.items()}


class ClaimDeskState(EventHandler):
    """The state of ``ClaimDesk``; the treasury's events tell whether a claim is still owed."""

    CONTRACTS = ("ClaimDesk", "Treasury")

    def __init__(self) -> None:
        self.claims: dict[bytes, dict[str, Any]] = {}

    def _set(self, id: bytes, state: int, at: int, review: int = 0) -> None:
        self.claims[id] = {"state": state, "at": at, "reviewBy": review, "appealed": False}

    def on_ClaimDecided(self, args: Args, at: int) -> None:
        self._set(args["id"], _DENIED if args["circumstances"] & _DENIED_BY_REVIEW else _SETTLED, at)

    def on_ClaimRefused(self, args: Args, at: int) -> None:
        known = self.claims.get(args["id"])
        if known is not None and known["state"] == _PENDED and args["refusal"] >= _UNKNOWN_PLAN:
            self._set(args["id"], _WITHDRAWN, at)

    def on_ClaimOwed(self, args: Args, at: int) -> None:
        if self.claims[args["id"]]["state"] == _SETTLED:
            self.claims[args["id"]]["state"] = _OWED

    def on_ClaimPended(self, args: Args, at: int) -> None:
        self._set(args["id"], _PENDED, at, args["reviewBy"])

    def on_ClaimWithdrawn(self, args: Args, at: int) -> None:
        self._set(args["id"], _WITHDRAWN, at)

    def on_ClaimReversed(self, args: Args, at: int) -> None:
        self.claims[args["id"]] |= {"state": _REVERSED, "at": at}

    def on_ClaimAppealed(self, args: Args, at: int) -> None:
        self.claims[args["id"]]["appealed"] = True

    def on_ClaimArbitrated(self, args: Args, at: int) -> None:
        self._set(args["id"], _ARBITRATED, at)

    def on_DebtSettled(self, args: Args, at: int) -> None:
        known = self.claims.get(args["ref"])
        if known is not None and known["state"] == _OWED:
            known["state"] = _SETTLED

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for id, claim in self.claims.items():
            yield Expected("claim", (id,), claim)


class TreasuryState(EventHandler):
    """The state of ``Treasury``."""

    CONTRACTS = ("Treasury",)

    def __init__(self) -> None:
        # By desk, insurer and token.
        self.pools: dict[tuple[str, str, str], dict[str, int]] = defaultdict(
            lambda: dict.fromkeys(("balance", "exiting", "exitFrom", "reserved", "owed", "waiting", "haltedUntil"), 0)
        )
        self.debts: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.set_offs: dict[tuple[Any, ...], int] = defaultdict(int)
        self.held: dict[tuple[str, str], int] = defaultdict(int)

    def _move(self, args: Args, **changes: int) -> None:
        pool = self.pools[_pool(args)]
        for name, change in changes.items():
            pool[name] += change

    def on_PoolFunded(self, args: Args, at: int) -> None:
        self._move(args, balance=args["amount"])

    def on_PoolHalted(self, args: Args, at: int) -> None:
        self.pools[_pool(args)]["haltedUntil"] = args["until"]

    def on_ExitAnnounced(self, args: Args, at: int) -> None:
        self.pools[_pool(args)] |= {"exiting": args["amount"], "exitFrom": args["exitFrom"]}

    def on_PoolExited(self, args: Args, at: int) -> None:
        self._move(args, balance=-args["amount"])
        self.pools[_pool(args)] |= {"exiting": 0, "exitFrom": 0}

    def on_Paid(self, args: Args, at: int) -> None:
        self._move(args, balance=-args["amount"])
        if args["held"]:
            self.held[args["payee"], args["token"]] += args["amount"]

    def on_Collected(self, args: Args, at: int) -> None:
        self.held[args["payee"], args["token"]] -= args["amount"]

    def on_Reserved(self, args: Args, at: int) -> None:
        self._move(args, balance=-args["amount"], reserved=args["amount"])

    def on_Released(self, args: Args, at: int) -> None:
        self._move(args, balance=args["amount"], reserved=-args["amount"])

    def on_DebtAdded(self, args: Args, at: int) -> None:
        self._move(args, owed=args["amount"], waiting=1)
        self.debts[(*_pool(args), args["position"])] = {
            "payee": args["payee"],
            "amount": args["amount"],
            "ref": args["ref"],
        }

    def on_DebtSettled(self, args: Args, at: int) -> None:
        debt = self.debts[(*_pool(args), args["position"])]
        self._move(args, owed=-debt["amount"], waiting=-1)
        debt["amount"] = 0

    def on_SetOffAdded(self, args: Args, at: int) -> None:
        self.set_offs[(*_pool(args), args["payee"])] += args["amount"]

    def on_SetOffTaken(self, args: Args, at: int) -> None:
        self.set_offs[(*_pool(args), args["payee"])] -= args["amount"]
        if args["repaid"]:
            self._move(args, balance=args["amount"])

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for key, pool in self.pools.items():
            yield Expected("pool", key, pool)
        for place, debt in self.debts.items():
            # Of one that is no more only that it is no more.
            yield Expected("debt", place, debt if debt["amount"] else {"amount": 0})
        for place, amount in self.set_offs.items():
            yield Expected("setOffOf", place, amount)
        for pair, amount in self.held.items():
            yield Expected("held", pair, amount)


def _pool(args: Args) -> tuple[str, str, str]:
    return args["desk"], args["insurer"], args["token"]
