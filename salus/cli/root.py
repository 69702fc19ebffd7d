"""The group of all nouns, which knows them by name and loads only the one that is used."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from salus import __version__
from salus.cli.nouns import ABOUT, WORDS
from salus.cli.options import HELP, Group
from salus.cli.output import ending

__all__ = ["cli"]

_JSON = "salus.json"  # whether the answer is to be JSON, an error in the words typed too


class _Nouns(Group):
    """A group that knows its commands by name and loads only the one that is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_JSON] = "--json" in args
        with ending(ctx.meta[_JSON]):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with ending(ctx.meta[_JSON]):
                return super().invoke(ctx)
        except click.UsageError as error:
            if not ctx.meta[_JSON]:
                raise
            click.echo(json.dumps({"error": "UsageError", "message": error.format_message()}), err=True)
            ctx.exit(error.exit_code)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in WORDS:
            return None
        found: click.Command = import_module(f".{cmd_name}", __package__).noun
        return found

    def elsewhere(self, ctx: click.Context, word: str) -> list[str]:
        nouns = ((name, self.get_command(ctx, name)) for name in WORDS)
        return [name for name, noun in nouns if isinstance(noun, click.Group) and word in noun.list_commands(ctx)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Nouns"):
            formatter.write_dl([(name, word.about) for name, word in WORDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        # From the table: nothing else is loaded for it.
        return [CompletionItem(name, help=word.about) for name, word in WORDS.items() if name.startswith(incomplete)]


# Each paragraph is marked as one that is not to be wrapped.
@click.group(cls=_Nouns, help="\b\n" + ABOUT.replace("\n\n", "\n\n\b\n"), **HELP)
@click.version_option(__version__, prog_name="salus")
def cli() -> None:
    """See ABOUT."""
