"""What every command shares: moments, escaping, exit codes, JSON, passwords."""

import json
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from salus import errors
from salus.cli import cli, main, overview
from salus.cli.common import command, group, parse_moment, safe
from salus.errors import Aborted, BadInput

NOW = 1_800_000_000


# ---------------------------------------------------------------------------------------------------------- moments


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2027-01-01", 1798761600),
        ("2027-01-01T00:00:01Z", 1798761601),
        ("2027-01-01T01:00:00+01:00", 1798761600),
        ("2027-01-01 12:00", 1798804800),
        ("+90d", NOW + 90 * 86400),
        ("+1y", NOW + 365 * 86400),
        ("+2w", NOW + 14 * 86400),
        ("+5s", NOW + 5),
        ("+5m", NOW + 300),
        (" +5h ", NOW + 18000),
    ],
)
def test_moments(text, seconds):
    assert parse_moment(text, lambda: NOW) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "90d", "+d", "+1.5d", "-1d", "2027-13-01", "1969-01-01", "+999999999y", "\x1b[2J"]
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(BadInput, match="^--until: .* is no moment; write 2027-01-01") as raised:
        parse_moment(text, lambda: NOW)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("ü€", "ü€"), ("\u202e", "\\u202e")]
)
def test_control_characters_are_shown(text, shown):
    assert safe(text) == shown


# ---------------------------------------------------------------------------------------------------------- commands


@pytest.fixture
def run():
    """Run one command whose body is given."""

    def run(body, *words):
        @group("noun")
        def noun():
            """A noun."""

        command(noun, "verb")(body)
        return CliRunner().invoke(noun, ["verb", *words])

    return run


def failing(error):
    def body(context):
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (errors.from_revert(b""), 1, "refused: the contract refused without giving a reason"),
        (BadInput("a.json", "item[0]", "is bad"), 2, "error: a.json: item[0]: is bad"),
        (errors.WalletError("no"), 2, "error: no"),
        (errors.NoSigner("no"), 2, "error: no"),
        (Aborted("no"), 2, "error: no"),
        (errors.Unreachable("gone"), 3, "error: gone"),
        (errors.WrongChain("other"), 3, "error: other"),
        (errors.NotDeployed("none"), 3, "error: none"),
        (BadInput("a\x1b[2J\nb", "", "is bad"), 2, "error: a [2J b: is bad"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(run, error, code, line):
    result = run(failing(error))
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", line + "\n")


def test_with_json_an_error_is_a_document(run):
    data = bytes.fromhex("4e487b71") + (0x11).to_bytes(32)
    result = run(failing(errors.from_revert(data)), "--json")
    assert json.loads(result.stderr) == {
        "error": "Panic",
        "message": "the contract refused: an amount or a time is too large for its field (panic 0x11)",
        "arguments": {"code": 17},
        "transaction": None,
    }
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_mistake_of_ours_is_not_hidden(run):
    assert isinstance(run(failing(ZeroDivisionError())).exception, ZeroDivisionError)


def test_the_answer_is_text_or_json(run):
    def body(context):
        context.answer({"hash": b"\1\2", "who": "\x1b[2Jü"}, "line \x1b[2J")

    assert run(body).stdout == "line \\x1b[2J\n"
    text = run(body, "--json").stdout
    assert text.isascii()
    assert json.loads(text) == {"hash": "0x0102", "who": "\x1b[2Jü"}


def test_a_table_is_tab_separated_where_nobody_watches(run):
    result = run(lambda context: context.table("Title", ("a", "b"), [("1", "x\ty"), ("2", "\x1b[2J")]))
    assert result.stdout == "a\tb\n1\tx\\ty\n2\t\\x1b[2J\n"


def test_nothing_is_confirmed_where_nobody_can_be_asked(run):
    done = []

    def body(context):
        context.confirm([("amount", "5\x1b[2J")], "Go?")
        done.append(1)

    result = run(body)
    assert (result.exit_code, done) == (2, [])
    assert result.stderr.splitlines() == [
        "  amount  5\\x1b[2J",
        "error: nobody is here to confirm; add --yes when this is what you want",
    ]
    assert (run(body, "--yes").exit_code, done) == (0, [1])


def test_the_settings_come_from_the_environment_or_the_options(run, monkeypatch):
    monkeypatch.setenv("SALUS_RPC", "http://one")
    monkeypatch.setenv("SALUS_BOOK", "book.json")
    monkeypatch.setenv("SALUS_KEYSTORE", "k.json")
    seen = []
    run(lambda context: seen.append((context.rpc, context.book, context.keystore)))
    run(lambda context: seen.append((context.rpc, context.book, context.keystore)), "--rpc", "http://two")
    assert seen == [("http://one", "book.json", "k.json"), ("http://two", "book.json", "k.json")]


# --------------------------------------------------------------------------------------------------------- passwords


def test_the_password_is_from_the_file_before_the_environment(run, monkeypatch, tmp_path):
    file = tmp_path / "pw"
    file.write_text("from the file\n")
    file.chmod(0o600)
    monkeypatch.setenv("SALUS_PASSWORD", "from the environment")
    seen = []
    run(lambda context: seen.append(context.password("it")))
    run(lambda context: seen.append(context.password("it")), "--password-file", str(file))
    assert seen == ["from the environment", "from the file"]


def test_without_a_terminal_the_password_must_come_from_somewhere(run):
    result = run(lambda context: context.password("it"))
    assert result.exit_code == 2
    assert result.stderr == (
        "error: the password of it is needed: use --password-file, or SALUS_PASSWORD, or a terminal\n"
    )


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


@pytest.mark.parametrize("noun", ["chain", "wallet", "institution", "consent"])
def test_every_command_has_a_sentence_and_an_example(commands, noun):
    mine = {path: found for path, found in commands.items() if path[0] == noun}
    assert mine
    for path, found in mine.items():
        assert "Example:" in found.help, path
        assert f"salus {' '.join(path)}" in found.help, path


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
