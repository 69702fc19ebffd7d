"""``salus chain``: a local chain with all contracts, and a look at any chain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from salus.cli.common import Context, command, failing, group, moment, safe

_DEPLOY_TIMEOUT = 600  # seconds; the first time Brownie compiles everything


@group("chain")
def noun() -> None:
    """Start a local chain with all contracts; look at a chain."""


@noun.command("up", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--kind", type=click.Choice(["anvil", "ganache"]), default="anvil", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port on this machine [default: any that is free].")
@click.option("--block-time", type=click.IntRange(1, 3600), help="Seconds between blocks [default: one a transaction].")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def up(kind: str, port: int | None, block_time: int | None, as_json: bool) -> None:
    """Start a chain on this machine, deploy everything on it, and stay until Ctrl-C.

    The chain and all that is on it end with this command. The address book is written to deployments/ in the project.
    The node's second account (--keystore node:1) is the regulator.

    \b
    Example:
      salus chain up
      export SALUS_RPC=http://127.0.0.1:…      (what it prints; in another terminal)
    """
    with failing(as_json):
        _up(kind, port, block_time, as_json)


def _up(kind: str, port: int | None, block_time: int | None, as_json: bool) -> None:
    from salus.chain.book import Book, default_book
    from salus.chain.local_node import LocalNode, NodeError
    from salus.errors import Unreachable

    project = _project()
    python = _brownie_python(project)

    def stop(number: int, _frame: Any) -> None:
        # As an exception, so that the blocks below end the node and the deployment.
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    ready = False
    try:
        with LocalNode(kind, port=port, block_time=block_time) as node:
            click.echo(f"{kind} runs at {node.url}; deploying …", err=True)
            _deploy(project, python, node.url)
            book = Book.load(default_book(node.chain_id, project))
            if as_json:
                document = {"url": node.url, "chainId": node.chain_id, "book": book.path, "pid": node.pid}
                click.echo(json.dumps(document))
            else:
                for name, entry in book.contracts.items():
                    click.echo(f"  {name:<16} {entry.address}")
                click.echo("The regulator is the node's second account: --keystore node:1\n")
                click.echo(
                    f"In another terminal:\n  export SALUS_RPC={node.url} SALUS_BOOK={book.path}\n\nCtrl-C ends it."
                )
            sys.stdout.flush()
            ready = True
            while node.running:
                time.sleep(0.2)
            raise Unreachable(f"{kind} has ended by itself; it said: {node.last_output() or 'nothing'}")
    except NodeError as trouble:
        raise Unreachable(str(trouble)) from None
    except KeyboardInterrupt:
        click.echo("ended", err=True)
        if not ready:
            sys.exit(130)


def _project() -> Path:
    """The checkout with the contracts: the working folder or one above it, else where this package lies."""
    from salus.errors import BadInput

    here = Path.cwd()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "brownie-config.yaml").is_file() and (folder / "scripts" / "deploy.py").is_file():
            return folder
    raise BadInput("", "", "there is no checkout of Salus here, with the contracts to deploy; run this inside of one")


def _brownie_python(project: Path) -> str:
    """A Python that has Brownie: this one, or that of the project's set-up."""
    import importlib.util

    from salus.errors import BadInput

    if importlib.util.find_spec("brownie") is not None:
        return sys.executable
    python = project / ".venv" / "bin" / "python"
    if python.is_file() and (project / ".venv" / "bin" / "brownie").is_file():
        return str(python)
    raise BadInput("", "", "Brownie is needed to deploy, and is not installed: run `make setup` in the project")


def _deploy(project: Path, python: str, url: str) -> None:
    from salus.errors import SalusError, one_line

    # What the environment says of a real deployment must not reach a local one.
    environment = {
        k: v for k, v in os.environ.items() if k not in ("ACCOUNT", "KEYSTORE", "PASSWORD_FILE", "REGULATOR")
    }
    process = subprocess.Popen(
        [python, str(project / "scripts" / "deploy.py"), "--rpc", url],
        cwd=project,
        env={**environment, "YES": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )
    try:
        said, _ = process.communicate(timeout=_DEPLOY_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise SalusError(f"deploying took longer than {_DEPLOY_TIMEOUT} s") from None
    finally:
        if process.poll() is None:
            # The whole group: Brownie starts a compiler of its own.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        last = [line for line in said.strip().splitlines() if line.strip()][-1:]
        raise SalusError(f"deploying failed: {one_line(last[0]) if last else 'no word'}")


@command(noun, "status")
def status(context: Context) -> None:
    """Show the node's chain, its clock, and that every contract of the book is there.

    \b
    Example:
      salus chain status --rpc http://127.0.0.1:8545
    """
    salus = context.connect()
    latest = salus.node.block()
    block, at = int(latest["number"], 16), int(latest["timestamp"], 16)
    contracts = {name: entry.address for name, entry in salus.book.contracts.items()}
    data = {
        "chainId": salus.chain_id,
        "block": block,
        "time": at,
        "book": salus.book.path,
        "contracts": contracts,
    }

    def text() -> None:
        click.echo(f"chain {salus.chain_id}, block {block}, {moment(at)}")
        click.echo(f"book  {safe(salus.book.path)}")
        context.table(
            "Contracts", ("contract", "address", "code"), ((n, a, "as deployed") for n, a in contracts.items())
        )

    context.answer(data, text)
