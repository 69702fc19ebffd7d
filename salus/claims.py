"""Claims: the noun ``claims``, with the insurers' plans and money beside it in :mod:`salus.plans` and :mod:`salus.treasury`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from .errors import BadAnswer, BadInput, NodeRefused, one_line
from .fhir.claim import ClaimInput, refuse_duplicates
from .jsonfile import smallest_units
from .plans import Plan, Plans
from .signing import address as checked_address
from .treasury import Pool, Treasury

if TYPE_CHECKING:
    from .client import Event, Receipt, Salus

__all__ = [
    "Accumulators",
    "ClaimAnswer",
    "ClaimRecord",
    "Claims",
    "LineAnswer",
    "Plans",
    "Pool",
    "PreparedClaim",
    "Refusal",
    "State",
    "Treasury",
]

#: Claims in one transaction, unless told otherwise.
BATCH = 50

# Lines in one transaction, at most: with them, not with the claims, grows its gas.
_LINES_A_TRANSACTION = 250

_DAYS = 2**24


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


class Claims:
    """The noun ``claims``: submit, estimate, settle, look."""

    def __init__(self, salus: Salus) -> None:
        self._salus = salus

    # ---- submit --------------------------------------------------------------------------------------------------

    def prepare(
        self,
        inputs: Sequence[ClaimInput],
        plan: Plan,
        patients: Mapping[str, str],
        *,
        provider_refs: Collection[str] | None = None,
    ) -> list[PreparedClaim]:
        """Check claims whole, before anything is sent.

        Args:
            inputs: From :func:`salus.fhir.read_claims`.
            plan: The plan that judges them.
            patients: The account of each patient for this insurer, by what the claims call the patient.
            provider_refs: What the claims may call the provider, which is always the signer's institution; by default they must
                agree on one.

        Raises:
            BadInput: A claim that cannot go on chain; names its file and field.
            NotLicensed: The signer acts for no provider.
        """
        refuse_duplicates(list(inputs))
        provider = self._provider()
        plan_id = self._salus.plans.id_of(plan)
        terms = self._salus.plans.terms(plan_id)
        if not terms.published_at:
            raise BadInput(plan.source, "", "is not a published plan on this chain; publish it with `salus claim plan`")
        decimals = self._salus.treasury.decimals(terms.token)
        most_lines = int(self._salus.call(self._salus.contract("ClaimDesk").functions.MAX_LINES()))
        accounts = {ref: checked_address(account, f"patient {ref}") for ref, account in patients.items()}
        prepared = []
        for claim in inputs:
            self._expect_fitting(claim, plan, accounts, most_lines)
            self._expect_provider(claim, provider_refs or {inputs[0].provider_ref})
            prepared.append(
                PreparedClaim(
                    input=claim,
                    plan=plan_id,
                    patient=accounts[claim.patient_ref],
                    provider=provider,
                    number=plan.number(claim.number_system, claim.number),
                    lines=tuple(
                        (
                            plan.code(line.system, line.code),
                            line.quantity,
                            smallest_units(line.charge, decimals, source=claim.source, field=f"item {line.sequence}: net"),
                        )
                        for line in claim.lines
                    ),
                    decimals=decimals,
                )
            )
            smallest_units(claim.total, decimals, source=claim.source, field="total")
        return prepared

    def submit(
        self,
        inputs: Sequence[ClaimInput],
        plan: Plan,
        patients: Mapping[str, str],
        *,
        provider_refs: Collection[str] | None = None,
        batch: int = BATCH,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[ClaimAnswer]:
        """Submit claims, each judged and paid by itself.

        All are checked before the first transaction. Each transaction is whole; when one fails, the answers of those before it
        are on chain: submitting everything again is safe, for what is settled is then refused as a duplicate. Use
        :meth:`submit_prepared` to have each answer as soon as it is there.

        Args:
            inputs, plan, patients, provider_refs: See :meth:`prepare`.
            batch: Claims in a transaction; fewer where their lines or a block's gas demand it.
            progress: Told how many of the claims are answered.

        Returns:
            One answer a claim, in order.
        """
        prepared = self.prepare(inputs, plan, patients, provider_refs=provider_refs)
        answers: list[ClaimAnswer] = []
        for part in self.submit_prepared(prepared, batch=batch):
            answers += part
            if progress:
                progress(len(answers), len(prepared))
        return answers

    def submit_prepared(self, claims: Sequence[PreparedClaim], *, batch: int = BATCH) -> Iterator[list[ClaimAnswer]]:
        """Submit what was prepared; gives the answers of each transaction as soon as it is in a block."""
        if batch < 1:
            raise ValueError(f"a batch of {batch}; give at least 1")
        waiting = list(_parts(claims, batch))
        while waiting:
            part = waiting.pop(0)
            submit = self._salus.contract("ClaimDesk").functions.submit([claim.struct() for claim in part])
            try:
                receipt = self._salus.send(submit)
            except NodeRefused as refused:
                # Too much for one block: halves may fit. Nothing was sent, or it would not be a refusal of the node.
                if len(part) == 1 or "gas" not in str(refused).lower() or refused.transaction:
                    raise
                middle = len(part) // 2
                waiting[:0] = [part[:middle], part[middle:]]
                continue
            yield self._answers(part, receipt)

    def _provider(self) -> str:
        signer = self._salus.need_signer().address
        return str(self._salus.call(self._salus.contract("Institutions").functions.standing(signer))[0])

    def _expect_fitting(self, claim: ClaimInput, plan: Plan, patients: Mapping[str, str], most_lines: int) -> None:
        if claim.currency != plan.currency:
            raise BadInput(
                claim.source, "currency", f"is {one_line(claim.currency, 20)}, the plan's is {plan.currency}; bill in that one"
            )
        if claim.patient_ref not in patients:
            ref = one_line(claim.patient_ref, 100)
            raise BadInput(claim.source, "patient", f"is {ref!r}, for whom no account is given; add --patient {ref}=0x…")
        if len(claim.lines) > most_lines:
            raise BadInput(claim.source, "item", f"has {len(claim.lines)} lines; split the claim, {most_lines} fit in one")
        if not 0 <= claim.service_day < _DAYS:
            raise BadInput(claim.source, "servicedDate", "is out of range; give a date of this age")

    def _expect_provider(self, claim: ClaimInput, refs: Collection[str]) -> None:
        if claim.provider_ref not in refs:
            raise BadInput(
                claim.source, "provider",
                f"is {one_line(claim.provider_ref, 80)!r}, not {one_line(', '.join(sorted(refs)), 200)}; submit each provider's"
                " claims by itself, or name all of its names with --provider-ref",
            )

    def _answers(self, claims: Sequence[PreparedClaim], receipt: Receipt) -> list[ClaimAnswer]:
        events = [event for event in receipt.logs if event.name in ("ClaimSettled", "ClaimRefused")]
        if [event.args["id"] for event in events] != [claim.id for claim in claims]:
            raise BadAnswer(f"the events of {receipt.hash} are not those of the claims in it; look at the chain itself")
        decided_at = int(self._salus.w3.eth.get_block(receipt.block)["timestamp"])
        held = {event.args["ref"] for event in receipt.events("Paid") if event.args["held"]}
        return [
            _answer(claim, event, decided_at, receipt.hash, claim.id in held)
            for claim, event in zip(claims, events, strict=True)
        ]

    # ---- the rest ------------------------------------------------------------------------------------------------

    def estimate(self, claims: Sequence[PreparedClaim]) -> list[ClaimAnswer]:
        """What :meth:`submit_prepared` would answer now for each claim alone; nothing is written, and the pool is not asked."""
        estimate = self._salus.contract("ClaimDesk").functions.estimate
        now = self._salus.now()
        answers = []
        for claim in claims:
            result = self._salus.call(estimate(claim.struct()))
            answers.append(
                ClaimAnswer(
                    input=claim.input,
                    id="0x" + result.id.hex(),
                    plan="0x" + claim.plan.hex(),
                    patient=claim.patient,
                    provider=claim.provider,
                    state=State(result.state),
                    refusal=Refusal(result.refusal),
                    carc=result.carc,
                    lines=_lines(claim, result.lines),
                    decimals=claim.decimals,
                    decided_at=now,
                )
            )
        return answers

    def settle(self, claim_id: bytes) -> Receipt:
        """Pay a claim that is owed; anyone may, once the pool suffices.

        Raises:
            NotOwed, PoolShort: By the rules.
        """
        return self._salus.send(self._salus.contract("ClaimDesk").functions.settle(claim_id))

    def get(self, claim_id: bytes) -> ClaimRecord:
        """What the chain keeps of a claim."""
        found = self._salus.call(self._salus.contract("ClaimDesk").functions.claim(claim_id))
        return ClaimRecord(
            id="0x" + claim_id.hex(),
            state=State(found.state),
            decided_at=found.decidedAt,
            paid=found.paid,
            insurer=found.insurer,
            token=found.token,
            payee=found.payee,
        )

    def accumulators(self, plan_id: bytes, member: str, year: int) -> Accumulators:
        """What a member has paid in a benefit year, e.g. 2026."""
        functions = self._salus.contract("ClaimDesk").functions
        found = self._salus.call(functions.accumulators(plan_id, checked_address(member, "member"), year))
        return Accumulators(found.deductible, found.outOfPocket)


def _parts(claims: Sequence[PreparedClaim], batch: int) -> Iterator[list[PreparedClaim]]:
    part: list[PreparedClaim] = []
    for claim in claims:
        lines = sum(len(other.lines) for other in part) + len(claim.lines)
        if part and (len(part) == batch or lines > _LINES_A_TRANSACTION):
            yield part
            part = []
        part.append(claim)
    if part:
        yield part


def _lines(claim: PreparedClaim, results: Sequence[Any]) -> tuple[LineAnswer, ...]:
    if len(results) not in (0, len(claim.lines)):
        raise BadAnswer(f"{len(results)} results for the {len(claim.lines)} lines of {claim.input.source}")
    return tuple(
        LineAnswer(
            sequence=line.sequence,
            charge=result.charge,
            allowed=result.allowed,
            deductible=result.deductible,
            coinsurance=result.coinsurance,
            paid=result.paid,
            carc=result.carc,
        )
        for line, result in zip(claim.input.lines, results, strict=False)
    )


def _answer(claim: PreparedClaim, event: Event, decided_at: int, transaction: str, held: bool) -> ClaimAnswer:
    refused = event.name == "ClaimRefused"
    return ClaimAnswer(
        input=claim.input,
        id="0x" + claim.id.hex(),
        plan="0x" + claim.plan.hex(),
        patient=claim.patient,
        provider=claim.provider,
        state=State.NONE if refused else State(event.args["state"]),
        refusal=Refusal(event.args["refusal"]) if refused else Refusal.NONE,
        carc=event.args["carc"] if refused else 0,
        lines=() if refused else _lines(claim, event.args["lines"]),
        decimals=claim.decimals,
        decided_at=decided_at,
        transaction=transaction,
        held=held,
    )
