"""Words to say shipments with: profiles, lots, batches of readings, and a device that signs them by EIP-712."""

from typing import NamedTuple

from brownie import chain, web3
from eth_account import Account
from eth_utils import keccak

from tests.reference.judge import pack

MINUTE, HOUR, DAY = 60, 3_600, 86_400

# As IColdChain and ITemperatureRules number them.
ABOVE, BELOW = range(2)
SINGLE, CUMULATIVE = range(2)
NO_DISPOSITION, MOVING, QUARANTINED, SHREDDED = range(4)
NO_VERDICT, INTACT, EXCURSION, UNKNOWN, EXPIRED, DESTROYED = range(6)

GTIN = 4_006_381_333_931
MISSING = 0x7FFF
NO_LOWEST, NO_HIGHEST = 32_767, -32_768
NOBODY = "0x" + "00" * 20


class Profile(NamedTuple):
    """Hot from 8 °C in 30 minutes at a stretch or 60 in all, cold to 2 °C in 20 or 40; two hours may be unknown."""

    low: int = 200
    high: int = 800
    silence: int = HOUR
    unknown: int = 2 * HOUR
    rules: tuple = (
        (ABOVE, SINGLE, 801, 30),
        (ABOVE, CUMULATIVE, 801, 60),
        (BELOW, SINGLE, 199, 20),
        (BELOW, CUMULATIVE, 199, 40),
    )


class Lot(NamedTuple):
    manufacturer: str
    gtin: int
    number: bytes
    made_at: int
    expires_at: int
    units: int
    profile: str


class Batch(NamedTuple):
    shipment: str
    sequence: int
    start: int
    step: int
    count: int
    base: int
    data: bytes


class Judgement(NamedTuple):
    until: int
    batches: int
    readings: int
    lowest: int
    highest: int
    above: int
    below: int
    unknown: int
    breached: int


class Shipment(NamedTuple):
    lot: str
    holder: str
    offered_to: str
    logger: str
    units: int
    start: int
    breached_at: int
    disposition: int
    chain: str


def lot_number(text: str) -> bytes:
    return text.encode("ascii").ljust(32, b"\0")


def judgement(coldchain, shipment) -> Judgement:
    return Judgement(*coldchain.judgement(shipment))


def shipment_of(coldchain, shipment) -> Shipment:
    return Shipment(*coldchain.shipment(shipment))


def key(name: str):
    """A key that only this name leads to; a test's own, never worth anything."""
    return Account.from_key(keccak(text=f"salus cold chain test: {name}"))


# ---- readings --------------------------------------------------------------------------------------------------------

READINGS = {
    "Readings": [
        {"name": "shipment", "type": "bytes32"},
        {"name": "logger", "type": "address"},
        {"name": "sequence", "type": "uint24"},
        {"name": "start", "type": "uint40"},
        {"name": "step", "type": "uint16"},
        {"name": "count", "type": "uint16"},
        {"name": "base", "type": "int16"},
        {"name": "previous", "type": "bytes32"},
        {"name": "data", "type": "bytes"},
    ]
}


def a_batch(shipment, values, start, *, sequence=0, step=600, base=-4_000) -> Batch:
    """A batch as a device packs it."""
    return Batch(str(shipment), sequence, start, step, len(values), base, pack(values, base))


def signed(coldchain, batch: Batch, logger, previous, signer, **domain_changes):
    """What a device makes of a batch: the message's hash and its signature."""
    domain = {
        "name": "Salus Cold Chain",
        "version": "1",
        "chainId": chain.id,
        "verifyingContract": coldchain.address,
        **domain_changes,
    }
    message = {
        "shipment": batch.shipment,
        "logger": str(logger),
        "sequence": batch.sequence,
        "start": batch.start,
        "step": batch.step,
        "count": batch.count,
        "base": batch.base,
        "previous": previous,
        "data": batch.data,
    }
    return signer.sign_typed_data(domain, READINGS, message)


class Trip:
    """A shipment on its way, with the device that lies beside it.

    Attributes:
        id: The shipment.
        start: Start of monitoring.
        judged: The judgement as the last batch left it; `judgement` adds the silence since.
    """

    def __init__(self, coldchain, shipment, logger, device, sender):
        self.coldchain = coldchain
        self.id = str(shipment)
        self.logger = logger
        self.device = device
        self.sender = sender
        self.start = shipment_of(coldchain, shipment).start

    @property
    def judgement(self) -> Judgement:
        return judgement(self.coldchain, self.id)

    @property
    def shipment(self) -> Shipment:
        return shipment_of(self.coldchain, self.id)

    @property
    def verdict(self) -> int:
        return self.coldchain.verdict(self.id)

    def batch(self, *values, start=None, sequence=None, step=600, base=-4_000) -> Batch:
        """The next batch: directly after what is judged, unless told otherwise."""
        stored = self.judgement
        start = stored.until if start is None else start
        sequence = stored.batches if sequence is None else sequence
        return a_batch(self.id, list(values), start, sequence=sequence, step=step, base=base)

    def sign(self, batch: Batch, device=None, **domain_changes) -> bytes:
        previous = self.shipment.chain
        made = signed(self.coldchain, batch, self.logger, previous, device or self.device, **domain_changes)
        return bytes(made.signature)

    def log(self, *values, **terms):
        """Log the next batch; returns the transaction."""
        batch = self.batch(*values, **terms)
        return self.send(batch)

    def send(self, batch: Batch):
        """Log a batch as it is, signed by the device; `judged` is then the judgement without the silence since."""
        tx = self.coldchain.log(batch, self.sign(batch), {"from": self.sender})
        self.judged = Judgement(*tx.events["ReadingsLogged"]["judgement"])
        return tx


def word(text: str) -> str:
    """A bytes32 that stands for a text, as a shipment's reference."""
    return web3.keccak(text=text).to_0x_hex()
