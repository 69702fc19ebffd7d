"""The noun completion: the script of a shell, and what the program answers it."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from salus.cli import cli
from salus.cli.nouns import WORDS
from tests.support.shared_data import ROOT


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_its_variable(shell):
    shown = CliRunner().invoke(cli, ["completion", shell], prog_name="salus").stdout
    assert f"_SALUS_COMPLETE={shell}_complete" in shown and "salus" in shown
    document = json.loads(CliRunner().invoke(cli, ["completion", shell, "--json"], prog_name="salus").stdout)
    assert document["shell"] == shell and document["script"].strip() == shown.strip()


def test_another_shell_is_refused():
    result = CliRunner().invoke(cli, ["completion", "tcsh"], prog_name="salus")
    assert result.exit_code == 2 and "'bash', 'zsh', 'fish'" in result.stderr


def completed(*words):
    """What the program offers for the last of the words."""
    environment = {
        **os.environ,
        "_SALUS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("salus", *words)),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; from salus.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["co"], ["consent", "completion"]),
        ([""], list(WORDS)),
        (["consent", "re"], ["recover", "relay", "renew", "review", "revoke"]),
        (["consent", "renew", "--relay"], ["--relay-as", "--relay-password-file"]),
        (["chain", "up", "--kind", ""], ["anvil", "ganache"]),
    ],
)
def test_commands_options_and_choices_are_offered(words, offered):
    assert completed(*words) == offered


@pytest.mark.skipif(not shutil.which("bash"), reason="a shell that is asked to run its own script")
def test_bash_takes_the_script(tmp_path):
    """As the line of a start-up file does, with a `salus` on the path."""
    program = tmp_path / "salus"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m salus.cli "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(salus completion bash)"; COMP_WORDS=(salus wal); COMP_CWORD=1;'
        ' _salus_completion salus; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "wallet\n"), done.stderr
