"""The cold chain's judgement against the reference: series of readings, cut into batches anywhere, judged by both.

Given temperatures from -40 to 85 °C, limits met to the hundredth of a degree, missing readings, gaps around one step,
    every filling of the last word, laboratories that release, lots that expire
when the device's batches are logged
it is judged as the prose says: after each batch, and at the end with the silence until then.
"""

import random
from dataclasses import replace

import pytest
from brownie import web3
from eth_utils import keccak

from tests.conftest import LOGGER
from tests.property.house import DAY, secret
from tests.property.trips import START, Trip, random_base, random_batches, random_profile, random_values, series
from tests.property.wire import Call, Wire, cases, event, seed
from tests.reference.judge import (
    NO_READING,
    Bound,
    Judgement,
    Profile,
    Rule,
    Span,
    Verdict,
    judge,
    pack,
    unpack,
    verdict,
)
from tests.reference.typed import READINGS, Domain, digest

MINUTE = 60

# What mSupply ships with: hot from 8 °C, cold to 2 °C, each in one run and summed.
USUAL = Profile(
    low=200,
    high=800,
    silence=3_600,
    unknown=7_200,
    rules=(
        Rule(Bound.ABOVE, Span.SINGLE, 800, 30),
        Rule(Bound.ABOVE, Span.CUMULATIVE, 800, 60),
        Rule(Bound.BELOW, Span.SINGLE, 200, 20),
        Rule(Bound.BELOW, Span.CUMULATIVE, 200, 40),
    ),
)


# ---- the reference itself, on what can be counted by hand ------------------------------------------------------------


def test_reference_one_excursion_of_640_minutes():
    """30 days at 10 minutes with 64 warm readings, from the 1,000th on."""
    readings = series(*[500] * 1_000, *[900] * 64, *[500] * 3_256)
    warm = START + 1_000 * 600
    assert judge(USUAL, START, readings) == Judgement(
        until=START + 30 * DAY,
        readings=4_320,
        lowest=500,
        highest=900,
        above=640 * MINUTE,
        below=0,
        unknown=0,
        breached=0b0011,
        # Two warm readings are 20 minutes; the third completes the 30.
        breached_at=warm + 2 * 600,
    )


@pytest.mark.parametrize(
    ("values", "breached", "breached_after", "above", "below"),
    [
        ([800, 800, 800], 0b0001, 2, 0, 0),  # at the threshold counts for the rule, not for the range
        ([799, 799, 799, 799, 799, 799, 799], 0, None, 0, 0),
        ([801, 801, 500, 801, 801, 500, 801], 0, None, 5, 0),  # back in range: the run starts anew; 50 minutes in all
        ([801, 801, 500, 801, 801, 500, 801, 801], 0b0010, 7, 6, 0),  # the sum reaches 60 minutes
        ([801, 801, None, 801], 0b0001, 3, 3, 0),  # a missing reading ends no run
        ([None, None, None, None], 0, None, 0, 0),
        ([200, 200], 0b0100, 1, 0, 0),
        ([201, 201, 199, 201, 199, 201, 199, 201, 199], 0b1000, 8, 0, 4),
        ([-4_000, 8_500, -4_000, 8_500, -4_000, 8_500], 0, None, 3, 3),
    ],
)
def test_reference_runs_and_sums(values, breached, breached_after, above, below):
    outcome = judge(USUAL, START, series(*values))
    assert outcome.breached == breached
    assert outcome.breached_at == (0 if breached_after is None else START + breached_after * 600)
    assert (outcome.above, outcome.below) == (above * 600, below * 600)
    assert outcome.unknown == 600 * values.count(None)


def test_reference_ten_hours_of_thirty_degrees_in_pieces():
    """A shipment indicator: ≥ 30 °C for 10 h in all, ≤ -0.5 °C for one hour at a time."""
    indicator = replace(
        USUAL, rules=(Rule(Bound.ABOVE, Span.CUMULATIVE, 3_000, 600), Rule(Bound.BELOW, Span.SINGLE, -50, 60))
    )
    pieces = [3_000, 500] * 59
    assert judge(indicator, START, series(*pieces)).breached == 0
    assert judge(indicator, START, series(*pieces, 3_000)).breached == 0b01
    assert judge(indicator, START, series(*[-50] * 5, -49, *[-50] * 5)).breached == 0
    assert judge(indicator, START, series(*[-50] * 6)).breached == 0b10


@pytest.mark.parametrize(("gap", "unknown"), [(0, 0), (599, 0), (600, 600), (601, 601)])
def test_reference_gaps(gap, unknown):
    readings = series(500, 500) + series(500, start=START + 1_200 + gap)
    assert judge(USUAL, START, readings).unknown == unknown
    assert judge(USUAL, START, series(500, start=START + gap)).unknown == unknown


