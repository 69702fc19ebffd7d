"""Code blocks of Markdown files: finding them, and running them as a reader would.

Rules for who writes such a file:

``sh``       commands, run line by line at a terminal; each must end with 0, or as its comment says: ``# exits with 1``.
             ``salus chain up`` runs in a terminal of its own until the end. An ellipsis stands for what the reader
             copies: ``export SALUS_RPC=…`` for the line that ``salus chain up`` printed, ``NAME=0x…`` for the last id
             or address that the command before printed.
``console``  commands after ``$``, and what they print. A line of ``…`` alone stands for any lines. Addresses, ids,
             moments, blocks and amounts of gas may differ.
``python``   executed in order, in one namespace for the file, with the terminal's environment and working folder.
``text``     just after a Python block: what that prints, compared as above.
``json``     must be valid JSON.

Any other block, and one that must not run, needs a comment just above it: ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.shell import Terminal

RUN = ("sh", "console", "python", "text", "json")

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+|~~~+)(?P<language>\w*)\s*$")
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+) -->")
_EXIT = re.compile(r"#\s*exits with (\d+)")
_COPIED = re.compile(r"(?P<name>\w+)=0x…\s*(#.*)?$")
_ID = re.compile(r"0x(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{40})\b")


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        language: What stands after the fence; "" for nothing.
        line: Line number of its first line, from 1.
        lines: Its lines, without the fences.
        reason: Why it is not run; "" where it is.
    """

    path: Path
    language: str
    line: int
    lines: tuple[str, ...]
    reason: str

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"


def blocks(path: Path) -> list[Block]:
    """All code blocks of a Markdown file, in order.

    Raises:
        ValueError: A block is not closed.
    """
    found: list[Block] = []
    before, opened = "", None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None:
            if fence:
                said = _NOT_RUN.fullmatch(before.strip())
                opened = (fence, number + 1, [], said["reason"] if said else "")
            before = line
            continue
        start, first, lines, reason = opened
        if fence and fence["fence"] == start["fence"] and not fence["language"]:
            found.append(Block(path, start["language"], first, tuple(lines), reason))
            before, opened = "", None
        else:
            lines.append(line.removeprefix(start["indent"]))
    if opened is not None:
        raise ValueError(f"{path}:{opened[1] - 1}: the block is not closed")
    return found


def commands(lines: tuple[str, ...]) -> list[tuple[int, str]]:
    """The commands of an ``sh`` block, each with its offset; a backslash at the end of a line joins the next one."""
    found: list[tuple[int, str]] = []
    joined: list[str] = []
    for offset, line in enumerate(lines):
        joined.append(line)
        if line.endswith("\\"):
            continue
        text, joined = "\n".join(joined), []
        if text.strip() and not text.lstrip().startswith("#"):
            found.append((offset - text.count("\n"), text))
    return found


# ------------------------------------------------------------------------------------------------------------ comparing

_VARIES = (
    (re.compile(r"0x[0-9a-fA-F]{64}\b|0x[0-9a-fA-F]{40}\b|0x[0-9a-fA-F]*…(?:[0-9a-fA-F]+)?"), "0x…"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?(?: UTC)?)?"), "<time>"),
    (re.compile(r"block \d+"), "block <n>"),
    (re.compile(r"[\d,]+ gas"), "<n> gas"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "<node>"),
)


