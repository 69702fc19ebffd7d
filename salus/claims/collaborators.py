"""What the modules of claims work with: the ledger, and the resources that claims rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.claims.plans.plans import Plans
    from salus.claims.treasury.treasury import Treasury
    from salus.institutions.registry import Institutions

__all__ = ["Collaborators"]


@dataclass(frozen=True)
class Collaborators:
    """The ledger and the resources that claims rest on.

    Attributes:
        ledger: Node, address book and signer.
        institutions: Names, accounts and licences.
        plans: Terms and versions of plans.
        treasury: Tokens and their decimals.
    """

    ledger: Ledger
    institutions: Institutions
    plans: Plans
    treasury: Treasury
