"""Run all tests in two halves at once, each beside a chain of its own; or just what is asked for.

    python scripts/dev/run_tests.py --kind anvil                      # all
    python scripts/dev/run_tests.py --kind anvil -- tests/contracts/consent -x  # the words go to `brownie test`

Either half keeps about one processor busy. The contracts' half is shown as it goes, the other one when it ends. The
exit code is that of the first half that failed, 0 where none did; 128 + n where signal n ended the run.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from with_chain import Stopped, heed_signals

ROOT = Path(__file__).resolve().parents[2]
BROWNIE = Path(sys.executable).with_name("brownie")
LOG = ROOT / "build" / "tests-client.log"

#: What does without Brownie's chain, or nearly; the other half is all the rest, so that no test can be forgotten.
CLIENT = ("tests/client", "tests/cli", "tests/faults", "tests/scripts")


def command(kind: str, words: list[str]) -> list[str]:
    return [
        sys.executable,
        str(ROOT / "scripts" / "dev" / "with_chain.py"),
        "--kind",
        kind,
        "--",
        str(BROWNIE),
        "test",
        *words,
    ]


def both(kind: str) -> int:
    LOG.parent.mkdir(exist_ok=True)
    started = time.monotonic()
    # Brownie tidies its artefacts up whenever it loads a project. Once before, for two at once would trip over one
    # another.
    subprocess.run([str(BROWNIE), "compile"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    with LOG.open("w") as log:
        # A session of its own: Ctrl-C at the terminal reaches it through this program alone, once.
        client = subprocess.Popen(
            command(kind, list(CLIENT)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        contracts = None
        try:
            contracts = subprocess.Popen(command(kind, ["tests", *(f"--ignore={part}" for part in CLIENT)]))
            print(
                f"the client's tests run beside these, and are shown after them (tail -f {LOG.relative_to(ROOT)})",
                flush=True,
            )
            code = contracts.wait()
            if client.poll() is None:
                print("\nthe contracts' tests are done; the client's still run …", flush=True)
            code = code or client.wait()
        finally:
            for process in (contracts, client):
                if process is not None and process.poll() is None:
                    process.terminate()
                    # It ends its chain first.
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(20)
                    process.kill()
                    process.wait()
    print(f"\nthe client's tests:\n{LOG.read_text(errors='replace')}", flush=True)
    print(
        f"all tests: {'passed' if code == 0 else 'FAILED'} after {(time.monotonic() - started) / 60:.1f} min",
        flush=True,
    )
    return code


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run all tests in two halves at once, or just what is asked for.")
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
