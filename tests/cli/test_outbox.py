"""`salus outbox`: what was sent in bulk is listed, taken up and forgotten at the command line."""

import json
import signal

import pytest

from salus import KeySigner
from salus.errors import refusals
from salus.outbox import State, outbox_folder, read_status
from salus.outbox._store import Store
from tests.support.deployed_chain import kind
from tests.support.killed_processes import die_at, fork, wait

YEAR = 365 * 24 * 3600


@pytest.fixture
def scattered(deployed_chain, hospital):
    """The hospital's outbox after a process that was killed with three transactions signed and none sent; its
    accounts.
    """
    _, _, signer = hospital
    people = [deployed_chain.patient().address for _ in range(3)]

    def work():
        client = deployed_chain.client(signer)
        functions, until = client.contract("Institutions").functions, client.now() + YEAR
        with client.outbox(hook=die_at("after_store")) as outbox:
            for _ in outbox.send_all(
                [(f"operator-{n}", functions.setOperator(who, 1, until)) for n, who in enumerate(people)]
            ):
                pass

    assert wait(fork(work)) == -signal.SIGKILL
    return people


def test_before_anything_was_sent(run):
    assert run("outbox", "list").out == "no items\n"


def test_U10_an_empty_status_says_whose_sending_is_written_down(run):
    """After thousands of claims with a node's account it said that nothing had been sent."""
    assert run("outbox", "status").out == (
        "nothing was sent in bulk yet by a keystore or a wallet; what accounts of a node (--keystore node:…) send is"
        " written down nowhere\n"
    )
    assert run("outbox", "status", "--json").json() == []
    assert run("outbox", "status", "--json").json() == []


def test_P1_status_names_the_node_that_contradicted_itself(run, hospital, scattered):
    shown = run("outbox", "status", "--json").json()
    assert shown[0]["contradictions"] == {}
    store = Store(shown[0]["file"])
    store.note_contradictions({"http://one": "the receipts of block 7 do not fit its header"})
    store.close()
    assert run("outbox", "status", "--json").json()[0]["contradictions"] == {
        "http://one": "the receipts of block 7 do not fit its header"
    }
    said = run("outbox", "status").err
    assert "the node at http://one contradicted itself: the receipts of block 7 do not fit its header" in said


def test_what_broke_off_is_listed_taken_up_and_final(deployed_chain, run, hospital, scattered):
    name, key, signer = hospital
    shown = run("outbox", "list")
    assert shown.code == 0 and [line.split("\t")[:3] for line in shown.out.splitlines()[1:]] == [
        [f"operator-{n}", "setOperator", "stored"] for n in range(3)
    ]
    status = run("outbox", "status", "--json")
    assert status.code == 1  # something is open
    (found,) = status.json()
    assert (found["account"], found["chain"], found["counts"]["stored"]) == (
        signer.address,
        deployed_chain.node.chain_id,
        3,
    )

    refused = run("outbox", "resume", "--keystore", key)
    assert refused.code == 2 and "nobody is here to confirm" in refused.err
    taken = run("outbox", "resume", "--keystore", key, "--yes", "--json")
    assert taken.code == 0 and [item["state"] for item in taken.json()] == ["included"] * 3
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 3
    client = deployed_chain.client(signer)
    assert {client.institutions.standing(who).institution for who in scattered} == {signer.address}

    assert run("outbox", "status").code == 0
    again = run("outbox", "resume", "--keystore", key, "--yes", "--confirmations", "1", "--json")
    assert {item["state"] for item in again.json()} == {"final"}
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 3


def test_what_was_final_is_looked_at_again_by_choice(deployed_chain, run, hospital, scattered):
    """A chain that went back behind what counted as final."""
    _, key, signer = hospital
    snapshot = deployed_chain.node.request("evm_snapshot")
    resume = ("outbox", "resume", "--keystore", key, "--yes", "--confirmations", "1", "--json")
    before = {item["transaction"] for item in run(*resume, "--final").json()}
    assert [item["state"] for item in run("outbox", "list", "--json").json()] == ["final"] * 3
    assert deployed_chain.node.request("evm_revert", snapshot)
    refused = run(*resume)
    assert refused.code == 2 and "salus outbox resume --final-too" in refused.err
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 0
    again = run(*resume, "--final-too").json()
    assert {item["transaction"] for item in again} == before and len(before) == 3
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 3


