"""P4: an outbox's file that was restored, deleted or replaced has forgotten what was sent: nothing is done twice."""

import shutil

import pytest

from salus.errors import BadInput, NotMined
from salus.outbox import Item, State
from tests.support.fault_proxy import FaultProxy
from tests.support.mint_outbox import holder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "o.sqlite"


def sent(minter, path, numbers, **options):
    with minter.client().outbox(path, patience=20) as outbox:
        return list(outbox.send_all(minter.items(numbers), **options))


def copied(path, name):
    """A backup, as one makes it while nothing has the file open."""
    return shutil.copyfile(path, path.with_name(name))


def restored(backup, path):
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    shutil.copyfile(backup, path)
    path.chmod(0o600)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_p4_a_restored_backup_does_nothing_twice(minter, path, elsewhere):
    """Ten items are done, a backup, ten more are done; all twenty are given to the backup, in its place or not."""
    sent(minter, path, range(10, 20))
    backup = copied(path, "backup")
    later = {result.key: result.transaction for result in sent(minter, path, range(20, 30))}
    count = minter.count()
    place = path.with_name("other.sqlite") if elsewhere else path
    restored(backup, place)
    results = {result.key: result for result in sent(minter, place, range(10, 31))}
    assert all(result.done for result in results.values())
    assert {key: results[key].transaction for key in later} == later  # adopted, not done again
    assert minter.count() == count + 1  # only the last was left to do
    minter.expect_once(range(10, 31))


def test_p4_a_file_without_its_keys_journal_reads_what_was_sent_since(minter, path):
    """On another machine there is only the file: its own last nonce says from where on it has forgotten."""
    sent(minter, path, [50])
    with minter.client().outbox(path) as outbox:
        outbox._store.queue(minter.items(range(51, 56)))
    backup = copied(path, "backup")
    with minter.client().outbox(path) as outbox:
        done = {result.key: result.transaction for result in outbox.resume()}
    restored(backup, path)
    for lock in (minter.folder / "home" / "outbox").glob("*.lock"):
        lock.unlink()
    count = minter.count()
    with minter.client().outbox(path, patience=20) as outbox:
        assert {result.key: result.transaction for result in outbox.resume()} == done
        assert outbox.status().foreign == ()
    assert minter.count() == count
    minter.expect_once(range(50, 56))


def test_p4_a_deleted_file_does_nothing_twice(minter, path):
    done = {result.key: result.transaction for result in sent(minter, path, range(60, 70))}
    path.unlink()
    count = minter.count()
    assert {result.key: result.transaction for result in sent(minter, path, range(60, 70))} == done
    assert minter.count() == count
    minter.expect_once(range(60, 70))


def test_p4_what_no_item_explains_stops_the_signing_until_the_user_says_so(minter, path):
    sent(minter, path, [70])
    backup = copied(path, "backup")
    sent(minter, path, [71])
    restored(backup, path)
    count = minter.count()
    with minter.client().outbox(path, patience=20) as outbox:
        with pytest.raises(
            BadInput, match=r"nonce \d+: was used by 0x[0-9a-f]{64}, which is in block \d+ and which no item"
        ):
            list(outbox.send_all(minter.items([72])))
        assert minter.count() == count and outbox.status().counts[State.QUEUED] == 1
        # Given with what was forgotten, both are right …
        results = {r.key: r for r in outbox.send_all(minter.items([71, 72]))}
        assert all(result.done for result in results.values()) and minter.count() == count + 1
    restored(backup, path)
    with minter.client().outbox(path, patience=20) as outbox:
        with pytest.raises(BadInput, match="salus outbox resume --accept-foreign"):
            list(outbox.send_all(minter.items([73])))
        # … and where the user says that nothing was, what is queued is sent.
        (told,) = outbox.resume(accept_foreign=True)
        assert told.key == "mint-73" and told.done
    minter.expect_once([70, 71, 72, 73])


