"""The cold chain on a real chain, driven by what its prose promises: devices that sign, stories asked for in one
call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from brownie import web3
from eth_utils import keccak

from tests.conftest import LABORATORY, LOGGER, MANUFACTURER
from tests.reference.judge import Profile
from tests.reference.typed import READINGS, Domain, digest
from tests.support.plain_accounts import DAY, secret
from tests.support.random_series import Load
from tests.support.rpc_batch import Call, FastContract, RpcBatch

__all__ = ["FOR_EVER", "GTIN", "Answer", "ColdChainDriver", "Line"]

#: A GTIN-14 with its check digit; its company prefix are the seven digits after the first.
GTIN = 4_006_381_333_931
PREFIX, PREFIX_DIGITS = 4_006_381, 7
FOR_EVER = 2**40 - 1

Answer = tuple[bool, Any]
Line = tuple[FastContract, str, tuple[Any, ...]]


class ColdChainDriver:
    """One manufacturer, one laboratory, two devices, and lots of random profiles.

    Stories are sent by a contract that is the manufacturer's operator, so that a whole story is one call to the node.
    A story's line is (who sends, method, arguments): the manufacturer or, as ``laboratory``, that.
    """

    def __init__(self, deployed_contracts: dict[str, Any], people: Any, containers: Any) -> None:
        self.people, self.deployed_contracts = people, deployed_contracts
        self.rpc_batch = RpcBatch(web3.provider.endpoint_uri)
        self.coldchain, self.lots, self.loggers = (
            FastContract(deployed_contracts[name]) for name in ("ColdChain", "Lots", "Loggers")
        )
        self.institutions = FastContract(deployed_contracts["Institutions"])
        self.began = self.rpc_batch.now()
        until = self.began + 1_000 * DAY
        self.bundle = FastContract(containers.Bundle.deploy({"from": people.stranger}))
        institutions = deployed_contracts["Institutions"]
        institutions.setOperator(self.bundle.address, MANUFACTURER, until, {"from": people.manufacturer})
        # Another one is the laboratory's operator: a story's line for it goes through both.
        self.laboratory = FastContract(containers.Bundle.deploy({"from": people.stranger}))
        institutions.setOperator(self.laboratory.address, LABORATORY, until, {"from": people.laboratory})
        self.equip("device")
        deployed_contracts["Lots"].assignPrefix(PREFIX, PREFIX_DIGITS, people.manufacturer, {"from": people.regulator})
        self.domain = Domain(deployed_contracts["ColdChain"].eip712Domain())
        self._lots = 0

    # ---- what stands on the chain ------------------------------------------------------------------------------------

    def equip(self, name: str) -> None:
        """Put two new devices into service, calibrated for a thousand days from the beginning."""
        self.devices = [secret(f"{name} {number}") for number in range(2)]
        until, owner, laboratory = self.began + 1_000 * DAY, self.people.logger, self.people.laboratory
        for device in self.devices:
            serial = keccak(text=device.address)
            receipts = self.rpc_batch.send([
                self.institutions.call(owner, "setOperator", device.address, LOGGER, until),
                self.loggers.call(owner, "register", device.address, 0, 50, serial),
                self.loggers.call(laboratory, "calibrate", device.address, until, b"\1" * 32),
            ])  # fmt: skip
            assert all(receipt.succeeded for receipt in receipts), name

    def lot(self, profile: Profile, *, expires_at: int, units: int = 1_000_000) -> bytes:
        """A new lot of a new profile, made two thousand days ago; profiles that exist are used again."""
        terms = profile.terms()
        call = self.lots.call(self.people.regulator, "registerProfile", terms)
        known = self.rpc_batch.error(call, self.lots.abi)
        if known:
            name, (profile_id,) = known
            assert name == "ProfileExists", known
        else:
            profile_id = self.lots.read("registerProfile", self.rpc_batch.ask([call])[0])
            (receipt,) = self.rpc_batch.send([call])
            assert receipt.succeeded, profile
        self._lots += 1
        number = f"LOT{self._lots}".encode().ljust(32, b"\0")
        lot = (str(self.people.manufacturer), GTIN, number, self.began - 2_000 * DAY, expires_at, units)
        call = self.lots.call(self.people.manufacturer, "registerLot", (*lot, profile_id, bytes(32)), PREFIX_DIGITS)
        lot_id = self.lots.read("registerLot", self.rpc_batch.ask([call])[0])
        (receipt,) = self.rpc_batch.send([call])
        assert receipt.succeeded, profile
        return lot_id

    # ---- stories -----------------------------------------------------------------------------------------------------

    def line(self, method: str, *args: Any, by: FastContract | None = None) -> Line:
        return by or self.bundle, method, args

    def ask(self, stories: Sequence[Sequence[Line]]) -> Iterator[tuple[int, list[Answer]]]:
        """What would come of each story, begun from the chain as it is.

        Yields:
            The second at which it is told, and for each line whether it passed, with what it answered, or the custom
            error as (name, arguments).
        """
        for story, raw in zip(stories, self.rpc_batch.ask([self._told(story) for story in stories]), strict=True):
            at, passed, answers = self.bundle.read("all", raw)
            heard = zip(story, passed, answers, strict=True)
            yield at, [self._heard(line, ok, answer) for line, ok, answer in heard]

    def _told(self, story: Sequence[Line]) -> Call:
        to, data = [], []
        for sender, method, args in story:
            call = self.coldchain.call(sender.address, method, *args)
            if sender is not self.bundle:
                call = sender.call(self.bundle.address, "all", [call.to], [bytes.fromhex(call.data[2:])])
            to.append(call.to)
            data.append(bytes.fromhex(call.data[2:]))
        return self.bundle.call(self.people.stranger, "all", to, data)

    def _heard(self, line: Line, passed: bool, answer: bytes) -> Answer:
        sender, method, _ = line
        if sender is not self.bundle:
            _, (passed,), (answer,) = sender.read("all", answer)
        if passed:
            return True, self.coldchain.read(method, answer)
        for contract in (self.coldchain, self.lots, self.loggers):
            with suppress(LookupError):
                return False, contract.refusal(answer)
        raise LookupError(f"{method} reverted with {answer.hex()}")

    def ids(self, opened: Sequence[tuple[bytes, bytes]], units: int = 1) -> list[bytes]:
        """The ids that shipments would have, by lot and reference."""
        stories = [[self.opening(lot, ref, units)] for lot, ref in opened]
        answers = [heard[0] for _, heard in self.ask(stories)]
        for passed, answer in answers:
            assert passed, answer
        return [answer for _, answer in answers]

    def opening(self, lot: bytes, ref: bytes, units: int = 1, hours: int = 0) -> Line:
        return self.line("open", lot, ref, units, hours, bytes(32), bytes(32))

    def pairing(self, shipment: bytes, start: int, device: int = 0, end: int = FOR_EVER) -> Line:
        return self.line("pair", shipment, self.devices[device].address, start, end, 0)

    def logging(
        self, shipment: bytes, load: Load, sequence: int, previous: bytes, device: int = 0, **changes: Any
    ) -> tuple[Line, bytes]:
        """The line that logs a batch as the device signs it, and the chain after it.

        ``changes``: ``header`` as a number, ``beyond`` for bits above it, ``signed`` as the fields that the device
        signs, ``data``, ``file``.
        """
        header = changes.get("signed", load.header(sequence))
        data, file = changes.get("data", load.data()), changes.get("file", bytes(32))
        message = digest(self.domain, READINGS, (shipment, *header, previous, file, data))
        signature = bytes(self.devices[device].unsafe_sign_hash(message).signature)
        batch = (shipment, changes.get("header", header.word()) | changes.get("beyond", 0), file, data)
        return self.line("log", batch, signature), message[:16]
