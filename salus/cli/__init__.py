"""The command line: one noun a module, loaded when it is used.

Exit codes: 0 done, 1 refused by the rules (the reason on stderr), 2 usage or bad input, 3 chain unreachable, 130
interrupted by Ctrl-C.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from salus.cli.nouns import overview

if TYPE_CHECKING:
    from salus.cli.root import cli as cli

__all__ = ["cli", "main", "overview"]


def __getattr__(name: str) -> Any:
    # The group of all commands is built when something of it is used: importing click takes longer than all of the
    # help.
    if name == "cli":
        from salus.cli.root import cli

        return cli
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main() -> None:
    """The program `salus`."""
    try:
        if sys.argv[1:] in (["--help"], ["-h"]):
            from shutil import get_terminal_size

            if get_terminal_size().columns >= 80:
                print(overview(), end="")
                return
        from salus.cli.root import cli

        cli(prog_name="salus")
    except KeyboardInterrupt:
        # While this program was loaded; from then on salus.cli.output.ending does it.
        print("interrupted", file=sys.stderr)
        sys.exit(130)
