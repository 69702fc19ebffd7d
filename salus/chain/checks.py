"""Checks of the node and of the address book beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from salus.chain.book import CONTRACTS, Book, default_book
from salus.chain.ledger import Ledger
from salus.chain.node import Node
from salus.chain.rpc import Call, data, number
from salus.errors import NotDeployed
from salus.errors.checks import Check, checked
from salus.errors.explanations import moment

__all__ = ["NodeFacts", "check_book", "check_node", "read_node"]

#: A chain's clock and this machine's may differ by so many seconds before it is told.
_AHEAD = 30

#: A block that is older than so many seconds is told; on a local chain, which makes blocks on demand, it is not.
_BEHIND = 600

_LOCAL = ("anvil", "ganache", "ethereumjs", "hardhat")


@dataclass(frozen=True)
class NodeFacts:
    """What a node says of itself.

    Attributes:
        node: The connection.
        url: Its address, without what may be secret.
        client: The name of its program.
        chain_id: The chain that it is on.
        genesis: The hash of the chain's first block, 0x-hex.
        block: The newest block.
        at: Its time, Unix seconds.
        syncing: Whether it says that it is still catching up.
    """

    node: Node
    url: str
    client: str
    chain_id: int
    genesis: str
    block: int
    at: int
    syncing: bool

    @property
    def local(self) -> bool:
        """Whether it is a chain for development, which makes blocks on demand and whose clock may be moved."""
        return self.client.lower().startswith(_LOCAL)


def read_node(url: str) -> NodeFacts:
    """Ask a node what it is.

    Args:
        url: The node's JSON-RPC.

    Raises:
        BadInput: Not the address of a node.
        Unreachable: It does not answer, or not as a node.
    """
    node = Node(url, timeout=10, patience=3)
    asked: list[Call] = [("web3_clientVersion", []), ("eth_chainId", []), ("eth_syncing", [])]
    client, chain_id, syncing = node.results(asked, doing="asking what it is")
    first, latest = node.block(0), node.block()
    return NodeFacts(
        node,
        str(node.address),
        str(client),
        number(chain_id, "the chain's id"),
        "0x" + data(first.get("hash"), "the hash of the first block", 32).hex(),
        number(latest.get("number"), "the latest block", most=1 << 64),
        number(latest.get("timestamp"), "the time of the latest block", most=1 << 64),
        bool(syncing),
    )


def check_node(url: str) -> tuple[NodeFacts | None, list[Check]]:
    """The node, and its chain's clock against this machine's.

    Args:
        url: The node's JSON-RPC.

    Returns:
        What it says of itself, None where it does not answer; and what was found.
    """
    found: list[NodeFacts] = []

    def ask() -> Iterator[Check]:
        found.append(read_node(url))
        return _of_node(found[0])

    checks = checked("node", ask, "start one (`salus chain up`), or name another with --rpc")
    return (found[0] if found else None), checks


def _of_node(node: NodeFacts) -> Iterator[Check]:
    what = f"{node.url}: chain {node.chain_id}, block {node.block}, {node.client}"
    if node.syncing:
        yield Check.warn("node", f"{what}; still catching up", "wait until it has, or name another node with --rpc")
    else:
        yield Check.ok("node", what)
    ahead = node.at - int(time.time())
    if ahead > _AHEAD:
        found = f"the chain says {moment(node.at)}, {ahead} s ahead of this machine"
        todo = "moments such as +90d count by the chain's clock; where the chain is not a local one, set this machine's"
        yield Check.warn("clock", found, todo)
    elif -ahead > _BEHIND and not node.local:
        found = f"the newest block is of {moment(node.at)}, {-ahead} s ago"
        yield Check.warn("clock", found, "see that the node still follows its chain, and this machine's clock")
    else:
        yield Check.ok("clock", f"the newest block is of {moment(node.at)}")


# --------------------------------------------------------------------------------------------------- the address book


def check_book(node: NodeFacts | None, path: str | None) -> Iterator[Check]:
    """The address book: found, complete, of the node's chain, and each contract's code as it was deployed.

    Args:
        node: None where no node answers: then the book is only read.
        path: Its file, None for the default one of the node's chain.

    Raises:
        BadInput: The book is malformed.
    """
    if path is not None:
        file = Path(path)
    elif node is not None:
        file = default_book(node.chain_id, node.genesis)
    else:
        yield Check.warn(
            "book", "which one is meant depends on the node's chain", "start a node, or name it with --book"
        )
        return
    if not file.is_file():
        yield Check.fail("book", f"{file} is not there", "deploy (`salus chain up`), or name it with --book")
        return
    book = Book.load(file)
    what = f"{file}: {len(book.contracts)} contracts of chain {book.chain_id}"
    if node is None:
        yield Check.warn(
            "book", f"{what}; not compared, for no node answers", "start a node, or name another with --rpc"
        )
    elif node.chain_id != book.chain_id:
        todo = "name the book of this chain with --book, or the node of that one with --rpc"
        yield Check.fail("book", f"{what}, and the node is on chain {node.chain_id}", todo)
    else:
        yield Check.ok("book", what)
        yield from _check_code(node, book)
    if missing := [name for name in CONTRACTS if name not in book]:
        yield Check.warn("book", f"has no {', '.join(missing)}", "deploy again: it is of an earlier version")


def _check_code(node: NodeFacts, book: Book) -> Iterator[Check]:
    """Each contract that is not as the book says; one row where all are."""
    wrong = 0
    for name, entry in book.contracts.items():
        try:
            Ledger(node.node, Book(book.chain_id, {name: entry}, book.path)).check()
        except NotDeployed as error:
            wrong += 1
            yield Check.of(name, error, "deploy again")
    if not wrong:
        yield Check.ok("contracts", f"the code of all {len(book.contracts)} is the one that was deployed")
