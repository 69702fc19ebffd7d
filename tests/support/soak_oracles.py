"""What must be true after a soak, whatever happened in it. Each function gives the differences as lines; none is good.

They ask the node itself, and believe no file of the client without comparing it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eth_abi import decode
from eth_utils import to_checksum_address

from salus import Salus
from salus.abi.decoding import load_abi, selector
from salus.chain.local_node import LocalNode
from salus.claims.model import State as ClaimState
from salus.claims.plans.model import Plan
from salus.claims.plans.plans import price_units, term_units
from salus.consent.model import Status
from salus.index import Indexer, Store
from salus.index._audit import audit
from salus.index._compare import compare
from salus.outbox import Result, State
from salus.outbox._store import FILL
from tests.reference.adjudicator import Claim, Line, Membership, Plans, Price, Series, Terms, Version
from tests.reference.desk import Desk
from tests.reference.treasury import Treasury
from tests.support.soak_workload import CHUNK, ORDERS, Setting, Work

ALWAYS = 2**40

_CLAIM = "(bytes32,address,address,bytes32,uint24,bytes32,(bytes32,uint16,uint80,uint80)[])"


class Chain:
    """The final chain as the node has it: every transaction of its blocks in order, with its receipt."""

    def __init__(self, node: LocalNode, first: int):
        self.head = int(node.request("eth_blockNumber"), 16)
        self.transactions: list[dict[str, Any]] = []
        for number in range(first, self.head + 1):
            block = node.request("eth_getBlockByNumber", hex(number), True)
            receipts = node.request("eth_getBlockReceipts", hex(number))
            for transaction, receipt in zip(block["transactions"], receipts, strict=True):
                assert transaction["hash"] == receipt["transactionHash"]
                told = {"time": int(block["timestamp"], 16), "ok": receipt["status"] == "0x1", "block": number}
                self.transactions.append({**transaction, **told})

    def of(self, sender: str) -> list[dict[str, Any]]:
        return [tx for tx in self.transactions if tx["from"] == sender.lower()]


# ------------------------------------------------------------------------------------------- (a) the index is the chain


def index_is_fresh(setting: Setting, node: LocalNode, places: Sequence[str]) -> Iterator[str]:
    """The live indexes, and a fresh one of the node itself: equal in every byte of every shared table."""
    book = Work(setting).book
    head = int(node.request("eth_blockNumber"), 16)
    with Indexer(node.url, book, setting.file("fresh.sqlite")) as fresh:
        fresh.sync(upto=head)
        for place in places:
            with Indexer(node.url, book, place) as live:
                live.sync(upto=head)
                if trouble := live.store.check():
                    yield f"the live index {place}: {trouble}"
                for table in compare(live.store, fresh.store):
                    yield f"the live index {place}: {table}"


# ----------------------------------------------------------------------------------------- (b) the index is the storage


def index_is_storage(place: str, node: LocalNode, client: Salus) -> Iterator[str]:
    """What the events of the index say and what the contracts' storage says: by the index's own audit, and, of
    directives and claims, by nothing but their events."""
    store = Store(place)
    for difference in audit(client, store, node.url, rebuild=False).differences:
        yield f"audit: {difference}"
    store.close()
    granted: dict[tuple[str, str, int], int] = {}
    for name in ("ConsentGranted", "ConsentRevoked"):
        for event in client.logs("ConsentRegistry", name):
            place = event.args["patient"], event.args["grantee"], event.args["index"]
            granted[place] = max(granted.get(place, 0), 2 * event.args["issuedAt"] + (name == "ConsentRevoked"))
    places = sorted(granted)
    records = client.calls("ConsentRegistry", "directive", places)
    for place, record in zip(places, records, strict=True):
        said = granted[place]
        wanted = (said // 2, Status.REVOKED if said % 2 else Status.ACTIVE)
        if (record[5], Status(record[6])) != wanted:
            yield f"directive {place}: the index says {wanted}, the storage {record[5:]}"
    decided = [event.args["id"] for event in client.logs("ClaimDesk", "ClaimDecided")]
    if doubled := [id_ for id_, times in Counter(decided).items() if times > 1]:
        yield f"{len(doubled)} claims were decided twice"
    owed = {event.args["id"] for event in client.logs("ClaimDesk", "ClaimOwed")}
    for id_, record in zip(decided, client.calls("ClaimDesk", "claim", [(id_,) for id_ in decided]), strict=True):
        wanted = ClaimState.OWED if id_ in owed else ClaimState.SETTLED
        if record[0] != wanted:
            yield f"claim 0x{id_.hex()}: {wanted.name} by the index, {record} in the storage"


# ------------------------------------------------------------------------------------------------- (c) the money is
# right


def money_is_right(
    setting: Setting, client: Salus, chain: Chain, funded: int, insurer: str, token: str
) -> Iterator[str]:
    """The treasury's pool, the hospital's balance and the members' sums: replayed from calldata by the reference."""
    work = Work(setting)
    desk = _reference(setting, work.plan, funded, insurer, token, client)
    submit = next(e for e in load_abi("ClaimDesk") if e.get("name") == "submit")
    hospital = setting.signer("hospital").address
    for tx in chain.of(hospital):
        raw = bytes.fromhex(tx["input"][2:])
        if tx["ok"] and raw[:4] == selector(submit):
            rows, _ = decode([f"{_CLAIM}[]", "bytes[]"], raw[4:])
            desk.submit([_claim(row) for row in rows], tx["time"])
    model, pool = desk.treasury.pool(insurer, token), client.treasury.pool(insurer, token)
    if (model.balance, model.reserved, model.owed) != (pool.balance, pool.reserved, pool.owed):
        yield f"the pool: {model.balance} by the model, {pool.balance} on chain"
    paid = client.treasury.balance(token, hospital)
    if paid != funded - model.balance:
        yield f"the hospital has {paid}, the model paid {funded - model.balance}"
    for member in setting.members:
        for year in (2025, 2026):
            found = client.claims.accumulators(setting.plan_id, member, year)
            wanted = desk.used.member(desk.plans.versions[setting.plan_id].series, member, year)
            if (found.deductible, found.out_of_pocket, found.paid) != (
                wanted.deductible,
                wanted.out_of_pocket,
                wanted.paid,
            ):
                yield f"{member} in {year}: {wanted} by the model, {found} on chain"


