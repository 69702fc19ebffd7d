"""A batch of readings comes in: its envelope, its place in the sequence, its signature.

given a batch
    when its shipment is destroyed                                      it is refused: AlreadyDestroyed
    when step, count, length, lanes, padding or a temperature is impossible
                                                                        it is refused: MalformedReadings(field)
    when its number is not the next                                     it is refused: OutOfSequence
    when it begins before what is judged ends                           it is refused: OutOfOrder
    when its last reading is yet to be taken                            it is refused: FromTheFuture
    when the signature is not the licensed device's, over every field and the batch before
                                                                        it is refused: NotTheLogger
    when all is well                                                    it is judged, chained and told; anyone may bring it
"""

import pytest
from brownie import chain

from tests.coldchain.build import DAY, HOUR, NOBODY, Batch, a_batch, key, signed
from tests.conftest import CARRIER, LOGGER
from tests.errors import error
from tests.institutions.edge import PASSED, at, refusal
from tests.keys import key_of

CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
CALM = [500] * 20


@pytest.fixture
def batch(trip):
    """Twenty readings from the start, in two words."""
    return trip.batch(*CALM)


def test_a_sound_batch_passes(batch, refused):
    assert refused(batch) is PASSED


# ---- envelope --------------------------------------------------------------------------------------------------------


def test_a_step_takes_time(batch, refused):
    assert refused(batch._replace(step=0)) == error("MalformedReadings", "step")


