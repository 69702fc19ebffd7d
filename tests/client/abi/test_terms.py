"""Terms in one word, as the interface lays them out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salus.abi.decoding import decode_event, event_topic
from salus.abi.terms import pack, unpack
from salus.consent.registry import Directive, Effect
from salus.errors import BadInput

WIDTHS = {"effect": 2, "purposes": 32, "categories": 56, "start": 40, "end": 40, "issuedAt": 40, "deadline": 40}
SOMEBODY = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def fields():
    numbers = {name: st.integers(0, 2**bits - 1) for name, bits in WIDTHS.items()}
    return st.fixed_dictionaries({"index": st.sampled_from([*range(63), 255]), **numbers})


@given(fields())
def test_what_is_packed_is_unpacked(values):
    assert unpack(pack(**values)) == values


@given(st.integers(0, 2**256 - 1))
def test_every_word_is_one_set_of_fields(word):
    assert pack(**unpack(word)) == word


def test_the_layout_is_the_one_of_the_interface():
    values = {"issuedAt": 0xA1, "start": 0xB2, "end": 0xC3, "deadline": 0xD4, "purposes": 0xE5, "categories": 0xF6}
    word = pack(**values, index=3, effect=2)
    assert f"{word:064x}" == "00000000a100000000b200000000c300000000d4000000e5000000000000f60e"
    assert pack(index=255) == 0xFC
    assert pack() == 0


@pytest.mark.parametrize("field", WIDTHS)
@pytest.mark.parametrize("over", [True, False], ids=["too much", "below 0"])
def test_a_field_never_runs_into_its_neighbour(field, over):
    with pytest.raises(ValueError, match=f"^{field} is .* does not fit {WIDTHS[field]} bits$"):
        pack(**{field: 1 << WIDTHS[field] if over else -1})


@pytest.mark.parametrize("index", [63, 64, 254, 256, -1])
def test_an_index_that_no_word_can_say_is_refused(index):
    with pytest.raises(ValueError, match=f"^index is {index}, which does not fit 6 bits$"):
        pack(index=index)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="^no such field: issued_at$"):
        pack(issued_at=1)


def test_a_directive_that_does_not_fit_is_bad_input():
    with pytest.raises(BadInput, match="directive: purposes is 4294967296"):
        Directive(SOMEBODY, 0, Effect.PERMIT, 1 << 32, 1, 0, 9).packed()


def test_an_event_tells_its_terms_by_name():
    values = {
        "index": 1,
        "effect": 2,
        "purposes": 3,
        "categories": 4,
        "start": 5,
        "end": 6,
        "issuedAt": 7,
        "deadline": 8,
    }
    account = bytes(12) + bytes.fromhex(SOMEBODY[2:])
    topics = [event_topic("ConsentRegistry", "ConsentGranted"), account, account]
    name, told = decode_event("ConsentRegistry", topics, pack(**values).to_bytes(32, "big") + b"\7" * 32)
    assert (name, dict(told)) == (
        "ConsentGranted",
        {"patient": SOMEBODY, "grantee": SOMEBODY, **values, "document": b"\7" * 32},
    )