@pytest.mark.parametrize(("silence", "unknown"), [(0, 0), (3_600, 0), (3_601, 3_601), (7_201, 7_201)])
def test_reference_silence(silence, unknown):
    now = START + 600 + silence
    outcome = judge(USUAL, START, series(500), now=now)
    assert outcome.unknown == unknown
    expected = Verdict.UNKNOWN if unknown > 7_200 else Verdict.INTACT
    assert verdict(USUAL, outcome, expires_at=now + 1, now=now) is expected
    assert verdict(USUAL, outcome, expires_at=now, now=now) is Verdict.EXPIRED


def test_reference_release_excuses_and_keeps_extremes():
    readings = series(900, 900, 900, 900, None)
    released = START + 10_000
    after = judge(USUAL, START, readings, releases=[released], now=released)
    assert (after.breached, after.breached_at, after.unknown) == (0, 0, 0)
    assert (after.highest, after.above) == (900, 2_400)
    more = readings + series(900, 900, start=released + 700)
    again = judge(USUAL, START, more, releases=[released])
    assert (again.breached, again.unknown, again.above) == (0, 700, 3_600)


def test_reference_packing():
    packed = pack([500, -50, None], base=-100)
    assert packed.hex() == "0258" + "0032" + "7fff" * 14
    assert unpack(packed, 3, -100) == [500, -50, None]
    assert pack([-32_768, -2], base=-32_768).hex() == "0000" + "7ffe" + "7fff" * 14
    with pytest.raises(ValueError, match="base"):
        pack([-1], base=-32_768)
    with pytest.raises(ValueError, match="base"):
        pack([-101], base=-100)


def test_reference_packing_is_undone():
    dice = random.Random(seed())
    for count in range(70):
        values = [dice.choice((None, dice.randint(-4_000, 8_500))) for _ in range(count)]
        packed = pack(values, -4_000)
        assert len(packed) == (count + 15) // 16 * 32
        assert unpack(packed, count, -4_000) == values


# ---- the contract ----------------------------------------------------------------------------------------------------


class Bench:
    """Shipments on the chain, many at a time: one manufacturer, one logger with its device key, one laboratory."""

    def __init__(self, house, people):
        self.people = people
        self.contract = house["ColdChain"]
        self.wire = Wire(web3.provider.endpoint_uri)
        self.device = secret("logger's device")
        house["Institutions"].setOperator(
            self.device.address, LOGGER, self.wire.now() + 1_000 * DAY, {"from": people.logger}
        )
        self.domain = Domain(self.contract.eip712Domain())

    def call(self, sender, method, *args):
        return Call(str(sender), self.contract.address, getattr(self.contract, method).encode_input(*args))

    def view(self, method, many):
        """Answers of one view for many ids."""
        answers = self.wire.ask([self.call(self.people.stranger, method, one) for one in many])
        return [getattr(self.contract, method).decode_output("0x" + answer.hex()) for answer in answers]

    def register_profile(self, profile):
        rules = [(rule.bound, rule.span, rule.threshold, rule.after_minutes) for rule in profile.rules]
        terms = (profile.low, profile.high, profile.silence, profile.unknown, rules)
        return self.contract.registerProfile(terms, {"from": self.people.regulator}).return_value

    def register_lot(self, profile_id, number, made_at, expires_at, units):
        terms = (
            self.people.manufacturer,
            4_006_381_333_931,
            number.encode().ljust(32, b"\0"),
            made_at,
            expires_at,
            units,
            profile_id,
        )
        return self.contract.registerLot(terms, {"from": self.people.manufacturer}).return_value

    def log_call(self, trip, base, *, forged=(), **changes):
        """Logs a trip's next batch, with ``changes``, signed by the device over what the prose says that it signs.

        ``forged`` are fields that somebody changes after that.
        """
        readings = trip.readings_of(trip.sent)
        batch = {
            "sequence": trip.sent,
            "start": readings[0].time,
            "step": readings[0].step,
            "count": len(readings),
            "base": base,
            "data": changes.get("data") or pack([reading.value for reading in readings], base),
            **changes,
        }
        *head, data = batch.values()
        signed = digest(self.domain, READINGS, (trip.id, self.people.logger.address, *head, trip.chain, data))
        signature = self.device.unsafe_sign_hash(signed).signature
        sent = {"shipment": trip.id, **batch, **dict(forged)}
        return self.call(self.people.stranger, "log", tuple(sent.values()), bytes(signature))

    def logged(self, receipt):
        """Arguments of the one ReadingsLogged in a receipt, by name."""
        events = [event(self.contract.abi, log) for log in receipt.logs]
        ((_, arguments),) = [each for each in events if each[0] == "ReadingsLogged"]
        return arguments


