"""Blocks of geth prove their receipts as those of the local chains do (P1). It runs where geth is on the PATH."""

import shutil
import socket
import subprocess
import time
from contextlib import closing

import pytest

from salus.chain.headers import encoded_transaction, header_hash, header_kind, holds_receipts, holds_transactions
from salus.chain.rpc import Endpoint, Trouble
from salus.errors import SalusError
from tests.client.chain.test_headers import CREATION

GETH = shutil.which("geth")

pytestmark = [
    pytest.mark.chain,
    pytest.mark.skipif(GETH is None, reason="geth is not on the PATH"),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a geth of its own, in its developer's mode: a block for each transaction."""
    port, folder = free_port(), tmp_path_factory.mktemp("geth")
    words = ["--dev", "--datadir", folder, "--http", "--http.port", port, "--authrpc.port", free_port(), "--port", 0]
    program = subprocess.Popen([GETH, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with closing(Endpoint(f"http://127.0.0.1:{port}", timeout=10)) as endpoint:

            def ask(method, *params):
                (answer,) = endpoint.ask([(method, list(params))])
                if isinstance(answer, Trouble) and "indexing is in progress" in answer.message:
                    return None  # geth says so of a receipt that it does not have yet
                assert not isinstance(answer, Trouble), answer.message
                return answer

            end = time.monotonic() + 60
            while True:
                try:
                    ask("eth_chainId")
                    break
                except SalusError:
                    assert time.monotonic() < end and program.poll() is None
                    time.sleep(0.2)
            yield ask
    finally:
        program.terminate()
        program.wait(30)


@pytest.fixture(scope="module")
def mined(ask):
    """Sends a transaction of the developer's account; its receipt."""

    def mined(**fields):
        (rich,) = ask("eth_accounts")
        sent = ask("eth_sendTransaction", {"from": rich, "gas": "0x30000", **fields})
        end = time.monotonic() + 30
        while (receipt := ask("eth_getTransactionReceipt", sent)) is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        return receipt

    return mined


@pytest.fixture(scope="module")
def contract(mined):
    return mined(data=CREATION)["contractAddress"]


@pytest.mark.parametrize("name", ["typed", "legacy", "logs", "failed"])
def test_P1_a_block_of_geth_holds_what_it_holds(ask, mined, contract, name):
    fields = {
        "typed": {"to": "0x" + "11" * 20, "value": "0x1"},
        "legacy": {"to": "0x" + "11" * 20, "value": "0x1", "gasPrice": "0x77359400"},
        "logs": {"to": contract, "data": "0x" + "ab" * 32},
        "failed": {"to": contract},
    }[name]
    block = ask("eth_getBlockByNumber", mined(**fields)["blockNumber"], True)
    receipts = [ask("eth_getTransactionReceipt", tx["hash"]) for tx in block["transactions"]]
    assert [receipt["status"] for receipt in receipts] == ["0x0" if name == "failed" else "0x1"]
    assert header_kind(block) == "ethereum" and header_hash(block, "ethereum").hex() == block["hash"][2:]
    assert holds_receipts(block, receipts)
    assert holds_transactions(block, [encoded_transaction(tx) for tx in block["transactions"]])
    receipts[0]["status"] = "0x1" if name == "failed" else "0x0"
    assert not holds_receipts(block, receipts)
