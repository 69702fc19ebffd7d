"""Temperature loggers as things: devices, their calibration and condition, and the makers' keys that prove a file.

What a logger wrote is read by :mod:`salus.coldchain.loggers`; what its readings amount to is :mod:`salus.coldchain`'s.
Times are Unix seconds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from salus.abi.hashing import keccak
from salus.errors import BadAnswer, BadInput
from salus.keys.addresses import address as checked_address

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.chain.receipts import Receipt
    from salus.institutions.registry import Institutions

__all__ = ["Condition", "Device", "Devices", "Model", "SignedFile", "commit_serial"]

_ZERO = "0x" + "0" * 40
_NOTHING = bytes(32)


class Condition(IntEnum):
    """What became of a device; only what is in service may be paired with a shipment."""

    NONE = 0
    IN_SERVICE = 1
    LOST = 2
    REPLACED = 3
    RETIRED = 4

    @property
    def words(self) -> str:
        """For people."""
        return ("never registered", "in service", "lost", "replaced", "retired")[self]


@dataclass(frozen=True)
class Device:
    """A device: the account that signs its readings.

    Args:
        account: Its account.
        owner: Institution that registered it.
        model: Number of its model, None when it is of none that signs.
        accuracy: Largest error within its range, 0.01 °C.
        calibrated_until: First second at which its calibration no longer holds, None while it never did.
        condition: What became of it.
        since: When the condition began.
    """

    account: str
    owner: str
    model: int | None
    accuracy: int
    calibrated_until: int | None
    condition: Condition
    since: int


@dataclass(frozen=True)
class Model:
    """A model of loggers whose maker signs its files.

    Args:
        number: From 1.
        name: keccak-256 of the model's public name, 0x-hex.
        x, y: The maker's P-256 key, 32 bytes each, big-endian.
        trusted: Whether new files are accepted.
    """

    number: int
    name: str
    x: bytes
    y: bytes
    trusted: bool


class SignedFile(Protocol):
    """A maker's signature over a file, each value 32 bytes, big-endian; s is at most half the order of P-256."""

    @property
    def digest(self) -> bytes: ...
    @property
    def r(self) -> bytes: ...
    @property
    def s(self) -> bytes: ...
    @property
    def x(self) -> bytes: ...
    @property
    def y(self) -> bytes: ...


def commit_serial(serial: str, salt: bytes | None = None) -> tuple[bytes, bytes]:
    """A commitment to a serial number, and its salt: the chain gets the first, the owner keeps both.

    Args:
        serial: As it stands on the device.
        salt: 32 bytes; random unless given, to open an old commitment again.
    """
    from eth_abi.abi import encode

    salt = secrets.token_bytes(32) if salt is None else salt
    return keccak(encode(["bytes32", "bytes32", "string"], [keccak(text="salus.serial"), salt, serial])), salt


