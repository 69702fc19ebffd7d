"""Shipments: the noun ``coldchain``. Temperatures are in 0.01 °C, times in Unix seconds."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from salus.abi import decoding
from salus.chain.rpc import data as bytes_of
from salus.coldchain.handover import EPOCH, Handover, Shake, seal_of
from salus.coldchain.loggers.export import LoggerExport
from salus.coldchain.loggers.packing import MAX_READINGS, ReadingBatch, pack, unpack
from salus.coldchain.loggers.reading import Reading
from salus.coldchain.model import Disposition, Pairing, Report, Shipment, SignedBatch, Verdict
from salus.coldchain.temperature import BY_HAND, Judgement, judgement_of
from salus.errors import BadAnswer, BadInput
from salus.keys.typed_data import Domain, TypedData
from salus.outbox import send_each

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Event, Receipt
    from salus.coldchain.epcis_document import Story
    from salus.coldchain.lots import Lots
    from salus.institutions.registry import Institutions
    from salus.keys.signers import Signer
    from salus.outbox import Outbox

__all__ = ["ColdChain", "Disposition", "Handover", "Pairing", "Report", "Shake", "Shipment", "SignedBatch", "Verdict"]

_READINGS = (
    "Readings(bytes32 shipment,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,uint8 width,"
    "uint8 resolution,bytes16 previous,bytes32 file,bytes data)"
)
_FOREVER = (1 << 32) - 1  # of a pairing: until the device's calibration ends
_WEEK = 7 * 86_400


class ColdChain:
    """The noun ``coldchain``: shipments, handovers, loggers' readings, verdicts."""

    def __init__(self, ledger: Ledger, institutions: Institutions, lots: Lots) -> None:
        self._ledger = ledger
        self._institutions = institutions
        self._lots = lots

    @property
    def _f(self) -> Any:
        return self._ledger.contract("ColdChain").functions

    @property
    def domain(self) -> Domain:
        """Where signatures of readings and handovers count."""
        return Domain("Salus Cold Chain", "1", self._ledger.chain_id, self._ledger.book["ColdChain"].address)

    # ---- opening, splitting, merging -----------------------------------------------------------------------------

    def open_shipment(
        self,
        lot_id: bytes,
        *,
        units: int,
        hours_allowed: int = 0,
        ref: bytes | None = None,
        origin: bytes = bytes(32),
        destination: bytes = bytes(32),
    ) -> bytes:
        """Open a shipment of a lot of the signer's institution; gives its id. It is intact once a logger is paired.

        Args:
            lot_id: The lot.
            units: How many of it.
            hours_allowed: Hours in which it must be handed on, 0: it stays.
            ref: 32 bytes that tell shipments apart, e.g. a salted hash of the SSCC; by default random.
            origin, destination: Commitments to the two places (:func:`salus.coldchain.handover.seal_of`), zeros without
                one.
        """
        fresh = ref or secrets.token_bytes(32)
        receipt = self._ledger.send(self._f.open(lot_id, fresh, units, hours_allowed, origin, destination))
        return bytes(_only(receipt, "ShipmentOpened").args["shipment"])

    def split(self, shipment: bytes, units: int, *, ref: bytes | None = None) -> bytes:
        """Move some units of a shipment into a new one, which inherits what was judged; gives its id."""
        receipt = self._ledger.send(self._f.split(shipment, ref or secrets.token_bytes(32), units))
        return bytes(_only(receipt, "ShipmentSplit").args["into"])

    def merge(self, shipment: bytes, into: bytes) -> Receipt:
        """Put all units of a shipment into another of the same lot; of all that was judged the worse of the two
        stays.
        """
        return self._ledger.send(self._f.merge(shipment, into))

    # ---- custody -------------------------------------------------------------------------------------------------

    def handover(
        self, shipment: bytes, to: str, *, hours_allowed: int = 0, seal: str = "", valid: int = _WEEK
    ) -> Handover:
        """What passes to the next holder, as the chain has it now; neither party has signed yet.

        Args:
            shipment: The shipment.
            to: The account that signs or sends for the receiver; an institution's name or account, or its operator's.
            hours_allowed: Hours in which the receiver must hand it on, 0: it stays.
            seal: The seal's number, of which the chain gets a salted commitment.
            valid: Seconds for which signatures count.
        """
        found = self._raw(shipment)
        commitment, salt = seal_of(seal) if seal else (bytes(32), b"")
        return Handover(
            shipment=shipment,
            giver=found.holder,
            to=self._institutions.resolve(to),
            since=found.since,
            deadline=self._ledger.now() + valid,
            hours_allowed=hours_allowed,
            seal=commitment,
            seal_number=seal,
            seal_salt=salt,
        )

    def sign_offer(self, handover: Handover) -> Handover:
        """Sign as the giver: the holder or its operator."""
        return handover.offered(self._ledger.need_signer(), self.domain)

    def sign_acceptance(self, handover: Handover, *, vvm: int = 0, shake: Shake = Shake.NOT_DONE) -> Handover:
        """Sign as the receiver, with what it saw."""
        return handover.accepted(self._ledger.need_signer(), self.domain, vvm=vvm, shake=shake)

    def hand(self, handover: Handover, *, vvm: int | None = None, shake: Shake | None = None) -> Receipt:
        """Hand a shipment on in one transaction: with both signatures, or the other party's alone where the signer is
        one.

        Args:
            handover: With what is signed.
            vvm, shake: What the receiver saw, where it sends itself and has not signed.
        """
        seen = dataclasses.replace(
            handover,
            vvm=handover.vvm if vvm is None else vvm,
            shake=handover.shake if shake is None else shake,
        )
        return self._ledger.send(self._f.hand(seen.struct(), seen.offer or b"", seen.acceptance or b""))

    def reject(self, handover: Handover, reason: int, *, vvm: int = 0, shake: Shake = Shake.NOT_DONE) -> Receipt:
        """Refuse what was offered to the signer; a spoilt monitor or a failed shake test quarantines it."""
        seen = dataclasses.replace(handover, vvm=vvm, shake=shake)
        return self._ledger.send(self._f.reject(seen.struct(), seen.offer or b"", reason))

    def handovers(self, shipment: bytes) -> list[tuple[int, str]]:
        """When a shipment passed to whom, in order."""
        found = []
        for event in self._ledger.logs("ColdChain", "ShipmentHanded", {"shipment": shipment}):
            found.append((self._ledger.block_time(event.block), str(event.args["to"])))
        return found

    def dispense(self, shipment: bytes, units: int) -> Receipt:
        """Units leave a shipment of the signer's institution for use."""
        return self._ledger.send(self._f.dispense(shipment, self._institutions.of_signer(), units))

    # ---- loggers -------------------------------------------------------------------------------------------------

    def pair(
        self, shipment: bytes, logger: str, *, start: int | None = None, end: int = _FOREVER, model: int = 0
    ) -> Receipt:
        """Pair a device with a shipment that the signer's institution holds.

        Args:
            shipment: The shipment.
            logger: The device's account.
            start: From when on its readings count; by default now.
            end: Until when; by default as long as its calibration holds.
            model: When not 0: only batches of files that this model's key signed are taken.
        """
        begin = self._ledger.now() if start is None else start
        return self._ledger.send(self._f.pair(shipment, logger, begin, end, model))

    def unpair(self, shipment: bytes, logger: str, *, end: int | None = None) -> Receipt:
        """End a pairing, by default now: the device was lost, replaced or is needed elsewhere."""
        return self._ledger.send(self._f.unpair(shipment, logger, self._ledger.now() if end is None else end))

    def pairing(self, shipment: bytes, logger: str) -> Pairing | None:
        """A device's time with a shipment, None when it never had one."""
        found = self._ledger.call(self._f.pairing(shipment, logger))
        return Pairing(logger, found["from"], found.to, found.model) if found.to else None

    def pairings(self, shipment: bytes) -> list[Pairing]:
        """Every device that was paired with a shipment, in the order of their times."""
        events = self._ledger.logs("ColdChain", "LoggerPaired", {"shipment": shipment})
        devices = dict.fromkeys(event.args["logger"] for event in events)
        found = [self.pairing(shipment, device) for device in devices]
        return sorted((p for p in found if p is not None), key=lambda p: (p.start, p.end))

    def sign_batches(
        self,
        export: LoggerExport,
        shipment: bytes,
        device: Signer,
        *,
        most: int = MAX_READINGS,
        file: bytes = bytes(32),
    ) -> list[SignedBatch]:
        """Pack an export's readings and sign them with the device's key.

        Readings from outside the device's time with the shipment, and those that are judged already, are left out: an
        export may be given again when it has grown.

        Args:
            export: From :func:`salus.coldchain.loggers.read`.
            shipment: The shipment, as the chain has it now: the batches follow upon what was logged so far.
            device: The logger's key.
            most: Readings in a batch, at most.
            file: Digest of the export that the maker signed (``salus logger prove``), zeros without one.

        Raises:
            BadInput: No such shipment, a device that was never paired with it, or nothing in the export that is not
                judged yet.
        """
        state, pairing = self.shipment(shipment), self.pairing(shipment, device.address)
        if pairing is None:
            raise BadInput(
                "", "device", f"{device.address} was never paired with this shipment; do so with `salus shipment pair`"
            )
        judged = self.report(shipment).judgement
        if not export.readings:
            export.batches(most=most)  # says why there are none
        earliest = max(judged.until, pairing.start)
        fresh = [reading for reading in export.readings if earliest <= reading.time < pairing.end]
        if not fresh:
            from salus.errors.explanations import moment

            raise BadInput(
                export.source,
                "readings",
                f"has none from {moment(earliest)}, until when the shipment is judged, to {moment(pairing.end)},"
                " when the device's time with it ends; log such ones",
            )
        previous, signed = bytes.fromhex(state.chain[2:]), []
        for sequence, batch in enumerate(pack(fresh, step=export.interval_s, most=most), judged.batches):
            typed = self._typed(shipment, sequence, batch, previous, file)
            previous = typed.digest()[:16]
            signed.append(SignedBatch(shipment, sequence, batch, file, device.sign_typed(typed), previous))
        return signed

    def _typed(self, shipment: bytes, sequence: int, batch: ReadingBatch, previous: bytes, file: bytes) -> TypedData:
        return TypedData(
            _READINGS,
            self.domain,
            {
                "shipment": shipment,
                "sequence": sequence,
                "start": batch.start,
                "step": batch.step,
                "count": batch.count,
                "base": batch.base,
                "width": batch.width,
                "resolution": batch.resolution,
                "previous": previous,
                "file": file,
                "data": batch.data,
            },
        )

    def log(
        self,
        batches: Sequence[SignedBatch],
        *,
        progress: Callable[[int, int], None] | None = None,
        outbox: Outbox | None = None,
    ) -> list[Receipt]:
        """Log signed batches, each judged reading by reading; the signer only relays.

        Args:
            batches: From :meth:`sign_batches`, in order.
            progress: Told how many of the readings are in.
            outbox: Writes each down before it is sent; each follows upon the one before. None to send the plain way.
        """
        total = sum(signed.batch.count for signed in batches)
        receipts, done = [], 0
        calls = ((self._f.log(signed.struct(), signed.signature), signed.batch.count) for signed in batches)
        for n, receipt in send_each(self._ledger, outbox, "readings", calls, window=1):
            receipts.append(receipt)
            done += batches[n].batch.count
            if progress:
                progress(done, total)
        return receipts

    def report_fork(self, one: SignedBatch, before_one: bytes, other: SignedBatch, before_other: bytes) -> Receipt:
        """Show two different batches of one number that the same device signed: its key is in two hands.

        Args:
            before_one, before_other: The shipment's chain that each was signed upon, 16 bytes.
        """
        structs, signatures = [one.struct(), other.struct()], [one.signature, other.signature]
        return self._ledger.send(self._f.reportFork(structs, [before_one, before_other], signatures))

    def logged(self, shipment: bytes) -> list[tuple[Event, ReadingBatch]]:
        """Every batch that was logged with its event, from the transactions that did, checked against the chain of
        batches.

        Raises:
            BadAnswer: A batch that was not logged by a plain transaction, or a node that shows other readings than were
                logged.
        """
        found = []
        previous = self._inherited(shipment)
        for event in self._ledger.logs("ColdChain", "ReadingsLogged", {"shipment": shipment}):
            sent = self._ledger.node.one("eth_getTransactionByHash", event.transaction, doing="reading a transaction")
            if not isinstance(sent, Mapping):
                raise BadAnswer(f"the node does not know {event.transaction} while reading a transaction")
            data = _logged_data(bytes_of(sent.get("input"), "a transaction's data"))
            if data is None:
                raise BadAnswer(
                    f"{event.transaction} did not log its readings by a plain call; take the device's export"
                )
            sequence, batch = ReadingBatch.of_header(event.args["batch"], data)
            previous = self._typed(shipment, sequence, batch, previous, event.args["file"]).digest()[:16]
            if previous != bytes(event.args["chain"]):
                raise BadAnswer(
                    f"the node shows other readings in {event.transaction} than were logged; use another node"
                )
            found.append((event, batch))
        return found

    def _inherited(self, shipment: bytes) -> bytes:
        """The chain that a shipment began with: zeros, or of the one that it was split from, as it was then."""
        while split := self._ledger.logs("ColdChain", "ShipmentSplit", {"into": shipment}):
            place, shipment = (split[0].block, split[0].index), bytes(split[0].args["shipment"])
            logged = self._ledger.logs("ColdChain", "ReadingsLogged", {"shipment": shipment})
            before = [event for event in logged if (event.block, event.index) < place]
            if before:
                return bytes(before[-1].args["chain"])
        return bytes(16)

    def readings(self, shipment: bytes) -> list[Reading]:
        """Every reading that was logged; see :meth:`logged`."""
        return unpack([batch for _, batch in self.logged(shipment)])

    # ---- disposition ---------------------------------------------------------------------------------------------

    def quarantine(self, shipment: bytes, reason: int) -> Receipt:
        """The holder or a laboratory quarantines a shipment by hand; the reason is a code."""
        return self._ledger.send(self._f.quarantine(shipment, reason))

    def release(self, shipment: bytes, reason: int) -> Receipt:
        """A laboratory answers for a shipment that is not intact; the reason is a code."""
        return self._ledger.send(self._f.release(shipment, reason))

    def destroy(self, shipment: bytes, reason: int) -> Receipt:
        """A laboratory destroys a shipment; final."""
        return self._ledger.send(self._f.destroy(shipment, reason))

    def recall(self, lot_id: bytes, reason: int) -> Receipt:
        """The manufacturer or the regulator recalls a lot, and with it every shipment; final."""
        return self._ledger.send(self._f.recall(lot_id, reason))

    # ---- views ---------------------------------------------------------------------------------------------------

    def verdict(self, shipment: bytes) -> Verdict:
        """What a shipment is at the latest block."""
        return Verdict(self._ledger.call(self._f.verdict(shipment)))

    def report(self, shipment: bytes) -> Report:
        """What a shipment is at the latest block, and why."""
        found = self._ledger.call(self._f.report(shipment))
        return Report(
            verdict=Verdict(found.verdict),
            breached=tuple(bit for bit in range(BY_HAND + 1) if found.breached >> bit & 1),
            breached_at=found.breachedAt or None,
            runs=tuple(found.runs),
            silence=found.silence,
            intact_until=found.intactUntil or None,
            recall=found.recall,
            judgement=judgement_of(found.judgement),
        )

    def shipment(self, shipment: bytes) -> Shipment:
        """A shipment.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._raw(shipment)
        return Shipment(
            id="0x" + shipment.hex(),
            lot="0x" + bytes(found.lot).hex(),
            holder=found.holder,
            units=found.units,
            since=EPOCH + 60 * found.since,
            due=found.due or None,
            disposition=Disposition(found.disposition),
            verdict=self.verdict(shipment),
            chain="0x" + bytes(found.chain).hex(),
        )

    def recompute(self, shipment: bytes) -> Judgement:
        """A shipment judged once more from what the chain keeps, to be compared with ``report(shipment).judgement``."""
        from salus.coldchain.recompute import recompute

        return recompute(self._ledger, self, self._lots, shipment)

    def story(self, shipment: bytes) -> Story:
        """What happened to a shipment, from its events; see :func:`salus.coldchain.story.shipment_story`."""
        from salus.coldchain.story import shipment_story

        return shipment_story(self._ledger, self, self._lots, shipment)

    def units_left(self, lot_id: bytes) -> int:
        """Units of a lot that are not yet in a shipment."""
        return int(self._ledger.call(self._f.unitsLeft(lot_id)))

    def recall_of(self, lot_id: bytes) -> int:
        """Code of a lot's recall, 0 while there is none."""
        return int(self._ledger.call(self._f.recallOf(lot_id)))

    def shipments(self, lot_id: bytes) -> list[bytes]:
        """Every shipment of a lot, those that were split off included, in the order in which they came about."""
        opened = self._ledger.logs("ColdChain", "ShipmentOpened", {"lot": lot_id})
        found = [bytes(event.args["shipment"]) for event in opened]
        parts: dict[bytes, list[bytes]] = {}
        for event in self._ledger.logs("ColdChain", "ShipmentSplit"):
            parts.setdefault(bytes(event.args["shipment"]), []).append(bytes(event.args["into"]))
        for shipment in found:  # grows while it is walked
            found += parts.get(shipment, [])
        return found

    def _raw(self, shipment: bytes) -> Any:
        found = self._ledger.call(self._f.shipment(shipment))
        if found.disposition == Disposition.NONE:
            raise BadInput(
                "",
                "shipment",
                f"0x{shipment.hex()} is unknown on this chain; give the id that `salus shipment open` showed",
            )
        return found


def _only(receipt: Receipt, name: str) -> Event:
    events = receipt.events(name)
    if len(events) != 1:
        raise BadAnswer(f"{receipt.hash} has {len(events)} events {name}, not one; look at the chain itself")
    return events[0]


def _logged_data(calldata: bytes) -> bytes | None:
    """The packed readings of a call of ``log``; None where it is another call."""
    function = decoding.function_of("ColdChain", "log")
    if calldata[:4] != decoding.selector(function):
        return None
    try:
        values = decoding.decode_values(function["inputs"], calldata[4:])
    except ValueError:
        return None
    names = [entry["name"] for entry in function["inputs"]]
    return bytes(values[names.index("batch")].data)
