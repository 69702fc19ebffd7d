"""Claims: the noun ``claims``. Plans and money are beside it, in :mod:`salus.plans` and :mod:`salus.treasury`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import Accumulators, ClaimAnswer, ClaimRecord, LineAnswer, PreparedClaim, Refusal, State
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
        provider: str | None = None,
    ) -> list[PreparedClaim]:
        """Check claims whole, before anything is sent.

        Args:
            inputs: From :func:`salus.fhir.read_claims`.
            plan: The plan that judges them.
            patients: The account of each patient for this insurer, by what the claims call the patient.
            provider_refs: What the claims may call the provider; by default they must agree on one.
            provider: Account or name of the institution that is paid; by default the signer's, and no other can submit
                them.

        Raises:
            BadInput: A claim that cannot go on chain; names its file and field.
        """
        refuse_duplicates(list(inputs))
        payee = self._provider() if provider is None else self._salus.institutions.resolve(provider)
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
                    provider=payee,
                    number=plan.number(claim.number_system, claim.number),
                    lines=tuple(
                        (
                            plan.code(line.system, line.code),
                            line.quantity,
                            smallest_units(
                                line.charge, decimals, source=claim.source, field=f"item {line.sequence}: net"
                            ),
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

        All are checked before the first transaction. Each transaction is whole; when one fails, the answers of those
        before it are on chain: submitting everything again is safe, for what is settled is then refused as a duplicate.
        Use :meth:`submit_prepared` to have each answer as soon as it is there.

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
                claim.source,
                "currency",
                f"is {one_line(claim.currency, 20)}, the plan's is {plan.currency}; bill in that one",
            )
        if claim.patient_ref not in patients:
            ref = one_line(claim.patient_ref, 100)
            raise BadInput(
                claim.source, "patient", f"is {ref!r}, for whom no account is given; add --patient {ref}=0x…"
            )
        if len(claim.lines) > most_lines:
            raise BadInput(
                claim.source, "item", f"has {len(claim.lines)} lines; split the claim, {most_lines} fit in one"
            )
        if not 0 <= claim.service_day < _DAYS:
            raise BadInput(claim.source, "servicedDate", "is out of range; give a date of this age")

    def _expect_provider(self, claim: ClaimInput, refs: Collection[str]) -> None:
        if claim.provider_ref not in refs:
            raise BadInput(
                claim.source,
                "provider",
                f"is {one_line(claim.provider_ref, 80)!r}, not {one_line(', '.join(sorted(refs)), 200)};"
                " submit each provider's claims by itself, or name all of its names with --provider-ref",
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
        """What :meth:`submit_prepared` would answer now for each claim alone; the pool is not asked."""
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
