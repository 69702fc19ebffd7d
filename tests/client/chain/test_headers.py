"""Headers prove receipts and transactions: on both local chains, and where anything is changed they do not.

P1: a node that changes one field of a receipt, leaves a log out or swaps two receipts cannot match both roots.
"""

import copy

import pytest

from salus.chain import rlp, trie
from salus.chain.headers import (
    encoded_transaction,
    header_hash,
    header_kind,
    holds_receipts,
    holds_transactions,
    receipts_root,
)
from salus.chain.local_node import KINDS, LocalNode
from salus.errors import BadAnswer

# A contract that logs its calldata's first word as a topic and reverts when there is none:
# calldatasize, push1 05, jumpi; push0, push0, revert -- jumpdest; push0, calldataload, push0, push0, log1
RUNTIME = "36600757" + "5f5ffd" + "5b" + "5f355f5fa1" + "00"
CREATION = f"0x60{len(RUNTIME) // 2:02x}600c60003960{len(RUNTIME) // 2:02x}6000f3{RUNTIME}"


@pytest.fixture(scope="module", params=KINDS)
def blocks(request):
    """Blocks of a chain by what is in them, each with its transactions and receipts."""
    with LocalNode(request.param, block_time=1 if request.param == "anvil" else None) as node:
        yield request.param, {name: (block, receipts) for name, block, receipts in _story(node)}


def _story(node):
    rich, other = node.accounts[:2]

    def whole(number):
        block = node.request("eth_getBlockByNumber", number, True)
        return block, [node.request("eth_getTransactionReceipt", tx["hash"]) for tx in block["transactions"]]

    def mined(**fields):
        sent = node.request("eth_sendTransaction", {"from": rich, "gas": "0x30000", **fields})
        while (receipt := node.request("eth_getTransactionReceipt", sent)) is None:
            node.request("evm_mine")
        return receipt

    yield "genesis", *whole("0x0")
    contract = mined(data=CREATION)["contractAddress"]
    yield "typed", *whole(mined(to=other, value="0x1")["blockNumber"])
    yield "legacy", *whole(mined(to=other, value="0x1", gasPrice="0x77359400")["blockNumber"])
    yield "logs", *whole(mined(to=contract, data="0x" + "ab" * 32)["blockNumber"])
    sent = (
        node.request("eth_sendTransaction", {"from": rich, "to": contract, "gas": "0x30000"})
        if node.kind == "anvil"
        else None
    )
    if sent is None:
        import contextlib

        from salus.chain.local_node import NodeError

        with contextlib.suppress(NodeError):  # ganache mines it and answers with the revert
            node.request("eth_sendTransaction", {"from": rich, "to": contract, "gas": "0x30000"})
        yield "failed", *whole("latest")
        return
    while (receipt := node.request("eth_getTransactionReceipt", sent)) is None:
        node.request("evm_mine")
    yield "failed", *whole(receipt["blockNumber"])


NAMES = ["genesis", "typed", "legacy", "logs", "failed"]


@pytest.mark.parametrize("name", NAMES)
def test_a_block_hashes_as_it_says_and_holds_what_it_holds(blocks, name):
    block, receipts = blocks[1][name]
    assert header_kind(block) == "ethereum"
    assert header_hash(block, "ethereum").hex() == block["hash"][2:]
    assert holds_receipts(block, receipts)
    assert holds_transactions(block, [encoded_transaction(tx) for tx in block["transactions"]])
    assert [receipt["status"] for receipt in receipts] == {"genesis": [], "failed": ["0x0"]}.get(name, ["0x1"])


def test_ganache_writes_a_failed_status_as_one_byte(blocks):
    kind, found = blocks
    block, receipts = found["failed"]
    root = bytes.fromhex(block["receiptsRoot"][2:])
    assert (receipts_root(receipts) == root, receipts_root(receipts, failed=b"\0") == root) == (
        (False, True) if kind == "ganache" else (True, False)
    )


HEADER = ["parentHash", "miner", "stateRoot", "receiptsRoot", "gasUsed", "timestamp", "extraData", "baseFeePerGas"]


@pytest.mark.parametrize("field", HEADER)
def test_P1_a_changed_header_has_another_hash(blocks, field):
    block = copy.deepcopy(blocks[1]["logs"][0])
    block[field] = "0x01" if field == "extraData" else _changed(block[field])
    assert header_kind(block) is None


