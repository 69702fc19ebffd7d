"""Claims: the noun ``claims``. Plans and money are beside it, in :mod:`salus.plans` and :mod:`salus.treasury`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from salus.claims import history as claimlog
from salus.claims import prepare as claimprepare
from salus.claims.answers import OnChain, answer_of, claim_input_from_chain, lines_of, same_claim
from salus.claims.attestations import Attested, of
from salus.claims.collaborators import Collaborators
from salus.claims.history import Entry
from salus.claims.input import ClaimInput
from salus.claims.model import (
    Circumstances,
    ClaimAnswer,
    ClaimRecord,
    Decided,
    LineAnswer,
    Pended,
    PreparedClaim,
    Refusal,
    State,
    claim_id,
    unpack_lines,
)
from salus.claims.plans.model import Plan
from salus.claims.prepare import PRIMARY
from salus.claims.report import UNITS_A_DAY, Report
from salus.claims.report import report as count_claims
from salus.claims.submit import send_claims
from salus.errors import BadAnswer, BadInput
from salus.formats.ids import id_bytes
from salus.keys.addresses import address as checked_address
from salus.outbox import resume_pending

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event, Receipt
    from salus.claims.plans.plans import Plans
    from salus.claims.treasury.treasury import Treasury
    from salus.institutions.registry import Institutions
    from salus.outbox import Outbox

__all__ = [
    "PRIMARY",
    "Accumulators",
    "ClaimAnswer",
    "ClaimRecord",
    "Claims",
    "Decided",
    "Entry",
    "LineAnswer",
    "Pended",
    "PreparedClaim",
    "Refusal",
    "State",
]

#: Claims in one transaction, unless told otherwise.
BATCH = 100

# Of how many claims each is asked for by itself; of more, all that the provider ever had.
_FEW = 8

_ANSWERS = ("ClaimDecided", "ClaimRefused", "ClaimPended")
_UNITS = 2**80


@dataclass(frozen=True)
class Accumulators:
    """What a member, or a family, has used in a benefit year, in the token's smallest units."""

    deductible: int
    out_of_pocket: int
    paid: int


