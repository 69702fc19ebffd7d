"""The runner of the documents' blocks, on documents made here.

given a Markdown file
    when it is read                 its blocks have their language, line and reason; one that is not closed is refused
given a shell block
    when a command fails            the place of its line is told, and what it printed
    when it ends as its comment says   it is right
    when it asks                    a yes and a password are given
    when an id is to be copied      the last one printed is taken; without one the place is told
given a console block
    when what is printed differs    the first line that differs is told
    when only addresses, moments, blocks and gas differ    it is right
given Python blocks
    when one after the other is run    names, environment and working folder are those of the terminal
"""

import os
from pathlib import Path

import pytest

from tests.support.doc_blocks import Reader, blocks, commands, difference
from tests.support.shell import PASSWORD, Terminal

ADDRESS = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
ID = "0x" + "5e" * 32


@pytest.fixture
def reader(tmp_path):
    with Terminal(tmp_path, {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"}) as terminal:
        yield Reader(terminal, terminal)


@pytest.fixture
def document(tmp_path):
    """The blocks of a Markdown file with a text."""

    def document(text):
        path = tmp_path / "page.md"
        path.write_text(text)
        return blocks(path)

    return document


@pytest.fixture
def run(reader, document):
    """Run all blocks of a Markdown file with a text."""

    def run(text):
        for block in document(text):
            reader.run(block)

    return run


# -------------------------------------------------------------------------------------------------------------- reading


def test_blocks_have_their_language_line_and_reason(document):
    found = document(
        "Text\n\n```sh\nls\n```\n\n<!-- not run: it is long -->\n```\n  a\nb\n```\n- item\n\n  ```json\n  {}\n  ```\n"
    )
    assert [(block.language, block.line, block.lines, block.reason) for block in found] == [
        ("sh", 4, ("ls",), ""),
        ("", 9, ("  a", "b"), "it is long"),
        ("json", 15, ("{}",), ""),
    ]


def test_a_reason_must_stand_just_above(document):
    (block,) = document("<!-- not run: it is long -->\n\n```sh\nls\n```\n")
    assert block.reason == ""


def test_a_block_that_is_not_closed_is_refused(document):
    with pytest.raises(ValueError, match="page.md:2: the block is not closed"):
        document("Text\n```sh\nls\n")


def test_commands_are_joined_at_a_backslash():
    assert commands(("ls", "", "# why", "echo \\", "  a")) == [(0, "ls"), (3, "echo \\\n  a")]


# ---------------------------------------------------------------------------------------------------------------- shell


def test_a_command_that_fails_is_named_by_its_line(run):
    with pytest.raises(AssertionError, match=r"^page.md:3: ls /nowhere\nended with 2:\nls: .*/nowhere"):
        run("```sh\ntrue\nls /nowhere\n```\n")


def test_a_command_may_end_as_its_comment_says(run):
    run("```sh\n(exit 3)  # exits with 3: no chain\n```\n")


def test_a_command_that_should_have_failed_is_told(run):
    with pytest.raises(AssertionError, match="ended with 0"):
        run("```sh\ntrue  # exits with 1\n```\n")


def test_what_a_command_changes_in_the_shell_stays(run):
    run("```sh\nmkdir in; cd in; export KEY=value\n```\nText\n```sh\ntest $KEY-$(basename $PWD) = value-in\n```\n")


def test_questions_are_answered(run, tmp_path):
    (tmp_path / "ask.py").write_text(
        "import click\n"
        "click.confirm('Go?', abort=True, err=True)\n"
        "print(click.prompt('New password of x', hide_input=True, confirmation_prompt=True, err=True))\n"
        "click.confirm('Once more?', abort=True, err=True)\n"
    )
    run(f"```console\n$ python3 ask.py\n…\n{PASSWORD}\nOnce more? [y/N]:\n```\n")


def test_an_id_is_copied_from_what_was_printed(run):
    run(f"```sh\necho of {ADDRESS}: {ID}\nLOT=0x…   # as printed\ntest $LOT = {ID}\n```\n")


def test_without_an_id_to_copy_the_place_is_told(run):
    with pytest.raises(AssertionError, match="^page.md:3: the command before printed no id:\nnothing"):
        run("```sh\necho nothing\nLOT=0x…\n```\n")


def test_an_ellipsis_cannot_be_typed(run):
    with pytest.raises(AssertionError, match="^page.md:2: nobody can type an ellipsis: echo …"):
        run("```sh\necho …\n```\n")


def test_the_line_of_the_other_terminal_needs_a_chain(run):
    with pytest.raises(AssertionError, match="^page.md:2: no chain was started before"):
        run("```sh\nexport SALUS_RPC=…\n```\n")


# -------------------------------------------------------------------------------------------------------------- console


def test_what_is_printed_is_compared(run):
    run("```console\n$ echo a; echo b\na\nb\n$ echo c\nc\n```\n")
    with pytest.raises(AssertionError, match=r"^page.md:4: echo b\nthe text shows\n  c\nand the program printed\n  b"):
        run("```console\n$ echo a\na\n$ echo b\nc\n```\n")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\n…\nd", "a\nb\nc\nd"),
        ("…\nd", "a\nd"),
        ("a\n…", "a\nb"),
        ("a\n…\nb\nd", "a\nb\nc\nb\nd"),
        ("", ""),
        ("a  \n\nb", "a\nb"),
        (f"lot {ID}", "lot 0x" + "12" * 32),
        ("lot 0x5e5e…", f"lot {ADDRESS}"),
        ("until 2027-11-30 19:20:22 UTC (block 56, 82,531 gas)", "until 2028-01-01 00:00:00 UTC (block 1, 9 gas)"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:40001"),
    ],
)
def test_these_are_alike(shown, printed):
    assert difference(shown, printed) == ""


@pytest.mark.parametrize(
    ("shown", "printed", "told"),
    [
        ("a", "b", "the text shows\n  a\nand the program printed\n  b"),
        ("a\nb", "a", "the text shows\n  b\nand the program printed\n  nothing more"),
        ("a", "a\nb", "the program printed more than the text shows:\n  b"),
        ("a\n…\nb", "a\nc", "the text shows\n  b"),
        ("…\nb\nc", "a\nb\nd", "the text shows\n  c\nand the program printed\n  d"),
        ("", "a", "the program printed more"),
        (f"lot {ID}", "lot A42", "the text shows\n  lot 0x…"),
        ("paid 41.36", "paid 41.35", "the text shows\n  paid 41.36"),
    ],
)
def test_these_are_not(shown, printed, told):
    assert difference(shown, printed).startswith(told)


# --------------------------------------------------------------------------------------------------------- Python, JSON


def test_python_blocks_share_names_and_have_the_terminals_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ELSEWHERE", "yes")
    run(
        "```sh\nmkdir inner; cd inner; export KEY=value; unset ELSEWHERE\n```\n"
        "```python\nimport os\nfrom pathlib import Path\n"
        "where = Path.cwd(), os.environ['KEY'], os.environ.get('ELSEWHERE')\n```\n"
        "```python\nPath('seen').write_text(repr(where[1:]) + where[0].name)\n```\n"
    )
    assert (tmp_path / "inner" / "seen").read_text() == "('value', None)inner"
    assert Path.cwd() != tmp_path and os.environ["ELSEWHERE"] == "yes"


def test_a_python_block_that_fails_is_named_by_its_line(run):
    with pytest.raises(ZeroDivisionError) as raised:
        run("Text\n\n```python\na = 1\na / 0\n```\n")
    assert raised.traceback[-1].lineno + 1 == 5 and raised.traceback[-1].path.name == "page.md"


def test_json_must_be_json(run):
    run('```json\n{"a": 1}\n```\n')
    with pytest.raises(ValueError, match="Expecting"):
        run("```json\n{a: 1}\n```\n")


def test_what_a_python_block_prints_is_compared(run):
    run("```python\nprint('a')\n```\n```text\na\n```\n")
    with pytest.raises(AssertionError, match="^page.md:5: the text shows\n  b\nand the program printed\n  a"):
        run("```python\nprint('a')\n```\n```text\nb\n```\n")


@pytest.mark.parametrize("before", ["", "```sh\ntrue\n```\n", "```python\n```\n```sh\ntrue\n```\n"])
def test_text_without_a_python_block_before_it_is_not_run(run, before):
    with pytest.raises(AssertionError, match="nothing runs a block of text here"):
        run(before + "```text\n\n```\n")
