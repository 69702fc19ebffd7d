"""A shipment judged once more, from nothing but what the chain keeps of it: its events, and the batches in its
transactions.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from salus.coldchain.judge import Judge
from salus.coldchain.loggers.packing import unpack
from salus.coldchain.temperature import BY_HAND, FORKED, Judgement, Profile
from salus.errors import BadInput

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event
    from salus.coldchain.lots import Lots
    from salus.coldchain.shipments import ColdChain

__all__ = ["recompute"]

_Place = tuple[int, int]  # block and log
_END: _Place = (1 << 62, 0)


def recompute(ledger: Ledger, shipments: ColdChain, lots: Lots, shipment: bytes) -> Judgement:
    """What the readings of a shipment amount to at the latest block, silence until then included.

    Raises:
        BadInput: No such shipment.
        BadAnswer: The node shows other readings than were logged.
    """
    found = shipments.shipment(shipment)
    lot = lots.lot(bytes.fromhex(found.lot[2:]))
    profile = lots.profile(bytes.fromhex(lot.profile[2:]))
    judge = _Replay(ledger, shipments, profile).until(shipment, _END)
    silence = ledger.now() - judge.until
    unknown = judge.unknown + (silence if judge.until and silence > profile.silence else 0)
    return dataclasses.replace(judge.judgement(), unknown=unknown)


class _Replay:
    """Replays the shipments of one lot; each one's past is asked for once."""

    def __init__(self, ledger: Ledger, shipments: ColdChain, profile: Profile) -> None:
        self._ledger, self._shipments, self._profile = ledger, shipments, profile
        self._events: dict[tuple[str, str, bytes], tuple[Event, ...]] = {}

    def until(self, shipment: bytes, place: _Place) -> Judge:
        """The judge of a shipment as it stood right before a place in the chain."""
        judge, paired = self._beginning(shipment)
        steps = [
            event
            for name, field in (
                ("LoggerPaired", "shipment"),
                ("ReadingsLogged", "shipment"),
                ("ShipmentReleased", "shipment"),
                ("ShipmentQuarantined", "shipment"),
                ("ShipmentMerged", "into"),
            )
            for event in self._logs(name, field, shipment)
            if _place(event) < place
        ]
        batches = {_place(event): batch for event, batch in self._shipments.logged(shipment)}
        for event in sorted(steps, key=_place):
            if event.name == "LoggerPaired" and not paired:
                # What lies between its opening and here, nobody has seen.
                judge.unknown += max(0, event.args["from"] - judge.until)
                judge.until, paired = event.args["from"], True
            elif event.name == "ReadingsLogged":
                batch = batches[_place(event)]
                judge.judge(batch.start, batch.step, [reading.centi for reading in unpack([batch])])
            elif event.name == "ShipmentReleased":
                judge.release(self._time(event))
            elif event.name == "ShipmentQuarantined":
                judge.breached |= event.args["breached"] & (1 << FORKED | 1 << BY_HAND)
            elif event.name == "ShipmentMerged":
                other, now = self.until(bytes(event.args["shipment"]), _place(event)), self._time(event)
                for one in (judge, other):
                    one.wait(now)
                judge.worse(other, now)
        return judge

    def _beginning(self, shipment: bytes) -> tuple[Judge, bool]:
        """A shipment's judge when it came about, fresh or its parent's, and whether a logger was ever paired with those
        goods.
        """
        for event in self._logs("ShipmentSplit", "into", shipment):
            split_from = bytes(event.args["shipment"])
            parent = self.until(split_from, _place(event))
            pairings = self._logs("LoggerPaired", "shipment", split_from)
            paired = self._beginning(split_from)[1] or any(_place(pairing) < _place(event) for pairing in pairings)
            return dataclasses.replace(parent, runs=list(parent.runs)), paired
        if not self._logs("ShipmentOpened", "shipment", shipment):
            raise BadInput("", "shipment", f"0x{shipment.hex()} was never opened here; use the node that has its past")
        opened = self._time(self._logs("ShipmentOpened", "shipment", shipment)[0]) // 60 * 60
        return Judge(self._profile, opened), False

    def _logs(self, name: str, field: str, shipment: bytes) -> tuple[Event, ...]:
        asked = name, field, shipment
        if asked not in self._events:
            self._events[asked] = self._ledger.logs("ColdChain", name, {field: shipment})
        return self._events[asked]

    def _time(self, event: Event) -> int:
        return self._ledger.block_time(event.block)


def _place(event: Event) -> _Place:
    return event.block, event.index
