"""Orders that are signed and not on the chain yet: they count, they are listed, submitted and withdrawn.

given a person with accounts at two hospitals
    when several orders are signed before any is submitted      all stand, in whatever order they arrive
    when one is withdrawn                                       whoever has it cannot submit it any more
    when one is refused                                         the others go on
"""

from dataclasses import replace

import pytest

from salus.chain.local_node import LocalNode
from salus.consent.files import orders as files
from salus.consent.journal import Journal
from salus.consent.model import Directive, Effect
from salus.keys.wallet import Wallet
from tests.support.commands import PASSWORD
from tests.support.deployed_chain import DeployedChain, kind
from tests.support.persons import may, two

__all__ = ["two"]


@pytest.fixture(scope="module")
def deployed_chain(tmp_path_factory):
    """A house of its own: the tests move its clock."""
    with LocalNode(kind()) as node:
        yield DeployedChain(node, tmp_path_factory.mktemp("pending"))


# ---------------------------------------------------------------------------------------------------- C3, C4: orders


def test_c3_a_denial_of_all_stops_every_label(run, deployed_chain, two):
    name, file, patient = two[0]
    way = ("--yes", "--relay-as", file)
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--category", "HIV", "--category", "all", *way)
    run("consent", "deny", "--to", name, "--purpose", "TREAT", *way)
    assert (
        deployed_chain.client().consent.decide(patient, name, ["TREAT"], ["Observation", "HIV"]).answer.name == "DENY"
    )
    (shown,) = [line for line in run("consent", "list", "--json").json() if line["effect"] == "DENY"]
    assert shown["categories"] == ["all"]


def test_c4_two_orders_signed_before_either_is_submitted_both_stand(run, deployed_chain, two, tmp_path):
    name, file, patient = two[0]
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    run("consent", "deny", "--to", name, "--purpose", "TREAT", "--category", "HIV", "--yes", "--out", one)
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--category", "all", "--category", "HIV", "--yes",
        "--out", other)  # fmt: skip
    for order in (other, one):
        assert run("consent", "relay", order, "--keystore", file, "--yes").code == 0
    decide = deployed_chain.client().consent.decide
    assert decide(patient, name, ["TREAT"], ["Observation", "HIV"]).answer.name == "DENY"
    assert decide(patient, name, ["TREAT"], ["Observation"]).answer.name == "PERMIT"


def test_c4_a_revocation_ends_what_is_signed_and_not_submitted(run, deployed_chain, two, tmp_path):
    name, file, patient = two[1]
    order = tmp_path / "a.json"
    run("consent", "grant", "--to", name, "--purpose", "HRESCH", "--yes", "--out", order)
    assert run("consent", "revoke", "--from", name, "--yes", "--relay-as", file).code == 0
    assert run("consent", "relay", order, "--keystore", file, "--yes").code == 1
    assert deployed_chain.client().consent.decide(patient, name, ["HRESCH"], ["Observation"]).answer.name != "PERMIT"


def test_c4_a_denial_is_not_lost_behind_a_narrower_one(run, deployed_chain, two):
    name, file, patient = two[0]
    way = ("--yes", "--relay-as", file)
    for label in ("HIV", "PSY"):
        run("consent", "deny", "--to", name, "--purpose", "TREAT", "--category", label, *way)
    decide = deployed_chain.client().consent.decide
    assert {decide(patient, name, ["TREAT"], ["Observation", label]).answer.name for label in ("HIV", "PSY")} == {
        "DENY"
    }


def test_c4_what_is_signed_is_listed_and_leaves_the_list_once_it_is_there(run, two, tmp_path):
    name, file, patient = two[0]
    order = tmp_path / "a.json"
    run("consent", "grant", "--to", name, "--purpose", "HRESCH", "--yes", "--out", order)
    (line,) = run("consent", "orders", "list", "--json").json()
    assert (line["patient"], line["relation"], line["what"], line["state"]) == (patient, name, f"permit {name}", "OPEN")
    assert line["handedOut"] is True
    run("consent", "relay", order, "--keystore", file, "--yes")
    assert [line["state"] for line in run("consent", "orders", "list", "--json").json()] == ["DONE"]
    assert run("consent", "orders", "list").out == "nothing is on its way\n"


