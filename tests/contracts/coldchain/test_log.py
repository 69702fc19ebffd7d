"""A batch of readings comes in: its envelope, its place in the sequence, its signature; and two batches of one number.

given a batch
    when header, step, count, width, resolution, length, lanes, padding or a temperature is impossible
                                                                        it is refused: MalformedReadings(field)
    when its number is not the next                                     it is refused: OutOfSequence
    when it begins before what is judged ends                           it is refused: OutOfOrder
    when it lies outside the device's pairing                           it is refused: OutsidePairing
    when its last reading is yet to be taken                            it is refused: FromTheFuture
    when the signature is not a paired device's, over every field and the batch before
                                                                        it is refused: NotPaired
    when the device is not licensed                                     it is refused: NotLicensed
    when its pairing names a model and its file is not proven by that   it is refused: FileNotProven
    when all is well                                                    it is judged, chained and told; anyone may bring
    it
given two batches
    when one paired device signed both under one number                 the shipment is quarantined
    when not, or when a release passed over them                        it is refused: NoFork, NotPaired
"""

import pytest
from brownie import web3
from eth_account import Account

from tests.conftest import CARRIER, LOGGER
from tests.support.boundary_time import PASSED, at, refusal
from tests.support.errors import error
from tests.support.logger_makers import Maker
from tests.support.shipment_builders import (
    EXCURSION,
    FORKED,
    HOUR,
    INTACT,
    NO_CHAIN,
    NOBODY,
    NOTHING,
    Batch,
    Profile,
    header,
    judgement_of_word,
    lanes,
    sign_batch,
    word,
)

CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
CALM = [500] * 20
FOR_EVER = 2**40 - 1
OUT_OF_ROLE, LAPSED, SUSPENDED = 2, 3, 4


@pytest.fixture
def batch(trip):
    """Twenty readings from the start, in two words."""
    return trip.batch(*CALM)


def stranger_of(trip, batch, signature):
    """Whom a signature seems to be by."""
    digest = trip.coldchain.digest(batch)
    return Account._recover_hash(bytes.fromhex(str(digest)[2:]), signature=signature)


# ---- envelope --------------------------------------------------------------------------------------------------------


def test_a_sound_batch_passes(batch, refused):
    assert refused(batch) is PASSED


@pytest.mark.parametrize("bit", [128, 200, 255])
def test_TT3_bits_beyond_the_header_are_refused_though_they_are_not_signed(batch, trip, refused, bit):
    assert refused(batch._replace(header=batch.header | 1 << bit), trip.sign(batch)) == error(
        "MalformedReadings", "header"
    )


@pytest.mark.parametrize("step", [0, HOUR + 1])
def test_TT2_a_step_takes_time_and_hides_no_silence(trip, refused, step):
    assert refused(trip.batch(500, step=HOUR)) is PASSED
    assert refused(trip.batch(500, step=step)) == error("MalformedReadings", "step")


