"""Print the figures that the code is kept by: folders, imports, functions, types, sizes of contracts, tests, coverage.

    python scripts/dev/house.py            # all; half a minute
    python scripts/dev/house.py --quick    # without collecting the tests

The exit code is 1 where one of those that must be zero is not.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from complexity import GRADE_D, functions

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SALUS = ROOT / "salus"
COVERAGE = ROOT / "build" / "coverage.json"

# Bytes that a contract may have on chain, EIP-170.
LIMIT = 24_576


def output(*words: str | Path) -> str:
    """What a program of the set-up prints, whatever its exit code."""
    done = subprocess.run([str(word) for word in words], cwd=ROOT, capture_output=True, text=True, timeout=600)
    return done.stdout


def folders() -> Iterator[str]:
    """Modules a folder, and what lies at the top."""
    modules = [path.relative_to(SALUS) for path in SALUS.rglob("*.py")]
    by_folder = Counter(path.parts[0] for path in modules if len(path.parts) > 1)
    yield f"top of salus      {', '.join(sorted(path.name for path in SALUS.glob('*.*')))}"
    yield f"modules           {len(modules)} in {len(by_folder)} folders"
    yield from (f"  {name:<15} {count}" for name, count in sorted(by_folder.items()))


def upward_imports() -> int:
    """Imports of salus that its floors forbid."""
    sys.path.insert(0, str(ROOT))
    from tests.test_architecture import ALLOWED, FILES, imports_of, room_of

    return sum(other not in ALLOWED[room_of(path)] for path in FILES for _, other, _ in imports_of(path))


def complex_functions() -> int:
    """Functions of salus of grade D or worse."""
    return sum(score >= GRADE_D for path in SALUS.rglob("*.py") for _, _, score in functions(path))


def findings(*rules: str, ignore_noqa: bool = False) -> int:
    """What ruff finds in salus of some rules; in everything, of all rules, where none are given."""
    words: list[str | Path] = [BIN / "ruff", "check", "--output-format", "json"]
    words += ["--select", ",".join(rules), "salus"] if rules else ["."]
    return len(json.loads(output(*words, *(["--ignore-noqa"] if ignore_noqa else []))))


def type_errors() -> int:
    """Errors of mypy, with the settings of pyproject.toml."""
    found = re.search(r"Found (\d+) error", output(BIN / "mypy"))
    return int(found[1]) if found else 0


def sizes() -> Iterator[str]:
    """Bytes of each contract on chain, the largest first."""
    found = {}
    for path in (ROOT / "build" / "contracts").glob("*.json"):
        build = json.loads(path.read_text())
        if build.get("sourcePath", "").startswith("contracts/") and "/mocks/" not in build["sourcePath"]:
            found[path.stem] = len(build["deployedBytecode"].removeprefix("0x")) // 2
    for name, size in sorted(found.items(), key=lambda item: -item[1]):
        if size > 100:
            yield f"  {name:<20} {size:>6,}  {size / LIMIT:>4.0%} of the limit"


def tests() -> str:
    """How many cases of tests there are."""
    found = re.search(r"(\d+) tests collected", output(BIN / "brownie", "test", "tests", "--collect-only", "-q"))
    return f"{int(found[1]):,}" if found else "they cannot be collected"


def coverage() -> str:
    """The last figure of `make coverage`."""
    if not COVERAGE.is_file():
        return "not measured here; run `make coverage`"
    totals = json.loads(COVERAGE.read_text())["totals"]
    return f"{totals['percent_covered']:.1f} % of {totals['num_statements']:,} statements and their branches"


def main(argv: list[str] | None = None) -> int:
    """Print all figures; see the head of this file."""
    parser = argparse.ArgumentParser(description="Print the figures that the code is kept by.")
    parser.add_argument("--quick", action="store_true", help="do not collect the tests")
    quick = parser.parse_args(argv).quick
    print("\n".join(folders()))
    zeros = {
        "imports upwards": upward_imports(),
        "functions of complexity D or worse": complex_functions(),
        "functions with more than 7 parameters": findings("PLR0913", ignore_noqa=True),
        "findings of ruff, everywhere": findings(),
        "errors of mypy --strict": type_errors(),
    }
    print("to be zero")
    for name, number in zeros.items():
        print(f"  {name:<38} {number}", flush=True)
    print("contracts, bytes")
    print("\n".join(sizes()))
    if not quick:
        print(f"tests             {tests()}")
    print(f"coverage          {coverage()}")
    return 1 if any(zeros.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
