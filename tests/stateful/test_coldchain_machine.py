"""Shipments of a lot in any order of acts: handed on, split, merged, dispensed, logged, quarantined, released,
destroyed.

After each act, for every shipment there ever was: it has one holder; its minute, its batches and its judged time never
shrink; its disposition goes forward only, but for a release; what is closed or destroyed stays so; the units of the lot
are all somewhere.
"""

import random
from inspect import signature

from brownie.test import strategy

from tests.conftest import LOGGER
from tests.support import boundary_time, lot_builders, shipment_builders
from tests.support.effort import machine_settings, seed
from tests.support.keys import key_of
from tests.support.shipment_builders import ACTIVE, CLOSED, DAY, DESTROYED, HOUR, INTACT, SHREDDED, SHUT

FOR_EVER = 2**40 - 1
UNITS = 1_000
# Temperatures of three readings, and whether they breach a rule at once.
READINGS = ((500, 500, 500), (850, 500, None), (100, 500, 500), (900, 900, 900))
# How high each rule's numbers go.
MOST = {"st_units": 6, "st_first": 255, "st_second": 255, "st_hand": 3, "st_readings": len(READINGS) - 1, "st_act": 3}
ACTS = {"open", "hand", "refused", "split", "merge", "dispense", "log", "breach", "quarantine", "release", "destroy"}


