"""What the documents name is there.

given the Markdown files of this project
    when their links are followed           the file is there, and has the heading
    when they name a path of the project    it is there
    when they name a target of make         the Makefile has it
    when they name a command of salus       it is one
given docs/architecture.md and tests/test_architecture.py
    when the subjects are compared          each may use what the test allows
"""

import re
from functools import cache
from pathlib import Path

import click
import pytest

from salus.cli import cli
from tests.docs.test_blocks import DOCUMENTS, name
from tests.support.project_copy import ROOT
from tests.test_architecture import SUBJECTS

ROOMS = ("benchmarks", "contracts", "docs", "examples", "interfaces", "salus", "scripts", "tests")
# Made by the set-up, the build or a command.
MADE = ("deployments/", "build/", ".venv/", "node_modules/", ".solc/")
# Names what was renamed, and an example of a subject that is still to come.
OLD = ("CHANGELOG.md",)
TO_COME = re.compile(r"\bunits?\b|IUnits|<\w+>")


@cache
def text(path: Path) -> str:
    """A document without its blocks of code, which test_blocks.py runs."""
    return re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def code(path: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text(path))


documents = pytest.mark.parametrize("path", DOCUMENTS, ids=name)


@documents
def test_each_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", text(path)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{name(path)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(there), f"{name(path)} links to {target}; there is no such heading"


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if name(path) not in OLD], ids=name)
def test_each_path_is_there(path):
    for word in code(path):
        if "/" not in word or " " in word or "…" in word or TO_COME.search(word) or word.startswith(MADE):
            continue
        if word.split("/")[0] in ROOMS:
            found = list(ROOT.glob(word.rstrip("/"))) if "*" in word else [ROOT / word]
            assert found and found[0].exists(), f"{name(path)} names {word}, which is not there"


@documents
def test_each_target_of_make_is_there(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {found[1] for word in code(path) if (found := re.match(r"make ([a-z-]+)", word))}
    assert named <= targets, f"{name(path)} names {sorted(named - targets)}"


@documents
def test_each_command_is_one(path):
    for word in code(path):
        found, words = cli, word.split()
        if words[0] != "salus":
            continue
        for each in words[1:]:
            if not isinstance(found, click.Group) or each.startswith(("-", "…")) or not each.islower():
                break
            found = found.get_command(None, each)
            assert found, f"{name(path)}: {word}: there is no {each}"


def test_the_architecture_says_what_its_test_holds():
    rows = re.findall(
        r"^\| `(\w+)` \| (–|`\w+`(?:, `\w+`)*) \|$", text(ROOT / "docs" / "architecture.md"), re.MULTILINE
    )
    assert {subject: tuple(re.findall(r"\w+", below)) for subject, below in rows} == SUBJECTS


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 200
