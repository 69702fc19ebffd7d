"""What the compiler left in ``build/``: contracts and their syntax trees, for tests that look at the source itself."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"

Node = dict[str, Any]


@functools.cache
def artefact(name: str) -> dict[str, Any]:
    """The build of a contract, a library or an interface."""
    for folder in ("contracts", "interfaces"):
        path = BUILD / folder / f"{name}.json"
        if path.is_file():
            return json.loads(path.read_text())
    raise LookupError(f"{name} was not compiled; run `make compile`")


@functools.cache
def own_names() -> tuple[str, ...]:
    """Every contract and library under ``contracts/``, the mocks left out."""
    found = []
    for path in sorted((BUILD / "contracts").glob("*.json")):
        source = artefact(path.stem)["sourcePath"]
        if source.startswith("contracts/") and not source.startswith("contracts/mocks/"):
            found.append(path.stem)
    return tuple(found)


def walk(node: Any) -> Iterator[Node]:
    """Every node of a syntax tree, Solidity's and Yul's alike."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


@functools.cache
def definition(name: str) -> Node:
    """The syntax tree of a contract, a library or an interface."""
    nodes = artefact(name)["ast"]["nodes"]
    return next(node for node in nodes if node["nodeType"] == "ContractDefinition" and node["name"] == name)


def functions(name: str) -> list[Node]:
    """The functions that a contract or library defines itself."""
    return [node for node in definition(name)["nodes"] if node["nodeType"] == "FunctionDefinition"]


def function(name: str, which: str) -> Node:
    """One function by its name."""
    return next(node for node in functions(name) if node["name"] == which)


def members(name: str, struct: str) -> list[tuple[str, str]]:
    """Name and type of each field of a struct."""
    nodes = definition(name)["nodes"]
    found = next(node for node in nodes if node["nodeType"] == "StructDefinition" and node["name"] == struct)
    return [(field["name"], field["typeDescriptions"]["typeString"]) for field in found["members"]]


def field_names(name: str, struct: str) -> list[str]:
    """Names of the fields of a struct."""
    return [field for field, _ in members(name, struct)]


def constant(name: str, which: str) -> int:
    """The value of a constant that is written as one number."""
    nodes = definition(name)["nodes"]
    found = next(node for node in nodes if node["nodeType"] == "VariableDeclaration" and node["name"] == which)
    return int(found["value"]["value"], 0)


def is_deployable(name: str) -> bool:
    """Whether it has an address of its own: a contract, or a library with a function that others call."""
    node = definition(name)
    if node["contractKind"] == "library":
        return any(each["visibility"] in ("public", "external") for each in functions(name))
    return node["contractKind"] == "contract" and not node["abstract"]