def test_c4_an_order_that_was_handed_out_is_withdrawn_and_what_stands_stays(run, deployed_chain, two, tmp_path):
    """Its place is taken by what stands there, signed again; whoever has the file cannot submit it any more."""
    name, file, patient = two[0]
    (before,) = deployed_chain.client().consent.all(patient)
    order = tmp_path / "a.json"
    run("consent", "grant", "--to", name, "--purpose", "TREAT", "--category", "Observation", "--yes", "--out", order)
    (line,) = run("consent", "orders", "list", "--json").json()
    done = run("consent", "orders", "withdraw", line["number"], "--yes", "--relay-as", file)
    assert (done.code, f"{name} may use all for TREAT" in done.out) == (0, True)
    assert run("consent", "relay", order, "--keystore", file, "--yes").code == 1
    (after,) = deployed_chain.client().consent.all(patient)
    assert (after.purposes, after.categories, after.end) == (before.purposes, before.categories, before.end)
    assert run("consent", "orders", "list", "--json").json() == []


def test_c4_an_order_for_an_empty_place_is_withdrawn(run, deployed_chain, two, tmp_path):
    name, file, patient = two[0]
    order = tmp_path / "a.json"
    run("consent", "grant", "--to", name, "--purpose", "HRESCH", "--yes", "--out", order)
    (line,) = run("consent", "orders", "list", "--json").json()
    assert run("consent", "orders", "withdraw", line["number"], "--yes", "--relay-as", file).code == 0
    assert run("consent", "relay", order, "--keystore", file, "--yes").code == 1
    assert may(deployed_chain, patient, name), "the permit at the other place stands"


def test_c4_what_never_left_this_machine_is_forgotten(run, two):
    run("consent", "revoke", "--everything", "--yes", "--relay-as", two[0][1])
    (line,) = run("consent", "orders", "list", "--json").json()
    done = run("consent", "orders", "withdraw", line["number"])
    assert (done.code, done.out) == (0, f"order {line['number']} is forgotten; nobody else had it\n")
    assert run("consent", "orders", "withdraw", line["number"]).code == 2


def test_c4_what_waits_for_its_turn_is_forgotten_where_it_is_revoked(run, deployed_chain, two):
    """It counts from a later second on: a revocation of now would not end it."""
    payer = two[0][1]
    denied = run("consent", "deny", "--to", "role:PROVIDER", "--purpose", "HRESCH", "--yes", "--relay-as", payer,
                 "--json").json()  # fmt: skip
    revoked = run("consent", "revoke", "--everything", "--now", "--yes", "--relay-as", payer, "--json")
    assert (revoked.code, len(revoked.json()["transactions"]), revoked.json()["waiting"]) == (0, 2, [])
    assert "1 orders that waited for their turn are forgotten" in revoked.err
    assert run("consent", "orders", "list", "--json").json() == []
    (waiting,) = denied["waiting"]
    assert all(record.effect.name != "DENY" for record in deployed_chain.client().consent.all(waiting["patient"]))