def normal(text: str) -> list[str]:
    """Lines without what differs from run to run: addresses, ids, moments, blocks, gas, white space, and rules
    of tables."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line.strip(" ─━╇┼")]


def difference(shown: str, printed: str) -> str:
    """What a reader is shown and a program did not print; "" where they agree."""
    wanted, there = normal(shown), normal(printed)
    parts = [[]]
    for line in wanted:
        if line.strip() == "…":
            parts.append([])
        else:
            parts[-1].append(line)
    at = 0
    for number, part in enumerate(parts):
        # Only the first part must stand at the beginning, and only the last one at the end.
        starts = range(at, len(there) + 1) if number else [0]
        open_end = number < len(parts) - 1 or (number > 0 and not part)
        fits = (n for n in starts if there[n : n + len(part)] == part and (open_end or n + len(part) == len(there)))
        begin = next(fits, None)
        if begin is None:
            return f"{_first_difference(part, there, starts)}\nof\n{printed}"
        at = begin + len(part)
    return ""


def _first_difference(part: list[str], there: list[str], starts: Iterable[int]) -> str:
    """Where a part of the text stops to agree, at the place where most of it does."""

    def agreeing(start: int) -> int:
        pairs = enumerate(zip(part, there[start:]))
        return next((number for number, (line, got) in pairs if line != got), min(len(part), len(there) - start))

    start = max(starts, key=agreeing, default=len(there))
    far = agreeing(start)
    if far == len(part):
        return f"the program printed more than the text shows:\n  {there[start + far]}"
    got = there[start + far] if start + far < len(there) else "nothing more"
    return f"the text shows\n  {part[far]}\nand the program printed\n  {got}"


# -------------------------------------------------------------------------------------------------------------- running


class Reader:
    """Somebody who types what a file says.

    Args:
        terminal: Where the commands are typed.
        second: Where `salus chain up` is.
    """

    def __init__(self, terminal: Terminal, second: Terminal) -> None:
        self.terminal = terminal
        self._second = second
        self._export = ""
        self._printed = ""
        self._executed: str | None = None  # what the Python block before printed
        self._namespace: dict[str, Any] = {"__name__": "__main__"}

    def run(self, block: Block) -> None:
        """Run a block; an assertion, or a traceback, names the line that failed."""
        if block.language == "json":
            json.loads("\n".join(block.lines))
        elif block.language == "sh":
            for offset, command in commands(block.lines):
                self.type(command, f"{block.path.name}:{block.line + offset}")
        elif block.language == "console":
            self._compare(block)
        elif block.language == "python":
            self._execute(block)
            return
        elif block.language == "text" and self._executed is not None:
            found = difference("\n".join(block.lines), self._executed)
            assert not found, f"{block.place}: {found}"
        else:
            raise AssertionError(f"{block.place}: nothing runs a block of {block.language or 'no language'} here")
        self._executed = None

    def type(self, command: str, place: str) -> str:
        """Type one command; what it printed."""
        if re.match(r"salus chain up\b", command):
            self._second.start(command)
            printed = self._second.wait("Ctrl-C ends it.", 240)
            self._export = next(line.strip() for line in printed.splitlines() if line.strip().startswith("export "))
            return printed
        command = self._filled(command, place)
        wanted = _EXIT.search(command)
        code, self._printed = self.terminal.run(command)
        assert code == (int(wanted[1]) if wanted else 0), f"{place}: {command}\nended with {code}:\n{self._printed}"
        return self._printed

    def _filled(self, command: str, place: str) -> str:
        if command.startswith("export SALUS_RPC=…"):
            assert self._export, f"{place}: no chain was started before"
            return self._export
        if copied := _COPIED.match(command):
            ids = _ID.findall(self._printed)
            assert ids, f"{place}: the command before printed no id:\n{self._printed}"
            return f"{copied['name']}={ids[-1]}"
        assert "…" not in command.split(" #")[0], f"{place}: nobody can type an ellipsis: {command}"
        return command

    def _compare(self, block: Block) -> None:
        command, place, shown = "", "", list[str]()
        for offset, line in enumerate((*block.lines, "$ ")):
            if not line.startswith("$ "):
                shown.append(line)
                continue
            if command:
                found = difference("\n".join(shown), self.type(command, place))
                assert not found, f"{place}: {command}\n{found}"
            command, place, shown = line[2:], f"{block.path.name}:{block.line + offset}", []

    def _execute(self, block: Block) -> None:
        # Empty lines before it, so that a traceback names the line of the file.
        code = compile("\n" * (block.line - 1) + "\n".join(block.lines), str(block.path), "exec")
        ask = "python3 -c 'import json, os; print(json.dumps([os.getcwd(), dict(os.environ)]))'"
        folder, environment = json.loads(self.type(ask, block.place))
        printed = io.StringIO()
        with mock.patch.dict(os.environ, environment, clear=True), contextlib.chdir(folder):
            with contextlib.redirect_stdout(printed):
                exec(code, self._namespace)
        self._executed = printed.getvalue()
