"""Contracts as the client calls them: a name and arguments become the bytes of a call, without asking a node.

>>> registry = Contract("ConsentRegistry", "0x" + "11" * 20)
>>> call = registry.functions.revokedUntil("0x" + "22" * 20)
>>> call.name, call.data.hex()[:8], len(call.data)
('revokedUntil', '72598323', 36)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from salus.abi import decoding
from salus.errors import BadInput, one_line
from salus.formats.ids import id_bytes

__all__ = ["Call", "Contract", "Functions"]


@dataclass(frozen=True)
class Call:
    """A function of a contract with its arguments.

    Attributes:
        address: The contract.
        abi: The function's entry in the ABI.
        arguments: In the ABI's order; structs as tuples.
    """

    address: str
    abi: Mapping[str, Any]
    arguments: tuple[Any, ...]

    @classmethod
    def of(cls, function: Any) -> Call:
        """A call, or web3's ``contract.functions.name(…)`` as one."""
        if isinstance(function, cls):
            return function
        # With all of these given web3 asks the node nothing.
        whole = {"gas": 0, "gasPrice": 0, "nonce": 0, "value": 0, "chainId": 1}
        call = cls(str(function.address), function.abi, tuple(function.arguments))
        call.__dict__["data"] = bytes.fromhex(function.build_transaction(whole)["data"][2:])
        return call

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.abi["name"])

    @cached_property
    def data(self) -> bytes:
        """Selector and arguments, as a transaction carries them.

        Raises:
            BadInput: An argument does not fit its type.
        """
        try:
            return decoding.encode_calls(self.abi, [_taken(self.abi, self.arguments)])[0]
        except ValueError as trouble:
            raise BadInput("", self.name, one_line(trouble, 300)) from None


def _taken(abi: Mapping[str, Any], arguments: Sequence[Any]) -> list[Any]:
    """Arguments as they are encoded: ids may be given as text, which is how answers and commands write them."""
    return [
        id_bytes(value, part["name"] or "id") if part["type"] == "bytes32" and isinstance(value, str) else value
        for part, value in zip(abi["inputs"], arguments, strict=True)
    ]


class Functions:
    """The functions of a contract by name; calling one gives a :class:`Call`. Sends nothing.

    Args:
        address: The contract.
        abi: Its ABI.
    """

    def __init__(self, address: str, abi: Sequence[Mapping[str, Any]]) -> None:
        self._address = address
        self._by_name: dict[str, list[Mapping[str, Any]]] = {}
        for entry in abi:
            if entry["type"] == "function":
                self._by_name.setdefault(entry["name"], []).append(entry)

    def __getattr__(self, name: str) -> Any:
        entries = self.__dict__["_by_name"].get(name)
        if entries is None:
            raise AttributeError(f"the contract has no function {name}")

        def call(*arguments: Any) -> Call:
            fits = [entry for entry in entries if len(entry["inputs"]) == len(arguments)]
            if not fits:
                wanted = " or ".join(str(len(entry["inputs"])) for entry in entries)
                raise TypeError(f"{name} takes {wanted} arguments, {len(arguments)} were given")
            return Call(self._address, fits[0], arguments)

        return call

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        return sorted(self._by_name)


class Contract:
    """A contract at an address.

    Args:
        name: Under which this package has its ABI.
        address: Where it is.
        abi: Another ABI than the package's, e.g. of a token.

    Attributes:
        functions: By name; ``contract.functions.standing(account)`` is a :class:`Call`.
    """

    def __init__(self, name: str, address: str, abi: Sequence[Mapping[str, Any]] | None = None) -> None:
        self.name, self.address = name, address
        self.abi: Sequence[Mapping[str, Any]] = decoding.load_abi(name) if abi is None else abi
        self.functions = Functions(address, self.abi)

    def __repr__(self) -> str:
        return f"Contract({self.name}, {self.address})"
