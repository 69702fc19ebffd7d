"""How every command asks, answers and fails: escaping, JSON, tables, exit codes."""

import json

import pytest

from salus import errors
from salus.cli.output import escape_control_chars, narrow_table, share_widths
from salus.errors import Aborted, BadInput
from tests.support.one_command import run
from tests.support.terminal import Terminal

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


# -------------------------------------------------------------------------------------------------------------- tables

ACCOUNT = "0x" + "aB" * 20
WIDE = ("institution", "answer", "purposes", "data", "why")
LONG = (
    "city-hospital-of-the-east",
    "may",
    "HOPERAT, HPAYMT, TREAT",
    "Observation, MedicationRequest, AllergyIntolerance",
    "permitted by a directive in force (city-hospital, place 0)",
)


def words_of(cells):
    return [word for cell in cells for word in cell.split()]


@pytest.mark.parametrize("room", [60, 80, 100, 140])
def test_a_table_that_fits_keeps_every_word_whole(room):
    rows = [("a", "1", "short", "x", "two words"), ("long-name", "22", "three words here", "y", "a b c d e f g h")]
    widths = share_widths([WIDE, *rows], room)
    assert sum(widths) + 2 * len(widths) + len(widths) - 1 <= room
    for column, width in zip(zip(WIDE, *rows), widths):
        assert width >= max(len(word) for word in words_of(column))


def test_where_there_is_room_nothing_is_wrapped():
    assert share_widths([("a", "b"), ("one two", "three")], 80) == [7, 5]


def test_what_is_lacking_is_shared_by_need():
    assert share_widths([("a", "b"), ("x " * 20, "y " * 10)], 30) == [16, 8]


def test_words_that_do_not_fit_beside_each_other_make_it_narrow():
    assert share_widths([WIDE, LONG], 60) is None
    assert share_widths([("account", "file"), (ACCOUNT, "/home/me/.salus/keystores/hospital.json")], 60) is None


def test_a_narrow_table_has_a_line_a_cell_and_whole_words():
    lines = narrow_table("Who may see what", WIDE, [LONG, ("b", "may not", "", "x", "y")], 60)
    assert lines == [
        "Who may see what",
        "",
        "institution  city-hospital-of-the-east",
        "answer       may",
        "purposes     HOPERAT, HPAYMT, TREAT",
        "data         Observation, MedicationRequest,",
        "             AllergyIntolerance",
        "why          permitted by a directive in force",
        "             (city-hospital, place 0)",
        "",
        "institution  b",
        "answer       may not",
        "data         x",
        "why          y",
    ]
    assert max(map(len, lines)) <= 60


def test_a_word_longer_than_a_line_starts_one():
    id = "0x" + "5f" * 32
    assert narrow_table("", ("id", "unit"), [(id, "1")], 60) == ["id", id, "unit  1"]


ROWS = 'rows = [("provider-1", "0x" + "aB" * 20, "PROVIDER, PHARMACY", "2030-01-01 00:00:00 UTC", "licensed")]'
PROGRAM = f"""
from salus.cli.output import Output
{ROWS}
Output().table("Institutions", ("name", "account", "roles", "licence until", "now"), rows)
"""


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_at_a_terminal_every_word_is_whole(columns):
    with Terminal(program=PROGRAM, columns=columns) as terminal:
        assert terminal.end() == 0, terminal.shown
    shown = terminal.shown.replace("│", " ").split()
    for word in ("Institutions", "provider-1", ACCOUNT, "PROVIDER,", "PHARMACY", "2030-01-01", "licensed", "licence"):
        assert word in shown
    assert max(map(len, terminal.shown.splitlines())) <= columns
