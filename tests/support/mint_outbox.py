"""A chain, a token that anybody mints, and an outbox that mints: to each account a sum of its own, so that a second
time shows.

Every item mints 1,000 + n units to account number n. An effect that happened twice, or not at all, is a balance.
"""

import itertools
import json
import time

from eth_abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3

from salus import KeySigner, Salus
from salus.chain.book import Book, Deployment
from salus.outbox import Item
from tests.support.deployed_chain import BUILD

MINT = keccak(text="mint(address,uint256)")[:4]
TRANSFER = keccak(text="transfer(address,uint256)")[:4]
GAS = 100_000


_first_numbers = itertools.count(10, 1000)


def fresh_numbers(count):
    """At most a thousand numbers of accounts that no test has minted to; asked for before a fork, whose child counts
    for itself.
    """
    assert count <= 1000
    first = next(_first_numbers)
    return range(first, first + count)


def holder(n):
    return to_checksum_address(f"0x{(1 << 100) + n:040x}")


class TokenMinter:
    """The token on a node, and who mints.

    signer    mints; rich
    """

    def __init__(self, node, folder, *, account=5):
        self.node, self.folder = node, folder
        self.w3 = Web3(HTTPProvider(node.url))
        self.signer = KeySigner.from_key(node.keys[account])
        build = json.loads((BUILD / "TestToken.json").read_text())
        factory = self.w3.eth.contract(abi=build["abi"], bytecode=build["bytecode"])
        receipt = self.transact(
            Account.from_key(node.keys[0]), data=factory.constructor("Dollar", "USD", 6).data_in_transaction
        )
        self.token = receipt["contractAddress"]
        self.contract = self.w3.eth.contract(address=self.token, abi=build["abi"])
        code = self.w3.keccak(self.w3.eth.get_code(self.token)).to_0x_hex()
        entry = Deployment("TestToken", self.token, receipt["blockNumber"], ("Dollar", "USD", "6"), "", code)
        self.book = Book(node.chain_id, {"TestToken": entry})

    def transact(self, account, wait=True, **fields):
        whole = {
            "nonce": self.w3.eth.get_transaction_count(account.address),
            "gas": 3_000_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
            "value": 0,
            "chainId": self.node.chain_id,
            **fields,
        }
        sent = self.w3.eth.send_raw_transaction(account.sign_transaction(whole).raw_transaction)
        return self.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.02) if wait else sent

    def client(self, url=None, signer=None):
        return Salus.connect(url or self.node.url, book=self.book, signer=signer or self.signer, timeout=10)

    def item(self, n, *, gas=GAS):
        data = MINT + encode(["address", "uint256"], [holder(n), 1000 + n])
        return Item(f"mint-{n}", self.token, data, "mint", gas)

    def items(self, numbers, **options):
        return [self.item(n, **options) for n in numbers]

    def spend(self, key, amount, *, gas=GAS):
        """An item that transfers what the signer has not: the token refuses."""
        return Item(key, self.token, TRANSFER + encode(["address", "uint256"], [holder(0), amount]), "transfer", gas)

    def balance(self, n):
        return self.contract.functions.balanceOf(holder(n)).call()

    def expect_once(self, numbers):
        """Each effect happened, once. A busy node may show a state that is a moment old; what happened twice stays
        wrong.
        """
        end = time.monotonic() + 3
        while wrong := {n: found for n in numbers if (found := self.balance(n)) != 1000 + n}:
            assert time.monotonic() < end, wrong
            time.sleep(0.1)

    def count(self, signer=None):
        return self.w3.eth.get_transaction_count((signer or self.signer).address)

    def pending(self):
        """Its transactions, with those that wait for a block."""
        return self.w3.eth.get_transaction_count(self.signer.address, "pending")

    def foreign(self, nonce, *, wait=True, **fields):
        """A transaction with the same key that no outbox knows; its hash."""
        fields = {"to": holder(999), "value": 1, "gas": 21_000, **fields}
        account = Account.from_key(self.signer._account.key)
        found = self.transact(account, wait, nonce=nonce, **fields)
        return (found["transactionHash"] if wait else found).to_0x_hex()

    def raw_foreign(self, nonce):
        """The raw bytes of such a transaction, and its hash."""
        fields = {"to": holder(999), "value": 1, "gas": 21_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
        signed = Account.sign_transaction(
            {"nonce": nonce, "chainId": self.node.chain_id, **fields}, self.signer._account.key
        )
        return signed.raw_transaction.to_0x_hex(), signed.hash.to_0x_hex()
