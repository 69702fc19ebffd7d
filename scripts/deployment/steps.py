"""A deployment as a list of transactions that is known before the first one is sent.

The address of a contract follows from who creates it and that account's nonce. So every constructor's arguments are
known in advance, all transactions can be sent at once, and whoever comes back after a break knows what should be where.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from brownie import web3
from eth_utils import to_checksum_address
from rlp import encode as rlp

# Gas: of a transaction that creates, of a byte of code that is kept, of a word of code that is run once, of a byte of
# calldata, zero or not; and what a constructor of ours may use at most (it writes a few words and emits an event).
CREATION, KEPT, INIT_WORD, ZERO, NOT_ZERO, CONSTRUCTOR = 53_000, 200, 2, 4, 16, 250_000
# A call of the handing-over by itself: two words written at the most, an event.
POWER = 90_000

# Where the compiler leaves room for an immutable: PUSH32 and 32 zero bytes; and for a library's own address, at the
# beginning of its code.
_IMMUTABLE = re.compile("7f" + "00" * 32)
_LIBRARY = "73" + "00" * 20


def address_of(deployer, nonce):
    """The address of what an account creates with a nonce."""
    return to_checksum_address(web3.keccak(rlp([bytes.fromhex(str(deployer)[2:]), nonce]))[12:])


@dataclass(frozen=True)
class Step:
    """One transaction.

    name       of the contract that it creates, or what it does
    nonce      of the payer
    to         whom it calls; None where it creates
    data       bytes
    gas        what it is expected to use
    template   of a creation: the code as the compiler left it, hex; "" else
    address    of a creation: where the contract will be; "" else
    """

    name: str
    nonce: int
    to: str | None
    data: bytes
    gas: int
    template: str = ""
    address: str = ""

    @property
    def limit(self):
        """Gas that the transaction may use: nothing is lost by more than is needed."""
        return self.gas * 21 // 20 + CONSTRUCTOR

    def is_there(self, code):
        """Whether this is the code that the step leaves at its address, whatever its immutables are."""
        return bool(code) and self._pattern.fullmatch(bytes(code).hex()) is not None

    @cached_property
    def _pattern(self):
        library, code = self.template.startswith(_LIBRARY), self.template
        parts = _IMMUTABLE.split(code[42:] if library else code)
        return re.compile(("73[0-9a-f]{40}" if library else "") + "7f[0-9a-f]{64}".join(map(re.escape, parts)))


class Line:
    """The straight line of creations, and the handing-over at its end, with the nonces that each step is to have.

    containers   Brownie's contract containers
    deployer     address of who pays
    nonces       one a step, in order
    """

    def __init__(self, containers, deployer, nonces):
        self.containers, self.deployer = containers, str(deployer)
        self._nonces = iter(nonces)
        self.steps = []
        self.addresses = {}

    def create(self, name, *arguments):
        """Add a contract; its address."""
        build, nonce = self.containers[name]._build, next(self._nonces)
        code = bytes.fromhex(self._linked(build, "bytecode", "linkReferences"))
        constructor = next((entry for entry in build["abi"] if entry["type"] == "constructor"), {"inputs": []})
        types = [value["type"] for value in constructor["inputs"]]
        data = code + web3.codec.encode(types, [str(a) if t == "address" else a for t, a in zip(types, arguments)])
        template = self._linked(build, "deployedBytecode", "deployedLinkReferences")
        gas = CREATION + calldata_gas(data) + INIT_WORD * (len(data) // 32 + 1) + KEPT * len(template) // 2 + 60_000
        where = address_of(self.deployer, nonce)
        self.steps.append(Step(name, nonce, None, data, gas, template, where))
        self.addresses[name] = where
        return where

    def hand_over(self, manager, calls):
        """Add the last transaction: all calls to the AccessManager in one, so that it happens whole or not at all."""
        contract = web3.eth.contract(address=manager, abi=self.containers["AccessManager"].abi)
        encoded = [contract.encode_abi(name, arguments) for name, *arguments in calls]
        data = bytes.fromhex(contract.encode_abi("multicall", [encoded])[2:])
        gas = 21_000 + calldata_gas(data) + sum(POWER // 2 * len(_selectors(call)) for call in calls)
        self.steps.append(Step("handing over", next(self._nonces), manager, data, gas))

    def _linked(self, build, key, references):
        """Code with the addresses of the libraries in it, hex."""
        code = build[key].removeprefix("0x")
        for libraries in build.get(references, {}).values():
            for name, places in libraries.items():
                for place in places:
                    start, end = 2 * place["start"], 2 * (place["start"] + place["length"])
                    code = code[:start] + self.addresses[name][2:].lower() + code[end:]
        return code


def calldata_gas(data):
    zeros = data.count(0)
    return ZERO * zeros + NOT_ZERO * (len(data) - zeros)


def _selectors(call):
    """What a call of the handing-over repeats: each selector of `setTargetFunctionRole` is a word of its own."""
    return call[2] if call[0] == "setTargetFunctionRole" else [None]
