"""Which room may import which: every import of `salus` goes down, never up, and nothing imports the client from below.

The floors are those of docs/architecture.md. A new subject gets a row in SUBJECTS, with the subjects that it rests on.
"""

import ast
from pathlib import Path

import pytest

SALUS = Path(__file__).resolve().parent.parent / "salus"

#: From the ground up. A room imports rooms of its own floor only where GROUND says so.
GROUND = ("abi", "errors", "formats", "keys", "chain", "outbox")

#: Subject: the other subjects that it may import. The order is that of the contracts' constructors.
SUBJECTS = {
    "institutions": (),
    "consent": ("institutions",),
    "claims": ("institutions", "consent"),
    "coldchain": ("institutions",),
    "doses": ("institutions", "coldchain"),
}

#: What stands above the subjects; only these may import the client.
TOP = ("client", "index", "cli")

#: The command line, and the package's own face, may import everything.
ALLOWED = {
    **{room: set(GROUND[: place + 1]) for place, room in enumerate(GROUND)},
    **{subject: {*GROUND, subject, *below} for subject, below in SUBJECTS.items()},
    "index": {*GROUND, *SUBJECTS, "index"},
    "client": {*GROUND, *SUBJECTS, "index", "client"},
    "cli": {*GROUND, *SUBJECTS, *TOP, ""},
    "": {*GROUND, *SUBJECTS, "client", "index", ""},
}


def room_of(path):
    """The room of a file: its folder at the top of salus, the module's own name there, "" for the face."""
    inside = path.relative_to(SALUS)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem.replace("__init__", "")


def imports_of(path):
    """(line, room, module) of each import of salus in a file, those for types and those inside functions too."""
    package = ".".join(("salus", *path.relative_to(SALUS).parent.parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] if node.level else ""
            modules = [".".join(filter(None, (base, node.module)))]
            if modules == ["salus"]:
                modules = [f"salus.{alias.name}" if (SALUS / alias.name).is_dir() else "salus" for alias in node.names]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            if parts[0] == "salus":
                yield node.lineno, parts[1] if len(parts) > 1 else "", module


FILES = sorted(SALUS.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SALUS)))
def test_imports_go_down(path):
    room = room_of(path)
    assert room in ALLOWED, f"{room} has no floor: give it one in this file and in docs/architecture.md"
    up = [f"line {line}: {module}" for line, other, module in imports_of(path) if other not in ALLOWED[room]]
    assert not up, f"salus/{path.relative_to(SALUS)} imports what it must not: {'; '.join(up)}"


def test_private_modules_are_imported_by_their_own_package_alone():
    found = []
    for path in FILES:
        for line, _, module in imports_of(path):
            parts = module.split(".")
            private = next((n for n, part in enumerate(parts) if part.startswith("_")), None)
            if private is not None and SALUS.joinpath(*parts[1:private]) not in path.parents:
                found.append(f"salus/{path.relative_to(SALUS)}, line {line}: {module}")
    assert not found, "\n".join(found)


def test_the_top_holds_the_door_the_client_and_folders():
    assert sorted(path.name for path in SALUS.glob("*.*")) == ["__init__.py", "client.py", "py.typed"]


def test_every_folder_has_a_row():
    folders = {path.name for path in SALUS.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == {*GROUND, *SUBJECTS, "index", "cli"}


@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("place", ["interfaces", "contracts", "salus", "tests/contracts", "tests/client", "tests/cli"])
def test_a_subject_has_one_name_everywhere(subject, place):
    assert (SALUS.parent / place / subject).is_dir()
