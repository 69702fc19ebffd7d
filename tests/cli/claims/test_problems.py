"""Where not one claim of the files can be used, each problem is told, not only the first (U9)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from salus.cli import cli

PLAN = Path(__file__).resolve().parents[3] / "examples" / "plan.json"
HEADER = "claim,provider,patient,day,code,charge\n"
BAD = {
    "K-1": "K-1,clinic,member,2026-13-01,99213,120.00",
    "K-2": "K-2,clinic,member,2026-03-01,99213,free",
    "K-3": "K-3,,member,2026-03-01,99213,120.00",
}
FIELDS = ["line 2: day", "line 3: charge", "line 4: provider"]


def submitted(tmp_path, *rows, more=()):
    file = tmp_path / "claims.csv"
    file.write_text(HEADER + "\n".join(rows) + "\n")
    words = ["claim", "submit", str(file), "--plan", str(PLAN), "--dry-run", *more]
    return file, CliRunner().invoke(cli, words, prog_name="salus")


def test_U9_each_claim_of_a_table_that_is_bad_all_through_is_told(tmp_path):
    file, result = submitted(tmp_path, *BAD.values())
    lines = result.stderr.splitlines()
    assert result.exit_code == 2 and len(lines) == 3
    assert lines[0].startswith(f"left out: {file}: {FIELDS[0]}")
    assert lines[1].startswith(f"left out: {file}: {FIELDS[1]}")
    assert lines[2].startswith(f"error: {file}: {FIELDS[2]}")


def test_U9_each_is_a_document_of_its_own_with_json(tmp_path):
    _, result = submitted(tmp_path, *BAD.values(), more=["--json"])
    told = [json.loads(line) for line in result.stderr.splitlines()]
    assert [document["error"] for document in told] == ["BadInput"] * 3
    assert [field in document["message"] for field, document in zip(FIELDS, told, strict=True)] == [True] * 3


@pytest.mark.parametrize("number", range(len(BAD)))
def test_U9_a_single_bad_claim_is_told_once(tmp_path, number):
    _, result = submitted(tmp_path, list(BAD.values())[number])
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("error: ")
