"""Who holds a shipment, and what may be done with it: the reference for ``IColdChain``.

Accounts, lots and shipments are whatever names the test has for them; times are Unix seconds. The temperatures are
judged by `tests.reference.judge`. An act that may not be raises `Refused` with every error that the prose allows for
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.reference.judge import BUDGET, BY_HAND, FORK, Reading, Report, Series, Verdict, report, verdict
from tests.reference.shipments import (
    Account,
    Checks,
    Device,
    Disposition,
    Handover,
    Id,
    Lot,
    Pairing,
    Refused,
    Shipment,
    Signed,
)

__all__ = ["Custody", "Device", "Disposition", "Handover", "Lot", "Pairing", "Refused", "Shipment", "Signed"]

HOUR = 3_600
EPOCH = 1_735_689_600  # 2025-01-01
MOST_HOURS = 8_760
MOST_UNITS = 2**24 - 1

# Roles of institutions, as in contracts/institutions/Roles.sol.
PROVIDER, PHARMACY, MANUFACTURER, CARRIER, LABORATORY, LOGGER = (1 << bit for bit in (0, 1, 3, 4, 5, 6))
PUBLIC_HEALTH = 1 << 8
#: Who may hold vaccine.
HOLDING = PROVIDER | PHARMACY | MANUFACTURER | CARRIER | LABORATORY | PUBLIC_HEALTH


class Custody:
    """All lots and their shipments.

    Args:
        standing: For whom an account acts now and in which roles, ``(None, 0)`` when it may not.
        recaller: The regulator's account that may recall any lot.
    """

    def __init__(self, standing: Callable[[Account], tuple[Account | None, int]], recaller: Account = None) -> None:
        self.lots: dict[Id, Lot] = {}
        self.devices: dict[Account, Device] = {}
        self.shipments: dict[Id, Shipment] = {}
        self.left: dict[Id, int] = {}
        self.recalls: dict[Id, int] = {}
        #: The end of each device's last pairing: they follow one another in time.
        self._busy: dict[Account, int] = {}
        self._standing, self._recaller = standing, recaller

    # ---- asking ------------------------------------------------------------------------------------------------------

    def _terms(self, at: Shipment, now: int) -> dict[str, int]:
        return {
            "expires_at": self.lots[at.lot].expires_at,
            "late": at.late(now),
            "recall": self.recalls.get(at.lot, 0),
            "closed": at.disposition is Disposition.CLOSED,
            "destroyed": at.disposition is Disposition.DESTROYED,
        }

    def verdict(self, shipment: Id, now: int) -> Verdict:
        at = self.shipments.get(shipment)
        return verdict(at.series, now, **self._terms(at, now)) if at else Verdict.NONE

    def report(self, shipment: Id, now: int) -> Report:
        at = self._find(shipment)
        return report(at.series, now, **self._terms(at, now))

    def units_left(self, lot: Id) -> int:
        return self.left.get(lot, self.lots[lot].units)

    def _find(self, shipment: Id) -> Shipment:
        if shipment not in self.shipments:
            raise Refused([("UnknownShipment", (shipment,))])
        return self.shipments[shipment]

    def _holds(self, checks: Checks, shipment: Id, sender: Account) -> Account:
        """The holder acts, licensed to hold vaccine."""
        institution, roles = self._standing(sender)
        checks.refuse(institution != self.shipments[shipment].holder, "NotHolder", shipment, sender)
        checks.refuse(not roles & HOLDING, "NotLicensed", ...)
        return institution

    def _in_role(self, checks: Checks, sender: Account, role: int) -> Account:
        institution, roles = self._standing(sender)
        checks.refuse(not roles & role, "NotLicensed", ...)
        return institution

    def _moves(self, checks: Checks, shipment: Id, now: int) -> None:
        found = self.verdict(shipment, now)
        checks.refuse(found is not Verdict.INTACT, "NotIntact", shipment, found)

    # ---- opening, splitting, merging ---------------------------------------------------------------------------------

    def open(self, now: int, sender: Account, shipment: Id, lot: Id, units: int, hours_allowed: int = 0) -> None:
        """``shipment`` is the id that follows from the lot, the holder and the reference."""
        if lot not in self.lots:
            raise Refused([("UnknownLot", (lot,)), ("NotLicensed", None)])
        terms, left = self.lots[lot], self.units_left(lot)
        checks = Checks()
        institution = self._in_role(checks, sender, MANUFACTURER)
        checks.refuse(institution != terms.manufacturer, "NotManufacturer", lot, sender)
        checks.refuse(not units, "InvalidShipment", "units")
        checks.refuse(units > left, "UnitsExceeded", lot, units, left)
        checks.refuse(hours_allowed > MOST_HOURS, "InvalidShipment", "hoursAllowed")
        checks.refuse(shipment in self.shipments, "ShipmentExists", shipment)
        checks.refuse(lot in self.recalls, "NotIntact", shipment, Verdict.RECALLED)
        checks.refuse(now >= terms.expires_at, "NotIntact", shipment, Verdict.EXPIRED)
        checks.done()

        self.left[lot] = left - units
        due = _due(now, hours_allowed)
        since = _minutes(now)
        series = Series(terms.profile, EPOCH + since * 60)
        self.shipments[shipment] = Shipment(lot, terms.manufacturer, units, since, due, series)

    def split(self, now: int, sender: Account, shipment: Id, part: Id, units: int) -> None:
        at = self._find(shipment)
        checks = Checks()
        self._holds(checks, shipment, sender)
        checks.refuse(not 0 < units < at.units, "InvalidShipment", "units")
        checks.refuse(part in self.shipments, "ShipmentExists", part)
        checks.refuse(at.over, "NotIntact", shipment, self.verdict(shipment, now))
        checks.done()

        at.units -= units
        self.shipments[part] = Shipment(
            at.lot, at.holder, units, at.since, at.due, at.series.split(), at.disposition, at.batches, at.chain
        )

    def merge(self, now: int, sender: Account, shipment: Id, into: Id) -> None:
        checks = Checks()
        for each in (shipment, into):
            checks.refuse(each not in self.shipments, "UnknownShipment", each)
            if each in self.shipments:
                self._holds(checks, each, sender)
                self._moves(checks, each, now)
        if not {shipment, into} <= self.shipments.keys():
            checks.done()
        one, other = self.shipments[shipment], self.shipments[into]
        checks.refuse(one is other or one.lot != other.lot, "InvalidShipment", "into")
        checks.refuse(one.units + other.units > MOST_UNITS, "InvalidShipment", "units")
        checks.done()

        other.units += one.units
        one.units = 0
        one.disposition = Disposition.CLOSED
        other.series.merge(one.series, now)
        other.due = min((due for due in (one.due, other.due) if due), default=0)
        self._quarantine_breached(other)

    # ---- custody -----------------------------------------------------------------------------------------------------

    def hand(self, now: int, sender: Account, terms: Handover, giver: Signed | None, receiver: Signed | None) -> None:
        """``giver`` or ``receiver`` is ``None`` for the one who sends."""
        at = self._find(terms.shipment)
        checks = Checks()
        self._offered(checks, now, sender, terms, giver)
        institution = self._receives(checks, now, terms)
        if receiver is None:
            checks.refuse(sender != terms.to, "InvalidSignature", ...)
        else:
            checks.refuse(receiver != Signed(terms.to, at.holder, at.since, terms), "InvalidSignature", ...)
        if not self._goes_back(at, institution):
            checks.refuse(terms.vvm > 2, "InvalidHandover", "vvm")
            checks.refuse(terms.shake == 2, "InvalidHandover", "shake")
        checks.done()

        at.holder = institution
        at.since = max(at.since + 1, _minutes(now))
        if not at.late(now):  # who is late stays late, until a laboratory says otherwise
            at.due = _due(now, terms.hours_allowed)
        if terms.vvm > 2 or terms.shake == 2:  # it went back spoilt
            self._mark(at, BY_HAND)

    def reject(self, now: int, sender: Account, terms: Handover, giver: Signed, reason: int) -> None:
        at = self._find(terms.shipment)
        checks = Checks()
        self._offered(checks, now, sender, terms, giver)
        self._receives(checks, now, terms)
        checks.refuse(sender != terms.to, "InvalidSignature", ...)
        checks.refuse(not reason, "InvalidReason", 0)
        checks.done()

        at.since = max(at.since + 1, _minutes(now))  # what was offered is offered no more
        if terms.vvm > 2 or terms.shake == 2:
            self._mark(at, BY_HAND)

    def _offered(self, checks: Checks, now: int, sender: Account, terms: Handover, giver: Signed | None) -> None:
        """The holder gives it away: it signed that, or it sends."""
        at = self.shipments[terms.shipment]
        by = sender if giver is None else giver.by
        # The holder's own account needs no licence; its operator does.
        if by != at.holder and self._standing(by)[0] != at.holder:
            for name in ("NotHolder", "InvalidSignature", "NotLicensed"):
                checks.refuse(True, name, ...)
        elif giver and giver != Signed(by, at.holder, at.since, terms.offer()):
            for name in ("NotHolder", "InvalidSignature"):  # another's signature may look like a stranger's
                checks.refuse(True, name, ...)
        checks.refuse(now > terms.deadline, "SignatureExpired", terms.deadline, now)

    def _receives(self, checks: Checks, now: int, terms: Handover) -> Account:
        """The receiver may hold vaccine, and what it gets may go there."""
        at = self.shipments[terms.shipment]
        institution, roles = self._standing(terms.to)
        checks.refuse(not roles & HOLDING, "NotLicensed", ...)
        checks.refuse(at.holder in (institution, terms.to), "InvalidHandover", "to")
        checks.refuse(terms.hours_allowed > MOST_HOURS, "InvalidHandover", "hoursAllowed")
        checks.refuse(terms.vvm > 4, "InvalidHandover", "vvm")
        checks.refuse(terms.shake > 2, "InvalidHandover", "shake")
        found = self.verdict(terms.shipment, now)
        stuck = at.over or not self._goes_back(at, institution)
        checks.refuse(found is not Verdict.INTACT and stuck, "NotIntact", terms.shipment, found)
        return institution

    def _goes_back(self, at: Shipment, institution: Account) -> bool:
        """To a laboratory, or to the manufacturer of the lot."""
        laboratory = institution is not None and self._standing(institution)[1] & LABORATORY
        return bool(laboratory) or institution == self.lots[at.lot].manufacturer

    def dispense(self, now: int, sender: Account, shipment: Id, holder: Account, units: int) -> None:
        """By the holder itself or its operator."""
        at = self._find(shipment)
        checks = Checks()
        institution, roles = self._standing(sender)
        checks.refuse(institution != holder, "AccessManagedUnauthorized", sender)
        checks.refuse(not roles & HOLDING, "NotLicensed", ...)
        checks.refuse(holder != at.holder, "NotHolder", ...)
        checks.refuse(not 0 < units <= at.units, "InvalidShipment", "units")
        self._moves(checks, shipment, now)
        checks.done()

        at.units -= units

    # ---- loggers -----------------------------------------------------------------------------------------------------

    def pair(
        self, now: int, sender: Account, shipment: Id, device: Account, start: int, end: int, model: int = 0
    ) -> None:
        """``model``: one that is trusted, or 0."""
        at = self._find(shipment)
        known = self.devices.get(device)
        checks = Checks()
        self._holds(checks, shipment, sender)
        checks.refuse(not self._standing(device)[1] & LOGGER, "NotLicensed", ...)
        checks.refuse(known is None or not known.in_service, "InvalidPairing", "device")
        calibrated_until = known.calibrated_until if known else 0
        checks.refuse(calibrated_until <= start, "InvalidPairing", "calibration")
        earliest = at.series.until if at.series.monitored else self.lots[at.lot].made_at
        checks.refuse(not earliest <= start <= now, "InvalidPairing", "from")
        end = min(end, calibrated_until)
        checks.refuse(end <= start, "InvalidPairing", "to")
        checks.refuse(start < self._busy.get(device, 0), "InvalidPairing", "busy")
        checks.done()

        at.series.pair(start)
        self._busy[device] = end
        at.pairings[device] = Pairing([start, end], model)

    def unpair(self, sender: Account, shipment: Id, device: Account, end: int) -> None:
        at = self.shipments.get(shipment)
        if not at or device not in at.pairings:
            raise Refused([("NotPaired", (shipment, device))])
        stretch = at.pairings[device].stretch
        checks = Checks()
        institution, roles = self._standing(sender)
        owns = device in self.devices and institution == self.devices[device].owner
        checks.refuse(not owns and institution != at.holder, "NotHolder", shipment, sender)
        checks.refuse(not roles & (LOGGER if owns else HOLDING), "NotLicensed", ...)
        checks.refuse(not stretch[0] <= end <= stretch[1], "InvalidPairing", "to")
        checks.done()

        if self._busy[device] == stretch[1]:
            self._busy[device] = end
        stretch[1] = end

    def log(
        self,
        now: int,
        shipment: Id,
        signer: Account,
        sequence: int,
        readings: Sequence[Reading],
        digest: bytes,
        proven_by: int = 0,
    ) -> None:
        """A batch as it should be, signed upon the shipment's chain.

        Args:
            digest: What was signed.
            proven_by: The model whose key signed the file that the batch names, 0 without one.
        """
        at = self.shipments.get(shipment)
        if not at or signer not in at.pairings:
            raise Refused([("NotPaired", (shipment, signer))])
        paired = at.pairings[signer]
        first, last = readings[0], readings[-1]
        checks = Checks()
        checks.refuse(not self._standing(signer)[1] & LOGGER, "NotLicensed", ...)
        checks.refuse(first.step > at.series.profile.silence, "MalformedReadings", "step")
        checks.refuse(sequence != at.batches, "OutOfSequence", shipment, at.batches, sequence)
        checks.refuse(first.time < at.series.until, "OutOfOrder", shipment, at.series.until, first.time)
        outside = first.time < paired.stretch[0] or last.time >= paired.stretch[1]
        checks.refuse(outside, "OutsidePairing", *paired.stretch)
        # It was taken, and its step may still run.
        checks.refuse(last.time > now, "FromTheFuture", last.time, now)
        checks.refuse(paired.model and paired.model != proven_by, "FileNotProven", ...)
        checks.done()

        for reading in readings:
            at.series.read(reading)
        at.batches += 1
        at.chain = digest[:16]
        self._quarantine_breached(at)

    def fork(self, shipment: Id) -> None:
        """Two batches of one number, shown by anyone."""
        self._mark(self._find(shipment), FORK)

    def _mark(self, at: Shipment, bit: int) -> None:
        at.series.mark(bit)
        self._quarantine_breached(at)

    def _quarantine_breached(self, at: Shipment) -> None:
        if at.series.breached and not at.over:
            at.disposition = Disposition.QUARANTINED

    # ---- disposition -------------------------------------------------------------------------------------------------

    def quarantine(self, now: int, sender: Account, shipment: Id, reason: int) -> None:
        at = self._find(shipment)
        checks = Checks()
        institution, roles = self._standing(sender)
        checks.refuse(not roles & HOLDING, "NotLicensed", ...)
        checks.refuse(institution != at.holder and not roles & LABORATORY, "NotHolder", shipment, sender)
        checks.refuse(at.over, "NotIntact", shipment, self.verdict(shipment, now))
        checks.refuse(not reason, "InvalidReason", 0)
        checks.done()

        self._mark(at, BY_HAND)

    def release(self, now: int, sender: Account, shipment: Id, reason: int) -> None:
        at = self._find(shipment)
        checks = Checks()
        self._in_role(checks, sender, LABORATORY)
        troubled = at.series.breached or at.series.lost_at(now) or at.late(now)
        used_up = at.series.breached >> BUDGET & 1
        checks.refuse(not troubled or at.over or used_up, "NothingToRelease", shipment)
        checks.refuse(not reason, "InvalidReason", 0)
        checks.done()

        at.series.release(now)
        at.due = 0
        at.disposition = Disposition.ACTIVE

    def destroy(self, now: int, sender: Account, shipment: Id, reason: int) -> None:
        at = self._find(shipment)
        checks = Checks()
        self._in_role(checks, sender, LABORATORY)
        checks.refuse(at.over, "NotIntact", shipment, self.verdict(shipment, now))
        checks.refuse(not reason, "InvalidReason", 0)
        checks.done()

        at.disposition = Disposition.DESTROYED

    def recall(self, sender: Account, lot: Id, reason: int) -> None:
        if lot not in self.lots:
            raise Refused([("UnknownLot", (lot,))])
        checks = Checks()
        if sender != self._recaller:
            institution, roles = self._standing(sender)
            ours = institution == self.lots[lot].manufacturer and roles & MANUFACTURER
            for name in ("NotLicensed", "AccessManagedUnauthorized", "NotManufacturer"):
                checks.refuse(not ours, name, ...)
        checks.refuse(lot in self.recalls, "AlreadyRecalled", lot)
        checks.refuse(not reason, "InvalidReason", 0)
        checks.done()

        self.recalls[lot] = reason


def _minutes(now: int) -> int:
    return (now - EPOCH) // 60


def _due(now: int, hours: int) -> int:
    """Whole hours: what was allowed is never cut short."""
    return -(-(now + hours * HOUR) // HOUR) * HOUR if hours else 0
