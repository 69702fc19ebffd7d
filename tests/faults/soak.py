"""The soak: senders and indexers under everything that goes wrong, in an order that a seed repeats, until the time is
over.

    python -m tests.faults --minutes 10 --seed 7            (make soak MINUTES=10 SEED=7)

Two accounts send real claims and signed grants through a proxy that spoils a part of what passes: the hospital's by two
processes that share one outbox and key, the clinic's by one. Each may ask a second endpoint too, which lies: it alters
fields of its answers. An indexer follows, into a file; a second one into PostgreSQL where that is installed, whose
server is restarted and killed. All of them are killed (SIGKILL) again and again, the outboxes are replaced by older
backups, the chain is reorganised under them, transactions are dropped, fees and clocks jump, ether runs out, and a
stranger uses their keys (soak_blows.py). Then all calms down, the work is brought to its end, and the oracles are asked
(soak_oracles.py). At last the chain is wiped, and everyone must refuse to go on (soak_wiping.py).

Ends with 0 when all of them agree, 1 when not; the folder with outboxes, index and what the workers said is then kept.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from salus import Salus
from salus.chain.local_node import LocalNode
from salus.claims.files.fhir import read_claims
from salus.consent.model import Directive
from salus.consent.registry import Effect, Order
from salus.consent.relay import words
from tests.support import soak_oracles, soak_processes
from tests.support.claim_scenario import USD, ClaimScenario
from tests.support.deployed_chain import DeployedChain
from tests.support.fault_proxy import FaultProxy
from tests.support.lies import any_lie, turned_copy
from tests.support.postgres import Server, is_installed
from tests.support.shared_data import EXAMPLES
from tests.support.soak_backups import Backups
from tests.support.soak_blows import CONFIRMATIONS, ChainBlows, block_at, enrich, head_of, nonce_of
from tests.support.soak_wiping import WipedChain
from tests.support.soak_workload import YEAR, Setting

FUNDED = 1_000_000_000 * USD  # more than ten minutes of claims take
MEMBERS = 60
SETTLING = 300.0  # seconds that the work may take to come to its end
SLOTS = {"hospital-0": ("hospital", "0", "2"), "hospital-1": ("hospital", "1", "2"), "clinic-0": ("clinic", "0", "1")}
LONGER = 20.0  # seconds at most
BACKUP_EVERY, SERVER_EVERY = 8.0, 10.0  # seconds at most, between a backup and a restore, and between two restarts

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

# The same for the second endpoint, all of whose faults are lies.
LIES: Sequence[tuple[str, str, float, dict[str, Any]]] = (
    ("eth_getBlockReceipts", "alter", 0.2, {"change": turned_copy}),
    ("eth_getTransactionReceipt", "alter", 0.2, {"change": turned_copy}),
    ("*", "alter", 0.1, {"change": any_lie}),
)


class Soak:
    """One run. ``counts``: how often each thing was done."""

    def __init__(self, seed: int, seconds: float, folder: Path, *, kills: float):
        self.seed, self.seconds, self.folder, self.kill_every = seed, seconds, folder, kills
        self.random = random.Random(f"soak {seed}")
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.victim: tuple[str, bool] | None = None  # who is killed next, and whether before it is at work
        self.processes: dict[str, Any] = {}
        self.server: Server | None = None
        os.environ["SALUS_HOME"] = str(folder / "home")  # the workers' too
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.support.soak_processes", "tests.faults.soak"])

    def run(self) -> list[str]:
        """Everything; what was wrong, as lines."""
        now = int(time.time())
        with ExitStack() as stack:
            self.node = stack.enter_context(LocalNode(timestamp=now, kept_states=200))
            other = stack.enter_context(LocalNode(timestamp=now))
            assert block_at(other, 0) == block_at(self.node, 0)
            if is_installed():
                self.server = stack.enter_context(Server())
            else:
                say("PostgreSQL is not installed: there is no index in it")
            self._settle_in()
            self.proxy = stack.enter_context(FaultProxy(self.node.url, seed=self.seed, other=other.url))
            self.liar = stack.enter_context(FaultProxy(self.node.url, seed=f"{self.seed} lies"))
            self.setting = self._setting()
            self.indexes = {"index": str(self.setting.file("live.sqlite"))}
            if self.server:
                self.indexes["index in PostgreSQL"] = self.server.url
            self.blows = ChainBlows(self.node, self.setting, self.base, self.random, self.counts)
            self.backups = {
                name: Backups(self.setting, name, [slot for slot, words in SLOTS.items() if words[0] == name])
                for name in self.setting.keys
            }
            try:
                self._storm()
                self._calm()
                if not self.failures:
                    self._ask_oracles()
                if not self.failures:
                    self._wipe(stack, now)
            finally:
                for process in self.processes.values():
                    process.kill()
                    process.join()
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
        enrich(self.node, [claim_scenario.hospital.address, self.clinic.address])
        self.node.request("evm_mine")
        self.base = head_of(self.node)

    def _setting(self) -> Setting:
        keys = {"hospital": self.claim_scenario.hospital, "clinic": self.clinic}
        self.nonces = {name: nonce_of(self.node, who.address) for name, who in keys.items()}
        return Setting(
            self.seed,
            self.proxy.url,
            self.liar.url,
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

    # ---- the storm

    def _storm(self) -> None:
        winds = [
            (proxy.spoil(method, mode, rate=rate, **more), rate)
            for proxy, table in ((self.proxy, STORM), (self.liar, LIES))
            for method, mode, rate, more in table
        ]
        for slot in (*SLOTS, *self.indexes):
            self._start(slot)
        began = time.monotonic()
        ends, next_kill, shown = began + self.seconds, began + self.kill_every, began
        # In a short run too, each of them comes several times.
        regular = [[self._back_up_or_restore, min(BACKUP_EVERY, self.seconds / 7)]]
        if self.server:
            regular.append([self._restart_server, min(SERVER_EVERY, self.seconds / 4)])
        due = [began + every for _, every in regular]
        while self._goes_on(ends):
            self._tend()
            self.failures += filter(None, [self.blows.strike()])
            if time.monotonic() > next_kill and self._kill():
                next_kill = time.monotonic() + self.random.uniform(0.4, 1.6) * self.kill_every
            for n, (act, every) in enumerate(regular):
                if time.monotonic() > due[n] and act():
                    due[n] = time.monotonic() + self.random.uniform(0.4, 1.6) * every
            if self.random.random() < 0.02:
                # The wind turns: all of the storm, a third of it, or none; the lies have a wind of their own.
                storm, lies = (self.random.choice((0.0, 0.3, 1.0, 1.0)) for _ in range(2))
                for rule, rate in winds:
                    if rule.mode != "geth_underpriced":
                        rule.rate = rate * (lies if rule.mode == "alter" else storm)
            if time.monotonic() - shown > 15:
                shown = time.monotonic()
                say(
                    f"{ends - shown:.0f} s left, block {head_of(self.node)}, {self.counts.total()} blows,"
                    f" {self._sent()} sent"
                )
            time.sleep(self.random.uniform(0.01, 0.1))

    def _goes_on(self, ends: float) -> bool:
        """Whether the storm does: on a busy machine a short one is longer, until each of the rare blows has come."""
        missing = [what for what in ("killed sender", "killed indexer", "restored a backup") if not self.counts[what]]
        return not self.failures and time.monotonic() < ends + (LONGER if missing else 0)

    def _kill(self) -> bool:
        """Kill whose turn it is, once it is there; as often an indexer as all senders. Whether it was done."""
        # Most of them at work, a few while they come up: on a busy machine they would do nothing else.
        self.victim = self.victim or (
            self.random.choice(list(self.indexes) if self.random.random() < 0.5 else list(SLOTS)),
            self.random.random() < 0.2,
        )
        slot, early = self.victim
        if not (self._is_at_work(slot) or (early and self.processes[slot].is_alive())):
            return False
        self.processes[slot].kill()
        self.counts[f"killed {'indexer' if slot in self.indexes else 'sender'}"] += 1
        self.victim = None
        return True

    def _is_at_work(self, slot: str) -> bool:
        process, up = self.processes[slot], self.setting.file(f"{slot}.up")
        return process.is_alive() and up.exists() and up.read_text() == str(process.pid)

    def _start(self, slot: str) -> None:
        if slot in self.indexes:
            # Through the proxy that spoils, or the one that lies: an index has one node, and believes what it proves.
            url = self.random.choice((self.proxy.url, self.liar.url))
            work, words = soak_processes.index, (url, self.indexes[slot])
        else:
            work, words = soak_processes.send, SLOTS[slot]
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

    def _back_up_or_restore(self) -> bool:
        """P4: kill all processes of a sender; then copy its outbox, or put an older copy in its place. Whether it was
        done: some process of it must be at work.
        """
        name = self.random.choice(list(self.backups))
        backups = self.backups[name]
        if not any(self._is_at_work(slot) for slot in backups.slots):
            return False
        for slot in backups.slots:
            self.processes[slot].kill()
            self.processes[slot].join()
            self.counts["killed sender"] += 1
        which = self.random.random()
        if backups.is_due:
            backups.make()
            self.counts["backed up an outbox"] += 1
        else:
            backups.restore(which)
            self.counts["restored a backup"] += 1
        return True

    def _restart_server(self) -> bool:
        """P8: the server of an index is restarted, or killed."""
        assert self.server is not None
        hard = self.random.random() < 0.5
        (self.server.kill if hard else self.server.stop)()
        self.server.start()
        self.counts["killed PostgreSQL" if hard else "restarted PostgreSQL"] += 1
        return True

    # ---- the calm

    def _calm(self) -> None:
        """Everything works again; the work is brought to its end."""
        self.proxy.clear()
        self.liar.clear()
        self.node.request("evm_setAutomine", True)
        self.node.request("anvil_setNextBlockBaseFeePerGas", "0x0")
        enrich(self.node, self.blows.accounts)
        hints = {self.setting.file(f"{slot}.chunk"): int(part) for slot, (_, part, _) in SLOTS.items()}
        self.chunks = max(int(hint.read_text()) if hint.exists() else part for hint, part in hints.items()) + 1
        self.setting.file("end.json").write_text(json.dumps(self.chunks))
        say(f"calm: {self.chunks} chunks for each sender are brought to their end")
        ends = time.monotonic() + SETTLING
        # Twice: only what is final is certain to be lost, and what is done anew must become final as well.
        for _ in range(2):
            while not self.failures and any(self.processes[slot].exitcode != 0 for slot in SLOTS):
                self._tend()
                self.blows.mine()
                time.sleep(0.1)
                if time.monotonic() > ends:
                    open_ = [slot for slot in SLOTS if self.processes[slot].exitcode != 0]
                    self.failures.append(f"{', '.join(open_)}: not at an end after {SETTLING:.0f} s; see {self.folder}")
                    return
            if self.failures:
                return
            self.blows.mine(CONFIRMATIONS + 1)
            for slot in SLOTS:
                self._start(slot)
        while any(self.processes[slot].is_alive() for slot in SLOTS):
            self.blows.mine()
            time.sleep(0.1)
        self.blows.mine(CONFIRMATIONS + 1)
        time.sleep(0.5)
        for slot in self.indexes:
            self.processes[slot].kill()
            self.processes[slot].join()
        if self.server:  # what is compared then was on its disk, and nobody's lock is left
            self.server.stop()
            self.server.start()

    def _ask_oracles(self) -> None:
        say("the oracles are asked")
        setting, node = self.setting, self.node
        results = {}
        for sender in self.backups:
            client = Salus.connect(node.url, book=setting.book, signer=setting.signer(sender))
            with soak_processes.opened(client, setting, sender) as outbox:
                list(outbox.resume())
                results[sender] = outbox.results()
                self.counts[f"foreign nonces told by {sender}'s outbox"] = sum(
                    last - first + 1 for first, last in outbox.status().foreign
                )
        self.failures += soak_oracles.index_is_fresh(setting, node, list(self.indexes.values()))
        chain = soak_oracles.Chain(node, self.base + 1)
        for place in self.indexes.values():
            reader = Salus.connect(node.url, book=setting.book, index=place)
            self.failures += soak_oracles.index_is_storage(place, node, reader)
        self.failures += soak_oracles.money_is_right(
            setting, reader, chain, FUNDED, self.claim_scenario.insurer.address, self.claim_scenario.token
        )
        for sender, some in results.items():
            backups = self.backups[sender]
            backups.remember()
            known = self.blows.foreign | backups.fills
            self.failures += soak_oracles.outbox_is_chain(
                setting, sender, some, chain, known, backups.final, self.nonces[sender], self.chunks
            )
            self.counts.update(f"{sender}: {result.state.value}" for result in some)
            self.counts[f"{sender}: raised fees"] = sum(len(result.attempts) - 1 for result in some if result.attempts)
        self.failures += soak_oracles.effects(setting, reader, results)
        self.counts["blocks at the end"] = chain.head
        self.counts["transactions sent"] = self._sent()
        self.counts["lies"] = self.liar.counts.total()

    # ---- the last act

    def _wipe(self, stack: ExitStack, now: int) -> None:
        """P9: another chain of the same id and first block takes the node's place."""
        say("the chain is wiped")
        book, port, head, first = self.deployed_chain.book, self.node.port, head_of(self.node), block_at(self.node, 0)
        codes = {e.address: self.node.request("eth_getCode", e.address, "latest") for e in book.contracts.values()}
        self.node.stop()
        node = self.node = stack.enter_context(LocalNode(port=port, timestamp=now, kept_states=200))
        assert block_at(node, 0) == first, "else another check would notice"

        def start() -> dict[str, Any]:
            for slot in SLOTS:
                self._start(slot)
            return {slot: self.processes[slot] for slot in SLOTS}

        def sent() -> int:
            return sum(proxy.asked["eth_sendRawTransaction"] for proxy in (self.proxy, self.liar))

        wiped = WipedChain(node, self.setting, codes, head, list(self.indexes.values()), start, sent)
        self.failures += wiped.differences()
        self.counts["refused on a wiped chain"] = wiped.refusals

    # ---- small things

    def _sent(self) -> int:
        return sum(nonce_of(self.node, self.setting.signer(name).address) - n for name, n in self.nonces.items())


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
    for (method, mode), times in sorted((soak.proxy.counts + soak.liar.counts).items()):
        print(f"  {mode:20} {method:30} {times:>7,}")
    if failures:
        for line in failures[:40]:
            print(f"WRONG: {line}")
        print(f"soak: seed {seed}: {len(failures)} things are wrong; the files are in {folder}")
        return 1
    shutil.rmtree(folder)
    print(f"soak: seed {seed}: every oracle agrees")
    return 0
