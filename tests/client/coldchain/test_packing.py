"""Packing readings into the words that the contracts judge, and back."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.coldchain.loggers import Reading, ReadingBatch, pack, unpack

START = 1736143200


def at(*centi, step=600, start=START):
    return [Reading(start + n * step, value) for n, value in enumerate(centi)]


def test_codes_above_the_lowest_and_padding_in_8_bits():
    (batch,) = pack(at(450, None, 400, 410), step=600)
    assert batch == ReadingBatch(START, 600, 4, 400, bytes.fromhex("057f0001" + "7f" * 28), 8, 10)
    assert batch.end == START + 2400


def test_words_of_16_bits_are_big_endian():
    (batch,) = pack(at(450, None, 400, 701), step=600)
    assert batch == ReadingBatch(START, 600, 4, 400, bytes.fromhex("00327fff0000012d" + "7fff" * 12), 16, 1)


@pytest.mark.parametrize(
    "centi, width, resolution",
    [
        ([400, 526], 8, 126),  # whatever they share, up to 255
        ([400, 401, 526], 8, 1),
        ([400, 401, 527], 16, 1),  # 127 says "no reading"
        ([400, 410, 1660], 8, 10),
        ([400, 410, 1670], 16, 10),
        ([500, 500], 8, 1),
        ([None, None], 8, 1),
    ],
)
def test_width_and_resolution_lose_nothing(centi, width, resolution):
    (batch,) = pack(at(*centi))
    assert (batch.width, batch.resolution) == (width, resolution)
    assert [reading.centi for reading in unpack([batch])] == centi


@pytest.mark.parametrize("count, width", [(144, 16), (160, 8), (145, 8), (1392, 16), (1424, 8)])
def test_whole_words_are_worth_more_than_narrow_codes_in_short_batches(count, width):
    (batch,) = pack(at(*(400 + n % 7 * 10 for n in range(count))))
    assert (batch.width, batch.count) == (width, count)


def test_header_is_a_word_of_fields_as_IColdChain_has_them():
    batch = ReadingBatch(START, 600, 17, -2000, bytes(64), 16, 10)
    fields = ((0x0A0B0C, 24), (START, 40), (600, 16), (17, 16), (-2000 & 0xFFFF, 16), (16, 8), (10, 8))
    word, at_bit = 0, 0
    for value, bits in fields:
        word, at_bit = word | value << at_bit, at_bit + bits
    assert batch.header(0x0A0B0C) == word
    assert ReadingBatch.of_header(word, bytes(64)) == (0x0A0B0C, batch)


def test_nothing_becomes_nothing():
    assert pack([]) == []


def test_only_missing_readings_have_base_0():
    (batch,) = pack(at(None, None))
    assert (batch.base, batch.data) == (0, b"\x7f" * 32)


def test_gap_begins_another_batch():
    readings = at(400, 410) + at(420, 430, start=START + 7200)
    assert [(b.start, b.step, b.count) for b in pack(readings)] == [(START, 600, 2), (START + 7200, 600, 2)]


def test_early_reading_shortens_only_the_one_before_it():
    readings = at(400, 410) + at(420, 430, start=START + 900)
    assert [(b.start, b.step, b.count) for b in pack(readings, step=600)] == [
        (START, 600, 1),
        (START + 600, 300, 1),
        (START + 900, 600, 2),
    ]


def test_batches_hold_at_most_so_many():
    assert [b.count for b in pack(at(*range(10)), most=4)] == [4, 4, 2]
    assert len(pack(at(*[400] * 4321))) == 2


def test_range_beyond_15_bits_is_split():
    assert [(b.count, b.base) for b in pack(at(-27315, 5451, 5452))] == [(2, -27315), (1, 5452)]


@pytest.mark.parametrize(
    "readings, options, message",
    [
        (at(400, 410, step=-600), {}, "not in order"),
        (at(400, 410, step=0), {}, "not in order"),
        (at(400), {}, "a step of 0 s"),
        (at(400, 400), {"step": 70_000}, "a step of 70000 s"),
        (at(400, 400), {"most": 0}, "most is 0"),
        (at(40_000, 400), {}, "does not fit 16 bits"),
    ],
)
def test_what_cannot_be_packed(readings, options, message):
    with pytest.raises(ValueError, match=message):
        pack(readings, **options)


@pytest.mark.parametrize(
    "batch",
    [
        ReadingBatch(START, 600, 1, 0, b"\0" * 31),
        ReadingBatch(START, 600, 17, 0, b"\0" * 32),
        ReadingBatch(START, 600, 0, 0, b""),
        ReadingBatch(START, 600, 1, 0, b"\0" * 32),  # padding that is a reading
        ReadingBatch(START, 600, 1, 0, b"\x80\0" + b"\x7f\xff" * 15),
        ReadingBatch(START, 600, 1, 0, b"\x80" + b"\x7f" * 31, 8),
        ReadingBatch(START, 600, 1, 0, b"\0\0" + b"\x7f\xff" * 15, 12),
        ReadingBatch(START, 600, 1, 0, b"\0\0" + b"\x7f\xff" * 15, 16, 0),
    ],
)
def test_what_cannot_be_unpacked(batch):
    with pytest.raises(ValueError):
        unpack([batch])


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([60, 300, 599, 600, 600, 600, 601, 7200, 70_000]), st.none() | st.integers(-27315, 15000)
        ),
        min_size=1,
        max_size=80,
    ),
    most=st.integers(1, 20),
    step=st.sampled_from([60, 300, 600]),
)
def test_back_and_forth(steps, most, step):
    """Any readings come back as they were, from batches that a contract takes: in order, whole words, no overlap."""
    time, readings = START, []
    for distance, centi in steps:
        time += distance
        readings.append(Reading(time, centi))
    batches = pack(readings, step=step, most=most)
    assert unpack(batches) == readings
    for batch in batches:
        assert 1 <= batch.count <= most and len(batch.data) == -(-batch.count * batch.width // 256) * 32
        assert 1 <= batch.step <= step and -(2**15) <= batch.base < 2**15
    for earlier, later in itertools.pairwise(batches):
        assert later.start >= earlier.end
