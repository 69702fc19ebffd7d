"""Vaccine lots and their shipments: the noun ``coldchain``. Temperatures are in 0.01 °C, times in Unix seconds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .custody import Disposition, Lot, Shipment, SignedBatch, Verdict
from .errors import BadAnswer, BadInput, gate
from .gs1 import gtin_number, lot_number
from .loggers.export import LoggerExport, Reading
from .loggers.packing import MAX_READINGS, ReadingBatch, pack, unpack
from .outbox.bulk import send_each
from .signing import Domain, TypedData
from .signing import address as checked_address
from .temperature import Bound, Judgement, Profile, Rule, Span, judgement_of, ready_profiles

if TYPE_CHECKING:
    from .client import Event, Receipt, Salus
    from .outbox import Outbox
    from .signing import Signer

__all__ = [
    "Bound",
    "ColdChain",
    "Disposition",
    "Judgement",
    "Lot",
    "Profile",
    "Rule",
    "Shipment",
    "SignedBatch",
    "Span",
    "Verdict",
    "ready_profiles",
]

_READINGS = (
    "Readings(bytes32 shipment,address logger,uint24 sequence,uint40 start,uint16 step,uint16 count,int16 base,"
    "bytes32 previous,bytes data)"
)
_ZERO = "0x" + "0" * 40


# ------------------------------------------------------------------------------------------------------------ the noun


class ColdChain:
    """The noun ``coldchain``: lots, shipments, handovers, readings, verdicts."""

    def __init__(self, salus: Salus) -> None:
        self._salus = salus

    @property
    def _f(self) -> Any:
        return self._salus.contract("ColdChain").functions

    # ---- profiles and lots ---------------------------------------------------------------------------------------

    def register_profile(self, profile: Profile) -> bytes:
        """Register a profile for ever; the signer is the regulator's rule maker. Gives its id."""
        self._salus.send(self._f.registerProfile(profile.struct()))
        return profile.id

    def profile(self, profile_id: bytes) -> Profile:
        """A registered profile.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._salus.call(self._f.profile(profile_id))
        if not found.rules:
            raise BadInput(
                "",
                "profile",
                f"0x{profile_id.hex()} is unknown on this chain; register it with `salus shipment profile`",
            )
        rules = tuple(Rule(Bound(r.bound), Span(r.span), r.threshold, r.afterMinutes) for r in found.rules)
        return Profile(found.low, found.high, found.silence, found.unknown, rules)

    def profiles(self) -> dict[bytes, Profile]:
        """Every registered profile by id."""
        events = self._salus.logs("ColdChain", "ProfileRegistered")
        return {bytes(event.args["profile"]): self.profile(event.args["profile"]) for event in events}

    def register_lot(
        self,
        *,
        gtin: str,
        number: str,
        made_at: int,
        expires_at: int,
        units: int,
        profile: bytes,
        manufacturer: str | None = None,
    ) -> bytes:
        """Register a lot of the signer's institution; gives its id.

        Args:
            gtin: 8, 12, 13 or 14 digits, check digit included.
            number: 1 to 20 visible ASCII characters.
            made_at: Unix seconds.
            expires_at: First second at which it may no longer be given.
            units: How many were made.
            profile: Id of a registered profile.
            manufacturer: Its account; by default whom the signer acts for.
        """
        who = manufacturer or self._institution()
        terms = (checked_address(who), gtin_number(gtin), lot_number(number), made_at, expires_at, units, profile)
        receipt = self._salus.send(self._f.registerLot(terms))
        return bytes(_only(receipt, "LotRegistered").args["lot"])

    def lot(self, lot_id: bytes) -> Lot:
        """A lot.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._salus.call(self._f.lot(lot_id))
        if found.manufacturer == _ZERO:
            raise BadInput(
                "", "lot", f"0x{lot_id.hex()} is unknown on this chain; give the id that `salus shipment lot` showed"
            )
        return Lot(
            id="0x" + lot_id.hex(),
            manufacturer=found.manufacturer,
            gtin=f"{found.gtin:014}",
            number=bytes(found.number).rstrip(b"\0").decode("ascii", "replace"),
            made_at=found.madeAt,
            expires_at=found.expiresAt,
            units=found.units,
            units_left=self._salus.call(self._f.unitsLeft(lot_id)),
            profile="0x" + bytes(found.profile).hex(),
        )

    # ---- custody -------------------------------------------------------------------------------------------------

    def open_shipment(
        self, lot_id: bytes, *, units: int, logger: str, monitored_from: int, ref: bytes | None = None
    ) -> bytes:
        """Open a shipment of a lot of the signer's institution; gives its id.

        Args:
            lot_id: The lot.
            units: How many of it.
            logger: The logger: an institution's account or name.
            monitored_from: From when on readings count, and silence.
            ref: 32 bytes that tell shipments apart, e.g. a salted hash of the SSCC; by default random.
        """
        receipt = self._salus.send(
            self._f.openShipment(
                lot_id, ref or secrets.token_bytes(32), units, self._salus.institutions.resolve(logger), monitored_from
            )
        )
        return bytes(_only(receipt, "ShipmentOpened").args["shipment"])

    def offer(self, shipment: bytes, to: str | None) -> Receipt:
        """Offer a shipment to another institution (account or name); None withdraws the offer."""
        target = _ZERO if to is None else self._salus.institutions.resolve(to)
        return self._salus.send(self._f.offer(shipment, target))

    def accept(self, shipment: bytes) -> Receipt:
        """Accept a shipment that was offered to the signer's institution."""
        return self._salus.send(self._f.accept(shipment))

    # ---- readings ------------------------------------------------------------------------------------------------

    def sign_batches(
        self, export: LoggerExport, shipment: bytes, device: Signer, *, most: int = MAX_READINGS
    ) -> list[SignedBatch]:
        """Pack an export's readings and sign them with the device's key.

        Readings from before the monitoring, and those that are judged already, are left out: an export may be given
        again when it has grown.

        Args:
            export: From :func:`salus.loggers.read`.
            shipment: The shipment, as the chain has it now: the batches follow upon what was logged so far.
            device: The logger's key.
            most: Readings in a batch, at most.

        Raises:
            BadInput: No such shipment, or nothing in the export that is not judged yet.
        """
        state = self.shipment(shipment)
        judged = self.judgement(shipment)
        if not export.readings:
            export.batches(most=most)  # says why there are none
        fresh = [reading for reading in export.readings if reading.time >= judged.until]
        if not fresh:
            from .explanations import moment

            raise BadInput(
                export.source,
                "readings",
                f"end before {moment(judged.until)}, until when the shipment is judged; log later ones",
            )
        return self._sign(pack(fresh, step=export.interval_s, most=most), shipment, state, judged.batches, device)

    def _sign(
        self, batches: Sequence[ReadingBatch], shipment: bytes, state: Shipment, sequence: int, device: Signer
    ) -> list[SignedBatch]:
        previous, signed = bytes.fromhex(state.chain[2:]), []
        for number, batch in enumerate(batches, sequence):
            typed = self._typed(shipment, state.logger, number, batch, previous)
            previous = typed.digest()  # the contract's rolling hash is the digest itself
            signed.append(SignedBatch(shipment, number, batch, device.sign_typed(typed), previous))
        return signed

    def _typed(self, shipment: bytes, logger: str, sequence: int, batch: ReadingBatch, previous: bytes) -> TypedData:
        domain = Domain("Salus Cold Chain", "1", self._salus.chain_id, self._salus.book["ColdChain"].address)
        return TypedData(
            _READINGS,
            domain,
            {
                "shipment": shipment,
                "logger": logger,
                "sequence": sequence,
                "start": batch.start,
                "step": batch.step,
                "count": batch.count,
                "base": batch.base,
                "previous": previous,
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
        calls = ((self._f.log(signed.struct(), signed.signature), None) for signed in batches)
        for n, receipt in send_each(self._salus, outbox, "readings", calls, window=1):
            receipts.append(receipt)
            done += batches[n].batch.count
            if progress:
                progress(done, total)
        return receipts

    def readings(self, shipment: bytes) -> list[Reading]:
        """Every reading that was logged, from the transactions that did, checked against the chain's rolling hash.

        Raises:
            BadAnswer: A batch that was not logged by a plain transaction, or a node that shows other readings than were
                logged.
        """
        previous = bytes(32)
        found: list[Reading] = []
        for event in self._salus.logs("ColdChain", "ReadingsLogged", {"shipment": shipment}):
            with gate("reading a transaction"):
                sent = self._salus.w3.eth.get_transaction(event.transaction)  # type: ignore[arg-type]
            batch = self._batch_of(bytes(sent["input"]))
            if batch is None:
                raise BadAnswer(
                    f"{event.transaction} did not log its readings by a plain call; take the device's export"
                )
            typed = self._typed(shipment, event.args["logger"], event.args["sequence"], batch, previous)
            previous = typed.digest()
            if previous != bytes(event.args["chain"]):
                raise BadAnswer(
                    f"the node shows other readings in {event.transaction} than were logged; use another node"
                )
            found += unpack([batch])
        return found

    def _batch_of(self, calldata: bytes) -> ReadingBatch | None:
        contract = self._salus.contract("ColdChain")
        try:
            function, values = contract.decode_function_input(calldata)
        except (ValueError, TypeError, OverflowError):
            return None
        except Exception as foreign:  # web3 and eth-abi have many ways of saying that bytes are no call
            if not type(foreign).__module__.startswith(("web3", "eth_abi")):
                raise
            return None
        if function.fn_name != "log":
            return None
        b = values["batch"]
        return ReadingBatch(b["start"], b["step"], b["count"], b["base"], bytes(b["data"]))

    # ---- disposition ---------------------------------------------------------------------------------------------

    def release(self, shipment: bytes, reason: int) -> Receipt:
        """A laboratory answers for a shipment that is not intact; the reason is a code."""
        return self._salus.send(self._f.release(shipment, reason))

    def destroy(self, shipment: bytes, reason: int) -> Receipt:
        """A laboratory destroys a shipment; final."""
        return self._salus.send(self._f.destroy(shipment, reason))

    # ---- views ---------------------------------------------------------------------------------------------------

    def verdict(self, shipment: bytes) -> Verdict:
        """What a shipment is at the latest block."""
        return Verdict(self._salus.call(self._f.verdict(shipment)))

    def shipment(self, shipment: bytes) -> Shipment:
        """A shipment.

        Raises:
            BadInput: There is none of this id.
        """
        found = self._salus.call(self._f.shipment(shipment))
        if found.disposition == Disposition.NONE:
            raise BadInput(
                "",
                "shipment",
                f"0x{shipment.hex()} is unknown on this chain; give the id that `salus shipment open` showed",
            )
        return Shipment(
            id="0x" + shipment.hex(),
            lot="0x" + bytes(found.lot).hex(),
            holder=found.holder,
            offered_to=None if found.offeredTo == _ZERO else found.offeredTo,
            logger=found.logger,
            units=found.units,
            monitored_from=found["from"],
            breached_at=found.breachedAt or None,
            disposition=Disposition(found.disposition),
            verdict=self.verdict(shipment),
            chain="0x" + bytes(found.chain).hex(),
        )

    def judgement(self, shipment: bytes) -> Judgement:
        """What a shipment's readings amount to, silence until now included."""
        return judgement_of(self._salus.call(self._f.judgement(shipment)))

    def _institution(self) -> str:
        signer = self._salus.need_signer().address
        found: str = self._salus.institutions.standing(signer).institution
        if found == _ZERO:
            raise BadInput("", "signer", f"{signer} acts for no institution; name one that does with --keystore")
        return found


def _only(receipt: Receipt, name: str) -> Event:
    events = receipt.events(name)
    if len(events) != 1:
        raise BadAnswer(f"{receipt.hash} has {len(events)} events {name}, not one; look at the chain itself")
    return events[0]
