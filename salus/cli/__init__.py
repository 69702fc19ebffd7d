"""The command line: one noun a module, loaded when it is used.

Exit codes: 0 done, 1 refused by the rules (the reason on stderr), 2 usage or bad input, 3 chain unreachable.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__
from .common import HELP

__all__ = ["cli", "main"]

# Noun, what it is for. A noun's commands are the group `noun` in the module of its name.
_NOUNS = {
    "chain": "Start a local chain with all contracts; look at a chain.",
    "wallet": "Keys: a wallet from twelve words, keystore files.",
    "institution": "Accredit institutions; look them up; name operators.",
    "consent": "Grant, revoke, relay and explain consent.",
    "claim": "Submit claims and see how they were judged.",
    "profile": "Temperature profiles: list, show and register them.",
    "lot": "Register lots, find them by their box; GS1 prefixes.",
    "logger": "Temperature loggers: register, calibrate; prove files.",
    "shipment": "Ship vaccines, log temperatures, see the verdict.",
    "dose": "Give doses by a schedule; who is due, who had a recall.",
    "label": "Make and read labels of lots: GS1 Digital Links as QR codes.",
    "verify": "Is the vaccine in hand what its label says, and may it be used?",
    "outbox": "What was sent in bulk: look, take up, forget.",
    "index": "Keep all events in a local database; compare it with the chain.",
}

_JSON = "salus.json"  # whether the answer is to be JSON, an error in the words typed too


class _Nouns(click.Group):
    """A group that knows its commands by name and loads only the one that is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_JSON] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if not ctx.meta[_JSON]:
                raise
            click.echo(json.dumps({"error": "UsageError", "message": error.format_message()}), err=True)
            ctx.exit(error.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NOUNS:
            return None
        found: click.Command = import_module(f".{cmd_name}", __name__).noun
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Nouns"):
            formatter.write_dl(list(_NOUNS.items()))


@click.group(cls=_Nouns, **HELP)
@click.version_option(__version__, prog_name="salus")
def cli() -> None:
    """Salus, a public-health ledger: consent, claims and cold chain on any Ethereum node.

    \b
    Start here, in two terminals:
      salus chain up
      salus institution list; salus wallet new; salus consent grant --help
    """


def main() -> None:
    """The program `salus`."""
    try:
        cli(prog_name="salus")
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