def _reference(setting: Setting, plan: Plan, funded: int, insurer: str, token: str, client: Salus) -> Desk:
    terms = term_units(plan, 6)
    first, last = plan.valid_from, plan.valid_until
    version = Version(
        Series({member: Membership(first, last) for member in setting.members}),
        Terms(
            insurer,
            first,
            last,
            token,
            plan.coinsurance,
            plan.coinsurance_out,
            terms["deductible"],
            terms["out_of_pocket_maximum"],
        ),
        {code: Price(price.allowed) for code, price in _prices(plan)},
        in_force_at=0,
    )
    plans = Plans(lambda *_: True)
    plans.versions[setting.plan_id] = version
    treasury = Treasury(0, 0)
    treasury.fund(insurer, token, funded)
    return Desk(plans, treasury, lambda provider, number: (provider, number), lambda _: True)


def _prices(plan: Plan) -> Iterator[tuple[bytes, Any]]:
    return zip((plan.code(price.system, price.code) for price in plan.prices), price_units(plan, 6), strict=True)


def _claim(row: Sequence[Any]) -> Claim:
    plan, patient, provider, number, day, primary, lines = row
    who = to_checksum_address(patient), to_checksum_address(provider)
    return Claim(plan, *who, number, day, primary, tuple(Line(*line) for line in lines))


# ---------------------------------------------------------------------------------------- (d) the outbox is the chain


