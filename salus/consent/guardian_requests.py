"""Requests to ``Guardians`` that are signed and submitted by whoever; as JSON files they go from hand to hand.

::

    {"salus": "guardians request", "version": 1, "chainId": 31337, "contract": "0x…", "patient": "0x…",
     "action": "recover", "successor": "0x…", "setVersion": 3, "issuedAt": 1800000000, "deadline": 1800604800,
     "signatures": {"0x…": "0x…"}}

``action`` is ``delegate`` (with ``delegate``, ``purposes``, ``categories``, ``until``), ``guardians`` (with
``guardians``, ``threshold``, ``delay``), ``contact`` (with ``contact``), ``recover``, ``withdraw`` or ``veto``.
``signatures`` has the signer of each; only a recovery and its withdrawal have several. A file is read as a stranger's.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from salus.consent import codes
from salus.errors import BadInput
from salus.formats.json_file import expect_kind, parse_json, read_text, write_new
from salus.keys.addresses import address
from salus.keys.typed_data import Domain, TypedData

__all__ = ["BY_GUARDIANS", "WEEK", "Request", "collect", "load", "request_from_json", "request_to_json", "save"]

#: Seconds for which a request can be submitted, by default.
WEEK = 7 * 24 * 3600

_KINDS = {
    "delegate": (
        "Delegate(address patient,address delegate,uint32 purposes,uint56 categories,uint40 until,uint40 issuedAt,"
        "uint40 deadline)"
    ),
    "guardians": (
        "SetGuardians(address patient,address[] guardians,uint8 threshold,uint40 delay,uint40 issuedAt,uint40 deadline)"
    ),
    "recover": "Recover(address patient,address successor,uint32 version,uint40 deadline)",
    "withdraw": "Withdraw(address patient,address successor,uint32 version,uint40 deadline)",
    "contact": "EmergencyContact(address patient,address contact,uint40 issuedAt,uint40 deadline)",
    "veto": "Veto(address patient,address successor,uint32 version,uint40 deadline)",
}
_COMMON = ("salus", "version", "chainId", "contract", "patient", "action", "issuedAt", "deadline", "signatures")
_FIELDS = {
    "delegate": ("delegate", "purposes", "categories", "until"),
    "guardians": ("guardians", "threshold", "delay"),
    "recover": ("successor", "version"),
    "withdraw": ("successor", "version"),
    "contact": ("contact",),
    "veto": ("successor", "version"),
}
#: What the patient's guardians sign, several of them.
BY_GUARDIANS = ("recover", "withdraw")
#: What has the time of its issue among the fields that are signed.
_DATED = ("delegate", "guardians", "contact")
_LONGEST_SIGNATURE = 4096  # bytes; a contract wallet's may be longer than a key's 65


@dataclass(frozen=True)
class Request:
    """What a patient, or the patient's guardians, sign.

    Attributes:
        action: ``delegate``, ``guardians``, ``contact``, ``recover``, ``withdraw`` or ``veto``.
        patient: Whose.
        fields: The action's own values, as they are signed.
        issued_at: When it was made; a recovery, its withdrawal and a veto do not sign it.
        deadline: Last second at which it may be submitted.
        chain_id: The chain that it counts on.
        contract: The ``Guardians`` that it counts in.
        signatures: By who signed.
    """

    action: str
    patient: str
    fields: Mapping[str, Any]
    issued_at: int
    deadline: int
    chain_id: int
    contract: str
    signatures: Mapping[str, bytes] = field(default_factory=dict)

    def typed(self) -> TypedData:
        """What is signed.

        Raises:
            BadInput: A value is out of range.
        """
        message = {"patient": self.patient, **self.fields, "deadline": self.deadline}
        if self.action in _DATED:
            message["issuedAt"] = self.issued_at
        return TypedData(_KINDS[self.action], Domain("Salus Guardians", "1", self.chain_id, self.contract), message)

    def signed(self, account: str, signature: bytes) -> Request:
        """The request with one more signature."""
        return replace(self, signatures={**self.signatures, account: signature})


def collect(requests: Sequence[Request]) -> Request:
    """One request with the signatures of all its copies.

    Raises:
        BadInput: None, or they are not copies of one request.
    """
    if not requests:
        raise BadInput("", "requests", "there is none")
    first = requests[0]
    bare = replace(first, signatures={}, issued_at=0)
    for number, other in enumerate(requests[1:], 2):
        if replace(other, signatures={}, issued_at=0) != bare:
            raise BadInput("", f"request {number}", "is another than the first; the guardians sign copies of one file")
    return replace(first, signatures={who: it for request in requests for who, it in request.signatures.items()})


# ------------------------------------------------------------------------------------------------------------ as files


def save(request: Request, path: str | os.PathLike[str]) -> None:
    """Write a request to a file that is not there yet.

    Raises:
        BadInput: The file is there, or cannot be written.
    """
    write_new(path, json.dumps(request_to_json(request), indent=2) + "\n")


def load(path: str | os.PathLike[str]) -> Request:
    """Read the request of a file.

    Raises:
        BadInput: Not such a file; names the field.
    """
    file = os.fspath(path)
    return request_from_json(parse_json(read_text(file), file), file)


def request_to_json(request: Request) -> dict[str, Any]:
    """A request as its file holds it."""
    fields = dict(request.fields)
    if request.action == "delegate":
        fields["purposes"] = sorted(codes.purpose_names(fields["purposes"]))
        fields["categories"] = sorted(codes.category_names(fields["categories"]))
    elif request.action == "guardians":
        fields["guardians"] = list(fields["guardians"])
    elif request.action != "contact":
        fields["setVersion"] = fields.pop("version")
    return {
        "salus": "guardians request",
        "version": 1,
        "chainId": request.chain_id,
        "contract": request.contract,
        "patient": request.patient,
        "action": request.action,
        **fields,
        "issuedAt": request.issued_at,
        "deadline": request.deadline,
        "signatures": {who: "0x" + signature.hex() for who, signature in request.signatures.items()},
    }


def request_from_json(document: Any, file: str) -> Request:
    """A request from parsed JSON.

    Args:
        file: Its name, for messages.

    Raises:
        BadInput: A field is missing, unknown, of another type or out of range.
    """
    action = _action_of(document, file)
    named = {"setVersion" if name == "version" else name: name for name in _FIELDS[action]}
    if missing := sorted({*_COMMON, *named} - set(document)):
        raise BadInput(file, missing[0], "is missing")
    if extra := sorted(set(document) - {*_COMMON, *named}):
        raise BadInput(file, extra[0], f"is no field of this request ({action}); remove it")

    fields = {ours: document[theirs] for theirs, ours in named.items()}
    for name, bits in (("purposes", codes.purpose_bits), ("categories", codes.category_bits)):
        if name in fields:
            fields[name] = bits(_names_in(fields[name], name, file), file=file)
    for name, size in (("issuedAt", 40), ("deadline", 40), ("chainId", 64)):
        value = document[name]
        if type(value) is not int or not 0 <= value < 1 << size:
            raise BadInput(file, name, "must be a whole number in range")
    patient, contract = address(document["patient"], "patient", file), address(document["contract"], "contract", file)
    numbers = document["issuedAt"], document["deadline"], document["chainId"]
    request = Request(action, patient, fields, *numbers, contract)
    # As the typed data has them, checked: whatever cannot be signed is no request.
    typed = request.typed()
    request = replace(request, fields={name: typed.message[name] for name in _FIELDS[action]})
    return replace(request, signatures=_signatures(document["signatures"], request.action, file))


def _action_of(document: Any, file: str) -> str:
    """What is asked for, of a document that is a request this version reads."""
    hint = "is no request to guardians; `salus consent recover start` makes one"
    expect_kind(document, "guardians request", file, hint)
    action = document.get("action")
    if not isinstance(action, str) or action not in _KINDS:
        raise BadInput(file, "action", f"is {action!r}; it must be {', '.join(_KINDS)}")
    return action


def _names_in(value: Any, field: str, file: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadInput(file, field, "must be a list of names")
    return value


def _signatures(given: Any, action: str, file: str) -> dict[str, bytes]:
    if not isinstance(given, dict):
        raise BadInput(file, "signatures", "must be an object: the signature by who signed")
    if action not in BY_GUARDIANS and len(given) > 1:
        raise BadInput(file, "signatures", "only a recovery or its withdrawal is signed by several")
    found = {}
    for who, text in given.items():
        where = f"signatures.{who}"
        if not isinstance(text, str) or not re.fullmatch(r"0x([0-9a-fA-F]{2})+", text):
            raise BadInput(file, where, "must be 0x and pairs of hex digits")
        signature = bytes.fromhex(text[2:])
        if len(signature) > _LONGEST_SIGNATURE:
            raise BadInput(file, where, f"has {len(signature)} bytes; it must have at most {_LONGEST_SIGNATURE}")
        # Whether it is good only the chain can say: the account may be a contract's.
        found[address(who, where, file)] = signature
    return found
