"""The insurers' plans on chain: the noun ``plans``. The plan file is read by :mod:`salus.planfile`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from .errors import BadInput
from .jsonfile import smallest_units
from .planfile import Plan, PlanPrice, day_number, day_text, load_plan, new_salt
from .signing import address as checked_address

if TYPE_CHECKING:
    from .client import Receipt, Salus

__all__ = ["Membership", "Plan", "PlanPrice", "Plans", "Terms", "day_number", "day_text", "load_plan", "new_salt"]

_PRICES_A_TRANSACTION = 200
_MEMBERS_A_TRANSACTION = 200

#: Told of progress: done so far, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Terms:
    """A plan's terms on chain.

    Args:
        id: The plan's id, 0x-hex.
        insurer: The insurer's account.
        token: The ERC-20 in which everything is counted.
        valid_from: First service day.
        valid_until: First service day no longer judged.
        coinsurance: Basis points.
        deductible: In the token's smallest units.
        out_of_pocket_maximum: In the token's smallest units.
        filing_days: 0 for no limit.
        published_at: Unix seconds, 0 while not published.
    """

    id: str
    insurer: str
    token: str
    valid_from: int
    valid_until: int
    coinsurance: int
    deductible: int
    out_of_pocket_maximum: int
    filing_days: int
    published_at: int


@dataclass(frozen=True)
class Membership:
    """When a member is covered: from the first day on, until the first day no longer; both 0 when never enrolled."""

    from_day: int
    until_day: int


class Plans:
    """The noun ``plans``: register, price, publish, enrol, look."""

    def __init__(self, salus: Salus) -> None:
        self._salus = salus

    def id_of(self, plan: Plan) -> bytes:
        """The id of a plan file on this chain.

        Raises:
            BadInput: The insurer's handle is unknown here.
        """
        return plan.id(self._salus.institutions.resolve(plan.insurer))

    def install(self, plan: Plan, *, token: str, progress: Progress | None = None) -> bytes:
        """Register a plan, add its prices and publish it; takes up where an earlier attempt broke off.

        Args:
            plan: From :func:`load_plan`.
            token: The ERC-20 in which the plan is counted.
            progress: Told how many prices are in.

        Returns:
            The plan's id.

        Raises:
            BadInput: An amount that the token cannot hold.
            Refused: E.g. the signer does not act for the insurer.
        """
        decimals = self._salus.treasury.decimals(token)
        # Before the first transaction: nothing is installed by halves for want of a decimal.
        self._amounts(plan, decimals)
        plan_id = self.id_of(plan)
        terms = self.terms(plan_id)
        if int(terms.insurer, 16) == 0:
            self.register(plan, token=token)
        elif terms.token != checked_address(token):
            raise BadInput(
                plan.source, "token", f"is {token}, but the plan is registered with {terms.token}; use that one"
            )
        if not terms.published_at:
            self.add_prices(plan, decimals=decimals, progress=progress)
            self.publish(plan_id)
        return plan_id

    def register(self, plan: Plan, *, token: str) -> bytes:
        """Register a plan's terms; gives its id."""
        insurer = self._salus.institutions.resolve(plan.insurer)
        deductible, maximum, _ = self._amounts(plan, self._salus.treasury.decimals(token))
        contract = self._salus.contract("Plans")
        self._salus.send(
            contract.functions.register(
                (
                    insurer,
                    plan.valid_from,
                    plan.valid_until,
                    plan.coinsurance,
                    checked_address(token),
                    deductible,
                    maximum,
                    plan.filing_days,
                    plan.document,
                )
            )
        )
        return plan.id(insurer)

    def add_prices(self, plan: Plan, *, decimals: int, progress: Progress | None = None) -> tuple[Receipt, ...]:
        """Add those prices of a plan that are not in yet, 200 a transaction."""
        contract = self._salus.contract("Plans")
        plan_id = self.id_of(plan)
        known = {
            code
            for event in self._salus.logs("Plans", "PricesAdded", {"plan": plan_id})
            for code in event.args["codes"]
        }
        codes = [plan.code(price.system, price.code) for price in plan.prices]
        amounts = self._amounts(plan, decimals)[2]
        rest = [(code, amount) for code, amount in zip(codes, amounts, strict=True) if code not in known]
        receipts = []
        for first in range(0, len(rest), _PRICES_A_TRANSACTION):
            part = rest[first : first + _PRICES_A_TRANSACTION]
            receipts.append(
                self._salus.send(
                    contract.functions.addPrices(plan_id, [code for code, _ in part], [amount for _, amount in part])
                )
            )
            if progress:
                progress(len(codes) - len(rest) + first + len(part), len(codes))
        return tuple(receipts)

    def publish(self, plan_id: bytes) -> Receipt:
        """Seal a plan: terms and prices never change again."""
        return self._salus.send(self._salus.contract("Plans").functions.publish(plan_id))

    def enroll(
        self, plan_id: bytes, members: Sequence[str], *, from_day: int, until_day: int, progress: Progress | None = None
    ) -> tuple[Receipt, ...]:
        """Enrol members, or change until when they are covered.

        Args:
            plan_id: The plan.
            members: The accounts that the patients use for this insurer.
            from_day: First service day covered, days since 1970-01-01.
            until_day: First service day no longer covered.
            progress: Told how many are in.
        """
        accounts = [checked_address(member, "member") for member in members]
        enroll = self._salus.contract("Plans").functions.enroll
        receipts = []
        for first in range(0, len(accounts), _MEMBERS_A_TRANSACTION):
            part = accounts[first : first + _MEMBERS_A_TRANSACTION]
            receipts.append(self._salus.send(enroll(plan_id, part, from_day, until_day)))
            if progress:
                progress(first + len(part), len(accounts))
        return tuple(receipts)

    def terms(self, plan_id: bytes) -> Terms:
        """A plan's terms; the insurer is account 0 when the plan is unknown."""
        functions = self._salus.contract("Plans").functions
        terms = self._salus.call(functions.terms(plan_id))
        return Terms(
            id="0x" + plan_id.hex(),
            insurer=terms.insurer,
            token=terms.token,
            valid_from=terms.validFrom,
            valid_until=terms.validUntil,
            coinsurance=terms.coinsurance,
            deductible=terms.deductible,
            out_of_pocket_maximum=terms.outOfPocketMaximum,
            filing_days=terms.filingDays,
            published_at=self._salus.call(functions.publishedAt(plan_id)),
        )

    def membership(self, plan_id: bytes, member: str) -> Membership:
        """When a member is covered."""
        found = self._salus.call(self._salus.contract("Plans").functions.membership(plan_id, checked_address(member)))
        return Membership(found[0], found[1])

    def _amounts(self, plan: Plan, decimals: int) -> tuple[int, int, list[int]]:
        def units(values: Iterable[tuple[str, Decimal]]) -> list[int]:
            return [smallest_units(value, decimals, source=plan.source, field=name) for name, value in values]

        deductible, maximum = units(
            (("deductible", plan.deductible), ("outOfPocketMaximum", plan.out_of_pocket_maximum))
        )
        return (
            deductible,
            maximum,
            units((f"prices[{n}].allowed", price.allowed) for n, price in enumerate(plan.prices)),
        )
