"""SECURITY.md names every threat and requirement that has tests, and no other.

given the tables of SECURITY.md
    when their ids are compared with those of the tests      none is missing, and none is without a test
"""

import re

from tests.support.project_copy import ROOT
from tests.test_threats import ROWS

PAGE = (ROOT / "SECURITY.md").read_text()
IDS = re.findall(r"^\| ([A-Z]+\d+) \| .+ \|$", PAGE, re.MULTILINE)


def test_the_rows_of_the_threat_model_are_all_there_in_order():
    assert [row for row in IDS if not row.startswith("TT")] == list(ROWS)


def test_each_threat_to_the_cold_chain_is_in_the_name_of_a_test():
    named = set()
    for folder in ("contracts/coldchain", "contracts/doses", "property", "stateful"):
        for path in (ROOT / "tests" / folder).glob("test_*.py"):
            named |= set(re.findall(r"TT\d", path.read_text()))
    assert [row for row in IDS if row.startswith("TT")] == sorted(named)


def test_each_fault_has_a_test():
    first_last = [re.findall(r"F(\d+)", group) for group in re.findall(r"\((F\d+(?:(?: to |, )F\d+)*)\)", PAGE)]
    claimed = {number for group in first_last for number in range(int(group[0]), int(group[-1]) + 1)}
    tested = set()
    for path in (ROOT / "tests").rglob("*.py"):
        tested |= {int(number) for number in re.findall(r"\bF(\d{1,2})\b", path.read_text())}
    assert claimed <= tested, f"no test names {sorted(claimed - tested)}"
