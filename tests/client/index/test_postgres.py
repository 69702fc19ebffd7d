"""The index in PostgreSQL: the same rows as in a file. Runs where a server's programs are installed."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from salus.chain.local_node import LocalNode
from salus.client import Salus
from salus.errors import IndexTrouble
from salus.index import Indexer
from salus.index._compare import compare
from salus.index._lock import writer
from salus.index._store import Store
from tests.support.log_emitter import LogEmitter, word


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


@pytest.fixture(scope="module")
def server():
    """The URL of a database of a server of its own."""
    if not program("initdb") or not program("postgres"):
        pytest.skip("PostgreSQL's programs are not installed")
    who = owner()
    # Not below pytest's folder, into which another user may not look.
    with tempfile.TemporaryDirectory(prefix="salus-pg-") as folder:
        os.chmod(folder, 0o755)
        data = Path(folder) / "data"
        data.mkdir(mode=0o700)
        if who:
            os.chown(data, who["user"], who["group"])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
        made = [program("initdb"), "-D", str(data), "-U", "salus", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, check=True, capture_output=True, timeout=120, cwd="/", env=environment, **who)
        words = [program("postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(data), "-F"]
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", env=environment, **who
        ) as process:
            try:
                url = f"postgresql://salus@127.0.0.1:{port}/postgres"
                _wait(url)
                yield url
            finally:
                process.terminate()


def _wait(url):
    for _ in range(300):
        try:
            Store(url).cursor()
            return
        except IndexTrouble:
            threading.Event().wait(0.1)
    raise AssertionError("the server does not start")


@pytest.fixture
def url(server):
    """An empty schema of the database."""
    Store(server).clear()
    return server


@pytest.fixture(scope="module")
def node():
    with LocalNode() as node:
        yield node


@pytest.fixture
def log_emitter(node, tmp_path):
    snapshot = node.request("evm_snapshot")
    yield LogEmitter(node, tmp_path)
    node.request("evm_revert", snapshot)


def test_the_rows_are_those_of_a_file_after_reorgs_and_poison(log_emitter, url):
    with Indexer(log_emitter.node.url, log_emitter.book, url, window=8) as indexer:
        for depth in (1, 4):
            log_emitter.grants(6)
            log_emitter.emit([word(1)], b"\xff\0" * 5000)
            indexer.sync()
            log_emitter.node.request("anvil_reorg", depth, [])
            indexer.sync()
        with log_emitter.fresh(8) as fresh:
            assert list(compare(indexer.store, fresh.store)) == []
        indexer.rebuild()
        with log_emitter.fresh(8) as fresh:
            assert list(compare(indexer.store, fresh.store)) == []


def test_a_second_writer_is_refused_and_a_reader_is_not(log_emitter, url):
    log_emitter.grants(2)
    with (
        Indexer(log_emitter.node.url, log_emitter.book, url) as indexer,
        Indexer(log_emitter.node.url, log_emitter.book, url) as other,
    ):
        indexer.sync()
        with writer(indexer.store):
            with pytest.raises(IndexTrouble, match="is being written by another program"):
                other.sync()
            assert Store(url).cursor().block == 2
        log_emitter.grant()
        assert other.sync().events == 1


def test_a_client_reads_it(log_emitter, url):
    log_emitter.grants(5)
    with Indexer(log_emitter.node.url, log_emitter.book, url) as indexer:
        indexer.sync()
    # These contracts have code, and none is the project's: so they are not checked against their ABIs.
    found = Salus.connect(log_emitter.node.url, book=log_emitter.book, index=url).logs(
        "ConsentRegistry", "ConsentGranted"
    )
    assert len(found) == 5
    assert found == Salus.connect(log_emitter.node.url, book=log_emitter.book, index="").logs(
        "ConsentRegistry", "ConsentGranted"
    )
