"""A claim as any kind of file gives it, before it is prepared for the chain."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from salus.errors import BadInput
from salus.formats.json_file import add

__all__ = ["MAX_UNITS", "ClaimInput", "LineInput", "noting", "refuse_duplicates"]

#: Most units that a line may have (16 bits on chain).
MAX_UNITS = 2**16 - 1


@dataclass(frozen=True)
class LineInput:
    """One line of a claim.

    Args:
        sequence: The line's number in the claim.
        system: The code system's URI, empty when the claim names none.
        code: The code of the product or service, in the clear: it is salted before it leaves the machine.
        quantity: Units, at least 1.
        charge: Billed for all units together, at least 0, exact.
        text: What the claim calls it, perhaps empty.
        prior: What the payers that go first paid for it.
    """

    sequence: int
    system: str
    code: str
    quantity: int
    charge: Decimal
    text: str
    prior: Decimal = Decimal(0)


@dataclass(frozen=True)
class ClaimInput:
    """A claim as read from a file.

    Args:
        source: The file, with the place in it where it holds several.
        id: The resource's id, perhaps empty.
        number: The provider's own number of the claim.
        number_system: The number's system, perhaps empty.
        provider_ref: Whom the claim names as the provider.
        patient_ref: Whom it names as the patient.
        insurer_ref: Whom it names as the insurer, None when nobody.
        service_day: Days since 1970-01-01.
        currency: ISO 4217 code.
        lines: At least one.
        type: The claim's type as (system, code), for the answer.
        primary: What names the answers of the payers that go first, empty when none does.
    """

    source: str
    id: str
    number: str
    number_system: str
    provider_ref: str
    patient_ref: str
    insurer_ref: str | None
    service_day: int
    currency: str
    lines: tuple[LineInput, ...]
    type: tuple[str, str] = ("", "")
    primary: str = ""

    @property
    def total(self) -> Decimal:
        """Sum of the charges."""
        return add(line.charge for line in self.lines)


@contextlib.contextmanager
def noting(problems: list[BadInput] | None) -> Iterator[None]:
    """Note what is wrong with one record, so that the next one is read all the same; None raises it."""
    try:
        yield
    except BadInput as problem:
        if problems is None:
            raise
        problems.append(problem)


def refuse_duplicates(claims: Sequence[ClaimInput], problems: list[BadInput] | None = None) -> list[ClaimInput]:
    """The claims without those that bear the provider and number of an earlier one.

    Raises:
        BadInput: Two bear the same, and there are no `problems` to note it in.
    """
    seen: dict[tuple[str, str, str], ClaimInput] = {}
    for claim in claims:
        key = (claim.provider_ref, claim.number_system, claim.number)
        with noting(problems):
            if key in seen:
                raise BadInput(
                    claim.source,
                    "identifier",
                    f"is {claim.number!r}, as in {seen[key].source}; give each claim of a provider its own number",
                )
            seen[key] = claim
    return list(seen.values())
