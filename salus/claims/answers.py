"""From what the chain says of a claim to its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salus.claims.files.fhir import ClaimInput, LineInput
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

__all__ = ["answer_of", "blank_input", "lines_of", "same_claim"]


def blank_input(
    number: str,
    patient: str,
    provider: str,
    day: int,
    lines: Sequence[Any],
    decimals: int,
    currency: str = "XXX",
    known: Mapping[bytes, PlanPrice] | None = None,
) -> ClaimInput:
    """A claim of which only the chain's side is known: the number is the id, codes that are not ``known`` are
    hashes.
    """
    rows = []
    for n, (code, units, charge, prior) in enumerate(lines, 1):
        charged, before = (money(amount, decimals) for amount in (charge, prior))
        price = (known or {}).get(bytes(code))
        named = (price.system, price.code) if price else ("urn:salus:code", "0x" + bytes(code).hex())
        rows.append(LineInput(n, *named, units, charged, price.display if price else "", before))
    return ClaimInput(
        source="the chain",
        id="",
        number=number,
        number_system="urn:salus:claim",
        provider_ref=f"urn:salus:institution|{provider}",
        patient_ref=f"urn:salus:account|{patient}",
        insurer_ref=None,
        service_day=day,
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
