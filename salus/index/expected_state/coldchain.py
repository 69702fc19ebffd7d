"""Lots, loggers and shipments: what their storage must be after the events so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from salus.coldchain.handover import EPOCH, handed
from salus.index.expected_state.base import Args, EventHandler, Expected, fields

__all__ = ["ColdChainState", "LoggersState", "LotsState"]

_ACTIVE, _QUARANTINED, _CLOSED, _DESTROYED = 1, 2, 3, 4
_IN_SERVICE = 1
_NO_BATCH = bytes(16)


class LotsState(EventHandler):
    """The state of ``Lots``."""

    CONTRACTS = ("Lots",)

    def __init__(self) -> None:
        self.profiles: dict[bytes, dict[str, Any]] = {}
        self.prefixes: dict[tuple[int, int], str] = {}
        self.lots: dict[bytes, dict[str, Any]] = {}

    def on_ProfileRegistered(self, args: Args, at: int) -> None:
        self.profiles[args["profile"]] = fields(args["terms"])

    def on_PrefixAssigned(self, args: Args, at: int) -> None:
        self.prefixes[args["prefix"], args["digits"]] = args["manufacturer"]

    def on_LotRegistered(self, args: Args, at: int) -> None:
        self.lots[args["lot"]] = fields(args["terms"])

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for id, profile in self.profiles.items():
            yield Expected("profile", (id,), profile)
        for prefix, holder in self.prefixes.items():
            yield Expected("prefixHolder", prefix, holder)
        for id, lot in self.lots.items():
            yield Expected("lot", (id,), lot)


class LoggersState(EventHandler):
    """The state of ``Loggers``."""

    CONTRACTS = ("Loggers",)

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.models: dict[int, dict[str, Any]] = {}
        self.files: dict[bytes, int] = {}

    def on_DeviceRegistered(self, args: Args, at: int) -> None:
        fresh = {"calibratedUntil": 0, "condition": _IN_SERVICE, "since": at}
        self.devices[args["device"]] = {**{name: args[name] for name in ("owner", "model", "accuracy")}, **fresh}

    def on_DeviceCalibrated(self, args: Args, at: int) -> None:
        self.devices[args["device"]]["calibratedUntil"] = args["until"]

    def on_DeviceConditionSet(self, args: Args, at: int) -> None:
        self.devices[args["device"]] |= {"condition": args["condition"], "since": at}

    def on_ModelAccredited(self, args: Args, at: int) -> None:
        self.models[args["model"]] = {**{name: args[name] for name in ("name", "x", "y")}, "trusted": True}

    def on_ModelDistrusted(self, args: Args, at: int) -> None:
        self.models[args["model"]]["trusted"] = False

    def on_FileProven(self, args: Args, at: int) -> None:
        self.files[args["file"]] = args["model"]

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for account, device in self.devices.items():
            yield Expected("device", (account,), device)
        for number, model in self.models.items():
            yield Expected("model", (number,), model)
        for file, signer in self.files.items():
            yield Expected("provenBy", (file,), signer)


class ColdChainState(EventHandler):
    """The state of ``ColdChain``; events of lots count too, for the units that are left of a lot."""

    CONTRACTS = ("ColdChain", "Lots")

    def __init__(self) -> None:
        self.units: dict[bytes, int] = {}
        self.shipped: dict[bytes, int] = defaultdict(int)
        self.recalls: dict[bytes, int] = {}
        self.shipments: dict[bytes, dict[str, Any]] = {}
        self.pairings: dict[tuple[bytes, str], dict[str, Any]] = {}

    def on_LotRegistered(self, args: Args, at: int) -> None:
        self.units[args["lot"]] = args["terms"].units

    def on_ShipmentOpened(self, args: Args, at: int) -> None:
        fresh = {"since": _minute(at), "disposition": _ACTIVE, "chain": _NO_BATCH}
        self.shipments[args["shipment"]] = {**{name: args[name] for name in ("lot", "holder", "units", "due")}, **fresh}
        self.shipped[args["lot"]] += args["units"]

    def on_ShipmentSplit(self, args: Args, at: int) -> None:
        parent = self.shipments[args["shipment"]]
        parent["units"] -= args["units"]
        self.shipments[args["into"]] = {**parent, "units": args["units"]}

    def on_ShipmentMerged(self, args: Args, at: int) -> None:
        one, other = self.shipments[args["shipment"]], self.shipments[args["into"]]
        other["units"] += one["units"]
        other["due"] = min((due for due in (one["due"], other["due"]) if due), default=0)
        one |= {"units": 0, "disposition": _CLOSED}

    def on_ShipmentHanded(self, args: Args, at: int) -> None:
        terms = handed(args["terms"])
        self.shipments[args["shipment"]] |= {"holder": args["to"], "since": terms.since, "due": terms.due}

    def on_ShipmentRejected(self, args: Args, at: int) -> None:
        shipment = self.shipments[args["shipment"]]
        shipment["since"] = max(_minute(at), shipment["since"] + 1)

    def on_UnitsDispensed(self, args: Args, at: int) -> None:
        self.shipments[args["shipment"]]["units"] -= args["units"]

    def on_LoggerPaired(self, args: Args, at: int) -> None:
        self.pairings[args["shipment"], args["logger"]] = {name: args[name] for name in ("from", "to", "model")}

    def on_PairingEnded(self, args: Args, at: int) -> None:
        self.pairings[args["shipment"], args["logger"]]["to"] = args["to"]

    def on_ReadingsLogged(self, args: Args, at: int) -> None:
        self.shipments[args["shipment"]]["chain"] = args["chain"]

    def on_ShipmentQuarantined(self, args: Args, at: int) -> None:
        self.shipments[args["shipment"]]["disposition"] = _QUARANTINED

    def on_ShipmentReleased(self, args: Args, at: int) -> None:
        self.shipments[args["shipment"]] |= {"disposition": _ACTIVE, "due": 0}

    def on_ShipmentDestroyed(self, args: Args, at: int) -> None:
        self.shipments[args["shipment"]]["disposition"] = _DESTROYED

    def on_LotRecalled(self, args: Args, at: int) -> None:
        self.recalls[args["lot"]] = args["reason"]

    def reconstruct(self) -> Iterator[Expected]:
        """See :class:`~salus.index.expected_state.base.StateModel`."""
        for lot, units in self.units.items():
            yield Expected("unitsLeft", (lot,), units - self.shipped[lot])
            yield Expected("recallOf", (lot,), self.recalls.get(lot, 0))
        for id, shipment in self.shipments.items():
            yield Expected("shipment", (id,), shipment)
        for pair, pairing in self.pairings.items():
            yield Expected("pairing", pair, pairing)


def _minute(at: int) -> int:
    return (at - EPOCH) // 60
