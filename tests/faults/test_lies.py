"""P1: each field of each answer of a node altered in turn: nothing happens twice, nothing is lost, nothing is called
done or failed that is not.

A block holds several items of ours, one of which fails, and at times somebody else's transaction. One endpoint lies,
alone or beside an honest one. SALUS_CASES is how many lies are told.
"""

import contextlib
import copy
import itertools
import os
import random
import threading
import time

import pytest
from eth_utils.crypto import keccak

from salus.chain.local_node import LocalNode
from salus.chain.proof import Contradiction
from salus.errors import SalusError
from salus.outbox import Proof, State, read_status
from tests.support.fault_proxy import FaultProxy
from tests.support.lies import lie, places, turned
from tests.support.mint_outbox import TokenMinter, holder

CASES = max(int(os.environ.get("SALUS_CASES", "0")), 300)
PART = 50  # lies in one test
MINTED = 3
BALANCE = "0x" + keccak(text="balanceOf(address)")[:4].hex()
OPTIONS = {"patience": 0.15, "timeout": 5, "confirmations": 1, "window": 10}


# ------------------------------------------------------------------------------------------------------------ the chain


class Ticker:
    """Makes a block now and then, of all that came until then: several items share one."""

    def __init__(self, node):
        self.node, self.ending = node, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.tick)
        self.thread.start()
        return self

    def tick(self):
        while not self.ending.wait(0.02):
            self.node.request("evm_mine")

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with LocalNode(accounts=7) as node:
        minter = TokenMinter(node, tmp_path_factory.mktemp("lies"))
        node.request("evm_setAutomine", False)
        yield minter


@pytest.fixture
def trial(chain, tmp_path, monkeypatch):
    """A trial begins where the chain began, with files of its own."""
    numbers = itertools.count()

    @contextlib.contextmanager
    def trial():
        folder = tmp_path / f"{next(numbers)}"
        folder.mkdir()
        monkeypatch.setenv("SALUS_HOME", str(folder))
        monkeypatch.setattr("salus.outbox._rechecking._PAUSE", 0.02)
        before = chain.node.request("evm_snapshot")
        try:
            with Ticker(chain.node):
                yield folder / "outbox.sqlite"
        finally:
            chain.node.request("anvil_dropAllTransactions")
            chain.node.request("evm_revert", before)

    return trial


class Case:
    """Items that are sent through a proxy, and what became of them.

    also   whether an honest endpoint is named too
    """

    def __init__(self, chain, file, proxy, *, also=False):
        self.chain, self.file, self.proxy = chain, file, proxy
        self.numbers = list(range(1, MINTED + 1))
        # More than there is: it fails in its block.
        self.items = [*chain.items(self.numbers), chain.spend("spend", 10**30)]
        self.also = {"also": [chain.node.url]} if also else {}
        self.errors = []

    def act(self, *, again=(), url=None, **options):
        """Send, and look again at what was sent, as far as the node lets one."""
        with contextlib.suppress(SalusError), self.outbox(url, **options) as outbox:
            for what in (
                lambda: outbox.send_all(self.items, preflight=False, again=again),
                *([] if again else [outbox.resume]),
            ):
                try:
                    list(what())
                except SalusError as error:
                    self.errors.append(error)

    @contextlib.contextmanager
    def outbox(self, url=None, **options):
        options = {**OPTIONS, **options}
        client = self.chain.client(url or self.proxy.url)
        client.node.patience = options["patience"]
        with client.outbox(self.file, **options, **self.also) as outbox:
            yield outbox

    def results(self):
        """What the file says of each item; no node is asked."""
        return {result.key: result for result in read_status(self.file)[1]} if self.file.exists() else {}

    def balances(self):
        """What the chain says of each, by number."""
        calls = {n: BALANCE + holder(n)[2:].lower().rjust(64, "0") for n in self.numbers}
        ask = self.chain.node.request
        return {
            n: int(ask("eth_call", {"to": self.chain.token, "data": call}, "latest"), 16) for n, call in calls.items()
        }

    def expect_truth(self):
        """What the file says of each item is so."""
        found = self.results()  # first, for what is still in flight goes on
        balances = self.balances()
        for key, result in found.items():
            if key == "spend":
                assert not result.done and result.state is not State.LOST, result
                continue
            n = int(key.split("-")[1])
            assert result.state not in (State.FAILED, State.LOST), result
            assert balances[n] in ((1000 + n,) if result.done else (0, 1000 + n)), result

    def expect_once(self, *proofs):
        """Each happened once, once the lies are over, and is believed for one of these reasons."""
        self.proxy.clear()
        end = time.monotonic() + 20
        while True:
            # anvil may have set one aside for good, and it is signed again only after some tenths of a second.
            self.act(url=self.chain.node.url, patience=3)
            found = self.results()
            self.expect_truth()
            if all(result.done for key, result in found.items() if key != "spend") and len(found) == len(self.items):
                break
            assert time.monotonic() < end, (found, self.errors[-1:])
        assert self.balances() == {n: 1000 + n for n in self.numbers}
        assert found["spend"].state is State.FAILED
        assert {result.proof for result in found.values()} <= set(proofs)