class Lots:
    def __init__(cls, deployed_contracts, people, name):
        cls.coldchain, cls.deployed_contracts, cls.people, cls.name = (
            deployed_contracts["ColdChain"],
            deployed_contracts,
            people,
            name,
        )
        cls.hands = [people.manufacturer, people.carrier, people.clinic, people.laboratory]
        lots, regulator = deployed_contracts["Lots"], {"from": people.regulator}
        lots.assignPrefix(lot_builders.PREFIX, lot_builders.DIGITS, people.manufacturer, regulator)
        profile = lot_builders.Profile(silence=DAY, unknown=10 * DAY)
        if boundary_time.refusal(lots.registerProfile, profile, sender=people.regulator) is boundary_time.PASSED:
            lots.registerProfile(profile, regulator)
        now = boundary_time.now()
        made = (now - DAY, now + 1_000 * DAY, UNITS)
        terms = (
            people.manufacturer,
            lot_builders.GTIN,
            lot_builders.lot_number(name),
            *made,
            lot_builders.profile_id(profile),
            bytes(32),
        )
        cls.lot = lots.registerLot(terms, lot_builders.DIGITS, {"from": people.manufacturer}).events["LotRegistered"][
            "lot"
        ]

    def setup(self):
        self.seen, self.known, self.devices, self.released = set(), {}, {}, None
        self.dispensed = self.count = 0
        self.rule_open(0)

    # ---- acts --------------------------------------------------------------------------------------------------------

    def pick(self, number):
        ids = list(self.known)
        id_ = ids[number % len(ids)]
        return id_, shipment_builders.shipment_of(self.coldchain, id_)

    def remember(self, id_):
        self.known[str(id_)] = (
            shipment_builders.shipment_of(self.coldchain, id_),
            shipment_builders.report_of(self.coldchain, id_),
        )

    def fresh_device(self, id_, start, holder):
        self.count += 1
        key = shipment_builders.key(f"machine {self.name} {self.count}")
        self.deployed_contracts["Institutions"].setOperator(key.address, LOGGER, FOR_EVER, {"from": self.people.logger})
        self.deployed_contracts["Loggers"].register(key.address, 0, 50, bytes(32), {"from": self.people.logger})
        self.deployed_contracts["Loggers"].calibrate(
            key.address, start + 900 * DAY, bytes(32), {"from": self.people.laboratory}
        )
        self.coldchain.pair(id_, key.address, start, FOR_EVER, 0, {"from": holder})
        self.devices[str(id_)] = key

    def rule_open(self, st_units):
        if self.coldchain.unitsLeft(self.lot) < st_units + 5:
            return
        self.count += 1
        maker = self.people.manufacturer
        tx = self.coldchain.open(
            self.lot,
            shipment_builders.word(f"ref {self.count}"),
            st_units + 5,
            0,
            bytes(32),
            bytes(32),
            {"from": maker},
        )
        id_ = str(tx.events["ShipmentOpened"]["shipment"])
        self.fresh_device(id_, tx.timestamp - HOUR, maker)
        self.remember(id_)
        self.seen.add("open")

    def rule_hand(self, st_first, st_hand):
        id_, at = self.pick(st_first)
        to, holder = self.hands[st_hand], next(each for each in self.hands if each == at.holder)
        handover = shipment_builders.Handover(id_, to.address, FOR_EVER)
        offer = shipment_builders.sign_offer(self.coldchain, handover, key_of(holder))
        back = to in (self.people.manufacturer, self.people.laboratory)
        over = at.disposition in (SHUT, SHREDDED)
        may = to != holder and not over and (back or self.coldchain.verdict(id_) == INTACT)
        refused = boundary_time.refusal(self.coldchain.hand, handover.struct, offer, b"", sender=to)
        assert (refused is None) == may
        if may:
            self.coldchain.hand(handover.struct, offer, b"", {"from": to})
            # The same signature is worth nothing any more.
            assert boundary_time.refusal(self.coldchain.hand, handover.struct, offer, b"", sender=to) is not None
        self.seen.add("hand" if may else "refused")

    def rule_split(self, st_first, st_units):
        id_, at = self.pick(st_first)
        if not 0 < st_units < at.units or at.disposition in (SHUT, SHREDDED):
            return
        self.count += 1
        tx = self.coldchain.split(id_, shipment_builders.word(f"ref {self.count}"), st_units, {"from": at.holder})
        part = str(tx.events["ShipmentSplit"]["into"])
        assert shipment_builders.report_of(self.coldchain, part) == shipment_builders.report_of(self.coldchain, id_)
        self.fresh_device(part, shipment_builders.report_of(self.coldchain, part).judgement.until, at.holder)
        self.remember(part)
        self.seen.add("split")

    def rule_merge(self, st_first, st_second):
        one, a = self.pick(st_first)
        beside = [
            id_
            for id_, (at, told) in self.known.items()
            if id_ != one and at.holder == a.holder and told.verdict == INTACT
        ]
        if not beside:
            return
        other = beside[st_second % len(beside)]
        if [self.coldchain.verdict(each) for each in (one, other)] != [INTACT, INTACT]:
            return
        before = [shipment_builders.report_of(self.coldchain, each).judgement for each in (one, other)]
        self.coldchain.merge(one, other, {"from": a.holder})
        after = shipment_builders.report_of(self.coldchain, other).judgement
        assert after.lowest == min(each.lowest for each in before) and after.highest == max(
            each.highest for each in before
        )
        assert all(
            getattr(after, name) >= max(getattr(each, name) for each in before)
            for name in ("above", "below", "unknown")
        )
        self.seen.add("merge")

    def rule_dispense(self, st_first, st_units):
        id_, at = self.pick(st_first)
        if 0 < st_units <= at.units and self.coldchain.verdict(id_) == INTACT:
            self.coldchain.dispense(id_, at.holder, st_units, {"from": at.holder})
            self.dispensed += st_units
            self.seen.add("dispense")

    def rule_log(self, st_first, st_readings):
        id_, at = self.pick(st_first)
        judged = shipment_builders.report_of(self.coldchain, id_).judgement
        if judged.until + 1_800 > boundary_time.now():
            boundary_time.at(judged.until + 1_800)
        head = shipment_builders.header(judged.batches, judged.until, 600, 3, -4_000)
        batch = shipment_builders.Batch(
            id_, head, shipment_builders.NOTHING, shipment_builders.packed(READINGS[st_readings], -4_000)
        )
        signature = shipment_builders.sign_batch(self.coldchain, batch, at.chain, self.devices[id_])
        self.coldchain.log(batch, signature, {"from": self.people.stranger})
        self.seen.add("breach" if shipment_builders.report_of(self.coldchain, id_).breached else "log")

    def rule_laboratory(self, st_first, st_act):
        id_, at = self.pick(st_first)
        name = ("quarantine", "release", "release", "destroy")[st_act]
        method, laboratory = getattr(self.coldchain, name), self.people.laboratory
        if boundary_time.refusal(method, id_, 1, sender=laboratory) is None:
            method(id_, 1, {"from": laboratory})
            self.released = id_ if name == "release" else None
            self.seen.add(name)

    # ---- what always holds -------------------------------------------------------------------------------------------

    def invariant(self):
        for id_, (was, reported) in list(self.known.items()):
            self.remember(id_)
            at, report = self.known[id_]
            assert at.holder in self.hands and at.lot == was.lot
            assert at.since >= was.since and (at.since > was.since or at.holder == was.holder)
            judged, before = report.judgement, reported.judgement
            assert (judged.until, judged.batches, judged.readings) >= (before.until, before.batches, before.readings)
            assert judged.batches >= before.batches and judged.until >= before.until
            assert judged.lowest <= before.lowest and judged.highest >= before.highest
            assert at.disposition >= was.disposition or (id_ == self.released and at.disposition == ACTIVE)
            if was.disposition in (SHUT, SHREDDED):
                assert at.disposition == was.disposition and report.verdict in (CLOSED, DESTROYED)
                assert (at.units, at.holder) == (was.units, was.holder)
        self.released = None
        units = sum(at.units for at, _ in self.known.values())
        assert units + self.dispensed + self.coldchain.unitsLeft(self.lot) == UNITS


for name, most in MOST.items():
    setattr(Lots, name, strategy("uint8", max_value=most))


def test_shipments_in_any_order_of_acts(state_machine, deployed_contracts, people):
    state_machine(Lots, deployed_contracts, people, "ANY-ORDER", settings=machine_settings(8, 25))


def test_a_long_walk_in_which_everything_happens(deployed_contracts, people):
    """The same acts in one history, each as likely as any other, from the seed of the property tests: until all were
    seen.
    """
    machine, dice = Lots(deployed_contracts, people, "A-WALK"), random.Random(seed())
    machine.setup()
    rules = [getattr(machine, name) for name in sorted(dir(Lots)) if name.startswith("rule_")]
    for step in range(300):
        rule = dice.choice(rules)
        rule(**{name: dice.randint(0, MOST[name]) for name in signature(rule).parameters})
        machine.invariant()
        if step >= 60 and machine.seen == ACTS:
            break
    assert machine.seen == ACTS
