"""Words to say shipments with: batches of readings, a device that signs them, and handovers that both parties sign
(EIP-712).
"""

from typing import NamedTuple

from brownie import chain, web3
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.support.lot_builders import ABOVE, BELOW, CUMULATIVE, DAY, HOUR, SINGLE, Profile  # noqa: F401

MINUTE = 60
YEAR_2025 = 1_735_689_600

# As IColdChain numbers them.
NO_DISPOSITION, ACTIVE, QUARANTINED, SHUT, SHREDDED = range(5)
NO_VERDICT, INTACT, EXCURSION, UNKNOWN, OVERDUE, EXPIRED, RECALLED, CLOSED, DESTROYED = range(9)
MKT, BUDGET, FORKED, BY_HAND = (1 << bit for bit in range(8, 12))

NO_LOWEST, NO_HIGHEST = 32_767, -32_768
NOBODY = "0x" + "00" * 20
NOTHING = "0x" + "00" * 32
NO_CHAIN = "0x" + "00" * 16


class Batch(NamedTuple):
    shipment: str
    header: int
    file: str
    data: bytes


class Handover(NamedTuple):
    shipment: str
    to: str
    deadline: int
    hours_allowed: int = 0
    vvm: int = 0
    shake: int = 0
    seal: str = NOTHING

    @property
    def struct(self) -> tuple[str, int, str]:
        """As IColdChain.Handover has it: the terms in one word, from the lowest bit."""
        fields = (
            (int(str(self.to), 16), 160),
            (self.deadline, 40),
            (self.hours_allowed, 16),
            (self.vvm, 8),
            (self.shake, 8),
        )
        terms, at = 0, 0
        for value, bits in fields:
            terms |= value << at
            at += bits
        return self.shipment, terms, self.seal


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


class Report(NamedTuple):
    verdict: int
    breached: int
    breached_at: int
    runs: tuple
    silence: int
    intact_until: int
    recall: int
    judgement: Judgement


class Shipment(NamedTuple):
    lot: str
    holder: str
    units: int
    since: int
    due: int
    disposition: int
    chain: str


def shipment_of(coldchain, shipment) -> Shipment:
    lot, *rest, chain_ = coldchain.shipment(shipment)
    return Shipment(str(lot), *rest, str(chain_))


def report_of(coldchain, shipment) -> Report:
    found = coldchain.report(shipment)
    return Report(*found[:3], tuple(found[3]), *found[4:7], Judgement(*found[7]))


def judgement_of_word(word: int) -> Judgement:
    """As IColdChain.ReadingsLogged has it, from the lowest bit."""
    told, at = {}, 0
    places = (
        ("lowest", 16), ("highest", 16), ("above", 32), ("below", 32), ("unknown", 32), ("breached", 16),
        ("until", 32), ("batches", 24), ("readings", 32),
    )  # fmt: skip
    for name, bits in places:
        told[name] = word >> at & (1 << bits) - 1
        at += bits
    assert word >> at == 0
    for name in ("lowest", "highest"):
        told[name] -= (told[name] >> 15) << 16
    return Judgement(**told)


def shipment_id(lot, holder, ref) -> str:
    """As Ids.sol makes it."""
    kind, raw = web3.keccak(text="salus.shipment"), [bytes.fromhex(text[2:]) for text in (lot, ref)]
    return web3.keccak(
        encode(["bytes32", "bytes32", "address", "bytes32"], [kind, raw[0], str(holder), raw[1]])
    ).to_0x_hex()


def key(name: str):
    """A key that only this name leads to; a test's own, never worth anything."""
    return Account.from_key(keccak(text=f"salus cold chain test: {name}"))


def word(text: str) -> str:
    """A bytes32 that stands for a text, as a shipment's reference."""
    return web3.keccak(text=text).to_0x_hex()


def minute(second: int) -> int:
    return (second - YEAR_2025) // MINUTE


# ---- readings --------------------------------------------------------------------------------------------------------


def header(sequence, start, step, count, base, width=16, resolution=1) -> int:
    """As IColdChain.Batch has it, from the lowest bit."""
    places = ((sequence, 24), (start, 40), (step, 16), (count, 16), (base & 0xFFFF, 16), (width, 8), (resolution, 8))
    word, at = 0, 0
    for value, bits in places:
        word |= value << at
        at += bits
    return word