@pytest.mark.parametrize("count", [0, 5_001, 65_535])
def test_TT3_a_batch_has_1_to_5000_readings(trip, refused, count):
    head = header(0, trip.start, 1, count, -4_000)
    assert refused(Batch(trip.id, head, NOTHING, b"\0" * 32 * -(-count // 16))) == error("MalformedReadings", "count")


@pytest.mark.parametrize(
    ("width", "resolution", "field"), [(0, 1, "width"), (15, 1, "width"), (32, 1, "width"), (16, 0, "resolution")]
)
def test_TT3_width_and_resolution(trip, refused, width, resolution, field):
    head = header(0, trip.start, 600, 1, -4_000, width, resolution)
    assert refused(Batch(trip.id, head, NOTHING, lanes(4_500))) == error("MalformedReadings", field)


@pytest.mark.parametrize("length", [0, 32, 63, 65, 96])
def test_TT3_the_data_are_whole_words(batch, refused, length):
    assert refused(batch._replace(data=(batch.data * 2)[:length])) == error("MalformedReadings", "data")


@pytest.mark.parametrize("width", [16, 8])
def test_TT3_every_filling_of_the_last_word(trip, refused, width):
    per = 256 // width
    for count in (1, per - 1, per, per + 1, 2 * per, 2 * per + 1):
        full = trip.batch(*[500] * count, step=1, base=450, width=width)
        assert refused(full) is PASSED
        for data in (full.data[:-32], full.data + full.data[-32:]):
            assert refused(full._replace(data=data)) == error("MalformedReadings", "data")


@pytest.mark.parametrize(("width", "lane"), [(16, 0), (16, 7), (16, 15), (8, 0), (8, 16), (8, 31)])
def test_TT3_a_lane_has_a_bit_to_spare(trip, refused, width, lane):
    """Its top bit is no sign: whoever packs -50 as a signed number must learn of it. Also in a word that would pass as
    a whole.
    """
    trip.log(400, 600)
    top = 1 << width - 1
    for code in (top, top | 50, 2 * top - 1):
        codes = [50] * (512 // width)
        codes[lane] = code
        bad = trip.raw(len(codes), *codes, base=450, width=width, step=60)
        assert refused(bad) == error("MalformedReadings", "data")


@pytest.mark.parametrize("width", [16, 8])
@pytest.mark.parametrize("code", [0, 50, -1])
def test_TT3_padding_says_nothing(trip, refused, width, code):
    trip.log(400, 600)
    missing = (1 << width - 1) - 1
    for count, lane in ((1, 1), (1, 256 // width - 1), (256 // width - 1, 256 // width - 1)):
        codes = [50] * count + [missing] * (256 // width - count)
        assert refused(trip.raw(count, *codes, base=450, width=width)) is PASSED
        codes[lane] = code % missing
        assert refused(trip.raw(count, *codes, base=450, width=width)) == error("MalformedReadings", "padding")


@pytest.mark.parametrize(
    ("base", "code", "sound"),
    [
        (-27_315, 0, True), (-27_316, 0, False), (-32_768, 0, False), (-32_768, 5_453, True),
        (-32_768, 5_452, False), (15_000, 0, True),
        (15_001, 0, False), (32_767, 0x7FFE, False), (-17_766, 0x7FFE, True), (-17_765, 0x7FFE, False),
    ],
)  # fmt: skip
def test_TT3_a_temperature_is_one_that_can_be(trip, refused, base, code, sound):
    batch = trip.raw(1, code, base=base)
    assert refused(batch) == (PASSED if sound else error("MalformedReadings", "temperature"))


# ---- sequence and time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [0, 2, 2**24 - 1])
def test_TT1_batches_come_in_sequence(trip, refused, given):
    trip.log(*CALM)
    assert refused(trip.batch(500, sequence=given)) == error("OutOfSequence", trip.id, 1, given)


def test_TT1_a_batch_is_taken_once(trip, refused, batch):
    signature = trip.sign(batch)
    trip.send(batch)
    seems = stranger_of(trip, batch, signature)
    assert refused(batch, signature) == error("NotPaired", trip.id, seems)
    assert refused(batch) == error("OutOfSequence", trip.id, 1, 0)


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_TT3_no_second_is_judged_twice(trip, refused, later):
    trip.log(*CALM)
    until = trip.judgement.until
    message = refused(trip.batch(500, start=until + later))
    assert message == (error("OutOfOrder", trip.id, until, until - 1) if later == -1 else PASSED)


@pytest.mark.parametrize("later", [-1, 0, 1])
@pytest.mark.parametrize("count", [1, 3])
def test_TT3_a_reading_was_taken(trip, now, refused, count, later):
    """It is the last one's own second that counts; its step may still run."""
    at(now + 10_000)
    start = now + 10_000 + later - (count - 1) * 60
    message = error("FromTheFuture", now + 10_001, now + 10_000) if later == 1 else PASSED
    assert refused(trip.batch(*[500] * count, start=start, step=60)) == message


def test_the_last_number_is_never_used(trip, refused):
    """After it none would come. Sixteen million batches are put into storage, not sent."""
    slot = int.from_bytes(web3.keccak(bytes.fromhex(trip.id[2:]) + (PARCELS).to_bytes(32, "big")), "big") + 1
    course = int.from_bytes(web3.eth.get_storage_at(trip.coldchain.address, slot), "big")
    assert course & 2**32 - 1 == trip.start
    for batches, message in ((2**24 - 2, PASSED), (2**24 - 1, error("OutOfSequence", trip.id, 2**24 - 1, 2**24 - 1))):
        full = course | batches << 64
        set_storage(trip.coldchain.address, slot, full)
        assert refused(trip.batch(500)) == message


def set_storage(address, slot, word):
    """Each kind of local chain has a name of its own for it."""
    names = ("anvil_setStorageAt", "evm_setAccountStorageAt")
    answers = [web3.provider.make_request(name, [address, hex(slot), f"0x{word:064x}"]) for name in names]
    assert any("error" not in answer for answer in answers)


PARCELS = 3  # the slot in which the contract keeps its shipments


# ---- signature -------------------------------------------------------------------------------------------------------

FIELDS = {
    "sequence": 1 << 0, "start": 1 << 24, "step": 1 << 64, "count": 1 << 80, "base": 1 << 96, "width": 1 << 115,
    "resolution": 1 << 121,
}  # fmt: skip


@pytest.mark.parametrize("field", [*FIELDS, "shipment", "file", "data", "previous"])
def test_TT1_every_field_is_signed(coldchain, trip, open_trip, refused, batch, field):
    signature = trip.sign(batch)
    if field == "previous":
        signature = sign_batch(coldchain, batch, "0x" + "ab" * 16, trip.device)
        changed = batch
    elif field in FIELDS:
        changed = batch._replace(header=batch.header ^ FIELDS[field])
    else:
        other = {"shipment": open_trip().id, "file": word("a file"), "data": b"\1" + batch.data[1:]}
        changed = batch._replace(**{field: other[field]})
    message = refused(changed, signature)
    assert message == error("NotPaired", changed.shipment, stranger_of(trip, changed, signature))


@pytest.mark.parametrize("change", [{"chainId": 1}, {"verifyingContract": "0x" + "cd" * 20}, {"version": "2"}])
def test_TT1_a_signature_counts_here_alone(trip, refused, batch, change):
    signature = trip.sign(batch, **change)
    assert refused(batch, signature) == error("NotPaired", trip.id, stranger_of(trip, batch, signature))


def test_TT1_the_logger_of_another_shipment_has_no_say(trip, open_trip, refused, batch):
    other = open_trip()
    signature = trip.sign(batch, other.device)
    assert refused(batch, signature) == error("NotPaired", trip.id, other.device.address)


def test_a_malleable_or_mangled_signature_is_nobodys(trip, refused, batch):
    r, s, v = (lambda x: (x[:32], x[32:64], x[64]))(trip.sign(batch))
    flipped = r + (CURVE - int.from_bytes(s, "big")).to_bytes(32, "big") + bytes([55 - v])
    for bad in (flipped, r + s, r + s + bytes([v, 0]), b"", r + s + b"\x00", bytes(65)):
        assert refused(batch, bad) == error("NotPaired", trip.id, NOBODY)


def test_a_device_that_is_not_licensed_now_is_refused(institutions, people, trip, batch, refused, now):
    device = trip.device.address
    institutions.renew(people.logger, LOGGER, now + 1_000, {"from": people.regulator})
    at(now + 999)
    assert refused(batch) is PASSED
    at(now + 1_000)
    assert refused(batch) == error("NotLicensed", device, LOGGER, LAPSED)
    institutions.suspend(people.logger, {"from": people.regulator})
    assert refused(batch) == error("NotLicensed", device, LOGGER, SUSPENDED)


def test_a_device_key_that_lost_its_role_is_refused(institutions, people, trip, batch, refused):
    institutions.setOperator(trip.device.address, CARRIER, 2**40 - 1, {"from": people.logger})
    assert refused(batch) == error("NotLicensed", trip.device.address, LOGGER, OUT_OF_ROLE)


# ---- files -----------------------------------------------------------------------------------------------------------


def test_TT1_where_a_model_is_named_only_readings_of_its_makers_files_are_taken(
    coldchain, loggers, trip, new_device, people, refused
):
    maker, other = Maker(17), Maker(18)
    numbers = []
    for each in (maker, other):
        tx = loggers.accreditModel(b"a model".ljust(32, b"\0"), each.x, each.y, {"from": people.regulator})
        numbers.append(tx.events["ModelAccredited"]["model"])
    device = new_device()
    coldchain.pair(trip.id, device.address, trip.start, FOR_EVER, numbers[0], {"from": people.manufacturer})
    file = word("an export")

    def prove(who, model, what=file):
        loggers.proveFile(what, model, *who.sign(bytes.fromhex(what[2:])), {"from": people.stranger})

    def ask(batch):
        return refused(batch, trip.sign(batch, device))

    unproven = error("FileNotProven", file, numbers[0])
    batch, without = trip.batch(500, 510, file=file), trip.batch(500, 510)
    assert ask(batch) == unproven
    assert ask(without) == error("FileNotProven", NOTHING, numbers[0])
    prove(maker, numbers[0], word("another export"))
    assert ask(batch) == unproven
    prove(other, numbers[1])
    assert ask(batch) == unproven  # proven, but by another maker
    prove(maker, numbers[0])
    assert ask(batch) is PASSED
    # What was proven counts on, whatever becomes of the model.
    loggers.distrustModel(numbers[0], {"from": people.regulator})
    tx = coldchain.log(batch, trip.sign(batch, device), {"from": people.stranger})
    assert dict(tx.events["ReadingsLogged"])["file"] == file


# ---- logged ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_told_in_one_event(coldchain, trip, people):
    batch = trip.batch(*CALM)
    digest = str(coldchain.digest(batch))
    assert refusal(coldchain.log, batch, trip.sign(batch), sender=people.patient) is PASSED
    tx = trip.log(*CALM)
    assert len(tx.events) == 1
    event = dict(tx.events["ReadingsLogged"])
    assert judgement_of_word(event.pop("judgement")) == (trip.start + 12_000, 1, 20, 500, 500, 0, 0, 0, 0)
    assert event == {
        "shipment": trip.id,
        "logger": trip.device.address,
        "batch": batch.header,
        "file": NOTHING,
        "unknown": 0,
        "chain": digest[:34],
    }
    assert trip.shipment.chain == digest[:34]


def test_the_event_says_how_much_this_batch_left_unknown(trip):
    trip.log(500, None, start=trip.start + 700)
    tx = trip.log(None, None, 500, start=trip.judgement.until + 1_000)
    assert dict(tx.events["ReadingsLogged"])["unknown"] == 2_200
    assert trip.judged.unknown == 2_200 + 1_300


def test_each_batch_hangs_on_the_one_before(coldchain, trip):
    chains = [trip.shipment.chain]
    for _ in range(3):
        digest = str(coldchain.digest(trip.batch(*CALM)))
        trip.log(*CALM)
        assert trip.shipment.chain == digest[:34]
        chains.append(digest)
    assert len(set(chains)) == 4 and chains[0] == NO_CHAIN


def test_5000_readings_fit_into_one_block(with_profile):
    """The bound of the loop, each of them in another stretch: EIP-7825 lets a transaction have 16.7 million gas."""
    rules = tuple((i % 2, i // 2 % 2, 801 if i % 2 == 0 else 199, 100 + i) for i in range(8))
    trip = with_profile(Profile(silence=86_400, rules=rules), ago=90 * 86_400)
    tx = trip.log(*[(900, 100)[i % 2] for i in range(5_000)], step=600)
    assert trip.judged.readings == 5_000
    assert tx.gas_used < 16_777_216


# ---- forks -----------------------------------------------------------------------------------------------------------


def fork(trip, one, other, previous=(NO_CHAIN, NO_CHAIN), signers=(None, None)):
    signatures = [
        sign_batch(trip.coldchain, batch, chain, signer or trip.device)
        for batch, chain, signer in zip((one, other), previous, signers)
    ]
    return [one, other], list(previous), signatures


def test_TT1_a_key_in_two_hands_is_shown_by_anyone(coldchain, trip, stranger):
    one, other = trip.batch(500), trip.batch(501)
    digests = [coldchain.digest(each) for each in (one, other)]
    trip.send(one)
    tx = coldchain.reportFork(*fork(trip, one, other), {"from": stranger})
    told = dict(tx.events["LoggerForked"])
    assert (told["shipment"], told["logger"], told["one"], told["other"]) == (trip.id, trip.device.address, *digests)
    assert dict(tx.events["ShipmentQuarantined"])["breached"] == FORKED
    assert trip.verdict == EXCURSION


def test_TT1_what_is_no_fork(coldchain, trip, open_trip, new_device, stranger):
    one, other, foreign = trip.batch(500), trip.batch(501), open_trip()
    ask = lambda *args: refusal(coldchain.reportFork, *fork(trip, *args), sender=stranger)  # noqa: E731
    none = error("NoFork", trip.id)
    assert ask(one, other) is PASSED
    assert ask(one, one) == none
    assert ask(one, one, (NO_CHAIN, "0x" + "ab" * 16)) is PASSED
    assert ask(one, trip.batch(501, sequence=1)) == none
    assert ask(one, other._replace(shipment=foreign.id)) == none
    assert ask(one, other, (NO_CHAIN, NO_CHAIN), (None, foreign.device)) == none
    stray = error("NotPaired", trip.id, foreign.device.address)
    assert ask(one, other, (NO_CHAIN, NO_CHAIN), (foreign.device, None)) == stray


def test_TT1_a_fork_is_not_shown_again_after_a_release(coldchain, trip, people):
    evidence = fork(trip, trip.batch(500), trip.batch(501))
    coldchain.reportFork(*evidence, {"from": people.stranger})
    coldchain.release(trip.id, 1, {"from": people.laboratory})
    assert trip.verdict == INTACT
    assert refusal(coldchain.reportFork, *evidence, sender=people.stranger) == error("NoFork", trip.id)
