"""scripts/dev/slither.py: what slither finds and what ``docs/slither.md`` explains are in step

given findings, and the tables of the file
    when a row names the check and the place, or the check everywhere    the finding is explained
    when none does                                                       it is told, with slither's own text
    when a row explains nothing any more                                 it is told
given the file itself
    when it is read                                                      each row of its tables has places and a reason
"""

import importlib.util

import pytest

from tests.support.build_files import ROOT


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("slither_script", ROOT / "scripts" / "dev" / "slither.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def element(kind, name, parent=None):
    inside = {"parent": parent} if parent else {}
    return {"type": kind, "name": name, "type_specific_fields": inside, "source_mapping": {"filename_relative": "x"}}


CONTRACT = element("contract", "Desk")
FUNCTION = element("function", "submit", CONTRACT)
FINDING = {"check": "some-check", "impact": "High", "description": "what it says", "elements": [FUNCTION]}


@pytest.mark.parametrize(
    "first, where",
    [
        (CONTRACT, "Desk"),
        (FUNCTION, "Desk.submit"),
        (element("variable", "sum", FUNCTION), "Desk.submit.sum"),
        (element("node", "a = b", FUNCTION), "Desk.submit"),
    ],
    ids=["contract", "function", "variable", "node"],
)
def test_a_place_has_no_lines(script, first, where):
    assert script.place({"elements": [first]}) == where


@pytest.mark.parametrize("row", ["| `some-check` | `Desk.submit` | why |", "| `some-check` | everywhere | why |"])
def test_a_finding_is_explained(script, row):
    assert script.faults([FINDING], set(script.explained(row))) == []


@pytest.mark.parametrize(
    "row",
    [
        "",
        "| `some-check` | `Desk.review` | why |",
        "| `other-check` | everywhere | why |",
        "| `some-check` | `Desk.submit` | |",
        "`some-check` `Desk.submit` why",
    ],
)
def test_a_finding_that_no_row_explains_is_told(script, row):
    told = script.faults([FINDING], set(script.explained(row)))
    assert told[0] == "not explained: High some-check `Desk.submit`\nwhat it says"


def test_a_row_that_explains_nothing_is_told(script):
    rows = set(script.explained("| `some-check` | `Desk.submit` `Desk.gone` | why |"))
    assert script.faults([FINDING], rows) == ["explains nothing any more: some-check `Desk.gone`"]


def test_every_row_of_the_file_is_read(script):
    text = (ROOT / "docs" / "slither.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    assert all(list(script.explained(row)) for row in rows)
