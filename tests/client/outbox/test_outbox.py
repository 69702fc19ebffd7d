"""The outbox on a chain that does what it should: each item once, each told what became of it.

Whatever a chain or a node does wrong is in tests/faults.
"""

import time

import pytest
from eth_account import Account

from salus import KeySigner, NodeSigner, Salus
from salus.chain.local_node import LocalNode
from salus.chain.node import Node
from salus.errors import BadInput, NodeRefused, NoSigner, NotMined, Refused, refusals
from salus.outbox import Item, NonceTaken, Outbox, Result, State, read_status
from tests.support.deployed_chain import kind
from tests.support.fault_proxy import FaultProxy
from tests.support.mint_outbox import TokenMinter, fresh_numbers

YEAR = 365 * 24 * 3600


@pytest.fixture(scope="module")
def node():
    with LocalNode(kind()) as node:
        yield node


@pytest.fixture(scope="module")
def coins(node, tmp_path_factory):
    return TokenMinter(node, tmp_path_factory.mktemp("mint"))


@pytest.fixture
def minter(coins):
    """The token, and a new account with ether that mints."""
    account = Account.create()
    coins.transact(Account.from_key(coins.node.keys[1]), to=account.address, value=10**18, gas=21_000)
    coins.signer = KeySigner(account)
    return coins


@pytest.fixture
def outbox(minter):
    with minter.client().outbox() as outbox:
        yield outbox


def states(results):
    return {result.key: result.state for result in results}


# ----------------------------------------------------------------------------------------------------------- sending


def test_each_item_happens_once_and_is_told(minter, outbox):
    mine = fresh_numbers(250)
    results = list(outbox.send_all(minter.items(mine)))
    assert states(results) == {f"mint-{n}": State.INCLUDED for n in mine}
    minter.expect_once(mine)
    assert sorted(result.nonce for result in results) == list(range(250))
    for result in results[::50]:
        receipt = minter.w3.eth.get_transaction_receipt(result.transaction)
        assert (receipt["blockNumber"], receipt["gasUsed"]) == (result.block, result.gas_used)
        assert result.attempts == (result.transaction,) and not result.earlier and result.error is None


def test_what_is_done_is_not_done_again(minter, outbox):
    """TK2, TK3: N calls with one business key are one effect."""
    mine = fresh_numbers(20)
    list(outbox.send_all(minter.items(mine)))
    for _ in range(3):
        again = list(outbox.send_all(minter.items(mine)))
        assert all(result.earlier and result.done for result in again)
    with minter.client().outbox() as another:  # as another process would
        assert all(result.earlier for result in another.send_all(minter.items(mine)))
    minter.expect_once(mine)
    assert minter.count() == 20


def test_one_key_does_not_stand_for_two_calls(minter, outbox):
    mine = fresh_numbers(3)
    list(outbox.send_all(minter.items(mine[:1])))
    other = Item(f"mint-{mine[0]}", minter.token, minter.item(mine[1]).data)
    with pytest.raises(BadInput, match=rf"key mint-{mine[0]}: stands for another call already"):
        outbox.send_all([minter.item(mine[2]), other])
    assert outbox.results(keys=[f"mint-{mine[2]}"]) == []  # nothing was queued
    with pytest.raises(BadInput, match="is given twice"):
        outbox.send_all([minter.item(mine[2])] * 2)


def test_items_may_come_one_by_one(minter, outbox):
    """Of what is no list so much is read as the window holds, and what is known is told at once."""
    read, mine = [], fresh_numbers(60)

    def lazily():
        for n in mine:
            read.append(n)
            yield minter.item(n)

    for seen, _ in enumerate(outbox.send_all(lazily(), window=10), start=1):
        assert len(read) <= seen + 20
    minter.expect_once(mine)


def test_progress_is_told(minter, outbox):
    told = []
    list(outbox.send_all(minter.items(fresh_numbers(30)), window=10, progress=lambda done, of: told.append((done, of))))
    assert told[-1] == (30, 30) and told == sorted(told) and {of for _, of in told} == {30}


@pytest.fixture
def in_flight(minter, outbox):
    """How many transactions are in no block whenever some are sent."""
    nodes, sent, found = outbox._nodes, [minter.count()], []
    begin = nodes.begin

    def watched(lane, calls):
        sent[0] += sum(method == "eth_sendRawTransaction" for method, _ in calls)
        found.append(sent[0] - minter.count())
        return begin(lane, calls)

    nodes.begin = watched
    return found


