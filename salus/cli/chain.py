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
from salus.cli.output import INTERRUPTED, Output, ending, escape_control_chars

if TYPE_CHECKING:
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
@click.option(
    "--play", is_flag=True, help="Bring a token, a cast of institutions, a logger, rules, a plan with a member."
)
@click.option("--persist", type=click.Path(file_okay=False), metavar="FOLDER", help="Keep the chain there (anvil).")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON document.")
def up(kind: str, port: int | None, block_time: int | None, play: bool, persist: str | None, as_json: bool) -> None:
    """Start a chain on this machine, deploy everything on it, and stay until Ctrl-C.

    The chain and all that is on it end with this command, its address book in the project's deployments/ too; with
    --persist both are kept, and the next start goes on from there. The node's second account (--keystore node:1) is the
    regulator. `salus chain advance` moves the chain's clock.

    \b
    Example:
      salus chain up --play
      export SALUS_RPC=http://127.0.0.1:…      (what it prints; in another terminal)
    """
    from salus.chain.local_deployment import brownie_python, find_checkout
    from salus.chain.local_node import LocalNode, NodeError
    from salus.errors import BadInput, Unreachable

    with ending(as_json):
        project = find_checkout()
        python = brownie_python(project)
        if persist is not None and kind != "anvil":
            raise BadInput("--persist", "", f"{kind} keeps no chain; use --kind anvil")
        folder = Path(persist).absolute() if persist is not None else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        ground = _Ground(project, python, folder)
        state = str(folder / "state.json") if folder else None
        try:
            with LocalNode(kind, port=port, block_time=block_time, state=state) as node:
                ground.prepare(node, play)
                _introduce(node, ground, as_json)
                _stay(node)
        except NodeError as trouble:
            raise Unreachable(str(trouble)) from None
        except KeyboardInterrupt:
            click.echo("ended", err=True)
            if ground.book is None:
                sys.exit(INTERRUPTED)
        finally:
            ground.tidy()


@dataclasses.dataclass
class _Ground:
    """What is on a local chain.

    Attributes:
        project: The checkout.
        python: A Python that has Brownie.
        kept: The folder in which the chain is kept; None where it ends with the command.
        book: The address book, once everything is deployed.
        cast: Who is who, where the chain was filled for play.
    """

    project: Path
    python: str
    kept: Path | None
    book: Path | None = None
    cast: dict[str, Any] | None = None

    def prepare(self, node: LocalNode, play: bool) -> None:
        """Deploy, and fill the chain for play; what an earlier start did is not done again."""
        from salus.chain.book import book_name
        from salus.chain.local_deployment import deploy_locally, fill_for_play

        books = self.kept or self.project / "deployments"
        genesis = node.request("eth_getBlockByNumber", "0x0", False)["hash"]
        book = books / book_name(node.chain_id, genesis)
        if self.kept and book.is_file():
            click.echo(f"{node.kind} runs at {node.url}, and goes on with what is in {self.kept}", err=True)
        else:
            click.echo(f"{node.kind} runs at {node.url}; deploying …", err=True)
            book = deploy_locally(self.project, self.python, node.url, books)
        known = (self.kept or self.project / "build" / "play") / "play.json"
        if self.kept and known.is_file():
            self.cast = json.loads(known.read_text())
        elif play:
            click.echo("filling it: institutions, a logger, rules, a plan …", err=True)
            self.cast = fill_for_play(self.project, self.python, node.url, book, known.parent)
            known.write_text(json.dumps(self.cast, indent=2) + "\n")
        self.book = book

    def tidy(self) -> None:
        """Remove the address book of a chain that is gone."""
        if self.book is not None and self.kept is None:
            self.book.unlink(missing_ok=True)


def _stop(_number: int, _frame: Any) -> None:
    # As an exception, so that the blocks around it end the node and the deployment.
    raise KeyboardInterrupt


def _introduce(node: LocalNode, ground: _Ground, as_json: bool) -> None:
    """Say where everything is, and who is who."""
    from salus.chain.book import Book

    assert ground.book is not None
    book = Book.load(ground.book)
    if as_json:
        document = {"url": node.url, "chainId": node.chain_id, "book": book.path, "pid": node.pid}
        click.echo(json.dumps(document | ({"play": ground.cast} if ground.cast else {})))
    else:
        for name, entry in book.contracts.items():
            click.echo(f"  {name:<16} {entry.address}")
        click.echo("The regulator is the node's second account: --keystore node:1\n")
        if ground.cast:
            _introduce_cast(ground.cast)
        click.echo(f"In another terminal:\n  export SALUS_RPC={node.url} SALUS_BOOK={book.path}\n")
        click.echo(f"For Brownie there:\n  export SALUS_CHAIN_PORT={node.port} BOOKS={ground.book.parent}\n")
        click.echo("Ctrl-C ends it.")
    sys.stdout.flush()


def _introduce_cast(cast: dict[str, Any]) -> None:
    rows = [(one["keystore"], one["name"], ", ".join(one["roles"]).lower(), one["what"]) for one in cast["people"]]
    Output().table("Who is who", ("--keystore", "name", "roles", "what"), rows)
    click.echo(f"token     {cast['token']}: anyone may mint")
    click.echo(f"plan      {cast['plan']}")
    click.echo(f"profiles  {', '.join(cast['profiles'])}\nschedules {', '.join(cast['schedules'])}\n")


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
