"""``salus completion``: the script that completes commands and options in a shell."""

from __future__ import annotations

import click

from salus.cli.context import Context
from salus.cli.options import command, group

__all__ = ["noun"]


def _completion() -> click.Command:
    parent = group("salus")(lambda: None)

    @command(parent, "completion")
    @click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
    def completion(context: Context, shell: str) -> None:
        """Print the script that completes commands and options in a shell; put its line into the shell's start-up file.

        \b
        Example:
          eval "$(salus completion bash)"
          eval "$(salus completion zsh)"
          salus completion fish | source
        """
        from click.shell_completion import BashComplete, FishComplete, ZshComplete

        from salus.cli.root import cli

        kinds = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
        script = kinds[shell](cli, {}, "salus", "_SALUS_COMPLETE").source()
        context.answer({"shell": shell, "script": script}, lambda: click.echo(script))

    return completion


noun = _completion()
