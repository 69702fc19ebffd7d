"""The figures in docs/gas.md are those that `make bench` wrote last.

given the tables of docs/gas.md and benchmarks/results.json
    when they are compared          each key is in its table once, explained, with the figures of the file
given other results
    when the page is brought up to date    changed figures are replaced, keys that went are gone, new ones are there
"""

import json

from tests.support.figures import PAGE, RESULTS, updated


def test_the_page_has_the_figures_of_the_results():
    page = PAGE.read_text()
    assert updated(page, json.loads(RESULTS.read_text())) == page, "run `python -m tests.support.figures`"
    assert "| ? |" not in page


def test_the_page_is_brought_up_to_date():
    head = "| key |\n|---|\n"
    gas = f"<!-- gas -->\n{head}| `x` | 1 | 1 | – | what |\n| `y` | 1 | 1 | 1 | old |\n<!-- end -->"
    page = f"a\n{gas}\nb\n<!-- client -->\n{head}| `z` | 1 | rate |\n<!-- end -->\nc\n"
    results = {"gas": {"x": 2000, "new": 3}, "gas_prague": {"x": 2500}, "naive": {"new": 4}, "client": {"z": 0.5}}
    expected = page.replace("| `x` | 1 | 1 | – |", "| `x` | 2,000 | 2,500 | – |")
    expected = expected.replace("| `y` | 1 | 1 | 1 | old |", "| `new` | 3 | – | 4 | ? |")
    assert updated(page, results) == expected.replace("| `z` | 1 |", "| `z` | 0.5 |")