def test_no_more_than_the_window_is_in_flight(minter, outbox, in_flight):
    mine = fresh_numbers(50)
    list(outbox.send_all(minter.items(mine), window=7))
    assert max(in_flight) == 7
    minter.expect_once(mine)


def test_no_more_gas_is_in_flight_than_a_block_holds(minter, outbox, in_flight):
    """What does not fit into a block only waits for the next; anvil leaves it waiting where nothing else comes."""
    limit = int(minter.node.request("eth_getBlockByNumber", "latest", False)["gasLimit"], 16)
    heavy = limit * 2 // 7
    mine = fresh_numbers(20)
    assert all(result.done for result in outbox.send_all(minter.items(mine, gas=heavy)))
    assert max(in_flight) == 3
    minter.expect_once(mine)


def test_the_signed_bytes_are_on_the_disk_before_they_are_sent(minter):
    """38: what a crash leaves can always be sent again as it was."""
    seen = []

    def hook(step):
        if step == "after_store":
            _, there = read_status(path)
            seen.append(([result.state for result in there], minter.count()))

    client = minter.client()
    with client.outbox(hook=hook) as outbox:
        path = outbox.path
        list(outbox.send_all(minter.items(fresh_numbers(5))))
    assert seen == [([State.STORED] * 5, 0)]


def test_the_next_ones_are_signed_while_a_node_takes_those_before(minter, node):
    steps = []
    with FaultProxy(node.url) as proxy:
        proxy.spoil("eth_sendRawTransaction", "slow", times=1, seconds=1)
        with minter.client(proxy.url).outbox(hook=steps.append) as outbox:
            list(outbox.send_all(minter.items(fresh_numbers(150)), preflight=False))
    first = [step for step in steps if step != "after_receipt"][:5]
    assert first == ["after_sign", "after_store", "after_sign", "after_store", "after_send"]


def test_functions_of_contracts_are_items(deployed_chain):
    signer, _ = deployed_chain.institution("PROVIDER")
    client = deployed_chain.client(signer)
    until, people = client.now() + YEAR, [deployed_chain.patient().address for _ in range(4)]
    functions = client.contract("Institutions").functions
    with client.outbox() as outbox:
        items = [(f"operator-{who}", functions.setOperator(who, 1, until)) for who in people[:2]]
        items += outbox.items("Institutions", "setOperator", {f"operator-{who}": (who, 1, until) for who in people[2:]})
        results = list(outbox.send_all(items))
        assert [result.name for result in results] == ["setOperator"] * 4
        for result, who in zip(sorted(results, key=lambda r: r.nonce), people, strict=True):
            (event,) = outbox.receipt(result).events("OperatorSet")
            assert event.args["operator"] == who
            (again,) = outbox.results(keys=[result.key])
            assert outbox.receipt(again) == outbox.receipt(result)


def test_one_item_alone(deployed_chain):
    signer, _ = deployed_chain.institution("PROVIDER")
    client = deployed_chain.client(signer)
    functions = client.contract("Institutions").functions
    with client.outbox() as outbox:
        result = outbox.send("a", functions.setOperator(deployed_chain.patient().address, 1, client.now() + YEAR))
        assert result.done and outbox.receipt(result).events("OperatorSet")
        with pytest.raises(refusals()["InvalidTerm"]):
            outbox.send("b", functions.setOperator(deployed_chain.patient().address, 1, 5))


# ----------------------------------------------------------------------------------------------------------- dry run


def test_what_the_rules_refuse_is_not_sent_and_says_why(deployed_chain):
    """49: custom errors are exceptions with their arguments, and cost nothing."""
    signer, _ = deployed_chain.institution("PROVIDER")
    client = deployed_chain.client(signer)
    until, functions = client.now() + YEAR, client.contract("Institutions").functions
    terms = {"good-1": until, "bad-1": 5, "good-2": until, "bad-2": 6}
    items = [(key, functions.setOperator(deployed_chain.patient().address, 1, end)) for key, end in terms.items()]
    with client.outbox() as outbox:
        results = {result.key: result for result in outbox.send_all(items)}
        assert {key: result.state.value for key, result in results.items()} == {
            "good-1": "included",
            "bad-1": "refused",
            "good-2": "included",
            "bad-2": "refused",
        }
        error = results["bad-1"].error
        assert isinstance(error, refusals()["InvalidTerm"]) and dict(error.arguments) == {"until": 5}
        assert results["bad-1"].nonce is None and results["bad-1"].transaction is None
        assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 2
        # The file tells it again in the same words.
        (kept,) = outbox.results(keys=["bad-2"])
        assert type(kept.error) is type(error) and dict(kept.error.arguments) == {"until": 6}
        with pytest.raises(refusals()["InvalidTerm"]):
            kept.expect_done()


