"""Two runs of the tests share the files: each file is taken once, and what nobody ran is a failure.

two shares of one folder
├── meet wherever the faster one gets to, and together have every file once
└── a run that ended leaves the rest to the other
the verdict
├── is that of the runs where all tests were run
└── is a failure where a test was run by neither, or a run left no report
"""

import importlib.util
import sys

import pytest

from tests.support.shared_data import ROOT
from tests.support.two_workers import Share

FILES = [f"file-{number}" for number in range(9)]


@pytest.fixture
def shares(tmp_path):
    return Share(tmp_path, from_end=False), Share(tmp_path, from_end=True)


@pytest.mark.parametrize("faster", [1, 2, 5])
def test_two_shares_meet_and_have_each_file_once(shares, faster):
    first, second = (share.take(FILES) for share in shares)
    taken = [], []
    for _ in FILES:
        taken[0].extend(file for _ in range(faster) if (file := next(first, None)))
        taken[1].extend(file for file in [next(second, None)] if file)
    assert taken[0] + taken[1][::-1] == FILES
    assert len(taken[0]) >= len(taken[1]) * min(faster, 4) - 4


def test_what_a_run_that_ended_left_is_for_the_other(shares):
    first, second = shares
    taken = [next(first.take(FILES))]
    assert taken + list(second.take(FILES))[::-1] == FILES


@pytest.fixture
def run_tests(monkeypatch):
    folder = ROOT / "scripts" / "dev"
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location("run_tests", folder / "run_tests.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("with_chain", None)


@pytest.mark.parametrize(
    "ran, code, expected, said",
    [
        ((4, 5), 0, 0, "all tests: passed, 9 (5 + 4) in 2.0 min"),
        ((4, 5), 1, 1, "all tests: FAILED, 9 (5 + 4) in 2.0 min"),
        ((4, 4), 0, 1, "8 of 9 tests were run"),
        ((9,), 0, 1, "9 of 9 tests were run"),
    ],
)
def test_what_nobody_ran_is_a_failure(run_tests, shares, tmp_path, capsys, ran, code, expected, said):
    for share, number in zip(shares, ran):
        share.ran = number
        share.report(found=9)
    assert run_tests.verdict(tmp_path, code, 120) == expected
    assert said in capsys.readouterr().out
