"""What a check of one part found: fine, doubtful or broken, and what to do. A check itself never fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from salus.errors.quoting import one_line
from salus.errors.tree import SalusError

__all__ = ["Check", "Level", "checked"]


class Level(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One thing that was found.

    Attributes:
        part: What was looked at, in a word or two.
        level: How it is.
        found: What was found.
        todo: What to do; "" where nothing need be done.
    """

    part: str
    level: Level
    found: str
    todo: str = ""

    @classmethod
    def ok(cls, part: str, found: str) -> Check:
        """A part that is as it should be.

        Args:
            part: What was looked at.
            found: What was found.
        """
        return cls(part, Level.OK, found)

    @classmethod
    def warn(cls, part: str, found: str, todo: str) -> Check:
        """A part that works, but perhaps not as it is meant.

        Args:
            part: What was looked at.
            found: What was found.
            todo: What to do.
        """
        return cls(part, Level.WARN, found, todo)

    @classmethod
    def fail(cls, part: str, found: str, todo: str) -> Check:
        """A part that does not work.

        Args:
            part: What was looked at.
            found: What was found.
            todo: What to do.
        """
        return cls(part, Level.FAIL, found, todo)

    @classmethod
    def of(cls, part: str, error: SalusError, todo: str) -> Check:
        """A part that raised an error: what was found, and what to do as the error says it, else as it is said here.

        Args:
            part: What was looked at.
            error: What it raised.
            todo: What to do, where the error does not say.
        """
        found, _, fix = one_line(error, 400).rpartition("; ")
        return cls.fail(part, found or fix, fix if found else todo)


def checked(part: str, check: Callable[[], Iterable[Check]], todo: str) -> list[Check]:
    """Run a check; whatever it raises is itself a finding.

    Args:
        part: What is looked at.
        check: Looks at it.
        todo: What to do where it cannot be looked at.
    """
    try:
        return list(check())
    except SalusError as error:
        return [Check.of(part, error, todo)]
    except Exception as mistake:
        # A broken part may break whoever looks at it: the other parts are looked at all the same.
        return [Check.fail(part, f"cannot be looked at: {type(mistake).__name__}: {one_line(mistake, 300)}", todo)]
