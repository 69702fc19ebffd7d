"""Whose files an index is read from, and how its place is printed (P3, P7)."""

import os

import pytest

from salus.chain.book import Book, Deployment
from salus.errors import BadInput, IndexTrouble
from salus.index import Reader
from salus.index._address import IndexAddress
from salus.index._store import Header, Store

BOOK = Book(31337, {"Lots": Deployment("Lots", "0x" + "00" * 19 + "01", 1)})


@pytest.fixture
def index(tmp_path):
    """An index that holds one block."""
    path = tmp_path / "31337.index.sqlite"
    store = Store(path, writer=True)
    store.begin(BOOK, Header(0, bytes(32), bytes(32), 1), 16)
    store.close()
    return path


def opened(path, **options):
    store = Store(path, **options)
    try:
        return store.cursor().block
    finally:
        store.close()


@pytest.mark.parametrize("writer", [True, False])
@pytest.mark.parametrize("mode", [0o666, 0o660, 0o606, 0o622])
def test_P7_an_index_that_others_write_is_refused(index, mode, writer):
    index.chmod(mode)
    with pytest.raises(IndexTrouble, match=f"can be written by others; run: chmod 600 {index}"):
        opened(index, writer=writer)
    index.chmod(0o600)
    assert opened(index, writer=writer) == 0


@pytest.mark.parametrize("writer", [True, False])
def test_P7_an_index_of_another_user_is_refused(index, writer, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda uid=os.geteuid(): uid + 1)
    with pytest.raises(IndexTrouble, match="belongs to another user; name another one"):
        opened(index, writer=writer)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_P7_what_is_no_regular_file_is_no_index(index, tmp_path, kind):
    path = tmp_path / kind
    if kind == "link":
        path.symlink_to(index)
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    else:
        path.mkdir()
    with pytest.raises(IndexTrouble, match="is no regular file"):
        opened(path)


@pytest.mark.parametrize("companion", ["-wal", "-shm"])
def test_P7_a_companion_that_others_write_is_refused(index, companion):
    """SQLite would take what is in it for the newest part of the database."""
    prepared = index.with_name(index.name + companion)
    prepared.write_bytes(b"")
    prepared.chmod(0o666)
    with pytest.raises(IndexTrouble, match=f"{companion} can be written by others"):
        opened(index)


def test_P7_a_file_that_is_exchanged_under_a_reader_is_refused(index):
    reader = Reader(index, BOOK)
    assert reader.find("Lots", [None], 0).block == 0
    index.chmod(0o666)
    with pytest.raises(IndexTrouble, match="can be written by others"):
        reader.find("Lots", [None], 0)


# ------------------------------------------------------------------------------------------------------ what is printed

SECRET = "a-canary"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://me:{SECRET}@db:5432/salus", "postgresql://me@db:5432/salus"),
        (f"postgresql://me@db/salus?password={SECRET}&sslmode=require", "postgresql://me@db/salus"),
        (f"postgresql://:{SECRET}@db/salus#{SECRET}", "postgresql://db/salus"),
        (f"postgresql://me:p@{SECRET}@db/salus", "postgresql://me@db/salus"),
        (f"postgresql://me:{SECRET}/@db/salus", "postgresql://…"),
        (f"mysql://me:{SECRET}@[::1/salus", "mysql://…"),
        ("some/file.sqlite", "some/file.sqlite"),
    ],
)
def test_P3_an_index_prints_without_its_secrets(url, shown):
    address = IndexAddress(url)
    assert (str(address), repr(address), f"{address}", f"{[address]}") == (shown, shown, shown, f"[{shown}]")
    assert address.secret == url and IndexAddress(address) == address


@pytest.mark.parametrize(
    "url",
    [f"mysql://me:{SECRET}@db/salus", f"postgresql://me:{SECRET}@db:{SECRET}/salus", f"postgresql://me:{SECRET}/@db/x"],
)
def test_P3_a_place_that_is_none_is_refused_without_its_secrets(url):
    with pytest.raises((BadInput, IndexTrouble)) as raised:
        opened(url)
    assert SECRET not in str(raised.value) and SECRET not in repr(raised.value)
