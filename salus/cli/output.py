"""How a command asks, answers and fails: text or one JSON document, tables that keep words whole, exit codes."""

from __future__ import annotations

import contextlib
import json as json_format
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

    from salus.chain.receipts import Receipt
    from salus.errors import BadInput, SalusError

__all__ = ["Output", "abbreviate", "aligned", "ending", "escape_control_chars", "narrow_table", "share_widths"]

#: Exit code after Ctrl-C, as shells give it: 128 and the number of SIGINT.
INTERRUPTED = 130

#: Columns beside the text of a table's cells: a space on both sides of each, a line between two.
_PADDING, _DIVIDER = 2, 1


def escape_control_chars(value: object) -> str:
    """Text from a chain or a file for a terminal: what could move the cursor or hide text is shown as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


def abbreviate(names: Collection[str]) -> str:
    """Names in a cell of a table; of many, how many: ``--json`` has them all."""
    return ", ".join(sorted(names)) if len(names) <= 3 else f"{len(names)} of them"


def aligned(facts: Mapping[str, object] | Iterable[tuple[str, object]], least: int = 0) -> str:
    """Facts for people, one a line: the name, then the value in a column of its own.

    Args:
        facts: Names and values.
        least: Width of the names, at least.
    """
    pairs = list(facts.items()) if isinstance(facts, Mapping) else list(facts)
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:<{max(width, least)}}  {value}" for name, value in pairs)


# ------------------------------------------------------------------------------------------------------------ a command


@dataclass
class Output:
    """What a command says, and what it asks.

    Attributes:
        json: Answer with one JSON document.
        yes: Do not ask.
    """

    json: bool = False
    yes: bool = False

    def confirm(self, facts: Sequence[tuple[str, object]], question: str) -> None:
        """Show what will be done, one line a fact, on stderr, and ask; ``--yes`` answers.

        Raises:
            Aborted: The answer was no, or stdin is not a terminal.
        """
        from salus.errors import Aborted

        width = max(len(label) for label, _ in facts)
        for label, value in facts:
            click.echo(f"  {label:<{width}}  {escape_control_chars(value)}", err=True)
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise Aborted("nobody is here to confirm; add --yes when this is what you want")
        if not click.confirm(question, err=True):
            raise Aborted("nothing was done")

    def answer(self, data: Any, text: str | Callable[[], None]) -> None:
        """Write the result: ``data`` as one JSON document with ``--json``, else the text, or what a function prints."""
        if self.json:
            self.document(data)
        elif callable(text):
            text()
        else:
            self.lines(text)

    def document(self, data: Any) -> None:
        """Write one JSON document, whatever was asked for."""
        from salus.abi.decoding import plain

        # ASCII only: what a terminal could take for a command is escaped by it.
        click.echo(json_format.dumps(plain(data), indent=2, ensure_ascii=True))

    def lines(self, text: str) -> None:
        """Write a text, each line with its control characters shown."""
        for line in text.splitlines():
            click.echo(escape_control_chars(line))

    def sent(self, receipt: Receipt, text: str, **data: Any) -> None:
        """Write the result of one transaction; ``data`` goes into the JSON beside hash, block and gas."""
        self.answer(
            {**data, "transaction": receipt.hash, "block": receipt.block, "gas": receipt.gas_used},
            f"{text} (block {receipt.block}, {receipt.gas_used:,} gas)",
        )

    def note(self, text: str) -> None:
        """One line for people, on stderr, so that stdout stays the result."""
        click.echo(escape_control_chars(text), err=True)

    def problems(self, problems: Iterable[BadInput], label: str) -> None:
        """What is wrong with an input, a line each, on stderr; with ``--json`` a document each."""
        for problem in problems:
            if self.json:
                document = {"error": "BadInput", "file": problem.file, "field": problem.field, "message": str(problem)}
                click.echo(json_format.dumps(document), err=True)
            else:
                self.note(f"{label}: {problem}")

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table: drawn at a terminal, tab-separated elsewhere."""
        cells = [[escape_control_chars(cell) for cell in row] for row in rows]
        if not sys.stdout.isatty():
            click.echo("\t".join(columns))
            for row in cells:
                click.echo("\t".join(row))
            return
        # Not rich's own word on it: of a plain terminal (TERM=dumb) that is always 80.
        room, lines = get_terminal_size()
        widths = share_widths([list(columns), *cells], room)
        if widths is None:
            click.echo("\n".join(narrow_table(title, columns, cells, room)))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(title=Text(title) if title else None, title_justify="left", show_edge=False)
        for column, width in zip(columns, widths, strict=True):
            drawn.add_column(column, width=width, overflow="fold")
        for row in cells:
            # As Text: a name with [brackets] is no markup.
            drawn.add_row(*(Text(cell) for cell in row))
        Console(width=room, height=lines).print(drawn)

    def progress(self, label: str, length: int) -> ProgressBar[int]:
        """A progress bar on stderr, for a ``with`` block; silent where stderr is no terminal."""
        return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


