"""How complex functions are: one, and one more for each place where the way through them forks.

Counted are `if`, `elif` and the conditional expression, loops and the `else` of a loop, each `except` and the `else` of
a `try`, each further term of an `and` or `or`, each `for` and `if` of a comprehension, each `case` but the one that
takes all, and `assert`. A function inside another is counted by itself. ruff's C901 counts fewer of them: it does not
see a condition of many terms. The grade D begins at 21.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

GRADE_D = 21

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def functions(path: Path) -> Iterator[tuple[str, int, int]]:
    """Every function of a file: its name with the classes and functions around it, its line, its complexity."""
    yield from _inside(ast.parse(path.read_text(), filename=str(path)), ())


def _inside(node: ast.AST, around: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            names = (*around, child.name)
            if not isinstance(child, ast.ClassDef):
                yield ".".join(names), child.lineno, 1 + sum(map(_forks, _own(child)))
            yield from _inside(child, names)
        else:
            yield from _inside(child, around)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """All nodes of a function's body but those of functions and classes inside it."""
    waiting = list(function.body) if isinstance(function, _SCOPES) else []
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _SCOPES):
            yield node
            waiting += ast.iter_child_nodes(node)


def _forks(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.IfExp() | ast.Assert():
            return 1
        case ast.For() | ast.AsyncFor() | ast.While():
            return 1 + bool(node.orelse)
        case ast.Try() | ast.TryStar():
            return len(node.handlers) + bool(node.orelse)
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.Match():
            return sum(not _takes_all(case) for case in node.cases)
    return 0


def _takes_all(case: ast.match_case) -> bool:
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None
