"""F9: the indexer is killed at any moment, has no room left, or is started twice. The index stays whole."""

import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from salus.errors import IndexTrouble
from salus.index import Indexer
from salus.index._store import Store
from tests.support.log_emitter import count, differences

KILLS = int(os.environ.get("SALUS_KILLS", "30"))


def child(work):
    """Do something in a process of its own; its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except IndexTrouble as trouble:
        os.write(2, str(trouble).encode())
        code = 2
    finally:
        os._exit(code)


def sync(log_emitter, **options):
    def work():
        with log_emitter.indexer(**options) as indexer:
            indexer.sync()

    return work


def whole(log_emitter):
    """What the database itself finds wrong with the index's file, and up to where it speaks."""
    store = Store(log_emitter.folder / "index.sqlite", writer=True)
    try:
        at = store.cursor()
        if at is None:
            return store.check(), None
        with store.reading() as connection:
            above = connection.exec_driver_sql(f"SELECT count(*) FROM events WHERE block > {at.block}").scalar_one()
            tip = connection.exec_driver_sql("SELECT max(number) FROM blocks").scalar_one()
        assert (above, tip) == (0, at.block)
        return store.check(), at.block
    finally:
        store.close()


def test_f9_killed_at_any_moment_it_is_whole_and_goes_on(log_emitter, monkeypatch):
    """New blocks, reorgs and kills by turns; each moment of a sync is hit, the transactions' ends above all."""
    import salus.index._chain

    monkeypatch.setattr(salus.index._chain, "_PAGE", 5)  # many transactions in one sync
    chance = random.Random(9)
    log_emitter.grants(30)
    began = time.monotonic()
    sync(log_emitter)()
    usual = time.monotonic() - began
    os.remove(log_emitter.folder / "index.sqlite")
    killed = 0
    for turn in range(KILLS):
        pid = child(sync(log_emitter))
        time.sleep(chance.random() * usual * 1.2)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
        assert whole(log_emitter)[0] == ""
        if turn % 3 == 0:
            log_emitter.node.request("anvil_reorg", chance.randrange(1, 6), [])
        if turn % 2 == 0:
            log_emitter.grants(3)
    assert killed > KILLS // 4
    with log_emitter.indexer() as indexer:
        indexer.sync()
        assert differences(indexer, log_emitter.fresh()) == []


@pytest.mark.parametrize("blocks", [1, 4])
def test_f9_without_room_it_says_so_and_goes_on_when_there_is_some(log_emitter, blocks, capfd):
    log_emitter.grants(3)
    sync(log_emitter)()
    for _ in range(blocks):
        log_emitter.emit(log_emitter.grant_topics(), bytes(64), count=600)
    pid = child(lambda: (_limit(200_000), sync(log_emitter)()))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    said = capfd.readouterr().err
    assert "make room, then run `salus index sync` again: nothing that was in it is lost" in said
    broken, at = whole(log_emitter)
    assert broken == "" and at < log_emitter.head
    with log_emitter.indexer() as indexer:
        assert indexer.sync().block == log_emitter.head
        assert differences(indexer, log_emitter.fresh()) == []


def _limit(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_f9_a_second_writer_is_refused_with_one_line(log_emitter):
    log_emitter.grants(2)
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from salus.index._lock import writer; from salus.index._store import Store\n"
        "with writer(Store(sys.argv[2], writer=True)):\n"
        "    print('held', flush=True); sys.stdin.readline()\n"
    )
    root = Path(__file__).resolve().parents[2]
    words = [sys.executable, "-c", script, str(root), str(log_emitter.folder / "index.sqlite")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with log_emitter.indexer() as indexer:
            for act in (indexer.sync, indexer.rebuild):
                with pytest.raises(IndexTrouble, match="is being written by another program") as raised:
                    act()
                assert "\n" not in str(raised.value)
            other.kill()  # the place is free at once when its holder dies
            other.wait()
            assert indexer.sync().events == 2


def test_f9_one_that_reads_is_not_stopped_by_one_that_writes(log_emitter):
    log_emitter.grants(3)
    with log_emitter.indexer() as indexer:
        indexer.sync()
        reader = Store(log_emitter.folder / "index.sqlite")
        with reader.reading() as connection:
            before = reader.cursor(connection)
            log_emitter.grants(2)
            indexer.sync()
            # Within one reading it is all of one moment.
            assert reader.cursor(connection) == before
            assert reader.counts(connection)["events"] == 3
        assert reader.cursor().block == before.block + 2


# ------------------------------------------------------------------------------------------------- F24, for the index


def test_f24_its_files_are_for_its_owner_alone(log_emitter):
    before = os.umask(0)
    try:
        log_emitter.grants(2)
        with log_emitter.indexer() as indexer:
            indexer.sync()
            files = sorted(path for path in log_emitter.folder.iterdir() if path.name.startswith("index.sqlite"))
            assert len(files) == 4  # the database, its log, the log's index, the lock
            assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        os.chmod(log_emitter.folder / "index.sqlite", 0o644)
        with log_emitter.indexer() as indexer:
            assert stat.S_IMODE((log_emitter.folder / "index.sqlite").stat().st_mode) == 0o600
            assert count(indexer) == 2
    finally:
        os.umask(before)


def test_f24_a_link_is_not_followed(log_emitter, tmp_path):
    (tmp_path / "elsewhere").touch()
    (log_emitter.folder / "index.sqlite").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IndexTrouble, match="is no regular file"):
        log_emitter.indexer()


def test_f24_what_is_no_index_is_told(log_emitter):
    path = log_emitter.folder / "index.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with (
        log_emitter.indexer() as indexer,
        pytest.raises(IndexTrouble, match="build it anew with `salus index rebuild`"),
    ):
        indexer.sync()
    log_emitter.grants(2)
    with log_emitter.indexer() as indexer:
        assert indexer.rebuild().events == 2
        assert whole(log_emitter) == ("", 2)
    with pytest.raises(IndexTrouble, match="cannot be used"):
        Indexer(log_emitter.node.url, log_emitter.book, log_emitter.folder / "no" / "such" / "folder")
