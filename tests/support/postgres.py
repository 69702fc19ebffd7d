"""A PostgreSQL server of a test's own, where the programs are installed."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from salus.errors import IndexTrouble
from salus.index._store import Store


def program(name):
    places = [shutil.which(name), *sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)]
    return next((place for place in places if place), None)


def owner():
    """Who may run the server: it refuses root, which may become somebody else."""
    if os.getuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


def is_installed():
    """Whether the programs of a server are there."""
    return bool(program("initdb") and program("postgres"))


class Server:
    """A server of a test's own, which can be stopped and started again.

    Attributes:
        url: Its first database.
    """

    def __init__(self):
        self._who, self._process = owner(), None
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql://salus@127.0.0.1:{self._port}/postgres"

    def __enter__(self):
        # Not below pytest's folder, into which another user may not look.
        self._folder = tempfile.TemporaryDirectory(prefix="salus-pg-")
        os.chmod(self._folder.name, 0o755)
        self._data = data = Path(self._folder.name) / "data"
        data.mkdir(mode=0o700)
        if self._who:
            os.chown(data, self._who["user"], self._who["group"])
        made = [program("initdb"), "-D", str(data), "-U", "salus", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, timeout=120, cwd="/", env=self._environment, **self._who)
        self.start()
        return self

    def start(self):
        port, data = str(self._port), str(self._data)
        words = [program("postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", data, "-F"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "env": self._environment}
        self._process = subprocess.Popen(words, **quiet, **self._who)
        _wait(self.url)

    def stop(self):
        """At once, as a restart does: whoever is connected is told to go."""
        self._end(signal.SIGINT)

    def kill(self):
        """As `pg_ctl stop -m immediate` does: nothing is finished, the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def _end(self, how):
        self._process.send_signal(how)
        self._process.wait(30)

    def __exit__(self, *_):
        self._end(signal.SIGTERM)
        self._folder.cleanup()


def _wait(url):
    for _ in range(300):
        try:
            Store(url).cursor()
            return
        except IndexTrouble:
            threading.Event().wait(0.1)
    raise AssertionError("the server does not start")
