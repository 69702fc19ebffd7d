"""F8, F17: the sending process is killed at every step and at any moment, and two of them share a key.

TK2, TK3, TK4: whatever ends a process, and whatever another one does meanwhile, each item happens once and no nonce is
left out.
"""

import os
import random
import signal
import time
from functools import partial

import pytest

from salus.chain.local_node import LocalNode
from salus.outbox import State, read_status
from tests.support.deployed_chain import kind
from tests.support.killed_processes import die_at, fork, wait
from tests.support.mint_outbox import TokenMinter, fresh_numbers


@pytest.fixture(scope="module")
def node():
    with LocalNode(kind()) as node:
        yield node


@pytest.fixture(scope="module")
def minter(node, tmp_path_factory):
    return TokenMinter(node, tmp_path_factory.mktemp("mint"))


def send(minter, path, mine, **options):
    """The whole of a sender's work, as a process that is started again does it."""
    with minter.client().outbox(path, patience=60, **options) as outbox:
        results = list(outbox.send_all(minter.items(mine), window=20))
        assert len(results) == len(mine) and all(result.done for result in results)


def expect_done(minter, path, mine, before):
    """The outbox and the chain are one to one: each effect once, no nonce left out, nothing open."""
    minter.expect_once(mine)
    assert minter.count() == before + len(mine)
    status, results = read_status(path)
    assert status.open == 0
    nonces = sorted(result.nonce for result in results)
    assert nonces == list(range(nonces[0], nonces[0] + len(results)))
    for result in results:
        assert minter.w3.eth.get_transaction(result.transaction)["nonce"] == result.nonce


@pytest.mark.parametrize("step", ["after_sign", "after_store", "after_send", "after_receipt"])
@pytest.mark.parametrize("nth", [1, 2])
def test_f8_killed_at_a_step(minter, tmp_path, step, nth):
    before, mine, path = minter.count(), fresh_numbers(45), tmp_path / "outbox.sqlite"
    killed = fork(lambda: send(minter, path, mine, hook=die_at(step, nth)))
    assert wait(killed) == -signal.SIGKILL
    if step == "after_sign" and nth == 1:
        assert read_status(path)[0].counts[State.QUEUED] == 45  # what was not written down was not sent
    elif step == "after_store" and nth == 1:
        assert minter.count() == before and read_status(path)[0].counts[State.STORED] == 20
    assert wait(fork(lambda: send(minter, path, mine))) == 0
    expect_done(minter, path, mine, before)


def test_f8_what_was_signed_is_sent_again_as_it_was(minter, tmp_path):
    mine, path = fresh_numbers(5), tmp_path / "outbox.sqlite"
    assert wait(fork(lambda: send(minter, path, mine, hook=die_at("after_store")))) == -signal.SIGKILL
    signed = {result.key: result.transaction for result in read_status(path)[1]}
    with minter.client().outbox(path) as outbox:
        assert {result.key: result.transaction for result in outbox.resume()} == signed
    minter.expect_once(mine)


@pytest.mark.parametrize("seed", [1, 2])
def test_f8_killed_at_any_moment(minter, tmp_path, seed):
    """Twenty kills each, at moments that a seed sets, and each time there is more to send than before."""
    chance = random.Random(seed)
    before, mine, path = minter.count(), fresh_numbers(1000), tmp_path / "outbox.sqlite"
    ends = []
    for part in range(1, 21):
        child = fork(partial(send, minter, path, mine[: 50 * part]))
        time.sleep(chance.uniform(0.01, 0.25))
        os.kill(child, signal.SIGKILL)
        ends.append(wait(child))
    assert ends.count(-signal.SIGKILL) >= 5
    assert wait(fork(lambda: send(minter, path, mine))) == 0
    expect_done(minter, path, mine, before)


def test_f8_no_secret_is_on_the_disk(minter, tmp_path, monkeypatch):
    """The signed bytes are; the key is not, in any form."""
    monkeypatch.setenv("SALUS_HOME", str(tmp_path / "home"))
    mine, path, key = fresh_numbers(5), tmp_path / "outbox.sqlite", bytes(minter.signer._account.key)
    assert wait(fork(lambda: send(minter, path, mine, hook=die_at("after_send")))) == -signal.SIGKILL
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 3  # the outbox, its log, the lock
    for file in files:
        raw = file.read_bytes()
        assert key not in raw and key.hex().encode() not in raw.lower()
    minter.expect_once(mine)  # what was sent is in its blocks before the next test counts


# ------------------------------------------------------------------------------------------------- two processes, one
# key


def expect_all(minter, before, *parts):
    for mine in parts:
        minter.expect_once(mine)
    assert minter.count() == before + sum(map(len, parts))


def test_f17_two_processes_share_a_key_and_an_outbox(minter, tmp_path):
    before, path = minter.count(), tmp_path / "outbox.sqlite"
    parts = [fresh_numbers(50), fresh_numbers(50)]
    children = [fork(lambda mine=mine: send(minter, path, mine)) for mine in parts]
    assert [wait(child) for child in children] == [0, 0]
    expect_all(minter, before, *parts)
    status, results = read_status(path)
    assert status.open == 0 and status.foreign == ()
    assert sorted(result.nonce for result in results) == list(range(before, before + 100))


def test_f17_two_processes_with_the_same_items(minter, tmp_path):
    """Both are given all of it; each item happens once, and both are told."""
    before, path, mine = minter.count(), tmp_path / "outbox.sqlite", fresh_numbers(60)
    children = [fork(lambda: send(minter, path, mine)) for _ in range(2)]
    assert [wait(child) for child in children] == [0, 0]
    expect_done(minter, path, mine, before)


def test_f17_two_processes_with_outboxes_of_their_own(minter, tmp_path):
    """Nonces are given away under a lock of the key, whatever the file."""
    before, parts = minter.count(), [fresh_numbers(50), fresh_numbers(50)]
    children = [
        fork(lambda mine=mine, n=n: send(minter, tmp_path / f"{n}.sqlite", mine)) for n, mine in enumerate(parts)
    ]
    assert [wait(child) for child in children] == [0, 0]
    expect_all(minter, before, *parts)


def test_f17_one_of_two_is_killed(minter, tmp_path):
    """What the dead one signed stands before what the living one signs; the living one sends it."""
    before, path = minter.count(), tmp_path / "outbox.sqlite"
    parts = [fresh_numbers(40), fresh_numbers(40)]
    dying = fork(lambda: send(minter, path, parts[0], hook=die_at("after_store", 2)))
    living = fork(lambda: send(minter, path, parts[1]))
    assert wait(dying) == -signal.SIGKILL and wait(living) == 0
    with minter.client().outbox(path) as outbox:
        list(outbox.resume())
    expect_all(minter, before, *parts)
