"""Options, commands and groups: what click is told.

Options that several commands have are fields of one frozen dataclass, each beside its type::

    @dataclass(frozen=True)
    class Route:
        out: str | None = option("--out", type=click.Path(), help="…")

    @command(noun, "grant")
    @takes(route=Route)
    def grant(context: Context, route: Route) -> None: ...
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from salus.cli.context import DEFAULT_RPC, Context
from salus.cli.output import ending

__all__ = ["HELP", "Group", "argument", "command", "group", "option", "takes"]

F = TypeVar("F", bound=Callable[..., Any])

#: Settings of every command and group.
HELP: Mapping[str, Any] = {"context_settings": {"help_option_names": ["-h", "--help"], "max_content_width": 110}}

_DECLARED = "click"


# ------------------------------------------------------------------------------------------ options of several commands


def option(*names: str, **settings: Any) -> Any:
    """A field of a dataclass that is an option of the command line; names and settings are ``click.option``'s."""
    return dataclasses.field(metadata={_DECLARED: functools.partial(click.option, *names, **settings)})


def argument(**settings: Any) -> Any:
    """A field of a dataclass that is an argument of the command line; the settings are ``click.argument``'s."""
    return dataclasses.field(metadata={_DECLARED: functools.partial(click.argument, **settings)})


def takes(**groups: type) -> Callable[[F], F]:
    """Give a command the options of dataclasses, each as one value.

    Args:
        groups: By the name of the command's parameter a dataclass whose fields are :func:`option` or :func:`argument`.
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def gather(*words: Any, **values: Any) -> Any:
            for name, kind in groups.items():
                values[name] = kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)})
            return function(*words, **values)

        made: Any = gather
        for kind in reversed(groups.values()):
            for field in reversed(dataclasses.fields(kind)):
                made = _declare(field)(made)
        found: F = made
        return found

    return decorate


def _declare(field: dataclasses.Field[Any]) -> Callable[[Any], Any]:
    """The click decorator of a field; its value goes by the field's name."""
    declared: functools.partial[Callable[[Any], Any]] = field.metadata[_DECLARED]
    return functools.partial(declared.func, *declared.args, field.name)(**declared.keywords)


# ------------------------------------------------------------------------------------------------ the common options


class _Common(click.Option):
    """An option that every command has: the help lists these once, after a command's own."""


_COMMON = (
    click.option(
        "--rpc",
        envvar="SALUS_RPC",
        default=DEFAULT_RPC,
        metavar="URL",
        cls=_Common,
        help=f"Node (SALUS_RPC) [default: {DEFAULT_RPC}].",
    ),
    click.option(
        "--book",
        envvar="SALUS_BOOK",
        type=click.Path(),
        metavar="FILE",
        cls=_Common,
        help="Addresses (SALUS_BOOK) [deployments/<chain>.json].",
    ),
    click.option(
        "--events",
        envvar="SALUS_INDEX",
        metavar="PLACE",
        cls=_Common,
        help="Index of events, or none (SALUS_INDEX).",
    ),
    click.option(
        "--keystore",
        envvar="SALUS_KEYSTORE",
        type=click.Path(),
        metavar="PLACE",
        cls=_Common,
        help="Signer: file, wallet, or node:1 (SALUS_KEYSTORE).",
    ),
    click.option(
        "--password-file",
        type=click.Path(),
        metavar="FILE",
        cls=_Common,
        help="Its password (SALUS_PASSWORD) [else asked for].",
    ),
    click.option("--yes", "-y", is_flag=True, cls=_Common, help="Do not ask before signing."),
    click.option("--json", "as_json", is_flag=True, cls=_Common, help="Answer with one JSON document."),
)


class _Command(click.Command):
    """A command whose help lists its own options first, and the common ones in a section at the end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Common options": []}
        for parameter in self.get_params(ctx):
            if (record := parameter.get_help_record(ctx)) is not None:
                common = isinstance(parameter, _Common) or "--help" in parameter.opts
                sections["Common options" if common else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def command(parent: click.Group, name: str, **settings: Any) -> Callable[[F], click.Command]:
    """A command with the common options; the function's first argument is the :class:`Context`.

    Errors of the tree end it with one line on stderr and their exit code; see :func:`salus.cli.output.ending`.
    """

    def decorate(function: F) -> click.Command:
        @functools.wraps(function)
        def run(*, as_json: bool, yes: bool, events: str | None, **options: Any) -> None:
            places = {name: options.pop(name) for name in ("rpc", "book", "keystore", "password_file")}
            context = Context(json=as_json, yes=yes, index="" if events == "none" else events, **places)
            with ending(as_json):
                function(context, **options)

        made: Any = run
        for common in reversed(_COMMON):
            made = common(made)
        return parent.command(name, cls=_Command, **{**HELP, **settings})(made)

    return decorate


# ------------------------------------------------------------------------------------------------------------- groups


class Group(click.Group):
    """A group of commands that answers an unknown one with those that were perhaps meant."""

    command_class = _Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if not ctx.resilient_parsing and not word.startswith("-") and self.get_command(ctx, word) is None:
            meant = " or ".join(f"`{each}`" for each in self._meant(ctx, word))
            raise click.UsageError(f"No such command '{word}'." + (f" Did you mean {meant}?" if meant else ""), ctx)
        return super().resolve_command(ctx, args)

    def elsewhere(self, ctx: click.Context, word: str) -> list[str]:
        """The nouns that have a command of this name; asked of the group of all nouns."""
        return []

    def _meant(self, ctx: click.Context, word: str) -> list[str]:
        """Whole commands that were perhaps meant: this group's nearest words, or the very word of another noun."""
        mine = difflib.get_close_matches(word.lower(), self.list_commands(ctx), n=2)
        root = ctx.find_root()
        others = root.command.elsewhere(root, word) if isinstance(root.command, Group) else []
        found = [f"{root.info_name} {noun} {word}" for noun in others]
        return found or [f"{ctx.command_path} {name}" for name in mine]


Group.group_class = Group


def group(name: str, **settings: Any) -> Callable[[F], click.Group]:
    """A group of commands, e.g. one noun."""
    return click.group(name, cls=Group, **{**HELP, **settings})