def test_what_is_refused_is_told_and_forgotten(deployed_chain, run, hospital):
    _, key, signer = hospital
    client = deployed_chain.client(signer)
    with client.outbox() as outbox:
        fn = client.contract("Institutions").functions.setOperator(deployed_chain.patient().address, 1, 5)
        (result,) = outbox.send_all([("too-late", fn)])
        assert isinstance(result.error, refusals()["InvalidTerm"])
    (item,) = run("outbox", "list", "--state", "refused", "--json").json()
    assert (item["key"], item["error"], item["arguments"]) == ("too-late", "InvalidTerm", {"until": 5})
    assert run("outbox", "list", "--state", "final").out == "no items\n"
    dropped = run("outbox", "drop", "too-late", "--keystore", key, "--yes")
    assert (dropped.code, dropped.out) == (0, "too-late was refused and is forgotten\n")
    gone = run("outbox", "drop", "too-late", "--keystore", key, "--yes", "--json")
    assert gone.code == 2 and "key too-late: is not in the outbox" in json.loads(gone.err.splitlines()[-1])["message"]


def test_what_is_signed_is_not_forgotten(run, hospital, scattered):
    _, key, _ = hospital
    kept = run("outbox", "drop", "operator-1", "--keystore", key, "--yes")
    assert kept.code == 2 and "is signed and may still happen; run `salus outbox resume`" in kept.err


def test_a_file_that_is_not_there(run, hospital, tmp_path):
    shown = run("outbox", "list", "--outbox", tmp_path / "none.sqlite")
    assert shown.code == 2 and "is not there; nothing was sent through it" in shown.err


def test_an_outbox_of_another_account_is_not_used(deployed_chain, run, hospital, scattered, keystore, tmp_path):
    (status,) = run("outbox", "status", "--json").json()
    other = keystore(KeySigner.from_key(deployed_chain.node.keys[9]))
    wrong = run("outbox", "resume", "--keystore", other, "--outbox", status["file"], "--yes")
    assert wrong.code == 2 and "is the outbox of another account" in wrong.err
    assert read_status(status["file"])[0].counts[State.STORED] == 3


def test_an_account_of_the_node_has_no_outbox(run):
    answer = run("outbox", "resume", "--keystore", "node:1", "--yes")
    assert answer.code == 2 and "such accounts have no outbox" in answer.err


@pytest.mark.skipif(kind() != "anvil", reason="a second node is what is tested, of either kind")
def test_a_second_address_of_a_node_takes_over(deployed_chain, run, hospital, scattered, monkeypatch):
    from tests.support.fault_proxy import FaultProxy

    _, key, signer = hospital
    with FaultProxy(deployed_chain.url) as failing:
        failing.spoil("eth_sendRawTransaction", "5xx")
        monkeypatch.setenv("SALUS_RPC", f"{failing.url},{deployed_chain.url}")
        taken = run("outbox", "resume", "--keystore", key, "--yes", "--json")
        assert failing.counts["eth_sendRawTransaction", "5xx"] > 0
    assert [item["state"] for item in taken.json()] == ["included"] * 3
    assert deployed_chain.w3.eth.get_transaction_count(signer.address) == 3


def test_what_is_signed_is_cancelled_and_told(run, hospital, scattered):
    """One of three that are signed; the other two are done as before."""
    _, key, _ = hospital
    refused = run("outbox", "cancel", "operator-1", "--keystore", key)
    assert refused.code == 2 and "nobody is here to confirm" in refused.err
    told = run("outbox", "cancel", "operator-1", "--keystore", key, "--yes", "--json")
    assert told.code == 0 and (told.json()["state"], told.json()["error"]) == ("lost", "Cancelled")
    assert "operator-1 was cancelled by 0x" in told.json()["message"]
    again = run("outbox", "cancel", "operator-1", "--keystore", key, "--yes")
    assert again.code == 2 and "only what is in no block is cancelled" in again.err
    assert run("outbox", "resume", "--keystore", key, "--yes").code == 0
    states = {item["key"]: item["state"] for item in run("outbox", "list", "--json").json()}
    assert states == {"operator-0": "included", "operator-1": "lost", "operator-2": "included"}


def test_what_stops_an_outbox_is_told_with_what_to_do(run, hospital, scattered):
    (path,) = outbox_folder().glob("*.sqlite")
    lowest = min(result.nonce for result in read_status(path)[1])
    store = Store(path)
    store.write_gap(lowest - 1, lowest - 1)
    store.question(0, (7, "0x" + "ab" * 32))
    store.close()
    shown = run("outbox", "status")
    assert shown.code == 1
    assert f"no transaction with nonce {lowest - 1} is in a block" in shown.out
    assert "`salus outbox resume` fills it with transfers of nothing" in shown.out
    assert f"block 7 was final and is gone (0x{'ab' * 32}). Nothing is signed" in shown.out
    (found,) = run("outbox", "status", "--json").json()
    assert found["gap"] == {"first": lowest - 1, "last": lowest - 1, "by": None}
    assert found["finalBlockGone"] == {"number": 7, "hash": "0x" + "ab" * 32}
