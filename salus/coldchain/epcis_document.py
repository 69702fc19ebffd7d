"""A shipment's story as an EPCIS 2.0 document.

What is told is plain data: the lot as its label says it, and steps in order of time. Nothing here asks a chain, and
nothing personal may be given: parties are places (GLN) or accounts, doses are counts.

How a step is said in EPCIS and CBV 2.0:

=============  ===================================================================================================
step           event
=============  ===================================================================================================
MADE           ObjectEvent ADD, commissioning, active; the lot's number and expiry as master data
OPENED         AggregationEvent ADD, packing, in_progress: units of the lot in a shipment
SPLIT          AggregationEvent DELETE, unpacking, and AggregationEvent ADD, packing: units from a shipment to another
MERGED         the same two, all units of the other shipment
PACKED         AggregationEvent ADD, packing, container_closed: shipments on a logistic unit
UNPACKED       AggregationEvent DELETE, unpacking, container_open
HANDED         TransactionEvent ADD, accepting, in_progress: possession passes from a party to a party
REJECTED       ObjectEvent OBSERVE, void_shipping, returned
READINGS       ObjectEvent OBSERVE, sensor_reporting, with a sensorElement
QUARANTINED    ObjectEvent OBSERVE, holding, unavailable
RELEASED       ObjectEvent OBSERVE, inspecting, conformant
DESTROYED      ObjectEvent DELETE, destroying, destroyed
RECALLED       ObjectEvent OBSERVE, holding, recalled, which persists: of the whole lot
GIVEN          ObjectEvent OBSERVE, dispensing, dispensed: units of the lot
=============  ===================================================================================================

Each event's ``eventID`` is its hash (:mod:`salus.formats.epcis.hashes`), so that a changed event has another name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from salus.coldchain.loggers.reading import Reading
from salus.errors import BadInput, one_line
from salus.formats.digital_link import CANONICAL, link
from salus.formats.epcis.events import Found
from salus.formats.epcis.hashes import event_hash
from salus.formats.epcis.vocabulary import CONTEXT
from salus.formats.gs1 import gln_number, gtin_14, sscc_number

__all__ = ["Act", "Breach", "Party", "ReadingsTold", "Step", "Story", "StoryLot", "document"]

_NAMESPACE = "urn:salus:epcis:"


class Act(StrEnum):
    """What happened in a step."""

    MADE = "made"
    OPENED = "opened"
    SPLIT = "split"
    MERGED = "merged"
    PACKED = "packed"
    UNPACKED = "unpacked"
    HANDED = "handed"
    REJECTED = "rejected"
    READINGS = "readings"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    DESTROYED = "destroyed"
    RECALLED = "recalled"
    GIVEN = "given"


@dataclass(frozen=True)
class StoryLot:
    """A lot, as its label says it.

    Args:
        gtin: 8 to 14 digits.
        number: Lot number.
        expires: The last day on which it may be given; None when nobody said.
        made: When it was made, Unix seconds; None when nobody said.
    """

    gtin: str
    number: str
    expires: dt.date | None = None
    made: int | None = None


@dataclass(frozen=True)
class Party:
    """An institution that holds or judges.

    Args:
        account: Its address on the chain.
        gln: Its global location number, when it has one: it is then named by it.
    """

    account: str
    gln: str | None = None


@dataclass(frozen=True)
class Breach:
    """A rule that was breached.

    Args:
        words: The rule, e.g. ``≥ 8.00 °C for 30 min at a time``.
        time: When, Unix seconds; None when only that is known.
    """

    words: str
    time: int | None = None


@dataclass(frozen=True)
class ReadingsTold:
    """Temperatures in a step.

    Args:
        device: The logger: a URI, or its account.
        start: Of the time that is told of, Unix seconds.
        end: Its end.
        lowest: 0.01 °C, None when nothing was measured.
        highest: 0.01 °C, None when nothing was measured.
        readings: Each one, where they are to be told; then neither lowest nor highest is.
        breaches: Rules that were breached.
        raw_data: Where the file is, or a name for it such as ``ni:///sha-256;…``; None for none.
    """

    device: str
    start: int
    end: int
    lowest: int | None = None
    highest: int | None = None
    readings: Sequence[Reading] = ()
    breaches: Sequence[Breach] = ()
    raw_data: str | None = None


@dataclass(frozen=True)
class Step:
    """One step of the story.

    Args:
        act: What happened.
        time: Unix seconds.
        shipment: Which one: its id, or an SSCC of 18 digits; for SPLIT and MERGED the one that units leave, for PACKED
            and UNPACKED the logistic unit. Not for MADE and RECALLED, which are about the lot.
        other: For SPLIT and MERGED: the shipment that units come into.
        contents: For PACKED and UNPACKED: the shipments on the logistic unit.
        units: Of the lot: for MADE, OPENED, SPLIT, MERGED and GIVEN.
        by: Who did it; for HANDED: who gave it.
        to: For HANDED: who took it.
        reason: The code that was given for it.
        verdict: The verdict after it, as a word.
        transaction: Hash of the transaction on the chain.
        told: For READINGS: what was measured.
    """

    act: Act
    time: int
    shipment: str | None = None
    other: str | None = None
    contents: Sequence[str] = ()
    units: int | None = None
    by: Party | None = None
    to: Party | None = None
    reason: int | None = None
    verdict: str | None = None
    transaction: str | None = None
    told: ReadingsTold | None = None


@dataclass(frozen=True)
class Story:
    """A lot's or a shipment's story.

    Args:
        chain: Id of the chain; accounts, shipments and transactions are named with it.
        lot: What is shipped.
        steps: In order of time.
        resolver: Whose web address GS1 links have.
    """

    chain: int
    lot: StoryLot
    steps: Sequence[Step]
    resolver: str = CANONICAL


def document(story: Story, *, created: int) -> dict[str, Any]:
    """The story as an EPCIS 2.0 JSON-LD document, for :func:`salus.formats.json_file.dump_json`.

    Args:
        story: What happened.
        created: When the document is made, Unix seconds.

    Raises:
        BadInput: A step that lacks what its event needs, or an identifier with a wrong check digit; names the step.
    """
    teller = _Teller(story)
    events = [event for n, step in enumerate(story.steps) for event in teller.tell(n, step)]
    return {
        "@context": [CONTEXT, {"salus": _NAMESPACE}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _time(created),
        "epcisBody": {"eventList": events},
    }


def _time(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _celsius(centi: int) -> Decimal | int:
    value = Decimal(centi) / 100
    return int(value) if value == int(value) else value


class _Teller:
    def __init__(self, story: Story) -> None:
        self.story = story
        self.lot = link({"01": gtin_14(story.lot.gtin), "10": story.lot.number}, resolver=story.resolver)

    def tell(self, number: int, step: Step) -> Iterator[dict[str, Any]]:
        try:
            for event in getattr(self, f"_{step.act.value}")(step):
                yield self._finished(event, step)
        except BadInput as trouble:
            where = f"steps[{number}] {step.act.value}"
            raise BadInput("story", f"{where}: {trouble.field}" if trouble.field else where, trouble.fix) from None

    def _finished(self, event: dict[str, Any], step: Step) -> dict[str, Any]:
        told = {
            "salus:by": None if step.by is None or step.act is Act.HANDED else self._party(step.by),
            "salus:reason": None if step.reason is None else str(step.reason),
            "salus:transaction": None if step.transaction is None else self._named("transaction", step.transaction),
            "salus:verdict": step.verdict,
        }
        kind = event.pop("type")
        whole = {
            "type": kind,
            "eventTime": _time(step.time),
            "eventTimeZoneOffset": "+00:00",
            **event,
            **{name: value for name, value in told.items() if value is not None},
        }
        return {"type": kind, "eventID": event_hash(Found("", whole, {"salus": _NAMESPACE})), **whole}

    # ---- names ---------------------------------------------------------------------------------------------------

    def _named(self, what: str, text: str) -> str:
        """A name for a thing of the chain: the chain's id as in CAIP-2, then what it is, then its id."""
        if not text.isascii() or not text.isalnum():
            raise BadInput("", what, f"is {one_line(text, 40)!r}; give a hash, an id or an account in hex")
        return f"eip155:{self.story.chain}:{what}:{text.lower()}"

    def _unit(self, text: str | None, what: str = "shipment") -> str:
        if not text:
            raise BadInput("", what, "is missing; name the shipment")
        if text.isdigit() and len(text) == 18:
            return link({"00": sscc_number(text)}, resolver=self.story.resolver)
        return self._named("shipment", text)

    def _party(self, party: Party | None, what: str = "by") -> str:
        if party is None:
            raise BadInput("", what, "is missing; name the party")
        if party.gln is not None:
            return link({"417": gln_number(party.gln)}, resolver=self.story.resolver)
        return self._named("account", party.account)

    def _quantity(self, step: Step) -> list[dict[str, Any]]:
        if step.units is None or step.units < 1:
            raise BadInput("", "units", f"is {step.units}; say how many units of the lot")
        return [{"epcClass": self.lot, "quantity": step.units}]

    # ---- steps ---------------------------------------------------------------------------------------------------

    def _made(self, step: Step) -> Iterator[dict[str, Any]]:
        lot = self.story.lot
        ilmd = {
            "cbvmda:lotNumber": lot.number,
            "cbvmda:itemExpirationDate": None if lot.expires is None else lot.expires.isoformat(),
            "cbvmda:productionDate": None if lot.made is None else _time(lot.made)[:10],
        }
        yield {
            "type": "ObjectEvent",
            "action": "ADD",
            "bizStep": "commissioning",
            "disposition": "active",
            "quantityList": self._quantity(step),
            "ilmd": {name: value for name, value in ilmd.items() if value is not None},
        }

    def _opened(self, step: Step) -> Iterator[dict[str, Any]]:
        yield self._put(step, step.shipment, "shipment")

    def _put(self, step: Step, shipment: str | None, what: str) -> dict[str, Any]:
        return {
            "type": "AggregationEvent",
            "action": "ADD",
            "bizStep": "packing",
            "disposition": "in_progress",
            "parentID": self._unit(shipment, what),
            "childQuantityList": self._quantity(step),
        }

    def _split(self, step: Step) -> Iterator[dict[str, Any]]:
        yield {**self._put(step, step.shipment, "shipment"), "action": "DELETE", "bizStep": "unpacking"}
        yield self._put(step, step.other, "other")

    _merged = _split

    def _packed(self, step: Step) -> Iterator[dict[str, Any]]:
        if not step.contents:
            raise BadInput("", "contents", "is empty; name the shipments on the logistic unit")
        yield {
            "type": "AggregationEvent",
            "action": "ADD",
            "bizStep": "packing",
            "disposition": "container_closed",
            "parentID": self._unit(step.shipment),
            "childEPCs": [self._unit(content, "contents") for content in step.contents],
        }

    def _unpacked(self, step: Step) -> Iterator[dict[str, Any]]:
        for event in self._packed(step):
            yield {**event, "action": "DELETE", "bizStep": "unpacking", "disposition": "container_open"}

    def _handed(self, step: Step) -> Iterator[dict[str, Any]]:
        if step.transaction is None:
            raise BadInput("", "transaction", "is missing; give the handover's transaction on the chain")
        yield {
            "type": "TransactionEvent",
            "action": "ADD",
            "bizStep": "accepting",
            "disposition": "in_progress",
            "bizTransactionList": [{"type": "recadv", "bizTransaction": self._named("transaction", step.transaction)}],
            "epcList": [self._unit(step.shipment)],
            "sourceList": [{"type": "possessing_party", "source": self._party(step.by)}],
            "destinationList": [{"type": "possessing_party", "destination": self._party(step.to, "to")}],
        }

    def _seen(self, step: Step, biz_step: str, disposition: str, action: str = "OBSERVE") -> dict[str, Any]:
        return {
            "type": "ObjectEvent",
            "action": action,
            "bizStep": biz_step,
            "disposition": disposition,
            "epcList": [self._unit(step.shipment)],
        }

    def _rejected(self, step: Step) -> Iterator[dict[str, Any]]:
        yield self._seen(step, "void_shipping", "returned")

    def _quarantined(self, step: Step) -> Iterator[dict[str, Any]]:
        yield self._seen(step, "holding", "unavailable")

    def _released(self, step: Step) -> Iterator[dict[str, Any]]:
        yield self._seen(step, "inspecting", "conformant")

    def _destroyed(self, step: Step) -> Iterator[dict[str, Any]]:
        yield self._seen(step, "destroying", "destroyed", "DELETE")

    def _recalled(self, step: Step) -> Iterator[dict[str, Any]]:
        yield {
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "bizStep": "holding",
            "disposition": "recalled",
            "persistentDisposition": {"set": ["recalled"]},
            "quantityList": [{"epcClass": self.lot}],
        }

    def _given(self, step: Step) -> Iterator[dict[str, Any]]:
        yield {
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "bizStep": "dispensing",
            "disposition": "dispensed",
            "quantityList": self._quantity(step),
        }

    def _readings(self, step: Step) -> Iterator[dict[str, Any]]:
        if step.told is None:
            raise BadInput("", "told", "is missing; say what was measured")
        event = self._seen(step, "sensor_reporting", "in_progress")
        yield {**event, "sensorElementList": [self._sensor(step.told)]}

    def _sensor(self, told: ReadingsTold) -> Mapping[str, Any]:
        device = told.device if ":" in told.device else self._named("account", told.device)
        metadata = {"startTime": _time(told.start), "endTime": _time(told.end), "deviceID": device}
        if told.raw_data is not None:
            metadata["rawData"] = told.raw_data
        reports: list[dict[str, Any]] = []
        for reading in told.readings:
            value = (
                {"exception": "ERROR_CONDITION"}  # the logger had no reading
                if reading.centi is None
                else {"value": _celsius(reading.centi), "uom": "CEL"}
            )
            reports.append({"type": "Temperature", "time": _time(reading.time), **value})
        if not told.readings and told.lowest is not None and told.highest is not None:
            extremes = {"minValue": _celsius(told.lowest), "maxValue": _celsius(told.highest), "uom": "CEL"}
            reports.append({"type": "Temperature", **extremes})
        for breach in told.breaches:
            time = {} if breach.time is None else {"time": _time(breach.time)}
            # Not of type Temperature: an alarm is no reading.
            reports.append(
                {"type": f"{_NAMESPACE}Rule", "exception": "ALARM_CONDITION", **time, "stringValue": breach.words}
            )
        if not reports:
            raise BadInput("", "told", "holds nothing; give readings, extremes or breaches")
        return {"sensorMetadata": metadata, "sensorReport": reports}
