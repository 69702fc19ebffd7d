"""Run all tests in two runs at once, each beside a chain of its own; or just what is asked for.

    python scripts/dev/run_tests.py --kind anvil                      # all
    python scripts/dev/run_tests.py --kind anvil -- tests/contracts/consent -x  # the words go to `brownie test`

Either run keeps about one processor busy. They share the files (tests/support/two_workers.py). The first one is shown
as it goes, the other one when it ends. The exit code is that of the first run that failed, 0 where none did; 128 + n
where signal n ended the run.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from with_chain import Stopped, heed_signals

ROOT = Path(__file__).resolve().parents[2]
BROWNIE = Path(sys.executable).with_name("brownie")
LOG = ROOT / "build" / "tests-second.log"
SLOWEST = "--durations=25"


def command(kind: str, words: list[str]) -> list[str]:
    with_chain = str(ROOT / "scripts" / "dev" / "with_chain.py")
    return [sys.executable, with_chain, "--kind", kind, "--", str(BROWNIE), "test", *words]


def start(kind: str, share: str, *, from_end: bool, **options) -> subprocess.Popen:
    environment = {**os.environ, "SALUS_TESTS_SHARE": share, "SALUS_TESTS_FROM": "end" if from_end else "start"}
    return subprocess.Popen(command(kind, ["tests", SLOWEST]), env=environment, **options)


def both(kind: str) -> int:
    LOG.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    # Brownie tidies its artefacts up whenever it loads a project. Once before, for two at once would trip over one
    # another.
    subprocess.run([str(BROWNIE), "compile"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory(prefix="salus-tests-") as share, LOG.open("w") as log:
        # A session of its own: Ctrl-C at the terminal reaches it through this program alone, once.
        quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "start_new_session": True}
        second = start(kind, share, from_end=True, **quiet)
        first = None
        try:
            first = start(kind, share, from_end=False)
            print(f"two runs share the tests; the second is shown after the first (tail -f {LOG.relative_to(ROOT)})")
            sys.stdout.flush()
            code = first.wait()
            if second.poll() is None:
                print("\nthe first run is done; the second one still runs …", flush=True)
            # Both to their ends: who mends one failure wants to know of the others.
            code = second.wait() or code
        finally:
            for process in (first, second):
                if process is not None and process.poll() is None:
                    process.terminate()
                    # It ends its chain first.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(20)
                    process.kill()
                    process.wait()
        print(f"\nthe second run:\n{LOG.read_text(errors='replace')}", flush=True)
        return verdict(Path(share), code, time.monotonic() - started)


def verdict(share: Path, code: int, seconds: float) -> int:
    """Say how it went. Tests that nobody ran are a failure."""
    reports = [json.loads(path.read_text()) for path in sorted(share.glob("*.json"))]
    found, ran = max((r["found"] for r in reports), default=0), [r["ran"] for r in reports]
    if code == 0 and (len(reports) < 2 or sum(ran) != found):
        print(f"{sum(ran)} of {found} tests were run")
        code = 1
    parts = " + ".join(f"{number:,}" for number in ran)
    word = "passed" if code == 0 else "FAILED"
    print(f"all tests: {word}, {sum(ran):,} ({parts}) in {seconds / 60:.1f} min", flush=True)
    return code


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run all tests in two runs at once, or just what is asked for.")
    parser.add_argument("--kind", default="anvil", choices=("anvil", "ganache"), help="which chain (default: anvil)")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, help="after --, words for `brownie test`: one run of just that"
    )
    options = parser.parse_args(argv)
    words = options.words[1:] if options.words[:1] == ["--"] else options.words
    if words:
        os.execv(sys.executable, command(options.kind, words))
    heed_signals()
    try:
        return both(options.kind)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Stopped as stopped:
        return 128 + stopped.number


if __name__ == "__main__":
    sys.exit(main())