# ------------------------------------------------------------------------------------------------------------- the lies


@pytest.fixture(scope="module")
def answers(chain, tmp_path_factory):
    """Every place of every answer that an honest run asks for, by method."""
    found = {}

    def note(method, result, _):
        found.setdefault(method, set()).update(places(result))
        return result

    patch = pytest.MonkeyPatch()
    patch.setenv("SALUS_HOME", str(tmp_path_factory.mktemp("honest")))
    before = chain.node.request("evm_snapshot")
    with FaultProxy(chain.node.url) as proxy, Ticker(chain.node):
        proxy.spoil("*", "alter", change=note)
        somebody(chain)
        case = Case(chain, tmp_path_factory.mktemp("file") / "outbox.sqlite", proxy)
        case.act()
        with case.outbox() as outbox:  # receipts of single transactions are asked for where nothing is known of blocks
            (result,) = outbox.results(keys=["mint-1"])
            outbox.receipt(result)
    chain.node.request("evm_revert", before)
    patch.undo()
    assert {"eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getTransactionReceipt"} <= set(found)
    return found


def somebody(chain):
    """A transaction of another account waits for the block."""
    rich = chain.node.request("eth_accounts")[0]
    chain.node.request("eth_sendTransaction", {"from": rich, "to": holder(998), "value": "0x1"})


