"""What the outbox signs by itself is byte for byte what eth-account signs."""

import random

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from salus import KeySigner
from salus.errors import WalletError
from salus.outbox._envelope import Fees, Unsigned, signing

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbc6204fe5129617082792ae468d01a3f362318")


def call(chance, size, fees):
    return Unsigned(
        nonce=chance.choice([0, 1, 127, 128, 255, 256, chance.getrandbits(40)]),
        to=chance.randbytes(20),
        data=chance.randbytes(size),
        gas=chance.choice([21_000, 1 << 24, chance.randrange(21_000, 30_000_000)]),
        fees=fees,
        value=chance.choice([0, 1, 127, 128, chance.getrandbits(90)]),
    )


def by_eth_account(call, chain_id, key=KEY):
    fees = {"gasPrice": call.fees.most}
    if call.fees.tip is not None:
        fees = {"maxFeePerGas": call.fees.most, "maxPriorityFeePerGas": call.fees.tip, "type": 2}
    whole = {
        "nonce": call.nonce,
        "to": to_checksum_address(call.to),
        "data": call.data,
        "gas": call.gas,
        "value": call.value,
        "chainId": chain_id,
    }
    return bytes(Account.sign_transaction({**whole, **fees}, key).raw_transaction)


@pytest.mark.parametrize("tip", [None, 0, 1, 127, 128, 2 * 10**9])
@pytest.mark.parametrize("size", [0, 1, 4, 54, 55, 56, 57, 255, 256, 257, 70_000])
def test_every_byte_is_that_of_eth_account(size, tip):
    chance = random.Random(f"{size}/{tip}")
    for chain_id in (1, 137, 31337, 11155111):
        asked = call(chance, size, Fees((tip or 0) + chance.getrandbits(36), tip))
        raw, hash_ = signing(KeySigner.from_key(KEY), chain_id)(asked)
        assert raw == by_eth_account(asked, chain_id)
        assert hash_ == keccak(raw)


@pytest.mark.parametrize("byte", [b"\x00", b"\x7f", b"\x80", b"\xff"])
def test_one_byte_of_data_stands_for_itself_or_not(byte):
    asked = Unsigned(1, b"\x11" * 20, byte, 50_000, Fees(10**9, 1))
    assert signing(KeySigner.from_key(KEY), 1)(asked)[0] == by_eth_account(asked, 1)


def test_short_numbers_in_a_signature_are_written_short():
    """One in 256 signatures has an r or an s with a leading zero byte."""
    sign, lengths = signing(KeySigner.from_key(KEY), 1), set()
    for nonce in range(128, 256):
        for gas in (21_000, 22_000, 23_000, 24_000, 25_000, 26_000):
            asked = Unsigned(nonce, b"\x22" * 20, b"", gas, Fees(10**9, 1))
            raw, _ = sign(asked)
            lengths.add(len(raw))
            if len(raw) == min(lengths):
                assert raw == by_eth_account(asked, 1)
    assert len(lengths) > 1


class Other:
    """A signer that is no key in memory; it signs with another key than it says where `liar`."""

    def __init__(self, liar=False):
        self.address = Account.from_key(KEY).address
        self.key = b"\x01" * 32 if liar else KEY

    def sign_transaction(self, transaction):
        return bytes(Account.sign_transaction(dict(transaction), self.key).raw_transaction)

    def sign_typed(self, typed):
        raise AssertionError("not asked for")


def test_any_other_signer_is_asked():
    for fees in (Fees(10**9, None), Fees(10**9, 5)):
        asked = Unsigned(7, b"\x33" * 20, b"abcd", 90_000, fees, 3)
        assert signing(Other(), 5)(asked)[0] == by_eth_account(asked, 5)


def test_what_another_key_signed_is_not_stored():
    with pytest.raises(WalletError, match="signed with the key of 0x"):
        signing(Other(liar=True), 5)(Unsigned(7, b"\x33" * 20, b"", 90_000, Fees(10**9, 5)))


# ------------------------------------------------------------------------------------------------------------- fees


@pytest.mark.parametrize(
    ("fees", "market", "raised"),
    [
        (Fees(800, 80), Fees(1, 1), Fees(900, 90)),
        (Fees(801, 81), Fees(1, 1), Fees(902, 92)),  # rounded up: a tenth must not be missed by a fraction
        (Fees(800, 80), Fees(2000, 100), Fees(2000, 100)),
        (Fees(1, 0), Fees(1, 0), Fees(2, 1)),
        (Fees(800, None), Fees(1, None), Fees(900, None)),
        (Fees(4700, 100), Fees(9000, 10), Fees(5300, 113)),
        (Fees(4800, 100), Fees(9000, 10), None),  # an eighth more would be above the ceiling
    ],
)
def test_fees_are_raised_by_an_eighth_within_the_ceiling(fees, market, raised):
    """F11: geth wants a tenth more on both, and the ceiling of 5,300 holds whatever the market asks."""
    assert fees.raised(market, 5_300) == raised
