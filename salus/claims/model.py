"""What goes to the claim desk and what it answers; amounts in the token's smallest units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from functools import cached_property
from typing import Any

from salus.abi.hashing import keccak
from salus.claims.carc import Adjustment
from salus.claims.input import ClaimInput

__all__ = [
    "Circumstances",
    "ClaimAnswer",
    "ClaimRecord",
    "Decided",
    "LineAnswer",
    "Pended",
    "PreparedClaim",
    "Refusal",
    "State",
    "claim_id",
    "money",
    "unpack_line",
    "unpack_lines",
]

_80 = (1 << 80) - 1


class State(IntEnum):
    """What a claim is on chain; see IClaimDesk."""

    NONE = 0  # never submitted, or refused
    SETTLED = 1
    OWED = 2
    PENDED = 3
    DENIED = 4
    WITHDRAWN = 5  # or refused when it was to be decided
    REVERSED = 6
    ARBITRATED = 7

    @property
    def words(self) -> str:
        """In words for people."""
        return (
            "never submitted, or refused: it may be submitted",
            "settled",
            "owed: the pool was short, it is paid oldest first once the pool is funded",
            "waits for the insurer's review",
            "denied by the insurer's review",
            "withdrawn by the provider, or refused when it was to be decided: its number is free",
            "reversed: what it used up is given back",
            "decided on appeal",
        )[self]


class Refusal(IntEnum):
    """Which gate refused a claim; see IPlans."""

    NONE = 0
    MALFORMED = 1
    DUPLICATE = 2
    NOT_ATTESTED = 3
    NOT_LICENSED = 4
    UNKNOWN_PLAN = 5
    FUTURE_SERVICE = 6
    OUTSIDE_PLAN = 7
    NOT_ENROLLED = 8
    OUTSIDE_COVER = 9
    WAITING = 10
    FILED_LATE = 11
    OUT_OF_NETWORK = 12
    NOT_COORDINATED = 13
    NO_CONSENT = 14

    @property
    def words(self) -> str:
        """In words for people."""
        return _WORDS[self]


_WORDS = {
    Refusal.NONE: "not refused",
    Refusal.MALFORMED: "the claim has no lines, too many, or a line without units",
    Refusal.DUPLICATE: "a claim of this provider with this number is there already",
    Refusal.NOT_ATTESTED: "neither sent nor signed by somebody who acts for the provider",
    Refusal.NOT_LICENSED: "the provider is not licensed now",
    Refusal.UNKNOWN_PLAN: "the plan is unknown, or not in force yet",
    Refusal.FUTURE_SERVICE: "the service day is in the future",
    Refusal.OUTSIDE_PLAN: "this version of the plan does not judge that service day",
    Refusal.NOT_ENROLLED: "the patient is not enrolled in the plan",
    Refusal.OUTSIDE_COVER: "the patient was not covered on that service day",
    Refusal.WAITING: "the service day is within the patient's waiting period",
    Refusal.FILED_LATE: "the filing limit has passed",
    Refusal.OUT_OF_NETWORK: "the provider has no contract with the plan, which covers nothing without",
    Refusal.NOT_COORDINATED: "another payer goes first, and the claim does not say what it answered",
    Refusal.NO_CONSENT: "the patient does not permit the insurer to use the claim for payment",
}


def money(units: int, decimals: int) -> Decimal:
    """An amount in the currency, exact, with at least two decimals."""
    whole, _, fraction = format(Decimal(units).scaleb(-decimals), "f").partition(".")
    return Decimal(f"{whole}.{fraction.rstrip('0').ljust(2, '0')}")


# --------------------------------------------------------------------------------------------------------------- lines


@dataclass(frozen=True)
class LineAnswer:
    """How a line was judged; see IAdjudication.

    Args:
        sequence: The line's number in the claim.
        code: The salted code, 0x-hex.
        units: Accepted.
        charge: Billed; all that follows are parts of it.
        denied: With ``carc``, 0 when nothing is.
        allowed: The sum of the amounts from ``deductible`` on, without ``counted``.
        deductible, copay, coinsurance: The patient's.
        counted: Part of the copay that counted to the deductible.
        limited: The patient's, beyond a limit of the plan, with ``limit_carc``.
        prior: Another payer's.
        paid: The plan's.
        authorization: Lowest 8 bits of the number of the pre-authorisation that was used up, 0 when none.
        out_of_network: What is denied and written off is then the patient's.
    """

    sequence: int
    code: str
    units: int
    charge: int
    denied: int
    carc: int
    allowed: int
    deductible: int
    copay: int
    counted: int
    coinsurance: int
    limited: int
    limit_carc: int
    prior: int
    paid: int
    authorization: int = 0
    out_of_network: bool = False

    @property
    def written_off(self) -> int:
        """Billed above the allowed amount."""
        return self.charge - self.denied - self.allowed

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What is not paid by the plan, by whom it is borne and why; with ``paid`` it sums to the charge."""
        outside = "PR" if self.out_of_network else "CO"
        every = (
            Adjustment(outside, self.carc, self.denied),
            Adjustment(outside, 45, self.written_off),
            Adjustment("PR", 1, self.deductible),
            Adjustment("PR", 2, self.coinsurance),
            Adjustment("PR", 3, self.copay),
            Adjustment("PR", self.limit_carc, self.limited),
            Adjustment("OA", 23, self.prior),
        )
        return tuple(adjustment for adjustment in every if adjustment.amount)

    @property
    def patient(self) -> int:
        """The patient's share."""
        return sum(a.amount for a in self.adjustments if a.group == "PR")


