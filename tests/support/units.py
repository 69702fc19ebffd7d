"""Which tests need no chain: `make test-unit` runs them, in a minute or two.

A test is one of them unless it, or a fixture that it asks for, starts a chain or talks to Brownie's. That is read from
the code, so that a new test is found without a list. What cannot be read (a chain that a command starts in a process of
its own, contracts that must have been built) says so with `pytest.mark.chain`.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import CodeType

import pytest

from salus.chain.local_node import LocalNode

# Fixtures of tests/conftest.py and of Brownie itself that stand on Brownie's chain.
BROWNIE_FIXTURES = {"people", "salus_project", "module_isolation", "fn_isolation", "state_machine"}


@cache
def imports_brownie(path: Path) -> bool:
    """Whether a file of tests imports Brownie, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "brownie" for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "brownie":
            return True
    return False


def _names_a_chain(code: CodeType) -> bool:
    nested = (part for part in code.co_consts if isinstance(part, CodeType))
    return LocalNode.__name__ in code.co_names or any(map(_names_a_chain, nested))


def _fixtures(item: pytest.Function) -> list[object]:
    """The functions of all fixtures that a test asks for, directly or not."""
    found = item._fixtureinfo.name2fixturedefs
    return [definition.func for name in item.fixturenames for definition in found.get(name, ())]


def needs_brownie(item: pytest.Item) -> bool:
    """Whether a test stands on Brownie's chain or its project."""
    return imports_brownie(item.path) or bool(BROWNIE_FIXTURES & set(getattr(item, "fixturenames", ())))


def is_unit(item: pytest.Item) -> bool:
    """Whether a test does without a chain."""
    if not isinstance(item, pytest.Function) or item.get_closest_marker("chain") or needs_brownie(item):
        return False
    functions = [item.function, *_fixtures(item)]
    return not any(_names_a_chain(function.__code__) for function in functions if hasattr(function, "__code__"))


class Guard:
    """Refuses to start a chain while a test runs that is said to need none."""

    def __init__(self) -> None:
        self.unit = False
        self._start = LocalNode.start

    def install(self) -> None:
        """Look at every start of a local chain from now on."""
        guard = self

        def start(node: LocalNode) -> LocalNode:
            if guard.unit:
                raise AssertionError(
                    "this test starts a chain in a way that tests/support/units.py does not see:"
                    " mark it with pytest.mark.chain"
                )
            return guard._start(node)

        LocalNode.start = start  # type: ignore[method-assign]