def test_what_was_refused_may_be_given_again(minter, outbox):
    """Nothing was signed, and the rules may have changed their mind."""
    payment = minter.spend("payment", 500)
    (refused,) = outbox.send_all([payment])
    assert refused.state is State.REFUSED
    minter.transact(
        Account.from_key(minter.node.keys[2]),
        to=minter.token,
        data=minter.contract.encode_abi("mint", [minter.signer.address, 500]),
    )
    (paid,) = outbox.send_all([payment])
    assert paid.state is State.INCLUDED and not paid.earlier


def test_the_gas_of_a_kind_is_estimated_and_corrected(minter, outbox):
    """A second mint to an account takes less than the first: the kind's gas is learned from the cheap one, and is too
    little.
    """
    mine = fresh_numbers(30)
    minter.transact(
        Account.from_key(minter.node.keys[2]),
        to=minter.token,
        data=minter.contract.encode_abi("mint", [minter.signer.address, 1]),
    )
    cheap = Item(
        f"cheap-{mine[0]}",
        minter.token,
        bytes.fromhex(minter.contract.encode_abi("mint", [minter.signer.address, 1])[2:]),
    )
    results = list(outbox.send_all([cheap, *minter.items(mine, gas=None)]))
    assert all(result.done for result in results)
    minter.expect_once(mine)
    limits = {minter.w3.eth.get_transaction(result.transaction)["gas"] for result in results}
    assert len(limits) == 2 and max(limits) < 100_000


def test_without_a_dry_run_a_revert_costs_its_gas_and_is_told(minter, outbox):
    """F21: what fails in its block says why, what it cost, and is not done again by itself."""
    (failed,) = outbox.send_all([minter.spend("payment", 500)], preflight=False)
    assert failed.state is State.FAILED and failed.gas_used > 21_000 and failed.block
    assert isinstance(failed.error, Refused) and failed.error.transaction == failed.transaction
    assert failed.error.data.hex().startswith("e450d38c")  # ERC20InsufficientBalance
    (told,) = outbox.send_all([minter.spend("payment", 500)], preflight=False)
    assert told.earlier and told.state is State.FAILED and type(told.error) is type(failed.error)
    assert minter.count() == 1


def test_what_runs_out_of_gas_is_told(minter, outbox):
    (failed,) = outbox.send_all(minter.items(fresh_numbers(1), gas=30_000), preflight=False)
    assert failed.state is State.FAILED and failed.error.name == "OutOfGas"
    assert "mint ran out of gas (30,000)" in str(failed.error)


def test_what_no_block_can_hold_is_refused(deployed_chain, monkeypatch):
    import salus.outbox._dryrun as dryrun

    monkeypatch.setattr(dryrun, "MOST_GAS", 22_000)
    signer, _ = deployed_chain.institution("PROVIDER")
    client = deployed_chain.client(signer)
    fn = client.contract("Institutions").functions.setOperator(deployed_chain.patient().address, 1, client.now() + YEAR)
    with client.outbox() as outbox:
        (result,) = outbox.send_all([("large", fn)])
    assert isinstance(result.error, NodeRefused) and "a transaction may take 22,000; send less at once" in str(
        result.error
    )


# ----------------------------------------------------------------------------------------------------- choosing anew


def confirm(minter, blocks):
    for _ in range(blocks):
        minter.node.request("evm_mine")


def test_what_failed_is_done_anew_by_choice_once_its_block_stays(minter):
    with minter.client().outbox(confirmations=4) as outbox:
        payment = minter.spend("payment", 500)
        (failed,) = outbox.send_all([payment], preflight=False)
        with pytest.raises(BadInput, match=rf"key payment: failed in block {failed.block}, which is not final yet"):
            outbox.send_all([payment], again=["payment"])
        minter.transact(
            Account.from_key(minter.node.keys[2]),
            to=minter.token,
            data=minter.contract.encode_abi("mint", [minter.signer.address, 500]),
        )
        confirm(minter, 4)
        (paid,) = outbox.send_all([payment], again=["payment"])
        assert paid.state is State.INCLUDED and paid.transaction != failed.transaction


