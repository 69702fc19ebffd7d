"""The cold chain on a real chain, driven by what its prose promises: devices that sign, stories asked for in one call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from brownie import web3
from eth_utils import keccak

from tests.conftest import LABORATORY, LOGGER, MANUFACTURER
from tests.property.house import DAY, secret
from tests.property.trips import Load
from tests.property.wire import Face, Wire
from tests.reference.judge import Profile
from tests.reference.typed import READINGS, Domain, digest

__all__ = ["GTIN", "Answer", "Road"]

#: A GTIN-14 with its check digit; its company prefix are the seven digits after the first.
GTIN = 4_006_381_333_931
PREFIX, PREFIX_DIGITS = 4_006_381, 7
FOR_EVER = 2**40 - 1

Answer = tuple[bool, Any]


class Road:
    """One manufacturer, one laboratory, two devices, and lots of random profiles.

    Stories are sent by a contract that is the manufacturer's operator, so that a whole story is one call to the node.
    """

    def __init__(self, house: dict[str, Any], people: Any, containers: Any) -> None:
        self.people, self.house = people, house
        self.wire = Wire(web3.provider.endpoint_uri)
        self.coldchain, self.lots, self.loggers = (Face(house[name]) for name in ("ColdChain", "Lots", "Loggers"))
        self.began = self.wire.now()
        until = self.began + 1_000 * DAY
        self.bundle = Face(containers.Bundle.deploy({"from": people.stranger}))
        institutions = house["Institutions"]
        institutions.setOperator(self.bundle.address, MANUFACTURER, until, {"from": people.manufacturer})
        self.devices = [secret(f"device {number}") for number in range(2)]
        for number, device in enumerate(self.devices):
            institutions.setOperator(device.address, LOGGER, until, {"from": people.logger})
            serial = keccak(number.to_bytes(32, "big"))
            house["Loggers"].register(device.address, 0, 50, serial, {"from": people.logger})
            house["Loggers"].calibrate(device.address, until, b"\1" * 32, {"from": people.laboratory})
        house["Lots"].assignPrefix(PREFIX, PREFIX_DIGITS, people.manufacturer, {"from": people.regulator})
        self.domain = Domain(house["ColdChain"].eip712Domain())
        self._lots = 0

    def laboratory(self, containers: Any) -> Face:
        """Another bundle, which is the laboratory's operator."""
        bundle = Face(containers.Bundle.deploy({"from": self.people.stranger}))
        self.house["Institutions"].setOperator(
            bundle.address, LABORATORY, self.began + 1_000 * DAY, {"from": self.people.laboratory}
        )
        return bundle

    # ---- what stands on the chain ------------------------------------------------------------------------------------

    def lot(self, profile: Profile, *, expires_at: int, units: int = 1_000_000) -> bytes:
        """A new lot of a new profile, made two thousand days ago; profiles that exist are used again."""
        terms = profile.terms()
        call = self.lots.call(self.people.regulator, "registerProfile", terms)
        known = self.wire.error(call, self.lots.abi)
        if known:
            name, (profile_id,) = known
            assert name == "ProfileExists", known
        else:
            profile_id = self.lots.read("registerProfile", self.wire.ask([call])[0])
            (receipt,) = self.wire.send([call])
            assert receipt.succeeded, profile
        self._lots += 1
        number = f"LOT{self._lots}".encode().ljust(32, b"\0")
        lot = (str(self.people.manufacturer), GTIN, number, self.began - 2_000 * DAY, expires_at, units)
        call = self.lots.call(self.people.manufacturer, "registerLot", (*lot, profile_id, bytes(32)), PREFIX_DIGITS)
        lot_id = self.lots.read("registerLot", self.wire.ask([call])[0])
        (receipt,) = self.wire.send([call])
        assert receipt.succeeded, profile
        return lot_id

    # ---- stories -----------------------------------------------------------------------------------------------------

    def line(self, method: str, *args: Any) -> tuple[str, str, tuple[Any, ...]]:
        return self.coldchain.address, method, args

    def ask(self, stories: Sequence[Sequence[tuple]], sender: Face | None = None) -> Iterator[tuple[int, list[Answer]]]:
        """What would come of each story, begun from the chain as it is.

        Yields:
            The second at which it is told, and for each line whether it passed, with what it answered, or the custom
            error as (name, arguments).
        """
        calls = [self._told(story, sender) for story in stories]
        for story, raw in zip(stories, self.wire.ask(calls), strict=True):
            yield self._heard(story, raw)

    def tell(self, story: Sequence[tuple]) -> int:
        """Let a story happen, and return its second."""
        (receipt,) = self.wire.send([self._told(story, None)], gas=30_000_000)
        assert receipt.succeeded, story
        return receipt.time

    def _told(self, story: Sequence[tuple], sender: Face | None) -> Any:
        bundle = sender or self.bundle
        inner = [self.coldchain.call(bundle.address, method, *args) for _, method, args in story]
        data = [bytes.fromhex(call.data[2:]) for call in inner]
        return bundle.call(self.people.stranger, "all", [to for to, *_ in story], data)

    def _heard(self, story: Sequence[tuple], raw: bytes) -> tuple[int, list[Answer]]:
        at, passed, answers = self.bundle.read("all", raw)
        heard = []
        for (_, method, _), ok, answer in zip(story, passed, answers, strict=True):
            heard.append((ok, self.coldchain.read(method, answer) if ok else self.coldchain.refusal(answer)))
        return at, heard

    def ids(self, opened: Sequence[tuple[bytes, bytes]], units: int = 1) -> list[bytes]:
        """The ids that shipments would have, by lot and reference."""
        stories = [[self.opening(lot, ref, units)] for lot, ref in opened]
        answers = [heard[0] for _, heard in self.ask(stories)]
        for passed, answer in answers:
            assert passed, answer
        return [answer for _, answer in answers]

    def opening(self, lot: bytes, ref: bytes, units: int = 1, hours: int = 0) -> tuple:
        return self.line("open", lot, ref, units, hours, bytes(32), bytes(32))

    def pairing(self, shipment: bytes, start: int, device: int = 0, end: int = FOR_EVER) -> tuple:
        return self.line("pair", shipment, self.devices[device].address, start, end, 0)

    def logging(
        self, shipment: bytes, load: Load, sequence: int, previous: bytes, device: int = 0, **changes: Any
    ) -> tuple[tuple, bytes]:
        """The line that logs a batch as the device signs it, and the chain after it.

        ``changes``: ``header`` as a number, ``signed`` as the fields that the device signs, ``data``, ``file``.
        """
        header = changes.get("signed", load.header(sequence))
        data, file = changes.get("data", load.data()), changes.get("file", bytes(32))
        message = digest(self.domain, READINGS, (shipment, *header, previous, file, data))
        signature = bytes(self.devices[device].unsafe_sign_hash(message).signature)
        batch = (shipment, changes.get("header", header.word()), file, data)
        return self.line("log", batch, signature), message[:16]
