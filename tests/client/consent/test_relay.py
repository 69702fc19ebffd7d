"""Many signed orders in few transactions: each once, whatever breaks off and however often they are given."""

import pytest

from salus import NodeSigner, Salus
from salus.chain.node import Node
from salus.consent.files.orders import save
from salus.consent.registry import ALL_PLACES, Directive, Effect, Order
from salus.consent.relay import carried_out
from salus.errors import BadInput, SalusError, refusals
from salus.institutions.registry import ZERO
from tests.support.commands import hospital, keystore, run
from tests.support.fault_proxy import FaultProxy

__all__ = ["hospital", "keystore", "run"]  # fixtures

DAY = 24 * 3600
TREAT, ALL = 1, 1


@pytest.fixture
def relayer(deployed_chain):
    return deployed_chain.client(deployed_chain.person())


@pytest.fixture
def grantee(deployed_chain):
    return deployed_chain.institution("PROVIDER")[0].address


@pytest.fixture
def signed(deployed_chain, grantee):
    """An order of a patient; by default a new patient's grant."""
    salus = deployed_chain.client()
    registry = salus.book["ConsentRegistry"].address

    def signed(patient=None, effect=Effect.PERMIT, index=0, ago=60, whose=None, **more):
        who = patient or deployed_chain.patient()
        now = salus.now()
        scope = {} if effect is Effect.NONE else {"purposes": TREAT, "categories": ALL, "end": now + 30 * DAY}
        directive = Directive(whose or grantee, index, effect, **scope, **more)
        order = Order(who.address, directive, now - ago, now + DAY, salus.chain_id, registry)
        return deployed_chain.client(who).consent.sign(order)

    return signed


def sent(deployed_chain, salus):
    return deployed_chain.w3.eth.get_transaction_count(salus.need_signer().address)


def relayed(salus, orders, **options):
    with salus.outbox() as outbox:
        return list(salus.consent.relay_all(orders, outbox=outbox, **options))


def skipped(salus, orders):
    """What was not carried out, and why; nothing else may have been."""
    parts = relayed(salus, orders)
    assert not any(part.orders for part in parts)
    return [(each.order, each.reason.name) for part in parts for each in part.skipped]


def grants(salus, order):
    return len(salus.logs("ConsentRegistry", "ConsentGranted", {"patient": order.patient}))


def test_many_orders_are_few_transactions(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(25)]
    parts = relayed(relayer, orders, batch=10)
    assert sorted(len(part.orders) for part in parts) == [5, 10, 10]
    assert {order for part in parts for order in part.orders} == set(orders)
    assert all(part.receipt.hash and not part.skipped for part in parts)
    assert sent(deployed_chain, relayer) == 3
    assert carried_out(relayer, orders) == set(orders)


def test_a_run_that_is_repeated_sends_nothing_twice(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(12)]
    relayed(relayer, orders[:7], batch=5)
    assert sent(deployed_chain, relayer) == 2
    parts = relayed(relayer, orders, batch=5)
    assert [(len(part.orders), part.receipt is None) for part in parts] == [(7, True), (5, False)]
    assert sent(deployed_chain, relayer) == 3
    assert [part.receipt for part in relayed(relayer, orders)] == [None]
    assert sent(deployed_chain, relayer) == 3
    assert [grants(relayer, order) for order in orders] == [1] * 12


@pytest.mark.parametrize(
    ("methods", "mode"),
    [(["eth_sendRawTransaction"], "drop_request"), (["eth_getBlockReceipts", "eth_getTransactionReceipt"], "5xx")],
)
def test_a_run_that_breaks_off_is_taken_up(deployed_chain, relayer, signed, methods, mode):
    """What it signed and no node got, or got without telling, is settled before the chain is asked what it has."""
    orders = [signed() for _ in range(12)]
    with FaultProxy(deployed_chain.url) as proxy:
        broken = Salus.connect(proxy.url, book=deployed_chain.book, signer=relayer.signer)
        for method in methods:
            proxy.spoil(method, mode)
        with broken.outbox(patience=1) as outbox, pytest.raises(SalusError):
            list(broken.consent.relay_all(orders, batch=4, outbox=outbox))
    parts = relayed(relayer, orders, batch=4)
    assert {order for part in parts for order in part.orders} == set(orders)
    assert sent(deployed_chain, relayer) == 3
    assert [grants(relayer, order) for order in orders] == [1] * 12


