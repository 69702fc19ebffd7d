"""What the contract keeps of plans beside their prices, as :mod:`salus.plans` tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Authorization", "Cap", "Contract", "Membership", "Referral", "Terms"]


@dataclass(frozen=True)
class Terms:
    """A version's terms on chain; amounts in the token's smallest units, see ``IPlans.Terms``.

    Args:
        id: The version's id, 0x-hex.
        insurer: The insurer's account, 0 when the version is unknown.
        token: The ERC-20 in which everything is counted.
        valid_from: First service day.
        valid_until: First service day no longer judged.
        coinsurance: Basis points.
        coinsurance_out: Basis points, out of network.
        rules: Bit set, see ``IPlans.Terms``.
        in_force_at: Unix seconds from which claims are judged, 0 while not published.
    """

    id: str
    insurer: str
    token: str
    valid_from: int
    valid_until: int
    coinsurance: int
    coinsurance_out: int
    deductible: int
    out_of_pocket_maximum: int
    family_deductible: int
    family_out_of_pocket_maximum: int
    annual_limit: int
    lifetime_limit: int
    waiting_days: int
    filing_days: int
    review_threshold: int
    review_days: int
    appeal_days: int
    rules: int
    in_force_at: int


@dataclass(frozen=True)
class Membership:
    """A member's cover.

    Args:
        member: The account that the patient uses for this insurer.
        from_day: First service day covered.
        until_day: First service day no longer covered; both 0 when never enrolled.
        family: The family's number, 0 for none.
        groups: Bits of the member's age and sex groups.
        next_groups: Bits from ``next_from`` on, unless that is 0.
        secondary: Another payer goes first.
    """

    member: str
    from_day: int
    until_day: int
    family: int = 0
    groups: int = 0
    next_groups: int = 0
    next_from: int = 0
    secondary: bool = False

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IPlans.Membership``."""
        groups = (self.family, self.groups, self.next_groups, self.next_from)
        return (self.from_day, self.until_day, *groups, self.secondary)


@dataclass(frozen=True)
class Contract:
    """A provider's contract: from the first service day until the first after it; its own list's number, 0 for none."""

    from_day: int
    until_day: int
    schedule: int = 0


@dataclass(frozen=True)
class Cap:
    """How much a provider is paid in a period before a person looks.

    Args:
        most: In the token's smallest units, 0 for no cap.
        period: Its length in days, counted from 1970-01-01.
    """

    most: int
    period: int


@dataclass(frozen=True)
class Authorization:
    """A pre-authorisation: units of a code for a member on days; ``serial`` 0 when there is none."""

    from_day: int
    until_day: int
    units: int
    serial: int


@dataclass(frozen=True)
class Referral:
    """Who referred a member, account 0 for nobody, and for which service days."""

    by: str
    from_day: int
    until_day: int