class Claims:
    """The noun ``claims``: submit, estimate, look, and go on with a claim to its last appeal."""

    def __init__(self, ledger: Ledger, institutions: Institutions, plans: Plans, treasury: Treasury) -> None:
        self._ledger = ledger
        self._institutions = institutions
        self._with = Collaborators(ledger, institutions, plans, treasury)

    @property
    def _f(self) -> Any:
        return self._ledger.contract("ClaimDesk").functions

    # ---- prepare -------------------------------------------------------------------------------------------------

    def prepare(
        self,
        inputs: Sequence[ClaimInput],
        plan: Plan,
        patients: Mapping[str, str],
        *,
        provider_refs: Collection[str] | None = None,
        provider: str | None = None,
        problems: list[BadInput] | None = None,
    ) -> list[PreparedClaim]:
        """Check claims whole, before anything is sent.

        Args:
            inputs: From :func:`salus.claims.files.any_format.read_claim_files`.
            plan: The plan that judges them, by any of its files: of its versions on chain, the one in force on a
                claim's service day judges it.
            patients: The account of each patient for this insurer, by what the claims call the patient.
            provider_refs: What the claims may call the provider; by default they must agree on one.
            provider: Account or name of the institution that is paid; by default the signer's, and no other can submit
                them.
            problems: Takes what is wrong with a claim, which is then left out; without it the first problem is raised.

        Raises:
            BadInput: A claim that cannot go on chain, or whose day no version of the plan covers; names its file and
                field. Or the plan is not on this chain.
        """
        payee = self._provider() if provider is None else self._institutions.resolve(provider)
        return claimprepare.prepare(
            self._with, inputs, plan, patients, payee=payee, provider_refs=provider_refs, problems=problems
        )

    def _provider(self) -> str:
        signer = self._ledger.need_signer().address
        return str(self._ledger.call(self._ledger.contract("Institutions").functions.standing(signer))[0])

    # ---- submit --------------------------------------------------------------------------------------------------

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
        before it are on chain: submitting everything again is safe, and takes up where it broke off.
        Use :meth:`submit_prepared` to have each answer as soon as it is there.

        Args:
            inputs, plan, patients, provider_refs: See :meth:`prepare`.
            batch: Claims in a transaction; fewer where their lines or a block's gas demand it.
            progress: Told how many of the claims are answered.

        Returns:
            One answer a claim, in order.
        """
        prepared = self.prepare(inputs, plan, patients, provider_refs=provider_refs)
        answers: dict[str, ClaimAnswer] = {}
        for part in self.submit_prepared(prepared, batch=batch):
            answers |= {answer.id: answer for answer in part}
            if progress:
                progress(len(answers), len(prepared))
        return [answers["0x" + claim.id.hex()] for claim in prepared]

    def submit_prepared(
        self,
        claims: Sequence[PreparedClaim],
        *,
        batch: int = BATCH,
        signatures: Mapping[bytes, bytes] | None = None,
        outbox: Outbox | None = None,
    ) -> Iterator[list[ClaimAnswer]]:
        """Submit what was prepared; gives the answers of each transaction as soon as it is in a block.

        What is on chain already with this very content is not sent again: the chain is asked first, and its answers
        (``earlier``) come first. So whatever broke off is taken up where it was.

        Args:
            claims: Of one provider, or attested.
            batch: Claims in a transaction, at most.
            signatures: The provider's, by claim id, when somebody else submits; see :meth:`attest`.
            outbox: Sends them, several transactions at a time and each once, and takes up what an earlier run left
                open; None to send one after the other.
        """
        if batch < 1:
            raise ValueError(f"a batch of {batch}; give at least 1")
        resume_pending(outbox)
        earlier = self.answered(claims)
        if earlier:
            yield [earlier[claim.id] for claim in claims if claim.id in earlier]
        rest = [claim for claim in claims if claim.id not in earlier]
        for part, receipt in send_claims(self._ledger, rest, batch, signatures, outbox):
            yield self._answers(part, receipt)

    def _answers(self, claims: Sequence[PreparedClaim], receipt: Receipt) -> list[ClaimAnswer]:
        events = [event for event in receipt.logs if event.contract == "ClaimDesk" and event.name in _ANSWERS]
        if [event.args["id"] for event in events] != [claim.id for claim in claims]:
            raise BadAnswer(f"the events of {receipt.hash} are not those of the claims in it; look at the chain itself")
        at = self._ledger.block_time(receipt.block)
        owed = {event.args["id"] for event in receipt.events("ClaimOwed")}
        transfers = {event.args["ref"]: bool(event.args["held"]) for event in receipt.events("Paid")}
        answers, held = [], False
        for claim, event in zip(claims, events, strict=True):
            # One transfer pays claims that follow each other, and names the first.
            held = transfers.get(claim.id, held)
            answer = answer_of(claim, event, at)
            if claim.id in owed:
                answer = replace(answer, state=State.OWED)
            answers.append(replace(answer, held=held and answer.state is State.SETTLED and answer.paid > 0))
        return answers

    def answered(self, claims: Sequence[PreparedClaim]) -> dict[bytes, ClaimAnswer]:
        """The answers, by claim id, of those claims that are on chain already with this very content."""
        records = self._records([claim.id for claim in claims])
        # The number of a withdrawn claim is free; whether for this content the chain knows.
        free = (State.NONE, State.WITHDRAWN)
        taken = {c.id: (c, r) for c, r in zip(claims, records, strict=True) if r.state not in free}
        found: dict[bytes, ClaimAnswer] = {}
        for event in self._first_events([claim for claim, _ in taken.values()]):
            claim, record = taken.get(event.args["id"], (None, None))
            if claim is not None and record is not None and same_claim(claim, event):
                answer = answer_of(claim, event, record.at)
                found[claim.id] = replace(answer, state=record.state, review_by=record.review_by, earlier=True)
        return found

    def _first_events(self, claims: Sequence[PreparedClaim]) -> Iterator[Event]:
        """What was pended, then what was decided, of some claims, and perhaps of others."""
        if len(claims) <= _FEW:
            wanted: list[dict[str, str | bytes]] = [{"id": claim.id} for claim in claims]
        else:
            wanted = [{"provider": provider} for provider in {claim.provider for claim in claims}]
        for name in ("ClaimPended", "ClaimDecided"):
            for where in wanted:
                yield from self._ledger.logs("ClaimDesk", name, where)

    # ---- attested by the provider, submitted by anybody ----------------------------------------------------------

    def attest(self, claims: Sequence[PreparedClaim]) -> list[Attested]:
        """Sign claims as their provider, so that anybody may submit them; see :mod:`salus.claims.attestations`."""
        signer, desk = self._ledger.need_signer(), self._ledger.book["ClaimDesk"].address
        return [
            Attested(
                claim.struct(), self._ledger.chain_id, desk, signer.sign_typed(of(claim, self._ledger.chain_id, desk))
            )
            for claim in claims
        ]

    def take(self, attested: Sequence[Attested]) -> tuple[list[PreparedClaim], dict[bytes, bytes]]:
        """Attested claims as :meth:`submit_prepared` takes them, with the signatures by claim id.

        Raises:
            BadInput: They are for another chain or contract, a plan is unknown here, or a signature is by a key that
                acts for another institution.
        """
        return claimprepare.take(self._with, attested)

    # ---- look ----------------------------------------------------------------------------------------------------

    def estimate(self, claims: Sequence[PreparedClaim]) -> list[ClaimAnswer]:
        """What :meth:`submit_prepared` would answer now for each claim alone; the pool is not asked, nothing is
        sent.
        """
        now = self._ledger.now()
        results = self._ledger.calls("ClaimDesk", "estimate", [(claim.struct(),) for claim in claims])
        return [
            ClaimAnswer(
                input=claim.input,
                id="0x" + result.id.hex(),
                plan="0x" + claim.plan.hex(),
                patient=claim.patient,
                provider=claim.provider,
                state=State(result.state),
                refusal=Refusal(result.refusal),
                carc=result.carc,
                lines=lines_of(claim, result.lines, Circumstances.of(result.circumstances).out_of_network),
                decimals=claim.decimals,
                decided_at=now,
                out_of_network=Circumstances.of(result.circumstances).out_of_network,
            )
            for claim, result in zip(claims, results, strict=True)
        ]

    def get(self, claim: bytes | str) -> ClaimRecord:
        """Where a claim stands.

        Args:
            claim: Its id, 32 bytes or 0x and 64 hex digits; so for all that take one.

        Raises:
            BadInput: Not an id.
        """
        return self._records([id_bytes(claim, "claim")])[0]

    def _records(self, ids: Sequence[bytes]) -> list[ClaimRecord]:
        found = self._ledger.calls("ClaimDesk", "claim", [(claim,) for claim in ids])
        return [
            ClaimRecord("0x" + claim.hex(), State(r.state), r.at, r.reviewBy, r.appealed)
            for claim, r in zip(ids, found, strict=True)
        ]

    def id_of(self, plan: Plan, provider: str, number: str, *, system: str = "") -> bytes:
        """The id of a provider's own claim number, which only who has the plan's salt can tell."""
        return claim_id(self._institutions.resolve(provider), plan.number(system, number))

    def decided(self, claim: bytes | str) -> Decided:
        """A decided claim, from the chain's events; see :func:`salus.claims.history.decided`."""
        return claimlog.decided(self._with, id_bytes(claim, "claim"))

    def pended(self, claim: bytes | str) -> Pended:
        """A claim that waits for review, from the chain's events; see :func:`salus.claims.history.pended`."""
        return claimlog.pended(self._ledger, id_bytes(claim, "claim"))

    def history(self, claim: bytes | str) -> tuple[Entry, ...]:
        """Every event that names a claim, oldest first; see :func:`salus.claims.history.history`."""
        return claimlog.history(self._with, id_bytes(claim, "claim"))

    def told(self, claim: bytes | str, *, plan: Plan | None = None, inputs: Sequence[ClaimInput] = ()) -> ClaimAnswer:
        """The answer to a decided claim, told again from the chain, e.g. for an ExplanationOfBenefit.

        Args:
            plan: Its plan file, which tells the codes; without it they stay hashes.
            inputs: Claims of files; where one is this claim, its codes, texts and references are told.

        Raises:
            BadInput: It was never decided.
        """
        claim = id_bytes(claim, "claim")
        found, record = self.decided(claim), self.get(claim)
        known = {} if plan is None else {plan.code(price.system, price.code): price for price in plan.prices}
        own = (
            i
            for i in inputs
            if plan is not None and claim_id(found.provider, plan.number(i.number_system, i.number)) == claim
        )
        told = next(own, None) or claim_input_from_chain(
            OnChain(
                id=found.id,
                patient=found.patient,
                provider=self._institutions.name(found.provider),
                day=found.told.service_day,
                lines=[
                    (line[0], line[3] & 0xFFFF or 1, line[1] >> 176, line[3] >> 96 & (_UNITS - 1))
                    for line in found.packed
                ],
                decimals=found.decimals,
            ),
            currency="XXX" if plan is None else plan.currency,
            known=known,
        )
        if len(told.lines) != len(found.packed):
            raise BadInput(told.source, "item", "has other lines than the chain; give the file that was submitted")
        sequences = [line.sequence for line in told.lines]
        held = any(event.args["held"] for event in self._ledger.logs("Treasury", "Paid", {"ref": claim}))
        return ClaimAnswer(
            input=told,
            id=found.id,
            plan="0x" + found.plan.hex(),
            patient=found.patient,
            provider=found.provider,
            state=record.state,
            refusal=Refusal.NONE,
            carc=0,
            lines=unpack_lines(found.packed, out_of_network=found.told.out_of_network, sequences=sequences),
            decimals=found.decimals,
            decided_at=self._ledger.block_time(found.block),
            transaction=found.transaction,
            held=held,
            out_of_network=found.told.out_of_network,
        )

    def report(self, *, insurer: str = "", units_a_day: int = UNITS_A_DAY) -> Report:
        """Count the claims of this chain; see :func:`salus.claims.report.report`."""
        return count_claims(self._with, insurer=insurer, units_a_day=units_a_day)

    def accumulators(self, plan_id: bytes, member: str, year: int) -> Accumulators:
        """What a member has used at the claim desk in a benefit year, e.g. 2026; year 0: ever."""
        functions, desk = self._ledger.contract("Plans").functions, self._ledger.book["ClaimDesk"].address
        found = self._ledger.call(functions.accumulators(desk, plan_id, checked_address(member, "member"), year))
        return Accumulators(found.deductible, found.outOfPocket, found.paid)

    # ---- go on with a claim --------------------------------------------------------------------------------------

    def review(self, claim: bytes | str, carc: int = 0) -> Receipt:
        """Review a pended claim as its insurer: let the rules decide it, or deny it with a code.

        Raises:
            BadInput: It was never pended.
            NotParty, WrongState, OtherContent, ReviewOver, InvalidCarc: By the rules.
        """
        return self._ledger.send(self._f.review(self.pended(claim).claim, carc))

    def decide(self, claim: bytes | str) -> Receipt:
        """Let the rules decide a pended claim that nobody reviewed in time; anyone may.

        Raises:
            BadInput: It was never pended.
            WrongState, OtherContent, ReviewOpen: By the rules.
        """
        return self._ledger.send(self._f.decide(self.pended(claim).claim))

    def withdraw(self, claim: bytes | str) -> Receipt:
        """Take a pended claim back as its provider.

        Raises:
            BadInput: It was never pended.
            NotParty, WrongState, OtherContent: By the rules.
        """
        return self._ledger.send(self._f.withdraw(self.pended(claim).claim))

    def reverse(self, claim: bytes | str) -> Receipt:
        """Give a settled or owed claim back, as its provider, or as its insurer within the appeal days.

        Raises:
            BadInput: It was never decided.
            NotParty, WrongState, OtherContent, WindowClosed: By the rules.
        """
        return self._ledger.send(self._f.reverse(self.decided(claim).struct()))

    def appeal(self, claim: bytes | str) -> Receipt:
        """Ask the arbiter about a claim, as its provider or patient, within the appeal days; once.

        Raises:
            BadInput: It was never decided.
            NotParty, WrongState, OtherContent, WindowClosed: By the rules.
        """
        return self._ledger.send(self._f.appeal(self.decided(claim).struct()))

    def arbitrate(self, claim: bytes | str, award: int, carc: int) -> Receipt:
        """Decide an appeal as the arbiter.

        Args:
            award: How much more is paid, in the token's smallest units.
            carc: Why.

        Raises:
            BadInput: It was never decided.
            NotAppealed, OtherContent, AwardTooHigh, InvalidCarc: By the rules.
        """
        return self._ledger.send(self._f.arbitrate(self.decided(claim).struct(), award, carc))
