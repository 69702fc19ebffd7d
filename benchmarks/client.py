"""Throughput of the client beside what is written by hand, each on the same chain in the same run: part of `make
bench`.

    .venv/bin/python benchmarks/client.py [part] …

Parts: bulk, slow_blocks, threads, claims, ganache, readings, index, cli, listing, deployment.

Writes what it measured into benchmarks/results.json, under "client". Ratios are medians over rounds: in each round both
ways run one after the other on the chain as it began, so that whatever else the machine does hits both.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from eth_utils import to_checksum_address  # noqa: E402

from benchmarks import listing  # noqa: E402
from benchmarks.ground import GRANT_GAS, ORDER_GAS, YEAR, Ground, beside_work, ratio, rounds  # noqa: E402
from salus.chain.local_node import LocalNode  # noqa: E402
from tests.support.claim_scenario import ClaimScenario  # noqa: E402

ROUNDS = 5
LOOPED, SENT = 40, 1000  # transactions of the plain loop, and of the fast ways; a chain gets slower the more it holds
BATCHED, PER_BATCH = 6_000, 100
CLAIMS = 3_000
ON_GANACHE = 300
SLOWLY, BLOCK_SECONDS = 9_000, 2
THREADS = 16
SHIPMENTS, BATCHES, READINGS = 40, 5, 5_000
EVENTS, PATIENTS, COMPARED = 100_000, 10_000, 10_000

# What each key means, what is wanted of it, and for the table.
MEANING = {
    "bulk.per_second": ("", "grants, one transaction each, through the outbox, dry run included"),
    "bulk.plain_loop_per_second": ("", "the same in a plain web3.py loop that waits for each receipt"),
    "bulk.vs_plain_loop": (">= 30", "the first over the second"),
    "bulk.batched_per_second": ("", "grants that patients signed, 100 in a transaction, through the outbox"),
    "bulk.batched_vs_plain_loop": (">= 300", "that over a plain loop with one in a transaction"),
    "bulk.vs_presigned": (">= 0.8", "grants through the outbox without dry run, over pre-signed batches by hand"),
    "bulk.checked_vs_presigned": ("", "the same with the dry run"),
    "bulk.vs_presigned_beside_work": (
        "",
        "without dry run, over the same by hand beside a process that computes 40 % of the time",
    ),
    "bulk.own_ms": (
        "<= 0.23",
        "milliseconds of the processor a grant takes in this process, without dry run, with every receipt proven",
    ),
    "bulk.slow_blocks_per_second": (
        ">= 450",
        "plain transfers through the outbox with its defaults, where a block of 30 million gas comes every 2 seconds",
    ),
    "threads.items_per_second": ("", "grants without dry run by one outbox that 16 threads use at once"),
    "threads.vs_one_thread": (">= 0.9", "that over the same grants by one thread"),
    "claims.per_second": (
        "",
        "claims of one line, 100 in a transaction, from prepared to answered (`claims.submit_prepared`)",
    ),
    "claims.plain_loop_per_second": ("", "the same, one in a transaction, in a plain loop that reads no answers"),
    "claims.vs_plain_loop": ("", "the first over the second"),
    "bulk.ganache_per_second": ("", "grants through the outbox on ganache, without dry run"),
    "bulk.ganache_vs_presigned": (">= 0.9", "that over pre-signed batches by hand on ganache"),
    "readings.per_second": (">= 1000000", "logger readings judged on chain, in batches of 5,000 through the outbox"),
    "readings.one_by_one_per_second": ("", "the same by `coldchain.log`, which waits for each receipt"),
    "index.per_second": ("", "events into a new index, 100,000 of them"),
    "index.vs_get_logs": (
        ">= 7",
        "a sync, receipts root checked, over get_logs of web3.py, the same 10,000 events, 300 in a receipt",
    ),
    "index.single_vs_get_logs": ("", "the same with one event in a receipt"),
    "index.peak_mb": ("<= 130", "most memory of a process that syncs 100,000 events"),
    "cli.help_s": ("<= 0.25", "seconds of `salus --help`, the whole process"),
    "cli.offline_s": ("<= 0.5", "seconds of `salus wallet list`, the whole process"),
    "deploy.gas": ("", "gas of all transactions of a deployment"),
    "deploy.seconds": ("", "seconds of the deployment script where a block comes at once, the whole process"),
    "deploy.five_second_blocks_s": ("<= 90", "the same where a block comes every five seconds"),
    "cli.institution_list_s": ("<= 0.35", "seconds of `salus institution list` beside a node, the whole process"),
    **listing.MEANING,
}


def say(text):
    """Progress, on a line of its own."""
    print(f"  … {text}", file=sys.stderr, flush=True)


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


# ------------------------------------------------------------------------------------------------------------- sending


def through_outbox(ground, function, calls, *, preflight=True, own=None):
    """Seconds from the arguments to the last receipt, by a new outbox.

    Args:
        own: A list to which the milliseconds of this process are added that one transaction took.
    """

    def act():
        began = time.process_time()
        with ground.client.outbox(ground.file()) as outbox:
            items = outbox.items("ConsentRegistry", function, calls)
            results = list(outbox.send_all(items, preflight=preflight))
        if own is not None:
            own.append((time.process_time() - began) * 1000 / len(calls))
        assert len(results) == len(calls) and all(result.done for result in results)

    return timed(act)


def bulk():
    with Ground() as ground:
        grants = {f"grant-{n}": row for n, row in enumerate(ground.grants(SENT))}
        raws = ground.signed(ground.calls("grant", list(grants.values())), GRANT_GAS)
        own = []
        say(f"{SENT} grants, one transaction each")
        ways = {
            "loop": lambda: (LOOPED, ground.plain_loop("grant", list(grants.values())[:LOOPED])),
            "hand": lambda: (SENT, ground.by_hand(raws)),
            "hand beside work": lambda: (SENT, beside_work(0.4, lambda: ground.by_hand(raws))),
            "checked": lambda: (SENT, through_outbox(ground, "grant", grants)),
            "unchecked": lambda: (SENT, through_outbox(ground, "grant", grants, preflight=False, own=own)),
        }
        rates = rounds(ROUNDS, ways, ground.reset)
        say(f"{BATCHED} signed grants, {PER_BATCH} in a transaction")
        ground.reset()
        orders = ground.orders(ground.patients(BATCHED))
        whole = {f"batch-{n}": ground.rows(orders[n : n + PER_BATCH]) for n in range(0, BATCHED, PER_BATCH)}
        singly = [ground.rows([order]) for order in orders[:LOOPED]]
        batched = rounds(
            ROUNDS,
            {
                "loop": lambda: (LOOPED, ground.plain_loop("relay", singly)),
                "batched": lambda: (BATCHED, through_outbox(ground, "relay", whole)),
            },
            ground.reset,
        )
    return {
        "bulk.per_second": statistics.median(rates["checked"]),
        "bulk.plain_loop_per_second": statistics.median(rates["loop"]),
        "bulk.vs_plain_loop": ratio(rates, "checked", "loop"),
        "bulk.batched_per_second": statistics.median(batched["batched"]),
        "bulk.batched_vs_plain_loop": ratio(batched, "batched", "loop"),
        "bulk.vs_presigned": ratio(rates, "unchecked", "hand"),
        "bulk.checked_vs_presigned": ratio(rates, "checked", "hand"),
        "bulk.vs_presigned_beside_work": ratio(rates, "unchecked", "hand beside work"),
        "bulk.own_ms": statistics.median(own),
    }


def slow_blocks():
    from salus import KeySigner, Salus
    from salus.chain.book import Book
    from salus.chain.local_node import LocalNode
    from salus.outbox import Item

    say(f"{SLOWLY:,} transfers, a block every {BLOCK_SECONDS} seconds")
    with LocalNode("anvil", block_time=BLOCK_SECONDS, kept_states=256) as node, tempfile.TemporaryDirectory() as folder:
        client = Salus.connect(
            node.url, book=Book(node.chain_id, {}), signer=KeySigner.from_key(node.keys[0]), timeout=30
        )
        items = [
            Item(f"transfer-{n}", to_checksum_address(f"0x{(1 << 100) + n:040x}"), b"", value=1) for n in range(SLOWLY)
        ]

        def act():
            with client.outbox(Path(folder) / "slow.sqlite") as outbox:
                assert all(result.done for result in outbox.send_all(items))

        seconds = timed(act)
    return {"bulk.slow_blocks_per_second": SLOWLY / seconds}


def threads():
    with Ground() as ground:
        grants = [(f"grant-{n}", row) for n, row in enumerate(ground.grants(SENT))]
        say(f"{SENT} grants by {THREADS} threads of one outbox")

        def by(count):
            def send(outbox, some):
                items = outbox.items("ConsentRegistry", "grant", dict(some))
                return sum(result.done for result in outbox.send_all(items, preflight=False))

            def act():
                with ground.client.outbox(ground.file()) as outbox, ThreadPoolExecutor(count) as pool:
                    done = list(pool.map(lambda n: send(outbox, grants[n::count]), range(count)))
                assert sum(done) == SENT

            return SENT, timed(act)

        rates = rounds(ROUNDS, {"one": lambda: by(1), "many": lambda: by(THREADS)}, ground.reset)
    return {
        "threads.items_per_second": statistics.median(rates["many"]),
        "threads.vs_one_thread": ratio(rates, "many", "one"),
    }


def claims():
    with Ground() as ground:
        token = ground.deployed_chain.deploy("TestToken", "Dollar", "USD", 6)
        claim_scenario = ClaimScenario(ground.deployed_chain, token, Path(ground.folder.name), fund=10**12)
        say(f"{CLAIMS} claims, {PER_BATCH} in a transaction")
        prepared = claim_scenario.paid_ones(CLAIMS)
        ground.keep()

        def submit():
            with claim_scenario.desk.outbox(ground.file()) as outbox:
                answers = [
                    a for part in claim_scenario.desk.claims.submit_prepared(prepared, outbox=outbox) for a in part
                ]
            assert len(answers) == CLAIMS and all(answer.paid for answer in answers)

        rows = [([claim.struct()], []) for claim in prepared[:LOOPED]]
        desk = claim_scenario.desk.contract("ClaimDesk")
        ways = {
            "loop": lambda: (
                LOOPED,
                ground.plain_loop("submit", rows, contract=desk, account=claim_scenario.hospital._account),
            ),
            "submit": lambda: (CLAIMS, timed(submit)),
        }
        rates = rounds(ROUNDS, ways, ground.reset)
    return {
        "claims.per_second": statistics.median(rates["submit"]),
        "claims.plain_loop_per_second": statistics.median(rates["loop"]),
        "claims.vs_plain_loop": ratio(rates, "submit", "loop"),
    }


def ganache():
    with Ground("ganache") as ground:
        grants = {f"grant-{n}": row for n, row in enumerate(ground.grants(ON_GANACHE))}
        raws = ground.signed(ground.calls("grant", list(grants.values())), GRANT_GAS)
        say(f"{ON_GANACHE} grants on ganache")
        ways = {
            "hand": lambda: (ON_GANACHE, ground.by_hand(raws)),
            "unchecked": lambda: (ON_GANACHE, through_outbox(ground, "grant", grants, preflight=False)),
        }
        rates = rounds(ROUNDS, ways, ground.reset)
    return {
        "bulk.ganache_per_second": statistics.median(rates["unchecked"]),
        "bulk.ganache_vs_presigned": ratio(rates, "unchecked", "hand"),
    }


# ------------------------------------------------------------------------------------------------------------ readings


def readings():
    from salus.coldchain.loggers.export import LoggerExport
    from salus.coldchain.loggers.reading import Reading
    from salus.coldchain.lots import NewLot
    from salus.coldchain.temperature import ready_profiles

    with Ground() as ground:
        deployed_chain = ground.deployed_chain
        maker, carrier = deployed_chain.institution("MANUFACTURER")[0], deployed_chain.institution("CARRIER")[0]
        owner, laboratory = (
            deployed_chain.client(deployed_chain.institution(role)[0]) for role in ("LOGGER", "LABORATORY")
        )
        client, now, regulator = (
            deployed_chain.client(maker),
            ground.now,
            deployed_chain.client(deployed_chain.regulator),
        )
        regulator.lots.register_profile(profile := ready_profiles()["refrigerated"])
        regulator.lots.assign_prefix("4006381", maker.address)
        lot = client.lots.register_lot(
            NewLot(
                gtin="04006381333931",
                number="LOT-1",
                made_at=now - YEAR,
                expires_at=now + YEAR,
                units=10**6,
                profile=profile.id,
            )
        )
        step = 60
        began = now - BATCHES * READINGS * step - step
        swing = [480 + 10 * round(11 * ((n % 1440) / 720 - 1) ** 2) for n in range(BATCHES * READINGS)]
        export = LoggerExport(
            "", "", "", step, tuple(Reading(began + n * step, t) for n, t in enumerate(swing)), (), None, "absent"
        )
        say(f"{SHIPMENTS * BATCHES * READINGS:,} readings of {SHIPMENTS} shipments")
        signed = []
        for _ in range(SHIPMENTS):
            device = deployed_chain.person(0)
            owner.institutions.set_operator(device.address, ["LOGGER"], now + YEAR)
            owner.devices.register(device.address, accuracy=50)
            laboratory.devices.calibrate(device.address, now + YEAR, bytes(32))
            shipment = client.coldchain.open_shipment(lot, units=1)
            client.coldchain.pair(shipment, device.address, start=began)
            signed += client.coldchain.sign_batches(export, shipment, device, most=READINGS)
        assert len(signed) == SHIPMENTS * BATCHES
        ground.keep()
        relay, few = deployed_chain.client(carrier), signed[: 2 * BATCHES]

        def through_outbox():
            calls = {f"{each.shipment.hex()}-{each.sequence}": (each.struct(), each.signature) for each in signed}
            with relay.outbox(ground.file()) as outbox:
                # Without the dry run: a batch follows on the one before, which is not in a block yet.
                results = list(outbox.send_all(outbox.items("ColdChain", "log", calls), preflight=False))
            assert all(result.done for result in results) and len(results) == len(signed)

        ways = {
            "outbox": lambda: (len(signed) * READINGS, timed(through_outbox)),
            "one by one": lambda: (len(few) * READINGS, timed(lambda: relay.coldchain.log(few))),
        }
        rates = rounds(ROUNDS, ways, ground.reset)
    return {
        "readings.per_second": statistics.median(rates["outbox"]),
        "readings.one_by_one_per_second": statistics.median(rates["one by one"]),
    }


# --------------------------------------------------------------------------------------------------------------- index


def index():
    return {**index_of(300), **index_of(1, events=10_000)}


def index_of(per_receipt, *, events=EVENTS):
    """What an index takes for events, so many of them in a receipt."""
    with Ground() as ground:
        say(f"a chain with {events:,} events, {per_receipt} in a receipt")
        patients = ground.patients(PATIENTS)
        last = 0
        ground.node.request("evm_setAutomine", False)
        for later in range(events // PATIENTS):
            calls = ground.relays(ground.orders(patients, later=later), per_receipt)
            per_block = 2 if per_receipt > 100 else 190
            for n, raw in enumerate(ground.signed(calls, per_receipt * ORDER_GAS + 100_000), 1):
                ground.node.request("eth_sendRawTransaction", raw)
                if n % per_block == 0 or n == len(calls):
                    ground.node.request("evm_mine")
            last = last or int(ground.node.request("eth_blockNumber"), 16)  # up to here are the first 10,000
        names = ("url", ground.node.url), ("book", str(ground.deployed_chain.book_path))
        run = lambda way, **more: child(way, **dict(names), **more)  # noqa: E731
        say(f"{COMPARED:,} events, by the index and by get_logs")
        ratios = []
        for _ in range(ROUNDS):
            own = run("sync", file=str(ground.file()), upto=last)
            other = run("get_logs", upto=last)
            assert own["events"] >= other["events"] == COMPARED
            ratios.append(other["seconds"] / own["seconds"])
        if per_receipt == 1:
            return {"index.single_vs_get_logs": statistics.median(ratios)}
        say(f"all {events:,} events")
        whole = run("sync", file=str(ground.file()))
        assert whole["events"] >= events
    return {
        "index.per_second": whole["events"] / whole["seconds"],
        "index.vs_get_logs": statistics.median(ratios),
        "index.peak_mb": whole["peak_mb"],
    }


def child(way, **given):
    """Run one of the functions below in a process of its own; what it prints."""
    command = [sys.executable, __file__, "--child", way, json.dumps(given)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600).stdout)


def sync(url, book, file, upto=None):
    from salus.chain.book import Book
    from salus.index import Indexer

    with Indexer(url, Book.load(book), file) as indexer:
        began = time.perf_counter()
        report = indexer.sync(upto=upto)
        return {"seconds": time.perf_counter() - began, "events": report.events}


def get_logs(url, book, upto):
    from web3 import HTTPProvider, Web3

    from salus.abi import decoding
    from salus.chain.book import Book

    abi = list(decoding.load_abi("ConsentRegistry"))
    w3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 300}))
    contract = w3.eth.contract(address=Book.load(book)["ConsentRegistry"].address, abi=abi)
    began = time.perf_counter()
    events = len(contract.events.ConsentGranted.get_logs(from_block=0, to_block=upto))
    return {"seconds": time.perf_counter() - began, "events": events}


# ----------------------------------------------------------------------------------------------------------------- cli


def cli():
    say("the command line")
    command = str(ROOT / ".venv" / "bin" / "salus")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "SALUS_HOME": home, "SALUS_PASSWORD": "a password of this benchmark"}
        run = lambda *words: timed(  # noqa: E731
            lambda: subprocess.run(
                [command, *words],
                check=True,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
            )
        )
        run("wallet", "new")
        help_, offline = zip(*[(run("--help"), run("wallet", "list")) for _ in range(9)], strict=True)
        with Ground() as ground:
            where = ("--rpc", ground.node.url, "--book", str(ground.deployed_chain.book_path))
            listed = [run("institution", "list", *where) for _ in range(9)]
    return {
        "cli.help_s": statistics.median(help_),
        "cli.offline_s": statistics.median(offline),
        "cli.institution_list_s": statistics.median(listed),
    }


# ---------------------------------------------------------------------------------------------------------------- all


def rounded(value):
    """Three digits that mean something."""
    return round(value) if value >= 100 else float(f"{value:.3g}")


def table(figures):
    """The figures as lines of text."""
    lines = [f"{'key':30} {'':>12} {'wanted':>12}  what"]
    for key, (wanted, meaning) in MEANING.items():
        if key in figures:
            lines.append(f"{key:30} {figures[key]:>12,} {wanted:>12}  {meaning}")
    return "\n".join(lines)


def deployment():
    """The deployment script as an engineer runs it, in a process of its own: Brownie's start is part of it."""
    figures = {}
    for key, block_time in (("deploy.seconds", None), ("deploy.five_second_blocks_s", 5)):
        say(f"deploying, {'a block at once' if block_time is None else f'a block in {block_time} s'}")
        with tempfile.TemporaryDirectory() as books, LocalNode(block_time=block_time) as node:
            words = [sys.executable, str(ROOT / "scripts" / "deploy.py"), "--rpc", node.url, "--books", books]
            began = time.perf_counter()
            said = subprocess.run(words, check=True, capture_output=True, text=True, timeout=600).stdout
            figures[key] = time.perf_counter() - began
            used = next(line for line in said.splitlines() if line.startswith("used: "))
            figures["deploy.gas"] = int(used.split()[1].replace(",", ""))
    return figures


PARTS = {
    part.__name__: part
    for part in (bulk, slow_blocks, threads, claims, ganache, readings, index, cli, listing.listing, deployment)
}


def main():
    if sys.argv[1:2] == ["--child"]:
        way, given = sys.argv[2:]
        told = {"sync": sync, "get_logs": get_logs}[way](**json.loads(given))
        print(json.dumps({**told, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        sys.exit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    figures = {}
    for name in chosen:
        figures |= {key: rounded(value) for key, value in PARTS[name]().items()}
    path = ROOT / "benchmarks" / "results.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    known = {} if chosen == list(PARTS) else kept.get("client", {})
    kept["client"] = {**known, **figures}
    path.write_text(json.dumps(kept, indent=2) + "\n")
    print(table(figures))
    print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
