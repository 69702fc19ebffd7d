"""Attested claims as JSON files: what a provider signs, and anybody may submit.

::

    {"salus": "attested claim", "version": 1, "chainId": 31337, "contract": "0x…", "plan": "0x…", "patient": "0x…",
     "provider": "0x…", "number": "0x…", "serviceDay": 20150, "primary": "0x00…",
     "lines": [{"code": "0x…", "units": 1, "charge": "120000000", "prior": "0"}], "signature": "0x…"}

It says what the chain will hear and no more: codes and the number are salted hashes, the patient is the account for
this insurer. Amounts are in the token's smallest units. A file holds one or a list of them, and is read as a
stranger's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salus.claims.model import PreparedClaim
from salus.errors import BadInput, one_line
from salus.formats.json_file import parse_several, read_text, write_several
from salus.keys.addresses import address
from salus.keys.typed_data import Domain, TypedData

__all__ = ["Attested", "load", "save", "typed"]

_KIND = (
    "Claim(bytes32 plan,address patient,address provider,bytes32 number,uint24 serviceDay,bytes32 primary,Line[] lines)"
    "Line(bytes32 code,uint16 units,uint80 charge,uint80 prior)"
)
_FIELDS = ("plan", "patient", "provider", "number", "serviceDay", "primary", "lines")
_LINE = ("code", "units", "charge", "prior")
_LONGEST_SIGNATURE = 4096  # bytes; a contract wallet's may be longer than a key's 65


@dataclass(frozen=True)
class Attested:
    """A claim that its provider signed.

    Args:
        claim: The struct ``IAdjudication.Claim``: plan, patient, provider, number, service day, primary, lines.
        chain_id: The chain that it counts on.
        contract: The ``ClaimDesk`` that it counts in.
        signature: 65 bytes, or what the provider's contract wallet takes.
    """

    claim: tuple[Any, ...]
    chain_id: int
    contract: str
    signature: bytes

    def typed(self) -> TypedData:
        """What was signed."""
        return typed(self.claim, self.chain_id, self.contract)


def typed(claim: Sequence[Any], chain_id: int, contract: str) -> TypedData:
    """What a provider signs to attest a claim.

    Raises:
        BadInput: A value of another type, or out of range.
    """
    *head, lines = claim
    rows = [dict(zip(_LINE, line, strict=True)) for line in lines]
    message = dict(zip(_FIELDS, (*head, rows), strict=True))
    return TypedData(_KIND, Domain("Salus Claims", "1", chain_id, contract), message)


def of(prepared: PreparedClaim, chain_id: int, contract: str) -> TypedData:
    """What a provider signs to attest a claim that was prepared."""
    return typed(prepared.struct(), chain_id, contract)


def save(attested: Sequence[Attested], path: str | os.PathLike[str]) -> None:
    """Write attested claims to a file that is not there yet: one as itself, several as a list.

    Raises:
        BadInput: The file is there, or cannot be written.
    """
    write_several(path, [_to_json(item) for item in attested])


def load(path: str | os.PathLike[str]) -> tuple[Attested, ...]:
    """Read the attested claims of a file.

    Raises:
        BadInput: Not such a file; names the field.
    """
    file = os.fspath(path)
    documents = parse_several(read_text(file), file, "attested claim")
    return tuple(_from_json(document, file, prefix) for prefix, document in documents)


def _to_json(item: Attested) -> dict[str, Any]:
    *head, lines = item.claim
    values = {name: "0x" + v.hex() if isinstance(v, bytes) else v for name, v in zip(_FIELDS, head, strict=False)}
    rows = [
        {"code": "0x" + code.hex(), "units": units, "charge": str(charge), "prior": str(prior)}
        for code, units, charge, prior in lines
    ]
    return {
        "salus": "attested claim",
        "version": 1,
        "chainId": item.chain_id,
        "contract": item.contract,
        **values,
        "lines": rows,
        "signature": "0x" + item.signature.hex(),
    }


def _from_json(document: Any, file: str, prefix: str) -> Attested:
    wanted = ("salus", "version", "chainId", "contract", *_FIELDS, "signature")
    _expect(document, wanted, file, prefix)
    if document["salus"] != "attested claim" or document["version"] != 1:
        raise BadInput(file, f"{prefix}salus", "is no attested claim of version 1; make one with `salus claim attest`")
    if not isinstance(document["lines"], list):
        raise BadInput(file, f"{prefix}lines", "is no list; give the claim's lines")
    lines = []
    for n, row in enumerate(document["lines"]):
        at = f"{prefix}lines[{n}]."
        _expect(row, _LINE, file, at)
        amounts = (_amount(row[name], file, at + name) for name in ("charge", "prior"))
        lines.append((_hex(row["code"], file, at + "code"), row["units"], *amounts))
    found = Attested(
        claim=(
            _hex(document["plan"], file, f"{prefix}plan"),
            address(document["patient"], f"{prefix}patient", file),
            address(document["provider"], f"{prefix}provider", file),
            _hex(document["number"], file, f"{prefix}number"),
            document["serviceDay"],
            _hex(document["primary"], file, f"{prefix}primary"),
            lines,
        ),
        chain_id=document["chainId"],
        contract=document["contract"],
        signature=_hex(document["signature"], file, f"{prefix}signature", None),
    )
    try:
        found.typed()
    except BadInput as trouble:
        raise BadInput(file, f"{prefix}{trouble.field}", trouble.fix) from None
    return found


def _expect(document: Any, wanted: Sequence[str], file: str, prefix: str) -> None:
    if not isinstance(document, Mapping):
        raise BadInput(file, prefix.rstrip("."), "is no JSON object; give an attested claim")
    for name in wanted:
        if name not in document:
            raise BadInput(file, prefix + name, "is missing")
    for name in document:
        if name not in wanted:
            raise BadInput(file, prefix + one_line(name, 40), "is unknown; remove it")


def _hex(value: Any, file: str, field: str, length: int | None = 32) -> bytes:
    if not isinstance(value, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})*", value):
        raise BadInput(file, field, f"is {one_line(repr(value), 40)}; give 0x and hex digits")
    found = bytes.fromhex(value[2:])
    if len(found) > _LONGEST_SIGNATURE or (length is not None and len(found) != length):
        raise BadInput(file, field, f"has {len(found)} bytes; give {length or f'at most {_LONGEST_SIGNATURE}'}")
    return found


def _amount(value: Any, file: str, field: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,25}", value):
        raise BadInput(file, field, f"is {one_line(repr(value), 40)}; give whole units as text")
    return int(value)
