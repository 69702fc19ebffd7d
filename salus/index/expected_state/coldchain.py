"""Lots, loggers, shipments and doses: what their storage must be after what was heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from salus.coldchain.handover import EPOCH, handed
from salus.index.expected_state.base import Expected, Hearer, fields

__all__ = ["Cold", "Devices", "Goods", "Jabs"]

_ACTIVE, _QUARANTINED, _CLOSED, _DESTROYED = 1, 2, 3, 4
_IN_SERVICE = 1
_NO_BATCH = bytes(16)


class Goods(Hearer):
    """Of ``Lots``."""

    CONTRACTS = ("Lots",)

    def __init__(self) -> None:
        self.profiles: dict[bytes, dict[str, Any]] = {}
        self.prefixes: dict[tuple[int, int], str] = {}
        self.lots: dict[bytes, dict[str, Any]] = {}

    def on_ProfileRegistered(self, a: Any, at: int) -> None:
        self.profiles[a["profile"]] = fields(a["terms"])

    def on_PrefixAssigned(self, a: Any, at: int) -> None:
        self.prefixes[a["prefix"], a["digits"]] = a["manufacturer"]

    def on_LotRegistered(self, a: Any, at: int) -> None:
        self.lots[a["lot"]] = fields(a["terms"])

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for id, profile in self.profiles.items():
            yield Expected("profile", (id,), profile)
        for prefix, holder in self.prefixes.items():
            yield Expected("prefixHolder", prefix, holder)
        for id, lot in self.lots.items():
            yield Expected("lot", (id,), lot)


class Devices(Hearer):
    """Of ``Loggers``."""

    CONTRACTS = ("Loggers",)

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.models: dict[int, dict[str, Any]] = {}
        self.files: dict[bytes, int] = {}

    def on_DeviceRegistered(self, a: Any, at: int) -> None:
        fresh = {"calibratedUntil": 0, "condition": _IN_SERVICE, "since": at}
        self.devices[a["device"]] = {**{name: a[name] for name in ("owner", "model", "accuracy")}, **fresh}

    def on_DeviceCalibrated(self, a: Any, at: int) -> None:
        self.devices[a["device"]]["calibratedUntil"] = a["until"]

    def on_DeviceConditionSet(self, a: Any, at: int) -> None:
        self.devices[a["device"]] |= {"condition": a["condition"], "since": at}

    def on_ModelAccredited(self, a: Any, at: int) -> None:
        self.models[a["model"]] = {**{name: a[name] for name in ("name", "x", "y")}, "trusted": True}

    def on_ModelDistrusted(self, a: Any, at: int) -> None:
        self.models[a["model"]]["trusted"] = False

    def on_FileProven(self, a: Any, at: int) -> None:
        self.files[a["file"]] = a["model"]

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for account, device in self.devices.items():
            yield Expected("device", (account,), device)
        for number, model in self.models.items():
            yield Expected("model", (number,), model)
        for file, model in self.files.items():
            yield Expected("provenBy", (file,), model)


class Cold(Hearer):
    """Of ``ColdChain``; it hears of lots too, for what is left of them."""

    CONTRACTS = ("ColdChain", "Lots")

    def __init__(self) -> None:
        self.units: dict[bytes, int] = {}
        self.shipped: dict[bytes, int] = defaultdict(int)
        self.recalls: dict[bytes, int] = {}
        self.shipments: dict[bytes, dict[str, Any]] = {}
        self.pairings: dict[tuple[bytes, str], dict[str, Any]] = {}

    def on_LotRegistered(self, a: Any, at: int) -> None:
        self.units[a["lot"]] = a["terms"].units

    def on_ShipmentOpened(self, a: Any, at: int) -> None:
        fresh = {"since": _minute(at), "disposition": _ACTIVE, "chain": _NO_BATCH}
        self.shipments[a["shipment"]] = {**{name: a[name] for name in ("lot", "holder", "units", "due")}, **fresh}
        self.shipped[a["lot"]] += a["units"]

    def on_ShipmentSplit(self, a: Any, at: int) -> None:
        parent = self.shipments[a["shipment"]]
        parent["units"] -= a["units"]
        self.shipments[a["into"]] = {**parent, "units": a["units"]}

    def on_ShipmentMerged(self, a: Any, at: int) -> None:
        one, other = self.shipments[a["shipment"]], self.shipments[a["into"]]
        other["units"] += one["units"]
        other["due"] = min((due for due in (one["due"], other["due"]) if due), default=0)
        one |= {"units": 0, "disposition": _CLOSED}

    def on_ShipmentHanded(self, a: Any, at: int) -> None:
        told = handed(a["terms"])
        self.shipments[a["shipment"]] |= {"holder": a["to"], "since": told.since, "due": told.due}

    def on_ShipmentRejected(self, a: Any, at: int) -> None:
        shipment = self.shipments[a["shipment"]]
        shipment["since"] = max(_minute(at), shipment["since"] + 1)

    def on_UnitsDispensed(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["units"] -= a["units"]

    def on_LoggerPaired(self, a: Any, at: int) -> None:
        self.pairings[a["shipment"], a["logger"]] = {name: a[name] for name in ("from", "to", "model")}

    def on_PairingEnded(self, a: Any, at: int) -> None:
        self.pairings[a["shipment"], a["logger"]]["to"] = a["to"]

    def on_ReadingsLogged(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["chain"] = a["chain"]

    def on_ShipmentQuarantined(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["disposition"] = _QUARANTINED

    def on_ShipmentReleased(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]] |= {"disposition": _ACTIVE, "due": 0}

    def on_ShipmentDestroyed(self, a: Any, at: int) -> None:
        self.shipments[a["shipment"]]["disposition"] = _DESTROYED

    def on_LotRecalled(self, a: Any, at: int) -> None:
        self.recalls[a["lot"]] = a["reason"]

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for lot, units in self.units.items():
            yield Expected("unitsLeft", (lot,), units - self.shipped[lot])
            yield Expected("recallOf", (lot,), self.recalls.get(lot, 0))
        for id, shipment in self.shipments.items():
            yield Expected("shipment", (id,), shipment)
        for pair, pairing in self.pairings.items():
            yield Expected("pairing", pair, pairing)


class Jabs(Hearer):
    """Of ``Doses``."""

    CONTRACTS = ("Doses",)

    def __init__(self) -> None:
        self.doses: dict[bytes, dict[str, Any]] = {}

    def on_DoseGiven(self, a: Any, at: int) -> None:
        names = ("shipment", "clinic", "patient", "schedule", "step", "day")
        self.doses[a["dose"]] = {**{name: a[name] for name in names}, "voided": False}

    def on_DoseVoided(self, a: Any, at: int) -> None:
        self.doses[a["dose"]]["voided"] = True

    def told(self) -> Iterator[Expected]:
        """See :class:`salus.index.expected_state.Truth`."""
        for id, dose in self.doses.items():
            yield Expected("dose", (id,), dose)


def _minute(at: int) -> int:
    return (at - EPOCH) // 60
