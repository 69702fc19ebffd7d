"""Handing a shipment on: what the giver and the receiver sign, and the file that passes between them.

The giver signs an offer, the receiver an acceptance of it; whoever sends the transaction needs no signature of its own.
Both bind the holder and the minute since when it holds, so no signature serves twice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from salus.errors import BadInput
from salus.keys.addresses import address as checked_address
from salus.keys.typed_data import Domain, TypedData

if TYPE_CHECKING:
    from salus.keys.signers import Signer

__all__ = ["EPOCH", "Handed", "Handover", "Shake", "handed", "read_handover", "seal_of", "write_handover"]

#: ``Shipment.since`` counts minutes from here: 2025-01-01 00:00 UTC.
EPOCH = 1_735_689_600

_FIELDS = "bytes32 shipment,address from,address to,uint32 since,uint40 deadline,uint16 hoursAllowed,bytes32 seal"
_OFFER = f"Offer({_FIELDS})"
_ACCEPTANCE = f"Acceptance({_FIELDS},uint8 vvm,uint8 shake)"
_KIND = "salus.handover"
_LONGEST = 8_760  # hours


class Shake(IntEnum):
    """The shake test of freeze-sensitive vaccine."""

    NOT_DONE = 0
    PASSED = 1
    FAILED = 2


@dataclass(frozen=True)
class Handover:
    """What passes from the holder to the next one.

    Args:
        shipment: 32 bytes.
        giver: The holder, an institution.
        to: The account that signs or sends for the receiver: an institution or its operator.
        since: The giver's own, minutes after :data:`EPOCH`.
        deadline: Last second at which a signature counts.
        hours_allowed: Hours in which the receiver must hand it on, 0: it stays.
        seal: Commitment to the seal's number (:func:`seal_of`), zeros without one.
        vvm: Stage of the vial monitor that the receiver sees, 1 to 4; 0 not read.
        shake: The receiver's shake test.
        offer: The giver's signature, None where it has not signed.
        acceptance: The receiver's, None where it has not signed.
        seal_number: What the seal says; passes between the parties only, never to the chain.
        seal_salt: What makes its commitment secret, 32 bytes.
    """

    shipment: bytes
    giver: str
    to: str
    since: int
    deadline: int
    hours_allowed: int = 0
    seal: bytes = bytes(32)
    vvm: int = 0
    shake: Shake = Shake.NOT_DONE
    offer: bytes | None = None
    acceptance: bytes | None = None
    seal_number: str = ""
    seal_salt: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.deadline < 1 << 40:
            raise BadInput("", "deadline", f"is {self.deadline}; give Unix seconds of at most 40 bits")
        if not 0 <= self.hours_allowed <= _LONGEST:
            raise BadInput("", "hoursAllowed", f"is {self.hours_allowed}; give 0 to {_LONGEST:,} hours")
        if not 0 <= self.vvm <= 4:
            raise BadInput("", "vvm", f"is {self.vvm}; the stages of a vial monitor are 1 to 4, 0 for not read")

    def struct(self) -> tuple[Any, ...]:
        """The struct ``IColdChain.Handover``."""
        seen = self.vvm << 216 | int(self.shake) << 224
        return self.shipment, int(self.to, 16) | self.deadline << 160 | self.hours_allowed << 200 | seen, self.seal

    def offered(self, giver: Signer, domain: Domain) -> Handover:
        """The same, signed by the holder or its operator."""
        return dataclasses.replace(self, offer=giver.sign_typed(TypedData(_OFFER, domain, self._common())))

    def accepted(self, receiver: Signer, domain: Domain, *, vvm: int = 0, shake: Shake = Shake.NOT_DONE) -> Handover:
        """The same with what the receiver saw, signed by it.

        Raises:
            BadInput: It was offered to another account.
        """
        if receiver.address != self.to:
            raise BadInput(
                "", "to", f"is {self.to}, and {receiver.address} would sign; ask for an offer to that account"
            )
        seen = dataclasses.replace(self, vvm=vvm, shake=shake)
        message = {**seen._common(), "vvm": vvm, "shake": int(shake)}
        return dataclasses.replace(seen, acceptance=receiver.sign_typed(TypedData(_ACCEPTANCE, domain, message)))

    def _common(self) -> dict[str, Any]:
        return {
            "shipment": self.shipment,
            "from": self.giver,
            "to": self.to,
            "since": self.since,
            "deadline": self.deadline,
            "hoursAllowed": self.hours_allowed,
            "seal": self.seal,
        }


class Handed(NamedTuple):
    """What an event ``ShipmentHanded`` says in one word.

    Args:
        since: The receiver's own, minutes after :data:`EPOCH`.
        due: From when on it is overdue, Unix seconds; 0 while no time is set.
        vvm, shake: What the receiver saw, see :class:`Handover`.
    """

    since: int
    due: int
    vvm: int
    shake: Shake


def handed(terms: int) -> Handed:
    """Read the word ``terms`` of an event ``ShipmentHanded``."""
    return Handed(terms & 0xFFFFFFFF, terms >> 32 & 0xFFFFFFFFFF, terms >> 72 & 0xFF, Shake(terms >> 80 & 0xFF))


def seal_of(number: str, salt: bytes | None = None) -> tuple[bytes, bytes]:
    """A commitment to a seal's number or another short text, and the salt that it is secret by; see
    :func:`salus.accesses.commit`.
    """
    from salus.formats.commitments import commit

    return commit(number.encode(), salt)


# ------------------------------------------------------------------------------------------------------------- the file


def write_handover(path: str | Path, handover: Handover, domain: Domain) -> None:
    """Write the file that passes between the parties; readable by its owner alone, since it may name a seal."""
    from salus.formats.json_file import dump_json
    from salus.keys.keystores import write_private

    write_private(
        Path(path),
        dump_json(
            {
                "kind": _KIND,
                "chainId": domain.chain_id,
                "contract": domain.contract,
                "shipment": "0x" + handover.shipment.hex(),
                "from": handover.giver,
                "to": handover.to,
                "since": handover.since,
                "deadline": handover.deadline,
                "hoursAllowed": handover.hours_allowed,
                "seal": "0x" + handover.seal.hex(),
                "vvm": handover.vvm,
                "shake": handover.shake.name.lower().replace("_", " "),
                "offer": _hex(handover.offer),
                "acceptance": _hex(handover.acceptance),
                "sealNumber": handover.seal_number,
                "sealSalt": handover.seal_salt.hex(),
            }
        ),
    )


def read_handover(path: str | Path, domain: Domain) -> Handover:
    """Read such a file, and check that it is for this contract and that the seal's number fits its commitment.

    Raises:
        BadInput: It is not one, is for another chain, or was changed.
    """
    from salus.formats.json_file import parse_json, read_text

    content = parse_json(read_text(path), str(path))
    if not isinstance(content, Mapping) or content.get("kind") != _KIND:
        raise BadInput(path, "kind", f"is not {_KIND}; give a file that `salus shipment hand` or `accept` wrote")
    if (content.get("chainId"), str(content.get("contract")).lower()) != (domain.chain_id, domain.contract.lower()):
        raise BadInput(
            path, "chainId", f"or contract is another one than chain {domain.chain_id}'s; use its --rpc and --book"
        )
    names = {shake.name.lower().replace("_", " "): shake for shake in Shake}
    if content.get("shake") not in names:
        raise BadInput(path, "shake", f"is unknown; it is one of {', '.join(names)}")
    try:
        found = Handover(
            shipment=_bytes(content, "shipment", 32, path),
            giver=checked_address(content.get("from"), "from", str(path)),
            to=checked_address(content.get("to"), "to", str(path)),
            since=_int(content, "since", 25, path),
            deadline=_int(content, "deadline", 40, path),
            hours_allowed=_int(content, "hoursAllowed", 16, path),
            seal=_bytes(content, "seal", 32, path),
            vvm=_int(content, "vvm", 8, path),
            shake=names[content["shake"]],
            offer=_signature(content, "offer", path),
            acceptance=_signature(content, "acceptance", path),
            seal_number=str(content.get("sealNumber", "")),
            seal_salt=bytes.fromhex(str(content.get("sealSalt", ""))),
        )
    except ValueError as trouble:
        if isinstance(trouble, BadInput):
            raise
        raise BadInput(path, "sealSalt", "is not hex; give the file as it was written") from None
    if found.seal_number and (
        len(found.seal_salt) != 32 or seal_of(found.seal_number, found.seal_salt)[0] != found.seal
    ):
        raise BadInput(
            path, "sealNumber", "does not fit the commitment that was signed; look at the seal, and ask the giver"
        )
    return found


def _hex(signature: bytes | None) -> str | None:
    return None if signature is None else "0x" + signature.hex()


def _signature(content: Mapping[str, Any], field: str, path: str | Path) -> bytes | None:
    return None if content.get(field) is None else _bytes(content, field, 65, path)


def _bytes(content: Mapping[str, Any], field: str, length: int, path: str | Path) -> bytes:
    text = content.get(field)
    try:
        value = bytes.fromhex(text.removeprefix("0x")) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    if len(value) != length:
        raise BadInput(path, field, f"is not 0x and {2 * length} hex digits; give the file as it was written")
    return value


def _int(content: Mapping[str, Any], field: str, bits: int, path: str | Path) -> int:
    value = content.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << bits:
        raise BadInput(path, field, "is no such number; give the file as it was written")
    return value
