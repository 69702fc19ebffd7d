"""The quick encoder against eth-abi: the same bytes for what it takes, and eth-abi's word for what it does not."""

import pytest
from eth_abi.abi import encode
from eth_abi.grammar import parse
from eth_utils import to_checksum_address
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salus import decoding
from salus.encoding import Unfit, encoder

FUNCTIONS = [
    entry
    for name in decoding.abi_names()
    for entry in decoding.load_abi(name)
    if entry["type"] == "function" and entry["inputs"]
]
KINDS = sorted({tuple(map(decoding.type_name, entry["inputs"])) for entry in FUNCTIONS})
MORE = [("int8", "int256", "uint8"), ("bytes1", "bytes31"), ("(bytes,string)[2][]", "bool[3]"), ("((uint8,bytes)[],string)",)]

ADDRESSES = st.builds(
    lambda raw, write: write(raw),
    st.binary(min_size=20, max_size=20),
    st.sampled_from([to_checksum_address, lambda raw: "0x" + raw.hex(), lambda raw: "0x" + raw.hex().upper()]),
)


def values(kind):
    """Values of a type as eth-abi's grammar tells it."""
    if kind.arrlist:
        size = kind.arrlist[-1]
        least, most = (size[0], size[0]) if size else (0, 3)
        return st.builds(
            lambda items, kind: kind(items),
            st.lists(values(kind.item_type), min_size=least, max_size=most),
            st.sampled_from([list, tuple]),
        )
    if hasattr(kind, "components"):
        return st.tuples(*map(values, kind.components))
    match kind.base, kind.sub:
        case "address", _:
            return ADDRESSES
        case "bool", _:
            return st.booleans()
        case "uint", bits:
            return st.integers(0, (1 << bits) - 1)
        case "int", bits:
            return st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        case "bytes", size:
            return st.binary(min_size=size or 0, max_size=size or 70)
        case "string", _:
            return st.text(st.characters(blacklist_categories=["Cs"]), max_size=40)
    raise AssertionError(kind)


@pytest.mark.parametrize("kinds", [*KINDS, *MORE], ids=",".join)
def test_every_byte_is_that_of_eth_abi(kinds):
    """And nothing of what our functions take is left to eth-abi."""

    @settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(st.tuples(*(values(parse(kind)) for kind in kinds)))
    def same(row):
        assert encoder(kinds)(row) == encode(kinds, row)

    same()


ODD = [
    ("uint8", 256), ("uint8", -1), ("uint8", True), ("uint8", 1.0), ("int8", 128), ("int8", -129), ("bool", 1),
    ("bytes4", b"abc"), ("bytes4", b"abcde"), ("bytes4", bytearray(4)), ("bytes4", "0x00000000"), ("bytes", bytearray(b"ab")),
    ("bytes", "ab"), ("string", b"ab"), ("string", "\ud800"), ("address", b"\1" * 20), ("address", "00" * 20),
    ("address", "0x1"), ("address", "0x" + "g" * 40), ("uint8[2]", [1]), ("uint8[2]", [1, 2, 3]),
    ("uint8[]", "ab"), ("uint8[]", b"ab"), ("uint8[]", {1, 2}), ("(uint8,bool)", (1,)), ("(uint8,bool)", "ab"), ("uint8", None),
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
