"""``salus chain``: a local chain with all contracts, and a look at any chain."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from salus.cli.context import Context
from salus.cli.moments import duration, moment, parse_duration
from salus.cli.options import HELP, command, group
from salus.cli.output import INTERRUPTED, ending, escape_control_chars

if TYPE_CHECKING:
    from salus.chain.book import Book
    from salus.chain.local_node import LocalNode
    from salus.chain.powers import Holder, Powers

__all__ = ["advance", "check", "noun", "status", "up"]


@group("chain")
def noun() -> None:
    """Start a local chain with all contracts; look at a chain."""


@noun.command("up", **HELP)
@click.option("--kind", type=click.Choice(["anvil", "ganache"]), default="anvil", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), help="TCP port on this machine [default: any that is free].")
@click.option("--block-time", type=click.IntRange(1, 3600), help="Seconds between blocks [default: one a transaction].")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def up(kind: str, port: int | None, block_time: int | None, as_json: bool) -> None:
    """Start a chain on this machine, deploy everything on it, and stay until Ctrl-C.

    The chain and all that is on it end with this command, its address book in the project's deployments/ too.
    The node's second account (--keystore node:1) is the regulator.

    \b
    Example:
      salus chain up
      export SALUS_RPC=http://127.0.0.1:…      (what it prints; in another terminal)
    """
    from salus.chain.book import Book
    from salus.chain.local_deployment import brownie_python, deploy_locally, find_checkout
    from salus.chain.local_node import LocalNode, NodeError
    from salus.errors import Unreachable

    with ending(as_json):
        project = find_checkout()
        python = brownie_python(project)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        book: Path | None = None
        try:
            with LocalNode(kind, port=port, block_time=block_time) as node:
                click.echo(f"{kind} runs at {node.url}; deploying …", err=True)
                book = deploy_locally(project, python, node.url, project / "deployments")
                _introduce(node, Book.load(book), as_json)
                _stay(node)
        except NodeError as trouble:
            raise Unreachable(str(trouble)) from None
        except KeyboardInterrupt:
            click.echo("ended", err=True)
            if book is None:
                sys.exit(INTERRUPTED)
        finally:
            if book is not None:
                # Of a chain that is gone.
                book.unlink(missing_ok=True)


def _stop(_number: int, _frame: Any) -> None:
    # As an exception, so that the blocks around it end the node and the deployment.
    raise KeyboardInterrupt


def _introduce(node: LocalNode, book: Book, as_json: bool) -> None:
    """Say where everything is."""
    if as_json:
        document = {"url": node.url, "chainId": node.chain_id, "book": book.path, "pid": node.pid}
        click.echo(json.dumps(document))
    else:
        for name, entry in book.contracts.items():
            click.echo(f"  {name:<16} {entry.address}")
        click.echo("The regulator is the node's second account: --keystore node:1\n")
        click.echo(f"In another terminal:\n  export SALUS_RPC={node.url} SALUS_BOOK={book.path}\n\nCtrl-C ends it.")
    sys.stdout.flush()


def _stay(node: LocalNode) -> None:
    """Wait for Ctrl-C.

    Raises:
        Unreachable: The node has ended by itself.
    """
    from salus.errors import Unreachable

    while node.running:
        time.sleep(0.2)
    raise Unreachable(f"{node.kind} has ended by itself; it said: {node.last_output() or 'nothing'}")


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

    def show() -> None:
        click.echo(f"chain {salus.chain_id}, block {block}, {moment(at)}")
        click.echo(f"book  {escape_control_chars(salus.book.path)}")
        rows = [(name, address, "as deployed") for name, address in contracts.items()]
        context.table("Contracts", ("contract", "address", "code"), rows)

    context.answer(data, show)


@command(noun, "advance")
@click.argument("time_", metavar="DURATION")
def advance(context: Context, time_: str) -> None:
    """Move the clock of a local chain forward: licences end, reviews and delays are over.

    DURATION is a number and s, m, h, d, w or y. A chain that others use has a clock that nobody moves.

    \b
    Example:
      salus chain advance 14d
    """
    from salus.chain.checks import read_node
    from salus.errors import BadInput

    seconds = parse_duration(time_)
    facts = read_node(context.rpc)
    if not facts.local:
        raise BadInput("--rpc", "", f"the node is {facts.client}; only the clock of a local chain can be moved")
    facts.node.one("evm_increaseTime", seconds, doing="moving the clock")
    facts.node.one("evm_mine", doing="making a block")
    at = int(facts.node.block()["timestamp"], 16)
    context.answer({"chainId": facts.chain_id, "time": at}, f"the chain's clock says {moment(at)}")


@command(noun, "check")
def check(context: Context) -> None:
    """Read every power back from the chain: who can do what, how soon, and who can stop it.

    \b
    Example:
      salus chain check --rpc http://127.0.0.1:8545
    """
    from salus.chain.powers import read_powers

    powers = read_powers(context.connect())
    context.answer(dataclasses.asdict(powers), lambda: _show_powers(context, powers))


def _show_powers(context: Context, powers: Powers) -> None:
    rows = []
    for role in powers.roles:
        may = ", ".join(role.functions) or ("says who has which role" if role.id == 0 else "nothing by itself")
        for holder in role.holders:
            # Nothing waits where it acts at once, so nothing can be cancelled.
            stops = ", ".join(role.guardians) if holder.delay else ""
            rows.append((role.name, holder.name or holder.account, _how_soon(holder), may, stops))
        if not role.holders:
            rows.append((role.name, "nobody", "", may, ""))
    context.table("Powers", ("role", "who", "how soon", "may do", "who can cancel"), rows)
    for each in powers.scheduled:
        click.echo(f"waits: {each.what} by {each.caller}, from {moment(each.at)}")
    for name in powers.closed:
        click.echo(f"closed: {name}, whose restricted functions nobody can call")
    for warning in powers.warnings:
        click.echo(f"weak: {warning}")


def _how_soon(holder: Holder) -> str:
    now = f"after {duration(holder.delay)}" if holder.delay else "at once"
    later = f"; from {moment(holder.next_at)}: {duration(holder.next_delay)}" if holder.next_at else ""
    return now + later