@pytest.mark.parametrize("count", [0, 5_001, 65_535])
def test_TT3_a_batch_has_1_to_5000_readings(batch, refused, count):
    words = -(-count // 16)
    assert refused(batch._replace(count=count, data=b"\0" * 32 * words)) == error("MalformedReadings", "count")


@pytest.mark.parametrize("length", [0, 32, 63, 65, 96])
def test_TT3_the_data_are_whole_words(batch, refused, length):
    data = (batch.data * 2)[:length]
    assert refused(batch._replace(data=data)) == error("MalformedReadings", "data")


@pytest.mark.parametrize(("count", "words"), [(1, 1), (15, 1), (16, 1), (17, 2), (32, 2), (33, 3), (4_999, 313), (5_000, 313)])
def test_TT3_every_filling_of_the_last_word(coldchain, trip, stranger, count, words):
    full = trip.batch(*[500] * count, step=1)
    assert len(full.data) == 32 * words
    assert refusal(coldchain.log, full, trip.sign(full), sender=stranger) is PASSED
    for other in (words - 1, words + 1):
        wrong = full._replace(data=(full.data + b"\x7f\xff" * 16)[: 32 * other])
        assert refusal(coldchain.log, wrong, trip.sign(wrong), sender=stranger) == error("MalformedReadings", "data")


def lanes(*codes):
    codes = [*codes, *[0x7FFF] * (-len(codes) % 16)]
    return b"".join(code.to_bytes(2, "big") for code in codes)


@pytest.mark.parametrize("lane", [0, 7, 14, 15])
@pytest.mark.parametrize("code", [0x8000, 0x8001, 0x91F4, 0xFFFF])
def test_TT3_a_lane_has_15_bits(trip, refused, lane, code):
    """Its top bit is no sign: whoever packs -50 as a signed number must learn of it."""
    codes = [4_500] * 16
    codes[lane] = code
    bad = Batch(trip.id, 0, trip.start, 600, 16, -4_000, lanes(*codes))
    assert refused(bad) == error("MalformedReadings", "data")


def test_TT3_a_lane_of_16_bits_is_seen_in_a_later_word(coldchain, trip, refused):
    """Also where the words before were judged as a whole."""
    trip.log(400, 600)
    codes = [4_500] * 48
    codes[40] = 0x8000 | 4_500
    bad = Batch(trip.id, 1, trip.judgement.until, 600, 48, -4_000, lanes(*codes))
    assert refused(bad) == error("MalformedReadings", "data")


@pytest.mark.parametrize(("count", "lane"), [(1, 1), (1, 15), (15, 15), (17, 17), (17, 31)])
@pytest.mark.parametrize("code", [0, 4_500, 0x7FFE])
def test_TT3_padding_says_nothing(trip, refused, count, lane, code):
    codes = [4_500] * count + [0x7FFF] * (-count % 16)
    assert refused(Batch(trip.id, 0, trip.start, 600, count, -4_000, lanes(*codes))) is PASSED
    codes[lane] = code
    bad = Batch(trip.id, 0, trip.start, 600, count, -4_000, lanes(*codes))
    assert refused(bad) == error("MalformedReadings", "padding")


def test_TT3_padding_is_seen_in_a_calm_word(trip, refused):
    """A last word that would pass as a whole still may not carry more readings than were counted."""
    trip.log(400, 600)
    full = trip.batch(*[500] * 32)
    assert refused(full) is PASSED
    assert refused(full._replace(count=31)) == error("MalformedReadings", "padding")


@pytest.mark.parametrize(
    ("base", "code", "sound"),
    [
        (-27_315, 0, True),
        (-27_316, 0, False),
        (-32_768, 0, False),
        (-32_768, 5_453, True),
        (-32_768, 5_452, False),
        (15_000, 0, True),
        (15_001, 0, False),
        (32_767, 0, False),
        (32_767, 0x7FFE, False),
        (-17_766, 0x7FFE, True),
        (-17_765, 0x7FFE, False),
        (0, 15_000, True),
        (0, 15_001, False),
    ],
)
def test_TT3_a_temperature_is_one_that_can_be(trip, refused, base, code, sound):
    batch = Batch(trip.id, 0, trip.start, 600, 1, base, lanes(code))
    assert refused(batch) == (PASSED if sound else error("MalformedReadings", "temperature"))


# ---- sequence and time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [0, 2, 2**24 - 1])
def test_TT1_batches_come_in_sequence(trip, refused, given):
    trip.log(*CALM)
    assert refused(trip.batch(500, sequence=given)) == error("OutOfSequence", trip.id, 1, given)


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TT3_no_second_is_judged_twice(trip, refused, later):
    trip.log(*CALM)
    until = trip.judgement.until
    message = refused(trip.batch(500, start=until + later))
    assert message == (error("OutOfOrder", trip.id, until, until - 1) if later == -1 else PASSED)


def test_TT3_nothing_is_judged_before_monitoring_begins(trip, refused):
    assert refused(trip.batch(500, start=trip.start - 1)) == error("OutOfOrder", trip.id, trip.start, trip.start - 1)


@pytest.mark.parametrize("later", [-1, 0, 1])
@pytest.mark.parametrize("count", [1, 3])
def test_TT3_a_reading_was_taken(trip, now, refused, count, later):
    """It is the last one's own second that counts; its step may still run."""
    at(now + 100)
    last = now + 100 + later
    batch = trip.batch(*[500] * count, start=last - (count - 1) * 600)
    assert refused(batch) == (error("FromTheFuture", last, now + 100) if later == 1 else PASSED)


def test_TT3_five_thousand_steps_do_not_wrap_around(trip, refused, now):
    far = trip.batch(*[500] * 5_000, step=HOUR)
    last = trip.start + 4_999 * HOUR
    assert refused(far) == error("FromTheFuture", last, now)


def test_TT3_the_last_second_of_time_is_the_future(trip, refused, now):
    end = 2**40 - 1
    assert refused(trip.batch(500, 500, start=end, step=HOUR)) == error("FromTheFuture", (end + HOUR) % 2**40, now)


# ---- signature -------------------------------------------------------------------------------------------------------


def test_the_digest_is_what_a_device_signs(coldchain, trip, batch):
    made = signed(coldchain, batch, trip.logger, trip.shipment.chain, trip.device)
    assert bytes(coldchain.digest(batch)) == bytes(made.message_hash)


def test_the_domain_is_published(coldchain):
    fields, name, version, chain_id, contract, salt, extensions = coldchain.eip712Domain()
    assert (bytes(fields), name, version, chain_id) == (b"\x0f", "Salus Cold Chain", "1", chain.id)
    assert (contract, bytes(salt), list(extensions)) == (coldchain.address, bytes(32), [])


FLIPS = {"step": 599, "count": 19, "base": -3_999, "start": None, "data": None}


@pytest.mark.parametrize("field", FLIPS)
def test_TT1_no_field_of_a_batch_is_the_relayers_choice(trip, refused, field):
    batch = trip.batch(*[500] * 19, None)
    value = {**FLIPS, "start": batch.start + 1, "data": lanes(4_501, *[4_500] * 18)}[field]
    if field == "count":
        value, batch = 20, batch._replace(count=19)
    signature = trip.sign(batch)
    assert refused(batch, signature) is PASSED
    forged = batch._replace(**{field: value})
    assert refused(forged, signature).startswith("NotTheLogger")


def test_TT1_a_replay_is_out_of_sequence(coldchain, trip, batch, refused):
    signature = trip.sign(batch)
    trip.log(*CALM)
    assert refused(batch, signature) == error("OutOfSequence", trip.id, 1, 0)


def test_TT1_a_good_day_cannot_be_shown_for_another_number(trip, batch, refused):
    signature = trip.sign(batch)
    trip.log(*CALM)
    again = batch._replace(sequence=1, start=trip.judgement.until)
    assert refused(again, signature).startswith("NotTheLogger")


def test_TT1_a_good_day_cannot_be_shown_for_another_shipment(trip, open_trip, batch, refused):
    other = open_trip(ref="SSCC other")
    signature = trip.sign(batch)
    assert refused(batch._replace(shipment=other.id), signature).startswith("NotTheLogger")


def test_TT1_a_good_day_cannot_be_shown_for_another_logger(coldchain, trip, batch, refused, people):
    made = signed(coldchain, batch, people.carrier, trip.shipment.chain, trip.device)
    assert refused(batch, bytes(made.signature)).startswith("NotTheLogger")


def test_TT1_two_series_of_one_device_cannot_both_be_told(coldchain, trip, refused):
    """A cloned key forks the sequence: the second batch hangs on a first one that was not taken."""
    first, fork = trip.batch(*CALM), trip.batch(*[700] * 20)
    digest_of_fork = bytes(coldchain.digest(fork))
    trip.log(*CALM)
    second = a_batch(trip.id, [500], trip.judgement.until, sequence=1)
    made = signed(coldchain, second, trip.logger, digest_of_fork, trip.device)
    assert refused(second, bytes(made.signature)).startswith("NotTheLogger")
    assert refused(second) is PASSED
    assert bytes(first.data) != bytes(fork.data)


@pytest.mark.parametrize(
    "change",
    [
        {"chainId": 1},
        {"verifyingContract": "0x00000000000000000000000000000000000ABCdE"},
        {"name": "Salus Consent"},
        {"version": "2"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_TT1_a_signature_for_elsewhere_is_refused(trip, batch, refused, change):
    assert refused(batch, trip.sign(batch, **change)).startswith("NotTheLogger")


def mangled(signature):
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    return {
        "malleable": r + (CURVE - s).to_bytes(32, "big") + bytes([55 - v]),
        "compact": r + (s | (v - 27) << 255).to_bytes(32, "big"),
        "v of 0 or 1": signature[:64] + bytes([v - 27]),
        "one byte long": signature + b"\0",
        "nothing": b"",
        "zeros": bytes(65),
    }


@pytest.mark.parametrize("flaw", mangled(bytes(63) + b"\1\x1b"))
def test_TC5_a_mangled_signature_is_nobodys(trip, batch, refused, flaw):
    assert refused(batch, mangled(trip.sign(batch))[flaw]) == error("NotTheLogger", trip.id, NOBODY)


def test_TC5_a_mangled_signature_is_nobodys(trip, batch, refused):
    assert refused(batch, bytes(65)) == error("NotTheLogger", trip.id, NOBODY)


def test_TT7_a_strangers_signature_is_refused(trip, batch, refused):
    ben = key("ben")
    assert refused(batch, trip.sign(batch, ben)) == error("NotTheLogger", trip.id, ben.address)


def test_TT7_another_loggers_device_is_refused(institutions, people, trip, batch, refused):
    institutions.renew(people.carrier, LOGGER | CARRIER, 2**40 - 1, {"from": people.regulator})
    other = key("other device")
    institutions.setOperator(other.address, LOGGER, 2**40 - 1, {"from": people.carrier})
    assert refused(batch, trip.sign(batch, other)) == error("NotTheLogger", trip.id, other.address)


def test_TT7_the_loggers_staff_without_the_role_is_refused(institutions, people, trip, batch, refused):
    clerk = key("clerk")
    institutions.setOperator(clerk.address, CARRIER, 2**40 - 1, {"from": people.logger})
    assert refused(batch, trip.sign(batch, clerk)) == error("NotTheLogger", trip.id, clerk.address)


def test_the_loggers_own_account_signs_too(people, trip, batch, refused):
    assert refused(batch, trip.sign(batch, key_of(people.logger))) is PASSED


def test_a_logger_whose_calibration_expired_is_refused(institutions, people, trip, batch, refused, now):
    until = now + 1_000
    institutions.renew(people.logger, LOGGER, until, {"from": people.regulator})
    at(until - 1)
    assert refused(batch) is PASSED
    at(until)
    assert refused(batch) == error("NotTheLogger", trip.id, trip.device.address)


def test_a_suspended_logger_is_refused(institutions, people, trip, batch, refused):
    institutions.suspend(people.logger, {"from": people.regulator})
    assert refused(batch) == error("NotTheLogger", trip.id, trip.device.address)


def test_a_device_key_that_was_removed_is_refused(institutions, people, trip, batch, refused):
    institutions.removeOperator(trip.device.address, {"from": people.logger})
    assert refused(batch) == error("NotTheLogger", trip.id, trip.device.address)


def test_a_device_key_whose_term_ended_is_refused(institutions, people, trip, batch, refused, now):
    institutions.setOperator(trip.device.address, LOGGER, now + 1_000, {"from": people.logger})
    at(now + 1_000)
    assert refused(batch) == error("NotTheLogger", trip.id, trip.device.address)


# ---- logged ----------------------------------------------------------------------------------------------------------


def test_anyone_may_bring_a_batch(coldchain, people, trip, batch):
    for sender in (people.stranger, people.patient, people.carrier):
        assert refusal(coldchain.log, batch, trip.sign(batch), sender=sender) is PASSED


def test_a_batch_is_told_in_one_event(coldchain, trip, logger):
    digest = coldchain.digest(trip.batch(*CALM))
    tx = trip.log(*CALM)
    assert len(tx.events) == 1
    event = dict(tx.events["ReadingsLogged"])
    judged = event.pop("judgement")
    assert event == {
        "shipment": trip.id,
        "logger": logger,
        "sequence": 0,
        "start": trip.start,
        "step": 600,
        "count": 20,
        "unknown": 0,
        "chain": digest,
    }
    assert tuple(judged) == (trip.start + 12_000, 1, 20, 500, 500, 0, 0, 0, 0)


def test_the_event_says_how_much_this_batch_left_unknown(trip):
    trip.log(500, None, start=trip.start + 700)
    tx = trip.log(None, None, 500, start=trip.judgement.until + 1_000)
    assert dict(tx.events["ReadingsLogged"])["unknown"] == 2_200
    assert tx.events["ReadingsLogged"]["judgement"]["unknown"] == 2_200 + 1_300


def test_each_batch_hangs_on_the_one_before(coldchain, trip):
    chains = [trip.shipment.chain]
    for _ in range(3):
        digest = coldchain.digest(trip.batch(*CALM))
        trip.log(*CALM)
        assert trip.shipment.chain == digest
        chains.append(digest)
    assert len(set(map(str, chains))) == 4
    assert chains[0] == "0x" + "00" * 32


def test_the_series_of_two_shipments_do_not_mix(open_trip, trip):
    other = open_trip(ref="SSCC other")
    other.log(*[900] * 8)
    trip.log(500)
    assert (trip.judgement.batches, trip.judgement.highest, trip.judgement.breached) == (1, 500, 0)
    assert other.judgement.breached == 3


def test_5000_readings_fit_into_one_block(coldchain, open_trip):
    """The bound of the loop, each of them out of range: EIP-7825 lets a transaction have 16.7 million gas."""
    trip = open_trip(ago=90 * DAY, ref="long")
    tx = trip.log(*[(900, 100)[i % 2] for i in range(5_000)], step=600)
    assert trip.judgement.readings == 5_000
    assert tx.gas_used < 16_777_216


def test_a_destroyed_shipment_takes_no_readings(coldchain, people, trip, batch, refused):
    coldchain.destroy(trip.id, 1, {"from": people.laboratory})
    assert refused(batch) == error("AlreadyDestroyed", trip.id)


def test_TT2_readings_that_come_a_day_late_are_taken(trip, refused, now):
    """The device may have had no network; what was unknown becomes known."""
    at(now + DAY)
    assert trip.judgement.unknown == DAY + 10 * HOUR
    trip.log(*[500] * 200)
    assert trip.judgement.unknown == 0