def lanes(*codes, width=16) -> bytes:
    """Whole words of codes; what is missing at the end holds "no reading"."""
    missing = (1 << width - 1) - 1
    codes = [*codes, *[missing] * (-len(codes) % (256 // width))]
    return b"".join(code.to_bytes(width // 8, "big") for code in codes)


def packed(values, base, width=16, resolution=1) -> bytes:
    missing = (1 << width - 1) - 1
    return lanes(*(missing if v is None else (v - base) // resolution for v in values), width=width)


DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]
READINGS = [
    ("shipment", "bytes32"), ("sequence", "uint24"), ("start", "uint40"), ("step", "uint16"), ("count", "uint16"),
    ("base", "int16"), ("width", "uint8"), ("resolution", "uint8"), ("previous", "bytes16"), ("file", "bytes32"),
    ("data", "bytes"),
]  # fmt: skip
OFFER = [
    ("shipment", "bytes32"), ("from", "address"), ("to", "address"), ("since", "uint32"), ("deadline", "uint40"),
    ("hoursAllowed", "uint16"), ("seal", "bytes32"),
]  # fmt: skip
ACCEPTANCE = [*OFFER, ("vvm", "uint8"), ("shake", "uint8")]


def signature(coldchain, kind, fields, values, signer, **domain_changes) -> bytes:
    """A signature over named fields, made without the contract's help."""
    domain = {"name": "Salus Cold Chain", "version": "1", "chainId": chain.id, "verifyingContract": coldchain.address}
    types = {kind: [{"name": name, "type": type_} for name, type_ in fields]}
    message = dict(zip([name for name, _ in fields], values, strict=True))
    return bytes(signer.sign_typed_data({**domain, **domain_changes}, types, message).signature)


def sign_batch(coldchain, batch: Batch, previous, signer, **domain_changes) -> bytes:
    bits, fields, at = (24, 40, 16, 16, 16, 8, 8), [], 0
    for width in bits:
        fields.append(batch.header >> at & (1 << width) - 1)
        at += width
    fields[4] -= (fields[4] >> 15) << 16
    values = [batch.shipment, *fields, previous, batch.file, batch.data]
    return signature(coldchain, "Readings", READINGS, values, signer, **domain_changes)


def sign_offer(coldchain, h: Handover, signer, *, holder=None, since=None, **domain_changes) -> bytes:
    at = shipment_of(coldchain, h.shipment)
    since = at.since if since is None else since
    values = [h.shipment, str(holder or at.holder), str(h.to), since, h.deadline, h.hours_allowed, h.seal]
    return signature(coldchain, "Offer", OFFER, values, signer, **domain_changes)


def sign_acceptance(coldchain, h: Handover, signer, *, holder=None, since=None, **domain_changes) -> bytes:
    at = shipment_of(coldchain, h.shipment)
    since = at.since if since is None else since
    head = [h.shipment, str(holder or at.holder), str(h.to), since, h.deadline, h.hours_allowed, h.seal]
    return signature(coldchain, "Acceptance", ACCEPTANCE, [*head, h.vvm, h.shake], signer, **domain_changes)


class Trip:
    """A shipment on its way, with the device that lies beside it.

    Attributes:
        id: The shipment.
        start: Start of monitoring.
        judged: The judgement as the last batch left it; `judgement` adds the silence since.
    """

    def __init__(self, coldchain, shipment, device, sender, start):
        self.coldchain, self.id, self.device, self.sender, self.start = coldchain, str(shipment), device, sender, start

    @property
    def report(self) -> Report:
        return report_of(self.coldchain, self.id)

    @property
    def judgement(self) -> Judgement:
        return self.report.judgement

    @property
    def shipment(self) -> Shipment:
        return shipment_of(self.coldchain, self.id)

    @property
    def verdict(self) -> int:
        return self.coldchain.verdict(self.id)

    def batch(
        self, *values, start=None, sequence=None, step=600, base=-4_000, width=16, resolution=1, file=NOTHING
    ) -> Batch:
        """The next batch: directly after what is judged, unless told otherwise."""
        stored = self.judgement
        start = stored.until if start is None else start
        sequence = stored.batches if sequence is None else sequence
        head = header(sequence, start, step, len(values), base, width, resolution)
        return Batch(self.id, head, file, packed(values, base, width, resolution))

    def raw(self, count, *codes, base=-4_000, width=16, resolution=1, step=600, start=None) -> Batch:
        """A batch of codes as they are."""
        stored = self.judgement
        head = header(stored.batches, stored.until if start is None else start, step, count, base, width, resolution)
        return Batch(self.id, head, NOTHING, lanes(*codes, width=width))

    def sign(self, batch: Batch, device=None, **domain_changes) -> bytes:
        return sign_batch(self.coldchain, batch, self.shipment.chain, device or self.device, **domain_changes)

    def log(self, *values, **terms):
        """Log the next batch; returns the transaction."""
        return self.send(self.batch(*values, **terms))

    def send(self, batch: Batch):
        """Log a batch as it is, signed by the device; `judged` is then the judgement without the silence since."""
        tx = self.coldchain.log(batch, self.sign(batch), {"from": self.sender})
        self.judged = judgement_of_word(tx.events["ReadingsLogged"]["judgement"])
        return tx
