"""What a soak does to the chain: blocks, reorganisations, dropped transactions, fees, ether, clocks, a stranger.

Each blow is drawn by its weight and counted by its name.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from eth_utils.crypto import keccak

from salus.chain.local_node import LocalNode, NodeError
from tests.support.soak_workload import Setting, Work, note

CONFIRMATIONS = 12
DEEPEST = CONFIRMATIONS - 2  # blocks that may go: what counts as final must not
RICH = hex(10**22)


def enrich(node: LocalNode, accounts: Sequence[str]) -> None:
    """Give accounts more ether than they need."""
    for account in accounts:
        node.request("anvil_setBalance", account, RICH)


def block_at(node: LocalNode, number: int) -> Any:
    return node.request("eth_getBlockByNumber", hex(number), False)


def head_of(node: LocalNode) -> int:
    return int(node.request("eth_blockNumber"), 16)


def nonce_of(node: LocalNode, account: str, block: str = "latest") -> int:
    return int(node.request("eth_getTransactionCount", account, block), 16)


class ChainBlows:
    """Blows to one chain.

    foreign    the hashes of what a stranger sent with the senders' keys
    highest    the highest block that there was
    """

    def __init__(self, node: LocalNode, setting: Setting, base: int, chance: random.Random, counts: Counter[str]):
        self.node, self.setting, self.base, self.random, self.counts = node, setting, base, chance, counts
        self.foreign: set[str] = set()
        self.highest = base
        self.poor_until = 0.0
        self.accounts = [setting.signer(name).address for name in setting.keys]
        self._contract = Work(setting).book["Plans"].address

    def strike(self) -> str | None:
        """One thing that goes wrong, or just another block; what the node itself did wrong."""
        if self.poor_until and time.monotonic() > self.poor_until:
            self.poor_until = 0.0
            enrich(self.node, self.accounts)
        blows: dict[Callable[[], None], float] = {
            self.mine: 60,
            self._switch: 3,
            self.reorganise: 6,
            self.roll_back: 3,
            self._drop: 4,
            self._raise_fee: 2,
            self._impoverish: 1,
            self._jump: 2,
            self._use_key: 2,
            self._gap: 0.3,
        }
        (blow,) = self.random.choices(list(blows), list(blows.values()))
        name = blow.__name__.strip("_").replace("_", " ")
        try:
            blow()
        except NodeError as trouble:
            # The node refuses some of it, e.g. to drop what was mined a moment ago; that is its right.
            self.counts[f"refused: {name}"] += 1
            note(self.setting, "soak", blow=name, refused=str(trouble))
        else:
            self.counts[name] += 1
        self.highest = max(self.highest, head_of(self.node))
        lost = self.node.request("eth_getCode", self._contract, "latest") == "0x"
        return f"the node itself lost the contracts, after {name}" if lost else None

    def mine(self, blocks: int = 1) -> None:
        self.node.request("anvil_mine", hex(blocks), timeout=120)

    def _switch(self) -> None:
        """A block for each transaction, or transactions that wait."""
        self.node.request("evm_setAutomine", self.random.random() < 0.4)

    # ---- blocks that go

    def _room(self) -> int:
        """How many blocks may go: none of the contracts', and none that counted as final."""
        head = head_of(self.node)
        self.highest = max(self.highest, head)
        return max(0, min(DEEPEST - (self.highest - head), head - self.base))

    def _quiet(self, act: Callable[[], None]) -> None:
        """Do something while no transaction makes a block by itself: how deep it goes must not depend on what comes
        between.
        """
        automine = self.node.request("anvil_getAutomine")
        self.node.request("evm_setAutomine", False)
        try:
            self._still()
            act()
        finally:
            self.node.request("evm_setAutomine", automine)
            # What was set for an account is a part of the state, and may be back as it was.
            if not self.poor_until:
                enrich(self.node, self.accounts)

    def _still(self) -> None:
        """Wait for the blocks that are being made: what is taken away is counted from the head."""
        for _ in range(100):
            head = head_of(self.node)
            time.sleep(0.05)
            if head_of(self.node) == head:
                return

    def reorganise(self) -> None:
        self._quiet(self._reorganise)

    def _reorganise(self) -> None:
        """F1 to F4: other blocks of the same height; without their transactions, with some, or with a stranger's
        instead.
        """
        if not (room := self._room()):
            return
        depth = self.random.randint(1, room)
        how, again = self.random.random(), []
        if how < 0.5:
            head = head_of(self.node)
            for n, number in enumerate(range(head - depth + 1, head + 1)):
                if (block := block_at(self.node, number)) is None:
                    raise NodeError(f"block {number} is only being made")
                for hash_ in block["transactions"]:
                    raw = self.node.request("eth_getRawTransactionByHash", hash_)
                    if raw and self.random.random() < 0.9:
                        again.append([raw, self.random.randint(n, depth - 1) if self.random.random() < 0.3 else n])
        elif how < 0.6:
            name = self.random.choice(("hospital", "clinic"))
            account = self.setting.signer(name).address
            again = [[self._foreign(name, nonce_of(self.node, account, hex(head_of(self.node) - depth))), 0]]
        self.node.request("anvil_reorg", depth, again)

    def roll_back(self) -> None:
        self._quiet(self._roll_back)

    def _roll_back(self) -> None:
        """F5: the head goes backwards."""
        if room := self._room():
            self.node.request("anvil_rollback", self.random.randint(1, min(5, room)))

    # ---- what waits, and what it costs

    def _drop(self) -> None:
        """F10: what waits is forgotten."""
        waiting = [
            transaction["hash"]
            for group in self.node.request("txpool_content").values()
            for by_nonce in group.values()
            for transaction in by_nonce.values()
        ]
        if self.random.random() < 0.2:
            self.node.request("anvil_dropAllTransactions")
        elif waiting:
            self.node.request("anvil_dropTransaction", self.random.choice(waiting))

    def _raise_fee(self) -> None:
        """F11: what was offered is too little for some blocks."""
        self.node.request("anvil_setNextBlockBaseFeePerGas", hex(self.random.randint(1, 60) * 10**9))

    def _impoverish(self) -> None:
        """F22: the ether runs out, and comes again."""
        for account in self.accounts:
            self.node.request("anvil_setBalance", account, hex(10**14))
        self.poor_until = time.monotonic() + self.random.uniform(0.1, 1.0)

    def _jump(self) -> None:
        """F18: the chain's clock jumps."""
        self.node.request("evm_increaseTime", self.random.randint(1, 600))

    def _use_key(self) -> None:
        """F17: somebody else sends with a sender's key."""
        name = self.random.choice(("hospital", "clinic"))
        nonce = nonce_of(self.node, self.setting.signer(name).address, "pending")
        self.node.request("eth_sendRawTransaction", self._foreign(name, nonce))

    def _foreign(self, name: str, nonce: int) -> str:
        signer = self.setting.signer(name)
        fees = {"maxFeePerGas": 200 * 10**9, "maxPriorityFeePerGas": 10**9, "chainId": self.node.chain_id}
        raw = signer.sign_transaction({**fees, "to": signer.address, "value": 0, "gas": 21_000, "nonce": nonce})
        self.foreign.add("0x" + keccak(raw).hex())
        return "0x" + raw.hex()

    def _gap(self) -> None:
        """F20: many blocks at once."""
        self.mine(self.random.randint(20, 300))
