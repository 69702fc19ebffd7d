"""A local chain with every contract deployed from Brownie's build, for tests of the client; Brownie itself is not
used.
"""

import itertools
import json
import os
import re
from pathlib import Path

from eth_account import Account
from web3 import HTTPProvider, Web3

from salus import KeySigner, Salus
from salus.abi.decoding import selector
from salus.chain.book import Book, Deployment
from salus.chain.local_node import LocalNode

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "contracts"
YEAR = 365 * 24 * 3600


class DeployedChain:
    """The chain, the address book, and the people.

    regulator     signer that accredits and assigns prefixes (registrar), registers profiles, models and schedules (rule
                  maker), reviews emergencies, arbitrates claims, and recalls lots
    """

    def __init__(self, node: LocalNode, folder: Path) -> None:
        self.node = node
        self.url = node.url
        self.w3 = Web3(HTTPProvider(node.url))
        self._numbers = itertools.count(1)
        self._rich = Account.from_key(node.keys[0])
        self.regulator = KeySigner.from_key(node.keys[1])
        self._entries: dict[str, Deployment] = {}
        self._deploy()
        self.book_path = folder / f"{node.chain_id}.json"
        self.book_path.write_text(json.dumps(Book(node.chain_id, self._entries).to_json()))
        self.book = Book.load(self.book_path)

    # ---- the contracts

    def build(self, name):
        file = BUILD / f"{name}.json"
        assert file.is_file(), f"{file} is missing: run `brownie compile --all` first"
        return json.loads(file.read_text())

    def transact(self, transaction, sender=None):
        sender = sender or self._rich
        whole = {
            "from": sender.address,
            "nonce": self.w3.eth.get_transaction_count(sender.address),
            "gas": 12_000_000 if "data" in transaction else 21_000,
            "gasPrice": 5 * 10**9,
            "chainId": self.node.chain_id,
            **transaction,
        }
        raw = sender.sign_transaction(whole)
        raw = raw if isinstance(raw, bytes) else raw.raw_transaction
        receipt = self.w3.eth.wait_for_transaction_receipt(self.w3.eth.send_raw_transaction(raw), poll_latency=0.02)
        assert receipt["status"] == 1
        return receipt

    def deploy(self, name, *args):
        """One contract from the build; its address."""
        build = self.build(name)
        # Where the address of a library belongs, Brownie's build has its name.
        bytecode = re.sub(r"__(\w+?)_{2,}", lambda found: self._library(found[1]), build["bytecode"])
        factory = self.w3.eth.contract(abi=build["abi"], bytecode=bytecode)
        data = factory.constructor(*args).data_in_transaction
        receipt = self.transact({"data": data, "value": 0})
        address = receipt["contractAddress"]
        code = self.w3.keccak(self.w3.eth.get_code(address)).to_0x_hex()
        text = json.dumps(build["abi"], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        self._entries[name] = Deployment(
            name, address, receipt["blockNumber"], tuple(map(str, args)), self.w3.keccak(text=text).to_0x_hex(), code
        )
        return address

    def _library(self, name):
        """Where a library is, without 0x."""
        if name not in self._entries:
            self.deploy(name)
        return self._entries[name].address[2:].lower()

    def _deploy(self):
        manager = self.deploy("AccessManager", self._rich.address)
        institutions = self.deploy("Institutions", manager)
        guardians = self.deploy("Guardians")
        consents = self.deploy("ConsentRegistry", institutions, guardians, 1)  # the policy "emergency"
        accesses = self.deploy("AccessLog", manager, institutions, consents)
        plans = self.deploy("Plans", institutions, consents, 0)  # a version judges at once
        treasury = self.deploy("Treasury", institutions)
        desk = self.deploy("ClaimDesk", manager, institutions, plans, treasury)
        lots = self.deploy("Lots", manager, institutions)
        loggers = self.deploy("Loggers", manager, institutions)
        coldchain = self.deploy("ColdChain", manager, institutions, lots, loggers)
        doses = self.deploy("Doses", manager, institutions, coldchain)
        abi = self.build("AccessManager")["abi"]
        f = self.w3.eth.contract(address=manager, abi=abi).functions
        powers = [(institutions, "Institutions", name, 1) for name in ("accredit", "renew", "suspend", "reinstate")]
        powers += [(lots, "Lots", "assignPrefix", 1), (lots, "Lots", "registerProfile", 2)]
        powers += [(loggers, "Loggers", "accreditModel", 2), (loggers, "Loggers", "distrustModel", 1)]
        powers += [(doses, "Doses", "registerSchedule", 2)]
        powers += [(accesses, "AccessLog", "review", 4), (desk, "ClaimDesk", "arbitrate", 5)]
        powers += [(coldchain, "ColdChain", "recall", 6), (coldchain, "ColdChain", "dispense", 7)]
        for target, contract, name, role in powers:
            entry = next(e for e in self.build(contract)["abi"] if e["type"] == "function" and e["name"] == name)
            self._act(manager, f.setTargetFunctionRole(target, [selector(entry)], role))
        for role in (1, 2, 4, 5, 6):
            self._act(manager, f.grantRole(role, self.regulator.address, 0))
        self._act(manager, f.grantRole(7, doses, 0))

    def _act(self, target, function):
        free = {"gas": 0, "gasPrice": 0, "nonce": 0, "chainId": 1, "value": 0}
        self.transact({"to": target, "data": function.build_transaction(free)["data"], "value": 0})

    # ---- the people

    def client(self, signer=None) -> Salus:
        return Salus.connect(self.url, book=self.book, signer=signer)

    def person(self, ether: float = 1) -> KeySigner:
        """Somebody new, with some ether."""
        who = KeySigner(Account.create())
        if ether:
            self.transact({"to": who.address, "value": int(ether * 10**18)})
        return who

    def patient(self) -> KeySigner:
        """Somebody new without ether."""
        return self.person(0)

    def institution(self, *roles: str, handle: str = "", years: int = 10) -> tuple[KeySigner, str]:
        """A new institution with some ether; its signer and its public name."""
        who = self.person()
        name = handle or f"{(roles[0] if roles else 'provider').lower().replace('_', '-')}-{next(self._numbers)}"
        regulator = self.client(self.regulator)
        regulator.institutions.accredit(who.address, name, roles or ("PROVIDER",), regulator.now() + years * YEAR)
        return who, name


def kind() -> str:
    """The local chain that the tests run on: CHAIN=ganache chooses the other one."""
    return os.environ.get("CHAIN", "anvil")