def unpack_line(packed: Any, sequence: int, *, out_of_network: bool = False) -> LineAnswer:
    """A line's result from its four words; see ``IAdjudication.PackedLine``.

    Args:
        packed: (code, judged, shares, payment).
        sequence: The line's number in the claim.
        out_of_network: How the claim was judged.
    """
    code, judged, shares, payment = packed
    deductible, copay, coinsurance = shares >> 176, shares >> 96 & _80, shares >> 16 & _80
    limited, prior, paid = payment >> 176, payment >> 96 & _80, payment >> 16 & _80
    return LineAnswer(
        sequence=sequence,
        code="0x" + bytes(code).hex(),
        units=payment & 0xFFFF,
        charge=judged >> 176,
        denied=judged >> 96 & _80,
        carc=judged & 0xFFFF,
        allowed=deductible + copay + coinsurance + limited + prior + paid,
        deductible=deductible,
        copay=copay,
        counted=judged >> 16 & _80,
        coinsurance=coinsurance,
        limited=limited,
        limit_carc=shares >> 8 & 0xFF,
        prior=prior,
        paid=paid,
        authorization=shares & 0xFF,
        out_of_network=out_of_network,
    )


# -------------------------------------------------------------------------------------------------------------- claims


@dataclass(frozen=True)
class PreparedClaim:
    """A claim as it goes on chain.

    Args:
        input: The claim as read.
        plan: The plan's id.
        patient: The patient's account for this insurer.
        provider: The institution that is paid.
        number: Commitment to the claim's number.
        lines: (salted code, units, charge, another payer's payment) of each line, in the token's smallest units.
        decimals: The token's.
        primary: Commitment to the answer of the payer that goes first, zeros when there is none.
    """

    input: ClaimInput
    plan: bytes
    patient: str
    provider: str
    number: bytes
    lines: tuple[tuple[bytes, int, int, int], ...]
    decimals: int
    primary: bytes = bytes(32)

    @cached_property
    def id(self) -> bytes:
        """The claim's id on chain."""
        return claim_id(self.provider, self.number)

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IAdjudication.Claim``."""
        return (
            self.plan,
            self.patient,
            self.provider,
            self.number,
            self.input.service_day,
            self.primary,
            list(self.lines),
        )


def claim_id(provider: str, number: bytes) -> bytes:
    """The id of a provider's claim number, as ``IClaimDesk.idOf`` gives it."""
    return keccak(keccak(text="salus.claim") + bytes.fromhex(provider[2:]).rjust(32, b"\0") + number)


class _Amounts:
    """The sums over the lines."""

    lines: tuple[LineAnswer, ...]
    decimals: int

    def total(self, name: str) -> int:
        """The sum of an amount of the lines, e.g. ``paid``."""
        return sum(getattr(line, name) for line in self.lines)

    @property
    def paid(self) -> int:
        """Due to the provider: paid when settled, waiting when owed, reserved or not while pended."""
        return self.total("paid")

    @property
    def charge(self) -> int:
        """Billed."""
        return self.total("charge")

    @property
    def allowed(self) -> int:
        """Allowed by the price list, of the units that were accepted."""
        return self.total("allowed")

    @property
    def patient_share(self) -> int:
        """The patient's altogether."""
        return self.total("patient")

    def money(self, units: int) -> Decimal:
        """An amount of this answer in the currency, exact, with at least two decimals."""
        return money(units, self.decimals)


