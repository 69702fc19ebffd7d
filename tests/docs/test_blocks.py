"""What README, docs and examples tell a reader to type, typed: each file on a chain of its own, as tests/support/
doc_blocks.py says.

given a Markdown file of this project
    when it is looked through           each block has a language that is run, or says why it is not
    when its blocks are run             each command ends as it says and prints what is shown; each Python block works
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.support.doc_blocks import RUN, Block, Reader, blocks
from tests.support.project_copy import ROOT, copy_project
from tests.support.shell import Terminal

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")], key=lambda path: path.as_posix()
)

# Why a block is not run, and how many of them there are. Who adds one adds it here.
EVERYTHING = "it runs everything"
DEMO = "tests/scripts/test_privacy.py compares it with what the demo prints"
PUBLIC = "it needs a network that lives on"
DRAWING = "it is a drawing"
NOT_RUN = {EVERYTHING: 2, DEMO: 1, PUBLIC: 2, DRAWING: 2}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def environment(home: Path) -> dict[str, str]:
    """What a newcomer's shell has: nothing of Salus, and the programs of this environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("SALUS_", "PYTEST_"))}
    for key in ("ACCOUNT", "KEYSTORE", "PASSWORD_FILE", "REGULATOR", "COLUMNS", "LINES"):
        kept.pop(key, None)
    programs = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ["PATH"]])
    return kept | {
        "HOME": str(home),
        "PATH": programs,
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "VIRTUAL_ENV_DISABLE_PROMPT": "1",
    }


@pytest.fixture
def reader(tmp_path):
    """Somebody in a checkout of their own, with a new home."""
    home = tmp_path / "home"
    home.mkdir()
    project = copy_project(tmp_path / "salus")
    with Terminal(project, environment(home)) as terminal, Terminal(project, environment(home)) as second:
        yield Reader(terminal, second)
        second.interrupt()


# --------------------------------------------------------------------------------------------------- the real documents


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_each_block_is_run_or_says_why_not(path):
    for block in blocks(path):
        assert block.reason or block.language in RUN, f"{block.place}: a {block.language or 'bare'} block is not run"
        assert block.reason in ("", *NOT_RUN), f"{block.place}: {block.reason!r} is no reason of the list"


def test_what_is_not_run_is_counted():
    assert dict(Counter(block.reason for path in DOCUMENTS for block in blocks(path) if block.reason)) == NOT_RUN


def runs(path: Path) -> list[Block]:
    return [block for block in blocks(path) if not block.reason]


@pytest.mark.chain
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if runs(path)], ids=name)
def test_what_it_says_runs(path, reader):
    if not any(line.startswith("salus chain up") for block in runs(path) for line in block.lines):
        reader.type("salus chain up", name(path))
        reader.type("export SALUS_RPC=…", name(path))
    for block in runs(path):
        reader.run(block)