class Devices:
    """The contract ``Loggers`` as the client's signer uses it; ``salus.devices``."""

    def __init__(self, ledger: Ledger, institutions: Institutions) -> None:
        self._ledger = ledger
        self._institutions = institutions

    @property
    def _f(self) -> Any:
        return self._ledger.contract("Loggers").functions

    # ---- devices -------------------------------------------------------------------------------------------------

    def register(self, device: str, *, accuracy: int, model: int | None = None, serial: bytes = _NOTHING) -> Receipt:
        """Register a device of the signer's institution; its account is licensed as a logger of it already.

        Args:
            device: Its account (see :meth:`salus.institutions.Institutions.set_operator`, role LOGGER).
            accuracy: Largest error within its range, 0.01 °C.
            model: Number of its model, None when it is of none that signs.
            serial: From :func:`commit_serial`.

        Raises:
            Refused: ``NotADevice``, ``DeviceExists``, ``UnknownModel``, ``NotLicensed``.
        """
        return self._ledger.send(self._f.register(checked_address(device, "device"), model or 0, accuracy, serial))

    def calibrate(self, device: str, until: int, certificate: bytes) -> Receipt:
        """State until when a device's calibration holds; the signer acts for a laboratory.

        Args:
            device: Its account.
            until: First second at which it no longer holds.
            certificate: Hash of the certificate, 32 bytes.
        """
        return self._ledger.send(self._f.calibrate(checked_address(device, "device"), until, certificate))

    def set_condition(self, device: str, condition: Condition, *, successor: str | None = None) -> Receipt:
        """Say what became of a device; the signer acts for its owner.

        Args:
            device: Its account.
            condition: Nothing comes back from ``REPLACED`` or ``RETIRED``; what was lost may be found.
            successor: With ``REPLACED``: the device that takes its place.
        """
        other = _ZERO if successor is None else checked_address(successor, "successor")
        return self._ledger.send(self._f.setCondition(checked_address(device, "device"), int(condition), other))

    def device(self, account: str) -> Device:
        """A device.

        Raises:
            BadInput: It was never registered.
        """
        target = checked_address(account, "device")
        found = self._ledger.call(self._f.device(target))
        if found.condition == Condition.NONE:
            raise BadInput(
                "", "device", f"{target} was never registered on this chain; `salus logger register` does it"
            )
        return _device(target, found)

    def all(self, owner: str | None = None) -> tuple[Device, ...]:
        """Every device, or those of one owner (account or name), in the order of registration."""
        where = None if owner is None else {"owner": self._institutions.resolve(owner)}
        accounts = [event.args["device"] for event in self._ledger.logs("Loggers", "DeviceRegistered", where)]
        found = self._ledger.calls("Loggers", "device", [(account,) for account in accounts])
        return tuple(map(_device, accounts, found))

    # ---- models and their files ----------------------------------------------------------------------------------

    def accredit_model(self, name: str, x: bytes, y: bytes) -> int:
        """Accredit a maker's key; the signer is the regulator's rule maker. Gives the model's number.

        Args:
            name: The model's public name; the chain gets its hash.
            x, y: The key, 32 bytes each, big-endian.

        Raises:
            Refused: ``InvalidKey``, ``AccessManagedUnauthorized``.
        """
        receipt = self._ledger.send(self._f.accreditModel(keccak(text=name), x, y))
        events = receipt.events("ModelAccredited")
        if len(events) != 1:
            raise BadAnswer(
                f"{receipt.hash} has {len(events)} events ModelAccredited, not one; look at the chain itself"
            )
        return int(events[0].args["model"])

    def distrust_model(self, model: int) -> Receipt:
        """Take no further file of a model; the signer is the regulator's rule maker. What was proven stays."""
        return self._ledger.send(self._f.distrustModel(model))

    def model(self, number: int) -> Model:
        """A model.

        Raises:
            BadInput: There is none of this number.
        """
        found = self._ledger.call(self._f.model(number))
        if not any(bytes(found.x)):
            raise BadInput(
                "", "model", f"{number} is unknown on this chain; `salus logger model` lists those there are"
            )
        return Model(number, "0x" + bytes(found.name).hex(), bytes(found.x), bytes(found.y), found.trusted)

    def models(self) -> tuple[Model, ...]:
        """Every model, in the order of accreditation."""
        return tuple(self.model(event.args["model"]) for event in self._ledger.logs("Loggers", "ModelAccredited"))

    def model_of(self, file: SignedFile) -> Model:
        """The model whose key a file names; of several the last one that is trusted.

        Raises:
            BadInput: No model of this key was accredited.
        """
        same = [model for model in self.models() if (model.x, model.y) == (file.x, file.y)]
        if not same:
            raise BadInput(
                "",
                "Public Key",
                f"0x{file.x.hex()[:16]}… is of no accredited model; the regulator accredits one: `salus logger model`",
            )
        return max(same, key=lambda model: (model.trusted, model.number))

    def prove_file(self, file: SignedFile, *, model: int | None = None) -> Receipt:
        """Prove that a maker signed a file, once for all; anyone may.

        It proves the model, never the unit, and not that the readings sent to the chain are the file's: whoever has the
        file can compare.

        Args:
            file: From :func:`salus.coldchain.loggers.file_proof`.
            model: Number of the model; by default the one of the file's key.

        Raises:
            Refused: ``InvalidFileSignature``, ``ModelNotTrusted``, ``UnknownModel``.
        """
        number = self.model_of(file).number if model is None else model
        return self._ledger.send(self._f.proveFile(file.digest, number, file.r, file.s))

    def proven_by(self, digest: bytes) -> int | None:
        """Number of the model whose key signed a file, None while nobody proved it."""
        return self._ledger.call(self._f.provenBy(digest)) or None


def _device(account: str, found: Any) -> Device:
    return Device(
        account=account,
        owner=found.owner,
        model=found.model or None,
        accuracy=found.accuracy,
        calibrated_until=found.calibratedUntil or None,
        condition=Condition(found.condition),
        since=found.since,
    )
