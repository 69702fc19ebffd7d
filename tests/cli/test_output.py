"""How every command asks, answers and fails: escaping, JSON, tables, exit codes."""

import json

import pytest

from salus import errors
from salus.cli.output import escape_control_chars
from salus.errors import Aborted, BadInput
from tests.support.one_command import run

__all__ = ["run"]  # a fixture


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("ü€", "ü€"), ("\u202e", "\\u202e")]
)
def test_control_characters_are_shown(text, shown):
    assert escape_control_chars(text) == shown


# ------------------------------------------------------------------------------------------------- errors and answers


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
