"""Measure which lines and branches of salus the tests run, in two runs at once as `make test`.

    python scripts/dev/measure_coverage.py --kind anvil

All tests count but those that stand on Brownie: they are about the contracts. Prints what no test ran, file by file,
and writes build/coverage.json. The exit code is 1 where a test failed, 2 where less is covered than pyproject.toml asks
for.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JSON = ROOT / "build" / "coverage.json"

COVERAGE = [sys.executable, "-m", "coverage"]
PYTEST = ["-m", "pytest", "-p", "no:pytest-brownie", "--no-brownie", "-q", "--durations=10", "tests"]


def run_tests(environment: dict[str, str]) -> int:
    """Both runs, side by side; the exit code of the first that failed."""
    runs = []
    for which in ("start", "end"):
        environment = {**environment, "SALUS_TESTS_FROM": which}
        runs.append(subprocess.Popen([*COVERAGE, "run", *PYTEST], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL))
    try:
        return next(filter(None, [run.wait() for run in runs]), 0)
    finally:
        for run in runs:
            if run.poll() is None:
                run.terminate()
                run.wait()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure which lines of salus the tests run.")
    parser.add_argument("--kind", default="anvil", choices=("anvil", "ganache"), help="which chain (default: anvil)")
    kind = parser.parse_args(argv).kind
    # The data of every process lies outside of the checkout: some tests copy it while others still write.
    with tempfile.TemporaryDirectory(prefix="salus-tests-") as share, tempfile.TemporaryDirectory() as data:
        environment = {**os.environ, "COVERAGE_FILE": f"{data}/data", "CHAIN": kind, "SALUS_TESTS_SHARE": share}
        failed = run_tests(environment)

        def coverage(*words: str, check: bool = True) -> int:
            return subprocess.run([*COVERAGE, *words], cwd=ROOT, env=environment, check=check).returncode

        coverage("combine", "--quiet")
        coverage("json", "--quiet", "--fail-under=0", "-o", str(JSON))
        report = coverage("report", check=False)
    if failed:
        print("tests failed: what they would have run is missing above", file=sys.stderr)
        return 1
    return report


if __name__ == "__main__":
    sys.exit(main())