@pytest.mark.parametrize("field", ["status", "cumulativeGasUsed", "logsBloom", "type"])
def test_P1_a_changed_receipt_is_contradicted(blocks, field):
    block, receipts = copy.deepcopy(blocks[1]["logs"])
    receipts[0][field] = "0x0" if field in ("status", "type") else _changed(receipts[0][field])
    assert not holds_receipts(block, receipts)


@pytest.mark.parametrize("part", ["address", "data", "topics", "none", "twice"])
def test_P1_a_changed_log_is_contradicted(blocks, part):
    block, receipts = copy.deepcopy(blocks[1]["logs"])
    logs = receipts[0]["logs"]
    if part == "none":
        logs.clear()
    elif part == "twice":
        logs.append(logs[0])
    elif part == "topics":
        logs[0]["topics"] = [_changed(logs[0]["topics"][0])]
    else:
        logs[0][part] = "0x01" if part == "data" else _changed(logs[0][part])
    assert not holds_receipts(block, receipts)


def test_P1_a_failure_told_as_a_success_is_contradicted(blocks):
    block, receipts = copy.deepcopy(blocks[1]["failed"])
    receipts[0]["status"] = "0x1"
    assert not holds_receipts(block, receipts)


@pytest.mark.parametrize("field", ["nonce", "value", "input", "to", "gas", "r"])
def test_P1_another_transaction_is_contradicted(blocks, field):
    block = copy.deepcopy(blocks[1]["typed"][0])
    tx = block["transactions"][0]
    tx[field] = "0x01" if field == "input" else _changed(tx[field])
    assert not holds_transactions(block, [encoded_transaction(tx)])


def test_P1_a_missing_receipt_and_a_doubled_one_are_contradicted(blocks):
    block, receipts = blocks[1]["typed"]
    assert not holds_receipts(block, []) and not holds_receipts(block, receipts * 2)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("status", None),
        ("status", "0x2"),
        ("type", "zebra"),
        ("logs", None),
        ("logsBloom", "0x00"),
        ("cumulativeGasUsed", 5),
    ],
)
def test_P1_a_receipt_that_is_none_is_a_bad_answer(blocks, where, value):
    block, receipts = copy.deepcopy(blocks[1]["typed"])
    receipts[0][where] = value
    with pytest.raises(BadAnswer):
        holds_receipts(block, receipts)


def test_a_transaction_of_an_unknown_type_cannot_be_encoded():
    assert encoded_transaction({"type": "0x7e"}) is None


def _changed(value):
    """The same length in hex with its last digit changed."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


# ------------------------------------------------------------------------------------------------------ public vectors


def test_the_trie_of_the_yellow_papers_examples():
    """Roots that ethereum/tests publishes (TrieTests, any order)."""
    dogs = {b"do": b"verb", b"dog": b"puppy", b"doge": b"coin", b"horse": b"stallion"}
    assert trie.root(dogs).hex() == "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84"
    assert trie.root({b"A": b"a" * 50}).hex() == "d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab"
    assert trie.root({b"doe": b"reindeer", b"dog": b"puppy", b"dogglesworth": b"cat"}).hex() == (
        "8aad789dff2f538bca5d8ea56e8abe10f4c7ba3a5dea95fea4cd6e7c3a1168d3"
    )
    assert trie.root({}) == trie.EMPTY_ROOT


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 300])
def test_the_root_of_a_list_is_the_same_in_whatever_order_it_is_built(count):
    values = [bytes([n % 251]) * (n % 70 + 1) for n in range(count)]
    forwards = {rlp.encode(n): value for n, value in enumerate(values)}
    backwards = dict(reversed(forwards.items()))
    assert trie.list_root(values) == trie.root(forwards) == trie.root(backwards)


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"", "80"), (b"\x00", "00"), (b"\x7f", "7f"), (b"\x80", "8180"), (0, "80"), (1, "01"), (127, "7f"),
        (128, "8180"), (1024, "820400"), ([], "c0"), ([b"cat", b"dog"], "c88363617483646f67"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"), (b"a" * 55, "b7" + "61" * 55), (b"a" * 56, "b838" + "61" * 56),
        ([b"a" * 56], "f83ab838" + "61" * 56), (2**256 - 1, "a0" + "ff" * 32),
    ],
)  # fmt: skip
def test_rlp_is_that_of_the_yellow_paper(item, encoded):
    assert rlp.encode(item).hex() == encoded
