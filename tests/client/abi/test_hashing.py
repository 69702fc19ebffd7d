"""Keccak and checksums are those of the libraries that take longer to load; commands that read load none of them."""

import random
import subprocess
import sys

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak as slow_keccak

from salus.abi.hashing import checksum_address, keccak


@pytest.mark.parametrize("seed", range(20))
def test_an_address_has_the_checksum_that_eth_utils_gives_it(seed):
    raw = random.Random(seed).randbytes(20)
    expected = to_checksum_address(raw)
    assert checksum_address(raw) == expected == checksum_address(f"0x{raw.hex()}") == checksum_address(expected)
    assert checksum_address("0x" + raw.hex().upper()) == expected


@pytest.mark.parametrize("content", [b"", b"a", b"salus", bytes(200)])
def test_the_hash_is_that_of_eth_utils(content):
    assert keccak(content) == slow_keccak(content) == keccak(bytearray(content))
    assert keccak(text="grün") == slow_keccak(text="grün") and keccak(text="") == keccak(b"")


def test_what_only_reads_loads_no_slow_library():
    """U10: `salus institution list` and the like start fast."""
    read = (
        "import salus.client, salus.institutions.registry, salus.abi.decoding as d, salus.keys.addresses as a\n"
        "from salus.chain.book import Book, Deployment\n"
        "from salus.chain.ledger import Ledger\n"
        "from salus.chain.node import Node\n"
        "a.address('0x' + '00' * 20)\n"
        "d.encode_calls(d.function_of('Institutions', 'standing'), [['0x' + '00' * 20]])\n"
        "client = Ledger(Node('http://127.0.0.1:1'), Book(1, {'Lots': Deployment('Lots', '0x' + '00' * 20)}))\n"
        "client.contract('Lots')\n"
        "import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    ran = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, timeout=60, check=True)
    assert not {"web3", "eth_utils", "eth_abi", "eth_account", "pydantic", "requests", "sqlalchemy"} & set(
        ran.stdout.split()
    )
