"""The command line: one noun a module, loaded when it is used.

Exit codes: 0 done, 1 refused by the rules (the reason on stderr), 2 usage or bad input, 3 chain unreachable.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salus.cli.root import cli as cli

__all__ = ["cli", "main", "overview"]

#: Noun, what it is for. A noun's commands are the group `noun` in the module of its name.
NOUNS = {
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

#: What `salus --help` begins with. Its lines and those of NOUNS fit into 80 columns, so that nothing needs wrapping.
ABOUT = """Salus: consent, claims, cold chain for public health, on any Ethereum node.

Start here, in two terminals:
  salus chain up
  salus institution list; salus wallet new; salus consent grant --help"""


def __getattr__(name: str) -> Any:
    # The group of all commands is built when something of it is used: importing click takes longer than all of the
    # help.
    if name == "cli":
        from salus.cli.root import cli

        return cli
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def overview() -> str:
    """What ``salus --help`` says, as click would lay it out at a terminal of 80 columns or more."""
    about = "\n".join(f"  {line}".rstrip() for line in ABOUT.splitlines())
    nouns = "\n".join(f"  {noun:<{max(map(len, NOUNS))}}  {what}" for noun, what in NOUNS.items())
    return f"""Usage: salus [OPTIONS] COMMAND [ARGS]...

{about}

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Nouns:
{nouns}
"""


def main() -> None:
    """The program `salus`."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        from shutil import get_terminal_size

        if get_terminal_size().columns >= 80:
            print(overview(), end="")
            return
    import click

    from salus.cli.root import cli

    try:
        cli(prog_name="salus")
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(130)
