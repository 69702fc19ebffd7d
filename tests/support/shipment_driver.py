"""Shipments in the hands of everybody: random acts on the chain, each with what the reference says of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from eth_utils import keccak

from tests.conftest import CARRIER, LABORATORY, LOGGER, MANUFACTURER, PHARMACY, PROVIDER
from tests.reference.custody import Custody, Device, Handover, Lot, Signed
from tests.reference.typed import ACCEPTANCE, OFFER, digest
from tests.support.coldchain_driver import FOR_EVER, ColdChainDriver
from tests.support.keys import key_of
from tests.support.plain_accounts import DAY, newcomers
from tests.support.random_series import Load, random_packing, random_profile, random_values
from tests.support.rpc_batch import Call

__all__ = ["Act", "ShipmentDriver"]

HOUR = 3_600
NOBODY = "0x" + "00" * 20
NO_SEAL = bytes(32)

#: A message to the chain, and what the reference makes of it at the second of its block.
Act = tuple[Call, Callable[[int], Any]]


def low(account: Any) -> str:
    return str(account).lower()


class ShipmentDriver(ColdChainDriver):
    """Two lots of one profile, with which everybody acts.

    Who acts: the manufacturer and its operator, a carrier, a clinic, a hospital that is suspended, a laboratory, a
    stranger, the owner of the loggers.
    """

    def __init__(self, deployed_contracts: dict[str, Any], people: Any, containers: Any) -> None:
        super().__init__(deployed_contracts, people, containers)
        clerk = next(newcomers())
        deployed_contracts["Institutions"].setOperator(
            clerk, MANUFACTURER, self.began + 1_000 * DAY, {"from": people.manufacturer}
        )
        deployed_contracts["Institutions"].suspend(people.hospital, {"from": people.regulator})
        maker, self.hospital = low(people.manufacturer), low(people.hospital)
        self.standings = {
            maker: (maker, MANUFACTURER),
            low(clerk): (maker, MANUFACTURER),
            low(people.carrier): (low(people.carrier), CARRIER),
            low(people.clinic): (low(people.clinic), PROVIDER | PHARMACY),
            low(people.laboratory): (low(people.laboratory), LABORATORY),
            low(people.logger): (low(people.logger), LOGGER),
        }
        self.maker, self.clerk = maker, low(clerk)
        self._runs = 0
        self.suspended: dict[str, tuple[str, int]] = {}
        self.keys = {low(each): key_of(each) for each in (*vars(people).values(), clerk)}
        self.actors = [maker, maker, self.clerk, self.hospital, *map(low, (people.carrier, people.clinic))]
        self.actors += map(low, (people.laboratory, people.laboratory, people.stranger, people.logger))
        self.books = Custody(lambda account: self.standings.get(account, (None, 0)), low(people.regulator))

    def begin(self, dice: Random) -> None:
        """Forget the shipments, let everybody act again, and bring two new lots and two new devices."""
        for who in list(self.suspended):
            self.rpc_batch.send([self.institutions.call(low(self.people.regulator), "reinstate", who)])
            self._toggle(who)
        self.dice, self.clock = dice, self.rpc_batch.now()
        self.books = Custody(self.books._standing, low(self.people.regulator))
        self._runs += 1
        self.equip(f"device of run {self._runs}")
        for device in self.devices:
            self.standings[low(device.address)] = (low(self.people.logger), LOGGER)
            self.books.devices[low(device.address)] = Device(low(self.people.logger), self.began + 1_000 * DAY)
        self.refs: dict[tuple[bytes, str, bytes], bytes] = {}
        profile = random_profile(dice)
        self.lots_of_run = []
        for expires in (2, 400):
            at = self.clock + expires * DAY
            lot = self.lot(profile, expires_at=at, units=1_000)
            self.books.lots[lot] = Lot(self.maker, self.began - 2_000 * DAY, at, 1_000, profile)
            self.lots_of_run.append(lot)

    # ---- choices -----------------------------------------------------------------------------------------------------

    def some(self) -> bytes:
        """A shipment; one in twenty-five is none."""
        known = list(self.books.shipments)
        return self.dice.choice(known) if known and self.dice.random() < 0.96 else bytes(31) + b"\1"

    def actor(self, shipment: bytes | None = None) -> str:
        """Most often the holder."""
        at = self.books.shipments.get(shipment)
        return at.holder if at and self.dice.random() < 0.75 else self.dice.choice(self.actors)

    def laboratory_or_else(self) -> str:
        return low(self.people.laboratory) if self.dice.random() < 0.8 else self.dice.choice(self.actors)

    def reason(self) -> int:
        return self.dice.choice((0, 1, 7, 65_535, 3, 4))

    def call(self, sender: str, method: str, *args: Any) -> Call:
        return self.coldchain.call(sender, method, *args)

    def id_of(self, lot: bytes, holder: str, ref: bytes, call: Call) -> bytes:
        """The id of what a call would make; nothing where that cannot be known."""
        key = (lot, holder, ref)
        if key not in self.refs and self.rpc_batch.error(call, self.errors) is None:
            (raw,) = self.rpc_batch.ask([call])
            self.refs[key] = raw
        return self.refs.get(key, b"")

    @property
    def errors(self) -> list[dict[str, Any]]:
        return self.coldchain.abi + self.lots.abi + self.loggers.abi + self.deployed_contracts["AccessManager"].abi

    # ---- acts --------------------------------------------------------------------------------------------------------

    def open(self) -> Act:
        lot, ref = self.dice.choice(self.lots_of_run), keccak(bytes([self.dice.randrange(12)]))
        units, hours = self.dice.choice((0, 1, 10, 40, 100, 100, 2_000)), self.dice.choice((0, 0, 5, 100, 8_760, 8_761))
        sender = self.maker if self.dice.random() < 0.8 else self.dice.choice(self.actors)
        call = self.call(sender, "open", lot, ref, units, hours, NO_SEAL, NO_SEAL)
        shipment = self.id_of(lot, self.maker, ref, call)
        return call, lambda now: self.books.open(now, sender, shipment, lot, units, hours)

    def split(self) -> Act:
        shipment, ref = self.some(), keccak(bytes([self.dice.randrange(12)]))
        units, sender = self.dice.choice((0, 1, 1, 2, 5, 200)), self.actor(shipment)
        call = self.call(sender, "split", shipment, ref, units)
        at = self.books.shipments.get(shipment)
        part = self.id_of(at.lot, at.holder, ref, call) if at else b""
        return call, lambda now: self.books.split(now, sender, shipment, part, units)

    def merge(self) -> Act:
        shipment = self.some()
        alike = [each for each, at in self.books.shipments.items() if self._alike(at, shipment)]
        into = self.dice.choice(alike) if alike and self.dice.random() < 0.9 else self.some()
        sender = self.actor(shipment)
        return self.call(sender, "merge", shipment, into), lambda now: self.books.merge(now, sender, shipment, into)

    def _alike(self, at: Any, shipment: bytes) -> bool:
        other = self.books.shipments.get(shipment)
        return bool(other) and other is not at and (other.lot, other.holder) == (at.lot, at.holder)

    def hand(self) -> Act:
        terms, sender, giver, giver_word = self._offer()
        receiver, word = None, b""
        if self.dice.random() < 0.5:
            receiver = Signed(terms.to, *self._held(terms.shipment), terms)
            word = self._sign(receiver, ACCEPTANCE, (terms.vvm, terms.shake))
            sender = sender if giver is None else low(self.people.stranger)
        elif giver is not None:
            sender = terms.to if self.dice.random() < 0.9 else sender
        call = self.call(sender, "hand", self._terms(terms), giver_word, word)
        return call, lambda now: self.books.hand(now, sender, terms, giver, receiver)

    def reject(self) -> Act:
        terms, _, giver, word = self._offer(always=True)
        sender = terms.to if self.dice.random() < 0.9 else self.dice.choice(self.actors)
        reason = self.reason()
        call = self.call(sender, "reject", self._terms(terms), word, reason)
        return call, lambda now: self.books.reject(now, sender, terms, giver, reason)

    def _held(self, shipment: bytes) -> tuple[str, int]:
        at = self.books.shipments.get(shipment)
        return (at.holder, at.since) if at else (NOBODY, 0)

    def _offer(self, always: bool = False) -> tuple[Handover, str, Signed | None, bytes]:
        """Terms, who gives, and its signature where it does not send."""
        shipment = self.some()
        terms = Handover(
            shipment,
            self.dice.choice((*self.actors, *map(low, (self.people.carrier, self.people.clinic) * 4))),
            self.rpc_batch.now() + self.dice.choice((*(HOUR,) * 12, -10)),
            self.dice.choice((0, 0, 0, 0, 2, 2, 30, 30, 8_760, 8_761)),
            self.dice.choice((*(0, 1, 2) * 4, 3, 4, 5)),
            self.dice.choice((*(0, 1) * 6, 2, 3)),
        )
        by = self.actor(shipment)
        if not always and self.dice.random() < 0.4:
            return terms, by, None, b""
        holder, since = self._held(shipment)
        since -= self.dice.random() < 0.06  # an offer of an earlier holding
        giver = Signed(by, holder, max(0, since), terms.offer())
        return terms, by, giver, self._sign(giver, OFFER, ())

    def _sign(self, signed: Signed, kind: str, more: tuple[int, ...]) -> bytes:
        terms = signed.handover
        fields = (terms.shipment, signed.giver, terms.to, signed.since, terms.deadline, terms.hours_allowed, NO_SEAL)
        message = digest(self.domain, kind, (*fields, *more))
        return bytes(self.keys[signed.by].unsafe_sign_hash(message).signature)

    @staticmethod
    def _terms(terms: Handover) -> tuple[Any, ...]:
        seen = terms.vvm << 216 | terms.shake << 224
        word = int(terms.to, 16) | terms.deadline << 160 | terms.hours_allowed << 200 | seen
        return terms.shipment, word, NO_SEAL

    def dispense(self) -> Act:
        shipment = self.some()
        sender, units = self.actor(shipment), self.dice.choice((0, 1, 1, 3, 50))
        holder = self.standings.get(sender, (sender, 0))[0] or sender
        call = self.call(sender, "dispense", shipment, holder, units)
        return call, lambda now: self.books.dispense(now, sender, shipment, holder, units)

    def pair(self) -> Act:
        shipment, now = self.some(), self.rpc_batch.now()
        at, sender = self.books.shipments.get(shipment), self.actor(shipment)
        earliest = now - 3 * DAY if at is None or not at.series.monitored else at.series.until
        start = self.dice.choice((earliest, earliest, earliest, earliest - 1, now, now + 100, earliest + 300))
        end = self.dice.choice((FOR_EVER, FOR_EVER, start, start + DAY, now + HOUR))
        device = low(self.dice.choice(self.devices).address)
        call = self.call(sender, "pair", shipment, device, start, end, 0)
        return call, lambda now: self.books.pair(now, sender, shipment, device, start, end)

    def unpair(self) -> Act:
        shipment = self.some()
        at = self.books.shipments.get(shipment)
        device = low(self.dice.choice(self.devices).address)
        if at and at.pairings and self.dice.random() < 0.9:
            device = self.dice.choice(list(at.pairings))
        stretch = at.pairings[device].stretch if at and device in at.pairings else [0, FOR_EVER]
        until = at.series.until if at else 0
        end = self.dice.choice((until, until, self.rpc_batch.now(), stretch[0] - 1, stretch[1] + 1, stretch[0]))
        end = min(FOR_EVER, max(0, end))
        sender = low(self.people.logger) if self.dice.random() < 0.4 else self.actor(shipment)
        call = self.call(sender, "unpair", shipment, device, end)
        return call, lambda now: self.books.unpair(sender, shipment, device, end)

    def log(self) -> Act:
        paired = [each for each, at in self.books.shipments.items() if at.pairings]
        shipment = self.dice.choice(paired) if paired and self.dice.random() < 0.9 else self.some()
        at, number = self.books.shipments.get(shipment), self.dice.randrange(2)
        if at is None:
            return self.recall()
        if at.pairings and self.dice.random() < 0.9:
            number = self.dice.choice([i for i in (0, 1) if low(self.devices[i].address) in at.pairings])
        profile, now = at.series.profile, self.rpc_batch.now()
        step = self.dice.choice([each for each in (1, 60, 600, 3_600) if each <= profile.silence])
        start = at.series.until + self.dice.choice((0, 0, 0, 1, step - 1, step, step + 1, -1, 10 * step))
        room = max(1, (now - start) // step)
        count = self.dice.choice((min(room, 40), min(room, 40), min(room, 3), 1, room + 2 if room < 100 else 5))
        load = Load(start, step, tuple(random_values(self.dice, profile, count)))
        load = random_packing(self.dice, profile, load)
        sequence = at.batches + (self.dice.random() < 0.04)
        (_, method, args), chain = self.logging(shipment, load, sequence, at.chain, number)
        call, device = self.call(low(self.people.stranger), method, *args), low(self.devices[number].address)
        return call, lambda now: self.books.log(now, shipment, device, sequence, load.readings(), chain)

    def quarantine(self) -> Act:
        shipment = self.some()
        sender, reason = self.actor(shipment), self.reason()
        if sender in self.suspended:  # the prose leaves open whether it still may
            sender = low(self.people.laboratory)
        call = self.call(sender, "quarantine", shipment, reason)
        return call, lambda now: self.books.quarantine(now, sender, shipment, reason)

    def release(self) -> Act:
        shipment, sender, reason = self.some(), self.laboratory_or_else(), self.reason()
        call = self.call(sender, "release", shipment, reason)
        return call, lambda now: self.books.release(now, sender, shipment, reason)

    def destroy(self) -> Act:
        shipment, sender, reason = self.some(), self.laboratory_or_else(), self.reason()
        call = self.call(sender, "destroy", shipment, reason)
        return call, lambda now: self.books.destroy(now, sender, shipment, reason)

    def recall(self) -> Act:
        lot = self.dice.choice(self.lots_of_run)
        sender, reason = self.dice.choice((self.maker, *self.actors, low(self.people.regulator))), self.reason()
        return self.call(sender, "recall", lot, reason), lambda now: self.books.recall(sender, lot, reason)

    def suspend(self) -> Act:
        """The regulator suspends the carrier or the clinic, or reinstates it: what it holds, it may still hand over."""
        who = self.dice.choice((low(self.people.carrier), low(self.people.clinic)))
        method = "reinstate" if who in self.suspended else "suspend"
        call = self.institutions.call(low(self.people.regulator), method, who)
        return call, lambda now: self._toggle(who)

    def _toggle(self, who: str) -> None:
        if who in self.suspended:
            self.standings[who] = self.suspended.pop(who)
        else:
            self.suspended[who] = self.standings.pop(who)

    # ---- asking ------------------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Everything that the chain says of every shipment, beside the books."""
        now, many = self.rpc_batch.now(), list(self.books.shipments.items())
        stranger = low(self.people.stranger)

        def ask(method: str, *args: Any) -> Any:
            (raw,) = self.rpc_batch.ask([self.call(stranger, method, *args)])
            return self.coldchain.read(method, raw)

        for shipment, at in many:
            held = ask("shipment", shipment)
            assert held == at.facts(), (shipment.hex(), held, at.facts())
            told, expected = ask("report", shipment), self.books.report(shipment, now).facts(at.batches)
            assert told == expected, (shipment.hex(), told, expected)
            assert ask("verdict", shipment) == expected[0]
            for device, pairing in at.pairings.items():
                paired = (*pairing.stretch, pairing.model)
                assert ask("pairing", shipment, device) == paired, (shipment.hex(), device)
        for lot in self.lots_of_run:
            assert ask("unitsLeft", lot) == self.books.units_left(lot)
            assert ask("recallOf", lot) == self.books.recalls.get(lot, 0)
