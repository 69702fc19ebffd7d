"""The index in PostgreSQL: the same rows as in a file. Runs where a server's programs are installed."""

import threading

import pytest

from salus.chain.local_node import LocalNode
from salus.client import Salus
from salus.errors import IndexTrouble, IndexUnreachable
from salus.index import Indexer
from salus.index._compare import compare
from salus.index._lock import writer
from salus.index._store import Store
from tests.support.log_emitter import LogEmitter, word
from tests.support.postgres import Server, is_installed
from tests.support.threads import until

pytestmark = pytest.mark.skipif(not is_installed(), reason="PostgreSQL's programs are not installed")


@pytest.fixture(scope="module")
def server():
    """The URL of a database of a server of its own."""
    with Server() as server:
        yield server.url


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


# ------------------------------------------------------------------------------------------------- a server that goes


@pytest.fixture(scope="module")
def own():
    with Server() as server:
        yield server


@pytest.fixture
def followed(log_emitter, own):
    """An index that is followed in a thread, and what its follower was told."""
    Store(own.url).clear()
    stop, troubles, seen = threading.Event(), [], []
    with Indexer(log_emitter.node.url, log_emitter.book, own.url) as indexer:

        def follow():
            seen.append(indexer.follow(stop, interval=0.05, trouble=troubles.append))

        thread = threading.Thread(target=follow)
        thread.start()
        yield own, troubles, seen
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


def block_of(url):
    try:
        found = Store(url).cursor()
        return None if found is None else found.block
    except IndexTrouble:
        return None


def test_P8_a_restart_of_the_server_does_not_end_the_follower(log_emitter, followed):
    server, troubles, seen = followed
    log_emitter.grants(2)
    until(lambda: block_of(server.url) == 2)
    for restart in range(1, 3):
        server.stop()
        log_emitter.grant()
        server.start()
        until(lambda at=2 + restart: block_of(server.url) == at)
    assert troubles and not seen and all(type(trouble) is IndexUnreachable for trouble in troubles)
    with (
        Indexer(log_emitter.node.url, log_emitter.book, server.url) as other,
        pytest.raises(IndexTrouble, match="being written"),
    ):
        other.sync()  # the lock, which went with the connection, was taken again


def test_P8_a_server_that_stays_away_is_waited_for(log_emitter, followed):
    server, troubles, seen = followed
    until(lambda: block_of(server.url) == 0)
    server.stop()
    until(lambda: len(troubles) > 3)
    assert not seen and "the server does not answer" in str(troubles[-1]) and "salus@127.0.0.1" in str(troubles[-1])
    log_emitter.grant()
    server.start()
    until(lambda: block_of(server.url) == 1)


def test_P8_a_sync_by_itself_says_that_the_server_is_gone(log_emitter, own):
    Store(own.url).clear()
    with Indexer(log_emitter.node.url, log_emitter.book, own.url) as indexer:
        indexer.sync()
        own.stop()
        try:
            with pytest.raises(IndexUnreachable, match="the server does not answer"):
                indexer.sync()
        finally:
            own.start()
        log_emitter.grant()
        until(lambda: block_of(own.url) == 0)
        assert indexer.sync().block == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("/postgres", "/no_such_one"), "the server has no database of that name; make it with `createdb no_such_one`"),
        (("salus@", "stranger@"), "stranger.* does not exist; name a user"),
    ],
)
def test_P11_a_database_or_a_user_that_is_missing_is_named_and_not_waited_for(log_emitter, server, wrong, said):
    with Indexer(log_emitter.node.url, log_emitter.book, server.replace(*wrong)) as indexer:
        for act in (indexer.sync, lambda: indexer.follow(threading.Event())):
            with pytest.raises(IndexTrouble, match=said) as raised:
                act()
            assert type(raised.value) is IndexTrouble


def test_P11_an_empty_database_is_still_called_never_filled(server, url):
    with pytest.raises(IndexTrouble, match="never filled"), Store(url).reading() as connection:
        connection.exec_driver_sql("SELECT * FROM cursor")
