"""F3, F4, F10, F11, F17, F18, F21, F22: what the chain itself takes back, drops, delays or refuses after it was sent.

TK5, TK6: nothing is left as done that is not, nothing is signed a second time by itself, and the user is told.
"""

import itertools
import time

import pytest
from eth_abi import encode
from eth_account import Account

from salus import KeySigner
from salus.chain.local_node import LocalNode
from salus.errors import BadInput, NodeRefused
from salus.outbox import Item, NonceTaken, State
from tests.support.fault_proxy import FaultProxy
from tests.support.killed_processes import fork, wait
from tests.support.mint_outbox import TRANSFER, TokenMinter, fresh_numbers, holder


@pytest.fixture(scope="module")
def node():
    with LocalNode("anvil", base_fee=10**9) as node:  # only anvil reorganises
        yield node


@pytest.fixture(scope="module")
def coins(node, tmp_path_factory):
    return TokenMinter(node, tmp_path_factory.mktemp("mint"))


@pytest.fixture
def minter(node, coins):
    """The token, a new account that mints, and a chain on which every transaction is a block."""
    account = Account.create()
    coins.transact(Account.from_key(node.keys[1]), to=account.address, value=10**18, gas=21_000)
    coins.signer = KeySigner(account)
    mine_blocks(coins, 6)  # so that no reorganisation takes the ether back
    yield coins
    node.request("anvil_dropAllTransactions")
    node.request("evm_setAutomine", True)
    node.request("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    node.request("evm_mine")


@pytest.fixture
def outbox(minter):
    with minter.client().outbox(confirmations=4, patience=20, bump_seconds=0.2) as outbox:
        yield outbox


def mine_blocks(minter, count):
    for _ in range(count):
        minter.node.request("evm_mine")


class Held:
    """A chain that mines only when it is told to."""

    def __init__(self, minter):
        self.request = minter.node.request

    def __enter__(self):
        self.request("evm_setAutomine", False)
        return self

    def __exit__(self, *_):
        self.request("evm_setAutomine", True)
        self.request("evm_mine")


def step_until(iterator, wanted, seconds=15):
    """Take steps of a run by hand until something holds."""
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end
        iterator.step()


def pipeline(outbox, items):
    """A run whose steps the test takes itself."""
    from salus.outbox._pipeline import Pipeline

    found = Pipeline(outbox._store, outbox._nodes, outbox._signer, outbox._ledger.chain_id, outbox._settings)
    found.queue.extend(outbox._store.queue(items))
    found.adopt(outbox._store.rows(State.STORED, State.SENT))
    return found


def waiting(minter):
    return int(minter.node.request("txpool_status")["pending"], 16)


# --------------------------------------------------------------------------------------------------- reorganisations


def test_f3_what_another_transaction_replaced_is_lost_and_told(minter, outbox):
    """A reorganisation gives the nonce of a payment to another transaction of the key."""
    (n,) = mine = fresh_numbers(1)
    (paid,) = outbox.send_all(minter.items(mine))
    raw, hash_ = minter.raw_foreign(paid.nonce)
    minter.node.request("anvil_reorg", 1, [[raw, 0]])
    (lost,) = outbox.resume()
    assert (lost.state, lost.key, lost.done) == (State.LOST, f"mint-{n}", False)
    assert isinstance(lost.error, NonceTaken) and dict(lost.error.arguments) == {"nonce": paid.nonce, "by": hash_}
    assert minter.balance(n) == 0 and outbox.status().foreign == ((paid.nonce, paid.nonce),)
    # Given again it is told, and not signed anew …
    (told,) = outbox.send_all(minter.items(mine))
    assert told.earlier and told.state is State.LOST and type(told.error).__name__ in ("NonceTaken", "Reverted")
    assert told.error.name == "NonceTaken" and minter.count() == paid.nonce + 1
    # … by choice neither while the other transaction may still go away …
    with pytest.raises(BadInput, match="which is not final yet"):
        outbox.send_all(minter.items(mine), again=[f"mint-{n}"])
    mine_blocks(minter, 4)
    # … and then once.
    (again,) = outbox.send_all(minter.items(mine), again=[f"mint-{n}"])
    assert again.state is State.INCLUDED
    minter.expect_once(mine)


def test_f3_what_was_lost_comes_back_when_the_other_goes_away(minter, outbox):
    mine = fresh_numbers(1)
    (paid,) = outbox.send_all(minter.items(mine))
    minter.node.request("anvil_reorg", 1, [[minter.raw_foreign(paid.nonce)[0], 0]])
    (lost,) = outbox.resume()
    assert lost.state is State.LOST
    minter.node.request("anvil_reorg", 1, [])
    (back,) = outbox.resume()
    assert (back.state, back.transaction) == (State.INCLUDED, paid.transaction)
    minter.expect_once(mine)


def test_f4_what_was_unmined_is_sent_again_as_it_was(minter, outbox):
    """It is pending meanwhile, and final only when its block is deep."""
    mine = fresh_numbers(3)
    before = {result.key: result.transaction for result in outbox.send_all(minter.items(mine))}
    minter.node.request("anvil_reorg", 3, [])
    assert minter.count() == 0
    with Held(minter):
        run = pipeline(outbox, [])
        changes = run.recheck(outbox._store.rows(State.INCLUDED))
        assert {change.row.state for change in changes} == {State.SENT}
        assert outbox.status().counts[State.SENT] == 3 and waiting(minter) == 3
    assert {result.key: result.transaction for result in outbox.resume()} == before
    assert outbox.status().counts[State.INCLUDED] == 3
    mine_blocks(minter, 4)
    assert {result.state for result in outbox.resume()} == {State.FINAL}
    minter.expect_once(mine)
    assert minter.count() == 3


def test_f4_what_moved_to_another_block_is_told(minter, outbox):
    mine = fresh_numbers(1)
    (before,) = outbox.send_all(minter.items(mine))
    raw = "0x" + outbox._store.attempts(outbox._store.rows())[1][0].raw.hex()
    minter.node.request("anvil_reorg", 2, [[raw, 1]])
    (moved,) = outbox.resume()
    assert moved.transaction == before.transaction and moved.state is State.INCLUDED
    receipt = minter.w3.eth.get_transaction_receipt(moved.transaction)
    assert receipt["blockHash"].to_0x_hex() == outbox._store.rows()[0].block_hash
    minter.expect_once(mine)


def test_f4_one_goes_on_waiting_for_final_through_a_reorganisation(minter):
    mine = fresh_numbers(2)
    with minter.client().outbox(confirmations=4, patience=20) as outbox:
        hit = []

        def disturb(done, of):
            if not hit:
                hit.append(minter.node.request("anvil_reorg", 2, []))
            mine_blocks(minter, 4)  # enough, be they told of together

        found = []
        for result in outbox.send_all(minter.items(mine), until="final", progress=disturb):
            found.append(result)
        assert {result.state for result in found} == {State.FINAL} and hit
    minter.expect_once(mine)
    assert minter.count() == 2


@pytest.fixture
def final(minter, outbox):
    """Three items, each final in a block of its own."""
    mine = fresh_numbers(3)
    list(outbox.send_all(minter.items(mine), window=1))
    mine_blocks(minter, 4)
    assert {result.state for result in outbox.resume()} == {State.FINAL}
    first, *_, last = [result.block for result in outbox.results()]
    assert last == first + 2 and minter.w3.eth.block_number == last + 4
    return mine


def test_f4_what_was_final_is_looked_at_when_one_asks_for_it(minter, outbox, final):
    """A reorganisation deeper than the confirmations; what it left in its block is not touched."""
    before = {result.key: (result.transaction, result.block) for result in outbox.results()}
    minter.node.request("anvil_reorg", 6, [])  # takes the last two back, and what followed
    assert minter.count() == 1
    assert list(outbox.resume()) == [] and minter.count() == 1
    back = {result.key: result for result in outbox.resume(final_too=True)}
    assert sorted(back) == [f"mint-{n}" for n in final[1:]]
    for key, result in back.items():
        assert result.state is State.INCLUDED and result.transaction == before[key][0]
    assert outbox.status().counts[State.FINAL] == 1
    minter.expect_once(final)
    mine_blocks(minter, 4)
    assert {result.key for result in outbox.resume()} == set(back)
    assert outbox.status().counts[State.FINAL] == 3


def test_f4_what_was_final_and_is_gone_stops_nothing(minter, outbox, final):
    """Its nonces are below those of all that follows: it is sent again, unasked."""
    minter.node.request("anvil_reorg", 6, [])
    assert minter.count() == 1
    more = fresh_numbers(2)
    assert [result.state for result in outbox.send_all(minter.items(more))] == [State.INCLUDED] * 2
    assert outbox.status().counts[State.INCLUDED] == 4
    minter.expect_once([*final, *more])
    assert minter.count() == 5


def test_f4_what_was_final_and_lost_its_nonce_is_told(minter, outbox, final):
    first, last = outbox.results()[0], outbox.results()[-1]
    minter.node.request("anvil_reorg", 5, [[minter.raw_foreign(last.nonce)[0], 0]])
    (lost,) = outbox.resume(final_too=True)
    assert (lost.key, lost.state) == (last.key, State.LOST)
    assert outbox.results(keys=[first.key])[0].state is State.FINAL


def test_f4_where_all_blocks_stand_nothing_else_is_asked(minter, outbox, final, monkeypatch):
    asked = []
    ask = outbox._nodes.ask
    monkeypatch.setattr(outbox._nodes, "ask", lambda calls: asked.extend(method for method, _ in calls) or ask(calls))
    assert list(outbox.resume(final_too=True)) == []
    assert asked == ["eth_getBlockByNumber"] * 3


# ------------------------------------------------------------------------------------------------- dropped and stuck


def test_f10_what_the_node_dropped_is_sent_again(minter, outbox):
    mine = fresh_numbers(4)
    with Held(minter):
        run = pipeline(outbox, minter.items(mine))
        step_until(run, lambda: waiting(minter) == 4)
        attempts = outbox._store.attempts(outbox._store.rows())
        minter.node.request("anvil_dropTransaction", attempts[2][0].hash)
        assert waiting(minter) < 4
        step_until(run, lambda: waiting(minter) == 4)
        assert outbox._store.attempts(outbox._store.rows()) == attempts  # the same bytes
    assert all(result.done for result in outbox.resume())
    minter.expect_once(mine)
    assert minter.count() == 4


@pytest.mark.parametrize("settings", [{}, {"bump_seconds": 2}], ids=["near", "far"])
def test_f10_what_the_node_keeps_aside_for_good_is_given_anew(minter, settings):
    """As anvil does with what comes while its predecessor goes into a block: it knows it, and takes it into none."""
    before, mine = fresh_numbers(2), fresh_numbers(3)
    counts = {"after_store": 1, "after_send": 2}

    def hook(step):
        """The node counts one too few while they arrive, and does not look again."""
        if count := counts.pop(step, None):
            minter.node.request("anvil_setNonce", minter.signer.address, hex(count))
            if not settings:
                minter.node.request("evm_mine")  # blocks without it come and go

    with minter.client().outbox() as outbox:
        list(outbox.send_all(minter.items(before)))
    with minter.client().outbox(hook=hook, patience=10, **settings) as outbox:
        outbox._nodes.near = not settings
        began = time.monotonic()
        results = sorted(outbox.send_all(minter.items(mine)), key=lambda result: result.nonce)
        assert time.monotonic() - began > settings.get("bump_seconds", 0)
    assert [(result.nonce, result.state, len(result.attempts)) for result in results] == [
        (2, State.INCLUDED, 2),
        (3, State.INCLUDED, 1),
        (4, State.INCLUDED, 1),
    ]
    minter.expect_once([*before, *mine])


def test_f10_what_only_waits_is_not_given_anew(minter, outbox):
    """However long no block comes."""
    mine = fresh_numbers(3)
    with Held(minter):
        run = pipeline(outbox, minter.items(mine))
        step_until(run, lambda: waiting(minter) == 3)
        step_until(run, lambda: run.run.progress.resend_after > 3)
        assert all(len(attempts) == 1 for attempts in outbox._store.attempts(outbox._store.rows()).values())
    assert all(result.done for result in outbox.resume())
    minter.expect_once(mine)


def test_f11_what_is_stuck_is_paid_more_within_the_ceiling(minter, node):
    """The proxy refuses as geth does what pays less than a tenth more; the ceiling holds whatever the base fee is."""
    mine, ceiling = fresh_numbers(2), 25 * 10**9
    with FaultProxy(node.url) as proxy:
        proxy.spoil("eth_sendRawTransaction", "geth_underpriced")
        client = minter.client(proxy.url)
        client.fee_ceiling = ceiling
        outbox = client.outbox(patience=60, bump_blocks=2, bump_seconds=0.01)
        with Held(minter):
            run = pipeline(outbox, minter.items(mine))
            step_until(run, lambda: waiting(minter) == 2)

            def block_without_us():
                """The base fee is just above what we pay."""
                attempts = outbox._store.attempts(outbox._store.rows())[1]
                node.request("anvil_setNextBlockBaseFeePerGas", hex(attempts[-1].most + 10**6))
                node.request("evm_mine")
                run.run.progress.poll_interval = 0.001
                run.step()
                return attempts

            for _ in range(40):
                if (attempts := block_without_us())[-1].most * 9 > ceiling * 8:
                    break
            for _ in range(6):
                assert block_without_us() == attempts, attempts  # there is no more to offer
            assert 3 <= len(attempts) < 20 and attempts[-1].most <= ceiling
            for old, new in itertools.pairwise(attempts):
                assert new.most * 10 >= old.most * 11 and new.tip * 10 >= old.tip * 11
            node.request("anvil_setNextBlockBaseFeePerGas", hex(10**9))
            node.request("evm_mine")
        results = list(outbox.resume())
        outbox.close()
        assert all(result.done and len(result.attempts) >= 3 for result in results)
    minter.expect_once(mine)
    assert minter.count() == 2


def test_f11_an_earlier_attempt_that_is_mined_after_all_is_recognised(minter, outbox):
    mine = fresh_numbers(1)
    with Held(minter):
        run = pipeline(outbox, minter.items(mine))
        step_until(run, lambda: waiting(minter) == 1)
        run.run.progress.count, run.run.progress.head = minter.count(), minter.w3.eth.block_number
        run.repairer.bump()
        (attempts,) = outbox._store.attempts(outbox._store.rows()).values()
        assert len(attempts) == 2
        # A miner that never saw the second one takes the first.
        minter.node.request("anvil_dropAllTransactions")
        minter.node.request("eth_sendRawTransaction", "0x" + attempts[0].raw.hex())
        minter.node.request("evm_mine")
    (result,) = outbox.resume()
    assert result.transaction == attempts[0].hash and result.attempts == tuple(a.hash for a in attempts)
    minter.expect_once(mine)


# -------------------------------------------------------------------------------------------------- from somewhere else


def test_f17_foreign_use_of_the_key_is_told(minter, outbox):
    mine = fresh_numbers(4)
    list(outbox.send_all(minter.items(mine[:2])))
    minter.foreign(2)
    list(outbox.send_all(minter.items(mine[2:])))
    assert outbox.status().foreign == ((2, 2),)
    assert sorted(result.nonce for result in outbox.results()) == [0, 1, 3, 4]
    minter.expect_once(mine)


def test_f17_what_loses_its_nonce_to_a_foreign_transaction_is_lost_and_told(minter, outbox):
    """Somebody with the same key pays more for the nonce of the second of three; the others happen."""
    mine = fresh_numbers(3)
    with Held(minter):
        run = pipeline(outbox, minter.items(mine))
        step_until(run, lambda: waiting(minter) == 3)
        other = minter.foreign(1, wait=False, maxFeePerGas=10**11, maxPriorityFeePerGas=10**11)
    results = {result.nonce: result for result in outbox.resume()}
    assert [results[n].state for n in range(3)] == [State.INCLUDED, State.LOST, State.INCLUDED]
    assert results[1].error.arguments["by"] == other
    assert [minter.balance(n) for n in mine] == [1000 + mine[0], 0, 1000 + mine[2]]


# ---------------------------------------------------------------------------------------------------------- refused
# late


def test_f18_no_clock_of_this_machine_decides(minter, outbox, monkeypatch):
    """A clock that is wrong by an hour, and a chain that jumps a month, change nothing about what is sent."""
    import salus.outbox._store as store

    class Wrong:
        time = staticmethod(lambda: 3600.0)

    mine = fresh_numbers(4)
    monkeypatch.setattr(store, "time", Wrong)
    list(outbox.send_all(minter.items(mine[:2])))
    minter.node.request("evm_increaseTime", 30 * 24 * 3600)
    list(outbox.send_all(minter.items(mine[2:])))
    minter.expect_once(mine)


def test_f21_what_came_in_between_fails_with_its_reason(minter, outbox):
    """Two payments of all there is pass the dry run; the second reverts in the same block."""
    minter.transact(
        Account.from_key(minter.node.keys[2]),
        to=minter.token,
        data=minter.contract.encode_abi("mint", [minter.signer.address, 500]),
    )
    first = Item(
        "first", minter.token, TRANSFER + encode(["address", "uint256"], [holder(1), 500]), "transfer", 100_000
    )
    second = minter.spend("second", 500)
    with Held(minter):
        run = pipeline(outbox, [first, second])
        step_until(run, lambda: waiting(minter) == 2)
    results = {result.key: result for result in outbox.resume()}
    assert results["first"].state is State.INCLUDED
    failed = results["second"]
    assert (failed.state, failed.block) == (State.FAILED, results["first"].block) and failed.gas_used > 21_000
    assert failed.error.data.hex().startswith("e450d38c")  # ERC20InsufficientBalance
    (told,) = outbox.send_all([second])
    assert told.earlier and told.state is State.FAILED and minter.count() == 2
    mine_blocks(minter, 4)
    assert [result.state for result in outbox.resume() if result.key == "second"] == [State.FAILED]
    assert outbox.drop("second").state is State.FAILED and outbox.results(keys=["second"]) == []


def test_f22_where_the_ether_runs_out_nothing_is_left_between(minter, outbox):
    """It stops before it signs what cannot be paid for, and goes on when there is ether again."""
    mine = fresh_numbers(12)
    fees = outbox._nodes.survey(minter.signer.address, 0).fees
    each = 100_000 * fees.most
    minter.node.request("anvil_setBalance", minter.signer.address, hex(2 * each + 1))
    with pytest.raises(NodeRefused, match="too little ether for the next of") as raised:
        list(outbox.send_all(minter.items(mine)))
    assert raised.value.name == "InsufficientFunds"
    counts = outbox.status().counts
    assert counts[State.STORED] == counts[State.SENT] == 0 and counts[State.QUEUED] + counts[State.INCLUDED] == 12
    assert 2 <= counts[State.INCLUDED] < 12 and minter.count() == counts[State.INCLUDED]
    minter.node.request("anvil_setBalance", minter.signer.address, hex(10**18))
    list(outbox.resume())
    minter.expect_once(mine)
    assert sorted(result.nonce for result in outbox.results()) == list(range(12))


def test_f22_ether_that_goes_away_between_signature_and_node(minter):
    """The node refuses what was signed: it waits with its nonces, and none is left out."""
    mine, account = fresh_numbers(6), minter.signer.address

    def hook(step):
        if step == "after_store":
            minter.node.request("anvil_setBalance", account, hex(1))

    with minter.client().outbox(hook=hook, patience=10) as outbox:
        with pytest.raises(NodeRefused, match="nothing is lost: give it ether"):
            list(outbox.send_all(minter.items(mine)))
        assert outbox.status().counts[State.STORED] == 6 and minter.count() == 0
    minter.node.request("anvil_setBalance", account, hex(10**18))
    with minter.client().outbox() as outbox:
        assert len(list(outbox.resume())) == 6
    minter.expect_once(mine)
    assert minter.count() == 6


def test_a_fee_above_the_ceiling_is_not_paid(minter):
    """TK1: an absurd fee is no fee."""
    client = minter.client()
    client.fee_ceiling = 10
    with client.outbox() as outbox:
        with pytest.raises(NodeRefused, match="above the ceiling of") as raised:
            list(outbox.send_all(minter.items(fresh_numbers(1))))
    assert raised.value.name == "FeeTooHigh" and minter.count() == 0


def test_f22_a_fee_that_rises_while_receipts_are_late_is_told(minter, node):
    """Nothing is in flight by then that one could wait for: it neither waits nor turns in circles."""
    mine = fresh_numbers(2)
    client = minter.client()
    client.fee_ceiling = 20 * 10**9
    with client.outbox(patience=20) as outbox:
        run = pipeline(outbox, minter.items(mine[:1]))
        receipts, run.tracker.receipts = run.tracker.receipts, lambda *_, **__: {}
        step_until(run, lambda: run.run.progress.count == 1)
        node.request("anvil_setNextBlockBaseFeePerGas", hex(10**11))
        node.request("evm_mine")
        run.queue.extend(outbox._store.queue(minter.items(mine[1:])))
        step_until(run, lambda: run.launcher.stalled_at == 1)
        run.tracker.receipts = receipts
        with pytest.raises(NodeRefused, match="above the ceiling"):
            step_until(run, lambda: not run.busy)
        node.request("anvil_setNextBlockBaseFeePerGas", hex(10**9))
        node.request("evm_mine")
        assert len(list(outbox.resume())) == 1
    minter.expect_once(mine)


def test_tk4_another_process_holds_the_key(minter):
    """Whoever cannot have the nonces in time signs nothing."""
    import time

    from salus.chain.nonces import key_lock

    mine = fresh_numbers(1)
    with minter.client().outbox(patience=1) as outbox:
        genesis = outbox._nodes.genesis

        def hold():
            with key_lock(minter.node.chain_id, genesis, minter.signer.address, 5):
                time.sleep(4)

        holder_ = fork(hold)
        time.sleep(0.5)
        with pytest.raises(Exception, match="another process has been sending with"):
            list(outbox.send_all(minter.items(mine)))
        assert wait(holder_) == 0 and outbox.status().counts[State.QUEUED] == 1
        assert all(result.done for result in outbox.resume())