def test_what_is_done_cannot_be_forgotten(minter, outbox):
    mine = fresh_numbers(2)
    list(outbox.send_all(minter.items(mine)))
    with pytest.raises(BadInput, match="is done; its key keeps it from being done again"):
        outbox.drop(f"mint-{mine[0]}")
    with pytest.raises(BadInput, match="is done"):
        outbox.send_all(minter.items(mine), again=[f"mint-{mine[0]}"])
    with pytest.raises(BadInput, match="key nothing: is not in the outbox"):
        outbox.drop("nothing")


def test_what_was_refused_can_be_forgotten(minter, outbox):
    list(outbox.send_all([minter.spend("payment", 500)]))
    assert outbox.drop("payment").state is State.REFUSED
    assert outbox.results() == []


# --------------------------------------------------------------------------------------------------------- finality


def test_included_and_final_are_told_apart(minter):
    """43: what is in a block is not called final before the block is deep."""
    mine = fresh_numbers(3)
    with minter.client().outbox(confirmations=5) as outbox:
        assert {r.state for r in outbox.send_all(minter.items(mine))} == {State.INCLUDED}
        assert list(outbox.resume()) == []
        assert outbox.status().counts[State.INCLUDED] == 3
        confirm(minter, 5)
        assert states(outbox.resume()) == {f"mint-{n}": State.FINAL for n in mine}
        assert list(outbox.resume()) == []
        assert {r.state for r in outbox.send_all(minter.items(mine))} == {State.FINAL}


def test_one_confirmation_is_the_block_itself(minter):
    with minter.client().outbox(confirmations=1) as outbox:
        (result,) = outbox.send_all(minter.items(fresh_numbers(1)), until="final")
        assert result.state is State.FINAL


def test_where_no_block_comes_nothing_is_final(minter):
    with minter.client().outbox(confirmations=10, patience=1) as outbox:
        with pytest.raises(NotMined):
            list(outbox.send_all(minter.items(fresh_numbers(1)), until="final"))
        assert outbox.status().counts[State.INCLUDED] == 1


def test_the_nodes_own_word_for_final(tmp_path):
    with LocalNode("anvil", slots_in_an_epoch=2) as node:
        minter = TokenMinter(node, tmp_path)
        with minter.client().outbox(confirmations=None) as outbox:
            list(outbox.send_all(minter.items(range(2))))
            assert outbox.status().counts[State.INCLUDED] == 2
            confirm(minter, 8)
            assert {r.state for r in outbox.resume()} == {State.FINAL}


# ----------------------------------------------------------------------------------------------------------- looking


def test_the_file_is_read_without_a_node(minter):
    with minter.client().outbox() as outbox:
        list(outbox.send_all(minter.items(fresh_numbers(2))))
        path = outbox.path
    status, results = read_status(path)
    assert (status.account, status.chain_id, status.open) == (minter.signer.address, minter.node.chain_id, 0)
    assert status.counts[State.INCLUDED] == 2 and status.foreign == ()
    assert [type(result) for result in results] == [Result] * 2
    with pytest.raises(BadInput, match="is not there"):
        read_status(path.with_name("other.sqlite"))


def test_only_who_signs_has_an_outbox(minter):
    with pytest.raises(NoSigner):
        Salus.connect(minter.node.url, book=minter.book).outbox()


def test_an_account_of_the_node_signs(minter):
    signer = NodeSigner(Node(minter.node.url), minter.node.accounts[7])
    mine = fresh_numbers(3)
    with minter.client(signer=signer).outbox() as outbox:
        assert all(result.done for result in outbox.send_all(minter.items(mine)))
    minter.expect_once(mine)


def test_what_waits_too_long_is_told_and_taken_up_again(tmp_path):
    with LocalNode("anvil") as node:
        minter = TokenMinter(node, tmp_path)
        node.request("evm_setAutomine", False)
        with minter.client().outbox(patience=1) as outbox:
            started = time.monotonic()
            with pytest.raises(NotMined, match="it may still come"):
                list(outbox.send_all(minter.items(range(3))))
            assert time.monotonic() - started < 10
            assert outbox.status().open == 3
            node.request("evm_setAutomine", True)
            node.request("evm_mine")
            assert len(list(outbox.resume())) == 3
        minter.expect_once(range(3))
        assert minter.count() == 3


def test_odd_settings_are_refused(minter):
    client = minter.client()
    for odd in ({"window": 0}, {"confirmations": 0}, {"bump_blocks": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            Outbox(client, **odd)
    for key in ("", "x" * 201, "a\nb"):
        with pytest.raises(BadInput, match="printable characters"):
            Item(key, minter.token, b"")
    assert issubclass(NonceTaken, Refused)
