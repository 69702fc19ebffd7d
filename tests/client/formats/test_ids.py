"""Ids are taken as bytes and as text, and nothing else passes the door (U10)."""

import pytest

from salus.chain.contracts import Contract
from salus.errors import BadInput, SalusError
from salus.formats.ids import id_bytes

RAW = bytes(range(32))
TEXT = "0x" + RAW.hex()


@pytest.mark.parametrize("given", [RAW, bytearray(RAW), TEXT, "0x" + RAW.hex().upper()])
def test_U10_an_id_is_taken_as_bytes_and_as_text(given):
    assert id_bytes(given) == RAW


WRONG = ["0x…", "", "0x", TEXT[2:], TEXT[:-1], TEXT + "00", "0x" + "zz" * 32, TEXT[:-1] + " ", "0x" + "²" * 64]


@pytest.mark.parametrize("given", [*WRONG, RAW[:-1], b"", None, 5, 1.5, [RAW], object()])
def test_U10_anything_else_is_no_id_and_says_what_one_is(given):
    with pytest.raises(BadInput, match="claim: .*an id (is|has) .*0x and 64 hex digits"):
        id_bytes(given, "claim")


@pytest.mark.parametrize("given", [RAW, TEXT])
def test_U10_a_contract_takes_an_id_as_text_too(given):
    functions = Contract("ClaimDesk", "0x" + "11" * 20).functions
    assert functions.claim(given).data == functions.claim(RAW).data


@pytest.mark.parametrize("given", ["0x…", 5, None, RAW[:-1] + b"\0\0", [], {}])
def test_U10_what_no_contract_takes_is_an_error_of_the_tree(given):
    with pytest.raises(SalusError, match="id|claim"):
        _ = Contract("ClaimDesk", "0x" + "11" * 20).functions.claim(given).data
