"""F24: the outbox's files are their owner's alone, and what cannot be trusted is refused and left as it is."""

import os
import sqlite3
import stat

import pytest

from salus.chain.nonces import key_lock
from salus.errors import BadInput, WalletError
from salus.outbox import Item, Proof, State, read_status
from salus.outbox._files import default_file
from salus.outbox._store import Attempt, Store

TO = "0x" + "11" * 20


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_f24_no_file_is_wider_than_0600_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        store = Store(tmp_path / "a.sqlite")
        store.queue([Item("k", TO, b"abcd")])
        with key_lock(1, "0x" + "22" * 32, TO, 1):
            made = default_file(1, "0x" + "22" * 32, TO).parent
        assert (
            modes(tmp_path)["a.sqlite"] == modes(tmp_path)["a.sqlite-wal"] == modes(tmp_path)["a.sqlite-shm"] == 0o600
        )
        assert set(modes(made).values()) == {0o600} and stat.S_IMODE(made.stat().st_mode) == 0o700
        store.close()
    finally:
        os.umask(before)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_f24_a_file_that_others_read_is_refused(tmp_path, mode):
    path = tmp_path / "a.sqlite"
    Store(path).close()
    path.chmod(mode)
    with pytest.raises(BadInput, match=rf"can be (read|written) by others; run: chmod 600 {path}"):
        Store(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    path.chmod(0o600)
    Store(path).close()


def test_f24_a_companion_that_somebody_prepared_is_refused(tmp_path):
    path = tmp_path / "a.sqlite"
    Store(path).close()
    companion = tmp_path / "a.sqlite-wal"
    companion.write_bytes(b"")
    companion.chmod(0o666)
    with pytest.raises(BadInput, match="can be (read|written) by others"):
        Store(path)


@pytest.mark.parametrize("name", ["a.sqlite", "a.sqlite-wal"])
def test_f24_a_link_is_refused(tmp_path, name):
    target = tmp_path / "elsewhere"
    target.write_bytes(b"")
    target.chmod(0o600)
    (tmp_path / name).symlink_to(target)
    with pytest.raises(BadInput, match="is a link|is no regular file"):
        Store(tmp_path / "a.sqlite")
    assert target.read_bytes() == b""


def test_f24_a_half_written_file_is_refused_and_left(tmp_path):
    path = tmp_path / "a.sqlite"
    store = Store(path)
    store.queue([Item(f"k{n}", TO, b"abcd" * 500) for n in range(200)])
    store.close()
    whole = path.read_bytes()
    for cut in (100, 5000, len(whole) // 2):
        path.write_bytes(whole[:cut])
        with pytest.raises(BadInput, match="damaged"):
            Store(path)
        assert path.read_bytes()[:100] == whole[:cut][:100]
    path.write_bytes(whole)
    Store(path).close()


def test_f24_what_is_no_outbox_is_refused(tmp_path):
    text = tmp_path / "text"
    text.write_text("this is no database, but quite long, so that nobody takes it for an empty one " * 20)
    text.chmod(0o600)
    with pytest.raises(BadInput, match="is no outbox"):
        Store(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    other.chmod(0o600)
    with pytest.raises(BadInput, match="is a database, but no outbox"):
        Store(other)
    later = tmp_path / "later.sqlite"
    Store(later).close()
    with sqlite3.connect(later) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(BadInput, match="is an outbox of version 99; this Salus reads 3"):
        Store(later)


def to_second_version(db):
    """What the third version added is taken away."""
    db.execute("ALTER TABLE items DROP COLUMN proof")
    db.execute("DROP TABLE contradictions")
    db.execute("PRAGMA user_version = 2")


def test_P1_what_the_second_version_called_failed_is_looked_at_again(tmp_path):
    """One node was enough for it then; what is done stays done."""
    path = tmp_path / "a.sqlite"
    store = Store(path)
    rows = store.queue([Item(state.value, TO, b"abcd") for state in (State.FINAL, State.FAILED, State.LOST)])
    for row in rows:
        row.state, row.block, row.block_hash, row.deep, row.proof = State(row.item.key), 7, "0x", True, Proof.PROVEN
    store.settle(rows)
    store.note_contradictions({"http://one": "it does not fit"})
    assert {row.proof for row in store.rows()} == {Proof.PROVEN}
    assert store.contradictions() == {"http://one": "it does not fit"}
    store.close()
    with sqlite3.connect(path) as db:
        to_second_version(db)
    db.close()
    store = Store(path)
    assert {row.item.key: row.deep for row in store.rows()} == {"final": True, "failed": False, "lost": False}
    assert ({row.proof for row in store.rows()}, store.contradictions()) == ({None}, {})
    store.close()


def test_f24_an_outbox_of_the_first_version_is_taken_over(tmp_path):
    """From before a call had a size: what it holds is kept."""
    path = tmp_path / "a.sqlite"
    store = Store(path)
    (row,) = store.queue([Item("k", TO, b"abcd", size=7, spare=9)])
    assert store.rows() == [row] and (row.item.size, row.item.spare) == (7, 9)
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE items DROP COLUMN size")
        db.execute("ALTER TABLE items DROP COLUMN spare")
        to_second_version(db)
        db.execute("PRAGMA user_version = 1")
    db.close()
    store = Store(path)
    (row,) = store.rows()
    assert row.item == Item("k", TO, b"abcd")
    assert store.queue([Item("l", TO, b"abcd", size=3)])[0].item.size == 3
    store.close()


@pytest.mark.parametrize("change", [{"size": 0}, {"spare": -1}, {"gas": 0}, {"value": -1}])
def test_an_item_of_impossible_numbers_is_refused(change):
    with pytest.raises(BadInput, match="outbox.*k"):
        Item("k", TO, b"abcd", **change)


def test_f24_an_empty_file_becomes_an_outbox(tmp_path):
    """What a crash leaves between making the file and its tables."""
    path = tmp_path / "a.sqlite"
    path.touch(0o600)
    path.chmod(0o600)
    Store(path).close()
    assert read_status(path)[1] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_f24_a_folder_that_cannot_be_written_is_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BadInput, match="cannot be opened: Permission denied"):
            Store(tmp_path / "a.sqlite")
    finally:
        tmp_path.chmod(0o700)


def test_f24_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BadInput, match="cannot be opened: No such file or directory; name another --outbox"):
        Store(tmp_path / "nowhere" / "a.sqlite")


def test_f24_a_home_into_which_others_look_is_refused(tmp_path, monkeypatch):
    home = tmp_path / "shared"
    (home / "outbox").mkdir(parents=True)
    (home / "outbox").chmod(0o755)
    monkeypatch.setenv("SALUS_HOME", str(home))
    with pytest.raises(WalletError, match="others can look into"):
        default_file(1, "0x" + "22" * 32, TO)


# ------------------------------------------------------------------------------------------------------------ the store


def test_nonce_raw_bytes_and_hash_are_written_together_or_not_at_all(tmp_path):
    """38: a failure at the last of three leaves none of them signed."""
    store = Store(tmp_path / "a.sqlite")
    rows = store.queue([Item(f"k{n}", TO, b"abcd") for n in range(3)])
    attempts = [Attempt(f"0x{n:064x}", b"raw", 21_000, 1, 1) for n in (1, 2, 1)]  # the third has the first one's hash
    with pytest.raises(BadInput, match="cannot be used"):
        store.sign([(row, n, attempt) for n, (row, attempt) in enumerate(zip(rows, attempts, strict=True))])
    assert [row.nonce for row in store.rows()] == [None] * 3 and store.next_nonce() == 0
    assert {row.state.value for row in store.rows()} == {"queued"}
    store.close()


def test_signed_bytes_wait_for_the_disk_and_nothing_else_does(tmp_path):
    """A transaction that is lost with the power after it was sent would be signed a second time."""
    store = Store(tmp_path / "a.sqlite")
    modes, real = [], store._db

    class Watched:
        def __getattr__(self, name):
            return getattr(real, name)

        def execute(self, statement, *values):
            if statement.startswith("BEGIN"):
                modes.append(real.execute("PRAGMA synchronous").fetchone()[0])
            return real.execute(statement, *values)

    store._db = Watched()
    normal, full = 1, 2
    (row,) = store.queue([Item("k", TO, b"abcd")])
    store.sign([(row, 0, Attempt("0x01", b"raw", 21_000, 1, 1))])
    store.sent([row.id])
    store.bump([(row.id, Attempt("0x02", b"raw2", 21_000, 2, 2, 1))])
    store.settle([row])
    assert modes == [full, full, normal, full, normal]
    real.close()


def test_f17_what_the_holders_of_a_key_tell_each_other_is_of_the_last_moments(tmp_path, monkeypatch):
    """The next nonce as the one before left it; not of yesterday, when the chain may have been another one."""
    clock = [1_800_000_000.0]
    monkeypatch.setattr("salus.chain.nonces.time.time", lambda: clock[0])
    with key_lock(1, "0x" + "22" * 32, TO, 1) as given:
        assert given.next == 0
        given.note(1_000_000)
        given.note(7)
    for later, expected in ((0, 7), (29, 7), (1, 0), (-31, 0)):
        clock[0] += later
        with key_lock(1, "0x" + "22" * 32, TO, 1) as given:
            assert given.next == expected
