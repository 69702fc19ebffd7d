"""From what the chain says of a claim to its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salus.claims.input import ClaimInput, LineInput
from salus.claims.model import (
    Circumstances,
    ClaimAnswer,
    LineAnswer,
    PreparedClaim,
    Refusal,
    State,
    money,
    unpack_lines,
)
from salus.errors import BadAnswer

if TYPE_CHECKING:
    from salus.chain.receipts import Event
    from salus.claims.plans.file import PlanPrice

__all__ = ["OnChain", "answer_of", "claim_input_from_chain", "lines_of", "same_claim"]


@dataclass(frozen=True)
class OnChain:
    """What the chain alone tells of a claim.

    Attributes:
        id: The claim's id, 0x-hex.
        patient: The account.
        provider: The institution's public name, or its account.
        day: The service day, days since 1970-01-01.
        lines: Of each line code hash, units, charge and what the payer before paid, in the token's smallest units.
        decimals: The token's.
    """

    id: str
    patient: str
    provider: str
    day: int
    lines: Sequence[Any]
    decimals: int


def claim_input_from_chain(
    claim: OnChain, *, currency: str = "XXX", known: Mapping[bytes, PlanPrice] | None = None
) -> ClaimInput:
    """A claim of which only the chain's side is known: the number is the id, codes that are not ``known`` are hashes.

    Args:
        claim: What the chain tells.
        currency: The plan's, where it is known.
        known: Prices of the plan by the hash of their code.
    """
    rows = []
    for n, (code, units, charge, prior) in enumerate(claim.lines, 1):
        charged, before = (money(amount, claim.decimals) for amount in (charge, prior))
        price = (known or {}).get(bytes(code))
        named = (price.system, price.code) if price else ("urn:salus:code", "0x" + bytes(code).hex())
        rows.append(LineInput(n, *named, units, charged, price.display if price else "", before))
    return ClaimInput(
        source="the chain",
        id="",
        number=claim.id,
        number_system="urn:salus:claim",
        provider_ref=f"urn:salus:institution|{claim.provider}",
        patient_ref=f"urn:salus:account|{claim.patient}",
        insurer_ref=None,
        service_day=claim.day,
        currency=currency,
        lines=tuple(rows),
    )


def lines_of(claim: PreparedClaim, packed: Sequence[Any], out_of_network: bool) -> tuple[LineAnswer, ...]:
    """The results of a claim's lines; none of a claim that was refused.

    Raises:
        BadAnswer: As many as the claim has lines were to come.
    """
    if len(packed) not in (0, len(claim.lines)):
        raise BadAnswer(f"{len(packed)} results for the {len(claim.lines)} lines of {claim.input.source}")
    if not packed:
        return ()
    sequences = [line.sequence for line in claim.input.lines]
    return unpack_lines(packed, out_of_network=out_of_network, sequences=sequences)


def same_claim(claim: PreparedClaim, event: Event) -> bool:
    """Whether an event is about this very claim, and not about another one with its number."""
    a = event.args
    if event.name == "ClaimPended":
        told = a["claim"]
        return (*tuple(told)[:-1], [tuple(line) for line in told.lines]) == claim.struct()
    lines = [(bytes(line.code), line.judged >> 176) for line in a["lines"]]
    head = (a["plan"], a["patient"], Circumstances.of(a["circumstances"]).service_day)
    wanted = [(code, charge) for code, _, charge, _ in claim.lines]
    return head == (claim.plan, claim.patient, claim.input.service_day) and lines == wanted


def answer_of(claim: PreparedClaim, event: Event, at: int) -> ClaimAnswer:
    """The answer that an event ``ClaimDecided``, ``ClaimRefused`` or ``ClaimPended`` gives to a claim.

    Args:
        at: When, Unix seconds.
    """
    a, refused, waits = event.args, event.name == "ClaimRefused", event.name == "ClaimPended"
    told = Circumstances.of(a.get("circumstances", 0))
    outside = told.out_of_network
    state = State.NONE if refused else State.PENDED if waits else State.DENIED if told.denied else State.SETTLED
    return ClaimAnswer(
        input=claim.input,
        id="0x" + claim.id.hex(),
        plan="0x" + claim.plan.hex(),
        patient=claim.patient,
        provider=claim.provider,
        state=state,
        refusal=Refusal(a["refusal"]) if refused else Refusal.NONE,
        carc=a["carc"] if refused else 0,
        lines=() if refused or waits else lines_of(claim, a["lines"], outside),
        decimals=claim.decimals,
        decided_at=at,
        transaction=event.transaction,
        out_of_network=outside,
        review_by=a["reviewBy"] if waits else 0,
        due=a["due"] if waits else 0,
    )
