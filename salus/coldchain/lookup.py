"""What the chain knows of a label's lot, and of the shipment that it came in; judged in
:mod:`salus.coldchain.verification`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from salus.coldchain.lots import lot_id
from salus.coldchain.verification import ChainAnswer
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.coldchain.label import Label
    from salus.coldchain.lots import Lots
    from salus.coldchain.shipments import ColdChain
    from salus.institutions.registry import Institutions

__all__ = ["LabelLookup"]


class LabelLookup:
    """Asks a chain about labels.

    Args:
        ledger: Its clock.
        institutions: Names.
        lots: Lots.
        coldchain: Recalls and shipments.
    """

    def __init__(self, ledger: Ledger, institutions: Institutions, lots: Lots, coldchain: ColdChain) -> None:
        self._ledger, self._institutions, self._lots, self._coldchain = ledger, institutions, lots, coldchain

    def answer(self, label: Label, shipment: bytes | None = None) -> ChainAnswer:
        """What the chain knows.

        Args:
            label: With a GTIN and a lot number.
            shipment: The shipment that it came in, where that is known.

        Raises:
            BadInput: The label names no lot, or there is no such shipment.
        """
        if label.gtin is None or label.lot is None:
            raise BadInput("label", "", "names no trade item and lot; scan the pack's own label")
        now, wanted = self._ledger.now(), lot_id(label.gtin, label.lot)
        try:
            lot = self._lots.lot(wanted)
        except BadInput:
            return ChainAnswer(now=now, registered=False)
        found = None if shipment is None else self._coldchain.shipment(shipment)
        return ChainAnswer(
            now=now,
            registered=True,
            lot=lot.id,
            manufacturer=self._institutions.name(lot.manufacturer),
            expires_at=lot.expires_at,
            recalled=self._coldchain.recall_of(wanted),
            shipment=None if found is None else found.id,
            of_lot=None if found is None else found.lot,
            holder=None if found is None else self._institutions.name(found.holder),
            verdict=None if found is None else found.verdict.name.lower(),
            verdict_words=None if found is None else found.verdict.words,
        )