ACTIVE, QUARANTINED = 1, 2


def onchain(judgement, batches):
    """A reference judgement as the contract's struct has it."""
    return (
        judgement.until,
        batches,
        judgement.readings,
        judgement.lowest,
        judgement.highest,
        judgement.above,
        judgement.below,
        judgement.unknown,
        judgement.breached,
    )


@pytest.fixture(scope="module")
def bench(house, people):
    return Bench(house, people)


def test_random_shipments(bench):
    dice = random.Random(seed())
    count = cases()
    began = bench.wire.now()
    # The whole test, releases included, lies before this second; at it, silence and expiry are asked for.
    asked_at = began + 30 * DAY

    trips = []
    groups = max(1, min(40, count // 25))
    for group in range(groups):
        silence = dice.choice((1, 60, 3_600, DAY, 31 * DAY, 45 * DAY, 400 * DAY))
        profile = replace(random_profile(dice), silence=silence)
        expires_at = asked_at + dice.choice((-1, 0, 1, 500 * DAY, 500 * DAY, 500 * DAY))
        size = count // groups + (group < count % groups)
        profile_id = bench.register_profile(profile)
        lot = bench.register_lot(profile_id, f"LOT{group}", began - 800 * DAY, expires_at, 2 * size)
        for _ in range(size):
            quiet = silence + dice.choice((-1, 0, 1)) if silence > 30 * DAY else 30 * DAY + dice.randrange(40 * DAY)
            batches = random_batches(dice, profile)
            trip = Trip(profile, batches, ends_at=asked_at - quiet, expires_at=expires_at)
            trip.lot = lot
            trips.append(trip)
    open_all(bench, trips)

    while waiting := [trip for trip in trips if trip.sent < len(trip.batches)]:
        log_all(bench, dice, waiting)

    # Half of the troubled shipments, and a few that are not, meet a laboratory; then some travel on.
    bench.wire.mine(began + 10 * DAY)
    seen = [trip for trip in trips if dice.random() < 0.4]
    release_all(bench, seen)
    bench.wire.mine(began + 20 * DAY)
    further = [trip for trip in seen if dice.random() < 0.6]
    for trip in further:
        step = min(dice.choice((60, 600)), trip.profile.silence)  # short: what follows must still lie in the past
        # On the release's very second as well: that is a gap of nothing.
        since = max(trip.releases, default=began + 10 * DAY) + dice.choice((0, step - 1, step, dice.randrange(DAY)))
        trip.batches.append((since - trip.start, step, random_values(dice, trip.profile, dice.randint(1, 40))))
    log_all(bench, dice, further)

    bench.wire.mine(asked_at)
    ids = [trip.id for trip in trips]
    answers = zip(
        trips, bench.view("judgement", ids), bench.view("shipment", ids), bench.view("verdict", ids), strict=True
    )
    verdicts = set()
    for trip, judgement, shipment, answer in answers:
        expected = trip.judged(now=asked_at)
        assert tuple(judgement) == onchain(expected, len(trip.batches)), trip
        assert shipment["breachedAt"] == expected.breached_at, trip
        assert bytes(shipment["chain"]) == trip.chain, trip
        assert shipment["disposition"] == (QUARANTINED if expected.breached else ACTIVE), trip
        assert answer == verdict(trip.profile, expected, expires_at=trip.expires_at, now=asked_at), trip
        verdicts.add(Verdict(answer))
    if count >= 500:
        # A test that met only healthy shipments would have shown nothing.
        assert verdicts == {Verdict.INTACT, Verdict.EXCURSION, Verdict.UNKNOWN, Verdict.EXPIRED}


def open_all(bench, trips):
    receipts = bench.wire.send(
        [
            bench.call(
                bench.people.manufacturer,
                "openShipment",
                trip.lot,
                keccak(number.to_bytes(32, "big")),
                1,
                bench.people.logger,
                trip.start,
            )
            for number, trip in enumerate(trips)
        ]
    )
    for trip, receipt in zip(trips, receipts, strict=True):
        assert receipt.succeeded
        (log,) = receipt.logs
        trip.id = bytes.fromhex(log["topics"][1][2:])
    for trip, shipment in zip(trips, bench.view("shipment", [trip.id for trip in trips]), strict=True):
        trip.chain = bytes(shipment["chain"])


def log_all(bench, dice, trips):
    """Log the next batch of each trip and compare what the contract says of it."""
    calls = [bench.log_call(trip, random_base(dice, trip.batches[trip.sent][2])) for trip in trips]
    for trip, receipt in zip(trips, bench.wire.send(calls), strict=True):
        assert receipt.succeeded, trip
        readings = trip.readings_of(trip.sent)
        before = trip.judged()
        trip.logged += readings
        trip.sent += 1
        expected = trip.judged()
        event = bench.logged(receipt)
        assert event["judgement"] == onchain(expected, trip.sent), trip
        assert event["unknown"] == expected.unknown - before.unknown, trip
        trip.chain = event["chain"]


def release_all(bench, trips):
    """Let the laboratory release shipments; only those that are not intact, nor merely expired, can be."""
    calls = [bench.call(bench.people.laboratory, "release", trip.id, 1) for trip in trips]
    for trip, call, receipt in zip(trips, calls, bench.wire.send(calls), strict=True):
        outcome = trip.judged(now=receipt.time)
        troubled = outcome.breached or outcome.unknown > trip.profile.unknown
        assert receipt.succeeded == bool(troubled), trip
        if troubled:
            trip.releases.append(receipt.time)
        else:
            assert bench.wire.error(call, bench.contract.abi) == ("NothingToRelease", (trip.id,))


def lanes(*values):
    """One word with these lanes, the rest filled as a device must."""
    return b"".join(value.to_bytes(2, "big") for value in values + (NO_READING,) * (16 - len(values)))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"step": 0}, "step"),
        ({"count": 0}, "count"),
        ({"count": 0, "data": b""}, "count"),
        ({"data": b""}, "data"),
        ({"data": lanes(4_500)[:-1]}, "data"),
        ({"data": lanes(4_500) + lanes()}, "data"),
        ({"count": 17}, "data"),
        ({"data": lanes(4_500, 4_500)}, "padding"),
        ({"data": lanes(0x8000)}, "data"),
        ({"data": lanes(0xFFFF)}, "data"),
        # What no logger measures: a lane over a base that would leave 16 bits, or what lies beyond -273.15 and 150 °C.
        ({"base": 32_000, "data": lanes(20_000)}, "temperature"),
        ({"base": -27_316, "data": lanes(0)}, "temperature"),
        ({"base": 15_000, "data": lanes(1)}, "temperature"),
    ],
)
def test_only_the_packing_of_the_prose_is_read(bench, changes, field):
    """A lane that means nothing must not be read as some temperature, be it a good one."""
    now = bench.wire.now()
    trip = Trip(USUAL, [(0, 60, [500])], ends_at=now - DAY, expires_at=now + 9 * DAY)
    trip.lot = bench.register_lot(bench.register_profile(USUAL), "LOT", now - 9 * DAY, trip.expires_at, 1)
    open_all(bench, [trip])
    assert bench.wire.error(bench.log_call(trip, -4_000), bench.contract.abi) is None
    refused = bench.wire.error(bench.log_call(trip, **{"base": -4_000, **changes}), bench.contract.abi)
    assert refused == ("MalformedReadings", (field,))


