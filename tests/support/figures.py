"""The tables of docs/gas.md, from what `make bench` wrote.

`python -m tests.support.figures` brings the page up to date; what each key means is kept from the page.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "gas.md"
RESULTS = ROOT / "benchmarks" / "results.json"

# By table: the parts of the results that are its columns, the first one with every key.
TABLES = {"gas": ("gas", "gas_prague", "naive"), "client": ("client",)}


def updated(page: str, results: dict[str, dict[str, float]]) -> str:
    """The page with the figures of the results; a key that the page does not explain gets a question mark."""
    for name, columns in TABLES.items():
        before, rest = page.split(f"<!-- {name} -->\n")
        table, after = rest.split("<!-- end -->", 1)
        head, rule, *rows = table.strip().splitlines()
        meaning = {key: said for key, said in (re.match(r"\| `(.+?)` \|.*\| (.+) \|$", row).groups() for row in rows)}
        keys = [*(key for key in meaning if key in results[columns[0]]), *(results[columns[0]].keys() - meaning.keys())]
        rows = [
            " | ".join(
                [
                    f"| `{key}`",
                    *(f"{results[column][key]:,}" if key in results[column] else "–" for column in columns),
                    f"{meaning.get(key, '?')} |",
                ]
            )
            for key in keys
        ]
        page = f"{before}<!-- {name} -->\n" + "\n".join([head, rule, *rows]) + f"\n<!-- end -->{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(), json.loads(RESULTS.read_text())))
