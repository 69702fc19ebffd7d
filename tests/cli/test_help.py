"""Help and usage: the first help, every command's help, wrong words."""

import json
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from salus.cli import cli, main, overview
from salus.cli.nouns import WORDS


def every_command(parent=cli, path=()):
    for name in parent.list_commands(None):
        found = parent.get_command(None, name)
        if isinstance(found, click.Group):
            yield from every_command(found, (*path, name))
        else:
            yield (*path, name), found


@pytest.fixture(scope="module")
def commands():
    """Every command there is, by its path."""
    return dict(every_command())


@pytest.mark.parametrize("columns", ["80", "81", "300"])
def test_the_first_help_is_the_one_that_click_would_give(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert CliRunner().invoke(cli, ["--help"], prog_name="salus").stdout == overview()


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_the_first_help_waits_for_nothing(word):
    program = (
        "import sys; from salus.cli import main; main();"
        "slow = {name.split('.')[0] for name in sys.modules} & {'click', 'rich', 'web3', 'eth_account', 'eth_utils'};"
        "sys.exit(' '.join(slow) or 0)"
    )
    words = [sys.executable, "-c", program, word]
    done = subprocess.run(words, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", overview())


def test_a_narrow_terminal_gets_its_lines_wrapped(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys, "argv", ["salus", "--help"])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    assert "verify" in said and said != overview()


@pytest.mark.parametrize("noun", list(WORDS))
def test_every_command_has_a_sentence_and_an_example(commands, noun):
    mine = {path: found for path, found in commands.items() if path[0] == noun}
    assert mine
    for path, found in mine.items():
        assert "Example:" in found.help, path
        # A command may have a second name.
        assert f"salus {' '.join(path[:-1])} {found.name}".replace("  ", " ") in found.help, path


def test_no_command_takes_a_secret_as_an_argument(commands):
    for path, found in commands.items():
        for parameter in found.params:
            for name in (*parameter.opts, *parameter.secondary_opts):
                if (path, name) == (("wallet", "new"), "--words"):
                    continue  # how many, not which
                assert not re.search(r"^--?(password|mnemonic|words|key|private-key|seed)$", name), path


def test_every_command_answers_in_json(commands):
    for path, found in commands.items():
        assert "--json" in {name for parameter in found.params for name in parameter.opts}, path


@pytest.mark.parametrize(
    "words", [["nothing"], ["consent", "nothing"], ["consent", "grant", "--nothing"], ["consent", "relay"]]
)
def test_wrong_usage_is_2(words):
    result = CliRunner().invoke(cli, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "nothing"),
        (["consent", "grant", "--nothing"], "--nothing"),
        (["consent", "relay"], "FILES"),
        (["consent", "revoke", "--index", "9"], "--index"),
    ],
)
def test_wrong_usage_is_json_too_where_json_is_asked_for(words, said):
    result = CliRunner().invoke(cli, [*words, "--json"])
    assert (result.exit_code, result.stdout) == (2, "")
    told = json.loads(result.stderr)
    assert told.keys() == {"error", "message"}
    assert told["error"] == "UsageError" and said in told["message"]


def test_a_chain_that_is_not_there_is_3(tmp_path):
    result = CliRunner().invoke(cli, ["institution", "list", "--rpc", "http://127.0.0.1:9"])
    assert result.exit_code == 3
    assert result.stderr.startswith("error: no node answers at http://127.0.0.1:9")
