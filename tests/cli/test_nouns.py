"""The words after `salus`: each has a module, a folder whose subject it is, and a folder of tests."""

import importlib

import click
import pytest

from salus.cli import cli
from salus.cli.nouns import WORDS
from tests.support.shared_data import ROOT

#: What every command uses: no command itself.
MACHINERY = {"__init__", "__main__", "root", "nouns", "context", "options", "output", "moments", "values"}

#: Rooms of `salus/` that are no subject of their own: their commands are tested beside each other.
FLOORS = {"chain", "keys", "outbox", "index", "cli"}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_names_a_folder_and_a_module(word):
    assert (ROOT / "salus" / WORDS[word].folder / "__init__.py").is_file()
    found = importlib.import_module(f"salus.cli.{word}").noun
    assert isinstance(found, click.Command) and found.name == word


@pytest.mark.parametrize("folder", sorted({word.folder for word in WORDS.values()} - FLOORS))
def test_a_subject_has_tests_of_its_commands(folder):
    assert list((ROOT / "tests" / "cli" / folder).glob("test_*.py"))


def test_every_module_is_a_word_or_what_all_use():
    there = {path.stem for path in (ROOT / "salus" / "cli").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__pycache__"} == {*WORDS, *MACHINERY}


def test_every_subject_has_a_word():
    subjects = {path.name for path in (ROOT / "interfaces").iterdir() if path.is_dir()} - {"mocks", "common"}
    assert subjects <= {word.folder for word in WORDS.values()}


def test_the_group_knows_the_words_of_the_table():
    assert cli.list_commands(None) == list(WORDS)
    assert cli.get_command(None, "nothing") is None


def test_the_lines_of_the_help_fit_into_80_columns():
    for name, word in WORDS.items():
        assert len(f"  {name:<{max(map(len, WORDS))}}  {word.about}") <= 80, name