def test_a_lost_reply_is_no_second_transaction(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(6)]
    with FaultProxy(deployed_chain.url) as proxy:
        lost = proxy.spoil("eth_sendRawTransaction", "drop_reply", times=1)
        relayed(Salus.connect(proxy.url, book=deployed_chain.book, signer=relayer.signer), orders, batch=2)
        assert lost.done == 1
    assert sent(deployed_chain, relayer) == 3
    assert [grants(relayer, order) for order in orders] == [1] * 6


def test_the_same_order_given_twice_is_one(deployed_chain, relayer, signed):
    order = signed()
    assert [len(part.orders) for part in relayed(relayer, [order, order])] == [1]
    assert grants(relayer, order) == 1


@pytest.mark.parametrize("where", ["place", "grantee", "everything"])
def test_what_was_carried_out_and_revoked_since_is_not_sent_again(deployed_chain, relayer, signed, where):
    patient = deployed_chain.patient()
    end = {"effect": Effect.NONE, "index": 0 if where == "place" else ALL_PLACES}
    whose = ZERO if where == "everything" else None
    orders = [signed(patient, ago=60), signed(patient, ago=30, whose=whose, **end)]
    relayed(relayer, orders)
    assert carried_out(relayer, orders) == set(orders)
    assert [part.receipt for part in relayed(relayer, orders)] == [None]
    later = signed(patient, ago=10)
    assert carried_out(relayer, [*orders, later]) == set(orders)
    relayed(relayer, [*orders, later])
    assert grants(relayer, later) == 2
    assert carried_out(relayer, [*orders, later]) == {*orders, later}


@pytest.mark.parametrize("change", [{"document": bytes([7]) * 32}, {"start": 5}])
def test_another_order_in_its_place_is_not_taken_for_it(deployed_chain, relayer, signed, change):
    """An order that never was on chain, and that a later one overtook, is skipped, and not taken for done."""
    patient = deployed_chain.patient()
    first = signed(patient, ago=60)
    relayed(relayer, [first])
    relayed(relayer, [signed(patient, ago=30)])
    never = signed(patient, ago=60, **change)
    assert carried_out(relayer, [first, never]) == {first}
    assert skipped(relayer, [never]) == [(never, "Superseded")]


def test_a_withheld_order_that_was_overtaken_is_skipped(deployed_chain, relayer, signed):
    patient = deployed_chain.patient()
    withheld = signed(patient, ago=60)
    relayed(relayer, [signed(patient, effect=Effect.NONE, index=ALL_PLACES, ago=30)])
    assert carried_out(relayer, [withheld]) == set()
    before = sent(deployed_chain, relayer)
    assert skipped(relayer, [withheld]) == [(withheld, "Superseded")]
    assert sent(deployed_chain, relayer) == before  # a call said so


@pytest.fixture
def dead(deployed_chain, relayer, signed):
    """A forged order, one whose deadline has passed, and one that another overtook, with the names of their errors."""
    patient = deployed_chain.patient()
    forged = Order(**{**vars(signed()), "patient": deployed_chain.patient().address})
    who = deployed_chain.patient()
    late = Order(**{**vars(signed(who, ago=DAY)), "deadline": relayer.now() - 60, "signature": b""})
    late = deployed_chain.client(who).consent.sign(late)
    overtaken = signed(patient, ago=60)
    relayed(relayer, [signed(patient, ago=30)])
    return {forged: "InvalidSignature", late: "DeadlinePassed", overtaken: "Superseded"}


def test_c6_what_is_dead_stops_nothing_and_is_told(deployed_chain, relayer, signed, dead):
    good = [signed() for _ in range(5)]
    orders = [good[0], *dead, *good[1:]]
    before = sent(deployed_chain, relayer)
    parts = relayed(relayer, orders, batch=3)
    assert {order for part in parts for order in part.orders} == set(good)
    assert {each.order: each.reason.name for part in parts for each in part.skipped} == dead
    assert all(isinstance(each.reason, refusals()[each.reason.name]) for part in parts for each in part.skipped)
    assert sent(deployed_chain, relayer) == before + 2
    assert [grants(relayer, order) for order in good] == [1] * 5


def test_c6_what_dies_on_its_way_is_told_by_the_transaction(deployed_chain, relayer, signed, monkeypatch):
    """Somebody else was faster: what the call said before holds no more."""
    first, second = signed(), signed()
    monkeypatch.setattr("salus.consent.relay._dead", lambda *_: [])
    monkeypatch.setattr("salus.consent.relay.carried_out", lambda *_: set())
    rival = deployed_chain.client(deployed_chain.person())
    rival.consent.relay([first])
    (part,) = relayed(relayer, [first, second])
    assert part.orders == (second,) and part.receipt.hash
    assert [(each.order, each.reason.name) for each in part.skipped] == [(first, "Superseded")]


