"""What the throughput of the client is measured on, and the ways by hand that it is measured beside."""

import gc
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from coincurve import PrivateKey
from eth_abi import decode, encode
from eth_account import Account
from eth_utils import keccak, to_checksum_address
from web3 import HTTPProvider, Web3

from salus import KeySigner
from salus.abi import decoding
from salus.abi.decoding import selector
from salus.chain.local_node import LocalNode
from salus.consent import codes
from salus.consent.model import Directive, Effect, Mode, Order
from tests.support.deployed_chain import YEAR, DeployedChain

GWEI = 10**9
GRANT_GAS = 100_000  # what a grant takes, and as much again
ORDER_GAS = 45_000  # of each order that is relayed


class Ground:
    """A local chain with every contract, and a hospital that sends; it can be set back to how it began.

    Args:
        kind: ``anvil`` or ``ganache``, with a block for each transaction, or as many as are waiting, at once.
    """

    def __init__(self, kind="anvil"):
        # The last states are in memory. By itself anvil writes older ones to the disk, which after some hundred blocks
        # takes it several times as long as the transactions.
        self.node = LocalNode(kind, accounts=3, kept_states=256)
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self):
        self._home = os.environ.get("SALUS_HOME")
        self._files = 0
        self._new_home()
        self.node.start()
        self.deployed_chain = DeployedChain(self.node, Path(self.folder.name))
        signer, self.name = self.deployed_chain.institution("PROVIDER")
        self.deployed_chain.transact({"to": signer.address, "value": 10_000 * 10**18})
        self.account = signer._account
        self.client = self.deployed_chain.client(signer)
        self.registry = self.client.contract("ConsentRegistry")
        self.now = self.client.now()
        self.keep()
        return self

    def __exit__(self, *trouble):
        self.node.stop()
        self.folder.cleanup()
        if self._home is None:
            del os.environ["SALUS_HOME"]
        else:
            os.environ["SALUS_HOME"] = self._home

    def keep(self):
        """From now on :meth:`reset` comes back to here."""
        self._snapshot = self.node.request("evm_snapshot")

    def reset(self):
        """Set the chain back, so that each run finds the same one: it is slower the more it holds.

        The outbox's home is a new one then: what the lock of the key remembers is of a chain that is no more, and each
        outbox would wait some seconds for the node to catch up with it.
        """
        if self.node.kind == "anvil":
            # What was outbid may still lie in the pool, and would be mined once its nonce is free again.
            self.node.request("anvil_dropAllTransactions")
        assert self.node.request("evm_revert", self._snapshot)
        self.keep()
        self._new_home()
        # What the benchmark itself holds is not looked through for garbage while a way is timed, whichever it is.
        gc.collect()
        gc.freeze()

    def _new_home(self):
        self._files += 1
        os.environ["SALUS_HOME"] = str(Path(self.folder.name) / f"home-{self._files}")

    def file(self):
        """The name of a new file."""
        self._files += 1
        return Path(self.folder.name) / f"{self._files}.sqlite"

    def nonce(self):
        return int(self.node.request("eth_getTransactionCount", self.account.address, "latest"), 16)

    # ---- what is sent

    def grants(self, count):
        """Arguments of ``grant``: one grantor, new grantees."""
        terms = self._directive().packed()
        return [(to_checksum_address(os.urandom(20)), terms, bytes(32)) for _ in range(count)]

    def patients(self, count):
        """Keys of new patients, and their accounts as words."""
        keys = [PrivateKey() for _ in range(count)]
        return [(key, keccak(key.public_key.format(False)[1:])[12:].rjust(32, b"\0")) for key in keys]

    def orders(self, patients, *, later=0):
        """Grants to the hospital that patients signed, each as the six words that ``relay`` takes.

        Args:
            patients: From :meth:`patients`.
            later: How many seconds after the first they are issued: a later one renews.
        """
        directive, issued, deadline = self._directive(), self.now - YEAR + later, self.now + YEAR
        one = Order(self.account.address, directive, issued, deadline, self.client.chain_id, self.registry.address)
        typed = one.typed()
        kind = f"{typed.primary}({','.join(f'{type_} {name}' for name, type_ in typed.fields)})"
        assert next(iter(typed.message)) == "patient"
        others = encode([type_ for _, type_ in typed.fields[1:]], list(typed.message.values())[1:])
        head, type_hash = b"\x19\x01" + bytes(typed.signable().header), keccak(text=kind)
        same = encode(["address", "uint256", "bytes32"], [directive.grantee, one.packed(), bytes(32)])
        found = []
        for key, who in patients:
            signature = key.sign_recoverable(keccak(head + keccak(type_hash + who + others)), hasher=None)
            high = (signature[32] | signature[64] << 7).to_bytes(1)
            found.append(who + same + signature[:32] + high + signature[33:64])
        return found

    @staticmethod
    def rows(orders):
        """Arguments of ``relay`` for orders."""
        types = ["(address,address,uint256,bytes32,bytes32,bytes32)[]"]
        whole = encode(["uint256", "uint256"], [32, len(orders)]) + b"".join(orders)
        decoded = decode(types, whole)[0]
        given = [(to_checksum_address(a), to_checksum_address(b), *others) for a, b, *others in decoded]
        return given, [], int(Mode.STRICT)

    def relays(self, orders, size):
        """Calls of ``relay``, so many orders in each."""
        head = selector(next(entry for entry in self.registry.abi if entry.get("name") == "relay"))
        calls = []
        for first in range(0, len(orders), size):
            some = orders[first : first + size]
            heads = [0x60, 0x80 + 192 * len(some), int(Mode.STRICT), len(some)]
            calls.append(head + b"".join(n.to_bytes(32) for n in heads) + b"".join(some) + bytes(32))
        return calls

    def _directive(self):
        everything = codes.category_bits({"all"})
        where = self.account.address
        return Directive(where, 0, Effect.PERMIT, codes.purpose_bits({"TREAT"}), everything, 0, self.now + YEAR)

    # ---- by hand

    def plain_loop(self, function, rows, *, contract=None, account=None):
        """Seconds of a loop as the manual of web3.py has it: build, sign, send, wait for the receipt, next."""
        w3, account, known = Web3(HTTPProvider(self.node.url)), account or self.account, contract or self.registry
        contract = w3.eth.contract(address=known.address, abi=known.abi)
        began = time.perf_counter()
        for row in rows:
            nonce = w3.eth.get_transaction_count(account.address)
            call = contract.functions[function](*row).build_transaction({"from": account.address, "nonce": nonce})
            sent = w3.eth.send_raw_transaction(account.sign_transaction(call).raw_transaction)
            assert w3.eth.wait_for_transaction_receipt(sent)["status"] == 1
        return time.perf_counter() - began

    def calls(self, function, rows):
        """Calls of the registry, as they are sent."""
        return decoding.encode_calls(next(entry for entry in self.registry.abi if entry.get("name") == function), rows)

    def signed(self, calls, gas):
        """Raw transactions with the next nonces, 0x-hex."""
        fees = {"maxFeePerGas": 10 * GWEI, "maxPriorityFeePerGas": GWEI, "chainId": self.client.chain_id, "type": 2}
        whole = {"to": self.registry.address, "value": 0, "gas": gas, **fees}
        return [
            self.account.sign_transaction({**whole, "nonce": nonce, "data": data}).raw_transaction.to_0x_hex()
            for nonce, data in enumerate(calls, self.nonce())
        ]

    def by_hand(self, raws, *, batch=100, window=200):
        """Seconds of JSON-RPC batches written by hand: what is signed already, so many in flight, until all are
        mined.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.node.port)

        def ask(questions):
            connection.request("POST", "/", json.dumps(questions), {"Content-Type": "application/json"})
            answers = json.loads(connection.getresponse().read())
            assert not any("error" in answer for answer in answers), answers
            return answers

        count = [
            {"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionCount", "params": [self.account.address, "latest"]}
        ]
        began, first, sent = time.perf_counter(), self.nonce(), 0
        while (mined := int(ask(count)[0]["result"], 16) - first) < len(raws):
            some = raws[sent : sent + batch]
            if some and sent - mined <= window - len(some):
                ask(
                    [
                        {"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [raw]}
                        for n, raw in enumerate(some)
                    ]
                )
                sent += len(some)
            else:
                time.sleep(0.002)
        taken = time.perf_counter() - began
        connection.close()
        return taken


def beside_work(share, act):
    """What something gives beside another process that computes for so much of the time, 4 ms at a stretch, as one that
    signs.
    """
    busy, idle = 0.004 * share, 0.004 * (1 - share)
    code = (
        "import time\n"
        "while True:\n"
        f"    end = time.perf_counter() + {busy}\n"
        "    while time.perf_counter() < end: pass\n"
        f"    time.sleep({idle})\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code])
    try:
        return act()
    finally:
        worker.kill()
        worker.wait()


def person():
    """Somebody new, without ether."""
    return KeySigner(Account.create())


def rounds(number, ways, reset):
    """Run several ways in turn, each on the chain as it began.

    Args:
        ways: Functions by name; each gives (items, seconds).

    Returns:
        Items a second by name, one a round, in the order of the rounds.
    """
    rates = {name: [] for name in ways}
    for _ in range(number):
        for name, way in ways.items():
            reset()
            items, seconds = way()
            rates[name].append(items / seconds)
    return rates


def ratio(rates, one, other):
    """The median over the rounds, each of which has both under the same load of the machine."""
    return statistics.median(a / b for a, b in zip(rates[one], rates[other], strict=True))
