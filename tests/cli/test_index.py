"""The noun index of the command line."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from salus.consent.registry import DirectiveDraft, Effect
from salus.index import Indexer
from tests.support.deployed_chain import ROOT


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "events.sqlite"
    monkeypatch.setenv("SALUS_INDEX", str(path))
    return path


@pytest.fixture
def patient(deployed_chain):
    """A patient with a directive."""
    hospital, _ = deployed_chain.institution("PROVIDER")
    patient = deployed_chain.client(deployed_chain.person())
    scope = frozenset({"TREAT"}), frozenset({"all"})
    draft = DirectiveDraft(hospital.address, Effect.PERMIT, *scope, 0, patient.now() + 10**6)
    patient.consent.grant(draft)
    return patient


def test_sync_status_audit_and_rebuild(run, deployed_chain, path, patient):
    assert run("index", "status").code == 2
    first = run("index", "sync", "--json").json()
    assert first["block"] == first["head"] == first["blocksAdded"] == deployed_chain.w3.eth.block_number
    assert first["eventsAdded"] > 0 and first["quarantined"] == 0 and first["retractions"] == []
    again = run("index", "sync")
    assert (again.code, again.out) == (0, f"block {first['block']}: 0 events of 0 blocks added to {path}\n")
    status = run("index", "status", "--json").json()
    assert (status["state"], status["behind"], status["stands"], status["block"]) == (
        "in step",
        0,
        True,
        first["block"],
    )
    assert status["hash"] == first["hash"] and status["window"] == 256 and status["index"] == str(path)
    assert sum(sum(kinds.values()) for kinds in status["events"].values()) == first["eventsAdded"]
    told = run("index", "status").out
    assert "state\tin step" in told and "ConsentRegistry\tConsentGranted" in told
    audited = run("index", "audit", "--json")
    assert (audited.code, audited.json()["differences"], audited.json()["rebuilt"]) == (0, [], True)
    assert run("index", "audit", "--no-rebuild").out.endswith("no differences; not compared with one built anew\n")
    rebuilt = run("index", "rebuild", "--yes", "--json").json()
    assert (rebuilt["block"], rebuilt["eventsAdded"]) == (first["block"], first["eventsAdded"])


def test_nothing_is_rebuilt_unasked(run, path, patient):
    run("index", "sync")
    result = run("index", "rebuild")
    assert result.code == 2 and "nobody is here to confirm" in result.err
    assert run("index", "status").code == 0


def test_an_audit_that_finds_something_ends_with_1_and_names_it(run, path, patient):
    run("index", "sync")
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE contract = 'ConsentRegistry'")
    connection.close()
    result = run("index", "audit")
    assert result.code == 1
    assert "where\twhat\tthe index says\tthe chain says" in result.out
    assert "events\tblock_hash 0x" in result.out and "\tnothing\tthere\n" in result.out


def test_other_nouns_read_it(run, deployed_chain, path, patient, monkeypatch):
    run("index", "sync")
    words = ("consent", "history", "--patient", patient.signer.address)
    with_index = run(*words)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE contract = 'ConsentRegistry'")
    connection.close()
    # Now it says something else: so it was read.
    assert run(*words).out != with_index.out
    assert run(*words, "--events", "none").out == with_index.out


def test_an_index_that_is_being_written_is_left_alone(run, deployed_chain, path, patient):
    words = [sys.executable, "-m", "salus.cli", "index", "sync", "--follow", "--interval", "0.1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        try:
            assert other.stderr.readline().startswith("block ")
            result = run("index", "sync")
            assert result.code == 2 and "is being written by another program" in result.err
            assert result.err.count("\n") == 1
            # It follows: what is new appears by itself.
            patient.consent.revoke(None)
            until = time.monotonic() + 20
            while run("index", "status", "--json").json()["block"] < deployed_chain.w3.eth.block_number:
                assert time.monotonic() < until
                time.sleep(0.1)
        finally:
            other.send_signal(signal.SIGTERM)
        out, err = other.communicate(timeout=20)
    assert other.returncode == 0 and "events of" in out, err


def test_a_node_that_is_away_is_told_beside_what_is_known(run, path, patient):
    known = run("index", "sync", "--json").json()
    result = run("index", "status", "--json", "--rpc", "http://127.0.0.1:9")
    assert result.code == 3 and "no node answers at http://127.0.0.1:9" in result.err
    assert (result.json()["block"], result.json()["state"]) == (known["block"], "no node to compare with")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("none", "is no place for an index"),
        ("mysql://user:secret@host/name", "must be a file, or postgresql://user@host/name"),
        ("postgresql://user:secret@127.0.0.1:9/name", "the index postgresql://user@127.0.0.1:9/name"),
        ("/no/such/folder/index", "cannot be used"),
    ],
)
def test_a_place_that_is_none_is_told_without_its_password(run, deployed_chain, where, said):
    result = run("index", "sync", "--events", where)
    assert result.code == 2 and said in result.err and "secret" not in result.err


def test_an_index_of_another_version_is_built_anew(run, deployed_chain, path, patient):
    run("index", "sync")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cursor SET version = 99")
    connection.close()
    result = run("index", "sync")
    assert result.code == 2 and "is of another version of this program; build it anew" in result.err
    assert run("index", "rebuild", "--yes").code == 0
    with Indexer(deployed_chain.url, deployed_chain.book, path) as indexer:
        assert indexer.sync().events == 0


def test_the_default_book_and_the_index_beside_it(run, deployed_chain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SALUS_BOOK")
    missing = run("index", "sync")
    assert (missing.code, f"there is no address book for chain {deployed_chain.node.chain_id}" in missing.err) == (
        2,
        True,
    )
    (tmp_path / "deployments").mkdir()
    book = tmp_path / "deployments" / f"{deployed_chain.node.chain_id}.json"
    book.write_text(deployed_chain.book_path.read_text())
    assert run("index", "sync").code == 0
    assert book.with_suffix(".index.sqlite").is_file()
    none = run("index", "sync", "--events", "none")
    assert (none.code, none.err.startswith("error: --events: none: is no place for an index")) == (2, True)
