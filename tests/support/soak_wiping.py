"""The last act of a soak: another chain with the same id and first block answers at the node's address (P9).

Three times the senders are started and must refuse: on the empty chain, on one with the contracts at their addresses,
and on one that is higher than the old one was. The indexes refuse as well.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from salus.chain.local_node import LocalNode
from salus.errors import IndexParted, NotDeployed, SalusError
from salus.index import Indexer, Store
from tests.support import soak_processes
from tests.support.soak_blows import enrich, head_of, nonce_of
from tests.support.soak_workload import Setting, Work

WAIT = 60.0  # seconds that a sender may take to refuse

#: What the senders of a soak are told, by name and by a part of the words.
NO_CONTRACTS = "NotDeployed", "no code"
NO_FINAL_BLOCK = "BadInput", "--final-too"


class WipedChain:
    """What is seen on a chain that took another one's place.

    node       the new chain
    codes      what the contracts of the book were, by address
    head       how high the old chain was
    senders    the outboxes' names
    indexes    the places of the indexes
    start      starts every sender; their processes
    sent       how many transactions the proxies were given so far
    """

    def __init__(
        self,
        node: LocalNode,
        setting: Setting,
        codes: dict[str, str],
        head: int,
        indexes: Sequence[str],
        start: Callable[[], dict[str, Any]],
        sent: Callable[[], int],
    ):
        self.node, self.setting, self.codes, self.head = node, setting, codes, head
        self.indexes, self.start, self.sent = indexes, start, sent
        self.accounts = {name: setting.signer(name).address for name in setting.keys}
        self.refusals = 0

    def differences(self) -> Iterator[str]:
        """What was not refused, or changed although it was."""
        enrich(self.node, list(self.accounts.values()))
        # There is something to do, or nobody would sign anyway.
        end = self.setting.file("end.json")
        end.write_text(str(json.loads(end.read_text()) + 2))
        before, bytes_, sent = self._written(), self._bytes(), self.sent()
        yield from self._refused(NO_CONTRACTS, NotDeployed)
        if self._bytes() != bytes_:
            yield "the outbox files changed on a chain without the contracts"
        for address, code in self.codes.items():
            self.node.request("anvil_setCode", address, code)
        yield from self._refused(NO_FINAL_BLOCK, IndexParted)
        self.node.request("anvil_mine", hex(self.head + 5), timeout=120)
        yield from self._refused(NO_FINAL_BLOCK, IndexParted)
        if self._written() != before:
            yield "what was signed is not written as it was before the chain was wiped"
        if self.sent() != sent:
            yield f"{self.sent() - sent} transactions were sent to the wiped chain"
        for name, account in self.accounts.items():
            if count := nonce_of(self.node, account, "pending"):
                yield f"{name} has {count} transactions on the wiped chain"

    def _refused(self, told: tuple[str, str], index: type[SalusError]) -> Iterator[str]:
        at = f"on the wiped chain at block {head_of(self.node)}"
        ends = time.monotonic() + WAIT
        for slot, process in self.start().items():
            process.join(max(ends - time.monotonic(), 0))
            log = self.setting.file(f"{slot}.log")
            said = json.loads(log.read_text().splitlines()[-1]) if log.exists() else {}
            if process.exitcode != soak_processes.REFUSED:
                yield f"{slot} did not refuse {at}: it ended with {process.exitcode}; {said}"
            elif said.get("error") != told[0] or told[1] not in said["text"]:
                yield f"{slot} refused {at} in other words than {told}: {said}"
            else:
                self.refusals += 1
        for place in self.indexes:
            yield from self._noticed(place, index, at)

    def _noticed(self, place: str, wanted: type[SalusError], at: str) -> Iterator[str]:
        cursor = Store(place).cursor()
        try:
            with Indexer(self.node.url, Work(self.setting).book, place, patience=10) as indexer:
                indexer.sync()
            yield f"the index {place} noticed nothing {at}"
        except SalusError as trouble:
            if type(trouble) is not wanted:
                yield f"the index {place} {at}: {type(trouble).__name__} instead of {wanted.__name__}: {trouble}"
            else:
                self.refusals += 1
        if Store(place).cursor() != cursor:
            yield f"the index {place} was changed {at}"

    def _bytes(self) -> list[bytes]:
        return [self.setting.file(f"{name}.outbox").read_bytes() for name in self.accounts]

    def _written(self) -> list[Any]:
        """What every outbox has signed; that what was final is only in a block may be."""
        found: list[Any] = []
        for name in self.accounts:
            with closing(sqlite3.connect(self.setting.file(f"{name}.outbox"))) as db:
                state = "CASE state WHEN 'final' THEN 'included' ELSE state END"
                items = f"SELECT id, key, nonce, block, mined, {state} FROM items WHERE nonce IS NOT NULL ORDER BY id"
                found += [
                    list(db.execute(items)),
                    list(db.execute("SELECT hash, item, raw FROM attempts ORDER BY hash")),
                ]
        return found
