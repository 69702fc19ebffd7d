"""What is said where an optional part is not installed: words that work from a checkout."""

import re
import tomllib

import pytest

from salus.errors.extras import needs
from tests.support.shared_data import ROOT

SOURCES = sorted((ROOT / "salus").rglob("*.py"))


def test_no_text_names_a_package_of_an_index():
    """No index has Salus: who took the name there could run what they like."""
    for path in [*SOURCES, ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        assert not re.search(r"pip install\s+['\"`]?salus\b", path.read_text()), path


def test_every_extra_that_is_named_is_there():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {name for path in SOURCES for name in re.findall(r"\bneeds\(\"[^\"]*\", \"(\w+)\"\)", path.read_text())}
    assert named == {"scan", "mqtt", "plot", "postgres"} and named <= set(extras)


@pytest.mark.parametrize("extra", ["scan", "plot"])
def test_the_words_name_the_checkout(extra):
    assert needs("x", extra).endswith(f"pip install '.[{extra}]'")
