"""What is judged of a shipment beside its readings, against the reference: two loggers, parts, mergers, laboratories.

Given random series as in test_temperature.py
when a logger takes over from another, a part leaves, a shipment is put into another one, a laboratory releases
nothing that was judged is lost or made better than the prose says.

Each story is told within one second, like there.
"""

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from eth_utils import keccak

from tests.reference.custody import Custody, Device, Lot, Refused
from tests.support.coldchain_driver import FOR_EVER, ColdChainDriver
from tests.support.effort import cases, seed
from tests.support.plain_accounts import DAY
from tests.support.random_series import random_loads, random_profile

HOLDER = "manufacturer"


@pytest.fixture(scope="module")
def driver(deployed_contracts, people, salus_project):
    return ColdChainDriver(deployed_contracts, people, salus_project)


class Life:
    """A story that is told to the chain and to the reference alike, line by line."""

    def __init__(self, driver, profile, lot):
        self.driver, self.profile, self.lot = driver, profile, lot
        self.lines, self.acts, self.chains, self.sequences = [], [], {}, {}

    def open(self, shipment, ref):
        self.chains[shipment], self.sequences[shipment] = bytes(16), 0
        line = self.driver.opening(self.lot, ref, 10)
        self._add(line, lambda books, at: books.open(at, HOLDER, shipment, self.lot, 10))

    def pair(self, shipment, device, start, end=FOR_EVER):
        line = self.driver.pairing(shipment, start, device, end)
        self._add(line, lambda books, at: books.pair(at, HOLDER, shipment, device, start, end))

    def unpair(self, shipment, device, end):
        line = self.driver.line("unpair", shipment, self.driver.devices[device].address, end)
        self._add(line, lambda books, at: books.unpair(HOLDER, shipment, device, end))

    def log(self, shipment, device, load):
        sequence = self.sequences[shipment]
        line, chain = self.driver.logging(shipment, load, sequence, self.chains[shipment], device)
        readings = load.readings()
        self._add(line, lambda books, at: books.log(at, shipment, device, sequence, readings, chain))
        self.chains[shipment], self.sequences[shipment] = chain, sequence + 1
        self.look(shipment)

    def split(self, shipment, part, ref):
        self.chains[part], self.sequences[part] = self.chains[shipment], self.sequences[shipment]
        line = self.driver.line("split", shipment, ref, 4)
        self._add(line, lambda books, at: books.split(at, HOLDER, shipment, part, 4))

    def merge(self, shipment, into):
        line = self.driver.line("merge", shipment, into)
        self._add(line, lambda books, at: books.merge(at, HOLDER, shipment, into))

    def quarantine(self, shipment):
        line = self.driver.line("quarantine", shipment, 1)
        self._add(line, lambda books, at: books.quarantine(at, HOLDER, shipment, 1))

    def release(self, shipment):
        line = self.driver.line("release", shipment, 1, by=self.driver.laboratory)
        self._add(line, lambda books, at: books.release(at, "laboratory", shipment, 1))

    def look(self, shipment):
        """Ask how it stands."""

        def told(books, at):
            return books.report(shipment, at).facts(books.shipments[shipment].batches)

        self._add(self.driver.line("report", shipment), told)

    def _add(self, line, act):
        self.lines.append(line)
        self.acts.append(act)

    def check(self, at, heard):
        """Every line passes or is refused as in the books, and every look sees the same; returns the books."""
        roles = {HOLDER: 8, "laboratory": 32}
        books = Custody(lambda account: (account, roles[account]) if account in roles else ("owner", 64))
        books.lots[self.lot] = Lot(
            HOLDER, self.driver.began - 2_000 * DAY, self.driver.began + 900 * DAY, 1_000_000, self.profile
        )
        books.devices = {number: Device("owner", self.driver.began + 1_000 * DAY) for number in range(2)}
        self.refused = Counter()
        for number, (line, act, (passed, answer)) in enumerate(zip(self.lines, self.acts, heard, strict=True)):
            try:
                expected = act(books, at)
            except Refused as refused:
                assert not passed, (number, line, refused.reasons, self)
                assert answer[0] in [name for name, _ in refused.reasons], (number, line, answer, refused.reasons)
                self.refused[line[1]] += 1
                continue
            assert passed, (number, line, answer, self)
            if expected is not None:
                assert answer == expected, (number, line, self)
        return books

    def __repr__(self):
        return f"Life({self.profile}, {[line[1:] for line in self.lines]})"


def mild(dice):
    """A profile under which most shipments stay intact, though much is counted."""
    profile = random_profile(dice)
    rules = tuple(replace(rule, after_minutes=dice.choice((600, 3_000, 16_383))) for rule in profile.rules)
    budget = dice.choice((0, 5_000, 50_000)) if rules or profile.mkt_hours else 50_000
    return replace(profile, rules=rules, budget=budget, unknown=dice.choice((20 * DAY, 400 * DAY)))


def tell(driver, dice, count, write, draw=random_profile):
    """Stories written by ``write(life, ids, refs, profile)``, a dozen for each profile that is drawn."""
    group = 12
    for first in range(0, count, group):
        profile = draw(dice)
        lot = driver.lot(profile, expires_at=driver.began + 900 * DAY)
        lives = []
        many = range(first, min(first + group, count))
        refs = [[keccak(bytes([each]) + number.to_bytes(4, "big")) for each in range(2)] for number in many]
        ids = driver.ids([(lot, ref) for pair in refs for ref in pair], 10)
        for number in range(len(many)):
            life = Life(driver, profile, lot)
            write(life, ids[2 * number : 2 * number + 2], refs[number], profile)
            lives.append(life)
        for life, (at, heard) in zip(lives, driver.ask([life.lines for life in lives]), strict=True):
            yield life, life.check(at, heard)


