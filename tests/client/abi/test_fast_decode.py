"""The quick reader against eth-abi: the same values for what Solidity writes, and eth-abi's word for everything
else.
"""

import random

import pytest
from eth_abi.abi import encode
from eth_abi.grammar import parse
from eth_utils import to_checksum_address

from salus.abi import decoding
from salus.abi.decoding import Struct
from salus.abi.fast_decode import reader
from salus.abi.fast_encode import Unfit
from tests.client.abi.test_fast_encode import value

ENTRIES = [entry for name in decoding.abi_names() for entry in decoding.load_abi(name)]
ROWS = {}  # what functions answer and events log, by their types
for _entry in ENTRIES:
    some = _entry.get("outputs") or [part for part in _entry.get("inputs", ()) if not part.get("indexed")]
    if _entry["type"] in ("function", "event", "error") and some:
        ROWS[tuple(map(decoding.type_name, some))] = tuple(some)


def plain(values):
    """As eth-abi gives them, addresses in small letters."""
    if isinstance(values, str):
        return values.lower() if values.startswith("0x") else values
    return tuple(map(plain, values)) if isinstance(values, (tuple, list, Struct)) else values


def shaped(entries):
    return tuple(map(decoding._shape, entries))


@pytest.mark.parametrize("kinds", ROWS, ids=",".join)
def test_every_value_is_that_of_eth_abi(kinds):
    """And nothing of what our contracts answer and log is left to eth-abi."""
    dice, entries = random.Random(",".join(kinds)), ROWS[kinds]
    for _ in range(30):
        row = tuple(value(parse(kind), dice) for kind in kinds)
        data = encode(kinds, row)
        found = reader(shaped(entries), Struct)(data)
        assert plain(found) == plain(row)
        assert tuple(found) == decoding._decoded_by_eth_abi(entries, data)


@pytest.mark.parametrize("kinds", ROWS, ids=",".join)
def test_what_is_not_as_solidity_writes_it_is_left_to_eth_abi(kinds):
    """Bits anywhere, pieces cut off or added: what is read all the same is read as eth-abi reads it."""
    dice, entries = random.Random(",".join(kinds)), ROWS[kinds]
    for _ in range(60):
        data = bytearray(encode(kinds, tuple(value(parse(kind), dice) for kind in kinds)))
        match dice.randrange(3):
            case 0:
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            case 1:
                del data[dice.randrange(len(data)) :]
            case 2:
                data += dice.randbytes(dice.choice((1, 32)))
        try:
            found = tuple(reader(shaped(entries), Struct)(bytes(data)))
        except Unfit:
            continue
        assert found == decoding._decoded_by_eth_abi(entries, bytes(data))


WORD = 32
ONE = (1).to_bytes(WORD)


@pytest.mark.parametrize(
    "kind, data",
    [
        ("address", ONE[:11] + b"\1" + bytes(20)),
        ("bool", (2).to_bytes(WORD)),
        ("uint8", (256).to_bytes(WORD)),
        ("int8", (128).to_bytes(WORD)),
        ("bytes4", b"abcde".ljust(WORD, b"\0")),
        ("bytes", (32).to_bytes(WORD) + ONE + b"ab".ljust(WORD, b"\0")),
        ("bytes", (32).to_bytes(WORD) + (33).to_bytes(WORD) + bytes(WORD)),
        ("bytes", (64).to_bytes(WORD) + bytes(WORD) + ONE + b"a".ljust(WORD, b"\0")),
        ("string", (32).to_bytes(WORD) + ONE + b"\xff".ljust(WORD, b"\0")),
        ("uint256[]", (32).to_bytes(WORD) + (2**255).to_bytes(WORD)),
        ("uint256", b""),
        ("uint256", bytes(WORD - 1)),
        ("uint256", bytes(WORD + 1)),
    ],
)
def test_it_is_strict(kind, data):
    with pytest.raises(Unfit):
        reader(((kind, "", ()),), Struct)(data)


@pytest.mark.parametrize("kind", ["fixed128x18", "function", "uint7", "bytes33", "uint8[2", "nothing"])
def test_a_type_that_it_does_not_know(kind):
    with pytest.raises(Unfit):
        reader(((kind, "", ()),), Struct)


def test_what_eth_abi_takes_is_still_taken():
    """Something behind the values, as a contract in assembly may answer."""
    data = ONE + bytes(WORD)
    assert decoding.decode_values([{"type": "uint256"}], data) == (1,)


def test_addresses_have_checksums_and_structs_names():
    parts = [{"type": "address", "name": "who"}, {"type": "uint8[]", "name": "from"}]
    entry = {"type": "tuple", "name": "it", "components": parts}
    raw = bytes(range(20))
    data = encode(["(address,uint8[])"], [("0x" + raw.hex(), [1, 2])])
    (found,) = decoding.decode_values([entry], data)
    assert (found.who, found.from_) == (to_checksum_address(raw), (1, 2))
