"""How long `salus consent list` takes for a patient with very many consents, from the local index and from the node."""

import dataclasses
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

from eth_account import Account
from eth_utils import to_checksum_address

from benchmarks.ground import Ground
from salus import KeySigner
from salus.consent.model import Directive, Effect, Order

ROOT = Path(__file__).resolve().parents[1]
PLACES = 4
ROUNDS = 5

MEANING = {
    "cli.consent_list_index_s": ("<= 2", "seconds of `salus consent list --json`, 10,000 consents from the index"),
    "cli.consent_list_node_s": ("<= 1", "the same of 1,000 consents from the node"),
}


def listing():
    return {
        "cli.consent_list_index_s": seconds(10_000, indexed=True),
        "cli.consent_list_node_s": seconds(1_000, indexed=False),
    }


def seconds(count, *, indexed):
    """The median of some whole processes."""
    with Ground() as ground:
        patient = KeySigner(Account.create())
        grant(ground, patient, count)
        index = indexed_at(ground) if indexed else "none"
        where = ("--rpc", ground.node.url, "--book", str(ground.deployed_chain.book_path), "--events", index)
        words = [str(ROOT / ".venv" / "bin" / "salus"), "consent", "list", "--patient", patient.address, "--json"]
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            done = subprocess.run([*words, *where], check=True, stdout=subprocess.PIPE, env=os.environ, timeout=120)
            taken.append(time.perf_counter() - began)
            assert len(json.loads(done.stdout)) == count
    return statistics.median(taken)


def grant(ground, patient, count):
    """So many directives of one patient, four for each grantee."""
    book = ground.client.book
    orders = []
    for number in range(count):
        grantee = to_checksum_address(f"0x{10**30 + number // PLACES:040x}")
        directive = Directive(grantee, number % PLACES, Effect.PERMIT, 1, 3, 0, ground.now + 10**7)
        whose = (patient.address, directive, ground.now - 1, ground.now + 10**6, ground.node.chain_id)
        order = Order(*whose, book["ConsentRegistry"].address)
        orders.append(dataclasses.replace(order, signature=patient.sign_typed(order.typed())))
    for first in range(0, count, 100):
        ground.client.consent.relay(orders[first : first + 100])


def indexed_at(ground):
    """A new index of the chain; its file."""
    from salus.chain.book import Book
    from salus.index import Indexer

    file = str(ground.file())
    with Indexer(ground.node.url, Book.load(ground.deployed_chain.book_path), file) as indexer:
        indexer.sync()
    return file
