"""Structs, and what the ABIs say of names, events and lengths.

a struct
├── is read by name, by place and in order; a field that is a keyword has a trailing underscore
├── equals a tuple and a struct of the same values, and hashes and pickles like one
├── does not change, and has no other fields
└── as many values as names, or it is none
names
└── of a contract, a function or an event that is not there: a KeyError that says which
data
├── longer than the most is not looked at
├── a log of another contract's event is nobody's
└── a log with too few topics, and a row that does not fit, are refused by name
"""

import pickle

import pytest
from eth_utils import keccak

from salus.abi import decoding
from salus.abi.decoding import Struct

ENTRY = {"type": "bytes", "name": "data"}


def test_a_struct_is_read_by_name_and_by_place():
    struct = Struct(("from", "units"), (1, (2, 3)))
    assert (struct.from_, struct.units, struct["from_"], struct[1], len(struct)) == (1, (2, 3), 1, (2, 3), 2)
    assert list(struct) == [1, (2, 3)]
    assert repr(struct) == "Struct(from=1, units=(2, 3))"


def test_structs_of_the_same_values_are_equal():
    one, other = Struct(("a", "b"), (1, 2)), Struct(("x", "y"), (1, 2))
    assert one == other == (1, 2)
    assert one != Struct(("a", "b"), (2, 1))
    assert hash(one) == hash(other) == hash((1, 2))


def test_a_struct_is_pickled_whole():
    struct = pickle.loads(pickle.dumps(Struct(("a", "b"), (1, b"\0"))))
    assert (struct, struct.b) == ((1, b"\0"), b"\0")


def test_a_struct_does_not_change_and_has_no_other_fields():
    struct = Struct(("a",), (1,))
    with pytest.raises(AttributeError, match="a struct does not change"):
        struct.a = 2
    with pytest.raises(AttributeError, match="no field 'b'; there are a"):
        struct.b


def test_a_struct_has_as_many_values_as_names():
    with pytest.raises(ValueError, match="1 values for 2 names"):
        Struct(("a", "b"), (1,))


def test_what_json_can_hold():
    value = {"who": Struct(("id", "rows"), (b"\1\2", (1, [bytearray(b"\3")])))}
    assert decoding.plain(value) == {"who": {"id": "0x0102", "rows": [1, ["0x03"]]}}


@pytest.mark.parametrize(
    "ask, name",
    [
        (lambda: decoding.load_abi("Nothing"), "Nothing"),
        (lambda: decoding.function_of("Institutions", "nothing"), "Institutions.nothing"),
        (lambda: decoding.event_topic("Institutions", "Nothing"), "Institutions.Nothing"),
        (lambda: decoding.events_of("Nothing"), "Nothing"),
    ],
)
def test_what_is_not_there_is_named(ask, name):
    with pytest.raises(KeyError) as missing:
        ask()
    assert missing.value.args == (name,)


def test_data_beyond_every_length_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(decoding, "_LONGEST", 64)
    word = bytes(31) + b"\x20" + bytes(32)
    assert decoding.decode_values([ENTRY], word) == (b"",)
    with pytest.raises(ValueError, match="^65 bytes, more than 64$"):
        decoding.decode_values([ENTRY], word + b"\0")


def test_an_event_of_another_contract_is_nobodys():
    assert decoding.decode_event("Institutions", [], b"") is None
    assert decoding.decode_event("Institutions", [keccak(text="Transfer(address,address,uint256)")], b"") is None


def test_a_log_with_too_few_topics_is_refused():
    topic = decoding.event_topic("Institutions", "OperatorRemoved")
    with pytest.raises(ValueError, match="^OperatorRemoved with 1 indexed values instead of 2$"):
        decoding.decode_event("Institutions", [topic, bytes(32)], b"")


def test_a_row_that_does_not_fit_is_refused_by_its_function():
    entry = decoding.function_of("Institutions", "suspend")
    assert decoding.encode_calls(entry, [("0x" + "11" * 20,)])[0][4:] == bytes(12) + b"\x11" * 20
    with pytest.raises(ValueError, match="^not as suspend takes it: "):
        decoding.encode_calls(entry, [("nobody",)])
