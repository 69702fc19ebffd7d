"""What goes to the claim desk and what it answers; amounts in the token's smallest units."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

from .fhir.claim import ClaimInput

__all__ = ["Accumulators", "ClaimAnswer", "ClaimRecord", "LineAnswer", "PreparedClaim", "Refusal", "State"]


class State(IntEnum):
    """What a claim is on chain."""

    NONE = 0  # never submitted, or refused
    SETTLED = 1
    OWED = 2


class Refusal(IntEnum):
    """Which gate refused a claim; see IClaimDesk."""

    NONE = 0
    MALFORMED = 1
    DUPLICATE = 2
    UNKNOWN_PLAN = 3
    FUTURE_SERVICE = 4
    OUTSIDE_PLAN = 5
    NOT_ENROLLED = 6
    OUTSIDE_COVER = 7
    FILED_LATE = 8
    NO_CONSENT = 9

    @property
    def words(self) -> str:
        """In words for people."""
        return _WORDS[self]


_WORDS = {
    Refusal.NONE: "not refused",
    Refusal.MALFORMED: "the claim has no lines, too many, a line without units, or too large amounts",
    Refusal.DUPLICATE: "a claim of this provider with this number is already settled or owed",
    Refusal.UNKNOWN_PLAN: "the plan is unknown or not published",
    Refusal.FUTURE_SERVICE: "the service day is in the future",
    Refusal.OUTSIDE_PLAN: "the plan does not judge that service day",
    Refusal.NOT_ENROLLED: "the patient is not enrolled in the plan",
    Refusal.OUTSIDE_COVER: "the patient was not covered on that service day",
    Refusal.FILED_LATE: "the filing limit has passed",
    Refusal.NO_CONSENT: "the patient does not permit the insurer to use the claim for payment",
}


@dataclass(frozen=True)
class PreparedClaim:
    """A claim as it goes on chain.

    Args:
        input: The claim as read.
        plan: The plan's id.
        patient: The patient's account for this insurer.
        provider: The institution that is paid.
        number: Commitment to the claim's number.
        lines: (salted code, units, charge in the token's smallest units) of each line.
        decimals: The token's.
    """

    input: ClaimInput
    plan: bytes
    patient: str
    provider: str
    number: bytes
    lines: tuple[tuple[bytes, int, int], ...]
    decimals: int

    @property
    def id(self) -> bytes:
        """The claim's id on chain."""
        from eth_abi.abi import encode
        from eth_utils.crypto import keccak

        kind = keccak(text="salus.claim")
        return keccak(encode(["bytes32", "address", "bytes32"], [kind, self.provider, self.number]))

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IClaimDesk.Claim``."""
        return self.plan, self.patient, self.provider, self.number, self.input.service_day, list(self.lines)


@dataclass(frozen=True)
class LineAnswer:
    """How a line was judged; amounts in the token's smallest units.

    Args:
        sequence: The line's number in the claim.
        charge: Billed.
        allowed: Of that, allowed by the price list.
        deductible: Of that, the patient's by the deductible.
        coinsurance: Of the rest, the patient's by the coinsurance.
        paid: Of the rest, the plan's: all of it.
        carc: 204 when the line is not covered, else 0.
    """

    sequence: int
    charge: int
    allowed: int
    deductible: int
    coinsurance: int
    paid: int
    carc: int

    @property
    def patient(self) -> int:
        """The patient's share: deductible and coinsurance, or all of a line that is not covered."""
        return self.charge if self.carc else self.deductible + self.coinsurance

    @property
    def written_off(self) -> int:
        """The provider's share: what was billed above the allowed amount."""
        return 0 if self.carc else self.charge - self.allowed


@dataclass(frozen=True)
class ClaimAnswer:
    """How a claim was answered; amounts in the token's smallest units.

    Args:
        input: The claim as read.
        id: Its id on chain, 0x-hex.
        plan: The plan's id, 0x-hex.
        patient: The patient's account.
        provider: The institution that is paid.
        state: What the claim is now; ``NONE`` when refused, and for an estimate.
        refusal: The gate that refused it, else ``NONE``.
        carc: The refusal's code, else 0.
        lines: One a line; none when refused.
        decimals: The token's.
        decided_at: Unix seconds.
        transaction: Its hash, empty for an estimate.
        held: The token refused to pay the provider, which may collect the amount.
    """

    input: ClaimInput
    id: str
    plan: str
    patient: str
    provider: str
    state: State
    refusal: Refusal
    carc: int
    lines: tuple[LineAnswer, ...]
    decimals: int
    decided_at: int
    transaction: str = ""
    held: bool = False

    @property
    def paid(self) -> int:
        """Due to the provider: paid when settled, waiting when owed."""
        return sum(line.paid for line in self.lines)

    @property
    def charge(self) -> int:
        """Billed."""
        return sum(line.charge for line in self.lines)

    @property
    def allowed(self) -> int:
        """Allowed by the price list."""
        return sum(line.allowed for line in self.lines)

    @property
    def deductible(self) -> int:
        """The patient's by the deductible."""
        return sum(line.deductible for line in self.lines)

    @property
    def coinsurance(self) -> int:
        """The patient's by the coinsurance."""
        return sum(line.coinsurance for line in self.lines)

    @property
    def patient_share(self) -> int:
        """The patient's altogether."""
        return sum(line.patient for line in self.lines)

    def money(self, units: int) -> Decimal:
        """An amount of this answer in the currency, exact, with at least two decimals."""
        amount = Decimal(units).scaleb(-self.decimals)
        text = format(amount, "f")
        whole, _, fraction = text.partition(".")
        return Decimal(f"{whole}.{fraction.rstrip('0').ljust(2, '0')}")


@dataclass(frozen=True)
class ClaimRecord:
    """What the chain keeps of a claim.

    Args:
        id: 0x-hex.
        state: ``NONE`` when it was never submitted, or refused.
        decided_at: Unix seconds.
        paid: Paid when settled, waiting when owed; in the token's smallest units.
        insurer: Who owes.
        token: In which ERC-20.
        payee: Who is paid.
    """

    id: str
    state: State
    decided_at: int
    paid: int
    insurer: str
    token: str
    payee: str


@dataclass(frozen=True)
class Accumulators:
    """What a member has paid in a benefit year, in the token's smallest units."""

    deductible: int
    out_of_pocket: int