@pytest.mark.parametrize("part", range((CASES + PART - 1) // PART))
def test_P1_a_node_that_lies_about_one_field_changes_nothing(chain, trial, answers, part):
    everywhere = [(method, place) for method in sorted(answers) for place in sorted(answers[method], key=str)]
    random.Random("lies").shuffle(everywhere)
    for n in range(part * PART, min((part + 1) * PART, CASES)):
        chance = random.Random(f"lie {n}")
        method, place = everywhere[n % len(everywhere)]
        also, once = chance.random() < 0.5, chance.random() < 0.4
        with trial() as file, FaultProxy(chain.node.url, seed=n) as proxy:
            if chance.random() < 0.3:
                somebody(chain)
            proxy.spoil(method, "alter", change=lie(place, chance), times=1 if once else None)
            case = Case(chain, file, proxy, also=also)
            try:
                case.act()
                case.expect_truth()
                # Who believes that something failed gives it again.
                case.act(again=[item.key for item in case.items])
                case.expect_truth()
                if method != "eth_getTransactionCount":
                    # One who changes every header is taken for a node of a chain whose headers are unknown.
                    blind = method == "eth_getBlockByNumber" and not once
                    case.expect_once(Proof.PROVEN, *([Proof.TRUSTED, Proof.COMPARED] if blind else []))
            except AssertionError as failed:
                raise AssertionError(f"lie {n}: {method} {place} {also=} {once=}") from failed


# ---------------------------------------------------------------------------------------------------------- single lies


@contextlib.contextmanager
def lying(chain, trial, *changes, also=False):
    """A case before whose node a proxy makes changes: (method, what is made of each result)."""
    with trial() as file, FaultProxy(chain.node.url) as proxy:
        for method, change in changes:
            proxy.spoil(method, "alter", change=lambda _, result, __, change=change: change(copy.deepcopy(result)))
        yield Case(chain, file, proxy, also=also)


TURNED = [("eth_getBlockReceipts", turned), ("eth_getTransactionReceipt", turned)]


def test_P1_a_turned_status_is_never_a_failure_and_never_an_effect(chain, trial):
    with lying(chain, trial, *TURNED) as case:
        case.act()
        assert {result.state for result in case.results().values()} <= {State.STORED, State.SENT}
        assert any(isinstance(error, Contradiction) for error in case.errors)
        with case.outbox() as outbox:
            (node,) = outbox.status().contradictions
        assert node == case.proxy.url.rstrip("/")
        sent = chain.count()
        case.act(again=[item.key for item in case.items])
        assert "may still happen" in str(case.errors[-1]) and chain.count() == sent
        case.expect_once(Proof.PROVEN)


def test_P1_with_an_honest_second_node_it_is_done_and_the_liar_is_named(chain, trial):
    with lying(chain, trial, *TURNED, also=True) as case:
        case.act()
        found = case.results()
        assert {result.proof for result in found.values()} == {Proof.PROVEN}
        assert [found[item.key].done for item in case.items] == [True] * MINTED + [False]
        with case.outbox() as outbox:
            assert "do not fit its header" in outbox.status().contradictions[case.proxy.url.rstrip("/")]
        case.expect_once(Proof.PROVEN)


def swapped(told):
    """The first two of a list change places: hashes, transactions, or receipts with the other's hash."""
    if isinstance(told, dict) and len(told["transactions"]) > 1:
        told["transactions"][:2] = told["transactions"][1::-1]
    elif isinstance(told, list) and len(told) > 1:
        told[0]["transactionHash"], told[1]["transactionHash"] = told[1]["transactionHash"], told[0]["transactionHash"]
    return told


def test_P1_two_items_of_a_block_whose_receipts_are_swapped_are_not_believed(chain, trial):
    """The receipts root fits, and so does what each says of itself: only the transactions root does not."""
    with lying(chain, trial, ("eth_getBlockReceipts", swapped), ("eth_getBlockByNumber", swapped)) as case:
        case.act()
        case.expect_truth()
        assert any("transactions of block" in str(error) for error in case.errors)
        case.expect_once(Proof.PROVEN)


def test_P1_a_log_that_is_left_out_is_not_believed(chain, trial):
    def without(receipts):
        for receipt in receipts:
            receipt["logs"] = receipt["logs"][1:]
        return receipts

    with lying(chain, trial, ("eth_getBlockReceipts", without)) as case:
        case.act()
        assert not any(result.done for result in case.results().values())
        assert any("receipts of block" in str(error) for error in case.errors)
        case.expect_once(Proof.PROVEN)


@pytest.mark.parametrize("by_block", [True, False])
def test_P11_a_null_receipt_at_the_first_node_does_not_hide_the_seconds(chain, trial, monkeypatch, by_block):
    monkeypatch.setitem(OPTIONS, "patience", 5)
    hidden = [("eth_getTransactionReceipt", lambda _: None)]
    hidden += [("eth_getBlockReceipts", lambda _: None)] if by_block else []
    with lying(chain, trial, *hidden, also=True) as case:
        case.act()
        assert [result.done for result in case.results().values()] == [True] * MINTED + [False], case.errors


@pytest.mark.parametrize("method", ["eth_blockNumber", "eth_getTransactionCount"])
@pytest.mark.parametrize("nonsense", ["zebra", None, {}, 5])
def test_P1_nonsense_of_one_node_does_not_end_a_run_that_has_another(chain, trial, monkeypatch, method, nonsense):
    monkeypatch.setitem(OPTIONS, "patience", 5)
    with lying(chain, trial, (method, lambda _: nonsense), also=True) as case:
        case.act()
        assert [result.done for result in case.results().values()] == [True] * MINTED + [False]
        assert not case.errors
        with case.outbox() as outbox:
            assert "no number in hex" in outbox.status().contradictions[case.proxy.url.rstrip("/")]


def test_P1_nonsense_of_the_only_node_is_an_error_and_nothing_is_lost(chain, trial):
    with lying(chain, trial, ("eth_blockNumber", lambda _: "zebra")) as case:
        case.act()
        assert any("'zebra' for the latest block" in str(error) for error in case.errors)
        case.expect_once(Proof.PROVEN)


def test_P1_a_head_that_is_told_too_high_makes_nothing_final(chain, trial, monkeypatch):
    monkeypatch.setitem(OPTIONS, "confirmations", 1_000_000)
    with lying(chain, trial, ("eth_blockNumber", lambda head: hex(int(head, 16) + 2_000_000))) as case:
        case.act()
        assert {result.state for result in case.results().values()} <= {State.INCLUDED, State.FAILED, State.SENT}
        case.expect_truth()


def test_P1_an_item_is_called_lost_only_for_what_its_key_has_signed(chain, trial, monkeypatch):
    """The node hides the receipts, and says that somebody else's transaction is of the account."""
    monkeypatch.setattr("salus.outbox._collecting._MISSING", 0.05)

    def stolen(block):
        ours = chain.signer.address.lower()
        for n, one in enumerate(block["transactions"] if block else []):
            if isinstance(one, dict) and one["from"].lower() == ours:
                block["transactions"][n] = {**one, "hash": "0x" + "5a" * 32, "value": "0x7"}
        return block

    hidden = [(method, lambda _: None) for method in ("eth_getTransactionReceipt", "eth_getBlockReceipts")]
    with lying(chain, trial, *hidden, ("eth_getBlockByNumber", stolen)) as case:
        case.act()
        assert {result.state for result in case.results().values()} <= {State.STORED, State.SENT}
        case.expect_once(Proof.PROVEN)


# ------------------------------------------------------------------------------------------ where nothing can be proven


@pytest.mark.parametrize("also", [False, True])
def test_P1_on_a_chain_of_unknown_headers_receipts_are_compared_or_trusted(chain, trial, monkeypatch, also):
    monkeypatch.setattr("salus.outbox._nodes.header_kind", lambda _: None)
    with lying(chain, trial, also=also) as case:
        case.act()
        found = case.results()
        assert {result.proof for result in found.values()} == {Proof.COMPARED if also else Proof.TRUSTED}
        assert [found[item.key].done for item in case.items] == [True] * MINTED + [False]


def test_P1_where_nodes_that_cannot_be_checked_disagree_nothing_is_believed(chain, trial, monkeypatch):
    monkeypatch.setattr("salus.outbox._nodes.header_kind", lambda _: None)
    with lying(chain, trial, *TURNED, also=True) as case:
        case.act()
        assert {result.state for result in case.results().values()} <= {State.STORED, State.SENT}
        assert any("different things" in str(error) for error in case.errors)


def test_P1_a_failure_on_trust_is_none_where_the_same_call_does_not_fail(chain, trial, monkeypatch):
    monkeypatch.setattr("salus.outbox._nodes.header_kind", lambda _: None)
    with lying(chain, trial, *TURNED) as case:
        case.act()
        found = case.results()
        assert all(found[f"mint-{n}"].state.open for n in case.numbers)
        assert any("does not fail there" in str(error) for error in case.errors)


def test_P1_on_ganache_a_failure_is_proven_too(tmp_path):
    with LocalNode("ganache", accounts=7) as node:
        minter = TokenMinter(node, tmp_path)
        with minter.client().outbox(tmp_path / "outbox.sqlite") as outbox:
            items = [*minter.items(range(1, 5)), minter.spend("spend", 10**30)]
            found = {result.key: result for result in outbox.send_all(items, preflight=False)}
        assert {result.proof for result in found.values()} == {Proof.PROVEN}
        assert found["spend"].state is State.FAILED


# ---------------------------------------------------------------------------------------------------- the plain client


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("eth_getTransactionReceipt", turned),
        ("eth_getTransactionReceipt", lambda told: told and {**told, "logs": []}),
        ("eth_getTransactionReceipt", lambda told: told and {**told, "gasUsed": "0x5208"}),
        ("eth_getBlockReceipts", turned),
        ("eth_getBlockByNumber", lambda told: told and {**told, "transactions": told["transactions"][1:]}),
    ],
    ids=["status", "logs", "gas", "block", "place"],
)
def test_P1_the_plain_client_notices_a_changed_field_and_sends_nothing_again(chain, trial, method, change):
    with lying(chain, trial, (method, change)) as case:
        client = chain.client(case.proxy.url)
        before = chain.count()
        with pytest.raises(Contradiction, match=f"the node at {case.proxy.url}.* contradicts itself"):
            client.send(chain.contract.functions.mint(holder(1), 1001))
        assert (chain.count() - before, chain.balance(1)) == (1, 1001)
        case.proxy.clear()
        assert client.send(chain.contract.functions.mint(holder(2), 1002)).status == 1
