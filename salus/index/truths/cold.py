"""Lots and shipments: what their storage must be after what was heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .base import NOBODY, NOTHING, Expected, Hearer, fields

__all__ = ["Cold"]

_ACTIVE, _QUARANTINED, _DESTROYED = 1, 2, 3

# What a batch's judgement says that a release does not reset.
_LASTING = ("batches", "readings", "lowest", "highest", "above", "below")


class Cold(Hearer):
    """Of ``ColdChain``."""

    CONTRACTS = ("ColdChain",)

    def __init__(self) -> None:
        self.profiles: dict[bytes, dict[str, Any]] = {}
        self.lots: dict[bytes, dict[str, Any]] = {}
        self.shipped: dict[bytes, int] = defaultdict(int)
        self.shipments: dict[bytes, dict[str, Any]] = {}
        self.judgements: dict[bytes, dict[str, Any]] = {}

    def on_ProfileRegistered(self, a: Any, at: int) -> None:
        self.profiles[a["profile"]] = fields(a["terms"])

    def on_LotRegistered(self, a: Any, at: int) -> None:
        self.lots[a["lot"]] = fields(a["terms"])

    def on_ShipmentOpened(self, a: Any, at: int) -> None:
        names = ("lot", "holder", "logger", "units", "from")
        fresh = {"offeredTo": NOBODY, "breachedAt": 0, "disposition": _ACTIVE, "chain": NOTHING}
        self.shipments[a["shipment"]] = {**{name: a[name] for name in names}, **fresh}
        self.shipped[a["lot"]] += a["units"]

    def on_ShipmentOffered(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["offeredTo"] = a["to"]

    def on_ShipmentAccepted(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]] |= {"holder": a["to"], "offeredTo": NOBODY}

    def on_ReadingsLogged(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["chain"] = a["chain"]
        told = fields(a["judgement"])
        self.judgements[a["shipment"]] = {name: told[name] for name in (*_LASTING, "breached")}

    def on_ShipmentQuarantined(self, a: Any, at: int) -> None:
        change = {"disposition": _QUARANTINED, "breachedAt": a["breachedAt"], "offeredTo": NOBODY}
        self.shipments[a["shipment"]] |= change

    def on_ShipmentReleased(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]] |= {"disposition": _ACTIVE, "breachedAt": 0}
        if a["shipment"] in self.judgements:
            self.judgements[a["shipment"]]["breached"] = 0

    def on_ShipmentDestroyed(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]] |= {"disposition": _DESTROYED, "offeredTo": NOBODY}

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.truths.Truth`."""
        for id, profile in self.profiles.items():
            yield Expected("profile", (id,), profile)
        for id, lot in self.lots.items():
            yield Expected("lot", (id,), lot)
            yield Expected("unitsLeft", (id,), lot["units"] - self.shipped[id])
        for id, shipment in self.shipments.items():
            yield Expected("shipment", (id,), shipment)
        for id, judgement in self.judgements.items():
            yield Expected("judgement", (id,), judgement)
