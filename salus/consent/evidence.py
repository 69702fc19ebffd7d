"""Evidence of uses while the chain cannot be reached: a signed file that is recorded later.

::

    {"salus": "evidence of uses", "version": 1, "chainId": 31337, "contract": "0x…", "actor": "0x…",
     "madeAt": 1800000000, "uses": [{"patient": "0x…", "purposes": ["TREAT"], "categories": ["Observation"],
     "record": "0x…", "emergency": 0, "usedAt": 1799999990}], "signature": "0x…"}

>>> kept = sign_evidence(uses, signer, made_at, chain_id, contract)                     # doctest: +SKIP
>>> save_evidence(kept, "outage.json")                                              # doctest: +SKIP
>>> record_evidence(hospital.accesses, load_evidence("outage.json"), hospital)      # doctest: +SKIP

The signature binds what was written down before the chain could be asked: whoever changes the file later, or adds a
use to it, needs the clinician's key. It proves no time; the file is dated by who keeps it. Times are those of the
clock of the machine that made it. It links patients to an institution: only its owner can read it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from salus.consent import codes
from salus.consent.access_model import Access, Recording
from salus.errors import BadInput
from salus.formats.json_file import expect_kind, parse_json, read_text, write_new
from salus.keys.addresses import address
from salus.keys.typed_data import Domain, TypedData, recover

if TYPE_CHECKING:
    from salus.chain.ledger import Ledger
    from salus.consent.access_log import Accesses
    from salus.keys.signers import Signer

__all__ = ["Evidence", "load_evidence", "record_evidence", "save_evidence", "sign_evidence"]

_KIND = (
    "Evidence(address actor,uint40 madeAt,Use[] uses)"
    "Use(address patient,uint32 purpose,uint56 categories,bytes32 record,uint32 emergency,uint40 usedAt)"
)
_FIELDS = ("salus", "version", "chainId", "contract", "actor", "madeAt", "uses", "signature")
_USE = ("patient", "purposes", "categories", "record", "emergency", "usedAt")
_MOST = 10_000  # uses in a file
_BATCH = 50  # uses in a transaction


@dataclass(frozen=True)
class Evidence:
    """What was used while the chain could not be asked.

    Attributes:
        actor: Who used it, and signed this.
        made_at: When the file was made, by that machine's clock.
        uses: Each with its time.
        chain_id: The chain on which they are recorded.
        contract: The ``AccessLog`` there.
        signature: 65 bytes.
    """

    actor: str
    made_at: int
    uses: tuple[Access, ...]
    chain_id: int
    contract: str
    signature: bytes = b""

    def typed(self) -> TypedData:
        """What is signed.

        Raises:
            BadInput: A value is out of range, or a use has no time.
        """
        message = {"actor": self.actor, "madeAt": self.made_at, "uses": [_words(use) for use in self.uses]}
        return TypedData(_KIND, Domain("Salus AccessLog", "1", self.chain_id, self.contract), message)


def sign_evidence(uses: Iterable[Access], signer: Signer, made_at: int, chain_id: int, contract: str) -> Evidence:
    """Sign uses that are recorded later; no node is needed.

    Args:
        uses: Each with its time (``used_at``).
        signer: Who used them.
        made_at: Now, by this machine's clock.
        chain_id: Of the address book.
        contract: The ``AccessLog`` of the address book.

    Raises:
        BadInput: None, one without its time or with a later one, or a malformed one.
    """
    given = tuple(uses)
    draft = Evidence(signer.address, made_at, given, chain_id, address(contract, "contract"))
    _check(draft, "")
    return replace(draft, signature=signer.sign_typed(draft.typed()))


def record_evidence(accesses: Accesses, evidence: Evidence, ledger: Ledger) -> tuple[Recording, ...]:
    """Record the uses of a file that are not on the chain yet, in tolerant batches, as late uses.

    Args:
        accesses: Of a client whose signer acts for the same institution.
        evidence: A file that was loaded.
        ledger: The same client.

    Raises:
        BadInput: It is for another chain or contract.
        Refused: ``NotLicensed``.
    """
    if (evidence.chain_id, evidence.contract) != (ledger.chain_id, ledger.book["AccessLog"].address):
        raise BadInput("evidence", "contract", f"is {evidence.contract} on chain {evidence.chain_id}: not this one")
    patients = dict.fromkeys(use.patient for use in evidence.uses)
    there = {(patient, use.record) for patient in patients for use in accesses.all(patient)}
    open_ = [use for use in evidence.uses if (use.patient, use.record) not in there]
    return tuple(accesses.record(open_[first : first + _BATCH]) for first in range(0, len(open_), _BATCH))


def save_evidence(evidence: Evidence, path: str | os.PathLike[str]) -> None:
    """Write it to a file that is not there yet, which its owner alone can read.

    Raises:
        BadInput: The file is there, or cannot be written.
    """
    uses = [
        {
            "patient": use.patient,
            "purposes": sorted(use.purposes),
            "categories": sorted(use.categories),
            "record": "0x" + use.record.hex(),
            "emergency": use.emergency,
            "usedAt": use.used_at,
        }
        for use in evidence.uses
    ]
    document = {
        "salus": "evidence of uses",
        "version": 1,
        "chainId": evidence.chain_id,
        "contract": evidence.contract,
        "actor": evidence.actor,
        "madeAt": evidence.made_at,
        "uses": uses,
        "signature": "0x" + evidence.signature.hex(),
    }
    write_new(path, json.dumps(document, indent=2) + "\n")


def load_evidence(path: str | os.PathLike[str]) -> Evidence:
    """Read a file and check that its actor signed exactly this.

    Raises:
        BadInput: Not such a file, or changed since it was signed; names the field.
    """
    file = os.fspath(path)
    found = parse_json(read_text(file), file)
    expect_kind(found, "evidence of uses", file, "is no evidence of uses; `salus consent access --offline` makes it")
    if wrong := sorted(set(_FIELDS) ^ set(found)):
        raise BadInput(file, wrong[0], "is missing, or is no field of this file")
    if not isinstance(found["uses"], list):
        raise BadInput(file, "uses", "must be a list")
    uses = tuple(_use(each, f"uses.{number}", file) for number, each in enumerate(found["uses"], 1))
    evidence = Evidence(
        address(found["actor"], "actor", file),
        _number(found["madeAt"], 40, "madeAt", file),
        uses,
        _number(found["chainId"], 64, "chainId", file),
        address(found["contract"], "contract", file),
        _hex(found["signature"], 65, "signature", file),
    )
    _check(evidence, file)
    if recover(evidence.typed(), evidence.signature) != evidence.actor:
        raise BadInput(file, "signature", f"is not {evidence.actor}'s over these uses: something was changed since")
    return evidence


def _check(evidence: Evidence, file: str) -> None:
    if not 0 < len(evidence.uses) <= _MOST:
        raise BadInput(file, "uses", f"there are {len(evidence.uses)}; there must be 1 to {_MOST}")
    for number, use in enumerate(evidence.uses, 1):
        if not 0 < use.used_at <= evidence.made_at:
            raise BadInput(file, f"uses.{number}.usedAt", "must be a time that is not later than that of the file")


def _words(use: Access) -> dict[str, Any]:
    """A use as it is signed."""
    return {
        "patient": address(use.patient, "patient"),
        "purpose": codes.request_bits(use.purposes),
        "categories": codes.category_bits(use.categories),
        "record": bytes(use.record),
        "emergency": use.emergency,
        "usedAt": use.used_at,
    }


def _use(found: Any, where: str, file: str) -> Access:
    if not isinstance(found, dict) or set(found) != set(_USE):
        raise BadInput(file, where, f"must have exactly {', '.join(_USE)}")
    names = []
    for field in ("purposes", "categories"):
        value = found[field]
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            raise BadInput(file, f"{where}.{field}", "must be a list of names")
        names.append(tuple(value))
    return Access(
        address(found["patient"], f"{where}.patient", file),
        names[0],
        names[1],
        _hex(found["record"], 32, f"{where}.record", file),
        _number(found["emergency"], 32, f"{where}.emergency", file),
        _number(found["usedAt"], 40, f"{where}.usedAt", file),
    )


def _number(value: Any, size: int, field: str, file: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << size:
        raise BadInput(file, field, "must be a whole number in range")
    return value


def _hex(text: Any, size: int, field: str, file: str) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})+", text) or len(text) != 2 + 2 * size:
        raise BadInput(file, field, f"must be 0x and {2 * size} hex digits")
    return bytes.fromhex(text[2:])