def test_c6_orders_of_a_patient_go_in_the_order_of_signing(deployed_chain, relayer, signed):
    """Given the wrong way round, none of them is dead."""
    patient = deployed_chain.patient()
    orders = [signed(patient, ago=ago) for ago in (10, 20, 30)]
    (part,) = relayed(relayer, orders)
    assert set(part.orders) == set(orders) and not part.skipped
    assert [e.args["issuedAt"] for e in part.receipt.events("ConsentGranted")] == [o.issued_at for o in orders[::-1]]


def test_a_node_that_holds_the_key_sends_them_one_after_the_other(deployed_chain, signed):
    account = deployed_chain.node.accounts[3]
    client = deployed_chain.client(NodeSigner(Node(deployed_chain.node.url), account))
    orders = [signed() for _ in range(5)]
    parts = list(client.consent.relay_all(orders, batch=2))
    assert [len(part.orders) for part in parts] == [2, 2, 1]
    assert [part.receipt for part in client.consent.relay_all(orders, batch=2)] == [None]


def test_an_order_of_the_next_second_is_waited_for(deployed_chain, relayer, signed):
    """As one is that replaces another in the second in which that was signed."""
    order = signed(ago=-1)
    (part,) = relayed(relayer, [order])
    assert part.orders == (order,) and part.receipt.hash


def test_what_cannot_be_relayed_is_told_before_anything_is_sent(deployed_chain, relayer, signed):
    good = signed()
    for bad in (Order(**{**vars(signed()), "signature": b""}), Order(**{**vars(signed()), "chain_id": 1})):
        with pytest.raises(BadInput):
            relayed(relayer, [good, bad], batch=1)
    with pytest.raises(BadInput, match="there is none"):
        relayed(relayer, [])
    assert sent(deployed_chain, relayer) == 0


# ------------------------------------------------------------------------------------------------------- the command


def test_the_command_takes_many_files_and_takes_up_where_it_was(deployed_chain, run, hospital, signed, tmp_path):
    _, file, signer = hospital
    orders = [signed() for _ in range(25)]
    paths = [tmp_path / f"{n}.json" for n in range(5)]
    for n, path in enumerate(paths):
        save(orders[5 * n : 5 * n + 5], path)
    words = ("--keystore", file, "--yes", "--json", "--batch", 5)
    some = run("consent", "relay", *paths[:2], *words).json()
    assert (some["orders"], some["earlier"], [t["orders"] for t in some["transactions"]]) == (10, 0, [5, 5])
    whole = run("consent", "relay", *paths, *words)
    assert (whole.json()["orders"], whole.json()["earlier"]) == (15, 10)
    assert {len(t["transaction"]) for t in whole.json()["transactions"]} == {66}
    assert "permits 25 patients 25 institutions" in " ".join(whole.err.split())
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 5
    again = run("consent", "relay", *paths, "--keystore", file, "--yes")
    assert (again.code, again.out) == (0, "0 done, 25 earlier\n")
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 5


def test_a_few_orders_are_shown_whole(run, hospital, signed, tmp_path):
    save([signed(), signed(effect=Effect.DENY)], tmp_path / "two.json")
    done = run("consent", "relay", tmp_path / "two.json", "--keystore", hospital[1], "--yes")
    assert done.code == 0
    assert done.err.count("patient ") == 2 and "PERMIT" in done.err and "DENY" in done.err
    assert done.out.startswith("2 done (block ")


def test_c6_the_command_tells_what_was_skipped_and_never_says_done_of_it(run, hospital, signed, dead, tmp_path):
    good = signed()
    save([good, *dead], tmp_path / "some.json")
    words = ("consent", "relay", tmp_path / "some.json", "--keystore", hospital[1], "--yes")
    told = run(*words)
    assert told.code == 1
    assert told.out.startswith("1 done, 3 skipped (block ")
    assert told.err.count("skipped: an order of ") == 3
    again = run(*words, "--json")
    assert (again.code, again.json()["orders"], again.json()["earlier"]) == (1, 0, 1)
    assert {each["reason"] for each in again.json()["skipped"]} == set(dead.values())


def test_the_command_shows_the_masks_of_a_purpose(run, deployed_chain, relayer, signed, grantee):
    order = signed()
    relayed(relayer, [order])
    words = ("consent", "scope", order.patient, "--actor", grantee, "--purpose", "TREAT")
    told = run(*words)
    assert (told.code, told.out) == (0, "permitted: Patient\ndenied: nothing\n")
    assert run(*words, "--json").json() == {"permitted": ["Patient"], "denied": []}
