"""A second clinician's signature under an emergency that another one is about to declare; as a JSON file it goes from
hand to hand.

::

    {"salus": "second clinician", "version": 1, "chainId": 31337, "contract": "0x…", "patient": "0x…",
     "institution": "0x…", "clinician": "0x…", "cause": 2, "categories": ["all"], "duration": 14400,
     "deadline": 1800003600, "signer": "0x…", "signature": "0x…"}

``clinician`` is who declares it. A file is read as a stranger's.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any

from salus.consent import codes
from salus.errors import BadInput
from salus.formats.json_file import expect_kind, parse_json, read_text, write_new
from salus.keys.addresses import address
from salus.keys.typed_data import Domain, TypedData

__all__ = ["NO_OPINION", "SecondOpinion", "load_opinion", "save_opinion"]

_KIND = (
    "SecondClinician(address patient,address institution,address clinician,uint8 cause,uint56 categories,"
    "uint40 duration,uint40 deadline)"
)
_ZERO = "0x" + "00" * 20
_NUMBERS = {"cause": 8, "duration": 40, "deadline": 40, "chainId": 64}
_ACCOUNTS = ("signer", "patient", "institution", "clinician", "contract")
_FIELDS = ("salus", "version", *_ACCOUNTS, *_NUMBERS, "categories", "signature")
_LONGEST_SIGNATURE = 4096  # bytes; a contract wallet's may be longer than a key's 65


@dataclass(frozen=True)
class SecondOpinion:
    """What a second clinician signs, and the signature.

    Attributes:
        signer: The second clinician.
        patient: Whose data.
        institution: For which it is declared.
        clinician: Who declares it.
        cause: Its number.
        categories: Bits.
        duration: Seconds.
        deadline: Last second at which it may be submitted.
        chain_id: The chain that it counts on.
        contract: The ``AccessLog`` that it counts in.
        signature: Empty until it is signed.
    """

    signer: str
    patient: str
    institution: str
    clinician: str
    cause: int
    categories: int
    duration: int
    deadline: int
    chain_id: int
    contract: str
    signature: bytes = b""

    def typed(self) -> TypedData:
        """What is signed.

        Raises:
            BadInput: A value is out of range.
        """
        names = ("patient", "institution", "clinician", "cause", "categories", "duration", "deadline")
        message = {name: getattr(self, name) for name in names}
        return TypedData(_KIND, Domain("Salus AccessLog", "1", self.chain_id, self.contract), message)

    def signed(self, signature: bytes) -> SecondOpinion:
        """The same with its signature."""
        return replace(self, signature=signature)

    def for_chain(self) -> tuple[str, int, bytes]:
        """As the contract takes it."""
        return self.signer, self.deadline, self.signature


#: No second clinician.
NO_OPINION = SecondOpinion(_ZERO, _ZERO, _ZERO, _ZERO, 0, 0, 0, 0, 0, _ZERO)


def save_opinion(opinion: SecondOpinion, path: str | os.PathLike[str]) -> None:
    """Write it to a file that is not there yet, which its owner alone can read.

    Raises:
        BadInput: The file is there, or cannot be written.
    """
    document = {
        "salus": "second clinician",
        "version": 1,
        "chainId": opinion.chain_id,
        **{name: getattr(opinion, name) for name in _ACCOUNTS},
        "cause": opinion.cause,
        "categories": sorted(codes.category_names(opinion.categories)),
        "duration": opinion.duration,
        "deadline": opinion.deadline,
        "signature": "0x" + opinion.signature.hex(),
    }
    write_new(path, json.dumps(document, indent=2) + "\n")


def load_opinion(path: str | os.PathLike[str]) -> SecondOpinion:
    """Read it from a file.

    Raises:
        BadInput: Not such a file; names the field.
    """
    file = os.fspath(path)
    found = parse_json(read_text(file), file)
    hint = "is no signature of a second clinician; `salus consent second` makes one"
    expect_kind(found, "second clinician", file, hint)
    if wrong := sorted(set(_FIELDS) ^ set(found)):
        raise BadInput(file, wrong[0], "is missing, or is no field of this file")
    for name, size in _NUMBERS.items():
        if type(found[name]) is not int or not 0 <= found[name] < 1 << size:
            raise BadInput(file, name, "must be a whole number in range")
    names = found["categories"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(file, "categories", "must be a list of names")
    accounts = {name: address(found[name], name, file) for name in _ACCOUNTS}
    return SecondOpinion(
        accounts["signer"],
        accounts["patient"],
        accounts["institution"],
        accounts["clinician"],
        found["cause"],
        codes.category_bits(names, file=file),
        found["duration"],
        found["deadline"],
        found["chainId"],
        accounts["contract"],
        _signature(found["signature"], file),
    )


def _signature(text: Any, file: str) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})+", text):
        raise BadInput(file, "signature", "must be 0x and pairs of hex digits")
    if len(text) > 2 + 2 * _LONGEST_SIGNATURE:
        raise BadInput(file, "signature", f"must have at most {_LONGEST_SIGNATURE} bytes")
    return bytes.fromhex(text[2:])
