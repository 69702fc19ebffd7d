"""The soak: senders and an indexer under everything that goes wrong, in an order that a seed repeats, until the time is
over.

    python -m tests.faults --minutes 10 --seed 7            (make soak MINUTES=10 SEED=7)

Two accounts send real claims and signed grants through a proxy that spoils a part of what passes: the hospital's by two
processes that share one outbox and key, the clinic's by one. An indexer follows. All of them are killed (SIGKILL) again
and again, the chain is reorganised under them, transactions are dropped, fees and clocks jump, ether runs out, and a
stranger uses their keys. Then all calms down, the work is brought to its end, and the oracles are asked (oracles.py).

Ends with 0 when all of them agree, 1 when not; the folder with outboxes, index and what the workers said is then kept.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from salus import Salus
from salus.chain.local_node import LocalNode, NodeError
from salus.claims.files.fhir import read_claims
from salus.consent.model import Directive
from salus.consent.registry import Effect, Order
from salus.consent.relay import words
from tests.support import soak_oracles, soak_processes
from tests.support.claim_scenario import USD, ClaimScenario
from tests.support.deployed_chain import DeployedChain
from tests.support.fault_proxy import FaultProxy
from tests.support.shared_data import EXAMPLES
from tests.support.soak_workload import YEAR, Setting, note

CONFIRMATIONS = 12
DEEPEST = CONFIRMATIONS - 2  # blocks that may go: what counts as final must not
FUNDED = 1_000_000_000 * USD  # more than ten minutes of claims take
MEMBERS = 60
RICH = hex(10**22)
SETTLING = 240.0  # seconds that the work may take to come to its end
SLOTS = {"hospital-0": ("hospital", "0", "2"), "hospital-1": ("hospital", "1", "2"), "clinic-0": ("clinic", "0", "1")}

# Of each method, what is spoiled how often while it storms; the proxy's words.
STORM: Sequence[tuple[str, str, float, dict[str, Any]]] = (
    ("eth_sendRawTransaction", "drop_reply", 0.05, {}),
    ("eth_sendRawTransaction", "drop_request", 0.02, {}),
    ("eth_sendRawTransaction", "hang", 0.01, {"seconds": 2.5}),
    ("eth_chainId", "chain_id", 0.002, {}),
    ("eth_getLogs", "omit_log", 0.03, {}),
    ("eth_getLogs", "dup_logs", 0.03, {}),
    ("eth_getLogs", "shuffle_logs", 0.03, {}),
    ("eth_getLogs", "range_limit", 0.2, {"blocks": 50, "logs": 30}),
    ("eth_getBlockReceipts", "omit_log", 0.03, {}),
    ("eth_getBlockReceipts", "shuffle_logs", 0.03, {}),
    ("eth_blockNumber", "stale", 0.02, {}),
    ("eth_getBlockByNumber", "stale", 0.02, {}),
    ("eth_getLogs", "stale", 0.02, {}),
    ("eth_getTransactionCount", "stale", 0.02, {}),
    ("eth_getTransactionReceipt", "stale", 0.02, {}),
    ("*", "fail", 0.01, {}),
    ("*", "omit_answer", 0.005, {}),
    ("*", "wrong_id", 0.005, {}),
    ("eth_sendRawTransaction", "geth_underpriced", 1.0, {}),
    ("*", "drop_request", 0.01, {}),
    ("*", "drop_reply", 0.01, {}),
    ("*", "429", 0.01, {}),
    ("*", "5xx", 0.01, {}),
    ("*", "html", 0.005, {}),
    ("*", "truncate", 0.01, {}),
    ("*", "slow", 0.02, {"seconds": 0.2}),
    ("*", "hang", 0.002, {"seconds": 2.5}),
)


class Soak:
    """One run. ``counts``: how often each thing was done."""

    def __init__(self, seed: int, seconds: float, folder: Path, *, kills: float):
        self.seed, self.seconds, self.folder, self.kill_every = seed, seconds, folder, kills
        self.random = random.Random(f"soak {seed}")
        self.counts: Counter[str] = Counter()
        self.foreign: set[str] = set()
        self.failures: list[str] = []
        self.highest = 0
        self.poor_until = 0.0
        self.victim: tuple[str, bool] | None = None  # who is killed next, and whether before it is at work
        self.processes: dict[str, Any] = {}
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.support.soak_processes", "tests.faults.soak"])

    def run(self) -> list[str]:
        """Everything; what was wrong, as lines."""
        now = int(time.time())
        with LocalNode(timestamp=now, kept_states=200) as self.node, LocalNode(timestamp=now) as other:
            assert other.request("eth_getBlockByNumber", "0x0", False) == self._block(0)
            self._settle_in()
            with FaultProxy(self.node.url, seed=self.seed, other=other.url) as self.proxy:
                self.setting = self._setting()
                rules = [self.proxy.spoil(method, mode, rate=rate, **more) for method, mode, rate, more in STORM]
                try:
                    self._storm(rules)
                    self._calm()
                finally:
                    for process in self.processes.values():
                        process.kill()
                        process.join()
                if not self.failures:
                    self._ask_oracles()
        return self.failures

    # ---- before

    def _settle_in(self) -> None:
        """Contracts, an insurer with money, members who permit it to be asked, and the two who send."""
        self.deployed_chain = DeployedChain(self.node, self.folder)
        token = self.deployed_chain.deploy("TestToken", "Dollar", "USD", 6)
        self.deployed_chain.book_path.write_text(json.dumps(self.deployed_chain.book.to_json()))
        claim_scenario = self.claim_scenario = ClaimScenario(
            self.deployed_chain, token, self.folder, fund=FUNDED, consent=False
        )
        people = [self.deployed_chain.patient() for _ in range(MEMBERS)]
        claim_scenario.enroll(*(who.address for who in people))
        self.members = [who.address for who in people]
        self.clinic, _ = self.deployed_chain.institution("PROVIDER")
        began = claim_scenario.desk.now()
        where, orders = self.deployed_chain.book["ConsentRegistry"].address, []
        for who in people:
            scope = Effect.PERMIT, 4, 1 << 12, 0, began + YEAR
            order = Order(
                who.address, Directive(claim_scenario.insurer.address, 0, *scope), began - 1, began + YEAR, 31337, where
            )
            orders.append(Order(**{**order.__dict__, "signature": who.sign_typed(order.typed())}))
        claim_scenario.desk.send(claim_scenario.desk.contract("ConsentRegistry").functions.relay(*words(orders)))
        self._enrich()
        self._mine()
        self.base = self.highest = self._head()
        self.nonces = {
            name: self._nonce(who) for name, who in zip(("hospital", "clinic"), self._accounts(), strict=True)
        }

    def _setting(self) -> Setting:
        keys = {"hospital": self.claim_scenario.hospital, "clinic": self.clinic}
        return Setting(
            self.seed,
            self.proxy.url,
            str(self.deployed_chain.book_path),
            str(self.claim_scenario.path),
            self.claim_scenario.plan_id,
            str(self.folder),
            {name: "0x" + bytes(who._account.key).hex() for name, who in keys.items()},
            tuple(self.members),
            read_claims(EXAMPLES / "claim.json")[0],
            self.claim_scenario.desk.now(),
            CONFIRMATIONS,
        )

    def _accounts(self) -> list[str]:
        return [self.claim_scenario.hospital.address, self.clinic.address]

    # ---- the storm

    def _storm(self, rules: Sequence[Any]) -> None:
        for slot in (*SLOTS, "index"):
            self._start(slot)
        ends, next_kill = time.monotonic() + self.seconds, time.monotonic() + self.kill_every
        shown = time.monotonic()
        while time.monotonic() < ends and not self.failures:
            self._tend()
            self._strike()
            if time.monotonic() > next_kill and self._kill():
                next_kill = time.monotonic() + self.random.uniform(0.4, 1.6) * self.kill_every
            if self.random.random() < 0.02:
                # The wind turns: all of the storm, a third of it, or none.
                strength = self.random.choice((0.0, 0.3, 1.0, 1.0))
                for rule, (_, mode, rate, _) in zip(rules, STORM, strict=True):
                    rule.rate = rate if mode == "geth_underpriced" else rate * strength
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                say(
                    f"{ends - shown:.0f} s left, block {self._head()}, {self.counts.total()} blows, {self._sent()} sent"
                )
            time.sleep(self.random.uniform(0.01, 0.1))

    def _kill(self) -> bool:
        """Kill whose turn it is, once it is there; as often the indexer as all senders. Whether it was done."""
        # Most of them at work, a few while they come up: on a busy machine they would do nothing else.
        self.victim = self.victim or (
            "index" if self.random.random() < 0.5 else self.random.choice(list(SLOTS)),
            self.random.random() < 0.2,
        )
        slot, early = self.victim
        process, up = self.processes[slot], self.setting.file(f"{slot}.up")
        if not process.is_alive() or not (early or (up.exists() and up.read_text() == str(process.pid))):
            return False
        process.kill()
        self.counts[f"killed {'indexer' if slot == 'index' else 'sender'}"] += 1
        self.victim = None
        return True

    def _start(self, slot: str) -> None:
        work, words = (soak_processes.index, ()) if slot == "index" else (soak_processes.send, SLOTS[slot])
        process = self.context.Process(target=soak_processes.run, args=(work, self.setting, slot, *words))
        process.start()
        self.processes[slot] = process

    def _tend(self) -> None:
        """Start again who ended."""
        for slot, process in list(self.processes.items()):
            if process.is_alive():
                continue
            process.join()
            if process.exitcode == 1:
                self.failures.append(f"{slot}: something escaped; see {slot}.log in {self.folder}")
            elif process.exitcode == soak_processes.REFUSED:
                self.counts[f"gave up: {slot.partition('-')[0]}"] += 1
            if process.exitcode != 0:
                self._start(slot)

    def _strike(self) -> None:
        """One thing that goes wrong, or just another block."""
        if self.poor_until and time.monotonic() > self.poor_until:
            self.poor_until = 0.0
            self._enrich()
        blows = {
            self._mine: 60,
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
        try:
            blow()
        except NodeError as trouble:
            # The node refuses some of it, e.g. to drop what was mined a moment ago; that is its right.
            self.counts[f"refused: {blow.__name__.strip('_')}"] += 1
            note(self.setting, "soak", blow=blow.__name__, refused=str(trouble))
        else:
            self.counts[blow.__name__.strip("_").replace("_", " ")] += 1
        self.highest = max(self.highest, self._head())
        if self.node.request("eth_getCode", self.deployed_chain.book["Plans"].address, "latest") == "0x":
            self.failures.append(f"the node itself lost the contracts, after {blow.__name__.strip('_')}")

    def _mine(self, blocks: int = 1) -> None:
        self.node.request("anvil_mine", hex(blocks), timeout=120)

    def _switch(self) -> None:
        """A block for each transaction, or transactions that wait."""
        self.node.request("evm_setAutomine", self.random.random() < 0.4)

    def _room(self) -> int:
        """How many blocks may go: none of the contracts', and none that counted as final."""
        head = self._head()
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
                self._enrich()

    def _still(self) -> None:
        """Wait for the blocks that are being made: what is taken away is counted from the head."""
        for _ in range(100):
            head = self._head()
            time.sleep(0.05)
            if self._head() == head:
                return

    def _enrich(self) -> None:
        for account in self._accounts():
            self.node.request("anvil_setBalance", account, RICH)

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
            head = self._head()
            for n, number in enumerate(range(head - depth + 1, head + 1)):
                if (block := self._block(number)) is None:
                    raise NodeError(f"block {number} is only being made")
                for hash_ in block["transactions"]:
                    raw = self.node.request("eth_getRawTransactionByHash", hash_)
                    if raw and self.random.random() < 0.9:
                        again.append([raw, self.random.randint(n, depth - 1) if self.random.random() < 0.3 else n])
        elif how < 0.6:
            name = self.random.choice(("hospital", "clinic"))
            account = self.setting.signer(name).address
            nonce = int(self.node.request("eth_getTransactionCount", account, hex(self._head() - depth)), 16)
            again = [[self._foreign(name, nonce), 0]]
        self.node.request("anvil_reorg", depth, again)

    def roll_back(self) -> None:
        self._quiet(self._roll_back)

    def _roll_back(self) -> None:
        """F5: the head goes backwards."""
        if room := self._room():
            self.node.request("anvil_rollback", self.random.randint(1, min(5, room)))

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
        for account in self._accounts():
            self.node.request("anvil_setBalance", account, hex(10**14))
        self.poor_until = time.monotonic() + self.random.uniform(0.1, 1.0)

    def _jump(self) -> None:
        """F18: the chain's clock jumps."""
        self.node.request("evm_increaseTime", self.random.randint(1, 600))

    def _use_key(self) -> None:
        """F17: somebody else sends with a sender's key."""
        name = self.random.choice(("hospital", "clinic"))
        account = self.setting.signer(name).address
        nonce = int(self.node.request("eth_getTransactionCount", account, "pending"), 16)
        self.node.request("eth_sendRawTransaction", self._foreign(name, nonce))

    def _foreign(self, name: str, nonce: int) -> str:
        from eth_utils.crypto import keccak

        signer = self.setting.signer(name)
        fees = {"maxFeePerGas": 200 * 10**9, "maxPriorityFeePerGas": 10**9, "chainId": self.node.chain_id}
        raw = signer.sign_transaction({**fees, "to": signer.address, "value": 0, "gas": 21_000, "nonce": nonce})
        self.foreign.add("0x" + keccak(raw).hex())
        return "0x" + raw.hex()

    def _gap(self) -> None:
        """F20: many blocks at once."""
        self._mine(self.random.randint(20, 300))

    # ---- the calm

    def _calm(self) -> None:
        """Everything works again; the work is brought to its end."""
        self.proxy.clear()
        self.node.request("evm_setAutomine", True)
        self.node.request("anvil_setNextBlockBaseFeePerGas", "0x0")
        self._enrich()
        hints = {self.setting.file(f"{slot}.chunk"): int(part) for slot, (_, part, _) in SLOTS.items()}
        self.chunks = max(int(hint.read_text()) if hint.exists() else part for hint, part in hints.items()) + 1
        self.setting.file("end.json").write_text(json.dumps(self.chunks))
        say(f"calm: {self.chunks} chunks for each sender are brought to their end")
        ends = time.monotonic() + SETTLING
        # Twice: only what is final is certain to be lost, and what is done anew must become final as well.
        for _ in range(2):
            while not self.failures and any(self.processes[slot].exitcode != 0 for slot in SLOTS):
                self._tend()
                self._mine()
                time.sleep(0.1)
                if time.monotonic() > ends:
                    open_ = [slot for slot in SLOTS if self.processes[slot].exitcode != 0]
                    self.failures.append(f"{', '.join(open_)}: not at an end after {SETTLING:.0f} s; see {self.folder}")
                    return
            if self.failures:
                return
            self._mine(CONFIRMATIONS + 1)
            for slot in SLOTS:
                self._start(slot)
        while any(self.processes[slot].is_alive() for slot in SLOTS):
            self._mine()
            time.sleep(0.1)
        self._mine(CONFIRMATIONS + 1)
        time.sleep(0.5)
        self.processes["index"].kill()
        self.processes["index"].join()

    def _ask_oracles(self) -> None:
        say("the oracles are asked")
        setting, node = self.setting, self.node
        results = {}
        for sender in ("hospital", "clinic"):
            client = Salus.connect(node.url, book=setting.book, signer=setting.signer(sender))
            with soak_processes.opened(client, setting, sender) as outbox:
                list(outbox.resume())
                results[sender] = outbox.results()
                self.counts[f"foreign nonces told by {sender}'s outbox"] = sum(
                    last - first + 1 for first, last in outbox.status().foreign
                )
        self.failures += soak_oracles.index_is_fresh(setting, node)
        reader = Salus.connect(node.url, book=setting.book, index=setting.file("live.sqlite"))
        chain = soak_oracles.Chain(node, self.base + 1)
        self.failures += soak_oracles.index_is_storage(setting, node, reader)
        self.failures += soak_oracles.money_is_right(
            setting, reader, chain, FUNDED, self.claim_scenario.insurer.address, self.claim_scenario.token
        )
        for sender, some in results.items():
            first = self.nonces[sender]
            self.failures += soak_oracles.outbox_is_chain(
                setting, sender, some, chain, self.foreign, first, self.chunks
            )
            self.counts.update(f"{sender}: {result.state.value}" for result in some)
            self.counts[f"{sender}: raised fees"] = sum(len(result.attempts) - 1 for result in some if result.attempts)
        self.failures += soak_oracles.effects(setting, reader, results)
        self.counts["blocks at the end"] = chain.head

    # ---- small things

    def _block(self, number: int) -> Any:
        return self.node.request("eth_getBlockByNumber", hex(number), False)

    def _head(self) -> int:
        return int(self.node.request("eth_blockNumber"), 16)

    def _nonce(self, account: str) -> int:
        return int(self.node.request("eth_getTransactionCount", account, "latest"), 16)

    def _sent(self) -> int:
        return sum(self._nonce(who) for who in self._accounts()) - sum(self.nonces.values())


def say(text: str) -> None:
    print(f"  … {text}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None, help="repeats the order of what goes wrong (default: any)")
    parser.add_argument("--kill-every", type=float, default=0.7, help="seconds between two kills (default: 0.7)")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"soak: seed {seed}, {options.minutes:g} minutes", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="salus-soak-"))
    soak = Soak(seed, options.minutes * 60, folder, kills=options.kill_every)
    failures = soak.run()
    for what, times in sorted(soak.counts.items()):
        print(f"  {what:45} {times:>7,}")
    for (method, mode), times in sorted(soak.proxy.counts.items()):
        print(f"  {mode:20} {method:30} {times:>7,}")
    if failures:
        for line in failures[:40]:
            print(f"WRONG: {line}")
        print(f"soak: seed {seed}: {len(failures)} things are wrong; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"soak: seed {seed}: every oracle agrees")
    return 0
