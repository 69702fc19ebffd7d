"""A folder of FHIR ClaimResponses that is filled while claims are submitted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from salus.claims.files.fhir_response import write_claim_responses

if TYPE_CHECKING:
    from salus.claims.model import ClaimAnswer

__all__ = ["ResponseFolder"]


class ResponseFolder:
    """A folder for the answers to claims; it is made at once, so that one that cannot be made is told before anything
    is sent.

    Args:
        path: The folder.
        insurer: The insurer's public name.

    Raises:
        BadInput: It cannot be made.
    """

    def __init__(self, path: str | Path, insurer: str) -> None:
        self._path, self._insurer = Path(path), insurer
        write_claim_responses([], self._path, insurer=insurer)

    def add(self, answers: Iterable[ClaimAnswer]) -> list[Path]:
        """Write an answer a file. An answer of an earlier run is written only where it is not in the folder yet: that
        run may have been stopped between the chain and the file.

        Raises:
            BadInput: The folder cannot be written to.
        """
        kept = {path.name for path in self._path.glob("ClaimResponse-*.json")}
        new = [a for a in answers if not (a.earlier and f"ClaimResponse-{a.id[2:18]}.json" in kept)]
        return write_claim_responses(new, self._path, insurer=self._insurer)
