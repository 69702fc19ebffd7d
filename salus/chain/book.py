"""The address book of one chain: which contract is where, and which code must be there.

A book is the file ``deployments/<chainid>-<genesis>.json``, as the deployment writes it; ``genesis`` are the first
eight hex digits of the hash of the chain's first block, so that a local chain that was started anew is another chain::

    {"chainId": 31337,
     "contracts": {"Institutions": {"address": "0x…", "block": 4, "args": ["0x…"], "abiHash": "0x…", "codeHash":
     "0x…"}}}

``block`` is where the contract was deployed, ``codeHash`` the Keccak-256 of the code at its address, ``abiHash`` that
of its ABI (see :func:`abi_hash`). Other keys are ignored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard

from salus.abi.hashing import checksum_address, keccak
from salus.errors import BadInput
from salus.formats.json_file import parse_json, read_text

if TYPE_CHECKING:
    from salus.chain.node import Node

__all__ = ["CONTRACTS", "LIBRARIES", "Book", "Deployment", "abi_hash", "book_name", "default_book", "find_book"]

#: The contracts, in the order in which they are deployed.
CONTRACTS = (
    "AccessManager",
    "Institutions",
    "Guardians",
    "ConsentRegistry",
    "AccessLog",
    "Plans",
    "Treasury",
    "ClaimDesk",
    "Lots",
    "Loggers",
    "ColdChain",
    "Doses",
)

#: The libraries that the contracts are linked to: they are not called directly, but their code decides as the
#: contracts' does. A book that was written before they were listed has none.
LIBRARIES = ("TemperatureRules",)


@dataclass(frozen=True)
class Deployment:
    """One contract of the book.

    Attributes:
        name: The contract's name.
        address: Its address, with checksum.
        block: The number of the block in which it was deployed.
        args: The arguments of its constructor.
        abi_hash: 32 bytes as 0x-hex; "" when the book has none.
        code_hash: 32 bytes as 0x-hex; "" when the book has none.
    """

    name: str
    address: str
    block: int = 0
    args: tuple[Any, ...] = ()
    abi_hash: str = ""
    code_hash: str = ""


@dataclass(frozen=True)
class Book:
    """The contracts of one chain.

    Attributes:
        chain_id: The chain.
        contracts: By name.
        path: The file that it was read from; "" when none.
    """

    chain_id: int
    contracts: Mapping[str, Deployment] = field(default_factory=dict)
    path: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "contracts", MappingProxyType(dict(self.contracts)))

    def __getitem__(self, name: str) -> Deployment:
        """One contract.

        Raises:
            BadInput: The book does not have it.
        """
        found = self.contracts.get(name)
        if found is None:
            raise BadInput(self.path or "address book", "contracts", f"has no {name}; deploy it, or use another --book")
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.contracts

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Book:
        """Read a book from its file.

        Args:
            path: The file, UTF-8 JSON.

        Raises:
            BadInput: No such file, or not a book; names the field.
        """
        file = os.fspath(path)
        # A pipe would be waited for, and a device read for ever.
        if Path(file).exists() and not Path(file).is_file():
            raise BadInput(file, "file", "is no regular file; name the address book itself")
        return cls.from_json(parse_json(read_text(file), file), file)

    @classmethod
    def from_json(cls, data: Any, file: str = "address book") -> Book:
        """Read a book from parsed JSON.

        Args:
            data: What :func:`salus.formats.json_file.parse_json` gave.
            file: The file that it is from, for messages.

        Raises:
            BadInput: Names the field.
        """
        if not isinstance(data, dict):
            raise BadInput(file, "", "is no address book: it must be an object with chainId and contracts")
        chain_id = data.get("chainId")
        if not _is_whole(chain_id, 1):
            raise BadInput(file, "chainId", f"is {chain_id!r}; it must be a positive whole number")
        contracts = data.get("contracts")
        if not isinstance(contracts, dict) or not contracts:
            raise BadInput(file, "contracts", "is missing or empty; deploy again")
        return cls(chain_id, {name: _deployment(name, entry, file) for name, entry in contracts.items()}, file)

    def to_json(self) -> dict[str, Any]:
        """The book as its file holds it."""
        return {
            "chainId": self.chain_id,
            "contracts": {
                d.name: {
                    "address": d.address,
                    "block": d.block,
                    "args": list(d.args),
                    "abiHash": d.abi_hash,
                    "codeHash": d.code_hash,
                }
                for d in self.contracts.values()
            },
        }


def book_name(chain_id: int, genesis: str) -> str:
    """The name of a chain's book: no other chain, of the same id or not, has it.

    Args:
        chain_id: The chain's id.
        genesis: The hash of its first block, 0x-hex.
    """
    return f"{chain_id}-{genesis[2:10]}.json"


def default_book(chain_id: int, genesis: str, folder: str | os.PathLike[str] = ".") -> Path:
    """Where the book of a chain lies: ``deployments/<chainid>-<genesis>.json`` below a folder.

    Earlier versions named it ``<chainid>.json``: that one is meant where it is there and the other is not.

    Args:
        chain_id: The chain's id.
        genesis: The hash of its first block, 0x-hex.
        folder: The folder.
    """
    books = Path(folder) / "deployments"
    path, earlier = books / book_name(chain_id, genesis), books / f"{chain_id}.json"
    return earlier if earlier.is_file() and not path.is_file() else path


def find_book(node: Node) -> Path:
    """The default book of a node's chain, below the working folder.

    Args:
        node: The node.

    Raises:
        BadInput: There is none.
        Unreachable: The node does not answer.
    """
    chain_id = node.chain_id()
    path = default_book(chain_id, node.genesis())
    if not path.is_file():
        raise BadInput(
            path, "", f"there is no address book for chain {chain_id}; deploy first, or name one with --book"
        )
    return path


def abi_hash(abi: Sequence[Mapping[str, Any]]) -> str:
    """The Keccak-256 of an ABI as JSON with sorted keys and without white space, entries in their order; 0x-hex.

    Args:
        abi: The entries of the ABI.
    """
    text = json.dumps(list(abi), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "0x" + keccak(text=text).hex()


def _is_whole(value: object, least: int) -> TypeGuard[int]:
    """Whether a value of JSON is a whole number, no smaller than another."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _deployment(name: str, entry: Any, file: str) -> Deployment:
    where = f"contracts.{name}"
    if not isinstance(entry, dict):
        raise BadInput(file, where, "must be an object with address and block")
    address = _address(entry.get("address"), file, f"{where}.address")
    block = entry.get("block", 0)
    if not _is_whole(block, 0):
        raise BadInput(file, f"{where}.block", f"is {block!r}; it must be a block's number")
    args = entry.get("args", [])
    if not isinstance(args, list):
        raise BadInput(file, f"{where}.args", "must be a list")
    hashes = (_hash(entry.get(key, ""), file, f"{where}.{key}") for key in ("abiHash", "codeHash"))
    return Deployment(name, address, block, tuple(args), *hashes)


def _address(value: Any, file: str, field: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise BadInput(file, field, f"is {value!r}; it must be 0x and 40 hex digits")
    checked = checksum_address(value)
    if value not in (checked, value.lower()):
        raise BadInput(file, field, f"{value} has a wrong checksum; a digit was changed")
    return checked


def _hash(value: Any, file: str, field: str) -> str:
    if value != "" and not (isinstance(value, str) and re.fullmatch(r"0x[0-9a-fA-F]{64}", value)):
        raise BadInput(file, field, f"is {value!r}; it must be 0x and 64 hex digits")
    return str(value).lower()