def test_every_signed_field_binds(bench):
    """Whoever relays a batch changes one field of it, or brings it to another shipment: it is not the device's."""
    now = bench.wire.now()
    trips = [Trip(USUAL, [(600, 60, [900] * 16)], ends_at=now - DAY, expires_at=now + 9 * DAY) for _ in range(2)]
    lot = bench.register_lot(bench.register_profile(USUAL), "LOT", now - 9 * DAY, now + 9 * DAY, 2)
    for trip in trips:
        trip.lot = lot
    open_all(bench, trips)
    trip, other = trips
    assert bench.wire.error(bench.log_call(trip, -4_000), bench.contract.abi) is None

    start = trip.readings_of(0)[0].time
    forgeries = [
        {"shipment": other.id},
        {"start": start - 60},
        {"step": 59},
        {"base": -4_001},
        {"data": lanes(*[4_500] * 16)},
        {"count": 15, "data": lanes(*[4_900] * 15)},
    ]
    for forged in forgeries:
        name, _ = bench.wire.error(bench.log_call(trip, -4_000, forged=forged), bench.contract.abi)
        assert name == "NotTheLogger", forged
    name, _ = bench.wire.error(bench.log_call(trip, -4_000, forged={"sequence": 1}), bench.contract.abi)
    assert name == "OutOfSequence"

    # The same readings a second time, signed before the first batch was taken.
    again = bench.log_call(trip, -4_000, sequence=1, start=start + 2_000)
    (receipt,) = bench.wire.send([bench.log_call(trip, -4_000)])
    assert receipt.succeeded
    name, _ = bench.wire.error(again, bench.contract.abi)
    assert name == "NotTheLogger"
