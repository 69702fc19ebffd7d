"""The measure of complex functions that `make house` prints."""

import importlib.util
from textwrap import indent

import pytest

from tests.support.shared_data import ROOT


@pytest.fixture(scope="module")
def complexity():
    spec = importlib.util.spec_from_file_location("complexity", ROOT / "scripts" / "dev" / "complexity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "body, forks",
    [
        ("pass", 0),
        ("if a:\n    b()\nelif c:\n    d()\nelse:\n    e()", 2),
        ("return a if b else c", 1),
        ("return a and b or c", 2),
        ("return a and b and c", 2),
        ("for a in b:\n    c()", 1),
        ("for a in b:\n    c()\nelse:\n    d()", 2),
        ("while a:\n    b()", 1),
        ("try:\n    a()\nexcept B:\n    c()\nexcept D:\n    e()\nelse:\n    f()\nfinally:\n    g()", 3),
        ("return [a for b in c if d for e in f]", 3),
        ("with a:\n    b()", 0),
        ("assert a", 1),
        ("match a:\n    case 1:\n        b()\n    case 2 if c:\n        d()\n    case _:\n        e()", 2),
        ("match a:\n    case 1:\n        b()\n    case other if c:\n        d()", 2),
        ("return lambda: a if b else c", 1),
    ],
)
def test_what_counts(complexity, tmp_path, body, forks):
    file = tmp_path / "module.py"
    file.write_text(f"def f():\n{indent(body, '    ')}\n")
    assert list(complexity.functions(file)) == [("f", 1, 1 + forks)]


def test_a_function_inside_another_counts_by_itself(complexity, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "class A:\n"
        "    def f(self):\n"
        "        if a:\n"
        "            def g():\n"
        "                return b or c or d\n"
        "if e:\n"
        "    async def h():\n"
        "        pass\n"
    )
    assert list(complexity.functions(file)) == [("A.f", 2, 2), ("A.f.g", 4, 3), ("h", 7, 1)]
