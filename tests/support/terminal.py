"""The program at a terminal of its own, as a person sits before it: what it shows, what is typed, Ctrl-C."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

from tests.support.shared_data import ROOT

# In a session of its own the terminal becomes the one that controls it: then Ctrl-C goes to this process.
_BEGIN = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
_SALUS = "from salus.cli import main; main()"


class Terminal:
    """A program with a terminal for its three streams.

    words        of `salus`
    program      Python to run instead
    columns      width of the terminal
    environment  variables beside those of this process
    """

    def __init__(self, *words, program=_SALUS, columns=80, environment=None):
        self.shown = ""
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{_BEGIN}\n{program}", *map(str, words)],
            cwd=ROOT,
            env={**variables, "TERM": "dumb", **(environment or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)
        os.close(self._mine)

    def wait_for(self, text, seconds=60):
        """Read until a text was shown."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert self._read(deadline - time.monotonic()), f"it showed only {self.shown!r}"

    def type(self, text):
        """Type; \\x03 is Ctrl-C, \\x04 Ctrl-D."""
        os.write(self._mine, text.encode())

    def interrupt(self, seconds=60):
        """Press Ctrl-C, and again where nothing happens: Python's own reading of a line may miss the first one when it
        is just about to wait. The exit code.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.type("\x03")
            while (read := self._read(2)) is True:
                pass
            if read is None:
                return self.process.wait(30)
        raise AssertionError(f"it did not end; it showed {self.shown!r}")

    def end(self, seconds=60):
        """Wait for its end; the exit code, below 0 for a signal."""
        deadline = time.monotonic() + seconds
        while self._read(deadline - time.monotonic()):
            pass
        return self.process.wait(max(1, deadline - time.monotonic()))

    def _read(self, seconds):
        """Read some; False where it says nothing for so long, None where it has ended."""
        ready, _, _ = select.select([self._mine], [], [], max(0, seconds))
        if not ready:
            return False
        with contextlib.suppress(OSError):  # what Linux says where the other end is closed
            if read := os.read(self._mine, 65_536):
                self.shown += read.decode(errors="replace").replace("\r\n", "\n")
                return True
        return None
