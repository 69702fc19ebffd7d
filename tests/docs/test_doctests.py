"""The examples in the docstrings of salus.

given the modules of salus with examples
    when the examples that need no chain are run    each gives what it shows
    when the others are read                        each is Python
"""

import doctest
import importlib

import pytest

from tests.support.project_copy import ROOT

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.glob("salus/**/*.py")
    if ">>> " in path.read_text()
)


def examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    return [each for each in found if each.examples]


@pytest.mark.parametrize("module", MODULES)
def test_what_needs_no_chain_runs(module):
    ran = examples(module)
    assert ran, f"{module}: its examples are in no docstring"
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for each in ran:
        runner.run(each, out=said.append)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("module", MODULES)
def test_what_needs_one_is_python(module):
    for each in examples(module):
        for example in each.examples:
            compile(example.source, f"{module}:{each.lineno + example.lineno + 1}", "single")


def test_some_run():
    live = [e for m in MODULES for each in examples(m) for e in each.examples if doctest.SKIP not in e.options]
    assert len(live) >= 8