def outbox_is_chain(
    setting: Setting,
    sender: str,
    results: Sequence[Result],
    chain: Chain,
    foreign: set[str],
    final: Mapping[str, tuple[int, str]],
    first_nonce: int,
    chunks: int,
) -> Iterator[str]:
    """Each transaction of the account in the chain is one item's or a known stranger's; each item that counts as done
    is one; what was ever called final is so.
    """
    wanted = {f"{'claim' if sender == 'hospital' else 'order'}-{n}" for n in range(chunks * CHUNK)}
    keys = [result.key for result in results]
    if missing := wanted - set(keys):
        yield f"{sender}: {len(missing)} items are not in the outbox, e.g. {sorted(missing)[:3]}"
    if len(keys) != len(set(keys)):
        yield f"{sender}: a key is in the outbox twice"
    yield from _once_final(sender, results, final)
    by_hash = {attempt: result for result in results for attempt in result.attempts}
    mined: dict[str, dict[str, Any]] = {}
    nonce = first_nonce
    for tx in chain.of(setting.signer(sender).address):
        if int(tx["nonce"], 16) != nonce:
            yield f"{sender}: nonce {int(tx['nonce'], 16)} where {nonce} is due"
        nonce += 1
        result = by_hash.get(tx["hash"])
        if result is None:
            if tx["hash"] not in foreign:
                yield f"{sender}: {tx['hash']} in block {tx['block']} is in no outbox"
        elif result.key in mined:
            yield f"{sender}: {result.key} is on chain twice"
        else:
            mined[result.key] = tx
    for result in results:
        tx = mined.get(result.key)
        told = (result.state, result.block, result.transaction) if result.block is not None else (result.state,)
        if result.state is State.REFUSED:
            right = tx is None
        elif result.state is State.FINAL:
            right = tx is not None and tx["ok"] and (tx["block"], tx["hash"]) == told[1:]
        elif result.state is State.FAILED:
            right = tx is not None and not tx["ok"] and (tx["block"], tx["hash"]) == told[1:]
        else:
            right = False  # nothing may be left open, lost or not final
        if not right:
            where = None if tx is None else (tx["block"], tx["hash"], tx["ok"])
            yield f"{sender}: {result.key} is {told}, on chain {where}; {result.error}"


def _once_final(sender: str, results: Sequence[Result], final: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """What a file called final, were it one that was lost since, is final now, by the same transaction."""
    now = {r.key: (r.block, r.transaction) for r in results if r.state is State.FINAL}
    for key, then in final.items():
        if now.get(key) != then:
            yield f"{sender}: {key} was final in {then}, and is now {now.get(key)}"


def effects(setting: Setting, client: Salus, results: dict[str, Sequence[Result]]) -> Iterator[str]:
    """The contracts say of each item what its outbox says: done once, or not at all."""
    work = Work(setting)
    results = {sender: [r for r in some if r.name != FILL] for sender, some in results.items()}
    done = {r.key for some in results.values() for r in some if r.state is State.FINAL}
    claims = [int(key.partition("-")[2]) for key in done if key.startswith("claim")]
    ids = [(work.claim(n).id,) for n in claims]
    for n, record in zip(claims, client.calls("ClaimDesk", "claim", ids), strict=True):
        if record[0] != 1:
            yield f"claim-{n} is done by the outbox, {record} on chain"
    for result in results["hospital"]:
        if result.state is not State.FINAL:
            yield f"{result.key} is {result.state.value}, and nothing stands against it: {result.error}"
    latest: dict[str, int] = {}
    undone = []
    for result in results["clinic"]:
        n = int(result.key.partition("-")[2])
        patient, said = work.patient(n).address, 2 * work.issued(n) + (ORDERS[n % 10] == "r")
        if result.state is State.FINAL:
            latest[patient] = max(latest.get(patient, 0), said)
        else:
            undone.append((result, patient, said))
    for result, patient, said in undone:
        # One that comes too late is overtaken: by its kind, or since a stranger took its nonce and it was given once
        # more.
        if said >= latest.get(patient, 0):
            yield f"{result.key} is {result.state.value}, and nothing stands against it: {result.error}"
    clinic = setting.signer("clinic").address
    rows = client.calls("ConsentRegistry", "directive", [(patient, clinic, 0) for patient in latest])
    for (patient, said), row in zip(latest.items(), rows, strict=True):
        wanted = said // 2, Status.REVOKED if said % 2 else Status.ACTIVE
        if (row[5], Status(row[6])) != wanted:
            yield f"the directive of {patient} is {row[5:]}, by the outbox {wanted}"
