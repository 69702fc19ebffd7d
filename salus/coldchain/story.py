"""The story of a shipment, told from its events: for EPCIS documents and for charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

from salus.coldchain.epcis_document import Act, Breach, Party, ReadingsTold, Step, Story, StoryLot
from salus.coldchain.temperature import Profile, judgement_of_word
from salus.errors import gate

if TYPE_CHECKING:
    from salus.client import Event, Salus
    from salus.coldchain.loggers.packing import ReadingBatch
    from salus.coldchain.lots import Lot

__all__ = ["shipment_story"]

_Teller = Callable[["_Told", "Event"], Step]


def shipment_story(salus: Salus, shipment: bytes) -> Story:
    """What happened to a shipment and, before it was split off, to the one that it came from; the making and recall of
    its lot.

    Of each batch of readings the lowest, the highest and the rules that it broke are told; every single reading is in
    the transaction that the step names. Where a batch measured nothing, each of its readings is told as the failure
    that it is.

    Raises:
        BadInput: No such shipment.
        BadAnswer: As :meth:`salus.coldchain.ColdChain.logged`.
    """
    found = salus.coldchain.shipment(shipment)
    lot = salus.lots.lot(bytes.fromhex(found.lot[2:]))
    told = _Told(salus, lot, salus.lots.profile(bytes.fromhex(lot.profile[2:])))
    happened: list[Event] = []
    until = (1 << 62, 0)
    walked: bytes | None = shipment
    while walked is not None:
        events = [
            event for name in _STEPS for event in told.events(name, walked) if (event.block, event.index) <= until
        ]
        if any(event.name == "ReadingsLogged" for event in events):
            told.take(salus.coldchain.logged(walked))
        happened += events
        # Those of its parent count until it was split off; that very event is the parent's and is told once.
        split = salus.logs("ColdChain", "ShipmentSplit", {"into": walked})
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
    return Story(chain=salus.chain_id, lot=label, steps=[step for _, step in steps])


class _Told:
    """Turns events into steps."""

    def __init__(self, salus: Salus, lot: Lot, profile: Profile) -> None:
        self._salus, self._lot, self._profile = salus, lot, profile
        self._times: dict[int, int] = {}
        self._batches: dict[tuple[int, int], ReadingBatch] = {}  # by block and index of their events
        self._breached: set[int] = set()  # told already

    def take(self, logged: list[tuple[Event, ReadingBatch]]) -> None:
        """Batches of readings, to be told of when it is their event's turn."""
        self._batches |= {(event.block, event.index): batch for event, batch in logged}

    def events(self, name: str, shipment: bytes) -> list[Event]:
        """Events of a shipment; of a merger those of both sides."""
        found = list(self._salus.logs("ColdChain", name, {"shipment": shipment}))
        if name == "ShipmentMerged":
            found += self._salus.logs("ColdChain", name, {"into": shipment})
        return found

    def made_and_recalled(self) -> list[tuple[Event, Step]]:
        """The two steps of the lot itself."""
        lot = bytes.fromhex(self._lot.id[2:])
        made = self._salus.logs("Lots", "LotRegistered", {"lot": lot})
        recalled = self._salus.logs("ColdChain", "LotRecalled", {"lot": lot})
        return [(event, self._step(event, Act.MADE, units=self._lot.units)) for event in made] + [
            (event, self._step(event, Act.RECALLED, by="by", reason=True)) for event in recalled
        ]

    def opened(self, event: Event) -> Step:
        return self._step(event, Act.OPENED, by="holder", units=event.args["units"])

    def split(self, event: Event) -> Step:
        return self._step(event, Act.SPLIT, units=event.args["units"], other=True)

    def merged(self, event: Event) -> Step:
        return self._step(event, Act.MERGED, units=event.args["units"], other=True)

    def handed(self, event: Event) -> Step:
        return self._step(event, Act.HANDED, by="from", to=Party(event.args["to"]))

    def rejected(self, event: Event) -> Step:
        return self._step(event, Act.REJECTED, by="by", reason=True)

    def dispensed(self, event: Event) -> Step:
        return self._step(event, Act.GIVEN, by="holder", units=event.args["units"])

    def quarantined(self, event: Event) -> Step:
        return self._step(event, Act.QUARANTINED, verdict="excursion")

    def released(self, event: Event) -> Step:
        return self._step(event, Act.RELEASED, by="laboratory", reason=True, verdict="intact")

    def destroyed(self, event: Event) -> Step:
        return self._step(event, Act.DESTROYED, by="laboratory", reason=True, verdict="destroyed")

    def logged(self, event: Event) -> Step:
        from salus.coldchain.loggers.packing import unpack

        batch = self._batches[event.block, event.index]
        readings = unpack([batch])
        measured = [reading.centi for reading in readings if reading.centi is not None]
        # The contract's judgement is of all so far.
        breached = [bit for bit in judgement_of_word(event.args["judgement"]).breached if bit not in self._breached]
        self._breached.update(breached)
        told = ReadingsTold(
            device=f"eip155:{self._salus.chain_id}:account:{event.args['logger'].lower()}",
            start=batch.start,
            end=batch.end,
            lowest=min(measured, default=None),
            highest=max(measured, default=None),
            readings=() if measured else tuple(readings),
            breaches=[Breach(self._profile.limit(bit)) for bit in breached],
        )
        return self._step(event, Act.READINGS, told=told)

    def _step(
        self,
        event: Event,
        act: Act,
        *,
        by: str = "",
        to: Party | None = None,
        units: int | None = None,
        other: bool = False,
        reason: bool = False,
        verdict: str | None = None,
        told: ReadingsTold | None = None,
    ) -> Step:
        args = event.args
        return Step(
            act=act,
            time=self._time(event.block),
            shipment=bytes(args["shipment"]).hex() if "shipment" in args else None,
            other=bytes(args["into"]).hex() if other else None,
            units=units,
            by=Party(args[by]) if by else None,
            to=to,
            reason=args["reason"] if reason else None,
            verdict=verdict,
            transaction=event.transaction.removeprefix("0x"),
            told=told,
        )

    def _time(self, block: int) -> int:
        if block not in self._times:
            with gate("asking for a block"):
                self._times[block] = int(self._salus.w3.eth.get_block(block)["timestamp"])
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
