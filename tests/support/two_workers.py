"""Two runs of pytest that share one list of files: one begins at its start, the other at its end, until they meet.

So both are busy to the end, however long a file takes on this machine, and no test is run twice or forgotten. Used by
scripts/dev/run_tests.py, which names a folder in `SALUS_TESTS_SHARE` and sets `SALUS_TESTS_FROM` to `end` for one of
them. In the folder the first to take a file leaves a mark; at its end each run writes how many tests it found and ran.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# In this order: what stands on Brownie's chain, longest first; then what brings chains of its own, longest last. Both
# runs meet among short files.
FOLDERS = ("stateful", "property", "contracts", "", "client", "cli", "scripts", "faults")


class Share:
    """This run's part of the files."""

    def __init__(self, folder: Path, from_end: bool) -> None:
        self.folder, self.from_end, self.ran = folder, from_end, 0

    @classmethod
    def from_environment(cls) -> Share | None:
        """The share that scripts/dev/run_tests.py asks for; None in a run by itself."""
        folder = os.environ.get("SALUS_TESTS_SHARE")
        return cls(Path(folder), os.environ.get("SALUS_TESTS_FROM") == "end") if folder else None

    def take(self, files: list[str]) -> Iterator[str]:
        """One file after the other, until the other run has the next one."""
        numbered = list(enumerate(files))
        for number, file in reversed(numbered) if self.from_end else numbered:
            try:
                (self.folder / str(number)).touch(exist_ok=False)
            except FileExistsError:
                return
            yield file

    def run(self, session: pytest.Session) -> bool:
        """Run this share of a session's tests, in place of pytest's own loop."""
        if session.testsfailed and not session.config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{session.testsfailed} errors while the tests were collected")
        by_file: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            by_file.setdefault(item.nodeid.split("::")[0], []).append(item)
        files = sorted(by_file, key=_place)
        items = itertools.chain.from_iterable(by_file[file] for file in self.take(files))
        item = next(items, None)
        while item is not None:
            # The last test of a file must know the next one, or its fixtures would stay: the next file is taken here.
            following = next(items, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self.ran += 1
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True

    def report(self, found: int) -> None:
        """Write how many tests this run found, and how many of them it ran."""
        name = "end.json" if self.from_end else "start.json"
        (self.folder / name).write_text(json.dumps({"found": found, "ran": self.ran}))


def _place(file: str) -> tuple[int, str]:
    parts = Path(file).parts
    folder = parts[1] if len(parts) > 2 else ""
    return FOLDERS.index(folder) if folder in FOLDERS else FOLDERS.index(""), file
