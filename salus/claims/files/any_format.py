"""Claims from files of any kind that is read here: FHIR R4, X12 837, CSV; told apart by what they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from salus.claims.files.csv import read_csv
from salus.claims.files.fhir import read_claims
from salus.claims.files.x12 import is_x12, read_x12
from salus.claims.input import ClaimInput, noting, refuse_duplicates
from salus.errors import BadInput
from salus.formats.json_file import read_bytes

__all__ = ["read_claim_files"]


def read_claim_files(
    files: Sequence[str | Path],
    *,
    use: str = "claim",
    mapping: str | Path | None = None,
    problems: list[BadInput] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[ClaimInput]:
    """Read the claims of files.

    Args:
        files: FHIR (a Claim, a Bundle, NDJSON), X12 837P or 837I, or CSV (:mod:`salus.claims.files.csv`).
        use: The ``Claim.use`` that is meant in FHIR: ``claim``, ``predetermination``, or ``any`` of these two.
        mapping: A file that maps the claims' codes to the plan's; see :mod:`salus.claims.code_map`.
        problems: Takes what is wrong with a file or a claim, which is then left out; without it the first is raised.
        progress: Told after each file how many are read.

    Raises:
        BadInput: Without `problems`: a file or a claim that cannot be read exactly; names file, field and fix.
    """
    claims: list[ClaimInput] = []
    for done, file in enumerate(files, 1):
        with noting(problems):
            start = read_bytes(file)[:4096].decode("utf-8", "replace").lstrip("\ufeff")
            if is_x12(start):
                claims += read_x12(file, problems=problems)
            elif Path(file).suffix.lower() == ".csv":
                claims += read_csv(file, problems=problems)
            else:
                claims += read_claims(file, use=use, problems=problems)
        if progress:
            progress(done)
    found = refuse_duplicates(claims, problems)
    if mapping is None:
        return found
    from salus.claims.code_map import apply, load_mapping

    return apply(found, load_mapping(mapping), problems=problems)
