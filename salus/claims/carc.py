"""Claim adjustment reason codes (CARC, X12) and group codes, in our own words.

The codes are those that plans and gates give, and some that reviewers and arbiters commonly choose. X12 keeps the full
list and its wording; what stands here says what each means in Salus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["CARCS", "GROUPS", "Adjustment", "carc_words"]

#: Why a part of a charge is not paid, or not by this plan.
CARCS: Mapping[int, str] = MappingProxyType(
    {
        1: "the patient's deductible",
        2: "the patient's coinsurance",
        3: "the patient's copay",
        4: "the modifier does not fit the procedure",
        5: "the place does not fit the procedure",
        6: "not covered at the patient's age",
        7: "not covered for the patient's sex",
        8: "not covered from this type of provider",
        11: "the diagnosis does not fit the procedure",
        16: "incomplete, malformed, or not attested by the provider",
        18: "the same was submitted before",
        22: "another payer goes first, and its answer is missing",
        23: "paid by another payer",
        26: "before the cover or the plan began",
        27: "after the cover or the plan ended",
        29: "submitted after the filing limit",
        31: "the patient is not known as a member of the plan",
        35: "beyond the lifetime limit",
        39: "the pre-authorisation was denied",
        45: "above the price that the plan allows",
        50: "not medically necessary",
        55: "experimental",
        96: "named as not covered",
        97: "included in another service that was paid",
        109: "another payer is responsible",
        110: "the service day is in the future",
        119: "beyond the limit of the benefit period",
        136: "not covered by the rules of the payer that goes first",
        138: "the appeal came too late or failed",
        146: "the diagnosis is invalid",
        147: "no price was agreed with this provider",
        150: "the record does not support this level of service",
        151: "the record does not support this many services",
        179: "within the waiting period",
        185: "the provider is not licensed for it",
        197: "no pre-authorisation",
        198: "beyond the pre-authorised units",
        204: "not in the plan's price list",
        227: "the patient does not permit it",
        242: "out of network, where the plan covers nothing",
        252: "a document is missing",
        288: "no referral",
    }
)

#: Who bears an adjustment.
GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "CO": "the provider, by contract",
        "PR": "the patient",
        "OA": "another payer",
        "PI": "the payer's own reduction",
        "CR": "a correction or reversal",
    }
)


@dataclass(frozen=True)
class Adjustment:
    """A part of a charge that this plan does not pay.

    Attributes:
        group: Who bears it, see :data:`GROUPS`.
        carc: Why, see :data:`CARCS`.
        amount: In the token's smallest units.
    """

    group: str
    carc: int
    amount: int


def carc_words(carc: int) -> str:
    """What a code means; of one that is not listed here, where to look."""
    return CARCS.get(carc, f"reason {carc} of X12's list")
