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


def grants(salus, order):
    return len(salus.logs("ConsentRegistry", "ConsentGranted", {"patient": order.patient}))


def test_many_orders_are_few_transactions(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(25)]
    parts = relayed(relayer, orders, batch=10)
    assert sorted(len(part) for part, _ in parts) == [5, 10, 10]
    assert {order for part, _ in parts for order in part} == set(orders)
    assert all(receipt.hash for _, receipt in parts)
    assert sent(deployed_chain, relayer) == 3
    assert carried_out(relayer, orders) == set(orders)


def test_a_run_that_is_repeated_sends_nothing_twice(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(12)]
    relayed(relayer, orders[:7], batch=5)
    assert sent(deployed_chain, relayer) == 2
    parts = relayed(relayer, orders, batch=5)
    assert [(len(part), receipt is None) for part, receipt in parts] == [(7, True), (5, False)]
    assert sent(deployed_chain, relayer) == 3
    assert [receipt for _, receipt in relayed(relayer, orders)] == [None]
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
    assert {order for part, _ in parts for order in part} == set(orders)
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
    assert [len(part) for part, _ in relayed(relayer, [order, order])] == [1]
    assert grants(relayer, order) == 1


@pytest.mark.parametrize("where", ["place", "grantee", "everything"])
def test_what_was_carried_out_and_revoked_since_is_not_sent_again(deployed_chain, relayer, signed, where):
    patient = deployed_chain.patient()
    end = {"effect": Effect.NONE, "index": 0 if where == "place" else ALL_PLACES}
    whose = ZERO if where == "everything" else None
    orders = [signed(patient, ago=60), signed(patient, ago=30, whose=whose, **end)]
    relayed(relayer, orders)
    assert carried_out(relayer, orders) == set(orders)
    assert [receipt for _, receipt in relayed(relayer, orders)] == [None]
    later = signed(patient, ago=10)
    assert carried_out(relayer, [*orders, later]) == set(orders)
    relayed(relayer, [*orders, later])
    assert grants(relayer, later) == 2
    assert carried_out(relayer, [*orders, later]) == {*orders, later}


@pytest.mark.parametrize("change", [{"document": bytes([7]) * 32}, {"start": 5}])
def test_another_order_in_its_place_is_not_taken_for_it(deployed_chain, relayer, signed, change):
    """An order that never was on chain, and that a later one overtook, is refused, and not passed over."""
    patient = deployed_chain.patient()
    first = signed(patient, ago=60)
    relayed(relayer, [first])
    relayed(relayer, [signed(patient, ago=30)])
    never = signed(patient, ago=60, **change)
    assert carried_out(relayer, [first, never]) == {first}
    with pytest.raises(refusals()["Superseded"]):
        relayed(relayer, [never])


def test_a_withheld_order_that_was_overtaken_is_refused(deployed_chain, relayer, signed):
    patient = deployed_chain.patient()
    withheld = signed(patient, ago=60)
    relayed(relayer, [signed(patient, effect=Effect.NONE, index=ALL_PLACES, ago=30)])
    assert carried_out(relayer, [withheld]) == set()
    with pytest.raises(refusals()["Superseded"]):
        relayed(relayer, [withheld])


def test_a_transaction_is_all_or_none_and_the_others_stand(deployed_chain, relayer, signed):
    orders = [signed() for _ in range(4)]
    stranger = deployed_chain.patient()
    forged = signed(stranger)
    orders[3] = Order(**{**vars(forged), "patient": deployed_chain.patient().address})
    with pytest.raises(refusals()["InvalidSignature"]):
        relayed(relayer, orders, batch=2)
    relayed(relayer, orders[:3], batch=2)
    assert [grants(relayer, order) for order in orders] == [1, 1, 1, 0]


def test_a_node_that_holds_the_key_sends_them_one_after_the_other(deployed_chain, signed):
    account = deployed_chain.node.accounts[3]
    client = deployed_chain.client(NodeSigner(Node(deployed_chain.node.url), account))
    orders = [signed() for _ in range(5)]
    parts = list(client.consent.relay_all(orders, batch=2))
    assert [len(part) for part, _ in parts] == [2, 2, 1]
    assert [receipt for _, receipt in client.consent.relay_all(orders, batch=2)] == [None]


def test_an_order_of_the_next_second_is_waited_for(deployed_chain, relayer, signed):
    """As one is that replaces another in the second in which that was signed."""
    order = signed(ago=-1)
    ((part, receipt),) = relayed(relayer, [order])
    assert part == [order] and receipt.hash


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
