"""F1, F2, F5, F6: the chain changes under an index. Whatever happened, the index equals one that is built anew."""

import pytest

from salus.chain.local_node import LocalNode
from salus.client import Salus
from salus.errors import IndexParted
from salus.index import Retraction
from tests.support.log_emitter import REGISTRY, LogEmitter, count, differences, word

DEPTHS = (1, 2, 3, 5, 8, 16, 33, 64)


@pytest.fixture
def module_node():
    """A chain for each test: one that was put back again and again may have lost states that a deep reorg goes back
    to.
    """
    with LocalNode(timestamp=1_800_000_000) as node:
        yield node


@pytest.mark.parametrize("depth", DEPTHS)
def test_f1_a_reorg_at_the_same_height_is_seen_without_a_new_block(log_emitter, depth):
    log_emitter.grants(66)  # in every block one: an empty block that is made again is the same
    with log_emitter.indexer() as indexer:
        before = indexer.sync()
        assert before.events == 66
        head = log_emitter.head
        log_emitter.node.request("anvil_reorg", depth, [])
        assert log_emitter.head == head
        report = indexer.sync()
        assert report.retractions == [Retraction(head - depth, depth, depth)]
        assert (report.block, count(indexer)) == (head, 66 - depth)
        assert report.hash != before.hash
        assert differences(indexer, log_emitter.fresh()) == []
        assert indexer.sync().retractions == []


def test_f1_a_client_does_not_answer_from_an_index_whose_last_block_was_replaced_at_the_same_height(log_emitter):
    log_emitter.grants(3)
    with log_emitter.indexer() as indexer:
        indexer.sync()
        head = log_emitter.head
        log_emitter.node.request("anvil_reorg", 1, [])
        assert log_emitter.head == head == indexer.store.cursor().block
        found, fresh = (
            Salus.connect(log_emitter.node.url, book=log_emitter.book, index=index).logs(
                "ConsentRegistry", "ConsentGranted"
            )
            for index in (indexer.store.where, "")
        )
    assert len(fresh) == 2
    assert found == fresh


def test_f1_many_reorgs_and_new_blocks_leave_no_trace(log_emitter):
    with log_emitter.indexer(window=32) as indexer:
        for depth in (3, 1, 9, 2, 7):
            log_emitter.grants(5)
            log_emitter.mine(7)
            log_emitter.grants(2)
            indexer.sync()
            log_emitter.node.request("anvil_reorg", depth, [])
            log_emitter.grant()
            indexer.sync()
        assert differences(indexer, log_emitter.fresh(32)) == []
        assert count(indexer, "diary") == 5


def test_f2_the_same_transactions_in_other_blocks_count_once(log_emitter):
    log_emitter.mine(3)
    first = log_emitter.nonce()
    raws = [log_emitter.raw(log_emitter.grant_topics(), word(1) + word(2), nonce=first + n) for n in range(2)]
    sent = [log_emitter.send(raw) for raw in raws]
    with log_emitter.indexer() as indexer:
        indexer.sync()
        places = _places(indexer)
        log_emitter.node.request("anvil_reorg", 3, [[raws[0], 2], [raws[1], 2]])
        indexer.sync()
        after = _places(indexer)
        assert set(places) == set(after) == set(sent)
        assert len({block for block, _ in after.values()}) == 1
        assert sorted(index for _, index in after.values()) == [0, 1]
        assert places != after
        assert differences(indexer, log_emitter.fresh()) == []


def _places(indexer):
    with indexer.store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT tx, block, log_index FROM events").all()
    return {"0x" + row[0].hex(): (row[1], row[2]) for row in rows}


@pytest.mark.parametrize("way", ["anvil_rollback", "evm_revert"])
def test_f5_a_head_that_goes_backwards_is_followed(log_emitter, way):
    log_emitter.grants(3)
    snapshot = log_emitter.node.request("evm_snapshot")
    log_emitter.grants(5)
    with log_emitter.indexer(window=6) as indexer:
        indexer.sync()
        log_emitter.node.request(way, *([5] if way == "anvil_rollback" else [snapshot]))
        report = indexer.sync()
        assert report.retractions == [Retraction(log_emitter.head, 5, 5)]
        assert (report.block, count(indexer)) == (log_emitter.head, 3)
        # The headers that the window lost at its end are back at its beginning.
        assert differences(indexer, log_emitter.fresh(6)) == []
        log_emitter.grants(4)
        indexer.sync()
        assert differences(indexer, log_emitter.fresh(6)) == []


def test_f6_a_change_deeper_than_the_window_stops_loudly_and_leaves_all(log_emitter):
    log_emitter.mine(5)
    log_emitter.grants(20)
    with log_emitter.indexer(window=8) as indexer:
        indexer.sync()
        log_emitter.node.request("anvil_reorg", 12, [])
        before = _whole(indexer)
        for _ in range(2):  # never continued
            with pytest.raises(
                IndexParted, match=r"for at least 8 blocks .*nothing was changed.*`salus index rebuild`"
            ):
                indexer.sync()
        assert _whole(indexer) == before
    with log_emitter.indexer() as indexer:
        indexer.rebuild()
        assert count(indexer) == 8
        assert differences(indexer, log_emitter.fresh(8)) == []  # it keeps as many blocks as before


def test_f6_a_change_as_deep_as_the_window_less_one_is_followed(log_emitter):
    log_emitter.grants(20)
    with log_emitter.indexer(window=8) as indexer:
        indexer.sync()
        log_emitter.node.request("anvil_reorg", 7, [])
        assert indexer.sync().retractions == [Retraction(log_emitter.head - 7, 7, 7)]
        assert differences(indexer, log_emitter.fresh(8)) == []


def _whole(indexer):
    with indexer.store.reading() as connection:
        return {
            table: connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2").all()
            for table in ("contracts", "blocks", "events", "quarantine", "cursor", "diary")
        }


def test_f6_a_chain_that_was_wiped_stops_it_though_its_first_block_is_the_same(tmp_path):
    options = {"timestamp": 1_800_000_000}
    with LocalNode(**options) as node:
        log_emitter = LogEmitter(node, tmp_path)
        genesis = node.request("eth_getBlockByNumber", "0x0", False)["hash"]
        log_emitter.grants(3)
        with log_emitter.indexer() as indexer:
            indexer.sync()
            before = _whole(indexer)
        port = node.port
    with LocalNode(port=port, **options) as node:
        again = LogEmitter(node, tmp_path)
        assert node.request("eth_getBlockByNumber", "0x0", False)["hash"] == genesis
        again.emit([word(1)], to=REGISTRY)
        again.grants(4)
        with again.indexer() as indexer:
            with pytest.raises(IndexParted, match="for at least 3 blocks"):
                indexer.sync()
            assert _whole(indexer) == before
            indexer.rebuild()
            assert (count(indexer), count(indexer, "quarantine")) == (4, 1)
            assert differences(indexer, again.fresh()) == []
