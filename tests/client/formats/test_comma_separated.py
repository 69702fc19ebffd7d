"""What a spreadsheet writes instead of commas is told by the files that people make themselves."""

import pytest

from salus.claims.code_map import load_mapping
from salus.claims.files.csv import read_csv
from salus.claims.patients import read_patients
from salus.claims.plans.file import load_plan
from salus.claims.plans.members import read_members
from salus.doses.schedules import read_births
from salus.errors import BadInput
from salus.formats.comma_separated import expect_commas
from tests.support.shared_data import EXAMPLES

ACCOUNT = "0x" + "12" * 20


def members(path):
    return read_members(path, load_plan(EXAMPLES / "plan.json"))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_csv, "claim;patient;provider;service\n1;2;3;4\n"),
        (load_mapping, "fromSystem;fromCode;system;code\na;b;c;d\n"),
        (read_patients, f"Patient/1;{ACCOUNT}\n"),
        (members, f"member;from;until\n{ACCOUNT};2026-01-01;2027-01-01\n"),
        (read_births, f"patient;birth\n{ACCOUNT};2020-01-01\n"),
    ],
    ids=["claims", "mapping", "patients", "members", "births"],
)
@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_separators_get_a_hint(tmp_path, read, text, separator, name):
    path = tmp_path / "table.csv"
    path.write_text(text.replace(";", separator))
    with pytest.raises(BadInput) as raised:
        read(path)
    assert str(raised.value) == (
        f"{path}: line 1: its cells are separated by {name}; save it with commas"
        " (in a spreadsheet: CSV, separator comma)"
    )


@pytest.mark.parametrize("text", ["", "\n", "one\n", "a,b\n1;2,3\n", "\n\na,b;c\n"])
def test_commas_and_single_columns_pass(text):
    assert expect_commas("x", text) == text