def test_p4_a_transfer_from_elsewhere_stops_nothing(minter, path):
    sent(minter, path, [80])
    other = minter.foreign(minter.count())
    assert all(result.done for result in sent(minter, path, [81]))
    with minter.client().outbox(path) as outbox:
        (known,) = outbox.status().foreign
        assert known[0] == known[1] == minter.w3.eth.get_transaction(other)["nonce"]


@pytest.mark.parametrize("open_", [False, True])
def test_p4_what_still_waits_for_a_block_is_adopted_too(minter, path, open_):
    """The items that the file has forgotten are in the node's pool, not in a block."""
    sent(minter, path, [90])
    backup = copied(path, "backup")
    minter.node.request("evm_setAutomine", False)
    with minter.client().outbox(path, patience=1) as outbox, pytest.raises(NotMined):
        list(outbox.send_all(minter.items(range(91, 95)), preflight=False))
    restored(backup, path)
    if open_:
        minter.node.request("evm_mine")
    minter.node.request("evm_setAutomine", True)
    minter.node.request("evm_mine")
    results = sent(minter, path, range(91, 96))
    assert all(result.done for result in results)
    minter.expect_once(range(90, 96))


def test_p4_a_fee_that_was_raised_after_the_backup_is_the_items_own(minter, path):
    """The backup has the first signature, a block has the second: the item happened."""
    sent(minter, path, [100])
    minter.node.request("evm_setAutomine", False)
    with minter.client().outbox(path, patience=1) as outbox, pytest.raises(NotMined):
        list(outbox.send_all(minter.items([101]), preflight=False))
    backup = copied(path, "backup")
    with minter.client().outbox(path, patience=1) as outbox:
        pipeline = outbox._pipeline(outbox._settings)
        pipeline.adopt(outbox._store.rows(State.STORED, State.SENT))
        pipeline.step()
        pipeline.repairer.bump()
        pipeline.close()
        assert len(outbox.results(keys=["mint-101"])[0].attempts) == 2
    minter.node.request("evm_mine")
    minter.node.request("evm_setAutomine", True)
    restored(backup, path)
    with minter.client().outbox(path, patience=20) as outbox:
        (told,) = outbox.resume()
        assert told.done and len(told.attempts) == 2
    minter.expect_once([101])


@pytest.mark.parametrize("change", ["deleted", "replaced"])
def test_p4_a_file_that_is_changed_under_an_open_outbox_is_noticed_before_anything_is_signed(minter, path, change):
    sent(minter, path, [110])
    backup = copied(path, "backup")
    with FaultProxy(minter.node.url) as proxy, minter.client(proxy.url).outbox(path, patience=20) as outbox:
        list(outbox.send_all(minter.items([111])))
        count, raw = minter.count(), proxy.asked["eth_sendRawTransaction"]
        path.unlink() if change == "deleted" else restored(backup, path)
        with pytest.raises(BadInput, match="was deleted or replaced while it was open; nothing more is signed"):
            list(outbox.send_all(minter.items([112])))
        assert proxy.asked["eth_sendRawTransaction"] == raw and minter.count() == count
    # Opened again, what was sent meanwhile is known from the chain.
    sent(minter, path, [110, 111, 112])
    minter.expect_once([110, 111, 112])
    assert minter.count() == count + 1


def test_p4_two_items_that_do_the_same_are_two(minter, path):
    """One of them is on the chain: the other is done once more, as it should be."""
    twice = [Item(key, minter.token, minter.item(120).data, "mint", 100_000) for key in ("first", "second")]
    sent(minter, path, [121])
    backup = copied(path, "backup")
    with minter.client().outbox(path) as outbox:
        list(outbox.send_all(twice[:1]))
    restored(backup, path)
    with minter.client().outbox(path, patience=20) as outbox:
        assert all(result.done for result in outbox.send_all(twice))
    assert minter.contract.functions.balanceOf(holder(120)).call() == 2 * 1120
