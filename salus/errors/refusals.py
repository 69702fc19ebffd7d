"""The contracts' custom errors as classes, and reverts as exceptions.

There is one class for each name of a custom error in the ABIs; the same error of several contracts is one class. A
revert is told by the first four bytes of its data, its selector.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from salus.abi import decoding
from salus.errors import tree
from salus.errors.tree import Refused, Reverted, UnknownRefusal

__all__ = ["from_revert", "refusals"]

_ERROR = bytes.fromhex("08c379a0")  # Error(string): a reason in words
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256): a check of the compiler's own
_PANICS = {
    0x01: "an assertion failed",
    0x11: "an amount or a time is too large for its field",
    0x12: "a division by zero",
    0x21: "a value that its enumeration does not have",
    0x32: "an index beyond the end of a list",
    0x41: "too much memory",
}


@cache
def refusals() -> Mapping[str, type[Refused]]:
    """The classes of the contracts' custom errors by name."""
    names = {entry["name"] for entry in _entries()}
    if both := names & set(tree.__all__):
        raise AssertionError(f"errors of contracts that have a name of the tree: {sorted(both)}")
    # They are attributes of the package, see its __getattr__, so that is where they are looked up.
    package = __name__.rpartition(".")[0]
    return MappingProxyType(
        {
            name: type(name, (Refused,), {"__module__": package, "__doc__": f"The contracts' error ``{name}``."})
            for name in sorted(names)
        }
    )


def _entries() -> list[Mapping[str, Any]]:
    """The custom errors of all ABIs."""
    abis = map(decoding.load_abi, decoding.abi_names())
    return [entry for abi in abis for entry in abi if entry["type"] == "error"]


class _Known(NamedTuple):
    kind: type[Refused]
    entry: Mapping[str, Any]


@cache
def _by_selector() -> Mapping[bytes, _Known]:
    known: dict[bytes, _Known] = {}
    for entry in _entries():
        known.setdefault(decoding.selector(entry), _Known(refusals()[entry["name"]], entry))
    return known


def from_revert(data: bytes) -> Refused:
    """The exception for what a contract reverted with.

    Args:
        data: The revert data: a custom error, ``Error(string)``, ``Panic(uint256)``, or nothing.

    Returns:
        An instance of the custom error's class; :class:`~salus.errors.Reverted` for a reason in words, a panic or
        nothing; :class:`~salus.errors.UnknownRefusal` for anything else.
    """
    if not data:
        return Reverted("the contract refused without giving a reason", data=data)
    selector = data[:4]
    try:
        if (known := _by_selector().get(selector)) is not None:
            return _custom(known, data)
        if selector == _ERROR:
            return _with_reason(data)
        if selector == _PANIC:
            return _panic(data)
    except ValueError:
        pass  # a selector that is known by chance, or a contract that lies: it is as good as unknown
    name = "0x" + selector.hex()
    return UnknownRefusal(f"the contract refused with {name}, an unknown custom error", name=name, data=data)


def _custom(known: _Known, data: bytes) -> Refused:
    # Here and not above: the sentences are only needed once something was refused.
    from salus.errors.explanations import explain

    inputs = known.entry["inputs"]
    values = decoding.decode_values(inputs, data[4:])
    arguments = dict(zip((part["name"] for part in inputs), values, strict=True))
    return known.kind(explain(known.entry["name"], arguments), arguments=arguments, data=data)


def _with_reason(data: bytes) -> Reverted:
    (reason,) = decoding.decode_values([{"type": "string"}], data[4:])
    return Reverted(f"the contract refused: {reason}", name="Error", arguments={"reason": reason}, data=data)


def _panic(data: bytes) -> Reverted:
    (code,) = decoding.decode_values([{"type": "uint256"}], data[4:])
    meaning = _PANICS.get(code, "an internal check failed")
    message = f"the contract refused: {meaning} (panic 0x{code:02x})"
    return Reverted(message, name="Panic", arguments={"code": code}, data=data)
