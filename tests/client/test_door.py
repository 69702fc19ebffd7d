"""The package's own face: what a script imports from `salus`, and nothing that slows it down."""

import ast
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import salus

SOURCE = Path(salus.__file__).read_text()


def test_the_names_are_sorted_and_few():
    assert salus.__all__ == sorted(salus.__all__) and len(salus.__all__) <= 36
    assert set(salus.__all__) <= set(dir(salus))


@pytest.mark.parametrize("name", salus.__all__)
def test_each_name_is_there_and_documented(name):
    found = getattr(salus, name)
    assert pydoc.getdoc(found), name


def test_the_type_checker_sees_what_the_program_gets():
    """The imports under TYPE_CHECKING name the same module for each name as the table that is used at run time."""
    block = next(node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    typed = {alias.asname or alias.name: (node.module, alias.name) for node in block.body for alias in node.names}
    used = {}
    for name, home in salus._HOMES.items():
        module, _, there = home.partition(":")
        used[name] = (f"salus.{module}", there or name)
    assert typed == used and sorted(used) == salus.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'salus' has no attribute 'Slaus'"):
        salus.Slaus


def test_importing_the_package_imports_no_library():
    code = "import salus, sys; print([m for m in ('web3', 'eth_account', 'click', 'sqlalchemy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_lists_each_resource_with_its_class_and_a_line():
    text = pydoc.render_doc(salus.Salus, renderer=pydoc.plaintext)
    for name, kind in {
        "accesses": "Accesses",
        "claims": "Claims",
        "coldchain": "ColdChain",
        "consent": "Consent",
        "devices": "Devices",
        "doses": "Doses",
        "guardians": "Guardians",
        "institutions": "Institutions",
        "lots": "Lots",
        "plans": "Plans",
        "treasury": "Treasury",
    }.items():
        assert f" |  {name}\n |      {kind}: " in text
