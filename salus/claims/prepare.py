"""Claims before they are sent: those of files, checked whole, and those that their provider signed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from salus.claims.answers import OnChain, claim_input_from_chain
from salus.claims.attestations import Attested
from salus.claims.input import ClaimInput, LineInput, noting, refuse_duplicates
from salus.claims.model import PreparedClaim, claim_id
from salus.claims.plans.model import Plan
from salus.claims.plans.versions import judging
from salus.errors import BadInput, one_line
from salus.formats.json_file import smallest_units
from salus.keys.addresses import address as checked_address
from salus.keys.typed_data import recover

if TYPE_CHECKING:
    from salus.claims.collaborators import Collaborators

__all__ = ["PRIMARY", "prepare", "take"]

#: With the plan's salt and this system, what names the answer of the payer that goes first becomes ``Claim.primary``.
PRIMARY = "urn:salus:primary-answer"

_DAYS = 2**24
_UNITS = 2**80


# ------------------------------------------------------------------------------------------------------------ of files


def prepare(
    parts: Collaborators,
    inputs: Sequence[ClaimInput],
    plan: Plan,
    patients: Mapping[str, str],
    *,
    payee: str,
    provider_refs: Collection[str] | None,
    problems: list[BadInput] | None,
) -> list[PreparedClaim]:
    """See :meth:`salus.claims.Claims.prepare`; ``payee`` is the account of the provider."""
    ledger = parts.ledger
    versions, now = parts.plans.published(plan), ledger.now()
    decimals = parts.treasury.decimals(versions[0].token)
    most_lines = int(ledger.call(ledger.contract("ClaimDesk").functions.MAX_LINES()))
    accounts = {ref: checked_address(account, f"patient {ref}") for ref, account in patients.items()}
    prepared = []
    for claim in refuse_duplicates(inputs, problems):
        with noting(problems):
            _expect_fitting(claim, plan, accounts, most_lines)
            _expect_provider(claim, provider_refs or {inputs[0].provider_ref})
            smallest_units(claim.total, decimals, source=claim.source, field="total")
            version = judging(versions, claim.service_day, source=claim.source, now=now)
            prepared.append(
                PreparedClaim(
                    input=claim,
                    plan=version.id,
                    patient=accounts[claim.patient_ref],
                    provider=payee,
                    number=plan.number(claim.number_system, claim.number),
                    lines=tuple(_line(claim, line, plan, decimals) for line in claim.lines),
                    decimals=decimals,
                    primary=plan.code(PRIMARY, claim.primary) if claim.primary else bytes(32),
                )
            )
    return prepared


def _expect_fitting(claim: ClaimInput, plan: Plan, patients: Mapping[str, str], most_lines: int) -> None:
    if claim.currency != plan.currency:
        raise BadInput(
            claim.source,
            "currency",
            f"is {one_line(claim.currency, 20)}, the plan's is {plan.currency}; bill in that one",
        )
    if claim.patient_ref not in patients:
        ref = one_line(claim.patient_ref, 100)
        raise BadInput(claim.source, "patient", f"is {ref!r}, for whom no account is given; add --patient {ref}=0x…")
    if len(claim.lines) > most_lines:
        raise BadInput(claim.source, "item", f"has {len(claim.lines)} lines; split the claim, {most_lines} fit in one")
    if not 0 <= claim.service_day < _DAYS:
        raise BadInput(claim.source, "servicedDate", "is out of range; give a date of this age")


def _expect_provider(claim: ClaimInput, refs: Collection[str]) -> None:
    if claim.provider_ref not in refs:
        raise BadInput(
            claim.source,
            "provider",
            f"is {one_line(claim.provider_ref, 80)!r}, not {one_line(', '.join(sorted(refs)), 200)};"
            " submit each provider's claims by itself, or name all of its names with --provider-ref",
        )


def _line(claim: ClaimInput, line: LineInput, plan: Plan, decimals: int) -> tuple[bytes, int, int, int]:
    amounts = []
    for name, amount in (("net", line.charge), ("prior", line.prior)):
        field = f"item {line.sequence}: {name}"
        units = smallest_units(amount, decimals, source=claim.source, field=field)
        if units >= _UNITS:
            raise BadInput(claim.source, field, f"is {amount:f}; a line holds less than 2^80 units, give a smaller one")
        amounts.append(units)
    charge, prior = amounts
    return plan.code(line.system, line.code), line.quantity, charge, prior


# ---------------------------------------------------------------------------------------- signed by their provider


def take(parts: Collaborators, attested: Sequence[Attested]) -> tuple[list[PreparedClaim], dict[bytes, bytes]]:
    """See :meth:`salus.claims.Claims.take`."""
    ledger, desk = parts.ledger, parts.ledger.book["ClaimDesk"].address
    claims: list[PreparedClaim] = []
    signatures: dict[bytes, bytes] = {}
    for n, item in enumerate(attested):
        if (item.chain_id, item.contract.lower()) != (ledger.chain_id, desk.lower()):
            raise BadInput("attested claim", f"[{n}].contract", "is of another chain or claim desk; use its --book")
        claim = _taken(parts, item, n)
        _expect_signed(parts, item, claim, n)
        claims.append(claim)
        signatures[claim.id] = item.signature
    return claims, signatures


def _taken(parts: Collaborators, item: Attested, n: int) -> PreparedClaim:
    plan, patient, provider, number, day, primary, lines = item.claim
    terms = parts.ledger.call(parts.ledger.contract("Plans").functions.terms(plan))
    if int(terms.insurer, 16) == 0:
        raise BadInput("attested claim", f"[{n}].plan", "is unknown on this chain; ask the provider")
    decimals = parts.treasury.decimals(terms.token)
    id_ = "0x" + claim_id(provider, number).hex()
    told = claim_input_from_chain(OnChain(id_, patient, parts.institutions.name(provider), day, lines, decimals))
    rows = tuple(tuple(line) for line in lines)
    return PreparedClaim(told, plan, patient, provider, number, rows, decimals, primary)


def _expect_signed(parts: Collaborators, item: Attested, claim: PreparedClaim, n: int) -> None:
    if len(item.signature) != 65:
        return  # a contract wallet's, which only the chain can judge
    standing = parts.institutions.standing(recover(item.typed(), item.signature))
    asked = parts.ledger.node.one("eth_getCode", claim.provider, "latest", doing="asking for the provider's code")
    wallet = asked != "0x"
    if standing.institution != claim.provider and not wallet:
        raise BadInput(
            "attested claim", f"[{n}].signature", "is not by somebody who acts for the provider; ask it to sign anew"
        )
