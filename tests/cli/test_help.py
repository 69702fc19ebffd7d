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

#: What takes longer to load than a help may take.
HEAVY = set("web3 eth_account eth_utils eth_abi requests rich fhir pydantic cryptography sqlalchemy jsonschema".split())
HEAVY |= {"segno", "PIL", "paho", "matplotlib"}


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


def test_no_help_waits_for_a_library(commands):
    """What is heavy is loaded when it is used: the help of every command, in one process."""
    program = (
        "import sys; from salus.cli import cli\n"
        f"for words in {[list(path) for path in commands]!r}:\n"
        "    try: cli([*words, '--help'], prog_name='salus')\n"
        "    except SystemExit as end: assert end.code == 0\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "[]\n")


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


# ------------------------------------------------------------------------------------------------- the common options


COMMON = ["--rpc", "--book", "--events", "--keystore", "--password-file", "--yes", "--json", "--help"]


def options_of(section):
    """The long options that a section of a help lists, in order."""
    return re.findall(r"^  (?:-\w, )?(--[\w-]+)", section, re.MULTILINE)


def test_a_help_lists_a_commands_own_options_first_and_the_common_ones_once_at_the_end(commands):
    for path, command in commands.items():
        if path == ("chain", "up"):
            continue  # it starts the node that the others ask
        shown = CliRunner().invoke(cli, [*path, "--help"], prog_name="salus", env={"COLUMNS": "80"}).stdout
        above, common = shown.split("\nCommon options:\n")
        assert options_of(common) == COMMON, path
        own = [parameter.opts for parameter in command.params if isinstance(parameter, click.Option)]
        wanted = [next(name for name in names if name.startswith("--")) for names in own]
        assert options_of(above) == [name for name in wanted if name not in COMMON], path


def test_the_common_options_take_a_line_each(commands):
    shown = CliRunner().invoke(cli, ["lot", "list", "--help"], prog_name="salus", env={"COLUMNS": "80"}).stdout
    lines = shown.split("\nCommon options:\n")[1].splitlines()
    assert len(lines) == len(COMMON) and max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_no_help_splits_a_word(commands, columns):
    for path, command in commands.items():
        shown = CliRunner().invoke(cli, [*path, "--help"], prog_name="salus", env={"COLUMNS": columns}).stdout.split()
        for parameter in command.params:
            for word in (getattr(parameter, "help", None) or "").split():
                assert word in shown, (path, word)


@pytest.mark.parametrize("words", [["--help"], ["consent", "--help"], ["consent", "grant", "--help"]])
def test_the_order_is_the_same_each_time(words):
    shown = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": "80"}
        command = [sys.executable, "-m", "salus.cli", *words]
        shown.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(shown) == 1


def test_commands_are_in_the_order_of_the_alphabet(commands):
    for noun in WORDS:
        found = cli.get_command(None, noun)
        if isinstance(found, click.Group):
            shown = CliRunner().invoke(cli, [noun, "--help"], prog_name="salus").stdout.split("\nCommands:\n")[1]
            names = re.findall(r"^  (\S+)", shown, re.MULTILINE)
            assert names == sorted(names) == sorted(found.commands), noun


# -------------------------------------------------------------------------------------------------------- did you mean


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["consnt"], "No such command 'consnt'. Did you mean `salus consent`?"),
        (["Consent"], "No such command 'Consent'. Did you mean `salus consent`?"),
        (["consent", "grnt"], "No such command 'grnt'. Did you mean `salus consent grant`?"),
        (["claim", "plan", "enrol"], "No such command 'enrol'. Did you mean `salus claim plan enroll`?"),
        # The verb of another noun, and a verb without its noun.
        (["shipment", "recall"], "No such command 'recall'. Did you mean `salus lot recall`?"),
        (["accredit"], "No such command 'accredit'. Did you mean `salus institution accredit`?"),
        (["xyzzy"], "No such command 'xyzzy'."),
    ],
)
def test_a_mistyped_command_is_answered_with_what_was_perhaps_meant(words, said):
    result = CliRunner().invoke(cli, words, prog_name="salus")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"Error: {said}"
    document = json.loads(CliRunner().invoke(cli, [*words, "--json"], prog_name="salus").stderr)
    assert document == {"error": "UsageError", "message": said}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["consent", "grant", "--porpose", "TREAT"], "--purpose"),
        (["lot", "list", "--manufacturr", "x"], "--manufacturer"),
        (["lot", "list", "--keystor", "x"], "--keystore"),
    ],
)
def test_a_mistyped_option_is_answered_with_what_was_perhaps_meant(words, meant):
    result = CliRunner().invoke(cli, words, prog_name="salus")
    assert result.exit_code == 2
    assert re.search(rf"Did you mean .*'{meant}'", result.stderr), result.stderr