@dataclass(frozen=True)
class ClaimAnswer(_Amounts):
    """How a claim was answered.

    Args:
        input: The claim as read.
        id: Its id on chain, 0x-hex.
        plan: The plan's id, 0x-hex.
        patient: The patient's account.
        provider: The institution that is paid.
        state: What the claim is now; ``NONE`` when refused. Of an estimate what it would be.
        refusal: The gate that refused it, else ``NONE``.
        carc: The refusal's code, else 0.
        lines: One a line; none when refused, or pended (an estimate has them even then).
        decimals: The token's.
        decided_at: Unix seconds.
        transaction: Its hash, empty for an estimate.
        held: The token refused to pay the provider, which may collect the amount.
        out_of_network: Judged so.
        review_by: Last second of the review of a pended claim, else 0.
        earlier: It was answered before, by ``transaction``, and not submitted again.
        due: What would have been paid for a claim when it was pended, else 0.
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
    out_of_network: bool = False
    review_by: int = 0
    earlier: bool = False
    due: int = 0

    @property
    def outcome(self) -> str:
        """One word: ``paid``, ``partly paid``, ``denied``, ``refused``, ``owed``, ``pended`` … or that nothing was
        due.
        """
        if self.refusal:
            return "refused"
        if self.state is not State.SETTLED:
            return self.state.name.lower()
        if self.total("denied") == self.charge and self.charge:
            return "denied"
        if not self.paid:
            return "nothing due"
        return "paid" if self.paid == self.allowed and not self.total("denied") else "partly paid"


@dataclass(frozen=True)
class ClaimRecord:
    """Where a claim stands.

    Args:
        id: 0x-hex.
        state: ``NONE`` when it was never submitted, or refused; ``OWED`` until its debt is paid.
        at: Unix seconds of the last change, 0 when there was none.
        review_by: Last second of the review, 0 when none is open.
        appealed: An appeal waits for the arbiter.
    """

    id: str
    state: State
    at: int
    review_by: int
    appealed: bool


@dataclass(frozen=True)
class Circumstances:
    """What else decided a claim.

    Args:
        service_day: Days since 1970-01-01.
        family: The member's family at judgement, 0 for none.
        out_of_network: Judged so.
        denied: By review.
    """

    service_day: int
    family: int
    out_of_network: bool
    denied: bool

    @classmethod
    def of(cls, word: int) -> Circumstances:
        """From the word that the chain holds; see ``IClaimDesk.Decided``."""
        return cls(word >> 72, word >> 8 & (1 << 64) - 1, bool(word & 1), bool(word & 2))


@dataclass(frozen=True)
class Decided(_Amounts):
    """A decided claim, as the chain's own event tells it: what ``reverse``, ``appeal`` and ``arbitrate`` want to hear.

    Args:
        id: 0x-hex.
        plan, patient, provider: As on chain.
        circumstances: Service day, family and flags in one word, see :class:`Circumstances`.
        packed: (code, judged, shares, payment) of each line.
        decimals: The token's.
        block: The block of the decision.
        transaction: Its hash.
    """

    id: str
    plan: bytes
    patient: str
    provider: str
    circumstances: int
    packed: tuple[tuple[bytes, int, int, int], ...]
    decimals: int
    block: int
    transaction: str

    @property
    def lines(self) -> tuple[LineAnswer, ...]:  # type: ignore[override]
        """The lines' amounts."""
        return unpack_lines(self.packed, out_of_network=self.told.out_of_network)

    @property
    def told(self) -> Circumstances:
        """The circumstances, one by one."""
        return Circumstances.of(self.circumstances)

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IClaimDesk.Decided``."""
        return bytes.fromhex(self.id[2:]), self.plan, self.patient, self.provider, self.circumstances, list(self.packed)


@dataclass(frozen=True)
class Pended:
    """A pended claim, as the chain's own event tells it: what ``review``, ``decide`` and ``withdraw`` want to hear.

    Args:
        id: 0x-hex.
        claim: The struct ``IAdjudication.Claim``: plan, patient, provider, number, service day, primary, lines.
        due: What would have been paid when it was submitted.
        reserved: Whether the pool could put it aside.
        review_by: Last second of the review.
        block: The block of the submission.
        transaction: Its hash.
    """

    id: str
    claim: tuple[Any, ...]
    due: int
    reserved: bool
    review_by: int
    block: int
    transaction: str


def unpack_lines(
    packed: Sequence[Any], *, out_of_network: bool, sequences: Sequence[int] | None = None
) -> tuple[LineAnswer, ...]:
    """The results of a claim's lines, numbered as the claim numbers them, else from 1."""
    numbers = sequences or range(1, len(packed) + 1)
    return tuple(
        unpack_line(line, number, out_of_network=out_of_network) for number, line in zip(numbers, packed, strict=True)
    )