def placed(driver, dice, profile, loads):
    """The loads as they end some time before now: at once, about the silence ago, or long ago."""
    quiet = dice.choice((0, 1, profile.silence - 1, profile.silence, profile.silence + 1, dice.randrange(9 * DAY)))
    by = driver.began - max(0, quiet) - loads[-1].end
    return [load.moved(by) for load in loads]


def test_two_loggers(driver):
    """A device takes over from another one, at once or after a while that nobody measured."""
    dice = random.Random(seed())

    def write(life, ids, refs, profile):
        loads = placed(driver, dice, profile, random_loads(dice, profile))
        shipment = ids[0]
        life.open(shipment, refs[0])
        ends = [load.start for load in loads[1:]] + [driver.began]
        device = 0
        start = loads[0].start - dice.choice((0, 0, loads[0].step - 1, loads[0].step, 5_000))
        for number, (load, _end) in enumerate(zip(loads, ends, strict=True)):
            if number == 0 or dice.random() < 0.6:
                if number:
                    # The former one ends with its last reading or later, the new one begins with its first or sooner.
                    before, room = loads[number - 1].end, load.start - loads[number - 1].end
                    left = dice.choice((before, before + dice.randint(0, room)))
                    life.unpair(shipment, device, left)
                    start, device = dice.choice((load.start, left + dice.randint(0, load.start - left))), 1 - device
                life.pair(shipment, device, start)
            life.log(shipment, device, load)

    for _ in tell(driver, dice, max(24, cases() // 5), write):
        pass


def test_parts_and_mergers(driver):
    """TT6: what was judged goes with each part, and stays with what it is put into."""
    dice = random.Random(seed())
    merged = Counter()

    def write(life, ids, refs, profile):
        whole, other = ids
        loads = placed(driver, dice, profile, random_loads(dice, profile))
        life.open(whole, refs[0])
        life.pair(whole, 0, loads[0].start)
        for load in loads:
            life.log(whole, 0, load)
        life.open(other, refs[1])
        more = placed(driver, dice, profile, random_loads(dice, profile))
        if dice.random() < 0.9:
            life.pair(other, 1, more[0].start)
            for load in more:
                life.log(other, 1, load)
        life.merge(whole, other) if dice.random() < 0.5 else life.merge(other, whole)
        life.look(whole)
        life.look(other)

    for life, _ in tell(driver, dice, max(24, cases() // 5), write, mild):
        merged[life.refused["merge"]] += 1
    assert min(merged[0], merged[1]) >= sum(merged.values()) // 20, merged


def test_a_part_and_its_whole_go_on(driver):
    """TT6: the part needs its own logger, and what it misses until then is unknown."""
    dice = random.Random(seed())
    for number in range(max(4, cases() // 100)):
        profile = random_profile(dice)
        lot = driver.lot(profile, expires_at=driver.began + 900 * DAY)
        ref, other = keccak(number.to_bytes(2, "big")), keccak(number.to_bytes(3, "big"))
        (whole,) = driver.ids([(lot, ref)], 10)
        ((_, heard),) = driver.ask([[driver.opening(lot, ref, 10), driver.line("split", whole, other, 4)]])
        part = heard[1][1]
        loads = placed(driver, dice, profile, random_loads(dice, profile))
        at = dice.randrange(len(loads))
        life = Life(driver, profile, lot)
        life.open(whole, ref)
        life.pair(whole, 0, loads[0].start)
        for load in loads[:at]:
            life.log(whole, 0, load)
        life.split(whole, part, other)
        life.look(part)
        life.pair(part, 1, loads[at].start)
        for load in loads[at:]:
            life.log(whole, 0, load)
            life.log(part, 1, load)
        ((second, heard),) = driver.ask([life.lines])
        life.check(second, heard)


def test_starts_anew_after_a_laboratory(driver):
    """What a laboratory answers for is excused; a budget that is used up, and what was never amiss, is not."""
    dice = random.Random(seed())
    released = Counter()

    def write(life, ids, refs, profile):
        shipment, part = ids
        loads = placed(driver, dice, profile, random_loads(dice, profile))
        life.open(shipment, refs[0])
        life.pair(shipment, 0, loads[0].start)
        for load in loads:
            life.log(shipment, 0, load)
        if dice.random() < 0.1:
            life.quarantine(shipment)
        life.release(shipment)
        life.look(shipment)
        # Once more: there is nothing left to release.
        life.release(shipment)
        life.open(part, refs[1])
        life.release(part)  # never monitored: the laboratory vouches for it
        life.look(part)

    for life, _ in tell(driver, dice, max(24, cases() // 5), write):
        released[life.refused["release"]] += 1
    assert min(released[1], released[2]) >= sum(released.values()) // 20, released


def test_time_never_runs_backwards():
    """The stories of this file rest on that their loads do not overlap."""
    dice = random.Random(seed())
    for _ in range(50):
        loads = random_loads(dice, random_profile(dice))
        assert all(one.end <= other.start for one, other in pairwise(loads))
