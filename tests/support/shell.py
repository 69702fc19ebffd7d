"""A terminal with a shell in it, for tests of what a person types: questions are answered, and what was printed is
given back.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import secrets
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

#: What a question ends with, and the answer to it. Only a harmless answer belongs here.
PASSWORD = "correct horse battery"
ANSWERS = (
    (re.compile(r"\[y/N\]: ?$"), "y"),
    (re.compile(r"(?:[Pp]assword of [^\n]*|Repeat for confirmation): ?$"), PASSWORD),
)

# Makes its standard input the terminal that the shell's programs ask for passwords.
_SHELL = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "--noprofile", "--norc", "--noediting", "-i"])
"""


class Terminal:
    """A pseudo terminal of 110 columns with an interactive bash, which ends with the ``with`` block.

    Args:
        folder: The working folder.
        environment: All of the shell's environment.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._near, far = os.openpty()
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 110, 0, 0))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SHELL],
                cwd=folder,
                env=dict(environment),
                stdin=far,
                stdout=far,
                stderr=far,
                start_new_session=True,
            )
        finally:
            os.close(far)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._printed = ""
        self._answered = 0
        self.run("PS1= PS2= PROMPT_COMMAND=; set +o history; stty -echo -onlcr")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, command: str, seconds: float = 240) -> tuple[int, str]:
        """Type a command and wait for its end; its exit code, and what it printed."""
        mark = secrets.token_hex(8)
        # In halves: the terminal may still echo what is typed.
        self.start(f"eval {shlex.quote(command)}; printf '\\n%s%s %d\\n' {mark[:8]} {mark[8:]} $?")
        printed, code = self._wait(re.compile(rf"\n{mark} (\d+)\n"), seconds)
        return int(code), printed.strip("\n")

    def start(self, line: str) -> None:
        """Type a line, and wait for nothing."""
        self._printed, self._answered = "", 0
        os.write(self._near, line.encode() + b"\n")

    def wait(self, text: str, seconds: float) -> str:
        """Wait until a text was printed; all that was printed since the last line was typed."""
        self._wait(re.compile(f"({re.escape(text)})"), seconds)
        return self._printed

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._near, b"\x03")

    def close(self) -> None:
        """Close the terminal, and end whatever still runs in it."""
        # As when a window is closed: the shell passes the signal on to its jobs.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGHUP)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._near)

    def _wait(self, pattern: re.Pattern[str], seconds: float) -> tuple[str, str]:
        end = time.monotonic() + seconds
        while (found := pattern.search(self._printed)) is None:
            ready, _, _ = select.select([self._near], [], [], max(0, end - time.monotonic()))
            assert ready, f"after {seconds} s the terminal shows\n{self._printed}"
            try:
                more = os.read(self._near, 65536)
            except OSError:  # how Linux says that the other side is closed
                more = b""
            assert more, f"the shell ended; the terminal shows\n{self._printed}"
            self._printed += self._decoder.decode(more)
            self._answer()
        return self._printed[: found.start()], found[1]

    def _answer(self) -> None:
        for question, answer in ANSWERS:
            if asked := question.search(self._printed, self._answered):
                self._answered = asked.end()
                os.write(self._near, answer.encode() + b"\n")
