"""Run a command beside a local chain of its own, and end the chain whatever happens.

    python scripts/dev/with_chain.py --kind anvil -- brownie test

The chain takes a free port. The command finds it in ``SALUS_CHAIN_PORT`` (Brownie's local networks then attach to it,
brownie_hooks.py) and ``SALUS_CHAIN_URL``. The exit code is the command's; 128 + n where signal n ended it, 3 where no
chain could be started.
"""

import argparse
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Seconds that the command has to end in after it was asked to.
GRACE = 10.0


class Stopped(Exception):
    """A signal asked this program to end."""

    def __init__(self, number: int) -> None:
        self.number = number


def load_node_module():
    """The file alone: importing the whole client would cost a second, and would tie the tests to its health."""
    spec = importlib.util.spec_from_file_location("salus_node", ROOT / "salus" / "chain" / "local_node.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run a command to its end; whatever interrupts this ends the command, and all that it started, first."""
    # At a terminal the command must stay in the foreground group, for a debugger to be able to read from it; Ctrl-C
    # then reaches it from the terminal. Anywhere else it gets a group of its own, which can be ended as a whole.
    own_group = not sys.stdin.isatty()
    process = subprocess.Popen(command, env=environment, process_group=0 if own_group else None)

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if own_group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)

    try:
        code = process.wait()
    except (Stopped, KeyboardInterrupt) as reason:
        number = reason.number if isinstance(reason, Stopped) else signal.SIGINT
        if own_group or isinstance(reason, Stopped):
            send(number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(GRACE)
        code = -number
    finally:
        # The command has ended or had its time; what is left of it is in the way.
        send(signal.SIGKILL)
        process.wait()
    return code if code >= 0 else 128 - code


def heed_signals() -> None:
    """From now on signals that ask this program to end raise: :class:`Stopped`, Ctrl-C KeyboardInterrupt."""

    def stop(number, _frame):
        raise Stopped(number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    # A shell starts what runs in the background deaf to Ctrl-C, and both this program and its command would stay so.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run a command beside a local chain of its own.")
    parser.add_argument("--kind", default="anvil", choices=("anvil", "ganache"), help="which chain (default: anvil)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --, the command and its arguments")
    options = parser.parse_args(argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command; write it after --")

    heed_signals()
    module = load_node_module()
    try:
        # As many accounts as brownie-config.yaml has, so that a test finds the same people on every chain.
        with module.LocalNode(options.kind, accounts=30) as node:
            print(f"{options.kind} runs on port {node.port}", flush=True)
            environment = {**os.environ, "SALUS_CHAIN_PORT": str(node.port), "SALUS_CHAIN_URL": node.url}
            return run(command, environment)
    except module.NodeError as trouble:
        print(f"error: {trouble}", file=sys.stderr)
        return 3
    except FileNotFoundError:
        print(f"error: no such command: {command[0]}", file=sys.stderr)
        return 127
    except (Stopped, KeyboardInterrupt) as reason:
        return 128 + (reason.number if isinstance(reason, Stopped) else signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
