"""The story of a shipment, told from its events: for EPCIS documents and for charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from salus.coldchain.epcis_document import Act, Breach, Party, ReadingsTold, Step, Story, StoryLot
from salus.coldchain.temperature import Profile, judgement_of_word

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.coldchain.loggers.packing import ReadingBatch
    from salus.coldchain.lots import Lot, Lots
    from salus.coldchain.shipments import ColdChain

__all__ = ["shipment_story"]

_Teller = Callable[["_Told", "Event"], Step]


def shipment_story(ledger: Ledger, shipments: ColdChain, lots: Lots, shipment: bytes) -> Story:
    """What happened to a shipment and, before it was split off, to the one that it came from; the making and recall of
    its lot.

    Of each batch of readings the lowest, the highest and the rules that it broke are told; every single reading is in
    the transaction that the step names. Where a batch measured nothing, each of its readings is told as the failure
    that it is.

    Raises:
        BadInput: No such shipment.
        BadAnswer: As :meth:`salus.coldchain.ColdChain.logged`.
    """
    found = shipments.shipment(shipment)
    lot = lots.lot(bytes.fromhex(found.lot[2:]))
    told = _Told(ledger, lot, lots.profile(bytes.fromhex(lot.profile[2:])))
    happened: list[Event] = []
    until = (1 << 62, 0)
    walked: bytes | None = shipment
    while walked is not None:
        events = [
            event for name in _STEPS for event in told.events(name, walked) if (event.block, event.index) <= until
        ]
        if any(event.name == "ReadingsLogged" for event in events):
            told.take(shipments.logged(walked))
        happened += events
        # Those of its parent count until it was split off; that very event is the parent's and is told once.
        split = ledger.logs("ColdChain", "ShipmentSplit", {"into": walked})
        walked = bytes(split[0].args["shipment"]) if split else None
        until = (split[0].block, split[0].index) if split else until
    happened.sort(key=lambda event: (event.block, event.index))
    steps = told.made_and_recalled() + [(event, _STEPS[event.name](told, event)) for event in happened]
    steps.sort(key=lambda pair: (pair[0].block, pair[0].index))
    label = StoryLot(
        gtin=lot.gtin,
        number=lot.number,
        # The label's day is the last one; the chain knows the first second after it.
        expires=dt.datetime.fromtimestamp(lot.expires_at - 1, dt.UTC).date(),
        made=lot.made_at,
    )
    return Story(chain=ledger.chain_id, lot=label, steps=[step for _, step in steps])


class _Told:
    """Turns events into steps."""

    def __init__(self, ledger: Ledger, lot: Lot, profile: Profile) -> None:
        self._ledger, self._lot, self._profile = ledger, lot, profile
        self._times: dict[int, int] = {}
        self._batches: dict[tuple[int, int], ReadingBatch] = {}  # by block and index of their events
        self._breached: set[int] = set()  # told already

    def take(self, logged: list[tuple[Event, ReadingBatch]]) -> None:
        """Batches of readings, to be told of when it is their event's turn."""
        self._batches |= {(event.block, event.index): batch for event, batch in logged}

    def events(self, name: str, shipment: bytes) -> list[Event]:
        """Events of a shipment; of a merger those of both sides."""
        found = list(self._ledger.logs("ColdChain", name, {"shipment": shipment}))
        if name == "ShipmentMerged":
            found += self._ledger.logs("ColdChain", name, {"into": shipment})
        return found

    def made_and_recalled(self) -> list[tuple[Event, Step]]:
        """The two steps of the lot itself."""
        lot = bytes.fromhex(self._lot.id[2:])
        made = self._ledger.logs("Lots", "LotRegistered", {"lot": lot})
        recalled = self._ledger.logs("ColdChain", "LotRecalled", {"lot": lot})
        return [(event, replace(self._step(event, Act.MADE), units=self._lot.units)) for event in made] + [
            (event, replace(self._step(event, Act.RECALLED, by="by"), reason=event.args["reason"]))
            for event in recalled
        ]

    def opened(self, event: Event) -> Step:
        return replace(self._step(event, Act.OPENED, by="holder"), units=event.args["units"])

    def split(self, event: Event) -> Step:
        return replace(self._step(event, Act.SPLIT), units=event.args["units"], other=bytes(event.args["into"]).hex())

    def merged(self, event: Event) -> Step:
        return replace(self._step(event, Act.MERGED), units=event.args["units"], other=bytes(event.args["into"]).hex())

    def handed(self, event: Event) -> Step:
        return replace(self._step(event, Act.HANDED, by="from"), to=Party(event.args["to"]))

    def rejected(self, event: Event) -> Step:
        return replace(self._step(event, Act.REJECTED, by="by"), reason=event.args["reason"])

    def dispensed(self, event: Event) -> Step:
        return replace(self._step(event, Act.GIVEN, by="holder"), units=event.args["units"])

    def quarantined(self, event: Event) -> Step:
        return replace(self._step(event, Act.QUARANTINED), verdict="excursion")

    def released(self, event: Event) -> Step:
        return replace(self._step(event, Act.RELEASED, by="laboratory"), reason=event.args["reason"], verdict="intact")

    def destroyed(self, event: Event) -> Step:
        return replace(
            self._step(event, Act.DESTROYED, by="laboratory"), reason=event.args["reason"], verdict="destroyed"
        )

    def logged(self, event: Event) -> Step:
        from salus.coldchain.loggers.packing import unpack

        batch = self._batches[event.block, event.index]
        readings = unpack([batch])
        measured = [reading.centi for reading in readings if reading.centi is not None]
        # The contract's judgement is of all so far.
        breached = [bit for bit in judgement_of_word(event.args["judgement"]).breached if bit not in self._breached]
        self._breached.update(breached)
        told = ReadingsTold(
            device=f"eip155:{self._ledger.chain_id}:account:{event.args['logger'].lower()}",
            start=batch.start,
            end=batch.end,
            lowest=min(measured, default=None),
            highest=max(measured, default=None),
            readings=() if measured else tuple(readings),
            breaches=[Breach(self._profile.limit(bit)) for bit in breached],
        )
        return replace(self._step(event, Act.READINGS), told=told)

    def _step(self, event: Event, act: Act, *, by: str = "") -> Step:
        """What every step says; the rest is added by its teller. ``by`` names the argument that says who acted."""
        args = event.args
        return Step(
            act=act,
            time=self._time(event.block),
            shipment=bytes(args["shipment"]).hex() if "shipment" in args else None,
            by=Party(args[by]) if by else None,
            transaction=event.transaction.removeprefix("0x"),
        )

    def _time(self, block: int) -> int:
        if block not in self._times:
            self._times[block] = self._ledger.block_time(block)
        return self._times[block]


_STEPS: dict[str, _Teller] = {
    "ShipmentOpened": _Told.opened,
    "ShipmentSplit": _Told.split,
    "ShipmentMerged": _Told.merged,
    "ShipmentHanded": _Told.handed,
    "ShipmentRejected": _Told.rejected,
    "UnitsDispensed": _Told.dispensed,
    "ReadingsLogged": _Told.logged,
    "ShipmentQuarantined": _Told.quarantined,
    "ShipmentReleased": _Told.released,
    "ShipmentDestroyed": _Told.destroyed,
}