def test_c4_what_was_handed_out_and_counts_later_is_revoked_now_and_then(run, deployed_chain, two, tmp_path):
    payer, out = two[0][1], tmp_path / "order.json"
    run("consent", "grant", "--to", "role:PROVIDER", "--purpose", "HRESCH", "--yes", "--out", out)
    late = max((files.load(tmp_path / f"order-{n}.json") for n in (1, 2)), key=lambda orders: orders[0].issued_at)
    revoked = run("consent", "revoke", "--everything", "--now", "--yes", "--relay-as", payer, "--json").json()
    assert (len(revoked["transactions"]), len(revoked["waiting"])) == (2, 1)
    assert revoked["waiting"] == [{"patient": late[0].patient, "due": late[0].issued_at}]
    deployed_chain.node.advance(late[0].issued_at - deployed_chain.client().now() + 1)
    submitted = run("consent", "orders", "submit", "--now", "--yes", "--relay-as", payer)
    assert (submitted.code, "nobody may use your data any longer" in submitted.out) == (0, True)
    path = next(p for p in tmp_path.glob("order-*.json") if files.load(p) == late)
    assert run("consent", "relay", path, "--keystore", payer, "--yes").code == 1


def test_c4_a_grant_comes_after_what_was_handed_out_and_counts_later(run, deployed_chain, two, tmp_path):
    out = tmp_path / "order.json"
    run("consent", "grant", "--to", "role:PROVIDER", "--purpose", "HRESCH", "--yes", "--out", out)
    late = max((files.load(tmp_path / f"order-{n}.json") for n in (1, 2)), key=lambda orders: orders[0].issued_at)
    (name,) = (name for name, _, patient in two if patient == late[0].patient)
    words = ("--to", "role:PROVIDER", "--purpose", "HRESCH", "--category", "Claim", "--relation", name)
    again = run("consent", "grant", *words, "--yes", "--relay-as", two[0][1], "--json").json()
    assert (again["transactions"], [w["patient"] for w in again["waiting"]]) == ([], [late[0].patient])
    assert again["waiting"][0]["due"] >= late[0].issued_at


def test_c4_what_another_machine_made_void_is_told_and_leaves_the_list(run, deployed_chain, two, wallet):
    """One account revokes everything elsewhere meanwhile, so that its waiting grant is dead."""
    payer = two[0][1]
    words = ("--to", "role:PROVIDER", "--purpose", "HRESCH", "--yes", "--relay-as", payer, "--json")
    (waiting,) = run("consent", "grant", *words).json()["waiting"]
    (name,) = (name for name, _, patient in two if patient == waiting["patient"])
    deployed_chain.node.advance(waiting["due"] - deployed_chain.client().now() + 10)
    elsewhere = deployed_chain.client(Wallet.open(wallet.path, PASSWORD).signer(name))
    revoked = elsewhere.consent.sign(elsewhere.consent.prepare_revoke(None))
    deployed_chain.client(deployed_chain.person()).consent.relay([revoked])
    listed = run("consent", "orders", "list", "--json").json()
    assert [line["state"] for line in listed] == ["SUPERSEDED"]
    submitted = run("consent", "orders", "submit", "--now", "--yes", "--relay-as", payer)
    assert (submitted.code, submitted.out) == (0, "nothing waits here\n")


def test_c4_an_order_that_is_refused_does_not_keep_back_the_others(run, deployed_chain, two, wallet):
    payer = two[0][1]
    (waiting,) = run("consent", "revoke", "--everything", "--yes", "--relay-as", payer, "--json").json()["waiting"]
    (other,) = (patient for _, _, patient in two if patient != waiting["patient"])
    client = deployed_chain.client()
    directive = Directive(deployed_chain.patient().address, 0, Effect.PERMIT, 1, 1, 0, client.now() + 10**6)
    order = client.consent.prepare_grant(directive, patient=other)
    Journal(wallet.path / "journal.json", client).add(
        [replace(order, signature=bytes(64) + b"\x1b")], relation="", handed_out=False
    )
    deployed_chain.node.advance(waiting["due"] - deployed_chain.client().now() + 10)
    submitted = run("consent", "orders", "submit", "--now", "--yes", "--relay-as", payer, "--json")
    assert f"{other}: refused, and taken out: " in submitted.err
    assert [line["patient"] for line in submitted.json()["transactions"]] == [waiting["patient"]]
    assert run("consent", "orders", "list", "--json").json() == []
