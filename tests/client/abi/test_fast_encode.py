"""The quick encoder against eth-abi: the same bytes for what it takes, and eth-abi's word for what it does not."""

import random

import pytest
from eth_abi.abi import encode
from eth_abi.grammar import parse
from eth_utils import to_checksum_address

from salus.abi import decoding
from salus.abi.fast_encode import Unfit, encoder

FUNCTIONS = [
    entry
    for name in decoding.abi_names()
    for entry in decoding.load_abi(name)
    if entry["type"] == "function" and entry["inputs"]
]
KINDS = sorted({tuple(map(decoding.type_name, entry["inputs"])) for entry in FUNCTIONS})
MORE = [
    ("int8", "int256", "uint8"),
    ("bytes1", "bytes31"),
    ("(bytes,string)[2][]", "bool[3]"),
    ("((uint8,bytes)[],string)",),
]

WRITINGS = (to_checksum_address, lambda raw: "0x" + raw.hex(), lambda raw: "0x" + raw.hex().upper())
LETTERS = "ab \0\x7f\u00e9\u20ac\U0001f9ea"


def value(kind, dice):
    """A value of a type as eth-abi's grammar tells it; numbers at their ends as often as between."""
    if kind.arrlist:
        size = kind.arrlist[-1]
        items = [value(kind.item_type, dice) for _ in range(size[0] if size else dice.randint(0, 3))]
        return dice.choice((list, tuple))(items)
    if hasattr(kind, "components"):
        return tuple(value(part, dice) for part in kind.components)
    match kind.base, kind.sub:
        case "address", _:
            return dice.choice(WRITINGS)(dice.randbytes(20))
        case "bool", _:
            return dice.random() < 0.5
        case "uint", bits:
            return dice.choice((0, (1 << bits) - 1, dice.getrandbits(bits)))
        case "int", bits:
            half = 1 << (bits - 1)
            return dice.choice((-half, half - 1, -1, dice.getrandbits(bits) - half))
        case "bytes", size:
            return dice.randbytes(size or dice.choice((0, 31, 32, 33, dice.randint(0, 70))))
        case "string", _:
            return "".join(dice.choices(LETTERS, k=dice.randint(0, 40)))
    raise AssertionError(kind)


@pytest.mark.parametrize("kinds", [*KINDS, *MORE], ids=",".join)
def test_every_byte_is_that_of_eth_abi(kinds):
    """And nothing of what our functions take is left to eth-abi."""
    dice, parts = random.Random(",".join(kinds)), [parse(kind) for kind in kinds]
    for _ in range(40):
        row = tuple(value(part, dice) for part in parts)
        assert encoder(kinds)(row) == encode(kinds, row), row


ODD = [
    ("uint8", 256), ("uint8", -1), ("uint8", True), ("uint8", 1.0), ("int8", 128), ("int8", -129), ("bool", 1),
    ("bytes4", b"abc"), ("bytes4", b"abcde"), ("bytes4", bytearray(4)), ("bytes4", "0x00000000"),
    ("bytes", bytearray(b"ab")), ("bytes", "ab"),
    ("string", b"ab"), ("string", "\ud800"), ("address", b"\1" * 20), ("address", "00" * 20),
    ("address", "0x1"), ("address", "0x" + "g" * 40), ("uint8[2]", [1]), ("uint8[2]", [1, 2, 3]),
    ("uint8[]", "ab"), ("uint8[]", b"ab"), ("uint8[]", {1, 2}), ("(uint8,bool)", (1,)), ("(uint8,bool)", "ab"),
    ("uint8", None),
    ("uint8[]", decoding.Struct(("a", "b"), (1, 2))), ("(uint8,uint8)", decoding.Struct(("a", "b"), (1, 2))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), ODD)
def test_what_is_not_plainly_of_its_type_is_left_to_eth_abi(kind, value):
    with pytest.raises(Unfit):
        encoder((kind,))((value,))
    entry = {"name": "f", "inputs": [{"type": kind, "name": "x"}]}
    if kind.startswith("("):
        parts = [{"type": part, "name": "y"} for part in kind[1:-1].split(",")]
        entry["inputs"] = [{"type": "tuple", "name": "x", "components": parts}]
    try:
        expected = [decoding.selector(entry) + encode([kind], [value])]
    except Exception:
        with pytest.raises((ValueError, TypeError)):
            decoding.encode_calls(entry, [(value,)])
    else:
        assert decoding.encode_calls(entry, [(value,)]) == expected


@pytest.mark.parametrize("kind", ["fixed128x18", "function"])
def test_a_type_that_is_unknown_is_left_to_eth_abi(kind):
    with pytest.raises(Unfit):
        encoder((kind,))


@pytest.mark.parametrize("row", [(), (1, 2, 3), "ab", None])
def test_another_number_of_values_is_refused(row):
    entry = next(entry for entry in FUNCTIONS if len(entry["inputs"]) == 2)
    with pytest.raises(ValueError, match=f"not as {entry['name']} takes it"):
        decoding.encode_calls(entry, [row])