# ------------------------------------------------------------------------------------------------------------- tables


def share_widths(lines: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """The width of each column of a table, so that every word stays whole.

    Args:
        lines: The cells, row by row; the heads of the columns are the first row.
        room: Columns of the terminal.

    Returns:
        None where the longest words of the columns do not fit beside each other.
    """
    from rich.cells import cell_len

    columns = list(zip(*lines, strict=True))
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    wanted = [max(cell_len(cell) for cell in column) for column in columns]
    spare = room - sum(least) - _PADDING * len(columns) - _DIVIDER * (len(columns) - 1)
    if spare < 0:
        return None
    lacking = [most - few for few, most in zip(least, wanted, strict=True)]
    if sum(lacking) <= spare:
        return [max(few, most) for few, most in zip(least, wanted, strict=True)]
    return [few + spare * lack // sum(lacking) for few, lack in zip(least, lacking, strict=True)]


def narrow_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[str]:
    """A table for a terminal that is too narrow for it: each row as lines ``column  value``, a blank line between two.

    A word that is longer than a line starts a line of its own.
    """
    import textwrap

    indent = max(map(len, columns)) + 2
    lines = [title] if title else []
    for row in rows:
        lines += [""] if lines else []
        for column, cell in zip(columns, row, strict=True):
            if any(len(word) > room - indent for word in cell.split()):
                lines += [column, *textwrap.wrap(cell, room, break_long_words=False, break_on_hyphens=False)]
            elif cell:
                words = textwrap.wrap(cell, room - indent, break_long_words=False, break_on_hyphens=False)
                lines += [f"{name:<{indent}}{part}" for name, part in zip([column, *[""] * len(words)], words)]
    return lines


# -------------------------------------------------------------------------------------------------------------- endings


@contextlib.contextmanager
def ending(as_json: bool = False) -> Iterator[None]:
    """End the program on an error of the tree, and on Ctrl-C: one line on stderr, its exit code, no traceback.

    With ``as_json`` that line is a JSON document with ``error`` and ``message``, and ``arguments`` where the rules
    refused.
    """
    try:
        yield
    except (KeyboardInterrupt, click.Abort) as stopped:
        if sys.stderr.isatty():
            click.echo(err=True)  # the line that a question, a bar or ^C has begun
        if isinstance(stopped.__context__, EOFError):
            # Ctrl-D at a question: click ends both in the same way.
            from salus.errors import Aborted

            _fail(Aborted("nothing was done"), as_json)
        text = json_format.dumps({"error": "Interrupted", "message": "interrupted"}) if as_json else "interrupted"
        click.echo(text, err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever reads us has gone (`salus … | head`); nothing is left to say, at interpreter exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        # Imported here: the help must not wait for it.
        from salus.errors import SalusError

        if not isinstance(error, SalusError):
            raise
        _fail(error, as_json)


def _fail(error: SalusError, as_json: bool) -> NoReturn:
    from salus.errors import Refused, one_line

    if not as_json:
        click.echo(f"{'refused' if isinstance(error, Refused) else 'error'}: {one_line(error, 1000)}", err=True)
        sys.exit(error.exit_code)
    document: dict[str, Any] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, Refused):
        from salus.abi.decoding import plain

        document |= {"error": error.name, "arguments": plain(error.arguments), "transaction": error.transaction}
    click.echo(json_format.dumps(document, ensure_ascii=True), err=True)
    sys.exit(error.exit_code)
