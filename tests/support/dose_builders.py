"""Words to say doses with: schedules, and the days of the chain's clock."""

from typing import NamedTuple

from brownie import chain, web3
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.support.boundary_time import at, now

HOUR, DAY = 3_600, 86_400
GRACE = 4
CVX = 8  # hepatitis B, paediatric
NOWHERE = "0x" + "ab" * 32
NOBODY = "0x" + "00" * 20


class Step(NamedTuple):
    min_age: int = 0
    min_interval: int = 0
    due: int = 0
    overdue: int = 0


# As for hepatitis B: at birth, one month later, five months after that.
STEPS = (Step(0, 0, 0, 28), Step(28, 28, 30, 60), Step(168, 56, 150, 390))


class Dose(NamedTuple):
    shipment: str
    clinic: str
    patient: str
    schedule: str
    step: int
    day: int
    voided: bool


class Next(NamedTuple):
    next: int
    earliest: int = 0
    due: int = 0
    overdue: int = 0


def schedule_id(vaccine, steps) -> str:
    inner = web3.keccak(encode(["uint16", "(uint16,uint16,uint16,uint16)[]"], [vaccine, list(steps)]))
    return web3.keccak(encode(["bytes32", "bytes32"], [web3.keccak(text="salus.schedule"), inner])).to_0x_hex()


def dose_id(patient, schedule, number) -> str:
    kind = web3.keccak(text="salus.dose")
    fields = encode(
        ["bytes32", "address", "bytes32", "uint32"], [kind, str(patient), bytes.fromhex(str(schedule)[2:]), number]
    )
    return web3.keccak(fields).to_0x_hex()


def device(ref: bytes) -> str:
    """The account of a logger of its own for each shipment."""
    return Account.from_key(keccak(text=f"salus dose test: {ref.hex()}")).address


def today() -> int:
    return now() // DAY


def on(day: int) -> None:
    """Let it be noon of a day, which lies ahead or is today."""
    at(max(day * DAY + DAY // 2, now() + 1))
    assert today() == day


def acceptance(coldchain, shipment, receiver, key, deadline=2**40 - 1):
    """What `hand` takes from the receiver: the handover, and its key's signature over it."""
    held = coldchain.shipment(shipment)
    types = {
        "Acceptance": [
            {"name": "shipment", "type": "bytes32"},
            {"name": "from", "type": "address"},
            {"name": "to", "type": "address"},
            {"name": "since", "type": "uint32"},
            {"name": "deadline", "type": "uint40"},
            {"name": "hoursAllowed", "type": "uint16"},
            {"name": "seal", "type": "bytes32"},
            {"name": "vvm", "type": "uint8"},
            {"name": "shake", "type": "uint8"},
        ]
    }
    message = {
        "shipment": str(shipment),
        "from": held["holder"],
        "to": str(receiver),
        "since": held["since"],
        "deadline": deadline,
        "hoursAllowed": 0,
        "seal": bytes(32),
        "vvm": 1,
        "shake": 0,
    }
    domain = {
        "name": "Salus Cold Chain",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": coldchain.address,
    }
    signature = bytes(key.sign_typed_data(domain, types, message).signature)
    terms = int(str(receiver), 16) | deadline << 160 | message["vvm"] << 216
    return (str(shipment), terms, bytes(32)), signature
